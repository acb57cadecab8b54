"""What is refused before anything is solved: numbers that cannot be, folders that hold something else."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError
from .ledger import NAME as LEDGER
from .ledger import Ledger
from .lock import NAME as LOCK

__all__ = ["CHUNK", "check_size", "check_target"]

#: Patients of a chunk unless asked for otherwise; most of a chunk and of a population.
CHUNK, MOST_CHUNK, MOST = 2048, 100_000, 10**9


def check_size(patients: int, chunk: int, draws: int) -> None:
    """Refuse numbers that cannot be.

    Raises
    ------
    InputError
    """
    for key, value, most in (("patients", patients, MOST), ("chunk", chunk, MOST_CHUNK)):
        if not 1 <= value <= most:
            raise InputError(f"{value} {key}" if key == "patients" else f"{value} patients of a chunk",
                             key=key, suggestion=f"1 to {most}")  # fmt: skip
    if draws < 1:
        raise InputError(f"{draws} draws asked for", key="draws", suggestion="at least 1")


def check_target(folder: Path, resume: bool) -> Ledger | None:
    """Refuse, before anything is solved, a folder that is not new, empty, or a population to go on with.

    Raises
    ------
    InputError
    """
    if folder.exists() and not folder.is_dir():
        raise InputError("is not a folder", file=str(folder), key="out")
    if not folder.absolute().parent.is_dir():
        raise InputError("the folder above it does not exist", file=str(folder), key="out")
    there = folder if folder.is_dir() else folder.absolute().parent
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError("cannot be written: permission denied", file=str(folder), key="out")
    found = Ledger.read(folder)
    if found is None:
        own = {LOCK, f".{LEDGER}.part"}
        others = sorted(p.name for p in folder.iterdir() if p.name not in own) if folder.is_dir() else []
        if others:
            raise InputError(
                f"holds {others[0]!r}, which is no population",
                file=str(folder),
                key="out",
                suggestion="name a new or empty folder",
            )
    elif not resume:
        raise InputError(
            f"holds {found.done} of {found.patients} patients already",
            file=str(folder),
            key="out",
            suggestion="resume it, or name a new folder",
        )
    return found
