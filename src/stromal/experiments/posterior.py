"""The calibrated ensemble of a disease: draws of the bench, moved along directions, with what trials see."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from .disease import DISEASES, Disease
from .endpoint import Endpoint, draw_observation
from .ensemble import Ensemble, shipped_ensemble

__all__ = ["Posterior", "disease_posterior"]


@dataclass(frozen=True)
class Posterior:
    """Draws of a disease.

    Attributes
    ----------
    ensemble : Ensemble
        One entry a draw; a draw that fits well comes more than once.
    observation : dict of str to array (draws,)
        Numbers of the observation models.
    calibrated : bool
        Whether it was fitted to control arms; otherwise it is the prior.
    about : tuple of str
        What the file says of itself.
    """

    ensemble: Ensemble
    observation: Mapping[str, np.ndarray]
    calibrated: bool
    about: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ensemble)

    def head(self, draws: int) -> Posterior:
        """Return the first draws (they are in random order).

        Raises
        ------
        InputError
            If there are not so many, or none is asked for.
        """
        some = self.ensemble.head(draws)
        return replace(self, ensemble=some, observation={k: v[:draws] for k, v in self.observation.items()})

    def distinct(self) -> tuple[Ensemble, np.ndarray]:
        """Return the different bodies among the draws, and which of them each draw has."""
        key = np.column_stack([np.array(self.ensemble.ids, dtype=float), *self.ensemble.directions.values()])
        _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
        return self.ensemble.at(first), which.ravel()


def disease_posterior(disease: Disease, endpoints: Mapping[str, Endpoint]) -> Posterior:
    """Return the calibrated draws that ship with a disease, or the prior of one that has none.

    Raises
    ------
    InputError
        If the file does not belong to the disease as it stands.
    """
    bench = shipped_ensemble()
    path = DISEASES / f"{disease.id}.posterior.csv"
    if not path.exists():
        numbers = draw_observation(endpoints, seed=bench.seed, ids=bench.ids)
        return Posterior(bench, numbers, False)
    with open(path, encoding="utf-8", newline="") as stream:
        lines = stream.readlines()
    about = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    place = {draw: i for i, draw in enumerate(bench.ids)}
    unknown = [row["draw"] for row in rows if int(row["draw"]) not in place]
    if unknown:
        raise InputError(
            f"draw {unknown[0]} is not of the bench ensemble",
            file=path.name,
            suggestion=f"run stromal calibrate --disease {disease.id}",
        )
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0] if key != "draw"}
    moved = {k.removeprefix("direction:"): v for k, v in columns.items() if k.startswith("direction:")}
    some = bench.at(np.array([place[int(row["draw"])] for row in rows]))
    labels = _labels(some.ids, moved)
    ensemble = replace(
        some, directions={**some.directions, **moved}, name=f"{disease.id} posterior", labels=labels
    )
    observation = {k: v for k, v in columns.items() if not k.startswith("direction:")}
    missing = [n.name for e in endpoints.values() for n in e.numbers if n.name not in observation]
    if missing:
        # an endpoint of one's own was not calibrated: its numbers come from their prior
        drawn = draw_observation(endpoints, seed=ensemble.seed, ids=ensemble.ids)
        observation |= {name: drawn[name] for name in missing}
    return Posterior(ensemble, observation, True, about)


def _labels(ids: tuple[int, ...], moved: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Name each body: a draw that stands at several places has a number after it, the same in any run."""
    places: dict[int, list[tuple[float, ...]]] = {}
    out = []
    for i, draw in enumerate(ids):
        place = tuple(float(values[i]) for values in moved.values())
        seen = places.setdefault(draw, [])
        if place not in seen:
            seen.append(place)
        number = seen.index(place)
        out.append(f"{draw}.{number}" if number else str(draw))
    return tuple(out)
