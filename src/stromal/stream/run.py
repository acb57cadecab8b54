"""Stream a population into a folder, from the first chunk that is missing on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..evidence import Evidence, load_evidence
from . import store
from .about import attributes, inputs
from .ledger import Ledger
from .lock import only_writer
from .plan import plan_source
from .read import open_population
from .scale import chunks_here, chunks_on
from .source import Source
from .target import CHUNK, check_size, check_target

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["stream_population", "stream_source"]


def stream_population(
    name: str | Path,
    out: str | Path,
    *,
    patients: int,
    observables: Sequence[str] = (),
    days: Sequence[float] = (),
    arm: str = "",
    draws: int = 40,
    chunk: int = CHUNK,
    resume: bool = False,
    scheduler: str = "",
    threads: int | None = None,
    evidence: Evidence | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> xr.Dataset:
    """Follow virtual patients of a disease and keep what is asked of them in a folder, chunk by chunk.

    Memory does not depend on the number of patients. A run that was stopped, by whatever, goes on where
    it was with ``resume=True`` and the same arguments.

    Parameters
    ----------
    name : str or path
        A disease or a trial.
    out : str or path
        Folder; new or empty, or that of a run to go on with.
    patients : int
    observables : sequence of str
        Of the disease; all by default.
    days : sequence of float
        On the clock of the disease; enrolment and 7, 14, 28 and 56 days after it by default.
    arm : str
        Arm of the trial that everybody goes through from enrolment on; none by default.
    draws : int
        Draws of the ensemble; patients take turns through them.
    chunk : int
        Patients of a chunk; it changes how the store is cut, not what is in it.
    resume : bool
        Whether to go on with what the folder holds.
    scheduler : str
        Address of a dask scheduler whose workers solve the chunks; this process by default.
    threads : int, optional
        All cores by default, one for each chunk on a scheduler. Results do not depend on it.
    evidence : Evidence, optional
    progress : callable, optional
        Called with (what, done, of).

    Returns
    -------
    xarray.Dataset
        Opened without being read, as `open_population` does.

    Raises
    ------
    InputError
        If something cannot be used, the folder holds something else, or the disk is full.
    """
    store.need_zarr()
    check_size(patients, chunk, draws)
    folder = Path(out)
    check_target(folder, resume)
    tables = evidence or load_evidence()
    if progress:
        progress("patients", 0, patients)
    source = plan_source(
        name, tables, observables=observables, days=days, arm=arm, draws=draws, threads=threads
    )
    return stream_source(
        source,
        folder,
        patients,
        chunk=chunk,
        resume=resume,
        scheduler=scheduler,
        threads=threads,
        progress=progress,
    )


def stream_source(
    source: Source,
    folder: Path,
    patients: int,
    *,
    chunk: int = CHUNK,
    resume: bool = False,
    scheduler: str = "",
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> xr.Dataset:
    """Stream the patients of a source, as `stream_population` does."""
    check_target(folder, resume)
    fresh = Ledger(inputs(source), patients, chunk)

    def tell(done: int) -> None:
        if progress:
            progress("patients", done, patients)

    with _disk(folder):
        folder.mkdir(exist_ok=True)
        with only_writer(folder):
            ledger = _begun(folder, fresh, resume)
            template = source.template()
            if ledger.done:
                store.check(folder, template, patients)
                store.tidy(folder)
                ledger = replace(ledger, done=store.whole(folder, template, ledger.done, chunk))
            else:
                ledger.write(folder)
                store.create(folder, template, source.days, patients, chunk, attributes(source))
            starts = ledger.chunks()
            if scheduler and len(starts):
                made = chunks_on(scheduler, source, starts, patients, threads)
            else:
                made = chunks_here(source, starts, patients, threads, tell)
            tell(ledger.done)
            for start, some in made:
                store.write(folder, template, start, some, chunk)
                ledger = replace(ledger, done=min(start + chunk, patients))
                ledger.write(folder)
                tell(ledger.done)
    return open_population(folder)


def _begun(folder: Path, fresh: Ledger, resume: bool) -> Ledger:
    found = check_target(folder, resume)
    if found is None:
        return fresh
    other = found.differs(fresh)
    if other:
        raise InputError(
            f"holds a population with other {', '.join(other)}",
            file=str(folder),
            key="out",
            suggestion="name a new folder",
        )
    return found


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Say what a disk that refuses means for what was written before."""
    try:
        yield
    except OSError as err:
        try:
            kept = Ledger.read(folder)
        except InputError:
            kept = None
        done = f"; {kept.done} of {kept.patients} patients are kept" if kept else ""
        raise InputError(
            f"cannot be written: {(err.strerror or str(err)).lower()}{done}",
            file=str(folder),
            key="out",
            suggestion="make room and resume" if kept else "",
        ) from err
