"""Scores: against closed forms, proper, and honest about forecasts that beat nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from stromal.errors import InputError
from stromal.experiments.scoring import (
    Historical,
    Reported,
    coverage,
    crps,
    historical_forecast,
    log_score,
    no_effect_forecast,
    parse_historical,
    parse_reported,
    score,
)

#: Quantiles of a standard normal: samples without chance.
NORMAL = norm.ppf((np.arange(4000) + 0.5) / 4000)


def crps_normal(mean: float, sd: float, y: float) -> float:
    z = (y - mean) / sd
    return float(sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)))


@pytest.mark.parametrize("y", [-3.0, 0.0, 0.4, 2.5])
def test_crps_of_a_normal_is_the_closed_form(y: float) -> None:
    assert crps(NORMAL, y) == pytest.approx(crps_normal(0, 1, y), abs=1e-3)
    assert crps(5 + 2 * NORMAL, 5 + 2 * y) == pytest.approx(2 * crps(NORMAL, y))


def test_crps_is_what_its_definition_says() -> None:
    x = np.array([3.0, 1.0, 7.0, 7.0])
    pairs = np.abs(x[:, None] - x[None, :]).mean() / 2
    assert crps(x, 2.0) == pytest.approx(np.abs(x - 2).mean() - pairs)
    assert crps(np.array([4.0]), 1.5) == 2.5, "one sample: the absolute error"


def test_the_log_score_of_a_normal_is_its_density() -> None:
    for y in (0.0, 1.0, -2.0):
        assert log_score(NORMAL, y) == pytest.approx(-norm.logpdf(y), abs=0.05)
    # without spread of their own, samples are spread by the resolution of the report
    same = np.full(10, 30.0)
    assert log_score(same, 31.0, resolution=2.0) == pytest.approx(-norm.logpdf(31, 30, 2))
    assert log_score(same, 31.0) == np.inf and log_score(same, 30.0) == -np.inf


def test_both_scores_are_proper() -> None:
    truth = 1 + 2 * np.random.default_rng(2).standard_normal(200)
    for rule in (crps, log_score):
        mean = {
            (m, s): np.mean([rule(m + s * NORMAL[::20], y) for y in truth])
            for m, s in ((1, 2), (0, 2), (2, 2), (1, 1), (1, 4))
        }
        assert min(mean, key=mean.__getitem__) == (1, 2)


def trials(share: np.ndarray, n: int = 90, replicates: int = 40, seed: int = 1) -> np.ndarray:
    return 100 * np.random.default_rng(seed).binomial(n, share[:, None], (len(share), replicates)) / n


CONTROL = trials(np.full(60, 0.4))
POOLED = Historical(10.0, 5.0, "points", "a meta-analysis")


def test_no_effect_is_the_reference_arm_itself() -> None:
    assert np.array_equal(no_effect_forecast(CONTROL), CONTROL)
    apart = no_effect_forecast(CONTROL, "effect")
    assert apart.mean() == pytest.approx(0, abs=1e-9)
    # two arms of 90 with 40 % each
    assert apart.std() == pytest.approx(100 * np.sqrt(2 * 0.24 / 90), rel=0.05)
    unlike = trials(np.linspace(0.1, 0.9, 60))
    within = no_effect_forecast(unlike, "effect")
    assert within.std() < 8, "draws that differ do not: both arms of a trial have the same truth"
    ratio = no_effect_forecast(CONTROL, "effect", "log")
    assert np.median(ratio) == pytest.approx(1, abs=0.02)
    with pytest.raises(InputError, match="one replicate"):
        no_effect_forecast(CONTROL[:, :1], "effect")


def test_the_historical_effect_is_added_on_its_scale() -> None:
    points = historical_forecast(CONTROL, POOLED)
    assert points.mean() == pytest.approx(50, abs=1.5)
    assert points.mean(axis=1).std() == pytest.approx(5, rel=0.25)
    times = historical_forecast(np.ones((40, 3)), Historical(np.log(0.7), 0.0, "log", "x"))
    assert times == pytest.approx(0.7)
    odds = historical_forecast(np.full((40, 2), 50.0), Historical(np.log(3.0), 0.0, "logit", "x"))
    assert odds == pytest.approx(75.0)
    edge = historical_forecast(np.array([[0.0, 100.0]]), Historical(0.0, 0.0, "logit", "x"))
    assert edge[0] == pytest.approx([0.1, 99.9])
    with pytest.raises(InputError, match="not of differences"):
        historical_forecast(-CONTROL, Historical(0.0, 1.0, "logit", "x"))


def test_a_model_that_sees_the_effect_is_not_vacuous_and_one_that_dreams_is() -> None:
    seen = Reported("x", 62.0, "a trial", resolution=100 / 90)
    rivals = {"no_effect": CONTROL, "historical": historical_forecast(CONTROL, POOLED)}
    good = score(trials(np.full(60, 0.6), seed=2), seen, **rivals)
    assert good.inside and not good.vacuous
    assert good.crps < good.crps_historical < good.crps_no_effect
    assert good.log < min(good.log_no_effect, good.log_historical)
    wild = score(trials(np.full(60, 0.98), seed=2), seen, **rivals)
    assert wild.vacuous and not wild.inside
    between = score(trials(np.full(60, 0.45), seed=2), seen, **rivals)
    assert between.crps_historical < between.crps < between.crps_no_effect
    assert not between.vacuous, "it beats one of them"
    null = Reported("y", 40.0, "another trial", resolution=100 / 90)
    assert score(trials(np.full(60, 0.6), seed=2), null, rule="log", **rivals).vacuous


def test_the_reference_itself_beats_nothing() -> None:
    got = score(CONTROL, Reported("x", 41.0, "s"), no_effect=CONTROL)
    assert got.crps == got.crps_no_effect and got.vacuous
    assert np.isnan(got.crps_historical)
    assert not score(CONTROL, Reported("x", 41.0, "s")).vacuous, "with no rival it is not said"


def test_ratios_are_scored_as_logarithms() -> None:
    ratio = np.exp(NORMAL * 0.3)
    up = score(ratio, Reported("x", 2.0, "s", scale="log"))
    down = score(ratio, Reported("x", 0.5, "s", scale="log"))
    assert up.crps == pytest.approx(down.crps, abs=1e-6)


def test_a_median_that_was_not_reached_counts_as_the_end_of_follow_up() -> None:
    times = np.array([100.0, 200.0, np.inf, np.inf])
    got = score(times, Reported("x", 180.0, "s", scale="log", most=365.0))
    assert got.left_out == 0 and got.hi == 365
    assert got.crps == pytest.approx(crps(np.log([100, 200, 365, 365]), np.log(180)))
    assert score(times[:3], Reported("x", 180.0, "s")).left_out == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="no finite sample"):
        score(np.array([np.nan]), Reported("x", 1.0, "s"))


def test_coverage_has_an_exact_interval() -> None:
    scores = [score(CONTROL, Reported(str(v), v, "s")) for v in (38.0, 40.0, 44.0, 90.0)]
    got = coverage(scores)
    assert (got.inside, got.n, got.share) == (3, 4, 0.75)
    assert (got.lo, got.hi) == pytest.approx((0.1941, 0.9937), abs=1e-4)
    assert coverage(scores[:3]).hi == 1.0
    assert np.isnan(coverage([]).share)


def test_reported_and_historical_numbers_are_read_with_a_source() -> None:
    row = {"id": "T-1", "value": 0.7, "scale": "log", "kind": "effect", "source": "a trial"}
    assert parse_reported(row) == Reported("T-1", 0.7, "a trial", "log", "effect")
    assert parse_historical({"mean": -0.3, "sd": 0.2, "scale": "log", "source": "s"}).sd == 0.2
    for bad, message in (
        ({"value": 3}, "source: is missing"),
        ({"source": "s"}, "value: is missing"),
        ({"value": "3", "source": "s"}, "right kind"),
        ({"value": -1, "source": "s", "scale": "log"}, "no logarithm"),
        ({"value": 1, "source": "s", "scale": "lin"}, "did you mean 'linear'"),
        ({"value": 1, "source": "s", "knd": "x"}, "did you mean 'kind'"),
    ):
        with pytest.raises(InputError, match=message):
            parse_reported(bad)
    for bad, message in (
        ({"mean": 1, "sd": -1, "source": "s"}, "negative"),
        ({"mean": 1, "source": "s"}, "sd: is missing"),
        ({"mean": 1, "sd": 1}, "source: is missing"),
    ):
        with pytest.raises(InputError, match=message):
            parse_historical(bad)
