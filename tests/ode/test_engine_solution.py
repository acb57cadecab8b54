"""The engine against solutions, its numpy twin, and its own promises."""

from __future__ import annotations

import engine_systems as systems
import numpy as np
import pytest
import twin
from scipy.linalg import expm

from stromal.ode import compile_system
from stromal.ode.sparse import eliminate

TOUCH = np.array([40.0, 12.0, 0.5, 0.3, 0.0])


def draws(kernel, runs: int, seed: int = 0) -> np.ndarray:
    median = np.array([p.value for p in kernel.system.parameters])
    return median * np.exp(np.random.default_rng(seed).normal(0.0, 0.4, (runs, len(median))))


def same(a, b) -> bool:
    return a.y.tobytes() == b.y.tobytes() and (a.status == b.status).all() and (a.steps == b.steps).all()


def test_chain(kernel):
    times = np.linspace(0.0, 6.0, 13)
    found = kernel("chain").solve([1.0, 0.0, 0.0, 0.0], [1.3, 0.4], times, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.y[0], systems.chain_solution(times, 1.3, 0.4), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("name", "y0", "times"), [
    ("robertson", [1.0, 0.0, 0.0], [0.0, 1e-3, 0.4, 40.0, 4e3, 4e5]),
    ("oregonator", [1.0, 2.0, 3.0], [0.0, 1.0, 6.0, 30.0]),
    ("touch", TOUCH, np.linspace(0.0, 5.0, 11)),
])  # fmt: skip
def test_against_twin(kernel, name, y0, times):
    params = [p.value for p in kernel(name).system.parameters]
    found = kernel(name).solve(y0, params, times, rtol=1e-8, atol=1e-12)
    expected = twin.solve(kernel(name).system, y0, params, times, method="LSODA")
    np.testing.assert_allclose(found.y[0], expected, rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("y", [TOUCH, TOUCH * 3.0, [0.02, 1.0, 30.0, 2.0, 1.0]])
def test_slopes(kernel, y):
    k, y = kernel("touch"), np.asarray(y, dtype=float)
    params = draws(k, 1)[0]
    f, jac = twin.slopes(k, y, params)
    rhs = twin.right_hand_side(k.system, params)
    np.testing.assert_allclose(f, rhs(0.0, y), rtol=1e-13)
    for j in range(len(y)):
        step = 1e-6 * max(y[j], 1e-9)
        up, down = y.copy(), y.copy()
        up[j], down[j] = y[j] + step, y[j] - step
        np.testing.assert_allclose(
            jac[:, j], (rhs(0, up) - rhs(0, down)) / (up[j] - down[j]), rtol=1e-4, atol=1e-5
        )


def test_slope_of_pos(kernel):
    """Exact for an expression, which may be far below zero, or the method loses its order; 1 for a state."""
    k, params = kernel("clamp"), np.array([3.0, 40.0])
    rhs = twin.right_hand_side(k.system, params)
    for y in ([0.4, 0.2, 0.6], [1.7, 0.2, 0.6], [1.7, 0.2, 0.1]):
        _, jac = twin.slopes(k, y, params)
        for j, step in enumerate(1e-6 * np.eye(3)):
            slope = (rhs(0, y + step) - rhs(0, y - step)) / 2e-6
            np.testing.assert_allclose(jac[:, j], slope, rtol=1e-6, atol=1e-6)
    steps = [
        k.solve([0.4, 0.0, 0.2], params, [0.0, 60.0], rtol=rtol, atol=1e-2 * rtol).steps[0]
        for rtol in (1e-6, 1e-8)
    ]
    assert steps[1] < 4.0 * steps[0]  # 2.5 times at order 5, ten times at order 1


def test_error_is_the_mean_square_over_the_states(kernel):
    """A system beside nine copies of itself makes the same steps, beside nine states at rest longer ones."""
    one, copies, still = (kernel(name) for name in ("decay", "decays", "decay_and_rest"))
    times, rtol = [0.0, 10.0], 1e-8
    steps = [
        k.solve(np.ones(len(k.system.states)), [1.0], times, rtol=rtol, atol=rtol).steps[0]
        for k in (one, copies, still)
    ]
    assert steps[0] == steps[1]
    assert steps[0] / steps[2] == pytest.approx(10.0**0.1, rel=0.08)


def test_slope_is_finite_at_zero_and_below(kernel):
    for y in (np.zeros(5), -1e-9 * np.ones(5)):
        f, jac = twin.slopes(kernel("touch"), y + [0.0, 0.0, 1e-30, 0.0, 0.0], draws(kernel("touch"), 1)[0])
        assert np.isfinite(jac[:, :2]).all() and np.isfinite(f[:3]).all()


def test_order(kernel):
    """Steps grow with tolerance to the power of -1/5 once steps are short, and errors fall with it.

    A wrong entry of the factors or the Jacobian shows here and hardly anywhere else.
    """
    k, times = kernel("touch"), np.linspace(0.0, 5.0, 6)
    params = [p.value for p in k.system.parameters]
    best = k.solve(TOUCH, params, times, rtol=1e-12, atol=1e-13)
    steps, errors = [], []
    for rtol in (1e-6, 1e-8, 1e-10):
        found = k.solve(TOUCH, params, times, rtol=rtol, atol=1e-2 * rtol)
        steps.append(found.steps[0])
        errors.append(np.abs(found.y[0, 1:] / best.y[0, 1:] - 1.0).max())
        assert errors[-1] < 20 * rtol
    assert np.log(steps[2] / steps[1]) / np.log(100.0) == pytest.approx(0.2, abs=0.03)
    assert np.log(errors[1] / errors[2]) / np.log(steps[2] / steps[1]) > 4.0


def test_dense_output(kernel):
    """Outputs within steps are as good as the steps and do not change them."""
    k, few, many = kernel("touch"), np.array([0.0, 5.0]), np.linspace(0.0, 5.0, 201)
    params = [p.value for p in k.system.parameters]
    a, b = k.solve(TOUCH, params, few, rtol=1e-6), k.solve(TOUCH, params, many, rtol=1e-6)
    assert a.steps == b.steps
    np.testing.assert_array_equal(a.y[0, -1], b.y[0, -1])
    best = k.solve(TOUCH, params, many, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(b.y, best.y, rtol=1e-4, atol=1e-6)


def test_factorisation():
    k = compile_system(systems.random_linear())
    n = len(k.system.states)
    _, jac = twin.slopes(k, np.ones(n), [1.3])
    found = k.solve(np.arange(1.0, n + 1), [1.3], [0.0, 0.5, 2.0], rtol=1e-9, atol=1e-12)
    for at, t in enumerate((0.0, 0.5, 2.0)):
        np.testing.assert_allclose(
            found.y[0, at], expm(jac * t) @ np.arange(1.0, n + 1), rtol=1e-6, atol=1e-7
        )
    # a wrong factor would still converge, in many more steps
    assert found.steps[0] < 400


@pytest.mark.parametrize("tile", [3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_every_entry_that_elimination_fills_has_a_place(seed, tile):
    rng = np.random.default_rng(seed)
    n = 30
    pattern = {(int(i), int(j)) for i, j in rng.integers(0, n, (110, 2))}
    t = eliminate(pattern, n, tile)
    assert sorted(t.order) == list(range(n))
    full = np.eye(n, dtype=bool)
    place = np.argsort(t.order)
    for i, j in pattern:
        full[place[i], place[j]] = True
    for k in range(n):
        full[k + 1 :] |= full[k + 1 :, k : k + 1] & full[k] & (np.arange(n) > k)
    kept = np.zeros((n, n), dtype=bool)
    kept[t.head :, t.head :] = True
    for i in range(n):
        kept[i, t.l_col[t.l_start[i] : t.l_start[i + 1]]] = True
        if i < t.head:
            kept[i, [i, *t.u_col[t.u_start[i] : t.u_start[i + 1]]]] = True
    assert (kept[: t.head] == full[: t.head]).all()
    assert (kept[:, : t.head] == full[:, : t.head]).all()
    assert sorted(t.t_place) == list(range((n - t.head) ** 2)) and (n - t.head) % tile == 0


def test_same_bytes_whatever_shares_the_vector(kernel):
    k, times = kernel("touch"), np.linspace(0.0, 5.0, 6)
    params = draws(k, 83)
    whole = k.solve(TOUCH, params, times, threads=1)
    assert whole.ok.all()
    order = np.random.default_rng(1).permutation(83)
    mixed = k.solve(TOUCH, params[order], times, threads=3)
    np.testing.assert_array_equal(mixed.y, whole.y[order])
    np.testing.assert_array_equal(mixed.steps, whole.steps[order])
    parts = [k.solve(TOUCH, params[i : i + 5], times, threads=2).y for i in range(0, 83, 5)]
    assert np.concatenate(parts).tobytes() == whole.y.tobytes()
    assert same(whole, compile_system(k.system, width=4).solve(TOUCH, params, times))


def test_selected_states(kernel):
    k, times = kernel("touch"), [0.0, 1.0, 3.0]
    params = draws(k, 3)
    np.testing.assert_array_equal(
        k.solve(TOUCH, params, times, states=[3, 0]).y, k.solve(TOUCH, params, times).y[:, :, [3, 0]]
    )
