"""Direct, structural or emergent: told from the rules, on tables small enough to tell by eye."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small import BENCH, small_evidence

from stromal.evidence import Evidence
from stromal.evidence.records import Rule
from stromal.evidence.words import parse_signal
from stromal.experiments.arm import Arm
from stromal.experiments.readout import parse_readout
from stromal.inference.claims import Claim, Relation, load_claims
from stromal.inference.structure import Kind, bench_cells, classify, signed_graph

PGE2_SLOWS = {
    "id": "pge2-slows", "cell": "T.active", "behaviour": "division", "signal": "PGE2", "via": "T.active:PTGER2",
    "effect": "decreases", "fold": "0.2", "unit": "ng/mL",
}  # fmt: skip
IFNG_MORE_PGE2 = {
    "id": "ifng-more-pge2", "cell": "MSC", "behaviour": "secretes PGE2", "signal": "IFNG", "effect": "increases", "fold": "3", "unit": "ng/mL",
}  # fmt: skip
IFNG_SPEEDS = PGE2_SLOWS | {
    "id": "ifng-speeds",
    "signal": "IFNG",
    "via": "",
    "effect": "increases",
    "fold": "2",
}
TOUCH_SLOWS = PGE2_SLOWS | {
    "id": "touch-slows",
    "signal": "touch MSC.PD-L1",
    "via": "MSC:CD274",
    "unit": "relative",
}
LICENSE = IFNG_MORE_PGE2 | {"id": "ifng-licenses", "behaviour": "expresses PD-L1"}
MAKES = BENCH["behaviours"][2] | {"most": "5", "least": "0.1", "via": "MSC:PTGS2"}

Tell = Callable[..., Kind]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    def classified(
        rules: list[dict[str, str]], a: dict[str, Any], b: dict[str, Any], *, relation: str = "less",
        readout: str = "events division of lymphocyte", days: tuple[float, float] = (4.0, 4.0),
    ) -> Kind:  # fmt: skip
        evidence = small_evidence(tmp_path, {"rules": rules, "behaviours": [MAKES]})
        found = parse_readout(readout, evidence)
        arms = {"a": Arm(**a), "b": Arm(**b)}
        read = dict(zip(arms, ((found, day) for day in days), strict=True))
        names = ("a", "b") if relation not in ("absent", "present") else ("a",)
        claim = Claim("X", "", None, arms, read, (Relation(relation, names, bound=1.0),))  # type: ignore[arg-type]
        return classify(claim, evidence, signed_graph(evidence))

    return classified


NONE: dict[str, Any] = {"product": "none"}


def test_one_rule_between_manipulation_and_readout_is_direct(tell: Tell) -> None:
    kind = tell([PGE2_SLOWS], {}, NONE)
    assert (kind.name, kind.rules) == ("direct", ("pge2-slows",))
    assert "pge2-slows" in kind.reason


@pytest.mark.parametrize(
    "arm",
    [{"block": ("PTGS2",)}, {"block": ("PTGER2:0.9",)}, {"block": ("PGE2",)}, {"knockout": ("MSC.PTGS2",)}],
)
def test_cutting_the_one_way_is_direct(tell: Tell, arm: dict[str, Any]) -> None:
    assert tell([PGE2_SLOWS], arm, {}, relation="greater").name == "direct"


def test_cutting_what_the_signal_lowers_moves_the_way_the_signal_would(tell: Tell) -> None:
    lowers = PGE2_SLOWS | {"via": "T.active:PTGER2 -| T.active:MYC"}
    needs = IFNG_SPEEDS | {"via": "T.active:MYC"}
    kind = tell([lowers, needs], {"block": ("MYC",)}, {})
    assert (kind.name, set(kind.rules)) == ("structural", {"pge2-slows", "ifng-speeds"})
    # cut above it, the signal acts no more
    assert tell([lowers, needs], {"block": ("PTGER2",)}, {}).rules == ("pge2-slows",)


def test_two_rules_in_a_row_are_structural(tell: Tell) -> None:
    kind = tell([PGE2_SLOWS, IFNG_MORE_PGE2], {"add": {"IFNG": "1 ng/mL"}}, {})
    assert (kind.name, set(kind.rules)) == ("structural", {"pge2-slows", "ifng-more-pge2"})


def test_two_ways_of_one_sign_are_structural(tell: Tell) -> None:
    kind = tell([PGE2_SLOWS, TOUCH_SLOWS], {}, NONE)
    assert (kind.name, set(kind.rules)) == ("structural", {"pge2-slows", "touch-slows"})
    assert "agree" in kind.reason


def test_ways_that_disagree_are_emergent(tell: Tell) -> None:
    kind = tell([PGE2_SLOWS, IFNG_MORE_PGE2, IFNG_SPEEDS], {"add": {"IFNG": "1 ng/mL"}}, {})
    assert kind.name == "emergent" and "disagree" in kind.reason
    assert set(kind.rules) == {"pge2-slows", "ifng-more-pge2", "ifng-speeds"}


def test_a_decrease_of_a_decrease_is_an_increase(tell: Tell) -> None:
    """Signs multiply along a way: two minus agree with one plus."""
    spared = IFNG_MORE_PGE2 | {"id": "ifng-less-pge2", "effect": "decreases", "fold": "0.5"}
    kind = tell([PGE2_SLOWS, spared, IFNG_SPEEDS], {"add": {"IFNG": "1 ng/mL"}}, {}, relation="greater")
    assert kind.name == "structural"


def test_priming_acts_through_what_it_makes_msc_carry(tell: Tell) -> None:
    kind = tell([TOUCH_SLOWS, LICENSE], {"priming": ("IFNG",)}, {})
    assert kind.rules == ("touch-slows",) and kind.name == "direct"
    assert tell([PGE2_SLOWS, LICENSE], {"priming": ("IFNG",)}, {}).rules == ()


def test_a_transwell_takes_touch_away_and_nothing_else(tell: Tell) -> None:
    kind = tell([PGE2_SLOWS, TOUCH_SLOWS], {}, {"contact": "transwell"})
    assert kind.rules == ("touch-slows",) and kind.name == "direct"


@pytest.mark.parametrize(
    ("a", "b", "options"),
    [
        ({"ratio": "1:1"}, {"ratio": "1:10"}, {}),
        ({"msc_day": 2.0}, {}, {"relation": "greater"}),
        ({}, {}, {"days": (2.0, 4.0)}),
        ({"species": "mouse"}, {}, {}),
        ({"product": "fibroblast"}, {}, {"relation": "greater"}),
        ({}, NONE, {"relation": "equal"}),
        ({}, NONE, {"relation": "rising"}),
        ({}, NONE, {"relation": "absent"}),
    ],
)
def test_dose_time_species_rank_and_nulls_are_emergent(tell: Tell, a: dict, b: dict, options: dict) -> None:
    assert tell([PGE2_SLOWS], a, b, **options).name == "emergent"


def test_what_no_rule_leads_to(tell: Tell) -> None:
    kind = tell([PGE2_SLOWS], {}, NONE, readout="events death of lymphocyte")
    assert (kind.name, kind.rules) == ("structural", ()) and "no rule" in kind.reason


def test_a_floor_alone_is_no_prediction(tell: Tell) -> None:
    assert tell([PGE2_SLOWS], {}, {}, relation="present").name == "structural"


def test_a_claim_is_as_hard_as_its_hardest_relation(tmp_path: Path) -> None:
    evidence = small_evidence(tmp_path, {"rules": [PGE2_SLOWS], "behaviours": [MAKES]})
    found = parse_readout("events division of lymphocyte", evidence)
    arms = {"none": Arm(product="none"), "few": Arm(ratio="1:10"), "many": Arm(ratio="1:1")}
    easy, hard = Relation("less", ("many", "none")), Relation("less", ("many", "few"))
    graph = signed_graph(evidence)
    kinds = [
        classify(Claim("X", "", None, arms, dict.fromkeys(arms, (found, 4.0)), expect), evidence, graph).name  # type: ignore[arg-type]
        for expect in ((easy,), (easy, hard), (hard, easy))
    ]
    assert kinds == ["direct", "emergent", "emergent"]


def test_the_shipped_claims_are_of_all_kinds_and_name_shipped_rules(evidence: Evidence) -> None:
    graph = signed_graph(evidence, bench_cells(evidence))
    claims = load_claims(evidence)
    kinds = {key: classify(claim, evidence, graph) for key, claim in claims.items()}
    names = [kind.name for kind in kinds.values()]
    assert set(names) == {"direct", "structural", "emergent"}
    assert all(set(kind.rules) <= set(evidence.rules) and kind.reason for kind in kinds.values())


def test_every_rule_but_crowding_is_an_edge(evidence: Evidence) -> None:
    here = bench_cells(evidence)
    graph = signed_graph(evidence, here)
    edges = {data["rule"] for _, _, data in graph.edges(data=True)} - {""}

    def on_bench(rule: Rule) -> bool:
        """Whether a rule acts where some assay can see it: on cells of a well, by a signal of a well."""
        cells = {
            *evidence.members.get(rule.cell, ()),
            *(c.name for c in evidence.cells.values() if c.lineage == rule.cell),
        }
        signal = parse_signal(
            rule.signal, set(evidence.members) | {c.lineage for c in evidence.cells.values()}
        )
        touched = not signal.cell or set(evidence.members.get(signal.cell, (signal.cell,))) & here
        elsewhere = any(w.startswith("place=") and w not in ("place=well", "place=bench") for w in rule.where)
        based = any(
            row.behaviour == rule.behaviour
            and cells & {row.cell, *evidence.members.get(row.cell, ())}
            and not any(w.startswith("place=") and w not in ("place=bench", "place=well") for w in row.where)
            for row in evidence.behaviours
        )
        moves = rule.behaviour.startswith("migrates") and rule.behaviour != "migrates insert>well"
        return bool(cells & here and touched and based) and not (
            elsewhere or moves or rule.behaviour == "arrives"
        )

    wanted = {r.id for r in evidence.rules.values() if r.signal not in ("crowding", "damage") and on_bench(r)}
    assert edges == wanted and len(wanted) > 250
    for _, _, data in graph.edges(data=True):
        if data["rule"]:
            assert data["sign"] == (-1 if evidence.rules[data["rule"]].effect == "decreases" else 1)
