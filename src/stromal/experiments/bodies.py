"""The healthy body of each draw, at rest: what patients vary about."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..model import System
from .arm import Arm
from .disease import Disease
from .ensemble import Ensemble
from .rest import Resting, solve_rest
from .switches import apply_arm

__all__ = ["Bodies", "healthy_bodies", "selected"]


@dataclass(frozen=True)
class Bodies:
    """The healthy body of each draw that has a resting point: what its patients vary about.

    Attributes
    ----------
    draw : array (bodies,) of int
        Position of each in the ensemble.
    parameters : array (bodies, parameters)
    y : array (bodies, states)
    share : float
        What share of draws rested.
    """

    draw: np.ndarray
    parameters: np.ndarray
    y: np.ndarray
    share: float

    def __len__(self) -> int:
        return len(self.draw)

    def take(self, chosen: np.ndarray) -> Bodies:
        """Return some of the bodies, by position."""
        return Bodies(self.draw[chosen], self.parameters[chosen], self.y[chosen], self.share)


def healthy_bodies(
    disease: Disease,
    evidence: Evidence,
    ensemble: Ensemble,
    *,
    extra: tuple[str, ...] = (),
    threads: int | None = None,
) -> Bodies:
    """Solve the resting body of each draw, on the day before anything happens.

    Parameters
    ----------
    disease : Disease
    evidence : Evidence
    ensemble : Ensemble
    extra : tuple of str
        Mediators that a therapy brings.
    threads : int, optional
    """
    system = disease.system(evidence, extra)
    # what the host lacks is missing from here on: in health, natural history, every arm and every export
    nobody = Arm(product="none", species=disease.spec.species, knockout=disease.spec.knockout)
    numbers = apply_arm(ensemble.sample(system, evidence), system, nobody, evidence, ensemble)
    for name, direction in disease.spec.directions.items():
        if name in ensemble.directions:
            for i in selected(system, direction.select):
                numbers[:, i] *= ensemble.directions[name]
    resting: Resting = solve_rest(system, numbers, disease.counts, threads=threads)
    healthy = resting.ok.copy()
    for state, most in disease.limits.items():
        healthy &= resting.y[:, system.state_index[state]] <= most
    good = np.flatnonzero(healthy)
    if not len(good):
        raise InputError("no draw of the ensemble has a resting point", file=disease.file, key="modules")
    return Bodies(good, resting.parameters[good], resting.y[good], float(healthy.mean()))


def selected(system: System, patterns: tuple[str, ...]) -> list[int]:
    """Return the places of parameters whose names match a pattern."""
    return [i for name, i in system.parameter_index.items() if any(fnmatchcase(name, p) for p in patterns)]
