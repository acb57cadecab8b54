"""Ask the tables: search rules and links, resolve references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..errors import InputError, nearest
from .read import Evidence
from .records import Link, Rule
from .words import parse_via

__all__ = ["Statement", "aliases", "ask", "cells_of", "cite", "members_of", "ref_keys", "statements"]

#: What people type for what the tables write.
_EVERYDAY = {
    "proliferation": "division",
    "proliferate": "division",
    "divide": "division",
    "differentiation": "becomes",
    "polarisation": "becomes",
    "polarization": "becomes",
    "induction": "becomes",
    "secretion": "secretes",
    "production": "secretes",
    "expression": "expresses",
    "contact": "touch",
    "phagocytosis": "engulfs",
    "efferocytosis": "engulfs",
    "apoptosis": "death",
    "survival": "death",
    "killing": "kills",
    "cytotoxicity": "kills",
    "migration": "migrates",
    "chemotaxis": "migrates",
    "uptake": "takes up",
}
#: Number of references of the review; those without a row of the table stay [n].
REVIEW_REFS = 121


@dataclass(frozen=True)
class Statement:
    """One thing that the tables say: a rule (executable) or a link (a signed fact inside cells).

    Attributes
    ----------
    id, kind : str
        ``kind`` is ``rule`` or ``link``.
    cell, behaviour, signal, effect : str
        For a link, ``behaviour`` is its target and ``signal`` its source.
    fold, leak, half_max, hill : float or None
        At saturation; None where the row has none.
    unit, via, group, where : str
    refs : tuple of str
    status, strength, note : str
    """

    id: str
    kind: str
    cell: str
    behaviour: str
    signal: str
    effect: str
    refs: tuple[str, ...]
    status: str
    fold: float | None = None
    leak: float | None = None
    half_max: float | None = None
    unit: str = ""
    hill: float | None = None
    via: str = ""
    group: str = ""
    where: str = ""
    strength: str = ""
    note: str = ""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Symbols along the chain."""
        return tuple(node.symbol for node in parse_via(self.via))


def statements(evidence: Evidence) -> list[Statement]:
    """Return every rule and link as a statement, in table order."""
    return [_of_rule(r) for r in evidence.rules.values()] + [_of_link(k) for k in evidence.links.values()]


def _of_rule(r: Rule) -> Statement:
    return Statement(
        r.id,
        "rule",
        r.cell,
        r.behaviour,
        r.signal,
        r.effect,
        r.refs,
        r.status,
        r.fold,
        (r.leak or 0.0) if r.effect == "requires" else None,
        r.half_max,
        r.unit,
        r.hill,
        r.via,
        r.group,
        ";".join(r.where),
        r.strength,
        r.note,
    )


def _of_link(k: Link) -> Statement:
    return Statement(
        k.id, "link", k.cell, k.target, k.source, k.effect, k.refs, k.status, where=k.mode, note=k.note
    )


# -- names ----------------------------------------------------------------------------------------


def members_of(evidence: Evidence, name: str) -> frozenset[str]:
    """Return the cells meant by a cell, lineage or group; empty if it is none."""
    found = set(evidence.members.get(name, ()))
    return frozenset(found | {c.name for c in evidence.cells.values() if c.lineage == name})


_ALIASES: dict[str, dict[str, frozenset[str]]] = {}


def aliases(evidence: Evidence) -> dict[str, frozenset[str]]:
    """Return every known way to write a name (lower case) with all names of the same thing."""
    if evidence.digest not in _ALIASES:
        sets = [{e.name, e.symbol, *e.synonyms} - {""} for e in evidence.entities.values()]
        sets += [{c.name, c.label} for c in evidence.cells.values()]
        sets += [{m.name, m.label, m.entity} - {""} for m in evidence.mediators.values()]
        sets += [{b.name, b.node, *b.synonyms} - {""} for b in evidence.blocks.values()]
        sets += [{name} for name in (*evidence.members, *(c.lineage for c in evidence.cells.values()))]
        table: dict[str, set[str]] = {}
        for names in sets:
            for name in names:
                table.setdefault(name.lower(), set()).update(names)
        _ALIASES[evidence.digest] = {key: frozenset(names) for key, names in table.items()}
    return _ALIASES[evidence.digest]


def cite(evidence: Evidence, ref: str) -> str:
    """Return ``44 Gao 2023`` for a reference that is known, ``44`` for one that is not; never a guess.

    A question mark follows a reference that was filled in from memory with low confidence.
    """
    row = evidence.references.get(ref)
    if row is None or not row.first_author:
        return ref
    author = (
        " ".join(w for w in row.first_author.split() if not (w.isupper() and len(w) <= 3)) or row.first_author
    )
    doubt = "?" if row.confidence == "recalled-low" else ""
    return " ".join(p for p in (row.number, author, row.year) if p) + doubt


# -- search ---------------------------------------------------------------------------------------


def ask(
    evidence: Evidence,
    query: str = "",
    *,
    cell: str = "",
    mediator: str = "",
    behaviour: str = "",
    ref: str = "",
    status: str = "",
    strength: str = "",
) -> list[Statement]:
    """Return the statements that a query and filters select.

    Parameters
    ----------
    evidence : Evidence
    query : str
        Words; all must match. A word matches names, their synonyms, references, or text of the row.
    cell : str
        Cell, lineage or group; statements on any of its cells.
    mediator, behaviour, ref, status, strength : str
        Exact filters; a mediator may be any molecule of a signal, behaviour or chain, by any of its names.

    Raises
    ------
    InputError
        If a filter names nothing known.
    """
    found: Iterable[Statement] = statements(evidence)
    if cell:
        wanted = _cells(evidence, cell)
        found = [s for s in found if wanted & cells_of(evidence, s)]
    if mediator:
        names = _names_of(evidence, mediator)
        found = [s for s in found if names & _things(s)]
    if behaviour:
        found = _by_behaviour(list(found), evidence, behaviour)
    if ref:
        keys = ref_keys(evidence, ref)
        found = [s for s in found if keys & set(s.refs)]
    for key, value, valid in (
        ("status", status, ("review", "literature", "assumed")),
        ("strength", strength, ("measured", "scaled", "fitted", "assumed")),
    ):
        if value and value not in valid:
            raise InputError(f"no {key} {value!r}", key=key, suggestion=nearest(value, valid))
        if value:
            found = [s for s in found if getattr(s, key) == value]
    terms = list(_terms(evidence, query))
    return [s for s in found if all(_matches(evidence, s, term) for term in terms)]


def _cells(evidence: Evidence, name: str) -> frozenset[str]:
    for candidate in (name, *sorted(aliases(evidence).get(name.lower(), ()))):
        if members := members_of(evidence, candidate):
            return members
    known = {*evidence.members, *(c.lineage for c in evidence.cells.values())}
    raise InputError(f"no cell {name!r}", key="cell", suggestion=nearest(name, known))


def cells_of(evidence: Evidence, s: Statement) -> frozenset[str]:
    """Return the cells that a statement is about."""
    return members_of(evidence, s.cell) or frozenset({s.cell} - {""})


def _names_of(evidence: Evidence, name: str) -> set[str]:
    found = aliases(evidence).get(name.lower())
    if not found:
        known = {*evidence.mediators, *evidence.entities}
        raise InputError(f"no mediator {name!r}", key="mediator", suggestion=nearest(name, known))
    return {n.lower() for n in found}


def _things(s: Statement) -> set[str]:
    """Return the molecules that a statement names, lower case."""
    words = {s.signal, s.behaviour, *s.nodes}
    words.add(re.sub(r"^(touch|near|self) ", "", s.signal))
    words.add(s.signal.rpartition(".")[2])
    words.update(re.split(r"[>\s]+", s.behaviour))
    return {w.lower() for w in words if w}


def _by_behaviour(found: list[Statement], evidence: Evidence, behaviour: str) -> list[Statement]:
    words = [_EVERYDAY.get(w, w) for w in behaviour.lower().split()]
    out = [s for s in found if all(w in s.behaviour.lower() for w in words)]
    known = {s.behaviour for s in statements(evidence)}
    if not any(all(w in b.lower() for w in words) for b in known):
        raise InputError(f"no behaviour {behaviour!r}", key="behaviour", suggestion=nearest(behaviour, known))
    return out


def ref_keys(evidence: Evidence, ref: str) -> set[str]:
    """Return every way in which the tables may write a reference.

    Raises
    ------
    InputError
        If it is neither known, used, nor a number of the review.
    """
    row = evidence.references.get(ref)
    if row is not None:
        return {ref, row.key_, row.number} - {""}
    used = {r for s in statements(evidence) for r in s.refs}
    if ref in used or (ref.isdigit() and 1 <= int(ref) <= REVIEW_REFS):
        return {ref}
    raise InputError(
        f"no reference {ref!r}", key="ref", suggestion=nearest(ref, {*evidence.references, *used})
    )


def _terms(evidence: Evidence, query: str) -> Iterator[frozenset[str]]:
    """Yield one set of alternatives for each thing in a query, longest known names first."""
    words = [
        w
        for w in re.split(r"[\s,]+", query.lower().strip())
        if w and w not in ("on", "of", "and", "the", "in")
    ]
    known = aliases(evidence)
    i = 0
    while i < len(words):
        for size in range(min(5, len(words) - i), 0, -1):
            phrase = " ".join(words[i : i + size])
            # "macrophages" finds macrophage
            hit = known.get(phrase) or (known.get(phrase[:-1]) if phrase.endswith("s") else None)
            if hit or size == 1:
                everyday = {_EVERYDAY[phrase]} if phrase in _EVERYDAY else set()
                yield frozenset({phrase} | {n.lower() for n in hit or ()} | everyday)
                i += size
                break


def _matches(evidence: Evidence, s: Statement, term: frozenset[str]) -> bool:
    if term & _things(s) or term & {s.id.lower(), s.effect, s.status, s.strength}:
        return True
    if any(t in {r.lower() for r in s.refs} for t in term):
        return True
    mine = cells_of(evidence, s)
    for name in term:
        for candidate in aliases(evidence).get(name, ()):
            if members_of(evidence, candidate) & mine:
                return True
    # titles of papers name many things in passing: they answer only for words that name nothing known
    text = _text(evidence, s, titles=not any(t in aliases(evidence) for t in term))
    return any(
        not t.isdigit() and re.search(rf"(?<![a-z0-9]){re.escape(t)}", text) for t in term if len(t) > 1
    )


def _text(evidence: Evidence, s: Statement, *, titles: bool) -> str:
    papers = [evidence.references[r] for r in s.refs if r in evidence.references]
    parts = [s.id, s.cell, s.behaviour, s.signal, s.via, s.group, s.where, s.note, *s.refs]
    parts += [f"{p.first_author} {p.year} {p.title if titles else ''}" for p in papers]
    return " ".join(parts).lower()
