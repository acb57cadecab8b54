"""What a cell in a place senses: levels of signals as expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import pi

from ..errors import InputError
from ..evidence.words import Signal
from .expr import Expr, const, exp, mul, pos, sym
from .network import SYSTEMIC, Network, owner_of
from .numbers import NEAR_DISTANCE, Numbers

__all__ = ["Surroundings", "level_name", "touch_name"]

#: uL in um^3: a secretion per (cell/uL) times this is an amount per cell in (unit * um^3).
UM3_PER_UL = 1e9
#: Cells per uL at which half the touch slots are free, in the standard well of 200 uL on 32 mm^2:
#: assumed, about 3000 per mm^2 where a T-cell monolayer is 26,000.
FREE_SLOTS = 480.0
#: Cells per uL (in T-cell equivalents) that the medium of the standard well can feed: assumed.
CAPACITY = 5000.0
#: Group of the cells whose loss is damage.
PARENCHYMA = "parenchyma"
#: Pieces a cell that are added to a content where it is divided by 1 - exp(-content): no 0/0.
TRACE = 1e-6


def level_name(place: str, what: str) -> str:
    """Return the name of a state: a cell, a mediator or ``LINEAGE.X`` in a place."""
    return f"{place}:{what}"


def touch_name(place: str, cell: str, other: str) -> str:
    """Return the name of the share of ``cell`` that touches ``other``."""
    return f"touch:{place}:{cell}:{other}"


def held(mean: Expr) -> Expr:
    """Return what cells that hold some of a content hold, c / (1 - exp(-c)): one piece as c goes to 0."""
    mean = mean + TRACE
    return mean / (1.0 - exp(-mean))


@dataclass
class Surroundings:
    """Expressions for all that can be sensed in one place.

    Attributes
    ----------
    network, numbers
        What is there, and its parameters.
    place : str
    assignments : dict
        Named quantities of the system, extended as they are asked for.
    secretion : callable
        (place, cell, mediator) to the per-cell secretion expression, for ``near``.
    """

    network: Network
    numbers: Numbers
    place: str
    assignments: dict[str, Expr]
    secretion: Callable[[str, str, str], Expr | None]
    _crowd: Expr | None = field(default=None, init=False)

    def here(self, name: str) -> list[str]:
        """Return the cells present in this place that ``name`` stands for."""
        return [c for c in self.network.present(name) if self.place in self.network.sites[c]]

    @property
    def free_slots(self) -> float:
        """Density of cells at which half the touch slots are free: of the well, or of the organ."""
        return self.numbers.organ(self.place, "free_slots", FREE_SLOTS)

    def count(self, name: str) -> Expr:
        """Return the number of cells per uL that ``name`` stands for."""
        total = const(0.0)
        for cell in self.here(name):
            total = total + pos(sym(level_name(self.place, cell)))
        return total

    def _slots_taken(self) -> Expr:
        name = f"slots:{self.place}"
        if name not in self.assignments:
            total = self.numbers.geometry(f"n0:{self.place}", self.free_slots, "cells/uL")
            for cell in self.network.cells:
                if self.place in self.network.sites[cell]:
                    total = total + self.numbers.slots(cell) * pos(sym(level_name(self.place, cell)))
            self.assignments[name] = total
        return sym(name)

    def touches(self, cell: str, other: str) -> Expr:
        """Return the mean number of touches of ``other`` on one ``cell``: f_i f_j n_j / (n0 + sum f n)."""
        total = const(0.0)
        for member in self.here(other):
            total = total + self.numbers.slots(member) * pos(sym(level_name(self.place, member)))
        return self.numbers.slots(cell) * total / self._slots_taken()

    def touching(self, cell: str, other: str) -> Expr:
        """Return the share of ``cell`` that touches at least one ``other``."""
        if not self.here(other):
            return const(0.0)
        name = touch_name(self.place, cell, other)
        if name not in self.assignments:
            self.assignments[name] = 1.0 - exp(-self.touches(cell, other))
        return sym(name)

    def crowding(self) -> Expr:
        """Return cells over the capacity of the place."""
        if self._crowd is None:
            total = const(0.0)
            for cell in self.network.cells:
                if self.place in self.network.sites[cell]:
                    total = total + self.numbers.slots(cell) * pos(sym(level_name(self.place, cell)))
            self._crowd = total / self.numbers.geometry(
                f"capacity:{self.place}", self.numbers.organ(self.place, "capacity", CAPACITY), "cells/uL"
            )
        return self._crowd

    def damage(self) -> Expr | None:
        """Return the share of the parenchyma that is missing, None where there is no parenchyma.

        Damage is that of the organ, wherever it is sensed: what drains from it carries its antigens.
        """
        if not self.network.is_body or not self.network.present(PARENCHYMA):
            return None
        if "damage" not in self.assignments:
            alive, whole = const(0.0), const(0.0)
            for cell in self.network.present(PARENCHYMA):
                for place in self.network.sites[cell]:
                    alive = alive + pos(sym(level_name(place, cell)))
                    whole = whole + self.numbers.reference(place, cell)
            self.assignments["damage"] = pos(1.0 - alive / whole)
        return sym("damage")

    def free(self, mediator: str, cell: str) -> Expr | None:
        """Return the level of a mediator as ``cell`` senses it: what is free, times cross-reactivity."""
        places = self.network.levels.get(mediator, ())
        if self.place not in places and SYSTEMIC not in places:
            return None
        reach = self.numbers.switch(f"cross:{mediator}:{owner_of(cell)}")
        available = self.numbers.switch(f"free:{mediator}")
        at = self.place if self.place in places else SYSTEMIC
        return mul(reach, available, pos(sym(level_name(at, mediator))))

    def carried(self, lineage: str, what: str) -> Expr | None:
        """Return a carried level, None where no cell here carries it."""
        if not self.here(lineage) or not self.network.holds(self.place, lineage, what):
            return None
        return pos(sym(level_name(self.place, f"{lineage}.{what}")))

    def _content(self, signal: Signal, cell: str) -> tuple[str, Expr] | None:
        """Return lineage and mean of the content that a signal on ``cell`` is about; None if it is not."""
        if signal.kind not in ("self", "touch") or not signal.name:
            return None
        lineage = self.network.lineage(cell) if signal.kind == "self" else self._one_lineage(signal)
        if not self.network.holds(self.place, lineage, signal.name, ("keeps",)):
            return None
        level = self.carried(lineage, signal.name)
        return None if level is None else (lineage, level)

    def holding(self, signal: Signal, cell: str) -> Expr | None:
        """Return the share of cells that hold some of a content; None if the signal is not about one.

        Pieces are spread at random: a mean of c leaves exp(-c) of the cells without any.
        """
        content = self._content(signal, cell)
        if content is None:
            return None
        name = f"holding:{self.place}:{content[0]}.{signal.name}"
        if name not in self.assignments:
            self.assignments[name] = 1.0 - exp(-content[1])
        return sym(name)

    def touching_holder(self, cell: str, signal: Signal) -> Expr:
        """Return the share of ``cell`` that touches at least one cell that holds some of a content."""
        return 1.0 - exp(-self.touches(cell, signal.cell) * (self.holding(signal, cell) or 0.0))

    def sense(self, signal: Signal, cell: str, touched: frozenset[str]) -> Expr | None:
        """Return the level of a signal for a ``cell`` that touches (or holds) ``touched``, None for none."""
        if (content := self._content(signal, cell)) is not None:
            return held(content[1]) if str(signal) in touched else None
        match signal.kind:
            case "free":
                return self.free(signal.name, cell)
            case "crowding":
                return self.crowding()
            case "damage":
                return self.damage()
            case "self":
                return self.carried(self.network.lineage(cell), signal.name)
            case "touch":
                if signal.cell not in touched:
                    return None
                if not signal.name:
                    return const(1.0)
                level = self.carried(self._one_lineage(signal), signal.name)
                if level is None or owner_of(signal.cell) == owner_of(cell):
                    return level
                # a ligand on a cell of the other species
                return mul(self.numbers.switch(f"cross:{signal.name}:{owner_of(cell)}"), level)
            case _:
                bulk = self.free(signal.name, cell)
                beside = self._beside(signal) if signal.cell in touched else None
                if beside is not None:
                    cross = self.numbers.switch(f"cross:{signal.name}:{owner_of(cell)}")
                    beside = mul(cross, self.numbers.switch(f"free:{signal.name}"), beside)
                return bulk + beside if bulk is not None and beside is not None else (bulk or beside)

    def _one_lineage(self, signal: Signal) -> str:
        lineages = {self.network.lineage(c) for c in self.network.present(signal.cell)} or {signal.cell}
        if len(lineages) > 1:
            raise InputError(f"{signal}: {signal.cell} stands for several lineages", key="signal")
        return lineages.pop()

    def _beside(self, signal: Signal) -> Expr | None:
        """Steady level beside one point source: q / (4 pi D r)."""
        rates = [self.secretion(self.place, cell, signal.name) for cell in self.here(signal.cell)]
        made = [rate for rate in rates if rate is not None]
        if not made:
            return None
        name = f"near:{self.place}:{signal.cell}:{signal.name}"
        if name not in self.assignments:
            shape = self.numbers.add(
                "near:shape",
                UM3_PER_UL / (4 * pi * NEAR_DISTANCE),
                spread=1.0,
                unit="cell um^2/uL",
                kind="geometry",
                owner="near",
                source="one cell as a point source, felt at the radius of an MSC",
                strength="measured",
            )
            self.assignments[name] = shape * made[0] / self.numbers.diffusion(signal.name, self.place)
        return sym(name)
