"""The days of the doses."""

from __future__ import annotations

from typing import Any

import pytest

from stromal.errors import InputError
from stromal.experiments.given import Given
from stromal.experiments.schedule import schedule


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ({}, (0,)),
        ({"time": 3}, (3,)),
        ({"time": "48 hour"}, (2,)),
        ({"ii": 7, "addl": 3}, (0, 7, 14, 21)),
        ({"time": 1, "ii": "7", "addl": "0"}, (1,)),
        ({"time": 1, "ii": "1 week", "addl": 2.0}, (1, 8, 15)),
        # up to but not including, as in mrgsolve
        ({"ii": 7, "until": 28}, (0, 7, 14, 21)),
        ({"ii": 7, "until": 28.5}, (0, 7, 14, 21, 28)),
        ({"time": 2, "ii": 7, "until": 3}, (2,)),
        ({"ii": 0.1, "until": 0.3}, (0, 0.1, 0.2)),
        ({"days": [0, 7]}, (0, 7)),
        ({"days": [14, 0, 7]}, (0, 7, 14)),
        ({"days": "0 7 14"}, (0, 7, 14)),
        ({"days": ["0 day", "1 week"]}, (0, 7)),
        ({"time": 4, "days": None, "ii": ""}, (4,)),
    ],
)
def test_the_words_give_the_days(words: dict[str, Any], days: tuple[float, ...]) -> None:
    assert schedule(Given(words), end=30) == pytest.approx(days)


@pytest.mark.parametrize(
    ("words", "key", "message"),
    [
        ({"ii": 0, "addl": 1}, "ii", "not positive"),
        ({"ii": -7, "until": 20}, "ii", "not positive"),
        ({"ii": 7}, "ii", "without addl or until"),
        ({"addl": 3}, "addl", "without ii"),
        ({"until": 20}, "until", "without ii"),
        ({"ii": 7, "addl": 3, "until": 20}, "until", "both addl and until"),
        ({"ii": 7, "addl": -1}, "addl", "whole number"),
        ({"ii": 7, "addl": 1.5}, "addl", "whole number"),
        ({"ii": 7, "addl": True}, "addl", "not a number"),
        ({"ii": 1e-6, "until": 20}, "until", "10000 doses or more"),
        ({"ii": 1, "addl": 1e9}, "addl", "10000 doses or more"),
        ({"time": 5, "ii": 7, "until": 5}, "until", "not after the first dose"),
        ({"time": -1}, "time", "before the start, day 0"),
        ({"time": 31}, "time", "after the end of follow-up, day 30"),
        ({"ii": 7, "addl": 5}, "addl", "a dose on day 35 is after the end"),
        ({"ii": 7, "until": 40}, "until", "a dose on day 35 is after the end"),
        ({"days": [0, 40]}, "days", "after the end"),
        ({"days": [-2, 4]}, "days", "before the start"),
        ({"days": [3, 3]}, "days", "day 3 stands twice"),
        ({"days": []}, "days", "no day"),
        ({"days": 7}, "days", "not a list"),
        ({"days": [0, "x"]}, "days", "not a number"),
        ({"days": [0], "time": 1}, "time", "both days and time"),
        ({"days": [0], "ii": 1}, "ii", "both days and ii"),
        ({"time": float("nan")}, "time", "not a finite number"),
        ({"time": "3 ng"}, "time", "cannot be read as 'day'"),
        ({"time": [1]}, "time", "not a number"),
    ],
)
def test_each_mistake_has_its_message(words: dict[str, Any], key: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as info:
        schedule(Given(words, "plan.toml", None, "arms.therapy[1]"), end=30)
    assert info.value.key == f"arms.therapy[1].{key}"
    assert info.value.file == "plan.toml"


def test_a_background_may_begin_before_the_trial() -> None:
    assert schedule(Given({"time": -14, "ii": 7, "addl": 1}), start=-28) == (-14, -7)
