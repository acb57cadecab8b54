"""An arm as a user writes it: each mistake gives one message with the key and the nearest valid name."""

from __future__ import annotations

from typing import Any

import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.arm import Arm, parse_arm, parse_ratio, product_cell


@pytest.mark.parametrize(
    ("given", "key", "hint"),
    [
        ({"prodct": "MSC"}, "prodct", "product"),
        ({"product": "fibroblasts"}, "product", "fibroblast"),
        ({"source": "bone-marrow"}, "source", "bone_marrow"),
        ({"source": "adipos"}, "source", "adipose"),
        ({"species": "mose"}, "species", "mouse"),
        ({"species": "rat"}, "species", ""),
        ({"msc_species": "humen"}, "msc_species", "human"),
        ({"contact": "trans-well"}, "contact", "transwell"),
        ({"priming": ["IFNg"]}, "priming", "IFNG"),
        ({"priming": ["IFNG", "TFN"]}, "priming", "TNF"),
        ({"mute": ["msc-pdl1-slows-t-divisions"]}, "mute", "msc-pdl1-slows-t-division"),
        ({"add": {"IL-2": "5 ng/mL"}}, "add", "IL2"),
        ({"add": {"IL2": 5}}, "add", ""),
        ({"seed": {"CD4.naiv": "5 cells/uL"}}, "seed", "CD4.naive"),
        ({"carried": {"tumour.HLA-C": "1 relative"}}, "carried", "tumour.HLA-ABC"),
        ({"carried": {"tumour.HLA-ABC": "1 ng/mL"}}, "carried.tumour.HLA-ABC", ""),
        ({"carried": {"tumour.HLA-ABC": "-1 relative"}}, "carried.tumour.HLA-ABC", ""),
        ({"ratio": "1-10"}, "ratio", "1:10"),
        ({"ratio": "1:0"}, "ratio", "1:10"),
        ({"ratio": "-1:10"}, "ratio", "1:10"),
        ({"ratio": "1:2:3"}, "ratio", "1:10"),
        ({"ratio": "nan:1"}, "ratio", "1:10"),
        ({"ratio": 10}, "ratio", ""),
        ({"stimulus": -1}, "stimulus", ""),
        ({"stimulus": "strong"}, "stimulus", ""),
        ({"priming_days": 0}, "priming_days", ""),
        ({"msc_day": -1}, "msc_day", ""),
        ({"msc_day": float("nan")}, "msc_day", ""),
        ({"block": 3}, "block", ""),
    ],
)
def test_a_mistake_names_key_file_and_the_nearest(
    given: dict[str, Any], key: str, hint: str, evidence: Evidence
) -> None:
    with pytest.raises(InputError) as caught:
        parse_arm(given, {}, evidence, file="my.toml", name="S2-001.primed")
    assert caught.value.file == "my.toml"
    assert caught.value.key == f"S2-001.primed.{key}"
    assert hint in caught.value.suggestion
    with pytest.raises(InputError) as plain:
        parse_arm(given, {}, evidence)
    assert plain.value.key == key


def test_defaults_are_those_of_the_assay_then_of_the_reference(evidence: Evidence) -> None:
    arm = parse_arm({"contact": "transwell"}, {"ratio": "1:5", "contact": "contact"}, evidence)
    assert (arm.ratio, arm.contact, arm.product, arm.source, arm.species) == (
        "1:5",
        "transwell",
        "MSC",
        "bone_marrow",
        "human",
    )
    assert parse_arm({}, {}, evidence) == Arm()


def test_one_word_is_a_list_of_one(evidence: Evidence) -> None:
    arm = parse_arm({"priming": "IFNG", "block": "PD-L1", "knockout": "MSC.IDO1"}, {}, evidence)
    assert (arm.priming, arm.block, arm.knockout) == (("IFNG",), ("PD-L1",), ("MSC.IDO1",))


def test_msc_are_of_the_species_of_all_unless_said(evidence: Evidence) -> None:
    assert parse_arm({"species": "mouse"}, {}, evidence).species_of_msc == "mouse"
    assert parse_arm({"species": "mouse", "msc_species": "human"}, {}, evidence).species_of_msc == "human"


@pytest.mark.parametrize(
    ("text", "value"), [("1:10", 0.1), ("1:1", 1.0), ("2:1", 2.0), ("0:1", 0.0), ("0.5:10", 0.05)]
)
def test_ratios(text: str, value: float) -> None:
    assert parse_ratio(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("product", "cell"),
    [
        ("none", ""), ("MSC", "MSC"), ("dead MSC", "MSC.dead"), ("fibroblast", "MSC"), ("apoptotic MSC", "MSC.apoptotic"),
        ("MSC-EV", ""), ("apoV", ""), ("conditioned medium", ""), ("apoptotic conditioned medium", ""), ("sFgl2-MSC", "MSC"),
    ],
)  # fmt: skip
def test_what_a_product_consists_of(product: str, cell: str, evidence: Evidence) -> None:
    assert product_cell(parse_arm({"product": product}, {}, evidence), evidence) == cell


def test_every_shipped_product_source_and_priming_makes_an_arm(evidence: Evidence) -> None:
    for row in evidence.products:
        key = {"source": "source", "priming": "priming"}.get(row.kind, "product")
        parse_arm({key: row.product}, {}, evidence)
