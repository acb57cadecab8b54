"""NK cells, neutrophils and bacteria: what they do without MSC, and that each rule is there for something."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from equations import at, turned

from stromal.evidence import Evidence, load_evidence
from stromal.experiments.arm import parse_arm
from stromal.experiments.assay import load_assay
from stromal.experiments.bench import simulate
from stromal.experiments.ensemble import prior_ensemble
from stromal.model import compile_model

NONE = {"product": "none"}


@cache
def shipped() -> Evidence:
    return load_evidence()


def end(assay: str, arms: dict[str, dict], state: str, day: float, evidence: Evidence | None = None) -> dict[str, float]:  # fmt: skip
    """Return a state at the end of a day in each arm, at the median of all numbers."""
    evidence = evidence or shipped()
    protocol = load_assay(assay, evidence)
    protocol = replace(protocol, main=replace(protocol.main, days=day), readout_day=day)
    chosen = {name: parse_arm(NONE | keys, protocol.defaults, evidence) for name, keys in arms.items()}
    found = {}
    for run in simulate(protocol, chosen, evidence, prior_ensemble(evidence, 2).median()):
        column = run.system.state_index.get(state)
        found |= {arm: 0.0 if column is None else float(run.y[i, 0, -1, column]) for i, arm in enumerate(run.arms)}  # fmt: skip
    return found


# -- without MSC -----------------------------------------------------------------------------------


def test_nk_cells_rest_without_a_cytokine_and_either_of_two_wakes_them() -> None:
    arms = {"none": {"stimulus": 0.0}, "il2": {}, "il15": {"stimulus": 0.0, "add": {"IL15": "10 ng/mL"}}}
    active = end("nk-activation", arms, "well:NK.active", 4.0)
    assert active["none"] < 25 and active["il2"] > 300 and active["il15"] > 300
    divided = end("nk-activation", arms, "count:division:NK.active", 4.0)
    assert divided["none"] < 0.05 * divided["il2"]


def test_cis_is_the_brake_of_the_signal_that_makes_it() -> None:
    stat5 = end("nk-activation", {"whole": {}, "without": {"knockout": ["NK.CISH"]}}, "well:NK.STAT5", 1.0)
    assert stat5["without"] > 1.1 * stat5["whole"]
    cis = end("nk-activation", {"rest": {"stimulus": 0.0}, "il2": {}}, "well:NK.CISH", 1.0)
    assert cis["il2"] > 1.5 * cis["rest"]


def test_nk_cells_spare_what_shows_class_i_and_need_ligands() -> None:
    state = "count:death:tumour"
    arms = {
        "whole": {},
        "blind": {"knockout": ["NK.KLRK1"]},
        "no granules": {"knockout": ["NK.PRF1"]},
        "resting": {"seed": {"NK.active": "0 cells/uL", "NK": "250 cells/uL"}},
    }
    died = end("nk-killing", arms, state, 0.25)
    assert died["whole"] > 5 > died["no granules"]
    assert died["blind"] < 0.8 * died["whole"] and died["resting"] < 0.8 * died["whole"]
    infected = {"NK.active": "250 cells/uL", "tumour": "0 cells/uL", "infected": "50 cells/uL"}
    left = end(
        "nk-killing",
        {"shown": {"seed": infected}, "hidden": {"seed": infected, "knockout": ["infected.HLA-C"]}},
        "well:infected",
        0.25,
    )
    assert left["hidden"] < 0.95 * left["shown"]


def test_ifng_shields_msc_from_nk_cells() -> None:
    """By class I (Spaggiari 2006)."""
    cells = {"product": "MSC", "seed": {"NK": "0 cells/uL", "NK.active": "500 cells/uL"}, "ratio": "1:5"}
    left = end("nk-activation", {"naive": cells, "primed": cells | {"priming": ["IFNG"]}}, "well:MSC", 0.25)
    assert left["primed"] > 1.05 * left["naive"]


def test_neutrophils_go_where_macrophages_call_them() -> None:
    arms = {
        "nobody": {"seed": {"M1": "0 cells/uL"}},
        "called": {},
        "deaf": {"block": ["CXCR2"]},
        "held": {"add": {"TSG-6": "3000 ng/mL"}},
    }
    came = end("neutrophil-migration", arms, "well:neutrophil", 0.5)
    assert came["called"] > 1.5 * came["nobody"]
    assert came["deaf"] < 0.7 * came["called"] and came["held"] < 0.7 * came["called"]


def test_phagocytes_clear_bacteria_that_grow_without_them() -> None:
    seed = {"pathogen": "100 cells/uL"}
    arms = {
        "alone": {"seed": seed | {"M0": "0 cells/uL"}},
        "macrophages": {"seed": seed},
        "neutrophils too": {"seed": seed | {"neutrophil": "300 cells/uL"}},
    }
    left = end("bacterial-clearance", arms, "well:pathogen", 0.25)
    assert left["alone"] > 200 > left["macrophages"] > left["neutrophils too"]


# -- rules, broken ---------------------------------------------------------------------------------

BENCH = {c: ("well",) for c in ("NK", "NK.active", "MSC", "tumour", "M0", "pathogen")}
CASES = [
    # rule, rate, state that carries the signal, low, high
    ("mhc1-holds-nk-off-tumour", "NK.active:kills tumour", "well:tumour.HLA-ABC", 0.0, 2.0),
    ("mhc1-holds-nk-off-msc", "NK.active:kills MSC", "well:MSC.HLA-ABC", 0.0, 2.0),
    ("nkg2d-lets-nk-kill-tumour", "NK.active:kills tumour", "well:tumour.NKG2D-L", 0.0, 2.0),
    ("cish-lowers-nk-jak", "NK:expresses JAK", "well:NK.CISH", 0.2, 3.0),
    ("dusp4-lowers-nk-stat5", "NK:expresses STAT5", "well:NK.DUSP4", 0.2, 3.0),
    ("hlag5-lowers-nk-ifng", "NK.active:secretes IFNG", "well:HLA-G5", 0.0, 100.0),
    ("msc-ceacam1-slows-nk-activation", "NK:becomes NK.active", "well:MSC.CEACAM1", 0.0, 1.0),
    ("energy-raises-m0-killing", "M0:kills pathogen", "well:macrophage.energy", 0.0, 2.0),
    ("pge2-slows-m0-killing", "M0:kills pathogen", "well:PGE2", 0.0, 50.0),
]


@pytest.mark.parametrize(("rule", "name", "state", "low", "high"), CASES, ids=[c[0] for c in CASES])
def test_a_rule_turned_round_turns_what_it_does(
    rule: str, name: str, state: str, low: float, high: float, evidence: Evidence
) -> None:
    change = {}
    for which, tables in (("told", evidence), ("turned", turned(evidence, rule))):
        system = compile_model(tables, sites=BENCH)
        (rate,) = (a for a in system.assignments if a.startswith(f"rate:well:{name}"))
        base = {s.name: 100.0 for s in system.states if s.kind == "cell"}
        base |= {s.name: 0.5 for s in system.states if s.kind == "expression"}
        change[which] = at(system, rate, **{**base, state: high}) - at(system, rate, **{**base, state: low})
    assert change["told"] * change["turned"] < 0
    assert change["told"] > 0 if evidence.rules[rule].effect != "decreases" else change["told"] < 0
