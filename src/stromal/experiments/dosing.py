"""The doses of a therapy: per patient, after caps, with the dead share apart."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..evidence.read import SHIPPED
from .ensemble import Z90, Ensemble
from .routes import route_shares
from .therapy import Therapy

__all__ = ["Dose", "doses", "viability_after_thaw"]

#: A dose given over time is cut into this many equal pieces at least, and a piece a day at least.
PIECES = 4


@dataclass(frozen=True, eq=False)
class Dose:
    """One thing that is put into the body at one moment.

    Attributes
    ----------
    time : float
        Day, trial clock.
    amount : array
        In ``unit``, of the shape that weights (patients) and draws broadcast to.
    unit : str
        ``cells``, ``particles``, ``relative``, ``ng`` or ``mmol``.
    what : str
        Cell or mediator: ``MSC``, ``MSC.dead``, ``MSC-EV``, ``let-7b``.
    places : dict of str to array (draws,) or ()
        Share of ``amount`` that is in each place; they sum to one.
    therapy : Therapy
        Whose dose it is: source and priming of the cells stand there.
    """

    time: float
    amount: np.ndarray
    unit: str
    what: str
    places: Mapping[str, np.ndarray]
    therapy: Therapy


def doses(
    therapy: Therapy | Iterable[Therapy],
    weight_kg: Any,
    evidence: Evidence,
    ensemble: Ensemble | None = None,
    *,
    sizes: Mapping[str, float] | None = None,
) -> tuple[Dose, ...]:
    """Return the doses of one or several therapies in order of time.

    Parameters
    ----------
    therapy : Therapy or iterable of Therapy
    weight_kg : float or array
        Weights of the patients, kg. Broadcast against (draws,): give one weight a draw, or
        (patients, 1) for every patient in every draw.
    evidence : Evidence
    ensemble : Ensemble, optional
        Draws of viability and of the shares of the route; without it the values of the tables.
    sizes : mapping of str to float, optional
        Of places whose volume is not that of the table, volume over that of the table.

    Returns
    -------
    tuple of Dose
        Cells that are dead on arrival are a dose of their own, right after that of the living.

    Raises
    ------
    InputError
        If a weight is not positive.
    """
    weight = np.asarray(weight_kg, dtype=float)
    if not np.all(np.isfinite(weight) & (weight > 0)):
        raise InputError("a weight is not a positive number of kg", key="weight_kg")
    all_of_them = (therapy,) if isinstance(therapy, Therapy) else tuple(therapy)
    out = [dose for one in all_of_them for dose in _doses(one, weight, evidence, ensemble, sizes)]
    return tuple(sorted(out, key=lambda dose: dose.time))


def _doses(
    therapy: Therapy,
    weight: np.ndarray,
    evidence: Evidence,
    ensemble: Ensemble | None,
    sizes: Mapping[str, float] | None,
) -> Iterable[Dose]:
    amount = therapy.amount * (weight if therapy.per_kg else np.ones_like(weight))
    if therapy.cap is not None:
        # of all that is infused: a cap counts cells, not living cells
        amount = np.minimum(amount, therapy.cap)
    if therapy.place:
        places = {therapy.place: np.asarray(1.0)}
    else:
        places = route_shares(evidence, therapy.route, therapy.what, ensemble, sizes)
    parts = [(therapy.content, amount), *((name, times * amount) for name, times in therapy.beside)]
    if therapy.content == "MSC":
        alive = np.asarray(viability_after_thaw(ensemble) if therapy.viability is None else therapy.viability)
        parts = [("MSC", amount * alive), ("MSC.dead", amount * (1 - alive))]
    moments, pieces = _moments(therapy)
    for time in moments:
        for what, part in parts:
            if np.any(part > 0):
                yield Dose(time, np.asarray(part / pieces), therapy.unit, what, places, therapy)


def _moments(therapy: Therapy) -> tuple[list[float], int]:
    """Return the moments at which something is given, and the pieces that one dose is cut into."""
    if not therapy.tinf:
        return list(therapy.days), 1
    pieces = max(PIECES, math.ceil(therapy.tinf))
    # in the middle of each stretch, so that the mean time is that of the infusion
    offsets = [therapy.tinf * (i + 0.5) / pieces for i in range(pieces)]
    return [day + offset for day in therapy.days for offset in offsets], pieces


def viability_after_thaw(ensemble: Ensemble | None = None) -> np.ndarray:
    """Return the share of thawed MSC that is alive, where a therapy does not state it.

    Row ``v_thaw`` of ``parameters.csv``: its value is the median and its range the central 90 %, with a
    slope of its own on either side, on the scale of log odds. One value a draw: all lots of a draw are
    alike.

    Returns
    -------
    array (draws,) or ()
        0 to 1.
    """
    from scipy.special import expit, logit, ndtri  # slow to import

    middle, low, high = (logit(v) for v in _thaw())
    if ensemble is None:
        return np.asarray(expit(middle))
    z = ndtri(ensemble.uniform("viability"))
    slope = np.where(z < 0, middle - low, high - middle) / Z90
    return np.asarray(expit(middle + slope * z))


@cache
def _thaw() -> tuple[float, float, float]:
    with open(SHIPPED / "parameters.csv", encoding="utf-8", newline="") as stream:
        row = next(r for r in csv.DictReader(stream) if r["symbol"] == "v_thaw")
    return float(row["value"]), float(row["low"]), float(row["high"])
