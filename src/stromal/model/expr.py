"""Algebraic expressions: the one language in which a compiled model is written.

An expression is an immutable, interned tree, so equal sub-expressions are the same object and
every consumer (numpy evaluation, generated machine code, SBML) can share them by identity.
There are no numerics here beyond folding constants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from weakref import KeyedRef, ReferenceType

import numpy as np

__all__ = [
    "Expr",
    "add",
    "const",
    "evaluate",
    "exp",
    "gradient",
    "log",
    "mul",
    "pos",
    "power",
    "sym",
    "symbols",
]

#: All nodes in use, by what they are made of. Plain, since a third of compilation is spent here.
_POOL: dict[tuple, KeyedRef[tuple, Expr]] = {}


class Expr:
    """A node of an expression.

    Attributes
    ----------
    op : str
        ``const``, ``sym``, ``add``, ``mul``, ``div``, ``pow``, ``exp``, ``log`` or ``pos``
        (``pos(x)`` is ``max(x, 0)``).
    args : tuple of Expr
        Operands; two for ``div``, one for ``pow``, ``exp``, ``log`` and ``pos``.
    value : float or str or None
        The number of a ``const``, the name of a ``sym``, the exponent of a ``pow``.
    """

    __slots__ = ("op", "args", "value", "__weakref__")

    op: str
    args: tuple[Expr, ...]
    value: Any

    def __init__(self, op: str, args: tuple[Expr, ...], value: float | str | None) -> None:
        self.op, self.args, self.value = op, args, value

    def __add__(self, other: Expr | float) -> Expr:
        return add(self, other)

    __radd__ = __add__

    def __mul__(self, other: Expr | float) -> Expr:
        return mul(self, other)

    __rmul__ = __mul__

    def __sub__(self, other: Expr | float) -> Expr:
        return add(self, mul(-1.0, other))

    def __rsub__(self, other: Expr | float) -> Expr:
        return add(other, mul(-1.0, self))

    def __neg__(self) -> Expr:
        return mul(-1.0, self)

    def __truediv__(self, other: Expr | float) -> Expr:
        return _div(self, _as_expr(other))

    def __rtruediv__(self, other: Expr | float) -> Expr:
        return _div(_as_expr(other), self)

    def __pow__(self, exponent: float) -> Expr:
        return power(self, exponent)

    def __repr__(self) -> str:
        return infix(self)


def _forget(ref: ReferenceType[Expr]) -> None:
    key = ref.key  # type: ignore[attr-defined]
    if _POOL.get(key) is ref:
        del _POOL[key]


def _make(op: str, args: tuple[Expr, ...] = (), value: float | str | None = None) -> Expr:
    key = (op, value, *map(id, args))
    ref = _POOL.get(key)
    node = None if ref is None else ref()
    if node is None:
        node = Expr(op, args, value)
        _POOL[key] = KeyedRef(node, _forget, key)
    return node


def _as_expr(x: Expr | float) -> Expr:
    return x if isinstance(x, Expr) else const(x)


@lru_cache(maxsize=256)
def const(value: float) -> Expr:
    """Return the number ``value`` as an expression."""
    return _make("const", (), float(value))


def sym(name: str) -> Expr:
    """Return the symbol ``name``: a state, a parameter or an assignment."""
    return _make("sym", (), name)


def _gather(op: str, parts: Iterable[Expr | float]) -> tuple[list[Expr], list[float]]:
    """Return the operands of a flattened sum or product, and the numbers among them."""
    rest: list[Expr] = []
    numbers: list[float] = []
    for part in parts:
        if not isinstance(part, Expr):
            numbers.append(float(part))
        elif part.op == op:
            for inner in part.args:
                if inner.op == "const":
                    numbers.append(inner.value)
                else:
                    rest.append(inner)
        elif part.op == "const":
            numbers.append(part.value)
        else:
            rest.append(part)
    return rest, numbers


def add(*terms: Expr | float) -> Expr:
    """Return the sum of ``terms``, flattened, constants folded."""
    rest, numbers = _gather("add", terms)
    total = 0.0
    for number in numbers:
        total += number
    if total or not rest:
        rest.append(const(total))
    return rest[0] if len(rest) == 1 else _make("add", tuple(rest))


def mul(*factors: Expr | float) -> Expr:
    """Return the product of ``factors``, flattened, constants folded."""
    rest, numbers = _gather("mul", factors)
    total = 1.0
    for number in numbers:
        total *= number
    if total == 0.0:
        return const(0.0)
    if total != 1.0 or not rest:
        rest.insert(0, const(total))
    return rest[0] if len(rest) == 1 else _make("mul", tuple(rest))


def _div(a: Expr, b: Expr) -> Expr:
    if b.op == "const":
        return mul(a, 1.0 / b.value)
    if a.op == "const" and a.value == 0.0:
        return a
    return _make("div", (a, b))


def power(x: Expr | float, exponent: float) -> Expr:
    """Return ``x ** exponent`` for a fixed exponent; a real exponent needs ``x >= 0``."""
    x = _as_expr(x)
    if exponent == 1.0:
        return x
    if exponent == 0.0:
        return const(1.0)
    if x.op == "const":
        return const(x.value**exponent)
    return _make("pow", (x,), float(exponent))


def exp(x: Expr | float) -> Expr:
    """Return the exponential of ``x``."""
    x = _as_expr(x)
    return const(np.exp(x.value)) if x.op == "const" else _make("exp", (x,))


def log(x: Expr | float) -> Expr:
    """Return the natural logarithm of ``x``."""
    x = _as_expr(x)
    return const(np.log(x.value)) if x.op == "const" else _make("log", (x,))


def pos(x: Expr | float) -> Expr:
    """Return ``max(x, 0)``: shields a power from a state that is negative by rounding."""
    x = _as_expr(x)
    return const(max(x.value, 0.0)) if x.op == "const" else _make("pos", (x,))


def postorder(roots: Iterable[Expr]) -> list[Expr]:
    """Return every node under ``roots`` once, operands before users."""
    seen: set[int] = set()
    order: list[Expr] = []
    stack = [(node, False) for node in reversed(list(roots))]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args) if id(arg) not in seen)
    return order


def symbols(*roots: Expr) -> set[str]:
    """Return the names of all symbols in ``roots``."""
    return {node.value for node in postorder(roots) if node.op == "sym"}


def substitute(root: Expr, table: Mapping[str, Expr]) -> Expr:
    """Return ``root`` with each symbol found in ``table`` replaced (once, not repeatedly)."""
    return substitute_all([root], table)[0]


def substitute_all(roots: list[Expr], table: Mapping[str, Expr]) -> list[Expr]:
    """Return ``roots`` with each symbol found in ``table`` replaced, sharing work between them."""
    new: dict[int, Expr] = {}
    for node in postorder(roots):
        if node.op == "sym":
            new[id(node)] = table.get(node.value, node)
        elif not node.args:
            new[id(node)] = node
        else:
            new[id(node)] = _rebuild(node, tuple(new[id(arg)] for arg in node.args))
    return [new[id(root)] for root in roots]


def _rebuild(node: Expr, args: tuple[Expr, ...]) -> Expr:
    if args == node.args:
        return node
    if node.op == "pow":
        return power(args[0], node.value)
    make: dict[str, Callable[..., Expr]] = {
        "add": add,
        "mul": mul,
        "div": _div,
        "exp": exp,
        "log": log,
        "pos": pos,
    }
    return make[node.op](*args)


def evaluate(root: Expr, env: Mapping[str, Any]) -> Any:
    """Evaluate ``root`` with numpy; see `evaluate_all`."""
    return evaluate_all([root], env)[0]


def evaluate_all(roots: list[Expr], env: Mapping[str, Any]) -> list[Any]:
    """Evaluate expressions with numpy, the readable twin of the generated code.

    Parameters
    ----------
    roots : list of Expr
        What to evaluate.
    env : mapping
        Value (scalar or array, mutually broadcastable) of every symbol.

    Raises
    ------
    KeyError
        If a symbol has no value.
    """
    value: dict[int, Any] = {}
    for node in postorder(roots):
        args = [value[id(arg)] for arg in node.args]
        match node.op:
            case "const":
                out: Any = node.value
            case "sym":
                out = env[node.value]
            case "add":
                out = args[0]
                for arg in args[1:]:
                    out = out + arg
            case "mul":
                out = args[0]
                for arg in args[1:]:
                    out = out * arg
            case "div":
                out = args[0] / args[1]
            case "pow":
                out = args[0] ** node.value
            case "exp":
                out = np.exp(args[0])
            case "log":
                out = np.log(args[0])
            case _:
                out = np.maximum(args[0], 0.0)
        value[id(node)] = out
    return [value[id(root)] for root in roots]


def gradient(root: Expr) -> dict[str, Expr]:
    """Return the derivative of ``root`` with respect to every symbol it holds, by reverse mode.

    The derivative of ``pos(x)`` is taken as 1 everywhere: see `_partial`.
    """
    adjoint: dict[int, Expr] = {id(root): const(1.0)}
    out: dict[str, Expr] = {}
    for node in reversed(postorder([root])):
        bar = adjoint.pop(id(node), None)
        if bar is None:
            continue
        if node.op == "sym":
            out[node.value] = out[node.value] + bar if node.value in out else bar
            continue
        for i, arg in enumerate(node.args):
            if arg.op == "const":
                continue
            step = mul(bar, _partial(node, i))
            adjoint[id(arg)] = adjoint[id(arg)] + step if id(arg) in adjoint else step
    return out


def _partial(node: Expr, i: int) -> Expr:
    args = node.args
    match node.op:
        case "add":
            return const(1.0)
        case "mul":
            return mul(*(arg for j, arg in enumerate(args) if j != i))
        case "div":
            return 1.0 / args[1] if i == 0 else mul(-1.0, node) / args[1]
        case "pow":
            return node.value * power(args[0], node.value - 1.0)
        case "exp":
            return node
        case "log":
            return 1.0 / args[0]
        case _:
            # pos: states only fall under zero by rounding, where slope 1 keeps Newton-like steps sane
            return const(1.0)


def infix(root: Expr) -> str:
    """Return ``root`` as a formula in plain infix notation (symbols in back-quotes if needed)."""
    text: dict[int, tuple[str, int]] = {}  # formula and binding strength: 1 sum, 2 product, 3 power, 4 atom

    def wrap(node: Expr, least: int) -> str:
        body, strength = text[id(node)]
        return body if strength >= least else f"({body})"

    for node in postorder([root]):
        args = node.args
        match node.op:
            case "const":
                number = f"{node.value:.17g}"
                text[id(node)] = (number, 4 if not number.startswith("-") else 1)
            case "sym":
                text[id(node)] = (node.value if str(node.value).isidentifier() else f"`{node.value}`", 4)
            case "add":
                text[id(node)] = (" + ".join(wrap(arg, 1) for arg in args), 1)
            case "mul":
                text[id(node)] = (" * ".join(wrap(arg, 2) for arg in args), 2)
            case "div":
                text[id(node)] = (f"{wrap(args[0], 2)} / {wrap(args[1], 3)}", 2)
            case "pow":
                text[id(node)] = (f"{wrap(args[0], 4)}^{node.value:.17g}", 3)
            case _:
                text[id(node)] = (f"{node.op}({text[id(args[0])][0]})", 4)
    return text[id(root)][0]
