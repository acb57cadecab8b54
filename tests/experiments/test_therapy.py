"""A therapy as a user writes it: what is read, and one message for each mistake."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from small import small_evidence

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.therapy import Therapy, parse_option, parse_therapies, parse_therapy

MSC = {"give": "MSC", "amt": "2e6 cells/kg", "route": "IV"}


def test_a_table_is_read(evidence: Evidence) -> None:
    data = tomllib.loads("""
        [[arms]]
        [[arms.therapy]]
        give = "MSC"
        amt = "2e6 cells/kg"
        cap = "2e8 cells"
        route = "IV"
        time = 1
        ii = 7
        addl = 3
        source = "adipose"
        species = "mouse"
        priming = ["IFNG", "TNF"]
        priming_days = 1
        viability = "80 %"
        note = "as in the trial"
    """)
    (therapy,) = parse_therapies(data["arms"][0]["therapy"], evidence, name="arms[1].therapy")
    assert therapy == Therapy(
        give="MSC", what="cells", content="MSC", amount=2e6, unit="cells", per_kg=True, days=(1, 8, 15, 22),
        route="IV", cap=2e8, source="adipose", species="mouse", priming=("IFNG", "TNF"), priming_days=1.0,
        viability=0.8, note="as in the trial",
    )  # fmt: skip
    arm = therapy.arm()
    assert (arm.product, arm.source, arm.species_of_msc, arm.priming) == (
        "MSC",
        "adipose",
        "mouse",
        ("IFNG", "TNF"),
    )


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ({"amt": "1e8 cells"}, {"amount": 1e8, "per_kg": False}),
        ({"amt": "2 1e6 cells per kg"}, {"amount": 2e6, "per_kg": True}),
        ({"amt": "1 cell/kg"}, {"amount": 1.0, "per_kg": True}),
        ({"give": "fibroblast"}, {"content": "MSC"}),
        ({"give": "sFgl2-MSC"}, {"content": "MSC", "what": "cells"}),
        ({"give": "dead MSC"}, {"content": "MSC.dead"}),
        ({"give": "apoptotic MSC"}, {"content": "MSC.apoptotic"}),
        ({"give": "MSC-EV", "amt": "1e11 particles"}, {"content": "MSC-EV", "what": "vesicles", "unit": "particles"}),
        ({"give": "apoV", "amt": "1e9 particles/kg", "species": "mouse"}, {"content": "apoV", "species": "mouse"}),
        ({"give": "let-7b", "amt": "1 relative"}, {"what": "drug", "unit": "relative", "route": "IV"}),
        ({"give": "let-7b", "amt": "1 relative", "tinf": "1 week"}, {"tinf": 7.0}),
        ({"route": None, "cmt": "blood"}, {"route": "IV", "place": ""}),
        ({"route": None, "cmt": "lymphoid"}, {"route": "", "place": "lymphoid"}),
        ({"route": "", "cmt": "IP"}, {"route": "IP", "place": ""}),
        ({"priming": "IFNG TNF"}, {"priming": ("IFNG", "TNF")}),
        ({"viability": "0"}, {"viability": 0.0}),
        ({}, {"viability": None, "cap": None, "days": (0.0,), "source": "bone_marrow"}),
    ],
)  # fmt: skip
def test_what_is_given_is_understood(given: dict[str, Any], want: dict[str, Any], evidence: Evidence) -> None:
    therapy = parse_therapy({**MSC, **given}, evidence)
    assert {key: getattr(therapy, key) for key in want} == want


@pytest.mark.parametrize(
    ("given", "key", "message", "hint"),
    [
        ({"giv": "MSC"}, "giv", "no such key of a therapy", "'give'"),
        ({"give": ""}, "give", "is missing", "MSC"),
        ({"give": 3}, "give", "not text", ""),
        ({"give": "fibroblasts"}, "give", "no product or drug", "'fibroblast'"),
        ({"give": "let-7"}, "give", "no product or drug", "'let-7b'"),
        ({"give": "adipose"}, "give", "no product or drug", ""),
        ({"give": "IL6"}, "give", "is a cytokine, not a drug", ""),
        ({"give": "none"}, "give", "no cells or vesicles", "leave"),
        ({"give": "conditioned medium"}, "give", "no cells or vesicles", ""),
        ({"amt": None}, "amt", "is missing", ""),
        ({"amt": "-1e6 cells/kg"}, "amt", "not a positive amount", ""),
        ({"amt": "0 cells"}, "amt", "not a positive amount", ""),
        ({"amt": "1e999 cells"}, "amt", "not a positive amount", ""),
        ({"amt": 2e6}, "amt", "not a number with a unit", "1e6 cells"),
        ({"amt": "2e6"}, "amt", "not a number with a unit", ""),
        ({"amt": "2e6/kg"}, "amt", "not a number with a unit", ""),
        ({"amt": "many cells"}, "amt", "not a number with a unit", ""),
        ({"amt": "1.2.3 cells"}, "amt", "not a number", ""),
        ({"amt": "5 mg/kg"}, "amt", "MSC is given in cells, not in 'mg'", ""),
        ({"amt": "1e9 particles"}, "amt", "MSC is given in cells", ""),
        ({"give": "MSC-EV"}, "amt", "MSC-EV is given in particles, not in 'cells'", ""),
        ({"give": "let-7b"}, "amt", "let-7b is given in relative, not in 'cells'", "1 relative"),
        ({"cap": "-1 cells"}, "cap", "not a positive amount", ""),
        ({"cap": "0 cells"}, "cap", "not a positive amount", ""),
        ({"cap": "1e9 particles"}, "cap", "not in 'particles'", ""),
        ({"cap": "1e6 cells/kg"}, "cap", "not per kg", "1e8 cells"),
        ({"cap": 1e8}, "cap", "not a number with a unit", ""),
        ({"amt": "2e8 cells", "cap": "1e8 cells"}, "cap", "can never be given", ""),
        ({"route": "iv"}, "route", "no route of cells 'iv'", "'IV'"),
        ({"route": "oral"}, "route", "no route of cells 'oral'", ""),
        ({"route": "lung"}, "route", "is a place, not a route", 'cmt = "lung"'),
        ({"route": ""}, "route", "neither route nor cmt", "IV"),
        ({"cmt": "lung"}, "cmt", "both route and cmt", ""),
        ({"route": "", "cmt": "lungs"}, "cmt", "no place 'lungs'", "'lung'"),
        ({"source": "bone-marrow"}, "source", "no source", "'bone_marrow'"),
        ({"species": "mose"}, "species", "mose", "'mouse'"),
        ({"priming": ["IFNg"]}, "priming", "no priming", "'IFNG'"),
        ({"priming": ["IL10"]}, "priming", "no standard dose for priming with IL10", "products.csv"),
        ({"priming": [1]}, "priming", "not a list of names", ""),
        ({"priming_days": -1}, "priming_days", "greater than 0", ""),
        ({"viability": 1.2}, "viability", "not a share", "0 to 1"),
        ({"viability": -0.1}, "viability", "not a share", ""),
        ({"viability": "all"}, "viability", "not a number", ""),
        ({"give": "dead MSC", "viability": 0.5}, "viability", "of living cells", ""),
        ({"give": "apoptotic MSC", "priming": "IFNG"}, "priming", "of living cells", ""),
        ({"give": "MSC-EV", "amt": "1e9 particles", "source": "adipose"}, "source", "MSC-EV is not cells", ""),
        ({"give": "let-7b", "amt": "1 relative", "species": "mouse"}, "species", "let-7b is not cells", ""),
        ({"tinf": 1}, "tinf", "cells are given at once", ""),
        ({"give": "let-7b", "amt": "1 relative", "tinf": -1}, "tinf", "not a duration", ""),
        ({"give": "let-7b", "amt": "1 relative", "tinf": 29}, "tinf", "a dose ends on day 29, after", ""),
        ({"time": 29}, "time", "after the end of follow-up, day 28", ""),
        ({"time": -1}, "time", "before the start", ""),
        ({"addl": 2}, "addl", "without ii", ""),
        ({"note": 1}, "note", "not text", ""),
    ],
)  # fmt: skip
def test_each_mistake_has_its_message(
    given: dict[str, Any], key: str, message: str, hint: str, evidence: Evidence
) -> None:
    with pytest.raises(InputError) as info:
        parse_therapy({**MSC, **given}, evidence, file="plan.toml", name="background[2]", end=28)
    err = info.value
    assert message in err.message
    assert hint in err.suggestion
    assert (err.file, err.key) == ("plan.toml", f"background[2].{key}")


def test_therapies_are_an_array_of_tables(evidence: Evidence) -> None:
    for wrong in (MSC, "MSC", 3):
        with pytest.raises(InputError, match="array of tables"):
            parse_therapies(wrong, evidence)
    with pytest.raises(InputError, match=r"therapy\[2\]: is not a table"):
        parse_therapies([MSC, "MSC"], evidence)


def test_places_of_a_disease_may_be_named(evidence: Evidence) -> None:
    given = {"give": "MSC", "amt": "1e6 cells", "cmt": "gut"}
    assert parse_therapy(given, evidence, places=("blood", "gut")).place == "gut"
    with pytest.raises(InputError, match="no place 'gut'"):
        parse_therapy(given, evidence)


def test_an_option_is_the_same_as_a_table(evidence: Evidence) -> None:
    option = parse_option(
        "give=MSC, amt=2e6 cells/kg, route=IV, ii=7, addl=3, priming=IFNG TNF, viability=0.9"
    )
    table = {**MSC, "ii": 7, "addl": 3, "priming": ["IFNG", "TNF"], "viability": 0.9}
    assert parse_therapy(option, evidence) == parse_therapy(table, evidence)
    for wrong in ("MSC", "give=MSC, give=MSC", "give=MSC,,", "=MSC"):
        with pytest.raises(InputError):
            parse_option(wrong)


@pytest.mark.parametrize(
    ("amt", "unit", "want"),
    [
        ("5 mg/kg", "ng/mL", (5e6, "ng", True)),
        ("2 g", "mM", (20.0, "mmol", False)),
        ("3 mmol/kg", "mM", (3.0, "mmol", True)),
        ("1e9 particles", "particles/nL", (1e9, "particles", False)),
    ],
)
def test_a_drug_is_weighed_by_the_unit_of_its_concentration(
    amt: str, unit: str, want: tuple[float, str, bool], tmp_path: Path
) -> None:
    tables = {
        "mediators": [{"name": "D", "label": "drug", "kind": "drug", "unit": unit, "molar_mass": "100"}],
        "kinetics": [{"mediator": "D"}],
        "routes": [
            {
                "route": "IV",
                "what": "drug",
                "place": "blood",
                "share": "1",
                "status": "assumed",
                "strength": "assumed",
            }
        ],
    }
    therapy = parse_therapy({"give": "D", "amt": amt, "route": "IV"}, small_evidence(tmp_path, tables))
    assert (pytest.approx(therapy.amount), therapy.unit, therapy.per_kg) == want
