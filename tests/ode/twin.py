"""Readable twin of the engine: numpy right-hand side, scipy integrator, the same events."""

from __future__ import annotations

import ctypes

import numpy as np
from scipy.integrate import solve_ivp

from stromal.model.expr import evaluate_all
from stromal.model.system import System
from stromal.ode import Events, Kernel


def right_hand_side(system: System, params: np.ndarray):
    """Return ``f(t, y)`` of one run."""
    roots = system.right_hand_side()
    constants = {p.name: v for p, v in zip(system.parameters, params, strict=True)}

    def f(t: float, y: np.ndarray) -> np.ndarray:
        env = constants | {s.name: v for s, v in zip(system.states, y, strict=True)}
        return np.array(evaluate_all(roots, env), dtype=float)

    return f


def solve(system: System, y0, params, times, events: Events | None = None, method: str = "BDF") -> np.ndarray:
    """Return states (times, states) of one run; events are those of the first group."""
    f = right_hand_side(system, np.asarray(params, dtype=float))
    times, y = np.asarray(times, dtype=float), np.array(y0, dtype=float)
    marks = []
    if events is not None:
        marks = list(zip(events.time[0], events.scale[0], events.shift[0], strict=True))
    out = np.full((len(times), len(y)), np.nan)
    t = times[0]
    atol = 1e-13 * np.array([s.scale for s in system.states])
    while True:
        for mark, scale, shift in marks:
            if mark == t:
                y = scale * y + shift
        out[times == t] = y
        later = [mark for mark, _, _ in marks if mark > t]
        stop = min([*later, times[-1]])
        if t >= times[-1]:
            return out
        inside = times[(times > t) & (times < stop)]
        found = solve_ivp(f, (t, stop), y, method=method, t_eval=[*inside, stop], rtol=1e-10, atol=atol)
        assert found.success, found.message
        out[np.isin(times, inside)] = found.y.T[:-1]
        t, y = stop, found.y[:, -1]


def slopes(kernel: Kernel, y, params) -> tuple[np.ndarray, np.ndarray]:
    """Return the right-hand side and the dense Jacobian from the machine code, for one state."""
    system, width = kernel.system, kernel.facts["layout"]["width"]
    n = len(system.states)
    order = np.array(kernel.facts["order"])

    def vectors(count: int) -> np.ndarray:
        raw = np.zeros((count + 1) * width)
        skip = -raw.ctypes.data // 8 % width
        return raw[skip : skip + count * width].reshape(count, width)

    y_in, p_in = vectors(n), vectors(max(len(params), 1))
    y_in[:], p_in[: len(params)] = np.asarray(y, float)[order][:, None], np.asarray(params, float)[:, None]
    sizes = kernel.facts["layout"]
    slots, scratch = vectors(sizes["n_slots"]), vectors(sizes["n_scratch"])
    f, again, jac = vectors(n), vectors(n), vectors(max(sizes["n_jac"], 1))

    def call(name: str, *arrays: np.ndarray) -> None:
        prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))
        prototype(kernel._code.library.address(name))(*(a.ctypes.data for a in arrays))

    call("prepare", p_in, slots, scratch)
    call("rhs_jac", y_in, slots, scratch, f, jac)
    call("rhs", y_in, slots, scratch, again)
    np.testing.assert_array_equal(f, again)
    rows, columns = kernel.facts["entries"]
    out_f, out_j = np.zeros(n), np.zeros((n, n))
    out_f[order] = f[:, 0]
    out_j[order[rows], order[columns]] = jac[: len(rows), 0]
    return out_f, out_j
