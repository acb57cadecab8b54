"""Units for SBML: reading unit texts, and finding the unit of every part of an expression.

SBML wants a unit on each number and symbol. States and parameters declare theirs; the numbers inside
a formula do not, so the unit of a literal is what makes its formula homogeneous.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..model.expr import Expr

__all__ = ["DIMENSIONLESS", "VOLUME", "Unit", "UnitFinder", "counted_in", "parse_unit"]

_PREFIXES = {"": 0, "k": 3, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
_PREFIXED = {
    "g": "gram", "mol": "mole", "L": "litre", "l": "litre", "m": "metre", "s": "second", "particle": "item",
}  # fmt: skip
_SECONDS = {"min": 60.0, "h": 3600.0, "hour": 3600.0, "day": 86400.0, "d": 86400.0, "week": 604800.0}
_ITEMS = ("cell", "event", "particle", "item", "molecule", "vesicle")
_NONE = ("relative", "dimensionless", "1", "fold", "division")
_SYMBOLS: dict[str, tuple[str, int, float]] = {  # symbol: SBML base unit, scale, multiplier
    **{p + name: (kind, scale, 1.0) for p, scale in _PREFIXES.items() for name, kind in _PREFIXED.items()},
    **{name: ("second", 0, seconds) for name, seconds in _SECONDS.items()},
    **{name: ("item", 0, 1.0) for name in _ITEMS},
}
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|([A-Za-z]+)|(\*\*|[*/^()-]))")


@dataclass(frozen=True)
class Unit:
    """A product of powers of unit symbols, times a factor.

    Attributes
    ----------
    powers : tuple of (str, float)
        Symbols (``uL``, ``day``, ``cell``) in order of appearance, and their exponents.
    factor : float
        Number in front.
    """

    powers: tuple[tuple[str, float], ...] = ()
    factor: float = 1.0

    def __mul__(self, other: Unit) -> Unit:
        table = dict(self.powers)
        for symbol, exponent in other.powers:
            table[symbol] = table.get(symbol, 0.0) + exponent
        return Unit(tuple((s, e) for s, e in table.items() if abs(e) > 1e-12), self.factor * other.factor)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other**-1.0

    def __pow__(self, exponent: float) -> Unit:
        return Unit(tuple((s, e * exponent) for s, e in self.powers), self.factor**exponent)

    def canonical(self) -> tuple[dict[str, float], float]:
        """Return the exponents of the SBML base units, and the factor in front of them."""
        dims: dict[str, float] = {}
        factor = self.factor
        for symbol, exponent in self.powers:
            kind, scale, multiplier = _SYMBOLS[symbol]
            factor *= (multiplier * 10.0**scale) ** exponent
            if kind == "litre":  # so that 1 uL and 1 mm^3 are the same
                kind, exponent, factor = "metre", 3.0 * exponent, factor * 1e-3**exponent
            dims[kind] = dims.get(kind, 0.0) + exponent
        return {kind: e for kind, e in dims.items() if abs(e) > 1e-9}, factor

    def same(self, other: Unit) -> bool:
        """Tell whether two units are the same, however they are written."""
        dims, factor = (self / other).canonical()
        return not dims and math.isclose(factor, 1.0, rel_tol=1e-9)

    def parts(self) -> list[tuple[str, float, int, float]]:
        """Return SBML unit elements: base unit, exponent, scale, multiplier."""
        parts = [(kind, e, scale, m) for s, e in self.powers for kind, scale, m in [_SYMBOLS[s]]]
        if self.factor != 1.0 or not parts:
            parts.append(("dimensionless", 1.0, 0, self.factor))
        return parts

    def __str__(self) -> str:
        text = "" if self.factor == 1.0 else f"{self.factor:g} "
        up = " ".join(_raised(s, e, "^") for s, e in self.powers if e > 0)
        down = "".join("/" + _raised(s, -e, "^") for s, e in self.powers if e < 0)
        return text + (up or "1") + down

    def sid(self) -> str:
        """Return a legal identifier that tells what the unit is, the same for the same symbols."""
        words = ["" if self.factor == 1.0 else f"x{self.factor:.12g}"]
        words += [_raised(s, e, "") for s, e in self.powers if e > 0]
        words += ["per_" + _raised(s, -e, "") for s, e in self.powers if e < 0]
        text = "_".join(filter(None, words)).replace("-", "neg").replace("+", "")
        return re.sub(r"\W", "_", text) or "dimensionless"


DIMENSIONLESS = Unit()


def _raised(symbol: str, exponent: float, mark: str) -> str:
    return symbol if exponent == 1 else f"{symbol}{mark}{exponent:.12g}"


def parse_unit(text: str) -> Unit:
    """Read a unit such as ``cells/uL``, ``ng/1e6 cells/day``, ``1/day per (ng/mL)`` or ``um^2/s``.

    A blank or a ``*`` binds more tightly than ``/``, so ``1e6 cells`` is one thing; ``per`` divides by
    all that follows.

    Raises
    ------
    ValueError
        If the text is not a unit.
    """
    head, *rest = re.split(r"\bper\b", text.replace("µ", "u").replace("μ", "u").replace("%", "0.01 "))
    unit = _parse(head, text)
    for part in rest:
        unit = unit / _parse(part, text)
    return unit


def _parse(part: str, text: str) -> Unit:
    tokens: list[str] = []
    at, end = 0, len(part.rstrip())
    while at < end:
        match = _TOKEN.match(part, at)
        if match is None:
            raise ValueError(f"unit {text!r}: cannot read {part[at:]!r}")
        tokens.append(match.group().strip())
        at = match.end()
    tokens.reverse()  # a stack
    unit = _quotient(tokens, text)
    if tokens:
        raise ValueError(f"unit {text!r}: {tokens[-1]!r} was not expected")
    return unit


def _quotient(tokens: list[str], text: str) -> Unit:
    unit = _product(tokens, text)
    while tokens and tokens[-1] == "/":
        tokens.pop()
        if not tokens or tokens[-1] in "/)":
            raise ValueError(f"unit {text!r}: nothing stands under a '/'")
        unit = unit / _product(tokens, text)
    return unit


def _product(tokens: list[str], text: str) -> Unit:
    unit = DIMENSIONLESS
    while tokens and tokens[-1] not in "/)":
        token = tokens.pop()
        if token == "*":
            continue
        if token == "(":
            factor = _quotient(tokens, text)
            if not tokens or tokens.pop() != ")":
                raise ValueError(f"unit {text!r}: a bracket is not closed")
        else:
            factor = _symbol(token, text)
        if tokens and tokens[-1] in ("^", "**"):
            tokens.pop()
            sign = -1.0 if tokens and tokens[-1] == "-" and tokens.pop() else 1.0
            try:
                factor = factor ** (sign * float(tokens.pop()))
            except (IndexError, ValueError):
                raise ValueError(f"unit {text!r}: an exponent is missing") from None
        unit = unit * factor
    return unit


def _symbol(token: str, text: str) -> Unit:
    if token[0].isdigit():
        return Unit((), float(token))
    for name in (token, token.removesuffix("s")):
        if name in _NONE:
            return DIMENSIONLESS
        if name in _SYMBOLS:
            return Unit(((name, 1.0),))
        if name.endswith("M") and name[:-1] in _PREFIXES:  # molar
            return Unit(((name[:-1] + "mol", 1.0), ("L", -1.0)))
    raise ValueError(f"unit {text!r}: {token!r} is not known")


VOLUME = parse_unit("uL")
_SUBSTANCES = ("cell", "event", "item", "kparticle", "particle", "pg", "ng", "g", "nmol", "mol")


def counted_in(unit: Unit, owner: str) -> Unit:
    """Return the unit in which 1 uL of a state in ``unit`` is counted, as one symbol where there is one.

    Raises
    ------
    ValueError
        If the state is neither dimensionless nor an amount in a volume.
    """
    if unit.same(DIMENSIONLESS):
        return DIMENSIONLESS
    amount = unit * VOLUME
    for symbol in (unit.powers[0][0], *_SUBSTANCES):
        if (simple := Unit(((symbol, 1.0),))).same(amount):
            return simple
    dims, factor = amount.canonical()
    base = {"item": "item", "gram": "g", "mole": "mol"}.get(next(iter(dims)))
    if base is None or list(dims.values()) != [1.0]:
        raise ValueError(f"{owner}: a state in {unit} is not an amount in a volume")
    return Unit(((base, 1.0),), factor)


class UnitFinder:
    """Find the unit of expressions whose symbols have known units.

    Parameters
    ----------
    symbols : mapping of str to Unit
        Unit of each symbol; may grow while the finder is in use.
    """

    def __init__(self, symbols: Mapping[str, Unit]) -> None:
        self.symbols = symbols
        self._found: dict[Expr, tuple[Unit | None, bool]] = {}

    def unit(self, node: Expr) -> Unit | None:
        """Return the unit of ``node``, or None if it holds only numbers and so may have any."""
        return self._find(node)[0]

    def free(self, node: Expr) -> bool:
        """Tell whether a literal in ``node`` can take up another unit for the whole of it."""
        return self._find(node)[1]

    def _find(self, node: Expr) -> tuple[Unit | None, bool]:
        if node not in self._found:
            self._found[node] = self._look(node)
        return self._found[node]

    def _look(self, node: Expr) -> tuple[Unit | None, bool]:
        if node.op == "const":
            # a bare sign or a bare one is no conversion factor
            return None, node.value not in (1.0, -1.0)
        if node.op == "sym":
            return self.symbols[node.value], False  # type: ignore[index]
        found = [self._find(arg) for arg in node.args]
        if node.op in ("exp", "log"):
            return DIMENSIONLESS, False
        if node.op == "pos":
            return found[0]
        if node.op == "pow":
            unit = found[0][0]
            return (None if unit is None else unit**node.value), False  # type: ignore[operator]
        if all(unit is None for unit, _ in found):
            return None, True
        if node.op == "add":
            known = [(free, i) for i, (unit, free) in enumerate(found) if unit is not None]
            return found[min(known)[1]][0], all(free for _, free in found)
        total = DIMENSIONLESS
        for i, (unit, _) in enumerate(found):
            if unit is not None:
                total = total / unit if node.op == "div" and i == 1 else total * unit
        return total, any(free for _, free in found)
