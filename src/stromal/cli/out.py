"""What a command says: one JSON object, or plain aligned text; progress on stderr."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from ..errors import InputError

__all__ = [
    "NOT_FOR_PATIENTS",
    "Dirs",
    "Draws",
    "Flag",
    "Json",
    "Threads",
    "Word",
    "Words",
    "emit",
    "envelope",
    "error_object",
    "paragraphs",
    "percent",
    "split",
    "table",
    "working",
    "write_json",
]

Json = Annotated[
    bool,
    Parameter(name="--json", negative="", show_default=False, help="Print one JSON object and nothing else."),
]
Dirs = Annotated[
    tuple[Path, ...],
    Parameter(
        name="--evidence",
        negative="",
        show_default=False,
        help="Folder of your own tables, laid over the shipped ones; repeatable.",
    ),
]
#: An option that may be repeated.
Words = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]
#: A word, empty if it is not given.
Word = Annotated[str, Parameter(show_default=False)]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]
Draws = Annotated[int, Parameter(help="Draws of the ensemble.")]
Threads = Annotated[
    int | None,
    Parameter(
        help="Threads; all cores by default. Results do not depend on it.",
        validator=validators.Number(gte=1),
    ),
]

#: Seconds after which a command says that it is at work.
PATIENCE = 2.0
NOT_FOR_PATIENTS = "Research software: not for decisions on patients."
RESEARCH = "Research software, not for clinical decisions."


def percent(share: float) -> str:
    """Return a share in percent, written as levels are."""
    return f"{100 * share:.0f} %" if math.isfinite(share) else "-"


def stromal_version() -> str:
    """Return the version of the program."""
    from .. import __version__

    return __version__


def envelope(
    command: str, inputs: Mapping[str, Any], *, seed: int | None = None, **own: Any
) -> dict[str, Any]:
    """Return the object that ``--json`` prints: what every command has, then the command's own keys."""
    base: dict[str, Any] = {
        "schema": f"urn:stromal:schema:{command}:1",
        "stromal": stromal_version(),
        "command": command,
        "inputs": {k: v for k, v in inputs.items() if v is not False and v not in (None, (), [], {}, "")},
        "seed": seed,
        "warnings": [],
        "failed_patients": [],
    }
    return {**base, **own}


def error_object(err: InputError) -> dict[str, Any]:
    """Return the object that ``--json`` prints for input that cannot be used."""
    return {"schema": "urn:stromal:schema:error:1", "stromal": stromal_version(), "error": err.as_dict()}


def write_json(data: Any) -> None:
    """Write one JSON object; what is not a finite number is null."""
    sys.stdout.write(json.dumps(plain(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Return a value made of what JSON has."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    elif hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def emit(data: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Print the object, or the lines with any warnings on stderr."""
    if as_json:
        write_json(data)
        return
    for warning in data.get("warnings", ()):
        sys.stderr.write(f"stromal: {warning}\n")
    for line in lines:
        sys.stdout.write(line + "\n")


def split(words: Iterable[str]) -> tuple[str, ...]:
    """Return the items of repeated options, each of which may be a list with commas."""
    return tuple(item.strip() for word in words for item in word.split(",") if item.strip())


def width() -> int | None:
    """Return columns of the terminal, None where stdout is not one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def paragraphs(texts: Iterable[str]) -> Iterator[str]:
    """Yield one line a text where stdout is piped, wrapped lines on a terminal."""
    columns = width()
    for text in texts:
        if columns is None:
            yield text
        else:
            yield from textwrap.wrap(text, columns, subsequent_indent="    ") or [""]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Return aligned lines; the first ``left`` columns to the left, the others to the right."""
    grid = [list(header), *(list(map(str, row)) for row in rows)]
    widths = [max(len(row[i]) for row in grid) for i in range(len(header))]
    lines = []
    for row in grid:
        cells = [
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * w for w in widths))
    return lines


@contextmanager
def working(text: str) -> Iterator[None]:
    """Say on stderr that long work goes on: a spinner on a terminal, else one line."""
    terminal = sys.stderr.isatty()
    status: Any = None

    def say() -> None:
        nonlocal status
        if terminal:
            from rich.console import Console

            status = Console(stderr=True).status(text)
            status.start()
        else:
            sys.stderr.write(f"stromal: {text} ...\n")

    timer = threading.Timer(PATIENCE, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if status is not None:
            status.stop()
