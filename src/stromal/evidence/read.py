"""Read the tables, lay a user's own over the shipped ones, and say clearly what is wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import InputError, nearest
from .records import (
    TABLES,
    Behaviour,
    Block,
    Cell,
    Coverage,
    CrossReactivity,
    Direction,
    Entity,
    Kinetics,
    Link,
    Mediator,
    Passing,
    Place,
    Product,
    Reference,
    Rest,
    Route,
    Row,
    Rule,
    Vessels,
)
from .units import keep_factors

__all__ = ["Evidence", "load_evidence", "read_table"]

SHIPPED = Path(__file__).parent / "tables"


@dataclass(frozen=True, eq=False)
class Evidence:
    """All tables, indexed; what the literature says and nothing that follows from it.

    Attributes
    ----------
    tables : dict
        Table name to its rows by key.
    layers : tuple of str
        Folders read, the shipped tables first.
    """

    tables: Mapping[str, Mapping[tuple[str, ...], Row]]
    layers: tuple[str, ...] = ()

    def _by_name(self, table: str) -> dict[str, Any]:
        return {key[0]: row for key, row in self.tables[table].items()}

    def _rows(self, table: str) -> tuple[Any, ...]:
        return tuple(self.tables[table].values())

    @cached_property
    def references(self) -> dict[str, Reference]:
        """Papers by key, and by the review's number."""
        out: dict[str, Reference] = self._by_name("references")
        return {**out, **{row.number: row for row in out.values() if row.number}}

    @cached_property
    def entities(self) -> dict[str, Entity]:
        """Things by name."""
        return self._by_name("entities")

    @cached_property
    def cells(self) -> dict[str, Cell]:
        """Cells by name."""
        return self._by_name("cells")

    @cached_property
    def mediators(self) -> dict[str, Mediator]:
        """Mediators by name."""
        return self._by_name("mediators")

    @cached_property
    def kinetics(self) -> dict[tuple[str, str], Kinetics]:
        """Kinetics by (mediator, place)."""
        return dict(self.tables["kinetics"])  # type: ignore[arg-type]

    @cached_property
    def places(self) -> dict[tuple[str, str], Place]:
        """Organs by (place, species)."""
        return dict(self.tables["places"])  # type: ignore[arg-type]

    @cached_property
    def rest(self) -> dict[tuple[str, str, str], Rest]:
        """Resting counts by (cell, place, species)."""
        return dict(self.tables["rest"])  # type: ignore[arg-type]

    @cached_property
    def behaviours(self) -> tuple[Behaviour, ...]:
        """Base behaviours."""
        return self._rows("behaviours")

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """Rules by id."""
        return self._by_name("rules")

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """Products, sources, primings, controls."""
        return self._rows("products")

    @cached_property
    def routes(self) -> dict[tuple[str, str, str], Route]:
        """Shares of a dose by (route, what, place)."""
        return dict(self.tables["routes"])  # type: ignore[arg-type]

    @cached_property
    def vessels(self) -> dict[tuple[str, str, str], Vessels]:
        """Shares of what cells make that go into the blood, by (cell, place, what)."""
        return dict(self.tables["vessels"])  # type: ignore[arg-type]

    @cached_property
    def passing(self) -> dict[tuple[str, str], frozenset[str]]:
        """What cells do in a place that they only pass, by (cell, place); of a group, each member."""
        rows: tuple[Passing, ...] = self._rows("passing")
        return {(c, row.place): frozenset(row.verbs) for row in rows for c in self.members.get(row.cell, ())}

    @cached_property
    def blocks(self) -> dict[str, Block]:
        """Blocking agents by name."""
        return self._by_name("blocks")

    @cached_property
    def crossreactivity(self) -> tuple[CrossReactivity, ...]:
        """Species cross-reactivity."""
        return self._rows("crossreactivity")

    @cached_property
    def links(self) -> dict[str, Link]:
        """Signed links inside cells by id."""
        return self._by_name("links")

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        """Directions of calibration."""
        return self._rows("directions")

    @cached_property
    def coverage(self) -> dict[str, Coverage]:
        """Fate of every claim by id."""
        return self._by_name("coverage")

    @cached_property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Cells meant by a name: the cell itself, or the members of a lineage or group."""
        out: dict[str, list[str]] = {name: [name] for name in self.cells}
        for cell in self.cells.values():
            for group in {cell.lineage, *cell.groups} - {cell.name}:
                if group not in self.cells:
                    out.setdefault(group, []).append(cell.name)
        return {name: tuple(cells) for name, cells in out.items()}

    @cached_property
    def digest(self) -> str:
        """Hash of all rows that a result can depend on, for provenance and caches; not of bookkeeping."""
        h = blake2b(digest_size=8)
        for table in sorted(set(self.tables) - {"coverage"}):
            for row in self.tables[table].values():
                h.update(row.model_dump_json(exclude={"file", "row"}).encode())
        return h.hexdigest()


def load_evidence(*overlays: str | Path, check: bool = True) -> Evidence:
    """Read the shipped tables and lay the tables in ``overlays`` over them.

    Parameters
    ----------
    *overlays : path
        Folders with tables of the same names and columns; a row with a known key replaces, others add.
    check : bool
        Whether to check names, units and bounds across tables.

    Returns
    -------
    Evidence

    Raises
    ------
    InputError
        With file, line, column and the nearest valid name.
    """
    tables: dict[str, dict[tuple[str, ...], Row]] = {name: {} for name in TABLES}
    layers = [SHIPPED, *map(Path, overlays)]
    for folder in layers:
        if not folder.is_dir():
            raise InputError("no such folder of tables", file=str(folder))
        files = sorted(folder.glob("*.csv"))
        if folder != SHIPPED and not files:
            raise InputError("no table (*.csv) in this folder", file=str(folder))
        for file in files:
            if file.stem not in TABLES:
                if folder == SHIPPED:
                    continue  # parameters.csv and calibration.csv are read where they are used
                raise InputError(
                    "not a table of stromal", file=str(file), suggestion=nearest(file.stem, TABLES)
                )
            tables[file.stem].update({row.identity(): row for row in read_table(file)})
    evidence = Evidence(tables, tuple("shipped" if f == SHIPPED else str(f) for f in layers))
    if check:
        from .check import check_evidence

        check_evidence(evidence)
    keep_factors()
    return evidence


def read_table(file: str | Path) -> list[Row]:
    """Read one table.

    Parameters
    ----------
    file : path
        A CSV whose stem is the name of a table.

    Raises
    ------
    InputError
        If a column, a value or a key is wrong; it names the line.
    """
    file = Path(file)
    model = TABLES[file.stem]
    fields = {f.alias or name for name, f in model.model_fields.items()} - {"file", "row"}
    required = {f.alias or n for n, f in model.model_fields.items() if f.is_required()}
    rows: list[Row] = []
    seen: dict[tuple[str, ...], int] = {}
    for line, record in _records(file, fields, required):
        row = _parse(model, file, line, record)
        if row.identity() in seen:
            first = seen[row.identity()]
            raise InputError(
                f"{' / '.join(filter(None, row.identity()))} stands on line {first} already",
                file=file.name,
                row=line,
                key=model.key[0].rstrip("_"),
            )
        seen[row.identity()] = line
        rows.append(row)
    return rows


def _records(file: Path, fields: set[str], required: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            header: Sequence[str] = reader.fieldnames or []
            for column in header:
                if column not in fields:
                    raise InputError(
                        "unknown column",
                        file=file.name,
                        row=1,
                        key=column,
                        suggestion=nearest(column, fields),
                    )
            if missing := sorted(required - set(header)):
                raise InputError("column is missing", file=file.name, row=1, key=missing[0])
            for record in reader:
                if None in record:
                    raise InputError("more cells than columns", file=file.name, row=reader.line_num)
                if any((v or "").strip() for v in record.values()):
                    yield reader.line_num, {k: v or "" for k, v in record.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise InputError(f"cannot be read: {err}", file=str(file)) from None


def _parse(model: type[Row], file: Path, line: int, record: dict[str, str]) -> Row:
    # an empty cell is 'not stated': the default of the column where it has one
    defaults = {f.alias or n for n, f in model.model_fields.items() if not f.is_required()}
    given = {k: v for k, v in record.items() if v.strip() or k not in defaults}
    try:
        return model(**given, file=file.name, row=line)
    except ValidationError as err:
        first = err.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ")
        value = record.get(key, "")
        options = first.get("ctx", {}).get("expected", "")
        suggestion = (
            nearest(value, [o.strip(" '") for o in options.replace(" or ", ",").split(",")])
            if options
            else ""
        )
        what = f"{value!r}: {message}" if key and value else message
        raise InputError(what, file=file.name, row=line, key=key, suggestion=suggestion) from None
