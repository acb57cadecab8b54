"""From rows to equations: rates, limits, chains and mediators, on a bench of few rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from equations import SLOW, at, built, slopes
from small import BENCH

from stromal.evidence import Evidence
from stromal.model import compile_model
from stromal.model.expr import evaluate
from stromal.model.numbers import NEAR_DISTANCE

# -- rates and the milieu in which a base was measured ---------------------------------------------


def test_a_rate_without_signal_is_its_base(tmp_path: Path) -> None:
    system = built(tmp_path, rules=[SLOW])
    assert at(system, "rate:well:T.active:division") == 1.0
    assert at(system, "rate:well:T.active:division", PGE2=10.0) == pytest.approx(0.6)
    # 100 ng a day from 1e6 cells: 0.1 ng/mL a day for each cell/uL
    assert at(system, "rate:well:MSC:secretes PGE2") == pytest.approx(0.1)


def test_at_its_reference_milieu_a_rate_is_its_base(tmp_path: Path) -> None:
    base = BENCH["behaviours"][0] | {"reference": "PGE2=30 nM;IFNG=1 ng/mL"}
    system = built(tmp_path, behaviours=[base], rules=[SLOW])
    pge2 = 30e-9 * 352.5 * 1e6  # ng/mL
    assert at(system, "rate:well:T.active:division", PGE2=pge2) == pytest.approx(1.0)
    assert at(system, "rate:well:T.active:division") > 1.0


def test_a_new_rule_does_not_move_a_measured_base(tmp_path: Path) -> None:
    base = BENCH["behaviours"][0] | {"reference": "PGE2=10 ng/mL;IL2=3 ng/mL"}
    new = SLOW | {"id": "il2-speeds", "signal": "IL2", "effect": "increases", "fold": "4", "half_max": "1"}
    for i, rules in enumerate(([SLOW], [SLOW, new])):
        system = built(tmp_path / str(i), behaviours=[base], rules=rules, extra=("IL2",))
        assert at(system, "rate:well:T.active:division", PGE2=10.0, IL2=3.0) == pytest.approx(1.0)


def test_every_shipped_base_is_met_at_its_reference_milieu(evidence: Evidence) -> None:
    system = compile_model(evidence, sites={c: ("well",) for c in evidence.cells})
    checked = 0
    defaults = {p.name: p.value for p in system.parameters}
    for row in evidence.behaviours:
        if not row.reference or row.scales_with or any(w.startswith("place=") for w in row.where):
            continue
        for cell in evidence.members[row.cell]:
            lineage = evidence.cells[cell].lineage
            env = dict.fromkeys((s.name for s in system.states), 0.0) | defaults
            limit = f":{';'.join(row.where)}" if row.where else ""
            name = f"rate:well:{cell}:{row.behaviour}{limit}"
            if name not in system.inlined:
                name = f"rate:well:{lineage}:{row.behaviour}{limit}"
            for item in row.reference:
                signal, _, amount = item.partition("=")
                signal = signal.strip()
                state = (
                    f"well:{lineage}.{signal.removeprefix('self ')}"
                    if signal.startswith("self ")
                    else f"well:{signal}"
                )
                value, _, unit = amount.strip().partition(" ")
                spec = evidence.mediators.get(signal)
                if state not in env or unit != (spec.unit if spec else "relative"):
                    break
                env[state] = float(value)
            else:
                base = defaults[f"base:{row.cell}:{row.behaviour}{limit}"]
                assert evaluate(system.inlined[name], env) == pytest.approx(base, rel=1e-9), name
                checked += 1
    assert checked >= 5


# -- limits, groups, blocks ------------------------------------------------------------------------


def test_a_rule_with_a_limit_counts_where_it_holds(tmp_path: Path) -> None:
    system = built(tmp_path, rules=[SLOW | {"where": "species=human"}])
    switch = "is:host:species=human"
    assert at(system, "rate:well:T.active:division", PGE2=1e9, **{switch: 1.0}) == pytest.approx(0.2)
    assert at(system, "rate:well:T.active:division", PGE2=1e9, **{switch: 0.0}) == 1.0
    assert "is:MSC:species=human" not in system.parameter_index  # the species of the acting cell


def test_a_base_with_a_limit_is_zero_where_it_does_not_hold(tmp_path: Path) -> None:
    rows = [
        BENCH["behaviours"][2]
        | {"where": f"species={s}", "base": b, "cell": "MSC", "behaviour": "secretes IL2"}
        for s, b in (("human", "100"), ("mouse", "300"))
    ]
    system = built(tmp_path, behaviours=rows)
    for species, made in (("human", 0.1), ("mouse", 0.3)):
        levels = {f"is:MSC:species={s}": float(s == species) for s in ("human", "mouse")}
        assert slopes(system, MSC=1.0, **levels)["well:IL2"] == pytest.approx(made)


def test_a_rule_on_a_group_acts_on_each_member_that_has_the_behaviour(tmp_path: Path) -> None:
    more = {"cell": "T", "behaviour": "division", "base": "0.3", "most": "2", "least": "0.1"}
    system = built(tmp_path, behaviours=[more], rules=[SLOW | {"cell": "lymphocyte"}])
    for cell, base in (("T", 0.3), ("T.active", 1.0)):
        assert at(system, f"rate:well:{cell}:division", PGE2=10.0) == pytest.approx(0.6 * base)


def test_a_behaviour_of_a_group_is_one_of_each_member(tmp_path: Path) -> None:
    system = built(tmp_path, behaviours=[{"cell": "lymphocyte", "behaviour": "death", "base": "0.2"}])
    found = slopes(system, T=10.0, **{"T.active": 5.0})
    assert found["count:death:T"] == pytest.approx(2.0) and found["count:death:T.active"] == pytest.approx(
        1.0
    )


def test_a_chain_gives_each_node_two_switches(tmp_path: Path) -> None:
    system = built(tmp_path, rules=[SLOW | {"via": "MSC:PTGS2 > T:PTGER2"}])
    name, level = "rate:well:T.active:division", {"PGE2": 10.0}
    assert at(system, name, **level, **{"keep:T:PTGER2": 0.0}) == 1.0
    assert at(system, name, **level, **{"keep:MSC:PTGS2": 0.5}) == pytest.approx(1 - 0.8 * 0.25)
    # an antagonist competes: it raises half_max
    assert at(system, name, **level, **{"reach:T:PTGER2": 0.1}) == pytest.approx(1 - 0.8 * (0.1 / 1.1))
    # a neutraliser takes free ligand
    assert at(system, name, **level, **{"free:PGE2": 0.5}) == pytest.approx(1 - 0.8 * (0.5 / 1.5))


def test_a_base_can_be_cut_and_scaled_by_what_is_carried(tmp_path: Path) -> None:
    made = BENCH["behaviours"][2] | {"via": "MSC:PTGS2", "scales_with": "PD-L1"}
    system = built(tmp_path, behaviours=[made])
    assert slopes(system, MSC=10.0, **{"MSC.PD-L1": 0.5})["well:PGE2"] == pytest.approx(0.5)
    assert slopes(system, MSC=10.0, **{"MSC.PD-L1": 0.5, "keep:MSC:PTGS2": 0.0})["well:PGE2"] == 0.0
    assert slopes(system, MSC=10.0, **{"MSC.PD-L1": 0.5, "factor:MSC:secretes PGE2": 2.0})[
        "well:PGE2"
    ] == pytest.approx(1.0)


# -- mediators -------------------------------------------------------------------------------------


def test_a_mediator_is_made_lost_and_eaten(tmp_path: Path) -> None:
    eats = {"cell": "T", "behaviour": "takes up IL2", "base": "0.5", "unit": "1/day/(1e6 cells/mL)"}
    gulps = {
        "cell": "MSC",
        "behaviour": "takes up PGE2",
        "base": "50",
        "unit": "ng/1e6 cells/day",
        "km": "5",
        "km_unit": "ng/mL",
    }
    found = slopes(built(tmp_path, behaviours=[eats, gulps]), T=2000.0, MSC=1000.0, IL2=4.0, PGE2=15.0)
    assert found["well:IL2"] == pytest.approx(-4.0 * 0.5 * 2 - 4.0 * 0.6931471805599453)
    assert found["well:PGE2"] == pytest.approx(100 - 50 * 15 / 20)


def test_a_quasi_steady_mediator_is_made_over_lost(tmp_path: Path) -> None:
    fast = {"name": "NO", "label": "NO", "kind": "metabolite", "unit": "mM", "quasi_steady": "yes"}
    lost = {"mediator": "NO", "half_life": "5", "half_life_unit": "second"}
    makes = {"cell": "MSC", "behaviour": "secretes NO", "base": "0.01", "unit": "pmol/cell/day"}
    rule = SLOW | {"id": "no-slows", "signal": "NO", "half_max": "1e-6", "unit": "mM"}
    system = built(tmp_path, mediators=[fast], kinetics=[lost], behaviours=[makes], rules=[rule])
    assert "well:NO" not in system.state_index
    level = 1e-5 * 100 * (5 / 86400) / 0.6931471805599453
    assert at(system, "well:NO", MSC=100.0) == pytest.approx(level)
    assert at(system, "rate:well:T.active:division", MSC=100.0) == pytest.approx(
        1 - 0.8 * level / (level + 1e-6)
    )


def test_near_adds_the_level_beside_a_source_that_is_touched(tmp_path: Path) -> None:
    system = built(tmp_path, rules=[SLOW | {"signal": "near MSC.PGE2", "half_max": "1e-3"}])
    beside = 1e9 * 0.1 / (4 * 3.141592653589793 * 1e8 * NEAR_DISTANCE)
    touches = 2 * 4 * 40 / (480 + 2 * 1000 + 4 * 40)
    p = 1 - 2.718281828459045**-touches

    def left(x: float) -> float:
        return 1 - 0.8 * x / (x + 1e-3)

    found = at(system, "rate:well:T.active:division", PGE2=2e-4, MSC=40.0, **{"T.active": 1000.0})
    assert found == pytest.approx((1 - p) * left(2e-4) + p * left(2e-4 + beside))


def test_mediators_cross_a_membrane_by_volume_and_cells_do_not(tmp_path: Path) -> None:
    places = {"well": 300.0, "insert": 100.0}
    system = built(tmp_path, sites={"T": ("well",), "MSC": ("insert",)}, places=places, rules=[SLOW])
    found = slopes(system, **{"insert:PGE2": 8.0, "well:PGE2": 2.0})
    assert found["insert:PGE2"] < 0 < found["well:PGE2"]
    assert 100 * found["insert:PGE2"] + 300 * found["well:PGE2"] == pytest.approx(0.0, abs=1e-9)
    assert not {"well:MSC", "insert:T", "insert:T.active"} & set(system.state_index)
