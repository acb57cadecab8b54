"""Independent jobs on all cores, in processes: compiling a model holds the interpreter's lock."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Progress", "each"]

#: Called with (what, done, of).
Progress = Callable[[str, int, int], None]


def each(
    work: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    *,
    threads: int | None = None,
    done: Callable[[int, Any], None] | None = None,
) -> list[Any]:
    """Return ``work(*job, threads=...)`` of each job, in the order of the jobs.

    Parameters
    ----------
    work : callable
        A function of a module; what it returns may not depend on ``threads``.
    jobs : sequence of tuple
        Long ones first is fastest.
    threads : int, optional
        Processes; all cores by default. One job alone gets all the threads instead.
    done : callable, optional
        Called with (index of job, result) as each ends, in any order.
    """
    out: list[Any] = [None] * len(jobs)

    def ended(i: int, result: Any) -> None:
        out[i] = result
        if done:
            done(i, result)

    import joblib

    workers = min(threads or joblib.cpu_count(), len(jobs))
    if workers <= 1:
        for i, job in enumerate(jobs):
            ended(i, work(*job, threads=threads))
        return out
    calls = (joblib.delayed(_numbered)(i, work, job) for i, job in enumerate(jobs))
    with warnings.catch_warnings():
        # machine code of finished models stays in a process until that is replaced, which is no fault
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        for i, result in joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(calls):
            ended(i, result)
    return out


def _numbered(i: int, work: Callable[..., Any], job: tuple[Any, ...]) -> tuple[int, Any]:
    return i, work(*job, threads=1)
