"""Statements of the tables that disagree, and what separates them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field

from .ask import Statement, cells_of, ref_keys, statements
from .read import SHIPPED, Evidence

__all__ = ["Conflict", "KnownConflict", "conflicts", "known_conflicts"]


@dataclass(frozen=True)
class Conflict:
    """Two statements that push the same thing opposite ways.

    Attributes
    ----------
    raises, lowers : Statement
    separated_by : dict of str to (str, str)
        What differs (``signal``, ``cell``, ``where``, ``via``, ``papers``), each with both sides.
    """

    raises: Statement
    lowers: Statement
    separated_by: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownConflict:
    """A disagreement of the literature that no two rows show, written down by hand."""

    id: str
    about: str
    a: str
    a_refs: tuple[str, ...]
    b: str
    b_refs: tuple[str, ...]
    separated_by: str
    claims: tuple[str, ...] = ()


def conflicts(evidence: Evidence, among: Sequence[Statement] | None = None) -> list[Conflict]:
    """Return pairs of statements on one cell and behaviour (or one target of links) with opposite effects.

    A ``requires`` pushes up, so it disagrees with a ``decreases`` of the same signal; need and hindrance by
    two different signals is ordinary biology and is not listed. Pairs that the fewest things separate come
    first.

    Parameters
    ----------
    evidence : Evidence
    among : sequence of Statement, optional
        Pairs with at least one of these; default all.
    """
    everything = statements(evidence)
    chosen = {(s.kind, s.id) for s in (everything if among is None else among)}
    out = []
    for up in everything:
        for down in everything:
            if up.effect not in ("increases", "requires") or down.effect != "decreases":
                continue
            if up.kind != down.kind or up.behaviour != down.behaviour:
                continue
            if up.effect == "requires" and up.signal != down.signal:
                continue
            if not chosen & {(up.kind, up.id), (down.kind, down.id)}:
                continue
            cells = cells_of(evidence, up), cells_of(evidence, down)
            # a link without a cell may hold in any
            if all(cells) and not cells[0] & cells[1]:
                continue
            out.append(Conflict(up, down, _separators(up, down)))
    return sorted(out, key=lambda c: (len(c.separated_by), c.raises.cell, c.raises.behaviour))


def _separators(a: Statement, b: Statement) -> dict[str, tuple[str, str]]:
    sides = {
        "signal": (a.signal, b.signal),
        "cell": (a.cell, b.cell),
        "where": (a.where, b.where),
        "via": (a.via, b.via),
    }
    out = {key: pair for key, pair in sides.items() if pair[0] != pair[1]}
    if not set(a.refs) & set(b.refs):
        out["papers"] = (";".join(a.refs), ";".join(b.refs))
    return out


def known_conflicts(evidence: Evidence, among: Sequence[Statement] | None = None) -> list[KnownConflict]:
    """Return the disagreements written down by hand in ``conflicts.csv``.

    Parameters
    ----------
    evidence : Evidence
    among : sequence of Statement, optional
        Only those that share a reference with one of these; default all.
    """
    out = []
    with open(SHIPPED / "conflicts.csv", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            lists = {k: tuple(p for p in row[k].split(";") if p) for k in ("a_refs", "b_refs", "claims")}
            out.append(KnownConflict(**{**row, **lists}))  # type: ignore[arg-type]
    if among is None:
        return out
    refs = {key for s in among for ref in s.refs for key in ref_keys(evidence, ref)}
    return [k for k in out if refs & {*k.a_refs, *k.b_refs}]
