"""``stromal new``: templates for rules and assays of one's own."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError, nearest
from .out import Json, emit, envelope

__all__ = ["new"]

KINDS = ("rule", "assay")


def new(kind: str, name: str, /, *, dir: Path | None = None, json: Json = False) -> None:
    """Write a template: a rule (a folder of tables) or an assay (a TOML file). Nothing is overwritten.

    Parameters
    ----------
    kind
        rule or assay.
    name
        Its id: lower-case words joined by hyphens.
    dir
        Folder to write into; for a rule a folder named after it by default, for an assay the current one.
    """
    from ..views.files import write_file
    from ..views.templates import ASSAY, RULE_FILES

    if kind not in KINDS:
        raise InputError(f"no template of kind {kind!r}", key="new", suggestion=nearest(kind, KINDS))
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        tidy = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        raise InputError(
            f"{name!r} is not an id",
            key="name",
            suggestion=f"write {tidy!r}" if tidy else "lower-case words joined by hyphens",
        )
    folder = dir or (Path(name) if kind == "rule" else Path())
    files = (
        {folder / f: text for f, text in RULE_FILES.items()}
        if kind == "rule"
        else {folder / f"{name}.toml": ASSAY}
    )
    for path in files:
        if path.exists():
            hint = (
                "add a row to it, or choose another folder with --dir"
                if kind == "rule"
                else "choose another name or --dir"
            )
            raise InputError(
                "exists already, and is left as it is", file=str(path), key="dir", suggestion=hint
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise InputError(f"cannot be made: {err.strerror}", file=str(folder), key="dir") from None
    for path, text in files.items():
        write_file(path, text.replace("NAME", name).encode(), "dir", overwrite=False)
    check = folder if kind == "rule" else next(iter(files))
    use = f"stromal assay coculture --evidence {folder}" if kind == "rule" else f"stromal assay {check}"
    lines = [
        *(f"wrote {path}" for path in files),
        "edit it, then:",
        f"  stromal validate {check}",
        f"  {use}",
    ]
    emit(envelope("new", {"kind": kind, "name": name}, files=[str(p) for p in files]), lines, as_json=json)
