"""The small languages inside table cells: behaviours, signals, chains, limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ..errors import InputError, nearest

__all__ = [
    "VERBS",
    "Action",
    "Node",
    "Signal",
    "parse_behaviour",
    "parse_chain",
    "parse_limits",
    "parse_signal",
    "parse_via",
]

_PATTERNS = {
    "division": r"division",
    "death": r"death(?:>(?P<to>.+))?",
    "becomes": r"becomes (?P<to>.+)",
    "secretes": r"secretes (?P<what>.+)",
    "takes up": r"takes up (?P<what>.+)",
    "converts": r"converts (?P<what>[^>]+)>(?P<to>.+)",
    "expresses": r"expresses (?P<what>.+)",
    "engulfs": r"engulfs (?P<to>.+)",
    "kills": r"kills (?P<to>.+)",
    "transfers": r"transfers (?P<what>.+) to (?P<to>.+)",
    "keeps": r"keeps (?P<what>.+)",
    "migrates": r"migrates (?P<what>[^>]+)>(?P<to>.+)",
    "arrives": r"arrives",
}
VERBS = frozenset(_PATTERNS)


@dataclass(frozen=True)
class Action:
    """A behaviour taken apart: ``secretes IL10`` is verb ``secretes``, what ``IL10``."""

    verb: str
    what: str = ""
    to: str = ""


@cache
def parse_behaviour(text: str) -> Action:
    """Take a behaviour apart.

    Raises
    ------
    InputError
        If it is none of the known forms.
    """
    for verb, pattern in _PATTERNS.items():
        if match := re.fullmatch(pattern, text.strip()):
            groups = match.groupdict()
            return Action(verb, (groups.get("what") or "").strip(), (groups.get("to") or "").strip())
    raise InputError(
        f"{text!r} is not a behaviour", key="behaviour", suggestion=nearest(text.split(" ")[0], _PATTERNS)
    )


@dataclass(frozen=True)
class Signal:
    """A signal taken apart.

    Attributes
    ----------
    kind : str
        ``free``, ``near``, ``touch``, ``self``, ``crowding`` or ``damage``.
    name : str
        Mediator or carried level; empty for a bare touch and for crowding.
    cell : str
        The touched cell, lineage or group; empty otherwise.
    """

    kind: str
    name: str = ""
    cell: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "free":
                return self.name
            case "crowding" | "damage":
                return self.kind
            case "self":
                return f"self {self.name}"
        return f"{self.kind} {self.cell}" + (f".{self.name}" if self.name else "")


def parse_signal(text: str, cells: set[str]) -> Signal:
    """Take a signal apart.

    Parameters
    ----------
    text : str
        As in the rule table.
    cells : set of str
        Known cells, lineages and groups (their names may hold a dot).

    Raises
    ------
    InputError
        If a ``near`` or ``touch`` names no known cell.
    """
    text = text.strip()
    if text in ("crowding", "damage"):
        return Signal(text)
    kind, _, rest = text.partition(" ")
    if kind == "self":
        return Signal("self", rest.strip())
    if kind not in ("near", "touch"):
        return Signal("free", text)
    rest = rest.strip()
    if rest in cells and kind == "touch":
        return Signal(kind, "", rest)
    # the longest known cell before a dot: MSC.apoptotic.X is X on MSC.apoptotic
    for cell in sorted(cells, key=len, reverse=True):
        if rest.startswith(cell + "."):
            return Signal(kind, rest[len(cell) + 1 :], cell)
    raise InputError(
        f"{text!r} names no known cell", key="signal", suggestion=nearest(rest.split(".")[0], cells)
    )


@dataclass(frozen=True)
class Node:
    """A molecule in or on a cell: ``MSC:CD274``; owner empty means free."""

    owner: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.owner}:{self.symbol}" if self.owner else self.symbol


def parse_via(text: str) -> tuple[Node, ...]:
    """Return the nodes of a chain ``MSC:CD274 > CD4:PDCD1``."""
    return tuple(node for node, _ in parse_chain(text))


@cache
def parse_chain(text: str) -> tuple[tuple[Node, bool], ...]:
    """Take a chain ``MSC:MIR181A1 -| macrophage:PTEN`` apart.

    Returns
    -------
    tuple of (Node, bool)
        Each node, and whether the signal lowers it: an odd number of ``-|`` stands before it.
    """
    nodes, lowered = [], False
    for part in re.split(r"(-\||>|;)", text):
        if part == "-|":
            lowered = not lowered
        elif part.strip() and part not in (">", ";"):
            owner, _, symbol = part.strip().rpartition(":")
            nodes.append((Node(owner.strip(), symbol.strip()), lowered))
    return tuple(nodes)


def parse_limits(where: tuple[str, ...]) -> dict[str, str]:
    """Take ``species=human;place=well`` apart.

    Raises
    ------
    InputError
        If a limit has no ``=`` or an unknown key.
    """
    known = ("species", "place", "source", "product")
    out = {}
    for item in where:
        key, equals, value = item.partition("=")
        if not equals or key.strip() not in known:
            raise InputError(f"{item!r} is not a limit", key="where", suggestion=nearest(key, known))
        out[key.strip()] = value.strip()
    return out
