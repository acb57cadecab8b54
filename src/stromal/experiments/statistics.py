"""What a trial reports: an estimate for each arm, and each arm beside the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..evidence.units import parse_quantity
from .endpoint_kinds import Category, Composite, Count, Endpoint, Event, Measure, Response
from .outcome import (
    DEAD,
    MISSING,
    CategoryOutcome,
    CountOutcome,
    EventOutcome,
    MeasureOutcome,
    Outcomes,
    ResponseOutcome,
)
from .survival import cumulative_incidence, hazard_ratio, kaplan_meier, log_rank, median_time
from .two_arms import Z95, Difference, compare_counts, compare_estimates, compare_levels, compare_shares

__all__ = ["Analysis", "Comparison", "Estimand", "analyse", "default_estimands", "parse_estimands"]

_EVENT = ("incidence", "survival", "hazard_ratio", "median")
#: Measures of each kind of endpoint, the usual one first.
_MEASURES: dict[type[Endpoint], tuple[str, ...]] = {
    Category: ("share",),
    Response: ("proportion",),
    Event: _EVENT,
    Composite: ("survival", "incidence", "hazard_ratio", "median"),
    Measure: ("mean",),
    Count: ("rate", "any"),
}
_RATIOS = ("hazard_ratio", "rate")
#: Measures that go down when the event comes more often.
_FREE = ("survival", "median")
YEAR = 365.25


@dataclass(frozen=True)
class Estimand:
    """What is estimated of an endpoint.

    Attributes
    ----------
    endpoint : str
    measure : str
        ``proportion`` of responses. ``share`` of patients in a category or higher. ``incidence``: of an
        event by a day, with its rivals. ``survival``: without the event at a day. ``hazard_ratio``.
        ``median`` time. ``mean``: ratio of geometric means, or difference of means if errors are normal.
        ``rate`` of a count, or share with ``any``.
    day : float or None
        Of a share, incidence, survival or level; the last by default.
    at_least : str
        Category of a share.
    missing : str
        What a patient counts as who left before a response could be seen: ``failure`` or ``excluded``.
    """

    endpoint: str
    measure: str
    day: float | None = None
    at_least: str = ""
    missing: str = "failure"


@dataclass(frozen=True)
class Comparison:
    """One arm beside the reference in one trial.

    Attributes
    ----------
    estimand : Estimand
    arm, reference_arm : str
    effect, lo, hi : float
        With the trial's own 95 % confidence interval, in ``unit``.
    p : float
    unit : str
        ``points`` of percent, ``ratio``, ``days`` or the unit of the level.
    helps : bool or None
        Whether the effect is in the patient's favour; None if the endpoint takes no side.
    """

    estimand: Estimand
    arm: str
    reference_arm: str
    effect: float
    lo: float
    hi: float
    p: float
    unit: str
    helps: bool | None

    def succeeds(self, alpha: float = 0.05) -> bool:
        """Whether the trial would call it shown: p under alpha, and in the right direction."""
        return bool(self.p < alpha) and self.helps is not False


@dataclass(frozen=True)
class Analysis:
    """All estimates of one trial.

    Attributes
    ----------
    n : dict of str to int
        Patients of each arm that count.
    failed : dict of str to tuple of str
        Patients of each arm that could not be run.
    estimates : dict of (str, Estimand) to float
        By arm; NaN if it cannot be estimated.
    units : dict of Estimand to str
    comparisons : tuple of Comparison
    """

    n: Mapping[str, int]
    failed: Mapping[str, tuple[str, ...]]
    estimates: Mapping[tuple[str, Estimand], float]
    units: Mapping[Estimand, str]
    comparisons: tuple[Comparison, ...] = field(default=())


def default_estimands(endpoints: Mapping[str, Endpoint]) -> tuple[Estimand, ...]:
    """Return the usual measure of each endpoint, at its last day."""
    out = []
    for name, endpoint in endpoints.items():
        at_least = endpoint.categories[1] if isinstance(endpoint, Category) else ""
        out.append(Estimand(name, _measures(endpoint)[0], at_least=at_least))
    return tuple(out)


def parse_estimands(
    rows: Sequence[Mapping[str, Any]],
    endpoints: Mapping[str, Endpoint],
    *,
    file: str = "",
    key: str = "analysis",
) -> tuple[Estimand, ...]:
    """Read ``[[analysis]]`` tables: ``endpoint, measure, day, at_least, missing``.

    Raises
    ------
    InputError
        If a name is unknown, or a measure or day does not fit its endpoint.
    """
    if not isinstance(rows, list | tuple):
        raise InputError("is not a list of tables", file=file, key=key, suggestion=f"write [[{key}]]")
    return tuple(_parse(row, endpoints, file, f"{key}[{i}]") for i, row in enumerate(rows))


def analyse(
    estimands: Sequence[Estimand],
    endpoints: Mapping[str, Endpoint],
    arms: Mapping[str, Outcomes],
    *,
    reference: str,
) -> Analysis:
    """Analyse one trial.

    Parameters
    ----------
    estimands : sequence of Estimand
    endpoints : dict of str to Endpoint
    arms : dict of str to Outcomes
    reference : str
        The arm that others are compared with.

    Returns
    -------
    Analysis
    """
    if reference not in arms:
        raise InputError(f"no arm {reference!r}", key="reference", suggestion=nearest(reference, arms))
    used = {arm: outcomes.take(outcomes.ok) for arm, outcomes in arms.items()}
    estimates: dict[tuple[str, Estimand], float] = {}
    units: dict[Estimand, str] = {}
    comparisons = []
    for estimand in estimands:
        if estimand.endpoint not in endpoints:
            raise InputError(
                f"no endpoint {estimand.endpoint!r}",
                key="estimand",
                suggestion=nearest(estimand.endpoint, endpoints),
            )
        endpoint = endpoints[estimand.endpoint]
        if estimand.measure not in _measures(endpoint):
            raise InputError(
                f"{estimand.measure!r} is no measure of {estimand.endpoint!r}",
                key="estimand",
                suggestion=nearest(estimand.measure, _measures(endpoint)),
            )
        units[estimand], unit = _units(estimand, endpoint)
        for arm, outcomes in used.items():
            estimates[arm, estimand] = _estimate(estimand, endpoint, outcomes)
        for arm, outcomes in used.items():
            if arm != reference:
                d = _compare(estimand, endpoint, outcomes, used[reference])
                helps = _helps(estimand, endpoint, d.effect, unit)
                comparisons.append(
                    Comparison(estimand, arm, reference, d.effect, d.lo, d.hi, d.p, unit, helps)
                )
    return Analysis(
        {arm: len(outcomes) for arm, outcomes in used.items()},
        {arm: outcomes.failed for arm, outcomes in arms.items()},
        estimates,
        units,
        tuple(comparisons),
    )


def _measures(endpoint: Endpoint) -> tuple[str, ...]:
    return next(measures for kind, measures in _MEASURES.items() if isinstance(endpoint, kind))


def _parse(row: Any, endpoints: Mapping[str, Endpoint], file: str, key: str) -> Estimand:
    def fail(message: str, part: str, suggestion: str = "") -> InputError:
        return InputError(message, file=file, key=f"{key}.{part}", suggestion=suggestion)

    keys = ("endpoint", "measure", "day", "at_least", "missing")
    if not isinstance(row, Mapping):
        raise InputError("is not a table", file=file, key=key)
    for part, value in row.items():
        if part not in keys:
            raise fail("no such key of an analysis", part, nearest(part, keys))
        if part != "day" and not isinstance(value, str):
            raise fail(f"{value!r} is not text", part)
    name = row.get("endpoint", "")
    if name not in endpoints:
        raise fail(f"no endpoint {name!r}", "endpoint", nearest(name, endpoints))
    endpoint = endpoints[name]
    measure = row.get("measure", _measures(endpoint)[0])
    if measure not in _measures(endpoint):
        raise fail(f"{measure!r} is no measure of {name!r}", "measure", nearest(measure, _measures(endpoint)))
    day, at_least = None, row.get("at_least", "")
    if "day" in row:
        try:
            day = parse_quantity(row["day"], "day")
        except InputError as err:
            raise fail(err.message, "day", err.suggestion) from None
        if isinstance(endpoint, Category | Measure) and day not in endpoint.days:
            visits = ", ".join(f"{d:g}" for d in endpoint.days)
            raise fail(f"day {day:g} is no visit of {name!r}", "day", f"visits: {visits}")
    if isinstance(endpoint, Category) and at_least not in endpoint.categories:
        raise fail(
            f"{name!r} has no category {at_least!r}", "at_least", nearest(at_least, endpoint.categories)
        )
    missing = row.get("missing", "failure")
    if missing not in ("failure", "excluded"):
        raise fail(f"{missing!r} is neither 'failure' nor 'excluded'", "missing")
    return Estimand(name, measure, day, at_least, missing)


def _units(e: Estimand, endpoint: Endpoint) -> tuple[str, str]:
    """Return the unit of an estimate and of an effect."""
    if isinstance(endpoint, Measure):
        return endpoint.unit, "ratio" if endpoint.lognormal else endpoint.unit
    if e.measure in _RATIOS:
        return "1/year", "ratio"
    return ("days", "days") if e.measure == "median" else ("%", "points")


def _helps(e: Estimand, endpoint: Endpoint, effect: float, unit: str) -> bool | None:
    if not endpoint.better or np.isnan(effect):
        return None if not endpoint.better else False
    more = effect > (1.0 if unit == "ratio" else 0.0)
    less = effect < (1.0 if unit == "ratio" else 0.0)
    up = (endpoint.better == "higher") != (e.measure in _FREE)
    return bool(more if up else less)


def _share(e: Estimand, endpoint: Endpoint, outcomes: Outcomes) -> tuple[int, int]:
    """Return how many say yes, and of how many."""
    result = outcomes[e.endpoint]
    if isinstance(result, ResponseOutcome):
        yes = result.value == 1
        n = len(yes) if e.missing == "failure" else int(np.isfinite(result.value).sum())
        return int(yes.sum()), n
    if isinstance(result, CountOutcome):
        return int((result.count > 0).sum()), len(result.count)
    assert isinstance(result, CategoryOutcome)
    level = result.level[:, _visit(result.days, e.day)]
    # the dead are counted with the worst
    yes = (level >= result.categories.index(e.at_least)) | (level == DEAD)
    return int(yes.sum()), int((level != MISSING).sum())


def _visit(days: np.ndarray, day: float | None) -> int:
    return len(days) - 1 if day is None else int(np.flatnonzero(days == day)[0])


def _at_day(e: Estimand, outcomes: Outcomes) -> tuple[float, float]:
    """Return incidence or survival in percent, with its error."""
    result = outcomes[e.endpoint]
    assert isinstance(result, EventOutcome)
    day = outcomes.follow_up if e.day is None else e.day
    if e.measure == "incidence":
        value, error = cumulative_incidence(result.time, result.cause, day)
    else:
        value, error = kaplan_meier(result.time, result.observed, day)
    return 100 * value, 100 * error


def _estimate(e: Estimand, endpoint: Endpoint, outcomes: Outcomes) -> float:
    result = outcomes[e.endpoint]
    if isinstance(result, MeasureOutcome):
        values = result.value[:, _visit(result.days, e.day)]
        values = values[np.isfinite(values)]
        assert isinstance(endpoint, Measure)
        if not len(values):
            return np.nan
        with np.errstate(divide="ignore"):
            return float(np.exp(np.log(values).mean()) if endpoint.lognormal else values.mean())
    if e.measure in ("incidence", "survival"):
        return _at_day(e, outcomes)[0]
    if isinstance(result, EventOutcome):
        if e.measure == "median":
            return median_time(result.time, result.observed)
        time = float(np.nansum(result.time))
        return float(result.observed.sum()) / time * YEAR if time > 0 else np.nan
    if e.measure == "rate":
        assert isinstance(result, CountOutcome)
        time = float(np.nansum(result.exposure))
        return float(np.nansum(result.count)) / time * YEAR if time > 0 else np.nan
    yes, n = _share(e, endpoint, outcomes)
    return 100 * yes / n if n else np.nan


def _compare(e: Estimand, endpoint: Endpoint, treated: Outcomes, reference: Outcomes) -> Difference:
    a, b = treated[e.endpoint], reference[e.endpoint]
    if isinstance(a, MeasureOutcome) and isinstance(b, MeasureOutcome):
        assert isinstance(endpoint, Measure)
        visit = _visit(a.days, e.day)
        return compare_levels(a.value[:, visit], b.value[:, visit], lognormal=endpoint.lognormal)
    if isinstance(a, EventOutcome) and isinstance(b, EventOutcome):
        return _compare_events(e, a, b, treated, reference)
    if e.measure == "rate":
        assert isinstance(a, CountOutcome) and isinstance(b, CountOutcome)
        return compare_counts(a.count, a.exposure, b.count, b.exposure)
    return compare_shares(*_share(e, endpoint, treated), *_share(e, endpoint, reference))


def _compare_events(
    e: Estimand, a: EventOutcome, b: EventOutcome, treated: Outcomes, reference: Outcomes
) -> Difference:
    time, event = np.concatenate([a.time, b.time]), np.concatenate([a.observed, b.observed])
    group = np.arange(len(time)) < len(a.time)
    p = log_rank(time, event, group)[1]
    if e.measure in ("incidence", "survival"):
        return compare_estimates(*_at_day(e, treated), *_at_day(e, reference), p)
    if e.measure == "median":
        one, two = median_time(a.time, a.observed), median_time(b.time, b.observed)
        return Difference(one - two if np.isfinite(two) else np.nan, np.nan, np.nan, p)
    found = hazard_ratio(time, event, group)
    reach = np.exp(Z95 * found.log_error)
    return Difference(found.ratio, found.ratio / reach, found.ratio * reach, p)
