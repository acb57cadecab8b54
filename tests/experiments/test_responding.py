"""Responses: visit by visit, with death, relapse, drop-out and how long they last."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.experiments.endpoint_kinds import Response
from stromal.experiments.responding import responded

DAYS = np.array([0.0, 7.0, 28.0, 56.0])
NEVER, NAN = np.inf, np.nan


def value(
    level: str,
    path: list[int],
    stop: float = NEVER,
    end: float = 365.0,
    until: float = 28.0,
    lasting: float | None = None,
    day: float = 28.0,
) -> float:
    e = Response("r", "grade", level, 0.0, day, until, lasting)
    return float(responded(e, DAYS, np.array([path]), np.array([stop]), np.array([end]))[0])


@pytest.mark.parametrize(
    ("path", "complete", "overall", "partial"),
    [
        ([2, 2, 0, 0], 1, 1, 0),
        ([2, 2, 1, 0], 0, 1, 1),
        ([2, 0, 2, 0], 0, 0, 0),
        ([2, 0, 3, 0], 0, 0, 0),
        ([0, 0, 0, 0], 0, 0, 0),  # nothing to respond
        ([1, 1, 0, 1], 1, 1, 0),
    ],
)
def test_levels_at_a_day(path: list[int], complete: int, overall: int, partial: int) -> None:
    got = [value(level, path) for level in ("complete", "overall", "partial")]
    assert got == [complete, overall, partial]


def test_a_durable_response_is_kept_at_every_visit() -> None:
    assert value("complete", [2, 2, 0, 0], until=56) == 1
    assert value("complete", [2, 2, 0, 1], until=56) == 0
    assert value("overall", [2, 2, 0, 1], until=56) == 1
    assert value("partial", [2, 2, 0, 1], until=56) == 1


def test_death_or_relapse_before_is_no_response() -> None:
    assert value("complete", [2, 0, 0, 0], stop=28.0) == 0
    assert value("complete", [2, 0, 0, 0], stop=28.1) == 1
    assert value("complete", [2, 0, 0, 0], stop=40.0, until=56) == 0
    assert value("complete", [2, 0, 0, 0], stop=20.0, end=27.0) == 0, "it was seen that it cannot come"


def test_what_was_not_seen_to_its_day_is_missing() -> None:
    assert np.isnan(value("complete", [2, 0, 0, 0], end=27.0))
    assert np.isnan(value("complete", [2, 0, 0, 0], end=40.0, until=56))
    assert value("complete", [2, 0, 1, 0], end=40.0, until=56) == 0, "it had failed before"
    assert np.isnan(value("complete", [2, 0, 0, 0], end=27.0, stop=30.0)), (
        "a death after drop-out is not seen"
    )
    assert np.isnan(value("partial", [2, 1, 1, 1], end=27.0))


def test_a_response_that_starts_at_any_visit_and_lasts() -> None:
    def best(path: list[int], **more: float) -> float:
        return value("complete", path, day=56.0, until=56.0, lasting=28.0, **more)

    assert best([2, 2, 0, 0]) == 1
    assert best([2, 0, 0, 2]) == 0, "21 days are not 28"
    assert best([2, 0, 0, 0]) == 1
    assert best([2, 2, 2, 0]) == 0, "too late to last"
    assert best([2, 2, 0, 0], stop=50.0) == 0
    assert np.isnan(best([2, 2, 0, 0], end=50.0))
    assert value("complete", [2, 0, 2, 2], day=56.0, until=56.0, lasting=0.0) == 1
