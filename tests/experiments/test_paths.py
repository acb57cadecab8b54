"""Paths of observables: checked where they come in, read between their days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.experiments.paths import Paths

PATHS = Paths(
    np.array([-1.0, 0.0, 4.0]),
    {"damage": np.array([[0.0, 1.0, 3.0], [2.0, 2.0, np.inf]])},
    np.zeros(2, int),
    ("a", "b"),
    np.ones(2, bool),
)


def test_a_visit_between_days_is_interpolated() -> None:
    got = PATHS.at("damage", np.array([-1.0, -0.5, 0.0, 1.0, 4.0]))
    assert got[0] == pytest.approx([0, 0.5, 1, 1.5, 3])
    assert got[1, 2] == 2, "a day of the grid is not touched by what comes after"
    one = Paths(np.array([0.0]), {"x": np.array([[7.0]])}, np.zeros(1, int), ("a",), np.ones(1, bool))
    assert one.at("x", np.array([0.0])).tolist() == [[7.0]]


def test_a_visit_off_the_run_or_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="off the run"):
        PATHS.at("damage", np.array([5.0]))
    with pytest.raises(InputError, match="did you mean 'damage'"):
        PATHS.observable("damag")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"days": np.array([0.0, 0.0, 1.0])}, "do not rise"),
        ({"days": np.array([0.0, np.nan, 1.0])}, "do not rise"),
        ({"days": np.zeros(0)}, "not a list"),
        ({"ids": ("a", "a")}, "same id"),
        ({"ok": np.ones(3, bool)}, "shape"),
        ({"draw": np.array([0.0, 1.0])}, "index"),
        ({"draw": np.array([-1, 0])}, "index"),
        ({"values": {"damage": np.ones((2, 2))}}, "values.damage"),
    ],
)
def test_shapes_and_ids_are_checked(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(PATHS, **change)  # type: ignore[arg-type]
