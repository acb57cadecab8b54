"""Every row of every shipped table: a failure names file, line and mend."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import pytest
from shipped import raw, report

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.evidence.check import problems
from stromal.evidence.read import SHIPPED, read_table
from stromal.evidence.records import TABLES, Numbered
from stromal.evidence.units import parse_quantity
from stromal.evidence.words import parse_via
from stromal.experiments.ensemble import msc_rules, selects
from stromal.model.network import build_network

NUMBER_TABLES = sorted(name for name, model in TABLES.items() if issubclass(model, Numbered))
#: Which registries may ground a kind of entity.
GROUNDINGS = {
    "cell": "CL", "protein": "UniProt|GO|HGNC", "gene": "HGNC", "metabolite": "CHEBI", "lipid": "CHEBI",
    "rna": "HGNC|MI|RNAcentral", "drug": "CHEBI", "family": "CHEBI|GO|FPLX|HGNC.*", "pathway": "GO|MI",
    "process": "GO", "organelle": "GO", "vesicle": "GO", "stimulus": "CHEBI|GO",
}  # fmt: skip


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_row_parses(table: str) -> None:
    try:
        rows = read_table(SHIPPED / f"{table}.csv")
    except InputError as err:
        pytest.fail(str(err))
    assert len(rows) == len(raw(table)) > 0


def test_names_units_references_and_bounds_agree_across_tables(evidence: Evidence) -> None:
    report(str(problem) for problem in problems(evidence))


@pytest.mark.parametrize("file", sorted(p.name for p in SHIPPED.glob("*.csv")))
def test_tables_are_ascii_without_stray_blanks(file: str) -> None:
    text = (SHIPPED / file).read_bytes()
    lines = text.decode("utf-8").splitlines()
    report(
        f"{file}, line {n}: not ASCII; write it out" for n, line in enumerate(lines, 1) if not line.isascii()
    )
    assert b"\r" not in text, f"{file}: save it with Unix line ends"


@pytest.mark.parametrize("table", NUMBER_TABLES)
def test_every_number_has_a_source_or_says_assumed(table: str, evidence: Evidence) -> None:
    def mistakes() -> Iterable[str]:
        for row in evidence.tables[table].values():
            assert isinstance(row, Numbered)
            place = f"{row.file}, line {row.row}"
            if not (row.refs or row.source or row.status == "assumed"):
                yield f"{place}: add refs or a source, or say status assumed"
            if row.strength == "assumed" and row.width < 3:
                yield f"{place}: assumed numbers have a spread of at least 3, not {row.width}"

    report(mistakes())


def test_products_blocks_and_crossreactivity_have_a_source_or_say_assumed(evidence: Evidence) -> None:
    def mistakes() -> Iterable[str]:
        for row in (*evidence.products, *evidence.blocks.values(), *evidence.crossreactivity):
            if not (row.refs or row.source or row.status == "assumed"):
                yield f"{row.file}, line {row.row}: add refs or a source, or say status assumed"
        for row in evidence.products:
            if row.strength == "assumed" and row.spread is not None and row.spread < 3:
                yield f"{row.file}, line {row.row}: an assumed factor has a spread of at least 3"
        for block in evidence.blocks.values():
            if not (block.spread_low or 0) <= block.efficacy <= (block.spread_high or 1):
                yield f"{block.file}, line {block.row}: efficacy is not within its spread"

    report(mistakes())


@pytest.mark.parametrize("table", ["parameters", "calibration"])
def test_constants_and_data_have_a_source(table: str) -> None:
    def mistakes() -> Iterable[str]:
        for place, row in raw(table):
            if row.get("use") != "no" and not (row["source"].strip() or row["confidence"] == "assumed"):
                yield f"{place}: no source"
            for key in ("value", "low", "high"):
                if row[key] and not re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", row[key]):
                    yield f"{place}, {key}: {row[key]!r} is not a number"
            if row["low"] and row["high"] and row["value"] and row.get("use", "yes") != "no":
                if not float(row["low"]) <= float(row["value"]) <= float(row["high"]):
                    yield f"{place}: value is not within low and high"

    report(mistakes())


def test_folds_lie_on_the_side_of_their_sign_and_classes_on_their_values(evidence: Evidence) -> None:
    values = {"increases": (1.5, 2.5, 6.0), "decreases": (0.75, 0.5, 0.25)}

    def mistakes() -> Iterable[str]:
        for rule in evidence.rules.values():
            if rule.effect == "requires" or rule.strength != "assumed":
                continue
            # without a class the fold is a number of its own, with a spread of its own
            want = dict(zip(("weak", "moderate", "strong"), values[rule.effect], strict=True)).get(
                rule.strength_class
            )
            if want is not None and rule.fold != want:
                yield f"{rule.file}, line {rule.row}: {rule.id}: {rule.strength_class} {rule.effect} is {want}, not {rule.fold}"

    report(mistakes())


def test_each_msc_rule_of_the_review_cites_a_number_of_the_review(evidence: Evidence) -> None:
    report(
        f"{rule.file}, line {rule.row}: {rule.id} says status review and cites {';'.join(rule.refs) or 'nothing'}; add the number"
        for rule in evidence.rules.values()
        if rule.status == "review"
        and (rule.id in msc_rules(evidence) or rule.cell.startswith("MSC"))
        and not any(ref.isdigit() or ref == "Fig1" for ref in rule.refs)
    )


def test_each_rule_acts_on_something(evidence: Evidence) -> None:
    """A rule on a cell that shares a carried level with its lineage must be written for the lineage."""
    bench, body = {"well": 200.0, "insert": 100.0}, dict.fromkeys({p for p, _ in evidence.places}, 1e6)
    used = {
        rule.id
        for places in (bench, body)
        for act in build_network(evidence, dict.fromkeys(evidence.cells, tuple(places)), places).acts
        for rule, _ in act.rules
    }
    report(
        f"{r.file}, line {r.row}: {r.id} changes no behaviour of {r.cell}"
        for r in evidence.rules.values()
        if r.id not in used
    )


def test_no_behaviour_stands_twice_through_a_group(evidence: Evidence) -> None:
    places = {"well": 200.0, "insert": 100.0}
    network = build_network(evidence, dict.fromkeys(evidence.cells, tuple(places)), places)
    count = Counter((act.cell, act.text, act.base.where) for act in network.acts)
    report(f"behaviours.csv: {' '.join(map(str, key))} stands {n} times" for key, n in count.items() if n > 1)


def test_groundings_have_the_shape_of_their_registry(evidence: Evidence) -> None:
    def mistakes() -> Iterable[str]:
        for row in evidence.entities.values():
            if row.kind not in GROUNDINGS:
                yield f"{row.file}, line {row.row}, kind: {row.kind!r} is not one of {', '.join(GROUNDINGS)}"
            elif row.curie and not re.fullmatch(GROUNDINGS[row.kind], row.curie.partition(":")[0]):
                yield f"{row.file}, line {row.row}, curie: {row.curie} does not ground a {row.kind}"

    report(mistakes())


def test_cells_mediators_and_nodes_are_entities(evidence: Evidence) -> None:
    names = {n for e in evidence.entities.values() for n in (e.name, e.symbol, *e.synonyms)}

    def mistakes() -> Iterable[str]:
        for row in evidence.mediators.values():
            if (row.entity or row.name) not in names:
                yield f"{row.file}, line {row.row}: {row.name} is no entity; add it to entities.csv"
        for row in evidence.cells.values():
            if row.name not in names:
                yield f"{row.file}, line {row.row}: {row.name} is no entity; add it to entities.csv"
        for row in (*evidence.rules.values(), *evidence.behaviours):
            for node in parse_via(row.via):
                if node.symbol not in names:
                    yield f"{row.file}, line {row.row}, via: {node.symbol} is no entity; add it to entities.csv"

    report(mistakes())


def test_priming_and_vesicle_doses_have_units_that_fit(evidence: Evidence) -> None:
    def mistakes() -> Iterable[str]:
        for row in evidence.products:
            for item in row.add:
                name, _, amount = item.partition("=")
                spec = evidence.mediators[name.strip()]
                try:
                    assert parse_quantity(amount.strip(), spec.unit, spec.molar_mass) > 0
                except (InputError, AssertionError) as err:
                    yield f"{row.file}, line {row.row}, add: {err}"
            if row.kind in ("priming", "vesicle") and not row.add:
                yield f"{row.file}, line {row.row}: {row.product} adds no mediator"

    report(mistakes())


def test_crossreactivity_names_mediators_and_both_ways(evidence: Evidence) -> None:
    said = {row.identity() for row in evidence.crossreactivity}
    carried = {row.behaviour.removeprefix("expresses ") for row in evidence.behaviours}
    known = {*evidence.mediators, *carried}
    report(
        f"{r.file}, line {r.row}: no mediator {r.mediator!r}"
        for r in evidence.crossreactivity
        if r.mediator not in known
    )
    report(f"crossreactivity.csv: {m} {b} to {a} is missing" for m, a, b in said if (m, b, a) not in said)


def test_each_direction_selects_rows(evidence: Evidence) -> None:
    def hits(direction) -> int:  # noqa: ANN001
        if direction.acts_on == "strength":
            return sum(selects(direction, evidence, rule=rule) for rule in evidence.rules.values())
        return sum(
            selects(direction, evidence, cell=b.cell, behaviour=b.behaviour) for b in evidence.behaviours
        )

    report(
        f"{d.file}, line {d.row}: {d.select!r} selects nothing" for d in evidence.directions if not hits(d)
    )
