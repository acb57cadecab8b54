"""Score claims: verdicts, and the lift over models with shuffled rules, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..experiments.ensemble import Ensemble, stronger
from .claims import Claim
from .kept import kept_file, read_kept, write_kept
from .nulls import shuffled
from .outcomes import run_claims
from .parallel import Progress, each
from .trial_claims import TrialClaim, by_trial, run_trial_claims

__all__ = ["null_verdicts", "summarise", "verdict"]

#: Share of draws in which a claim must hold to *hold*, under which it *fails*, and that must be solved.
HOLDS, FAILS, SOLVED = 0.9, 0.5, 0.95
RESAMPLES = 2000
#: Draws of a claim on a trial in a null model.
NULL_TRIAL_DRAWS = 20


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
    claims: Mapping[str, Claim | TrialClaim],
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
    claims : mapping of str to Claim or TrialClaim
    evidence : Evidence
    ensemble : Ensemble
        Of the bench. A disease keeps its own: it was fitted without MSC, so it fits a null model as well.
    nulls : int
    threads, progress
        As in `check_claims`; models run in processes of their own.
    """
    if not claims:
        return []
    files = [kept_file("nulls", evidence.digest, ensemble, claims, i) for i in range(nulls)]
    out = [_whole(read_kept(file), claims) for file in files]
    missing = [i for i, held in enumerate(out) if held is None]
    left = len(missing)

    def done(_: int, __: object) -> None:
        nonlocal left
        left -= 1
        if progress:
            progress("null models", nulls - left, nulls)

    jobs = [(claims, evidence, ensemble, i, files[i]) for i in missing]
    made = each(null_model, jobs, threads=threads, done=done)
    for i, held in zip(missing, made, strict=True):
        out[i] = held
    return [held for held in out if held is not None]


def null_model(
    claims: Mapping[str, Claim | TrialClaim],
    evidence: Evidence,
    ensemble: Ensemble,
    seed: int,
    file: Path,
    threads: int | None,
) -> dict[str, bool]:
    """Say which claims hold in one shuffled model, and keep that."""
    model, potency = shuffled(evidence, ensemble, seed=seed, threads=threads)
    bench = {key: claim for key, claim in claims.items() if isinstance(claim, Claim)}
    on_trials = {key: claim for key, claim in claims.items() if isinstance(claim, TrialClaim)}
    result = run_claims(bench, model, stronger(ensemble, potency), threads=threads)
    for some in by_trial(on_trials):
        try:
            result |= run_trial_claims(some, model, NULL_TRIAL_DRAWS, potency=potency, threads=threads)
        except InputError:
            pass  # what the trial reads is not there when no rule senses it: nothing holds
    held = dict.fromkeys(claims, False)
    held |= {k: verdict(o.share, float(o.solved.mean())) == "holds" for k, o in result.items()}
    write_kept(file, held)
    return held


def _whole(kept: Any, claims: Mapping[str, Claim | TrialClaim]) -> dict[str, bool] | None:
    """Return a kept outcome if it answers exactly these claims."""
    whole = (
        isinstance(kept, dict)
        and set(kept) == set(claims)
        and all(isinstance(v, bool) for v in kept.values())
    )
    return kept if whole else None


def summarise(
    rows: Sequence[Mapping[str, Any]],
    nulls: Sequence[Mapping[str, bool]],
    trial_nulls: Sequence[Mapping[str, bool]] = (),
) -> dict[str, dict[str, Any]]:
    """Count verdicts by kind of claim, with the lift over the null.

    Parameters
    ----------
    rows : sequence of mapping
        One a claim, with ``id, kind, counted, verdict``.
    nulls, trial_nulls : sequence of mapping
        From `null_verdicts`, of claims on the bench and on trials.

    Returns
    -------
    dict
        By kind, for ``all`` of the bench, and for those on a ``trial`` if there are any: ``counted, holds,
        mixed, fails, unsolved, by_own_paper, null, lift, lo, hi``.
    """
    out = {}
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
        beside = trial_nulls if kind == "trial" else nulls
        if some and beside:
            by_null = np.array([[n[r["id"]] for r in some] for n in beside], dtype=float)
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
