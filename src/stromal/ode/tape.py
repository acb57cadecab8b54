"""Three-address form of a system: value-numbered operations and their derivatives.

Expressions are n-ary trees; machine code wants binary operations, each done once. Every operation
here is stored once (value numbering), is marked as depending on the state or on parameters alone
(the latter are evaluated once a run, not once a stage), and can be differentiated in reverse mode,
which on binary products costs no more than a few multiplications for each factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..model.expr import Expr, postorder

__all__ = ["Tape"]

# A power below zero (slope of x^n, n < 1) is infinite at 0 and would poison the Jacobian, which
# only has to be close: inside the Jacobian its base is not taken below this.
SLOPE_FLOOR = 1e-9


class Tape:
    """Operations in the order in which they were made: operands come before users.

    Attributes
    ----------
    ops : list of tuple
        ``(op, a, b)``; ``a`` and ``b`` are positions in this list, or the number of a ``const``,
        the index of a ``state`` or ``param``, the exponent of a ``pow``.
    live : list of bool
        Whether the operation depends on the state.
    """

    def __init__(self) -> None:
        self.ops: list[tuple] = []
        self.live: list[bool] = []
        self._index: dict[tuple, int] = {}

    # -- making operations -------------------------------------------------------------------

    def _node(self, op: str, a: float, b: float = -1, live: bool = False) -> int:
        key = (op, a, b)
        i = self._index.get(key)
        if i is None:
            i = self._index[key] = len(self.ops)
            self.ops.append(key)
            self.live.append(live)
        return i

    def _unary(self, op: str, a: int, immediate: float = -1) -> int:
        return self._node(op, a, immediate, self.live[a])

    def _binary(self, op: str, a: int, b: int) -> int:
        return self._node(op, a, b, self.live[a] or self.live[b])

    def const(self, value: float) -> int:
        """Return the number ``value``."""
        return self._node("const", float(value))

    def state(self, i: int) -> int:
        """Return state ``i``."""
        return self._node("state", i, live=True)

    def param(self, k: int) -> int:
        """Return parameter ``k``."""
        return self._node("param", k)

    def _number(self, a: int) -> float | None:
        op, value, _ = self.ops[a]
        return value if op == "const" else None

    def add(self, a: int, b: int) -> int:
        """Return ``a + b``."""
        x, y = self._number(a), self._number(b)
        if x is not None and y is not None:
            return self.const(x + y)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        if self.ops[b][0] == "neg":
            return self.sub(a, self.ops[b][1])
        if self.ops[a][0] == "neg":
            return self.sub(b, self.ops[a][1])
        return self._binary("add", *sorted((a, b)))

    def sub(self, a: int, b: int) -> int:
        """Return ``a - b``."""
        if self._number(a) == 0.0:
            return self.neg(b)
        return a if self._number(b) == 0.0 else self._binary("sub", a, b)

    def neg(self, a: int) -> int:
        """Return ``-a``."""
        x = self._number(a)
        if x is not None:
            return self.const(-x)
        return self.ops[a][1] if self.ops[a][0] == "neg" else self._unary("neg", a)

    def mul(self, a: int, b: int) -> int:
        """Return ``a * b``, with signs drawn out."""
        x, y = self._number(a), self._number(b)
        if x is not None and y is not None:
            return self.const(x * y)
        if y is not None:
            a, b, x = b, a, y
        if x == 0.0:
            return a
        if x == 1.0:
            return b
        if x == -1.0:
            return self.neg(b)
        if self.ops[a][0] == "neg":
            return self.neg(self.mul(self.ops[a][1], b))
        if self.ops[b][0] == "neg":
            return self.neg(self.mul(a, self.ops[b][1]))
        return self._binary("mul", *sorted((a, b)))

    def div(self, a: int, b: int) -> int:
        """Return ``a / b``; a divisor free of the state is inverted once a run."""
        y = self._number(b)
        if y is not None and y != 0.0:
            return self.mul(a, self.const(1.0 / y))
        if self.live[a] and not self.live[b]:
            return self.mul(a, self._binary("div", self.const(1.0), b))
        return self._binary("div", a, b)

    def pow(self, a: int, n: float) -> int:
        """Return ``a ** n``: whole numbers by multiplication, 1/2 by a square root."""
        if n == 0.0:
            return self.const(1.0)
        if n == 1.0:
            return a
        if float(n).is_integer() and abs(n) <= 64:
            if n < 0:
                return self._binary("div", self.const(1.0), self.pow(a, -n))
            half = self.pow(a, n // 2) if n >= 2 else a
            square = self.mul(half, half)
            return self.mul(square, a) if n % 2 else square
        return self._unary("sqrt", a) if n == 0.5 else self._unary("pow", a, float(n))

    # -- from expressions --------------------------------------------------------------------

    def lower(self, roots: Iterable[Expr], env: Mapping[str, int], done: dict[int, int]) -> list[int]:
        """Return the operations that compute ``roots``.

        Parameters
        ----------
        roots : iterable of Expr
        env : mapping of str to int
            Operation of every symbol.
        done : dict of int to int
            Operation of each expression (by identity) lowered so far; added to.
        """
        roots = list(roots)
        for node in postorder(roots):
            if id(node) not in done:
                done[id(node)] = self._lower(node, [done[id(arg)] for arg in node.args], env)
        return [done[id(root)] for root in roots]

    def _lower(self, node: Expr, args: list[int], env: Mapping[str, int]) -> int:
        match node.op:
            case "const":
                return self.const(node.value)  # type: ignore[arg-type]
            case "sym":
                return env[node.value]  # type: ignore[index]
            case "add" | "mul":
                combine = self.add if node.op == "add" else self.mul
                # what is free of the state is combined first, so that it is one number a run
                still = [a for a in args if not self.live[a]]
                live = [a for a in args if self.live[a]]
                out = [self._fold(combine, part) for part in (live, still) if part]
                return self._fold(combine, out)
            case "div":
                return self.div(*args)
            case "pow":
                return self.pow(args[0], node.value)  # type: ignore[arg-type]
            case _:
                return self._unary(node.op, args[0])

    @staticmethod
    def _fold(combine, parts: list[int]) -> int:
        out = parts[0]
        for part in parts[1:]:
            out = combine(out, part)
        return out

    # -- derivatives -------------------------------------------------------------------------

    def gradient(self, root: int) -> dict[int, int]:
        """Return the derivative (an operation) of ``root`` by each state it depends on."""
        reach, stack = set(), [root] if self.live[root] else []
        while stack:
            i = stack.pop()
            if i not in reach:
                reach.add(i)
                stack.extend(a for a in self._operands(i) if self.live[a])
        adjoint = {root: self.const(1.0)}
        out: dict[int, int] = {}
        for i in sorted(reach, reverse=True):
            bar = adjoint.get(i)
            if bar is None:
                continue
            if self.ops[i][0] == "state":
                out[self.ops[i][1]] = bar
                continue
            for a, step in self._push(i, bar):
                if self.live[a]:
                    adjoint[a] = self.add(adjoint[a], step) if a in adjoint else step
        return out

    def _operands(self, i: int) -> tuple[int, ...]:
        op, a, b = self.ops[i]
        if op in ("add", "sub", "mul", "div"):
            return (a, b)
        return () if op in ("const", "state", "param") else (a,)

    def _push(self, i: int, bar: int) -> list[tuple[int, int]]:
        op, a, b = self.ops[i]
        match op:
            case "add":
                return [(a, bar), (b, bar)]
            case "sub":
                return [(a, bar), (b, self.neg(bar))]
            case "neg":
                return [(a, self.neg(bar))]
            case "mul":
                return [(a, self.mul(bar, b)), (b, self.mul(bar, a))]
            case "div":
                # 1/b is shared by all who divide by b
                top = self.mul(bar, self._binary("div", self.const(1.0), b))
                return [(a, top), (b, self.neg(self.mul(top, i)))]
            case "pow" | "sqrt":
                n = b if op == "pow" else 0.5
                base = self._unary("floor", a, SLOPE_FLOOR) if n < 1.0 else a
                return [(a, self.mul(bar, self.mul(self.const(n), self.pow(base, n - 1.0))))]
            case "exp":
                return [(a, self.mul(bar, i))]
            case "log":
                return [(a, self.div(bar, a))]
            case _:
                # pos: slope 1 everywhere (see `gradient` in model.expr); floor is never differentiated
                return [(a, bar)]
