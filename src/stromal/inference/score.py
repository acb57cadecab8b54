"""Score claims: verdicts, and the lift over models with shuffled rules, with its interval."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..evidence import Evidence
from ..experiments.ensemble import Ensemble
from .claims import Claim

__all__ = ["Progress", "null_verdicts", "summarise", "verdict"]

#: Share of draws in which a claim must hold to *hold*, under which it *fails*, and that must be solved.
HOLDS, FAILS, SOLVED = 0.9, 0.5, 0.95
RESAMPLES = 2000

Progress = Callable[[str, int, int], None]


def verdict(share: float, solved: float) -> str:
    """Return ``holds``, ``mixed``, ``fails`` or ``unsolved``.

    Parameters
    ----------
    share : float
        Of the solved draws, in which the claim holds.
    solved : float
        Share of draws that were solved in all arms.
    """
    if solved < SOLVED:
        return "unsolved"
    return "holds" if share >= HOLDS else "fails" if share < FAILS else "mixed"


def null_verdicts(
    claims: Mapping[str, Claim],
    evidence: Evidence,
    ensemble: Ensemble,
    nulls: int,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[dict[str, bool]]:
    """Say which claims hold in each of some models with shuffled MSC rules.

    A finished model is kept in the cache folder, so an interrupted check goes on where it stopped.

    Parameters
    ----------
    claims : mapping of str to Claim
    evidence : Evidence
    ensemble : Ensemble
    nulls : int
    threads, progress
        As in `check_claims`.
    """
    from .check import run_claims
    from .nulls import shuffled

    out = []
    folder = _folder(claims, evidence, ensemble) if nulls and claims else Path()
    for i in range(nulls if claims else 0):
        held = _read(folder / f"{i}.json", claims)
        if held is None:
            model, tuned = shuffled(evidence, ensemble, seed=i, threads=threads)
            result = run_claims(claims, model, tuned, threads=threads)
            held = {k: verdict(o.share, float(o.solved.mean())) == "holds" for k, o in result.items()}
            _write(folder / f"{i}.json", held)
        out.append(held)
        if progress:
            progress("null models", i + 1, nulls)
    return out


@cache
def _code() -> str:
    digest = sha256()
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _folder(claims: Mapping[str, Claim], evidence: Evidence, ensemble: Ensemble) -> Path:
    """Return where the outcomes of these claims, tables, draws and this code are kept."""
    from ..ode.jit import cache_folder

    key = sha256(_code().encode())
    key.update(evidence.digest.encode())
    key.update(repr((ensemble.seed, ensemble.ids, ensemble.central)).encode())
    for name in sorted(ensemble.directions):
        key.update(name.encode() + np.ascontiguousarray(ensemble.directions[name]).tobytes())
    for name in sorted(claims):
        key.update(repr(claims[name]).encode())
    return cache_folder() / "nulls" / key.hexdigest()[:32]


def _read(file: Path, claims: Mapping[str, Claim]) -> dict[str, bool] | None:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = (
        isinstance(kept, dict)
        and set(kept) == set(claims)
        and all(isinstance(v, bool) for v in kept.values())
    )
    return kept if whole else None


def _write(file: Path, held: Mapping[str, bool]) -> None:
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(held), encoding="utf-8")
        draft.replace(file)
    except OSError:
        pass  # a cache that cannot be written costs time, nothing else


def summarise(
    rows: Sequence[Mapping[str, Any]], nulls: Sequence[Mapping[str, bool]]
) -> dict[str, dict[str, Any]]:
    """Count verdicts by kind of claim, with the lift over the null.

    Parameters
    ----------
    rows : sequence of mapping
        One a claim, with ``id, kind, counted, verdict``.
    nulls : sequence of mapping
        From `null_verdicts`.

    Returns
    -------
    dict
        By kind, for ``all`` of the bench, and for those on a ``trial`` if there are any: ``counted, holds,
        mixed, fails, unsolved, by_own_paper, null, lift, lo, hi``.
    """
    out = {}
    # claims on trials have no nulls: a shuffled model would need a calibrated disease of its own
    kinds = ["direct", "structural", "emergent", "all"]
    kinds += ["trial"] if any(r["kind"] == "trial" for r in rows) else []
    for kind in kinds:
        some = [
            r for r in rows if r["counted"] and (r["kind"] != "trial" if kind == "all" else r["kind"] == kind)
        ]
        held = np.array([r["verdict"] == "holds" for r in some], dtype=float)
        entry: dict[str, Any] = {
            "counted": len(some),
            **{v: sum(r["verdict"] == v for r in some) for v in ("holds", "mixed", "fails", "unsolved")},
            # holds only because a rule taken from the same paper says so
            "by_own_paper": sum(r["verdict"] == "holds" and r.get("own_paper") is True for r in some),
            "null": None,
            "lift": None,
            "lo": None,
            "hi": None,
        }
        if some and nulls and kind != "trial":
            by_null = np.array([[n[r["id"]] for r in some] for n in nulls], dtype=float)
            entry |= _lift(held, by_null)
        out[kind] = entry
    return out


def _lift(held: np.ndarray, by_null: np.ndarray) -> dict[str, float]:
    """Return the lift over the null with a 90 % bootstrap interval over claims and over nulls."""
    rng = np.random.default_rng(0)
    count, size = by_null.shape
    lifts = []
    for _ in range(RESAMPLES):
        claims, models = rng.integers(size, size=size), rng.integers(count, size=count)
        lifts.append(held[claims].mean() - by_null[models][:, claims].mean())
    lo, hi = np.quantile(lifts, [0.05, 0.95])
    null = by_null.mean()
    return {
        k: round(float(v), 4)
        for k, v in {"null": null, "lift": held.mean() - null, "lo": lo, "hi": hi}.items()
    }
