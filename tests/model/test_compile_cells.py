"""From rows to equations: what cells carry and turn into, and rows that cannot be compiled."""

from __future__ import annotations

from pathlib import Path

import pytest
from equations import RULE, SLOW, built, slopes
from small import BENCH

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.model import compile_model
from stromal.model.expr import evaluate, evaluate_all, symbols

# -- what cells do to numbers ----------------------------------------------------------------------


def test_nothing_is_made_or_lost_where_cells_turn_or_move_and_one_thing_becomes_another(
    tmp_path: Path,
) -> None:
    places = {"well": 300.0, "insert": 100.0}
    rows = [
        {"cell": "T", "behaviour": "migrates insert>well", "base": "2"},
        {"cell": "MSC", "behaviour": "converts IL2>IFNG", "base": "7", "unit": "ng/1e6 cells/day", "km": "1", "km_unit": "ng/mL"},
        {"cell": "T", "behaviour": "death>T.active", "base": "0.3"},
    ]  # fmt: skip
    system = built(tmp_path, sites={"T": tuple(places), "MSC": ("well",)}, places=places, behaviours=rows)
    found = slopes(
        system,
        **{
            "insert:T": 50.0,
            "well:T": 20.0,
            "well:MSC": 10.0,
            "well:IFNG": 1.0,
            "loss:IL2:well": 0.0,
            "well:IL2": 3.0,
            "base:T.active:division": 0.0,
        },
    )
    moved = sum(places[p] * found[f"{p}:{c}"] for p in places for c in ("T", "T.active"))
    assert found["insert:T"] == pytest.approx(-2 * 50 - 0.5 * 50 - 0.3 * 50)
    assert moved == pytest.approx(0.0, abs=1e-9)
    assert found["well:IL2"] == pytest.approx(-0.007 * 10 * 3 / 4) and found["well:IL2"] + found[
        "well:IFNG"
    ] == pytest.approx(0.0)


def test_division_and_death_are_counted_per_volume_of_the_first_place(tmp_path: Path) -> None:
    places = {"well": 300.0, "insert": 100.0}
    system = built(tmp_path, sites={"T.active": tuple(places)}, places=places)
    found = slopes(system, **{"well:T.active": 10.0, "insert:T.active": 30.0})
    assert found["count:division:T.active"] == pytest.approx(10 + 30 * 100 / 300)


def test_carried_levels_relax_to_what_signals_ask(tmp_path: Path) -> None:
    system = built(tmp_path, rules=[RULE])
    assert evaluate(
        system.start["well:MSC.PD-L1"], {p.name: p.value for p in system.parameters}
    ) == pytest.approx(0.1)
    found = slopes(system, IFNG=2.0, **{"MSC.PD-L1": 0.2})["well:MSC.PD-L1"]
    assert found == pytest.approx(0.6931471805599453 * (0.1 * 3 - 0.2))


def test_levels_that_need_each_other_start_at_rest(tmp_path: Path) -> None:
    """PD-L1 needs IRF1, IRF1 needs IFNG: before any IFNG neither is at its base of 1."""
    usual = {
        "cell": "MSC",
        "unit": "relative",
        "base": "1",
        "half_life": "1",
        "half_life_unit": "day",
        "least": "0.01",
    }
    rows = [usual | {"behaviour": "expresses PD-L1"}, usual | {"behaviour": "expresses IRF1"}]
    need = {"cell": "MSC", "effect": "requires", "leak": "0.1", "half_max": "1"}
    rules = [
        need | {"id": "irf1-for-pdl1", "behaviour": "expresses PD-L1", "signal": "self IRF1"},
        need | {"id": "ifng-for-irf1", "behaviour": "expresses IRF1", "signal": "IFNG", "unit": "ng/mL"},
    ]
    system = built(tmp_path, behaviours=rows, rules=rules)
    start = {
        name: float(evaluate(expr, {p.name: p.value for p in system.parameters}))
        for name, expr in system.start.items()
    }
    assert start["well:MSC.IRF1"] == pytest.approx(0.1)
    assert start["well:MSC.PD-L1"] == pytest.approx(0.1 + 0.9 * 0.1 / 1.1)
    found = slopes(system, **start)
    assert found["well:MSC.IRF1"] == pytest.approx(0, abs=1e-12) and found["well:MSC.PD-L1"] == pytest.approx(
        0, abs=1e-12
    )


@pytest.mark.parametrize("species", ["", "human", "mouse"])
def test_carried_levels_move_with_the_cells_that_carry_them(species: str, tmp_path: Path) -> None:
    """What all cells together carry is the same before and after some change lineage, in each species."""
    cell = {"name": "Treg", "label": "Treg", "lineage": "Treg"}
    becomes = {"cell": "T", "behaviour": "becomes Treg", "base": "0.4"}
    each = [becomes | {"where": f"species={s}"} for s in ("human", "mouse")] if species else [becomes]
    rows = [
        *each,
        *({"cell": c, "behaviour": "keeps mitochondria", "base": "1", "unit": "relative", "half_life": "1e9", "half_life_unit": "day"} for c in ("Tconv", "Treg")),
    ]  # fmt: skip
    system = built(tmp_path, cells=[cell], behaviours=rows)
    level = {"Tconv.mitochondria": 2.0, "Treg.mitochondria": 0.5}
    level |= {f"is:host:species={s}": float(s == species) for s in ("human", "mouse") if species}
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
    assert (
        two["well:MSC"]
        == pytest.approx(one["well:MSC"])
        == pytest.approx(-200 * one["well:Tconv.engulfed"], rel=1e-4)
    )


def test_a_killer_kills_what_it_touches_and_responds_to_what_that_carries(tmp_path: Path) -> None:
    """Only the share of killers that touch their prey kills, at the rate that this prey's level asks."""
    kill = {"cell": "T", "behaviour": "kills MSC", "base": "3"}
    shield = SLOW | {
        "id": "pdl1-shields", "cell": "T", "behaviour": "kills MSC", "signal": "touch MSC.PD-L1",
        "half_max": "1", "unit": "relative",
    }  # fmt: skip
    level = {"T": 200.0, "MSC": 20.0, "MSC.PD-L1": 1.0}
    plain = slopes(built(tmp_path / "plain", behaviours=[kill]), **level)
    shielded = slopes(built(tmp_path / "shielded", behaviours=[kill | {"least": "0.01"}], rules=[shield]), **level)  # fmt: skip
    none = slopes(built(tmp_path / "none"), **level)
    share = (none["well:MSC"] - plain["well:MSC"]) / (3 * 200)
    assert 0 < share < 1
    # half-saturated, a fold of 0.2 leaves 0.6: that the rate of those that do not touch is not mixed in
    assert none["well:MSC"] - shielded["well:MSC"] == pytest.approx(0.6 * share * 3 * 200, rel=1e-6)
    assert plain["count:death:MSC"] == pytest.approx(share * 3 * 200, rel=1e-6)
    # nobody to kill, nothing of it in the model
    alone = built(tmp_path / "alone", sites={"T": ("well",)}, behaviours=[kill])
    assert not [p for p in alone.parameters if "kills" in p.name]


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
def test_a_row_that_cannot_be_an_equation_is_named(
    tmp_path: Path, tables: dict, key: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        built(tmp_path, **tables)
    assert caught.value.key == key and words in str(caught.value) and caught.value.file.endswith(".csv")


@pytest.mark.parametrize("signal", ["near MSC.PGE2", "PGE2"])
def test_algebraic_loops_are_refused(tmp_path: Path, signal: str) -> None:
    tables = {
        "behaviours": [BENCH["behaviours"][2] | {"most": "5"}],
        "rules": [
            SLOW
            | {
                "cell": "MSC",
                "behaviour": "secretes PGE2",
                "signal": signal,
                "effect": "increases",
                "fold": "3",
            }
        ],
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
    for names in (
        [p.name for p in system.processes],
        [s.name for s in system.states],
        [p.name for p in system.parameters],
    ):
        assert len(names) == len(set(names))
    assert set(system.start) <= set(system.state_index)
    assert all(set(dict(p.changes)) <= set(system.state_index) for p in system.processes)
    env = {p.name: p.value for p in system.parameters} | {s.name: s.scale for s in system.states}
    rates = evaluate_all([system.inlined[n] for n in system.inlined], env)
    assert min(map(float, rates)) >= 0.0
    assert all(p.source for p in system.parameters if p.kind != "switch")
