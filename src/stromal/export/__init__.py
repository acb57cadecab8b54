"""Hand a model to other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest
from ..evidence import Evidence, load_evidence

if TYPE_CHECKING:
    from ..experiments.bench import Well

__all__ = ["FORMATS", "export_model"]

FORMATS = ("sbml",)


def export_model(
    name: str | Path,
    *,
    format: str = "sbml",
    arm: Mapping[str, Any] | str | None = None,
    evidence: Evidence | None = None,
) -> str:
    """Return an assay, or the whole course of a patient of a trial, as a model file.

    Parameters
    ----------
    name : str or path
        Id of a shipped assay, trial or disease (its default trial), or a TOML file.
    format : str
        ``sbml`` (Level 3 Version 2).
    arm : mapping or str, optional
        Of an assay: keys of an arm, its defaults otherwise; every parameter is at its median. Of a trial:
        the name of an arm, the last otherwise; the patient is a plausible one of the first draw, healthy
        at the start, with insults, drugs and doses as events.
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
    from .sbml import to_sbml

    evidence = evidence or load_evidence()
    well, notes = _course(name, arm, evidence) if _is_trial(name) else _bench(name, arm, evidence)
    return to_sbml(
        well.system,
        y0=well.start.tolist(),
        params=well.parameters.tolist(),
        events=well.events,
        grounding=groundings(evidence),
        references=identifiers(evidence),
        notes=notes,
    )


def _is_trial(name: str | Path) -> bool:
    """Whether a name is that of a trial or disease; a file is one if it names a disease or its modules."""
    from ..experiments.disease import list_diseases
    from ..experiments.files import read_toml
    from ..experiments.trial import list_trials

    if str(name) in {*list_trials(), *list_diseases()}:
        return True
    path = Path(name)
    return path.suffix == ".toml" and bool({"disease", "modules"} & set(read_toml(path)))


def _bench(name: str | Path, arm: Mapping[str, Any] | str | None, evidence: Evidence) -> tuple[Well, str]:
    from ..experiments.arm import parse_arm
    from ..experiments.assay import load_assay
    from ..experiments.bench import prepared

    if isinstance(arm, str):
        raise InputError(f"{arm!r}: the arm of an assay is keys, not a name", key="arm")
    protocol = load_assay(name, evidence)
    well = prepared(protocol, parse_arm(arm or {}, protocol.defaults, evidence), evidence)
    return well, f"{protocol.title}. {protocol.about}"


def _course(name: str | Path, arm: Mapping[str, Any] | str | None, evidence: Evidence) -> tuple[Well, str]:
    from ..experiments.trial import load_trial
    from ..experiments.whole_course import course

    if arm is not None and not isinstance(arm, str):
        hint = "name an arm; what is given stands in the trial's file"
        raise InputError("the arm of a trial is a name, not keys", key="arm", suggestion=hint)
    trial = load_trial(name, evidence)
    about = (
        f"{trial.spec.title}. {trial.disease.spec.title}. One plausible patient. "
        f"Time in days, {trial.disease.spec.clock}; enrolment on day {trial.disease.spec.enrol.day:g}. "
        "Research software: not for decisions on patients."
    )
    return course(trial, evidence, arm=arm or ""), about


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
