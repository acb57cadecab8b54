"""One virtual patient by its id: its draw, what sets it apart, and its course in each arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from .cohort import Followed, follow
from .ensemble import Z90
from .insults import normal
from .population import Patients, enrol
from .posterior import disease_posterior
from .trial import Trial
from .trial_run import ENROLLED, PLAUSIBLE

__all__ = ["OnePatient", "Trait", "find_patient"]


@dataclass(frozen=True)
class Trait:
    """What sets a patient apart.

    Attributes
    ----------
    name : str
        Of the variability, or the insult and state.
    factor : float
        Beside the median patient of the draw.
    percentile : float
        Share of patients who have less, in %.
    select : tuple of str
        Parameters that it multiplies.
    """

    name: str
    factor: float
    percentile: float
    select: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class OnePatient:
    """A virtual patient.

    Attributes
    ----------
    id : str
    draw : int
        Of the bench ensemble.
    directions : dict of str to float
        Where the draw stands along each direction; 1 is the middle of the prior.
    traits : tuple of Trait
        The most unusual first.
    followed : Followed
        Of this patient alone.
    patients : Patients
    """

    id: str
    draw: int
    directions: dict[str, float]
    traits: tuple[Trait, ...]
    followed: Followed
    patients: Patients


def find_patient(
    name: str, trial: Trial, evidence: Evidence, *, draws: int = 40, threads: int | None = None
) -> OnePatient:
    """Solve one virtual patient of a trial again.

    Parameters
    ----------
    name : str
        ``disease-DRAW-K``, as results name it.
    trial : Trial
    evidence : Evidence
    draws : int
        Draws of the trial that named the patient: a draw that comes at several places along the
        directions is told apart by its order among them.
    threads : int, optional

    Returns
    -------
    OnePatient

    Raises
    ------
    InputError
        If no patient of the trial has the id.
    """
    bodies, _ = disease_posterior(trial.disease, trial.endpoints).head(draws).distinct()
    names = [f"{trial.disease.id}-{label}" for label in bodies.names]
    head, _, number = name.rpartition("-")
    if head not in names or not number.isdigit():
        raise InputError(
            f"no virtual patient {name!r} of {trial.disease.id} in {draws} draws",
            key="patient",
            suggestion=nearest(name, [f"{n}-0" for n in names]),
        )
    position = names.index(head)
    body = bodies.at(np.array([position]))
    drugs = tuple(
        m
        for group in (trial.background, *(arm.therapies for arm in trial.arms))
        for t in group
        for m in t.contents
        if m in evidence.mediators
    )
    try:
        enrolled = enrol(
            trial.disease, evidence, body, size=PLAUSIBLE, keep=ENROLLED, extra=drugs, threads=threads
        )
    except InputError:
        raise InputError(
            f"draw {head.removeprefix(trial.disease.id + '-')} has no patients that a trial would take",
            key="patient",
            suggestion="patients.csv of stromal trial --out names those that there are",
        ) from None
    numbers = [i.rpartition("-")[2] for i in enrolled.ids]
    if number not in numbers:
        raise InputError(
            f"patient {number} of this draw was not enrolled",
            key="patient",
            suggestion=f"enrolled: {', '.join(numbers)}",
        )
    one = enrolled.take(np.array([numbers.index(number)]))
    followed = follow(trial, one, evidence, body, threads=threads)
    return OnePatient(
        name,
        int(body.ids[0]),
        {key: float(values[0]) for key, values in body.directions.items()},
        _traits(trial, body.seed, body.ids, int(number)),
        followed,
        one,
    )


def _traits(trial: Trial, seed: int, ids: tuple[int, ...], k: int) -> tuple[Trait, ...]:
    """Return the factors of a patient, the most unusual first."""
    from scipy.special import ndtr  # slow to import

    spec = trial.disease.spec
    asked = [(f"patient:{name}", name, v.between, v.select) for name, v in spec.variability.items()]
    for insult in spec.insult:
        for state, amount in {**insult.scale, **insult.add}.items():
            if amount.between > 1:
                key = f"insult:{insult.name}:{state}"
                asked.append((key, f"{insult.name}: {state}", amount.between, (key,)))
    out = []
    for key, name, between, select in asked:
        z = float(normal(seed, key, ids, PLAUSIBLE)[0, k])
        out.append(
            (abs(z), Trait(name, float(np.exp(np.log(between) / Z90 * z)), float(100 * ndtr(z)), select))
        )
    return tuple(trait for _, trait in sorted(out, key=lambda pair: -pair[0]))
