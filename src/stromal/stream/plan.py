"""From what a user asks for to a source of patients, checked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..experiments.bodies import healthy_bodies
from ..experiments.disease import Disease, list_diseases, load_disease
from ..experiments.endpoint import parse_endpoints
from ..experiments.files import read_toml
from ..experiments.population import ENOUGH, natural_history, people
from ..experiments.posterior import disease_posterior
from ..experiments.trial import Trial, TrialArm, list_trials, load_trial
from .order import Order
from .source import OWN, Source

__all__ = ["plan_source"]

#: Days after enrolment that are looked at unless others are asked for.
USUAL = (0.0, 7.0, 14.0, 28.0, 56.0)
#: Last day that can be asked for: ten years.
LAST = 3660.0


def plan_source(
    name: str | Path,
    evidence: Evidence,
    *,
    observables: Sequence[str] = (),
    days: Sequence[float] = (),
    arm: str = "",
    draws: int = 40,
    threads: int | None = None,
) -> Source:
    """Solve the bodies that a population is made of.

    Parameters
    ----------
    name : str or path
        A disease or a trial; a trial's enrolment is then that of the population.
    evidence : Evidence
    observables : sequence of str
        Of the disease; all by default.
    days : sequence of float
        Clock of the disease; enrolment and 7, 14, 28 and 56 days after it by default.
    arm : str
        Arm of the trial that everybody goes through from enrolment on; none by default.
    draws : int
        Draws of the ensemble.
    threads : int, optional

    Raises
    ------
    InputError
        If something is not known, or no draw has patients.
    """
    disease, trial, taken = _find(name, evidence, arm)
    shown = _observables(observables, disease)
    when = _days(days or [disease.spec.enrol.day + d for d in USUAL], disease)
    units = {key: item.unit for key, item in disease.observables.items()}
    endpoints = parse_endpoints(disease.spec.endpoints, observables=units, file=disease.file)
    posterior = disease_posterior(disease, endpoints).head(draws)
    ensemble, which = posterior.distinct()
    extra: tuple[str, ...] = ()
    if trial is not None:
        # as in the trial itself, so that its patients are these
        groups = (trial.background, *(one.therapies for one in trial.arms))
        extra = tuple(t.content for group in groups for t in group if t.content in evidence.mediators)
    bodies = healthy_bodies(disease, evidence, ensemble, extra=extra, threads=threads)
    first = people(bodies, disease.system(evidence, extra), disease, ensemble, ENOUGH)
    keeps = natural_history(disease, evidence, ensemble, first, ENOUGH, threads=threads)[::ENOUGH]
    if not keeps.any():
        raise InputError(
            "no draw of the ensemble keeps to the natural history", file=disease.file, key="natural"
        )
    bodies = bodies.take(np.flatnonzero(keeps))
    place = {int(draw): i for i, draw in enumerate(bodies.draw)}
    turn = np.array([place[int(b)] for b in which if int(b) in place])
    yields = {
        "draws that rest": bodies.share,
        "draws that keep to natural history": float(keeps.mean()),
    }
    return Source(
        disease,
        trial,
        taken,
        evidence,
        ensemble,
        bodies,
        Order.of(turn),
        extra,
        shown,
        when,
        yields,
        posterior.calibrated,
    )


def _find(name: str | Path, evidence: Evidence, arm: str) -> tuple[Disease, Trial | None, TrialArm | None]:
    if arm:
        trial = load_trial(name, evidence)
        names = {one.name: one for one in trial.arms}
        if arm not in names:
            raise InputError(f"no arm {arm!r}", key="arm", suggestion=nearest(arm, names))
        return trial.disease, trial, names[arm]
    if str(name) in list_diseases():
        return load_disease(name, evidence), None, None
    if Path(name).suffix == ".toml" and "disease" not in read_toml(Path(name)):
        return load_disease(name, evidence), None, None
    if str(name) not in list_trials() and Path(name).suffix != ".toml":
        hint = nearest(str(name), {*list_trials(), *list_diseases()})
        raise InputError(f"no disease or trial {str(name)!r}", key="disease", suggestion=hint)
    return load_trial(name, evidence).disease, None, None


def _observables(asked: Sequence[str], disease: Disease) -> tuple[str, ...]:
    known = disease.observables
    shown = tuple(dict.fromkeys(asked)) or tuple(known)
    for key in shown:
        if key not in known:
            raise InputError(f"no observable {key!r}", key="observable", suggestion=nearest(key, known))
        if key in (*OWN, "day") or "/" in key or key.startswith("."):
            raise InputError(
                f"{key!r} cannot be the name of a variable of a population",
                file=disease.file,
                key="observables",
            )
    return shown


def _days(asked: Sequence[float], disease: Disease) -> tuple[float, ...]:
    days = sorted({float(d) for d in asked})
    for day in days:
        if not 0.0 <= day <= LAST:
            raise InputError(
                f"day {day:g} is off the clock", key="days", suggestion=f"0 to {LAST:g}, {disease.spec.clock}"
            )
    return tuple(days)
