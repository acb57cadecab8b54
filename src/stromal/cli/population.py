"""``stromal population``: many virtual patients, streamed into a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import InputError
from .out import (
    NOT_FOR_PATIENTS,
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
    percent,
    split,
    table,
)

if TYPE_CHECKING:
    import xarray as xr

    from ..stream.ledger import Ledger

__all__ = ["population"]

#: Patients, from the first on, that the table shows; failed runs that are named; days that can be listed.
SHOWN, NAMED, MOST_DAYS = 10_000, 100, 10_000
Number = Annotated[int, Parameter(allow_leading_hyphen=True)]


def population(
    name: str,
    /,
    *,
    patients: Number = 1000,
    out: Path,
    observable: Words = (),
    days: Words = (),
    arm: Word = "",
    draws: Draws = 40,
    chunk: Number = 2048,
    resume: Flag = False,
    scheduler: Word = "",
    threads: Threads = None,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Follow many virtual patients of a disease and keep what is asked of them in a zarr store.

    Parameters
    ----------
    name
        A disease or a trial (stromal list), or a TOML file of your own.
    patients
        How many; memory does not depend on it.
    out
        Folder, new or empty; holds population.zarr and a ledger of how far it is.
    observable
        Of the disease; repeatable. All by default.
    days
        On the clock of the disease: 0,35,42 or START:END:STEP; repeatable. Enrolment and 7, 14, 28 and 56
        days after it by default.
    arm
        Arm of the trial that everybody goes through from enrolment on; the disease alone by default.
    draws
        Draws of the ensemble; patients take turns through them.
    chunk
        Patients of a chunk: what is lost at most when the run is stopped.
    resume
        Go on with what the folder holds, if anything.
    scheduler
        Address of a dask scheduler whose workers solve the chunks, tcp://host:8786.
    """
    from ..evidence import load_evidence
    from ..stream import stream_population
    from ..stream.ledger import Ledger
    from .check import progress_bar

    when = _days(split(days))
    tables = load_evidence(*evidence)
    try:
        with progress_bar() as tell:
            data = stream_population(
                name,
                out,
                patients=patients,
                observables=split(observable),
                days=when,
                arm=arm,
                draws=draws,
                chunk=chunk,
                resume=resume,
                scheduler=scheduler,
                threads=threads,
                evidence=tables,
                progress=tell,
            )
    except KeyboardInterrupt:
        _say_kept(out)
        raise
    inputs = {
        "disease": name,
        "patients": patients,
        "observable": split(observable),
        "days": when,
        "arm": arm,
        "draws": draws,
        "chunk": chunk,
        "evidence": [str(p) for p in evidence],
    }
    ledger = Ledger.read(out)
    assert ledger is not None
    about = _as_dict(data, ledger, out)
    emit(
        envelope("population", inputs, seed=int(data.attrs["seed"]), **about),
        paragraphs(_lines(about)),
        as_json=json,
    )


def _days(words: tuple[str, ...]) -> list[float]:
    """Return days of a list with ranges.

    Raises
    ------
    InputError
    """
    out: list[float] = []
    for word in words:
        try:
            parts = [float(part) for part in word.split(":")]
            first, last, step = parts if len(parts) == 3 else (parts[0], parts[-1], 1.0)
            if step <= 0 or last < first or len(parts) > 3 or (last - first) / step > MOST_DAYS:
                raise ValueError
        except (ValueError, IndexError):
            raise InputError(
                f"{word!r} is neither a day nor a range of days", key="days", suggestion="0,35,42 or 35:63:7"
            ) from None
        out += [first + step * i for i in range(int((last - first) / step + 1e-9) + 1)]
    return out


def _say_kept(out: Path) -> None:
    from ..stream.ledger import Ledger

    try:
        ledger = Ledger.read(out)
    except InputError:
        return
    if ledger is not None:
        sys.stderr.write(
            f"stromal: {ledger.done} of {ledger.patients} patients are kept in {out}; --resume goes on\n"
        )


def _as_dict(data: xr.Dataset, ledger: Ledger, out: Path) -> dict[str, Any]:
    import json

    import numpy as np

    from ..experiments.results import band
    from ..stream import patient_ids

    total = {"solved": 0, "eligible": 0}
    failed: list[str] = []
    for start in range(0, ledger.done, 1_000_000):
        some = data[["draw", "number", *total]].isel(patient=slice(start, start + 1_000_000)).load()
        for key in total:
            total[key] += int(some[key].sum())
        wrong = np.flatnonzero(~some["solved"].values)[: NAMED - len(failed)]
        failed += patient_ids(some.isel(patient=wrong))
    first = data.isel(patient=slice(0, SHOWN)).load()
    summary = []
    names = [str(k) for k, v in data.data_vars.items() if "day" in v.dims]
    for key in [k for k in ledger.inputs["observables"] if k in names]:
        for i, day in enumerate(first["day"].values):
            lo, median, hi = band(first[key].values[first["solved"].values, i].astype(float))
            unit = first[key].attrs["units"]
            summary.append(
                {"observable": key, "unit": unit, "day": float(day), "median": median, "lo": lo, "hi": hi}
            )
    uncalibrated = f"{data.attrs['disease']} is uncalibrated: read signs, not percentages"
    return {
        "disease": data.attrs["disease"],
        "arm": data.attrs["arm"],
        "clock": data.attrs["clock"],
        "enrolment_day": float(data.attrs["enrolment_day"]),
        "patients": ledger.done,
        "solved": total["solved"],
        "eligible": total["eligible"],
        "failed_patients": [{"id": name} for name in failed],
        "warnings": [] if data.attrs["calibrated"] else [uncalibrated],
        "bodies": len(data["draw"].attrs["names"]),
        "yields": json.loads(data.attrs["yields"]),
        "days": data["day"].values.tolist(),
        "summary": summary,
        "summary_patients": first.sizes["patient"],
        "out": str(out),
        "store": str(out / "population.zarr"),
        "provenance": {
            **{k: data.attrs[k] for k in ("evidence", "code")},
            "versions": json.loads(data.attrs["versions"]),
        },
    }


def _lines(about: dict[str, Any]) -> list[str]:
    from ..views.sentences import number

    n = about["patients"]
    days = about["days"]
    shown = [days[round(i * (len(days) - 1) / 6)] for i in range(7)] if len(days) > 7 else days
    rows = []
    for key in dict.fromkeys(r["observable"] for r in about["summary"]):
        mine = {r["day"]: r for r in about["summary"] if r["observable"] == key}
        cells = [f"{number(r['median'], 2)} ({number(r['lo'], 2)}-{number(r['hi'], 2)})"
                 for r in (mine[d] for d in shown)]  # fmt: skip
        rows.append([f"{key} ({mine[shown[0]]['unit']})", *cells])
    arm = f", arm {about['arm']}" if about["arm"] else ""
    return [
        f"{n} virtual patients of {about['disease']}{arm}, {about['bodies']} bodies: "
        f"{percent(about['eligible'] / n)} meet the criteria of enrolment on day "
        f"{about['enrolment_day']:g}, {n - about['solved']} runs did not end",
        "",
        f"{about['clock']}: median (90 % of patients) of the first {about['summary_patients']}",
        *table(["", *(f"day {d:g}" for d in shown)], rows),
        "",
        NOT_FOR_PATIENTS,
        f"wrote {about['store']}",
    ]
