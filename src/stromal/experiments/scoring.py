"""Predicted beside reported: proper scores, and two dumb forecasts that a model has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from .ensemble import uniform

__all__ = [
    "Coverage",
    "Historical",
    "Reported",
    "Score",
    "coverage",
    "crps",
    "historical_forecast",
    "log_score",
    "no_effect_forecast",
    "parse_historical",
    "parse_reported",
    "score",
]

#: Scales on which numbers are compared: percent and points as they are, ratios and times as logarithms.
SCALES = ("linear", "log")
#: Scales of a historical effect: added in points, or to a logarithm, or to log odds of a percentage.
EFFECTS = ("points", "log", "logit")


@dataclass(frozen=True)
class Reported:
    """A number that a trial reported.

    Attributes
    ----------
    id : str
    value : float
        Percent, points, a ratio, days: the unit of what it is compared with.
    source : str
    scale : str
        ``linear`` for percent, points and differences; ``log`` for ratios and times.
    kind : str
        ``level`` of the treated arm, or ``effect`` against the reference.
    resolution : float
        The least step in which it could have been reported, on ``scale`` (100 / n for a percentage of n);
        the log score spreads samples by no less.
    least, most : float
        What could have been reported; samples beyond count as the bound (a median time that was not
        reached counts as the end of follow-up).
    """

    id: str
    value: float
    source: str
    scale: str = "linear"
    kind: str = "level"
    resolution: float = 0.0
    least: float = -np.inf
    most: float = np.inf


@dataclass(frozen=True)
class Historical:
    """Pooled effect of earlier trials, as normal on its scale.

    Attributes
    ----------
    mean, sd : float
        ``points`` of percent, or of the logarithm of a ratio, or of an odds ratio.
    scale : str
    source : str
    """

    mean: float
    sd: float
    scale: str
    source: str


@dataclass(frozen=True)
class Score:
    """A forecast beside what was reported, and beside two that know nothing of mechanisms.

    Attributes
    ----------
    id : str
    reported, median, lo, hi : float
        With the 90 % predictive interval.
    inside : bool
        Whether the interval holds what was reported.
    crps, log : float
        Of the model; less is better. Infinity if it could not have happened.
    crps_no_effect, log_no_effect, crps_historical, log_historical : float
        NaN if there is no such forecast.
    rule : str
        The score that ``vacuous`` goes by.
    vacuous : bool
        Whether the model beats neither.
    left_out : float
        Share of the model's samples without a finite value, which are in no score.
    """

    id: str
    reported: float
    median: float
    lo: float
    hi: float
    inside: bool
    crps: float
    log: float
    crps_no_effect: float
    log_no_effect: float
    crps_historical: float
    log_historical: float
    rule: str
    vacuous: bool
    left_out: float


@dataclass(frozen=True)
class Coverage:
    """How many reported numbers lay in their intervals.

    Attributes
    ----------
    inside, n : int
    share, lo, hi : float
        With the exact 95 % interval; NaN of none.
    """

    inside: int
    n: int
    share: float
    lo: float
    hi: float


def crps(samples: np.ndarray, observed: float) -> float:
    """Return the continuous ranked probability score of samples: mean |X - y| - mean |X - X'| / 2.

    It is the mean absolute error of a forecast without spread, in the unit of the samples.

    Parameters
    ----------
    samples : array (samples,)
    observed : float
    """
    x = np.sort(_finite(samples))
    n = len(x)
    apart = 2 * np.sum(x * (2 * np.arange(1, n + 1) - n - 1)) / n**2
    return float(np.abs(x - observed).mean() - apart / 2)


def log_score(samples: np.ndarray, observed: float, *, resolution: float = 0.0) -> float:
    """Return minus the log density of samples at what was observed, smoothed by normal kernels.

    Parameters
    ----------
    samples : array (samples,)
    observed : float
    resolution : float
        Least standard deviation of a kernel; Silverman's rule otherwise.

    Returns
    -------
    float
        Infinity if samples without spread miss the observed, minus infinity if they hit it.
    """
    from scipy.special import logsumexp

    x = _finite(samples)
    quartiles = np.subtract(*np.quantile(x, [0.75, 0.25])) / 1.349
    spread = min(x.std(), quartiles) if quartiles > 0 else x.std()
    width = max(0.9 * spread * len(x) ** -0.2, resolution)
    if width <= 0:
        return -np.inf if np.all(x == observed) else np.inf
    kernels = -0.5 * ((observed - x) / width) ** 2
    return float(np.log(len(x) * width * np.sqrt(2 * np.pi)) - logsumexp(kernels))


def no_effect_forecast(reference: np.ndarray, kind: str = "level", scale: str = "linear") -> np.ndarray:
    """Return what would be reported if the product did nothing.

    Parameters
    ----------
    reference : array (draws, replicates)
        Estimates of the reference arm.
    kind : str
        ``level``: the reference arm's own distribution, for the treated arm. ``effect``: two such arms
        against one another, within a draw (two replicates or more are needed).
    scale : str
        Of an effect: a difference (``linear``) or a ratio (``log``).

    Returns
    -------
    array (draws, replicates)
    """
    reference = np.atleast_2d(np.asarray(reference, dtype=float))
    if kind == "level":
        return reference
    if reference.shape[1] < 2:
        raise InputError("one replicate says nothing of the chance in a difference", key="replicates")
    # the next replicate of the same draw is another trial arm with the same truth
    other = np.roll(reference, 1, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return reference / other if scale == "log" else reference - other


def historical_forecast(no_effect: np.ndarray, pooled: Historical, seed: int = 1) -> np.ndarray:
    """Return what would be reported if the product did what earlier ones did on average.

    Parameters
    ----------
    no_effect : array (draws, replicates)
        From :func:`no_effect_forecast`: the chance of a trial is in it.
    pooled : Historical
    seed : int
        The effect is one for each draw.

    Returns
    -------
    array (draws, replicates)
    """
    from scipy.special import expit, logit, ndtri

    base = np.atleast_2d(np.asarray(no_effect, dtype=float))
    z = ndtri(uniform(seed, "historical effect", tuple(range(len(base)))))
    if pooled.scale == "logit" and np.nanmin(base) < 0:
        raise InputError("log odds are of percentages, not of differences", key="historical.scale")
    effect = (pooled.mean + pooled.sd * z)[:, None]
    if pooled.scale == "points":
        return base + effect
    if pooled.scale == "log":
        return base * np.exp(effect)
    # 0 and 100 % have no odds: a tenth of a percent is as near as a trial can tell
    return 100 * expit(logit(np.clip(base / 100, 0.001, 0.999)) + effect)


def score(
    samples: np.ndarray,
    reported: Reported,
    *,
    no_effect: np.ndarray | None = None,
    historical: np.ndarray | None = None,
    rule: str = "crps",
) -> Score:
    """Score a forecast beside the two dumb ones.

    Parameters
    ----------
    samples : array of any shape
        Predictive distribution of what was reported: draws and replicates of the trial.
    reported : Reported
    no_effect, historical : array, optional
        The dumb forecasts, in the same unit.
    rule : str
        ``crps`` or ``log``: the score that decides.

    Returns
    -------
    Score
    """
    if rule not in ("crps", "log"):
        raise InputError(f"{rule!r} is no score", key="rule", suggestion="crps or log")
    scores: dict[str, tuple[float, float]] = {}
    truth = float(_on(reported, np.array([reported.value]))[0])
    samples = np.clip(np.ravel(samples), reported.least, reported.most)
    for name, values in (("model", samples), ("no effect", no_effect), ("historical", historical)):
        if values is None:
            scores[name] = (np.nan, np.nan)
            continue
        x = _on(reported, np.ravel(values))
        scores[name] = (crps(x, truth), log_score(x, truth, resolution=reported.resolution))
    lo, middle, hi = np.quantile(_finite(samples), [0.05, 0.5, 0.95])
    at = 0 if rule == "crps" else 1
    rivals = [s[at] for name, s in scores.items() if name != "model" and not np.isnan(s[at])]
    return Score(
        reported.id,
        reported.value,
        float(middle),
        float(lo),
        float(hi),
        bool(lo <= reported.value <= hi),
        *scores["model"],
        *scores["no effect"],
        *scores["historical"],
        rule,
        # with no rival there is nothing to be beaten, and no claim either
        bool(rivals) and not any(scores["model"][at] < rival for rival in rivals),
        float((~np.isfinite(_on(reported, samples))).mean()),
    )


def coverage(scores: Sequence[Score]) -> Coverage:
    """Return the share of reported numbers inside their 90 % intervals, with its exact 95 % interval."""
    from scipy.special import betaincinv

    n, k = len(scores), sum(s.inside for s in scores)
    if not n:
        return Coverage(0, 0, np.nan, np.nan, np.nan)
    lo = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    hi = float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return Coverage(k, n, k / n, lo, hi)


def parse_reported(row: Mapping[str, Any], *, file: str = "", key: str = "reported") -> Reported:
    """Read ``{ id, value, source, scale, kind, resolution, least, most }``; a source is required."""
    numbers = ("value", "resolution", "least", "most")
    row = _checked(row, ("id", "source", "scale", "kind", *numbers), numbers, file, key)
    _one_of(row, "scale", SCALES, "linear", file, key)
    _one_of(row, "kind", ("level", "effect"), "level", file, key)
    if row.get("scale") == "log" and row["value"] <= 0:
        raise InputError(f"{row['value']} has no logarithm", file=file, key=f"{key}.value")
    return Reported(**({"id": "", "source": ""} | row))


def parse_historical(row: Mapping[str, Any], *, file: str = "", key: str = "historical") -> Historical:
    """Read ``{ mean, sd, scale, source }``; a source is required."""
    row = _checked(row, ("mean", "sd", "scale", "source"), ("mean", "sd"), file, key)
    _one_of(row, "scale", EFFECTS, "points", file, key)
    for part in ("mean", "sd"):
        if part not in row:
            raise InputError("is missing", file=file, key=f"{key}.{part}")
    if row["sd"] < 0:
        raise InputError(f"{row['sd']} is negative", file=file, key=f"{key}.sd")
    return Historical(row["mean"], row["sd"], row.get("scale", "points"), row["source"])


def _checked(
    row: Mapping[str, Any], keys: tuple[str, ...], numbers: tuple[str, ...], file: str, key: str
) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise InputError("is not a table", file=file, key=key)
    for part, value in row.items():
        if part not in keys:
            raise InputError("no such key", file=file, key=f"{key}.{part}", suggestion=nearest(part, keys))
        number = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
        if not (number if part in numbers else isinstance(value, str)):
            raise InputError(f"{value!r} is not of the right kind", file=file, key=f"{key}.{part}")
    for part in (numbers[0], "source"):
        if row.get(part, "") == "":
            raise InputError("is missing", file=file, key=f"{key}.{part}")
    return dict(row)


def _one_of(
    row: Mapping[str, Any], part: str, valid: tuple[str, ...], default: str, file: str, key: str
) -> None:
    value = row.get(part, default)
    if value not in valid:
        raise InputError(
            f"{value!r} is unknown", file=file, key=f"{key}.{part}", suggestion=nearest(value, valid)
        )


def _on(reported: Reported, values: np.ndarray) -> np.ndarray:
    """Return values within what could be reported, on the scale of the score."""
    values = np.clip(values, reported.least, reported.most)
    if reported.scale == "linear":
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(values)


def _finite(samples: np.ndarray) -> np.ndarray:
    x = np.asarray(samples, dtype=float).ravel()
    x = x[np.isfinite(x)]
    if not len(x):
        raise InputError("no finite sample to score", key="samples")
    return x
