"""Claims that are no experiment: what the program makes of them instead."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from ..evidence import Evidence
from .claims import about_claims

__all__ = ["in_section", "other_claims"]


def in_section(of: str, section: str | None) -> bool:
    """Say whether a section of the review is, or lies within, the one that is asked for."""
    return not section or of == section or of.startswith(section + ".")


def other_claims(evidence: Evidence, section: str | None, run: Container[str]) -> list[dict[str, Any]]:
    """Return the claims of a section that are not run, with their fate.

    Parameters
    ----------
    evidence : Evidence
    section : str, optional
        All sections by default.
    run : container of str
        Ids of the claims that are run.

    Returns
    -------
    list of dict
        ``id, fate, reason, says, section``; the reason of a ``graph`` claim is the link that says it.
    """
    links: dict[str, list[str]] = {}
    for link in evidence.links.values():
        text = f"{link.source} {link.effect} {link.target}" + (f" in {link.cell}" if link.cell else "")
        for claim in link.claims:
            links.setdefault(claim, []).append(text)
    about = about_claims()
    out = []
    for key, row in evidence.coverage.items():
        it = about.get(key, {})
        where = it.get("section", "")
        if key in run or not in_section(where, section):
            continue
        said = f"{it.get('target', '')}: {it.get('effect', '')} {it.get('direction', '')}".strip()
        why = "; ".join(links.get(key, ())) if row.fate == "graph" else row.reason
        out.append({"id": key, "fate": row.fate, "reason": why, "says": said, "section": where})
    return out
