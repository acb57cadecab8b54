"""What is made of the replicates of a trial: curves with bands, and scores beside what was reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .outcome import EventOutcome, Outcomes
from .scoring import Historical, Score, historical_forecast, no_effect_forecast, score
from .scoring import Reported as Scored
from .statistics import Estimand
from .summary import Summary
from .survival import incidence_at
from .trial import Trial

__all__ = ["Curve", "curves", "scores"]

#: Points at which curves are kept.
CURVE_POINTS = 41


@dataclass(frozen=True)
class Curve:
    """Share of patients with an event over time, in % (cumulative incidence, rivals considered).

    Attributes
    ----------
    endpoint, arm : str
    days, median, lo, hi : array (points,)
        Over draws and replicates; 90 % predictive band.
    """

    endpoint: str
    arm: str
    days: np.ndarray
    median: np.ndarray
    lo: np.ndarray
    hi: np.ndarray


def curves(trial: Trial, seen: Mapping[str, list[Outcomes]], shown: Mapping[str, Any]) -> tuple[Curve, ...]:
    """Return the incidence of every event over time, with the band over draws and replicates."""
    days = np.linspace(0.0, trial.spec.days, CURVE_POINTS)
    out = []
    for name in shown:
        for arm, trials in seen.items():
            if not trials or not isinstance(trials[0][name], EventOutcome):
                continue
            lines = []
            for outcomes in trials:
                result = outcomes[name]
                assert isinstance(result, EventOutcome)
                good = outcomes.ok
                lines.append(incidence_at(result.time[good], result.cause[good], days))
            share = 100.0 * np.array(lines)
            lo, middle, hi = np.nanquantile(share, [0.05, 0.5, 0.95], axis=0)
            out.append(Curve(name, arm, days, middle, lo, hi))
    return tuple(out)


def scores(trial: Trial, summary: Summary, estimands: tuple[Estimand, ...], seed: int) -> tuple[Score, ...]:
    """Return what was predicted beside what the trial reported, and beside the two dumb forecasts."""
    out = []
    by_endpoint = {e.endpoint: e for e in estimands}
    pooled = {h.endpoint: h for h in trial.spec.historical}
    for item in trial.spec.reported:
        estimand = by_endpoint.get(item.endpoint)
        if estimand is None:
            continue
        ratio = item.measure in ("hazard_ratio", "rate", "ratio")
        kind = "effect" if item.against else "level"
        scored = Scored(
            f"{item.arm}{' against ' + item.against if item.against else ''}: {item.endpoint}",
            item.value,
            item.source,
            scale="log" if ratio else "linear",
            kind=kind,
        )
        base = summary.arm(item.against or trial.reference or item.arm, estimand).samples
        if item.against:
            samples = summary.comparison(item.arm, estimand).samples
            other = no_effect_forecast(base, "effect", scored.scale) if base.shape[1] > 1 else None
        else:
            samples = summary.arm(item.arm, estimand).samples
            other = base if item.arm != trial.reference else None
        h = pooled.get(item.endpoint)
        past = None
        if h is not None and other is not None:
            past = historical_forecast(other, Historical(h.effect, h.sd, "points", h.source), seed)
        out.append(score(samples, scored, no_effect=other, historical=past))
    return tuple(out)
