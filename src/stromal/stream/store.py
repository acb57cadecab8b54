"""The zarr store of a population: made empty, filled chunk by chunk, through xarray."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .source import Template

__all__ = ["NAME", "check", "create", "need_zarr", "tidy", "whole", "write"]

NAME = "population.zarr"


def need_zarr() -> Any:
    """Return the zarr module.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import zarr
    except ImportError:
        raise InputError("streaming needs zarr", suggestion="pip install 'stromal[stream]'") from None
    return zarr


def create(
    folder: Path,
    template: Template,
    days: tuple[float, ...],
    patients: int,
    chunk: int,
    attrs: dict[str, Any],
) -> None:
    """Make the store of a population of any size: names, shapes and attributes, no values.

    Whatever is there under its name is removed.
    """
    import xarray as xr

    zarr = need_zarr()
    path = folder / NAME
    if path.exists():
        shutil.rmtree(path)
    coords = {"day": ("day", np.array(days), {"long_name": "days on the clock of the disease"})}
    empty = xr.Dataset({k: v for k, v in template.items()}, coords, attrs)
    empty = empty.set_coords(["draw", "number"])
    encoding: dict[str, dict[str, Any]] = {}
    for name, (dims, values, _) in template.items():
        encoding[name] = {"chunks": (chunk, *(len(days) for _ in dims[1:]))}
        if values.dtype.kind == "f":
            encoding[name]["_FillValue"] = np.nan
    empty.to_zarr(path, mode="w-", encoding=encoding, zarr_format=2, consolidated=False)
    group = zarr.open_group(path, mode="r+")
    for name, (_, values, _) in template.items():
        group[name].resize((patients, *values.shape[1:]))
    zarr.consolidate_metadata(path)


def write(folder: Path, template: Template, start: int, made: Mapping[str, np.ndarray], chunk: int) -> None:
    """Write one chunk; all of it is on the disk when this returns."""
    import xarray as xr

    variables = {name: (template[name][0], values) for name, values in made.items()}
    stop = start + len(next(iter(made.values())))
    xr.Dataset(variables).to_zarr(
        folder / NAME,
        region={"patient": slice(start, stop)},
        consolidated=False,
        zarr_format=2,
        write_empty_chunks=True,
    )
    for file in _files(folder, template, start // chunk):
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def check(folder: Path, template: Template, patients: int) -> None:
    """Refuse a store whose names or shapes are not those of the population.

    Raises
    ------
    InputError
    """
    zarr = need_zarr()
    try:
        group = zarr.open_group(folder / NAME, mode="r", zarr_format=2, use_consolidated=False)
        sound = all(group[name].shape[0] == patients for name in template)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise InputError(
            "is not the store that the ledger beside it speaks of",
            file=str(folder / NAME),
            suggestion="remove the folder and begin anew",
        )


def tidy(folder: Path) -> None:
    """Remove files that a run did not live to finish; zarr gives them their name when they are whole."""
    for file in (folder / NAME).glob("*/*.partial"):
        file.unlink()


def whole(folder: Path, template: Template, done: int, chunk: int) -> int:
    """Return how many patients, from the first on, have all their files: ``done`` unless some are lost."""
    there = {name: set(_listed(folder / NAME / name)) for name in template}
    for index in range(-(-done // chunk)):
        if any(file.name not in there[file.parent.name] for file in _files(folder, template, index)):
            return index * chunk
    return done


def _files(folder: Path, template: Template, index: int) -> list[Path]:
    return [
        folder / NAME / name / ".".join([str(index), *("0" for _ in dims[1:])])
        for name, (dims, _, _) in template.items()
    ]


def _listed(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if entry.stat().st_size]
    except OSError:
        return []
