"""Assays as data: read a protocol, check it, list what ships."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..evidence.units import parse_quantity
from .arm import parse_arm, parse_ratio
from .readout import Readout, parse_readout

__all__ = ["Assay", "Stage", "list_assays", "load_assay", "parse_cells", "parse_medium"]

SHIPPED = Path(__file__).parent / "assays"
_KEYS = {
    "id",
    "title",
    "about",
    "source",
    "days",
    "readout_day",
    "target",
    "compare",
    "ratios",
    "well",
    "insert",
    "seed",
    "medium",
    "defaults",
    "readouts",
    "prestage",
    "doses",
}


@dataclass(frozen=True)
class Stage:
    """Cells and mediators put together for some days.

    Attributes
    ----------
    days : float
    seed : dict of str to float
        Cells per uL of the place that they are seeded in.
    medium : dict of str to float
        Mediators added to fresh medium, internal units.
    keep : tuple of str
        Lineages whose carried levels go on to the next stage.
    move : tuple of str
        Lineages whose cells go on, as many of each state as there then are.
    """

    days: float
    seed: Mapping[str, float]
    medium: Mapping[str, float]
    keep: tuple[str, ...] = ()
    move: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assay:
    """A bench protocol.

    Attributes
    ----------
    id, title, about, source : str
    main : Stage
    before : Stage or None
        A stage before, in which the arm's product takes part instead.
    readout_day : float
    target : tuple of str
        Cells that the ratio MSC:target counts.
    compare : str
        Readout shown first.
    ratios, doses : tuple of str
        Of the default sweep.
    volume, area : float
        uL and mm^2 of the well; ``insert_volume`` in uL.
    defaults : dict
        Of an arm.
    readouts : dict of str to Readout
    seeded_in : dict of str to str
        Cells that start in another place than the well.
    file : str
    """

    id: str
    title: str
    about: str
    source: str
    main: Stage
    before: Stage | None
    readout_day: float
    target: tuple[str, ...]
    compare: str
    ratios: tuple[str, ...]
    doses: tuple[str, ...]
    volume: float
    area: float
    insert_volume: float
    defaults: Mapping[str, Any]
    readouts: Mapping[str, Readout]
    seeded_in: Mapping[str, str] = field(default_factory=dict)
    file: str = ""


def list_assays() -> dict[str, Path]:
    """Return the shipped assays: id to file."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def load_assay(name: str | Path, evidence: Evidence) -> Assay:
    """Read an assay by the id of a shipped one, or from a TOML file of one's own.

    Raises
    ------
    InputError
        With file, key and the nearest valid name.
    """
    shipped = list_assays()
    path = shipped.get(str(name)) or Path(name)
    if str(name) not in shipped and path.suffix != ".toml":
        raise InputError(f"no assay {str(name)!r}", key="assay", suggestion=nearest(str(name), shipped))
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise InputError(f"cannot be read: {err}", file=str(path)) from None
    return _Reader(data, path.name, evidence).assay()


class _Reader:
    """Checks one file key by key."""

    def __init__(self, data: dict[str, Any], file: str, evidence: Evidence) -> None:
        self.data, self.file, self.evidence = data, file, evidence

    def fail(self, message: str, key: str, suggestion: str = "") -> InputError:
        return InputError(message, file=self.file, key=key, suggestion=suggestion)

    def get(self, key: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        value = self.data.get(key, default)
        if value is None:
            raise self.fail("is missing", key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.fail(f"{value!r} is not of the right kind", key)
        return value

    def assay(self) -> Assay:
        for key in self.data:
            if key not in _KEYS:
                raise self.fail("no such key of an assay", key, nearest(key, _KEYS))
        days = float(self.get("days", (int, float)))
        if not 0 < days <= 60:
            raise self.fail(f"{days} days is not in 0 to 60", "days")
        well, insert = self.table("well", ("volume", "area")), self.table("insert", ("volume", "seed"))
        above = self.cells("insert.seed", insert.get("seed", {}))
        cells = {**self.cells("seed", self.table("seed")), **above}
        main = Stage(days, cells, self.medium("medium", self.table("medium")))
        readouts = {}
        for name, text in self.get("readouts", dict).items():
            if not isinstance(text, str):
                raise self.fail(f"{text!r} is not a readout", f"readouts.{name}")
            readouts[name] = parse_readout(text, self.evidence, file=self.file, key=f"readouts.{name}")
        compare = self.get("compare", str, next(iter(readouts), ""))
        if compare not in readouts:
            raise self.fail(f"{compare!r} is not one of the readouts", "compare", nearest(compare, readouts))
        volume = self.amount("well.volume", well.get("volume", "200 uL"), "uL")
        target = self.words("target") or tuple(main.seed)
        for cell in target:
            self.known_cell(cell, "target")
        day = float(self.get("readout_day", (int, float), days))
        if not 0 < day <= days:
            raise self.fail(f"{day} is not within the {days} days", "readout_day")
        for ratio in self.words("ratios"):
            parse_ratio(ratio, file=self.file, key="ratios")
        parse_arm({}, self.table("defaults"), self.evidence, file=self.file, name="defaults")
        return Assay(
            id=self.get("id", str, Path(self.file).stem),
            title=self.get("title", str, ""),
            about=self.get("about", str, ""),
            source=self.get("source", str, "assumed"),
            main=main,
            before=self.before(),
            readout_day=day,
            target=target,
            compare=compare,
            ratios=self.words("ratios"),
            doses=self.words("doses"),
            volume=volume,
            area=self.amount("well.area", well.get("area", "32 mm^2"), "mm^2"),
            insert_volume=self.amount("insert.volume", insert.get("volume", volume / 3), "uL"),
            defaults=self.table("defaults"),
            readouts=readouts,
            seeded_in=dict.fromkeys(above, "insert"),
            file=self.file,
        )

    def before(self) -> Stage | None:
        if "prestage" not in self.data:
            return None
        data = self.table("prestage", ("days", "seed", "medium", "keep", "move"))
        days = data.get("days", 2.0)
        if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= 60:
            raise self.fail(f"{days!r} days is not in 0 to 60", "prestage.days")
        lineages = {cell.lineage for cell in self.evidence.cells.values()}
        kept = {}
        for key in ("keep", "move"):
            names = data.get(key, [])
            for name in names if isinstance(names, list) else [names]:
                if name not in lineages:
                    raise self.fail(f"no lineage {name!r}", f"prestage.{key}", nearest(str(name), lineages))
            kept[key] = tuple(names)
        return Stage(
            float(days),
            self.cells("prestage.seed", data.get("seed", {})),
            self.medium("prestage.medium", data.get("medium", {})),
            **kept,
        )

    def table(self, key: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return a table of the file, empty if it has none, and check its keys if they are given."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.fail("is not a table", key, f"write [{key}]")
        for name in value if keys else ():
            if name not in keys:
                raise self.fail(f"no such key of [{key}]", f"{key}.{name}", nearest(name, keys))
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of text of the file, empty if it has none."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(f"{value!r} is not a list of text", key)
        return tuple(value)

    def amount(self, key: str, value: str | float, unit: str) -> float:
        try:
            out = parse_quantity(value, unit)
        except InputError as err:
            raise self.fail(err.message, key, err.suggestion) from None
        if not 0 < out < 1e9:
            raise self.fail(f"{value!r} is not a positive amount", key)
        return out

    def known_cell(self, cell: str, key: str) -> None:
        if cell not in self.evidence.cells:
            raise self.fail(f"no cell {cell!r}", key, nearest(cell, self.evidence.cells))

    def cells(self, key: str, data: Mapping[str, Any]) -> dict[str, float]:
        return parse_cells(data, self.evidence, file=self.file, key=key)

    def medium(self, key: str, data: Mapping[str, Any]) -> dict[str, float]:
        return parse_medium(data, self.evidence, file=self.file, key=key)


def parse_cells(
    data: Mapping[str, Any], evidence: Evidence, *, file: str = "", key: str = "seed"
) -> dict[str, float]:
    """Return cells per uL of ``{"CD4.naive": "600 cells/uL"}``."""
    out = {}
    for cell, amount in _items(data, file, key):
        if cell not in evidence.cells:
            raise InputError(
                f"no cell {cell!r}", file=file, key=key, suggestion=nearest(cell, evidence.cells)
            )
        out[cell] = _amount(amount, "cells/uL", None, file, f"{key}.{cell}", 1e6)
    return out


def parse_medium(
    data: Mapping[str, Any], evidence: Evidence, *, file: str = "", key: str = "medium"
) -> dict[str, float]:
    """Return mediator levels in internal units of ``{IFNG = "10 ng/mL"}``."""
    out = {}
    for name, amount in _items(data, file, key):
        spec = evidence.mediators.get(name)
        if spec is None:
            raise InputError(
                f"no mediator {name!r}", file=file, key=key, suggestion=nearest(name, evidence.mediators)
            )
        out[name] = _amount(amount, spec.unit, spec.molar_mass, file, f"{key}.{name}", 1e9)
    return out


def _items(data: Any, file: str, key: str) -> list[tuple[str, Any]]:
    if not isinstance(data, Mapping):
        raise InputError("is not a table of names and amounts", file=file, key=key)
    return list(data.items())


def _amount(text: Any, unit: str, mass: float | None, file: str, key: str, most: float) -> float:
    try:
        value = parse_quantity(text, unit, mass)
    except InputError as err:
        raise InputError(err.message, file=file, key=key, suggestion=err.suggestion) from None
    if not 0 <= value <= most:
        raise InputError(f"{text!r} is not in 0 to {most:g} {unit}", file=file, key=key)
    return value
