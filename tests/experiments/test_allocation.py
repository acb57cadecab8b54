"""Randomisation: nobody in two arms, anew in each replicate, whoever else is in the pool."""

from __future__ import annotations

import numpy as np
import pytest
import small_endpoints as small

from stromal.errors import InputError
from stromal.experiments.allocation import allocate
from stromal.experiments.observer import Observer
from stromal.experiments.statistics import Estimand, analyse
from stromal.experiments.summary import summarise

IDS = [f"p{i}" for i in range(30)]


def test_arms_are_disjoint_and_of_their_size() -> None:
    got = allocate(IDS, {"control": 10, "treated": 15}, seed=1)
    assert {k: len(v) for k, v in got.items()} == {"control": 10, "treated": 15}
    assert len(np.unique(np.concatenate(list(got.values())))) == 25
    again = allocate(IDS, {"control": 10, "treated": 15}, seed=1)
    assert all(np.array_equal(got[k], again[k]) for k in got)
    with pytest.raises(InputError, match="31 patients are to be randomised, and there are 30"):
        allocate(IDS, {"control": 10, "treated": 21}, seed=1)


def test_everybody_is_as_likely_to_be_treated() -> None:
    treated = np.zeros(30)
    for r in range(400):
        treated[allocate(IDS, {"control": 15, "treated": 15}, seed=1, replicate=r)["treated"]] += 1
    assert treated.min() > 160 and treated.max() < 240


def test_the_test_keeps_its_level_though_arms_share_chance() -> None:
    """The same pool is run under both arms; only one of the two outcomes of each patient is seen."""
    text = '[endpoints.death]\nkind = "hazard"\nrate = 0.01\nterminal = true\nfrailty_sd = 0.5'
    found, days, e = small.endpoints(text), np.linspace(0.0, 200.0, 21), Estimand("death", "hazard_ratio")
    pool = Observer(found, small.paths(80, days))
    runs = []
    for r in range(300):
        rows = allocate(pool.paths.ids, {"control": 40, "treated": 40}, seed=1, replicate=r)
        seen = pool.observe(seed=1, replicate=r)
        arms = {arm: seen.take(index) for arm, index in rows.items()}
        runs.append((0, analyse([e], found, arms, reference="control")))
    effect = summarise(runs).comparison("treated", e)
    p = [a.comparisons[0].p for _, a in runs]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.median(effect.samples) == pytest.approx(1.0, abs=0.05)
