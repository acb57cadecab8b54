"""``stromal disease``: what a disease is made of, and how it fits the control arms of trials."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .out import (
    NOT_FOR_PATIENTS,
    Dirs,
    Draws,
    Flag,
    Json,
    Threads,
    emit,
    envelope,
    paragraphs,
    percent,
    table,
    working,
)

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..experiments.disease import Disease
    from ..experiments.posterior import Posterior

__all__ = ["disease", "read_fit"]

#: Observables that a figure shows.
MOST = 4


def disease(
    name: str,
    /,
    *,
    draws: Draws = 40,
    course: Flag = False,
    plot: Path | None = None,
    threads: Threads = None,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Say what a disease is made of, how it fits the control arms of trials, and what is not fitted.

    Parameters
    ----------
    name
        A disease (stromal list diseases) or a TOML file of your own.
    course
        Follow patients without drugs, and with one drug after the other.
    plot
        Draw those courses (png, svg or pdf), medians with 90 % of patients.
    """
    from ..evidence import load_evidence
    from ..experiments.disease import load_disease
    from ..experiments.endpoint import parse_endpoints
    from ..experiments.posterior import disease_posterior
    from ..views.files import check_plot
    from .trial import check_numbers

    check_numbers(draws)
    if plot is not None:
        check_plot(plot)
    tables = load_evidence(*evidence)
    about = load_disease(name, tables)
    units = {key: item.unit for key, item in about.observables.items()}
    endpoints = parse_endpoints(about.spec.endpoints, observables=units, file=about.file)
    posterior = disease_posterior(about, endpoints)
    inputs = {
        "disease": name,
        "course": course,
        "draws": draws if course or plot else None,
        "evidence": [str(p) for p in evidence],
    }
    data = envelope(
        "disease",
        inputs,
        disease=about.id,
        title=about.spec.title,
        about=about.spec.about,
        source=about.spec.source,
        calibrated=posterior.calibrated,
        warnings=[] if posterior.calibrated else [f"{about.id} is uncalibrated: read signs, not percentages"],
        modules=[{"id": m.id, "title": m.title, "about": m.about, "source": m.source} for m in about.modules],
        cells={cell: list(where) for cell, where in about.sites.items()},
        knockout=list(about.spec.knockout),
        volumes=[{"place": k, **v.model_dump()} for k, v in about.spec.places.items()],
        insults=_insults(about),
        background=[dict(d) for d in about.spec.background],
        natural_history=[n.model_dump() for n in about.spec.natural],
        variability=[{"name": k, **v.model_dump()} for k, v in about.spec.variability.items()],
        directions=_directions(about, posterior),
        settings=[{"name": k, **v.model_dump()} for k, v in about.spec.setting.items()],
        enrolment=about.spec.enrol.model_dump(),
        endpoints=[{"name": k, "title": e.title, "fitted": k in fitted(about)} for k, e in endpoints.items()],
        fit=read_fit(about),
        yields=_yields(posterior),
    )
    found: Any = ()
    if course or plot is not None:
        found = _courses(about, tables, posterior, draws, threads, name)
        data["course"] = [
            {"drugs": c.name, "observable": c.observable, "unit": c.unit, "day": float(d),
             "median": float(m), "lo": float(lo), "hi": float(hi)}
            for c in found
            for d, m, lo, hi in zip(c.days, c.median, c.lo, c.hi, strict=True)
        ]  # fmt: skip
    if plot is not None:
        from ..views.disease_plots import course_figure
        from ..views.plots import save

        figure = course_figure(found, clock=about.spec.clock, enrolled=about.spec.enrol.day)
        data["plot"] = str(save(figure, plot))
    emit(data, paragraphs(_lines(about, data, found)), as_json=json)


def fitted(about: Disease) -> set[str]:
    """Return the endpoints that the disease is fitted to."""
    return {item.endpoint for item in about.spec.calibration}


def _insults(about: Disease) -> list[dict[str, Any]]:
    out = []
    for i in about.spec.insult:
        changes = {f"{state} times": a.value for state, a in i.scale.items()}
        changes |= {f"{state} plus": a.value for state, a in i.add.items()}
        out.append({"name": i.name, "day": i.day, "changes": changes, "source": i.source})
    return out


def _directions(about: Disease, posterior: Posterior) -> list[dict[str, Any]]:
    import numpy as np

    out = []
    for name, d in about.spec.directions.items():
        values = posterior.ensemble.directions.get(name)
        span = (
            (None,) * 3 if values is None else tuple(float(q) for q in np.quantile(values, (0.05, 0.5, 0.95)))
        )
        out.append(
            {"name": name, "note": d.note, "select": list(d.select), "spread": d.spread,
             **dict(zip(("lo", "median", "hi"), span, strict=True))}
        )  # fmt: skip
    return out


def read_fit(about: Disease) -> list[dict[str, Any]]:
    """Return the rows of the fit that ships with a disease, none where there is none."""
    from ..experiments.disease import DISEASES

    path = DISEASES / f"{about.id}.fit.csv"
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    words = ("row", "endpoint", "measure", "unit", "setting", "confidence", "source")
    return [{k: v if k in words else float(v) for k, v in row.items()} for row in rows]


def _yields(posterior: Posterior) -> dict[str, float]:
    """Return the shares that the file of the posterior says of itself."""
    line = next((text for text in posterior.about if text.startswith("yields:")), "yields:")
    parts = [p.strip().rpartition(" ") for p in line.removeprefix("yields:").split(";") if p.strip()]
    return {key: float(value) for key, _, value in parts}


def _courses(
    about: Disease, tables: Evidence, posterior: Posterior, draws: int, threads: int | None, name: str
) -> Any:
    from ..experiments.course import courses
    from ..experiments.trial import load_trial

    keys = tuple(about.observables)[:MOST]
    trial = load_trial(about.spec.trial or name, tables)
    bodies, _ = posterior.head(min(draws, len(posterior))).distinct()
    with working(f"following patients of {about.id} in {len(bodies)} bodies"):
        return courses(trial, tables, bodies, keys, threads=threads)[0]


def _lines(about: Disease, data: dict[str, Any], found: Any) -> list[str]:
    from ..views.sentences import number

    spec = about.spec
    state = (
        "fitted to control arms" if data["calibrated"] else "uncalibrated: it tells signs, not percentages"
    )
    out = [f"{spec.title} ({state})", spec.about, f"sources: {spec.source}", ""]
    out += table(["module", "what it brings"], [[m.id, m.title] for m in about.modules], left=2)
    out += ["", *table(["cell", "places"], [[c, ", ".join(w)] for c, w in about.sites.items()], left=2), ""]
    if spec.knockout:
        out.append(f"the host lacks {', '.join(spec.knockout)}")
    out += [f"volume of {v['place']}: {v['volume']} [{v['source']}]" for v in data["volumes"]]
    for i in data["insults"]:
        changes = ", ".join(f"{k} {v}" for k, v in i["changes"].items())
        out.append(f"day {i['day']:g} ({spec.clock}): {i['name']}: {changes} [{i['source']}]")
    drugs = "; ".join(f"{d['give']} from day {d.get('time', 0):g}" for d in spec.background)
    out += [f"background: {drugs or 'none'}", f"enrolment on day {spec.enrol.day:g} [{spec.enrol.source}]"]
    for n in spec.natural:
        bounds = f"{n.least:g} to {n.most:g}".replace("-inf to", "up to").replace("to inf", "or more")
        without = f" without {', '.join(n.without)}" if n.without else ""
        out.append(
            f"natural history: {n.name}: {n.observable} {bounds} on day {n.day:g}{without} "
            f"in {percent(n.share)} of patients [{n.source}]"
        )
    rows = [[k, f"x/ {v.between:g}", ", ".join(v.select), v.source] for k, v in spec.variability.items()]
    out += ["", *table(["patients differ by", "90 %", "which multiplies", "source"], rows, left=4)]
    rows = []
    for d in data["directions"]:
        after = (
            "-"
            if d["median"] is None or not data["calibrated"]
            else (f"{number(d['median'], 2)} ({number(d['lo'], 2)} to {number(d['hi'], 2)})")
        )
        rows.append([d["name"], d["note"], f"1 (x/ {d['spread']:g})", after])
    out += ["", *table(["direction", "what it moves", "prior", "posterior (90 %)"], rows, left=2)]
    if data["fit"]:
        rows = []
        for r in data["fit"]:
            title = next((e["title"] for e in data["endpoints"] if e["name"] == r["endpoint"]), r["endpoint"])
            rows.append([
                r["row"], title or r["endpoint"], f"{r['day']:g}", f"{r['data']:g} {r['unit']}",
                *(f"{r[k]:.0f} ({r[k + '_lo']:.0f} to {r[k + '_hi']:.0f})" for k in ("prior", "posterior")),
                f"{r['residual']:+.1f}",
            ])  # fmt: skip
        header = ["control arm", "endpoint", "day", "data", "prior (90 %)", "posterior (90 %)", "residual"]
        out += ["", *table(header, rows, left=2), "residual: in standard deviations of what trials differ by"]
    if data["yields"]:
        out.append("yields: " + "; ".join(f"{k} {percent(v)}" for k, v in data["yields"].items()))
    rest = [e["title"] or e["name"] for e in data["endpoints"] if not e["fitted"]]
    out.append(
        f"not fitted (no control data behind them): {', '.join(rest)}; "
        "no number of the body is moved, draws are only chosen"
    )
    if found:
        out += ["", *_course_lines(about, found)]
    out.append(NOT_FOR_PATIENTS)
    return [*out, f"wrote {data['plot']}"] if "plot" in data else out


def _course_lines(about: Disease, found: Any) -> list[str]:
    from ..views.sentences import number

    key = found[0].observable
    mine = [c for c in found if c.observable == key]
    days = [d for d in (7, 14, 28, 35, 42, 56, 84) if d <= mine[0].days[-1]]
    rows = []
    for c in mine:
        at = [int(abs(c.days - d).argmin()) for d in days]
        rows.append(
            [c.name, *(f"{number(c.median[i], 2)} ({number(c.lo[i], 2)}-{number(c.hi[i], 2)})" for i in at)]
        )
    return [
        f"{key} of the same patients, {about.spec.clock}: median (90 % of patients)",
        *table(["with", *(f"day {d}" for d in days)], rows),
    ]
