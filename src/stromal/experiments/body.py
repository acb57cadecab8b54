"""A body: organs, where cells are in them, and the compiled system behind it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.units import convert
from ..model import System, compile_model

__all__ = ["body_system", "organs"]


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


def body_system(
    evidence: Evidence,
    sites: Mapping[str, tuple[str, ...]],
    species: str,
    extra: tuple[str, ...] = (),
    name: str = "body",
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
    """
    return _system(evidence, tuple(sorted(sites.items())), species, tuple(sorted(extra)), name)


@lru_cache(maxsize=8)
def _system(
    evidence: Evidence,
    sites: tuple[tuple[str, tuple[str, ...]], ...],
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
        places=organs(evidence, species),
        extra=extra,
        verbs=verbs,
        species=species,
        name=name,
    )
