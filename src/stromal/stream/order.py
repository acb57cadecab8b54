"""Which patients stand where: any stretch of a population can be drawn without the rest of it.

Patients take turns through the draws of the posterior, so that every beginning of a population is one
itself. A body that the posterior has several times has as many patients in each turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..evidence import Evidence
from ..experiments.bodies import Bodies
from ..experiments.disease import Disease
from ..experiments.ensemble import Ensemble
from ..experiments.insults import insults
from ..experiments.population import Patients, people
from ..model import System

__all__ = ["Event", "Order", "draw_patients"]

#: Day, scale and shift (patients, states).
Event = tuple[float, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Order:
    """The turn that patients take.

    Attributes
    ----------
    body : array (turn,) of int
        Body of each place in a turn.
    place, times : array (turn,) of int
        How many places of the turn before this one, and in all, have the same body.
    """

    body: np.ndarray
    place: np.ndarray
    times: np.ndarray

    @classmethod
    def of(cls, body: np.ndarray) -> Order:
        """Return the order in which bodies come as given, again and again."""
        place = np.array([int((body[:i] == b).sum()) for i, b in enumerate(body)])
        return cls(body, place, np.array([int((body == b).sum()) for b in body]))

    def at(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return body, number within the body, and how often the body comes in a turn, of each patient."""
        turn, at = np.divmod(np.arange(start, stop), len(self.body))
        return self.body[at], turn * self.times[at] + self.place[at], self.times[at]


def draw_patients(
    order: Order,
    start: int,
    stop: int,
    bodies: Bodies,
    system: System,
    disease: Disease,
    evidence: Evidence,
    ensemble: Ensemble,
) -> tuple[Patients, np.ndarray, np.ndarray, list[Event]]:
    """Return patients ``start`` to ``stop``, healthy, and what will happen to each.

    Returns
    -------
    Patients
    body, number : array (patients,) of int
    list of Event
    """
    body, number, times = order.at(start, stop)
    turns = start // len(order.body), (stop - 1) // len(order.body) + 1
    places, parts, happens = [], [], []
    for n in np.unique(times):
        mine = np.flatnonzero(times == n)
        there = np.unique(body[mine])
        first, size = turns[0] * int(n), (turns[1] - turns[0]) * int(n)
        block = people(bodies.take(there), system, disease, ensemble, size, first)
        rows = np.searchsorted(there, body[mine]) * size + number[mine] - first
        events = insults(block, disease, ensemble, evidence, size, start=first)
        places.append(mine)
        parts.append(block.take(rows))
        happens.append([(day, scale[rows], shift[rows]) for day, scale, shift in events])
    back = np.argsort(np.concatenate(places))

    def joined(arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)[back]

    ids = [name for part in parts for name in part.ids]
    some = Patients(
        system,
        tuple(ids[i] for i in back),
        joined([p.draw for p in parts]),
        joined([p.parameters for p in parts]),
        joined([p.y for p in parts]),
        0.0,
        parts[0].yields,
        joined([p.weight for p in parts]),
    )
    together = [
        (same[0][0], joined([e[1] for e in same]), joined([e[2] for e in same]))
        for same in zip(*happens, strict=True)
    ]
    return some, body, number, together
