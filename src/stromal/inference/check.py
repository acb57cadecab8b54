"""Check in what share of draws each claim of the literature holds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence, load_evidence
from ..experiments.arm import Arm
from ..experiments.ensemble import Ensemble, shipped_ensemble
from ..experiments.results import band, run_assay
from .claims import Claim, holds, load_claims, residual
from .score import HOLDS, Progress, null_verdicts, summarise, verdict
from .structure import Kind, bench_cells, classify, signed_graph
from .trial_claims import TRIAL_DRAWS, TrialClaim, load_trial_claims, run_trial_claims
from .trial_rows import trial_detail, trial_row

__all__ = ["CheckResult", "check_claims", "run_claims", "verdict"]

#: Arms simulated at once: bounds memory, changes nothing else.
CHUNK = 24
QUICK_DRAWS, QUICK_NULLS = 25, 5


@dataclass
class Outcome:
    """What one claim gave: per draw, whether it held and whether all arms were solved."""

    held: np.ndarray
    solved: np.ndarray
    values: dict[str, np.ndarray]
    relations: list[np.ndarray]

    @property
    def share(self) -> float:
        """Share of solved draws in which the claim holds."""
        return float(self.held[self.solved].mean()) if self.solved.any() else 0.0


@dataclass
class CheckResult:
    """Scores of claims.

    Attributes
    ----------
    claims : list of dict
        ``id, kind, counted, share, draws, verdict, reason, says, origin, section, own_paper``.
    coverage : dict
        Number of claims by fate.
    summary : dict
        By kind: ``counted, holds, mixed, fails, null, lift, lo, hi``.
    details : dict
        By claim id, what `detail` hands out.
    seconds : float
    seed : int
        Of the ensemble.
    """

    claims: list[dict[str, Any]]
    coverage: dict[str, int]
    summary: dict[str, dict[str, Any]]
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    seed: int = 0

    def detail(self, claim: str) -> dict[str, Any]:
        """Return arms, relations, rules and papers of one claim.

        Raises
        ------
        InputError
            If the claim was not checked.
        """
        if claim not in self.details:
            raise InputError(
                f"claim {claim!r} was not checked", key="claim", suggestion=nearest(claim, self.details)
            )
        return self.details[claim]


def check_claims(
    claims: Sequence[str] | None = None,
    *,
    evidence: Evidence | None = None,
    section: str | None = None,
    draws: int = 100,
    nulls: int = 20,
    quick: bool = False,
    ensemble: Ensemble | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CheckResult:
    """Run claims as experiments over the ensemble, and over models with shuffled MSC rules.

    Parameters
    ----------
    claims : sequence of str, optional
        Ids; all of the bench by default. Claims on trials are slow: they run if named, or by section, with
        at most 40 draws and no nulls.
    evidence : Evidence, optional
    section : str, optional
        Only claims of a section of the review (``2.1.1``; ``2.2`` takes 2.2.1 to 2.2.9).
    draws, nulls : int
        Size of the ensemble and number of shuffled models; 0 for none.
    quick : bool
        A smaller run: 25 draws, 5 nulls.
    ensemble : Ensemble, optional
    threads : int, optional
    progress : callable, optional
        Called with (what, done, of).

    Returns
    -------
    CheckResult

    Raises
    ------
    InputError
        If a claim or section is not known, or a number is out of range.
    """
    started = time.monotonic()
    evidence = evidence or load_evidence()
    if quick:
        draws, nulls = min(draws, QUICK_DRAWS), min(nulls, QUICK_NULLS)
    if not 0 <= nulls <= 1000:
        raise InputError(f"{nulls} nulls", key="nulls", suggestion="0 to 1000")
    every: dict[str, Claim | TrialClaim] = {**load_claims(evidence), **load_trial_claims(evidence)}
    picked = _choose(every, claims, section, evidence)
    chosen = {key: claim for key, claim in picked.items() if isinstance(claim, Claim)}
    on_trials = {key: claim for key, claim in picked.items() if isinstance(claim, TrialClaim)}
    ensemble = (ensemble or shipped_ensemble()).head(draws)
    graph = signed_graph(evidence, bench_cells(evidence))
    kinds = {key: classify(claim, evidence, graph) for key, claim in chosen.items()}
    outcomes = run_claims(chosen, evidence, ensemble, threads=threads, progress=progress)
    without = _without_own_paper(chosen, kinds, outcomes, evidence, ensemble, threads, progress)
    tried = run_trial_claims(on_trials, evidence, min(draws, TRIAL_DRAWS), threads=threads, progress=progress)
    rows = [
        _row(chosen[key], kinds[key], outcomes[key], without.get(key))
        if key in chosen
        else trial_row(on_trials[key], tried[key])
        for key in picked
    ]
    counted = {key: claim for key, claim in chosen.items() if claim.counted}
    shuffles = null_verdicts(counted, evidence, ensemble, nulls, threads, progress)
    details = {key: _detail(chosen[key], kinds[key], outcomes[key], evidence) for key in chosen}
    details |= {key: trial_detail(on_trials[key], tried[key]) for key in on_trials}
    coverage: dict[str, int] = {}
    for row in evidence.coverage.values():
        coverage[row.fate] = coverage.get(row.fate, 0) + 1
    coverage["unmapped"] = sum(
        1
        for key, claim in every.items()
        if getattr(claim, "origin", "review") == "review" and key not in evidence.coverage
    )
    seconds = time.monotonic() - started
    return CheckResult(rows, coverage, summarise(rows, shuffles), details, seconds, ensemble.seed)


def _choose(
    every: Mapping[str, Claim | TrialClaim],
    ids: Sequence[str] | None,
    section: str | None,
    evidence: Evidence,
) -> dict[str, Claim | TrialClaim]:
    if ids:
        for key in ids:
            if key in every:
                continue
            row = evidence.coverage.get(key)
            if row is not None:
                raise InputError(
                    f"{key} is {row.fate}, not an experiment: {row.reason}", key="claim", suggestion=row.where
                )
            raise InputError(
                f"no claim {key!r}", key="claim", suggestion=nearest(key, {*every, *evidence.coverage})
            )
        return {key: every[key] for key in dict.fromkeys(ids)}
    if section:
        found = {
            k: c for k, c in every.items() if c.section == section or c.section.startswith(section + ".")
        }
        if not found:
            raise InputError(
                f"no experiment in section {section!r}",
                key="section",
                suggestion=nearest(section, {c.section for c in every.values() if c.section}),
            )
        return found
    return {k: c for k, c in every.items() if isinstance(c, Claim)}


def run_claims(
    claims: Mapping[str, Claim],
    evidence: Evidence,
    ensemble: Ensemble,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    what: str = "claims",
    mute: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, Outcome]:
    """Simulate all arms of some claims, each distinct arm once, and judge every relation.

    Parameters
    ----------
    claims : mapping of str to Claim
    evidence : Evidence
    ensemble : Ensemble
    threads, progress, what
        As in `check_claims`.
    mute : mapping, optional
        Claim id to rules that are switched off in its arms.
    """
    values: dict[tuple[str, str], np.ndarray] = {}
    by_assay: dict[str, list[Claim]] = {}
    for claim in claims.values():
        by_assay.setdefault(claim.assay.id, []).append(claim)
    arms_of: dict[tuple[str, str], str] = {}
    todo: dict[str, dict[str, tuple[Arm, set[str]]]] = {}
    for assay, some in by_assay.items():
        wells = todo.setdefault(assay, {})
        for claim in some:
            for name, arm in claim.arms.items():
                off = tuple(sorted((mute or {}).get(claim.id, ())))
                arm = arm.model_copy(update={"mute": (*arm.mute, *off)}) if off else arm
                key = arm.model_dump_json()
                wells.setdefault(key, (arm, set()))[1].add(claim.read[name][0].text)
                arms_of[claim.id, name] = key
    total, done = sum(map(len, todo.values())), 0
    for assay, wells in todo.items():
        protocol = by_assay[assay][0].assay
        keys = list(wells)
        for i in range(0, len(keys), CHUNK):
            part = keys[i : i + CHUNK]
            texts = sorted({text for key in part for text in wells[key][1]})
            result = run_assay(
                protocol,
                arms={key: wells[key][0] for key in part},
                readouts=texts,
                draws=None,
                evidence=evidence,
                ensemble=ensemble,
                threads=threads,
            )
            for claim in by_assay[assay]:
                for name in claim.arms:
                    key = arms_of[claim.id, name]
                    if key in part:
                        readout, day = claim.read[name]
                        values[claim.id, name] = result.values(readout.text, key, day)
            done += len(part)
            if progress:
                progress(what, done, total)
    return {
        key: _judge(claim, {name: values[key, name] for name in claim.arms}) for key, claim in claims.items()
    }


def _judge(claim: Claim, values: dict[str, np.ndarray]) -> Outcome:
    relations = [holds(relation, values) for relation in claim.expect]
    solved = np.all([np.isfinite(v) for v in values.values()], axis=0)
    return Outcome(np.all(relations, axis=0), solved, values, relations)


def _without_own_paper(
    claims: Mapping[str, Claim],
    kinds: Mapping[str, Kind],
    outcomes: Mapping[str, Outcome],
    evidence: Evidence,
    ensemble: Ensemble,
    threads: int | None,
    progress: Progress | None,
) -> dict[str, float]:
    """Return the share of each emergent claim when the rules that cite its own paper are switched off."""
    mute = {}
    for key, claim in claims.items():
        if kinds[key].name != "emergent" or not claim.refs or outcomes[key].share < HOLDS:
            continue
        own = {
            r.id for r in evidence.rules.values() if set(r.refs) & set(claim.refs) and r.effect != "requires"
        }
        if own:
            mute[key] = own
    if not mute:
        return {}
    again = run_claims(
        {k: claims[k] for k in mute},
        evidence,
        ensemble,
        threads=threads,
        progress=progress,
        what="own papers off",
        mute=mute,
    )
    return {key: outcome.share for key, outcome in again.items()}


def _row(claim: Claim, kind: Kind, outcome: Outcome, without: float | None) -> dict[str, Any]:
    return {
        "id": claim.id,
        "kind": kind.name,
        "counted": claim.counted,
        "share": round(outcome.share, 4),
        "draws": int(outcome.solved.sum()),
        "verdict": verdict(outcome.share, float(outcome.solved.mean())),
        "reason": kind.reason
        if claim.counted or claim.origin == "bench"
        else f"not counted: {claim.why_not}",
        "says": claim.says,
        "origin": claim.origin,
        "section": claim.section,
        "assay": claim.assay.id,
        # an emergent claim that falls without the rules of its own paper was put in by hand
        "own_paper": None if without is None else bool(without < HOLDS),
    }


def _detail(claim: Claim, kind: Kind, outcome: Outcome, evidence: Evidence) -> dict[str, Any]:
    arms = []
    for name, arm in claim.arms.items():
        lo, mid, hi = band(outcome.values[name])
        readout, day = claim.read[name]
        given = arm.model_dump(exclude_defaults=True)
        arms.append(
            {
                "name": name,
                "inputs": given,
                "readout": readout.text,
                "day": day,
                "median": mid,
                "lo": lo,
                "hi": hi,
                "unit": readout.unit,
            }
        )
    relations = []
    for relation, held in zip(claim.expect, outcome.relations, strict=True):
        entry: dict[str, Any] = {
            "relation": relation.name,
            "arms": list(relation.arms),
            "share": round(float(held.mean()), 4),
        }
        if relation.name in ("abolished", "partly"):
            lo, mid, hi = band(residual([outcome.values[a] for a in relation.arms]))
            entry |= {"residual": mid, "residual_lo": lo, "residual_hi": hi}
        relations.append(entry)
    return {
        "id": claim.id,
        "says": claim.says,
        "section": claim.section,
        "refs": list(claim.refs),
        "assay": claim.assay.id,
        "kind": kind.name,
        "why": kind.reason,
        "rules": list(kind.rules),
        "arms": arms,
        "relations": relations,
        "counted": claim.counted,
        "why_not": claim.why_not,
    }
