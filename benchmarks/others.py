"""Other simulators on the same patients: final states, and seconds spent in simulating.

Each is given what it needs once (loading, compiling) before the clock starts. Tolerances are the same
numbers: relative, and one absolute for each state.
"""

from __future__ import annotations

import ctypes
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from stromal.export.sbml import state_ids, to_sbml
from stromal.export.sbml_names import identifiers
from stromal.ode.solve import build

from .models import Model, Patients

__all__ = ["Copasi", "RoadRunner", "Run", "Sundials"]


def _sbml(model: Model, one: Patients) -> str:
    return to_sbml(model.system, y0=list(one.y0[0]), params=list(one.params[0]), events=model.doses)


def _absolute(model: Model, atol: float) -> np.ndarray:
    return atol * np.array([state.scale for state in model.system.states])


_LOADED: dict = {}


def _roadrunner_start(sbml: str, ids: list[str], names: list[str]) -> None:
    import roadrunner as rr

    # the default compiler needs minutes for a hundred states, this one seconds
    rr.Config.setValue(rr.Config.LLVM_BACKEND, rr.Config.LLJIT)
    runner = rr.RoadRunner(sbml)
    _LOADED.update(runner=runner, ids=ids, names=names)


def _roadrunner_part(
    people: Patients, times, seen: list[int], rtol: float, absolute
) -> tuple[np.ndarray, float]:
    runner, ids = _LOADED["runner"], _LOADED["ids"]
    order = runner.model.getFloatingSpeciesIds()
    by_id = dict(zip(ids, absolute, strict=True))
    runner.timeCourseSelections = ["time", *(f"[{ids[i]}]" for i in seen)]
    final = np.empty((len(people), len(ids)))
    places = [order.index(sid) for sid in ids]
    known = list(runner.model.getGlobalParameterIds())
    targets = [known.index(x) for x in _LOADED["names"]]
    start = time.process_time()
    for at, (y0, row) in enumerate(zip(people.y0, people.params, strict=True)):
        runner.reset()
        runner.model.setGlobalParameterValues(targets, list(row))
        runner.model.setFloatingSpeciesConcentrations(places, list(y0))
        runner.integrator.relative_tolerance = rtol
        # one number would be scaled by the state at each call
        runner.integrator.absolute_tolerance = [float(by_id[sid]) for sid in order]
        runner.integrator.maximum_num_steps = 1_000_000
        runner.simulate(times=list(times))
        final[at] = np.asarray(runner.model.getFloatingSpeciesConcentrations())[places]
    return final, time.process_time() - start


@dataclass(frozen=True)
class Run:
    """Final states of some patients, and what they cost.

    Attributes
    ----------
    final : ndarray, (patients, states)
    wall : float
        Seconds.
    cpu : float
        Seconds of processor time, all cores together.
    cores : int
        Cores used.
    """

    final: np.ndarray
    wall: float
    cpu: float
    cores: int = 1


class RoadRunner:
    """libRoadRunner (CVODE), one process a core, kept alive between calls."""

    def __init__(self, model: Model, processes: int = 2) -> None:
        self.model, self.processes = model, processes
        known, ids = identifiers(model.system), state_ids(model.system)
        names = [known["symbol", p.name] for p in model.system.parameters]
        arguments = (_sbml(model, model.draw(1, 0)), [ids[s.name] for s in model.system.states], names)
        self.pool = [
            ProcessPoolExecutor(1, get_context("spawn"), _roadrunner_start, arguments)
            for _ in range(processes)
        ]
        self.run(model.draw(processes, 1), 1e-3, 1e-5)

    def run(self, people: Patients, rtol: float, atol: float) -> Run:
        """Simulate patients, shared out between the processes."""
        model = self.model
        parts = [people[i :: self.processes] for i in range(self.processes)]
        absolute = _absolute(model, atol)
        start = time.perf_counter()
        jobs = [
            pool.submit(_roadrunner_part, part, model.times, model.observables, rtol, absolute)
            for pool, part in zip(self.pool, parts, strict=True)
        ]
        done = [job.result() for job in jobs]
        wall = time.perf_counter() - start
        final = np.empty(people.y0.shape)
        for i, (x, _) in enumerate(done):
            final[i :: self.processes] = x
        return Run(final, wall, sum(x for _, x in done), self.processes)

    def close(self) -> None:
        """End the processes."""
        for pool in self.pool:
            pool.shutdown()


class Sundials:
    """CVODE of scikit-sundae, with right-hand side and Jacobian compiled by stromal, one core."""

    def __init__(self, model: Model, linsolver: str = "dense") -> None:
        from stromal.ode import jit

        self.model, self.linsolver = model, linsolver
        facts, objects = build(model.system, 1, single=False)
        self.library = jit.Library(objects)
        sizes, self.order = facts["layout"], np.array(facts["order"])
        self.n = len(self.order)
        self.slots, self.scratch = np.zeros(sizes["n_slots"]), np.zeros(sizes["n_scratch"])
        self.jac, self.f, self.y = np.zeros(sizes["n_jac"]), np.zeros(self.n), np.zeros(self.n)
        rows, columns = facts["entries"]
        self.rows, self.columns = self.order[rows], self.order[columns]

    def _call(self, name: str, *arrays: np.ndarray):
        prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))
        function, places = prototype(self.library.address(name)), [x.ctypes.data for x in arrays]
        return lambda: function(*places)

    def run(self, people: Patients, rtol: float, atol: float) -> Run:
        """Simulate patients one after another."""
        from sksundae.cvode import CVODE

        model, order, n = self.model, self.order, self.n
        y, f, values = self.y, self.f, self.jac
        rhs = self._call("rhs", y, self.slots, self.scratch, f)
        rhs_jac = self._call("rhs_jac", y, self.slots, self.scratch, f, values)

        def slope(t, x, out) -> None:
            y[:] = x[order]
            f[:] = 0.0
            rhs()
            out[order] = f

        def jacobian(t, x, fx, out) -> None:
            y[:] = x[order]
            rhs_jac()
            if self.linsolver == "sparse":
                out[:] = 0.0
                out[self.slot] = values
            else:
                out[self.rows, self.columns] = values

        options = {"jacfn": jacobian, "linsolver": self.linsolver, "rtol": rtol, "max_num_steps": 1_000_000}
        if self.linsolver == "sparse":
            # entries by columns, the diagonal among them
            pattern = np.eye(n, dtype=bool)
            pattern[self.rows, self.columns] = True
            number = np.zeros((n, n), dtype=int)
            number.T[pattern.T] = np.arange(pattern.sum())
            self.slot = number[self.rows, self.columns]
            options["sparsity"] = pattern.astype(float)
        marks = [t for t, _ in model.doses if model.times[0] <= t <= model.times[-1]]
        events = model.events
        final = np.empty((len(people), n))
        start, wall = time.process_time(), time.perf_counter()
        for at, (y0, row) in enumerate(zip(people.y0, people.params, strict=True)):
            row = np.ascontiguousarray(row)
            self._call("prepare", row, self.slots, self.scratch)()
            solver = CVODE(slope, atol=_absolute(model, atol), **options)
            x, now = np.array(y0), model.times[0]
            for k, stop in enumerate([*marks, model.times[-1]]):
                inside = model.times[(model.times > now) & (model.times < stop)]
                if stop > now:
                    x = solver.solve(np.r_[now, inside, stop], x).y[-1]
                if k < len(marks):
                    x = events.scale[0, k] * x + events.shift[0, k]
                now = stop
            final[at] = x
        return Run(final, time.perf_counter() - wall, time.process_time() - start)


class Copasi:
    """COPASI (LSODA) through basico, one core; the time it takes to load a document is not counted."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def run(self, people: Patients, rtol: float, atol: float) -> Run:
        """Simulate patients one after another."""
        import basico

        model, ids = self.model, state_ids(self.model.system)
        final, wall, cpu = [], 0.0, 0.0
        for i in range(len(people)):
            loaded = basico.load_model_from_string(_sbml(model, people[i : i + 1]))
            wall_start, start = time.perf_counter(), time.process_time()
            frame = basico.run_time_course(
                values=[float(t) for t in model.times], start_time=float(model.times[0]), use_sbml_id=True,
                method="deterministic", r_tol=rtol, a_tol=float(_absolute(model, atol).min()),
                max_steps=10_000_000, model=loaded,
            )  # fmt: skip
            wall, cpu = wall + time.perf_counter() - wall_start, cpu + time.process_time() - start
            final.append([float(frame[ids[s.name]].iloc[-1]) for s in model.system.states])
            basico.remove_datamodel(loaded)
        return Run(np.array(final), wall, cpu)
