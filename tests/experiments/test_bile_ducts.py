"""Bile ducts of mice without Mdr2, untreated, and the cells of their Th17 niche: rules that can be broken."""

from __future__ import annotations

import numpy as np
from shipped_mice import DRAWS, damage, deaf, follow, mice

from stromal.evidence import Evidence
from stromal.experiments.ensemble import prior_ensemble
from stromal.experiments.results import run_assay

NAME = "mouse-mdr2"


def test_ducts_rest_and_a_leak_makes_mice_ill(evidence: Evidence) -> None:
    assert len(mice(NAME, evidence)) >= 0.6 * DRAWS
    well = follow(NAME, [100.0], evidence)
    assert np.abs(damage(NAME, well, evidence)).max() < 0.05
    assert all(well[f"target:{cell}"].max() < 1 for cell in ("Th1", "Th17", "CD4.active"))
    ill = follow(NAME, [1.0, 35.0], evidence, without=())
    early, late = np.median(damage(NAME, ill, evidence), axis=0)
    assert late > 0.1 > early
    assert np.median(ill["target:CD4.active"][:, 1] + ill["target:Th1"][:, 1]) > 10


def test_bile_kills_ducts_and_they_grow_again(evidence: Evidence) -> None:
    cell = "target:cholangiocyte"
    usual = follow(NAME, [21.0], evidence, without=())[cell]
    spared = follow(NAME, [21.0], evidence, without=(), parameters=deaf("bile-kills-cholangiocytes"))[cell]
    idle = follow(NAME, [21.0], evidence, without=(), parameters=deaf("damage-renews-cholangiocytes"))[cell]
    assert np.median(usual / spared) < 0.97 and (usual / spared).min() < 0.5
    assert np.median(idle / usual) < 0.9


def test_a_leak_lays_down_collagen_by_myofibroblasts(evidence: Evidence) -> None:
    scar = "target:collagen"
    well = follow(NAME, [49.0], evidence)[scar]
    ill = follow(NAME, [49.0], evidence, without=())[scar]
    still = {"base:stroma:becomes myofibroblast:place=target": 0.05}
    calm = follow(NAME, [49.0], evidence, without=(), parameters=still)[scar]
    assert np.median(ill / well) > 3
    assert np.median(calm) < 0.5 * np.median(ill)


def test_ccl20_of_ducts_calls_th17_in(evidence: Evidence) -> None:
    cell = "target:Th17"
    rule = "ccl20-draws-th17-to-target"
    keen = follow(NAME, [14.0], evidence, without=(), parameters={f"rule:{rule}:half_max": 0.01})[cell]
    kept = follow(NAME, [14.0], evidence, without=(), parameters=deaf(rule))[cell]
    assert np.median(keen / kept) > 1.01


def test_cells_of_the_niche_answer_each_other(evidence: Evidence) -> None:
    arms = {
        "together": {"product": "none"},
        "deaf to IL17A": {"product": "none", "knockout": ["cholangiocyte.IL17RA"]},
        "no bile": {"product": "none", "stimulus": 0.0},
        "vesicles": {"product": "MSC-EV"},
        "vesicles, muted": {"product": "MSC-EV", "mute": ["ev-lowers-il17a"]},
    }
    found = run_assay(
        "liver-niche",
        arms=arms,
        evidence=evidence,
        ensemble=prior_ensemble(evidence, 6, seed=3),
        draws=None,
        threads=1,
    )
    calls, il6, il17a = (
        {arm: np.median(found.values(readout, arm)) for arm in arms}
        for readout in ("crosstalk", "IL6", "IL17A")
    )
    assert calls["deaf to IL17A"] < 0.95 * calls["together"]
    assert il6["no bile"] < 0.8 * il6["together"]
    assert il17a["vesicles"] < 0.9 * il17a["vesicles, muted"]
