"""One table of a user's file, or one set of options: its keys are read one by one, with clear errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, nearest
from ..evidence.units import parse_quantity

__all__ = ["Given"]


@dataclass(frozen=True)
class Given:
    """Keys as a user wrote them, and where they stand.

    Attributes
    ----------
    data : dict of str to object
        Keys that are None or empty text are not given.
    file : str
    row : int or None
        Line of the file.
    name : str
        Table that the keys are in, put before a key in messages.
    """

    data: Mapping[str, Any]
    file: str = ""
    row: int | None = None
    name: str = ""

    def fail(self, message: str, key: str = "", suggestion: str = "") -> InputError:
        """Return the error of a key."""
        full = f"{self.name}.{key}".strip(".")
        return InputError(message, file=self.file, row=self.row, key=full, suggestion=suggestion)

    def elsewhere(self, err: InputError, key: str) -> InputError:
        """Return an error of a deeper layer as the error of a key."""
        return self.fail(err.message, key, err.suggestion)

    def has(self, key: str) -> bool:
        """Whether a key is given."""
        value = self.data.get(key)
        return value is not None and not (isinstance(value, str) and not value.strip())

    def only(self, keys: Iterable[str], what: str) -> None:
        """Refuse keys other than these."""
        valid = tuple(keys)
        for key in self.data:
            if key not in valid:
                raise self.fail(f"no such key of {what}", key, nearest(key, valid))

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        if not self.has(key):
            return default
        value = self.data[key]
        if not isinstance(value, str):
            raise self.fail(f"{value!r} is not text", key)
        return value.strip()

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; one text stands for a list of words."""
        value = self.data.get(key) if self.has(key) else ()
        items = value.split() if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(i, str) for i in items):
            raise self.fail(f"{value!r} is not a list of names", key)
        return tuple(items)

    def number(self, key: str, default: float = 0.0, unit: str = "") -> float:
        """Return a number, given bare or with a unit that is converted to ``unit``."""
        return self.as_number(self.data[key], key, unit) if self.has(key) else default

    def numbers(self, key: str, unit: str = "") -> tuple[float, ...]:
        """Return a list of numbers; ``"0 7 14"`` stands for one."""
        value = self.data.get(key) if self.has(key) else ()
        items = value.split() if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise self.fail(f"{value!r} is not a list of numbers", key, "write for example [0, 7, 14]")
        return tuple(self.as_number(item, key, unit) for item in items)

    def as_number(self, value: Any, key: str, unit: str = "") -> float:
        """Return one value of a key as a finite number."""
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise InputError(f"{value!r} is not a number")
            out = parse_quantity(value, unit or "relative")
        except InputError as err:
            raise self.elsewhere(err, key) from None
        except OverflowError:  # a whole number of a file may have any length
            out = math.inf
        if not math.isfinite(out):
            raise self.fail(f"{value!r} is not a finite number", key)
        return out

    def whole(self, key: str) -> int:
        """Return a whole number that is not negative."""
        value = self.number(key)
        if value < 0 or value != int(value):
            raise self.fail(f"{self.data[key]!r} is not a whole number of at least 0", key)
        return int(value)

    def known(self, key: str, value: str, valid: Iterable[str], what: str = "") -> str:
        """Return ``value`` if it is one of ``valid``."""
        names = tuple(valid)
        if value not in names:
            raise self.fail(f"no {what or key} {value!r}", key, nearest(value, names))
        return value
