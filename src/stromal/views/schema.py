"""The JSON Schemas of what ``--json`` prints; they ship with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest

__all__ = ["list_schemas", "load_schema"]

FOLDER = Path(__file__).parent / "schemas"


def list_schemas() -> dict[str, Path]:
    """Return the shipped schemas: command (or ``error``) to file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.json"))}


def load_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a command's output.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    found = list_schemas()
    if name not in found:
        raise InputError(f"no schema {name!r}", key="schema", suggestion=nearest(name, found))
    schema: dict[str, Any] = json.loads(found[name].read_text(encoding="utf-8"))
    return schema
