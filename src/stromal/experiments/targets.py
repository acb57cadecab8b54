"""What can be blocked or knocked out, and how a user names it."""

from __future__ import annotations

from functools import lru_cache

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.words import Node, parse_via

__all__ = ["blockable", "check_targets", "nodes", "split_efficacy"]


def _all_nodes(evidence: Evidence) -> list[Node]:
    chains = [r.via for r in evidence.rules.values()] + [b.via for b in evidence.behaviours]
    return [node for via in chains for node in parse_via(via)]


@lru_cache(maxsize=64)
def nodes(evidence: Evidence) -> frozenset[str]:
    """Return the symbols of all nodes of all chains."""
    return frozenset(node.symbol for node in _all_nodes(evidence))


@lru_cache(maxsize=64)
def blockable(evidence: Evidence) -> dict[str, str]:
    """Return every name that may be blocked, and what it stands for."""
    out = dict.fromkeys(nodes(evidence), "node")
    out.update(
        {m.name: "mediator" for m in evidence.mediators.values() if m.kind not in ("stimulus", "drug")}
    )
    for block in evidence.blocks.values():
        out.update(dict.fromkeys((block.name, *block.synonyms), "agent"))
    return out


def split_efficacy(text: str) -> tuple[str, str]:
    """Return name and efficacy of ``PD-L1:0.8``; the efficacy is empty where none is given."""
    name, _, own = text.rpartition(":")
    return (name, own) if name and own.replace(".", "", 1).isdigit() else (text, "")


def check_targets(blocks: tuple[str, ...], knockouts: tuple[str, ...], evidence: Evidence) -> None:
    """Check the names of blocks and knock-outs.

    Raises
    ------
    InputError
        With the nearest valid name.
    """
    for text in blocks:
        name, own = split_efficacy(text)
        if name not in blockable(evidence):
            hint = nearest(name, blockable(evidence))
            raise InputError(f"nothing to block is called {name!r}", key="block", suggestion=hint)
        if own and not 0 <= float(own) <= 1:
            raise InputError(f"efficacy {own} is not in 0 to 1", key="block")
    for text in knockouts:
        _check_knockout(text, evidence)


def _check_knockout(text: str, evidence: Evidence) -> None:
    owner, _, symbol = text.rpartition(".")
    owners = {*evidence.members, *(c.lineage for c in evidence.cells.values())}
    if owner not in owners:
        raise InputError(f"{text!r} is not OWNER.NODE", key="knockout", suggestion=nearest(owner, owners))
    if symbol not in nodes(evidence):
        hint = nearest(symbol, nodes(evidence))
        raise InputError(f"no node {symbol!r} to knock out", key="knockout", suggestion=hint)
    having = {node.owner for node in _all_nodes(evidence) if node.symbol == symbol}
    if not any(who == owner or who.startswith(owner + ".") for who in having):
        hint = nearest(text, {f"{who}.{symbol}" for who in having if who})
        raise InputError(
            f"no rule or base passes through {symbol} of {owner}", key="knockout", suggestion=hint
        )
