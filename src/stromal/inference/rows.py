"""Rows and details of claims, as ``stromal check`` shows them."""

from __future__ import annotations

from typing import Any

from ..experiments.results import band
from .claims import Claim, residual
from .outcomes import Outcome
from .score import HOLDS, verdict
from .structure import Kind
from .trial_claims import Read, TrialClaim

__all__ = ["bench_detail", "bench_row", "trial_detail", "trial_row"]

ON_TRIAL = "on a trial: the whole patient stands between product and readout"


def bench_row(claim: Claim, kind: Kind, outcome: Outcome, without: float | None) -> dict[str, Any]:
    """Return the row of a claim in a scoreboard.

    Parameters
    ----------
    claim : Claim
    kind : Kind
    outcome : Outcome
    without : float or None
        Share of draws in which it holds without the rules of its own paper, if that was asked.
    """
    said = kind.reason if claim.counted or claim.origin == "bench" else f"not counted: {claim.why_not}"
    # an emergent claim that falls without the rules of its own paper was put in by hand
    own = None if without is None else bool(without < HOLDS)
    return _row(claim, kind.name, outcome, said) | {
        "origin": claim.origin,
        "assay": claim.assay.id,
        "own_paper": own,
    }


def trial_row(claim: TrialClaim, outcome: Outcome) -> dict[str, Any]:
    """Return the row of a claim on a trial."""
    said = ON_TRIAL if claim.counted else f"not counted: {claim.why_not}"
    return _row(claim, "trial", outcome, said) | {
        "origin": "review",
        "assay": claim.trial.id,
        "own_paper": None,
    }


def _row(claim: Claim | TrialClaim, kind: str, outcome: Outcome, reason: str) -> dict[str, Any]:
    return {
        "id": claim.id,
        "kind": kind,
        "counted": claim.counted,
        "share": round(outcome.share, 4),
        "draws": int(outcome.solved.sum()),
        "verdict": verdict(outcome.share, float(outcome.solved.mean())),
        "reason": reason,
        "says": claim.says,
        "section": claim.section,
    }


def bench_detail(claim: Claim, kind: Kind, outcome: Outcome) -> dict[str, Any]:
    """Return arms, relations and rules of a claim."""
    arms = []
    for name, arm in claim.arms.items():
        readout, day = claim.read[name]
        given = arm.model_dump(exclude_defaults=True)
        arms.append(_arm(name, given, readout.text, day, readout.unit, outcome))
    about = {"assay": claim.assay.id, "kind": kind.name, "why": kind.reason, "rules": list(kind.rules)}
    return _detail(claim, about, arms, outcome)


def trial_detail(claim: TrialClaim, outcome: Outcome) -> dict[str, Any]:
    """Return arms and relations of a claim on a trial."""
    arms = [
        _arm(name, {"arm": read.arm}, *_readout(claim, read), outcome) for name, read in claim.arms.items()
    ]
    about: dict[str, Any] = {"assay": claim.trial.id, "kind": "trial", "why": ON_TRIAL, "rules": []}
    return _detail(claim, about, arms, outcome)


def _arm(
    name: str, given: dict[str, Any], readout: str, day: float, unit: str, outcome: Outcome
) -> dict[str, Any]:
    lo, mid, hi = band(outcome.values[name])
    return {
        "name": name,
        "inputs": given,
        "readout": readout,
        "day": day,
        "median": mid,
        "lo": lo,
        "hi": hi,
        "unit": unit,
    }


def _detail(
    claim: Claim | TrialClaim, about: dict[str, Any], arms: list[dict[str, Any]], outcome: Outcome
) -> dict[str, Any]:
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
        **about,
        "arms": arms,
        "relations": relations,
        "counted": claim.counted,
        "why_not": claim.why_not,
    }


def _readout(claim: TrialClaim, read: Read) -> tuple[str, float, str]:
    """Return what is read in words, on which day, and in which unit."""
    last = claim.trial.spec.days
    if read.estimand is None:
        item = claim.trial.disease.observables[read.observable]
        return read.observable, last if read.day is None else read.day, item.unit
    e = read.estimand
    level = f" of {e.at_least} or more" if e.at_least else ""
    unit = {"mean": getattr(claim.trial.endpoints[e.endpoint], "unit", ""), "median": "days"}
    per_year = "1/year" if e.measure in ("rate", "hazard_ratio") else "%"
    return (
        f"{e.measure} {e.endpoint}{level}",
        last if e.day is None else e.day,
        unit.get(e.measure, per_year),
    )
