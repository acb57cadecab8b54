"""Run claims on the bench: each distinct arm once, every relation judged draw by draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..evidence import Evidence
from ..experiments.arm import Arm
from ..experiments.assay import Assay
from ..experiments.ensemble import Ensemble
from ..experiments.results import run_assay
from .claims import Claim, Relation, holds
from .kept import kept_file, read_kept, write_kept
from .parallel import Progress, each

__all__ = ["Outcome", "judge", "run_claims"]

#: Arms simulated at once: bounds memory, changes nothing else.
CHUNK = 24

#: What is read: the arm (as JSON), the readout's text, the day.
Read = tuple[str, str, float]


@dataclass
class Outcome:
    """What one claim gave: per draw, whether it held and could be read, and the values of its arms."""

    held: np.ndarray
    solved: np.ndarray
    values: dict[str, np.ndarray]
    relations: list[np.ndarray]

    @property
    def share(self) -> float:
        """Share of draws that could be read in which the claim holds."""
        return float(self.held[self.solved].mean()) if self.solved.any() else 0.0


def judge(expect: Iterable[Relation], values: dict[str, np.ndarray]) -> Outcome:
    """Say in which draws all relations hold.

    Parameters
    ----------
    expect : iterable of Relation
    values : dict of str to array (draws,)
        What was read in each arm.
    """
    relations = [holds(relation, values) for relation in expect]
    solved = np.all([np.isfinite(v) for v in values.values()], axis=0)
    return Outcome(np.all(relations, axis=0), solved, values, relations)


def run_claims(
    claims: Mapping[str, Claim],
    evidence: Evidence,
    ensemble: Ensemble,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    what: str = "claims",
    mute: Mapping[str, Iterable[str]] | None = None,
    keep: bool = False,
) -> dict[str, Outcome]:
    """Simulate all arms of some claims, each distinct arm once, and judge every relation.

    Parameters
    ----------
    claims : mapping of str to Claim
    evidence : Evidence
    ensemble : Ensemble
    threads, progress, what
        As in `check_claims`; assays run in processes of their own.
    mute : mapping, optional
        Claim id to rules that are switched off in its arms.
    keep : bool
        Whether a finished assay is kept in the cache folder.
    """
    assays: dict[str, Assay] = {}
    todo: dict[str, dict[str, tuple[Arm, set[tuple[str, float]]]]] = {}
    reads: dict[str, dict[str, Read]] = {}
    for claim in claims.values():
        assays[claim.assay.id] = claim.assay
        wells = todo.setdefault(claim.assay.id, {})
        off = tuple(sorted((mute or {}).get(claim.id, ())))
        for name, arm in claim.arms.items():
            arm = arm.model_copy(update={"mute": (*arm.mute, *off)}) if off else arm
            key = arm.model_dump_json()
            readout, day = claim.read[name]
            wells.setdefault(key, (arm, set()))[1].add((readout.text, day))
            reads.setdefault(claim.id, {})[name] = (key, readout.text, day)
    order = sorted(todo, key=lambda name: -len(todo[name]))
    total, ended = sum(map(len, todo.values())), 0

    def done(i: int, _: object) -> None:
        nonlocal ended
        ended += len(todo[order[i]])
        if progress:
            progress(what, ended, total)

    jobs = [(assays[name], todo[name], evidence, ensemble, keep) for name in order]
    found = dict(zip(order, each(_read_arms, jobs, threads=threads, done=done), strict=True))
    return {
        key: judge(claim.expect, {name: found[claim.assay.id][read] for name, read in reads[key].items()})
        for key, claim in claims.items()
    }


def _read_arms(
    assay: Assay,
    wells: Mapping[str, tuple[Arm, set[tuple[str, float]]]],
    evidence: Evidence,
    ensemble: Ensemble,
    keep: bool,
    threads: int | None,
) -> dict[Read, np.ndarray]:
    """Return all that is read in the arms of one assay, per draw."""
    wanted = [(key, text, day) for key, (_, reads) in wells.items() for text, day in sorted(reads)]
    file = kept_file("claims", evidence.digest, ensemble, assay, wanted) if keep else None
    old = read_kept(file) if file else None
    if isinstance(old, list) and len(old) == len(wanted):
        return {read: np.array(values, dtype=float) for read, values in zip(wanted, old, strict=True)}
    out: dict[Read, np.ndarray] = {}
    keys = list(wells)
    for i in range(0, len(keys), CHUNK):
        part = keys[i : i + CHUNK]
        result = run_assay(
            assay,
            arms={key: wells[key][0] for key in part},
            readouts=sorted({text for key in part for text, _ in wells[key][1]}),
            draws=None,
            evidence=evidence,
            ensemble=ensemble,
            threads=threads,
        )
        out |= {read: result.values(read[1], read[0], read[2]) for read in wanted if read[0] in part}
    if file:
        write_kept(file, [out[read].tolist() for read in wanted])
    return out
