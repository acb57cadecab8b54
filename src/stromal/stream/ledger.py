"""How far a population has come: a small file, replaced whole after each chunk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

__all__ = ["NAME", "Ledger"]

NAME = "ledger.json"
FORMAT = 1


@dataclass(frozen=True)
class Ledger:
    """What a folder holds.

    Attributes
    ----------
    inputs : dict
        All that the bytes depend on: a run with others is another population.
    patients : int
        Asked for.
    chunk : int
        Patients of a chunk.
    done : int
        Patients, from the first on, whose chunks are whole.
    """

    inputs: Mapping[str, Any]
    patients: int
    chunk: int
    done: int = 0

    @property
    def complete(self) -> bool:
        """Whether all patients are there."""
        return self.done >= self.patients

    def chunks(self) -> range:
        """Return where the chunks that are missing start."""
        return range(self.done, self.patients, self.chunk)

    def write(self, folder: Path) -> None:
        """Replace the ledger of a folder: a reader, or a kill, meets the old one or the new one."""
        draft = folder / f".{NAME}.part"
        with open(draft, "w", encoding="utf-8") as stream:
            json.dump({"format": FORMAT, **asdict(self)}, stream, indent=1)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, folder / NAME)

    @classmethod
    def read(cls, folder: Path) -> Ledger | None:
        """Return the ledger of a folder, None if it has none.

        Raises
        ------
        InputError
            If it is not one.
        """
        try:
            data = json.loads((folder / NAME).read_text(encoding="utf-8"))
            kind = data.pop("format")
            found = cls(**data)
            sound = kind == FORMAT and 0 <= found.done <= found.patients and found.chunk >= 1
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            sound = False
        if not sound:
            raise InputError(
                "cannot be read as the ledger of a population",
                file=str(folder / NAME),
                suggestion="remove the folder and begin anew",
            )
        return found

    def differs(self, other: Ledger) -> list[str]:
        """Return what two ledgers do not agree on, apart from how far they have come."""
        mine = {**self.inputs, "patients": self.patients, "chunk": self.chunk}
        its = {**other.inputs, "patients": other.patients, "chunk": other.chunk}
        return [key for key in {**mine, **its} if mine.get(key) != its.get(key)]
