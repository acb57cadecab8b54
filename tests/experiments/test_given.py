"""Keys as a user wrote them, and what a message says of them."""

from __future__ import annotations

from typing import Any

import pytest

from stromal.errors import InputError
from stromal.experiments.given import Given


def test_none_and_empty_text_are_not_given() -> None:
    keys = Given({"a": None, "b": " ", "c": 0, "d": "x"})
    assert [keys.has(k) for k in "abcde"] == [False, False, True, True, False]
    assert keys.number("a", 3.0) == 3.0 and keys.text("b", "y") == "y" and keys.words("b") == ()


@pytest.mark.parametrize(
    ("value", "unit", "want"),
    [(2, "day", 2.0), ("2", "day", 2.0), ("36 hour", "day", 1.5), ("65 %", "fraction", 0.65), (1e3, "", 1e3)],
)
def test_a_number_is_bare_or_has_a_unit(value: Any, unit: str, want: float) -> None:
    assert Given({"a": value}).number("a", unit=unit) == pytest.approx(want)


@pytest.mark.parametrize("value", [True, "x", [1], {}, float("nan"), float("-inf"), "1e999", 10**400, "1 ng"])
def test_what_is_no_number_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(InputError) as info:
        Given({"a": value}, "plan.csv", 7, "t[1]").number("a", unit="day")
    assert str(info.value).startswith("plan.csv, line 7, t[1].a: ")


def test_lists_and_whole_numbers() -> None:
    keys = Given({"a": "0 7 14", "b": [1, "2 day"], "c": ("x", "y"), "n": "3", "m": 2.5})
    assert keys.numbers("a", "day") == (0, 7, 14) and keys.numbers("b", "day") == (1, 2)
    assert keys.words("c") == ("x", "y") and keys.whole("n") == 3
    for wrong in (lambda: keys.whole("m"), lambda: keys.words("b"), lambda: keys.numbers("m")):
        with pytest.raises(InputError):
            wrong()


def test_names_are_suggested() -> None:
    keys = Given({"rout": "IV"})
    with pytest.raises(InputError, match="rout: no such key of a therapy .did you mean 'route'"):
        keys.only(("route", "time"), "a therapy")
    with pytest.raises(InputError, match="no place 'lnug' .did you mean 'lung'"):
        keys.known("cmt", "lnug", ("lung", "liver"), "place")
