"""Rows become a body: where cells are and act, where mediators have a level, and what passes between organs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from equations import at, slopes
from small import BENCH, small_evidence
from small_body import BODY, SITES, VOLUMES, body_of, compiled, run

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.body import body_system, organs
from stromal.model import System, compile_model
from stromal.model.expr import substitute_all


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> System:
    return body_of(tmp_path_factory.mktemp("body"))


def processes(system: System, start: str) -> list[str]:
    return [p.name for p in system.processes if p.name.startswith(start)]


# -- where cells act ---------------------------------------------------------------------------------


def test_a_row_for_the_place_goes_before_one_for_bodies_and_that_before_one_for_all(tmp_path: Path) -> None:
    def death(i: int, *limits: str) -> dict[str, float]:
        rows = [
            {"cell": "T", "behaviour": "death", "base": base, "where": where}
            for where, base in (("", "1"), ("place=body", "2"), ("place=target", "4"), ("place=bench", "8"))
            if where in limits
        ]
        # no division, no moving: what is left is death
        still = [{"cell": "T", "behaviour": b, "base": "0.0"} for b in ("division", "migrates blood>target")]
        tables = {k: v for k, v in BODY.items() if k != "rules"}
        tables["behaviours"] = [
            b for b in BODY["behaviours"] if (b["cell"], b["behaviour"]) != ("T", "death")
        ]
        system = compiled(small_evidence(tmp_path / str(i), {"behaviours": rows + still}, base=tables))
        found = slopes(system, **{"blood:T": 10.0, "target:T": 10.0})
        return {place: found[f"{place}:T"] / -10.0 for place in ("blood", "target")}

    assert death(0, "") == pytest.approx({"blood": 1, "target": 1})
    assert death(1, "", "place=body", "place=bench") == pytest.approx({"blood": 2, "target": 2})
    assert death(2, "", "place=body", "place=target") == pytest.approx({"blood": 2, "target": 4})
    assert death(3, "", "place=target") == pytest.approx({"blood": 1, "target": 4})


def test_a_place_with_verbs_allows_nothing_else_unless_a_row_names_it(body: System, tmp_path: Path) -> None:
    assert processes(body, "blood:T:death") and processes(body, "target:T:division")
    assert not processes(body, "blood:T:division") and not processes(body, "blood:T:secretes")
    assert "blood:T.CD25" not in body.state_index and "target:T.CD25" not in body.state_index
    assert "target:Tconv.CD25" in body.state_index and "blood:Tconv.CD25" not in body.state_index
    named = {"cell": "T", "behaviour": "division", "base": "1", "most": "5", "least": "0.1", "where": "place=blood"}  # fmt: skip
    assert processes(body_of(tmp_path, behaviours=[named]), "blood:T:division")


def test_a_cell_is_only_where_it_is_said_to_be_and_what_it_would_become_need_not_be_there(
    tmp_path: Path,
) -> None:
    rows = [{"cell": "M", "behaviour": "becomes T", "base": "0.3"}]
    without = body_of(tmp_path / "a", {"M": ("target",)}, behaviours=rows)
    assert [s.name for s in without.states if s.kind == "cell"] == ["target:M"]
    assert not processes(without, "target:M:becomes"), "there is no such cell in this body"
    both = body_of(tmp_path / "b", {"M": ("target",), "T": ("target",)}, behaviours=rows)
    assert processes(both, "target:M:becomes T") and not processes(both, "blood:T:migrates")
    with pytest.raises(InputError, match="no cell 'TT'.*did you mean 'T'"):
        body_of(tmp_path / "c", {"TT": ("target",)})


def test_a_place_that_no_species_has_is_not_a_body(tmp_path: Path) -> None:
    evidence = small_evidence(tmp_path, base=BODY)
    assert organs(evidence, "human") == VOLUMES
    with pytest.raises(InputError, match="no body of 'mouse'"):
        organs(evidence, "mouse")


# -- where mediators have a level ----------------------------------------------------------------------


def test_a_mediator_has_a_level_where_it_is_sensed_and_can_get_to(body: System, tmp_path: Path) -> None:
    levels = {s.name for s in body.states if s.kind == "mediator"}
    # made and sensed in the target alone: no need of blood. Nobody senses TNF or TRP.
    assert levels == {"target:IL2", "systemic:drug"}
    # sensed in the lung too, where nobody makes it: the blood brings it
    far = body_of(tmp_path / "a", {**SITES, "T": ("blood", "target"), "M": ("target", "lung")})
    assert {"blood:IL2", "lung:IL2", "target:IL2"} <= far.state_index.keys()
    # TNF has no row for blood: made in one organ it never gets to another
    rows = [
        {"cell": "M", "behaviour": "secretes TNF", "base": "5", "unit": "ng/1e6 cells/day"},
        {"cell": "MSC", "behaviour": "death", "base": "0.5", "most": "5", "least": "0.1"},
    ]
    senses = {"id": "tnf-kills-msc", "cell": "MSC", "behaviour": "death", "signal": "TNF", "effect": "increases", "fold": "2", "unit": "ng/mL"}  # fmt: skip
    alone = body_of(tmp_path / "b", {**SITES, "MSC": ("lung",)}, behaviours=rows, rules=[senses])
    assert not [n for n in alone.state_index if n.endswith(":TNF")]
    together = body_of(tmp_path / "c", {**SITES, "MSC": ("target",)}, behaviours=rows, rules=[senses])
    assert [n for n in together.state_index if n.endswith(":TNF")] == ["target:TNF"]
    # what is given has a level though nobody makes it
    assert "blood:TRP" in body_of(tmp_path / "d", extra=("TRP",)).state_index


def test_what_is_there_at_rest_is_resupplied_where_it_is_used(tmp_path: Path) -> None:
    eats = {"cell": "M", "behaviour": "takes up TRP", "base": "0.05", "unit": "1/day/(cell/uL)"}
    system = body_of(tmp_path, behaviours=[eats])
    rested = run(system, 30.0, {})
    assert rested["target:TRP"] == pytest.approx(3.0, rel=1e-3) == rested["blood:TRP"]
    # macrophages eat at 20 * 0.05 a day; blood (6 a day) and the organ's own supply make it good in part
    used = run(system, 30.0, {"target:M": 20.0, "target:TRP": 0.0}, **{"base:M:death": 0.0})
    assert 1.0 < used["target:TRP"] < 2.9
    back = run(system, 30.0, {"target:TRP": 0.0})
    assert back["target:TRP"] == pytest.approx(3.0, rel=1e-3)


def test_a_systemic_drug_has_one_level_that_all_places_sense(tmp_path: Path) -> None:
    rows = [{"cell": "T", "behaviour": "division", "base": "1", "most": "5", "least": "0.05", "where": f"place={p}"} for p in ("blood", "target")]  # fmt: skip
    system = body_of(tmp_path, behaviours=rows)
    assert [s.name for s in system.states if s.entity == "drug"] == ["systemic:drug"]
    for place in ("blood", "target"):
        rate = next(p.name for p in system.processes if p.name.startswith(f"{place}:T:division"))
        name = f"rate:{rate}"
        without, with_drug = (at(system, name, **{"systemic:drug": x}) for x in (0.0, 1e6))
        assert with_drug == pytest.approx(0.2 * without, rel=1e-4)
    lost = slopes(system, **{"systemic:drug": 2.0})["systemic:drug"]
    assert lost == pytest.approx(-2.0 * 0.6931, rel=1e-3)


# -- what passes between organs ------------------------------------------------------------------------


def test_washout_conserves_what_is_dissolved(tmp_path: Path) -> None:
    system = body_of(tmp_path, {**SITES, "M": ("target", "lung")})
    exchanged = [p for p in system.processes if p.behaviour == "exchange"]
    # the lung of this body has no washout, so only the target exchanges with blood
    assert [p.name for p in exchanged] == ["target:IL2:blood"]
    changes = dict(exchanged[0].changes)
    assert sum(c * VOLUMES[s.partition(":")[0]] for s, c in changes.items()) == pytest.approx(0.0)
    still = {"loss:IL2:blood": 0.0, "loss:IL2:body": 0.0}
    end = run(system, 30.0, {"target:IL2": 7.0, "blood:IL2": 0.0}, **still)
    assert end["target:IL2"] == pytest.approx(end["blood:IL2"], rel=1e-3), "they even out"
    assert 2 * end["target:IL2"] + 5 * end["blood:IL2"] == pytest.approx(2 * 7.0, rel=1e-4)


def test_cells_that_move_are_as_many_as_before(body: System) -> None:
    still = {"base:T:division": 0.0, "base:T:death": 0.0}
    end = run(body, 2.0, {"blood:T": 40.0, "target:E": 100.0}, **still)
    assert 5 * end["blood:T"] + 2 * end["target:T"] == pytest.approx(5 * 40.0, rel=1e-5)
    assert end["target:T"] > end["blood:T"]


def test_carried_levels_mix_with_those_of_the_cells_they_find(tmp_path: Path) -> None:
    rows = [{"cell": "T", "behaviour": "expresses CD25", "base": "0.2", "unit": "relative", "half_life": "1", "half_life_unit": "day", "where": f"place={p}"} for p in ("blood", "target")]  # fmt: skip
    plain = [b for b in BODY["behaviours"] if b["behaviour"] != "expresses CD25"]
    system = compiled(small_evidence(tmp_path, {"behaviours": rows}, base={**BODY, "behaviours": plain}))
    still = {"turnover:T:expresses CD25": 0.0, "base:T:division": 0.0, "base:T:death": 0.0}
    start = {"blood:T": 40.0, "target:T": 100.0, "blood:Tconv.CD25": 0.9, "target:Tconv.CD25": 0.1}
    end = run(system, 20.0, start, **still)
    # 200 cells with 0.9 come to 200 cells with 0.1
    assert end["target:T"] == pytest.approx(200.0, rel=1e-3)
    assert end["target:Tconv.CD25"] == pytest.approx(0.5, rel=1e-3)


# -- rest, damage, the last cell -----------------------------------------------------------------------


def test_an_arrival_rests_at_its_count_only_where_there_is_one(tmp_path: Path) -> None:
    base = {"cell": "T", "behaviour": "arrives", "base": "0.5", "unit": "relative", "where": "place=blood"}
    system = body_of(tmp_path, behaviours=[base])
    supply = {p.name: p for p in system.parameters if p.kind == "supply"}
    assert set(supply) == {"supply:blood:T", "supply:target:M", "supply:target:E"}
    # solved where a resting count is; else one times the base, in cells/uL a day
    assert [supply[f"supply:{n}"].value for n in ("blood:T", "target:M", "target:E")] == [1.0, 0.0, 0.0]
    assert slopes(system)["blood:T"] == pytest.approx(0.5)
    assert "reference:blood:T" not in system.parameter_index and "reference:target:E" in system.parameter_index  # fmt: skip


def test_damage_is_the_share_of_the_parenchyma_that_is_missing(body: System) -> None:
    for alive, missing in ((100.0, 0.0), (25.0, 0.75), (0.0, 1.0), (130.0, 0.0)):
        assert at(body, "damage", **{"target:E": alive}) == pytest.approx(missing, abs=1e-6)
    # it is sensed by what moves towards the organ: half effect of a fold of 4 is 2.5
    whole, half = (at(body, "rate:blood:T:migrates blood>target", **{"target:E": n}) for n in (100.0, 50.0))
    assert whole == pytest.approx(2.0) and half == pytest.approx(2.0 * 2.5, rel=1e-3)


def test_a_body_without_parenchyma_has_no_damage(tmp_path: Path) -> None:
    system = body_of(tmp_path, {"T": ("blood", "target")})
    assert "damage" not in system.assignments
    assert at(system, "rate:blood:T:migrates blood>target") == pytest.approx(2.0)


def test_parenchyma_needs_a_count_to_be_missing_from(tmp_path: Path) -> None:
    tables = {**BODY, "rest": BODY["rest"][1:]}
    with pytest.raises(InputError, match="E has no resting count in target"):
        compiled(small_evidence(tmp_path, base=tables))


def test_less_than_one_cell_does_not_divide(body: System) -> None:
    def birth(cells: float) -> float:
        levels = {"target:T": cells, "target:IL2": 0.0}
        rate = next(p.rate for p in body.processes if p.name == "target:T:division")
        return at(body, substitute_all([rate], body.inlined)[0], **levels) / cells

    # the place has 2 uL: half a cell is 0.25 cells/uL there
    assert birth(500.0) == pytest.approx(1.0, rel=1e-4)
    assert birth(0.5) == pytest.approx(0.5, rel=1e-6), "one cell is half extinct"
    assert birth(0.01) < 1e-3
    gone = run(body, 60.0, {"target:T": 0.02})
    assert gone["target:T"] < 0.02 * 0.01, "it dies as it would without division"
    assert run(body, 10.0, {"target:T": 50.0})["target:T"] > 500.0


# -- the bench does not see it ---------------------------------------------------------------------------


def test_rows_for_bodies_leave_a_bench_as_it_was(tmp_path: Path) -> None:
    bodily = [
        {"cell": "T.active", "behaviour": "division", "base": "3", "most": "5", "least": "0.1", "where": "place=body"},
        {"cell": "T.active", "behaviour": "division", "base": "4", "most": "5", "least": "0.1", "where": "place=target"},
        {"cell": "T", "behaviour": "arrives", "base": "9", "unit": "relative"},
    ]  # fmt: skip
    rules = [
        {"id": "damage-drives-t", "cell": "T.active", "behaviour": "division", "signal": "damage", "effect": "increases", "fold": "2"},
        {"id": "body-drives-t", "cell": "T.active", "behaviour": "division", "signal": "IL2", "effect": "increases", "fold": "2", "unit": "ng/mL", "where": "place=body"},
    ]  # fmt: skip
    kinetics = [{"mediator": "PGE2", "place": "body", "half_life": "1", "half_life_unit": "minute"}]
    more = {"behaviours": bodily, "rules": rules, "kinetics": kinetics, "places": BODY["places"]}
    plain, other = (
        compile_model(small_evidence(tmp_path / name, extra, base=BENCH), sites={"T": ("well",), "MSC": ("well",)})
        for name, extra in (("a", {}), ("b", more))
    )  # fmt: skip
    assert {s.name for s in plain.states} == {s.name for s in other.states}
    levels = {"T": 10.0, "T.active": 30.0, "MSC": 5.0}
    assert slopes(other, **levels) == pytest.approx(slopes(plain, **levels))


def test_the_shipped_bench_has_nothing_of_the_body(evidence: Evidence) -> None:
    sites = {c: ("well",) for c in ("CD4.naive", "CD8.naive", "monocyte", "M0", "MSC")}
    bench = compile_model(evidence, sites=sites)
    assert not [p.name for p in bench.processes if ":arrives" in p.name and p.behaviour == "arrives"]
    assert not [a for a in bench.assignments if "damage" in a]
    assert not [p.name for p in bench.parameters if p.name.startswith(("supply:", "washout:", "reference:"))]
    only_body = {m for m in evidence.mediators if (m, "well") not in evidence.kinetics}
    assert {"CNI", "basiliximab", "marrow"} <= only_body
    assert not only_body & {s.entity for s in bench.states}


def test_diseases_of_the_same_cells_share_one_system(tmp_path: Path) -> None:
    evidence = small_evidence(tmp_path, base=BODY)
    one = body_system(evidence, dict(SITES), "human")
    other = body_system(evidence, dict(reversed(SITES.items())), "human")
    assert one is other and one is not body_system(evidence, dict(SITES), "human", ("TRP",))


def test_the_order_of_all_that_is_named_does_not_hang_on_a_hash() -> None:
    # else machine code is never found in the cache again, and sums may be rounded in another order
    code = """
from stromal.evidence import load_evidence
from stromal.model import compile_model
e = load_evidence()
s = compile_model(e, sites=dict.fromkeys(("CD4.active", "CD8.active", "monocyte", "M0", "MSC"), ("well",)))
print([p.name for p in s.parameters], list(s.assignments.items()), s.processes)
"""
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1] and len(told[0]) > 1000
