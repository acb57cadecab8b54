"""The response: how the rules on one behaviour combine. The same for every engine.

    rate = b0 * prod_requires [leak + (1 - leak) H]
              * [1 + (M - 1) (1 - prod_up (1 - u H))]       u = (fold - 1) / (M - 1)
              * [phi + (1 - phi) prod_down (1 - d H)]       d = (1 - fold) / (1 - phi)
    H = x^n / (1 + x^n),  x = signal / half_max;  inside a group x is the sum over its members

It is bounded for any number of rules (between phi*b0 and M*b0, requires aside), monotone in each
signal, and equal to ``fold`` at saturation for one rule alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .expr import Expr, const, mul, power

__all__ = ["Influence", "factor", "hill"]


@dataclass(frozen=True)
class Influence:
    """One rule on one behaviour, with its numbers as expressions.

    Attributes
    ----------
    effect : str
        ``increases``, ``decreases`` or ``requires``.
    strength : Expr
        u, d, or the leak of a requires: dimensionless.
    exponent : float
        Hill exponent.
    x : callable
        From the set of touched cells to signal / half_max; ``None`` where there is no signal.
    keep : Expr
        Share of the chain that is not cut, 0 to 1.
    if_blocked : float or None
        Value of H where the chain is cut; None: the factor is 1 there.
    active : Expr
        1 where the limits of the rule hold, else 0.
    group : str
        Rules of one group share a pathway; empty for none.
    """

    effect: str
    strength: Expr
    exponent: float
    x: Callable[[frozenset[str]], Expr | None]
    keep: Expr
    if_blocked: float | None
    active: Expr
    group: str = ""


def hill(x: Expr | None, exponent: float) -> Expr:
    """Return x^n / (1 + x^n); zero where there is no signal."""
    if x is None:
        return const(0.0)
    xn = power(x, exponent)
    return xn / (1.0 + xn)


def _saturation(members: Sequence[Influence], touched: frozenset[str]) -> Expr:
    if len(members) == 1:
        one = members[0]
        h = hill(one.x(touched), one.exponent)
        if one.if_blocked is None:
            return h  # the cut part of the chain counts as a factor of 1, see `factor`
        return one.keep * h + (1.0 - one.keep) * (one.if_blocked or 0.0) if one.if_blocked else one.keep * h
    # a shared pathway: what reaches it adds up, a cut chain or an absent context adds nothing
    total: Expr | None = None
    for one in members:
        x = one.x(touched)
        if x is not None:
            part = mul(one.keep, one.active, x)
            total = part if total is None else total + part
    return hill(total, members[0].exponent)


def factor(
    influences: Sequence[Influence], most: Expr | None, least: Expr | None, touched: frozenset[str]
) -> Expr:
    """Return what all rules together multiply the base by, for a cell that touches ``touched``.

    Parameters
    ----------
    influences : sequence of Influence
        All rules on the behaviour.
    most, least : Expr or None
        Bounds M and phi as multiples of the base; None means that no rule pushes that way.
    touched : frozenset of str
        Cells (or groups) that the cell touches now.
    """
    groups: dict[tuple[str, str], list[Influence]] = {}
    for i, one in enumerate(influences):
        groups.setdefault((one.effect, one.group or f"#{i}"), []).append(one)
    needed, up, down = const(1.0), const(1.0), const(1.0)
    for (effect, _), members in groups.items():
        first = members[0]
        h = _saturation(members, touched)
        # in a group the context is already in x; a lone rule outside its context leaves the factor at 1
        active = first.active if len(members) == 1 else const(1.0)
        if effect == "requires":
            value = first.strength + (1.0 - first.strength) * h
            if first.if_blocked is None:
                value = 1.0 + first.keep * (value - 1.0)
            needed = needed * (value if active is const(1.0) else 1.0 + active * (value - 1.0))
        elif effect == "increases":
            up = up * (1.0 - mul(active, first.strength, h))
        else:
            down = down * (1.0 - mul(active, first.strength, h))
    rate = needed
    if up is not const(1.0):
        assert most is not None
        rate = rate * (1.0 + (most - 1.0) * (1.0 - up))
    if down is not const(1.0):
        assert least is not None
        rate = rate * (least + (1.0 - least) * down)
    return rate
