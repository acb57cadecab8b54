"""Readouts: what a bench reads, computed from the states after the run."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.words import parse_behaviour
from ..model import System
from ..model.expr import evaluate_all

__all__ = ["Readout", "carried_by", "parse_readout", "read"]

_FORMS = {
    "share": r"share (?P<a>.+?) of (?P<b>.+)",
    "index": r"division index of (?P<a>.+)",
    "events": r"events (?P<what>division|death) of (?P<a>.+?)(?: in last (?P<hours>[\d.]+) ?h)?",
    "count": r"count (?P<a>.+)",
    "level": r"level (?P<a>.+)",
    "expression": r"expression (?P<a>.+)\.(?P<what>[^.]+)",
    "rate": r"rate (?P<what>.+) of (?P<a>.+)",
}


@dataclass(frozen=True)
class Readout:
    """A readout taken apart.

    Attributes
    ----------
    text : str
        As written.
    form : str
        ``count``, ``share``, ``level``, ``expression``, ``events``, ``index`` or ``rate``.
    a, b, what : str
        Cell, group or mediator; the whole of a share; behaviour, event or carried level.
    window : float or None
        Days over which events are counted; None for all.
    unit : str
    """

    text: str
    form: str
    a: str
    b: str = ""
    what: str = ""
    window: float | None = None
    unit: str = ""


def parse_readout(text: str, evidence: Evidence, *, file: str = "", key: str = "readout") -> Readout:
    """Take a readout phrase apart and check its names.

    Raises
    ------
    InputError
        If the phrase is of no known form, or names nothing known.
    """
    if not isinstance(text, str):
        raise InputError(f"{text!r} is not a readout", file=file, key=key)
    for form, pattern in _FORMS.items():
        if match := re.fullmatch(pattern, text.strip()):
            parts = {k: v for k, v in match.groupdict().items() if v}
            hours = parts.pop("hours", None)
            found = Readout(text, form, **parts, window=float(hours) / 24 if hours else None)
            return _checked(found, evidence, file, key)
    hint = "forms: count X, share A of B, level M, expression C.X, events division of X, rate B of C"
    raise InputError(f"{text!r} is not a readout", file=file, key=key, suggestion=hint)


def _checked(r: Readout, evidence: Evidence, file: str, key: str) -> Readout:
    lineages = {c.lineage for c in evidence.cells.values()}
    for name in filter(None, (r.a, r.b)):
        valid = set(evidence.mediators) if r.form == "level" else set(evidence.members) | lineages
        if name not in valid:
            raise InputError(f"{r.text!r}: no {name!r}", file=file, key=key, suggestion=nearest(name, valid))
    unit = {
        "count": "cells/uL",
        "share": "%",
        "expression": "relative",
        "events": "events/uL",
        "index": "divisions",
    }
    if r.form == "level":
        return _with(r, evidence.mediators[r.a].unit)
    if r.form == "expression":
        lineage = evidence.cells[r.a].lineage if r.a in evidence.cells else r.a
        carried = carried_by(evidence, lineage)
        if r.what not in carried:
            raise InputError(
                f"{r.text!r}: {r.a} carries no {r.what!r}",
                file=file,
                key=key,
                suggestion=nearest(r.what, carried),
            )
    if r.form == "rate":
        cells = {r.a, *evidence.members.get(r.a, ())}
        have = {
            row.behaviour
            for row in evidence.behaviours
            if cells & {row.cell, *evidence.members.get(row.cell, ())}
        }
        if r.what not in have:
            raise InputError(
                f"{r.text!r}: {r.a} has no {r.what!r}", file=file, key=key, suggestion=nearest(r.what, have)
            )
        verb = parse_behaviour(r.what).verb
        return _with(r, {"secretes": "per cell per day", "expresses": "relative"}.get(verb, "1/day"))
    return _with(r, unit[r.form])


def carried_by(evidence: Evidence, lineage: str) -> set[str]:
    """Return what a lineage carries: what its cells express or keep."""
    cells = {c.name for c in evidence.cells.values() if c.lineage == lineage} | {lineage}
    actions = [
        parse_behaviour(b.behaviour)
        for b in evidence.behaviours
        if cells & {b.cell, *evidence.members.get(b.cell, ())}
    ]
    return {action.what for action in actions if action.verb in ("expresses", "keeps")}


def _with(r: Readout, unit: str) -> Readout:
    return Readout(r.text, r.form, r.a, r.b, r.what, r.window, unit)


def read(
    r: Readout,
    system: System,
    evidence: Evidence,
    days: np.ndarray,
    y: np.ndarray,
    parameters: np.ndarray,
    place: str,
    volume: float = 1.0,
) -> np.ndarray:
    """Compute a readout.

    Parameters
    ----------
    r : Readout
    system : System
    evidence : Evidence
    days : array (times,)
    y : array (runs, times, states)
    parameters : array (runs, parameters)
    place : str
        The target's place.
    volume : float
        Of that place over that which counts are given per uL of.

    Returns
    -------
    array (runs, times)
        NaN where nothing of the kind is in the system.
    """
    index = system.state_index
    nothing = np.full(y.shape[:2], np.nan)

    def total(name: str, prefix: str) -> np.ndarray:
        cells = evidence.members.get(name) or tuple(
            c.name for c in evidence.cells.values() if c.lineage == name
        )
        columns = [index[prefix + c] for c in cells if prefix + c in index]
        return y[:, :, columns].sum(axis=2) if columns else np.zeros(y.shape[:2])

    match r.form:
        case "count":
            return volume * total(r.a, f"{place}:")
        case "share":
            whole = total(r.b, f"{place}:")
            return 100.0 * np.divide(
                total(r.a, f"{place}:"), whole, out=np.zeros_like(whole), where=whole > 1e-9
            )
        case "events":
            return volume * _window(total(r.a, f"count:{r.what}:"), days, r.window)
        case "index":
            seeded = total(r.a, f"{place}:")[:, :1]
            events = total(r.a, "count:division:")
            return np.log2(1.0 + np.divide(events, seeded, out=np.zeros_like(events), where=seeded > 1e-9))
        case "level":
            name = f"{place}:{r.a}"
            if name in system.assignments:
                return _assigned(name, system, y, parameters)
            return y[:, :, index[name]] if name in index else np.zeros(y.shape[:2])
        case "expression":
            lineage = evidence.cells[r.a].lineage if r.a in evidence.cells else r.a
            names = [n for n in index if n.endswith(f":{lineage}.{r.what}") and not n.startswith("count:")]
            names.sort(key=lambda n: not n.startswith(f"{place}:"))
            if not names:
                return nothing
            # a level is carried by cells: where there are none, there is nothing to stain
            cells = total(lineage, names[0].partition(":")[0] + ":")
            return np.where(cells > 1e-9, y[:, :, index[names[0]]], np.nan)
        case _:
            members = evidence.members.get(r.a, ())
            if r.a in evidence.cells or not members:
                rate = _rate(r.a, r.what, system, y, parameters, place)
                return nothing if rate is None else rate
            # of a group: the mean over its cells; those that never do it count as zero
            count, done = total(r.a, f"{place}:"), np.zeros(y.shape[:2])
            for cell in members:
                rate = _rate(cell, r.what, system, y, parameters, place)
                if rate is not None:
                    done = done + rate * total(cell, f"{place}:")
            return np.divide(done, count, out=nothing, where=count > 1e-9)


def _rate(
    cell: str, what: str, system: System, y: np.ndarray, parameters: np.ndarray, place: str
) -> np.ndarray | None:
    """Return the rate of a behaviour of one cell along the trajectories, None if it has none."""
    # with a limit (species) the name goes on after a colon; "becomes Th1" is not "becomes Th17"
    ending = re.compile(rf":{re.escape(f'{cell}:{what}')}(:.*)?")
    names = [n for n in system.assignments if n.startswith("rate:") and ending.fullmatch(n, n.index(":", 5))]
    here = [n for n in names if n.startswith(f"rate:{place}:")]
    rates = [_assigned(n, system, y, parameters) for n in here or names]
    return sum(rates[1:], rates[0]) if rates else None


def _window(counts: np.ndarray, days: np.ndarray, window: float | None) -> np.ndarray:
    if window is None:
        return counts
    before = np.stack([np.interp(days - window, days, row) for row in counts])
    return counts - before


def _assigned(name: str, system: System, y: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Evaluate an assignment along the trajectories."""
    env = {state.name: y[:, :, i] for i, state in enumerate(system.states)}
    env |= {p.name: parameters[:, None, i] for i, p in enumerate(system.parameters)}
    value = evaluate_all([system.inlined[name]], env)[0]
    return np.broadcast_to(value, y.shape[:2]).astype(float)
