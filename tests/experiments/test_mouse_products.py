"""Leukaemia beside mouse GVHD, MSC that lack TGFBI, vesicles of microcarriers: what the rules behind the claims do."""

from __future__ import annotations

from functools import cache

import numpy as np
import shipped_body as shipped

from stromal.evidence import Evidence
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.population import Patients, plausible
from stromal.experiments.results import run_assay


@cache
def mice(name: str, evidence: Evidence) -> tuple[Patients, Disease]:
    disease = shipped.like(load_disease(name, evidence), natural=(), variability={})
    return plausible(disease, evidence, shipped.draws(evidence, 8), 1, threads=1), disease


def follow(name: str, state: str, days: list[float], evidence: Evidence, **options: object) -> np.ndarray:
    patients, disease = mice(name, evidence)
    y = shipped.course(patients, days, evidence, disease=disease, **options)  # type: ignore[arg-type]
    return np.asarray(y[:, :, patients.system.state_index[state]])


def test_cd8_t_cells_hold_leukaemia_and_without_a_graft_it_grows(evidence: Evidence) -> None:
    name, state = "mouse-agvhd-leukaemia", "lymphoid:leukaemia"
    held = follow(name, state, [28.0], evidence, without=())
    free = follow(name, state, [28.0], evidence, without=("graft",))
    assert np.median(free) > 500 and (held <= free).all() and np.median(held / free) < 0.5
    blunt = {f"rule:{rule}:half_max": 1e6 for rule in ("gvl-kills-leukaemia", "tc1-kills-leukaemia")}
    unkilled = follow(name, state, [28.0], evidence, without=(), parameters=blunt)
    kept = held < 2000  # in other draws it is out of hand whatever T cells do
    assert (unkilled >= held * 0.99).all() and kept.sum() >= 3
    assert np.median(held[kept] / unkilled[kept]) < 0.7


def test_a_mouse_without_leukaemia_rests(evidence: Evidence) -> None:
    epithelium = follow("mouse-agvhd-leukaemia", "target:epithelium", [100.0], evidence)
    patients, _ = mice("mouse-agvhd-leukaemia", evidence)
    at = patients.parameters[:, patients.system.parameter_index["reference:target:epithelium"]]
    np.testing.assert_allclose(epithelium[:, 0], at, rtol=0.1)


def test_msc_of_the_lung_bring_tgfbi_to_the_spleen_unless_they_lack_it(evidence: Evidence) -> None:
    name, state, dose = "mouse-stz", "lymphoid:TGFBI", {"lung:MSC": 3000.0}
    made = follow(name, state, [0.5], evidence, dose=dose)
    lacking = {"base:MSC:secretes TGFBI": 0.0}
    assert (made > 0).all()
    assert np.abs(follow(name, state, [0.5], evidence, dose=dose, parameters=lacking)).max() < 1e-9


def test_tgfb1_of_vesicles_of_microcarriers_makes_t_cells_die(evidence: Evidence) -> None:
    arms = {"monolayer": {"product": "MSC-EV"}, "microcarrier": {"product": "MC-EV"}}
    arms |= {f"{arm}, no TGFB1": {**have, "knockout": ["MSC.TGFB1"]} for arm, have in arms.items()}
    result = run_assay("vesicles", arms=arms, draws=6, evidence=evidence)
    per = {arm: result.values("t_death", arm) / result.values("t_cells", arm) for arm in arms}
    assert (per["microcarrier"] > per["monolayer"]).all()
    np.testing.assert_allclose(per["microcarrier, no TGFB1"], per["monolayer, no TGFB1"], rtol=0.05)
