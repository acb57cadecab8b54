"""A therapy: what is given, how much, by which route, and when, as a user writes it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.records import PLACES
from ..evidence.units import convert, parse_quantity
from .arm import BUILT_IN, Arm, parse_arm, product_cell
from .assay import parse_medium
from .given import Given
from .routes import route_names
from .schedule import SCHEDULE_KEYS, schedule

__all__ = ["THERAPY_KEYS", "Therapy", "parse_option", "parse_therapies", "parse_therapy"]

What = Literal["cells", "vesicles", "drug"]
#: Keys that describe MSC; a drug has none of them.
_OF_CELLS = ("source", "species", "priming", "priming_days", "viability")
THERAPY_KEYS = ("give", "amt", "cap", "route", "cmt", *SCHEDULE_KEYS, "tinf", *_OF_CELLS, "note")
#: What a drug is weighed in, by the unit of its concentration.
_DRUG_UNITS = {"ng/mL": "ng", "mM": "mmol", "particles/nL": "particles", "relative": "relative"}


@dataclass(frozen=True)
class Therapy:
    """A product or drug, its dose, route and days; checked.

    Attributes
    ----------
    give : str
        Product or drug by name.
    what : str
        ``cells``, ``vesicles`` or ``drug``.
    content : str
        Cell or mediator that is given: ``MSC``, ``MSC.apoptotic``, ``MSC-EV``, ``let-7b``.
    beside : tuple of (str, float)
        Further mediators on the particles of a vesicle product, and how much for each of ``content``.
    amount : float
        Of one dose, in ``unit`` (``cells``, ``particles``, ``relative``, ``ng``, ``mmol``), per kg if
        ``per_kg``.
    days : tuple of float
        Days of the doses, trial clock, ascending.
    route, place : str
        Route by which it is given, or the place that all of it is put in; the other is empty.
    cap : float or None
        Most that one dose may be, in ``unit``, for the whole patient.
    tinf : float
        Days that a dose of a drug takes; 0 is at once.
    source, species, priming, priming_days
        Of the MSC, as in an arm; ``species`` is of the product too.
    viability : float or None
        Share of the cells that is alive, 0 to 1; None is not stated.
    note : str
    """

    give: str
    what: What
    content: str
    amount: float
    unit: str
    per_kg: bool
    days: tuple[float, ...]
    route: str = ""
    place: str = ""
    cap: float | None = None
    tinf: float = 0.0
    source: str = "bone_marrow"
    species: Literal["human", "mouse"] = "human"
    priming: tuple[str, ...] = ()
    priming_days: float = 2.0
    viability: float | None = None
    note: str = ""
    beside: tuple[tuple[str, float], ...] = ()

    @property
    def contents(self) -> tuple[str, ...]:
        """All that is given: `content`, and what is on the same particles."""
        return (self.content, *(name for name, _ in self.beside))

    def arm(self) -> Arm:
        """Return the product of this therapy as an arm, to prepare it as on the bench."""
        return Arm(
            product="none" if self.what == "drug" else self.give,
            source=self.source,
            msc_species=self.species,
            priming=self.priming,
            priming_days=self.priming_days,
        )


def parse_therapies(
    tables: Any,
    evidence: Evidence,
    *,
    file: str = "",
    name: str = "therapy",
    start: float = 0.0,
    end: float = math.inf,
    places: Iterable[str] = PLACES,
) -> tuple[Therapy, ...]:
    """Return the therapies of an array of tables, ``[[background]]``; see `parse_therapy`."""
    if not isinstance(tables, list | tuple):
        raise InputError("is not an array of tables", file=file, key=name, suggestion=f"write [[{name}]]")
    valid = tuple(places)
    return tuple(
        parse_therapy(table, evidence, file=file, name=f"{name}[{i}]", start=start, end=end, places=valid)
        for i, table in enumerate(tables, 1)
    )


def parse_therapy(
    given: Mapping[str, Any],
    evidence: Evidence,
    *,
    file: str = "",
    row: int | None = None,
    name: str = "",
    start: float = 0.0,
    end: float = math.inf,
    places: Iterable[str] = PLACES,
) -> Therapy:
    """Read and check one therapy.

    Parameters
    ----------
    given : mapping
        Keys as in the reference on therapies; None and empty text are not given.
    evidence : Evidence
    file, row, name : str, int, str
        Where it stands, for messages.
    start, end : float
        First and last day of the trial clock on which a dose may be given.
    places : iterable of str
        Names that ``cmt`` may have.

    Returns
    -------
    Therapy

    Raises
    ------
    InputError
        For the first mistake found, with the key and the nearest valid name.
    """
    if not isinstance(given, Mapping):
        raise InputError("is not a table", file=file, row=row, key=name)
    keys = Given(given, file, row, name)
    keys.only(THERAPY_KEYS, "a therapy")
    what, content = _product(keys, evidence)
    _fitting(keys, what, content)
    amount, unit, per_kg = _amount(keys, what, content, evidence)
    route, place = _destination(keys, what, evidence, tuple(places))
    arm = _arm(keys, evidence)
    tinf = keys.number("tinf", unit="day")
    if tinf < 0:
        raise keys.fail(f"{tinf:g} days is not a duration", "tinf")
    days = schedule(keys, start=start, end=end)
    if days[-1] + tinf > end:
        raise keys.fail(
            f"a dose ends on day {days[-1] + tinf:g}, after the end of follow-up, day {end:g}", "tinf"
        )
    return Therapy(
        give=keys.text("give"),
        what=what,
        content=content,
        amount=amount,
        unit=unit,
        per_kg=per_kg,
        days=days,
        route=route,
        place=place,
        cap=_cap(keys, amount, unit, per_kg),
        tinf=tinf,
        source=arm.source,
        species=arm.species,
        priming=arm.priming,
        priming_days=arm.priming_days,
        viability=_viability(keys),
        note=keys.text("note"),
        beside=_beside(content, keys.text("give"), evidence) if what == "vesicles" else (),
    )


def parse_option(text: str) -> dict[str, str]:
    """Return the keys of a therapy written as one command-line option.

    Parameters
    ----------
    text : str
        ``give=MSC, amt=2e6 cells/kg, route=IV, ii=7, addl=3``; lists have blanks, ``days=0 7 14``.

    Raises
    ------
    InputError
        If a part is not ``key=value`` or a key stands twice.
    """
    out: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (p.strip() for p in part.partition("="))
        if not equals or not key:
            raise InputError(
                f"{part.strip()!r} is not key=value",
                key="therapy",
                suggestion="write for example 'give=MSC, amt=2e6 cells/kg, route=IV, days=0 7'",
            )
        if key in out:
            raise InputError(f"{key} stands twice", key="therapy")
        out[key] = value
    return out


def _product(keys: Given, evidence: Evidence) -> tuple[What, str]:
    """Return what is given, and the cell or mediator that it consists of."""
    give = keys.text("give")
    if not give:
        raise keys.fail("is missing", "give", 'a product or a drug, give = "MSC"')
    rows = [row for row in evidence.products if row.product == give and row.kind not in ("source", "priming")]
    if any(row.kind == "vesicle" for row in rows):
        return "vesicles", next(iter(_vesicles(give, evidence)))
    if rows or give == "MSC":
        return "cells", product_cell(Arm(product=give), evidence)
    if give in BUILT_IN:
        hint = "leave the therapy out" if give == "none" else "give cells or vesicles"
        raise keys.fail(f"{give!r} has no cells or vesicles to give", "give", hint)
    spec = evidence.mediators.get(give)
    if spec is not None and spec.kind == "drug":
        return "drug", give
    if spec is not None:
        raise keys.fail(f"{give!r} is a {spec.kind}, not a drug", "give", "its kind stands in mediators.csv")
    drugs = {name for name, m in evidence.mediators.items() if m.kind == "drug"}
    products = {row.product for row in evidence.products if row.kind not in ("source", "priming")}
    raise keys.fail(f"no product or drug {give!r}", "give", nearest(give, {"MSC"} | products | drugs))


def _vesicles(give: str, evidence: Evidence) -> dict[str, float]:
    """Return the mediators of a vesicle product with their standard dose; the first counts the particles."""
    rows = (row for row in evidence.products if row.product == give and row.kind == "vesicle")
    doses = (text.partition("=") for row in rows for text in row.add)
    return parse_medium({name.strip(): dose.strip() for name, _, dose in doses}, evidence)


def _beside(content: str, give: str, evidence: Evidence) -> tuple[tuple[str, float], ...]:
    doses = _vesicles(give, evidence)
    return tuple((name, dose / doses[content]) for name, dose in doses.items() if name != content)


def _fitting(keys: Given, what: What, content: str) -> None:
    """Refuse keys that would change nothing of what is given."""
    without = {"cells": (), "vesicles": ("source", "priming", "priming_days", "viability"), "drug": _OF_CELLS}
    for key in without[what]:
        if keys.has(key):
            raise keys.fail(
                f"{key} is of cells, and {content} is not cells", key, "leave it out, or use note"
            )
    if what != "drug" and keys.number("tinf", unit="day"):
        raise keys.fail(f"{what} are given at once; only a drug is given over time", "tinf", "leave it out")
    for key in ("viability", "priming", "priming_days"):
        if what == "cells" and content != "MSC" and keys.has(key):
            raise keys.fail(f"{key} is of living cells, and {content} is not", key, "leave it out")


_AMOUNT = re.compile(
    r"\s*(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?P<unit>.*?)(?P<kg>\s*(/|per)\s*kg)?\s*"
)


def _quantity(keys: Given, key: str, unit: str, name: str, mass: float | None) -> tuple[float, bool]:
    """Return an amount in ``unit`` and whether it is per kg."""
    text = keys.data[key]
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    example = f"write for example '{'1' if unit == 'relative' else '1e6'} {unit}'"
    if not match or not match["unit"]:
        raise keys.fail(f"{text!r} is not a number with a unit", key, example)
    try:
        convert(1.0, match["unit"], unit, mass)
    except InputError:
        raise keys.fail(f"{name} is given in {unit}, not in {match['unit']!r}", key, example) from None
    try:
        value = parse_quantity(f"{match['number']} {match['unit']}", unit, mass)
    except InputError as err:
        raise keys.elsewhere(err, key) from None
    if not 0 < value < math.inf:
        raise keys.fail(f"{text!r} is not a positive amount", key)
    return value, match["kg"] is not None


def _amount(keys: Given, what: What, content: str, evidence: Evidence) -> tuple[float, str, bool]:
    if not keys.has("amt"):
        raise keys.fail("is missing", "amt", 'the dose, amt = "2e6 cells/kg"')
    unit, mass = {"cells": "cells", "vesicles": "particles"}.get(what, ""), None
    if what == "drug":
        spec = evidence.mediators[content]
        unit, mass = _DRUG_UNITS[spec.unit], spec.molar_mass
    amount, per_kg = _quantity(keys, "amt", unit, content, mass)
    return amount, unit, per_kg


def _cap(keys: Given, amount: float, unit: str, per_kg: bool) -> float | None:
    if not keys.has("cap"):
        return None
    cap, cap_per_kg = _quantity(keys, "cap", unit, "the dose", None)
    if cap_per_kg:
        raise keys.fail("a cap is for the whole dose, not per kg", "cap", f"write for example '1e8 {unit}'")
    if not per_kg and cap < amount:
        raise keys.fail(
            f"a dose of {amount:g} {unit} for every patient can never be given under a cap of {cap:g}",
            "cap",
            "lower amt, or leave cap out",
        )
    return cap


def _destination(keys: Given, what: What, evidence: Evidence, places: tuple[str, ...]) -> tuple[str, str]:
    """Return (route, place); one of them is empty."""
    routes = route_names(evidence, what)
    if keys.has("route") and keys.has("cmt"):
        raise keys.fail("both route and cmt are given", "cmt", "keep one of them")
    if keys.has("route"):
        name = keys.text("route")
        if name in places and name not in routes:
            raise keys.fail(f"{name!r} is a place, not a route", "route", f'write cmt = "{name}"')
        return keys.known("route", name, routes, f"route of {what}"), ""
    if not keys.has("cmt"):
        raise keys.fail("neither route nor cmt is given", "route", f"known: {', '.join(routes)}")
    name = keys.text("cmt")
    if name == "blood" and "IV" in routes:
        return "IV", ""
    if name in routes:
        return name, ""
    return "", keys.known("cmt", name, (*places, *routes), "place")


def _arm(keys: Given, evidence: Evidence) -> Arm:
    """Return source, species and priming, checked as those of an arm are."""
    wanted: dict[str, Any] = {key: keys.text(key) for key in ("source", "species") if keys.has(key)}
    if keys.has("priming"):
        wanted["priming"] = keys.words("priming")
    if keys.has("priming_days"):
        wanted["priming_days"] = keys.number("priming_days", unit="day")
    try:
        arm = parse_arm(wanted, {}, evidence)
    except InputError as err:
        raise keys.elsewhere(err, err.key) from None
    standard = {row.product for row in evidence.products if row.kind == "priming"}
    for agent in arm.priming:
        # an arm may name any mediator and fails only when the product is prepared
        if agent not in standard:
            raise keys.fail(
                f"no standard dose for priming with {agent}", "priming", "add a row to products.csv"
            )
    return arm


def _viability(keys: Given) -> float | None:
    if not keys.has("viability"):
        return None
    value = keys.number("viability", unit="fraction")
    if not 0 <= value <= 1:
        raise keys.fail(f"{keys.data['viability']!r} is not a share", "viability", "0 to 1, or 0 % to 100 %")
    return value
