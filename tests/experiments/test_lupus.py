"""Lupus: healthy kidneys rest, tolerance that is lost makes nephritis, and each limb of it can be broken."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.ensemble import Ensemble, prior_ensemble
from stromal.experiments.insults import insults
from stromal.experiments.population import Patients, followed, observed, plausible
from stromal.experiments.trial import load_trial

DRUGS = ("cyclophosphamide", "mycophenolate", "steroid")


@cache
def bodies(evidence: Evidence, name: str) -> tuple[Patients, Disease, Ensemble]:
    disease = load_disease(name, evidence)
    # all draws that rest: whether the untreated fall ill is asked here, not taken for granted
    every = replace(disease, spec=disease.spec.model_copy(update={"natural": (), "variability": {}}))
    ensemble = prior_ensemble(evidence, 6, seed=1)
    return plausible(every, evidence, ensemble, 1, threads=1), every, ensemble


def read(
    evidence: Evidence,
    name: str,
    observable: str,
    day: float,
    *,
    healthy: bool = False,
    without: tuple[str, ...] = (),
    drugs: tuple[str, ...] = (),
) -> np.ndarray:
    """Return an observable of untreated bodies (draws,); rules of ``without`` have no effect."""
    patients, disease, ensemble = bodies(evidence, name)
    events = [] if healthy else insults(patients, disease, ensemble, evidence, 1)
    for drug in drugs:
        index = patients.system.state_index[f"systemic:{drug}"]
        for time in np.arange(60.0, day, 7.0):
            scale, shift = np.ones_like(patients.y), np.zeros_like(patients.y)
            shift[:, index] = 1.0
            events.append((float(time), scale, shift))
    events.sort(key=lambda e: e[0])
    numbers = patients.parameters.copy()
    for rule in without:
        numbers[:, patients.system.parameter_index[f"rule:{rule}:half_max"]] *= 1e6
    found = followed(replace(patients, parameters=numbers), events, np.array([0.0, day]), 1)
    assert found.ok.all()
    return observed(replace(patients, parameters=numbers), disease, evidence, observable, found.y)[:, -1]


@pytest.mark.parametrize("name", ["mouse-lupus", "lupus-nephritis"])
def test_healthy_kidneys_stay_healthy_and_make_no_antibody(name: str, evidence: Evidence) -> None:
    damage = read(evidence, name, "damage", 300.0, healthy=True)
    assert len(damage) >= 4 and damage.max() < 0.08
    assert read(evidence, name, "antibody", 300.0, healthy=True).max() < 1.0
    leak = read(evidence, name, "leak", 300.0, healthy=True)
    assert np.median(leak) < 5.0 and leak.max() < 20.0  # one body of six leaks


@pytest.mark.parametrize("name", ["mouse-lupus", "lupus-nephritis"])
def test_lost_tolerance_makes_antibody_and_uses_up_complement_and_albumin(
    name: str, evidence: Evidence
) -> None:
    for observable, least in (("antibody", 1000.0), ("damage", 0.1)):
        assert np.median(read(evidence, name, observable, 150.0)) > least
    for observable in ("C3", "albumin"):
        ill, well = (read(evidence, name, observable, 150.0, healthy=h) for h in (False, True))
        assert np.mean(ill < 0.9 * well) >= 0.5
    assert np.median(read(evidence, name, "damage", 3.0)) < 0.05


@pytest.mark.parametrize("rules", [("igg-deposits-on-glomeruli",), ("ic-lets-injury",)])
def test_kidneys_are_spared_where_complexes_do_not_lie_or_do_not_act(
    rules: tuple[str, ...], evidence: Evidence
) -> None:
    whole = read(evidence, "mouse-lupus", "damage", 150.0)
    spared = read(evidence, "mouse-lupus", "damage", 150.0, without=rules)
    assert whole.max() > 0.3 and (spared <= whole + 1e-6).all() and np.median(spared) < 0.5 * np.median(whole)


def test_no_newcomers_that_see_self_without_interferon(evidence: Evidence) -> None:
    rules = ("ifna-keeps-self-reactive-b", "ifna-keeps-self-reactive-cd4")
    whole = read(evidence, "lupus-nephritis", "B cells", 300.0)
    without = read(evidence, "lupus-nephritis", "B cells", 300.0, without=rules)
    assert (without < whole).all() and np.median(without) < 0.1 * np.median(whole)


def test_drugs_of_lupus_lower_antibody(evidence: Evidence) -> None:
    untreated = read(evidence, "lupus-nephritis", "antibody", 200.0)
    for drug in DRUGS:
        treated = read(evidence, "lupus-nephritis", "antibody", 200.0, drugs=(drug,))
        assert (treated <= 1.01 * untreated).all() and np.median(treated / untreated) < 0.95, drug


def test_both_arms_of_the_trial_get_the_drugs_and_one_the_cells(evidence: Evidence) -> None:
    trial = load_trial("lupus-nephritis", evidence)
    assert {therapy.content for therapy in trial.background} == set(DRUGS)
    assert [len(arm.therapies) for arm in trial.arms] == [0, 1]
    assert [arm.n for arm in trial.arms] == [6, 12]


@pytest.mark.parametrize(
    "name", ["lupus-nephritis-adipose", "lupus-cord", "mouse-lupus-dexlip", "mouse-lupus-mir320b"]
)
def test_other_trials_of_lupus_load(name: str, evidence: Evidence) -> None:
    assert load_trial(name, evidence).disease.spec.id in ("lupus-nephritis", "mouse-lupus")
