"""When events happen: hazards turned into times, levels crossed, and which of rival events comes first."""

from __future__ import annotations

import numpy as np

__all__ = ["NEVER", "at_rows", "crossed", "cumulative", "first_of", "happened_at", "resolve", "seen"]

#: Time of an event that does not happen.
NEVER = np.inf


def cumulative(days: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Return the integral of a rate from the first day, by the trapezoid rule.

    Parameters
    ----------
    days : array (times,)
    rate : array (patients, times)
        1/day.

    Returns
    -------
    array (patients, times)
    """
    out = np.zeros_like(rate)
    np.cumsum(0.5 * (rate[:, 1:] + rate[:, :-1]) * np.diff(days), axis=1, out=out[:, 1:])
    return out


def at_rows(days: np.ndarray, values: np.ndarray, when: np.ndarray) -> np.ndarray:
    """Return each patient's value at a day of its own, held at the ends of the grid.

    Parameters
    ----------
    days : array (times,)
    values : array (patients, times)
    when : array (patients,)

    Returns
    -------
    array (patients,)
    """
    if len(days) == 1:
        return values[:, 0].copy()
    when = np.clip(when, days[0], days[-1])
    right = np.clip(np.searchsorted(days, when, side="right"), 1, len(days) - 1)
    share = (when - days[right - 1]) / (days[right] - days[right - 1])
    rows = np.arange(len(values))
    return (1 - share) * values[rows, right - 1] + share * values[rows, right]


def happened_at(days: np.ndarray, total: np.ndarray, threshold: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return when the cumulative hazard since ``start`` reaches a threshold.

    Between days of the grid it is taken to rise in a straight line, so a higher hazard is never later.

    Parameters
    ----------
    days : array (times,)
    total : array (patients, times)
        Cumulative hazard from :func:`cumulative`.
    threshold : array (patients,)
        Exponential numbers.
    start : array (patients,)
        Day; :data:`NEVER` for no start.

    Returns
    -------
    array (patients,)
        Days; :data:`NEVER` where it is not reached.
    """
    target = threshold + at_rows(days, total, start)
    right = (total < target[:, None]).sum(axis=1)
    reached = (right < len(days)) & np.isfinite(start)
    if len(days) == 1:
        return np.full(len(total), NEVER)
    right = np.clip(right, 1, len(days) - 1)
    rows = np.arange(len(total))
    low, high = total[rows, right - 1], total[rows, right]
    step = np.where(high > low, high - low, 1.0)
    share = np.clip((target - low) / step, 0.0, 1.0)
    when = days[right - 1] + share * (days[right] - days[right - 1])
    return np.where(reached, np.maximum(when, start), NEVER)


def crossed(
    days: np.ndarray, values: np.ndarray, level: np.ndarray, start: np.ndarray, *, above: bool
) -> np.ndarray:
    """Return when an observable first is at or past a level, on or after ``start``.

    Parameters
    ----------
    days : array (times,)
    values : array (patients, times)
    level, start : array (patients,)
    above : bool
        Whether past is above.

    Returns
    -------
    array (patients,)
        Days; :data:`NEVER` where it never is.
    """
    # how far past the level, so that one rule serves both directions
    past = (values - level[:, None]) * (1.0 if above else -1.0)
    begun = (at_rows(days, past, start) >= 0) & (start <= days[-1])
    later = (past >= 0) & (days[None, :] > start[:, None])
    right = np.where(later.any(axis=1), later.argmax(axis=1), 0)
    rows, left = np.arange(len(values)), np.maximum(right - 1, 0)
    before, after = past[rows, left], past[rows, right]
    rise = np.where(after > before, after - before, 1.0)
    share = np.clip(-before / rise, 0.0, 1.0)
    when = days[left] + share * (days[right] - days[left])
    when = np.where(later.any(axis=1), np.maximum(when, start), NEVER)
    return np.where(np.isfinite(start), np.where(begun, np.maximum(start, days[0]), when), NEVER)


def seen(visits: np.ndarray, shows: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the first visit, on or after ``start``, at which something shows.

    Parameters
    ----------
    visits : array (visits,)
    shows : array (patients, visits) of bool
    start : array (patients,)

    Returns
    -------
    array (patients,)
        Days; :data:`NEVER` where it never does.
    """
    shows = shows & (visits[None, :] >= start[:, None])
    return np.where(shows.any(axis=1), visits[shows.argmax(axis=1)], NEVER)


def resolve(would: np.ndarray, stops: np.ndarray, follows: np.ndarray) -> np.ndarray:
    """Return when each event happens, given when it would if nothing stood in its way.

    Events are gone through in the order of time, patient by patient: one that has been stopped stops
    no other, and one that can only follow another needs that other to have happened.

    Parameters
    ----------
    would : array (patients, events)
        Days. Events that follow others come in later columns.
    stops : array (events, events) of bool
        ``stops[i, j]``: event j, coming first, keeps i from happening.
    follows : array (events,) of int
        Column that each can only follow; -1 for none.

    Returns
    -------
    array (patients, events)
        Days; :data:`NEVER` for what does not happen.
    """
    n, events = would.shape
    out = np.full((n, events), NEVER)
    done = np.zeros((n, events), dtype=bool)
    rows = np.arange(n)
    order = np.argsort(np.where(np.isnan(would), NEVER, would), axis=1, kind="stable")
    for rank in range(events):
        event = order[:, rank]
        free = ~(done & stops[event]).any(axis=1) & np.isfinite(would[rows, event])
        parent = follows[event]
        free &= (parent < 0) | done[rows, parent]
        done[rows, event] = free
        out[rows, event] = np.where(free, would[rows, event], NEVER)
    return out


def first_of(times: list[np.ndarray], patients: int) -> np.ndarray:
    """Return the earliest of several times, array (patients,); :data:`NEVER` of none."""
    return np.min(np.stack(times), axis=0) if times else np.full(patients, NEVER)
