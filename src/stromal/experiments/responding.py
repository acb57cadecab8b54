"""Who responded: categories at visits, compared with the category at baseline."""

from __future__ import annotations

import numpy as np

from .endpoint_kinds import Response

__all__ = ["responded"]


def responded(
    e: Response, days: np.ndarray, level: np.ndarray, stop: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Return whether each patient responded.

    Parameters
    ----------
    e : Response
    days : array (visits,)
    level : array (patients, visits) of int
        Categories, 0 the lowest.
    stop : array (patients,)
        Day of death or another event after which there is no response.
    end : array (patients,)
        Day on which the patient was last seen.

    Returns
    -------
    array (patients,)
        1 yes, 0 no, NaN if it was not seen to its day. Who had the lowest category at baseline has
        nothing to respond, and counts as no.
    """
    base = level[:, [int(np.flatnonzero(days == e.baseline)[0])]]
    overall = _kept(e, days, level < base, stop, end)
    if e.level == "overall":
        return overall
    complete = _kept(e, days, (level == 0) & (base > 0), stop, end)
    if e.level == "complete":
        return complete
    return np.where(overall == 0, 0.0, overall - complete)


def _kept(e: Response, days: np.ndarray, yes: np.ndarray, stop: np.ndarray, end: np.ndarray) -> np.ndarray:
    if e.lasting is None:
        needed = (days >= e.day) & (days <= e.until)
        there = (days < stop[:, None]) & (days <= end[:, None])
        broken = ((days <= end[:, None]) & ~yes & needed).any(axis=1) | (stop <= np.minimum(e.until, end))
        kept = (yes & there)[:, needed].all(axis=1)
        return np.where(broken, 0.0, np.where(kept, 1.0, np.nan))
    found = np.zeros(len(yes), dtype=bool)
    window = np.flatnonzero((days > e.baseline) & (days <= e.day))
    for first in window:
        # the run is over at the first visit that is late enough
        last = [i for i in window if days[i] >= days[first] + e.lasting]
        if not last:
            break
        run = slice(first, last[0] + 1)
        whole = (days[last[0]] < stop) & (days[last[0]] <= end)
        found |= yes[:, run].all(axis=1) & whole
    over = (stop <= np.minimum(e.day, end)) | (end >= e.day)
    return np.where(found, 1.0, np.where(over, 0.0, np.nan))
