"""Virtual patients: plausible ones are drawn and followed to enrolment; those that a trial takes are kept.

Three kinds of spread stay apart. A draw of the ensemble is *uncertainty*: one set of parameters that might
be the true one. Patients inside a draw are *variability*. What differs from trial to trial is the trial's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..model import System
from ..ode import Result
from .bodies import Bodies, healthy_bodies, selected
from .disease import Criterion, Disease
from .ensemble import Z90, Ensemble
from .insults import insults, normal
from .observable import needed, value
from .well import solve

__all__ = [
    "ENROLLED",
    "PLAUSIBLE",
    "Patients",
    "enrol",
    "followed",
    "in_strata",
    "meets_criteria",
    "observed",
    "people",
    "plausible",
]

#: Plausible patients of a draw, and those enrolled: the same when a disease is fitted and when a trial is
#: run, so that the patients are the same too.
PLAUSIBLE, ENROLLED = 32, 10

#: Patients of a draw from whom its natural history is told.
ENOUGH = 10
#: Tolerance of the solver for bodies: endpoints are read with far more noise than that.
RTOL = 1e-3


@dataclass(frozen=True)
class Patients:
    """Virtual patients at one moment.

    Attributes
    ----------
    system : System
    ids : tuple of str
        ``disease-draw-number``, stable.
    draw : array (patients,) of int
        Position of each one's draw in the ensemble.
    parameters : array (patients, parameters)
    y : array (patients, states)
    day : float
        On the clock of the disease.
    yields : dict of str to float
        What share of draws rested, and of plausible patients was taken.
    weight : array (patients,)
        kg.
    """

    system: System
    ids: tuple[str, ...]
    draw: np.ndarray
    parameters: np.ndarray
    y: np.ndarray
    day: float
    yields: Mapping[str, float]
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, chosen: np.ndarray) -> Patients:
        """Return some of the patients, by position."""
        return Patients(
            self.system,
            tuple(self.ids[i] for i in chosen),
            self.draw[chosen],
            self.parameters[chosen],
            self.y[chosen],
            self.day,
            self.yields,
            self.weight[chosen],
        )


def people(
    bodies: Bodies, system: System, disease: Disease, ensemble: Ensemble, size: int, start: int = 0
) -> Patients:
    """Return patients ``start`` to ``start + size`` of each body, healthy; those of a body stand together.

    Parameters
    ----------
    bodies : Bodies
    system : System
        That the bodies are of.
    disease : Disease
    ensemble : Ensemble
    size : int
    start : int
    """
    parameters = np.repeat(bodies.parameters, size, axis=0)
    ids = tuple(ensemble.ids[i] for i in bodies.draw)
    for name, variation in disease.spec.variability.items():
        z = normal(ensemble.seed, f"patient:{name}", ids, size, start).ravel()
        factor = np.exp(np.log(variation.between) / Z90 * z)
        for i in selected(system, variation.select):
            parameters[:, i] *= factor
    lower = np.array([p.lower for p in system.parameters])
    upper = np.array([p.upper for p in system.parameters])
    numbers = range(start, start + size)
    return Patients(
        system,
        tuple(f"{disease.id}-{ensemble.names[i]}-{k}" for i in bodies.draw for k in numbers),
        np.repeat(bodies.draw, size),
        np.clip(parameters, lower, upper),
        np.repeat(bodies.y, size, axis=0),
        0.0,
        {"draws that rest": bodies.share},
        np.full(len(bodies) * size, disease.weight),
    )


def plausible(
    disease: Disease,
    evidence: Evidence,
    ensemble: Ensemble,
    size: int,
    *,
    extra: tuple[str, ...] = (),
    threads: int | None = None,
) -> Patients:
    """Draw plausible patients, healthy, on the day before anything happens.

    Parameters
    ----------
    disease : Disease
    evidence : Evidence
    ensemble : Ensemble
    size : int
        Patients in each draw.
    extra : tuple of str
        Mediators that a therapy brings.
    threads : int, optional
    """
    bodies = healthy_bodies(disease, evidence, ensemble, extra=extra, threads=threads)
    return people(bodies, disease.system(evidence, extra), disease, ensemble, size)


def natural_history(
    disease: Disease,
    evidence: Evidence,
    ensemble: Ensemble,
    patients: Patients,
    size: int,
    *,
    threads: int | None = None,
) -> np.ndarray:
    """Return which patients belong to a draw that keeps to the natural history of the disease.

    Returns
    -------
    array (patients,) of bool
        All of a draw or none of it.
    """
    keeps = np.ones(len(patients), dtype=bool)
    few = min(size, ENOUGH)
    first = np.flatnonzero(np.arange(len(patients)) % size < few)
    for known in disease.spec.natural:
        events = insults(patients, disease, ensemble, evidence, size, without=known.without)
        some = patients.take(first)
        happens = [(day, scale[first], shift[first]) for day, scale, shift in events]
        y = followed(some, happens, np.array([0.0, known.day]), threads).y[:, -1:]
        x = observed(some, disease, evidence, known.observable, y)[:, 0]
        fine = ((x >= known.least) & (x <= known.most)).reshape(-1, few).mean(axis=1)
        keeps &= np.repeat(fine >= known.share, size)
    return keeps


def followed(
    patients: Patients,
    events: list[tuple[float, np.ndarray, np.ndarray]],
    days: np.ndarray,
    threads: int | None,
) -> Result:
    """Solve patients through events, each (day, scale, shift), and return their states on given days."""
    from ..ode import Events

    if len(days) == 1:
        # nothing to solve: only what happens at once
        y = patients.y
        for _, scale, shift in events:
            y = scale * y + shift
        n = len(patients)
        return Result(y[:, None, :], np.zeros(n, dtype=np.int32), np.zeros(n, dtype=np.int64))
    happens = None
    if events:
        happens = Events(
            np.tile([e[0] for e in events], (len(patients), 1)),
            np.stack([e[1] for e in events], axis=1),
            np.stack([e[2] for e in events], axis=1),
        )
    return solve(
        patients.system, patients.y, patients.parameters, days, events=happens, threads=threads, rtol=RTOL
    )


def enrol(
    disease: Disease,
    evidence: Evidence,
    ensemble: Ensemble,
    *,
    size: int = PLAUSIBLE,
    keep: int = ENROLLED,
    extra: tuple[str, ...] = (),
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Patients:
    """Follow plausible patients to enrolment and keep those that a trial would take.

    Parameters
    ----------
    disease : Disease
    evidence : Evidence
    ensemble : Ensemble
    size : int
        Plausible patients in each draw.
    keep : int
        Patients kept in each draw; draws with fewer that fit are rejected, by name in `yields`.
    extra : tuple of str
        Mediators that a therapy brings.
    threads : int, optional
    progress : callable, optional
        Called with (what, done, of).

    Raises
    ------
    InputError
        If no patient of any draw fits.
    """
    steps = 2 + len(disease.spec.natural)

    def say(done: int) -> None:
        if progress:
            progress("stages to enrolment", done, steps)

    some = plausible(disease, evidence, ensemble, size, extra=extra, threads=threads)
    say(1)
    rules = disease.spec.enrol
    known = natural_history(disease, evidence, ensemble, some, size, threads=threads)
    say(steps - 1)
    events = [e for e in insults(some, disease, ensemble, evidence, size) if e[0] <= rules.day]
    asked = {c.day for c in rules.criteria} | {c.over_day or 0.0 for c in rules.criteria} | {0.0}
    days = np.unique(np.array([0.0, *(rules.day + d for d in asked if rules.day + d > 0)]))
    result = followed(some, events, days, threads)
    path, ok = result.y, result.ok
    fits = ok & known & meets_criteria(some, disease, evidence, path, days - rules.day)
    say(steps)
    chosen = _choose(some, disease, evidence, path[:, -1], fits, ensemble, keep)
    if not len(chosen):
        raise InputError(
            "no plausible patient fits the criteria of enrolment", file=disease.file, key="enrol.criteria"
        )
    taken = len(np.unique(some.draw[chosen]))
    yields = {
        **some.yields,
        "draws that keep to natural history": float(known.mean()),
        "plausible patients solved": float(ok.mean()),
        "plausible patients that fit": float(fits[known].mean()) if known.any() else 0.0,
        "draws with enough patients": taken / max(len(np.unique(some.draw)), 1),
    }
    now = Patients(
        some.system, some.ids, some.draw, some.parameters, path[:, -1], rules.day, yields, some.weight
    )
    return now.take(chosen)


def observed(
    patients: Patients, disease: Disease, evidence: Evidence, name: str, path: np.ndarray
) -> np.ndarray:
    """Return an observable of the disease, (patients, times), from all states (patients, times, states)."""
    item = disease.observables[name]
    index = patients.system.state_index
    states = {s: path[:, :, index[s]] for s in needed(item, patients.system, evidence)}
    return value(item, patients.system, evidence, states, patients.parameters, disease.volumes)


def meets_criteria(
    patients: Patients, disease: Disease, evidence: Evidence, path: np.ndarray, days: np.ndarray
) -> np.ndarray:
    """Return who meets the criteria of enrolment, from all states on days that end with it (day 0)."""
    ok = np.ones(len(patients), dtype=bool)

    def at(criterion: Criterion, day: float) -> np.ndarray:
        return observed(patients, disease, evidence, criterion.observable, path)[
            :, int(np.argmin(np.abs(days - day)))
        ]

    with np.errstate(divide="ignore", invalid="ignore"):
        for c in disease.spec.enrol.criteria:
            x = at(c, c.day)
            if c.over_day is not None:
                x = x / at(c, c.over_day)
            ok &= (x >= c.least) & (x <= c.most)
    return ok


def in_strata(
    patients: Patients, disease: Disease, evidence: Evidence, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return who is in a stratum of the trial, in which, and what share a trial has of it."""
    strata = disease.spec.enrol.strata
    wanted = np.ones(len(patients))
    inside = np.full(len(patients), not strata)
    member = np.zeros(len(patients), dtype=int)
    for k, stratum in enumerate(strata):
        x = observed(patients, disease, evidence, stratum.observable, y[:, None, :])[:, 0]
        here = (x >= stratum.least) & (x < stratum.most)
        member[here], wanted[here] = k, stratum.share
        inside |= here
    return inside, member, wanted


def _choose(
    patients: Patients,
    disease: Disease,
    evidence: Evidence,
    y: np.ndarray,
    fits: np.ndarray,
    ensemble: Ensemble,
    keep: int,
) -> np.ndarray:
    """Take patients of each draw so that the strata have the shares of the trial, as far as there are any.

    A patient of a stratum that is rare among plausible patients weighs more (prevalence weighting).
    """
    inside, member, wanted = in_strata(patients, disease, evidence, y)
    fits = fits & inside
    out = []
    for d in np.unique(patients.draw):
        mine = np.flatnonzero((patients.draw == d) & fits)
        if len(mine) < keep:
            continue
        number = np.array([(member[mine] == k).sum() for k in member[mine]])
        weights = wanted[mine] / number
        # without replacement: the largest keys u^(1/w) win
        u = np.random.default_rng([ensemble.seed, 11, ensemble.ids[d]]).random(len(mine))
        out.append(np.sort(mine[np.argsort(-np.log(u) / weights)[:keep]]))
    return np.concatenate(out) if out else np.zeros(0, dtype=int)
