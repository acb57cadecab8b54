"""The course of a disease in the same patients: without drugs, and with each drug that it is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..evidence import Evidence
from .cohort import therapy_events
from .ensemble import Ensemble
from .insults import insults
from .population import Patients, enrol, followed, observed, plausible
from .results import band
from .trial import Trial, TrialArm

__all__ = ["Course", "courses"]

#: Plausible patients of a draw, and those that a trial takes.
SIZE, KEEP = 32, 8
#: Days after enrolment that are followed, and days between points.
BEYOND, STEP = 60.0, 1.0
#: A dose on the day of enrolment comes right after it.
AFTER = 1e-6


@dataclass(frozen=True)
class Course:
    """One observable over time under some drugs.

    Attributes
    ----------
    name : str
        The drugs that are given.
    observable, unit : str
    days, median, lo, hi : array (points,)
        Clock of the disease; 90 % of patients over all draws.
    """

    name: str
    observable: str
    unit: str
    days: np.ndarray
    median: np.ndarray
    lo: np.ndarray
    hi: np.ndarray


def courses(
    trial: Trial,
    evidence: Evidence,
    ensemble: Ensemble,
    observables: tuple[str, ...],
    *,
    threads: int | None = None,
) -> tuple[tuple[Course, ...], Patients]:
    """Follow patients whom a trial would take from the first day, with fewer and with more drugs.

    Parameters
    ----------
    trial : Trial
        Whose background comes last.
    evidence : Evidence
    ensemble : Ensemble
    observables : tuple of str
    threads : int, optional

    Returns
    -------
    tuple of Course
    Patients
        As enrolled.
    """
    disease = trial.disease
    drugs = tuple(t.content for t in trial.background if t.content in evidence.mediators)
    taken = enrol(disease, evidence, ensemble, size=SIZE, keep=KEEP, extra=drugs, threads=threads)
    everyone = plausible(disease, evidence, ensemble, SIZE, extra=drugs, threads=threads)
    place = {name: i for i, name in enumerate(everyone.ids)}
    rows = np.array([place[name] for name in taken.ids])
    some = everyone.take(rows)
    end = disease.spec.enrol.day + BEYOND
    days = np.arange(0.0, end + STEP / 2, STEP)
    usual = sorted(
        {str(d["give"]): float(d.get("time", 0.0)) for d in disease.spec.background}.items(),
        key=lambda d: d[1],
    )
    names = [name for name, _ in usual]
    plans = [(tuple(names[:k]), tuple(names[k:]), False) for k in range(len(names) + 1)]
    if trial.background:
        plans.append((tuple(names), (), True))
    out = []
    for given, without, last in plans:
        events = insults(everyone, disease, ensemble, evidence, SIZE, without=without)
        happens = [(day, scale[rows], shift[rows]) for day, scale, shift in events]
        words = list(given)
        if last:
            nothing = TrialArm("", 1)
            when, scale, shift = therapy_events(some, trial, nothing, evidence, ensemble, some.parameters)
            start = disease.spec.enrol.day + AFTER
            happens += [
                (float(t) + start, scale[i], shift[i]) for i, t in enumerate(when) if t + start <= end
            ]
            words += [t.give for t in trial.background]
        result = followed(some, sorted(happens, key=lambda e: e[0]), days, threads)
        for key in observables:
            values = observed(some, disease, evidence, key, result.y)[result.ok]
            lines = np.array([band(values[:, j]) for j in range(len(days))])
            name = ", ".join(words) or "no drugs"
            unit = disease.observables[key].unit
            out.append(Course(name, key, unit, days, lines[:, 1], lines[:, 0], lines[:, 2]))
    return tuple(out), taken
