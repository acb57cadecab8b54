"""Events, failing runs, bad input."""

from __future__ import annotations

import engine_systems as systems
import numpy as np
import pytest
import twin
from test_engine_solution import TOUCH, draws

from stromal.ode import Events, compile_system

CHAIN = [1.0, 0.0, 0.0, 0.0]


def doses(times, n=5, groups=1) -> Events:
    times = np.tile(np.asarray(times, dtype=float), (groups, 1))
    shape = (*times.shape, n)
    rng = np.random.default_rng(4)
    return Events(times, rng.uniform(0.2, 1.0, shape), rng.uniform(0.0, 5.0, shape))


def test_events_against_twin(kernel):
    k, times = kernel("touch"), np.array([0.0, 0.5, 1.0, 1.7, 3.0, 5.0])
    params = [p.value for p in k.system.parameters]
    events = doses([0.0, 0.7, 1.0, 1.0, 3.3, 5.0])
    found = k.solve(TOUCH, params, times, events=events, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(
        found.y[0], twin.solve(k.system, TOUCH, params, times, events), rtol=1e-6, atol=1e-8
    )


def test_output_is_after_the_event(kernel):
    events = Events([[2.0]], np.zeros((1, 1, 4)), np.full((1, 1, 4), 7.0))
    found = kernel("chain").solve(CHAIN, [1.0, 0.5], [0.0, 1.0, 2.0], events=events)
    np.testing.assert_array_equal(found.y[0, 2], 7.0)
    assert found.y[0, 1, 0] == pytest.approx(np.exp(-1.0), rel=1e-4)


def test_groups_order_and_absent_events(kernel):
    k, times = kernel("touch"), [0.0, 2.0, 5.0]
    params = draws(k, 20)
    events = doses([0.5, 1.5, 2.5], groups=2)
    which = np.arange(20) % 2
    together = k.solve(TOUCH, params, times, events=Events(events.time, events.scale, events.shift, which))
    for g in (0, 1):
        one = Events(events.time[[g]], events.scale[[g]], events.shift[[g]])
        np.testing.assert_array_equal(
            together.y[which == g], k.solve(TOUCH, params[which == g], times, events=one).y
        )
    shuffled = Events(events.time[:, ::-1], events.scale[:, ::-1], events.shift[:, ::-1], which)
    np.testing.assert_array_equal(k.solve(TOUCH, params, times, events=shuffled).y, together.y)
    plain = k.solve(TOUCH, params, times)
    never = Events(np.full((1, 3), np.inf), events.scale[:1], events.shift[:1])
    late = Events(np.full((1, 3), 9.0), events.scale[:1], events.shift[:1])
    for nothing in (never, Events(np.zeros((1, 0)), np.zeros((1, 0, 5)), np.zeros((1, 0, 5)))):
        np.testing.assert_array_equal(k.solve(TOUCH, params, times, events=nothing).y, plain.y)
    np.testing.assert_array_equal(k.solve(TOUCH, params, times, events=late).y, plain.y)


def test_failed_run_does_not_touch_the_others():
    k, times = compile_system(systems.blow_up()), [0.0, 0.5, 0.9, 1.5, 2.0]
    params = np.full((19, 1), 0.1)
    fine = k.solve([1.0], params, times)
    params[[3, 11]] = 1.0
    params[7] = np.nan
    found = k.solve([1.0], params, times)
    good = np.setdiff1d(np.arange(19), [3, 7, 11])
    assert set(found.status[[3, 11]]) <= {1, 2} and found.status[7] == 2 and (found.status[good] == 0).all()
    np.testing.assert_array_equal(found.y[good], fine.y[good])
    np.testing.assert_allclose(found.y[3, :3, 0], [1.0, 2.0, 10.0], rtol=1e-3)
    assert np.isnan(found.y[3, 3:]).all() and np.isnan(found.y[7, 1:]).all()
    start = k.solve([[np.nan], [1.0]], [0.1], times)
    assert start.status.tolist() == [2, 0]


def test_too_many_steps(kernel):
    found = kernel("robertson").solve([1.0, 0.0, 0.0], [0.04, 1e4, 3e7], [0.0, 0.4, 4e5], max_steps=20)
    assert found.status == 3 and found.steps == 20
    assert np.isnan(found.y[0, -1]).all()


def test_rounding_below_zero_is_clipped(kernel):
    found = kernel("chain").solve(CHAIN, [30.0, 11.0], np.linspace(0.0, 5.0, 400), rtol=1e-3, atol=1e-4)
    assert found.y.min() >= 0.0
    signed = kernel("touch").solve([0, 0, 0, -0.5, 0], [1.4, 0.3, 3.0, 0.2, 1.5], [0.0, 1e-6])
    assert signed.y[0, 0, 3] == -0.5


def test_rest_stays_at_rest(kernel):
    found = kernel("chain").solve([0.0, 0.0, 2.0, 0.0], [1.0, 0.5], [0.0, 1.0, 1e6])
    np.testing.assert_array_equal(found.y[0], np.tile([0.0, 0.0, 2.0, 0.0], (3, 1)))
    assert found.steps[0] < 40


def test_no_runs(kernel):
    found = kernel("chain").solve(np.zeros((0, 4)), np.zeros((0, 2)), [0.0, 1.0])
    assert found.y.shape == (0, 2, 4) and found.status.shape == (0,)


@pytest.mark.parametrize("bad", [
    {"times": [0.0]}, {"times": [0.0, 0.0]}, {"times": [0.0, np.nan]}, {"y0": [1.0, 0.0]},
    {"params": [[1.0, 2.0, 3.0]]},
    {"rtol": 0.0}, {"atol": -1.0}, {"events": doses([-1.0], 4)}, {"events": doses([np.nan], 4)},
    {"events": doses([1.0], 5)}, {"events": doses([1.0], 4, groups=3)},
    {"y0": np.ones((3, 4)), "params": np.ones((2, 2))},
])  # fmt: skip
def test_bad_input(kernel, bad):
    arguments = {"y0": CHAIN, "params": [1.0, 0.5], "times": [0.0, 1.0]} | bad
    with pytest.raises(ValueError):
        kernel("chain").solve(**arguments)


def test_no_parameters_and_no_processes():
    empty = systems.make("still", "a b", {}, [])
    found = compile_system(empty).solve([[1.0, 2.0], [3.0, 4.0]], [], [0.0, 1.0])
    np.testing.assert_array_equal(found.y[:, 1], [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError):
        compile_system(systems.make("none", "", {}, []))
