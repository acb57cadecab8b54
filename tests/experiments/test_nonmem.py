"""NONMEM-style tables: the same regimen as a table and as keys, round trips, one message a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.dosing import Dose, doses
from stromal.experiments.nonmem import RegimenTable, read_nonmem, to_nonmem
from stromal.experiments.therapy import Therapy, parse_therapy

MSC = {"give": "MSC", "viability": 0.8}
DRUG = {"give": "let-7b"}
HEADER = "ID,TIME,AMT,CMT,EVID,RATE,II,ADDL,SS\n"


def read(
    folder: Path, text: str, evidence: Evidence, product: dict[str, Any] = MSC, **keys: Any
) -> RegimenTable:
    file = folder / "plan.csv"
    file.write_text(text, encoding="utf-8")
    keys.setdefault("unit", "relative" if product is DRUG else "cells/kg")
    return read_nonmem(file, evidence, product, **keys)


def same(a: tuple[Dose, ...], b: tuple[Dose, ...]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert (x.time, x.what, x.unit) == (y.time, y.what, y.unit)
        np.testing.assert_array_equal(x.amount, y.amount)
        assert x.places == y.places


def test_the_same_regimen_as_keys_and_as_a_table_gives_the_same_doses(
    evidence: Evidence, tmp_path: Path
) -> None:
    keys = {**MSC, "amt": "2e6 cells/kg", "cap": "1.5e8 cells", "route": "IV", "time": 1, "ii": 7, "addl": 2}
    want = doses(parse_therapy(keys, evidence), 80, evidence)
    short = HEADER + "1,1,2e6,blood,1,0,7,2,0\n"
    long = "id,time,amt,cmt\n" + "".join(f"1,{day},2000000,IV\n" for day in (1, 8, 15))
    bare = "ID,TIME,AMT,II,ADDL\n1,1,2e6,7,2\n"
    product = {**MSC, "cap": "1.5e8 cells"}
    for text, more in ((short, {}), (long, {}), (bare, {"route": "IV"})):
        same(read(tmp_path, text, evidence, {**product, **more}).doses(80, evidence)["1"], want)
    hours = HEADER + "1,24,2e6,blood,1,0,168,2,0\n"
    same(read(tmp_path, hours, evidence, product, hours=True).doses(80, evidence)["1"], want)


@pytest.mark.parametrize("rate", ["1,0,0.5,blood,1,0.25,.,.,.", "1,0,0.5,IV,1,0.25,0,0,0"])
def test_a_rate_is_a_duration(rate: str, evidence: Evidence, tmp_path: Path) -> None:
    keys = {**DRUG, "amt": "0.5 relative", "route": "IV", "tinf": 2}
    want = doses(parse_therapy(keys, evidence), 80, evidence)
    same(read(tmp_path, HEADER + rate + "\n", evidence, DRUG).doses(80, evidence)["1"], want)
    text = "ID,TIME,AMT,CMT,TINF\n1,0,0.5,IV,48\n"
    same(read(tmp_path, text, evidence, DRUG, hours=True).doses(80, evidence)["1"], want)


def test_ids_visits_and_unread_columns(evidence: Evidence, tmp_path: Path) -> None:
    text = (
        "id,Time,WT,amt,cmt,evid,DV\n"
        "a,0,70,1e6,IV,1,.\na,7,70,.,.,0,3.1\na,7,70,0,.,0,3.2\n\na,28,70,.,.,0,2\n"
        "b,0,60,.,.,0,1\nc,2,50,2e6,lung,1,.\n"
    )
    table = read(tmp_path, text, evidence)
    assert table.visits == {"a": (7, 28), "b": (0,), "c": ()}
    assert [len(table.therapies[i]) for i in "abc"] == [1, 0, 1]
    assert table.therapies["c"][0].place == "lung" and table.therapies["c"][0].days == (2,)
    assert table.warnings == ("column WT is ignored", "column DV is ignored")
    given = table.doses({"a": 70, "b": 60, "c": 50}, evidence)
    assert given["a"][0].amount == pytest.approx(0.8 * 7e7) and given["b"] == ()
    assert given["c"][0].amount == pytest.approx(0.8 * 1e8)


@pytest.mark.parametrize(
    ("line", "key", "message", "hint"),
    [
        ("1,1,.,.,3,.,.,.,.", "EVID", "(reset) is not read: tools differ", "named action"),
        ("1,1,2e6,IV,4,.,.,.,.", "EVID", "(reset and dose) is not read", "named action"),
        ("1,1,2e6,IV,5,.,.,.,.", "EVID", "(replace) is not read", "named action"),
        ("1,1,2e6,IV,8,.,.,.,.", "EVID", "(replace) is not read", "named action"),
        ("1,1,.,IV,2,.,.,.,.", "EVID", "no EVID '2'", "0 is an observation"),
        ("1,1,.,IV,1.5,.,.,.,.", "EVID", "no EVID", ""),
        ("1,1,2e6,IV,dose,.,.,.,.", "EVID", "not a number", ""),
        ("1,1,2e6,IV,1,.,7,.,1", "SS", "steady state", "before the start"),
        ("1,1,2e6,IV,0,.,.,.,.", "AMT", "an observation has no AMT", ""),
        ("1,1,-2e6,IV,1,.,.,.,.", "AMT", "not positive", ""),
        ("1,1,-2e6,IV,.,.,.,.,.", "AMT", "not positive", ""),
        ("1,1,0,IV,1,.,.,.,.", "AMT", "not positive", ""),
        ("1,1,.,IV,1,.,.,.,.", "AMT", "not positive", ""),
        ("1,1,inf,IV,1,.,.,.,.", "AMT", "not a finite number", ""),
        ("1,1,2e6,lungs,1,.,.,.,.", "cmt", "no place 'lungs'", "'lung'"),
        ("1,1,2e6,1,1,.,.,.,.", "CMT", "compartment 1 has no name", "blood"),
        ("1,1,2e6,.,1,.,.,.,.", "route", "neither route nor cmt", ""),
        ("1,1,2e6,IV,1,-2,.,.,.", "RATE", "modelled", ""),
        ("1,1,2e6,IV,1,1e6,.,.,.", "tinf", "cells are given at once", ""),
        ("1,1,2e6,IV,1,.,0,3,.", "ii", "not positive", ""),
        ("1,1,2e6,IV,1,.,-7,3,.", "ii", "not positive", ""),
        ("1,1,2e6,IV,1,.,.,3,.", "addl", "without ii", ""),
        ("1,1,2e6,IV,1,.,7,.,.", "ii", "without addl", ""),
        ("1,1,2e6,IV,1,.,7,-1,.", "addl", "whole number", ""),
        ("1,1,2e6,IV,1,.,7,30,.", "addl", "after the end of follow-up", ""),
        ("1,29,2e6,IV,1,.,.,.,.", "time", "after the end of follow-up", ""),
        ("1,29,.,.,0,.,.,.,.", "TIME", "a visit on day 29", ""),
        ("1,-1,2e6,IV,1,.,.,.,.", "TIME", "time goes back", ""),
        ("1,.,2e6,IV,1,.,.,.,.", "TIME", "is missing", ""),
        ("1,noon,2e6,IV,1,.,.,.,.", "TIME", "not a number", ""),
        (".,1,2e6,IV,1,.,.,.,.", "ID", "is missing", ""),
        ("1,1,2e6,IV,1,.,.,.", "", "8 cells, and the header has 9", ""),
        ("2,0,.,.,0,.,.,.,.\n1,1,.,.,0,.,.,.,.", "ID", "goes on after another ID", "together"),
    ],
)  # fmt: skip
def test_each_mistake_names_file_and_line(
    line: str, key: str, message: str, hint: str, evidence: Evidence, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as info:
        read(tmp_path, HEADER + "1,0,.,.,0,.,.,.,.\n" + line + "\n", evidence, end=28)
    err = info.value
    assert message in err.message and hint in err.suggestion
    assert (err.file, err.key) == ("plan.csv", key)
    assert err.row == (4 if "\n" in line else 3)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("ID,AMT\n1,2\n", "TIME", "column is missing"),
        ("", "ID", "column is missing"),
        ("ID,TIME,AMT,time\n", "TIME", "stands twice"),
    ],
)
def test_a_header_is_checked(text: str, key: str, message: str, evidence: Evidence, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as info:
        read(tmp_path, text, evidence)
    assert (info.value.key, info.value.row) == (key, 1)


def test_what_is_in_the_table_is_not_given_beside_it(evidence: Evidence, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ii is in the table"):
        read(tmp_path, HEADER, evidence, {**MSC, "ii": 7})
    with pytest.raises(InputError, match="^giv: no such key.*'give'"):
        read(tmp_path, HEADER, evidence, {"giv": "MSC"})
    with pytest.raises(InputError, match="cannot be read"):
        read_nonmem(tmp_path / "nothing.csv", evidence, MSC, unit="cells")
    with pytest.raises(InputError, match="both RATE and TINF"):
        read(tmp_path, "ID,TIME,AMT,CMT,RATE,TINF\n1,0,1,IV,1,1\n", evidence, DRUG)
    with pytest.raises(InputError, match=r"plan.csv, line 2, amt: MSC is given in cells"):
        read(tmp_path, HEADER + "1,0,1,IV,1,.,.,.,.\n", evidence, unit="mg/kg")


days = st.integers(0, 4000).map(lambda n: n / 16)
cells = st.fixed_dictionaries({
    "give": st.just("MSC"),
    "amt": st.floats(1e3, 1e12).map(lambda x: f"{x!r} cells/kg"),
    "cap": st.sampled_from(["", "1e8 cells"]),
    "cmt": st.sampled_from(["blood", "IP", "lung", "lymphoid", "local"]),
    "viability": st.sampled_from([1, 0.5]),
})  # fmt: skip
drugs = st.fixed_dictionaries({
    "give": st.just("let-7b"),
    "amt": st.floats(1e-3, 1e3).map(lambda x: f"{x!r} relative"),
    "route": st.sampled_from(["IV", "oral", "local"]),
    "tinf": st.integers(0, 400).map(lambda n: n / 16),
})  # fmt: skip
when = st.one_of(
    st.fixed_dictionaries({"time": days, "ii": days.map(lambda d: d + 1 / 16), "addl": st.integers(0, 12)}),
    st.fixed_dictionaries({"time": days}),
    st.fixed_dictionaries({"days": st.lists(days, min_size=1, max_size=5, unique=True)}),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    product=st.one_of(cells, drugs),
    plan=when,
    hours=st.booleans(),
    visits=st.lists(days, unique=True, max_size=4),
)
def test_what_is_written_is_read_again(
    product: dict[str, Any],
    plan: dict[str, Any],
    hours: bool,
    visits: list[float],
    evidence: Evidence,
    tmp_path: Path,
) -> None:
    therapy = parse_therapy({**product, **plan}, evidence)
    text = to_nonmem(therapy, visits=visits, hours=hours)
    beside = {key: product[key] for key in ("give", "cap", "viability") if key in product}
    unit = "cells/kg" if therapy.per_kg else "relative"
    table = read(tmp_path, text, evidence, beside, unit=unit, hours=hours)
    same(table.doses(70, evidence)["1"], doses(therapy, 70, evidence))
    assert table.visits["1"] == tuple(sorted(visits)) and not table.warnings
    if "days" not in plan:
        assert table.therapies["1"] == (therapy,)
    assert to_nonmem(table.therapies, visits=visits, hours=hours) == text


def written(text: str) -> list[str]:
    return text.splitlines()[1:]


def test_a_table_for_other_tools_has_amounts_after_the_cap(evidence: Evidence) -> None:
    keys = {**MSC, "amt": "2e6 cells/kg", "cap": "1.5e8 cells", "route": "IV", "ii": 7, "addl": 3}
    therapy = parse_therapy(keys, evidence)
    assert written(to_nonmem(therapy)) == ["1,0,2000000,IV,1,0,7,3,0"]
    assert written(to_nonmem({"a": [therapy], "b": [therapy]}, weight_kg={"a": 50, "b": 90})) == [
        "a,0,100000000,IV,1,0,7,3,0",
        "b,0,150000000,IV,1,0,7,3,0",
    ]
    uneven = parse_therapy({**MSC, "amt": "1 cells", "route": "IP", "days": [0, 2, 7]}, evidence)
    assert written(to_nonmem([uneven], visits=[1])) == [
        "1,0,1,IP,1,0,0,0,0", "1,1,.,.,0,.,.,.,.", "1,2,1,IP,1,0,0,0,0", "1,7,1,IP,1,0,0,0,0",
    ]  # fmt: skip


def test_one_table_holds_one_product(evidence: Evidence) -> None:
    def make(**keys: Any) -> Therapy:
        return parse_therapy({"give": "MSC", "amt": "1e6 cells", "route": "IV", **keys}, evidence)

    assert to_nonmem([make(), make(amt="2e6 cells", time=3, route="IP")]).count("\n") == 3
    for other in (make(source="adipose"), make(amt="1 cells/kg"), make(viability=1)):
        with pytest.raises(InputError, match="one product"):
            to_nonmem([make(), other])
