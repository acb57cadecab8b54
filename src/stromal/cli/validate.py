"""``stromal validate``: check what one wrote."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ..errors import InputError
from .out import Dirs, Json, Word, emit, envelope, error_object, write_json
from .validate_body import is_regimen, load_tables, of_body, regimen

__all__ = ["validate"]


def validate(
    path: Path, /, *, give: Word = "MSC", unit: Word = "", json: Json = False, evidence: Dirs = ()
) -> int:
    """Check a folder of tables; a TOML file of an assay, claims, a disease, module or trial; a regimen (CSV).

    Parameters
    ----------
    path
        Folder or file.
    give
        What a regimen (a NONMEM-style table with ID, TIME and AMT) gives.
    unit
        Of AMT in a regimen; cells/kg of cells by default.
    """
    inputs = {"path": str(path), "evidence": [str(p) for p in evidence]}
    if path.is_dir():
        return _folder(path, inputs, evidence, json)
    if not path.is_file():
        raise InputError("no such file or folder", file=str(path), key="path")
    if path.suffix == ".csv" and is_regimen(path):
        about = regimen(path, load_tables(evidence), give, unit)
        words = [f"{path}: regimen, {_words(about)}; all right"]
        emit(envelope("validate", inputs, kind="regimen", summary=about, problems=[]), words, as_json=json)
        return 0
    if path.suffix == ".csv":
        raise InputError(
            "a table is checked with the folder that it stands in",
            file=str(path),
            key="path",
            suggestion=f"stromal validate {path.parent}",
        )
    if path.suffix != ".toml":
        raise InputError("neither a folder of tables nor a TOML file", file=str(path), key="path")
    kind, about = _toml(path, evidence)
    emit(
        envelope("validate", inputs, kind=kind, summary=about, problems=[]),
        [f"{path}: {kind}, {_words(about)}; all right"],
        as_json=json,
    )
    return 0


def _folder(path: Path, inputs: dict[str, Any], others: tuple[Path, ...], json: bool) -> int:
    from ..evidence import load_evidence
    from ..evidence.check import problems
    from ..evidence.read import read_table

    if sorted(path.glob("*.toml")) and not sorted(path.glob("*.csv")):
        raise InputError(
            "a folder of TOML files", file=str(path), key="path", suggestion="validate each file"
        )
    tables = load_evidence(*others, path, check=False)
    # which of the user's own rows are wrong: problems are found in the tables as they lie over each other
    found = list(problems(tables))
    if found:
        write = found[1:20]
        if json:
            write_json({**error_object(found[0]), "problems": [p.as_dict() for p in found]})
        import sys

        for problem in [found[0], *write]:
            sys.stderr.write(f"stromal: {' '.join(str(problem).split())}\n")
        if len(found) > 20:
            sys.stderr.write(f"stromal: and {len(found) - 20} more\n")
        return 2
    about = {file.stem: len(read_table(file)) for file in sorted(path.glob("*.csv"))}
    emit(
        envelope("validate", inputs, kind="tables", summary=about, problems=[]),
        [f"{path}: tables, {_words(about)}; all right"],
        as_json=json,
    )
    return 0


def _words(about: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in about.items()) or "nothing"


def _toml(path: Path, others: tuple[Path, ...]) -> tuple[str, dict[str, int]]:
    from ..evidence import load_evidence
    from ..experiments import load_assay

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise InputError(f"cannot be read: {err}", file=str(path)) from None
    tables = load_evidence(*others)
    if any(isinstance(v, dict) and ({"says", "expect"} & set(v)) for v in data.values()):
        from ..inference import load_claims

        claims = load_claims(tables, path)
        return "claims", {"claims": len(claims), "arms": sum(len(c.arms) for c in claims.values())}
    if (found := of_body(path, data, tables)) is not None:
        return found
    from ..experiments.arm import parse_arm

    assay = load_assay(path, tables)
    parse_arm(assay.defaults, {}, tables, file=path.name, name="defaults")
    return "assay", {
        "cells": len(assay.main.seed),
        "readouts": len(assay.readouts),
        "ratios": len(assay.ratios),
    }
