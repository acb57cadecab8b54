import re

import pytest

from stromal.evidence.ask import ask, cite, statements
from stromal.evidence.conflicts import conflicts, known_conflicts
from stromal.views.sentences import conflict_lines, number, sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (float("nan"), "n/a"),
        (None, "n/a"),
        (1128.1, "1130"),
        (0.0123456, "0.0123"),
        (2e-7, "2e-07"),
        (99.6, "99.6"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_every_statement_is_a_sentence(evidence):
    for s in statements(evidence):
        text = sentence(evidence, s)
        assert re.match(r"\S", text) and "None" not in text and "nan" not in text, s.id
        assert "[" in text or "no reference" in text


def test_an_unresolved_reference_is_never_guessed(evidence):
    assert cite(evidence, "44") == "44"
    assert cite(evidence, "45").startswith("45 Gao")


def test_conflicts_are_opposite_on_a_common_cell(evidence):
    found = conflicts(evidence)
    assert found
    for one in found:
        assert one.raises.behaviour == one.lowers.behaviour
        assert one.raises.effect != one.lowers.effect == "decreases"
    assert conflict_lines(evidence, found)


def test_known_conflicts_cite_what_is_known(evidence):
    for one in known_conflicts(evidence):
        for ref in (*one.a_refs, *one.b_refs):
            assert ref.isdigit() or ref in evidence.references, (one.id, ref)
        assert all(claim in evidence.coverage for claim in one.claims)


def test_words_must_all_match(evidence):
    both = {s.id for s in ask(evidence, "PGE2 macrophage")}
    assert both == {s.id for s in ask(evidence, "PGE2")} & {s.id for s in ask(evidence, "macrophage")}
