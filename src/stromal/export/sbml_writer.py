"""The parts of an SBML document, one method a kind; how a system is mapped is said in `sbml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..model.expr import Expr, const, symbols
from ..model.system import Parameter, Process, State, System
from .sbml_math import MathWriter
from .sbml_names import annotate, identifiers, legal, process_term, resource, set_notes, state_term
from .sbml_units import DIMENSIONLESS, VOLUME, Unit, UnitFinder, counted_in, parse_unit

__all__ = ["SbmlWriter"]

_DAY, _ITEM = parse_unit("day"), parse_unit("item")
_PARAMETER_TERMS = {"rate": 9, "base": 9, "half_max": 287}  # kinetic constant, EC50
_ABOUT = {"cell": "cells", "mediator": "free mediator", "expression": "carried level", "counter": "count"}


class SbmlWriter:
    """One SBML document in the making; used once.

    Attributes
    ----------
    gaps : list of str
        Where the units of a formula do not fit, after `fill`.
    """

    def __init__(self, system: System, *, guard: bool = False) -> None:
        import libsbml

        self.sbml, self.system, self.ids = libsbml, system, identifiers(system)
        self.document = libsbml.SBMLDocument(3, 2)
        self.model: Any = self.document.createModel()
        self.units: dict[str, Unit] = {}
        self.symbol_units: dict[str, Unit] = {}
        self.factors: dict[str, str] = {}  # conversion factors of species not counted in items, by unit
        self.gaps: list[str] = []
        self.math = MathWriter(
            {name: sid for (kind, name), sid in self.ids.items() if kind == "symbol"},
            UnitFinder(self.symbol_units),
            self.unit_id,
            guard=guard,
        )

    def text(self) -> str:
        """Return the document."""
        return self.sbml.writeSBMLToString(self.document)

    def unit_id(self, unit: Unit) -> str:
        """Return the identifier of a unit, defining it if it is new."""
        if not unit.powers and unit.factor == 1.0:
            return "dimensionless"
        if unit.powers == (("item", 1.0),) and unit.factor == 1.0:
            return "item"
        sid = unit.sid()
        while sid in self.units and not self.units[sid].same(unit):
            sid += "_"
        if sid not in self.units:
            self.units[sid] = unit
            definition = self.model.createUnitDefinition()
            definition.setId(sid)
            definition.setName(str(unit))
            for kind, exponent, scale, multiplier in unit.parts():
                part = definition.createUnit()
                part.setKind(self.sbml.UnitKind_forName(kind))
                part.setExponent(exponent)
                part.setScale(scale)
                part.setMultiplier(multiplier)
        return sid

    def free_id(self, wish: str) -> str:
        """Return an identifier that nothing has."""
        taken = {*self.ids.values(), *self.factors.values()}
        while wish in taken:
            wish += "_"
        return wish

    def fill(
        self,
        *,
        y0: Mapping[str, float] | None = None,
        params: Mapping[str, float] | None = None,
        grounding: Mapping[str, str] | None = None,
        references: Mapping[str, str] | None = None,
        notes: Iterable[str] = (),
        events: Iterable[tuple[float, Mapping[str, tuple[float, float]]]] = (),
    ) -> None:
        """Write everything; arguments as `sbml.to_sbml`, values by name."""
        system, model = self.system, self.model
        states = {state.name: state for state in system.states}
        model.setId(self.free_id("model_" + legal(system.name)))
        model.setName(system.name)
        model.setMetaId("meta_" + model.getId())
        model.setSBOTerm(293)  # non-spatial continuous framework
        set_notes(model, notes)
        model.setTimeUnits(self.unit_id(_DAY))
        model.setVolumeUnits(self.unit_id(VOLUME))
        model.setSubstanceUnits("item")
        model.setExtentUnits("item")
        for place in dict.fromkeys(state.place for state in system.states):
            self.compartment(place)
        start, values, grounding = y0 or {}, params or {}, grounding or {}
        for parameter in system.parameters:
            self.symbol_units[parameter.name] = self.read_unit(parameter.unit, parameter.name)
        for state in system.states:
            self.species(state, start.get(state.name), grounding.get(state.entity))
        for parameter in system.parameters:
            self.parameter(parameter, values.get(parameter.name, parameter.value))
        for name, expr in system.assignments.items():
            self.assignment(name, expr)
        for name, expr in system.start.items():
            if name not in start:
                rule = model.createInitialAssignment()
                rule.setSymbol(self.ids["symbol", name])
                rule.setMath(self.written(expr, self.symbol_units[name], f"start of {name}"))
        for process in system.processes:
            self.reaction(process, states, references or {})
        for number, (time, changes) in enumerate(self.jumps(events).items(), 1):
            self.event(number, time, changes)

    def read_unit(self, text: str, owner: str) -> Unit:
        """Read a unit; an error names what it belongs to."""
        try:
            return parse_unit(text)
        except ValueError as error:
            raise ValueError(f"{owner}: {error}") from None

    def written(self, expr: Expr, unit: Unit, where: str) -> Any:
        """Return a formula as a tree, and take down where its units do not fit."""
        tree = self.math.write(expr, unit)
        self.gaps += [f"{where}: {part!r} is in {have}, not in {want}" for part, have, want in self.math.gaps]
        self.math.gaps.clear()
        return tree

    def named(self, element: Any, sid: str, name: str, term: int) -> Any:
        """Set what every part has."""
        element.setId(sid)
        element.setName(name)
        element.setMetaId("meta_" + sid)
        element.setSBOTerm(term)
        return element

    def compartment(self, place: str) -> None:
        """Write a place."""
        term = 290  # physical compartment
        part = self.named(self.model.createCompartment(), self.ids["place", place], place, term)
        part.setSpatialDimensions(3)
        part.setSize(1.0)
        part.setUnits(self.unit_id(VOLUME))
        part.setConstant(True)

    def species(self, state: State, value: float | None, curie: str | None) -> None:
        """Write a state."""
        unit = self.symbol_units[state.name] = self.read_unit(state.unit, state.name)
        term = state_term(state, curie)
        part = self.named(self.model.createSpecies(), self.ids["symbol", state.name], state.name, term)
        part.setCompartment(self.ids["place", state.place])
        amount = unit.same(DIMENSIONLESS)
        substance = counted_in(unit, state.name)
        part.setHasOnlySubstanceUnits(amount)
        part.setSubstanceUnits(self.unit_id(substance))
        part.setBoundaryCondition(False)
        part.setConstant(False)
        if value is not None or state.name not in self.system.start:
            set_value = part.setInitialAmount if amount else part.setInitialConcentration
            set_value(value or 0.0)
        if not substance.same(_ITEM):
            part.setConversionFactor(self.factor(substance))
        if curie:
            is_thing = state.kind in ("cell", "mediator")
            annotate(part, "IS" if is_thing else "IS_PROPERTY_OF", [resource(curie)])
        set_notes(part, [f"{_ABOUT.get(state.kind, state.kind)}: {state.entity}, in {state.unit}"])

    def factor(self, substance: Unit) -> str:
        """Return the conversion factor from items to another unit of substance."""
        unit = substance / _ITEM
        if (key := unit.sid()) not in self.factors:
            sid = self.factors[key] = self.free_id(f"one_{key}")
            part = self.named(self.model.createParameter(), sid, f"1 {unit}", 2)
            part.setValue(1.0)
            part.setUnits(self.unit_id(unit))
            part.setConstant(True)
        return self.factors[key]

    def parameter(self, parameter: Parameter, value: float) -> None:
        """Write a constant."""
        term = _PARAMETER_TERMS.get(parameter.kind, 2)  # quantitative systems description parameter
        sid = self.ids["symbol", parameter.name]
        part = self.named(self.model.createParameter(), sid, parameter.name, term)
        part.setValue(value)
        part.setUnits(self.unit_id(self.symbol_units[parameter.name]))
        part.setConstant(True)
        origin = "; ".join(filter(None, (parameter.source, parameter.strength)))
        spread = f"90 % interval: median {parameter.value:g} times or over {parameter.spread:g}"
        set_notes(part, [origin, spread if parameter.spread > 1.0 else ""])

    def assignment(self, name: str, expr: Expr) -> None:
        """Write a named intermediate quantity."""
        unit = self.symbol_units[name] = self.math.finder.unit(expr) or DIMENSIONLESS
        sid = self.ids["symbol", name]
        part = self.named(self.model.createParameter(), sid, name, 2)
        part.setUnits(self.unit_id(unit))
        part.setConstant(False)
        rule = self.model.createAssignmentRule()
        rule.setVariable(sid)
        rule.setMetaId("metarule_" + sid)
        rule.setMath(self.written(expr, unit, name))

    def reaction(self, process: Process, states: Mapping[str, State], references: Mapping[str, str]) -> None:
        """Write a process."""
        sid = self.ids["process", process.name]
        term = process_term(process, states)
        part = self.named(self.model.createReaction(), sid, process.name, term)
        part.setReversible(process.signed)
        net: dict[str, float] = {}
        for name, coefficient in process.changes:
            net[name] = net.get(name, 0.0) + coefficient
        net = {name: coefficient for name, coefficient in net.items() if coefficient}
        for name, coefficient in net.items():
            side = part.createReactant() if coefficient < 0 else part.createProduct()
            side.setSpecies(self.ids["symbol", name])
            side.setStoichiometry(abs(coefficient))
            side.setConstant(True)
        used = symbols(process.rate)
        for name in states:
            if name in used and name not in net:
                side = part.createModifier()
                side.setSpecies(self.ids["symbol", name])
                side.setSBOTerm(19)  # modifier
        part.createKineticLaw().setMath(self.law(process, states))
        cited = [resource(references[ref]) for ref in process.refs if ref in references]
        annotate(part, "IS_DESCRIBED_BY", cited)
        other = [f"[{ref}]" for ref in process.refs if ref not in references]
        about = [
            " ".join(filter(None, (process.cell, process.behaviour))),
            "rules: " + ", ".join(process.rules) if process.rules else "",
            "references: " + ", ".join(other) if other else "",
        ]
        set_notes(part, about)

    def law(self, process: Process, states: Mapping[str, State]) -> Any:
        """Return the kinetic law, in items per day."""
        if not process.changes:
            return self.math.number(0.0, _ITEM / _DAY)
        state = states[process.changes[0][0]]
        unit = self.symbol_units[state.name]
        tree = self.written(process.rate, unit / _DAY, process.name)
        if not unit.same(DIMENSIONLESS):
            tree = self.math.call("TIMES", self.math.name(self.ids["place", state.place]), tree)
        substance = counted_in(unit, state.name)
        if not substance.same(_ITEM):
            tree = self.math.call("DIVIDE", tree, self.math.name(self.factor(substance)))
        return tree

    def jumps(self, events: Iterable) -> dict[float, dict[str, tuple[float, float]]]:
        """Return one ``(scale, shift)`` for each time and state, in order of time."""
        jumps: dict[float, dict[str, tuple[float, float]]] = {}
        for time, changes in sorted(events, key=lambda event: event[0]):
            at = jumps.setdefault(float(time), {})
            for name, (scale, shift) in changes.items():
                if name not in self.system.state_index:
                    raise ValueError(f"event at day {time:g}: there is no state {name!r}")
                before_scale, before_shift = at.get(name, (1.0, 0.0))
                at[name] = (scale * before_scale, scale * before_shift + shift)
        return jumps

    def event(self, number: int, time: float, changes: Mapping[str, tuple[float, float]]) -> None:
        """Write what jumps at one time."""
        sid = self.free_id(f"event_{number}")
        event = self.model.createEvent()
        event.setId(sid)
        event.setName(f"day {time:g}")
        event.setMetaId("meta_" + sid)
        event.setUseValuesFromTriggerTime(True)
        trigger = event.createTrigger()
        trigger.setInitialValue(False)  # an event at the start happens too
        trigger.setPersistent(True)
        clock = self.sbml.ASTNode(self.sbml.AST_NAME_TIME)
        clock.setName("time")
        trigger.setMath(self.math.call("RELATIONAL_GEQ", clock, self.math.number(time, _DAY)))
        for name, (scale, shift) in changes.items():
            unit = self.symbol_units[name]
            sid = self.ids["symbol", name]
            scaled = self.math.call("TIMES", self.math.number(scale), self.math.name(sid))
            jump = event.createEventAssignment()
            jump.setVariable(sid)
            jump.setMath(self.math.call("PLUS", scaled, self.math.write(const(shift), unit)))
