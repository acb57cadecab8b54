"""The ledger: how many MSC, touches and molecules a target cell really meets, day by day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evidence.words import parse_signal
from ..experiments.results import band
from ..model.expr import evaluate_all

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..experiments.bench import Run

__all__ = ["environment", "evaluate_at", "ledger"]

#: Particles per nL in one uL.
NL_PER_UL = 1e6


def environment(run: Run, arm: int, day: float) -> dict[str, np.ndarray]:
    """Return states and parameters of an arm on the kept day nearest to ``day``, by name, each (draws,)."""
    at = int(np.argmin(np.abs(run.days - day)))
    env = {state.name: run.y[arm, :, at, i] for i, state in enumerate(run.system.states)}
    return env | {p.name: run.parameters[arm, :, i] for i, p in enumerate(run.system.parameters)}


def evaluate_at(run: Run, env: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return a state, parameter or assignment, (draws,)."""
    if name in env:
        return env[name]
    value = evaluate_all([run.system.inlined[name]], env)[0]
    return np.broadcast_to(value, next(iter(env.values())).shape).astype(float)


def ledger(
    run: Run, days: Sequence[float], targets: tuple[str, ...], evidence: Evidence, product: str
) -> list[dict[str, Any]]:
    """Return the ledger of the first arm of a run, in wells or in a body.

    Parameters
    ----------
    run : Run
    days : sequence of float
        Days that are shown.
    targets : tuple of str
        Cells that a product is counted against.
    evidence : Evidence
    product : str
        The cell that the product consists of, empty if it has none.

    Returns
    -------
    list of dict
        ``place, day, quantity, median, lo, hi, unit, rule``, one row a quantity and day.
    """
    rows = []
    for place in dict.fromkeys(s.place for s in run.system.states if s.kind == "cell"):
        for day in days:
            env = environment(run, 0, day)
            for quantity, values, unit, rule in _quantities(run, targets, evidence, product, place, env):
                lo, mid, hi = band(values)
                rows.append(
                    {
                        "place": place,
                        "day": day,
                        "quantity": quantity,
                        "median": mid,
                        "lo": lo,
                        "hi": hi,
                        "unit": unit,
                        "rule": rule,
                    }
                )
    return rows


def _quantities(
    run: Run,
    target: tuple[str, ...],
    evidence: Evidence,
    product: str,
    place: str,
    env: Mapping[str, np.ndarray],
) -> Iterator[tuple[str, np.ndarray, str, str]]:
    index = run.system.state_index
    present = [s.entity for s in run.system.states if s.kind == "cell" and s.place == place]
    targets = [c for c in _descendants(run, target) if c in present and not c.startswith("MSC")]
    kind = "target cell"
    if not targets:
        # where no target is, what meets the product are phagocytes
        kind, targets = "phagocyte", [c for c in evidence.members.get("phagocyte", ()) if c in present]
    count = sum((env[f"{place}:{c}"] for c in targets), np.zeros(run.y.shape[1]))
    products = [c for c in present if c == product or c.startswith("MSC")]
    for cell in products:
        yield f"{cell} per {kind}", _over(env[f"{place}:{cell}"], count), "cells", ""
        if f"slots:{place}" in run.system.assignments and targets:
            free = evaluate_at(run, env, f"slots:{place}")
            met = _slots(env, evidence, cell) * env[f"{place}:{cell}"] / free
            mean = sum(
                (_slots(env, evidence, c) * env[f"{place}:{c}"] for c in targets), np.zeros_like(count)
            )
            yield f"touches of {cell} per {kind}", _over(mean, count) * met, "touches", ""
    for mediator, (half, rule) in _half_maxima(run, evidence).items():
        name = f"{place}:{mediator}"
        if name in index or name in run.system.assignments:
            yield f"{mediator} over its half_max", evaluate_at(run, env, name) / env[half], "ratio", rule
    for vesicle in ("MSC-EV", "apoV"):
        if f"{place}:{vesicle}" in index and targets:
            yield (
                f"{vesicle} per {kind}",
                _over(NL_PER_UL * env[f"{place}:{vesicle}"], count),
                "particles",
                "",
            )
    for lineage in ("monocyte", "macrophage"):
        if f"{place}:{lineage}.engulfed" in index:
            yield f"engulfed MSC in {lineage}s", env[f"{place}:{lineage}.engulfed"], "relative", ""


def _descendants(run: Run, targets: tuple[str, ...]) -> list[str]:
    """Return target cells and what they turn into in this system."""
    found, todo = set(), list(targets)
    while todo:
        cell = todo.pop()
        if cell not in found:
            found.add(cell)
            todo += [
                p.behaviour.removeprefix("becomes ")
                for p in run.system.processes
                if p.cell == cell and p.behaviour.startswith("becomes ")
            ]
    return sorted(found)


def _slots(env: Mapping[str, np.ndarray], evidence: Evidence, cell: str) -> np.ndarray | float:
    return env.get(f"slots:{cell}", evidence.cells[cell].slots)


def _over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 1e-9)


def _half_maxima(run: Run, evidence: Evidence) -> dict[str, tuple[str, str]]:
    """Return for each mediator the parameter of its lowest half_max in the system, and the rule."""
    names = {*evidence.members, *(c.lineage for c in evidence.cells.values())}
    medians = {p.name: p.value for p in run.system.parameters}
    best: dict[str, tuple[str, str]] = {}
    for rule in evidence.rules.values():
        signal, parameter = parse_signal(rule.signal, names), f"rule:{rule.id}:half_max"
        if signal.kind in ("free", "near") and parameter in medians:
            if signal.name not in best or medians[parameter] < medians[best[signal.name][0]]:
                best[signal.name] = (parameter, rule.id)
    return {m: best[m] for m in evidence.mediators if m in best}
