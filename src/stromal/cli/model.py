"""``stromal model``: what a model of an assay is made of."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .body_ledger import body_ledger
from .out import (
    Dirs,
    Draws,
    Flag,
    Json,
    Threads,
    Word,
    Words,
    emit,
    envelope,
    paragraphs,
    split,
    table,
    working,
)
from .validate_body import body_parts

if TYPE_CHECKING:
    from ..evidence import Evidence

__all__ = ["model"]

FORMULA = (
    "rate = b0 * product over requires of [leak + (1 - leak) H]",
    "          * [1 + (M - 1)(1 - product over increases of (1 - u H))]    u = (fold - 1)/(M - 1)",
    "          * [phi + (1 - phi) product over decreases of (1 - d H)]     d = (1 - fold)/(1 - phi)",
    "H = x^n/(1 + x^n), x = signal/half_max; rules of one group add their x; touch is averaged over",
    "cells that touch and cells that do not; b0 is divided by the factors in its reference milieu",
)


def model(
    name: str = "coculture",
    /,
    *,
    ledger: Flag = False,
    behaviour: Word = "",
    ratio: Word = "",
    product: Word = "",
    priming: Words = (),
    transwell: Flag = False,
    draws: Draws = 100,
    prior: Flag = False,
    threads: Threads = None,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Show the model of an assay or a disease: its parts, its ledger; of an assay one behaviour.

    Parameters
    ----------
    name
        A shipped assay or disease, or a TOML file of your own.
    ledger
        Per place and day: MSC and touches per target cell, each mediator over its half_max.
    behaviour
        "CD4.active division": formula, rules, numbers, papers, and values on the readout day.
    ratio
        MSC:target of the arm that is looked at; the assay's by default.
    product
        Product of that arm.
    priming
        Priming of that arm; repeatable.
    transwell
        MSC behind a membrane.
    prior
        Draw from the prior instead of the calibrated ensemble.
    """
    from ..evidence import load_evidence
    from ..experiments import load_assay
    from ..experiments.arm import parse_arm, product_cell
    from ..experiments.bench import simulate
    from ..experiments.well import bench_system, layout
    from ..views.behaviour import explain_behaviour, find_behaviour
    from ..views.ledger import ledger as make_ledger
    from .assay import choose_ensemble

    if ledger and behaviour:
        raise InputError(
            "--ledger and --behaviour show two things", key="behaviour", suggestion="ask for one at a time"
        )
    tables = load_evidence(*evidence)
    if (body := body_parts(name, tables)) is not None and not (ledger or behaviour):
        title, parts = body[0], _parts(body[1])
        asked = {"disease": name, "evidence": [str(p) for p in evidence]}
        whole_model = envelope("model", asked, assay=body[1].name, parts=parts)
        emit(whole_model, _parts_lines(title, parts), as_json=json)
        return
    if body is not None and ledger:
        title, rows, more = body_ledger(name, tables, draws, threads)
        told = {"disease": name, "ledger": True, "draws": draws, "evidence": [str(p) for p in evidence]}
        lines = [*_ledger_lines(title, rows), "", *more["amplifiers"]]
        emit(envelope("model", told, **more, ledger=rows), lines, as_json=json)
        return
    protocol = load_assay(name, tables)
    keys = {
        "ratio": ratio,
        "product": product,
        "priming": split(priming),
        "contact": "transwell" if transwell else "",
    }
    arm = parse_arm({k: v for k, v in keys.items() if v}, protocol.defaults, tables)
    inputs = {
        "assay": name,
        **keys,
        "ledger": ledger,
        "behaviour": behaviour,
        "draws": draws if ledger or behaviour else None,
        "evidence": [str(p) for p in evidence],
    }
    sites, places = layout(protocol, {"": arm}, tables)
    system = bench_system(tables, sites, places, tuple(sorted({*arm.add, *protocol.main.medium})))
    if not (ledger or behaviour):
        parts = _parts(system)
        emit(
            envelope("model", inputs, assay=protocol.id, parts=parts),
            _parts_lines(protocol.title, parts),
            as_json=json,
        )
        return
    if behaviour:
        find_behaviour(system, tables, behaviour)
    ensemble = choose_ensemble(tables, draws, prior)
    with working(f"running {draws} draws of {protocol.id}"):
        run = simulate(protocol, {"": arm}, tables, ensemble, threads=threads)[0]
    failed = [{"arm": "", "draw": ensemble.ids[i]} for i, status in enumerate(run.status[0]) if status]
    common: dict[str, Any] = {"seed": ensemble.seed, "failed_patients": failed, "assay": protocol.id}
    if ledger:
        whole = {float(d) for d in range(int(protocol.main.days) + 1)}
        days = sorted({*whole, protocol.readout_day})
        rows = make_ledger(run, days, protocol.target, tables, product_cell(arm, tables))
        title = f"{protocol.title}, {arm.product} {arm.ratio}: medians of {draws} draws ({ensemble.name})"
        emit(envelope("model", inputs, **common, ledger=rows), _ledger_lines(title, rows), as_json=json)
        return
    about = explain_behaviour(run, tables, behaviour, protocol.readout_day)
    emit(
        envelope("model", inputs, **common, behaviour=about),
        paragraphs(_behaviour_lines(tables, about)),
        as_json=json,
    )


def _parts(system: Any) -> dict[str, Any]:
    kinds = Counter(state.kind for state in system.states)
    return {
        "places": list(dict.fromkeys(s.place for s in system.states)),
        "cells": list(dict.fromkeys(s.entity for s in system.states if s.kind == "cell")),
        "mediators": list(dict.fromkeys(s.entity for s in system.states if s.kind == "mediator")),
        "states": dict(kinds),
        "processes": len(system.processes),
        "rules": len({rule for process in system.processes for rule in process.rules}),
        "references": len({ref for process in system.processes for ref in process.refs}),
        "parameters": dict(Counter(p.strength for p in system.parameters if p.strength)),
        "switches": sum(p.kind == "switch" for p in system.parameters),
    }


def _parts_lines(title: str, parts: dict[str, Any]) -> list[str]:
    numbers = parts["parameters"]
    total = sum(numbers.values())
    strengths = ", ".join(
        f"{numbers[k]} {k}" for k in ("measured", "scaled", "fitted", "assumed") if numbers.get(k)
    )
    states = ", ".join(f"{count} {kind}" for kind, count in parts["states"].items())
    rows = [
        ("places", ", ".join(parts["places"])),
        ("cells", ", ".join(parts["cells"])),
        ("mediators", ", ".join(parts["mediators"])),
        ("states", f"{sum(parts['states'].values())}: {states}"),
        ("processes", str(parts["processes"])),
        ("rules", f"{parts['rules']}, citing {parts['references']} papers with their base rates"),
        ("parameters", f"{total}: {strengths}"),
        ("switches", f"{parts['switches']} that only an arm changes (blocks, knockouts, species, products)"),
    ]
    return [title, "", *paragraphs(f"{key:<12}{value}" for key, value in rows)]


def _ledger_lines(title: str, rows: list[dict[str, Any]]) -> list[str]:
    from ..views.sentences import number

    lines = [title]
    for place in dict.fromkeys(r["place"] for r in rows):
        here = [r for r in rows if r["place"] == place]
        days = list(dict.fromkeys(r["day"] for r in here))
        grid: dict[str, dict[float, Any]] = {}
        rules = {}
        for r in here:
            grid.setdefault(r["quantity"], {})[r["day"]] = r["median"]
            rules[r["quantity"]] = r["rule"]
        rows_shown = [
            [q, rules[q], *(number(by.get(d), 2) for d in days)] for q, by in grid.items() if any(by.values())
        ]
        lines += [
            "",
            *table([place, "lowest half_max in", *(f"day {d:g}" for d in days)], rows_shown, left=2),
        ]
    return [
        *lines,
        "",
        "A ratio well under 1: the mediator does next to nothing there. What is zero throughout is left out.",
    ]


def _behaviour_lines(tables: Evidence, about: dict[str, Any]) -> list[str]:
    from ..views.sentences import citation, number

    lines = [f"{about['cell']} {about['behaviour']}", "", *FORMULA, ""]
    for base in about["base"]:
        bounds = f", M = {number(base['most'])}, phi = {number(base['least'])}"
        where = f" where {' and '.join(base['where'])}" if base["where"] else ""
        lines.append(
            f"b0 = {number(base['value'])} {base['unit']}{bounds}{where}, "
            f"{base['strength']} (x/ {number(base['spread'])})"
        )
        extras = [f"via {base['via']}"] if base["via"] else []
        extras += [f"times the cell's {base['scales_with']}"] if base["scales_with"] else []
        extras += [f"measured at {', '.join(base['reference'])}"] if base["reference"] else []
        extras.append(f"{base['source'] or 'no note'} {citation(tables, base['refs'])}")
        lines.append("     " + "; ".join(extras))
    rate = about["rate"]
    unit = about["base"][0]["unit"] if about["base"] else ""
    same = unit in ("1/day", "relative")
    lines += [
        "",
        f"on day {about['day']:g}: {number(rate['median'])} ({number(rate['lo'])} to {number(rate['hi'])}) "
        + (unit if same else "in internal units"),
        "",
    ]
    rows = []
    for r in about["rules"]:
        strength = f"leak {number(r['leak'])}" if r["effect"] == "requires" else f"{number(r['fold'])}-fold"
        factor = r["factor"]
        level = f"{number(r['level'])} {r['level_unit']}"
        touching = "" if r["touching"] is None else f"{r['touching']:.0%}"
        rows.append(
            [
                r["id"],
                r["effect"],
                r["signal"],
                strength,
                f"{number(r['half_max'])} {r['unit']}",
                number(r["hill"]),
                level,
                touching,
                f"{number(factor['median'])} ({number(factor['lo'], 2)}-{number(factor['hi'], 2)})",
                r["group"],
            ]
        )
    if rows:
        header = [
            "rule",
            "effect",
            "signal",
            "size",
            "half_max",
            "n",
            "level",
            "touch",
            "factor alone",
            "group",
        ]
        lines += [*table(header, rows, left=3), ""]
        lines += [
            f"{r['id']}: {citation(tables, r['refs'])}" + (f" via {r['via']}" if r["via"] else "")
            for r in about["rules"]
        ]
    return lines
