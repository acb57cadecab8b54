"""Checks across tables: names, units, bounds, references. The first mistake found is reported."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import InputError, nearest
from .read import Evidence
from .records import PLACES, Behaviour, Rule
from .units import convert, per_cell_unit
from .words import VERBS, Action, Signal, parse_behaviour, parse_limits, parse_signal, parse_via

__all__ = ["check_evidence", "problems"]

#: How many references the review has.
REVIEW_REFS = 121


def check_evidence(evidence: Evidence) -> None:
    """Raise the first problem of the tables.

    Raises
    ------
    InputError
    """
    for problem in problems(evidence):
        raise problem


def problems(evidence: Evidence) -> Iterable[InputError]:
    """Yield every problem of the tables."""
    checker = _Checker(evidence)
    for table, check in checker.checks().items():
        for row in evidence.tables[table].values():
            try:
                check(row)
            except InputError as err:
                yield (
                    err
                    if err.file
                    else InputError(
                        err.message, file=row.file, row=row.row, key=err.key, suggestion=err.suggestion
                    )
                )


class _Checker:
    """Looks up names of one table in the others."""

    def __init__(self, evidence: Evidence) -> None:
        self.e = evidence
        self.lineages = {c.lineage for c in evidence.cells.values()}
        self.owners = set(evidence.members) | self.lineages
        self.actions: dict[str, set[str]] = {}
        self.carried: dict[str, set[str]] = {}
        for row in evidence.behaviours:
            try:
                action = parse_behaviour(row.behaviour)
            except InputError:
                continue
            for cell in self.cells_of(row.cell):
                self.actions.setdefault(row.behaviour, set()).add(cell)
                if action.verb in ("expresses", "keeps"):
                    lineage = evidence.cells[cell].lineage if cell in evidence.cells else cell
                    self.carried.setdefault(action.what, set()).add(lineage)
        self.said: dict[tuple[str, ...], Rule] = {}

    def checks(self) -> dict[str, Callable]:
        return {
            "references": self.reference,
            "cells": self.cell,
            "mediators": self.mediator,
            "kinetics": self.kinetics,
            "places": self.place,
            "rest": self.rest,
            "behaviours": self.behaviour,
            "rules": self.rule,
            "products": self.product,
            "routes": self.route,
            "vessels": self.vessel,
            "passing": self.passing,
            "blocks": self.block,
            "crossreactivity": self.cross,
            "links": self.link,
            "directions": lambda row: None,
            "entities": self.entity,
            "coverage": lambda row: None,
        }

    def cells_of(self, name: str) -> tuple[str, ...]:
        return self.e.members.get(name) or tuple(c.name for c in self.e.cells.values() if c.lineage == name)

    def known(self, key: str, value: str, valid: Iterable[str]) -> None:
        valid = set(valid)
        if value not in valid:
            raise InputError(f"no {key} {value!r}", key=key, suggestion=nearest(value, valid))

    def refs(self, refs: Iterable[str]) -> None:
        for ref in refs:
            number = ref.isdigit() and 1 <= int(ref) <= REVIEW_REFS
            if not number and ref not in self.e.references and ref != "Fig1":
                raise InputError(
                    f"no reference {ref!r}", key="refs", suggestion=nearest(ref, self.e.references)
                )

    # -- one check a table ----------------------------------------------------------------------

    def reference(self, row: Any) -> None:
        if row.number and not row.number.isdigit():
            raise InputError("number is not a number of the review", key="number")

    def entity(self, row: Any) -> None:
        curie = row.curie
        if curie and not re.fullmatch(
            r"(CL:\d{7}|GO:\d{7}|CHEBI:\d+|HGNC:\d+|UniProt:[A-Z0-9]{6,10}|\w+:\S+)", curie
        ):
            raise InputError(f"{curie!r} is not a CURIE", key="curie", suggestion="PREFIX:accession")

    def cell(self, row: Any) -> None:
        if row.diameter is not None:
            convert(row.diameter, row.diameter_unit, "um")
        self.refs(row.refs)

    def mediator(self, row: Any) -> None:
        if not any(mediator == row.name for mediator, _ in self.e.kinetics):
            raise InputError(
                f"{row.name} has no kinetics anywhere", key="name", suggestion="add a row to kinetics.csv"
            )

    def place(self, row: Any) -> None:
        self.convert("volume", row.volume, row.volume_unit, "uL")
        self.convert("density", row.capacity, row.density_unit, "cells/uL")
        if row.washout is not None:
            self.convert("washout", row.washout, row.washout_unit, "1/day")
        for verb in row.verbs:
            self.known("verbs", verb, VERBS)
        self.refs(row.refs)

    def rest(self, row: Any) -> None:
        self.known("name", row.name, self.e.cells)
        self.known("place", row.place, {place for place, _ in self.e.places})
        self.convert("level", row.level or 1.0, row.unit, "cells/uL")
        self.refs(row.refs)

    def kinetics(self, row: Any) -> None:
        self.known("mediator", row.mediator, self.e.mediators)
        spec = self.e.mediators[row.mediator]
        for key, unit in (("half_life", "day"), ("diffusion", "um^2/day"), ("start", spec.unit)):
            value = getattr(row, key)
            if value is not None:
                if value < 0 or (key == "half_life" and value == 0):
                    raise InputError(f"{value} is not positive", key=key)
                self.convert(key, value or 1.0, getattr(row, f"{key}_unit"), unit, spec.molar_mass)
        self.refs(row.refs)

    def convert(self, key: str, value: float, unit: str, target: str, mass: float | None = None) -> None:
        try:
            convert(value, unit, target, mass)
        except InputError as err:
            raise InputError(
                err.message, key=f"{key}_unit" if key != "half_max" else "unit", suggestion=err.suggestion
            ) from None

    def behaviour(self, row: Behaviour) -> None:
        self.known("cell", row.cell, self.owners)
        action = parse_behaviour(row.behaviour)
        parse_limits(row.where)
        self.refs(row.refs)
        self._names(row, action)
        self._unit(row, action)
        for node in parse_via(row.via):
            self.known("via", node.owner, self.owners | {""})
        if "-|" in row.via:
            raise InputError("a base needs the nodes of its chain: none is lowered", key="via")
        if row.scales_with:
            self.known("scales_with", row.scales_with, self.carried)
        for item in row.reference:
            name = item.partition("=")[0].strip()
            if name not in self.e.mediators:
                self.signal(name)

    def _names(self, row: Behaviour, action: Action) -> None:
        if action.verb in ("secretes", "takes up", "converts"):
            self.known("behaviour", action.what, self.e.mediators)
        if action.verb == "converts":
            self.known("behaviour", action.to, self.e.mediators)
        if action.verb in ("becomes", "death", "engulfs", "transfers") and action.to:
            self.known("behaviour", action.to, self.owners)
        if action.verb == "kills":
            self.known("behaviour", action.to, self.e.cells)
        if action.verb in ("expresses", "keeps") and not row.half_life:
            raise InputError("a carried level needs a half-life", key="half_life")
        if row.base == 0 and any(
            r.effect == "increases"
            and r.behaviour == row.behaviour
            and set(self.cells_of(r.cell)) & set(self.cells_of(row.cell))
            for r in self.e.rules.values()
        ):
            raise InputError(
                "a base of zero cannot be increased",
                key="base",
                suggestion="state the maximum and a 'requires'",
            )

    def _unit(self, row: Behaviour, action: Action) -> None:
        mediator = self.e.mediators.get(action.what)
        mass = mediator.molar_mass if mediator else None
        if mediator and (action.verb in ("secretes", "converts") or row.km):
            self.convert("base", row.base, row.unit, per_cell_unit(mediator.unit), mass)
            if row.km:
                self.convert("km", row.km, row.km_unit, mediator.unit, mass)
            elif action.verb == "converts":
                raise InputError("a conversion needs km", key="km")
        elif action.verb == "takes up":
            self.convert("base", row.base, row.unit, "1/day/(cell/uL)")
        elif action.verb == "arrives":
            self.convert("base", row.base, row.unit, "relative")
        elif action.verb in ("expresses", "keeps"):
            self.convert("half_life", row.half_life or 0.0, row.half_life_unit, "day")
        else:
            self.convert("base", row.base, row.unit, "1/day")

    def signal(self, text: str) -> Signal:
        signal = parse_signal(text, self.owners)
        if signal.kind in ("free", "near"):
            self.known("signal", signal.name, self.e.mediators)
        elif signal.kind in ("touch", "self") and signal.name:
            self.known("signal", signal.name, self.carried)
        return signal

    def rule(self, row: Rule) -> None:
        self.known("cell", row.cell, self.owners)
        parse_behaviour(row.behaviour)
        parse_limits(row.where)
        if not row.refs and row.status != "assumed":
            raise InputError("a rule needs a reference, or status 'assumed'", key="refs")
        self.refs(row.refs)
        signal = self.signal(row.signal)
        bases = self._bases(row)
        mediator = self.e.mediators.get(signal.name) if signal.kind in ("free", "near") else None
        self.convert(
            "half_max",
            row.half_max,
            row.unit,
            mediator.unit if mediator else "relative",
            mediator.molar_mass if mediator else None,
        )
        for base in bases:
            if row.effect == "increases" and not (base.most and row.fold and 1 < row.fold <= base.most):
                raise InputError(
                    f"fold {row.fold} is not within most={base.most} of {base.cell} {base.behaviour}",
                    key="fold",
                )
            if row.effect == "decreases" and (
                base.least is None or row.fold is None or not base.least <= row.fold < 1
            ):
                raise InputError(
                    f"fold {row.fold} is not within least={base.least} of {base.cell} {base.behaviour}",
                    key="fold",
                )
        for node in parse_via(row.via):
            self.known("via", node.owner, self.owners | {""})
        if "-|" in row.via and row.if_blocked not in ("", "no signal"):
            raise InputError("a chain with -| says itself what a cut does", key="if_blocked")
        same = (row.cell, row.behaviour, row.signal, row.effect, ";".join(row.where), row.via)
        if same in self.said and self.said[same].id != row.id:
            raise InputError(
                f"says the same as {self.said[same].id}", key="id", suggestion="add your refs to that rule"
            )
        self.said[same] = row

    def _bases(self, row: Rule) -> list[Behaviour]:
        cells = set(self.cells_of(row.cell)) or {row.cell}
        bases = [
            b
            for b in self.e.behaviours
            if b.behaviour == row.behaviour and cells & set(self.cells_of(b.cell))
        ]
        if not bases:
            have = {b.behaviour for b in self.e.behaviours if cells & set(self.cells_of(b.cell))}
            raise InputError(
                f"{row.cell} has no behaviour {row.behaviour!r}",
                key="behaviour",
                suggestion=nearest(row.behaviour, have),
            )
        return bases

    def product(self, row: Any) -> None:
        if row.cell:
            self.known("cell", row.cell, self.owners)
        if row.target not in ("*", ""):
            self.known("target", row.target, self.actions)
        for item in row.add:
            self.known("add", item.partition("=")[0].strip(), self.e.mediators)
        self.refs(row.refs)

    def route(self, row: Any) -> None:
        self.known("place", row.place, PLACES)
        self.refs(row.refs)
        of_route = [r for r in self.e.routes.values() if (r.route, r.what) == (row.route, row.what)]
        total = sum(r.share for r in of_route)
        # said once, at the first row of the route
        if row is of_route[0] and abs(total - 1) > 1e-6:
            raise InputError(
                f"the shares of {row.what} given by route {row.route!r} sum to {total:.6g}, not 1",
                key="share",
                suggestion="state every place of the route",
            )

    def vessel(self, row: Any) -> None:
        self.known("cell", row.cell, self.e.cells)
        self.known("place", row.place, set(PLACES) - {"blood"})
        self.known("what", row.what, {"molecules", "vesicles", *self.e.mediators})
        self.refs(row.refs)

    def passing(self, row: Any) -> None:
        self.known("cell", row.cell, self.e.members)
        self.known("place", row.place, set(PLACES))
        for verb in row.verbs:
            self.known("verbs", verb, VERBS)
        self.refs(row.refs)

    def block(self, row: Any) -> None:
        chains = [r.via for r in self.e.rules.values()] + [b.via for b in self.e.behaviours]
        symbols = {n.symbol for via in chains for n in parse_via(via)}
        self.known("node", row.node.rpartition(":")[2], symbols | set(self.e.mediators))
        self.refs(row.refs)

    def cross(self, row: Any) -> None:
        self.refs(row.refs)

    def link(self, row: Any) -> None:
        self.refs(row.refs)
