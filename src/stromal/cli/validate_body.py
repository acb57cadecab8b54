"""Checks of what makes a trial: diseases, modules, trials and regimens."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..experiments.disease import Disease
    from ..model import System

__all__ = ["body_parts", "is_regimen", "load_tables", "of_body", "regimen"]


def load_tables(folders: tuple[Path, ...]) -> Evidence:
    """Return the shipped tables with those of the user over them."""
    from ..evidence import load_evidence

    return load_evidence(*folders)


def body_parts(name: str, tables: Evidence) -> tuple[str, System] | None:
    """Return title and compiled body of a disease, None if it is none.

    Parameters
    ----------
    name : str
        Id of a shipped disease, or a TOML file.
    tables : Evidence
    """
    from ..experiments.disease import list_diseases, load_disease
    from ..experiments.files import read_toml

    if name not in list_diseases():
        path = Path(name)
        if path.suffix != ".toml" or not path.is_file() or "modules" not in read_toml(path):
            return None
    about = load_disease(name, tables)
    return about.spec.title, about.system(tables)


def of_body(path: Path, data: dict[str, Any], tables: Evidence) -> tuple[str, dict[str, int]] | None:
    """Return the kind of a file of a disease, module or trial, and what is in it; None if it is neither."""
    try:
        return _of_body(path, data, tables)
    except InputError as err:
        if err.file:
            raise
        where = path.name
        raise InputError(
            err.message, file=where, row=err.row, key=err.key, suggestion=err.suggestion
        ) from None


def _of_body(path: Path, data: dict[str, Any], tables: Evidence) -> tuple[str, dict[str, int]] | None:
    if "modules" in data or "observables" in data:
        return "disease", _disease(path, tables)
    if "arms" in data and ("disease" in data or "primary" in data):
        from ..experiments.trial import load_trial

        trial = load_trial(path.resolve(), tables)
        return "trial", {
            "arms": len(trial.arms),
            "patients": sum(arm.n for arm in trial.arms),
            "endpoints": len(trial.spec.endpoints),
            "reported": len(trial.spec.reported),
            "not stated": len(trial.spec.not_stated),
        }
    if "sites" in data:
        return "module", _module(path, data, tables)
    return None


def _disease(path: Path, tables: Evidence) -> dict[str, int]:
    from ..experiments.disease import load_disease
    from ..experiments.endpoint import parse_endpoints
    from ..experiments.switches import knocked_out

    about: Disease = load_disease(path, tables)
    units = {key: item.unit for key, item in about.observables.items()}
    endpoints = parse_endpoints(about.spec.endpoints, observables=units, file=about.file)
    system = about.system(tables)
    for group in ("variability", "directions"):
        for name, item in getattr(about.spec, group).items():
            _selects(about, system, f"{group}.{name}", item.select)
    for text in about.spec.knockout:
        if not knocked_out(system.parameter_index, text):
            raise InputError(f"nothing in this body passes through {text!r}", file=about.file, key="knockout")
    if about.spec.calibration:
        from ..inference.disease_fit import control_rows

        control_rows(about.spec.calibration, about.file)
        for fitted in about.spec.calibration:
            if fitted.endpoint not in endpoints:
                raise InputError(
                    f"no endpoint {fitted.endpoint!r}",
                    file=about.file,
                    key="calibration",
                    suggestion=nearest(fitted.endpoint, endpoints),
                )
    return {
        "modules": len(about.modules),
        "states": len(system.states),
        "insults": len(about.spec.insult),
        "observables": len(about.observables),
        "endpoints": len(endpoints),
        "rows fitted to": len(about.spec.calibration),
    }


def _selects(about: Disease, system: System, key: str, patterns: tuple[str, ...]) -> None:
    """Refuse a pattern that no parameter or insult has: it would change nothing."""
    from fnmatch import fnmatchcase

    names = list(system.parameter_index)
    names += [f"insult:{i.name}:{state}" for i in about.spec.insult for state in (*i.scale, *i.add)]
    names += [f"free:{d['give']}" for d in about.spec.background]
    for pattern in patterns:
        # the background of a trial is not part of the disease, but its drugs may vary between patients
        if not pattern.startswith("free:") and not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(
                f"{pattern!r} selects nothing", file=about.file, key=key, suggestion=nearest(pattern, names)
            )


def _module(path: Path, data: dict[str, Any], tables: Evidence) -> dict[str, int]:
    from ..evidence.units import parse_quantity
    from ..experiments.body import organs
    from ..experiments.disease import Module
    from ..experiments.files import parse

    part = parse(Module, data, path.name)
    places = organs(tables, "human")
    for cell, where in part.sites.items():
        if cell not in tables.cells:
            raise InputError(
                f"no cell {cell!r}", file=path.name, key="sites", suggestion=nearest(cell, tables.cells)
            )
        for place in where:
            if place not in places:
                raise InputError(
                    f"no place {place!r}",
                    file=path.name,
                    key=f"sites.{cell}",
                    suggestion=nearest(place, places),
                )
    for key, group in (("counts", part.counts), ("at_most", part.at_most)):
        for state, amount in group.items():
            try:
                parse_quantity(amount, "cells/uL")
            except InputError as err:
                raise InputError(
                    err.message, file=path.name, key=f"{key}.{state}", suggestion=err.suggestion
                ) from None
    return {"cells": len(part.sites), "counts": len(part.counts), "limits": len(part.at_most)}


def is_regimen(path: Path) -> bool:
    """Whether a CSV has the columns of a NONMEM-style table."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            header = {c.strip().upper() for c in next(csv.reader(stream), [])}
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return {"ID", "TIME"} <= header


def regimen(path: Path, tables: Evidence, give: str, unit: str) -> dict[str, int]:
    """Check a NONMEM-style table and return what is in it.

    Raises
    ------
    InputError
        With file and line.
    """
    from ..experiments.nonmem import read_nonmem

    vesicle = any(r.kind == "vesicle" and r.product == give for r in tables.products)
    drug = give in tables.mediators
    usual = "relative" if drug else "particles" if vesicle else "cells/kg"
    read = read_nonmem(path, tables, {"give": give, "route": "IV"}, unit=unit or usual)
    return {
        "patients or arms": len(read.therapies),
        "doses": sum(len(t.days) for group in read.therapies.values() for t in group),
        "visits": sum(len(days) for days in read.visits.values()),
        "columns ignored": len(read.warnings),
    }
