"""Untreated hosts of a shipped disease, one of each draw that rests, whatever their course."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from stromal.evidence import Evidence
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.ensemble import Ensemble, prior_ensemble
from stromal.experiments.insults import insults
from stromal.experiments.observable import needed, value
from stromal.experiments.population import Patients, followed, plausible

__all__ = ["course", "hosts"]


@cache
def hosts(evidence: Evidence, name: str, size: int) -> tuple[Patients, Disease, Ensemble]:
    """Return hosts, their disease and ``size`` draws: whether untreated ones fall ill is not taken for granted."""
    disease = load_disease(name, evidence)
    every = replace(disease, spec=disease.spec.model_copy(update={"natural": (), "variability": {}}))
    ensemble = prior_ensemble(evidence, size, seed=1)
    return plausible(every, evidence, ensemble, 1, threads=1), every, ensemble


def course(
    evidence: Evidence,
    name: str,
    observable: str,
    days: list[float],
    *,
    size: int,
    healthy: bool = False,
    factors: dict[str, float] | None = None,
    dose: dict[str, float] | None = None,
) -> np.ndarray:
    """Return an observable (hosts, days); ``factors`` change parameters after rest, ``dose`` states on day 0."""
    patients, disease, ensemble = hosts(evidence, name, size)
    events = [] if healthy else insults(patients, disease, ensemble, evidence, 1)
    if dose:
        shift = np.zeros_like(patients.y)
        for state, amount in dose.items():
            shift[:, patients.system.state_index[state]] = amount
        events = sorted([*events, (1e-6, np.ones_like(shift), shift)], key=lambda e: e[0])
    numbers = patients.parameters.copy()
    for parameter, times in (factors or {}).items():
        numbers[:, patients.system.parameter_index[parameter]] *= times
    found = followed(replace(patients, parameters=numbers), events, np.array([0.0, *days]), 1)
    assert found.ok.all()
    item, index = disease.observables[observable], patients.system.state_index
    states = {s: found.y[:, 1:, index[s]] for s in needed(item, patients.system, evidence)}
    return value(item, patients.system, evidence, states, numbers, disease.volumes)
