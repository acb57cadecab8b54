"""Dendritic cells on the bench: what they need, what they do without MSC, and rules broken on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.experiments.results import run_assay

ALONE = {"product": "none"}
BARE = {**ALONE, "stimulus": 0.0}


def read(
    evidence: Evidence, assay: str, readout: str, day: float, arms: dict[str, dict[str, Any]], draws: int = 8
) -> dict[str, np.ndarray]:
    """Return a readout, draw by draw, in each arm."""
    result = run_assay(assay, arms=arms, readouts=[readout], draws=draws, evidence=evidence)
    return {name: result.values(readout, name, day) for name in arms}


def without(evidence: Evidence, *rules: str) -> Evidence:
    """Return the tables without some rules."""
    kept = {key: row for key, row in evidence.tables["rules"].items() if row.id not in rules}
    assert len(kept) == len(evidence.tables["rules"]) - len(rules)
    return Evidence({**evidence.tables, "rules": kept}, ("without",))


def test_monocytes_need_gm_csf_and_il4_to_become_dendritic(evidence: Evidence) -> None:
    arms = {
        "both": ALONE,
        "GM-CSF": {**BARE, "add": {"CSF2": "50 ng/mL"}},
        "IL4": {**BARE, "add": {"IL4": "20 ng/mL"}},
    }
    found = read(evidence, "dc-differentiation", "count DC", 6.0, arms)
    assert np.median(found["both"]) > 50.0
    assert (found["GM-CSF"] < 1e-6).all() and (found["IL4"] < 1e-6).all()


@pytest.mark.parametrize("signal", ["IL6", "PGE2", "CSF1", "IL10"])
def test_what_holds_monocytes_back(signal: str, evidence: Evidence) -> None:
    arms = {"alone": ALONE, "given": {**ALONE, "add": {signal: "100 ng/mL"}}}
    found = read(evidence, "dc-differentiation", "rate becomes DC.immature of monocyte", 1.0, arms, draws=3)
    assert (found["given"] < 0.95 * found["alone"]).all()


def test_no_dendritic_cells_where_nobody_asks_for_them(evidence: Evidence) -> None:
    found = read(evidence, "monocytes", "count DC", 2.0, {"alone": ALONE, "MSC": {}})
    assert (np.abs(found["alone"]) < 1e-6).all() and (np.abs(found["MSC"]) < 1e-6).all()


def test_dendritic_cells_mature_by_a_cue_and_il10_holds_them(evidence: Evidence) -> None:
    arms = {
        "LPS": ALONE,
        "none": BARE,
        "TNF": {**BARE, "add": {"TNF": "50 ng/mL"}},
        "CD40L": {**BARE, "add": {"CD40L": "1 relative"}},
        "IL10": {**ALONE, "add": {"IL10": "20 ng/mL"}},
        "no TLR4": {**ALONE, "block": ["TLR4 antagonist"]},
    }
    found = read(evidence, "dc-maturation", "share DC.mature of DC", 1.0, arms)
    assert np.median(found["LPS"]) > 50.0 > 25.0 > np.median(found["none"])
    assert (found["TNF"] > found["none"]).all() and (found["CD40L"] > found["none"]).all()
    assert (found["IL10"] < found["LPS"]).all() and (found["no TLR4"] < found["LPS"]).all()


def test_pge2_takes_il12_away_and_not_maturation(evidence: Evidence) -> None:
    arms = {"alone": ALONE, "PGE2": {**ALONE, "add": {"PGE2": "350 ng/mL"}}}
    mature = read(evidence, "dc-maturation", "share DC.mature of DC", 1.0, arms)
    il12 = read(evidence, "dc-maturation", "level IL12", 1.0, arms)
    il10 = read(evidence, "dc-maturation", "rate secretes IL10 of DC.mature", 1.0, arms)
    # maturation is helped by PGE2 and held by the IL10 that it brings: about even
    assert np.median(mature["PGE2"]) > 0.8 * np.median(mature["alone"])
    assert np.median(il12["PGE2"]) < 0.5 * np.median(il12["alone"])
    assert (il10["PGE2"] > il10["alone"]).all()


def test_priming_needs_dendritic_cells_antigen_and_costimulation(evidence: Evidence) -> None:
    arms = {
        "all": ALONE,
        "no antigen": {**BARE, "add": {"LPS": "10 ng/mL"}},
        "no DC": {**ALONE, "seed": {"DC.immature": "0 cells/uL"}},
        "abatacept": {**ALONE, "block": ["abatacept"]},
    }
    found = read(evidence, "dc-t-priming", "division index of T", 5.0, arms)
    assert np.median(found["all"]) > 0.5
    assert (found["no antigen"] < 1e-6).all() and (found["no DC"] < 1e-6).all()
    assert (found["abatacept"] < found["all"]).all()


def test_tolerogenic_dendritic_cells_make_il10_and_more_treg(evidence: Evidence) -> None:
    arms = {
        "immature": {**ALONE, "add": {"TCR": "1 relative", "TGFB1": "1 ng/mL"}},
        "tolerogenic": {
            **ALONE,
            "add": {"TCR": "1 relative", "TGFB1": "1 ng/mL"},
            "seed": {"DC.immature": "0 cells/uL", "DC.tolerogenic": "50 cells/uL"},
        },
    }
    found = read(evidence, "dc-t-priming", "rate becomes Treg of CD4.active", 2.0, arms)
    assert (found["tolerogenic"] > found["immature"]).all()
    il10 = read(evidence, "dc-t-priming", "level IL10", 2.0, arms)
    assert np.median(il10["tolerogenic"]) > np.median(il10["immature"])


TSG6 = {**ALONE, "add": {"TSG-6": "100 ng/mL"}}
VESICLES = {"product": "MSC-EV"}


@pytest.mark.parametrize(
    ("rules", "assay", "readout", "arm"),
    [
        (["tsg6-lowers-dc-cd86"], "dc-maturation", "expression DC.mature.CD86", TSG6),
        (["tsg6-lowers-dc-il12"], "dc-maturation", "rate secretes IL12 of DC.mature", TSG6),
        (["msc-slows-dc-maturation"], "dc-maturation", "rate becomes DC.mature of DC.immature", {}),
        (["msc-raises-dc-il10"], "dc-maturation", "rate secretes IL10 of DC.immature", {"stimulus": 0.0}),
        (["ev-raises-dc-ntrk1"], "dc-maturation", "expression DC.mature.NTRK1", VESICLES),
        (["ntrk1-lowers-dc-il6"], "dc-maturation", "rate secretes IL6 of DC.mature", VESICLES),
        (["csf1-slows-dc-differentiation"], "dc-differentiation", "rate becomes DC.immature of monocyte", {}),
    ],
)
def test_a_rule_that_is_taken_out_is_missed(
    evidence: Evidence, rules: list[str], assay: str, readout: str, arm: dict[str, Any]
) -> None:
    usual = read(evidence, assay, readout, 1.0, {"arm": arm}, draws=3)["arm"]
    broken = read(without(evidence, *rules), assay, readout, 1.0, {"arm": arm}, draws=3)["arm"]
    assert (np.abs(broken / usual - 1.0) > 1e-4).all()
