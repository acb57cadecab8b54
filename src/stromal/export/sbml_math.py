"""Expressions as SBML mathematics, with a unit on every number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..model.expr import Expr
from .sbml_units import DIMENSIONLESS, Unit, UnitFinder

__all__ = ["MathWriter"]


class MathWriter:
    """Write expressions as libSBML syntax trees.

    Parameters
    ----------
    ids : mapping of str to str
        SBML identifier of every symbol.
    finder : UnitFinder
        Knows the unit of every symbol.
    unit_id : callable
        Returns the identifier under which a unit is defined in the model.
    guard : bool
        Write ``pos`` of a state as ``max(0, x)`` instead of ``x``; that of an expression always is.

    Attributes
    ----------
    gaps : list of (Expr, Unit, Unit)
        Where the units of a formula do not fit, so that a literal 1 with a unit had to be put in:
        the part, the unit it has, the unit wanted.
    """

    def __init__(
        self,
        ids: Mapping[str, str],
        finder: UnitFinder,
        unit_id: Callable[[Unit], str],
        *,
        guard: bool = False,
    ) -> None:
        import libsbml

        self._sbml, self._ids, self.finder, self._unit_id, self._guard = libsbml, ids, finder, unit_id, guard
        self.gaps: list[tuple[Expr, Unit, Unit]] = []

    def number(self, value: float, unit: Unit = DIMENSIONLESS) -> Any:
        """Return a literal with a unit."""
        node = self._sbml.ASTNode(self._sbml.AST_REAL)
        node.setValue(float(value))
        node.setUnits(self._unit_id(unit))
        return node

    def name(self, sid: str) -> Any:
        """Return a reference to a component of the model."""
        node = self._sbml.ASTNode(self._sbml.AST_NAME)
        node.setName(sid)
        return node

    def call(self, kind: str, *args: Any) -> Any:
        """Return operator ``kind`` (``TIMES``, ``DIVIDE``, ``FUNCTION_EXP`` ...) on trees."""
        node = self._sbml.ASTNode(getattr(self._sbml, f"AST_{kind}"))
        for arg in args:
            node.addChild(arg)
        return node

    def write(self, node: Expr, want: Unit | None = None) -> Any:
        """Return ``node`` as a tree of unit ``want`` (by default, of the unit it has)."""
        have = self.finder.unit(node)
        if have is None:
            have = want or DIMENSIONLESS
        fits = want is None or have.same(want)
        if node.op == "const":
            return self.number(node.value, want or DIMENSIONLESS)  # type: ignore[arg-type]
        if not fits and not self.finder.free(node):
            self.gaps.append((node, have, want))  # type: ignore[arg-type]
            return self.call("TIMES", self.number(1.0, want / have), self.write(node))  # type: ignore[operator]
        ratio = DIMENSIONLESS if fits else want / have  # type: ignore[operator]
        args = node.args
        match node.op:
            case "sym":
                return self.name(self._ids[node.value])  # type: ignore[index]
            case "add":
                return self.call("PLUS", *(self.write(arg, want or have) for arg in args))
            case "mul":
                return self.call("TIMES", *self._absorb(args, ratio))
            case "div":
                if self.finder.free(args[0]) or fits:
                    top, bottom = self._own(args[0]) * ratio, self._own(args[1])
                else:
                    top, bottom = self._own(args[0]), self._own(args[1]) / ratio
                return self.call("DIVIDE", self.write(args[0], top), self.write(args[1], bottom))
            case "pow":
                return self.call("FUNCTION_POWER", self.write(args[0]), self.number(node.value))  # type: ignore[arg-type]
            case "exp":
                return self.call("FUNCTION_EXP", self.write(args[0], DIMENSIONLESS))
            case "log":
                return self.call("FUNCTION_LN", self.write(args[0], DIMENSIONLESS))
            case _:
                inner = self.write(args[0], want or have)
                if args[0].op == "sym" and not self._guard:
                    return inner
                return self.call("FUNCTION_MAX", self.number(0.0, want or have), inner)

    def _own(self, node: Expr) -> Unit:
        return self.finder.unit(node) or DIMENSIONLESS

    def _absorb(self, args: tuple[Expr, ...], ratio: Unit) -> list[Any]:
        """Write factors; the first whose literal is free takes up ``ratio``."""
        trees = []
        for arg in args:
            if not ratio.same(DIMENSIONLESS) and self.finder.free(arg):
                trees.append(self.write(arg, self._own(arg) * ratio))
                ratio = DIMENSIONLESS
            else:
                trees.append(self.write(arg, self._own(arg)))
        return trees
