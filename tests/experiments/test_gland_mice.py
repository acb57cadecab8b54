"""Mice with diseases of ducts and glands: they rest, fall ill by the insult, and by rules that can be broken."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import shipped_body as shipped

from stromal.evidence import Evidence
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.ensemble import prior_ensemble
from stromal.experiments.population import Patients, plausible
from stromal.experiments.results import run_assay

#: Disease, day on which untreated mice are ill, least damage of the median mouse.
MICE = {"mouse-mdr2": (35.0, 0.1)}
DRAWS = 10


@cache
def disease(name: str, evidence: Evidence) -> Disease:
    """Return a disease in which mice do not differ and no draw is rejected for its course."""
    return shipped.like(load_disease(name, evidence), natural=(), variability={})


@cache
def mice(name: str, evidence: Evidence) -> Patients:
    return plausible(disease(name, evidence), evidence, shipped.draws(evidence, DRAWS), 1, threads=1)


def follow(name: str, days: list[float], evidence: Evidence, **options: object) -> dict[str, np.ndarray]:
    """Return all states (mice, times) by name, untreated; nothing happens to them without ``without``."""
    patients = mice(name, evidence)
    y = shipped.course(patients, days, evidence, disease=disease(name, evidence), **options)  # type: ignore[arg-type]
    return {s.name: y[:, :, i] for i, s in enumerate(patients.system.states)}


def damage(name: str, y: dict[str, np.ndarray], evidence: Evidence) -> np.ndarray:
    patients = mice(name, evidence)
    alive = [n for n in y if n.partition(":")[2] in evidence.members["parenchyma"]]
    index = patients.system.parameter_index
    whole = sum(patients.parameters[:, index[f"reference:{n}"]] for n in alive)
    return 1 - sum(y[n] for n in alive) / np.asarray(whole)[:, None]


def deaf(*rules: str) -> dict[str, float]:
    return {f"rule:{rule}:half_max": 1e6 for rule in rules}


@pytest.mark.parametrize("name", sorted(MICE))
def test_without_insult_the_organ_rests(name: str, evidence: Evidence) -> None:
    assert len(mice(name, evidence)) >= 5, f"of {DRAWS} draws"
    y = follow(name, [100.0], evidence)
    assert np.abs(damage(name, y, evidence)).max() < 0.05
    assert all(y[f"target:{cell}"].max() < 1 for cell in ("Th1", "Th17", "CD4.active"))


@pytest.mark.parametrize("name", sorted(MICE))
def test_the_insult_makes_mice_ill(name: str, evidence: Evidence) -> None:
    day, least = MICE[name]
    y = follow(name, [1.0, day], evidence, without=())
    early, late = np.median(damage(name, y, evidence), axis=0)
    assert late > least and late > early
    assert np.median(y["target:CD4.active"][:, 1] + y["target:Th1"][:, 1]) > 10


def test_bile_kills_ducts_and_they_grow_again(evidence: Evidence) -> None:
    name, leak = "mouse-mdr2", "target:cholangiocyte"
    usual = follow(name, [21.0], evidence, without=())[leak]
    spared = follow(name, [21.0], evidence, without=(), parameters=deaf("bile-kills-cholangiocytes"))[leak]
    idle = follow(name, [21.0], evidence, without=(), parameters=deaf("damage-renews-cholangiocytes"))[leak]
    assert np.median(usual / spared) < 0.9
    assert np.median(idle / usual) < 0.9


def test_a_leak_lays_down_collagen_by_myofibroblasts(evidence: Evidence) -> None:
    name, scar = "mouse-mdr2", "target:collagen"
    well = follow(name, [49.0], evidence)[scar]
    ill = follow(name, [49.0], evidence, without=())[scar]
    still = {"base:stroma:becomes myofibroblast:place=target": 0.05}
    calm = follow(name, [49.0], evidence, without=(), parameters=still)[scar]
    assert np.median(ill / well) > 3
    assert np.median(calm) < 0.5 * np.median(ill)


def test_ccl20_of_ducts_calls_th17_in(evidence: Evidence) -> None:
    name, cell = "mouse-mdr2", "target:Th17"
    rule = "ccl20-draws-th17-to-target"
    keen = follow(name, [14.0], evidence, without=(), parameters={f"rule:{rule}:half_max": 0.01})[cell]
    kept = follow(name, [14.0], evidence, without=(), parameters=deaf(rule))[cell]
    assert np.median(keen / kept) > 1.02


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
