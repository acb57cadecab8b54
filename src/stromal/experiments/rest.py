"""Rest: influxes are solved, draw by draw, so that the resting counts of a healthy body rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..model import System
from .well import rest, solve

__all__ = ["Resting", "solve_rest"]

#: Days in which a body settles, rounds of correction, and how far from its count a cell may then be.
DAYS, ROUNDS, TOLERANCE = 300.0, 12, 0.1
#: Days over which the losses of the first guess are read.
MOMENT = 0.01


@dataclass(frozen=True)
class Resting:
    """Healthy bodies.

    Attributes
    ----------
    parameters : array (draws, parameters)
        With the influxes filled in.
    y : array (draws, states)
        The state at rest.
    ok : array (draws,) of bool
        False where no influx holds the counts: the draw is rejected.
    """

    parameters: np.ndarray
    y: np.ndarray
    ok: np.ndarray


def solve_rest(
    system: System, parameters: np.ndarray, counts: Mapping[str, float], *, threads: int | None = None
) -> Resting:
    """Find the influx of every cell that has a resting count.

    Parameters
    ----------
    system : System
    parameters : array (draws, parameters)
    counts : mapping of str to float
        Further cells that are there at rest, by state (cells/uL); of a cell that has a resting count, the
        median of that count here, in place of the table's.
    threads : int, optional

    Returns
    -------
    Resting
    """
    out = parameters.copy()
    index, states = system.parameter_index, system.state_index
    cells = [name.removeprefix("supply:") for name in index if name.startswith("supply:")]
    cells = [name for name in cells if f"reference:{name}" in index]
    supply = np.array([index[f"supply:{name}"] for name in cells], dtype=int)
    at = np.array([states[name] for name in cells], dtype=int)
    for name in counts.keys() & set(cells):
        i = index[f"reference:{name}"]
        out[:, i] *= counts[name] / system.parameters[i].value
    wanted = out[:, [index[f"reference:{name}"] for name in cells]]
    y = rest(system, out)
    for name, value in counts.items():
        y[:, states[name]] = value
    y[:, at] = wanted
    # the first guess makes good what is lost in a moment; it is then corrected in proportion
    moment = solve(system, y, out, np.array([0.0, MOMENT]), threads=threads, rtol=1e-4).y[:, -1]
    lost = (wanted - moment[:, at]) / MOMENT
    out[:, supply] = np.where(lost > 0, lost, 0.01 * wanted)
    ok, left = np.ones(len(out), dtype=bool), np.arange(len(out))
    for _ in range(ROUNDS):
        # a draw that rests is left alone: what becomes of it does not depend on the others
        result = solve(system, y[left], out[left], np.array([0.0, DAYS]), threads=threads, rtol=1e-4)
        end = result.y[:, -1]
        ok[left] &= result.ok
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.clip(wanted[left] / end[:, at], 0.05, 20.0)
        ratio = np.where(np.isfinite(ratio), ratio, 1.0)
        off = (np.abs(ratio - 1.0) >= TOLERANCE / 5).any(axis=1)
        left, ratio, end = left[off], ratio[off], end[off]
        if not len(left):
            break
        out[np.ix_(left, supply)] *= ratio
        y[left] = np.where(np.isfinite(end), end, y[left])
        y[np.ix_(left, at)] = wanted[left]
    result = solve(system, y, out, np.array([0.0, DAYS]), threads=threads, rtol=1e-4)
    end = result.y[:, -1]
    ok &= result.ok & (np.abs(end[:, at] / wanted - 1.0) < TOLERANCE).all(axis=1)
    return Resting(out, np.where(np.isfinite(end), end, 0.0), ok)
