"""When a therapy is given: the days of its doses, from the words that the field uses."""

from __future__ import annotations

import math

from .given import Given

__all__ = ["SCHEDULE_KEYS", "schedule"]

SCHEDULE_KEYS = ("time", "ii", "addl", "until", "days")
#: More doses than this in one therapy are a slip of the pen.
MOST_DOSES = 10_000


def schedule(given: Given, *, start: float = 0.0, end: float = math.inf) -> tuple[float, ...]:
    """Return the days of the doses.

    Parameters
    ----------
    given : Given
        ``time`` (day of the first dose, 0) alone; with ``ii`` (days between doses) and either ``addl``
        (further doses) or ``until`` (up to but not including this day, as in mrgsolve); or ``days``.
    start, end : float
        Days of the trial clock that the doses must lie in, both included.

    Returns
    -------
    tuple of float
        Days, ascending.

    Raises
    ------
    InputError
        If the words contradict each other or a dose is outside the clock.
    """
    key = "days" if given.has("days") else "time"
    days = _listed(given) if key == "days" else _regular(given)
    if days[0] < start:
        raise given.fail(f"a dose on day {days[0]:g} is before the start, day {start:g}", key)
    if days[-1] > end:
        if given.has("ii"):
            key = "until" if given.has("until") else "addl"
        raise given.fail(f"a dose on day {days[-1]:g} is after the end of follow-up, day {end:g}", key)
    return days


def _listed(given: Given) -> tuple[float, ...]:
    for key in ("time", "ii", "addl", "until"):
        if given.has(key):
            raise given.fail(f"both days and {key} are given", key, "give the days, or time with ii")
    days = tuple(sorted(given.numbers("days", "day")))
    if not days:
        raise given.fail("no day is given", "days", "write for example [0, 7, 14]")
    for a, b in zip(days, days[1:], strict=False):
        if a == b:
            raise given.fail(f"day {a:g} stands twice", "days", "give a larger dose, or a second therapy")
    if len(days) > MOST_DOSES:
        raise given.fail(f"{len(days)} doses are more than {MOST_DOSES}", "days")
    return days


def _regular(given: Given) -> tuple[float, ...]:
    first = given.number("time", unit="day")
    further = 0
    if given.has("addl") and given.has("until"):
        raise given.fail("both addl and until are given", "until", "keep one of them")
    if not given.has("ii"):
        for key in ("addl", "until"):
            if given.has(key):
                raise given.fail(f"{key} is given without ii", key, "ii = 7 is one dose a week")
        return (first,)
    interval = given.number("ii", unit="day")
    if interval <= 0:
        raise given.fail(f"an interval of {interval:g} days is not positive", "ii")
    if given.has("addl"):
        further = given.whole("addl")
    elif given.has("until"):
        until = given.number("until", unit="day")
        if until <= first:
            raise given.fail(f"day {until:g} is not after the first dose, day {first:g}", "until")
        # a dose that rounding alone puts before 'until' is on it
        further = min(math.ceil((until - first) / interval - 1e-9) - 1, MOST_DOSES)
    else:
        raise given.fail("ii is given without addl or until", "ii", "say how many doses follow: addl = 3")
    if further >= MOST_DOSES:
        raise given.fail(
            f"{MOST_DOSES} doses or more", "addl" if given.has("addl") else "until", "is ii in days?"
        )
    return tuple(first + i * interval for i in range(further + 1))
