"""Colon and skin of mice, untreated: rest, injury, healing, and the rules that make them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import shipped_body as shipped

from stromal.evidence import Evidence
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.population import Patients, plausible

COLON, SKIN = "mouse-dss-colitis", "mouse-imq-psoriasis"
WATER, CREAM = "DSS", "TLR7-agonist"


@cache
def disease(name: str, evidence: Evidence) -> Disease:
    """Return a disease in which patients do not differ and no draw is rejected for its course."""
    return shipped.like(load_disease(name, evidence), natural=(), variability={})


@cache
def mice(name: str, evidence: Evidence) -> Patients:
    return plausible(disease(name, evidence), evidence, shipped.draws(evidence), 1, threads=1)


def follow(name: str, days: list[float], evidence: Evidence, **options: object) -> dict[str, np.ndarray]:
    """Return all states (patients, times) by name, after the insults of the disease or some of them."""
    patients = mice(name, evidence)
    options.setdefault("without", ())
    y = shipped.course(patients, days, evidence, disease=disease(name, evidence), **options)  # type: ignore[arg-type]
    return {s.name: y[:, :, i] for i, s in enumerate(patients.system.states)}


@cache
def untreated(name: str, evidence: Evidence) -> dict[str, np.ndarray]:
    """Return what becomes of mice that fall ill, at the start and after a week."""
    return follow(name, [0.01, 7.0], evidence)


def lost(y: dict[str, np.ndarray], evidence: Evidence) -> np.ndarray:
    """Return the share of the epithelium of the colon that is missing."""
    patients = mice(COLON, evidence)
    whole = patients.parameters[:, patients.system.parameter_index["reference:target:epithelium"]]
    return 1 - y["target:epithelium"] / np.asarray(whole)[:, None]


def thickness(y: dict[str, np.ndarray], evidence: Evidence) -> np.ndarray:
    """Return the keratinocytes over those of the same mouse at rest."""
    patients = mice(SKIN, evidence)
    whole = patients.parameters[:, patients.system.parameter_index["reference:target:keratinocyte"]]
    return y["target:keratinocyte"] / np.asarray(whole)[:, None]


@pytest.mark.parametrize(
    ("name", "off", "state"),
    [
        (COLON, (WATER, "repertoire"), "target:epithelium"),
        (SKIN, (CREAM, "migration"), "target:keratinocyte"),
    ],
)
def test_healthy_mice_rest(name: str, off: tuple[str, ...], state: str, evidence: Evidence) -> None:
    patients = mice(name, evidence)
    assert len(patients.y) >= 10, "of 16 draws"
    whole = patients.parameters[:, patients.system.parameter_index[f"reference:{state}"]]
    end = follow(name, [60.0], evidence, without=off)[state][:, 0]
    assert np.abs(end / whole - 1).max() < 0.15 and abs(np.median(end / whole) - 1) < 0.05


def test_the_colon_is_stripped_and_heals(evidence: Evidence) -> None:
    y = untreated(COLON, evidence)
    start, ill = np.median(lost(y, evidence), axis=0)
    healed = np.median(lost(follow(COLON, [28.0], evidence), evidence))
    assert start < 0.05 and ill > 0.25 and healed < 0.5 * ill
    for what in ("target:neutrophil", "target:LPS", "target:TNF", "target:M1", "target:IL23"):
        assert np.median(y[what][:, 1] / y[what][:, 0]) > 1.5, what


def test_colitis_needs_no_t_cells(evidence: Evidence) -> None:
    """As in mice without T and B cells (Dieleman 1994)."""
    without = lost(follow(COLON, [7.0], evidence, without=("repertoire",)), evidence)
    assert np.median(without) > 0.8 * np.median(lost(untreated(COLON, evidence), evidence)[:, -1])


@pytest.mark.parametrize(
    ("rule", "more"),
    [("il22-renews-epithelium", True), ("elastase-kills-epithelium", False), ("dss-kills-epithelium", False)],
)
def test_rules_that_make_colitis(rule: str, more: bool, evidence: Evidence) -> None:
    usual = lost(untreated(COLON, evidence), evidence)[:, -1]
    deaf = lost(follow(COLON, [7.0], evidence, parameters={f"rule:{rule}:half_max": 1e6}), evidence)[:, 0]
    change = np.mean(deaf - usual)
    assert change > 0.002 if more else change < -0.002


def test_neutrophils_come_by_cxcr2(evidence: Evidence) -> None:
    name = "target:neutrophil"
    usual = untreated(COLON, evidence)[name][:, -1]
    deaf = {"rule:cxcl1-draws-neutrophils-to-target:half_max": 1e6}
    assert np.median(follow(COLON, [7.0], evidence, parameters=deaf)[name][:, 0] / usual) < 0.5


def test_msc_of_peyers_patches_make_more_il22(evidence: Evidence) -> None:
    """By one rule, where they touch innate lymphoid cells; those of marrow do not."""
    patients, level = mice(COLON, evidence), {}
    for source in (0.0, 1.0):
        numbers = patients.parameters.copy()
        numbers[:, patients.system.parameter_index["is:host:source=peyers_patch"]] = source
        y = shipped.course(
            replace(patients, parameters=numbers),
            [0.5],
            evidence,
            disease=disease(COLON, evidence),
            without=(),
            dose={"target:MSC": 2e4},
        )
        level[source] = y[:, 0, patients.system.state_index["target:IL22"]]
    more = level[1.0] / level[0.0]
    assert more.min() > 1 and np.median(more) > 1.02 and more.max() > 1.2


def test_the_epidermis_thickens_and_is_thin_again(evidence: Evidence) -> None:
    y = untreated(SKIN, evidence)
    start, thick = np.median(thickness(y, evidence), axis=0)
    end = np.median(thickness(follow(SKIN, [42.0], evidence), evidence))
    assert abs(start - 1) < 0.05 and thick > 1.5 and end < 1.3
    for what in ("target:Tgd17", "target:IL17A", "target:IL23", "target:neutrophil"):
        assert np.median(y[what][:, 1] / y[what][:, 0]) > 1.5, what


@pytest.mark.parametrize(
    "rules",
    [
        ["tlr7-lets-dc-il23", "tlr7-lets-macrophage-il23"],
        ["il17a-raises-keratinocytes"],
        ["il22-raises-keratinocytes"],
    ],
)
def test_rules_of_the_loop(rules: list[str], evidence: Evidence) -> None:
    """Mice without IL23, IL17A or IL22 have thinner skin (van der Fits 2009, Cai 2011, Van Belle 2012)."""
    deaf = {f"rule:{rule}:half_max": 1e6 for rule in rules}
    usual = thickness(untreated(SKIN, evidence), evidence)[:, -1]
    broken = thickness(follow(SKIN, [7.0], evidence, parameters=deaf), evidence)[:, 0]
    assert np.median((broken - 1) / (usual - 1)) < 0.97


def test_pdl1_vesicles_act_on_t_cells_of_skin_by_pd1(evidence: Evidence) -> None:
    dose = {"target:PD-L1-EV": 1e4}
    names = ["pdl1-ev-lowers-tgd17-il17a", "pdl1-ev-slows-tgd17-division"]
    deaf = {f"rule:{name}:half_max": 1e9 for name in names}
    il17 = [
        follow(SKIN, [0.1], evidence, **options)["target:IL17A"]  # type: ignore[arg-type]
        for options in ({}, {"dose": dose}, {"dose": dose, "parameters": deaf})
    ]
    assert np.median(il17[1] / il17[0]) < 0.9
    assert abs(np.median(il17[2] / il17[0]) - 1) < 0.03
