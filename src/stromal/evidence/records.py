"""The rows of the tables: one record a table, checked field by field when read."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

__all__ = [
    "PLACES",
    "TABLES",
    "Behaviour",
    "Block",
    "Cell",
    "CrossReactivity",
    "Direction",
    "Kinetics",
    "Mediator",
    "Passing",
    "Place",
    "Rest",
    "Route",
    "Rule",
    "Vessels",
]


def _split(value: object) -> object:
    return tuple(p.strip() for p in value.split(";") if p.strip()) if isinstance(value, str) else value


def _number(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _yes(value: object) -> object:
    return {"yes": True, "no": False, "": False}.get(value, value) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
Number = Annotated[float | None, BeforeValidator(_number), Field(allow_inf_nan=False)]
YesNo = Annotated[bool, BeforeValidator(_yes)]
Status = Literal["review", "literature", "assumed"]
Strength = Literal["measured", "scaled", "fitted", "assumed"]

#: Default geometric spread (90 % interval is value/spread to value*spread) by where a number comes from.
DEFAULT_SPREAD = {"measured": 1.5, "scaled": 2.0, "fitted": 2.0, "assumed": 3.0}


class Row(BaseModel):
    """A row of a table; ``row`` is its line in ``file``."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    key: ClassVar[tuple[str, ...]] = ("name",)
    file: str = ""
    row: int = 0

    def identity(self) -> tuple[str, ...]:
        """Return the values of the key columns."""
        values = (getattr(self, name) for name in self.key)
        return tuple(";".join(v) if isinstance(v, tuple) else str(v) for v in values)


class Numbered(Row):
    """A row with numbers: where they come from and how far they may be off."""

    refs: Words = ()
    source: str = ""
    status: Status
    strength: Strength
    spread: Number = None

    @model_validator(mode="after")
    def _sourced(self) -> Numbered:
        if self.spread is not None and self.spread < 1:
            raise ValueError("spread is geometric and at least 1")
        if self.strength == "assumed" and self.spread is not None and self.spread < 3:
            raise ValueError("an assumed number has a spread of at least 3")
        if self.status != "assumed" and not self.refs and not self.source:
            raise ValueError("a number needs refs or a source, or status 'assumed'")
        return self

    @property
    def width(self) -> float:
        """Geometric spread, or the default of its class."""
        return self.spread if self.spread is not None else DEFAULT_SPREAD[self.strength]

    @property
    def origin(self) -> str:
        """Citation behind the numbers, or ``assumed``."""
        return self.source or ";".join(self.refs) or "assumed"


class Reference(Row):
    """A paper."""

    key: ClassVar = ("key_",)
    key_: str = Field(alias="key")
    number: str = ""
    first_author: str = ""
    year: str = ""
    title: str = ""
    journal: str = ""
    identifier: str = ""
    confidence: str = ""
    note: str = ""


class Entity(Row):
    """A thing that the tables name."""

    name: str
    kind: str
    symbol: str = ""
    curie: str = ""
    synonyms: Words = ()
    note: str = ""


class Cell(Numbered):
    """A cell type, or a type in a state."""

    name: str
    label: str
    lineage: str
    groups: Words = ()
    slots: float = Field(gt=0)
    diameter: Number = None
    diameter_unit: str = ""


class Mediator(Row):
    """A free molecule, vesicle, stimulus or drug."""

    name: str
    label: str
    kind: Literal["cytokine", "lipid", "metabolite", "vesicle", "stimulus", "drug"]
    unit: Literal["ng/mL", "mM", "particles/nL", "relative"]
    molar_mass: Number = None
    maker: Literal["host", "MSC", "both"]
    quasi_steady: YesNo = False
    scale: float = Field(gt=0)
    entity: str = ""


class Kinetics(Numbered):
    """Loss, diffusion and start of a mediator in a place."""

    key: ClassVar = ("mediator", "place")
    mediator: str
    place: str
    half_life: Number = None
    half_life_unit: str = ""
    diffusion: Number = None
    diffusion_unit: str = ""
    start: Number = None
    start_unit: str = ""


class Place(Numbered):
    """An organ of a species."""

    key: ClassVar = ("place", "species")
    place: str
    species: Literal["human", "mouse"]
    label: str = ""
    volume: float = Field(gt=0)
    volume_unit: str
    free_slots: float = Field(gt=0)
    capacity: float = Field(gt=0)
    density_unit: str = "cells/uL"
    washout: Number = None
    washout_unit: str = ""
    verbs: Words = ()


class Rest(Numbered):
    """How many cells are in a place of a healthy body."""

    key: ClassVar = ("name", "place", "species")
    name: str
    place: str
    species: Literal["human", "mouse"]
    level: float = Field(ge=0)
    unit: str


class Behaviour(Numbered):
    """What a cell does when no rule says otherwise."""

    key: ClassVar = ("cell", "behaviour", "where")
    cell: str
    behaviour: str
    base: float = Field(ge=0, allow_inf_nan=False)
    unit: str
    most: Number = None
    least: Number = None
    via: str = ""
    substrate: str = ""
    km: Number = None
    km_unit: str = ""
    scales_with: str = ""
    half_life: Number = None
    half_life_unit: str = ""
    reference: Words = ()
    where: Words = ()
    between: Number = None

    @model_validator(mode="after")
    def _bounds(self) -> Behaviour:
        if self.most is not None and self.most < 1:
            raise ValueError("most is a multiple of base, at least 1")
        if self.least is not None and not 0 <= self.least <= 1:
            raise ValueError("least is a share of base, 0 to 1")
        return self


class Rule(Numbered):
    """One signal changes one behaviour of one cell."""

    key: ClassVar = ("id",)
    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    cell: str
    behaviour: str
    signal: str
    via: str = ""
    effect: Literal["increases", "decreases", "requires"]
    fold: Number = None
    leak: Number = None
    half_max: float = Field(gt=0, allow_inf_nan=False)
    unit: str = "relative"
    hill: float = Field(default=1.0, ge=1, le=8)
    group: str = ""
    if_blocked: Literal["no signal", "saturated", "1", ""] = "no signal"
    where: Words = ()
    strength_class: Literal["weak", "moderate", "strong", ""] = ""
    note: str = ""

    @model_validator(mode="after")
    def _effect(self) -> Rule:
        if self.effect == "requires":
            if self.fold is not None:
                raise ValueError("a 'requires' has a leak, not a fold")
            if self.leak is not None and not 0 <= self.leak < 1:
                raise ValueError("leak is in 0 to 1")
        elif self.fold is None:
            raise ValueError(f"a rule that {self.effect} needs a fold")
        elif self.effect == "increases" and not self.fold > 1:
            raise ValueError("a rule that increases has a fold above 1")
        elif self.effect == "decreases" and not 0 <= self.fold < 1:
            raise ValueError("a rule that decreases has a fold below 1")
        return self


class Product(Row):
    """One change that a product, source, priming or control makes to a base."""

    key: ClassVar = ("product", "kind", "cell", "target")
    product: str
    kind: Literal["source", "control", "engineered", "priming", "vesicle", "cells"]
    cell: str = ""
    target: str = "*"
    factor: Number = None
    spread: Number = None
    add: Words = ()
    refs: Words = ()
    source: str = ""
    status: Status
    strength: Strength
    note: str = ""


#: Where a dose can be after its first passage; ``target`` is the organ that a disease is in.
PLACES = ("blood", "lung", "lymphoid", "target", "liver", "rest")


class Route(Numbered):
    """Share of a dose that is in a place after the first passage.

    ``spread`` is that of the odds of this place against the other places of the route.
    """

    key: ClassVar = ("route", "what", "place")
    route: str
    what: Literal["cells", "vesicles", "drug"]
    place: str
    share: float = Field(gt=0, le=1)
    note: str = ""


class Vessels(Numbered):
    """Share of what a cell in vessels makes that goes into the blood; ``spread`` is that of its odds."""

    key: ClassVar = ("cell", "place", "what")
    cell: str
    place: str
    what: str
    into_blood: float = Field(gt=0, lt=1)


class Passing(Row):
    """What a cell does in a place that it only passes, in vessels: less than the place allows."""

    key: ClassVar = ("cell", "place")
    cell: str
    place: str
    verbs: Words
    refs: Words = ()
    source: str = ""
    status: Status


class Block(Row):
    """A drug or antibody, and the node it acts on."""

    name: str
    synonyms: Words = ()
    kind: Literal["neutraliser", "antagonist", "inhibitor"]
    node: str
    owner: str = ""
    efficacy: float = Field(ge=0, le=1)
    spread_low: Number = None
    spread_high: Number = None
    refs: Words = ()
    source: str = ""
    status: Status
    note: str = ""


class CrossReactivity(Row):
    """How well a mediator of one species acts on cells of another."""

    key: ClassVar = ("mediator", "from_species", "to_species")
    mediator: str
    from_species: str
    to_species: str
    factor: float = Field(ge=0, le=1)
    refs: Words = ()
    source: str = ""
    status: Status
    note: str = ""


class Link(Row):
    """A signed, cited link inside a cell."""

    key: ClassVar = ("id",)
    id: str
    source: str
    effect: Literal["increases", "decreases", "affects"]
    target: str
    cell: str = ""
    mode: str = ""
    refs: Words = ()
    claims: Words = ()
    status: Status
    note: str = ""


class Direction(Row):
    """One of the few directions that calibration may move."""

    name: str
    select: str
    acts_on: Literal["strength", "base"]
    prior: float = Field(gt=0)
    spread: float = Field(ge=1)
    note: str = ""


class Coverage(Row):
    """What the program makes of one claim of the review."""

    key: ClassVar = ("claim",)
    claim: str
    fate: Literal["experiment", "graph", "trial", "background", "pending", "unsupported"]
    where: str = ""
    reason: str = ""


TABLES: dict[str, type[Row]] = {
    "references": Reference,
    "entities": Entity,
    "cells": Cell,
    "mediators": Mediator,
    "kinetics": Kinetics,
    "places": Place,
    "rest": Rest,
    "behaviours": Behaviour,
    "rules": Rule,
    "products": Product,
    "routes": Route,
    "vessels": Vessels,
    "passing": Passing,
    "blocks": Block,
    "crossreactivity": CrossReactivity,
    "links": Link,
    "directions": Direction,
    "coverage": Coverage,
}
