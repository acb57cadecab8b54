"""Eyes and salivary glands of mice, untreated: rest, disease, and rules that can be broken."""

from __future__ import annotations

import numpy as np
import pytest
from shipped_mice import DRAWS, damage, deaf, follow, mice

from stromal.evidence import Evidence

EYE, MOUTH = "mouse-dry-eye", "mouse-sjogren"


@pytest.mark.parametrize("name", [EYE, MOUTH])
def test_without_insult_the_organ_rests(name: str, evidence: Evidence) -> None:
    assert len(mice(name, evidence)) >= 0.6 * DRAWS
    y = follow(name, [100.0], evidence)
    assert np.abs(damage(name, y, evidence)).max() < 0.05
    assert all(y[f"target:{cell}"].max() < 1 for cell in ("Th1", "Th17", "CD4.active"))


def test_dry_air_hurts_the_eye_and_calls_t_cells_in(evidence: Evidence) -> None:
    well = follow(EYE, [19.0], evidence)
    ill = follow(EYE, [5.0, 19.0], evidence, without=())
    assert np.median(damage(EYE, ill, evidence)[:, 1]) > 0.05
    for less in ("target:fluid", "target:goblet"):
        assert np.median(ill[less][:, 1] / well[less][:, 0]) < 0.7, less
    for more in ("target:IL1B", "target:TNF"):
        assert np.median(ill[more][:, 1] / well[more][:, 0]) > 1.5, more
    early, late = np.median(ill["target:CD4.active"] + ill["target:Th1"], axis=0)
    assert late > 3 * early


def test_scopolamine_alone_lowers_tears_and_spares_the_eye(evidence: Evidence) -> None:
    well = follow(EYE, [10.0], evidence)
    drug = follow(EYE, [10.0], evidence, without=("dry air",))
    assert np.median(drug["target:fluid"] / well["target:fluid"]) < 0.6
    assert np.abs(damage(EYE, drug, evidence)).max() < 0.05


def test_drying_kills_by_caspase_3_and_goblet_cells_by_ifng_too(evidence: Evidence) -> None:
    usual = follow(EYE, [19.0], evidence, without=())
    spared = follow(EYE, [19.0], evidence, without=(), parameters=deaf("casp3-kills-ocular-epithelium"))
    cell = "target:ocular epithelium"
    assert np.median(usual[cell] / spared[cell]) < 0.97
    kept = follow(
        EYE, [19.0], evidence, without=(), parameters=deaf("drying-kills-goblet", "ifng-kills-goblet")
    )
    assert np.median(usual["target:goblet"] / kept["target:goblet"]) < 0.8


def test_vesicles_hold_back_what_epithelium_makes(evidence: Evidence) -> None:
    given = {"extra": ("MSC-EV",), "without": (), "dose": {"target:MSC-EV": 20000.0}}
    none = follow(EYE, [0.12], evidence, ("MSC-EV",), without=())["target:IL1B"]
    usual = follow(EYE, [0.12], evidence, **given)["target:IL1B"]  # type: ignore[arg-type]
    idle = follow(EYE, [0.12], evidence, **given, parameters=deaf("ev-lowers-ocular-il1b"))["target:IL1B"]  # type: ignore[arg-type]
    assert np.median(usual / none) < 0.9
    assert np.median(idle / none) == pytest.approx(1, abs=0.03)


def test_t_cells_kill_acini_and_cytokines_dry_them(evidence: Evidence) -> None:
    ill = follow(MOUTH, [1.0, 42.0], evidence, without=())
    assert np.median(ill["target:Th1"][:, 1] + ill["target:CD4.active"][:, 1]) > 10
    killers = deaf("tc1-kills-acini", "th1-kills-acini", "th17-kills-acini")
    spared = follow(MOUTH, [42.0], evidence, without=(), parameters=killers)
    assert damage(MOUTH, ill, evidence)[:, 1].max() > 0.3 > damage(MOUTH, spared, evidence).max()
    wet = follow(MOUTH, [42.0], evidence, without=(), parameters=deaf("il1b-slows-fluid", "tnf-slows-fluid"))
    per_acinus = [y["target:fluid"][:, -1] / y["target:acinus"][:, -1] for y in (ill, wet)]
    assert np.median(per_acinus[0] / per_acinus[1]) < 0.98
