"""Read a TOML file into a pydantic model, and say in one sentence what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import InputError, nearest

__all__ = ["Strict", "find", "listed", "parse", "read_toml"]

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A table of a file: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def listed(folder: Path) -> dict[str, Path]:
    """Return the shipped files of a folder: id to path."""
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(name: str | Path, folder: Path, kind: str) -> Path:
    """Return the path of a shipped file by its id, or of a file of one's own.

    Raises
    ------
    InputError
        If there is neither; with the nearest id.
    """
    shipped = listed(folder)
    if str(name) in shipped:
        return shipped[str(name)]
    if Path(name).suffix != ".toml":
        raise InputError(f"no {kind} {str(name)!r}", key=kind, suggestion=nearest(str(name), shipped))
    return Path(name)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise InputError(f"cannot be read: {err}", file=str(path)) from None


def parse(model: type[Model], data: Mapping[str, Any], file: str) -> Model:
    """Check a mapping against a model.

    Raises
    ------
    InputError
        With file, dotted key, and the nearest valid key where one is unknown.
    """
    try:
        return model(**data)
    except ValidationError as err:
        first = err.errors()[0]
        where = [str(part) for part in first["loc"]]
        hint = ""
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message, hint = "no such key", nearest(where[-1], _keys(model, where[:-1]))
        elif expected := first.get("ctx", {}).get("expected", ""):
            options = [o.strip(" '") for o in str(expected).replace(" or ", ",").split(",")]
            hint = nearest(str(first.get("input", "")), options)
        elif first["type"] not in ("missing", "value_error"):
            message = f"{first.get('input')!r}: {message}"
        raise InputError(message, file=file, key=".".join(where), suggestion=hint) from None


def _keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """Return the keys of the model that a path of keys leads to."""
    current: Any = model
    for part in path:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return []
        field = current.model_fields.get(part)
        current = _inner(field.annotation) if field else current
    fields = getattr(current, "model_fields", {})
    return [f.alias or name for name, f in fields.items()]


def _inner(annotation: Any) -> Any:
    """Return the model inside ``dict[str, Model]`` or ``tuple[Model, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (found := _inner(part)) is not None:
            return found
    return None
