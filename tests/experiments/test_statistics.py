"""What a trial reports: each measure beside its own formula, and which direction helps."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import small_endpoints as small

from stromal.errors import InputError
from stromal.experiments.endpoint import Endpoint
from stromal.experiments.outcome import (
    DEAD,
    MISSING,
    CategoryOutcome,
    CountOutcome,
    EventOutcome,
    MeasureOutcome,
    Outcomes,
    ResponseOutcome,
    observe,
)
from stromal.experiments.statistics import (
    Analysis,
    Comparison,
    Estimand,
    analyse,
    default_estimands,
    parse_estimands,
)
from stromal.experiments.survival import cumulative_incidence, hazard_ratio, kaplan_meier, log_rank
from stromal.experiments.two_arms import compare_counts, compare_levels, fisher

FOUND = small.endpoints()


def outcomes(**results: object) -> Outcomes:
    n = 6
    base = {
        "complete_response": ResponseOutcome(np.array([1, 1, 0, 0, np.nan, 1.0])),
        "grade": CategoryOutcome(np.array([0.0, 28.0]), np.array([[2, 0], [2, 3], [1, DEAD], [1, MISSING], [4, 4], [2, 1]]), ("0", "I", "II", "III", "IV")),
        "survival": EventOutcome(np.array([10.0, 20, 30, 40, 50, 60]), np.array([1, 0, 1, 1, 0, 0])),
        "relapse": EventOutcome(np.array([5.0, 20, 30, 40, 50, 60]), np.array([1, 2, 0, 1, 2, 0]), ("death",)),
        "il6": MeasureOutcome(np.array([0.0, 28.0]), np.array([[1, 2], [1, 8], [1, np.nan], [1, 4], [1, 4], [1, 4.0]])),
        "adverse": CountOutcome(np.array([0.0, 2, 1, 0, 5, 0]), np.full(6, 73.05)),
    }  # fmt: skip
    return Outcomes(tuple("abcdef"), np.zeros(n, int), np.ones(n, bool), 60.0, base | results)


def one(
    estimand: Estimand, a: Outcomes, b: Outcomes, found: dict[str, Endpoint] = FOUND
) -> tuple[float, Comparison]:
    got = analyse([estimand], found, {"control": b, "treated": a}, reference="control")
    return got.estimates["treated", estimand], got.comparisons[0]


def test_responses_are_counted_of_all_or_of_those_seen() -> None:
    none = outcomes(complete_response=ResponseOutcome(np.zeros(6)))
    value, got = one(Estimand("complete_response", "proportion"), outcomes(), none)
    assert value == 50 and got.effect == 50 and got.unit == "points" and got.helps
    assert got.p == fisher(3, 6, 0, 6)
    value, _ = one(Estimand("complete_response", "proportion", missing="excluded"), outcomes(), none)
    assert value == 60


def test_the_dead_are_with_the_worst_category_and_the_missing_with_none() -> None:
    e = Estimand("grade", "share", 28.0, "III")
    assert one(e, outcomes(), outcomes())[0] == pytest.approx(100 * 3 / 5)
    assert one(replace(e, day=0.0), outcomes(), outcomes())[0] == pytest.approx(100 / 6)


def test_survival_and_incidence_are_those_of_the_curves() -> None:
    a = outcomes()
    later = EventOutcome(np.array([45.0, 20, 55, 60, 50, 60]), np.array([1, 0, 1, 1, 0, 0]))
    b = outcomes(survival=later)
    time, seen = a["survival"].time, a["survival"].observed  # type: ignore[union-attr]
    value, got = one(Estimand("survival", "survival", 35.0), b, a)
    assert value == 100 and got.effect == pytest.approx(100 - 100 * kaplan_meier(time, seen, 35)[0])
    assert got.helps and got.unit == "points" and 0 < got.p < 1
    value, got = one(Estimand("relapse", "incidence"), a, a)
    relapse = a["relapse"]
    assert value == pytest.approx(100 * cumulative_incidence(relapse.time, relapse.cause, 60)[0])  # type: ignore[union-attr]
    assert got.effect == 0 and got.p == 1 and got.helps is False
    both, group = np.r_[later.time, time], np.arange(12) < 6
    events = np.r_[later.observed, seen]
    rate, got = one(Estimand("survival", "hazard_ratio"), b, a)
    assert rate == pytest.approx(3 / 290 * 365.25)
    assert (
        got.effect == pytest.approx(hazard_ratio(both, events, group).ratio) and got.lo < got.effect < got.hi
    )
    assert got.p == log_rank(both, events, group)[1] and got.helps and got.unit == "ratio"
    value, got = one(Estimand("survival", "median"), b, a)
    assert (value, got.effect, got.unit) == (60.0, 20.0, "days") and got.helps


def test_levels_and_counts() -> None:
    double = outcomes(il6=MeasureOutcome(np.array([0.0, 28.0]), np.full((6, 2), 8.0)))
    value, got = one(Estimand("il6", "mean", 28.0), double, outcomes())
    assert value == pytest.approx(8) and got.effect == pytest.approx(2)
    assert got.unit == "ratio" and got.helps is None, "no side was said"
    there = outcomes()["il6"].value[:, 1]  # type: ignore[union-attr]
    assert got.p == compare_levels(np.full(6, 8.0), there, lognormal=True).p
    none = outcomes(adverse=CountOutcome(np.r_[1.0, np.zeros(5)], np.full(6, 73.05)))
    value, got = one(Estimand("adverse", "rate"), none, outcomes())
    assert value == pytest.approx(1 / 1.2) and got.effect == pytest.approx(1 / 8) and got.helps
    a, b = none["adverse"], outcomes()["adverse"]
    assert got.p == compare_counts(a.count, a.exposure, b.count, b.exposure).p  # type: ignore[union-attr]
    assert one(Estimand("adverse", "any"), outcomes(), none)[0] == 50


def test_success_is_p_and_direction() -> None:
    good = Comparison(Estimand("x", "rate"), "a", "b", 0.5, 0.3, 0.8, 0.01, "ratio", True)
    assert good.succeeds() and not good.succeeds(0.005)
    assert not replace(good, helps=False).succeeds()
    assert replace(good, helps=None).succeeds(), "where no side is said, any difference counts"
    assert not replace(good, p=np.nan).succeeds()


def test_a_harmful_product_does_not_help() -> None:
    worse = outcomes(survival=EventOutcome(np.full(6, 5.0), np.ones(6, int)))
    for measure in ("survival", "hazard_ratio", "median", "incidence"):
        assert one(Estimand("survival", measure, 15.0), worse, outcomes())[1].helps is False


def test_failed_patients_are_counted_and_in_no_estimate() -> None:
    a = outcomes()
    failed = replace(a, ok=np.array([True, True, False, True, True, True]))
    e = Estimand("complete_response", "proportion")
    got = analyse([e], FOUND, {"control": a, "treated": failed}, reference="control")
    assert got.n == {"control": 6, "treated": 5} and got.failed == {"control": (), "treated": ("c",)}
    assert got.estimates["treated", e] == 60


def test_every_measure_survives_no_patient_one_patient_and_no_event() -> None:
    estimands = [
        *default_estimands(FOUND),
        Estimand("survival", "hazard_ratio"),
        Estimand("survival", "median"),
    ]
    for n in (0, 1, 4):
        arm = observe(FOUND, small.paths(n), seed=1)
        got = analyse(estimands, FOUND, {"a": arm, "b": arm}, reference="a")
        assert isinstance(got, Analysis) and len(got.comparisons) == len(estimands)


def test_estimands_are_read_and_mistakes_named() -> None:
    rows = [{"endpoint": "survival", "day": "180 day"}, {"endpoint": "grade", "at_least": "II", "day": 28}]
    assert parse_estimands(rows, FOUND) == (
        Estimand("survival", "survival", 180.0),
        Estimand("grade", "share", 28.0, "II"),
    )
    for row, message in (
        ({"endpoint": "surviva"}, "did you mean 'survival'"),
        ({"endpoint": "survival", "measure": "hazard"}, "did you mean 'hazard_ratio'"),
        ({"endpoint": "grade", "day": 3, "at_least": "II"}, "visits: 0, 7, 28, 56"),
        ({"endpoint": "grade", "at_least": "VI"}, "did you mean"),
        ({"endpoint": "survival", "dya": 3}, "did you mean 'day'"),
        ({"endpoint": "survival", "missing": "gone"}, "neither"),
    ):
        with pytest.raises(InputError, match=message):
            parse_estimands([row], FOUND)
    with pytest.raises(InputError, match="did you mean 'control'"):
        analyse([], FOUND, {"control": outcomes()}, reference="controls")
    with pytest.raises(InputError, match="no measure"):
        one(Estimand("grade", "median"), outcomes(), outcomes())


def test_the_heavy_libraries_are_loaded_when_asked_for() -> None:
    modules = "endpoint, observer, outcome, statistics, summary, scoring, survival, two_arms, allocation"
    code = f"import sys; from stromal.experiments import {modules}; print('statsmodels' in sys.modules, 'scipy.stats' in sys.modules)"
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.split() == ["False", "False"]
