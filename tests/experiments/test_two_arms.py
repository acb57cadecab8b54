"""Comparisons of two arms against scipy and statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import chi2_contingency, fisher_exact, ttest_ind
from statsmodels.stats.proportion import confint_proportions_2indep

from stromal.experiments.two_arms import (
    compare_counts,
    compare_estimates,
    compare_levels,
    compare_shares,
    fisher,
    pearson,
)


@pytest.mark.parametrize(
    "table", [(9, 12, 5, 6), (0, 8, 3, 9), (30, 87, 20, 90), (5, 5, 0, 5), (0, 4, 0, 4), (50, 99, 70, 99)]
)
def test_exact_and_chi_squared_p(table: tuple[int, int, int, int]) -> None:
    yes, n, ref, m = table
    cells = np.array([[yes, n - yes], [ref, m - ref]])
    assert fisher(*table) == pytest.approx(fisher_exact(cells).pvalue, rel=1e-6)
    if 0 < yes + ref < n + m:
        assert pearson(*table) == pytest.approx(chi2_contingency(cells, correction=False).pvalue)
    else:
        assert pearson(*table) == 1.0


def test_a_difference_of_shares_has_newcombes_interval_in_points() -> None:
    got = compare_shares(56, 70, 48, 80)  # Newcombe 1998, method 10
    assert (got.effect, got.lo, got.hi) == pytest.approx((20.0, 5.24, 33.39), abs=0.005)
    lo, hi = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")
    assert (got.lo, got.hi) == pytest.approx((100 * lo, 100 * hi))
    assert got.p == pearson(56, 70, 48, 80)
    assert compare_shares(9, 12, 5, 6).p == fisher(9, 12, 5, 6), "small numbers are exact"
    assert np.isnan(compare_shares(0, 0, 3, 6).effect)


def test_levels_are_compared_as_a_ratio_or_a_difference() -> None:
    rng = np.random.default_rng(1)
    a, b = np.exp(rng.normal(0.5, 1, 40)), np.exp(rng.normal(0, 0.7, 25))
    welch = ttest_ind(np.log(a), np.log(b), equal_var=False).confidence_interval()
    got = compare_levels(np.r_[a, np.nan], b, lognormal=True)
    assert (got.lo, got.hi) == pytest.approx((np.exp(welch.low), np.exp(welch.high)))
    plain = compare_levels(a, b, lognormal=False)
    assert plain.effect == pytest.approx(a.mean() - b.mean())
    assert plain.p == got.p, "ranks do not know the scale"


def test_rates_are_compared_as_poisson_regression_with_a_sandwich() -> None:
    rng = np.random.default_rng(2)
    exposure = rng.uniform(50, 365, 90)
    count = rng.poisson(exposure * 0.01 * rng.gamma(1, 1, 90)).astype(float)
    arm = np.arange(90) < 40
    fit = sm.GLM(
        count, sm.add_constant(arm.astype(float)), family=sm.families.Poisson(), exposure=exposure
    ).fit(cov_type="HC0")
    got = compare_counts(count[arm], exposure[arm], count[~arm], exposure[~arm])
    assert np.log([got.effect, got.lo, got.hi]) == pytest.approx([fit.params[1], *fit.conf_int()[1]])
    assert got.p == pytest.approx(fit.pvalues[1])


def test_degenerate_data_give_an_answer_or_nan_and_no_warning() -> None:
    zero, one, three = np.zeros(3), np.ones(3), np.array([1.0, 2.0, 3.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compare_counts(zero, one, three, one).effect == 0.0
        assert compare_counts(three, one, zero, one).effect == np.inf
        assert np.isnan(compare_counts(zero, one, zero, one).effect)
        assert np.isnan(compare_counts(zero, zero, zero, one).effect)
        assert compare_levels(one, one, lognormal=True).p == 1.0
        assert np.isnan(compare_levels(np.full(3, np.nan), one, lognormal=True).p)
        assert np.isnan(compare_levels(one[:1], three, lognormal=False).lo)
        assert compare_estimates(1.0, 0.0, 0.0, 0.0, 0.01).p == 0.01
        assert np.isnan(compare_estimates(np.nan, 0.0, 0.0, 0.0, 1.0).p)
    assert compare_estimates(0.5, 0.03, 0.4, 0.04, 1.0).p == pytest.approx(0.0455, abs=1e-4)
