"""Which rules act on which behaviours of which cells, once groups and limits are resolved.

The network is what the tables say about a given set of cells in given places: no rates yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.records import Behaviour, Rule
from ..evidence.words import Action, Signal, parse_behaviour, parse_limits, parse_signal

__all__ = ["Act", "Network", "build_network", "owner_of"]

#: The two owners whose species, source and product an arm sets.
OWNERS = ("MSC", "host")


def owner_of(cell: str) -> str:
    """Return who a cell belongs to: the product (``MSC``) or the ``host``."""
    return "MSC" if cell == "MSC" or cell.startswith("MSC.") else "host"


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
    """

    evidence: Evidence
    places: Mapping[str, float]
    sites: Mapping[str, tuple[str, ...]]
    acts: tuple[Act, ...]
    mediators: tuple[str, ...]

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

    def carries(self, lineage: str, what: str, verbs: tuple[str, ...] = ("expresses", "keeps")) -> bool:
        """Whether a lineage has a carried level ``what``."""
        return any(
            act.action.verb in verbs and act.action.what == what and self.lineage(act.cell) == lineage
            for act in self.acts
        )


def closure(evidence: Evidence, cells: Iterable[str]) -> tuple[str, ...]:
    """Return ``cells`` and all that they can turn into, in table order.

    Raises
    ------
    InputError
        If a cell is not in the table.
    """
    found: set[str] = set()
    todo = list(cells)
    while todo:
        cell = todo.pop()
        if cell not in evidence.cells:
            raise InputError(f"no cell {cell!r}", key="cell", suggestion=nearest(cell, evidence.cells))
        if cell in found:
            continue
        found.add(cell)
        for row in evidence.behaviours:
            if cell in evidence.members.get(row.cell, ()):
                action = parse_behaviour(row.behaviour)
                if action.verb in ("becomes", "death") and action.to:
                    todo.append(action.to)
    return tuple(c for c in evidence.cells if c in found)


def build_network(
    evidence: Evidence,
    sites: Mapping[str, tuple[str, ...]],
    places: Mapping[str, float],
    extra: Iterable[str] = (),
) -> Network:
    """Resolve the tables for the cells in ``sites``.

    Parameters
    ----------
    evidence : Evidence
    sites : mapping
        Seeded cells and the places each may be in; what they turn into goes with them.
    places : mapping
        Place to volume, uL.
    extra : iterable of str
        Mediators to keep although nothing here makes or senses them.
    """
    all_sites: dict[str, tuple[str, ...]] = {}
    for cell in evidence.cells:
        where = [p for seed, ps in sites.items() if cell in closure(evidence, [seed]) for p in ps]
        if where:
            all_sites[cell] = tuple(p for p in places if p in where)
    names = set(evidence.members)
    rules: dict[tuple[str, str], list[tuple[Rule, Signal]]] = {}
    for rule in evidence.rules.values():
        limits = parse_limits(rule.where)
        if "place" in limits and limits["place"] not in places:
            continue
        signal = parse_signal(rule.signal, names)
        for cell in {*evidence.members.get(rule.cell, ()), rule.cell}:
            rules.setdefault((cell, rule.behaviour), []).append((rule, signal))
    acts = []
    for row in evidence.behaviours:
        action = parse_behaviour(row.behaviour)
        for cell in _subjects(evidence, row, action, all_sites):
            if action.verb == "migrates" and not {action.what, action.to} <= set(places):
                continue
            found = list(rules.get((cell, row.behaviour), ()))
            if cell in evidence.cells and action.verb in ("expresses", "keeps"):
                found += [
                    r for r in rules.get((evidence.cells[cell].lineage, row.behaviour), ()) if r not in found
                ]
            acts.append(Act(cell, row.behaviour, action, row, tuple(found)))
    return Network(evidence, dict(places), all_sites, tuple(acts), _mediators(evidence, acts, extra))


def _subjects(evidence: Evidence, row: Behaviour, action: Action, sites: Mapping[str, object]) -> list[str]:
    present = [c for c in evidence.members.get(row.cell, ()) if c in sites]
    if action.verb in ("expresses", "keeps"):
        # carried levels belong to the lineage: one act for each lineage present
        return list(dict.fromkeys(evidence.cells[c].lineage for c in present))
    return present


def _mediators(evidence: Evidence, acts: list[Act], extra: Iterable[str]) -> tuple[str, ...]:
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
