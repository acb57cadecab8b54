"""Compile a bench of few rows and read numbers off its equations."""

from __future__ import annotations

from pathlib import Path

from small import small_evidence

from stromal.evidence import Evidence
from stromal.model import System, compile_model
from stromal.model.expr import evaluate, evaluate_all

__all__ = ["RULE", "SLOW", "at", "built", "slopes", "turned"]

RULE = {
    "id": "ifng-licenses",
    "cell": "MSC",
    "behaviour": "expresses PD-L1",
    "signal": "IFNG",
    "effect": "increases",
    "fold": "5",
    "half_max": "2",
    "unit": "ng/mL",
}
SLOW = {
    "id": "pge2-slows",
    "cell": "T.active",
    "behaviour": "division",
    "signal": "PGE2",
    "effect": "decreases",
    "fold": "0.2",
    "half_max": "10",
    "unit": "ng/mL",
}
WELL = {c: ("well",) for c in ("T", "MSC")}


def built(folder: Path, sites=None, places=None, extra=(), **more: list[dict[str, str]]) -> System:  # noqa: ANN001
    return compile_model(small_evidence(folder, more), sites=sites or WELL, places=places, extra=extra)


def at(system: System, expr_or_name, **levels: float) -> float:  # noqa: ANN001
    """Evaluate at some levels of the well (others zero) and the default parameters, or those given."""
    env = dict.fromkeys((s.name for s in system.states), 0.0) | {p.name: p.value for p in system.parameters}
    for name, value in levels.items():
        key = name if name in env else f"well:{name}"
        assert key in env, name
        env[key] = value
    expr = system.inlined[expr_or_name] if isinstance(expr_or_name, str) else expr_or_name
    return float(evaluate(expr, env))


def slopes(system: System, **levels: float) -> dict[str, float]:
    env = dict.fromkeys((s.name for s in system.states), 0.0) | {p.name: p.value for p in system.parameters}
    env |= {k if k in env else f"well:{k}": v for k, v in levels.items()}
    names = [s.name for s in system.states]
    return dict(zip(names, map(float, evaluate_all(system.right_hand_side(), env)), strict=True))


def turned(evidence: Evidence, rule: str) -> Evidence:
    """Return the tables with one rule the other way round."""
    row = evidence.rules[rule]
    change = {
        "increases": {"effect": "decreases", "fold": 1 / (row.fold or 1.0)},
        "decreases": {"effect": "increases", "fold": 1 / max(row.fold or 0.0, 0.05)},
        "requires": {"effect": "decreases", "fold": 0.1, "leak": None},
    }[row.effect]
    tables = {**evidence.tables, "rules": {**evidence.tables["rules"]}}
    tables["rules"][row.identity()] = row.model_copy(update=change)
    return Evidence(tables, ("turned",))
