"""``stromal list``: what there is to name."""

from __future__ import annotations

import tomllib
from typing import Any

from ..errors import InputError, nearest
from .out import Dirs, Json, Word, emit, envelope, paragraphs, table

__all__ = ["list_"]

#: Widest column of a printed list.
MOST = 110
WHAT = (
    "assays",
    "diseases",
    "trials",
    "rules",
    "products",
    "claims",
    "blocks",
    "cells",
    "mediators",
    "directions",
)


def list_(what: Word = "", /, *, json: Json = False, evidence: Dirs = ()) -> None:
    """List assays, diseases, trials, rules, products, claims, blocks, cells, mediators or directions.

    Parameters
    ----------
    what
        One of these; without it, how many there are of each.
    """
    from ..evidence import load_evidence

    if what and what not in WHAT:
        raise InputError(f"nothing to list is called {what!r}", key="list", suggestion=nearest(what, WHAT))
    tables = load_evidence(*evidence)
    inputs = {"what": what, "evidence": [str(p) for p in evidence]}
    if not what:
        counts: list[dict[str, Any]] = [{"name": w, "count": len(_items(w, tables))} for w in WHAT]
        lines = table(["list", "entries"], [[c["name"], str(c["count"])] for c in counts])
        emit(envelope("list", inputs, what=what, items=counts), lines, as_json=json)
        return
    items = _items(what, tables)
    if what == "rules":
        lines = list(paragraphs(f"{i['name']}: {i['sentence']}" for i in items))
    else:
        keys = list(items[0]) if items else []
        lines = (
            table(keys, [[_short(str(i[k])) for k in keys] for i in items], left=len(keys)) if items else []
        )
    emit(envelope("list", inputs, what=what, items=items), lines, as_json=json)


def _short(text: str) -> str:
    """Return what fits a column; all of it is in ``--json``."""
    return text if len(text) <= MOST else text[: MOST - 4].rsplit(" ", 1)[0] + " ..."


def _items(what: str, tables: Any) -> list[dict[str, Any]]:
    match what:
        case "assays":
            return _assays()
        case "diseases":
            return _diseases()
        case "trials":
            return _trials()
        case "claims":
            return _claims()
        case "rules":
            from ..evidence.ask import statements
            from ..views.sentences import sentence

            return [
                {"name": s.id, "sentence": sentence(tables, s)}
                for s in statements(tables)
                if s.kind == "rule"
            ]
        case "products":
            return _products(tables)
        case "blocks":
            return [
                {
                    "name": b.name,
                    "acts_on": f"{b.owner}:{b.node}".strip(":"),
                    "kind": b.kind,
                    "efficacy": b.efficacy,
                    "also": "; ".join(b.synonyms),
                }
                for b in tables.blocks.values()
            ]
        case "cells":
            return [
                {"name": c.name, "is": c.label, "lineage": c.lineage, "groups": "; ".join(c.groups)}
                for c in tables.cells.values()
            ]
        case "mediators":
            return [
                {"name": m.name, "is": m.label, "kind": m.kind, "unit": m.unit, "made_by": m.maker}
                for m in tables.mediators.values()
            ]
        case _:
            return [
                {"name": d.name, "acts_on": d.acts_on, "prior": d.prior, "spread": d.spread, "note": d.note}
                for d in tables.directions
            ]


def _assays() -> list[dict[str, Any]]:
    from ..experiments import list_assays

    out = []
    for name, path in list_assays().items():
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        out.append(
            {
                "name": name,
                "title": data.get("title", ""),
                "days": data.get("days"),
                "readout": data.get("compare", ""),
            }
        )
    return out


def _diseases() -> list[dict[str, Any]]:
    from ..experiments.disease import DISEASES, list_diseases

    out = []
    for name, path in list_diseases().items():
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        fitted = (DISEASES / f"{name}.posterior.csv").exists()
        out.append(
            {
                "name": name,
                "title": data.get("title", ""),
                "trial": data.get("trial", ""),
                "modules": "; ".join(data.get("modules", ())),
                "state": "fitted to control arms" if fitted else "uncalibrated",
            }
        )
    return out


def _trials() -> list[dict[str, Any]]:
    from ..experiments.trial import list_trials

    out = []
    for name, path in list_trials().items():
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        arms = ", ".join(f"{a['name']} {a.get('n', data.get('n', 50))}" for a in data.get("arms", ()))
        out.append(
            {
                "name": name,
                "disease": data.get("disease", ""),
                "arms": arms,
                "days": data.get("days"),
                "title": data.get("title", ""),
            }
        )
    return out


def _claims() -> list[dict[str, Any]]:
    from ..experiments import list_assays

    # read as text: to list claims is no reason to compile their arms
    folder = next(iter(list_assays().values())).parents[1] / "claims"
    out = []
    for path in sorted(folder.glob("*.toml")):
        for name, table_ in tomllib.loads(path.read_text(encoding="utf-8")).items():
            out.append({"name": name, "assay": table_.get("assay", ""), "says": table_.get("says", "")})
    return sorted(out, key=lambda c: c["name"])


def _products(tables: Any) -> list[dict[str, Any]]:
    from ..experiments.arm import BUILT_IN

    out: dict[str, dict[str, Any]] = {
        name: {"name": name, "kind": "built in", "changes": "", "refs": ""} for name in BUILT_IN
    }
    for row in tables.products:
        entry = out.setdefault(
            row.product, {"name": row.product, "kind": row.kind, "changes": "", "refs": ""}
        )
        if entry["kind"] == "built in" or (row.kind, row.product) in (("cells", "MSC"),):
            continue
        if row.kind in ("priming", "vesicle"):
            change = ", ".join(row.add)
        elif row.factor is None or row.factor == 1:
            change = f"{row.cell}"
        else:
            change = f"{row.target} x{row.factor:g}"
        entry["changes"] = "; ".join(p for p in (entry["changes"], change) if p)
        refs = [r for r in entry["refs"].split("; ") if r] + list(row.refs)
        entry["refs"] = "; ".join(dict.fromkeys(refs))
    return list(out.values())
