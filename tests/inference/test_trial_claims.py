"""Claims on trials: what is read, what is refused, and verdicts from values that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.inference.check import check_claims
from stromal.inference.claims import load_claims
from stromal.inference.outcomes import judge
from stromal.inference.rows import trial_detail, trial_row
from stromal.inference.score import summarise
from stromal.inference.trial_claims import load_trial_claims

GOOD = """
["one"]
says = "cells help"
trial = "mouse-agvhd-controls"
endpoint = "survival"
day = 28
arms = {none = "no cells", cells = "MSC", dead = {arm = "dead MSC", day = 14}}
expect = [{relation = "greater", a = "cells", b = "none"}]
"""


def read(tmp_path: Path, text: str, evidence: Evidence):
    (tmp_path / "some.toml").write_text(text, encoding="utf-8")
    return load_trial_claims(evidence, tmp_path)


def test_every_shipped_claim_on_a_trial_is_of_the_review(evidence: Evidence) -> None:
    found = load_trial_claims(evidence)
    assert found and not set(found) & set(load_claims(evidence))
    for claim in found.values():
        assert claim.section or not claim.counted, claim.id


def test_arms_and_days_are_read(tmp_path: Path, evidence: Evidence) -> None:
    claim = read(tmp_path, GOOD, evidence)["one"]
    assert claim.arms["none"].estimand is not None and claim.arms["none"].estimand.day == 28
    assert claim.arms["dead"].estimand is not None and claim.arms["dead"].estimand.day == 14
    assert claim.arms["dead"].arm == "dead MSC"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"survival"', '"survivall"', "endpoint"),
        ('"MSC"', '"MSCs"', "arms"),
        ("day = 28", "day = 90", "arms"),
        ('"mouse-agvhd-controls"', '"mouse-agvhd-control"', "trial"),
        ("says", "sayz", "sayz"),
        ('b = "none"', 'b = "nobody"', "expect"),
        ('endpoint = "survival"', 'observable = "damages"', "observable"),
        ('endpoint = "survival"', 'endpoint = "score"\nobservable = "damage"', "endpoint"),
    ],
)
def test_a_slip_is_named(tmp_path: Path, evidence: Evidence, old: str, new: str, key: str) -> None:
    with pytest.raises(InputError) as err:
        read(tmp_path, GOOD.replace(old, new, 1), evidence)
    assert key in err.value.key


def test_verdicts_follow_the_rules_of_the_bench(tmp_path: Path, evidence: Evidence) -> None:
    claim = read(tmp_path, GOOD, evidence)["one"]
    none = np.full(10, 20.0)
    cells = np.array([30.0] * 9 + [20.0])
    outcome = judge(claim.expect, {"none": none, "cells": cells, "dead": none})
    row = trial_row(claim, outcome)
    assert (row["verdict"], row["share"], row["draws"], row["kind"]) == ("holds", 0.9, 10, "trial")
    cells[:2] = np.nan
    assert (
        trial_row(claim, judge(claim.expect, {"none": none, "cells": cells, "dead": none}))["verdict"]
        == "unsolved"
    )
    detail = trial_detail(claim, outcome)
    assert [arm["day"] for arm in detail["arms"]] == [28, 28, 14]
    assert detail["arms"][0]["readout"] == "survival survival" and detail["arms"][0]["unit"] == "%"


def test_claims_on_trials_stand_apart_from_the_lift() -> None:
    rows = [
        {"id": "a", "kind": "emergent", "counted": True, "verdict": "holds"},
        {"id": "b", "kind": "trial", "counted": True, "verdict": "fails"},
    ]
    found = summarise(rows, [{"a": False}])
    assert found["all"]["counted"] == 1 and found["all"]["lift"] == 1
    assert found["trial"] | {"fails": 1, "lift": None, "null": None} == found["trial"]


def test_a_claim_that_is_no_experiment_says_why(evidence: Evidence) -> None:
    found = check_claims(["S2-001"], evidence=evidence, nulls=0)
    assert not found.claims and "self-renewal" in found.others[0]["reason"]
    assert found.others[0]["fate"] == "unsupported"
