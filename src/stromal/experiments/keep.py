"""Finished parts of a long run are kept until it has ended: an interrupt loses no more than one part."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

import numpy as np

from ..cache import cache_folder
from ..evidence import Evidence
from .ensemble import Ensemble
from .trial import Trial

__all__ = ["Keeper"]


class Keeper:
    """Keeps parts of one run in the cache folder, under a hash of all that they depend on.

    Parameters
    ----------
    trial : Trial
    evidence : Evidence
    bodies : Ensemble
    size, keep : int
        Plausible and enrolled patients of a draw.
    resume : bool
        Whether to keep anything at all.
    """

    def __init__(
        self, trial: Trial, evidence: Evidence, bodies: Ensemble, size: int, keep: int, *, resume: bool = True
    ) -> None:
        h = blake2b(digest_size=12)
        for text in (
            evidence.digest,
            trial.spec.model_dump_json(exclude={"n", "reported", "historical", "endpoints", "primary"}),
            trial.disease.spec.model_dump_json(exclude={"endpoints"}),
            repr([(arm.name, arm.therapies, arm.block, arm.knockout) for arm in trial.arms]),
            repr((trial.background, sorted(trial.endpoints), size, keep)),
            repr((bodies.seed, bodies.ids, {k: v.tolist() for k, v in bodies.directions.items()})),
            _code(),
        ):
            h.update(text.encode())
        self.folder = cache_folder() / "runs" / h.hexdigest() if resume else None

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # what an interrupt leaves is for the next run; a run that has ended needs nothing
        if kind is None and self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def part(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return a part that was kept, or make and keep it."""
        if self.folder is None:
            return make()
        digest = blake2b(name.encode(), digest_size=8).hexdigest()
        path = self.folder / f"{digest}.npz"
        try:
            with np.load(path) as stored:
                return {key: stored[key] for key in stored.files}
        except (OSError, ValueError, KeyError, EOFError):
            pass  # not there, or not whole: make it again
        made = make()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{os.getpid()}.tmp")
            with open(draft, "wb") as stream:
                np.savez(stream, **made)  # type: ignore[arg-type]
            draft.replace(path)
        except OSError:
            pass  # a full disk must not end the run: this part is only not kept
        return made


def _code() -> str:
    """Return a hash of the code whose results are kept."""
    h = blake2b(digest_size=8)
    here = Path(__file__).parents[1]
    for folder in ("model", "ode", "experiments"):
        for path in sorted((here / folder).glob("*.py")):
            h.update(path.read_bytes())
    return h.hexdigest()
