"""Null models: shuffled where they should be, whole elsewhere, and the same for the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.evidence.check import problems
from stromal.experiments.ensemble import msc_rules, prior_ensemble
from stromal.inference.nulls import shuffle_rules
from stromal.model import compile_model

SEEDS = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def nulls(evidence: Evidence) -> dict[int, Evidence]:
    return {seed: shuffle_rules(evidence, np.random.default_rng(seed)) for seed in SEEDS}


def test_signals_stay_and_targets_are_permuted(nulls: dict[int, Evidence], evidence: Evidence) -> None:
    chosen = msc_rules(evidence)
    assert len(chosen) > 50
    for null in nulls.values():
        assert list(null.rules) == list(evidence.rules)
        for name in chosen:
            old, new = evidence.rules[name], null.rules[name]
            for kept in ("signal", "half_max", "unit", "hill", "via", "where", "refs", "strength_class"):
                assert getattr(new, kept) == getattr(old, kept), (name, kept)
            assert new.group == "", "shared pathways are not shared by chance"
        targets = [Counter((m.rules[n].cell, m.rules[n].behaviour) for n in chosen) for m in (evidence, null)]
        assert targets[0] == targets[1]
        moved = sum(
            (null.rules[n].cell, null.rules[n].behaviour)
            != (evidence.rules[n].cell, evidence.rules[n].behaviour)
            for n in chosen
        )
        assert moved > 0.7 * len(chosen)


def test_everything_else_is_left_alone(nulls: dict[int, Evidence], evidence: Evidence) -> None:
    chosen = msc_rules(evidence)
    for null in nulls.values():
        for name, rule in evidence.rules.items():
            assert name in chosen or null.rules[name] is rule
        for table in set(evidence.tables) - {"rules", "behaviours"}:
            assert null.tables[table] is evidence.tables[table]
        # behaviours only gain bounds that they lacked
        for old, new in zip(evidence.behaviours, null.behaviours, strict=True):
            assert new.model_copy(update={"most": old.most, "least": old.least}) == old
            assert old.most in (None, new.most) and old.least in (None, new.least)
        assert null.digest != evidence.digest


def test_signs_are_tossed(nulls: dict[int, Evidence], evidence: Evidence) -> None:
    chosen = msc_rules(evidence)
    for null in nulls.values():
        ups = sum(null.rules[n].effect == "increases" for n in chosen)
        # half and half, within four standard deviations
        assert abs(ups - len(chosen) / 2) < 2 * len(chosen) ** 0.5
        assert all((null.rules[n].fold > 1) == (null.rules[n].effect == "increases") for n in chosen)


def test_the_same_seed_gives_the_same_null_and_another_another(
    nulls: dict[int, Evidence], evidence: Evidence
) -> None:
    again = shuffle_rules(evidence, np.random.default_rng(1))
    assert again.digest == nulls[1].digest
    assert len({null.digest for null in nulls.values()}) == len(SEEDS)


def test_a_null_is_a_valid_model(nulls: dict[int, Evidence]) -> None:
    for seed, null in nulls.items():
        # two rules may come to say the same, which is no mistake of a null
        wrong = [str(p) for p in problems(null) if "says the same" not in p.message]
        assert not wrong, f"seed {seed}: {wrong}"
        for cells in (("CD4.naive", "CD8.naive", "MSC"), ("M0", "monocyte", "MSC", "MSC.apoptotic")):
            system = compile_model(null, sites={c: ("well",) for c in cells})
            values = prior_ensemble(null, 5).sample(system, null)
            assert np.isfinite(values).all()


def test_only_rules_of_msc_on_others_are_shuffled_twice_too(
    nulls: dict[int, Evidence], evidence: Evidence
) -> None:
    """The shuffle does not change which rules are MSC's: potency still finds them all."""
    assert all(msc_rules(null) == msc_rules(evidence) for null in nulls.values())
