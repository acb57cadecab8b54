"""Lung, decidua, heart and muscle of mice, untreated: rest, injury, repair, and the rules that make them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import shipped_body as shipped

from stromal.evidence import Evidence
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.population import Patients, plausible

INJURED = ["mouse-lps-lung", "mouse-pneumonia", "mouse-lps-abortion", "rat-infarct", "mouse-limb-ischaemia"]


@cache
def disease(name: str, evidence: Evidence) -> Disease:
    """Return a disease in which patients do not differ and no draw is rejected for its course."""
    return shipped.like(load_disease(name, evidence), natural=(), variability={})


@cache
def mice(name: str, evidence: Evidence) -> Patients:
    return plausible(disease(name, evidence), evidence, shipped.draws(evidence), 1, threads=1)


def follow(name: str, days: list[float], evidence: Evidence, **options: object) -> dict[str, np.ndarray]:
    """Return all states (patients, times) by name, after the insults of the disease or without."""
    patients = mice(name, evidence)
    y = shipped.course(patients, days, evidence, disease=disease(name, evidence), **options)  # type: ignore[arg-type]
    return {s.name: y[:, :, i] for i, s in enumerate(patients.system.states)}


def damage(name: str, y: dict[str, np.ndarray], evidence: Evidence) -> np.ndarray:
    patients = mice(name, evidence)
    alive = [n for n in y if n.partition(":")[2] in evidence.members["parenchyma"]]
    index = patients.system.parameter_index
    whole = sum(patients.parameters[:, index[f"reference:{n}"]] for n in alive)
    return 1 - sum(y[n] for n in alive) / np.asarray(whole)[:, None]


@pytest.mark.parametrize("name", ["mouse-healthy", *INJURED])
def test_without_insult_the_organ_rests(name: str, evidence: Evidence) -> None:
    assert len(mice(name, evidence)) >= 8, "of 16 draws"
    hurt = damage(name, follow(name, [100.0], evidence), evidence)
    assert np.abs(hurt).max() < 0.1 and np.abs(np.median(hurt)) < 0.05


@pytest.mark.parametrize("name", INJURED)
def test_an_insult_hurts_it(name: str, evidence: Evidence) -> None:
    hurt = damage(name, follow(name, [3.0], evidence, without=()), evidence)
    # the mildest is pneumonia
    assert np.median(hurt) > 0.05


def test_lps_rouses_the_lung_which_then_heals(evidence: Evidence) -> None:
    y = follow("mouse-lps-lung", [0.01, 1.0, 60.0], evidence, without=())
    for what, least in {"lung:TNF": 1.3, "lung:M1": 1.3, "lung:monocyte.emigrated": 1.15}.items():
        first, peak, end = np.median(y[what], axis=0)
        assert peak > least * max(first, end), what
    _, hurt, healed = np.median(damage("mouse-lps-lung", y, evidence), axis=0)
    assert healed < 0.3 * hurt


@pytest.mark.parametrize(
    ("name", "rules", "day"),
    [
        ("mouse-lps-lung", ["tnf-kills-alveolar", "il1b-kills-alveolar"], 3.0),
        ("mouse-lps-abortion", ["tnf-kills-trophoblast"], 3.0),
        ("rat-infarct", ["tnf-kills-stunned", "il1b-kills-stunned"], 14.0),
    ],
)
def test_cytokines_make_the_damage(name: str, rules: list[str], day: float, evidence: Evidence) -> None:
    deaf = {f"rule:{rule}:half_max": 1e6 for rule in rules}
    with_rules = damage(name, follow(name, [day], evidence, without=()), evidence)
    without = damage(name, follow(name, [day], evidence, without=(), parameters=deaf), evidence)
    assert np.median(without) < np.median(with_rules) - 0.005


def test_muscle_grows_back_and_a_heart_does_not(evidence: Evidence) -> None:
    muscle = damage("mouse-limb-ischaemia", follow("mouse-limb-ischaemia", [3.0, 90.0], evidence, without=()), evidence)  # fmt: skip
    heart = damage("rat-infarct", follow("rat-infarct", [14.0, 90.0], evidence, without=()), evidence)
    assert np.median(muscle[:, 1]) < 0.5 * np.median(muscle[:, 0])
    assert np.median(heart[:, 1]) > 0.95 * np.median(heart[:, 0]) > 0.1


def test_satellite_cells_rebuild_muscle(evidence: Evidence) -> None:
    none = {"rule:damage-renews-myofibres:half_max": 1e6}
    name = "mouse-limb-ischaemia"
    usual = damage(name, follow(name, [42.0], evidence, without=()), evidence)
    idle = damage(name, follow(name, [42.0], evidence, without=(), parameters=none), evidence)
    assert np.median(idle) > 2 * np.median(usual)


def test_a_scar_needs_an_injury(evidence: Evidence) -> None:
    scar, skin = "target:collagen", "target:myofibroblast"
    hurt, well = (follow("rat-infarct", [28.0], evidence, without=w) for w in ((), ("infarction",)))
    assert np.median(hurt[scar] / well[scar]) > 5 and np.median(hurt[skin] / well[skin]) > 5


def test_dead_tissue_rouses_macrophages_until_it_is_cleared(evidence: Evidence) -> None:
    name = "rat-infarct"
    y = follow(name, [0.1, 3.0, 28.0], evidence, without=())
    start, three, month = np.median(y["target:M1"], axis=0)
    assert three > 2 * start and month < three
    assert (y["target:necrotic"][:, 2] < 0.1 * y["target:necrotic"][:, 0]).mean() > 0.7
    deaf = {"rule:hmgb1-lets-m0-to-m1:half_max": 1e6}
    quiet = follow(name, [3.0], evidence, without=(), parameters=deaf)
    assert np.median(quiet["target:M1"]) < 0.75 * three


def test_macrophages_clear_bacteria(evidence: Evidence) -> None:
    none = {"rule:macrophages-clear-lung-pathogen:half_max": 1e6}
    name, germ = "mouse-pneumonia", "lung:pathogen"
    usual = follow(name, [5.0], evidence, without=())[germ]
    idle = follow(name, [5.0], evidence, without=(), parameters=none)[germ]
    assert np.median(idle) > 3 * np.median(usual)


def test_neutrophils_follow_the_chemokine_into_the_lung_and_harm_it(evidence: Evidence) -> None:
    name, cell = "mouse-lps-lung", "lung:neutrophil"
    calm, usual = (follow(name, [1.5], evidence, without=w) for w in (("LPS",), ()))
    deaf = {"rule:cxcl1-draws-neutrophils-to-lung:half_max": 1e6}
    kept = follow(name, [1.5], evidence, without=(), parameters=deaf)
    assert np.median(usual[cell] / calm[cell]) > 2.5
    assert np.median(kept[cell] / usual[cell]) < 0.7
    assert np.median(damage(name, kept, evidence)) < np.median(damage(name, usual, evidence))


def test_b_cells_of_the_lung_answer_lps(evidence: Evidence) -> None:
    name = "mouse-lps-lung"
    calm, usual = (follow(name, [3.0], evidence, without=w) for w in (("LPS",), ()))
    assert np.median(usual["lung:B.active"] / calm["lung:B.active"]) > 2
    deaf = {"rule:lps-activates-b:half_max": 1e6}
    kept = follow(name, [3.0], evidence, without=(), parameters=deaf)
    assert np.median(kept["lung:B.active"] / usual["lung:B.active"]) < 0.5
