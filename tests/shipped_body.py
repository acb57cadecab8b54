"""The shipped disease in a few draws, made once a run and shared: compiling the body is what takes long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from stromal.evidence import Evidence
from stromal.experiments.body import organs
from stromal.experiments.disease import Disease
from stromal.experiments.ensemble import Ensemble, prior_ensemble
from stromal.experiments.insults import insults
from stromal.experiments.observable import needed, value
from stromal.experiments.population import Patients, followed, plausible
from stromal.experiments.trial import Trial, load_trial

__all__ = ["EXTRA", "course", "draws", "healthy", "like", "observed", "trial"]

#: What the trial gives beside the background of the disease: one system for all tests.
EXTRA = ("basiliximab",)


@cache
def trial(evidence: Evidence) -> Trial:
    """Return the shipped trial."""
    return load_trial("sr-agvhd", evidence)


@cache
def draws(evidence: Evidence, size: int = 16) -> Ensemble:
    """Return a few draws from the prior."""
    return prior_ensemble(evidence, size, seed=1)


def like(disease: Disease, **changes: Any) -> Disease:
    """Return a disease with some keys of its file changed."""
    return replace(disease, spec=disease.spec.model_copy(update=changes))


@cache
def healthy(evidence: Evidence, size: int = 1, varied: tuple[str, ...] = ()) -> Patients:
    """Return healthy people of every draw that rests: median ones, or varied in some entries of the file."""
    disease = trial(evidence).disease
    entries = {k: v for k, v in disease.spec.variability.items() if k in varied}
    return plausible(
        like(disease, variability=entries), evidence, draws(evidence), size, extra=EXTRA, threads=1
    )


def course(
    patients: Patients,
    days: list[float],
    evidence: Evidence,
    *,
    disease: Disease | None = None,
    without: tuple[str, ...] | None = None,
    size: int = 1,
    dose: Mapping[str, float] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Follow people; return their states (patients, times, states), all solved.

    ``without`` names what does not happen to them (nothing happens where it is None), ``dose`` is added
    on day 0 to states, ``parameters`` are factors.
    """
    disease = disease or trial(evidence).disease
    events = []
    if without is not None:
        events = insults(patients, disease, draws(evidence), evidence, size, without=without)
    if dose:
        shift = np.zeros_like(patients.y)
        for state, amount in dose.items():
            shift[:, patients.system.state_index[state]] = amount
        events = sorted([*events, (1e-6, np.ones_like(shift), shift)], key=lambda e: e[0])
    numbers = patients.parameters.copy()
    for name, times in (parameters or {}).items():
        numbers[:, patients.system.parameter_index[name]] *= times
    result = followed(replace(patients, parameters=numbers), events, np.array([0.0, *days]), 1)
    assert result.ok.all()
    return result.y[:, 1:]


def observed(name: str, patients: Patients, y: np.ndarray, evidence: Evidence) -> np.ndarray:
    """Return an observable of the disease at all times (patients, times)."""
    item, index = trial(evidence).disease.observables[name], patients.system.state_index
    states = {s: y[:, :, index[s]] for s in needed(item, patients.system, evidence)}
    return value(item, patients.system, evidence, states, patients.parameters, organs(evidence, "human"))
