"""A population of the small disease, quick to solve, and its bytes on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from small_disease import disease_evidence, write_disease

from stromal.stream.plan import plan_source
from stromal.stream.source import Source

__all__ = ["CHUNK", "DAYS", "PATIENTS", "small_source", "stored"]

#: A population of five chunks, the last of which is not full.
PATIENTS, CHUNK = 44, 10
DAYS = (0.0, 1.0, 2.0, 5.0, 9.0)


def small_source(
    folder: Path,
    *,
    arm: str = "",
    draws: int = 5,
    days: tuple[float, ...] = DAYS,
    **changes: Mapping[str, str],
) -> Source:
    """Return the source of a population of the small disease, whose files are put into a folder."""
    evidence = disease_evidence(folder / "tables")
    path = write_disease(folder / "disease", **changes)
    name = path.parent / "small-trial.toml" if arm else path
    return plan_source(name, evidence, days=days, arm=arm, draws=draws, threads=1)


def stored(folder: Path) -> dict[str, bytes]:
    """Return what a folder holds, byte by byte, apart from what names no patient."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "lock")
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}
