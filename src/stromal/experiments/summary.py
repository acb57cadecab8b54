"""Many trials put together: predictive intervals, power in each draw, and assurance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .statistics import Analysis, Comparison, Estimand

__all__ = ["ArmSummary", "EffectSummary", "Summary", "summarise"]


@dataclass(frozen=True)
class ArmSummary:
    """What one arm would show.

    Attributes
    ----------
    arm : str
    estimand : Estimand
    median, lo, hi : float
        Of the estimate over draws and replicates: the 90 % predictive interval of a trial of this size.
    known_lo, known_hi : float
        90 % interval over draws of the median over replicates: what is not known, chance aside.
    unit : str
    estimable : float
        Share of trials in which there was an estimate.
    samples : array (draws, replicates)
        Padded with NaN where a draw has fewer replicates.
    """

    arm: str
    estimand: Estimand
    median: float
    lo: float
    hi: float
    known_lo: float
    known_hi: float
    unit: str
    estimable: float
    samples: np.ndarray


@dataclass(frozen=True)
class EffectSummary:
    """What one arm would show beside the reference.

    Attributes
    ----------
    estimand : Estimand
    arm, reference_arm : str
    effect, lo, hi, known_lo, known_hi, unit, estimable, samples
        As for an arm.
    power_by_draw : array (draws,)
        Share of replicates with p < alpha in the right direction.
    power : float
        Median of it: the power if the middle draw is the truth.
    assurance : float
        Mean of it: the chance that a trial succeeds, as far as anybody knows.
    """

    estimand: Estimand
    arm: str
    reference_arm: str
    effect: float
    lo: float
    hi: float
    known_lo: float
    known_hi: float
    unit: str
    estimable: float
    samples: np.ndarray
    power_by_draw: np.ndarray
    power: float
    assurance: float

    def as_dict(self) -> dict[str, Any]:
        """Return one object of ``comparisons`` of ``--json``; a number that is not finite is null."""
        numbers = ("effect", "lo", "hi", "known_lo", "known_hi", "power", "assurance", "estimable")
        return {
            "endpoint": self.estimand.endpoint,
            "measure": self.estimand.measure,
            "day": self.estimand.day,
            "arms": [self.arm, self.reference_arm],
            "reference_arm": self.reference_arm,
            "unit": self.unit,
        } | {key: _plain(getattr(self, key)) for key in numbers}


@dataclass(frozen=True)
class Summary:
    """Many trials of the same arms.

    Attributes
    ----------
    draws : tuple of int
        In the order of the rows of every ``samples``.
    replicates : int
        Most trials of a draw.
    failed : dict of str to tuple of str
        Patients by arm that could not be run in some trial.
    arms : tuple of ArmSummary
    comparisons : tuple of EffectSummary
    """

    draws: tuple[int, ...]
    replicates: int
    failed: dict[str, tuple[str, ...]]
    arms: tuple[ArmSummary, ...]
    comparisons: tuple[EffectSummary, ...]

    def arm(self, arm: str, estimand: Estimand) -> ArmSummary:
        """Return one arm's."""
        return next(a for a in self.arms if (a.arm, a.estimand) == (arm, estimand))

    def comparison(self, arm: str, estimand: Estimand) -> EffectSummary:
        """Return one comparison."""
        return next(c for c in self.comparisons if (c.arm, c.estimand) == (arm, estimand))


def summarise(runs: Iterable[tuple[int, Analysis]], *, alpha: float = 0.05, interval: float = 0.9) -> Summary:
    """Put trials together.

    Parameters
    ----------
    runs : iterable of (int, Analysis)
        Draw and analysis of each trial; replicates of a draw share its number. All have the same arms
        and estimands.
    alpha : float
        Two-sided level of the trial's test.
    interval : float
        Of the predictive intervals.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If there is no trial.
    """
    by_draw: dict[int, list[Analysis]] = {}
    for draw, analysis in runs:
        by_draw.setdefault(draw, []).append(analysis)
    if not by_draw:
        raise InputError("no trial to summarise", key="replicates")
    most = max(len(rows) for rows in by_draw.values())
    first = next(iter(by_draw.values()))[0]
    failed: dict[str, dict[str, None]] = {arm: {} for arm in first.failed}
    for rows in by_draw.values():
        for analysis in rows:
            for arm, names in analysis.failed.items():
                failed[arm].update(dict.fromkeys(names))

    arms = []
    for arm, estimand in first.estimates:
        values = [[a.estimates[arm, estimand] for a in rows] for rows in by_draw.values()]
        arms.append(
            ArmSummary(arm, estimand, *_bands(_padded(values, most), interval, first.units[estimand]))
        )
    effects = []
    for i, comparison in enumerate(first.comparisons):
        rows_of = [[a.comparisons[i] for a in rows] for rows in by_draw.values()]
        effects.append(_effect(comparison, rows_of, most, alpha, interval))
    return Summary(
        tuple(by_draw),
        most,
        {arm: tuple(names) for arm, names in failed.items()},
        tuple(arms),
        tuple(effects),
    )


def _effect(
    first: Comparison, rows: list[list[Comparison]], most: int, alpha: float, interval: float
) -> EffectSummary:
    bands = _bands(_padded([[c.effect for c in row] for row in rows], most), interval, first.unit)
    power = np.array([np.mean([c.succeeds(alpha) for c in row]) for row in rows])
    return EffectSummary(
        first.estimand,
        first.arm,
        first.reference_arm,
        *bands,
        power_by_draw=power,
        power=float(np.median(power)),
        assurance=float(power.mean()),
    )


def _padded(values: list[list[float]], most: int) -> np.ndarray:
    out = np.full((len(values), most), np.nan)
    for i, row in enumerate(values):
        out[i, : len(row)] = row
    return out


def _bands(
    samples: np.ndarray, interval: float, unit: str
) -> tuple[float, float, float, float, float, str, float, np.ndarray]:
    tail = (1 - interval) / 2
    lo, middle, hi = _quantiles(samples.ravel(), [tail, 0.5, 1 - tail])
    each = np.array([_quantiles(row, [0.5])[0] for row in samples])
    known_lo, known_hi = _quantiles(each, [tail, 1 - tail])
    return middle, lo, hi, known_lo, known_hi, unit, float((~np.isnan(samples)).mean()), samples


def _quantiles(values: np.ndarray, at: list[float]) -> list[float]:
    """Return quantiles of what could be estimated; an infinite median time is a value like any other."""
    values = values[~np.isnan(values)]
    if not len(values):
        return [np.nan] * len(at)
    # between a finite and an infinite value there is nothing to interpolate
    method = "linear" if np.isfinite(values).all() else "inverted_cdf"
    return [float(q) for q in np.quantile(values, at, method=method)]  # type: ignore[call-overload]


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
