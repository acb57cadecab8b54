"""Section 3 on the bench: cells that go on to a second stage, M2 on T cells, TGFBI, vesicles with a load."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.experiments.dosing import doses
from stromal.experiments.results import run_assay
from stromal.experiments.therapy import parse_therapy


def test_cells_go_on_in_the_state_that_the_stage_before_left_them_in(evidence: Evidence) -> None:
    many = {"product": "MSC-EV", "dose": "10000 particles/nL"}
    arms = {"alone": {"product": "none"}, "vesicles": many, "muted": {**many, "mute": ["ev-raises-m2"]}}
    reads = ["m2", "count macrophage", "level MSC-EV"]
    result = run_assay("macrophage-t", arms=arms, readouts=reads, draws=4, evidence=evidence)
    alone, vesicles, muted = (result.values("m2", arm, 0.0) for arm in arms)
    assert (alone > 0).all() and vesicles.sum() > 1.1 * alone.sum()
    assert (vesicles > muted).all()
    for arm in arms:  # some die in the stage before, none come, and their medium stays behind
        count = result.values("count macrophage", arm, 0.0)
        assert (count < 100.0).all() and (count > 50.0).all()
        assert (result.values("level MSC-EV", arm, 0.0) == 0.0).all()


def test_m2_hold_division_down_and_make_treg_by_touch(evidence: Evidence) -> None:
    base = {"product": "none", "seed": {"M2": "300 cells/uL"}}
    arms = {
        "M2": base,
        "no PD-L2": {**base, "mute": ["m2-slows-t-division"]},
        "no TGFB1": {**base, "mute": ["m2-raises-treg"]},
    }
    reads = ["cd4_proliferation", "treg"]
    result = run_assay("coculture", arms=arms, readouts=reads, draws=4, evidence=evidence)
    divided = {arm: result.values("cd4_proliferation", arm, 2.0) for arm in arms}
    treg = {arm: result.values("treg", arm, 3.0) for arm in arms}
    assert (divided["M2"] < divided["no PD-L2"]).all()
    assert (treg["M2"] > treg["no TGFB1"]).all()


def test_patients_have_more_th17_for_each_treg_than_the_healthy(evidence: Evidence) -> None:
    health = {"product": "none", "seed": {"Th17": "3 cells/uL", "Treg": "15 cells/uL"}}
    arms = {"patient": {"product": "none"}, "health": health}
    result = run_assay("patient-t-cells", arms=arms, readouts=["ratio"], draws=4, evidence=evidence)
    for day in (0.0, 4.0):
        assert (result.values("ratio", "patient", day) > result.values("ratio", "health", day)).all()
    assert result.values("ratio", "patient", 0.0) == pytest.approx(100.0)


def test_tgfbi_acts_by_its_one_rule(evidence: Evidence) -> None:
    arms = {
        "MSC": {"product": "MSC"},
        "without": {"product": "MSC", "knockout": ["MSC.TGFBI"]},
        "no rule": {"product": "MSC", "mute": ["tgfbi-slows-t-division"]},
        "no CCND2": {"product": "MSC", "knockout": ["T.CCND2"]},
    }
    reads = ["level TGFBI", "proliferation"]
    result = run_assay("coculture", arms=arms, readouts=reads, draws=4, evidence=evidence)
    made, divided = ({arm: result.values(read, arm, 2.0) for arm in arms} for read in reads)
    assert (made["MSC"] > 1.0).all() and (made["without"] < 1e-9).all()
    assert (divided["MSC"] < divided["without"]).all()
    np.testing.assert_allclose(divided["without"], divided["no rule"], rtol=1e-3)
    assert (divided["no CCND2"] < divided["MSC"]).all()  # cutting what the signal lowers does its work


LOAD = ["ev-load-slows-t-division", "ev-load-raises-treg", "ev-load-lowers-erk-cd4", "ev-load-lowers-erk-cd8"]


def test_vesicles_of_microcarriers_differ_by_their_load_alone(evidence: Evidence) -> None:
    arms = {"usual": {"product": "MSC-EV"}, "MC-EV": {"product": "MC-EV"}}
    whole = [rule.id for rule in evidence.rules.values() if rule.signal == "TGFB1-EV"]
    assert set(LOAD) <= set(whole)
    arms |= {"unloaded": {"product": "MC-EV", "mute": whole}}
    arms |= {f"no {rule}": {"product": "MC-EV", "mute": [rule]} for rule in LOAD}
    reads = ["erk", "proliferation", "treg", "expression CD8.active.ERK"]
    result = run_assay("vesicles", arms=arms, readouts=reads, draws=3, evidence=evidence)
    erk, divided, treg, erk8 = ({arm: result.values(read, arm, 3.0) for arm in arms} for read in reads)
    for level in (erk, divided, treg, erk8):
        np.testing.assert_allclose(level["unloaded"], level["usual"], rtol=1e-2)
    assert (erk["MC-EV"] < erk["no ev-load-lowers-erk-cd4"]).all()
    assert (erk8["MC-EV"] < erk8["no ev-load-lowers-erk-cd8"]).all()
    assert (treg["MC-EV"] > treg["no ev-load-raises-treg"]).all()
    assert (result.values("proliferation", "MC-EV", 2.0) < result.values("proliferation", "usual", 2.0)).all()


def test_what_is_on_the_same_particles_is_given_with_them(evidence: Evidence) -> None:
    therapy = parse_therapy({"give": "MC-EV", "amt": "1e10 particles", "route": "IV"}, evidence)
    assert therapy.contents == ("MSC-EV", "TGFB1-EV")
    given = doses(therapy, 0.02, evidence, None)
    assert [d.what for d in given] == ["MSC-EV", "TGFB1-EV"]
    assert all(d.amount == pytest.approx(1e10) for d in given)
    usual = parse_therapy({"give": "MSC-EV", "amt": "1e10 particles", "route": "IV"}, evidence)
    assert usual.contents == ("MSC-EV",)
