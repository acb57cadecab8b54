"""Which rules act on which behaviours of which cells, once groups and limits are resolved.

The network is what the tables say about a given set of cells in given places: no rates yet. On the
bench the places are a well and perhaps an insert. In a body cells are only where the layout says, what
they do may be limited by place, and a mediator is kept only where somebody senses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.records import Behaviour, Rule, Vessels
from ..evidence.words import Action, Signal, parse_behaviour, parse_limits, parse_signal

__all__ = ["BENCH", "SYSTEMIC", "Act", "Network", "build_network", "owner_of", "within"]

#: Places of a bench; any other is a place of a body.
BENCH = ("well", "insert")
#: Where mediators are that have one level for the whole body (drugs, function of the marrow).
SYSTEMIC = "systemic"

#: The two owners whose species, source and product an arm sets.
OWNERS = ("MSC", "host")


def owner_of(cell: str) -> str:
    """Return who a cell belongs to: the product (``MSC``) or the ``host``."""
    return "MSC" if cell == "MSC" or cell.startswith("MSC.") else "host"


def within(place: str, limit: str) -> bool:
    """Whether a place is the one that a limit names, or of the class it names (``bench``, ``body``)."""
    return limit == place or limit == ("bench" if place in BENCH else "body")


@dataclass(frozen=True)
class Act:
    """One behaviour of one cell (or, for carried levels, of one lineage) with the rules on it."""

    cell: str
    text: str
    action: Action
    base: Behaviour
    rules: tuple[tuple[Rule, Signal], ...]


@dataclass(frozen=True)
class Network:
    """Cells, where each may be, and what each does.

    Attributes
    ----------
    evidence : Evidence
    places : dict of str to float
        Place and volume in uL; the first is where the target cells are.
    sites : dict of str to tuple of str
        Places in which each cell may be.
    acts : tuple of Act
    mediators : tuple of str
        Free mediators that some act makes, loses or senses, in table order.
    verbs : dict of str to frozenset of str
        What cells do in a place, where that is limited (blood is passed through).
    levels : dict of str to tuple of str
        Places in which each mediator has a level.
    """

    evidence: Evidence
    places: Mapping[str, float]
    sites: Mapping[str, tuple[str, ...]]
    acts: tuple[Act, ...]
    mediators: tuple[str, ...]
    verbs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_body(self) -> bool:
        """Whether the places are those of a body."""
        return not set(BENCH) & set(self.places)

    def at(self, place: str) -> tuple[Act, ...]:
        """Return what the cells in a place do there; a row for the place goes before one for all places."""
        return self._by_place[place]

    @cached_property
    def _by_place(self) -> dict[str, tuple[Act, ...]]:
        return {place: _most_special(self, place) for place in self.places}

    def reaches(self, signal: Signal, place: str) -> bool:
        """Whether a signal can be there at all: a dissolved one needs a level, a touch the touched cell."""
        if signal.kind == "free":
            return bool({place, SYSTEMIC} & set(self.levels.get(signal.name, ())))
        if signal.kind == "touch":
            return any(place in self.sites[cell] for cell in self.present(signal.cell))
        return True

    def holds(
        self, place: str, lineage: str, what: str, verbs: tuple[str, ...] = ("expresses", "keeps")
    ) -> bool:
        """Whether a lineage has a carried level ``what`` in a place."""
        return any((place, lineage, what, verb) in self._carried for verb in verbs)

    @cached_property
    def _carried(self) -> set[tuple[str, str, str, str]]:
        """Place, lineage, what and verb of all that is carried, or done to something of a name."""
        return {
            (place, self.lineage(act.cell), act.action.what, act.action.verb)
            for place in self.places
            for act in self.at(place)
        }

    def allows(self, place: str, cell: str, verb: str) -> bool:
        """Whether a cell does this in a place, as far as the place, or passing it, sets limits."""
        limits = (self.verbs.get(place), self.evidence.passing.get((cell, place)))
        return all(verbs is None or verb in verbs for verbs in limits)

    def vessels(self, place: str, cell: str, mediator: str) -> Vessels | None:
        """Return the row on what a cell in a place makes straight into the blood, None if it does not."""
        what = "vesicles" if self.evidence.mediators[mediator].kind == "vesicle" else "molecules"
        rows = self.evidence.vessels
        return rows.get((cell, place, mediator)) or rows.get((cell, place, what))

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells in table order."""
        return tuple(self.sites)

    def present(self, name: str) -> tuple[str, ...]:
        """Return the cells present that ``name`` (cell, lineage, group) stands for."""
        return tuple(c for c in self.evidence.members.get(name, ()) if c in self.sites)

    def lineage(self, name: str) -> str:
        """Return the lineage of a cell, or ``name`` itself if it is one."""
        cell = self.evidence.cells.get(name)
        return cell.lineage if cell else name


def _most_special(network: Network, place: str) -> tuple[Act, ...]:
    """Of the rows for one behaviour of one cell, keep the one for this place, then for its class."""
    best: dict[tuple[str, str, tuple[str, ...]], tuple[int, list[Act]]] = {}
    for act in network.acts:
        if _happens(network, act, place):
            limit = parse_limits(act.base.where).get("place", "")
            rank = 0 if not limit else 2 if limit == place else 1
            key = (act.cell, act.text, _others(act))
            found = best.setdefault(key, (rank, []))
            if rank > found[0]:
                best[key] = (rank, [act])
            elif rank == found[0]:
                found[1].append(act)
    kept = {id(act) for _, acts in best.values() for act in acts}
    return tuple(act for act in network.acts if id(act) in kept)


def _others(act: Act) -> tuple[str, ...]:
    return tuple(w for w in act.base.where if not w.startswith("place"))


def _happens(network: Network, act: Act, place: str) -> bool:
    """Whether an act can take place: its cell is there, may do it there, and what it needs is there."""
    verb, what, to = act.action.verb, act.action.what, act.action.to
    here = {c for c in network.present(act.cell) if place in network.sites[c]}
    here |= {c for c, at in network.sites.items() if place in at and network.lineage(c) == act.cell}
    if not here or not within(place, parse_limits(act.base.where).get("place", place)):
        return False
    named = parse_limits(act.base.where).get("place") == place
    if not named and not any(network.allows(place, cell, verb) for cell in here):
        return False
    if verb == "arrives":
        return place not in BENCH
    if verb == "migrates":
        return what == place and to in network.sites.get(act.cell, ())
    if verb == "kills":
        return any(place in network.sites[prey] for prey in network.present(to))
    if verb == "becomes":
        return place in network.sites.get(to, ())
    if verb in ("secretes", "takes up", "converts") and network.levels:
        return place in network.levels.get(what, ())
    return True


def closure(evidence: Evidence, cells: Iterable[str], beside: Iterable[str] = ()) -> tuple[str, ...]:
    """Return ``cells`` and all that they can turn into on a bench, in table order.

    A fate that needs the touch of a cell that is not there (a ``requires`` without a leak) is none.

    Parameters
    ----------
    evidence : Evidence
    cells : iterable of str
    beside : iterable of str
        Other cells that are there to be touched.

    Raises
    ------
    InputError
        If a cell is not in the table.
    """
    found = set(cells)
    for cell in found:
        if cell not in evidence.cells:
            raise InputError(f"no cell {cell!r}", key="cell", suggestion=nearest(cell, evidence.cells))
    there = found | set(beside)
    needs = _touches_needed(evidence)
    while True:
        new = set()
        for row in evidence.behaviours:
            for cell in found.intersection(evidence.members.get(row.cell, ())):
                action = parse_behaviour(row.behaviour)
                limit = parse_limits(row.where).get("place", "bench")
                here = any(within(place, limit) for place in BENCH)
                fate = here and action.verb in ("becomes", "death") and action.to
                if fate and all(there & touched for touched in needs.get((cell, row.behaviour), ())):
                    new.add(action.to)
        if new <= found:
            return tuple(c for c in evidence.cells if c in found)
        found |= new
        there |= new


def _touches_needed(evidence: Evidence) -> dict[tuple[str, str], list[set[str]]]:
    """Return the cells, one of which a fate of a cell has to touch, rule by rule."""
    names = set(evidence.members)
    out: dict[tuple[str, str], list[set[str]]] = {}
    for rule in evidence.rules.values():
        if rule.effect == "requires" and not rule.leak and not rule.group and not rule.where:
            signal = parse_signal(rule.signal, names)
            if signal.kind == "touch":
                for cell in evidence.members.get(rule.cell, ()):
                    touched = set(evidence.members.get(signal.cell, ()))
                    out.setdefault((cell, rule.behaviour), []).append(touched)
    return out


def build_network(
    evidence: Evidence,
    sites: Mapping[str, tuple[str, ...]],
    places: Mapping[str, float],
    extra: Iterable[str] = (),
    verbs: Mapping[str, frozenset[str]] | None = None,
) -> Network:
    """Resolve the tables for the cells in ``sites``.

    Parameters
    ----------
    evidence : Evidence
    sites : mapping
        Cells and the places each may be in. On a bench what they turn into goes with them; in a body
        only cells that are named are there.
    places : mapping
        Place to volume, uL.
    extra : iterable of str
        Mediators to keep although nothing here makes or senses them.
    verbs : mapping, optional
        Place to the verbs that cells do there; all where a place is not named.

    Raises
    ------
    InputError
        If a cell is not in the table.
    """
    body = not set(BENCH) & set(places)
    all_sites: dict[str, tuple[str, ...]] = {}
    for seed in sites:
        if seed not in evidence.cells:
            raise InputError(f"no cell {seed!r}", key="cell", suggestion=nearest(seed, evidence.cells))
    beside = () if body else closure(evidence, sites)
    reach = {seed: (seed,) if body else closure(evidence, [seed], beside) for seed in sites}
    for cell in evidence.cells:
        where = [p for seed, ps in sites.items() if cell in reach[seed] for p in ps]
        if where:
            all_sites[cell] = tuple(p for p in places if p in where)
    acts = _acts(evidence, all_sites, places)
    network = Network(
        evidence, dict(places), all_sites, acts, _mediators(evidence, acts, extra), dict(verbs or {})
    )
    if not body:
        known = tuple(m for m in network.mediators if (m, "well") in evidence.kinetics)
        return replace(network, mediators=known, levels=dict.fromkeys(known, tuple(places)))
    levels = _levels(network, frozenset(extra))
    return replace(network, levels=levels, mediators=tuple(m for m in network.mediators if m in levels))


def _acts(
    evidence: Evidence, sites: Mapping[str, tuple[str, ...]], places: Mapping[str, float]
) -> tuple[Act, ...]:
    names = set(evidence.members)
    rules: dict[tuple[str, str], list[tuple[Rule, Signal]]] = {}
    for rule in evidence.rules.values():
        limits = parse_limits(rule.where)
        if "place" in limits and not any(within(place, limits["place"]) for place in places):
            continue
        signal = parse_signal(rule.signal, names)
        for cell in {*evidence.members.get(rule.cell, ()), rule.cell}:
            rules.setdefault((cell, rule.behaviour), []).append((rule, signal))
    acts = []
    for row in evidence.behaviours:
        action = parse_behaviour(row.behaviour)
        for cell in _subjects(evidence, row, action, sites):
            if action.verb == "migrates" and not {action.what, action.to} <= set(places):
                continue
            found = list(rules.get((cell, row.behaviour), ()))
            if cell in evidence.cells and action.verb in ("expresses", "keeps"):
                found += [
                    r for r in rules.get((evidence.cells[cell].lineage, row.behaviour), ()) if r not in found
                ]
            acts.append(Act(cell, row.behaviour, action, row, tuple(found)))
    return tuple(acts)


def _levels(network: Network, given: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Return where each mediator of a body needs a level.

    A level is needed where somebody senses the mediator and it can get there: made there, brought by
    the blood, given, or there at rest. What has no kinetics in blood stays where it is made.
    """
    kinetics = network.evidence.kinetics
    made: dict[str, set[str]] = {}
    sensed: dict[str, set[str]] = {}
    outward: set[str] = set()
    for place in network.places:
        for act in network.at(place):
            if act.action.verb in ("secretes", "converts"):
                product = act.action.what if act.action.verb == "secretes" else act.action.to
                made.setdefault(product, set()).add(place)
                if network.vessels(place, act.cell, product):
                    outward.add(product)
            names = {signal.name for _, signal in act.rules if signal.kind in ("free", "near")}
            if act.action.verb in ("takes up", "converts"):
                names.add(act.action.what)
            felt = act.action.to if act.action.verb == "migrates" else place
            for name in names:
                sensed.setdefault(name, set()).add(felt)
    out: dict[str, tuple[str, ...]] = {}
    for name in network.mediators:
        needs = sensed.get(name, set())
        if (name, SYSTEMIC) in kinetics:
            if needs or name in given:
                out[name] = (SYSTEMIC,)
            continue
        if not any(key in kinetics for key in ((name, "body"), *((name, p) for p in network.places))):
            continue
        travels = (name, "blood") in kinetics and "blood" in network.places
        row = kinetics.get((name, "body"))
        at_rest = bool(row is not None and row.start) or name in given
        makers = made.get(name, set())
        if not (makers or at_rest) or not (needs or name in given):
            continue
        spread = travels and (at_rest or name in outward or any(needs - {place} for place in makers))
        places = {p for p in needs if p in makers or at_rest or spread} | (makers if spread else set())
        if spread or (name in given and travels):
            places.add("blood")
        out[name] = tuple(p for p in network.places if p in places)
    return {name: places for name, places in out.items() if places}


def _subjects(evidence: Evidence, row: Behaviour, action: Action, sites: Mapping[str, object]) -> list[str]:
    present = [c for c in evidence.members.get(row.cell, ()) if c in sites]
    if action.verb in ("expresses", "keeps"):
        # carried levels belong to the lineage: one act for each lineage present
        return list(dict.fromkeys(evidence.cells[c].lineage for c in present))
    return present


def _mediators(evidence: Evidence, acts: Iterable[Act], extra: Iterable[str]) -> tuple[str, ...]:
    used = set(extra)
    for act in acts:
        if act.action.verb in ("secretes", "takes up", "converts"):
            used.add(act.action.what)
        if act.action.verb == "converts":
            used.add(act.action.to)
        if act.base.substrate:
            used.add(act.base.substrate)
        used.update(signal.name for _, signal in act.rules if signal.kind in ("free", "near"))
    return tuple(m for m in evidence.mediators if m in used)
