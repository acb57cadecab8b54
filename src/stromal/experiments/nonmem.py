"""Regimens as NONMEM-style tables: read them, and write them back."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.records import PLACES
from .dosing import Dose, doses
from .ensemble import Ensemble
from .given import Given
from .schedule import SCHEDULE_KEYS
from .therapy import THERAPY_KEYS, Therapy, parse_therapy

__all__ = ["RegimenTable", "read_nonmem", "to_nonmem"]

COLUMNS = ("ID", "TIME", "AMT", "CMT", "EVID", "RATE", "II", "ADDL", "SS", "TINF")
_REQUIRED = ("ID", "TIME", "AMT")
_WRITTEN = COLUMNS[:-1]
_OBSERVE, _DOSE = 0, 1
#: Codes on whose meaning tools differ, or which change the state by more than a dose.
_NAMED = {3: "reset", 4: "reset and dose", 5: "replace", 8: "replace"}


@dataclass(frozen=True)
class RegimenTable:
    """What a table says.

    Attributes
    ----------
    therapies : dict of str to tuple of Therapy
        Of each ID, one a row that doses, in order of time.
    visits : dict of str to tuple of float
        Days on which each ID is observed.
    warnings : tuple of str
        What was not read.
    """

    therapies: Mapping[str, tuple[Therapy, ...]]
    visits: Mapping[str, tuple[float, ...]]
    warnings: tuple[str, ...] = ()

    def doses(
        self, weight_kg: float | Mapping[str, float], evidence: Evidence, ensemble: Ensemble | None = None
    ) -> dict[str, tuple[Dose, ...]]:
        """Return the doses of each ID; weights in kg, one for all or one an ID."""
        return {
            name: doses(
                of_one, weight_kg[name] if isinstance(weight_kg, Mapping) else weight_kg, evidence, ensemble
            )
            for name, of_one in self.therapies.items()
        }


def read_nonmem(
    file: str | Path,
    evidence: Evidence,
    given: Mapping[str, Any],
    *,
    unit: str,
    hours: bool = False,
    start: float = 0.0,
    end: float = math.inf,
    places: Iterable[str] = PLACES,
) -> RegimenTable:
    """Read a table of doses and observations of one product.

    Parameters
    ----------
    file : path
        CSV with ID, TIME, AMT and, as needed, CMT (name of a place or route), EVID (0 or 1), RATE or
        TINF, II, ADDL, SS (0 only); case does not matter, ``.`` and empty are missing.
    evidence : Evidence
    given : mapping
        What the columns cannot say, as keys of a therapy: ``{"give": "MSC", "cap": "1e8 cells"}``; its
        ``route`` or ``cmt`` holds where CMT is missing.
    unit : str
        Of AMT: ``cells``, ``cells/kg``, ``particles``, ``relative``.
    hours : bool
        Whether TIME, II, TINF and RATE are in hours instead of days.
    start, end, places
        As in `parse_therapy`.

    Returns
    -------
    RegimenTable

    Raises
    ------
    InputError
        With file and line.
    """
    # before the first row, so that no line of the table is blamed for it
    Given(given).only(THERAPY_KEYS, "a therapy")
    for key in given:
        if key in (*SCHEDULE_KEYS, "amt", "tinf"):
            raise InputError(f"{key} is in the table", file=str(file), key=key, suggestion="leave it out")
    path, valid = Path(file), tuple(places)
    header, rows = _rows(path)
    reader = _Reader(unit, 24.0 if hours else 1.0, given)
    therapies: dict[str, list[Therapy]] = {}
    visits: dict[str, list[float]] = {}
    last, clock = "", -math.inf
    for line, data in rows:
        row = Given(data, path.name, line)
        name = row.text("ID")
        if not name:
            raise row.fail("is missing", "ID")
        if name != last and name in therapies:
            raise row.fail(f"ID {name} goes on after another ID", "ID", "keep the rows of an ID together")
        time = reader.days(row, "TIME", needed=True)
        if name == last and time < clock:
            raise row.fail("time goes back", "TIME", "sort the rows of each ID by TIME")
        last, clock = name, time
        of_one, seen = therapies.setdefault(name, []), visits.setdefault(name, [])
        if reader.event(row) == _DOSE:
            wanted = reader.therapy(row, time)
            of_one.append(
                parse_therapy(wanted, evidence, file=path.name, row=line, start=start, end=end, places=valid)
            )
        elif not start <= time <= end:
            raise row.fail(f"a visit on day {time:g} is outside day {start:g} to {end:g}", "TIME")
        else:
            seen.append(time)
    return RegimenTable(
        {name: tuple(of_one) for name, of_one in therapies.items()},
        {name: tuple(dict.fromkeys(days)) for name, days in visits.items()},
        tuple(f"column {c} is ignored" for c in header if c.upper() not in COLUMNS),
    )


def _rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the header, and (line, known columns that are not missing) of each row."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = [c.strip() for c in next(reader, [])]
            lines = [(reader.line_num, [c.strip() for c in row]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise InputError(f"cannot be read: {err}", file=str(path)) from None
    upper = [c.upper() for c in header]
    for column in COLUMNS:
        if upper.count(column) > 1:
            raise InputError("column stands twice", file=path.name, row=1, key=column)
    for column in _REQUIRED:
        if column not in upper:
            hint = nearest(column, header)
            hint = hint if hint.startswith("did") else ""
            raise InputError("column is missing", file=path.name, row=1, key=column, suggestion=hint)
    out = []
    for line, cells in lines:
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise InputError(
                f"{len(cells)} cells, and the header has {len(header)}", file=path.name, row=line
            )
        data = dict(zip(upper, cells, strict=True))
        out.append((line, {c: data[c] for c in COLUMNS if data.get(c, ".") not in (".", "")}))
    return header, out


class _Reader:
    """Turns one row into the keys of a therapy."""

    def __init__(self, unit: str, per_day: float, given: Mapping[str, Any]) -> None:
        self.unit, self.per_day, self.given = unit, per_day, given

    def number(self, row: Given, key: str) -> float:
        try:
            value = float(row.data.get(key, "0"))
        except ValueError:
            raise row.fail(f"{row.data[key]!r} is not a number", key) from None
        if not math.isfinite(value):
            raise row.fail(f"{row.data[key]!r} is not a finite number", key)
        return value

    def days(self, row: Given, key: str, *, needed: bool = False) -> float:
        if needed and not row.has(key):
            raise row.fail("is missing", key)
        value = self.number(row, key)
        return value if self.per_day == 1.0 else _tidy(value / self.per_day)

    def event(self, row: Given) -> int:
        """Return 0 or 1; refuse other events and what only they have."""
        amount = self.number(row, "AMT")
        code = self.number(row, "EVID") if row.has("EVID") else float(amount != 0)
        if code in _NAMED:
            raise row.fail(
                f"EVID {code:g} ({_NAMED[int(code)]}) is not read: tools differ in what it does",
                "EVID",
                "write what you mean as a named action of the arm",
            )
        if code not in (_OBSERVE, _DOSE):
            raise row.fail(f"no EVID {row.data['EVID']!r}", "EVID", "0 is an observation, 1 a dose")
        if self.number(row, "SS"):
            raise row.fail(
                "a steady state is not solved for", "SS", "give doses before the start until it is reached"
            )
        if code == _OBSERVE and amount:
            raise row.fail("an observation has no AMT", "AMT", "EVID 1 is a dose")
        return int(code)

    def therapy(self, row: Given, time: float) -> dict[str, Any]:
        amount = self.number(row, "AMT")
        if amount <= 0:
            raise row.fail(f"a dose of {amount:g} is not positive", "AMT")
        wanted: dict[str, Any] = {**self.given, "amt": f"{amount!r} {self.unit}", "time": time}
        if row.has("CMT"):
            name = row.text("CMT")
            if name.replace(".", "").isdigit():
                raise row.fail(f"compartment {name} has no name", "CMT", f"known: {', '.join(PLACES)}")
            wanted = {k: v for k, v in wanted.items() if k != "route"} | {"cmt": name}
        # zeros fill the columns of single doses; ADDL without II is left for the schedule to refuse
        if self.number(row, "II") or self.number(row, "ADDL"):
            wanted |= {"ii": self.days(row, "II") if row.has("II") else None}
            wanted |= {"addl": self.number(row, "ADDL") if row.has("ADDL") else None}
        rate, tinf = self.number(row, "RATE"), self.days(row, "TINF")
        if rate < 0:
            raise row.fail(f"RATE {rate:g} (modelled) is not read", "RATE", "give AMT over time, or TINF")
        if rate and tinf:
            raise row.fail("both RATE and TINF are given", "RATE", "keep one of them")
        if rate:
            tinf = _tidy(amount / rate / self.per_day)
        return wanted | {"tinf": tinf}


def _tidy(value: float) -> float:
    """Return a quotient without the last digits, so that a written table is read as it was meant."""
    return float(f"{value:.12g}")


def to_nonmem(
    therapies: Therapy | Iterable[Therapy] | Mapping[str, Iterable[Therapy]],
    *,
    visits: Iterable[float] = (),
    weight_kg: float | Mapping[str, float] | None = None,
    hours: bool = False,
) -> str:
    """Return a regimen as a NONMEM-style CSV.

    Parameters
    ----------
    therapies : Therapy, iterable or mapping
        Of one ID, called 1, or of each ID. All give the same product in the same unit.
    visits : iterable of float
        Days of observations, of every ID.
    weight_kg : float or dict of str to float, optional
        Weight, to turn a dose per kg with its cap into an amount; without it AMT stays per kg.
    hours : bool
        Whether to write hours instead of days.

    Returns
    -------
    str
        Columns ID, TIME, AMT, CMT, EVID, RATE, II, ADDL, SS. Doses that are evenly apart are one row.

    Raises
    ------
    InputError
        If the therapies are of several products or units, which the columns cannot say.
    """
    by_id: dict[str, tuple[Therapy, ...]]
    if isinstance(therapies, Therapy):
        by_id = {"1": (therapies,)}
    elif isinstance(therapies, Mapping):
        by_id = {name: tuple(of_one) for name, of_one in therapies.items()}
    else:
        by_id = {"1": tuple(therapies)}
    if len({_product(t) for of_one in by_id.values() for t in of_one}) > 1:
        raise InputError(
            "one table holds one product in one unit",
            key="give",
            suggestion="write a table for each product, source, priming and unit",
        )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_WRITTEN)
    per_day = 24.0 if hours else 1.0
    seen = tuple(visits)
    for name, of_one in by_id.items():
        weight = weight_kg[name] if isinstance(weight_kg, Mapping) else weight_kg
        rows = [row for therapy in of_one for row in _dose_rows(therapy, weight, per_day)]
        rows += [(day, (_text(day * per_day), ".", ".", "0", ".", ".", ".", ".")) for day in seen]
        for _, row in sorted(rows, key=lambda pair: pair[0]):
            writer.writerow((name, *row))
    return out.getvalue()


def _product(therapy: Therapy) -> Therapy:
    """Return what the columns cannot say."""
    return replace(therapy, amount=1.0, days=(), tinf=0.0, route="", place="", note="")


def _dose_rows(
    therapy: Therapy, weight: float | None, per_day: float
) -> Iterator[tuple[float, tuple[str, ...]]]:
    amount = therapy.amount
    if weight is not None and therapy.per_kg:
        amount *= weight
        amount = amount if therapy.cap is None else min(amount, therapy.cap)
    rate = amount / (therapy.tinf * per_day) if therapy.tinf else 0.0
    days = np.asarray(therapy.days)
    apart = float(days[1] - days[0]) if len(days) > 1 else 0.0
    # only an interval that makes the very numbers of the schedule again, else a row for each day
    fits = (i for i in (_tidy(apart), apart) if np.all(days == days[0] + i * np.arange(len(days))))
    interval = next(fits, None)
    together = interval is not None
    for day in days[:1] if together else days:
        ii, addl = (interval * per_day, len(days) - 1) if interval else (0.0, 0)
        numbers = (_text(rate), _text(ii), str(addl), "0")
        cmt = therapy.place or therapy.route
        yield float(day), (_text(day * per_day), _text(amount), cmt, "1", *numbers)


def _text(value: float) -> str:
    """Return the shortest text that is read as this number."""
    return repr(float(value)).removesuffix(".0")
