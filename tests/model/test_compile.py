"""From rows to equations: what each kind of row becomes, checked on a bench of few rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import BENCH, small_evidence

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.model import System, compile_model
from stromal.model.expr import evaluate, evaluate_all, symbols
from stromal.model.numbers import NEAR_DISTANCE

RULE = {"id": "ifng-licenses", "cell": "MSC", "behaviour": "expresses PD-L1", "signal": "IFNG", "effect": "increases", "fold": "5", "half_max": "2", "unit": "ng/mL"}
SLOW = {"id": "pge2-slows", "cell": "T.active", "behaviour": "division", "signal": "PGE2", "effect": "decreases", "fold": "0.2", "half_max": "10", "unit": "ng/mL"}
WELL = {c: ("well",) for c in ("T", "MSC")}


def built(folder: Path, sites=None, places=None, extra=(), **more: list[dict[str, str]]) -> System:  # noqa: ANN001
    return compile_model(small_evidence(folder, more), sites=sites or WELL, places=places, extra=extra)


def at(system: System, expr_or_name, **levels: float) -> float:  # noqa: ANN001
    """Evaluate at some levels of the well (others zero) and the default parameters, or those given."""
    env = dict.fromkeys((s.name for s in system.states), 0.0) | {p.name: p.value for p in system.parameters}
    for name, value in levels.items():
        key = name if name in env else f"well:{name}"
        assert key in env, name
        env[key] = value
    expr = system.inlined[expr_or_name] if isinstance(expr_or_name, str) else expr_or_name
    return float(evaluate(expr, env))


def slopes(system: System, **levels: float) -> dict[str, float]:
    env = dict.fromkeys((s.name for s in system.states), 0.0) | {p.name: p.value for p in system.parameters}
    env |= {k if k in env else f"well:{k}": v for k, v in levels.items()}
    names = [s.name for s in system.states]
    return dict(zip(names, map(float, evaluate_all(system.right_hand_side(), env)), strict=True))


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
        if not row.reference or row.scales_with:
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
                state = f"well:{lineage}.{signal.removeprefix('self ')}" if signal.startswith("self ") else f"well:{signal}"
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
    rows = [BENCH["behaviours"][2] | {"where": f"species={s}", "base": b, "cell": "MSC", "behaviour": "secretes IL2"} for s, b in (("human", "100"), ("mouse", "300"))]
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
    assert found["count:death:T"] == pytest.approx(2.0) and found["count:death:T.active"] == pytest.approx(1.0)


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
    assert slopes(system, MSC=10.0, **{"MSC.PD-L1": 0.5, "factor:MSC:secretes PGE2": 2.0})["well:PGE2"] == pytest.approx(1.0)


# -- mediators -------------------------------------------------------------------------------------


def test_a_mediator_is_made_lost_and_eaten(tmp_path: Path) -> None:
    eats = {"cell": "T", "behaviour": "takes up IL2", "base": "0.5", "unit": "1/day/(1e6 cells/mL)"}
    gulps = {"cell": "MSC", "behaviour": "takes up PGE2", "base": "50", "unit": "ng/1e6 cells/day", "km": "5", "km_unit": "ng/mL"}
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
    assert at(system, "rate:well:T.active:division", MSC=100.0) == pytest.approx(1 - 0.8 * level / (level + 1e-6))


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


# -- what cells do to numbers ----------------------------------------------------------------------


def test_nothing_is_made_or_lost_where_cells_turn_or_move_and_one_thing_becomes_another(tmp_path: Path) -> None:
    places = {"well": 300.0, "insert": 100.0}
    rows = [
        {"cell": "T", "behaviour": "migrates insert>well", "base": "2"},
        {"cell": "MSC", "behaviour": "converts IL2>IFNG", "base": "7", "unit": "ng/1e6 cells/day", "km": "1", "km_unit": "ng/mL"},
        {"cell": "T", "behaviour": "death>T.active", "base": "0.3"},
    ]  # fmt: skip
    system = built(tmp_path, sites={"T": tuple(places), "MSC": ("well",)}, places=places, behaviours=rows)
    found = slopes(system, **{"insert:T": 50.0, "well:T": 20.0, "well:MSC": 10.0, "well:IFNG": 1.0, "loss:IL2:well": 0.0, "well:IL2": 3.0, "base:T.active:division": 0.0})
    moved = sum(places[p] * found[f"{p}:{c}"] for p in places for c in ("T", "T.active"))
    assert found["insert:T"] == pytest.approx(-2 * 50 - 0.5 * 50 - 0.3 * 50)
    assert moved == pytest.approx(0.0, abs=1e-9)
    assert found["well:IL2"] == pytest.approx(-0.007 * 10 * 3 / 4) and found["well:IL2"] + found["well:IFNG"] == pytest.approx(0.0)


def test_division_and_death_are_counted_per_volume_of_the_first_place(tmp_path: Path) -> None:
    places = {"well": 300.0, "insert": 100.0}
    system = built(tmp_path, sites={"T.active": tuple(places)}, places=places)
    found = slopes(system, **{"well:T.active": 10.0, "insert:T.active": 30.0})
    assert found["count:division:T.active"] == pytest.approx(10 + 30 * 100 / 300)


def test_carried_levels_relax_to_what_signals_ask(tmp_path: Path) -> None:
    system = built(tmp_path, rules=[RULE])
    assert evaluate(system.start["well:MSC.PD-L1"], {p.name: p.value for p in system.parameters}) == pytest.approx(0.1)
    found = slopes(system, IFNG=2.0, **{"MSC.PD-L1": 0.2})["well:MSC.PD-L1"]
    assert found == pytest.approx(0.6931471805599453 * (0.1 * 3 - 0.2))


def test_levels_that_need_each_other_start_at_rest(tmp_path: Path) -> None:
    """PD-L1 needs IRF1, IRF1 needs IFNG: before any IFNG neither is at its base of 1."""
    usual = {"cell": "MSC", "unit": "relative", "base": "1", "half_life": "1", "half_life_unit": "day", "least": "0.01"}
    rows = [usual | {"behaviour": "expresses PD-L1"}, usual | {"behaviour": "expresses IRF1"}]
    need = {"cell": "MSC", "effect": "requires", "leak": "0.1", "half_max": "1"}
    rules = [
        need | {"id": "irf1-for-pdl1", "behaviour": "expresses PD-L1", "signal": "self IRF1"},
        need | {"id": "ifng-for-irf1", "behaviour": "expresses IRF1", "signal": "IFNG", "unit": "ng/mL"},
    ]
    system = built(tmp_path, behaviours=rows, rules=rules)
    start = {name: float(evaluate(expr, {p.name: p.value for p in system.parameters})) for name, expr in system.start.items()}
    assert start["well:MSC.IRF1"] == pytest.approx(0.1)
    assert start["well:MSC.PD-L1"] == pytest.approx(0.1 + 0.9 * 0.1 / 1.1)
    found = slopes(system, **start)
    assert found["well:MSC.IRF1"] == pytest.approx(0, abs=1e-12) and found["well:MSC.PD-L1"] == pytest.approx(0, abs=1e-12)


def test_carried_levels_move_with_the_cells_that_carry_them(tmp_path: Path) -> None:
    """What all cells together carry is the same before and after some change lineage."""
    cell = {"name": "Treg", "label": "Treg", "lineage": "Treg"}
    rows = [
        {"cell": "T", "behaviour": "becomes Treg", "base": "0.4"},
        *({"cell": c, "behaviour": "keeps mitochondria", "base": "1", "unit": "relative", "half_life": "1e9", "half_life_unit": "day"} for c in ("Tconv", "Treg")),
    ]  # fmt: skip
    system = built(tmp_path, cells=[cell], behaviours=rows)
    level = {"Tconv.mitochondria": 2.0, "Treg.mitochondria": 0.5}
    found = slopes(system, T=100.0, Treg=300.0, **level)
    assert found["well:Tconv.mitochondria"] == pytest.approx(0.0, abs=1e-6)
    content = found["well:Treg"] * 0.5 + 300.0 * found["well:Treg.mitochondria"]
    assert content == pytest.approx(40.0 * 2.0, rel=1e-4)


def test_what_a_lineage_engulfs_is_a_mean_over_its_cells(tmp_path: Path) -> None:
    """Two kinds of phagocyte that eat alike carry what one kind alone would."""
    rows = [
        {"cell": "lymphocyte", "behaviour": "engulfs MSC", "base": "3"},
        {"cell": "Tconv", "behaviour": "keeps engulfed", "base": "1", "unit": "relative", "half_life": "1e9", "half_life_unit": "day"},
    ]  # fmt: skip
    alike = BENCH["cells"][1] | {"slots": "1"}
    system = built(tmp_path, cells=[alike], behaviours=rows)
    one = slopes(system, T=200.0, MSC=20.0)
    two = slopes(system, T=120.0, MSC=20.0, **{"T.active": 80.0})
    assert one["well:Tconv.engulfed"] > 0
    assert two["well:Tconv.engulfed"] == pytest.approx(one["well:Tconv.engulfed"], rel=1e-4)
    # what is eaten is gone, and was eaten by somebody
    assert two["well:MSC"] == pytest.approx(one["well:MSC"]) == pytest.approx(-200 * one["well:Tconv.engulfed"], rel=1e-4)


# -- what cannot be compiled -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "key", "words"),
    [
        ({"behaviours": [BENCH["behaviours"][2] | {"scales_with": "IDO1"}, {"cell": "T", "behaviour": "expresses IDO1", "base": "1", "unit": "relative", "half_life": "1", "half_life_unit": "day"}]}, "scales_with", "IDO1"),
        ({"behaviours": [{"cell": "MSC", "behaviour": "transfers mitochondria to T", "base": "1"}]}, "behaviour", "keeps"),
        ({"mediators": [BENCH["mediators"][2] | {"quasi_steady": "yes"}]}, "half_life", "PGE2"),
        ({"rules": [SLOW | {"signal": "near MSC.IL2"}], "behaviours": [BENCH["behaviours"][2] | {"behaviour": "secretes IL2"}]}, "diffusion", "IL2"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_an_equation_is_named(tmp_path: Path, tables: dict, key: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        built(tmp_path, **tables)
    assert caught.value.key == key and words in str(caught.value) and caught.value.file.endswith(".csv")


@pytest.mark.parametrize("signal", ["near MSC.PGE2", "PGE2"])
def test_algebraic_loops_are_refused(tmp_path: Path, signal: str) -> None:
    tables = {
        "behaviours": [BENCH["behaviours"][2] | {"most": "5"}],
        "rules": [SLOW | {"cell": "MSC", "behaviour": "secretes PGE2", "signal": signal, "effect": "increases", "fold": "3"}],
    }
    if signal == "PGE2":  # a state is no loop, what is solved at once is
        built(tmp_path / "state", **tables)
        tables["mediators"] = [BENCH["mediators"][2] | {"quasi_steady": "yes"}]
        tables["kinetics"] = [BENCH["kinetics"][2] | {"half_life": "1", "half_life_unit": "hour"}]
    with pytest.raises(InputError, match="depend on each other"):
        built(tmp_path, **tables)


def test_an_unknown_cell_is_named(evidence: Evidence) -> None:
    with pytest.raises(InputError) as caught:
        compile_model(evidence, sites={"Th2": ("well",)})
    assert "Th1" in caught.value.suggestion


def test_the_shipped_model_is_whole(evidence: Evidence) -> None:
    """With all cells in two places: every symbol has a meaning, names are unique, rates of people are positive."""
    places = {"well": 100.0, "insert": 100.0}
    system = compile_model(evidence, sites=dict.fromkeys(evidence.cells, tuple(places)), places=places)
    known = set(system.state_index) | set(system.parameter_index)
    for expr in system.right_hand_side():
        assert symbols(expr) <= known
    for names in ([p.name for p in system.processes], [s.name for s in system.states], [p.name for p in system.parameters]):
        assert len(names) == len(set(names))
    assert set(system.start) <= set(system.state_index)
    assert all(set(dict(p.changes)) <= set(system.state_index) for p in system.processes)
    env = {p.name: p.value for p in system.parameters} | {s.name: s.scale for s in system.states}
    rates = evaluate_all([system.inlined[n] for n in system.inlined], env)
    assert min(map(float, rates)) >= 0.0
    assert all(p.source for p in system.parameters if p.kind != "switch")
