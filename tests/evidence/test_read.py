"""What a user can get wrong in a table gives one message: file, line, column, nearest valid name."""

from __future__ import annotations

from pathlib import Path

import pytest

from stromal.errors import InputError, nearest
from stromal.evidence import Evidence, load_evidence
from stromal.evidence.check import problems

RULE = "id,cell,behaviour,signal,effect,fold,half_max,unit,refs,status,strength"
GOOD = "my-rule,Th1,division,PGE2,decreases,0.5,1,ng/mL,44,review,measured"


def overlay(folder: Path, table: str, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{table}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def refused(*folders: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_evidence(*folders)
    return caught.value


def changed(column: str, value: str) -> str:
    cells = GOOD.split(",")
    cells[RULE.split(",").index(column)] = value
    return ",".join(cells)


def test_overlay_adds_and_keeps_the_rest(tmp_path: Path, evidence: Evidence) -> None:
    found = load_evidence(overlay(tmp_path, "rules", RULE, GOOD))
    assert set(found.rules) == set(evidence.rules) | {"my-rule"}
    assert found.layers == ("shipped", str(tmp_path))
    assert found.digest != evidence.digest


def test_overlay_replaces_by_key(tmp_path: Path, evidence: Evidence) -> None:
    old = evidence.rules["msc-pdl1-slows-t-division"]
    row = f"{old.id},{old.cell},{old.behaviour},{old.signal},decreases,0.9,0.5,relative,44,review,measured"
    found = load_evidence(overlay(tmp_path, "rules", RULE, row))
    assert found.rules[old.id].fold == 0.9
    assert len(found.rules) == len(evidence.rules)
    assert list(found.rules) == list(evidence.rules)


def test_the_last_overlay_wins(tmp_path: Path) -> None:
    a = overlay(tmp_path / "a", "rules", RULE, GOOD)
    b = overlay(tmp_path / "b", "rules", RULE, changed("fold", "0.4"))
    assert load_evidence(a, b).rules["my-rule"].fold == 0.4
    assert load_evidence(b, a).rules["my-rule"].fold == 0.5


def test_behaviours_are_replaced_within_their_limits(tmp_path: Path, evidence: Evidence) -> None:
    """The key is (cell, behaviour, where): a row for mouse leaves the row for all species."""
    head = "cell,behaviour,base,unit,where,source,status,strength"
    found = load_evidence(
        overlay(tmp_path, "behaviours", head, "MSC,death,0.5,1/day,species=mouse,a mouse,literature,measured")
    )
    assert len(found.behaviours) == len(evidence.behaviours) + 1


def test_byte_order_mark_windows_line_ends_and_blank_lines_are_read(tmp_path: Path) -> None:
    text = "\r\n".join([RULE, "", GOOD, ",,,,,,,,,,", ""])
    (tmp_path / "rules.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_evidence(tmp_path).rules["my-rule"].refs == ("44",)


def test_a_table_with_a_header_alone_changes_nothing(tmp_path: Path, evidence: Evidence) -> None:
    assert load_evidence(overlay(tmp_path, "rules", RULE)).digest == evidence.digest


def test_unknown_column(tmp_path: Path) -> None:
    err = refused(overlay(tmp_path, "rules", RULE.replace("half_max", "halfmax"), GOOD))
    assert (err.file, err.row, err.key) == ("rules.csv", 1, "halfmax")
    assert "half_max" in err.suggestion


def test_missing_column(tmp_path: Path) -> None:
    err = refused(overlay(tmp_path, "rules", "id,cell,behaviour", "a,Th1,division"))
    assert err.file == "rules.csv" and err.key in RULE and "missing" in err.message


def test_more_cells_than_columns(tmp_path: Path) -> None:
    err = refused(overlay(tmp_path, "rules", RULE, GOOD + ",too many"))
    assert (err.file, err.row) == ("rules.csv", 2)


@pytest.mark.parametrize(
    ("column", "value", "hint"),
    [
        ("fold", "lots", ""),
        ("fold", "1.5", ""),  # decreases, so under one
        ("fold", "", ""),
        ("fold", "nan", ""),
        ("half_max", "0", ""),
        ("half_max", "inf", ""),
        ("effect", "increase", "increases"),
        ("status", "reviewed", "review"),
        ("strength", "measure", "measured"),
        ("id", "My Rule", ""),
        ("id", "", ""),
    ],
)
def test_a_wrong_value_names_line_and_column(tmp_path: Path, column: str, value: str, hint: str) -> None:
    err = refused(overlay(tmp_path, "rules", RULE, "", changed(column, value)))
    assert (err.file, err.row) == ("rules.csv", 3)
    assert err.key == column or column in err.message
    assert hint in err.suggestion


@pytest.mark.parametrize(
    ("column", "value", "hint"),
    [
        ("cell", "Th2", "Th1"),
        ("behaviour", "divison", "division"),
        ("behaviour", "secretes IL99", "secretes"),
        ("signal", "PGE3", "PGE2"),
        ("signal", "touch MCS", "MSC"),
        ("signal", "touch MSC.PDL1", "PD-L1"),
        ("signal", "self mitochondrium", "mitochondria"),
        ("refs", "Aggarwal2006", "Aggarwal2005"),
        ("refs", "122", ""),
        ("unit", "ng/mLL", ""),
        ("unit", "day", ""),
        ("fold", "0.001", ""),  # below the least of the behaviour
    ],
)
def test_an_unknown_name_gives_the_nearest(tmp_path: Path, column: str, value: str, hint: str) -> None:
    err = refused(overlay(tmp_path, "rules", RULE, changed(column, value)))
    assert (err.file, err.row, err.key) == ("rules.csv", 2, column)
    assert hint in err.suggestion


def test_duplicate_key_names_both_lines(tmp_path: Path) -> None:
    err = refused(overlay(tmp_path, "rules", RULE, GOOD, changed("fold", "0.4")))
    assert err.row == 3 and err.key == "id"
    assert "my-rule" in err.message and "line 2" in err.message


def test_duplicate_key_of_several_columns_reads_well(tmp_path: Path) -> None:
    head, row = "cell,behaviour,base,unit,source,status,strength", "MSC,death,0.1,1/day,x,literature,measured"
    err = refused(overlay(tmp_path, "behaviours", head, row, row))
    assert err.message.startswith("MSC / death stands on line 2")


def test_duplicate_reference_names_the_column_as_written(tmp_path: Path) -> None:
    err = refused(overlay(tmp_path, "references", "key,year", "Me2020,2020", "Me2020,2021"))
    assert err.key == "key" and err.row == 3


def test_a_rule_that_says_the_same_is_refused(tmp_path: Path) -> None:
    err = refused(
        overlay(tmp_path, "rules", RULE, GOOD, GOOD.replace("my-rule", "my-other-rule").replace("0.5", "0.6"))
    )
    assert "my-rule" in err.message and err.row == 3


def test_a_base_of_zero_that_is_increased_is_refused(tmp_path: Path, evidence: Evidence) -> None:
    row = next(
        b
        for b in evidence.behaviours
        if any(
            r.behaviour == b.behaviour and r.cell == b.cell and r.effect == "increases"
            for r in evidence.rules.values()
        )
    )
    head = "cell,behaviour,base,unit,most,least,half_life,half_life_unit,source,status,strength"
    line = f"{row.cell},{row.behaviour},0,{row.unit},9,0.01,{row.half_life or ''},{row.half_life_unit},x,literature,measured"
    err = refused(overlay(tmp_path, "behaviours", head, line))
    assert err.key == "base" and "requires" in err.suggestion


def test_an_assumed_number_with_a_small_spread_is_refused(tmp_path: Path) -> None:
    err = refused(overlay(tmp_path, "rules", RULE + ",spread", changed("strength", "assumed") + ",2"))
    assert "at least 3" in err.message


def test_a_number_from_nowhere_is_refused(tmp_path: Path) -> None:
    assert "source" in refused(overlay(tmp_path, "rules", RULE, changed("refs", ""))).message


def test_unknown_table_in_an_overlay(tmp_path: Path) -> None:
    err = refused(overlay(tmp_path, "rule", RULE, GOOD))
    assert err.file.endswith("rule.csv") and "rules" in err.suggestion


def test_missing_folder_and_empty_overlay(tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in refused(tmp_path / "nowhere").file
    err = refused(tmp_path)
    assert err.file == str(tmp_path) and "no table" in err.message


@pytest.mark.parametrize("body", [b"\xff\xfe\x00bad", b"id,cell\n\x00,\x00\n"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "rules.csv").write_bytes(body)
    assert "rules.csv" in refused(tmp_path).file


def test_all_problems_can_be_listed(tmp_path: Path) -> None:
    rows = [changed("cell", "Th2"), changed("signal", "PGE3").replace("my-rule", "my-second")]
    found = load_evidence(overlay(tmp_path, "rules", RULE, *rows), check=False)
    assert [p.key for p in problems(found)] == ["cell", "signal"]


def test_an_error_says_where_first_and_how_last() -> None:
    err = InputError("is wrong", file="rules.csv", row=3, key="cell", suggestion="did you mean 'Th1'?")
    assert str(err) == "rules.csv, line 3, cell: is wrong (did you mean 'Th1'?)"
    assert err.as_dict() == {
        "file": "rules.csv",
        "row": 3,
        "key": "cell",
        "message": "is wrong",
        "suggestion": "did you mean 'Th1'?",
    }
    assert str(InputError("is wrong")) == "is wrong"


def test_nearest_ignores_case_and_lists_few_names() -> None:
    assert nearest("pge2", ["PGE2", "IL2"]) == "did you mean 'PGE2'?"
    assert nearest("zzzz", ["a", "b"]) == "known: a, b"
    assert nearest("zzzz", []) == ""
    assert nearest("q", [f"name-{i:02d}" for i in range(30)]).endswith("name-11, ...")


def test_members_of_lineages_and_groups(evidence: Evidence) -> None:
    assert evidence.members["Th1"] == ("Th1",)
    assert set(evidence.members["Tconv"]) == {"CD4.naive", "CD4.active", "Th1", "Th17", "Tfh", "CD4.memory"}
    assert set(evidence.members["effector T"]) == {
        "CD4.active",
        "Th1",
        "Th17",
        "Tfh",
        "CD8.active",
        "Tc1",
        "CD8.GVL",
    }
    assert "Treg" not in evidence.members["conventional T"] and "Treg" in evidence.members["CD4"]


def test_references_are_found_by_number_too(evidence: Evidence) -> None:
    numbered = {row.number: row for row in evidence.references.values() if row.number}
    assert len(numbered) > 20
    assert all(evidence.references[n] is row is evidence.references[row.key_] for n, row in numbered.items())
