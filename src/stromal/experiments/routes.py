"""Where a dose goes: the share of each place after the first passage, drawn so that all sum to one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.records import Route
from .ensemble import Z90, Ensemble

__all__ = ["route_names", "route_shares"]


def route_names(evidence: Evidence, what: str = "") -> tuple[str, ...]:
    """Return the routes of the table, or those by which ``cells``, ``vesicles`` or a ``drug`` is given."""
    return tuple(dict.fromkeys(route for route, kind, _ in evidence.routes if not what or kind == what))


def route_shares(
    evidence: Evidence,
    route: str,
    what: str,
    ensemble: Ensemble | None = None,
    sizes: Mapping[str, float] | None = None,
) -> dict[str, np.ndarray]:
    """Return the share of a dose in each place after the first passage.

    Each place has a weight, its share times a factor drawn from the stream ``route:ROUTE:WHAT:PLACE``,
    and the weights are divided by their sum. The spread of the place that takes most is therefore that
    of the odds of staying there, which all other places share: how much of an IV dose escapes the lung
    is one unknown, not five.

    Where an organ is not as large as in the table, its share goes with its size and ``rest`` has the
    difference. Not so the place that the route leads to: it gets as many, be it small or large.

    Parameters
    ----------
    evidence : Evidence
    route, what : str
        ``IV``; ``cells``, ``vesicles`` or ``drug``.
    ensemble : Ensemble, optional
        Draws; without it the shares of the table.
    sizes : mapping of str to float, optional
        Of places whose volume is not that of the table, volume over that of the table.

    Returns
    -------
    dict of str to array (draws,) or ()
        Place to share of the dose, 0 to 1; over the places they sum to one.

    Raises
    ------
    InputError
        If the table has no such route.
    """
    rows: list[Route] = [
        row for (name, kind, _), row in evidence.routes.items() if name == route and kind == what
    ]
    if not rows:
        raise InputError(
            f"no route {route!r} for {what}",
            key="route",
            suggestion=nearest(route, route_names(evidence, what)),
        )
    weights = np.stack([_weight(row, ensemble) for row in rows])
    shares = weights / weights.sum(axis=0)
    out = {row.place: share for row, share in zip(rows, shares, strict=True)}
    return _sized(out, sizes, _leads(evidence, route)) if sizes else out


def _leads(evidence: Evidence, route: str) -> str:
    """Return the place that a route leads to: the one where most of the cells are that are given by it."""
    rows = [row for (name, _, _), row in evidence.routes.items() if name == route]
    return max(rows, key=lambda row: (row.what == "cells", row.share)).place


def _sized(shares: Mapping[str, np.ndarray], sizes: Mapping[str, float], leads: str) -> dict[str, np.ndarray]:
    """Return shares of organs of other sizes; they sum to one as before."""
    fixed = (leads, "blood", "rest")
    out = {
        place: share if place in fixed else share * sizes.get(place, 1.0) for place, share in shares.items()
    }
    if "rest" in out:
        out["rest"] = np.maximum(1.0 - sum(out[place] for place in out if place != "rest"), 0.0)
    total = sum(out.values())
    return {place: share / total for place, share in out.items()}


def _weight(row: Route, ensemble: Ensemble | None) -> np.ndarray:
    from scipy.special import ndtri  # slow to import

    if ensemble is None:
        return np.asarray(row.share)
    sigma = np.log(row.width) / Z90
    z = ndtri(ensemble.uniform(f"route:{row.route}:{row.what}:{row.place}"))
    return np.asarray(row.share * np.exp(sigma * z))
