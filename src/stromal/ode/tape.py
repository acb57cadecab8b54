"""Three-address form of a system: value-numbered operations and their derivatives.

Expressions are n-ary trees; machine code wants binary operations, each done once. Every operation
here is stored once (value numbering), is marked as depending on the state or on parameters alone
(the latter are evaluated once a run, not once a stage), and can be differentiated in reverse mode,
which on binary products costs no more than a few multiplications for each factor.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

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
        self._powers: dict[int, tuple[int, float]] = {}  # base and exponent of what `pow` returned

    # -- making operations -------------------------------------------------------------------

    def _node(self, op: str, a: float, b: float = -1, live: bool = False) -> int:
        key = (op, a, b)
        i = self._index.get(key)
        if i is None:
            i = self._index[key] = len(self.ops)
            self.ops.append(key)
            self.live.append(live)
        return i

    def unary(self, op: str, a: int, immediate: float = -1) -> int:
        """Return a function of one operation (``exp``, ``log``, ``pos``, ...)."""
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
        return self.ops[a][1] if self.ops[a][0] == "neg" else self.unary("neg", a)

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
        if self.live[a] or self.live[b]:
            # what is free of the state is drawn out, so that it is one number a run
            parts = [*self.split(a), *self.split(b)]
            still = [i for i in parts[::2] if i is not None]
            live = [i for i in parts[1::2] if i is not None]
            if still:
                s, rest = reduce(self.mul, still), reduce(self.mul, live)
                x = self._number(s)
                if x == 1.0:
                    return rest
                if self.split(rest)[0] is not None or self.ops[rest][0] == "neg":
                    return self.mul(s, rest)
                return self.neg(rest) if x == -1.0 else self._binary("mul", s, rest)
        return self._binary("mul", *sorted((a, b)))

    def split(self, i: int) -> tuple[int | None, int | None]:
        """Return the factor of an operation that is free of the state, and the rest."""
        if not self.live[i]:
            return i, None
        op, a, b = self.ops[i]
        return (a, b) if op == "mul" and not self.live[a] else (None, i)

    def inverse(self, a: int) -> int:
        """Return ``1 / a``."""
        x = self._number(a)
        return self.const(1.0 / x) if x else self.unary("inverse", a)

    def negative(self, a: int) -> bool:
        """Return whether an operation that is free of the state may be below zero by its form."""
        x = self._number(a)
        return self.ops[a][0] in ("neg", "sub") or (x is not None and x < 0.0)

    def div(self, a: int, b: int) -> int:
        """Return ``a / b``."""
        return self.mul(a, self.inverse(b))

    def pow(self, a: int, n: float) -> int:
        """Return ``a ** n``: whole numbers by multiplication, 1/2 by a square root."""
        x = self._number(a)
        if n == 0.0:
            return self.const(1.0)
        if n == 1.0:
            return a
        if x is not None and x > 0.0:
            return self.const(x**n)
        if n < 0 and float(n).is_integer():
            return self.inverse(self.pow(a, -n))
        if float(n).is_integer() and n <= 64:
            out = self._whole(a, int(n))
            self._powers.setdefault(out, (a, n))
            return out
        return self.unary("sqrt", a) if n == 0.5 else self.unary("pow", a, float(n))

    def _whole(self, a: int, n: int) -> int:
        if n == 1:
            return a
        half = self._whole(a, n // 2)
        square = self._binary("mul", half, half)
        return self._binary("mul", square, a) if n % 2 else square

    # -- derivatives -------------------------------------------------------------------------

    def gradient(self, root: int) -> dict[int, int]:
        """Return the derivative (an operation) of ``root`` by each state it depends on."""
        reach, stack = set(), [root] if self.live[root] else []
        while stack:
            i = stack.pop()
            if i not in reach:
                reach.add(i)
                base = self._powers.get(i)
                stack.extend(a for a in (base[:1] if base else self.operands(i)) if self.live[a])
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

    def reach(self, roots: Iterable[int]) -> set[int]:
        """Return all operations that ``roots`` need."""
        out: set[int] = set()
        stack = list(roots)
        while stack:
            i = stack.pop()
            if i not in out:
                out.add(i)
                stack.extend(self.operands(i))
        return out

    def operands(self, i: int) -> tuple[int, ...]:
        """Return the operations that operation ``i`` uses."""
        op, a, b = self.ops[i]
        if op in ("add", "sub", "mul"):
            return (a, b)
        return () if op in ("const", "state", "param") else (a,)

    def _push(self, i: int, bar: int) -> list[tuple[int, int]]:
        op, a, b = self.ops[i]
        if i in self._powers:
            base, n = self._powers[i]
            return [(base, self.mul(bar, self.mul(self.const(n), self.pow(base, n - 1.0))))]
        match op:
            case "add":
                return [(a, bar), (b, bar)]
            case "sub":
                return [(a, bar), (b, self.neg(bar))]
            case "neg":
                return [(a, self.neg(bar))]
            case "mul":
                return [(a, self.mul(bar, b)), (b, self.mul(bar, a))]
            case "inverse":
                return [(a, self.neg(self.mul(self.mul(bar, i), i)))]
            case "pow" | "sqrt":
                n = b if op == "pow" else 0.5
                base = self.unary("floor", a, SLOPE_FLOOR) if n < 1.0 else a
                return [(a, self.mul(bar, self.mul(self.const(n), self.pow(base, n - 1.0))))]
            case "exp":
                return [(a, self.mul(bar, i))]
            case "log":
                return [(a, self.div(bar, a))]
            case "pos" if self.ops[a][0] != "state":
                return [(a, self.mul(bar, self.unary("step", a)))]
            case _:
                # pos of a state: slope 1 everywhere, since states fall under zero by rounding alone;
                # floor and step are never differentiated
                return [(a, bar)]
