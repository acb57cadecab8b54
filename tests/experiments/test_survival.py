"""Survival statistics against tables worked by hand, and against statsmodels on random data with ties."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

from stromal.experiments.survival import (
    cumulative_incidence,
    curve,
    hazard_ratio,
    incidence_at,
    kaplan_meier,
    log_rank,
    median_time,
)

#: Remission in weeks under 6-mercaptopurine (Freireich 1963), the textbook table; and under placebo.
WEEKS = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35], float)
SEEN = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], bool)
PLACEBO = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], float)
BOTH = (
    np.concatenate([WEEKS, PLACEBO]),
    np.concatenate([SEEN, np.ones(21, bool)]),
    np.arange(42) < 21,
)


def random_data(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = rng.random(n) < 0.5
    time = np.ceil(rng.exponential(np.where(group, 30, 20)))  # whole days: many ties
    return time, rng.integers(0, 3, n), group


def test_the_textbook_table() -> None:
    alive = [kaplan_meier(WEEKS, SEEN, w)[0] for w in (5, 6, 7, 10, 13, 16, 22, 23)]
    assert alive == pytest.approx([1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)
    assert kaplan_meier(WEEKS, SEEN, 10)[1] == pytest.approx(0.0963, abs=5e-4)
    assert median_time(WEEKS, SEEN) == 23 and median_time(PLACEBO, np.ones(21, bool)) == 8
    assert log_rank(*BOTH)[0] == pytest.approx(16.79, abs=0.01)
    # the published Cox estimate with Efron's ties is -1.572
    assert np.log(hazard_ratio(*BOTH).ratio) == pytest.approx(-1.572, abs=1e-3)


def test_an_aalen_johansen_table_by_hand() -> None:
    time, cause = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1, 2, 0, 1, 2])
    # 1/5; then 3/5 alive at day 2; of two left at day 4 one has the event
    assert cumulative_incidence(time, cause, 1)[0] == pytest.approx(0.2)
    assert cumulative_incidence(time, cause, 3)[0] == pytest.approx(0.2)
    assert cumulative_incidence(time, cause, 4)[0] == pytest.approx(0.2 + 0.6 / 2)
    # one minus Kaplan-Meier would say more
    assert 1 - kaplan_meier(time, cause == 1, 4)[0] == pytest.approx(0.6)


@pytest.mark.parametrize("seed", range(6))
def test_all_agree_with_statsmodels(seed: int) -> None:
    time, cause, group = random_data(seed)
    event = cause == 1
    km = SurvfuncRight(time, event)
    with np.errstate(divide="ignore", invalid="ignore"):  # statsmodels divides by nobody left
        aj = CumIncidenceRight(time, cause)
    for day in (3.0, 15.5, 30.0):
        i = np.searchsorted(km.surv_times, day, side="right") - 1
        assert kaplan_meier(time, event, day) == pytest.approx((km.surv_prob[i], km.surv_prob_se[i]))
        i = np.searchsorted(aj.times, day, side="right") - 1
        assert cumulative_incidence(time, cause, day) == pytest.approx((aj.cinc[0][i], aj.cinc_se[0][i]))
    assert log_rank(time, event, group) == pytest.approx(survdiff(time, event, group))
    middle = km.quantile(0.5)  # NaN there is never here
    assert median_time(time, event) == (np.inf if np.isnan(middle) else middle)
    fit = PHReg(time, group.astype(float), status=event, ties="efron").fit(disp=0)
    got = hazard_ratio(time, event, group)
    assert np.log(got.ratio) == pytest.approx(fit.params[0], abs=1e-5)
    assert got.log_error == pytest.approx(fit.bse[0], rel=1e-4)


def test_whole_curves_pass_through_the_same_points() -> None:
    time, cause, _ = random_data(1)
    for causes, at in ((cause, lambda d: cumulative_incidence(time, cause, d)[0]),
                       (cause == 1, lambda d: kaplan_meier(time, cause == 1, d)[0])):  # fmt: skip
        rows = curve(time, np.asarray(causes, int))
        for day in rows["day"][[0, 3, 9]]:
            assert rows["estimate"][rows["day"] == day].iloc[0] == pytest.approx(at(day))
    assert curve(time, np.zeros(60, int))["estimate"].tolist() == [1.0]


def test_degenerate_data_give_an_answer_or_nan() -> None:
    time, none, all_ = np.array([3.0, 4.0, 9.0, 9.0]), np.zeros(4, bool), np.ones(4, bool)
    group = np.array([True, False, True, False])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kaplan_meier(time, none, 9) == (1.0, 0.0)
        assert kaplan_meier(time, all_, 9) == (0.0, 0.0) and kaplan_meier(time, all_, 99) == (0.0, 0.0)
        assert np.isnan(kaplan_meier(time, none, 10)[0]), "nobody was seen so long"
        assert cumulative_incidence(time, none.astype(int), 5) == (0.0, 0.0)
        assert cumulative_incidence(time, all_.astype(int), 9)[0] == pytest.approx(1.0)
        assert median_time(time, none) == np.inf
        assert log_rank(time, none, group) == (0.0, 1.0)
        assert np.isnan(hazard_ratio(time, none, group).ratio)
        assert hazard_ratio(time, group, group).ratio == np.inf
        assert hazard_ratio(time, ~group, group).ratio == 0.0
        empty = np.zeros(0)
        assert np.isnan(kaplan_meier(empty, empty.astype(bool), 1)[0])
        assert np.isnan(median_time(empty, empty.astype(bool)))
        assert kaplan_meier(np.array([5.0]), np.array([True]), 4) == (1.0, 0.0)


def test_patients_without_a_time_are_left_out() -> None:
    time, event = np.r_[WEEKS, np.nan], np.r_[SEEN, False]
    assert kaplan_meier(time, event, 10) == kaplan_meier(WEEKS, SEEN, 10)
    group = np.arange(22) < 10
    assert log_rank(time, event, group) == log_rank(WEEKS, SEEN, group[:21])


def test_many_days_at_once_are_each_day_alone() -> None:
    rng = np.random.default_rng(5)
    days = np.array([0.0, 1.0, 5.5, 10.0, 20.0, 29.0, 40.0])
    for _ in range(50):
        # whole days, so that events, rivals and censoring fall together
        time, cause = rng.integers(1, 30, 40).astype(float), rng.integers(0, 3, 40)
        one_by_one = [cumulative_incidence(time, cause, day)[0] for day in days]
        np.testing.assert_allclose(incidence_at(time, cause, days), one_by_one, rtol=1e-12)
