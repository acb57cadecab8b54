"""``stromal export``: a model for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .out import Dirs, Flag, Json, Word, Words, emit, envelope, split

__all__ = ["export"]


def export(
    name: str = "coculture",
    /,
    *,
    format: str = "sbml",
    out: Path | None = None,
    ratio: Word = "",
    product: Word = "",
    priming: Words = (),
    block: Words = (),
    transwell: Flag = False,
    arm: Word = "",
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Write an assay, or a patient's course through a trial, as a model file with units and citations.

    Parameters
    ----------
    name
        A shipped assay, trial or disease, or a TOML file of your own.
    format
        sbml (Level 3 Version 2).
    out
        File to write; standard output by default.
    ratio
        MSC:target of the arm that is written; the assay's by default.
    product
        Product of that arm.
    priming
        Priming of that arm; repeatable.
    block
        Blocks in that arm; repeatable.
    transwell
        MSC behind a membrane.
    arm
        Of a trial: the arm whose doses are written; the last by default.
    """
    from ..evidence import load_evidence
    from ..export import export_model
    from ..views.files import check_file, write_file

    if out is not None:
        check_file(out, "out")
    tables = load_evidence(*evidence)
    keys: dict[str, Any] = {
        "ratio": ratio,
        "product": product,
        "priming": split(priming),
        "block": split(block),
        "contact": "transwell" if transwell else "",
    }
    given = {k: v for k, v in keys.items() if v}
    text = export_model(name, format=format, arm=arm or given or None, evidence=tables)
    if out is not None:
        write_file(out, text.encode(), "out")
    inputs = {"assay": name, "format": format, **given, "arm": arm, "evidence": [str(p) for p in evidence]}
    own: dict[str, Any] = {
        "format": format,
        "out": None if out is None else str(out),
        "model": text if out is None else None,
    }
    if out is None and not json:
        sys.stdout.write(text)
        return
    emit(envelope("export", inputs, **own), [f"{name} as {format}: {out}"], as_json=json)
