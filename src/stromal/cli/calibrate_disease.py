"""``stromal calibrate --disease``: a disease held to control arms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .out import emit, envelope, paragraphs, percent, table

if TYPE_CHECKING:
    from ..inference.disease_fit import DiseaseFit

__all__ = ["calibrate_disease"]

MOST_DRAWS = 10_000


def calibrate_disease(
    name: str,
    draws: int,
    seed: int,
    out: Path | None,
    threads: int | None,
    json: bool,
    evidence: tuple[Path, ...],
    progress: Callable[[], AbstractContextManager[Callable[[str, int, int], None]]],
) -> None:
    """Fit a disease and print data beside prior and posterior.

    Parameters
    ----------
    name : str
    draws, seed : int
    out : Path or None
        Folder for posterior and fit.
    threads : int or None
    json : bool
    evidence : tuple of Path
    progress : callable
        Makes the bar that is told how far the work is.
    """
    from ..evidence import load_evidence
    from ..experiments.trial import load_trial
    from ..inference.disease_fit import fit_disease, write_fit
    from .trial import check_numbers

    check_numbers(draws, seed=seed)
    if draws > MOST_DRAWS:
        raise InputError(f"{draws} draws", key="draws", suggestion=f"1 to {MOST_DRAWS}")
    tables = load_evidence(*evidence)
    about = load_trial(name, tables).disease
    if out is not None:
        _check(out, about.id)
    with progress() as tell:
        fit = fit_disease(name, evidence=tables, draws=draws, seed=seed, threads=threads, progress=tell)
    files: list[str] = []
    if out is not None:
        out.mkdir(exist_ok=True)
        files = [str(path) for path in write_fit(fit, about.id, tables, out)]
    inputs = {"disease": name, "draws": draws, "out": str(out or ""), "evidence": [str(p) for p in evidence]}
    data = envelope(
        "calibrate",
        inputs,
        seed=seed,
        disease=about.id,
        directions=_directions(fit),
        fit=[_row(dict(r)) for r in fit.rows],
        effective=fit.effective,
        yields={k: float(v) for k, v in fit.yields.items()},
        files=files,
    )
    emit(data, paragraphs(_lines(data, fit)), as_json=json)


def _check(out: Path, name: str) -> None:
    if out.exists() and not out.is_dir():
        raise InputError("is not a folder", file=str(out), key="out")
    if not out.absolute().parent.is_dir():
        raise InputError("the folder above it does not exist", file=str(out), key="out")
    for kind in ("posterior", "fit"):
        path = out / f"{name}.{kind}.csv"
        if path.exists():
            raise InputError(
                "exists already, and is left as it is",
                file=str(path),
                key="out",
                suggestion="choose another folder",
            )


def _directions(fit: DiseaseFit) -> list[dict[str, Any]]:
    out = []
    for name, (before, after) in fit.directions.items():
        item: dict[str, Any] = {"direction": name}
        for key, values in (("prior", before), ("posterior", after)):
            lo, middle, hi = (float(q) for q in np.quantile(values, (0.05, 0.5, 0.95)))
            item |= {f"{key}_lo": lo, key: middle, f"{key}_hi": hi}
        out.append(item)
    return out


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row.pop("row"),
        "arm": "control",
        "value": row.pop("data"),
        "low": None,
        "high": None,
        **row,
    }


def _lines(data: dict[str, Any], fit: DiseaseFit) -> list[str]:
    from ..views.sentences import number

    def span(row: dict[str, Any], which: str) -> str:
        return f"{number(row[which], 2)} ({number(row[which + '_lo'], 2)} to {number(row[which + '_hi'], 2)})"

    moved = [[r["direction"], span(r, "prior"), span(r, "posterior")] for r in data["directions"]]
    rows = [
        [r["id"], r["endpoint"], f"{r['day']:g}", f"{r['value']:g} {r['unit']}", span(r, "prior"),
         span(r, "posterior"), f"{r['residual']:+.1f}"]
        for r in data["fit"]
    ]  # fmt: skip
    header = ["control arm", "endpoint", "day", "data", "prior (90 %)", "posterior (90 %)", "residual"]
    out = table(["direction (multiplier)", "prior", "posterior"], moved)
    out += ["", *table(header, rows, left=2), ""]
    out.append(
        f"{len(fit.draws)} draws of {fit.candidates} that had patients; "
        f"effective sample size {fit.effective:.0f}; "
        + "; ".join(f"{k} {percent(v)}" for k, v in fit.yields.items())
    )
    return [*out, *(f"wrote {path}" for path in data["files"])]
