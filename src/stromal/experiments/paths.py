"""What an engine hands to the observation of endpoints: observables of patients over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, nearest

__all__ = ["Paths"]


@dataclass(frozen=True)
class Paths:
    """Observables of virtual patients over time, in one arm.

    Attributes
    ----------
    days : array (times,)
        Rising; day 0 is when the trial starts (negative days are a run-in).
    values : dict of str to array (patients, times)
        Observables, each in its own unit.
    draw : array (patients,) of int
        Which draw of the ensemble each patient belongs to: an index into arrays of parameters.
    ids : tuple of str
        Stable, unique names of the patients. The same patient has the same name in every arm: random
        numbers are keyed by it.
    ok : array (patients,) of bool
        Whether the run of the patient is usable. Others are named and counted, never dropped in silence.

    Raises
    ------
    InputError
        If shapes do not agree, days do not rise, or ids repeat.
    """

    days: np.ndarray
    values: Mapping[str, np.ndarray]
    draw: np.ndarray
    ids: tuple[str, ...]
    ok: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.ids)
        if np.ndim(self.days) != 1 or not len(self.days):
            raise InputError("days is not a list of times", key="days")
        if not np.all(np.isfinite(self.days)) or np.any(np.diff(self.days) <= 0):
            raise InputError("days do not rise", key="days")
        if len(set(self.ids)) != n:
            raise InputError("two patients have the same id", key="ids")
        for key, array in (("draw", self.draw), ("ok", self.ok)):
            if np.shape(array) != (n,):
                raise InputError(f"has shape {np.shape(array)}, not ({n},)", key=key)
        if not np.issubdtype(np.asarray(self.draw).dtype, np.integer) or (n and np.min(self.draw) < 0):
            raise InputError("is not an index into the draws", key="draw")
        for name, array in self.values.items():
            if np.shape(array) != (n, len(self.days)):
                raise InputError(
                    f"has shape {np.shape(array)}, not ({n}, {len(self.days)})", key=f"values.{name}"
                )

    def __len__(self) -> int:
        return len(self.ids)

    def nearest(self, day: float) -> int:
        """Return the column of the time on the grid that is nearest to a day."""
        return int(np.argmin(np.abs(self.days - day)))

    def at(self, name: str, days: np.ndarray) -> np.ndarray:
        """Return an observable at days between the grid's, by linear interpolation.

        Parameters
        ----------
        name : str
        days : array (visits,)

        Returns
        -------
        array (patients, visits)

        Raises
        ------
        InputError
            If there is no such observable, or a day is off the grid.
        """
        values = self.observable(name)
        days = np.asarray(days, dtype=float)
        if len(days) and (days.min() < self.days[0] - 1e-9 or days.max() > self.days[-1] + 1e-9):
            raise InputError(
                f"a visit at day {days.min():g} or {days.max():g} is off the run, "
                f"day {self.days[0]:g} to {self.days[-1]:g}",
                key=name,
            )
        right = np.clip(np.searchsorted(self.days, days, side="right"), 1, max(len(self.days) - 1, 1))
        if len(self.days) == 1:
            return np.repeat(values, len(days), axis=1)
        left = right - 1
        share = np.clip((days - self.days[left]) / (self.days[right] - self.days[left]), 0.0, 1.0)
        with np.errstate(invalid="ignore"):
            between = (1 - share) * values[:, left] + share * values[:, right]
        # the plain product would turn 0 * inf of a neighbour into NaN
        return np.where(share == 0, values[:, left], between)

    def observable(self, name: str) -> np.ndarray:
        """Return an observable, array (patients, times)."""
        if name not in self.values:
            raise InputError(f"no observable {name!r}", key=name, suggestion=nearest(name, self.values))
        return np.asarray(self.values[name], dtype=float)
