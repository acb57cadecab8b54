"""Where patients stand: every stretch of a population can be drawn alone."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.experiments.insults import normal
from stromal.stream.order import Order

BODIES = np.array([2, 0, 2, 1, 2])


@pytest.mark.parametrize("start", [0, 1, 3, 4, 5, 8, 1_000_003])
def test_a_stream_can_be_entered_anywhere(start: int) -> None:
    if start < 100:
        whole = normal(7, "patient:x", (3, 11), 100)
        np.testing.assert_array_equal(
            normal(7, "patient:x", (3, 11), 20, start), whole[:, start : start + 20]
        )
    else:
        before = normal(7, "patient:x", (3, 11), 30, start - 5)
        np.testing.assert_array_equal(normal(7, "patient:x", (3, 11), 20, start), before[:, 5:25])


def test_patients_take_turns_and_no_one_comes_twice() -> None:
    order = Order.of(BODIES)
    body, number, times = order.at(0, 20)
    np.testing.assert_array_equal(body[:5], BODIES)
    np.testing.assert_array_equal(times[:5], [3, 1, 3, 1, 3])
    assert len(set(zip(body, number, strict=True))) == 20
    for b, most in ((0, 4), (1, 4), (2, 12)):
        # a body has as many as the posterior says, numbered without gaps from 0 on
        np.testing.assert_array_equal(number[body == b], np.arange(most))


def test_a_stretch_is_the_same_alone() -> None:
    order = Order.of(BODIES)
    whole = order.at(0, 40)
    for a, b in ((0, 1), (7, 13), (39, 40)):
        for alone, part in zip(order.at(a, b), whole, strict=True):
            np.testing.assert_array_equal(alone, part[a:b])
