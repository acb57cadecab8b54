"""Outcomes: analytic exponentials, rivals, and the same chance in every arm."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
import small_endpoints as small
from scipy.stats import nbinom, poisson

from stromal.errors import InputError
from stromal.experiments import (
    endpoint,
    endpoint_kinds,
    events,
    observation,
    observer,
    outcome,
    responding,
    streams,
)
from stromal.experiments.endpoint import draw_observation, observation_parameters
from stromal.experiments.observer import Observer, _poisson
from stromal.experiments.outcome import DEAD, MISSING, EventOutcome, observe

#: A coarse grid, where observables are constant.
DAYS = np.linspace(0.0, 730.0, 11)

DEATH = """
[death]
kind = "hazard"
rate = { value = 0.002, spread = 3 }
terminal = true
"""
RELAPSE = (
    DEATH
    + """
[relapse]
kind = "hazard"
rate = 0.003
"""
)


def event(out: outcome.Outcomes, name: str) -> EventOutcome:
    found = out[name]
    assert isinstance(found, EventOutcome)
    return found


def test_a_constant_hazard_gives_exponential_survival() -> None:
    death = event(small.hazards(DEATH), "death")
    for day in (100, 700, 1900):
        assert (death.time > day).mean() == pytest.approx(np.exp(-0.002 * day), abs=0.012)
    assert (death.time[~death.observed] == 2000).all()


def test_a_death_before_relapse_means_no_relapse() -> None:
    out = small.hazards(RELAPSE)
    death, relapse = event(out, "death"), event(out, "relapse")
    # death goes on after relapse, relapse does not come after death
    assert death.observed.mean() == pytest.approx(1 - np.exp(-0.002 * 2000), abs=0.012)
    for day in (100, 500, 2000):
        seen = (relapse.observed & (relapse.time <= day)).mean()
        assert seen == pytest.approx(0.6 * (1 - np.exp(-0.005 * day)), abs=0.012)
    assert relapse.rivals == ("death",)
    assert (relapse.time[relapse.observed] <= death.time[relapse.observed]).all()
    rival = relapse.cause == 2
    assert np.array_equal(relapse.time[rival], death.time[rival])


def test_deaths_by_cause_share_all_deaths() -> None:
    text = (
        RELAPSE
        + """
    [late_death]
    kind = "hazard"
    rate = 0.01
    terminal = true
    after = "relapse"
    [survival]
    kind = "composite"
    events = ["death", "late_death"]
    """
    )
    text = text.replace(
        "terminal = true\n\n[relapse]", 'terminal = true\ncensored_by = ["relapse"]\n[relapse]'
    )
    out = small.hazards(text)
    early, relapse, late = (event(out, n) for n in ("death", "relapse", "late_death"))
    assert not (early.observed & relapse.observed).any()
    assert not (late.observed & ~relapse.observed).any()
    assert (late.time > relapse.time)[late.observed].all()
    both = event(out, "survival")
    assert both.rivals == ()
    assert np.array_equal(both.observed, early.observed | late.observed)
    # state occupation of the illness-death model with constant rates
    day = 300.0
    well = np.exp(-0.005 * day)
    ill = 0.003 / (0.01 - 0.005) * (np.exp(-0.005 * day) - np.exp(-0.01 * day))
    assert (both.time > day).mean() == pytest.approx(well + ill, abs=0.012)


def test_a_composite_without_death_has_death_as_a_rival() -> None:
    text = RELAPSE + '[free]\nkind = "composite"\nevents = ["relapse"]\n'
    out = small.hazards(text)
    assert event(out, "free").rivals == ("death",)
    assert np.array_equal(event(out, "free").cause, event(out, "relapse").cause)


def test_frailty_has_mean_one_and_spreads_the_times() -> None:
    text = DEATH.replace("terminal", "frailty_sd = 1.0\nterminal")
    death = event(small.hazards(text), "death")
    # at first the population dies at the mean rate, later at less: the frail are gone
    assert (death.time < 20).mean() == pytest.approx(1 - np.exp(-0.04), abs=0.006)
    assert (death.time > 1900).mean() > np.exp(-0.002 * 1900) + 0.05


def test_the_same_patient_with_the_same_hazard_has_the_same_event_in_two_arms() -> None:
    found, a = small.endpoints(), small.paths(300)
    b = replace(a, values={k: v.copy() for k, v in a.values.items()})
    order = np.arange(300)[::-1]
    shuffled = replace(b, ids=tuple(b.ids[i] for i in order))
    one, two = observe(found, a, seed=3), observe(found, shuffled, seed=3)
    for name in ("nonrelapse_death", "failure_free", "severe"):
        assert np.array_equal(event(one, name).time, event(two, name).time[order])
    other = observe(found, a, seed=4), observe(found, a, seed=3, replicate=1)
    for out in other:
        assert not np.array_equal(event(one, "survival").time, event(out, "survival").time)


def test_a_higher_hazard_is_never_later_and_brings_never_fewer_events() -> None:
    text = small.FILE.replace(
        "dispersion = 0.5", 'dispersion = 0.5\nterms = [{ of = "damage", coefficient = 1.0 }]'
    )
    found = small.endpoints(text)
    mild, harsh = (observe(found, small.paths(500, damage=d), seed=3) for d in (0.1, 0.9))
    a, b = event(mild, "nonrelapse_death"), event(harsh, "nonrelapse_death")
    assert (b.time <= a.time).all() and (b.time < a.time).any()
    lived = ~b.observed | (b.time > 366)
    assert (harsh["adverse"].count >= mild["adverse"].count)[lived].all()  # type: ignore[union-attr]


def test_a_category_is_read_from_the_latent() -> None:
    found = small.endpoints()
    level = observe(found, small.paths(4000, DAYS, damage=0.0, IL6=0.0), seed=1)["grade"].level  # type: ignore[union-attr]
    # latent 0, first cut 0.1, rater 0.05: two standard deviations
    assert (level[:, 0] == 0).mean() == pytest.approx(0.9772, abs=0.01)
    level = observe(found, small.paths(50, damage=5.0), seed=1)["grade"].level  # type: ignore[union-attr]
    assert set(level[:, 0]) == {4}


def test_the_dead_have_no_grade_no_level_and_no_response() -> None:
    text = small.FILE.replace("value = 0.5, unit", "value = 5, unit")
    damage = np.linspace(1.0, -1.0, 147)
    out = observe(small.endpoints(text), small.paths(damage=damage, IL6=0.0), seed=1)
    death = event(out, "nonrelapse_death")
    dead = death.observed & (death.time <= 28)
    assert 20 < dead.sum() < 380
    grade, il6 = out["grade"], out["il6"]
    assert (grade.level[dead, 2] == DEAD).all() and (grade.level[~dead, 2] >= 0).all()  # type: ignore[union-attr]
    assert np.isnan(il6.value[dead, 1]).all() and np.isfinite(il6.value[~dead]).all()  # type: ignore[union-attr]
    assert not out["complete_response"].value[dead].any()  # type: ignore[union-attr]


def test_who_dies_on_the_day_of_a_visit_is_dead_at_it() -> None:
    text = small.FILE.replace("delay = { value = 5", "days = [28]\nterminal = true\n#").replace(
        'after = "relapse"', ""
    )
    text = text.replace('unless = ["relapse"]', "")
    out = observe(small.endpoints(text), small.paths(20, leukaemia=1000.0), seed=1)
    assert (event(out, "relapse").time <= 28).all()
    assert np.isnan(out["il6"].value[:, 1]).all() and (out["grade"].level[:, 2] == DEAD).all()  # type: ignore[union-attr]
    assert not out["complete_response"].value.any()  # type: ignore[union-attr]


def test_a_relapse_takes_a_durable_response_away() -> None:
    damage = np.where(np.linspace(0, 730, 147) < 10, 0.6, 0.0)
    stays = small.paths(100, damage=damage, IL6=0.0)
    leukaemia = np.where(np.linspace(0, 730, 147) < 40, 1.0, 1000.0)
    back = small.paths(100, damage=damage, IL6=0.0, leukaemia=leukaemia)
    one, two = (observe(small.endpoints(), p, seed=1) for p in (stays, back))
    assert one["durable_overall"].value.mean() > 0.8  # type: ignore[union-attr]
    assert not two["durable_overall"].value.any()  # type: ignore[union-attr]
    # the crossing lies between day 35 and 40 of the grid, and is seen five days later
    seen = event(two, "relapse")
    assert np.unique(seen.time[seen.observed]) == pytest.approx([35 + 5 * 99 / 999 + 5], abs=1e-6)


def test_a_failed_response_is_an_event_of_its_day() -> None:
    out = observe(small.endpoints(), small.paths(damage=0.6), seed=1)
    free = event(out, "failure_free")
    assert free.observed.all() and free.time.max() == 28


def test_follow_up_and_drop_out_end_what_is_seen() -> None:
    found = small.endpoints()
    out = observe(found, small.paths(2000), seed=1, follow_up=20.0, dropout=0.02)
    death = event(out, "nonrelapse_death")
    assert death.time.max() == 20
    assert (death.time == 20).mean() == pytest.approx(np.exp(-0.4) * (1 - death.observed.mean()), abs=0.04)
    assert (out["grade"].level[:, 2] == MISSING)[death.time == 20].all()  # type: ignore[union-attr]
    response = out["complete_response"].value  # type: ignore[union-attr]
    assert np.isnan(response[~death.observed]).all() and not response[death.observed].any()
    with pytest.raises(InputError, match="off the run"):
        observe(found, small.paths(3), seed=1, follow_up=9999)


def test_counts_follow_a_negative_binomial_and_stop_at_death() -> None:
    text = small.FILE.replace("value = 0.5, unit", "value = 1e-9, unit")
    count = observe(small.endpoints(text), small.paths(20000, DAYS), seed=1)["adverse"]
    assert isinstance(count, outcome.CountOutcome)
    law = nbinom(2, 1 / (1 + 3))  # variance of the frailty 0.5, six events a year
    assert count.count.mean() == pytest.approx(law.mean(), abs=0.1)
    assert count.count.var() == pytest.approx(law.var(), rel=0.06)
    assert (count.count == 0).mean() == pytest.approx(law.pmf(0), abs=0.006)
    assert np.allclose(count.exposure, 365.25)
    died = observe(small.endpoints(), small.paths(2000), seed=1)
    time = np.minimum(event(died, "survival").time, 365.25)
    assert np.allclose(died["adverse"].exposure, time)  # type: ignore[union-attr]


def test_poisson_quantiles_are_those_of_scipy() -> None:
    u, mean = (
        a.ravel() for a in np.meshgrid(np.linspace(0.001, 0.999, 60), [0, 1e-6, 0.02, 0.7, 3.0, 250.0])
    )
    expected = np.where(mean > 0, poisson.ppf(u, np.maximum(mean, 1e-300)), 0)
    assert np.array_equal(_poisson(u, mean), expected)


def test_measurement_error_has_its_spread_and_keeps_the_median() -> None:
    values = observe(small.endpoints(), small.paths(8000, DAYS), seed=1)["il6"].value[:, 0]  # type: ignore[union-attr]
    assert np.log(values).std() == pytest.approx(0.3, rel=0.03)
    assert np.median(values) == pytest.approx(10, rel=0.02)


def test_failed_patients_are_named_and_in_no_number() -> None:
    p = small.paths(6)
    p.values["damage"][2, 5] = np.nan
    p = replace(p, ok=np.array([True, False, True, True, True, True]))
    with np.errstate(all="raise"):
        out = observe(small.endpoints(), p, seed=1)
    assert out.failed == ("p1", "p2")
    assert np.isnan(event(out, "survival").time[[1, 2]]).all()
    for name in ("il6", "complete_response"):
        assert np.isnan(out[name].value[[1, 2]]).all()  # type: ignore[union-attr]
    assert (out["grade"].level[[1, 2]] == MISSING).all()  # type: ignore[union-attr]
    # others are as if the failed were not there
    alone = observe(small.endpoints(), small.paths(6), seed=1)
    assert np.array_equal(event(out, "survival").time[3:], event(alone, "survival").time[3:])
    assert out.take(out.ok).failed == () and len(out.take(out.ok)) == 4


def test_no_patients_and_one_patient() -> None:
    for n in (0, 1):
        out = observe(small.endpoints(), small.paths(n), seed=1)
        assert len(out) == n and event(out, "survival").time.shape == (n,)


def test_each_draw_has_its_own_numbers_and_replicates_their_own_chance() -> None:
    found = small.endpoints()
    values = draw_observation(found, seed=1, ids=(0, 1, 2))
    p = replace(small.paths(300), draw=np.repeat([0, 1, 2], 100))
    together = Observer(found, p, values).observe(seed=2)
    one = {k: v[[1]] for k, v in values.items()}
    q = replace(small.paths(100), ids=p.ids[100:200])
    alone = observe(found, q, one, seed=2)
    assert np.array_equal(event(together, "survival").time[100:200], event(alone, "survival").time)
    with pytest.raises(InputError, match="patients of draw 2"):
        observe(found, p, one, seed=2)
    with pytest.raises(InputError, match="no values of"):
        observe(found, p, {}, seed=2)


def test_no_part_of_the_observation_is_told_the_arm() -> None:
    for module in (endpoint, endpoint_kinds, events, observation, observer, outcome, responding, streams):
        for _, thing in inspect.getmembers(module):
            if getattr(thing, "__module__", "") != module.__name__:
                continue
            functions = (
                [thing]
                if inspect.isfunction(thing)
                else [f for _, f in inspect.getmembers(thing, inspect.isfunction)]
            )
            for function in functions:
                names = set(inspect.signature(function).parameters)
                assert not names & {"arm", "arms", "treatment", "treated", "therapy", "product"}
    assert not any("arm" in p.name.split(":") for p in observation_parameters(small.endpoints()))
    # and two arms whose paths agree cannot differ in anything that is seen
    a, b = (observe(small.endpoints(), small.paths(50), seed=1) for _ in range(2))
    for name in a.results:
        for x, y in zip(vars(a[name]).values(), vars(b[name]).values(), strict=True):
            assert np.array_equal(x, y, equal_nan=isinstance(x, np.ndarray) and x.dtype.kind == "f")
