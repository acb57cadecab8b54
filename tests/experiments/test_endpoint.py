"""Endpoints as data: every kind is read, every mistake is named with its key and the nearest name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import small_endpoints as small

from stromal.errors import InputError
from stromal.experiments import endpoint, statistics
from stromal.experiments.endpoint import (
    Category,
    Composite,
    Count,
    Crossing,
    Hazard,
    Measure,
    Reaches,
    Response,
    draw_observation,
    observation_parameters,
    parse_endpoints,
)
from stromal.experiments.statistics import parse_estimands

FOUND = small.endpoints()


def test_every_kind_is_read() -> None:
    kinds = {type(e) for e in FOUND.values()}
    assert kinds == {Category, Response, Hazard, Crossing, Reaches, Composite, Measure, Count}
    assert list(FOUND)[:2] == ["grade", "complete_response"]


def test_rates_are_turned_into_days_once() -> None:
    death, adverse = FOUND["nonrelapse_death"], FOUND["adverse"]
    assert isinstance(death, Hazard) and isinstance(adverse, Count)
    assert death.rate.value == pytest.approx(0.5 / 365.25) and death.rate.unit == "1/day"
    assert adverse.until == 365.25
    relapse = FOUND["relapse"]
    assert isinstance(relapse, Crossing) and relapse.level.unit == "cells/uL"
    text = small.FILE.replace("level = 100.0", 'level = { value = 0.1, unit = "1e6 cells/mL" }')
    assert small.endpoints(text)["relapse"].level.value == pytest.approx(100)  # type: ignore[attr-defined]


def test_death_stops_everything_and_rivals_are_named() -> None:
    competing = {n: e.competing for n, e in FOUND.items() if hasattr(e, "competing")}
    assert competing["nonrelapse_death"] == ("relapse", "death_after_relapse")
    assert competing["death_after_relapse"] == ("nonrelapse_death",)
    assert competing["relapse"] == ("nonrelapse_death", "death_after_relapse")
    assert competing["chronic"] == ("relapse", "nonrelapse_death", "death_after_relapse")
    assert competing["survival"] == ()
    assert competing["failure_free"] == ("death_after_relapse",)


def test_a_rival_that_is_named_twice_over_stands_once() -> None:
    text = small.FILE.replace(
        'censored_by = ["relapse"]\nstart', 'censored_by = ["nonrelapse_death", "relapse"]\nstart'
    )
    chronic = small.endpoints(text)["chronic"]
    assert isinstance(chronic, Hazard)
    assert chronic.competing == ("nonrelapse_death", "relapse", "death_after_relapse")


def test_events_are_bad_responses_are_good_and_levels_take_no_side() -> None:
    better = {n: e.better for n, e in FOUND.items()}
    assert better["relapse"] == better["survival"] == better["adverse"] == better["grade"] == "lower"
    assert better["complete_response"] == "higher" and better["il6"] == ""
    text = small.FILE.replace('kind = "measure"', 'kind = "measure"\nbetter = "lower"')
    assert small.endpoints(text)["il6"].better == "lower"


def test_every_number_is_a_named_parameter() -> None:
    names = [p.name for p in observation_parameters(FOUND)]
    assert len(names) == len(set(names)) == 18
    assert {
        "endpoint:grade:cut:I",
        "endpoint:grade:half_max:IL6",
        "endpoint:grade:weight:IL6",
        "endpoint:grade:rater_sd",
        "endpoint:nonrelapse_death:rate",
        "endpoint:nonrelapse_death:coefficient:damage",
        "endpoint:nonrelapse_death:frailty_sd",
        "endpoint:relapse:level",
        "endpoint:relapse:delay",
        "endpoint:adverse:dispersion",
    } <= set(names)
    assert all(p.source and p.owner in FOUND for p in observation_parameters(FOUND))


def test_draws_have_the_spread_that_is_stated() -> None:
    values = draw_observation(FOUND, seed=1, ids=tuple(range(4000)))
    rate = values["endpoint:relapse:level"]  # bare: assumed, threefold
    assert np.quantile(rate, [0.05, 0.5, 0.95]) == pytest.approx([100 / 3, 100, 300], rel=0.08)
    cut = values["endpoint:grade:cut:III"]
    assert (cut.mean(), cut.std()) == pytest.approx((0.5, 0.05), rel=0.04)
    bare = values["endpoint:grade:cut:II"]
    assert (bare < 0.1).mean() == pytest.approx(0.05, abs=0.012), "a third of 0.3, as with a spread of 3"
    assert (values["endpoint:grade:weight:damage"] == 1).all(), "a scale, not a number"
    central = draw_observation(FOUND, seed=1, ids=(0, 1), central=True)
    assert central["endpoint:relapse:level"] == pytest.approx([100, 100])


def test_a_number_keeps_its_stream_when_endpoints_come_and_go() -> None:
    few = small.endpoints(small.FILE[: small.FILE.index("[endpoints.complete_response]")])
    ids = (3, 0)
    for name, values in draw_observation(few, seed=2, ids=ids).items():
        assert np.array_equal(values, draw_observation(FOUND, seed=2, ids=ids)[name])
        assert np.array_equal(values[::-1], draw_observation(few, seed=2, ids=(0, 3))[name])


def test_units_are_kept_when_observables_are_not_known() -> None:
    assert small.endpoints(units=None)["grade"].numbers[1].unit == "1"
    text = small.FILE.replace("level = 100.0", 'level = { value = 3, unit = "cells/mL" }')
    assert small.endpoints(text, units=None)["relapse"].level.unit == "cells/mL"  # type: ignore[attr-defined]


MISTAKES = [
    ('kind = "category"', 'kind = "categry"', "grade.kind", "did you mean 'category'"),
    ("rater_sd = 0.05", "rater_sdd = 0.05", "grade.rater_sdd", "did you mean 'rater_sd'"),
    ("rater_sd = 0.05", "rater_sd = -1", "grade.rater_sd", "not in 0"),
    ("rater_sd = 0.05", 'rater_sd = "small"', "grade.rater_sd.value", "not a number"),
    ("rater_sd = 0.05\n", "", "grade.rater_sd", "is missing"),
    ("cuts = [0.1, 0.3,", "cuts = [0.3, 0.1,", "grade.cuts", "do not rise"),
    ("cuts = [0.1, 0.3,", "cuts = [0.1,", "grade.cuts", "needs 4 cut points"),
    ("cuts = [0.1, 0.3,", "cuts = [0, 0.3,", "grade.cuts", "sd = ..."),
    ("sd = 0.05, source", "sd = 0.05, spread = 2, source", "grade.cuts[2]", "give one"),
    ('of = "damage" }, {', 'of = "damge" }, {', "grade.latent[0].of", "did you mean 'damage'"),
    ('of = "damage" }, {', 'of = "IL6" }, {', "grade.latent", "one observable in two terms"),
    ('transform = "hill"', 'transform = "hil"', "grade.latent[1].transform", "did you mean 'hill'"),
    ('transform = "hill", half_max', 'transform = "log", half_max', "latent[1].floor", "floor = 0.01"),
    ('transform = "hill", half_max', 'transform = "linear", half_max', "latent[1].half_max", "no use"),
    ('unit = "ng/mL"', 'unit = "day"', "latent[1].half_max.unit", "cannot be read"),
    ("days = [0, 7, 28, 56]", "days = [0, 28, 7]", "grade.days", "do not rise"),
    ('level = "complete"', 'level = "full"', "complete_response.level", "known: complete"),
    ('of = "grade"\nlevel = "complete"', 'of = "il6"\nlevel = "complete"', "complete_response.of", "known: grade"),
    ("day = 28\n\n", "day = 30\n\n", "complete_response.day", "visits: 0, 7, 28, 56"),
    ("until = 56", "until = 14", "durable_overall.day", "not after until"),
    ('unless = ["relapse"]', 'unless = ["relaps"]', "durable_overall.unless", "did you mean 'relapse'"),
    ('unit = "1/year", spread', 'unit = "ng/mL", spread', "nonrelapse_death.rate.unit", "cannot be read"),
    ('spread = 2, source = "a paper"', "spread = 2", "nonrelapse_death.rate.spread", "without a source"),
    ("spread = 2, source", "spread = 0.5, source", "nonrelapse_death.rate.spread", "under 1"),
    ("spread = 2, source", "sd = 2, source", "nonrelapse_death.rate.sd", "reach below zero"),
    ("coefficient = { value = 1.5", "weight = { value = 1.5", "terms[0].weight", "known: coefficient"),
    ("terminal = true\ncens", "terminal = 1\ncens", "nonrelapse_death.terminal", "neither true nor false"),
    ('after = "relapse"', 'after = "nonrelapse_death"', "death_after_relapse.after", "cannot follow it"),
    ('after = "relapse"', 'after = "relapse"\ncensored_by = ["relapse"]', "death_after_relapse.after", "cannot follow it"),
    ('after = "relapse"', 'after = "survival"', "death_after_relapse.after", "right kind"),
    ('after = "relapse"', 'after = "death_after_relapse"', "death_after_relapse.after", "right kind"),
    ('at_least = "III"', 'at_least = "V"', "severe.at_least", "did you mean 'IV'"),
    ('failures = ["complete_response"]', 'failures = ["relapse"]', "failure_free.failures", "right kind"),
    ("error_sd = 0.3", 'error = "log"\nerror_sd = 0.3', "il6.error", "neither"),
    ('until = "1 year"', 'until = "1 yaer"', "adverse.until", "cannot be read"),
    ('[endpoints.chronic]', '[endpoints."a:b"]', "a:b", "no ':'"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "key", "message"), MISTAKES)
def test_a_mistake_is_named(good: str, bad: str, key: str, message: str) -> None:
    assert good in small.FILE
    with pytest.raises(InputError) as caught:
        small.endpoints(small.FILE.replace(good, bad, 1))
    assert caught.value.file == "small.toml" and key in caught.value.key
    assert message in str(caught.value)


def test_events_that_follow_one_another_in_a_circle_are_refused() -> None:
    text = '[endpoints.a]\nkind = "hazard"\nrate = 1\nafter = "b"\n[endpoints.b]\nkind = "hazard"\nrate = 1\nafter = "a"'
    with pytest.raises(InputError, match="follows itself"):
        small.endpoints(text)


def test_the_page_shows_what_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "endpoints.md").read_text(encoding="utf-8")
    tables: dict[str, dict] = {}
    for block in re.findall(r"```toml\n(.*?)```", page, re.S):
        tables |= tomllib.loads(block)
    found = parse_endpoints(tables["endpoints"], observables=small.UNITS)
    assert {type(e) for e in found.values()} == {type(e) for e in FOUND.values()}
    assert parse_estimands(tables["analysis"], found)[0].day == 180
    for kind, keys in endpoint._KEYS.items():
        for key in keys:
            assert key in page, f"{key} of {kind} is not on the page"
    for measures in statistics._MEASURES.values():
        assert all(f"`{measure}`" in page for measure in measures)
