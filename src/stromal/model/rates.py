"""The rate of one behaviour of one cell in one place, as an expression.

Base, times what the rules on it make of it, divided by what they made of it where the base was
measured, averaged over the cells that touch and the cells that do not, and over the cells that hold
some of a content (engulfed, mitochondria) and the cells that hold none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product

from ..errors import InputError
from ..evidence.records import Rule
from ..evidence.words import Signal, parse_chain, parse_limits, parse_via
from .expr import Expr, const, mul, sym
from .network import Act, Network, owner_of, within
from .numbers import Numbers
from .response import Influence, Response, factor, through
from .signals import Surroundings

__all__ = ["Rates"]

#: A behaviour conditioned on more kinds of touch and content than this would need too many terms.
MOST_APART = 8

Sense = Callable[[Signal, frozenset[str]], Expr | None]
Sensing = Callable[[Act], Sense]
Level = Callable[[frozenset[str]], Expr | None]


def _felt(sense: Sense, signal: Signal, reach: Expr, half: Expr) -> Callable[[frozenset[str]], Expr | None]:
    """Return signal / half_max as a function of what is touched; put together once for what matters to it."""

    @cache
    def at(touched: frozenset[str]) -> Expr | None:
        level = sense(signal, touched)
        return None if level is None else mul(reach, level) / half

    matters = frozenset({signal.cell, str(signal)})
    return lambda touched: at(touched & matters)


class Rates:
    """Rates of all behaviours of a network.

    Parameters
    ----------
    network : Network
    numbers : Numbers
        Registers the parameters that rates use.

    Attributes
    ----------
    assignments : dict of str to Expr
        Named rates, touch shares and levels, in the order in which they were asked for.
    around : dict of str to Surroundings
        What can be sensed in each place.
    """

    def __init__(self, network: Network, numbers: Numbers) -> None:
        self.network, self.numbers = network, numbers
        self.assignments: dict[str, Expr] = {}
        self.underway: set[str] = set()
        self._made: dict[tuple[int, str, bool], tuple[Expr, Expr, Callable[[Level], Influence]]] = {}
        self.around = {
            place: Surroundings(network, numbers, place, self.assignments, self.secretion)
            for place in network.places
        }

    def acts(self, place: str) -> list[Act]:
        """Return what the cells in a place do there."""
        return list(self.network.at(place))

    def resting(self, place: str, asking: frozenset[tuple[str, str]] = frozenset()) -> Sensing:
        """Sense a fresh medium without stimulus, no touch, and what the cell itself carries at rest."""

        def of(act: Act) -> Sense:
            lineage = self.network.lineage(act.cell)
            here = asking | {(lineage, act.action.what)}

            def sense(signal: Signal, touched: frozenset[str]) -> Expr | None:
                if signal.kind == "free":
                    row = self.numbers.kinetics(signal.name, place)
                    return self.numbers.fresh(signal.name, place) if row is not None and row.start else None
                # levels that ask for each other have no rest in closed form: they start without the other
                if signal.kind == "self" and (lineage, signal.name) not in here:
                    others = [
                        self.at(other, place, self.resting(place, here))
                        for other in self.acts(place)
                        if other.action.verb == "expresses"
                        and (other.cell, other.action.what) == (lineage, signal.name)
                    ]
                    return sum(others[1:], others[0]) if others else None
                return None

            return sense

        return of

    def referred(self, act: Act) -> Sense:
        """Sense the milieu in which the base was measured."""
        milieu = self.numbers.milieu(act.base)

        def sense(signal: Signal, touched: frozenset[str]) -> Expr | None:
            value = milieu.get(str(signal))
            if value is None and signal.kind == "near":
                value = milieu.get(signal.name)
            return const(value) if value else None

        return sense

    def _influences(self, act: Act, sense: Sense, place: str, *, reference: bool = False) -> list[Influence]:
        out = []
        for rule, signal in act.rules:
            if not within(place, parse_limits(rule.where).get("place", place)):
                continue
            felt = act.action.to if act.action.verb == "migrates" else place
            # a group has the strength of its first member, be that there or not
            idle = not (rule.group or rule.effect == "requires" or self.network.reaches(signal, felt))
            if idle and not reference:
                continue
            key = (id(act), rule.id, reference)
            if key not in self._made:
                self._made[key] = self._influence(act, rule, signal, reference)
            half, reach, influence = self._made[key]
            out.append(influence(_felt(sense, signal, reach, half)))
        return out

    def _influence(
        self, act: Act, rule: Rule, signal: Signal, reference: bool
    ) -> tuple[Expr, Expr, Callable[[Level], Influence]]:
        """Return what is the same in all places: half_max, what of the signal gets through, the rest."""
        half = self.numbers.half_max(rule, signal)
        reach, keep, mimic = map(
            mul,
            through(
                () if reference else parse_chain(rule.via),
                lambda node: self.numbers.switch(f"keep:{node}"),
                lambda node: self.numbers.switch(f"reach:{node}"),
            ),
        )
        blocked = {"saturated": 1.0, "1": None}.get(rule.if_blocked, 0.0)
        active = const(1.0)
        for key, value in parse_limits(rule.where).items():
            if key != "place":
                active = active * self.numbers.switch(f"is:{owner_of(act.cell)}:{key}={value}")
        strength = self._strength(rule, act)
        return (
            half,
            reach,
            lambda x: Influence(
                rule.effect, strength, rule.hill, x, keep, blocked, active, rule.group, mimic
            ),
        )

    def _strength(self, rule: Rule, act: Act) -> Expr:
        if rule.effect == "requires":
            return self.numbers.leak(rule)
        fold = self.numbers.fold(rule, act.base.most, act.base.least)
        bound = self.numbers.bound(act.base, "most" if rule.effect == "increases" else "least")
        if bound is None:
            which = "most" if rule.effect == "increases" else "least"
            raise InputError(
                f"{act.cell} {act.text} has no '{which}', but rule {rule.id} {rule.effect} it",
                file=act.base.file,
                row=act.base.row,
                key=which,
            )
        if rule.effect == "increases":
            return (fold - 1.0) / (bound - 1.0)
        return (1.0 - fold) / (1.0 - bound)

    def at(self, act: Act, place: str, sensing: Sensing | None = None) -> Expr:
        """Return the rate of a behaviour per cell (or the level a carried molecule relaxes to)."""
        row, around = act.base, self.around[place]
        most, least = self.numbers.bound(row, "most"), self.numbers.bound(row, "least")
        rate = self.numbers.base(row, act.action)
        if act.action.verb == "arrives":
            rate = rate * self.numbers.supply(place, act.cell)
        if row.reference:
            at_reference = self._influences(act, self.referred(act), place, reference=True)
            rate = rate / factor(at_reference, most, least, frozenset())
        owner = owner_of(act.cell)
        rate = rate * self.numbers.switch(f"factor:{self.network.lineage(act.cell)}:{act.text}")
        for node in parse_via(row.via):
            rate = rate * self.numbers.switch(f"keep:{node}")
        for key, value in parse_limits(row.where).items():
            if key != "place":
                rate = rate * self.numbers.switch(f"is:{owner}:{key}={value}")
        if row.scales_with and sensing is None:
            carried = around.carried(self.network.lineage(act.cell), row.scales_with)
            if carried is None:
                raise InputError(
                    f"{act.cell} does not carry {row.scales_with!r}",
                    file=row.file,
                    row=row.row,
                    key="scales_with",
                )
            rate = rate * carried
        if sensing is not None:
            return rate * factor(self._influences(act, sensing(act), place), most, least, frozenset())
        sensed_place = self.around[act.action.to] if act.action.verb == "migrates" else around
        influences = self._influences(act, lambda s, t: sensed_place.sense(s, act.cell, t), place)
        apart = self._apart(act, around)
        if len(apart) > MOST_APART:
            raise InputError(
                f"{act.cell} {act.text}: rules on more than {MOST_APART} kinds of touch and content",
                key="signal",
            )
        total, response = const(0.0), Response(influences, most, least)
        # never the response of the mean: each kind of cell responds for itself
        for kinds in product(*apart):
            share = const(1.0)
            for part, _ in kinds:
                share = share * part
            held = frozenset[str]().union(*(has for _, has in kinds))
            total = total + share * response.factor(held)
        return rate * total

    def _apart(self, act: Act, around: Surroundings) -> list[list[tuple[Expr, frozenset[str]]]]:
        """Say what sets cells of one kind apart: whom they touch, and what they or those hold.

        Returns
        -------
        list of list of (share, what)
            For each kind of touch or content, the shares of the cells and what these have.
        """
        content = {str(s): s for _, s in act.rules if around.holding(s, act.cell) is not None}
        apart: dict[str, list[tuple[Expr, frozenset[str]]]] = {}
        touched = {s.cell for _, s in act.rules if s.kind in ("touch", "near") and around.here(s.cell)}
        prey = act.action.to if act.action.verb == "kills" else ""
        for cell in sorted(touched | {prey} - {""}):
            p = around.touching(act.cell, cell)
            apart[cell] = [(1.0 - p, frozenset()), (p, frozenset({cell}))]
            for text in [text for text, s in content.items() if s.cell == cell]:
                # of the cells that touch one, those that touch one that holds some
                q = around.touching_holder(act.cell, content[text])
                apart[cell][1:] = [(p - q, frozenset({cell})), (q, frozenset({cell, text}))]
        if prey:
            del apart[prey][0]  # who does not touch the prey does not kill it
        for text, signal in content.items():
            if signal.kind == "self":
                p = around.holding(signal, act.cell) or const(0.0)
                apart[text] = [(1.0 - p, frozenset()), (p, frozenset({text}))]
        return [apart[key] for key in sorted(apart)]

    def named(self, place: str, act: Act) -> Expr:
        """Return the symbol of a rate, which becomes an assignment of the system."""
        name = f"rate:{place}:{act.cell}:{act.text}" + (
            f":{';'.join(act.base.where)}" if act.base.where else ""
        )
        if name not in self.assignments and name not in self.underway:
            self.underway.add(name)  # a rate that leads back to itself is a loop, refused at the end
            self.assignments[name] = self.at(act, place)
        return sym(name)

    def secretion(self, place: str, cell: str, mediator: str) -> Expr | None:
        """Return what one cell makes of a mediator, None if it makes none."""
        rates = [
            self.named(place, act)
            for act in self.acts(place)
            if act.cell == cell and act.action.verb == "secretes" and act.action.what == mediator
        ]
        return sum(rates[1:], rates[0]) if rates else None
