"""Models in which one rule is turned round: increases <-> decreases, and a need that is gone.

All mutants of an assay share one system. Every rule gets a twin of the opposite sign whose fold is 1, so that it
does nothing; a mutant silences a rule and gives its twin the mirrored fold. That changes parameters alone: the
system is compiled once, all draws keep all other numbers, and a difference is due to the rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from stromal.evidence import Evidence
from stromal.evidence.records import Behaviour
from stromal.experiments.ensemble import Ensemble
from stromal.inference.nulls import LEAST, MOST
from stromal.model import System

__all__ = ["Mutant", "baseline", "flipped", "twin_id", "twinned"]

OPPOSITE = {"increases": "decreases", "decreases": "increases"}
#: Half-maximal level (times its own) at which a rule is silent at any level of its signal.
SILENT = 1e30
#: Leak of a need that may vary, where the table says that nothing is left.
TRACE = 1e-12


def twin_id(rule: str) -> str:
    """Return the id of a rule's twin."""
    return f"{rule}-turned"


def twinned(evidence: Evidence, rules: Iterable[str] | None = None) -> Evidence:
    """Return evidence in which rules have a twin of the opposite sign.

    Parameters
    ----------
    evidence : Evidence
    rules : iterable of str, optional
        Ids; all by default. A rule that requires has no twin: its leak becomes a number that can be set.
    """
    table, rows = dict(evidence.tables["rules"]), dict(evidence.tables["behaviours"])
    for name in evidence.rules if rules is None else rules:
        rule = evidence.rules[name]
        if rule.effect == "requires":
            if not rule.leak:
                table[(name,)] = rule.model_copy(update={"leak": TRACE})
            continue
        effect = OPPOSITE[rule.effect]
        fold = 1.0 + 1e-9 if effect == "increases" else 1.0 - 1e-9
        changes = {"id": twin_id(name), "effect": effect, "fold": fold, "group": ""}
        table[(twin_id(name),)] = rule.model_copy(update=changes)
        bound, value = ("most", MOST) if effect == "increases" else ("least", LEAST)
        for key, row in rows.items():
            assert isinstance(row, Behaviour)
            # a bound of one leaves no room: as good as none
            if row.behaviour == rule.behaviour and _overlap(evidence, row.cell, rule.cell):
                if getattr(row, bound) in (None, 1.0):
                    rows[key] = row.model_copy(update={bound: value})
    return replace(evidence, tables={**evidence.tables, "rules": table, "behaviours": rows})


def _overlap(evidence: Evidence, a: str, b: str) -> bool:
    def cells(name: str) -> set[str]:
        of_lineage = {c.name for c in evidence.cells.values() if c.lineage == name}
        return {*evidence.members.get(name, ()), *of_lineage}

    return bool(cells(a) & cells(b))


@dataclass(frozen=True)
class Mutant(Ensemble):
    """Draws of an ensemble with one rule turned round; for evidence that `twinned` made.

    Attributes
    ----------
    rule : str
        Empty for none: the model as it is.
    original : Evidence
        Without twins: shares of strength are split as if there were none.
    kept : dict
        Samples by system, shared by the mutants of an ensemble.
    """

    rule: str = ""
    original: Any = None
    kept: dict[int, tuple[System, np.ndarray]] = field(default_factory=dict)

    def sample(self, system: System, evidence: Evidence) -> np.ndarray:
        """Return parameter sets (draws, parameters) of a twinned system."""
        if id(system) not in self.kept:
            self.kept[id(system)] = (system, _without_twins(super().sample(system, self.original), system))
        out = self.kept[id(system)][1].copy()
        if self.rule and f"rule:{self.rule}:half_max" in system.parameter_index:
            _turn(out, system, self.original.rules[self.rule], self.original)
        return out


def _without_twins(out: np.ndarray, system: System) -> np.ndarray:
    for i, parameter in enumerate(system.parameters):
        if parameter.kind == "fold" and parameter.owner.endswith(twin_id("")):
            out[:, i] = 1.0
    return out


def _turn(out: np.ndarray, system: System, rule: Any, evidence: Evidence) -> None:
    index = system.parameter_index
    alone = rule.effect == "requires" and not rule.group
    if alone:
        out[:, index[f"rule:{rule.id}:leak"]] = 1.0
        return
    # in a group the strength is shared: what is silenced is this member's signal, not the pathway
    half = index[f"rule:{rule.id}:half_max"]
    twin = f"rule:{twin_id(rule.id)}:"
    if f"{twin}half_max" in index:
        out[:, index[f"{twin}half_max"]] = out[:, half]
    out[:, half] *= SILENT
    if f"{twin}fold" in index:
        i, least = index[f"{twin}fold"], 1e-3
        fold = np.maximum(out[:, _strength_of(system, rule, evidence)], least)
        out[:, i] = np.clip(1.0 / fold, system.parameters[i].lower, system.parameters[i].upper)


def _strength_of(system: System, rule: Any, evidence: Evidence) -> int:
    """Return the parameter that says how strong a rule is: of a group, that of its first member."""
    same = [
        r.id
        for r in evidence.rules.values()
        if rule.group
        and (r.behaviour, r.effect, r.group, r.cell) == (rule.behaviour, rule.effect, rule.group, rule.cell)
    ]
    first = next((r for r in same if f"rule:{r}:fold" in system.parameter_index), rule.id)
    return system.parameter_index[f"rule:{first}:fold"]


def baseline(ensemble: Ensemble, evidence: Evidence) -> Mutant:
    """Return an ensemble for twinned evidence with every rule as it is; ``evidence`` is without twins."""
    same = {f.name: getattr(ensemble, f.name) for f in fields(Ensemble)}
    return Mutant(**same, original=evidence)


def flipped(base: Mutant, rule: str) -> Mutant:
    """Return the draws of ``base`` with one rule turned round."""
    return replace(base, rule=rule, name=f"{base.name}, {rule} turned")
