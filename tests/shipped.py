"""Read the shipped tables as written, and fail with one line a mistake."""

from __future__ import annotations

import csv
from collections.abc import Iterable

from stromal.evidence.read import SHIPPED

__all__ = ["raw", "report"]


def report(mistakes: Iterable[str]) -> None:
    """Fail with one line a mistake."""
    found = list(mistakes)
    assert not found, f"{len(found)} rows to mend:\n  " + "\n  ".join(found)


def raw(table: str) -> list[tuple[str, dict[str, str]]]:
    """Return (place, record) of each row, as written."""
    with open(SHIPPED / f"{table}.csv", encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        return [(f"{table}.csv, line {reader.line_num}", record) for record in reader]
