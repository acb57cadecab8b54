"""Factors in both precisions, and how little is divided."""

from __future__ import annotations

import ctypes

import engine_systems as systems
import numpy as np
import pytest
import twin
from test_engine_solution import TOUCH, draws

from stromal.model.expr import sym
from stromal.ode import compile_system, solve
from stromal.ode.codegen import generate

TIGHT, LOOSE = 1e-9, 1e-4
SINGLE = 2.0**-24


def linear_solution(kernel, rtol: float, jac: np.ndarray, diagonal: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Solve ``(diagonal I - J) y = x`` in every lane with the machine code."""
    code, sizes = kernel.code(rtol), kernel.facts["layout"]
    width, n = sizes["width"], len(kernel.system.states)

    def vectors(count: int) -> np.ndarray:
        raw = np.zeros((count + 1) * width)
        skip = -raw.ctypes.data // 8 % width
        return raw[skip : skip + count * width].reshape(count, width)

    rows, columns = map(np.array, kernel.facts["entries"])
    order = np.array(kernel.facts["order"])
    j, d, lu, row, out = (vectors(k) for k in (len(rows), 1, sizes["n_lu"], n, n))
    j[:], d[:], out[:] = jac[order[rows], order[columns]], diagonal, x[:, order].T
    for name, arrays in (("factor", (j, d, lu)), ("solve", (lu, out, row))):
        prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)
        prototype(code.library.address(name))(*(a.ctypes.data for a in arrays))
    back = np.empty((width, n))
    back[:, order] = out.T
    return back


@pytest.mark.parametrize("name", ["random_linear", "random_linear_large"])
@pytest.mark.parametrize(("rtol", "unit"), [(TIGHT, 2.0**-53), (LOOSE, SINGLE)])
def test_factors_and_substitution(kernel, name, rtol, unit):
    k = kernel(name)
    n, width = len(k.system.states), k.facts["layout"]["width"]
    rng = np.random.default_rng(0)
    entries = twin.slopes(k, np.ones(n), [1.0])[1] != 0.0
    jac = rng.normal(size=(n, n, width)) * entries[:, :, None]
    diagonal = rng.uniform(10.0, 20.0, width)
    x = rng.normal(size=(width, n))
    found = linear_solution(k, rtol, jac, diagonal, x)
    for lane in range(width):
        best = np.linalg.solve(diagonal[lane] * np.eye(n) - jac[:, :, lane], x[lane])
        np.testing.assert_allclose(found[lane], best, rtol=0, atol=50 * unit * np.abs(best).max())


@pytest.mark.parametrize(("rtol", "unit"), [(TIGHT, 2.0**-53), (LOOSE, SINGLE)])
def test_all_stages_see_one_matrix(kernel, rtol, unit):
    """Factors in single precision are those of a matrix nearby, and what is solved with them is exact.

    Stages are weighted by up to 150 and cancel: what each rounds for itself would not.
    """
    k = kernel("random_linear_large")
    n, width = len(k.system.states), k.facts["layout"]["width"]
    rng = np.random.default_rng(1)
    entries = twin.slopes(k, np.ones(n), [1.0])[1] != 0.0
    jac = rng.normal(size=(n, n, width)) * entries[:, :, None]
    diagonal, (x, y) = rng.uniform(10.0, 20.0, width), rng.normal(size=(2, width, n))
    first, second, both = (linear_solution(k, rtol, jac, diagonal, z) for z in (x, y, 147.0 * x - 112.0 * y))
    np.testing.assert_allclose(147.0 * first - 112.0 * second, both, rtol=0, atol=1e-13 * np.abs(both).max())
    other = np.linalg.solve(diagonal[0] * np.eye(n) - jac[:, :, 0], x[0])
    assert (np.abs(first[0] - other).max() > 1e-10) == (unit == SINGLE)


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-5, 1e-6])
def test_single_precision_leaves_the_solution_alone(kernel, rtol, monkeypatch):
    """The same steps within a few in a hundred, and no error beyond that of the method."""
    k, times = kernel("touch"), np.linspace(0.0, 5.0, 6)
    params = draws(k, 16)
    best = k.solve(TOUCH, params, times, rtol=1e-11, atol=1e-12).y
    single = k.solve(TOUCH, params, times, rtol=rtol, atol=1e-2 * rtol)
    monkeypatch.setattr(solve, "SINGLE", 1.0)
    double = k.solve(TOUCH, params, times, rtol=rtol, atol=1e-2 * rtol)
    np.testing.assert_allclose(single.steps.mean(), double.steps.mean(), rtol=0.05)
    size = np.abs(best) + 1e-2
    errors = [(np.abs(found.y - best) / size).max() for found in (single, double)]
    assert errors[0] < 1.5 * errors[1] + rtol


@pytest.mark.parametrize("rtol", [1e-3, *np.linspace(1e-4, 2e-4, 6), 1e-5, 1e-6, 1e-8])
def test_hires(kernel, rtol):
    """It amplifies: 40 to 70 tolerances for CVODE.

    The mean square over eight states lets the error of one be 2.8 tolerances, and here they add up.
    """
    found = kernel("hires").solve(systems.HIRES_START, [280.0], [0.0, 321.8122], rtol=rtol, atol=1e-3 * rtol)
    np.testing.assert_allclose(found.y[0, -1], systems.HIRES_END, rtol=6 * rtol)


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-5])
def test_robertson_when_steps_are_huge_against_its_rates(kernel, rtol):
    """The matrix is then nearly singular, which single precision must survive."""
    k, times = kernel("robertson"), [0.0, 40.0, 4e4, 4e6]
    params = [p.value for p in k.system.parameters]
    found = k.solve([1.0, 0.0, 0.0], params, times, rtol=rtol, atol=1e-4 * rtol)
    best = k.solve([1.0, 0.0, 0.0], params, times, rtol=1e-10, atol=1e-14)
    assert found.ok.all() and found.steps[0] < 300
    np.testing.assert_allclose(found.y[0], best.y[0], rtol=50 * rtol, atol=1e-4 * rtol)
    np.testing.assert_allclose(found.y[0].sum(axis=1), 1.0, rtol=rtol)


def test_one_division_a_process():
    rules = [(sym(x) / h) ** n for x, h, n in (("b", 2.0, 1.0), ("c", 3.0, 4.0), ("b", 5.0, 2.0))]
    rate = sym("p") * sym("a")
    for x in rules:
        rate = rate * (1.0 + (sym("q") - 1.0) * x / (1.0 + x))
    made = systems.make(
        "rules", "a b c", {"p": 1.0, "q": 2.0}, [(rate, {"a": -1.0}), (sym("b"), {"b": -1.0})]
    )
    work = generate(made, 8, 4).work
    assert work["rhs"][1] == work["rhs_jac"][1] == 1
    k = compile_system(made)
    y, params = np.array([1.3, 0.7, 2.1]), [1.5, 2.5]
    f, jac = twin.slopes(k, y, params)
    g = twin.right_hand_side(made, np.array(params))
    np.testing.assert_allclose(f, g(0.0, y), rtol=1e-14)
    for i, step in enumerate(1e-6 * np.eye(3)):
        np.testing.assert_allclose(jac[:, i], (g(0.0, y + step) - g(0.0, y - step)) / 2e-6, atol=1e-8)


def test_each_precision_is_cached_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    k = compile_system(systems.chain(), rtol=TIGHT)
    start = [1.0, 0.0, 0.0, 0.0]
    k.solve(start, [1.0, 0.5], [0.0, 1.0], rtol=TIGHT)
    assert len(list(tmp_path.iterdir())) == 1
    k.solve(start, [1.0, 0.5], [0.0, 1.0], rtol=LOOSE)
    assert len(list(tmp_path.iterdir())) == 2
    again = compile_system(systems.chain())
    assert again.cached and again.code(TIGHT).cached


def test_a_stale_cache_is_built_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    assert not compile_system(systems.chain()).cached
    monkeypatch.setattr(solve, "_code_version", lambda: "another generator")
    assert not compile_system(systems.chain()).cached
    monkeypatch.setattr(solve.jit, "target_key", lambda: "another processor")
    assert not compile_system(systems.chain()).cached
