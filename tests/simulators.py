"""Run an SBML document in simulators that nobody here wrote.

States are told by their names; what comes back is in the order asked for, in the states' own units (amount
and concentration are the same number in documents that `stromal` writes). At the time of an event a simulator
may report the value before or after it: do not compare there.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.integrate import solve_ivp

from stromal.model.expr import evaluate_all
from stromal.model.system import System

__all__ = ["simulate_copasi", "simulate_roadrunner", "simulate_scipy", "species_ids"]


def species_ids(sbml: str) -> dict[str, str]:
    """Return the identifier of each species by its name, in document order."""
    root = ET.fromstring(sbml)
    core = root.tag.partition("}")[0] + "}"
    return {species.get("name"): species.get("id") for species in root.iter(core + "species")}  # type: ignore[misc]


def simulate_roadrunner(
    sbml: str,
    times: Sequence[float],
    state_names: Sequence[str],
    rtol: float = 1e-9,
    atol: float | Sequence[float] = 1e-12,
) -> np.ndarray:
    """Integrate with libRoadRunner (CVODE).

    Parameters
    ----------
    sbml : str
    times : sequence of float
        In days, rising; the first is where the run starts.
    state_names : sequence of str
    rtol : float
    atol : float or sequence of float
        In the states' units; a sequence is in the order of ``state_names``.

    Returns
    -------
    numpy.ndarray
        Shape (times, states).
    """
    import roadrunner

    ids = species_ids(sbml)
    wanted = [ids[name] for name in state_names]
    # the default compiler needs minutes for a hundred states, this one less than a second
    roadrunner.Config.setValue(roadrunner.Config.LLVM_BACKEND, roadrunner.Config.LLJIT)
    model = roadrunner.RoadRunner(sbml)
    model.integrator.relative_tolerance = rtol
    # one number would be scaled by the state at each call, and counts for nothing where that is zero
    least = dict(zip(wanted, np.broadcast_to(np.asarray(atol, float), len(wanted)), strict=True))
    order = model.model.getFloatingSpeciesIds()
    model.integrator.absolute_tolerance = [float(least.get(sid, np.min(atol))) for sid in order]
    model.integrator.maximum_num_steps = 1_000_000
    model.timeCourseSelections = ["time", *(f"[{sid}]" for sid in wanted)]
    result = np.array(model.simulate(times=[float(t) for t in times]))
    return result[:, 1:]


def simulate_copasi(
    sbml: str,
    times: Sequence[float],
    state_names: Sequence[str],
    rtol: float = 1e-9,
    atol: float | Sequence[float] = 1e-12,
) -> np.ndarray:
    """Integrate with COPASI (LSODA); arguments as `simulate_roadrunner`, of ``atol`` the least counts."""
    import basico

    ids = species_ids(sbml)
    model = basico.load_model_from_string(sbml)
    try:
        frame = basico.run_time_course(
            values=[float(t) for t in times],
            start_time=float(times[0]),
            use_sbml_id=True,
            method="deterministic",
            r_tol=rtol,
            a_tol=float(np.min(atol)),
            max_steps=10_000_000,
            model=model,
        )
        # what no reaction changes is left out of the frame
        at_rest = basico.get_species(model=model).set_index("sbml_id")["initial_concentration"]
        wanted = [ids[name] for name in state_names]
        columns = [frame[sid] if sid in frame else np.full(len(frame), at_rest[sid]) for sid in wanted]
        return np.column_stack(columns)
    finally:
        basico.remove_datamodel(model)


def simulate_scipy(
    system: System,
    times: Sequence[float],
    y0: Sequence[float] | None = None,
    params: Mapping[str, float] | None = None,
    events: Iterable[tuple[float, Mapping[str, tuple[float, float]]]] = (),
    rtol: float = 1e-10,
    atol: float | Sequence[float] = 1e-12,
) -> np.ndarray:
    """Integrate the readable right-hand side with scipy (LSODA), with no SBML in between.

    Parameters
    ----------
    system : System
    times : sequence of float
        In days, rising.
    y0 : sequence of float, optional
        In system order; default: the system's start.
    params : mapping of str to float, optional
        In place of the system's own values.
    events : iterable of (float, mapping)
        As in `stromal.export.sbml.to_sbml`; a result at the time of an event is the one before it.

    Returns
    -------
    numpy.ndarray
        Shape (times, states).
    """
    values = {p.name: p.value for p in system.parameters} | dict(params or {})
    names = [state.name for state in system.states]
    if y0 is None:
        start = dict(zip(system.start, evaluate_all(list(system.start.values()), values), strict=True))
        y0 = [start.get(name, 0.0) for name in names]
    rates = system.right_hand_side()

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        return np.array(evaluate_all(rates, values | dict(zip(names, y, strict=True))), float)

    times = np.asarray(times, float)
    jumps = sorted(events, key=lambda event: event[0])
    y, out = np.array(y0, float), np.empty((len(times), len(names)))
    cuts = [times[0], *(max(when, times[0]) for when, _ in jumps), times[-1]]
    for number, (begin, end) in enumerate(zip(cuts, cuts[1:], strict=False)):
        first = begin if number else -np.inf
        inside = (times > first) & (times <= end)
        if end > begin:
            asked = np.unique([*times[inside], end])
            run = solve_ivp(slope, (begin, end), y, "LSODA", asked, rtol=rtol, atol=atol)
            assert run.success, run.message
            out[inside] = run.y.T[np.searchsorted(asked, times[inside])]
            y = run.y[:, -1].copy()
        elif inside.any():
            out[inside] = y
        if number < len(jumps):
            for name, (scale, shift) in jumps[number][1].items():
                y[names.index(name)] = scale * y[names.index(name)] + shift
    return out
