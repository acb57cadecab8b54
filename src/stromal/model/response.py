"""The response: how the rules on one behaviour combine. The same for every engine.

    rate = b0 * prod_requires [leak + (1 - leak) H]
              * [1 + (M - 1) (1 - prod_up (1 - u H))]       u = (fold - 1) / (M - 1)
              * [phi + (1 - phi) prod_down (1 - d H)]       d = (1 - fold) / (1 - phi)
    H = x^n / (1 + x^n),  x = signal / half_max;  inside a group x is the sum over its members

A cut chain takes H away, unless what is cut is a node that the signal lowers: then H is there.

It is bounded for any number of rules (between phi*b0 and M*b0, requires aside), monotone in each
signal, and equal to ``fold`` at saturation for one rule alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..evidence.words import Node
from .expr import Expr, add, const, mul, power

__all__ = ["Influence", "Response", "factor", "hill", "through"]


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
    mimic : Expr
        Share of H that is there whatever the signal, since a node that the signal lowers is cut.
    """

    effect: str
    strength: Expr
    exponent: float
    x: Callable[[frozenset[str]], Expr | None]
    keep: Expr
    if_blocked: float | None
    active: Expr
    group: str = ""
    mimic: Expr = const(0.0)


def hill(x: Expr | None, exponent: float) -> Expr:
    """Return x^n / (1 + x^n); zero where there is no signal."""
    if x is None:
        return const(0.0)
    xn = power(x, exponent)
    return xn / (1.0 + xn)


def through(
    chain: Iterable[tuple[Node, bool]], keep: Callable[[Node], Any], reach: Callable[[Node], Any]
) -> tuple[Any, Any, Any]:
    """Follow a chain from the signal down.

    Parameters
    ----------
    chain : iterable of (Node, bool)
        From ``parse_chain``.
    keep, reach : callable
        From a node to the share of it that is not cut, and to what an antagonist leaves of its signal.

    Returns
    -------
    (reach, keep, mimic)
        What is left of the signal, of H, and the share of H that is there without the signal. An
        antagonist of a node that the signal lowers cuts it: there is no ligand to compete with.
    """
    reached, kept, mimic = 1.0, 1.0, 0.0
    for node, lowered in chain:
        share = keep(node)
        if lowered:
            share = share * reach(node)
        else:
            reached = reached * reach(node)
        kept = kept * share
        mimic = share * mimic + (1.0 - share) if lowered else share * mimic
    return reached, kept, mimic


def _saturation(members: Sequence[Influence], levels: Sequence[Expr | None]) -> Expr:
    if len(members) == 1:
        one = members[0]
        h = hill(levels[0], one.exponent)
        if one.if_blocked is None:
            return h  # the cut part of the chain counts as a factor of 1, see `_value`
        return one.keep * h + ((1.0 - one.keep) * one.if_blocked if one.if_blocked else one.mimic)
    # a shared pathway: what reaches it adds up, a cut chain or an absent context adds nothing
    parts = [mul(one.keep, one.active, x) for one, x in zip(members, levels, strict=True) if x is not None]
    h = hill(add(*parts) if parts else None, members[0].exponent)
    # a node that several members share is cut once
    for cut in dict.fromkeys(mul(one.active, one.mimic) for one in members):
        h = h + cut * (1.0 - h)
    return h


def _value(members: Sequence[Influence], levels: Sequence[Expr | None]) -> Expr:
    """Return the factor of one pathway where its members' signals have the given levels."""
    first = members[0]
    h = _saturation(members, levels)
    # in a group the context is already in x; a lone rule outside its context leaves the factor at 1
    active = first.active if len(members) == 1 else const(1.0)
    if first.effect == "requires":
        value = first.strength + (1.0 - first.strength) * h
        if first.if_blocked is None:
            value = 1.0 + first.keep * (value - 1.0)
        return value if active is const(1.0) else 1.0 + active * (value - 1.0)
    return 1.0 - mul(active, first.strength, h)


class Response:
    """The rules on one behaviour, as what they multiply its base by.

    Parameters
    ----------
    influences : sequence of Influence
        All rules on the behaviour.
    most, least : Expr or None
        Bounds M and phi as multiples of the base; None means that no rule pushes that way.
    """

    def __init__(self, influences: Sequence[Influence], most: Expr | None, least: Expr | None) -> None:
        groups: dict[tuple[str, str], list[Influence]] = {}
        for i, one in enumerate(influences):
            groups.setdefault((one.effect, one.group or f"#{i}"), []).append(one)
        self.groups, self.most, self.least = list(groups.values()), most, least
        # cells that touch others differ by few of their signals: the rest is put together once
        self._known: dict[tuple[int | Expr | None, ...], Expr] = {}

    def factor(self, touched: frozenset[str]) -> Expr:
        """Return the factor for a cell that touches ``touched`` (cells or groups)."""
        parts: dict[str, list[Expr]] = {"requires": [], "increases": [], "decreases": []}
        for i, members in enumerate(self.groups):
            levels = [one.x(touched) for one in members]
            key = (i, *levels)
            if key not in self._known:
                self._known[key] = _value(members, levels)
            parts[members[0].effect].append(self._known[key])
        rate, up, down = (mul(*values) for values in parts.values())
        if up is not const(1.0):
            assert self.most is not None
            rate = rate * (1.0 + (self.most - 1.0) * (1.0 - up))
        if down is not const(1.0):
            assert self.least is not None
            rate = rate * (self.least + (1.0 - self.least) * down)
        return rate


def factor(
    influences: Sequence[Influence], most: Expr | None, least: Expr | None, touched: frozenset[str]
) -> Expr:
    """Return what all rules together multiply the base by, for a cell that touches ``touched``."""
    return Response(influences, most, least).factor(touched)
