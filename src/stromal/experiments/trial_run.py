"""Run a trial: virtual patients go through the arms, and what a trial of that size would report is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from ..evidence import Evidence, load_evidence
from .allocation import allocate
from .amplifiers import Push, pushes, sentences, traced
from .bench import Run
from .cohort import Followed, follow
from .ensemble import Z90, Ensemble, uniform
from .keep import Keeper
from .observer import Observer
from .outcome import Outcomes
from .paths import Paths
from .population import ENROLLED, PLAUSIBLE, Patients, enrol
from .posterior import Posterior, disease_posterior
from .scoring import Score
from .statistics import Analysis, Estimand, analyse, default_estimands
from .summary import Summary, summarise
from .trial import Trial, load_trial
from .trial_views import Curve, curves, scores

__all__ = ["TrialResult", "follow_arms", "run_trial", "sample_population", "setting", "slots"]


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
        patients with the same chance, in points (shares) or as a ratio (hazards, levels, counts): the effect
        itself, without the chance of who is randomised where.
    curves : tuple of Curve
    scores : tuple of Score
        Predicted beside reported.
    pushes : dict of str to list of Push
        By arm with a product: the rules that it moves most, place by place.
    amplifiers : tuple of str
        The same in sentences: by what the dose reaches the disease.
    traces : dict of str to Run
        By arm with a product: some patients with and without it, every state (for the ledger).
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
    pushes: Mapping[str, list[Push]]
    amplifiers: tuple[str, ...]
    traces: Mapping[str, Run]
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
    patients, followed = follow_arms(
        trial, evidence, bodies, threads=threads, progress=progress, resume=resume
    )
    traces, moved = {}, {}
    for arm in trial.arms:
        if arm.product is not None:
            traces[arm.name] = traced(trial, arm, patients, evidence, bodies, threads=threads)
            moved[arm.name] = pushes(traces[arm.name], evidence)
    names = dict.fromkeys((trial.spec.primary, *trial.spec.endpoints))
    shown = {name: trial.endpoints[name] for name in names}
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
        curves(trial, seen, shown),
        scores(trial, summary, estimands, seed),
        moved,
        _said(trial, moved, evidence),
        traces,
        followed,
        patients,
        posterior,
        len(summary.draws),
        replicates,
        seed,
        tuple(warnings),
    )


def follow_arms(
    trial: Trial,
    evidence: Evidence,
    bodies: Ensemble,
    *,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    resume: bool = True,
) -> tuple[Patients, Followed]:
    """Return the patients that a trial takes, and all of them in each of its arms.

    Parameters
    ----------
    trial : Trial
    evidence : Evidence
    bodies : Ensemble
        Distinct draws of the posterior of the disease.
    threads, progress, resume
        As in `run_trial`.
    """
    with Keeper(trial, evidence, bodies, PLAUSIBLE, ENROLLED, resume=resume) as keeper:
        patients = _enrolled(trial, evidence, bodies, threads, progress)
        return patients, follow(
            trial, patients, evidence, bodies, threads=threads, progress=progress, keep=keeper.part
        )


def sample_population(
    name: str | Path | Trial,
    *,
    evidence: Evidence | None = None,
    draws: int = 40,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Patients:
    """Return virtual patients at enrolment: those of the draws of a disease that a trial would take.

    Parameters
    ----------
    name : str, path or Trial
        A trial, or a disease (its default trial).
    evidence : Evidence, optional
    draws : int
        Draws of the ensemble.
    threads : int, optional
    progress : callable, optional
        Called with (what, done, of).

    Returns
    -------
    Patients
        With stable ids and the yield of each step.
    """
    evidence = evidence or load_evidence()
    trial = name if isinstance(name, Trial) else load_trial(name, evidence)
    bodies, _ = disease_posterior(trial.disease, trial.endpoints).head(draws).distinct()
    return _enrolled(trial, evidence, bodies, threads, progress)


def _enrolled(
    trial: Trial,
    evidence: Evidence,
    bodies: Ensemble,
    threads: int | None,
    progress: Callable[[str, int, int], None] | None,
) -> Patients:
    groups = (trial.background, *(arm.therapies for arm in trial.arms))
    extra = tuple(m for group in groups for t in group for m in t.contents if m in evidence.mediators)
    return enrol(trial.disease, evidence, bodies, extra=extra, threads=threads, progress=progress)


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
    rows, draw = slots(patients, which, total, seed)
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
        numbers = setting(trial, posterior, seed, r)
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


def slots(patients: Patients, which: np.ndarray, total: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
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


def setting(trial: Trial, posterior: Posterior, seed: int, replicate: int) -> dict[str, np.ndarray]:
    """Return the numbers of the observation models as one trial has them: settings differ between trials."""
    from scipy.special import ndtri  # slow to import

    out = {name: np.array(values) for name, values in posterior.observation.items()}
    draws = tuple(range(len(posterior)))
    for key, item in trial.disease.spec.setting.items():
        z = ndtri(uniform(seed, f"setting:{key}:{replicate}", draws))
        for name in out:
            if any(fnmatchcase(name, pattern) for pattern in item.select):
                if item.spread is not None:
                    out[name] = out[name] * np.exp(np.log(item.spread) / Z90 * z)
                if item.sd is not None:
                    out[name] = out[name] + item.sd * z
    return out


def _said(trial: Trial, moved: Mapping[str, list[Push]], evidence: Evidence) -> tuple[str, ...]:
    out: list[str] = []
    for arm, found in moved.items():
        lead = f"{arm}: " if len(moved) > 1 else ""
        out += [lead + text for text in sentences(found, trial.disease.spec.target, evidence)]
    return tuple(out)


def _warnings(trial: Trial, patients: Patients, posterior: Posterior, asked: int, used: int) -> list[str]:
    out = []
    if not posterior.calibrated:
        out.append(f"{trial.disease.id} is uncalibrated: read signs, not percentages")
    if used < asked:
        out.append(f"{asked - used} of {asked} draws have no patients that fit; {used} are used")
    return out
