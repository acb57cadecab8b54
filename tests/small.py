"""Small tables made in a test: a few rows of text become an `Evidence`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from stromal.evidence import Evidence
from stromal.evidence.check import check_evidence
from stromal.evidence.read import read_table
from stromal.evidence.records import TABLES

__all__ = ["BENCH", "small_evidence", "write_tables"]

_SOURCED = {"source": "made for a test", "status": "assumed", "strength": "measured", "spread": "1"}
#: What every row has unless it says otherwise.
_USUAL: Mapping[str, Mapping[str, str]] = {
    "cells": {"slots": "1", **_SOURCED},
    "mediators": {"kind": "cytokine", "unit": "ng/mL", "maker": "both", "scale": "1"},
    "kinetics": {"place": "well", **_SOURCED},
    "behaviours": {"unit": "1/day", **_SOURCED},
    "rules": {"half_max": "1", "refs": "44", **_SOURCED},
    "products": {"status": "assumed", "strength": "measured", "spread": "1.01"},
    "blocks": {"status": "assumed", "efficacy": "0.9"},
    "crossreactivity": {"status": "assumed"},
    "directions": {"prior": "1", "spread": "3"},
}
#: A bench with few things: a T cell that divides, a MSC that makes PGE2 and carries PD-L1.
BENCH: Mapping[str, list[dict[str, str]]] = {
    "cells": [
        {"name": "T", "label": "T cell", "lineage": "Tconv", "groups": "lymphocyte"},
        {"name": "T.active", "label": "active T cell", "lineage": "Tconv", "groups": "lymphocyte", "slots": "2"},
        {"name": "MSC", "label": "MSC", "lineage": "MSC", "slots": "4"},
    ],
    "mediators": [
        {"name": "IL2", "label": "IL-2"},
        {"name": "IFNG", "label": "IFN-gamma", "maker": "host"},
        {"name": "PGE2", "label": "PGE2", "maker": "MSC", "molar_mass": "352.5"},
    ],
    "kinetics": [
        {"mediator": "IL2", "half_life": "1", "half_life_unit": "day"},
        {"mediator": "IFNG"},
        {"mediator": "PGE2", "diffusion": "1e8", "diffusion_unit": "um^2/day"},
    ],
    "behaviours": [
        {"cell": "T.active", "behaviour": "division", "base": "1", "most": "5", "least": "0.05"},
        {"cell": "T", "behaviour": "becomes T.active", "base": "0.5"},
        {"cell": "MSC", "behaviour": "secretes PGE2", "base": "100", "unit": "ng/1e6 cells/day"},
        {"cell": "MSC", "behaviour": "expresses PD-L1", "base": "0.1", "unit": "relative", "most": "10", "least": "0.1", "half_life": "1", "half_life_unit": "day"},
    ],
}  # fmt: skip


def write_tables(folder: Path, tables: Mapping[str, list[dict[str, str]]]) -> None:
    """Write tables as CSV files, with the usual values of cells that a row leaves out."""
    folder.mkdir(exist_ok=True, parents=True)
    for table, rows in tables.items():
        full = [{**_USUAL.get(table, {}), **row} for row in rows]
        columns = list(dict.fromkeys(column for row in full for column in row))
        with open(folder / f"{table}.csv", "w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, restval="")
            writer.writeheader()
            writer.writerows(full)


def small_evidence(
    folder: Path,
    more: Mapping[str, list[dict[str, str]]] | None = None,
    *,
    base: Mapping[str, list[dict[str, str]]] = BENCH,
) -> Evidence:
    """Return tables made of the rows of ``base`` and ``more``; a later row replaces one of the same key."""
    rows: dict[str, dict] = {name: {} for name in TABLES}
    for i, layer in enumerate((base, more or {})):
        write_tables(folder / str(i), layer)
        for file in sorted((folder / str(i)).glob("*.csv")):
            rows[file.stem].update({row.identity(): row for row in read_table(file)})
    evidence = Evidence(rows, ("test",))
    check_evidence(evidence)
    return evidence
