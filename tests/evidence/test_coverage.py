"""Statements that disagree, and the fate of every claim of the review."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from shipped import raw, report

import stromal
from stromal.evidence import Evidence, load_evidence
from stromal.evidence.ask import ask, statements
from stromal.evidence.conflicts import conflicts, known_conflicts
from stromal.inference.claims import load_claims
from stromal.inference.trial_claims import load_trial_claims

CLAIMS = Path(stromal.__file__).parent / "experiments" / "claims"

# -- contradictions --------------------------------------------------------------------------------


def test_rules_that_contradict_are_told_apart(evidence: Evidence) -> None:
    """Two signs of one signal on one behaviour must differ in what a user can see."""
    report(
        f"{c.raises.id} and {c.lowers.id} say opposite things and nothing separates them"
        for c in conflicts(evidence)
        if c.raises.kind == "rule" and not set(c.separated_by) - {"papers"}
    )


def test_conflicts_are_reported(tmp_path: Path) -> None:
    rule = {c: "" for c in next(r for _, r in raw("rules"))} | {
        "id": "test-opposite", "cell": "Th1", "behaviour": "division", "signal": "PGE2", "effect": "increases", "fold": "1.2",
        "half_max": "1", "unit": "ng/mL", "hill": "1", "refs": "44", "status": "review", "strength": "measured",
    }  # fmt: skip
    down = rule | {"id": "test-down", "effect": "decreases", "fold": "0.5"}
    with open(tmp_path / "rules.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rule))
        writer.writeheader()
        writer.writerows([rule, down])
    found = [{c.raises.id, c.lowers.id} for c in conflicts(load_evidence(tmp_path))]
    assert {"test-opposite", "test-down"} in found


def test_known_conflicts_cite_and_name_claims(evidence: Evidence) -> None:
    found = known_conflicts(evidence)
    assert found
    for conflict in found:
        assert set(conflict.claims) <= set(evidence.coverage), conflict.id
        assert conflict.a and conflict.b and conflict.separated_by, conflict.id
        for ref in (*conflict.a_refs, *conflict.b_refs):
            assert ref in evidence.references or ref.isdigit(), f"{conflict.id}: no reference {ref!r}"


def test_asking_for_everything_gives_everything(evidence: Evidence) -> None:
    assert len(ask(evidence)) == len(statements(evidence)) == len(evidence.rules) + len(evidence.links)


# -- coverage --------------------------------------------------------------------------------------


def claims_in_files() -> dict[str, str]:
    out = {}
    for file in sorted(CLAIMS.glob("*.toml")):
        out.update(dict.fromkeys(tomllib.loads(file.read_text(encoding="utf-8")), f"claims/{file.name}"))
    return out


def test_coverage_maps_each_claim_of_the_review_once(evidence: Evidence) -> None:
    ids = [*(f"S2-{i:03d}" for i in range(1, 354)), *(f"S3-{i:03d}" for i in range(1, 361))]
    assert list(evidence.coverage) == ids
    with open(CLAIMS / "review.csv", encoding="utf-8", newline="") as stream:
        assert [row["claim"] for row in csv.DictReader(stream)] == ids


def test_each_experiment_has_its_toml_and_the_reverse(evidence: Evidence) -> None:
    files = claims_in_files()
    mapped = {
        key: row.where
        for key, row in evidence.coverage.items()
        if row.fate == "experiment" or (row.fate == "trial" and row.where.startswith("claims/"))
    }
    assert mapped == {key: file for key, file in files.items() if key in evidence.coverage}
    on_trials = {key for key, row in evidence.coverage.items() if row.fate == "trial" and key in files}
    assert on_trials == set(load_trial_claims(evidence))


def test_each_claim_on_a_trial_names_a_file_that_is_there(evidence: Evidence) -> None:
    report(
        f"{row.file}, line {row.row}: {key} is in {row.where!r}, which is not there"
        for key, row in evidence.coverage.items()
        if row.fate == "trial" and not (row.where and (CLAIMS.parent / row.where).exists())
    )


def test_what_is_not_counted_is_said_in_both_places(evidence: Evidence) -> None:
    report(
        f"{row.file}, line {row.row}: {key} is not counted: {claim.why_not}"
        for key, claim in load_trial_claims(evidence).items()
        for row in [evidence.coverage[key]]
        if not claim.counted and row.reason != f"not counted: {claim.why_not}"
    )
    report(
        f"{row.file}, line {row.row}: {key} is {'' if claim.counted else 'not '}counted, the row says {row.reason!r}"
        for key, claim in {**load_claims(evidence), **load_trial_claims(evidence)}.items()
        for row in [evidence.coverage.get(key)]
        if row and claim.counted == row.reason.startswith("not counted")
    )


def test_each_claim_of_the_graph_rests_on_a_link_with_its_references(evidence: Evidence) -> None:
    with open(CLAIMS / "review.csv", encoding="utf-8", newline="") as stream:
        refs = {
            row["claim"]: set(filter(None, re.split("[;,]", row["refs"]))) for row in csv.DictReader(stream)
        }

    def mistakes() -> Iterable[str]:
        for key, row in evidence.coverage.items():
            if row.fate != "graph":
                continue
            links = [link for link in evidence.links.values() if key in link.claims]
            named = [evidence.links.get(name.strip()) for name in row.where.split(";")]
            if (
                not links
                or None in named
                or not {link.id for link in links} <= {n.id for n in named if n} | {k.id for k in links}
            ):
                yield f"{row.file}, line {row.row}: {key} needs a link of links.csv that lists it, not {row.where!r}"
            elif not any(n in links for n in named):
                yield f"{row.file}, line {row.row}: link {row.where} does not list {key} among its claims"
            elif refs[key] and not refs[key] <= {ref for link in links for ref in link.refs}:
                yield f"links.csv: {row.where} cites {[link.refs for link in links]}, the claim {key} {sorted(refs[key])}"

    report(mistakes())


def test_what_the_review_gives_no_sign_is_neither_counted_nor_a_signed_link(evidence: Evidence) -> None:
    with open(CLAIMS / "review.csv", encoding="utf-8", newline="") as stream:
        unsigned = {row["claim"] for row in csv.DictReader(stream) if not row["direction"]}
    claims = {**load_claims(evidence), **load_trial_claims(evidence)}
    report(
        f"{claims[key].file}: {key} has no direction and is counted"
        for key in sorted(unsigned & claims.keys())
        if claims[key].counted
    )
    report(
        f"{row.file}, line {row.row}: link {name} is signed, the claim {key} is not"
        for key, row in evidence.coverage.items()
        if row.fate == "graph" and (key in unsigned or row.reason.startswith("no sign given"))
        for name in row.where.split(";")
        if evidence.links[name.strip()].effect != "affects"
    )


def test_what_is_not_tested_says_why(evidence: Evidence) -> None:
    report(
        f"{row.file}, line {row.row}: {key} is {row.fate} without a reason"
        for key, row in evidence.coverage.items()
        if row.fate in ("background", "unsupported", "pending") and not row.reason
    )
