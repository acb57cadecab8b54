"""Systems with known behaviour: a chain with a solution, stiff classics, a network of Hill factors."""

from __future__ import annotations

import numpy as np

from stromal.model.expr import Expr, exp, log, pos, sym
from stromal.model.system import Parameter, Process, State, System


def make(
    name: str, states: str, parameters: dict[str, float], rates: list[tuple], kinds=None, assignments=None
) -> System:
    """Return a system from ``(rate, {state: coefficient})``."""
    kinds = kinds or {}
    return System(
        name,
        tuple(State(s, kinds.get(s, "cell"), "well", s, "1") for s in states.split()),
        tuple(Parameter(p, v) for p, v in parameters.items()),
        assignments or {},
        tuple(Process(f"r{i}", rate, tuple(changes.items())) for i, (rate, changes) in enumerate(rates)),
    )


def chain() -> System:
    """Linear decay a -> b -> c, with a counter of a -> b."""
    a, b, k, q = map(sym, "a b k q".split())
    return make("chain", "a b c n", {"k": 1.0, "q": 0.5}, [
        (k * a, {"a": -1.0, "b": 1.0, "n": 1.0}), (q * b, {"b": -1.0, "c": 1.0}),
    ], {"n": "counter"})  # fmt: skip


def chain_solution(t: np.ndarray, k: float, q: float) -> np.ndarray:
    """Return a, b, c, n from a(0) = 1."""
    a, b = np.exp(-k * t), k / (q - k) * (np.exp(-k * t) - np.exp(-q * t))
    return np.stack([a, b, 1.0 - a - b, 1.0 - a], axis=1)


def robertson() -> System:
    """Robertson's three stiff reactions."""
    x, y, z = map(sym, "xyz")
    return make("robertson", "x y z", {"p": 0.04, "q": 1e4, "r": 3e7}, [
        (sym("p") * x, {"x": -1.0, "y": 1.0}), (sym("q") * y * z, {"x": 1.0, "y": -1.0}),
        (sym("r") * y**2, {"y": -1.0, "z": 1.0}),
    ])  # fmt: skip


def oregonator() -> System:
    """Field and Noyes' oscillating reaction."""
    x, y, z, s, q, w = map(sym, "x y z s q w".split())
    return make("oregonator", "x y z", {"s": 77.27, "q": 8.375e-6, "w": 0.161}, [
        (s * (y + x * (1.0 - q * x - y)), {"x": 1.0}), ((z - (1.0 + x) * y) / s, {"y": 1.0}),
        (w * (x - z), {"z": 1.0}),
    ])  # fmt: skip


def touch() -> System:
    """Cells that touch, secrete and die, with every operation of the language."""
    t, m, il, pd, k, n = map(sym, "T M IL PD k n".split())
    share = pos(m) / sym("crowd")

    def hill(x: Expr, exponent: float) -> Expr:
        return pos(x) ** exponent / (1.0 + pos(x) ** exponent)

    assignments = {"crowd": pos(t) + sym("size") * pos(m) + 5.0, "contact": hill(share / 0.2, 2.4)}
    brake = 1.0 + (sym("low") - 1.0) * sym("contact") * hill(sym("PD"), 3.0)
    rates = [
        (k * t * hill(il / sym("half"), 1.7) * brake, {"T": 1.0, "N": 1.0}),
        (n * t * (1.0 - exp(-0.1 * sym("IL"))), {"T": -1.0}),
        (0.05 * m * hill(il / 2.0, 0.5), {"M": -1.0}),
        (0.2 * t / (1.0 + hill(pd / 0.7, 0.6)) + log(1.0 + m) * 0.01, {"IL": 1.0}),
        (8.0 * il, {"IL": -1.0}),
        (3.0 * (4.0 * hill(il / sym("half"), -2.0) + hill(share, 1.0) - pd), {"PD": 1.0}),
    ]
    parameters = {"k": 1.4, "n": 0.3, "size": 3.0, "low": 0.2, "half": 1.5}
    return make("touch", "T M IL PD N", parameters, rates, {"PD": "expression", "N": "counter"}, assignments)


def blow_up() -> System:
    """y' = p y^2, infinite at 1 / (p y0)."""
    return make("blow-up", "y", {"p": 1.0}, [(sym("p") * sym("y") ** 2, {"y": 1.0})])


def random_linear(n: int = 23, seed: int = 3) -> System:
    """A sparse random linear system, for the factorisation."""
    rng = np.random.default_rng(seed)
    rates = []
    for i in range(n):
        rates.append((sym(f"s{i}") * sym("p"), {f"s{i}": -float(rng.uniform(1, 3))}))
        for j in rng.choice(n, 4, replace=False):
            if i != j:
                rates.append((float(rng.normal()) * sym(f"s{j}"), {f"s{i}": 1.0}))
    return make("linear", " ".join(f"s{i}" for i in range(n)), {"p": 1.0}, rates)


HIRES_START = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057]
# at t = 321.8122, as published with the test set of Bari and Hairer and Wanner
HIRES_END = [
    0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
    0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2,
]  # fmt: skip


def hires() -> System:
    """Schaefer's eight reactions of plant growth."""
    a, b, c, d, e, f, g, h = map(sym, "abcdefgh")
    return make("hires", "a b c d e f g h", {"k": 280.0}, [
        (-1.71 * a + 0.43 * b + 8.32 * c + 0.0007, {"a": 1.0}), (1.71 * a - 8.75 * b, {"b": 1.0}),
        (-10.03 * c + 0.43 * d + 0.035 * e, {"c": 1.0}), (8.32 * b + 1.71 * c - 1.12 * d, {"d": 1.0}),
        (-1.745 * e + 0.43 * f + 0.43 * g, {"e": 1.0}), (0.69 * d + 1.71 * e - 0.43 * f + 0.69 * g, {"f": 1.0}),
        (sym("k") * f * h, {"f": -1.0, "g": 1.0, "h": -1.0}), (1.81 * g, {"g": -1.0, "h": 1.0}),
    ])  # fmt: skip


def random_linear_large() -> System:
    """As `random_linear`, with a tail of many tiles."""
    return random_linear(61, seed=5)


def clamp() -> System:
    """Epithelium that outgrows what it should be: damage, an expression under `pos`, is then zero."""
    cells, damage, drug = map(sym, "cells damage drug".split())
    return make("clamp", "cells damage drug", {"k": 3.0, "q": 40.0}, [
        (sym("k") * cells * (1.0 - cells / (2.0 + 1.5 * drug)), {"cells": 1.0}),
        (sym("q") * (pos(1.0 - cells) - damage), {"damage": 1.0}),
        (0.7 * drug * (1.0 - drug) * (1.2 + damage - pos(drug - 0.1 * cells)), {"drug": 1.0}),
    ])  # fmt: skip


def decay(n: int = 1, rest: int = 0) -> System:
    """Exponential decay of a square, some times over, beside states that nothing changes."""
    rates = [(sym("k") * sym(f"s{i}") ** 2, {f"s{i}": -1.0}) for i in range(n)]
    return make("decay", " ".join(f"s{i}" for i in range(n + rest)), {"k": 1.0}, rates)


def decays() -> System:
    """Ten of them."""
    return decay(10)


def decay_and_rest() -> System:
    """One of them beside nine states at rest."""
    return decay(1, 9)
