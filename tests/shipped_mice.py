"""Shipped mice with a disease in a few draws: untreated, alike, and none left out for its course."""

from __future__ import annotations

from functools import cache

import numpy as np
import shipped_body as shipped

from stromal.evidence import Evidence
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.population import Patients, plausible

__all__ = ["DRAWS", "damage", "deaf", "follow", "mice"]

DRAWS = 8


@cache
def disease(name: str, evidence: Evidence) -> Disease:
    """Return a disease in which mice do not differ and no draw is rejected for its course."""
    return shipped.like(load_disease(name, evidence), natural=(), variability={})


@cache
def mice(name: str, evidence: Evidence, extra: tuple[str, ...] = ()) -> Patients:
    """Return one mouse of each draw that rests; ``extra`` are mediators that are given."""
    return plausible(
        disease(name, evidence), evidence, shipped.draws(evidence, DRAWS), 1, extra=extra, threads=1
    )


def follow(
    name: str, days: list[float], evidence: Evidence, extra: tuple[str, ...] = (), **options: object
) -> dict[str, np.ndarray]:
    """Return all states (mice, times) by name; nothing happens to them without ``without``."""
    patients = mice(name, evidence, extra)
    y = shipped.course(patients, days, evidence, disease=disease(name, evidence), **options)  # type: ignore[arg-type]
    return {s.name: y[:, :, i] for i, s in enumerate(patients.system.states)}


def damage(name: str, y: dict[str, np.ndarray], evidence: Evidence) -> np.ndarray:
    """Return the share of the parenchyma that is missing (mice, times)."""
    patients = mice(name, evidence)
    alive = [n for n in y if n.partition(":")[2] in evidence.members["parenchyma"]]
    index = patients.system.parameter_index
    whole = sum(patients.parameters[:, index[f"reference:{n}"]] for n in alive)
    return 1 - sum(y[n] for n in alive) / np.asarray(whole)[:, None]


def deaf(*rules: str) -> dict[str, float]:
    """Return the factors that make cells deaf to the signals of rules that increase or decrease."""
    return {f"rule:{rule}:half_max": 1e6 for rule in rules}
