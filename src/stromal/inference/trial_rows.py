"""Rows and details of claims on trials, as ``stromal check`` shows them."""

from __future__ import annotations

from typing import Any

from ..experiments.results import band
from .claims import residual
from .score import verdict
from .trial_claims import Read, TrialClaim, TrialOutcome

__all__ = ["trial_detail", "trial_row"]

REASON = "on a trial: the whole patient stands between product and readout; no nulls"


def trial_row(claim: TrialClaim, outcome: TrialOutcome) -> dict[str, Any]:
    """Return the row of a claim in a scoreboard."""
    return {
        "id": claim.id,
        "kind": "trial",
        "counted": claim.counted,
        "share": round(outcome.share, 4),
        "draws": int(outcome.solved.sum()),
        "verdict": verdict(outcome.share, float(outcome.solved.mean())),
        "reason": REASON if claim.counted else f"not counted: {claim.why_not}",
        "says": claim.says,
        "origin": "review",
        "section": claim.section,
        "assay": claim.trial.id,
        "own_paper": None,
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


def trial_detail(claim: TrialClaim, outcome: TrialOutcome) -> dict[str, Any]:
    """Return arms and relations of a claim, as for one of the bench."""
    arms = []
    for name, read in claim.arms.items():
        lo, mid, hi = band(outcome.values[name])
        readout, day, unit = _readout(claim, read)
        arms.append(
            {
                "name": name,
                "inputs": {"arm": read.arm},
                "readout": readout,
                "day": day,
                "median": mid,
                "lo": lo,
                "hi": hi,
                "unit": unit,
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
        "assay": claim.trial.id,
        "kind": "trial",
        "why": REASON,
        "rules": [],
        "arms": arms,
        "relations": relations,
        "counted": claim.counted,
        "why_not": claim.why_not,
    }
