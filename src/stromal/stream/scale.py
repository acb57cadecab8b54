"""Who solves the chunks: this process, or the workers of a dask scheduler. The bytes are the same."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np

from ..errors import InputError
from .source import Source

__all__ = ["chunks_here", "chunks_on", "code_digest"]

Made = tuple[int, dict[str, np.ndarray]]
#: Chunks in hand for each worker; results wait for their turn in memory, so there are not many.
AHEAD = 4
#: Seconds in which a scheduler has to answer, and to have a worker.
PATIENCE = 30


def chunks_here(
    source: Source,
    starts: range,
    stop: int,
    threads: int | None,
    tell: Callable[[int], None] | None = None,
) -> Iterator[Made]:
    """Solve chunks one after the other, each on all threads."""
    for start in starts:
        yield start, source.make(start, min(start + starts.step, stop), threads, tell)


def chunks_on(
    scheduler: str, source: Source, starts: range, stop: int, threads: int | None
) -> Iterator[Made]:
    """Solve chunks on the workers of a scheduler; a worker that is lost costs time, nothing else.

    Parameters
    ----------
    scheduler : str
        Address, ``tcp://host:8786``.
    source : Source
    starts : range
    stop : int
    threads : int, optional
        Of each chunk; 1 by default, as a worker has a chunk for each of its threads.

    Raises
    ------
    InputError
        If there is no scheduler or worker, or a worker has another version of the program.
    """
    try:
        import distributed
        import joblib
    except ImportError:
        raise InputError(
            "a scheduler needs dask", key="scheduler", suggestion="pip install 'stromal[dask]'"
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as err:
        raise InputError(
            f"no dask scheduler answers at {scheduler}: {err}", key="scheduler", suggestion="tcp://host:8786"
        ) from None
    # sent with every chunk, so that nothing is lost with the worker that has it
    packed = zlib.compress(pickle.dumps(source))
    code = code_digest()
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise InputError(f"no worker came within {PATIENCE} s", key="scheduler", file=scheduler) from None
        left = list(starts)
        with joblib.parallel_config(backend="dask", client=client):
            while left:
                some = left[: AHEAD * max(1, sum(client.ncores().values()))]
                left = left[len(some) :]
                calls = (
                    joblib.delayed(_remote)(packed, code, a, min(a + starts.step, stop), threads or 1)
                    for a in some
                )
                try:
                    made = joblib.Parallel(return_as="generator", batch_size=1, pre_dispatch="all")(calls)
                    yield from zip(some, made, strict=True)
                except (OSError, CancelledError, distributed.KilledWorker) as err:
                    raise InputError(
                        f"scheduler or workers are lost: {err}",
                        file=scheduler,
                        key="scheduler",
                        suggestion="resume when they are back",
                    ) from err


def _remote(packed: bytes, code: str, start: int, stop: int, threads: int) -> dict[str, np.ndarray]:
    """Solve a chunk in a worker."""
    if code_digest() != code:
        raise InputError("a worker has another version of stromal", key="scheduler")
    return _unpacked(packed).make(start, stop, threads)


@lru_cache(maxsize=2)
def _unpacked(packed: bytes) -> Source:
    source: Source = pickle.loads(zlib.decompress(packed))
    return source


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return a hash of the code that patients depend on."""
    digest = sha256()
    root = Path(__file__).parents[1]
    for layer in ("evidence", "model", "ode", "experiments", "stream"):
        for file in sorted((root / layer).glob("*.py")):
            digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]
