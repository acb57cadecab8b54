"""Solve a system for many runs at once: the public side of the mean-field engine."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..cache import read_cache, write_cache
from ..model.system import System
from . import jit
from .canonical import canonical
from .codegen import generate
from .emit import Objects, compile_objects
from .linear import factor_size
from .stepper import ARGUMENTS, Layout

__all__ = ["STATUS", "Events", "Kernel", "Result", "compile_system"]

STATUS = ("ok", "step collapsed", "not finite", "too many steps")
SINGLE = 0.99e-6  # from this relative tolerance on, factors are in single precision: see the tests
NEGATIVE = 10.0  # outputs down to this many absolute tolerances below zero are rounding


@dataclass(frozen=True)
class Events:
    """Sudden changes, ``y`` to ``scale * y + shift``; shared by the runs of a group.

    Attributes
    ----------
    time : ndarray, (groups, events)
        When, in the unit of ``times``; ``inf`` is no event. Events at the first time act at the start;
        events at one time act in their order.
    scale, shift : ndarray, (groups, events, states)
    which : ndarray of int, (runs,), optional
        Group of each run. Without it, group ``i`` is that of run ``i``, or the only one that of all.
    """

    time: ArrayLike
    scale: ArrayLike
    shift: ArrayLike
    which: ArrayLike | None = None


@dataclass(frozen=True)
class Result:
    """Outcome of many runs.

    Attributes
    ----------
    y : ndarray, (runs, times, states)
        States (those selected); nan from where a run failed on. An output at the time of an event
        is taken after it.
    status : ndarray of int32, (runs,)
        Index into `STATUS`.
    steps : ndarray of int64, (runs,)
        Steps tried.
    """

    y: NDArray[np.float64]
    status: NDArray[np.int32]
    steps: NDArray[np.int64]

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which runs reached the last time."""
        return self.status == 0


class _Code:
    """Machine code of a system in one precision of the factors."""

    def __init__(self, facts: dict, objects: Objects, cached: bool) -> None:
        self.facts, self.cached, self.library = facts, cached, jit.Library(objects)
        kinds: dict[str, Any] = {"i64": ctypes.c_int64, "double": ctypes.c_double, "ptr": ctypes.c_void_p}
        prototype = ctypes.CFUNCTYPE(None, *[kinds[str(kind)] for _, kind in ARGUMENTS])
        self.integrate = prototype(self.library.address("integrate"))


class Kernel:
    """Machine code of one system; made by `compile_system`.

    Attributes
    ----------
    system : System
    facts : dict
        Sizes of the generated code: lanes, slots, entries of Jacobian and factors, multiply-adds.
    cached : bool
        Whether the code came from the cache.
    """

    def __init__(self, system: System, width: int, cache: bool, rtol: float) -> None:
        self.system, self._width, self._cache = system, width, cache
        single = rtol >= SINGLE
        self._codes = {single: _code(system, width, single, cache)}
        self._code = self._codes[single]
        self.facts, self.cached = self._code.facts, self._code.cached
        self._order = np.array(self.facts["order"], dtype=int)
        self._place = np.argsort(self._order)
        self._size = self.facts["size"] * self._width

    def code(self, rtol: float) -> _Code:
        """Return the code for a tolerance; that of the other precision is made when first asked for."""
        single = rtol >= SINGLE
        if single not in self._codes:
            self._codes[single] = _code(self.system, self._width, single, self._cache)
        return self._codes[single]

    def solve(
        self,
        y0: ArrayLike,
        params: ArrayLike,
        times: ArrayLike,
        *,
        events: Events | None = None,
        rtol: float = 1e-5,
        atol: float = 1e-7,
        threads: int | None = None,
        max_steps: int = 100_000,
        states: Sequence[int] | None = None,
    ) -> Result:
        """Integrate every run; the bytes of a run do not depend on the others, nor on ``threads``.

        Parameters
        ----------
        y0 : array, (runs, states) or (states,)
            Start.
        params : array, (runs, parameters) or (parameters,)
        times : array, (times,)
            Increasing, at least two; the first is the start.
        events : Events, optional
        rtol : float
            Relative tolerance.
        atol : float
            Absolute tolerance, in units of each state's ``scale``.
        threads : int, optional
            All cores by default.
        max_steps : int
            Steps tried after which a run is given up.
        states : sequence of int, optional
            States to return (all by default): outputs are what fills memory.

        Raises
        ------
        ValueError
            If shapes do not agree, times do not increase, a tolerance is not positive, or an event
            lies before the start or has no time.
        """
        n, n_params = len(self.system.states), len(self.system.parameters)
        y0 = np.atleast_2d(np.asarray(y0, dtype=float))
        params = np.asarray(params, dtype=float)
        params = params.reshape(-1, n_params) if params.ndim < 2 and n_params else np.atleast_2d(params)
        runs = max(len(y0), len(params)) if n_params else len(y0)
        if min(len(y0), len(params)) == 0:
            runs = 0
        y0, params = _rows(y0, runs, n, "y0"), _rows(params, runs, n_params, "params")
        times = np.ascontiguousarray(times, dtype=float)
        increasing = times.ndim == 1 and len(times) > 1 and bool((np.diff(times) > 0).all())
        if not (increasing and np.isfinite(times).all()):
            raise ValueError("times must be finite, increasing and at least two")
        if not (rtol > 0 and atol > 0):
            raise ValueError("tolerances must be positive")
        event_time, scale, shift, which = _events(events, runs, n, times[0])
        scales = np.array([state.scale for state in self.system.states])[self._order]
        signed = np.array([state.kind == "expression" for state in self.system.states])[self._order]
        if not (scales > 0).all():
            raise ValueError("the scale of every state must be positive")
        pick = self._place if states is None else self._place[np.asarray(states, dtype=int)]
        pick = np.ascontiguousarray(pick, dtype=np.int64)
        y = np.empty((runs, len(times), len(pick)))
        status, steps = np.zeros(runs, dtype=np.int32), np.zeros(runs, dtype=np.int64)
        shared = {
            "y0": y0, "params": params, "times": times, "n_times": len(times),
            "event_time": event_time, "event_scale": scale, "event_shift": shift,
            "n_events": event_time.shape[1], "which": which,
            "out": y, "pick": pick, "n_pick": len(pick), "status": status, "steps": steps,
            "atol": atol * scales, "floor": np.where(signed, 0.0, -NEGATIVE * atol * scales), "rtol": rtol,
            "max_steps": max_steps, "n_runs": runs,
            "next_run": np.zeros(1, np.int64), "stop": np.zeros(1, np.int64),
        }  # fmt: skip
        workers = min(threads or os.cpu_count() or 1, -(-runs // self._width))
        self._run(self.code(rtol).integrate, shared, workers, brief=runs <= 8 * self._width)
        return Result(y, status, steps)

    def _run(self, integrate: Callable, shared: dict, workers: int, brief: bool) -> None:
        def work() -> None:
            align = 8 * self._width
            raw = np.zeros(self._size * 8 + align, dtype=np.uint8)
            base = raw.ctypes.data + -raw.ctypes.data % align
            values = [base] + [shared[name] for name, _ in ARGUMENTS[1:]]
            integrate(*(v.ctypes.data if isinstance(v, np.ndarray) else v for v in values))

        if workers <= 1 and brief:
            work()
            return
        # every worker takes runs from one queue; the main thread stays free for an interrupt
        crew = [Thread(target=work, daemon=True) for _ in range(workers)]
        for member in crew:
            member.start()
        try:
            for member in crew:
                while member.is_alive():
                    member.join(0.5)
        except BaseException:
            shared["stop"][0] = 1  # runs in a vector are finished, no more are taken
            for member in crew:
                member.join()
            raise


def _rows(x: NDArray, runs: int, n: int, name: str) -> NDArray[np.float64]:
    if x.shape not in ((runs, n), (1, n)) and not (n == 0 and x.size == 0):
        raise ValueError(f"{name} has shape {x.shape}, expected ({runs}, {n})")
    if n == 0:
        return np.zeros((1, 1))
    return np.ascontiguousarray(np.broadcast_to(x, (runs, n)))


def _no_events(runs: int, n: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    # the kernel reads one time and one group even if there is none
    return np.full((1, 1), np.inf), np.ones((1, 1, n)), np.zeros((1, 1, n)), np.zeros(max(runs, 1), np.int64)


def _events(
    events: Events | None, runs: int, n: int, start: float
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    if events is None:
        return _no_events(runs, n)
    time = np.asarray(events.time, dtype=float)
    scale, shift = np.asarray(events.scale, dtype=float), np.asarray(events.shift, dtype=float)
    if time.ndim != 2 or scale.shape != (*time.shape, n) or shift.shape != scale.shape:
        raise ValueError(f"events need time (groups, events) and scale, shift (groups, events, {n})")
    if np.isnan(time).any() or (time < start).any():
        raise ValueError("an event has no time, or one before the start")
    if events.which is None:
        if len(time) not in (1, runs):
            raise ValueError(f"{len(time)} groups of events for {runs} runs, and no `which`")
        which = np.arange(runs) if len(time) == runs else np.zeros(runs)
    else:
        which = np.asarray(events.which)
        if which.shape != (runs,) or (runs and not (0 <= np.min(which) and np.max(which) < len(time))):
            raise ValueError("`which` needs a group for every run")
    order = np.argsort(time, axis=1, kind="stable")
    time = np.take_along_axis(time, order, axis=1)
    if (order != np.arange(order.shape[1])).any():
        scale = np.take_along_axis(scale, order[:, :, None], axis=1)
        shift = np.take_along_axis(shift, order[:, :, None], axis=1)
    if time.size == 0 or runs == 0:
        return _no_events(runs, n)
    time, scale, shift = (np.ascontiguousarray(x) for x in (time, scale, shift))
    return time, scale, shift, np.ascontiguousarray(which, dtype=np.int64)


@lru_cache(maxsize=1)
def _code_version() -> str:
    """Return a hash of the generator itself: a change of it makes the cache stale."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def compile_system(
    system: System, *, cache: bool = True, width: int | None = None, rtol: float = 1e-5
) -> Kernel:
    """Return machine code for ``system``, from the cache if it was built before on this machine.

    Runs with a relative tolerance under 1e-6 use other code; what is not made here is made at the first
    run that needs it.

    Parameters
    ----------
    system : System
    cache : bool
        Whether to read and write the cache (``STROMAL_CACHE``, or the platform's cache folder).
    width : int, optional
        Runs in a vector: 8, or 4 on machines with short vectors. Results do not depend on it.
    rtol : float
        Relative tolerance of the runs to come.

    Raises
    ------
    ValueError
        If the system has no states.
    KeyError
        If a rate uses an unknown name.
    """
    if not system.states:
        raise ValueError(f"system {system.name!r} has no states")
    return Kernel(system, width or jit.lanes(), cache, rtol)


def _code(system: System, width: int, single: bool, cache: bool) -> _Code:
    """Return machine code from the cache, or make it."""
    key = ""
    if cache:
        parts = [canonical(system), jit.target_key().encode(), _code_version().encode()]
        parts += [f"{width} {single}".encode()]
        key = hashlib.sha256(b"\0".join(parts)).hexdigest()
        kept = read_cache(key)
        if kept is not None:
            facts, body = kept
            try:
                ends = np.cumsum([0, *facts["sizes"]])
                content = [body[a:b] for a, b in pairwise(ends)]
                return _Code(facts, Objects(content, facts["names"]), cached=True)
            except (RuntimeError, KeyError, ValueError):
                pass  # not loadable after all: build it again
    facts, objects = build(system, width, single)
    if cache:
        write_cache(key, facts, b"".join(objects.content))
    return _Code(facts, objects, cached=False)


def build(system: System, width: int, single: bool = False, opt: int = 1) -> tuple[dict, Objects]:
    """Return the facts and the object files of a system."""
    from .asm import vectors_ir
    from .head import fmuladd, head_ir  # the generator is not needed when the cache is warm
    from .integrate import control_ir

    register = min(width, jit.register_lanes())
    program = generate(system, width, register)
    tables = program.tables
    sizes = {"n_slots": program.n_slots, "n_scratch": program.n_scratch, "n_jac": len(tables.j_col)}
    sizes |= {"n_lu": factor_size(tables), "width": width}
    layout = Layout(n=len(system.states), n_params=len(system.parameters), **sizes)
    vec = f"<{register} x double>"
    lanes = jit.factor_lanes(width, single)
    kinds = sorted({vec, f"<{lanes} x double>", *([f"<{lanes} x float>"] if single else [])})
    head = [f"declare {kind} {fmuladd(kind)}({kind}, {kind}, {kind})" for kind in kinds]
    head.append(f"declare {vec} @llvm.sqrt.v{register}f64({vec})")
    head += [f"declare {vec} @v{name}{register}({vec})" for name in sorted(program.uses)]
    attributes = f'attributes #0 = {{ nounwind "no-builtins" "prefer-vector-width"="{64 * register}" }}'
    head_text = head_ir(tables, lanes, width // lanes, single)
    straight = "\n".join([*head, "", program.ir, head_text, attributes, ""])
    objects = compile_objects(control_ir(tables, layout, single), vectors_ir(register), straight, opt)
    facts = {
        "sizes": [len(content) for content in objects.content],
        "names": objects.names,
        "layout": sizes,
        "size": layout.offsets()["size"],
        "order": [int(i) for i in tables.order],
        "entries": [np.repeat(np.arange(layout.n), np.diff(tables.j_start)).tolist(), tables.j_col.tolist()],
        "updates": tables.updates,
        "filled": tables.filled,
        "work": program.work,
    }
    return facts, objects
