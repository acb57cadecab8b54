"""Many trials put together: intervals, power and assurance that are known in advance."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import small_endpoints as small

from stromal.errors import InputError
from stromal.experiments.observer import Observer
from stromal.experiments.statistics import Analysis, Comparison, Estimand, analyse
from stromal.experiments.summary import summarise

E = Estimand("x", "proportion")


def trial(effect: float, p: float, helps: bool | None = True, failed: tuple[str, ...] = ()) -> Analysis:
    c = Comparison(E, "treated", "control", effect, effect - 1, effect + 1, p, "points", helps)
    values = {("control", E): 40.0, ("treated", E): 40.0 + effect}
    return Analysis({"control": 5, "treated": 5}, {"control": (), "treated": failed}, values, {E: "%"}, (c,))


def test_power_is_by_draw_and_assurance_is_its_mean() -> None:
    runs = [(0, trial(20, 0.01)) for _ in range(4)]  # sure
    runs += [(1, trial(10, p)) for p in (0.01, 0.2, 0.2, 0.2)]
    runs += [(2, trial(-20, 0.001, helps=False)) for _ in range(4)]  # sure of harm
    got = summarise(runs).comparison("treated", E)
    assert got.power_by_draw.tolist() == [1, 0.25, 0]
    assert got.power == 0.25 and got.assurance == pytest.approx(1.25 / 3)
    assert summarise(runs, alpha=0.001).comparison("treated", E).assurance == 0


def test_intervals_tell_what_is_not_known_from_chance() -> None:
    rng = np.random.default_rng(1)
    runs = [(d, trial(10 + rng.normal(0, 8), 1.0)) for d in range(60) for _ in range(60)]
    got = summarise(runs)
    effect = got.comparison("treated", E)
    assert (effect.lo, effect.hi) == pytest.approx((10 - 1.645 * 8, 10 + 1.645 * 8), abs=0.8)
    # all draws are alike: nothing but chance
    assert effect.known_hi - effect.known_lo < 6
    assert got.arm("treated", E).median == pytest.approx(50, abs=0.5)
    assert effect.samples.shape == (60, 60) and got.draws == tuple(range(60))


def test_what_could_not_be_estimated_is_said() -> None:
    runs = [(0, trial(np.nan, np.nan, False)), (0, trial(10, 0.01)), (1, trial(20, 0.01, failed=("p3",)))]
    got = summarise(runs)
    effect = got.comparison("treated", E)
    assert effect.estimable == pytest.approx(0.5), "one NaN, and one replicate that draw 1 does not have"
    assert effect.effect == 15 and got.failed == {"control": (), "treated": ("p3",)}
    with pytest.raises(InputError, match="no trial"):
        summarise([])


def test_a_median_that_is_not_reached_is_infinite_in_the_interval() -> None:
    runs = [(0, trial(x, 0.5)) for x in (1.0, 2.0, np.inf, np.inf, np.inf)]
    got = summarise(runs).comparison("treated", E)
    assert (got.lo, got.effect, got.hi) == (1.0, np.inf, np.inf)
    row = json.loads(json.dumps(got.as_dict()))
    assert row["effect"] is None and row["lo"] == 1.0
    assert {"endpoint", "measure", "arms", "reference_arm", "effect", "lo", "hi", "unit", "power"} <= set(row)


def test_the_level_is_kept_when_nothing_differs_and_power_is_known() -> None:
    text = '[endpoints.death]\nkind = "hazard"\nrate = 0.01\nterminal = true\nterms = [{ of = "damage", coefficient = 1.0 }]'
    found, n = small.endpoints(text), 60
    days, e = np.linspace(0.0, 200.0, 21), Estimand("death", "hazard_ratio")
    control = Observer(found, small.paths(n, days, damage=0.0))

    def power(damage: float, ids: str, replicates: int) -> float:
        paths = small.paths(n, days, damage=damage)
        treated = Observer(found, replace(paths, ids=tuple(ids + i for i in paths.ids)))
        runs = []
        for r in range(replicates):
            arms = {
                "control": control.observe(seed=1, replicate=r),
                "treated": treated.observe(seed=1, replicate=r),
            }
            runs.append((0, analyse([e], found, arms, reference="control")))
        return summarise(runs).comparison("treated", e).power

    # other patients in the other arm: under the null, half of 5 % are in the right direction
    assert power(0.0, "q", 400) == pytest.approx(0.025, abs=0.023)  # three standard errors
    # Schoenfeld: about 52 + 38 deaths of 120 and a hazard ratio of one half give 90 %
    assert power(np.log(0.5), "q", 200) == pytest.approx(0.90, abs=0.06)
    # shared patients would tie the arms to one another: equal hazards give equal arms
    assert power(0.0, "", 20) == 0.0
