"""``stromal evidence``: what the papers say."""

from __future__ import annotations

from typing import Any

from .out import Dirs, Flag, Json, Word, emit, envelope, paragraphs

__all__ = ["evidence"]


def evidence(
    *query: str,
    cell: Word = "",
    mediator: Word = "",
    behaviour: Word = "",
    ref: Word = "",
    status: Word = "",
    strength: Word = "",
    conflicts: Flag = False,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Say what is known: rules and links with their numbers and papers.

    Parameters
    ----------
    query
        Words that must all match: names, their synonyms, reference numbers, or text. None lists everything.
    cell
        Statements on this cell, lineage or group (Treg, "effector T", macrophage).
    mediator
        Statements that name this molecule, by any of its names.
    behaviour
        Statements on this behaviour (division, "becomes Treg", secretes).
    ref
        Statements that cite this reference (44, or Munn1999).
    status
        review, literature or assumed.
    strength
        Where the numbers come from: measured, scaled, fitted or assumed.
    conflicts
        List pairs that push the same thing opposite ways, and what separates them.
    """
    from ..errors import nearest
    from ..evidence import load_evidence
    from ..evidence.ask import aliases, ask
    from ..evidence.conflicts import conflicts as find_conflicts
    from ..evidence.conflicts import known_conflicts
    from ..views.sentences import citation, conflict_lines, known_conflict_lines, sentence

    tables = load_evidence(*evidence)
    text = " ".join(query)
    filters = {
        "cell": cell,
        "mediator": mediator,
        "behaviour": behaviour,
        "ref": ref,
        "status": status,
        "strength": strength,
    }
    found = ask(tables, text, **filters)
    warnings = []
    if not found:
        warnings.append(
            f"no statement matches; {nearest(text, aliases(tables)) if text else 'fewer filters may help'}"
        )
    records = [
        {
            "id": s.id,
            "kind": s.kind,
            "cell": s.cell,
            "behaviour": s.behaviour,
            "signal": s.signal,
            "effect": s.effect,
            "fold": s.fold,
            "leak": s.leak,
            "half_max": s.half_max,
            "unit": s.unit,
            "hill": s.hill,
            "via": s.via,
            "group": s.group,
            "where": s.where,
            "refs": s.refs,
            "citation": citation(tables, s.refs),
            "status": s.status,
            "strength": s.strength,
            "note": s.note,
            "sentence": sentence(tables, s),
        }
        for s in found
    ]
    inputs = {"query": text, **filters, "conflicts": conflicts, "evidence": [str(p) for p in evidence]}
    own: dict[str, Any] = {"statements": records}
    if conflicts:
        among = found if text or any(filters.values()) else None
        pairs, known = find_conflicts(tables, among), known_conflicts(tables, among)
        own["conflicts"] = [
            {
                "cell": c.raises.cell,
                "behaviour": c.raises.behaviour,
                "raises": c.raises.id,
                "lowers": c.lowers.id,
                "separated_by": {k: list(v) for k, v in c.separated_by.items()},
            }
            for c in pairs
        ]
        own["known_conflicts"] = [
            {
                "id": k.id,
                "about": k.about,
                "a": k.a,
                "a_refs": k.a_refs,
                "b": k.b,
                "b_refs": k.b_refs,
                "separated_by": k.separated_by,
                "claims": k.claims,
            }
            for k in known
        ]
        lines = ["Statements of the tables that push opposite ways", ""] + conflict_lines(tables, pairs)
        lines += ["", "Known disagreements of the literature", ""] + known_conflict_lines(tables, known)
        lines += ["", f"{len(pairs)} pairs, {len(known)} known disagreements"]
    else:
        lines = [f"{r['sentence']}  ({r['id']})" for r in records]
        if records:
            assumed = sum(s.strength == "assumed" for s in found)
            rules = sum(s.kind == "rule" for s in found)
            lines += ["", f"{rules} rules ({assumed} with assumed numbers), {len(found) - rules} links"]
    emit(envelope("evidence", inputs, warnings=warnings, **own), paragraphs(lines), as_json=json)
