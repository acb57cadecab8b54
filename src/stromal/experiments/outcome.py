"""Outcomes: what a trial would see of virtual patients. No function here is told the arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError, nearest
from .endpoint_kinds import Endpoint
from .paths import Paths

__all__ = [
    "DEAD",
    "MISSING",
    "CategoryOutcome",
    "CountOutcome",
    "EventOutcome",
    "MeasureOutcome",
    "Outcomes",
    "ResponseOutcome",
    "observe",
]

#: Codes of a visit at which there is no category to read.
DEAD, MISSING = -1, -2


@dataclass(frozen=True)
class EventOutcome:
    """When an event, a rival event or the end of follow-up came.

    Attributes
    ----------
    time : array (patients,)
        Days from day 0; NaN for a failed patient.
    cause : array (patients,) of int
        0 censored, 1 the event, 2 and up the rivals in the order of ``rivals``.
    rivals : tuple of str
    """

    time: np.ndarray
    cause: np.ndarray
    rivals: tuple[str, ...] = ()

    @property
    def observed(self) -> np.ndarray:
        """Whether the event itself was seen, array (patients,) of bool."""
        return self.cause == 1

    def take(self, rows: np.ndarray) -> EventOutcome:
        """Return some of the patients."""
        return EventOutcome(self.time[rows], self.cause[rows], self.rivals)


@dataclass(frozen=True)
class CategoryOutcome:
    """Categories at visits.

    Attributes
    ----------
    days : array (visits,)
    level : array (patients, visits) of int
        Index of the category; :data:`DEAD` or :data:`MISSING` if there is none.
    categories : tuple of str
    """

    days: np.ndarray
    level: np.ndarray
    categories: tuple[str, ...]

    def take(self, rows: np.ndarray) -> CategoryOutcome:
        """Return some of the patients."""
        return replace(self, level=self.level[rows])


@dataclass(frozen=True)
class ResponseOutcome:
    """Who responded.

    Attributes
    ----------
    value : array (patients,)
        1 yes, 0 no (the dead included), NaN not seen to its day.
    """

    value: np.ndarray

    def take(self, rows: np.ndarray) -> ResponseOutcome:
        """Return some of the patients."""
        return ResponseOutcome(self.value[rows])


@dataclass(frozen=True)
class MeasureOutcome:
    """What was measured at visits.

    Attributes
    ----------
    days : array (visits,)
    value : array (patients, visits)
        In the unit of the observable; NaN after death or drop-out.
    """

    days: np.ndarray
    value: np.ndarray

    def take(self, rows: np.ndarray) -> MeasureOutcome:
        """Return some of the patients."""
        return replace(self, value=self.value[rows])


@dataclass(frozen=True)
class CountOutcome:
    """How often something happened.

    Attributes
    ----------
    count : array (patients,)
    exposure : array (patients,)
        Days at risk.
    """

    count: np.ndarray
    exposure: np.ndarray

    def take(self, rows: np.ndarray) -> CountOutcome:
        """Return some of the patients."""
        return CountOutcome(self.count[rows], self.exposure[rows])


Outcome = EventOutcome | CategoryOutcome | ResponseOutcome | MeasureOutcome | CountOutcome


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of patients in one arm.

    Attributes
    ----------
    ids : tuple of str
    draw : array (patients,) of int
    ok : array (patients,) of bool
    follow_up : float
        Day of administrative censoring.
    results : dict of str to outcome
        By endpoint.
    """

    ids: tuple[str, ...]
    draw: np.ndarray
    ok: np.ndarray
    follow_up: float
    results: Mapping[str, Outcome]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, name: str) -> Outcome:
        if name not in self.results:
            raise InputError(f"no endpoint {name!r}", key="endpoint", suggestion=nearest(name, self.results))
        return self.results[name]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of patients whose run cannot be used: in no estimate, but named and counted."""
        return tuple(self.ids[i] for i in np.flatnonzero(~self.ok))

    def take(self, rows: Sequence[int] | np.ndarray) -> Outcomes:
        """Return some of the patients, by index or by a flag for each."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(int)
        return Outcomes(
            tuple(self.ids[i] for i in index),
            self.draw[index],
            self.ok[index],
            self.follow_up,
            {name: result.take(index) for name, result in self.results.items()},
        )


def observe(
    endpoints: Mapping[str, Endpoint],
    paths: Paths,
    parameters: Mapping[str, np.ndarray] | None = None,
    *,
    seed: int,
    replicate: int = 0,
    follow_up: float | None = None,
    dropout: float = 0.0,
) -> Outcomes:
    """Observe the endpoints of patients.

    Chance is keyed by seed, patient, endpoint and replicate: the same patient meets the same chance in
    every arm. For many replicates of the same paths keep an ``Observer`` (``experiments.observer``).

    Parameters
    ----------
    endpoints : dict of str to Endpoint
    paths : Paths
    parameters : dict of str to array (draws,), optional
        From ``draw_observation``; medians by default.
    seed, replicate : int
    follow_up : float, optional
        Day of administrative censoring; the last of the paths by default.
    dropout : float
        Rate at which patients leave, 1/day, the same for all.

    Returns
    -------
    Outcomes
    """
    from .observer import Observer

    observer = Observer(endpoints, paths, parameters)
    return observer.observe(seed=seed, replicate=replicate, follow_up=follow_up, dropout=dropout)
