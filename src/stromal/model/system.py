"""The compiled model: states, parameters, assignments and processes, all symbolic.

This is the contract between the model layer and everything that runs or writes a model: the
mean-field engine, its readable twin, the SBML emitter. A system holds no numbers of a draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from .expr import Expr, add, const, substitute_all

__all__ = ["Parameter", "Process", "State", "System"]


@dataclass(frozen=True)
class State:
    """One variable that is integrated over time.

    Attributes
    ----------
    name : str
        Unique, ``"well:CD4.active"``, ``"well:IFNG"``, ``"well:MSC.PD-L1"``, ``"count:division:CD4"``.
    kind : str
        ``cell``, ``mediator``, ``expression`` or ``counter``.
    place : str
        Where it is (``well``, ``insert``).
    entity : str
        Name in the entity table (cell, mediator or what is expressed).
    unit : str
        pint unit: ``cells/uL``, ``ng/mL``, ``mM``, ``particles/nL``, ``relative``, ``events/uL``.
    scale : float
        A typical magnitude in ``unit``; absolute tolerances are multiples of it.
    """

    name: str
    kind: str
    place: str
    entity: str
    unit: str
    scale: float = 1.0


@dataclass(frozen=True)
class Parameter:
    """A constant of one run: its default, and where that comes from.

    Attributes
    ----------
    name : str
        Unique, ``"rule:msc-pdl1-slows-t-division:fold"``, ``"base:MSC:secretes PGE2"``.
    value : float
        Median, in internal units.
    unit : str
        Internal unit.
    spread : float
        Geometric: the 90 % interval is ``value / spread`` to ``value * spread``; 1 is exact.
    kind : str
        ``fold``, ``half_max``, ``leak``, ``base``, ``rate``, ``geometry``, ``switch`` (set by an arm).
    owner : str
        Id of the rule, or name of the row, that it belongs to.
    source : str
        Citation, or ``assumed``.
    strength : str
        ``measured``, ``scaled``, ``fitted`` or ``assumed``.
    lower, upper : float
        Hard bounds of any draw (a fold stays within the bounds of the behaviour).
    """

    name: str
    value: float
    unit: str = "1"
    spread: float = 1.0
    kind: str = "switch"
    owner: str = ""
    source: str = ""
    strength: str = ""
    lower: float = 0.0
    upper: float = float("inf")


@dataclass(frozen=True)
class Process:
    """One thing that happens, at a rate per day.

    Attributes
    ----------
    name : str
        Unique.
    rate : Expr
        In the unit of the states it changes, per day (before the coefficient).
    changes : tuple of (str, float)
        State and coefficient.
    cell, behaviour : str
        Row of the behaviour table it comes from.
    rules : tuple of str
        Ids of the rules that modify it.
    refs : tuple of str
        References behind base and rules.
    signed : bool
        Whether the rate may be negative (relaxation of a carried level, exchange between places).
    """

    name: str
    rate: Expr
    changes: tuple[tuple[str, float], ...]
    cell: str = ""
    behaviour: str = ""
    rules: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    signed: bool = False


@dataclass(frozen=True, eq=False)
class System:
    """A compiled model: ``d state/dt = sum over processes of coefficient * rate``.

    Attributes
    ----------
    name : str
    states : tuple of State
        In the order of the state vector.
    parameters : tuple of Parameter
        In the order of the parameter vector.
    assignments : dict of str to Expr
        Named intermediate quantities (touch shares, quasi-steady levels, near levels), each using
        states, parameters and earlier assignments only.
    processes : tuple of Process
        Rates in terms of states, parameters and assignments.
    start : dict of str to Expr
        Value of a state at rest, in terms of parameters (states not named start at zero).
    """

    name: str
    states: tuple[State, ...]
    parameters: tuple[Parameter, ...]
    assignments: dict[str, Expr]
    processes: tuple[Process, ...]
    start: dict[str, Expr] = field(default_factory=dict)

    @cached_property
    def state_index(self) -> dict[str, int]:
        """Position of each state in the state vector."""
        return {state.name: i for i, state in enumerate(self.states)}

    @cached_property
    def parameter_index(self) -> dict[str, int]:
        """Position of each parameter in the parameter vector."""
        return {parameter.name: i for i, parameter in enumerate(self.parameters)}

    @cached_property
    def inlined(self) -> dict[str, Expr]:
        """Assignments in terms of states and parameters alone."""
        table: dict[str, Expr] = {}
        for name, expr in self.assignments.items():
            table[name] = substitute_all([expr], table)[0]
        return table

    def right_hand_side(self) -> list[Expr]:
        """Return d state/dt for every state, in terms of states and parameters alone."""
        rates = substitute_all([process.rate for process in self.processes], self.inlined)
        terms: list[list[Expr]] = [[] for _ in self.states]
        for process, rate in zip(self.processes, rates, strict=True):
            for state, coefficient in process.changes:
                terms[self.state_index[state]].append(coefficient * rate)
        return [add(*parts) if parts else const(0.0) for parts in terms]
