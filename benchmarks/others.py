"""Other simulators on the same patients: final states, and seconds spent in simulating.

Each is given what it needs once (loading, compiling) before the clock starts. Tolerances are the same
numbers: relative, and one absolute for each state.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from stromal.export.sbml import state_ids, to_sbml
from stromal.ode.solve import build

from .models import Model

__all__ = ["copasi", "roadrunner", "sundials"]


def _sbml(model: Model) -> str:
    return to_sbml(model.system, y0=model.y0, events=model.doses)


def _absolute(model: Model, atol: float) -> np.ndarray:
    return atol * np.array([state.scale for state in model.system.states])


_LOADED: dict = {}


def _roadrunner_start(name: str, sbml: str, ids: list[str], names: list[str]) -> None:
    import roadrunner as rr

    # the default compiler needs minutes for a hundred states, this one seconds
    rr.Config.setValue(rr.Config.LLVM_BACKEND, rr.Config.LLJIT)
    runner = rr.RoadRunner(sbml)
    _LOADED.update(runner=runner, ids=ids, names=names, name=name)


def _roadrunner_part(y0, params, times, seen: list[int], rtol: float, absolute) -> np.ndarray:
    runner, ids = _LOADED["runner"], _LOADED["ids"]
    order = runner.model.getFloatingSpeciesIds()
    by_id = dict(zip(ids, absolute, strict=True))
    # the twelve observables at all times; every state at the end
    runner.timeCourseSelections = ["time", *(f"[{ids[i]}]" for i in seen)]
    final = np.empty((len(params), len(ids)))
    places = [order.index(sid) for sid in ids]
    known = list(runner.model.getGlobalParameterIds())
    for at, row in enumerate(params):
        runner.reset()
        runner.model.setGlobalParameterValues([known.index(x) for x in _LOADED["names"]], list(row))
        runner.model.setFloatingSpeciesConcentrations([places[i] for i in range(len(ids))], list(y0))
        runner.integrator.relative_tolerance = rtol
        # one number would be scaled by the state at each call
        runner.integrator.absolute_tolerance = [float(by_id[sid]) for sid in order]
        runner.integrator.maximum_num_steps = 1_000_000
        runner.simulate(times=list(times))
        final[at] = np.asarray(runner.model.getFloatingSpeciesConcentrations())[places]
    return final


class roadrunner:
    """libRoadRunner (CVODE), one process a core, kept alive between calls."""

    def __init__(self, model: Model, processes: int = 2) -> None:
        from stromal.export.sbml_names import identifiers

        self.model, self.processes = model, processes
        known, ids = identifiers(model.system), state_ids(model.system)
        names = [known["symbol", p.name] for p in model.system.parameters]
        arguments = ("roadrunner", _sbml(model), [ids[s.name] for s in model.system.states], names)
        self.pool = [
            ProcessPoolExecutor(1, get_context("spawn"), _roadrunner_start, arguments)
            for _ in range(processes)
        ]
        self.run(model.draw(processes, 1), 1e-3, 1e-5)

    def run(self, params: np.ndarray, rtol: float, atol: float) -> tuple[np.ndarray, float]:
        """Return the final states, and seconds."""
        model, parts = self.model, np.array_split(params, self.processes)
        absolute = _absolute(model, atol)
        start = time.perf_counter()
        jobs = [
            pool.submit(_roadrunner_part, model.y0, part, model.times, model.observables, rtol, absolute)
            for pool, part in zip(self.pool, parts, strict=True)
        ]
        final = np.concatenate([job.result() for job in jobs])
        return final, time.perf_counter() - start

    def close(self) -> None:
        """End the processes."""
        for pool in self.pool:
            pool.shutdown()
