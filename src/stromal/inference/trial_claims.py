"""Claims on trials: read them, run the trial on virtual patients, and say in which draws one holds.

Arms are read in the same patients with the same chance, so they differ by treatment alone: a claim is about
what a treatment does, not about whether a trial of some size would show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..experiments.ensemble import stronger
from ..experiments.observer import Observer
from ..experiments.paths import Paths
from ..experiments.posterior import Posterior, disease_posterior
from ..experiments.statistics import Estimand, analyse, parse_estimands
from ..experiments.trial import Trial, load_trial
from ..experiments.trial_run import follow_arms, setting, slots
from .claims import Relation, about_claims, claim_tables, parse_relation
from .kept import kept_file, read_kept, write_kept
from .outcomes import Outcome, judge
from .parallel import Progress, each

__all__ = ["TRIAL_DRAWS", "TrialClaim", "load_trial_claims", "run_trial_claims"]

#: Draws of a claim on a trial: a body takes far longer than a well.
TRIAL_DRAWS = 40
#: Patients of each draw that are seen, and how often.
SEEN, REPLICATES = 64, 3
_KEYS = {
    "says",
    "trial",
    "endpoint",
    "measure",
    "at_least",
    "observable",
    "day",
    "arms",
    "expect",
    "counted",
    "why_not",
}


@dataclass(frozen=True)
class Read:
    """What is read in one arm of a trial: an endpoint, or the mean of an observable on a day."""

    arm: str
    estimand: Estimand | None = None
    observable: str = ""
    day: float | None = None


@dataclass(frozen=True)
class TrialClaim:
    """A claim of the literature on a trial.

    Attributes
    ----------
    id, says : str
    trial : Trial
    arms : dict of str to Read
    expect : tuple of Relation
        All must hold.
    refs, section, counted, why_not, file
        As of a `Claim`.
    """

    id: str
    says: str
    trial: Trial
    arms: Mapping[str, Read]
    expect: tuple[Relation, ...]
    refs: tuple[str, ...] = ()
    section: str = ""
    counted: bool = True
    why_not: str = ""
    file: str = ""


def load_trial_claims(evidence: Evidence, *paths: str | Path) -> dict[str, TrialClaim]:
    """Read the shipped claims on trials, or those in ``paths`` (TOML files or folders).

    Raises
    ------
    InputError
        With file, claim and the nearest valid name.
    """
    trials: dict[str, Trial] = {}
    about = about_claims()
    return {
        key: _claim(key, table, evidence, trials, file, about.get(key, {}))
        for file, key, table in claim_tables(paths)
        if isinstance(table, dict) and "trial" in table
    }


def _claim(
    key: str,
    table: dict[str, Any],
    evidence: Evidence,
    trials: dict[str, Trial],
    file: str,
    about: Mapping[str, str],
) -> TrialClaim:
    def fail(message: str, what: str, suggestion: str = "") -> InputError:
        return InputError(message, file=file, key=f"{key}.{what}", suggestion=suggestion)

    for name in table:
        if name not in _KEYS:
            raise fail("no such key of a claim on a trial", name, nearest(name, _KEYS))
    for name, kind in (("says", str), ("trial", str), ("arms", dict), ("expect", list)):
        if not table.get(name) or not isinstance(table[name], kind):
            raise fail("is missing, or not of the right kind", name)
    if ("endpoint" in table) == ("observable" in table):
        raise fail("needs either an endpoint or an observable", "endpoint")
    name = table["trial"]
    if name not in trials:
        trials[name] = load_trial(name, evidence)
    arms = {
        arm: _read({"arm": given} if isinstance(given, str) else given, table, trials[name], arm, fail)
        for arm, given in table["arms"].items()
    }
    expect = tuple(parse_relation(given, arms, fail) for given in table["expect"])
    refs = tuple(r for r in about.get("refs", "").replace(";", ",").split(",") if r)
    return TrialClaim(
        key,
        table["says"],
        trials[name],
        arms,
        expect,
        refs,
        about.get("section", ""),
        table.get("counted", True),
        table.get("why_not", ""),
        file,
    )


def _read(
    given: Any, table: Mapping[str, Any], trial: Trial, name: str, fail: Callable[..., InputError]
) -> Read:
    """Check what is read in one arm."""
    if not isinstance(given, dict) or set(given) - {"arm", "day"} or "arm" not in given:
        raise fail("is neither the name of an arm nor {arm, day}", f"arms.{name}")
    known = [arm.name for arm in trial.arms]
    if given["arm"] not in known:
        raise fail(f"{trial.id} has no arm {given['arm']!r}", f"arms.{name}", nearest(given["arm"], known))
    day = given.get("day", table.get("day"))
    if day is not None and (isinstance(day, bool) or not isinstance(day, int | float)):
        raise fail(f"{day!r} is not a day", f"arms.{name}")
    if day is not None and not 0 <= day <= trial.spec.days:
        raise fail(f"day {day:g} is not within the {trial.spec.days:g} days of {trial.id}", f"arms.{name}")
    if "observable" in table:
        what = table["observable"]
        if what not in trial.disease.observables:
            raise fail(f"no observable {what!r}", "observable", nearest(what, trial.disease.observables))
        if day is None:
            raise fail("an observable is read on a day", "day")
        return Read(given["arm"], None, what, float(day))
    row = {k: table[k] for k in ("endpoint", "measure", "at_least") if k in table}
    if day is not None:
        row["day"] = day
    try:
        estimand = parse_estimands([row], trial.endpoints)[0]
    except InputError as err:
        raise fail(err.message, err.key.rpartition(".")[2] or "endpoint", err.suggestion) from None
    return Read(given["arm"], estimand)


def by_trial(claims: Mapping[str, TrialClaim]) -> list[dict[str, TrialClaim]]:
    """Return the claims of each trial together."""
    out: dict[str, dict[str, TrialClaim]] = {}
    for key, claim in claims.items():
        out.setdefault(claim.trial.id, {})[key] = claim
    return list(out.values())


def run_trial_claims(
    claims: Mapping[str, TrialClaim],
    evidence: Evidence,
    draws: int = TRIAL_DRAWS,
    *,
    potency: float = 1.0,
    seed: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Outcome]:
    """Run each trial that some claim is about once, and judge every relation.

    Parameters
    ----------
    claims : mapping of str to TrialClaim
    evidence : Evidence
    draws : int
        Of the ensemble of the disease.
    potency : float
        Multiplies what MSC do: null models are set to the suppression seen in vitro.
    seed : int
        Of patients' chance.
    threads, progress
        As in `check_claims`; trials run in processes of their own.
    """
    trials = by_trial(claims)
    ended = 0

    def done(_: int, __: object) -> None:
        nonlocal ended
        ended += 1
        if progress:
            progress("claims on trials", ended, len(trials))

    jobs = [(some, evidence, draws, potency, seed) for some in trials]
    found: dict[str, Outcome] = {}
    for outcomes in each(_one_trial, jobs, threads=threads, done=done):
        found |= outcomes
    return {key: found[key] for key in claims}


def _one_trial(
    claims: Mapping[str, TrialClaim],
    evidence: Evidence,
    draws: int,
    potency: float,
    seed: int,
    threads: int | None,
) -> dict[str, Outcome]:
    """Run one trial with the arms that its claims need, and judge these."""
    trial = next(iter(claims.values())).trial
    reads = list(dict.fromkeys(read for claim in claims.values() for read in claim.arms.values()))
    file = kept_file("trial-claims", evidence.digest, trial, draws, potency, seed, reads)
    old = read_kept(file)
    if isinstance(old, list) and len(old) == len(reads):
        values = {read: np.array(v, dtype=float) for read, v in zip(reads, old, strict=True)}
    else:
        wanted = {read.arm for read in reads}
        used = tuple(arm for arm in trial.arms if arm.name in wanted or arm.name == trial.reference)
        posterior = disease_posterior(trial.disease, trial.endpoints).head(draws)
        posterior = replace(posterior, ensemble=stronger(posterior.ensemble, potency))
        values = arm_values(replace(trial, arms=used), evidence, posterior, reads, seed=seed, threads=threads)
        write_kept(file, [values[read].tolist() for read in reads])
    return {
        key: judge(claim.expect, {arm: values[read] for arm, read in claim.arms.items()})
        for key, claim in claims.items()
    }


def arm_values(
    trial: Trial,
    evidence: Evidence,
    posterior: Posterior,
    reads: Sequence[Read],
    *,
    seed: int = 1,
    threads: int | None = None,
) -> dict[Read, np.ndarray]:
    """Return what is read in each draw, in all its patients whatever the arm they were allotted to.

    Returns
    -------
    dict of Read to array (draws,)
    """
    bodies, which = posterior.distinct()
    patients, followed = follow_arms(trial, evidence, bodies, threads=threads)
    rows, draw = slots(patients, which, SEEN, seed)
    there = np.unique(draw)
    out: dict[Read, np.ndarray] = {}
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
    for read in reads:
        if read.estimand is None:
            path = paths[read.arm]
            seen = path.at(read.observable, np.array([read.day]))[:, 0]
            seen = np.where(path.ok, seen, np.nan)
            out[read] = np.array([np.nanmean(seen[draw == d]) for d in there])
    endpoints = [read for read in reads if read.estimand is not None]
    estimands = tuple(dict.fromkeys(read.estimand for read in endpoints if read.estimand))
    found: dict[Read, list[list[float]]] = {read: [] for read in endpoints}
    for r in range(REPLICATES if endpoints else 0):
        numbers = setting(trial, posterior, seed, r)
        outcomes = {
            arm: Observer(trial.endpoints, path, numbers).observe(seed=seed, replicate=r)
            for arm, path in paths.items()
        }
        lines: dict[Read, list[float]] = {read: [] for read in endpoints}
        for d in there:
            pool = np.flatnonzero(draw == d)
            arms = {arm: outcome.take(pool) for arm, outcome in outcomes.items()}
            same = analyse(estimands, trial.endpoints, arms, reference=trial.reference)
            for read in endpoints:
                assert read.estimand is not None
                lines[read].append(same.estimates[read.arm, read.estimand])
        for read in endpoints:
            found[read].append(lines[read])
    return out | {read: np.nanmean(np.array(lines), axis=0) for read, lines in found.items()}
