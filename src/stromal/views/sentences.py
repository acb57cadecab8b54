"""Rows of the tables as sentences that a biologist reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..evidence.ask import Statement, cite
from ..evidence.conflicts import Conflict, KnownConflict
from ..evidence.words import parse_behaviour, parse_signal

if TYPE_CHECKING:
    from ..evidence import Evidence

__all__ = ["cells_phrase", "citation", "conflict_lines", "known_conflict_lines", "number", "sentence"]

_PLURALS = {
    "T": "T cells", "CD4": "CD4 T cells", "CD8": "CD8 T cells", "conventional T": "conventional T cells",
    "effector T": "effector T cells", "activated CD4": "activated CD4 T cells", "macrophage": "macrophages",
    "phagocyte": "phagocytes", "monocyte": "monocytes", "Tconv": "conventional CD4 T cells", "Treg": "Treg",
    "Th1": "Th1", "Th17": "Th17", "Tc1": "Tc1", "MSC": "MSC", "MSC.apoptotic": "apoptotic MSC",
    "MSC.dead": "dead MSC", "M0": "M0 macrophages", "M1": "M1 macrophages", "M2": "M2 macrophages",
}  # fmt: skip
_VERBS = {
    "division": ("speeds up", "slows"),
    "becomes": ("promotes", "holds back"),
    "migrates": ("speeds up", "slows"),
}
#: Signals that are many, and what they do.
_PLURAL_SUBJECTS = {"mitochondria"}
_PLURAL_VERBS = {
    "raises": "raise", "lowers": "lower", "speeds up": "speed up", "slows": "slow", "promotes": "promote",
    "holds back": "hold back", "is needed for": "are needed for",
}  # fmt: skip


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as a person writes it; ``n/a`` for none and NaN."""
    if value is None or value != value:
        return "n/a"
    if value == 0:
        return "0"
    if 10 ** (digits - 1) <= abs(value) < 1e6:
        # 1130, not 1.13e+03
        return f"{float(f'{value:.{digits}g}'):.0f}"
    return f"{value:.{digits}g}"


def cells_phrase(evidence: Evidence, name: str) -> str:
    """Return the plural of a cell, lineage or group."""
    if name in _PLURALS:
        return _PLURALS[name]
    cell = evidence.cells.get(name)
    if cell is None:
        return name
    label = cell.label
    return label.replace(" cell", " cells", 1) if " cell" in label else label + "s"


def citation(evidence: Evidence, refs: Iterable[str]) -> str:
    """Return ``[44 Author 2020; 45]``; a number that is not resolved stays a number."""
    parts = list(dict.fromkeys(cite(evidence, ref) for ref in refs))
    return f"[{'; '.join(parts)}]" if parts else "[no reference]"


def sentence(evidence: Evidence, s: Statement) -> str:
    """Return one statement as a sentence with its numbers, chain, limits and papers."""
    return _rule(evidence, s) if s.kind == "rule" else _link(evidence, s)


def _rule(evidence: Evidence, s: Statement) -> str:
    action = parse_behaviour(s.behaviour)
    what = _deed(evidence, s.cell, s.behaviour)
    if s.effect == "requires":
        verb, size = "is needed for", f"{number(s.leak)} of it is left without"
    else:
        up, down = _VERBS.get(action.verb, ("raises", "lowers"))
        kind = "level" if action.verb in ("expresses", "keeps") else "rate"
        verb = up if s.effect == "increases" else down
        size = f"{number(s.fold)}-fold" if s.effect == "increases" else f"to {number(s.fold)} of its {kind}"
        size += " at saturation"
    if parse_signal(s.signal, _names(evidence)).name in _PLURAL_SUBJECTS:
        verb = _PLURAL_VERBS[verb]
    half = f"half-effect at {number(s.half_max)} {s.unit}" + (
        f", Hill {number(s.hill)}" if s.hill != 1 else ""
    )
    text = f"{_signal(evidence, s)} {verb} {what} ({size}; {half})"
    if s.via:
        text += f" via {s.via}"
    if s.where:
        text += f", only where {s.where.replace(';', ' and ')}"
    return f"{text} {citation(evidence, s.refs)}; {_numbers(s)}"


def _numbers(s: Statement) -> str:
    text = f"numbers {s.strength}"
    if s.status == "assumed":
        return text + "; the statement itself is assumed"
    return text + ("; not from the review" if s.status == "literature" else "")


def _link(evidence: Evidence, s: Statement) -> str:
    verb = {"increases": "raises", "decreases": "lowers"}.get(s.effect, "affects (no sign given)")
    where = f" in {cells_phrase(evidence, s.cell)}" if s.cell else ""
    mode = f", {s.where}" if s.where else ""
    note = f" ({s.note})" if s.note else ""
    return (
        f"{s.signal} {verb} {s.behaviour}{where}{mode}{note} {citation(evidence, s.refs)}; link inside cells"
    )


def _signal(evidence: Evidence, s: Statement) -> str:
    signal = parse_signal(s.signal, _names(evidence))
    match signal.kind:
        case "touch":
            other = cells_phrase(evidence, signal.cell)
            return f"{_capital(signal.name)} on touching {other}" if signal.name else f"Touching {other}"
        case "near":
            return f"{_capital(signal.name)} near {cells_phrase(evidence, signal.cell)}"
        case "self":
            return f"{_capital(signal.name)} of the cell itself"
        case "crowding" | "damage":
            return _capital(signal.kind)
    return _capital(signal.name)


def _names(evidence: Evidence) -> set[str]:
    return {*evidence.members, *(c.lineage for c in evidence.cells.values())}


def _capital(name: str) -> str:
    # a name such as let-7b or sFGL2 keeps its own spelling
    return name.capitalize() if name.isalpha() and name.islower() else name


def _deed(evidence: Evidence, cell: str, behaviour: str) -> str:
    cells = cells_phrase(evidence, cell)
    action = parse_behaviour(behaviour)
    match action.verb:
        case "division":
            return f"division of {cells}"
        case "death":
            return f"death of {cells}" + (
                f" (which leaves {cells_phrase(evidence, action.to)})" if action.to else ""
            )
        case "becomes":
            return f"the turning of {cells} into {cells_phrase(evidence, action.to)}"
        case "secretes":
            return f"secretion of {action.what} by {cells}"
        case "takes up":
            return f"uptake of {action.what} by {cells}"
        case "converts":
            return f"conversion of {action.what} to {action.to} by {cells}"
        case "expresses":
            return f"expression of {action.what} by {cells}"
        case "keeps":
            return f"keeping of {action.what} in {cells}"
        case "engulfs":
            return f"engulfment of {cells_phrase(evidence, action.to)} by {cells}"
        case "kills":
            return f"killing of {cells_phrase(evidence, action.to)} by {cells}"
        case "transfers":
            return f"transfer of {action.what} from {cells} to {cells_phrase(evidence, action.to)}"
        case "arrives":
            return f"arrival of new {cells}"
    return f"migration of {cells} from {action.what} to {action.to}"


def conflict_lines(evidence: Evidence, found: Iterable[Conflict]) -> list[str]:
    """Return lines that set opposing statements side by side, one block a cell and behaviour."""
    lines: list[str] = []
    blocks: dict[str, list[Conflict]] = {}
    for one in found:
        cell = (
            one.raises.cell
            if one.raises.cell == one.lowers.cell
            else f"{one.raises.cell} / {one.lowers.cell}"
        )
        title = (
            f"{cell}: {one.raises.behaviour}"
            if one.raises.kind == "rule"
            else f"{one.raises.behaviour} (link)"
        )
        blocks.setdefault(title, []).append(one)
    for title, pairs in blocks.items():
        lines.append(title)
        for one in pairs:
            a, b = one.raises, one.lowers
            lines.append(f"  + {a.signal} {citation(evidence, a.refs)}   {a.id}")
            lines.append(f"  - {b.signal} {citation(evidence, b.refs)}   {b.id}")
            lines.append(f"    separated by {_apart(one)}")
    return lines


def _apart(one: Conflict) -> str:
    parts = []
    for key, (a, b) in one.separated_by.items():
        parts.append("papers" if key == "papers" else f"{key} ({a or 'any'} | {b or 'any'})")
    return "; ".join(parts) or "nothing: one of the two is wrong, or a limit is missing"


def known_conflict_lines(evidence: Evidence, found: Iterable[KnownConflict]) -> list[str]:
    """Return lines for disagreements that are written down by hand."""
    lines = []
    for one in found:
        lines.append(f"{one.about} ({one.id})" + (f", claims {', '.join(one.claims)}" if one.claims else ""))
        lines.append(f"  one:  {one.a} {citation(evidence, one.a_refs)}")
        lines.append(f"  but:  {one.b} {citation(evidence, one.b_refs)}")
        lines.append(f"  apart by {one.separated_by}")
    return lines
