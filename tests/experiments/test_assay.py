"""Protocols as data: every shipped one is whole, and a wrong one says what is wrong where."""

from __future__ import annotations

from pathlib import Path

import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.assay import list_assays, load_assay, parse_cells, parse_medium

GOOD = """
id = "mine"
days = 4.0
readout_day = 3.0
target = ["CD4.naive"]
compare = "treg"
ratios = ["1:1", "1:10"]
[well]
volume = "0.2 mL"
area = "32 mm^2"
[seed]
"CD4.naive" = "5e5 cells/mL"
[medium]
TCR = "1 relative"
IL2 = "5 ng/mL"
[defaults]
ratio = "1:10"
[readouts]
treg = "share Treg of CD4"
"""
PRESTAGE = '[prestage]\ndays = 2\nkeep = ["Treg"]\n[prestage.seed]\nTreg = "100 cells/uL"\n'


def write(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("name", list(list_assays()))
def test_every_shipped_assay_is_whole(name: str, evidence: Evidence) -> None:
    assay = load_assay(name, evidence)
    assert assay.id == name == Path(assay.file).stem
    assert assay.title and assay.about and assay.source
    assert assay.compare in assay.readouts
    assert assay.ratios or assay.doses
    seeded = set((assay.before or assay.main).seed)
    assert set(assay.target) <= seeded, "the ratio counts cells that are not seeded"
    assert all(count > 0 for count in assay.main.seed.values())
    assert 0 < assay.readout_day <= assay.main.days


def test_the_assays_of_the_first_release_ship() -> None:
    assert {
        "coculture", "treg-induction", "th17-polarisation", "msc-licensing", "macrophage-polarisation", "vesicles"
    } <= set(list_assays())  # fmt: skip


def test_an_assay_of_ones_own(tmp_path: Path, evidence: Evidence) -> None:
    assay = load_assay(write(tmp_path, GOOD + PRESTAGE), evidence)
    assert assay.main.seed == {"CD4.naive": pytest.approx(500.0)}
    assert assay.main.medium == {"TCR": 1.0, "IL2": 5.0}
    assert (assay.volume, assay.area) == (pytest.approx(200.0), 32.0)
    assert (
        assay.before is not None and assay.before.keep == ("Treg",) and assay.before.seed == {"Treg": 100.0}
    )
    assert assay.readouts["treg"].unit == "%"


def test_what_is_left_out_has_a_default(tmp_path: Path, evidence: Evidence) -> None:
    text = 'days = 2\n[seed]\nM0 = "300 cells/uL"\n[readouts]\nm2 = "share M2 of macrophage"\n'
    assay = load_assay(write(tmp_path, text), evidence)
    assert (assay.id, assay.compare, assay.target, assay.readout_day) == ("mine", "m2", ("M0",), 2.0)
    assert (assay.volume, assay.area, assay.source, assay.before) == (200.0, 32.0, "assumed", None)


@pytest.mark.parametrize(
    ("old", "new", "key", "hint"),
    [
        ("days = 4.0", "dayz = 4.0", "dayz", "days"),
        ("days = 4.0", "", "days", ""),
        ("days = 4.0", "days = 0", "days", ""),
        ("days = 4.0", "days = 61", "days", ""),
        ("days = 4.0", 'days = "4"', "days", ""),
        ("days = 4.0", "days = true", "days", ""),
        ("readout_day = 3.0", "readout_day = 5.0", "readout_day", ""),
        ('["CD4.naive"]', '["CD4.naiv"]', "target", "CD4.naive"),
        ('["CD4.naive"]', "[4]", "target", ""),
        ('["CD4.naive"]', '"CD4.naive"', "target", ""),
        ('compare = "treg"', 'compare = "tregs"', "compare", "treg"),
        ('["1:1", "1:10"]', '["1:1", "110"]', "ratios", "1:10"),
        ('["1:1", "1:10"]', "[1, 10]", "ratios", ""),
        ('volume = "0.2 mL"', 'volume = "0.2 mg"', "well.volume", ""),
        ('volume = "0.2 mL"', 'volume = "0 mL"', "well.volume", ""),
        ('volume = "0.2 mL"', 'volum = "0.2 mL"', "well.volum", "volume"),
        ('"CD4.naive" = "5e5', '"CD4.naiv" = "5e5', "seed", "CD4.naive"),
        ('"5e5 cells/mL"', '"5e5 parrots"', "seed.CD4.naive", ""),
        ('"5e5 cells/mL"', '"-5 cells/mL"', "seed.CD4.naive", ""),
        ('"5e5 cells/mL"', "[5]", "seed.CD4.naive", ""),
        ('"5e5 cells/mL"', "nan", "seed.CD4.naive", ""),
        ("IL2 =", "IL-2 =", "medium", "IL2"),
        ('"5 ng/mL"', '"5 mM/day"', "medium.IL2", ""),
        ("share Treg of CD4", "share Tregs of CD4", "readouts.treg", "Treg"),
        ("share Treg of CD4", "proportion Treg of CD4", "readouts.treg", "share"),
        ('"share Treg of CD4"', "3", "readouts.treg", ""),
        ("[defaults]\nratio", "[defaults]\nration", "defaults.ration", "ratio"),
        ("[defaults]\nratio", '[defaults]\nproduct = "MCS"\nratio', "defaults.product", "MSC"),
        ("days = 4.0", "days = 4.0\nprestage = 3", "prestage", ""),
        ("days = 4.0", 'days = 4.0\n[prestage]\nkeep = ["Tregs"]', "prestage.keep", "Treg"),
        ("days = 4.0", 'days = 4.0\n[prestage]\ndays = "two"', "prestage.days", ""),
        ("days = 4.0", "days = 4.0\n[prestage]\nseeds = 2", "prestage.seeds", "seed"),
        ("days = 4.0", "days = 4.0\ninsert = 2", "insert", ""),
        ("days = 4.0", "days = 4.0\ntitle = 3", "title", ""),
    ],
)
def test_a_mistake_names_file_key_and_the_nearest(
    old: str, new: str, key: str, hint: str, tmp_path: Path, evidence: Evidence
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if "\n[prestage]" in new:  # a table goes to the end of the file
        head, _, tail = new.partition("\n")
        text = GOOD.replace(old, head, 1) + tail + "\n"
    with pytest.raises(InputError) as caught:
        load_assay(write(tmp_path, text), evidence)
    assert (caught.value.file, caught.value.key) == ("mine.toml", key)
    assert hint in caught.value.suggestion


@pytest.mark.parametrize("table", ["well", "seed", "medium", "defaults", "readouts", "insert", "prestage"])
def test_a_table_that_is_no_table_is_named(table: str, tmp_path: Path, evidence: Evidence) -> None:
    readouts = "" if table == "readouts" else '[readouts]\nx = "count T"\n'
    with pytest.raises(InputError) as caught:
        load_assay(write(tmp_path, f"days = 2\n{table} = 3\n{readouts}"), evidence)
    assert (caught.value.file, caught.value.key) == ("mine.toml", table)


def test_a_file_that_cannot_be_read(tmp_path: Path, evidence: Evidence) -> None:
    for text in ("days = ", "days = 4 5"):
        with pytest.raises(InputError) as caught:
            load_assay(write(tmp_path, text), evidence)
        assert "mine.toml" in caught.value.file
    with pytest.raises(InputError):
        load_assay(tmp_path / "nothing.toml", evidence)
    with pytest.raises(InputError) as caught:
        load_assay("coculturs", evidence)
    assert caught.value.key == "assay" and "coculture" in caught.value.suggestion


def test_amounts_are_converted_to_internal_units(evidence: Evidence) -> None:
    assert parse_cells({"MSC": "1e5 cells/mL"}, evidence) == {"MSC": pytest.approx(100.0)}
    found = parse_medium(
        {"IL2": "10 ug/L", "TRP": "25 uM", "MSC-EV": "1e9 particles/mL", "TCR": 0.5}, evidence
    )
    assert found == {
        "IL2": pytest.approx(10.0),
        "TRP": pytest.approx(0.025),
        "MSC-EV": pytest.approx(1000.0),
        "TCR": 0.5,
    }
