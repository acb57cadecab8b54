"""``stromal patient``: one virtual patient by its id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest
from .out import (
    NOT_FOR_PATIENTS,
    Dirs,
    Draws,
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

if TYPE_CHECKING:
    from ..experiments.one_patient import OnePatient
    from ..experiments.trial import Trial

__all__ = ["patient"]

#: Observables that are shown unless others are asked for.
MOST = 4


def patient(
    name: str,
    /,
    *,
    trial: Word = "",
    observable: Words = (),
    draws: Draws = 40,
    plot: Path | None = None,
    threads: Threads = None,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Show one virtual patient: its draw, what sets it apart, its course in each arm.

    Parameters
    ----------
    name
        Its id, DISEASE-DRAW-NUMBER, as stromal trial names it (patients.csv of --out).
    trial
        Trial whose arms it goes through; the disease's own by default.
    observable
        What is shown; repeatable. The first of the disease by default.
    draws
        Draws of the trial that named it.
    plot
        Write a figure (png, svg or pdf) of its course.
    """
    from ..evidence import load_evidence
    from ..experiments.disease import list_diseases
    from ..experiments.one_patient import find_patient
    from ..experiments.trial import load_trial
    from ..views.files import check_plot
    from .trial import check_numbers

    check_numbers(draws)
    if plot is not None:
        check_plot(plot)
    tables = load_evidence(*evidence)
    ill = next((d for d in sorted(list_diseases(), key=len, reverse=True) if name.startswith(d + "-")), "")
    if not ill and not trial:
        raise InputError(
            f"{name!r} is not the id of a virtual patient",
            key="patient",
            suggestion=f"DISEASE-DRAW-NUMBER, of the diseases {', '.join(list_diseases())}",
        )
    planned = load_trial(trial or ill, tables)
    known = planned.disease.observables
    shown = split(observable) or tuple(known)[:MOST]
    for key in shown:
        if key not in known:
            raise InputError(f"no observable {key!r}", key="observable", suggestion=nearest(key, known))
    with working(f"following {name}"):
        found = find_patient(name, planned, tables, draws=draws, threads=threads)
    inputs = {
        "patient": name,
        "trial": trial,
        "observable": shown,
        "draws": draws,
        "evidence": [str(p) for p in evidence],
    }
    data = envelope("patient", inputs, **_as_dict(found, planned, shown))
    if plot is not None:
        from ..views.disease_plots import patient_figure
        from ..views.plots import save

        units = {key: known[key].unit for key in shown}
        figure = patient_figure(found.followed.paths, units, shown, planned.reference)
        data["plot"] = str(save(figure, plot))
    emit(data, paragraphs(_lines(found, planned, shown, data)), as_json=json)


def _as_dict(found: OnePatient, planned: Trial, shown: tuple[str, ...]) -> dict[str, Any]:
    known = planned.disease.observables
    return {
        "patient": found.id,
        "trial": planned.id,
        "disease": planned.disease.id,
        "draw": found.draw,
        "weight_kg": float(found.patients.weight[0]),
        "directions": found.directions,
        "traits": [
            {"name": t.name, "factor": t.factor, "percentile": t.percentile, "select": list(t.select)}
            for t in found.traits
        ],
        "arms": [
            {
                "name": arm,
                "solved": bool(path.ok[0]),
                "days": path.days.tolist(),
                "observables": {
                    key: {"unit": known[key].unit, "values": path.values[key][0].tolist()} for key in shown
                },
            }
            for arm, path in found.followed.paths.items()
        ],
        "failed_patients": [
            {"arm": arm, "id": name} for arm, names in found.followed.failed.items() for name in names
        ],
    }


def _lines(found: OnePatient, planned: Trial, shown: tuple[str, ...], data: dict[str, Any]) -> list[str]:
    from ..views.sentences import number

    first = found.traits[0] if found.traits else None
    unusual = ""
    if first is not None:
        unusual = f"; what is most unusual about it: {first.name} x{number(first.factor, 2)}"
    paths = found.followed.paths
    key = shown[0]
    unit = planned.disease.observables[key].unit
    out = [f"{found.id}: a virtual patient of {planned.disease.spec.title}{unusual}", ""]
    rows = [[t.name, f"x{number(t.factor, 2)}", f"{t.percentile:.0f}"] for t in found.traits]
    out += [*table(["beside the median patient of its draw", "factor", "percentile"], rows), ""]
    moved = ", ".join(f"{k} {number(v, 2)}" for k, v in found.directions.items())
    out += [f"draw {found.draw}; along the directions: {moved or 'none'}", ""]
    end = planned.spec.days
    days = [d for d in (0, 7, 14, 28, 56, 100, 180, 365, 730) if d <= end]
    for key in shown:
        unit = planned.disease.observables[key].unit
        rows = []
        for arm, path in paths.items():
            at = [path.nearest(d) for d in days]
            rows.append([arm, *(number(path.values[key][0, i], 3) for i in at)])
        out += [*table([f"{key} ({unit})", *(f"day {d}" for d in days)], rows), ""]
    out += [f"the run in {f['arm']} did not end" for f in data["failed_patients"]]
    out.append(NOT_FOR_PATIENTS)
    return [*out, f"wrote {data['plot']}"] if "plot" in data else out
