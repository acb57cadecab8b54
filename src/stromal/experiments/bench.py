"""Run arms of an assay: seed the wells, go through the stages, integrate.

A product is prepared as on the bench, by simulation: primed MSC are cultured with the cytokines and
washed, conditioned medium is taken from wells with MSC alone, Treg are exposed before they meet
responders. What a product carries is what it brings out of its own past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..model import System, compile_model
from ..model.expr import evaluate_all
from ..model.network import build_network
from .arm import Arm, parse_ratio, product_cell
from .assay import Assay, Stage, parse_cells, parse_medium
from .ensemble import Ensemble, shipped_ensemble
from .switches import apply_arm

__all__ = ["Run", "Well", "bench_system", "prepared", "simulate"]

#: MSC per uL while they are primed: subconfluent, 1e5 per mL (assumed; the level carried hardly depends on it).
CULTURE_DENSITY = 100.0
#: Days that MSC condition a medium, and the share of it in the assay (assumed: usual at the bench).
CONDITIONING_DAYS, CONDITIONED_SHARE = 2.0, 0.5
#: Times at which states are kept, days.
GRID = 0.25


@dataclass
class Run:
    """Trajectories of the arms that share a layout.

    Attributes
    ----------
    system : System
    arms : tuple of str
    days : array (times,)
    y : array (arms, draws, times, states)
    parameters : array (arms, draws, parameters)
    status : array (arms, draws)
        0 where the run went through.
    volume : float
        Of the place of the target cells over that of the well without insert: counts are given per
        uL of the latter.
    """

    system: System
    arms: tuple[str, ...]
    days: np.ndarray
    y: np.ndarray
    parameters: np.ndarray
    status: np.ndarray
    volume: float = 1.0


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


def solve(system: System, y0: np.ndarray, parameters: np.ndarray, days: np.ndarray, **options: Any) -> Any:
    """Integrate with the mean-field engine."""
    return _kernel(system).solve(y0, parameters, days, **options)


@lru_cache(maxsize=32)
def _kernel(system: System) -> Any:
    from ..ode import compile_system

    return compile_system(system)


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
    apart = any(arm.contact == "transwell" for arm in arms.values())
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


def simulate(
    assay: Assay,
    arms: Mapping[str, Arm],
    evidence: Evidence,
    ensemble: Ensemble,
    *,
    threads: int | None = None,
) -> list[Run]:
    """Run arms of an assay over all draws.

    Parameters
    ----------
    assay : Assay
    arms : mapping of str to Arm
    evidence : Evidence
    ensemble : Ensemble
    threads : int, optional

    Returns
    -------
    list of Run
        One for each layout (contact, transwell).
    """
    runs = []
    for contact in ("contact", "transwell"):
        some = {name: arm for name, arm in arms.items() if arm.contact == contact}
        if some:
            runs.append(_simulate(assay, some, evidence, ensemble, threads))
    return runs


def prepared(assay: Assay, arm: Arm, evidence: Evidence, ensemble: Ensemble | None = None) -> Well:
    """Return one arm at the median of every parameter, ready to be written for another program."""
    some = (ensemble or shipped_ensemble()).median()
    wells = _wells(assay, {"": arm}, evidence, some, None)
    names = [state.name for state in wells.system.states]
    events = []
    if np.isfinite(wells.late[0]):
        change = {
            n: (float(a), float(b))
            for n, a, b in zip(names, wells.scale[0], wells.shift[0], strict=True)
            if (a, b) != (1.0, 0.0)
        }
        events.append((float(wells.late[0]), change))
    return Well(
        replace(wells.system, name=assay.id), wells.start[0], wells.parameters[0], tuple(events), wells.days
    )


@dataclass(frozen=True)
class Well:
    """One well: system, start (states,), parameters (parameters,), doses, and days of the grid."""

    system: System
    start: np.ndarray
    parameters: np.ndarray
    events: tuple[tuple[float, dict[str, tuple[float, float]]], ...]
    days: np.ndarray


@dataclass(frozen=True)
class Wells:
    """All wells of one layout, arm by arm and draw by draw, before they are run.

    Attributes
    ----------
    system : System
    days : array (times,)
    start, scale, shift : array (runs, states)
        State at day 0; what late addition does: ``y -> scale * y + shift``.
    parameters : array (runs, parameters)
    late : array (runs,)
        Day of late addition, infinite for none.
    """

    system: System
    days: np.ndarray
    start: np.ndarray
    parameters: np.ndarray
    late: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    volume: float


def _simulate(
    assay: Assay, arms: Mapping[str, Arm], evidence: Evidence, ensemble: Ensemble, threads: int | None
) -> Run:
    from ..ode import Events

    w = _wells(assay, arms, evidence, ensemble, threads)
    events = None
    if np.isfinite(w.late).any():
        events = Events(w.late[:, None], w.scale[:, None, :], w.shift[:, None, :])
    result = solve(w.system, w.start, w.parameters, w.days, events=events, threads=threads)
    shape = (len(arms), len(ensemble))
    y = result.y.reshape(*shape, len(w.days), len(w.system.states))
    return Run(
        w.system,
        tuple(arms),
        w.days,
        y,
        w.parameters.reshape(*shape, -1),
        result.status.reshape(shape),
        w.volume,
    )


def _wells(
    assay: Assay, arms: Mapping[str, Arm], evidence: Evidence, ensemble: Ensemble, threads: int | None
) -> Wells:
    sites, places = layout(assay, arms, evidence)
    wanted = {m for arm in arms.values() for m in arm.add} | set(assay.main.medium)
    wanted |= {_item(a)[0] for r in evidence.products if r.kind == "vesicle" for a in r.add}
    system = bench_system(evidence, sites, places, tuple(sorted(wanted)))
    numbers = ensemble.sample(system, evidence)
    days = np.unique(np.append(np.arange(0.0, assay.main.days, GRID), [assay.main.days, assay.readout_day]))
    starts, sets, scales, shifts, late = [], [], [], [], []
    for arm in arms.values():
        if arm.msc_day > assay.main.days:
            hint = f"at most {assay.main.days:g}"
            raise InputError(
                f"day {arm.msc_day:g} is after the end of the assay", key="msc_day", suggestion=hint
            )
        values = apply_arm(
            numbers, system, arm, evidence, ensemble, depth=_depths(assay, places), volume=assay.volume
        )
        product, brought = _prepare(assay, arm, evidence, ensemble, threads)
        before = rest(system, values)
        scale, shift = _addition(system, _fresh(product, system, before), places, assay.volume, len(ensemble))
        _seed(before, system, assay, arm, evidence, places)
        _restore(before, system, brought)
        scales.append(scale)
        shifts.append(shift)
        starts.append(before if arm.msc_day > 0 else scale * before + shift)
        late.append(np.full(len(ensemble), arm.msc_day if arm.msc_day > 0 else np.inf))
        sets.append(values)
    return Wells(
        system,
        days,
        *(np.concatenate(x) for x in (starts, sets, late, scales, shifts)),
        volume=places["well"] / assay.volume,
    )


def _depths(assay: Assay, places: Mapping[str, float]) -> dict[str, float]:
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


def _seed(
    y0: np.ndarray, system: System, assay: Assay, arm: Arm, evidence: Evidence, places: Mapping[str, float]
) -> None:
    cells = {**assay.main.seed, **parse_cells(arm.seed, evidence)}
    for cell, count in cells.items():
        place = assay.seeded_in.get(cell, "well")
        times = 1.0 if place == "insert" else assay.volume / places["well"]
        y0[:, system.state_index[f"{place}:{cell}"]] = count * times
    stimuli = {m: arm.stimulus * level for m, level in assay.main.medium.items()}
    for mediator, level in parse_medium(arm.add, evidence).items():
        stimuli[mediator] = stimuli.get(mediator, 0.0) + level
    _dose(y0, system, stimuli, evidence)


def _dose(y0: np.ndarray, system: System, levels: Mapping[str, Any], evidence: Evidence) -> None:
    """Add mediators to every place; what does not diffuse (beads) stays in the well."""
    for mediator, level in levels.items():
        row = evidence.kinetics.get((mediator, "well"))
        for place in ("well", "insert"):
            i = system.state_index.get(f"{place}:{mediator}")
            if i is not None and (place == "well" or (row is not None and row.diffusion is not None)):
                y0[:, i] += level


def _restore(y0: np.ndarray, system: System, carried: Mapping[str, np.ndarray]) -> None:
    for name, level in carried.items():
        if f"well:{name}" in system.state_index:
            y0[:, system.state_index[f"well:{name}"]] = level


def _fresh(product: Product, system: System, at_rest: np.ndarray) -> Product:
    """Say what cells carry that were not primed: rest, whatever the well did to that level before they came."""
    carried = {}
    for i, state in enumerate(system.states):
        name = state.name.partition(":")[2]
        if state.kind == "expression" and name.rpartition(".")[0] == product.cell:
            carried[name] = at_rest[:, i]
    return replace(product, carried={**carried, **(product.carried or {})})


def _addition(
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


def _prepare(
    assay: Assay, arm: Arm, evidence: Evidence, ensemble: Ensemble, threads: int | None
) -> tuple[Product, dict[str, np.ndarray]]:
    """Return the product of an arm, and what target cells carry out of a stage before."""
    if arm.product == "none" and assay.before is None:
        return Product(), {}
    rows = [r for r in evidence.products if r.product == arm.product]
    if any(r.kind == "vesicle" for r in rows):
        standard = parse_medium(dict(_item(a) for r in rows for a in r.add), evidence)
        if arm.dose:
            standard = {m: parse_medium({m: arm.dose}, evidence)[m] for m in standard}
        product = Product(medium=standard)
    else:
        cell = product_cell(arm, evidence)
        if arm.product == "conditioned medium":
            cell = "MSC"
        elif arm.product == "apoptotic conditioned medium":
            cell = "MSC.apoptotic"
        product = Product(
            cell,
            parse_ratio(arm.ratio) * _targets(assay, arm, evidence),
            _primed(cell, arm, assay, evidence, ensemble, threads),
        )
        if arm.product.endswith("conditioned medium"):
            product = _conditioned(product, arm, assay, evidence, ensemble, threads)
    if assay.before is None:
        return product, {}
    return Product(), _exposed(assay, assay.before, product, arm, evidence, ensemble, threads)


def _targets(assay: Assay, arm: Arm, evidence: Evidence) -> float:
    """Return the cells that the ratio counts, per uL of the well."""
    seeded = {**assay.main.seed, **parse_cells(arm.seed, evidence)}
    if assay.before is not None:
        seeded = dict(assay.before.seed)
    share = assay.insert_volume / assay.volume
    amount = {c: n * (share if assay.seeded_in.get(c) == "insert" else 1.0) for c, n in seeded.items()}
    # an assay of MSC alone counts them against the usual 1e6 target cells per mL
    return sum(amount.get(c, 0.0) for c in assay.target) or sum(amount.values()) or 1000.0


def _item(text: str) -> tuple[str, str]:
    name, _, amount = text.partition("=")
    return name.strip(), amount.strip()


def _culture(
    cell: str,
    count: float,
    carried: Mapping[str, np.ndarray],
    medium: Mapping[str, Any],
    days: float,
    arm: Arm,
    assay: Assay,
    evidence: Evidence,
    ensemble: Ensemble,
    threads: int | None,
) -> dict[str, np.ndarray]:
    """Culture a product alone; return levels of all that is in the well at the end."""
    system = bench_system(evidence, {cell: ("well",)}, {"well": assay.volume}, tuple(sorted(medium)))
    values = apply_arm(
        ensemble.sample(system, evidence),
        system,
        arm,
        evidence,
        ensemble,
        depth=_depths(assay, {"well": assay.volume}),
        volume=assay.volume,
    )
    y0 = rest(system, values)
    y0[:, system.state_index[f"well:{cell}"]] = count
    _dose(y0, system, medium, evidence)
    _restore(y0, system, carried)
    end = solve(system, y0, values, np.array([0.0, days]), threads=threads).y[:, -1]
    return {
        s.name.removeprefix("well:"): end[:, i] for i, s in enumerate(system.states) if s.kind != "counter"
    }


def _primed(
    cell: str, arm: Arm, assay: Assay, evidence: Evidence, ensemble: Ensemble, threads: int | None
) -> dict[str, np.ndarray]:
    if not cell or not arm.priming:
        return {}
    medium: dict[str, float] = {}
    for agent in arm.priming:
        adds = [a for r in evidence.products if r.kind == "priming" and r.product == agent for a in r.add]
        if not adds:
            raise InputError(
                f"no standard dose for priming with {agent}",
                key="priming",
                suggestion="add a row to products.csv",
            )
        medium.update(parse_medium(dict(map(_item, adds)), evidence))
    # drugs of the assay are not in the priming culture; knock-outs are in the cell
    free = replace_arm(arm, block=())
    end = _culture(
        cell, CULTURE_DENSITY, {}, medium, arm.priming_days, free, assay, evidence, ensemble, threads
    )
    return {
        name: level
        for name, level in end.items()
        if name.startswith(f"{cell}.") and name not in evidence.cells
    }


def _conditioned(
    product: Product, arm: Arm, assay: Assay, evidence: Evidence, ensemble: Ensemble, threads: int | None
) -> Product:
    share = CONDITIONED_SHARE
    if arm.dose:
        from ..evidence.units import parse_quantity

        share = parse_quantity(arm.dose, "fraction")
        if not 0 <= share <= 1:
            raise InputError(f"{arm.dose!r} is not a share of medium", key="dose", suggestion="0 % to 100 %")
    end = _culture(
        product.cell,
        product.count,
        product.carried or {},
        {},
        CONDITIONING_DAYS,
        arm,
        assay,
        evidence,
        ensemble,
        threads,
    )
    medium = {name: share * level for name, level in end.items() if name in evidence.mediators}
    return Product(medium=medium, dilution=1.0 - share)


def _exposed(
    assay: Assay,
    stage: Stage,
    product: Product,
    arm: Arm,
    evidence: Evidence,
    ensemble: Ensemble,
    threads: int | None,
) -> dict[str, np.ndarray]:
    """Run the stage before and return what the kept lineages carry at its end."""
    part = replace(assay, main=stage, before=None, readout_day=stage.days, seeded_in={})
    inner = replace_arm(arm, seed={}, add={}, stimulus=1.0, msc_day=0.0)
    sites, places = layout(part, {"": inner}, evidence)
    system = bench_system(evidence, sites, places, tuple(sorted(stage.medium)))
    values = apply_arm(
        ensemble.sample(system, evidence),
        system,
        inner,
        evidence,
        ensemble,
        depth=_depths(assay, places),
        volume=assay.volume,
    )
    y0 = rest(system, values)
    _seed(y0, system, part, inner, evidence, places)
    scale, shift = _addition(system, product, places, assay.volume, len(ensemble))
    y0 = scale * y0 + shift
    end = solve(system, y0, values, np.array([0.0, stage.days]), threads=threads).y[:, -1]
    return {
        s.name.removeprefix("well:"): end[:, i]
        for i, s in enumerate(system.states)
        if s.kind == "expression"
        and s.place == "well"
        and s.name.removeprefix("well:").rpartition(".")[0] in stage.keep
    }


def replace_arm(arm: Arm, **changes: Any) -> Arm:
    """Return an arm with some keys changed."""
    return arm.model_copy(update=changes)
