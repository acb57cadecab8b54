"""From tables to a system of equations, still without numbers of a draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import InputError
from ..evidence import Evidence
from ..evidence.units import keep_factors
from .dissolved import Dissolved
from .expr import Expr, const, mul, pos, sym, symbols
from .network import SYSTEMIC, Act, Network, build_network
from .numbers import Numbers
from .rates import Rates
from .signals import level_name
from .system import Process, State, System

__all__ = ["compile_model"]


def compile_model(
    evidence: Evidence,
    *,
    sites: Mapping[str, tuple[str, ...]],
    places: Mapping[str, float] | None = None,
    extra: Iterable[str] = (),
    name: str = "model",
    verbs: Mapping[str, frozenset[str]] | None = None,
    species: str = "human",
) -> System:
    """Compile the tables for a set of cells.

    Parameters
    ----------
    evidence : Evidence
    sites : mapping
        Cell to the places it may be in; on a bench whatever it can turn into is added.
    places : mapping, optional
        Place to volume in uL; the first is the target's. Default one well of 200 uL.
    extra : iterable of str
        Mediators to keep although nothing makes or senses them.
    name : str
        Name of the system.
    verbs : mapping, optional
        Place to the verbs that cells do there; all where a place is not named.
    species : str
        Of a body: whose organs and resting counts are looked up.

    Returns
    -------
    System

    Raises
    ------
    InputError
        If a table row cannot be turned into an equation.
    """
    network = build_network(evidence, sites, places or {"well": 200.0}, extra, verbs)
    system = _Compiler(network, name, species).system()
    keep_factors()
    return system


def _limits(act: Act) -> str:
    """Return what tells rows of one behaviour apart in a name."""
    return f":{';'.join(act.base.where)}" if act.base.where else ""


class _Compiler:
    """Builds the parts of a system; used once."""

    def __init__(self, network: Network, name: str, species: str) -> None:
        self.network, self.name = network, name
        self.evidence = network.evidence
        self.numbers = Numbers(network.evidence, species)
        self.rates = Rates(network, self.numbers)
        self.assignments, self.around = self.rates.assignments, self.rates.around
        self.processes: list[Process] = []
        self.lost: set[str] = set()  # carried levels whose loss is there already
        self.carried: set[str] = set()  # names of flows of carried levels
        self.states: dict[str, State] = {}
        self.dissolved = Dissolved(network, self.numbers, self.states, self.assignments)
        self.start: dict[str, Expr] = {}

    def system(self) -> System:
        self._declare()
        for place in self.network.places:
            self._quasi_steady(place)
            for act in self.rates.acts(place):
                self._process(place, act)
            self.processes += self.dissolved.losses(place)
        if self.network.is_body:
            self.processes += self.dissolved.losses(SYSTEMIC)
        self.processes += self.dissolved.exchange()
        self._refuse_loops()
        return System(
            self.name,
            tuple(self.states.values()),
            tuple(self.numbers.parameters()),
            self.assignments,
            tuple(self.processes),
            self.start,
        )

    def _refuse_loops(self) -> None:
        """Refuse an assignment that uses anything but states, parameters and earlier assignments."""
        known = {*self.states, *self.numbers.found}
        for name, expr in self.assignments.items():
            for used in sorted(symbols(expr) - known):
                raise InputError(
                    f"{name} and {used} depend on each other with nothing in between that takes time",
                    key="signal",
                    suggestion="let it act on a carried level, or drop 'quasi_steady'",
                )
            known.add(name)

    # -- states -------------------------------------------------------------------------------

    def _declare(self) -> None:
        for place in self.network.places:
            for cell in self.network.cells:
                if place in self.network.sites[cell]:
                    self._state(level_name(place, cell), "cell", place, cell, "cells/uL", 100.0)
            self._declare_levels(place)
            for act in self.rates.acts(place):
                if act.action.verb in ("expresses", "keeps"):
                    label = level_name(place, f"{act.cell}.{act.action.what}")
                    self._state(label, "expression", place, act.action.what, "relative", 1.0)
                    if act.action.verb == "expresses":
                        rest = self.rates.at(act, place, self.rates.resting(place))
                        self.start[label] = self.start[label] + rest if label in self.start else rest
        if self.network.is_body:
            self._declare_levels(SYSTEMIC)
            return
        for act in self.network.acts:
            kills = act.action.verb == "kills"
            verb, cell = ("death", act.action.to) if kills else (act.action.verb, act.cell)
            if verb in ("division", "death") and cell in self.network.sites:
                first = self.network.sites[cell][0]
                self._state(f"count:{verb}:{cell}", "counter", first, cell, "events/uL", 1000.0)

    def _declare_levels(self, place: str) -> None:
        for name in self.dissolved.levels(place):
            row = self.evidence.mediators[name]
            if not row.quasi_steady:
                self._state(level_name(place, name), "mediator", place, name, row.unit, row.scale)
                self.start[level_name(place, name)] = self.numbers.fresh(name, place)

    def _state(self, *about: object) -> None:
        self.states.setdefault(str(about[0]), State(*about))  # type: ignore[arg-type]

    # -- processes ----------------------------------------------------------------------------

    def _quasi_steady(self, place: str) -> None:
        for name in self.dissolved.levels(place):
            if not self.evidence.mediators[name].quasi_steady:
                continue
            made = const(0.0)
            for cell in self.network.cells:
                if place in self.network.sites[cell]:
                    rate = self.rates.secretion(place, cell, name)
                    if rate is not None:
                        made = made + rate * sym(level_name(place, cell))
            loss = self.numbers.loss(name, place)
            if loss.op == "const":
                raise InputError(
                    f"{name} is quasi-steady but has no half-life", file="kinetics.csv", key="half_life"
                )
            self.assignments[level_name(place, name)] = made / loss

    def _process(self, place: str, act: Act) -> None:
        verb, what, to = act.action.verb, act.action.what, act.action.to
        cell = level_name(place, act.cell)
        if verb == "expresses" or verb == "keeps":
            return self._relax(place, act)
        rate = self.rates.named(place, act)
        changes: list[tuple[str, float]]
        if verb in ("division", "death", "becomes"):
            rate = rate * sym(cell)
            changes = [(cell, 1.0)] if verb == "division" else [(cell, -1.0)]
            if verb == "division":
                if self.network.is_body:
                    rate = rate * self._some(place, cell)
                self._dilute(place, act, rate)
            if to and level_name(place, to) in self.states:
                changes.append((level_name(place, to), 1.0))
                self._carry(place, act.cell, place, to, rate, act)
            if verb != "becomes" and not self.network.is_body:
                changes.append((f"count:{verb}:{act.cell}", self._share_of_first(place, act.cell)))
        elif verb == "secretes":
            if self.evidence.mediators[what].quasi_steady:
                return None
            rate, changes = rate * sym(cell), [(level_name(place, what), 1.0)]
            if (share := self._into_blood(place, act.cell, what)) is not None:
                volumes = self.network.places[place] / self.network.places["blood"]
                blood = [(level_name("blood", what), volumes)]
                self._add(place, act, share * rate, blood, ":into blood")
                rate = (1.0 - share) * rate
        elif verb in ("takes up", "converts"):
            level = sym(level_name(place, what))
            if act.base.km:
                level = level / (self.numbers.km(act.base, act.action) + level)
            rate, changes = mul(rate, sym(cell), level), [(level_name(place, what), -1.0)]
            if verb == "converts" and level_name(place, to) in self.states:
                changes.append((level_name(place, to), 1.0))
        elif verb == "arrives":
            changes = [(cell, 1.0)]
        elif verb == "migrates":
            ratio = self.network.places[place] / self.network.places[to]
            rate = mul(rate, sym(cell), self.numbers.size(to, self.network.places[to]))
            changes = [(cell, -1.0), (level_name(to, act.cell), ratio)]
            self._carry(place, act.cell, to, act.cell, ratio * rate, act)
        elif verb == "kills":
            counted = [] if self.network.is_body else [(f"count:death:{to}", self._share_of_first(place, to))]
            rate, changes = rate * sym(cell), [(level_name(place, to), -1.0), *counted]
        else:
            return self._give(place, act, rate)
        self._add(place, act, rate, changes)
        return None

    def _into_blood(self, place: str, cell: str, mediator: str) -> Expr | None:
        """Return the share of what a cell secretes that goes into the blood, None where all stays."""
        row = self.network.vessels(place, cell, mediator)
        if row is None or level_name("blood", mediator) not in self.states:
            return None
        return self.numbers.into_blood(row)

    def _share_of_first(self, place: str, cell: str) -> float:
        """Counters are per uL of the first place the cell may be in."""
        first = self.network.sites[cell][0]
        return self.network.places[place] / self.network.places[first]

    def _add(
        self,
        place: str,
        act: Act,
        rate: Expr,
        changes: list[tuple[str, float]],
        suffix: str = "",
        signed: bool = False,
    ) -> None:
        rules = tuple(rule.id for rule, _ in act.rules)
        refs = dict.fromkeys(ref for row in (act.base, *(rule for rule, _ in act.rules)) for ref in row.refs)
        name = f"{place}:{act.cell}:{act.text}{_limits(act)}{suffix}"
        self.processes.append(
            Process(name, rate, tuple(changes), act.cell, act.text, rules, tuple(refs), signed)
        )

    def _relax(self, place: str, act: Act) -> None:
        label = level_name(place, f"{act.cell}.{act.action.what}")
        target = self.rates.named(place, act) if act.action.verb == "expresses" else const(0.0)
        speed = self.numbers.turnover(act.base)
        # several rows (one a species) add up: each pulls towards its own share, the loss counts once
        if label in self.lost or target.op != "const":
            self._add(place, act, speed * target, [(label, 1.0)])
        if label in self.lost:
            return
        self.lost.add(label)
        self.processes.append(
            Process(f"{label}:loss", speed * sym(label), ((label, -1.0),), act.cell, act.text)
        )

    def _give(self, place: str, act: Act, rate: Expr) -> None:
        """Engulfing and transfer: what passes between two cells that touch."""
        around = self.around[place]
        what = "engulfed" if act.action.verb == "engulfs" else act.action.what
        if act.action.verb == "engulfs":
            for prey in around.here(act.action.to):
                share = around.touching(act.cell, prey)
                eaten = mul(rate, share)
                label = level_name(place, f"{self.network.lineage(act.cell)}.{what}")
                self._add(
                    place,
                    act,
                    eaten * sym(level_name(place, act.cell)),
                    [(level_name(place, prey), -1.0)],
                    f":{prey}",
                )
                if label in self.states:
                    content = eaten * self._share_of_lineage(place, act.cell)
                    self._add(place, act, content, [(label, 1.0)], f":{prey}:content")
            return
        for lineage in dict.fromkeys(self.network.lineage(c) for c in around.here(act.action.to)):
            label = level_name(place, f"{lineage}.{what}")
            if label not in self.states and self.network.is_body:
                continue  # what is not kept here is lost
            if label not in self.states:
                raise InputError(
                    f"{lineage} keeps no {what}: add a behaviour 'keeps {what}'",
                    file=act.base.file,
                    row=act.base.row,
                    key="behaviour",
                )
            # a lineage carries a mean over its cells, of which perhaps only some are named
            given = const(0.0)
            for cell in (c for c in around.here(act.action.to) if self.network.lineage(c) == lineage):
                part = mul(rate, around.touching(cell, act.cell), self._share_of_lineage(place, cell))
                given = given + part
            self._add(place, act, given, [(label, 1.0)], f":{lineage}")

    def _dilute(self, place: str, act: Act, flow: Expr) -> None:
        """Daughters share what a cell had been given: the mean over the lineage falls as it grows."""
        lineage = self.network.lineage(act.cell)
        for other in self.network.acts:
            label = level_name(place, f"{lineage}.{other.action.what}")
            if other.action.verb == "keeps" and other.cell == lineage and label in self.states:
                shared = flow * sym(label) / (self.around[place].count(lineage) + 1e-3)
                name = f"{label}:diluted by division of {act.cell}"
                self.processes.append(Process(name, shared, ((label, -1.0),), act.cell, act.text))

    def _share_of_lineage(self, place: str, cell: str) -> Expr:
        """Return the share of a cell in its lineage: what a lineage carries is a mean over its cells."""
        around, lineage = self.around[place], self.network.lineage(cell)
        if len(around.here(lineage)) == 1:
            return const(1.0)
        return around.count(cell) / (around.count(lineage) + 1e-3)

    def _carry(self, place: str, cell: str, to_place: str, to: str, flow: Expr, act: Act) -> None:
        """Carried levels move with the cells: newcomers mix theirs into the level they find."""
        source, sink = self.network.lineage(cell), self.network.lineage(to)
        if (place, source) == (to_place, sink):
            return
        for other in self.network.acts:
            if other.action.verb not in ("expresses", "keeps") or self.network.lineage(other.cell) != source:
                continue
            what = other.action.what
            here, there = level_name(place, f"{source}.{what}"), level_name(to_place, f"{sink}.{what}")
            if not {here, there} <= self.states.keys():
                continue
            # a trace of cells keeps the mean defined when the sink is empty
            crowd = self.around[to_place].count(sink) + 1e-3
            name = f"{to_place}:{to}:{what}:arrives from {place}:{cell}:{act.text}{_limits(act)}"
            if name in self.carried:
                continue
            self.carried.add(name)
            self.processes.append(
                Process(
                    name,
                    flow * (sym(here) - sym(there)) / crowd,
                    ((there, 1.0),),
                    cell,
                    act.text,
                    signed=True,
                )
            )

    def _some(self, place: str, cell: str) -> Expr:
        """Return 1, but 0 where less than one cell is left in the place: none divides there."""
        cells = pos(sym(cell)) * self.network.places[place]
        return cells * cells / (1.0 + cells * cells)
