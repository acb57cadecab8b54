"""An arm: what is done to one group of wells, as a user writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.units import parse_quantity
from .readout import carried_by
from .targets import check_targets

__all__ = ["Arm", "parse_arm", "parse_ratio", "product_cell"]

SPECIES = ("human", "mouse")
#: Products that the program knows without a row of the table: nothing, the cells themselves, and
#: the medium that they have lived in.
BUILT_IN = ("none", "MSC", "conditioned medium", "apoptotic conditioned medium")
#: Most that a cell may be said to carry: levels are relative to the licensed one.
MOST_CARRIED = 1e3


def _words(value: object) -> object:
    return [value] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class Arm(BaseModel):
    """What is done to one group of wells; see the reference on experiments for each key."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    product: str = "MSC"
    ratio: str = "1:10"
    dose: str = ""
    source: str = "bone_marrow"
    species: Literal["human", "mouse"] = "human"
    msc_species: Literal["human", "mouse", ""] = ""
    priming: Words = ()
    priming_days: float = Field(default=2.0, gt=0, le=30)
    contact: Literal["contact", "transwell"] = "contact"
    block: Words = ()
    knockout: Words = ()
    mute: Words = ()
    add: dict[str, str] = {}
    stimulus: float = Field(default=1.0, ge=0, le=100)
    seed: dict[str, str] = {}
    carried: dict[str, str] = {}
    msc_day: float = Field(default=0.0, ge=0, le=60)

    @property
    def species_of_msc(self) -> str:
        """Species of the product."""
        return self.msc_species or self.species


def parse_arm(
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
    evidence: Evidence,
    *,
    file: str = "",
    name: str = "",
) -> Arm:
    """Check an arm against the tables.

    Parameters
    ----------
    given : mapping
        Keys as in the reference; ``readout`` and ``day`` are the reader's, not the arm's.
    defaults : mapping
        The assay's defaults.
    evidence : Evidence
    file, name : str
        For messages.

    Raises
    ------
    InputError
        With the key and the nearest valid name.
    """
    merged = {**defaults, **given}
    for key in merged:
        if key not in Arm.model_fields:
            raise InputError(
                "no such key of an arm",
                file=file,
                key=f"{name}.{key}".strip("."),
                suggestion=nearest(key, Arm.model_fields),
            )
    try:
        arm = Arm(**merged)
    except ValidationError as err:
        first = err.errors()[0]
        key = ".".join(str(p) for p in first["loc"][:1])
        options = first.get("ctx", {}).get("expected", "")
        hint = (
            nearest(
                str(merged.get(key, "")), [o.strip(" '") for o in options.replace(" or ", ",").split(",")]
            )
            if options
            else ""
        )
        raise InputError(
            f"{merged.get(key)!r}: {first['msg']}", file=file, key=f"{name}.{key}".strip("."), suggestion=hint
        ) from None
    _check(arm, evidence, file, name)
    return arm


def _check(arm: Arm, evidence: Evidence, file: str, name: str) -> None:
    def known(key: str, value: str, valid: list[str]) -> None:
        if value not in valid:
            raise InputError(
                f"no {key} {value!r}",
                file=file,
                key=f"{name}.{key}".strip("."),
                suggestion=nearest(value, valid),
            )

    parse_ratio(arm.ratio, file=file, key=f"{name}.ratio".strip("."))
    by_kind: dict[str, list[str]] = {}
    for row in evidence.products:
        by_kind.setdefault(row.kind, []).append(row.product)
    products = [
        *BUILT_IN,
        *(p for k in ("control", "engineered", "vesicle", "cells") for p in by_kind.get(k, ())),
    ]
    known("product", arm.product, products)
    known("source", arm.source, ["bone_marrow", *by_kind.get("source", ())])
    for agent in arm.priming:
        known("priming", agent, [*by_kind.get("priming", ()), *evidence.mediators])
    try:
        check_targets(arm.block, arm.knockout, evidence)
    except InputError as err:
        key = f"{name}.{err.key}".strip(".")
        raise InputError(err.message, file=file, key=key, suggestion=err.suggestion) from None
    for rule in arm.mute:
        known("mute", rule, list(evidence.rules))
    for mediator in arm.add:
        known("add", mediator, list(evidence.mediators))
    for cell in arm.seed:
        known("seed", cell, list(evidence.cells))
    lineages = sorted({c.lineage for c in evidence.cells.values()})
    for what, amount in arm.carried.items():
        known("carried", what, [f"{own}.{x}" for own in lineages for x in carried_by(evidence, own)])
        key = f"{name}.carried.{what}".strip(".")
        try:
            level = parse_quantity(amount, "relative")
        except InputError as err:
            raise InputError(err.message, file=file, key=key, suggestion=err.suggestion) from None
        if not 0 <= level <= MOST_CARRIED:
            raise InputError(f"{amount!r} is not in 0 to {MOST_CARRIED:g} relative", file=file, key=key)


def parse_ratio(text: str, *, file: str = "", key: str = "ratio") -> float:
    """Return MSC per target cell of ``"1:10"`` (0.1).

    Raises
    ------
    InputError
        If it is not two positive numbers.
    """
    parts = str(text).split(":")
    try:
        msc, target = (float(p) for p in parts)
        if not (msc >= 0 and target > 0 and msc / target < 1e3):
            raise ValueError
    except ValueError:
        raise InputError(
            f"{text!r} is not a ratio MSC:target", file=file, key=key, suggestion="write for example '1:10'"
        ) from None
    return msc / target


def product_cell(arm: Arm, evidence: Evidence) -> str:
    """Return the cell that an arm's product consists of, empty if it has no cells."""
    if arm.product in ("none", "conditioned medium", "apoptotic conditioned medium"):
        return ""
    if arm.product == "MSC":
        return "MSC"
    rows = [row for row in evidence.products if row.product == arm.product]
    if any(row.kind == "vesicle" for row in rows):
        return ""
    return next((row.cell for row in rows if row.cell), "MSC")
