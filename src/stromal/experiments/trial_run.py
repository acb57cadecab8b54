"""Run a trial: virtual patients through the arms, what is read, and what a trial of that size would report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from ..evidence import Evidence, load_evidence
from .allocation import allocate
from .cohort import Followed, follow
from .ensemble import Z90, uniform
from .keep import Keeper
from .observer import Observer
from .outcome import EventOutcome, Outcomes
from .paths import Paths
from .population import Patients, enrol
from .posterior import Posterior, disease_posterior
from .scoring import Historical, Score, historical_forecast, no_effect_forecast, score
from .scoring import Reported as Scored
from .statistics import Analysis, Estimand, analyse, default_estimands
from .summary import Summary, summarise
from .survival import cumulative_incidence
from .trial import Trial, load_trial

__all__ = ["Curve", "TrialResult", "run_trial"]

#: Plausible patients of a draw, and those enrolled; a trial draws its patients from the latter.
PLAUSIBLE, ENROLLED = 40, 16
#: Points at which curves are kept.
CURVE_POINTS = 41


@dataclass(frozen=True)
class Curve:
    """Share without an event (or with it, of an event with rivals) over time, in %.

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


@dataclass(frozen=True, eq=False)
class TrialResult:
    """What a virtual trial gave.

    Attributes
    ----------
    trial : Trial
    summary : Summary
        Estimates and comparisons with predictive intervals, power and assurance.
    estimands : tuple of Estimand
    shift : dict of (str, str) to (float, float, float)
        By arm and endpoint: median and 90 % interval over draws of what treatment changes in the same
        patients with the same chance, in points (shares) or log ratio (hazards, levels): the effect
        itself, without the chance of who is randomised where.
    curves : tuple of Curve
    scores : tuple of Score
        Predicted beside reported.
    followed : Followed
        Observables of the virtual patients themselves.
    patients : Patients
        At enrolment.
    posterior : Posterior
    draws, replicates : int
    seed : int
    warnings : tuple of str
    """

    trial: Trial
    summary: Summary
    estimands: tuple[Estimand, ...]
    shift: Mapping[tuple[str, str], tuple[float, float, float]]
    curves: tuple[Curve, ...]
    scores: tuple[Score, ...]
    followed: Followed
    patients: Patients
    posterior: Posterior
    draws: int
    replicates: int
    seed: int
    warnings: tuple[str, ...] = ()

    @property
    def failed(self) -> dict[str, tuple[str, ...]]:
        """Patients whose run did not end, by arm."""
        return dict(self.followed.failed)

    def assumed(self) -> float:
        """Return the share of the numbers behind the result that nobody measured."""
        numbers = [p for p in self.patients.system.parameters if p.kind not in ("switch", "supply")]
        own = [n for e in self.trial.endpoints.values() for n in e.numbers]
        strengths = [p.strength for p in numbers] + [n.strength for n in own]
        return float(np.mean([s == "assumed" for s in strengths]))


def run_trial(
    name: str | Path | Trial,
    *,
    evidence: Evidence | None = None,
    draws: int = 40,
    replicates: int = 5,
    seed: int = 1,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    resume: bool = True,
) -> TrialResult:
    """Run a trial on virtual patients.

    Parameters
    ----------
    name : str, path or Trial
        A shipped trial, a disease (its default trial), a TOML file, or a trial made in code.
    evidence : Evidence, optional
    draws : int
        Draws of the ensemble: what is not known.
    replicates : int
        Trials in each draw: the chance of who takes part, and of what is seen.
    seed : int
        Of patients' chance.
    threads : int, optional
    progress : callable, optional
        Called with (what, done, of).
    resume : bool
        Whether to keep finished parts in the cache folder until the run has ended.

    Returns
    -------
    TrialResult

    Raises
    ------
    InputError
        If the trial, or a number, cannot be used.
    """
    evidence = evidence or load_evidence()
    trial = name if isinstance(name, Trial) else load_trial(name, evidence)
    posterior = disease_posterior(trial.disease, trial.endpoints).head(draws)
    bodies, which = posterior.distinct()
    keeper = Keeper(trial, evidence, bodies, PLAUSIBLE, ENROLLED, resume=resume)
    extra = tuple(
        t.content
        for group in (trial.background, *(arm.therapies for arm in trial.arms))
        for t in group
        if t.content in evidence.mediators
    )
    with keeper:
        patients = enrol(
            trial.disease,
            evidence,
            bodies,
            size=PLAUSIBLE,
            keep=ENROLLED,
            extra=extra,
            threads=threads,
            progress=progress,
        )
        followed = follow(
            trial, patients, evidence, bodies, threads=threads, progress=progress, keep=keeper.part
        )
    shown = {name: trial.endpoints[name] for name in dict.fromkeys((trial.spec.primary, *trial.spec.endpoints))}
    estimands = default_estimands(shown)
    runs, seen, shifts = _replicates(
        trial, followed, patients, posterior, which, estimands, replicates, seed, progress
    )
    summary = summarise(runs)
    warnings = list(_warnings(trial, patients, posterior, draws, len(summary.draws)))
    return TrialResult(
        trial,
        summary,
        estimands,
        shifts,
        _curves(trial, seen, shown),
        _scores(trial, summary, estimands, seed),
        followed,
        patients,
        posterior,
        len(summary.draws),
        replicates,
        seed,
        tuple(warnings),
    )


def _replicates(
    trial: Trial,
    followed: Followed,
    patients: Patients,
    posterior: Posterior,
    which: np.ndarray,
    estimands: tuple[Estimand, ...],
    replicates: int,
    seed: int,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[
    list[tuple[int, Analysis]],
    dict[str, list[Outcomes]],
    dict[tuple[str, str], tuple[float, float, float]],
]:
    """Observe and analyse every replicate of every draw."""
    sizes = {arm.name: arm.n for arm in trial.arms}
    total = sum(sizes.values())
    rows, draw = _slots(patients, which, total, seed)
    reference = trial.reference or trial.arms[0].name
    runs: list[tuple[int, Analysis]] = []
    seen: dict[str, list[Outcomes]] = {arm: [] for arm in sizes}
    shifts: dict[tuple[str, str], list[float]] = {}
    there = np.unique(draw)
    paths = {
        arm: Paths(
            path.days,
            {k: v[rows] for k, v in path.values.items()},
            draw,
            tuple(f"{path.ids[r]}#{s}" for s, r in enumerate(rows)),
            path.ok[rows],
        )
        for arm, path in followed.paths.items()
    }
    for r in range(replicates):
        numbers = _setting(trial, posterior, seed, r)
        outcomes = {
            arm: Observer(trial.endpoints, path, numbers).observe(seed=seed, replicate=r)
            for arm, path in paths.items()
        }
        for d in there:
            pool = np.flatnonzero(draw == d)
            ids = [paths[reference].ids[i] for i in pool]
            groups = allocate(ids, sizes, seed=seed, replicate=r)
            arms = {arm: outcomes[arm].take(pool[groups[arm]]) for arm in sizes}
            runs.append((int(d), analyse(estimands, trial.endpoints, arms, reference=reference)))
            for arm, some in arms.items():
                seen[arm].append(some)
            everyone = {arm: outcomes[arm].take(pool) for arm in sizes}
            same = analyse(estimands, trial.endpoints, everyone, reference=reference)
            for c in same.comparisons:
                shifts.setdefault((c.arm, c.estimand.endpoint), []).append(c.effect)
        if progress:
            progress("trials", (r + 1) * len(there), replicates * len(there))
    bands = {}
    for key, values in shifts.items():
        finite = np.array(values)[np.isfinite(values)]
        bands[key] = (
            tuple(float(q) for q in np.quantile(finite, [0.5, 0.05, 0.95]))
            if len(finite)
            else (np.nan, np.nan, np.nan)
        )
    return runs, seen, bands  # type: ignore[return-value]


def _slots(patients: Patients, which: np.ndarray, total: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the virtual patient in each slot of each draw's trial, and the draw of the slot.

    A trial needs more people than are solved: each is there several times, with chance of its own.
    """
    rows, draw = [], []
    for position, body in enumerate(which):
        mine = np.flatnonzero(patients.draw == body)
        if len(mine):
            order = np.random.default_rng([seed, 17, position]).permutation(len(mine))
            rows.append(mine[order[np.arange(total) % len(mine)]])
            draw.append(np.full(total, position))
    return np.concatenate(rows), np.concatenate(draw)


def _setting(trial: Trial, posterior: Posterior, seed: int, replicate: int) -> dict[str, np.ndarray]:
    """Return the numbers of the observation models as one trial has them: settings differ between trials."""
    out = {name: np.array(values) for name, values in posterior.observation.items()}
    draws = tuple(range(len(posterior)))
    for key, setting in trial.disease.spec.setting.items():
        z = ndtri(uniform(seed, f"setting:{key}:{replicate}", draws))
        for name in out:
            if any(fnmatchcase(name, pattern) for pattern in setting.select):
                if setting.spread is not None:
                    out[name] = out[name] * np.exp(np.log(setting.spread) / Z90 * z)
                if setting.sd is not None:
                    out[name] = out[name] + setting.sd * z
    return out


def _warnings(trial: Trial, patients: Patients, posterior: Posterior, asked: int, used: int) -> list[str]:
    out = []
    if not posterior.calibrated:
        out.append(f"{trial.disease.id} is uncalibrated: read signs, not percentages")
    if used < asked:
        out.append(f"{asked - used} of {asked} draws have no patients that fit; {used} are used")
    return out


def _curves(trial: Trial, seen: Mapping[str, list[Outcomes]], shown: Mapping[str, Any]) -> tuple[Curve, ...]:
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
                lines.append([cumulative_incidence(result.time[good], result.cause[good], d)[0] for d in days])
            share = 100.0 * np.array(lines)
            lo, middle, hi = np.nanquantile(share, [0.05, 0.5, 0.95], axis=0)
            out.append(Curve(name, arm, days, middle, lo, hi))
    return tuple(out)


def _scores(
    trial: Trial, summary: Summary, estimands: tuple[Estimand, ...], seed: int
) -> tuple[Score, ...]:
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
