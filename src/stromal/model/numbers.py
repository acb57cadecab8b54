"""The parameters of a model: each number of a table becomes a named constant in internal units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..errors import InputError
from ..evidence import Evidence
from ..evidence.records import Behaviour, Numbered, Place, Route, Rule, Vessels
from ..evidence.units import convert, parse_quantity, per_cell_unit
from ..evidence.words import Action, Signal
from .expr import Expr, const, sym
from .network import BENCH
from .system import Parameter

__all__ = ["Numbers"]

#: Spread of an assumed strength, on ln(fold): one for all.
CLASS_SPREAD = 3.0
#: Distance of a touching cell from the centre of the source, um: the radius of an MSC, 18 um wide
#: in suspension (row d_msc_h of parameters.csv).
NEAR_DISTANCE = 9.0
#: Kinds of mediator that organs take out of the blood, and what the routes table calls them.
ROUTED = {"vesicle": "vesicles"}


class Numbers:
    """Collects parameters while a model is compiled.

    Parameters
    ----------
    evidence : Evidence
    species : str
        Of the body, whose organs and resting levels are looked up; a bench has none.
    """

    def __init__(self, evidence: Evidence, species: str = "human") -> None:
        self.evidence, self.species = evidence, species
        self.found: dict[str, Parameter] = {}

    def add(
        self,
        name: str,
        value: float,
        row: Numbered | None = None,
        *,
        spread: float | None = None,
        unit: str = "1",
        kind: str = "switch",
        owner: str = "",
        source: str = "",
        strength: str = "",
    ) -> Expr:
        """Register a parameter and return its symbol; a row gives its source and spread."""
        if name not in self.found:
            width = spread if spread is not None else (row.width if row else 1.0)
            self.found[name] = Parameter(
                name,
                value,
                spread=width,
                unit=unit,
                kind=kind,
                owner=owner,
                source=row.origin if row else source,
                strength=row.strength if row else strength,
            )
        return sym(name)

    def geometry(self, name: str, value: float, unit: str) -> Expr:
        """Register an assumed geometric constant, in the standard well; an assay rescales it."""
        return self.add(
            name,
            value,
            spread=3.0,
            unit=unit,
            kind="geometry",
            owner=name,
            source="assumed",
            strength="assumed",
        )

    def switch(self, name: str, value: float = 1.0) -> Expr:
        """Register a number that only an arm changes: a limit, a block, a product's factor."""
        return self.add(name, value, kind="switch", owner=name)

    # -- behaviours ---------------------------------------------------------------------------

    def base(self, row: Behaviour, action: Action) -> Expr:
        """Return the base rate of a behaviour in internal units."""
        name = f"base:{row.cell}:{row.behaviour}" + ("" if not row.where else f":{';'.join(row.where)}")
        with located(row, "base"):
            unit = self._base_unit(row, action)
            value = convert(row.base, row.unit, unit, self._mass(action))
        # a carried level is relative to the licensed one: that is 1 by definition, without spread
        spread = 1.0 if unit == "relative" and value == 1.0 else None
        return self.add(
            name, value, row, spread=spread, unit=unit, kind="base", owner=f"{row.cell} {row.behaviour}"
        )

    def _base_unit(self, row: Behaviour, action: Action) -> str:
        if action.verb == "secretes" or action.verb == "converts" or (action.verb == "takes up" and row.km):
            return per_cell_unit(self.mediator_unit(action.what))
        if action.verb == "takes up":
            return "1/day/(cell/uL)"
        return "relative" if action.verb in ("expresses", "keeps", "arrives") else "1/day"

    def mediator_unit(self, name: str) -> str:
        """Return the unit of a mediator."""
        return self.evidence.mediators[name].unit

    def _mass(self, action: Action) -> float | None:
        mediator = self.evidence.mediators.get(action.what)
        return mediator.molar_mass if mediator else None

    def km(self, row: Behaviour, action: Action) -> Expr:
        """Return the Michaelis constant of a saturable behaviour."""
        with located(row, "km"):
            value = convert(row.km or 0.0, row.km_unit, self.mediator_unit(action.what), self._mass(action))
        unit = self.mediator_unit(action.what)
        return self.add(
            f"km:{row.cell}:{row.behaviour}{self._which(row)}",
            value,
            row,
            unit=unit,
            kind="half_max",
            owner=f"{row.cell} {row.behaviour}",
        )

    def _which(self, row: Behaviour) -> str:
        """Return what sets a row apart from an earlier one of the same cell and behaviour (its species)."""
        same = [b for b in self.evidence.behaviours if (b.cell, b.behaviour) == (row.cell, row.behaviour)]
        return "" if same[0] == row else f":{';'.join(row.where)}"

    def turnover(self, row: Behaviour) -> Expr:
        """Return the rate (1/day) at which a carried level follows its target."""
        with located(row, "half_life"):
            days = convert(row.half_life or 0.0, row.half_life_unit, "day")
        if days <= 0:
            raise InputError("a carried level needs a half-life", file=row.file, row=row.row, key="half_life")
        rate = 0.6931471805599453 / days
        return self.add(
            f"turnover:{row.cell}:{row.behaviour}",
            rate,
            row,
            unit="1/day",
            kind="rate",
            owner=f"{row.cell} {row.behaviour}",
        )

    def bound(self, row: Behaviour, which: str) -> Expr | None:
        """Return ``most`` or ``least`` of a behaviour, None where the table has none."""
        value = getattr(row, which)
        return None if value is None else const(value)

    # -- rules --------------------------------------------------------------------------------

    def half_max(self, rule: Rule, signal: Signal) -> Expr:
        """Return the half-maximal level of a rule in the unit of its signal."""
        mediator = self.evidence.mediators.get(signal.name) if signal.kind in ("free", "near") else None
        target = mediator.unit if mediator else "relative"
        with located(rule, "half_max"):
            value = convert(rule.half_max, rule.unit, target, mediator.molar_mass if mediator else None)
        return self.add(f"rule:{rule.id}:half_max", value, rule, unit=target, kind="half_max", owner=rule.id)

    def fold(self, rule: Rule, most: float | None, least: float | None) -> Expr:
        """Return the fold of a rule at saturation; its spread is on ln(fold), its bounds the behaviour's."""
        spread = CLASS_SPREAD if rule.strength == "assumed" else rule.width
        name = f"rule:{rule.id}:fold"
        symbol = self.add(name, rule.fold or 0.0, rule, spread=spread, kind="fold", owner=rule.id)
        old = self.found[name]
        self.found[name] = replace(
            old,
            lower=max(old.lower, least if rule.effect == "decreases" and least is not None else 0.0),
            upper=min(old.upper, most if rule.effect == "increases" and most is not None else float("inf")),
        )
        return symbol

    def leak(self, rule: Rule) -> Expr:
        """Return what is left of a behaviour without what it requires."""
        value = rule.leak or 0.0
        return (
            self.add(f"rule:{rule.id}:leak", value, rule, kind="leak", owner=rule.id) if value else const(0.0)
        )

    # -- mediators and geometry ---------------------------------------------------------------

    def loss(self, mediator: str, place: str) -> Expr:
        """Return the first-order loss (1/day) of a mediator in a place; zero where none is known."""
        row = self.kinetics(mediator, place)
        if row is None or row.half_life is None:
            return const(0.0)
        with located(row, "half_life"):
            rate = 0.6931471805599453 / convert(row.half_life, row.half_life_unit, "day")
        return self.add(f"loss:{mediator}:{row.place}", rate, row, unit="1/day", kind="rate", owner=mediator)

    def diffusion(self, mediator: str, place: str) -> Expr:
        """Return the diffusion coefficient, um^2/day."""
        row = self.kinetics(mediator, place)
        if row is None or row.diffusion is None:
            raise InputError(f"no diffusion coefficient for {mediator}", file="kinetics.csv", key="diffusion")
        with located(row, "diffusion"):
            value = convert(row.diffusion, row.diffusion_unit, "um^2/day")
        return self.add(f"diffusion:{mediator}", value, row, unit="um^2/day", kind="rate", owner=mediator)

    def fresh(self, mediator: str, place: str) -> Expr:
        """Return the level of a mediator in a fresh medium."""
        row = self.kinetics(mediator, place)
        if row is None or not row.start:
            return const(0.0)
        spec = self.evidence.mediators[mediator]
        with located(row, "start"):
            value = convert(row.start, row.start_unit, spec.unit, spec.molar_mass)
        name = f"fresh:{mediator}" + ("" if place in BENCH else f":{row.place}")
        return self.add(name, value, row, unit=spec.unit, kind="base", owner=mediator)

    def kinetics(self, mediator: str, place: str):  # noqa: ANN201
        """Return the kinetics row of a mediator: of the place, else of a well for an insert, of a body."""
        rows = self.evidence.kinetics
        return rows.get((mediator, place)) or rows.get((mediator, "well" if place in BENCH else "body"))

    def organ(self, place: str, what: str, otherwise: float) -> float:
        """Return a density (cells/uL) of an organ of the places table, or that of a well."""
        row = self.evidence.places.get((place, self.species))
        if row is None:
            return otherwise
        with located(row, what):
            return convert(getattr(row, what), row.density_unit, "cells/uL")

    def size(self, place: str, volume: float) -> float:
        """Return the volume (uL) of an organ over that of the table: blood brings it cells in proportion.

        Blood takes what organs let go, however much of it there is.
        """
        row = self.evidence.places.get((place, self.species))
        if row is None or place == "blood":
            return 1.0
        with located(row, "volume"):
            return volume / convert(row.volume, row.volume_unit, "uL")

    def washout(self, row: Place) -> Expr:
        """Return the rate (1/day) at which an organ and the blood exchange what is dissolved."""
        with located(row, "washout"):
            value = convert(row.washout or 0.0, row.washout_unit, "1/day")
        return self.add(f"washout:{row.place}", value, row, unit="1/day", kind="rate", owner=row.place)

    def route(self, route: str, kind: str) -> list[tuple[Route, Expr]]:
        """Return the weight of each place of a route of mediators of a kind; none where it has no route.

        The parameters have the names, hence the draws, of the shares of a dose.
        """
        found = []
        for (name, what, place), row in self.evidence.routes.items():
            if name == route and what == ROUTED.get(kind):
                parameter = f"route:{route}:{what}:{place}"
                found.append((row, self.add(parameter, row.share, row, kind="rate", owner=f"{route} {what}")))
        return found

    def into_blood(self, row: Vessels) -> Expr:
        """Return the share of what cells in vessels of a place make that goes straight into the blood."""
        name = f"vessels:{row.cell}:{row.place}:{row.what}"
        odds = self.add(name, row.into_blood / (1.0 - row.into_blood), row, kind="rate", owner=row.cell)
        return odds / (1.0 + odds)

    def supply(self, place: str, cell: str) -> Expr:
        """Return the influx of a cell (cells/uL/day).

        Where the cell has a resting count it is solved so that this count rests; else it is the base alone.
        """
        rests = (cell, place, self.species) in self.evidence.rest
        if rests:
            self.reference(place, cell)
        return self.add(
            f"supply:{place}:{cell}",
            0.0 if rests else 1.0,
            unit="cells/uL/day",
            kind="supply",
            owner=cell,
            source="solved" if rests else "one times the base",
        )

    def reference(self, place: str, cell: str) -> Expr:
        """Return the resting count of a cell in a place (cells/uL)."""
        row = self.evidence.rest.get((cell, place, self.species))
        if row is None:
            raise InputError(
                f"{cell} has no resting count in {place}", file="rest.csv", key="name", suggestion="add a row"
            )
        with located(row, "level"):
            value = convert(row.level, row.unit, "cells/uL")
        return self.add(f"reference:{place}:{cell}", value, row, unit="cells/uL", kind="base", owner=cell)

    def slots(self, cell: str) -> Expr:
        """Return the touch slots of a cell, or the first member of a lineage."""
        row = self.evidence.cells[self.evidence.members[cell][0]]
        return self.add(f"slots:{row.name}", row.slots, row, kind="geometry", owner=row.name)

    def milieu(self, row: Behaviour) -> dict[str, float]:
        """Return the reference milieu of a base: signal to level."""
        out = {}
        for item in row.reference:
            name, _, amount = item.partition("=")
            spec = self.evidence.mediators.get(name.strip())
            with located(row, "reference"):
                out[name.strip()] = parse_quantity(
                    amount.strip(), spec.unit if spec else "relative", spec.molar_mass if spec else None
                )
        return out

    def parameters(self) -> Iterable[Parameter]:
        """Return the parameters in order of first use."""
        return self.found.values()


class located:  # noqa: N801
    """Add the place in a table to an error raised inside."""

    def __init__(self, row: Numbered, key: str) -> None:
        self.row, self.key = row, key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, err: BaseException | None, trace: object) -> None:
        if isinstance(err, InputError) and not err.file:
            raise InputError(
                err.message, file=self.row.file, row=self.row.row, key=self.key, suggestion=err.suggestion
            ) from None
