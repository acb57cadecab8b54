"""Outcomes that are kept in the cache folder: an interrupted check goes on where it stopped."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..cache import cache_folder
from ..experiments.ensemble import Ensemble

__all__ = ["kept_file", "read_kept", "write_kept"]

#: Files whose content decides what a claim gives, beside the tables (which have a digest of their own).
DECIDES = (".py", ".toml", ".csv")


@cache
def _program() -> str:
    """Return a hash of code, assays, diseases, trials and posteriors."""
    digest = sha256()
    root = Path(__file__).parents[1]
    for file in sorted(root.rglob("*")):
        if file.suffix in DECIDES and file.parent.name != "tables":
            digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def kept_file(kind: str, *depends: object) -> Path:
    """Return where an outcome is kept: a name made of the program and all that it depends on.

    Parameters
    ----------
    kind : str
        Folder within the cache.
    *depends : object
        An `Ensemble`, or anything whose ``repr`` says all.
    """
    key = sha256(_program().encode())
    for thing in depends:
        if isinstance(thing, Ensemble):
            key.update(repr((thing.seed, thing.ids, thing.central)).encode())
            for name in sorted(thing.directions):
                key.update(name.encode() + np.ascontiguousarray(thing.directions[name]).tobytes())
        else:
            key.update(repr(thing).encode())
        key.update(b"|")
    return cache_folder() / kind / f"{key.hexdigest()[:40]}.json"


def read_kept(file: Path) -> Any | None:
    """Return what was kept; None if it is not there or not whole."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_kept(file: Path, data: object) -> None:
    """Keep an outcome, whole or not at all; a disk that cannot be written costs time, nothing else."""
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(data), encoding="utf-8")
        draft.replace(file)
    except OSError:
        with suppress(OSError):
            draft.unlink()
