"""Cells that only pass a place do less there than the place allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import small_evidence
from small_body import BODY, SITES, compiled

from stromal.errors import InputError
from stromal.model import System

PASSING = {"cell": "T", "place": "lung", "verbs": "death;migrates", "status": "assumed"}


def body(folder: Path, *more: dict[str, str], **passing: str) -> System:
    """Return the small body with T cells in the lung too, which they only pass."""
    tables = {"passing": [{**PASSING, **passing}], "behaviours": [*BODY["behaviours"], *more]}
    return compiled(small_evidence(folder, tables, base=BODY), {**SITES, "T": ("blood", "lung", "target")})


def acts(system: System, place: str) -> set[str]:
    """Return what T cells do in a place."""
    lineage = f"{place}:Tconv."
    done = {p.name.split(":")[2] for p in system.processes if p.name.startswith(f"{place}:T:")}
    return done | {p.name for p in system.processes if p.name.startswith(lineage)}


def test_what_is_not_among_their_verbs_does_not_happen(tmp_path: Path) -> None:
    system = body(tmp_path)
    assert acts(system, "lung") == {"death"}
    assert "division" in acts(system, "target") and "secretes IL2" in acts(system, "target")
    assert "target:Tconv.CD25" in system.state_index and "lung:Tconv.CD25" not in system.state_index


def test_a_row_for_the_place_is_an_exception(tmp_path: Path) -> None:
    row = {
        "cell": "T",
        "behaviour": "division",
        "base": "0.1",
        "where": "place=lung",
        "most": "5",
        "least": "0.05",
    }
    assert acts(body(tmp_path, row), "lung") == {"death", "division"}


def test_a_verb_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="verbs"):
        body(tmp_path, verbs="sleeps")
