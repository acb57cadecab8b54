"""Hand a model to other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from ..evidence import Evidence, load_evidence

__all__ = ["FORMATS", "export_model"]

FORMATS = ("sbml",)


def export_model(
    assay: str | Path,
    *,
    format: str = "sbml",
    arm: Mapping[str, Any] | None = None,
    evidence: Evidence | None = None,
) -> str:
    """Return an assay as a model file: one arm, at the median of every parameter.

    Parameters
    ----------
    assay : str or path
        Id of a shipped assay, or a TOML file.
    format : str
        ``sbml`` (Level 3 Version 2).
    arm : mapping, optional
        Keys of an arm; the assay's defaults otherwise.
    evidence : Evidence, optional

    Returns
    -------
    str
        The text of the file.

    Raises
    ------
    InputError
        If assay, arm or format is not known.
    """
    if format not in FORMATS:
        raise InputError(f"no format {format!r}", key="format", suggestion=nearest(format, FORMATS))
    from ..experiments.arm import parse_arm
    from ..experiments.assay import load_assay
    from ..experiments.bench import prepared
    from .sbml import to_sbml

    evidence = evidence or load_evidence()
    protocol = load_assay(assay, evidence)
    well = prepared(protocol, parse_arm(arm or {}, protocol.defaults, evidence), evidence)
    return to_sbml(
        well.system,
        y0=well.start.tolist(),
        params=well.parameters.tolist(),
        events=well.events,
        grounding=groundings(evidence),
        references=identifiers(evidence),
        notes=f"{protocol.title}. {protocol.about}",
    )


def groundings(evidence: Evidence) -> dict[str, str]:
    """Return the CURIE of every cell, mediator and carried molecule that has one."""
    out = {name: row.curie for name, row in evidence.entities.items() if row.curie}
    for name, mediator in evidence.mediators.items():
        entity = evidence.entities.get(mediator.entity or name)
        if entity is not None and entity.curie:
            out[name] = entity.curie
    return out


def identifiers(evidence: Evidence) -> dict[str, str]:
    """Return a URI for every reference that has a DOI or PubMed id, by key and by the review's number."""
    out = {}
    for key, row in evidence.references.items():
        first = row.identifier.split(";")[0].strip()
        if first.startswith("10."):
            out[key] = f"https://doi.org/{first}"
        elif first.upper().startswith("PMID"):
            out[key] = f"https://identifiers.org/pubmed:{first.split()[-1]}"
    return out
