"""Identifiers, notes, ontology terms and citations of an SBML document."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from typing import Any

from ..model.system import Process, State, System

__all__ = ["annotate", "identifiers", "legal", "process_term", "resource", "set_notes", "state_term"]

# words that a formula in text form reads as something else
_RESERVED = set(
    "time avogadro delay pi exponentiale infinity notanumber true false nan inf abs exp ln log log10 sqrt "
    "sqr pow power root floor ceil ceiling factorial sin cos tan max min rem quotient implies piecewise or "
    "and not xor eq neq geq leq gt lt compartment species const var substance volume area length event at "
    "model function end import is has unit rateof".split()
)
_CASED = {"CL", "CHEBI", "GO", "UBERON", "OBI", "EFO", "MONDO", "NCIT"}


def identifiers(system: System) -> dict[tuple[str, str], str]:
    """Return a legal SBML identifier for everything named in ``system``.

    Letters and digits stay, the rest becomes ``_``. Names that would meet each get a hash of their own, so an
    identifier does not depend on what order, or what else without that clash, is in the model.

    Parameters
    ----------
    system : System

    Returns
    -------
    dict of (str, str) to str
        Keys are (``place``, name), (``symbol``, name) for states, parameters and assignments, and
        (``process``, name).

    Raises
    ------
    ValueError
        If two symbols, or two processes, have one name.
    """
    symbols = [s.name for s in system.states] + [p.name for p in system.parameters] + list(system.assignments)
    keys = [("place", place) for place in dict.fromkeys(state.place for state in system.states)]
    keys += [("symbol", name) for name in symbols] + [
        ("process", process.name) for process in system.processes
    ]
    if len(set(keys)) < len(keys):
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise ValueError(f"system {system.name!r}: {twice[0]} {twice[1]!r} is there twice")
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key in keys:
        groups[legal(key[1])].append(key)
    out = {}
    for base, members in groups.items():
        for key in members:
            digest = sha256(":".join(key).encode()).hexdigest()[:8]
            out[key] = base if len(members) == 1 else f"{base}_{digest}"
    return {key: out[key] for key in keys}


def legal(name: str) -> str:
    """Return a legal SBML identifier that reads like ``name``; two names may give the same."""
    sid = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "x"
    if sid[0].isdigit():
        sid = "_" + sid
    return sid + "_" if sid.lower() in _RESERVED else sid


def resource(text: str) -> str:
    """Return the URI of a CURIE, DOI, PubMed number or URL.

    >>> resource("UniProt:P01579"), resource("10.1182/blood-2013")
    ('https://identifiers.org/uniprot:P01579', 'https://identifiers.org/doi:10.1182/blood-2013')
    """
    text = re.sub(r"^https?://(dx\.)?doi\.org/", "doi:", text.strip())
    text = re.sub(r"^https?://pubmed\.ncbi\.nlm\.nih\.gov/(\d+)/?$", r"pubmed:\1", text)
    if re.match(r"^(https?|urn):", text):
        return text
    if text.startswith("10."):
        text = "doi:" + text
    prefix, _, rest = text.partition(":")
    if not rest:
        raise ValueError(f"{text!r} is not a CURIE, DOI or URL")
    prefix = prefix if prefix.upper() in _CASED else {"pmid": "pubmed"}.get(prefix.lower(), prefix.lower())
    return f"https://identifiers.org/{prefix}:{rest.strip()}"


def annotate(element: Any, qualifier: str, uris: Iterable[str]) -> None:
    """Add a MIRIAM annotation, ``qualifier`` being ``IS``, ``IS_DESCRIBED_BY`` or ``IS_PROPERTY_OF``."""
    import libsbml

    term = libsbml.CVTerm(libsbml.BIOLOGICAL_QUALIFIER)
    term.setBiologicalQualifierType(getattr(libsbml, f"BQB_{qualifier}"))
    for uri in dict.fromkeys(uris):
        term.addResource(uri)
    if term.getNumResources():
        element.addCVTerm(term)


def set_notes(element: Any, lines: Iterable[str]) -> None:
    """Set notes, one paragraph a line; nothing if there is no line."""
    body = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    if body:
        element.setNotes(f'<body xmlns="http://www.w3.org/1999/xhtml">{body}</body>')


def state_term(state: State, curie: str | None) -> int:
    """Return the SBO term of a state: what kind of thing it counts."""
    prefix = (curie or "").partition(":")[0].lower() if state.kind == "mediator" else ""
    # polypeptide chain, simple chemical, material entity (SBO has no cell)
    return {"uniprot": 252, "chebi": 247}.get(prefix, 240)


def process_term(process: Process, states: Mapping[str, State]) -> int:
    """Return the SBO term of a process, from what it takes and makes."""
    net = [(states[name], c) for name, c in process.changes if states[name].kind != "counter"]
    lost, made = [s for s, c in net if c < 0], [s for s, c in net if c > 0]
    if len({s.place for s in lost + made}) > 1 and {s.entity for s in lost} == {s.entity for s in made}:
        return 655  # transport reaction
    if process.signed:
        return 375  # process
    if lost and made:
        return 182  # conversion
    return 394 if lost else 393 if made else 375  # consumption, production
