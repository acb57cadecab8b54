"""The one error that a user's mistake raises."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "nearest"]


class InputError(Exception):
    """Something that the user gave cannot be used.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    file : str, optional
        File it stands in.
    row : int, optional
        Line of that file (the header is line 1).
    key : str, optional
        Column, table or option.
    suggestion : str, optional
        The nearest valid name, or what to do.
    """

    def __init__(
        self, message: str, *, file: str = "", row: int | None = None, key: str = "", suggestion: str = ""
    ) -> None:
        self.message, self.file, self.row, self.key, self.suggestion = message, file, row, key, suggestion
        super().__init__(str(self))

    def __str__(self) -> str:
        place = self.file + (f", line {self.row}" if self.row is not None else "")
        if self.key:
            place += (", " if place else "") + self.key
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.suggestion})" if self.suggestion else text

    def as_dict(self) -> dict[str, object]:
        """Return the error as the ``error`` object of ``--json``."""
        return {
            "file": self.file,
            "row": self.row,
            "key": self.key,
            "message": self.message,
            "suggestion": self.suggestion,
        }


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the valid name nearest to ``name``, or a short list of all."""
    names = sorted(set(valid))
    lower = {n.lower(): n for n in reversed(names)}
    match = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    if match:
        return f"did you mean {lower[match[0]]!r}?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"known: {shown}" if names else ""
