"""SBML Level 3 Version 2 (core) from a compiled system.

How a system is written, and why:

* **Each place is a compartment of 1 uL**, constant: a system is written in concentrations, and a volume that
  it needs is already a parameter. So amount and concentration of a species are the same number, and tools
  that print `S` and tools that print `[S]` agree.
* **Each state is a species.** In formulae its symbol is its concentration (`hasOnlySubstanceUnits=false`), in
  the state's own unit: cells per uL with cells as `item`, pg per uL (= ng/mL), nmol per uL (= mM), thousand
  particles per uL (= particles/nL). What has no volume, a carried level, is dimensionless and its symbol is
  its amount. Counters and carried levels are species too, changed by reactions, so that each change keeps its
  citations and every simulator treats all states alike.
* **Each process is a reaction.** Extent is in `item`; a species that is counted in another unit has a
  conversion factor of one, and the kinetic law is `compartment * rate / factor`. A coefficient under zero
  makes a reactant.
* **Numbers carry units.** The unit of a literal is what makes its formula homogeneous. Where a formula is not
  homogeneous without one, a literal 1 with a unit is put in; `unit_gaps` lists these places.
* `pos` of a state shields a power from rounding and is written as the state, or as `max(0, x)` on request;
  that of an expression (damage: tissue may outgrow what it should be) is `max(0, x)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .sbml_names import identifiers
from .sbml_writer import SbmlWriter

if TYPE_CHECKING:
    from ..model.system import System

__all__ = ["check_sbml", "state_ids", "to_sbml", "unit_gaps"]

Events = Iterable[tuple[float, Mapping[str, tuple[float, float]]]]


def to_sbml(
    system: System,
    *,
    y0: Mapping[str, float] | Sequence[float] | None = None,
    params: Mapping[str, float] | Sequence[float] | None = None,
    grounding: Mapping[str, str] | None = None,
    references: Mapping[str, str] | None = None,
    notes: str | Iterable[str] | None = None,
    events: Events = (),
    guard: bool = False,
) -> str:
    """Write a system as SBML.

    Parameters
    ----------
    system : System
    y0 : mapping or sequence of float, optional
        Start values in the states' units, by name or in system order; with a mapping, states not named keep
        ``system.start``. By default all do, written as initial assignments that follow the parameters.
    params : mapping or sequence of float, optional
        Parameter values in internal units, by name or in system order; default: those of the system.
    grounding : mapping of str to str, optional
        CURIE of an entity, ``{"IFNG": "UniProt:P01579"}``.
    references : mapping of str to str, optional
        DOI, PubMed id or URI of a reference key. Others are printed in the notes as ``[key]``.
    notes : str or iterable of str, optional
        Paragraphs about the model.
    events : iterable of (float, mapping), optional
        Time in days, and for each state that jumps ``(scale, shift)``: it becomes ``scale * state + shift``.
        Events at one time act in the order given.
    guard : bool
        Write ``pos`` of a state as ``max(0, x)``.

    Returns
    -------
    str
        The document, the same for the same input.

    Raises
    ------
    ValueError
        If a unit cannot be read, a name is there twice, or a state, parameter or reference is malformed.
    """
    writer = SbmlWriter(system, guard=guard)
    writer.fill(
        y0=_values(y0, [state.name for state in system.states], "state"),
        params=_values(params, [parameter.name for parameter in system.parameters], "parameter"),
        grounding=grounding or {},
        references=references or {},
        notes=[notes] if isinstance(notes, str) else notes or (),
        events=events,
    )
    return writer.text()


def unit_gaps(system: System) -> list[str]:
    """Return where the units of a system's formulae do not fit without help, one line a place."""
    writer = SbmlWriter(system)
    writer.fill()
    return writer.gaps


def state_ids(system: System) -> dict[str, str]:
    """Return the SBML identifier of each state, in system order."""
    ids = identifiers(system)
    return {state.name: ids["symbol", state.name] for state in system.states}


def check_sbml(text: str) -> list[str]:
    """Run all of libSBML's checks (units and modelling practice too); return a line for each finding."""
    import libsbml

    document = libsbml.readSBMLFromString(text)
    if not document.getNumErrors(libsbml.LIBSBML_SEV_ERROR):
        document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, True)
        document.checkConsistency()
    found = [document.getError(i) for i in range(document.getNumErrors())]
    return [
        f"{e.getSeverityAsString()} {e.getErrorId()}, line {e.getLine()}: {' '.join(e.getMessage().split())}"
        for e in found
    ]


def _values(
    given: Mapping[str, float] | Sequence[float] | None, names: Sequence[str], what: str
) -> dict[str, float]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        if unknown := [name for name in given if name not in set(names)]:
            raise ValueError(f"there is no {what} {unknown[0]!r}")
        return {name: float(value) for name, value in given.items()}
    if len(given) != len(names):
        raise ValueError(f"{len(given)} values for {len(names)} {what}s")
    return {name: float(value) for name, value in zip(names, given, strict=True)}
