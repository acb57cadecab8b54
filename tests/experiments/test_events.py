"""Times of events: hazards inverted, levels crossed, rivals put in order."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.experiments.events import NEVER, at_rows, crossed, cumulative, happened_at, resolve, seen

DAYS = np.array([0.0, 1.0, 3.0, 10.0])
ZERO = np.zeros(1)


def test_the_trapezoid_is_exact_for_a_straight_line() -> None:
    total = cumulative(DAYS, np.stack([2 + 3 * DAYS, np.zeros(4)]))
    assert total[0] == pytest.approx(2 * DAYS + 1.5 * DAYS**2)
    assert not total[1].any()


def test_a_constant_hazard_is_inverted_exactly_and_starts_where_it_should() -> None:
    total = cumulative(DAYS, np.full((1, 4), 0.2))
    assert happened_at(DAYS, total, np.array([1.0]), ZERO) == pytest.approx([5.0])
    assert happened_at(DAYS, total, np.array([1.0]), np.array([2.5])) == pytest.approx([7.5])
    assert happened_at(DAYS, total, np.array([2.1]), ZERO) == NEVER
    assert happened_at(DAYS, total, np.array([0.1]), np.array([NEVER])) == NEVER


def test_no_hazard_is_no_event_and_an_enormous_one_is_at_once() -> None:
    none, huge = np.zeros((1, 4)), np.full((1, 4), 1e40)
    assert happened_at(DAYS, cumulative(DAYS, none), np.array([1e-12]), ZERO) == NEVER
    assert happened_at(DAYS, cumulative(DAYS, huge), np.array([5.0]), ZERO) < 1e-30


def test_a_higher_hazard_is_never_later() -> None:
    rng = np.random.default_rng(1)
    low = rng.gamma(0.5, 0.2, (500, 4))
    high = low + rng.gamma(0.3, 0.1, (500, 4))
    threshold, start = rng.exponential(size=500), rng.uniform(0, 4, 500)
    for begin in (np.zeros(500), start):
        early = happened_at(DAYS, cumulative(DAYS, high), threshold, begin)
        late = happened_at(DAYS, cumulative(DAYS, low), threshold, begin)
        assert (early <= late + 1e-12).all() and (early < late).any()


def test_a_level_is_crossed_between_days_of_the_grid() -> None:
    values = np.array([[0.0, 2.0, 2.0, 0.0], [5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 0.0, 0.5]])
    level = np.ones(3)
    assert crossed(DAYS, values, level, np.zeros(3), above=True) == pytest.approx([0.5, 0.0, NEVER])
    assert crossed(DAYS, values, level, np.zeros(3), above=False) == pytest.approx([0.0, NEVER, 0.0])
    # from day 2 on: the first is past the level already, and falls below it at day 6.5
    late = np.full(3, 2.0)
    assert crossed(DAYS, values, level, late, above=True) == pytest.approx([2.0, 2.0, NEVER])
    assert crossed(DAYS, values, level, late, above=False)[0] == pytest.approx(6.5)
    assert crossed(DAYS, values, level, np.full(3, NEVER), above=True) == pytest.approx([NEVER] * 3)


def test_a_visit_sees_only_what_shows_then() -> None:
    shows = np.array([[True, False, True], [False, False, False]])
    visits = np.array([1.0, 2.0, 5.0])
    assert seen(visits, shows, np.zeros(2)) == pytest.approx([1.0, NEVER])
    assert seen(visits, shows, np.full(2, 1.5)) == pytest.approx([5.0, NEVER])


def test_what_has_been_stopped_stops_no_other() -> None:
    # 0 is stopped by 1, 1 by 2, and 2 by none
    stops = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    none = np.full(3, -1)
    assert resolve(np.array([[3.0, 2.0, 1.0]]), stops, none).tolist() == [[3.0, NEVER, 1.0]]
    assert resolve(np.array([[3.0, 1.0, 2.0]]), stops, none).tolist() == [[NEVER, 1.0, 2.0]]


def test_of_two_that_stop_each_other_the_first_happens() -> None:
    stops = np.array([[0, 1], [1, 0]], dtype=bool)
    got = resolve(np.array([[1.0, 2.0], [2.0, 1.0], [NEVER, 4.0]]), stops, np.full(2, -1))
    assert got.tolist() == [[1.0, NEVER], [NEVER, 1.0], [NEVER, 4.0]]


def test_what_follows_needs_what_it_follows() -> None:
    # 2 follows 1, and 1 is stopped by 0
    stops = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)
    got = resolve(np.array([[1.0, 2.0, 3.0], [9.0, 2.0, 3.0]]), stops, np.array([-1, -1, 1]))
    assert got.tolist() == [[1.0, NEVER, NEVER], [9.0, 2.0, 3.0]]


def test_one_day_of_grid_gives_no_event() -> None:
    one, total = np.array([0.0]), np.zeros((2, 1))
    assert (happened_at(one, total, np.ones(2), np.zeros(2)) == NEVER).all()
    assert at_rows(one, total + 3, np.array([0.0, 9.0])).tolist() == [3.0, 3.0]
