"""Turn important rules round: something that is read must notice (all rules: `python -m verification.mutation`)."""

from __future__ import annotations

import numpy as np
import pytest
from inference.mutants import baseline, flipped, twinned

from stromal.evidence import Evidence
from stromal.experiments import run_assay, shipped_ensemble

#: Rule, assay, arm, readout and how its median moves when the rule is turned round.
CASES = [
    ("il2-drives-t-division", "coculture", {"product": "none"}, "proliferation", "up"),
    ("msc-pdl1-slows-t-division", "coculture", {"ratio": "1:1"}, "proliferation", "up"),
    ("ev-slows-cd4-division", "vesicles", {"dose": "10000 particles/nL"}, "events division of CD4", "up"),
    (
        "pge2-raises-m2-ep2",
        "macrophage-polarisation",
        {"add": {"PGE2": "100 ng/mL"}},
        "share M2 of macrophage",
        "down",
    ),
    ("ifng-raises-irf1", "msc-licensing", {"add": {"TNF": "10 ng/mL"}}, "expression MSC.IDO1", "up"),
]


@pytest.fixture(scope="module")
def twins(evidence: Evidence) -> Evidence:
    return twinned(evidence, [case[0] for case in CASES])


@pytest.mark.parametrize(("rule", "assay", "arm", "readout", "way"), CASES, ids=[c[0] for c in CASES])
def test_turning_a_rule_round_is_noticed(
    rule: str, assay: str, arm: dict, readout: str, way: str, evidence: Evidence, twins: Evidence
) -> None:
    plain = baseline(shipped_ensemble().head(8), evidence)

    def values(draws) -> np.ndarray:  # noqa: ANN001
        result = run_assay(
            assay, arms={"a": arm}, readouts=[readout], draws=None, evidence=twins, ensemble=draws
        )
        return result.values(readout, "a")

    moved = float(np.median(values(flipped(plain, rule)) / values(plain)))
    assert moved > 1.05 if way == "up" else moved < 0.95


def test_twins_that_are_not_turned_change_nothing(evidence: Evidence, twins: Evidence) -> None:
    draws = shipped_ensemble().head(4)
    arms = {"a": {"ratio": "1:5"}}
    plain = run_assay(
        "coculture", arms=arms, readouts=["proliferation"], draws=None, evidence=evidence, ensemble=draws
    )
    twin = run_assay(
        "coculture",
        arms=arms,
        readouts=["proliferation"],
        draws=None,
        evidence=twins,
        ensemble=baseline(draws, evidence),
    )
    assert np.allclose(plain.values("proliferation", "a"), twin.values("proliferation", "a"), rtol=1e-3)
