"""A population that was streamed, opened without being read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .ledger import Ledger
from .store import NAME, need_zarr

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["open_population", "patient_ids"]


def open_population(folder: str | Path) -> xr.Dataset:
    """Open the patients of a folder that are whole; values are read when they are used.

    Parameters
    ----------
    folder : str or path
        As ``stromal population --out`` writes it; the run may still be under way.

    Returns
    -------
    xarray.Dataset
        Observables (patient, day); ``solved`` and ``eligible`` (patient); coordinates ``draw`` and
        ``number`` (patient) and ``day``. Chunked if dask is installed.

    Raises
    ------
    InputError
        If the folder holds no population.
    """
    import xarray as xr

    need_zarr()
    path = Path(folder)
    ledger = Ledger.read(path)
    if ledger is None:
        raise InputError("holds no population", file=str(folder))
    if not ledger.done:
        raise InputError("holds no whole chunk of patients yet", file=str(folder))
    data = xr.open_zarr(
        path / NAME, chunks="auto" if _dask() else None, zarr_format=2, decode_timedelta=False
    )
    return data.isel(patient=slice(0, ledger.done))


def patient_ids(data: xr.Dataset) -> list[str]:
    """Return the ids of the patients of a dataset, ``disease-DRAW-NUMBER`` as everywhere."""
    names, disease = data["draw"].attrs["names"], data.attrs["disease"]
    pairs = zip(data["draw"].values, data["number"].values, strict=True)
    return [f"{disease}-{names[d]}-{k}" for d, k in pairs]


def _dask() -> bool:
    from importlib.util import find_spec

    return find_spec("dask") is not None
