"""One well: the compiled system behind it, what is put into it, and its integration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..evidence import Evidence
from ..model import System, compile_model
from ..model.expr import evaluate_all
from ..model.network import build_network
from .arm import Arm, product_cell
from .assay import Assay, parse_cells, parse_medium

__all__ = [
    "Product",
    "addition",
    "bench_system",
    "depths",
    "dose",
    "layout",
    "rest",
    "restore",
    "seed_cells",
    "solve",
    "unprimed",
]


@dataclass(frozen=True)
class Product:
    """What an arm adds: cells with what they carry, and mediators.

    Attributes
    ----------
    cell : str
        Empty if there are no cells.
    count : float
        Cells per uL of the well.
    carried : dict of str to array (draws,)
        Level by ``LINEAGE.X``; at rest where not named.
    medium : dict of str to array (draws,) or float
        Mediators added.
    dilution : float
        Share of fresh medium that remains.
    """

    cell: str = ""
    count: float = 0.0
    carried: Mapping[str, np.ndarray] | None = None
    medium: Mapping[str, Any] | None = None
    dilution: float = 1.0


#: Compiled systems that are kept, the oldest is dropped first.
MOST_KERNELS = 32
_kernels: dict[System, Any] = {}


def solve(system: System, y0: np.ndarray, parameters: np.ndarray, days: np.ndarray, **options: Any) -> Any:
    """Integrate with the mean-field engine."""
    kernel = _kernels.get(system)
    if kernel is None:
        from ..ode import compile_system

        kernel = compile_system(system, rtol=options.get("rtol", 1e-5))
        while len(_kernels) >= MOST_KERNELS:
            _kernels.pop(next(iter(_kernels)))
        _kernels[system] = kernel
    return kernel.solve(y0, parameters, days, **options)


@lru_cache(maxsize=64)
def _system(
    evidence: Evidence,
    sites: tuple[tuple[str, tuple[str, ...]], ...],
    places: tuple[tuple[str, float], ...],
    extra: tuple[str, ...],
) -> System:
    return compile_model(evidence, sites=dict(sites), places=dict(places), extra=extra, name="bench")


def bench_system(
    evidence: Evidence,
    sites: Mapping[str, tuple[str, ...]],
    places: Mapping[str, float],
    extra: tuple[str, ...],
) -> System:
    """Compile a system for a set of cells; assays of the same cells share one object, and one kernel."""
    known = build_network(evidence, sites, places).mediators
    extra = tuple(sorted(set(extra) - set(known)))
    return _system(evidence, tuple(sites.items()), tuple(places.items()), extra)


def layout(
    assay: Assay, arms: Mapping[str, Arm], evidence: Evidence
) -> tuple[dict[str, tuple[str, ...]], dict[str, float]]:
    """Return where each cell may be, and the places, for arms of one layout."""
    apart = assay.before is None and any(arm.contact == "transwell" for arm in arms.values())
    places = {"well": assay.volume}
    if "insert" in assay.seeded_in.values():
        places["insert"] = assay.insert_volume
    elif apart:
        # the same cells and the same medium as without an insert, which takes up its share
        places = {"well": assay.volume - assay.insert_volume, "insert": assay.insert_volume}
    sites: dict[str, tuple[str, ...]] = {}
    for cell in [*assay.main.seed, *(c for arm in arms.values() for c in arm.seed)]:
        start = assay.seeded_in.get(cell, "well")
        sites[cell] = tuple(places) if start != "well" else ("well",)
    # MSC always, so that one compiled system serves arms with and without them
    for cell in sorted({"MSC", *(product_cell(arm, evidence) for arm in arms.values())} - {""}):
        # where the target sits in the insert, the product is in the well below
        away = "insert" if apart and not assay.seeded_in else "well"
        sites[cell] = tuple(p for p in places if p == away or p in sites.get(cell, ()))
    return dict(sorted(sites.items())), places


def depths(assay: Assay, places: Mapping[str, float]) -> dict[str, float]:
    """Return the depth of medium over the bottom of each place, uL/mm^2."""
    return {place: volume / assay.area for place, volume in places.items()}


def rest(system: System, parameters: np.ndarray) -> np.ndarray:
    """Return the state of a fresh well without cells: medium at its start, carried levels at rest.

    Returns
    -------
    array (runs, states)
    """
    env = {p.name: parameters[:, i] for i, p in enumerate(system.parameters)}
    y0 = np.zeros((len(parameters), len(system.states)))
    names = list(system.start)
    for name, value in zip(names, evaluate_all([system.start[n] for n in names], env), strict=True):
        y0[:, system.state_index[name]] = value
    return y0


def seed_cells(
    y0: np.ndarray, system: System, assay: Assay, arm: Arm, evidence: Evidence, places: Mapping[str, float]
) -> None:
    """Put the cells, stimuli and additions of an arm into wells, in place."""
    cells = {**assay.main.seed, **parse_cells(arm.seed, evidence)}
    for cell, count in cells.items():
        place = assay.seeded_in.get(cell, "well")
        times = 1.0 if place == "insert" else assay.volume / places["well"]
        y0[:, system.state_index[f"{place}:{cell}"]] = count * times
    stimuli = {m: arm.stimulus * level for m, level in assay.main.medium.items()}
    for mediator, level in parse_medium(arm.add, evidence).items():
        stimuli[mediator] = stimuli.get(mediator, 0.0) + level
    dose(y0, system, stimuli, evidence)


def dose(y0: np.ndarray, system: System, levels: Mapping[str, Any], evidence: Evidence) -> None:
    """Add mediators to every place; what does not diffuse (beads) stays in the well."""
    for mediator, level in levels.items():
        row = evidence.kinetics.get((mediator, "well"))
        for place in ("well", "insert"):
            i = system.state_index.get(f"{place}:{mediator}")
            if i is not None and (place == "well" or (row is not None and row.diffusion is not None)):
                y0[:, i] += level


def restore(y0: np.ndarray, system: System, carried: Mapping[str, Any]) -> None:
    """Set what cells carry from an earlier stage, or are said to carry, in place."""
    for name, level in carried.items():
        if f"well:{name}" in system.state_index:
            y0[:, system.state_index[f"well:{name}"]] = level


def addition(
    system: System, product: Product, places: Mapping[str, float], volume: float, runs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what adding a product does to a well, ``y -> scale * y + shift``, each (runs, states).

    Cells and mediators add up; medium is replaced in part by conditioned medium (stimuli on beads stay);
    what the cells carry replaces the level of cells that are not there yet.
    """
    scale, shift = np.ones((runs, len(system.states))), np.zeros((runs, len(system.states)))
    index = system.state_index
    for mediator, level in (product.medium or {}).items():
        for place in places:
            if (i := index.get(f"{place}:{mediator}")) is not None:
                scale[:, i] = product.dilution
                shift[:, i] = level
    if product.cell:
        # in a transwell the product is in the insert, also where such cells are seeded in the well
        place = [s.place for s in system.states if s.kind == "cell" and s.entity == product.cell][-1]
        shift[:, index[f"{place}:{product.cell}"]] = product.count * volume / places[place]
        for name, level in (product.carried or {}).items():
            if (i := index.get(f"{place}:{name}")) is not None:
                scale[:, i], shift[:, i] = 0.0, level
    return scale, shift


def unprimed(product: Product, system: System, at_rest: np.ndarray) -> Product:
    """Say what cells carry that were not primed: rest, whatever the well did to it before they came."""
    carried = {}
    for i, state in enumerate(system.states):
        name = state.name.partition(":")[2]
        if state.kind == "expression" and name.rpartition(".")[0] == product.cell:
            carried[name] = at_rest[:, i]
    return replace(product, carried={**carried, **(product.carried or {})})
