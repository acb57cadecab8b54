"""``stromal new``: templates for rules, assays, diseases and trials of one's own."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError, nearest
from .out import Json, Word, emit, envelope

__all__ = ["new"]

KINDS = ("rule", "assay", "disease", "trial")
#: Endpoints that the template of a trial reads.
MOST = 3


def new(kind: str, name: str, /, *, disease: Word = "", dir: Path | None = None, json: Json = False) -> None:
    """Write a template of a rule (tables), assay, disease or trial (TOML). Nothing is overwritten.

    Parameters
    ----------
    kind
        rule, assay, disease or trial.
    name
        Its id: lower-case words joined by hyphens.
    disease
        Of a trial: a shipped disease, or the id of one of your own in the same folder.
    dir
        Folder to write into; for a rule a folder named after it by default, for others the current one.
    """
    from ..views.disease_templates import DISEASE
    from ..views.files import write_file
    from ..views.templates import ASSAY, RULE_FILES

    if kind not in KINDS:
        raise InputError(f"no template of kind {kind!r}", key="new", suggestion=nearest(kind, KINDS))
    if disease and kind != "trial":
        raise InputError(f"a {kind} has no disease", key="disease", suggestion="leave it out")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        tidy = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        raise InputError(
            f"{name!r} is not an id",
            key="name",
            suggestion=f"write {tidy!r}" if tidy else "lower-case words joined by hyphens",
        )
    folder = dir or (Path(name) if kind == "rule" else Path())
    if kind == "rule":
        files = {folder / f: text for f, text in RULE_FILES.items()}
    else:
        text = ASSAY if kind == "assay" else DISEASE if kind == "disease" else _trial(disease, folder)
        files = {folder / f"{name}.toml": text}
    for path in files:
        if path.exists():
            hint = (
                "add a row to it, or choose another folder with --dir"
                if kind == "rule"
                else "choose another name or --dir"
            )
            raise InputError(
                "exists already, and is left as it is", file=str(path), key="dir", suggestion=hint
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise InputError(f"cannot be made: {err.strerror}", file=str(folder), key="dir") from None
    for path, text in files.items():
        write_file(path, text.replace("NAME", name).encode(), "dir", overwrite=False)
    check = folder if kind == "rule" else next(iter(files))
    use = f"stromal assay coculture --evidence {folder}" if kind == "rule" else f"stromal {kind} {check}"
    lines = [
        *(f"wrote {path}" for path in files),
        "edit it, then:",
        f"  stromal validate {check}",
        f"  {use}",
    ]
    inputs = {"kind": kind, "name": name, "disease": disease}
    emit(envelope("new", inputs, files=[str(p) for p in files]), lines, as_json=json)


def _trial(disease: str, folder: Path) -> str:
    """Return the template of a trial, with endpoints that its disease has."""
    from ..evidence import load_evidence
    from ..experiments.disease import list_diseases, load_disease
    from ..experiments.endpoint import parse_endpoints
    from ..views.disease_templates import fill_trial

    own = folder / f"{disease}.toml"
    shipped = list_diseases()
    disease = disease or next(iter(shipped))
    if disease not in shipped and not own.exists():
        raise InputError(f"no disease {disease!r}", key="disease", suggestion=nearest(disease, shipped))
    about = load_disease(own if disease not in shipped else disease, load_evidence())
    first: dict[str, str] = {}
    for key, endpoint in about.spec.endpoints.items():
        first.setdefault(str(endpoint.get("kind")), key)
    chosen = [first[k] for k in ("response", "composite", "hazard") if k in first] or list(
        about.spec.endpoints
    )[:MOST]
    if not chosen:
        raise InputError("has no endpoints", file=about.file, key="endpoints")
    known = parse_endpoints(about.spec.endpoints, observables=None, file=about.file)
    last = max((day for endpoint in known.values() for day in getattr(endpoint, "days", ())), default=0.0)
    return fill_trial(disease, chosen[0], chosen, last)
