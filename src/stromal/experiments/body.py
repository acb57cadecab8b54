"""A body: organs, where cells are in them, and the compiled system behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.records import Route, Row
from ..evidence.units import convert
from ..model import System, compile_model

__all__ = ["body_system", "organs", "resized", "sizes", "targeted"]

#: The place that takes what the other organs leave of the body.
REMAINDER = "rest"


def organs(evidence: Evidence, species: str) -> dict[str, float]:
    """Return the volume (uL) of each place of a body.

    Raises
    ------
    InputError
        If the places table has no row of the species.
    """
    out = {
        place: convert(row.volume, row.volume_unit, "uL")
        for (place, of), row in evidence.places.items()
        if of == species
    }
    if not out:
        raise InputError(
            f"no body of {species!r}",
            file="places.csv",
            key="species",
            suggestion=nearest(species, {of for _, of in evidence.places}),
        )
    return out


@lru_cache(maxsize=8)
def targeted(evidence: Evidence, species: str, organ: str) -> Evidence:
    """Return the tables as they are where the target is one of the other organs.

    The target has the volume, exchange and room of that organ, which is then not there a second time, and its
    share of every route besides its own.

    Raises
    ------
    InputError
        If the table has no such organ.
    """
    known = organs(evidence, species)
    valid = [place for place in known if place not in ("blood", "target", REMAINDER)]
    if organ not in valid:
        raise InputError(f"no organ {organ!r}", key="organ", suggestion=nearest(organ, valid))
    places: dict[tuple[str, ...], Row] = dict(evidence.tables["places"])
    row = evidence.places[organ, species]
    del places[organ, species]
    places["target", species] = row.model_copy(update={"place": "target", "verbs": ()})
    # the body stays as large: what was the target is in the rest
    rest = evidence.places[REMAINDER, species]
    more = convert(known["target"], "uL", rest.volume_unit)
    places[REMAINDER, species] = rest.model_copy(update={"volume": rest.volume + more})
    routes: dict[tuple[str, ...], Row] = {}
    for (route, what, place), share in evidence.routes.items():
        if place in ("target", organ):
            there = [evidence.routes.get((route, what, p)) for p in ("target", organ)]
            routes[route, what, "target"] = _together([r for r in there if r is not None])
        else:
            routes[route, what, place] = share
    return replace(evidence, tables={**evidence.tables, "places": places, "routes": routes})


def _together(rows: list[Route]) -> Route:
    """Return one row of the target for what goes to several places, as uncertain as the largest."""
    largest = max(rows, key=lambda row: row.share)
    return largest.model_copy(update={"place": "target", "share": sum(row.share for row in rows)})


def resized(evidence: Evidence, species: str, given: Mapping[str, float], file: str = "") -> dict[str, float]:
    """Return the volume (uL) of each place of a body, some of them not those of the table.

    The body stays as large as it is: ``rest`` is what the other places leave.

    Parameters
    ----------
    evidence : Evidence
    species : str
    given : mapping of str to float
        Place to volume, uL.
    file : str
        In which they stand, for messages; their keys are ``places.NAME.volume``.

    Raises
    ------
    InputError
        If a place is unknown or ``rest``, or a volume is not one that the body has room for.
    """
    out = organs(evidence, species)
    total = sum(out.values())
    valid = [place for place in out if place != REMAINDER]
    for place, volume in given.items():
        if place not in valid:
            why = f"{place} is what the other places leave" if place == REMAINDER else f"no place {place!r}"
            raise InputError(why, file=file, key=f"places.{place}", suggestion=nearest(place, valid))
        others = sum(v for p, v in out.items() if p not in (place, REMAINDER))
        if not 0 < volume < total - others:
            raise InputError(
                f"{volume:g} uL is not a volume of {place}: above 0, and below the "
                f"{total - others:g} uL that the other organs of the {species} leave",
                file=file,
                key=f"places.{place}.volume",
            )
        if REMAINDER in out:
            out[REMAINDER] += out[place] - volume
        out[place] = volume
    return out


def sizes(evidence: Evidence, species: str, volumes: Mapping[str, float]) -> dict[str, float]:
    """Return the volume of each place over that of the table, of those that differ."""
    table = organs(evidence, species)
    return {place: volume / table[place] for place, volume in volumes.items() if volume != table[place]}


def body_system(
    evidence: Evidence,
    sites: Mapping[str, tuple[str, ...]],
    species: str,
    extra: tuple[str, ...] = (),
    name: str = "body",
    volumes: Mapping[str, float] | None = None,
) -> System:
    """Compile a body; diseases with the same cells in the same places share one object, and one kernel.

    Parameters
    ----------
    evidence : Evidence
    sites : mapping
        Every cell and the places it may be in.
    species : str
    extra : tuple of str
        Mediators that are given, though no cell makes or senses them.
    name : str
    volumes : mapping of str to float, optional
        uL of each place; without it those of the table.
    """
    places = tuple((volumes or organs(evidence, species)).items())
    return _system(evidence, tuple(sorted(sites.items())), places, species, tuple(sorted(extra)), name)


@lru_cache(maxsize=8)
def _system(
    evidence: Evidence,
    sites: tuple[tuple[str, tuple[str, ...]], ...],
    places: tuple[tuple[str, float], ...],
    species: str,
    extra: tuple[str, ...],
    name: str,
) -> System:
    verbs = {
        place: frozenset(row.verbs)
        for (place, of), row in evidence.places.items()
        if of == species and row.verbs
    }
    return compile_model(
        evidence,
        sites=dict(sites),
        places=dict(places),
        extra=extra,
        verbs=verbs,
        species=species,
        name=name,
    )
