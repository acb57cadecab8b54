"""Observables of a body: what an endpoint, a criterion or a figure looks at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..model import System

__all__ = ["Observable", "needed", "parse_observable", "value"]

_FORMS = {
    "damage": r"damage",
    "share": r"share (?P<a>.+?) of (?P<b>.+?) in (?P<place>\S+)",
    "count": r"count (?P<a>.+?) in (?P<place>\S+)",
    "total": r"total (?P<a>.+)",
    "level": r"level (?P<a>.+?)(?: in (?P<place>\S+))?",
    "carried": r"carried (?P<a>.+?) in (?P<place>\S+)",
}
#: Cells under which a share is not given (cells/uL).
FEW = 1e-6


@dataclass(frozen=True)
class Observable:
    """A phrase taken apart.

    Attributes
    ----------
    text : str
    form : str
        ``damage``, ``count``, ``total``, ``share``, ``level`` or ``carried``.
    a, b, place : str
    unit : str
        ``1``, ``cells/uL``, ``cells``, ``%`` or that of the mediator.
    """

    text: str
    form: str
    a: str = ""
    b: str = ""
    place: str = ""
    unit: str = "1"


def parse_observable(
    text: str, evidence: Evidence, sites: Mapping[str, tuple[str, ...]], *, file: str = "", key: str = ""
) -> Observable:
    """Take a phrase apart and check its names.

    Raises
    ------
    InputError
        If the phrase is of no known form, or names what is not there.
    """
    for form, pattern in _FORMS.items():
        match = re.fullmatch(pattern, text.strip()) if isinstance(text, str) else None
        if match is None:
            continue
        parts = {k: v for k, v in match.groupdict().items() if v}
        names = [n for n in (parts.get("a"), parts.get("b")) if n]
        for name in names:
            if form == "level":
                valid: set[str] = set(evidence.mediators)
            elif form == "carried":
                break
            else:
                valid = {n for n, cells in evidence.members.items() if set(cells) & set(sites)}
            if name not in valid:
                raise InputError(
                    f"{text!r}: no {name!r}", file=file, key=key, suggestion=nearest(name, valid)
                )
        places = {place for where in sites.values() for place in where}
        if parts.get("place", "blood") not in places:
            hint = nearest(parts["place"], places)
            raise InputError(f"{text!r}: no place {parts['place']!r}", file=file, key=key, suggestion=hint)
        unit = {"count": "cells/uL", "total": "cells", "share": "%", "carried": "relative"}.get(form, "1")
        if form == "level":
            unit = evidence.mediators[parts["a"]].unit
        return Observable(text.strip(), form, unit=unit, **parts)
    hint = "forms: damage, count X in PLACE, total X, share A of B in PLACE, level M in PLACE"
    raise InputError(f"{text!r} is not an observable", file=file, key=key, suggestion=hint)


def needed(item: Observable, system: System, evidence: Evidence) -> list[str]:
    """Return the states that an observable reads."""
    index = system.state_index

    def cells(name: str, place: str = "") -> list[str]:
        members = evidence.members.get(name, (name,))
        return [
            s.name
            for s in system.states
            if s.kind == "cell" and s.entity in members and (not place or s.place == place)
        ]

    if item.form == "damage":
        return cells("parenchyma")
    if item.form in ("count", "share"):
        return [*cells(item.a, item.place), *(cells(item.b, item.place) if item.b else [])]
    if item.form == "total":
        return cells(item.a)
    names = [f"{item.place}:{item.a}"] if item.place else [f"systemic:{item.a}", f"blood:{item.a}"]
    return [name for name in names if name in index][:1]


def value(
    item: Observable,
    system: System,
    evidence: Evidence,
    y: Mapping[str, np.ndarray],
    parameters: np.ndarray,
    volumes: Mapping[str, float],
) -> np.ndarray:
    """Return an observable from the states it reads.

    Parameters
    ----------
    item : Observable
    system, evidence
    y : mapping of str to array (patients, times)
        The states that `needed` names.
    parameters : array (patients, parameters)
    volumes : mapping of str to float
        uL of each place.

    Returns
    -------
    array (patients, times)

    Raises
    ------
    InputError
        If the body has no state that the observable reads.
    """
    names = needed(item, system, evidence)
    if not names:
        # zeros would read as a measurement
        raise InputError(
            f"{item.text!r}: has no level here, because nothing in this body senses it", key="observables"
        )
    if item.form == "damage":
        whole = sum(parameters[:, system.parameter_index[f"reference:{n}"]] for n in names)
        return np.maximum(1.0 - sum(y[n] for n in names) / np.asarray(whole)[:, None], 0.0)
    if item.form == "total":
        return np.asarray(sum(np.maximum(y[n], 0.0) * volumes[n.partition(":")[0]] for n in names))
    if item.form == "share":
        part = [n for n in names if n.partition(":")[2] in evidence.members.get(item.a, (item.a,))]
        of = [n for n in names if n.partition(":")[2] in evidence.members.get(item.b, (item.b,))]
        total = sum(np.maximum(y[n], 0.0) for n in dict.fromkeys(of))
        some = np.asarray(sum(np.maximum(y[n], 0.0) for n in dict.fromkeys(part)))
        return np.where(total > FEW, 100.0 * some / np.maximum(total, FEW), 0.0)
    return np.asarray(sum(np.maximum(y[n], 0.0) for n in names))
