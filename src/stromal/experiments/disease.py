"""Diseases as data: modules of a body, insults, background drugs, what varies between patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.units import parse_quantity
from ..model import System
from .body import body_system, organs, resized, sizes, targeted
from .files import Strict, find, listed, parse, read_toml
from .observable import Observable, parse_observable
from .targets import check_targets

__all__ = [
    "DISEASES",
    "Amount",
    "Direction",
    "Disease",
    "Enrolment",
    "Insult",
    "list_diseases",
    "load_disease",
]

DISEASES = Path(__file__).parent / "diseases"
MODULES = Path(__file__).parent / "modules"


class Amount(Strict):
    """A number of a file: median, geometric spread of what is not known, and between patients."""

    value: str | float
    spread: float = Field(default=3.0, ge=1)
    between: float = Field(default=1.0, ge=1)
    most: float = float("inf")
    source: str = "assumed"


class Insult(Strict):
    """What happens to a body on one day: states are multiplied, then added to."""

    name: str
    day: float = 0.0
    scale: dict[str, Amount] = {}
    add: dict[str, Amount] = {}
    source: str = "assumed"

    @field_validator("scale", "add", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        # a bare number or amount is a median with the usual spread
        if not isinstance(value, dict):
            return value
        return {k: v if isinstance(v, dict) else {"value": v} for k, v in value.items()}


class Variation(Strict):
    """Parameters that differ between patients, all by one factor."""

    select: tuple[str, ...]
    between: float = Field(ge=1)
    source: str = "assumed"


class Direction(Strict):
    """Parameters or insults that calibration moves together."""

    select: tuple[str, ...]
    spread: float = Field(default=3.0, ge=1)
    note: str = ""


class Criterion(Strict):
    """A condition on an observable at enrolment; ``over_day`` makes it a ratio to an earlier day."""

    observable: str
    day: float = Field(default=0.0, le=0)
    over_day: float | None = None
    least: float = float("-inf")
    most: float = float("inf")


class Stratum(Strict):
    """A class of patients at enrolment and the share that a trial has of it."""

    name: str
    observable: str
    least: float = float("-inf")
    most: float = float("inf")
    share: float = Field(gt=0, le=1)


class Enrolment(Strict):
    """When and whom a trial takes."""

    day: float = Field(ge=0)
    criteria: tuple[Criterion, ...] = ()
    strata: tuple[Stratum, ...] = ()
    source: str = "assumed"


class Natural(Strict):
    """What is known of the course without some insult or drug; draws that say otherwise are rejected."""

    name: str
    without: tuple[str, ...] = ()
    observable: str
    day: float = Field(gt=0)
    least: float = float("-inf")
    most: float = float("inf")
    share: float = Field(default=0.5, gt=0, le=1)
    source: str


class Fitted(Strict):
    """A row of calibration.csv, and the endpoint of the control arm that it is data for."""

    row: str
    endpoint: str
    day: float
    measure: Literal["share", "incidence", "median"]


class Setting(Strict):
    """How observation differs between trials: numbers of observation models that move together."""

    select: tuple[str, ...]
    spread: float | None = Field(default=None, ge=1)
    sd: float | None = Field(default=None, ge=0)
    source: str = "assumed"


class Module(Strict):
    """A part of a body that several diseases share."""

    id: str
    title: str
    about: str
    source: str
    sites: dict[str, tuple[str, ...]] = {}
    counts: dict[str, str] = {}
    at_most: dict[str, str] = {}
    systemic: dict[str, tuple[str, ...]] = {}


class Organ(Strict):
    """What a place of this body has of its own, in place of its row of places.csv."""

    volume: str
    source: str = "assumed"


class _File(Strict):
    id: str
    title: str
    about: str = ""
    source: str = "assumed"
    species: Literal["human", "mouse"] = "human"
    weight: str = "70 kg"
    clock: str = "days"
    target: str = "target organ"
    organ: str = ""
    places: dict[str, Organ] = {}
    modules: tuple[str, ...]
    antigen: Literal["constant", "damage", "none"] = "none"
    knockout: tuple[str, ...] = ()
    calibration: tuple[Fitted, ...] = ()
    between_trials: float = Field(default=0.7, gt=0)
    natural: tuple[Natural, ...] = ()
    setting: dict[str, Setting] = {}
    insult: tuple[Insult, ...] = ()
    background: tuple[dict[str, Any], ...] = ()
    variability: dict[str, Variation] = {}
    directions: dict[str, Direction] = {}
    observables: dict[str, str]
    enrol: Enrolment
    endpoints: dict[str, dict[str, Any]] = {}
    trial: str = ""


@dataclass(frozen=True, eq=False)
class Disease:
    """A disease, ready to be compiled.

    Attributes
    ----------
    spec : _File
        The file as it was read and checked.
    sites : dict of str to tuple of str
        Every cell and the places it may be in.
    counts : dict of str to float
        Cells that are there at rest besides those of rest.csv, by state (cells/uL).
    limits : dict of str to float
        Most that there may be of a cell at rest; a draw with more is rejected.
    weight : float
        kg.
    volumes : dict of str to float
        uL of each place.
    sizes : dict of str to float
        Volume over that of places.csv, of places where the file says another.
    observables : dict of str to Observable
    file : str
    """

    spec: _File
    modules: tuple[Module, ...]
    sites: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, float]
    limits: Mapping[str, float]
    weight: float
    volumes: Mapping[str, float]
    sizes: Mapping[str, float]
    observables: Mapping[str, Observable]
    file: str

    @property
    def id(self) -> str:
        """Name of the disease."""
        return self.spec.id

    @property
    def calibrated(self) -> bool:
        """Whether control arms were found to fit it to; else it tells signs, not percentages."""
        return bool(self.spec.calibration)

    def system(self, evidence: Evidence, extra: tuple[str, ...] = ()) -> System:
        """Return the compiled body of the disease."""
        given = {m for module in self.modules for m in module.systemic.get("levels", ())}
        given |= {str(drug["give"]) for drug in self.spec.background} & set(evidence.mediators)
        names = tuple(sorted(given | set(extra)))
        here = self.tables(evidence)
        return body_system(here, self.sites, self.spec.species, names, self.id, self.volumes)

    def tables(self, evidence: Evidence) -> Evidence:
        """Return the tables as they hold in this body: the target may be another organ of them."""
        organ, species = self.spec.organ, self.spec.species
        return targeted(evidence, species, organ) if organ else evidence


def list_diseases() -> dict[str, Path]:
    """Return the shipped diseases: id to file."""
    return listed(DISEASES)


def load_disease(name: str | Path, evidence: Evidence) -> Disease:
    """Read a disease by the id of a shipped one, or from a TOML file of one's own.

    Raises
    ------
    InputError
        With file, key and the nearest valid name.
    """
    path = find(name, DISEASES, "disease")
    spec = parse(_File, read_toml(path), path.name)
    modules = []
    for module in spec.modules:
        beside = path.parent / f"{module}.toml"
        source = beside if beside.exists() and beside != path else find(module, MODULES, "modules")
        modules.append(parse(Module, read_toml(source), source.name))
    given = {
        place: _quantity(organ.volume, "uL", path.name, f"places.{place}.volume")
        for place, organ in spec.places.items()
    }
    try:
        here = targeted(evidence, spec.species, spec.organ) if spec.organ else evidence
    except InputError as err:
        raise InputError(err.message, file=path.name, key="organ", suggestion=err.suggestion) from None
    places = resized(here, spec.species, given, path.name)
    known = {*places, spec.organ} - {""}
    sites: dict[str, tuple[str, ...]] = {}
    counts: dict[str, float] = {}
    limits: dict[str, float] = {}
    for part in modules:
        for cell, where in part.sites.items():
            _known(cell, evidence.cells, f"{part.id}.toml", "sites", "cell")
            for place in where:
                _known(place, known, f"{part.id}.toml", f"sites.{cell}", "place")
            there = ["target" if place == spec.organ else place for place in where]
            sites[cell] = tuple(dict.fromkeys([*sites.get(cell, ()), *there]))
        for state, amount in part.counts.items():
            counts[state] = _quantity(amount, "cells/uL", f"{part.id}.toml", f"counts.{state}")
        for state, amount in part.at_most.items():
            limits[state] = _quantity(amount, "cells/uL", f"{part.id}.toml", f"at_most.{state}")
    weight = _quantity(spec.weight, "kg", path.name, "weight")
    observables = {
        key: parse_observable(text, evidence, sites, file=path.name, key=f"observables.{key}")
        for key, text in spec.observables.items()
    }
    named = [c.observable for c in spec.enrol.criteria] + [s.observable for s in spec.enrol.strata]
    for name in named:
        _known(name, observables, path.name, "enrol", "observable")
    ratios = sizes(here, spec.species, places)
    disease = Disease(
        spec, tuple(modules), sites, counts, limits, weight, places, ratios, observables, path.name
    )
    _check_host(disease, evidence)
    _check_insults(disease, evidence)
    check_enrolment(disease, path.name)
    return disease


def check_enrolment(disease: Disease, file: str) -> None:
    """Refuse insults that come after patients are taken: they would not happen.

    Raises
    ------
    InputError
    """
    day = disease.spec.enrol.day
    for insult in disease.spec.insult:
        if insult.day > day:
            raise InputError(
                f"patients are taken on day {day:g}, before {insult.name!r} on day {insult.day:g}",
                file=file,
                key="enrol.day",
                suggestion=f"{insult.day:g} or later",
            )


def _check_host(disease: Disease, evidence: Evidence) -> None:
    """Check what the host lacks: nodes that there are, and not those of cells that are given."""
    try:
        check_targets((), disease.spec.knockout, evidence)
    except InputError as err:
        raise InputError(err.message, file=disease.file, key="knockout", suggestion=err.suggestion) from None
    for text in disease.spec.knockout:
        if text.startswith("MSC."):
            raise InputError(
                f"{text!r}: MSC are given, they are not the host's",
                file=disease.file,
                key="knockout",
                suggestion="knockout of an arm of the trial",
            )


def _check_insults(disease: Disease, evidence: Evidence) -> None:
    """Check that insults name what is there."""
    known = {f"{place}:{cell}" for cell, where in disease.sites.items() for place in where}
    known |= {f"{p}:{m}" for p in organs(evidence, disease.spec.species) for m in evidence.mediators}
    known |= {f"systemic:{m}" for m in evidence.mediators}
    for insult in disease.spec.insult:
        for state in (*insult.scale, *insult.add):
            if state not in known:
                raise InputError(
                    f"no state {state!r}",
                    file=disease.file,
                    key=f"insult.{insult.name}",
                    suggestion=nearest(state, known),
                )


def _known(name: str, valid: Any, file: str, key: str, what: str) -> None:
    if name not in valid:
        raise InputError(f"no {what} {name!r}", file=file, key=key, suggestion=nearest(name, valid))


def _quantity(text: str | float, unit: str, file: str, key: str) -> float:
    try:
        value = parse_quantity(text, unit)
    except InputError as err:
        raise InputError(err.message, file=file, key=key, suggestion=err.suggestion) from None
    if value < 0:
        raise InputError(f"{text!r} is negative", file=file, key=key)
    return value
