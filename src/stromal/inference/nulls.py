"""Null models: the same rules of MSC with their targets and signs shuffled, potency set again.

A claim that shuffled models reproduce as often says nothing about the mechanisms cited for it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..evidence import Evidence
from ..evidence.records import Behaviour
from ..experiments.ensemble import Ensemble, msc_rules, stronger
from ..experiments.results import run_assay

__all__ = ["shuffled"]

#: Bounds given to a behaviour that had none on the side where a shuffled rule now pushes.
MOST, LEAST = 6.0, 0.1
FOLDS = {"weak": 1.5, "moderate": 2.5, "strong": 6.0, "": 2.5}
DROPS = {"weak": 0.75, "moderate": 0.5, "strong": 0.25, "": 0.5}
#: Suppression (%) at ratios that set the potency of a null: the middle rows of the calibration data.
TARGETS = {"1:1": 90.0, "1:5": 70.0, "1:10": 50.0, "1:40": 15.0}
POTENCIES = (0.25, 0.5, 1.0, 2.0, 4.0)


def shuffled(
    evidence: Evidence, ensemble: Ensemble, *, seed: int, threads: int | None = None
) -> tuple[Evidence, float]:
    """Return a null model, and the potency of its MSC that comes closest to the calibration curve.

    Parameters
    ----------
    evidence : Evidence
    ensemble : Ensemble
        Of the bench.
    seed : int
        Of the shuffle.
    threads : int, optional
    """
    model = shuffle_rules(evidence, np.random.default_rng([20, seed]))
    some = ensemble.head(min(20, len(ensemble)))
    misfit = {p: _misfit(model, stronger(some, p), threads) for p in POTENCIES}
    return model, min(misfit, key=lambda p: (misfit[p], p))


def shuffle_rules(evidence: Evidence, rng: np.random.Generator) -> Evidence:
    """Permute the targets of the rules by which MSC act on host cells, and toss their signs."""
    ids = sorted(msc_rules(evidence))
    order = rng.permutation(len(ids))
    rules = {k: r for k, r in evidence.tables["rules"].items()}
    rows = {k: r for k, r in evidence.tables["behaviours"].items()}
    for name, other in zip(ids, order, strict=True):
        rule, target = evidence.rules[name], evidence.rules[ids[other]]
        effect = str(rng.choice(["increases", "decreases"]))
        fold = (FOLDS if effect == "increases" else DROPS)[rule.strength_class]
        bound = "most" if effect == "increases" else "least"
        for key, row in list(rows.items()):
            assert isinstance(row, Behaviour)
            if row.behaviour == target.behaviour and _shares_cell(evidence, row.cell, target.cell):
                limit = getattr(row, bound)
                if limit is None:
                    rows[key] = row = row.model_copy(update={bound: MOST if effect == "increases" else LEAST})
                limit = getattr(row, bound)
                # the fold stays strictly inside the bounds of its new behaviour
                fold = min(fold, max(limit, 1.01)) if effect == "increases" else max(fold, limit)
        changes = {
            "cell": target.cell,
            "behaviour": target.behaviour,
            "effect": effect,
            "fold": fold,
            "group": "",
        }
        rules[(name,)] = rule.model_copy(update=changes)
    return replace(evidence, tables={**evidence.tables, "rules": rules, "behaviours": rows})


def _shares_cell(evidence: Evidence, a: str, b: str) -> bool:
    def cells(name: str) -> set[str]:
        return {
            *evidence.members.get(name, ()),
            *(c.name for c in evidence.cells.values() if c.lineage == name),
        }

    return bool(cells(a) & cells(b))


def _misfit(evidence: Evidence, ensemble: Ensemble, threads: int | None) -> float:
    arms = {"none": {"product": "none"}, **{r: {"ratio": r} for r in TARGETS}}
    result = run_assay(
        "coculture",
        arms=arms,
        readouts=["proliferation"],
        draws=None,
        evidence=evidence,
        ensemble=ensemble,
        threads=threads,
    )
    alone = result.values("proliferation", "none")
    total = 0.0
    for ratio, wanted in TARGETS.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            suppression = 100.0 * (1.0 - result.values("proliferation", ratio) / alone)
        total += (float(np.nanmedian(suppression)) - wanted) ** 2
    return total
