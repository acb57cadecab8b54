"""The small languages inside table cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.evidence.words import (
    Action,
    Node,
    Signal,
    parse_behaviour,
    parse_chain,
    parse_limits,
    parse_signal,
    parse_via,
)

CELLS = {"MSC", "MSC.apoptotic", "CD4.active", "macrophage"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("division", Action("division")),
        ("death", Action("death")),
        ("death>MSC.apoptotic", Action("death", to="MSC.apoptotic")),
        ("becomes Th17", Action("becomes", to="Th17")),
        ("secretes IL10", Action("secretes", "IL10")),
        ("takes up MSC-EV", Action("takes up", "MSC-EV")),
        ("converts TRP>KYN", Action("converts", "TRP", "KYN")),
        ("expresses PD-L1", Action("expresses", "PD-L1")),
        ("engulfs MSC.dead", Action("engulfs", to="MSC.dead")),
        ("kills MSC", Action("kills", to="MSC")),
        ("transfers mitochondria to activated CD4", Action("transfers", "mitochondria", "activated CD4")),
        ("keeps mitochondria", Action("keeps", "mitochondria")),
        ("migrates insert>well", Action("migrates", "insert", "well")),
        ("  secretes IL10 ", Action("secretes", "IL10")),
    ],
)
def test_behaviours(text: str, expected: Action) -> None:
    assert parse_behaviour(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("secrete IL10", "secretes"),
        ("divides", "division"),
        ("secretes", "secretes"),
        ("converts TRP", "converts"),
        ("Division", "division"),
        ("", ""),
    ],
)
def test_other_behaviours_are_refused(text: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_behaviour(text)
    assert hint in caught.value.suggestion and caught.value.key == "behaviour"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IFNG", Signal("free", "IFNG")),
        ("crowding", Signal("crowding")),
        ("self mitochondria", Signal("self", "mitochondria")),
        ("touch MSC", Signal("touch", "", "MSC")),
        ("touch MSC.PD-L1", Signal("touch", "PD-L1", "MSC")),
        ("touch MSC.apoptotic", Signal("touch", "", "MSC.apoptotic")),
        ("touch MSC.apoptotic.PD-L1", Signal("touch", "PD-L1", "MSC.apoptotic")),
        ("near MSC.lactate", Signal("near", "lactate", "MSC")),
    ],
)
def test_signals(text: str, expected: Signal) -> None:
    signal = parse_signal(text, CELLS)
    assert signal == expected
    assert str(signal) == text


@pytest.mark.parametrize("text", ["touch MCS", "touch MCS.PD-L1", "near lactate", "near MSC", "touch"])
def test_a_signal_without_a_known_cell_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_signal(text, CELLS)
    assert caught.value.key == "signal"


def test_shipped_signals_are_written_as_they_are_read(evidence: Evidence) -> None:
    names = set(evidence.members)
    assert [str(parse_signal(r.signal, names)) for r in evidence.rules.values()] == [
        r.signal for r in evidence.rules.values()
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "MSC", "CD4.active", "effector T"]),
            st.sampled_from(["CD274", "PD-1", "let-7b"]),
        ),
        max_size=5,
    )
)
def test_chains_are_read_as_they_are_written(nodes: list[tuple[str, str]]) -> None:
    chain = tuple(Node(*node) for node in nodes)
    assert parse_via(" > ".join(map(str, chain))) == chain


def test_limits() -> None:
    assert parse_limits(()) == {}
    assert parse_limits(("species=human", "place = well")) == {"species": "human", "place": "well"}
    for wrong, hint in (("species", "species"), ("spieces=human", "species")):
        with pytest.raises(InputError) as caught:
            parse_limits((wrong,))
        assert caught.value.key == "where" and hint in caught.value.suggestion


def test_a_chain_says_which_nodes_its_signal_lowers() -> None:
    found = parse_chain("MSC:MIR181A1 -| macrophage:PTEN -| macrophage:STAT5A > macrophage:SOCS1")
    assert [(str(node), lowered) for node, lowered in found] == [
        ("MSC:MIR181A1", False),
        ("macrophage:PTEN", True),
        ("macrophage:STAT5A", False),
        ("macrophage:SOCS1", False),
    ]
    assert parse_chain("-| T:TBX21") == ((Node("T", "TBX21"), True),)
    assert parse_chain("MSC:HLA-C > Treg:HLA-DRB1") == (
        (Node("MSC", "HLA-C"), False),
        (Node("Treg", "HLA-DRB1"), False),
    )
