"""The whole course of one patient, from health to the end of a trial, as one system with events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from .bench import Well
from .cohort import BEFORE, arm_parameters, therapy_events
from .ensemble import Ensemble
from .insults import insults
from .population import followed, plausible
from .posterior import disease_posterior
from .trial import Trial

__all__ = ["course"]

Change = dict[str, tuple[float, float]]


def course(
    trial: Trial,
    evidence: Evidence,
    *,
    arm: str = "",
    ensemble: Ensemble | None = None,
    index: int = 0,
    days: np.ndarray | None = None,
    enrolled: bool = False,
) -> Well:
    """Return one plausible patient, healthy on the day before anything happens, and all that is done to it.

    Parameters
    ----------
    trial : Trial
    evidence : Evidence
    arm : str
        Arm whose therapy follows enrolment; the last by default.
    ensemble : Ensemble, optional
        One draw; the first of the disease's posterior by default.
    index : int
        Which patient of the draw.
    days : array, optional
        Output times, on the clock of the disease, or of the trial if ``enrolled``.
    enrolled : bool
        Begin at enrolment, with what had become of the patient by then, not with health.

    Returns
    -------
    Well
        System, start, parameters, events (insults, background drugs, doses) and output days.

    Raises
    ------
    InputError
        If there is no such arm.
    """
    names = {one.name: one for one in trial.arms}
    if arm and arm not in names:
        raise InputError(f"no arm {arm!r}", key="arm", suggestion=nearest(arm, names))
    chosen = names[arm] if arm else trial.arms[-1]
    bodies = ensemble or disease_posterior(trial.disease, trial.endpoints).head(1).ensemble
    extra = tuple(
        m for t in (*trial.background, *chosen.therapies) for m in t.contents if m in evidence.mediators
    )
    patients = plausible(trial.disease, evidence, bodies, index + 1, extra=extra)
    happens = insults(patients, trial.disease, bodies, evidence, index + 1)
    one = patients.take(np.array([index]))
    parameters = arm_parameters(one, trial, chosen, evidence, bodies)
    time, scale, shift = therapy_events(one, trial, chosen, evidence, bodies, parameters)
    start = trial.disease.spec.enrol.day
    states = [state.name for state in one.system.states]

    def change(a: np.ndarray, b: np.ndarray) -> Change:
        return {
            name: (float(s), float(d))
            for name, s, d in zip(states, a, b, strict=True)
            if (s, d) != (1.0, 0.0)
        }

    doses = [(float(max(t, BEFORE)), change(s[0], d[0])) for t, s, d in zip(time, scale, shift, strict=True)]
    origin, begin = 0.0, one.y[0]
    if enrolled:
        before = [(day, s[[index]], d[[index]]) for day, s, d in happens if day <= start]
        begin = followed(one, before, np.array([0.0, start]), None).y[0, -1]
        events = doses
    else:
        # an event at the very start is not one for every simulator: it comes a moment later
        events = [(max(day, BEFORE), change(s[index], d[index])) for day, s, d in happens if day <= start]
        events += [(start + t, changes) for t, changes in doses]
        origin = start
    end = origin + trial.spec.days
    daily, later = np.arange(0.0, min(end, 60.0), 1.0), np.arange(60.0, end, 15.0)
    grid = np.unique(np.concatenate([daily, later, [end]]))
    return Well(
        replace(one.system, name=f"{trial.id}: {chosen.name}"),
        begin,
        parameters[0],
        tuple(sorted(events, key=lambda event: event[0])),
        grid if days is None else days,
    )
