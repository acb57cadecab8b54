"""Run the arms of an assay over all draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..evidence.units import parse_quantity
from ..model import System
from .arm import Arm
from .assay import Assay
from .ensemble import Ensemble, shipped_ensemble
from .product import item, prepare
from .switches import apply_arm
from .well import addition, bench_system, depths, layout, rest, restore, seed_cells, solve, unprimed

__all__ = ["Run", "Well", "prepared", "simulate"]

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
        # with a stage before, the product is there only: the membrane too
        some = {n: a for n, a in arms.items() if contact == ("contact" if assay.before else a.contact)}
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
    wanted |= {item(a)[0] for r in evidence.products if r.kind == "vesicle" for a in r.add}
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
            numbers, system, arm, evidence, ensemble, depth=depths(assay, places), volume=assay.volume
        )
        product, brought = prepare(assay, arm, evidence, ensemble, threads)
        before = rest(system, values)
        scale, shift = addition(
            system, unprimed(product, system, before), places, assay.volume, len(ensemble)
        )
        seed_cells(before, system, assay, arm, evidence, places)
        restore(before, system, brought)
        restore(before, system, {k: parse_quantity(v, "relative") for k, v in arm.carried.items()})
        scales.append(scale)
        shifts.append(shift)
        starts.append(before if arm.msc_day > 0 else scale * before + shift)
        late.append(np.full(len(ensemble), arm.msc_day if arm.msc_day > 0 else np.inf))
        sets.append(values)
    return Wells(
        system,
        days,
        start=np.concatenate(starts),
        parameters=np.concatenate(sets),
        late=np.concatenate(late),
        scale=np.concatenate(scales),
        shift=np.concatenate(shifts),
        volume=places["well"] / assay.volume,
    )
