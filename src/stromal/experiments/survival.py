"""Survival statistics at a day, fast enough for thousands of trials; the tests hold them to statsmodels.

Times may carry ties: events that tie are taken one after another, which gives the same product and sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "HazardRatio",
    "cumulative_incidence",
    "incidence_at",
    "curve",
    "hazard_ratio",
    "kaplan_meier",
    "log_rank",
    "median_time",
]


def kaplan_meier(time: np.ndarray, event: np.ndarray, day: float) -> tuple[float, float]:
    """Return survival at a day and its standard error (Greenwood).

    Parameters
    ----------
    time : array (patients,)
        Days.
    event : array (patients,) of bool
        Whether it was seen then; otherwise censored.
    day : float

    Returns
    -------
    (float, float)
        NaN without patients, or after the last of them was seen alive.
    """
    time, event = _sorted(time, event)
    n = len(time)
    if not n or (day > time[-1] and not event[-1]):
        return np.nan, np.nan
    at_risk, died = np.arange(n, 0, -1), event & (time <= day)
    alive = float(np.prod(np.where(died, 1 - 1 / at_risk, 1.0)))
    # one at a time, d / (n (n - d)) of tied events adds up to the same
    left = np.maximum(at_risk - 1, 1)
    error = alive * np.sqrt(np.sum(np.where(died, 1 / (at_risk * left), 0.0)))
    return alive, float(error)


def cumulative_incidence(time: np.ndarray, cause: np.ndarray, day: float) -> tuple[float, float]:
    """Return the cumulative incidence of cause 1 at a day (Aalen-Johansen) and its standard error.

    Rivals keep the event from happening; they do not censor it, as they would in one minus Kaplan-Meier.

    Parameters
    ----------
    time : array (patients,)
        Days.
    cause : array (patients,) of int
        0 censored, 1 the event, 2 and up its rivals.
    day : float

    Returns
    -------
    (float, float)
        The error is that of Aalen's delta method; NaN as for :func:`kaplan_meier`.
    """
    time, cause = _sorted(time, cause)
    if not len(time) or (day > time[-1] and cause[-1] == 0):
        return np.nan, np.nan
    days, first = np.unique(time, return_index=True)
    at_risk = len(time) - first
    every = np.add.reduceat((cause > 0).astype(float), first)
    own = np.add.reduceat((cause == 1).astype(float), first)
    keep = days <= day
    if not keep.any():
        return 0.0, 0.0
    n, every, own = at_risk[keep].astype(float), every[keep], own[keep]
    alive = np.cumprod(1 - every / n)
    before = np.concatenate([[1.0], alive[:-1]]) / n
    risk = np.cumsum(before * own)
    final = risk[-1]
    left = np.where(n > every, n - every, 1.0)
    variance = np.sum((final - risk) ** 2 * np.where(n > every, every / (n * left), 0.0))
    variance += np.sum(before**2 * (n - own) * own / n)
    variance -= 2 * np.sum((final - risk) * before * own / n)
    return float(final), float(np.sqrt(max(variance, 0.0)))


def incidence_at(time: np.ndarray, cause: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return the cumulative incidence of cause 1 at many days at once; see :func:`cumulative_incidence`.

    Returns
    -------
    array (days,)
        NaN after the last patient was seen.
    """
    time, cause = _sorted(time, cause)
    if not len(time):
        return np.full(len(days), np.nan)
    at_risk = np.arange(len(time), 0, -1)
    # one patient after the other: ties share their times, so the steps between them are never read
    alive = np.cumprod(1 - (cause > 0) / at_risk)
    before = np.concatenate([[1.0], alive[:-1]])
    risk = np.concatenate([[0.0], np.cumsum(before * (cause == 1) / at_risk)])
    out = risk[np.searchsorted(time, days, side="right")]
    return np.where((days > time[-1]) & (cause[-1] == 0), np.nan, out)


def median_time(time: np.ndarray, event: np.ndarray) -> float:
    """Return the first day at which survival is at most one half; infinity if it never is."""
    time, event = _sorted(time, event)
    if not len(time):
        return np.nan
    alive = np.cumprod(np.where(event, 1 - 1 / np.arange(len(time), 0, -1), 1.0))
    # the tolerance lets 0.5 be one half however the product was rounded
    below = alive <= 0.5 + 1e-12
    return float(time[np.argmax(below)]) if below.any() else np.inf


def log_rank(time: np.ndarray, event: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """Return chi-squared and p of the log-rank test between two groups.

    Parameters
    ----------
    time : array (patients,)
    event, group : array (patients,) of bool

    Returns
    -------
    (float, float)
        0 and 1 if nothing can be compared.
    """
    from scipy.special import chdtrc

    deaths, treated, n, n1 = _risk_sets(time, event, group)
    expected = deaths * n1 / np.maximum(n, 1)
    spread = np.where(n > 1, (n - deaths) / np.maximum(n - 1, 1), 0.0)
    variance = float(np.sum(expected * (1 - n1 / np.maximum(n, 1)) * spread))
    if variance <= 0:
        return 0.0, 1.0
    chi2 = float((treated - expected).sum() ** 2 / variance)
    return chi2, float(chdtrc(1, chi2))


@dataclass(frozen=True)
class HazardRatio:
    """Of a Cox model with the group alone.

    Attributes
    ----------
    ratio : float
        0 or infinity if one group had no event; NaN if neither had.
    log_error : float
        Standard error of its logarithm; NaN if the ratio is at an end.
    """

    ratio: float
    log_error: float


def hazard_ratio(time: np.ndarray, event: np.ndarray, group: np.ndarray) -> HazardRatio:
    """Return the hazard ratio of the group over the others (partial likelihood, ties as Efron).

    Parameters
    ----------
    time : array (patients,)
    event, group : array (patients,) of bool
    """
    deaths, treated, n, n1 = _risk_sets(time, event, group)
    if not deaths.sum() or not n1.sum() or not (n - n1).sum():
        return HazardRatio(np.nan, np.nan)
    # no death in a group, or deaths in it only while the other is not at risk: the maximum is at an end
    reach = (n1 > 0) & (n1 < n)
    if not treated[reach].sum():
        return HazardRatio(0.0 if reach.any() else np.nan, np.nan)
    if not (deaths - treated)[reach].sum():
        return HazardRatio(np.inf, np.nan)
    # Efron: of d tied deaths, the k-th finds k/d of them gone from the risk set
    times = deaths.astype(int)
    place = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    gone = place / np.repeat(times, times)
    risk1 = np.repeat(n1, times) - gone * np.repeat(treated, times)
    risk0 = np.repeat(n - n1, times) - gone * np.repeat(deaths - treated, times)
    beta, total = 0.0, float(treated.sum())
    for _ in range(50):
        share = risk1 * np.exp(beta) / (risk1 * np.exp(beta) + risk0)
        information = float(np.sum(share * (1 - share)))
        if information < 1e-12:
            break
        step = float(np.clip((total - share.sum()) / information, -2.0, 2.0))
        beta += step
        if abs(step) < 1e-10:
            break
    share = risk1 * np.exp(beta) / (risk1 * np.exp(beta) + risk0)
    information = float(np.sum(share * (1 - share)))
    return HazardRatio(float(np.exp(beta)), 1 / np.sqrt(information) if information > 0 else np.nan)


def curve(time: np.ndarray, cause: np.ndarray) -> pd.DataFrame:
    """Return whole curves for a figure, from statsmodels.

    Parameters
    ----------
    time : array (patients,)
    cause : array (patients,) of int
        0 censored, 1 the event, 2 and up its rivals.

    Returns
    -------
    pandas.DataFrame
        ``day``, ``estimate``, ``error``: survival if the event has no rivals in these data, else its
        cumulative incidence.
    """
    import pandas as pd
    from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

    keep = np.isfinite(time)
    time, cause = time[keep], cause[keep].astype(int)
    if not (cause > 0).any():
        return pd.DataFrame({"day": [0.0], "estimate": [1.0], "error": [0.0]})
    if cause.max() > 1:
        # its standard error divides by nobody left at the last time
        with np.errstate(divide="ignore", invalid="ignore"):
            both = CumIncidenceRight(time, cause)
        day, estimate, error = both.times, both.cinc[0], both.cinc_se[0]
    else:
        alive = SurvfuncRight(time, cause)
        day, estimate, error = alive.surv_times, alive.surv_prob, alive.surv_prob_se
    start = 0.0 if cause.max() > 1 else 1.0
    return pd.DataFrame(
        {"day": np.r_[0.0, day], "estimate": np.r_[start, estimate], "error": np.r_[0.0, error]}
    )


def _sorted(time: np.ndarray, status: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort by time, events before those censored at the same time; drop patients without a time."""
    keep = np.isfinite(time)
    time, status = np.asarray(time)[keep], np.asarray(status)[keep]
    order = np.lexsort((status == 0, time))
    return time[order], status[order]


def _risk_sets(
    time: np.ndarray, event: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return deaths, deaths in the group, at risk, at risk in the group, at each time of a death."""
    keep = np.isfinite(time)
    time, event, group = time[keep], np.asarray(event[keep], bool), np.asarray(group[keep], bool)
    when, place = np.unique(time[event], return_inverse=True)
    deaths = np.bincount(place, minlength=len(when)).astype(float)
    treated = np.bincount(place, weights=group[event].astype(float), minlength=len(when))
    n = len(time) - np.searchsorted(np.sort(time), when)
    n1 = group.sum() - np.searchsorted(np.sort(time[group]), when)
    return deaths, treated, n.astype(float), n1.astype(float)
