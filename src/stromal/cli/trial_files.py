"""The folder that ``stromal trial --out`` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .out import plain

if TYPE_CHECKING:
    from ..evidence import Evidence
    from .trial_report import TrialView

__all__ = ["check_new", "trial_files"]


def check_new(folder: Path) -> None:
    """Refuse a folder that is not empty.

    Raises
    ------
    InputError
    """
    from ..views.files import check_folder

    check_folder(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError("is not empty", file=str(folder), key="out", suggestion="name a new or empty folder")


def trial_files(folder: Path, view: TrialView, data: dict[str, Any], evidence: Evidence) -> Path:
    """Write arms, comparisons, scores, curves, patients and result.json, all or none.

    Parameters
    ----------
    folder : Path
    view : TrialView
    data : dict
        What ``--json`` prints.
    evidence : Evidence

    Returns
    -------
    Path
    """
    import pandas as pd

    from ..views.files import manifest, save_folder

    arms = [
        {"arm": arm["name"], "n": arm["n"], "endpoint": name, **values}
        for arm in data["arms"]
        for name, values in arm["endpoints"].items()
    ]
    comparisons = []
    for c in data["comparisons"]:
        row = {k: v for k, v in c.items() if k not in ("arms", "shift")}
        comparisons.append({"arm": c["arms"][0], **row, **{f"shift_{k}": v for k, v in c["shift"].items()}})
    tables = {
        "arms.csv": arms,
        "comparisons.csv": comparisons,
        "scores.csv": data["scores"],
        "curves.csv": view.curves(),
        "patients.csv": patients(view),
    }
    columns = {
        "comparisons.csv": ["arm", "endpoint", "effect", "lo", "hi"],
        "scores.csv": ["id", "reported", "median", "lo", "hi", "inside", "vacuous"],
        "curves.csv": ["endpoint", "arm", "day", "median", "lo", "hi"],
    }
    # a table without rows still says what would stand in it
    frames = {n: pd.DataFrame(rows, columns=None if rows else columns.get(n)) for n, rows in tables.items()}
    files = {name: frame.to_csv(index=False, float_format="%.6g").encode() for name, frame in frames.items()}
    about = manifest(data, {}, evidence=evidence.digest)
    about.pop("files")
    files["result.json"] = (
        json.dumps(plain({**data, "provenance": about}), indent=1, allow_nan=False) + "\n"
    ).encode()
    return save_folder(folder, files, manifest(data, files, evidence=evidence.digest))


def patients(view: TrialView) -> list[dict[str, Any]]:
    """Return what is observed of each patient in each arm: at baseline, primary endpoint and end."""
    result = view.result
    end = view.trial.spec.days
    primary = view.trial.endpoints[view.trial.spec.primary]
    middle = getattr(primary, "day", None)
    out = []
    for arm, paths in result.followed.paths.items():
        wanted = sorted({0.0, float(middle) if isinstance(middle, int | float) else end, end})
        columns = [paths.nearest(d) for d in wanted]
        for row, name in enumerate(paths.ids):
            for column in columns:
                seen = {key: float(values[row, column]) for key, values in paths.values.items()}
                out.append(
                    {
                        "patient": name,
                        "arm": arm,
                        "solved": bool(paths.ok[row]),
                        "weight_kg": float(result.patients.weight[row]),
                        "day": float(paths.days[column]),
                        **seen,
                    }
                )
    return out
