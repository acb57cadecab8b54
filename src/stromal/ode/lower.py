"""From expressions to operations: every value is ``scale * top / bottom`` until it has to be a number.

A division takes as long as ten multiplications, so there is one for each process and not one for each
Hill factor: ``1 + p x / (1 + x)`` is ``(d + p x) / d`` with ``d = 1 + x``, and products of such multiply
their tops and bottoms. What is free of the state gathers in ``scale``, which is computed once a run:
``(s / half)^n`` is ``half^-n s^n``, and ``s^n`` is shared by all rules on the signal ``s``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..model.expr import Expr, postorder
from .tape import Tape

__all__ = ["Lowering"]

MOST = 4  # bottoms in a product: each may be a large number, and the product must not overflow


class _Value(NamedTuple):
    """``scale * top / bottom``: positions in the tape, None for one.

    ``scale`` is free of the state; ``parts`` is the number of factors of ``bottom``.
    """

    scale: int | None = None
    top: int | None = None
    bottom: int | None = None
    parts: int = 0


class Lowering:
    """Expressions put on a tape.

    Parameters
    ----------
    tape : Tape
    roots : iterable of Expr
        All expressions that will be lowered: what is used twice among them is computed once, as a
        number.
    """

    def __init__(self, tape: Tape, roots: Iterable[Expr]) -> None:
        self.tape = tape
        roots = list(roots)
        self.users = Counter(id(arg) for node in postorder(roots) for arg in node.args)
        self.users.update(id(root) for root in roots)
        self.done: dict[int, _Value] = {}

    def __call__(self, root: Expr, env: Mapping[str, int]) -> int:
        """Return the operation that computes ``root``; ``env`` has that of every symbol."""
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [arg for arg in node.args if id(arg) not in self.done]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if id(node) not in self.done:
                value = self._lower(node, [self.done[id(arg)] for arg in node.args], env)
                if self.users[id(node)] > 1 and value.bottom is not None:
                    value = self.wrap(self.number(value))
                self.done[id(node)] = value
        return self.number(self.done[id(root)])

    def wrap(self, i: int) -> _Value:
        """Return operation ``i`` as a value."""
        if not self.tape.live[i]:
            return _Value(scale=i)
        op, a, b = self.tape.ops[i]
        if op == "mul" and not self.tape.live[int(a)]:
            return _Value(scale=int(a), top=int(b))
        return _Value(top=i)

    def number(self, x: _Value) -> int:
        """Return the operation that computes a value."""
        tape = self.tape
        out = x.top
        if x.bottom is not None:
            inverse = tape.inverse(x.bottom)
            out = inverse if out is None else tape.mul(out, inverse)
        return self.times(x.scale, out, one=tape.const(1.0))

    def times(self, a: int | None, b: int | None, one: int | None = None):
        """Return the product, where None is one."""
        if a is None or b is None:
            return one if a is None and b is None else b if a is None else a
        return self.tape.mul(a, b)

    # -- one node ----------------------------------------------------------------------------

    def _lower(self, node: Expr, args: list[_Value], env: Mapping[str, int]) -> _Value:
        match node.op:
            case "const":
                return _Value(scale=self.tape.const(node.value))
            case "sym":
                return self.wrap(env[node.value])
            case "add":
                return self._sum(args)
            case "mul":
                out = args[0]
                for arg in args[1:]:
                    out = self._product(out, arg)
                return out
            case "div":
                return self._quotient(*args)
            case "pow":
                return self._power(args[0], node.value)
            case _:
                return self.wrap(self.tape.unary(node.op, self.number(args[0])))

    def _product(self, x: _Value, y: _Value) -> _Value:
        if x.parts + y.parts > MOST:
            x = self.wrap(self.number(x))
        return _Value(
            self.times(x.scale, y.scale),
            self.times(x.top, y.top),
            self.times(x.bottom, y.bottom),
            x.parts + y.parts,
        )

    def _sum(self, args: list[_Value]) -> _Value:
        tape = self.tape
        ratios = [x for x in args if x.bottom is not None]
        # what is free of the state is combined first, so that it is one number a run
        plain = [x for x in args if x.bottom is None]
        plain.sort(key=lambda x: x.top is not None)
        if len(ratios) == 1:
            (x,) = ratios
            over = self.number(_Value(x.scale, x.top))
            if not plain:
                return x
            other = self._total([self.number(y) for y in plain])
            return _Value(None, tape.add(tape.mul(other, x.bottom), over), x.bottom, x.parts)  # type: ignore[arg-type]
        return self.wrap(self._total([self.number(x) for x in [*plain, *ratios]]))

    def _total(self, parts: list[int]) -> int:
        still = [i for i in parts if not self.tape.live[i]]
        live = [i for i in parts if self.tape.live[i]]
        sums = []
        for some in (still, live):
            if some:
                total = some[0]
                for i in some[1:]:
                    total = self.tape.add(total, i)
                sums.append(total)
        return sums[0] if len(sums) == 1 else self.tape.add(*sums)

    def _quotient(self, x: _Value, y: _Value) -> _Value:
        tape = self.tape
        scale = x.scale
        if y.scale is not None:
            scale = tape.div(tape.const(1.0) if scale is None else scale, y.scale)
        if x.bottom is not None and x.bottom == y.bottom:
            return _Value(scale, x.top, y.top, 1 if y.top is not None else 0)
        if x.parts + 1 > MOST:
            x = self.wrap(self.number(x._replace(scale=None)))
            scale = self.times(scale, x.scale)
        bottom = self.times(x.bottom, y.top)
        return _Value(scale, self.times(x.top, y.bottom), bottom, x.parts + (y.top is not None))

    def _power(self, x: _Value, n: float) -> _Value:
        tape = self.tape
        whole = float(n).is_integer() and abs(n) <= 64
        if x.scale is not None and not whole and tape.negative(x.scale):
            # the product may be positive where the factors are not
            return self.wrap(tape.pow(self.number(x), n))
        scale = None if x.scale is None else tape.pow(x.scale, n)
        if x.top is None and x.bottom is None:
            return _Value(scale)
        if not whole or x.parts * abs(n) > MOST:
            x = _Value(top=self.number(x._replace(scale=None)))
        if not whole:
            return _Value(scale, tape.pow(x.top, n))  # type: ignore[arg-type]
        top, bottom = (None if i is None else tape.pow(i, abs(n)) for i in (x.top, x.bottom))
        if n < 0:
            top, bottom = bottom, top
        return _Value(scale, top, bottom, 0 if bottom is None else max(1, x.parts * int(abs(n))))
