"""Test a rule by breaking it: turned round or silenced, something that it is there for must change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shipped_body as shipped
from equations import at, turned

from stromal.evidence import Evidence
from stromal.experiments.body import body_system
from stromal.experiments.population import Patients, natural_history
from stromal.model import System

#: Half-maximal levels times this are never reached.
SILENT = 1e30


CASES = [
    # rule, cells, place of the act, rate, state that carries the signal, low, high
    ("tc1-kills-epithelium", {"epithelium": ("target",), "Tc1": ("target",)}, "target:epithelium:death", "target:Tc1", 0.0, 5e4),
    ("damage-opens-barrier", {"epithelium": ("target",), "microbiota": ("target",), "M1": ("target",)}, "target:microbiota:secretes LPS:place=target", "target:epithelium", 1e5, 2e4),
    ("basiliximab-kills-t", {"Th1": ("lymphoid",)}, "lymphoid:Th1:death", "systemic:basiliximab", 0.0, 1.0),
    ("engulfed-makes-nonclassical", {"monocyte": ("lung",), "monocyte.nonclassical": ("lung",), "MSC": ("lung",)}, "lung:monocyte:becomes monocyte.nonclassical", "lung:monocyte.engulfed", 0.0, 2.0),
    ("engulfed-raises-macrophage-il10", {"M0": ("lung",), "M2": ("lung",), "MSC": ("lung",), "Th1": ("lung",)}, "lung:M0:secretes IL10", "lung:macrophage.engulfed", 0.0, 2.0),
    ("engulfed-lets-phagocytes-make-ido", {"M0": ("target",), "MSC": ("target",), "Th1": ("target",)}, "target:M0:converts TRP>KYN", "target:macrophage.engulfed", 0.0, 2.0),
]  # fmt: skip


def rate(system: System, name: str, **levels: float) -> float:
    """Return a rate by the start of its name."""
    found = [a for a in system.assignments if a.startswith(f"rate:{name}")]
    assert found, f"{name} is not among {[a for a in system.assignments if a.startswith('rate:')]}"
    return at(system, found[0], **levels)


@pytest.mark.parametrize(("rule", "sites", "name", "state", "low", "high"), CASES, ids=[c[0] for c in CASES])
def test_a_rule_turned_round_turns_what_it_does(
    rule: str, sites: dict[str, tuple[str, ...]], name: str, state: str, low: float, high: float, evidence: Evidence
) -> None:  # fmt: skip
    extra = ("basiliximab",) if "basiliximab" in state else ()
    change = {}
    for which, tables in (("told", evidence), ("turned", turned(evidence, rule))):
        system = body_system(tables, sites, "human", extra)
        base = {s.name: 100.0 for s in system.states if s.kind == "cell"} | {f"rule:{rule}:leak": 0.0}
        base = {k: v for k, v in base.items() if k in system.state_index or k in system.parameter_index}
        change[which] = rate(system, name, **{**base, state: high}) - rate(
            system, name, **{**base, state: low}
        )
    effect = evidence.rules[rule].effect
    assert change["told"] * (-1 if effect == "decreases" else 1) > 0, change
    assert change["turned"] * (-1 if effect == "decreases" else 1) < 0, change


# -- in the shipped disease --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ill(evidence: Evidence) -> Patients:
    """Return median patients, healthy, of the draws in which donor T cells do harm."""
    people = shipped.healthy(evidence)
    disease = shipped.like(shipped.trial(evidence).disease, variability={})
    keeps = natural_history(disease, evidence, shipped.draws(evidence), people, 1, threads=1)
    assert keeps.any()
    return people.take(np.flatnonzero(keeps))


def test_without_killing_there_is_less_damage_and_a_closed_barrier_changes_it(
    ill: Patients, evidence: Evidence
) -> None:
    def damage(**silent: float) -> np.ndarray:
        names = {f"rule:{r.replace('_', '-')}:half_max": x for r, x in silent.items()}
        y = shipped.course(ill, [45.0, 100.0], evidence, without=("CNI", "steroid"), parameters=names)
        return shipped.observed("damage", ill, y, evidence).max(axis=1)

    usual = damage()
    no_touch = damage(tc1_kills_epithelium=SILENT, cd8_kills_epithelium=SILENT, th1_kills_epithelium=SILENT)
    told = f"{np.round(usual, 2)}, silenced {np.round(no_touch, 2)}"
    assert (no_touch < usual).all() and (usual - no_touch).max() > 0.05, told
    closed = damage(damage_opens_barrier=SILENT)
    assert not np.allclose(closed, usual, atol=1e-3), "an open barrier changes nothing"


def test_basiliximab_that_kills_nobody_leaves_more_effectors(ill: Patients, evidence: Evidence) -> None:
    def effectors(times: float) -> np.ndarray:
        name = {"rule:basiliximab-kills-t:half_max": times}
        dose = {"systemic:basiliximab": 0.0}
        y = shipped.course(ill, [35.0], evidence, without=("CNI", "steroid"), dose=dose, parameters=name)[
            :, -1
        ]
        treated = replace(ill, y=y)
        y = shipped.course(treated, [7.0], evidence, dose={"systemic:basiliximab": 1.0}, parameters=name)
        return shipped.observed("primed effectors", ill, y, evidence)[:, -1]

    alive, dead = effectors(SILENT), effectors(1.0)
    assert (alive > 1.02 * dead).all(), np.round(alive / dead, 2)


def test_engulfed_msc_leave_an_imprint_that_its_rules_make(ill: Patients, evidence: Evidence) -> None:
    index = ill.system.state_index
    dose = {"lung:MSC": 1.4e8 / 5e5}

    def lung(dose: dict[str, float] | None, **silent: float) -> dict[str, np.ndarray]:
        names = {f"rule:{r.replace('_', '-')}:half_max": x for r, x in silent.items()}
        y = shipped.course(ill, [3.0, 10.0], evidence, dose=dose, parameters=names)[:, 0]
        wanted = ("lung:monocyte.nonclassical", "lung:macrophage.engulfed", "lung:monocyte.engulfed")
        return {name: y[:, index[name]] for name in wanted}

    nobody, given = lung(None), lung(dose)
    for name in ("lung:macrophage.engulfed", "lung:monocyte.engulfed"):
        assert (given[name] > 1e-3).all() and (nobody[name] < 1e-6).all(), name
    classic = "lung:monocyte.nonclassical"
    without = lung(dose, engulfed_makes_nonclassical=SILENT)
    more = given[classic] / without[classic]
    assert (more > 1.001).all() and more.max() > 1.02, np.round(more, 3)
    np.testing.assert_allclose(
        without["lung:macrophage.engulfed"], given["lung:macrophage.engulfed"], rtol=0.05
    )
