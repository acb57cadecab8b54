"""Expressions: one value whoever evaluates them, and the right slope."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stromal.model.expr import (
    Expr,
    add,
    const,
    evaluate,
    evaluate_all,
    exp,
    gradient,
    infix,
    log,
    mul,
    pos,
    postorder,
    power,
    substitute,
    sym,
    symbols,
)

NAMES = ("a", "b", "well:PGE2")
ENV = {"a": 0.7, "b": 1.9, "well:PGE2": 3.1}


def leaves() -> st.SearchStrategy[Expr]:
    return st.one_of(st.sampled_from(NAMES).map(sym), st.floats(-3, 3).map(lambda v: const(round(v, 3))))


def grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda x: add(*x)),
        st.lists(inner, min_size=2, max_size=3).map(lambda x: mul(*x)),
        st.tuples(inner, inner).map(lambda p: p[0] - p[1]),
        # denominators and bases are kept positive, as in a model
        st.tuples(inner, inner).map(lambda p: p[0] / (1.0 + p[1] * p[1])),
        st.tuples(inner, st.sampled_from([0.5, 2.0, 3.0])).map(lambda p: power(0.1 + p[0] * p[0], p[1])),
        inner.map(lambda x: exp(x / (1.0 + x * x))),
        inner.map(lambda x: log(1.0 + x * x)),
        inner.map(lambda x: -x),
    )


expressions = st.recursive(leaves(), grow, max_leaves=12)


def read_back(text: str, env: dict[str, float]) -> float:
    """Evaluate a formula in infix notation with Python's own parser."""
    for i, name in enumerate(NAMES):
        text = text.replace(f"`{name}`", f"v{i}")
    names = {f"v{i}": env[name] for i, name in enumerate(NAMES)} | env
    return eval(
        text.replace("^", "**"), {"exp": math.exp, "log": math.log, "pos": lambda x: max(x, 0.0)}, names
    )


@settings(max_examples=80, deadline=None)
@given(expressions)
def test_the_formula_as_text_has_the_same_value(root: Expr) -> None:
    value = evaluate(root, ENV)
    assume(math.isfinite(value) and abs(value) < 1e12)
    assert read_back(infix(root), ENV) == pytest.approx(value, rel=1e-9, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(expressions)
def test_the_gradient_is_the_slope(root: Expr) -> None:
    slopes = gradient(root)
    assert set(slopes) <= symbols(root)
    for name in NAMES:
        h = 1e-6 * ENV[name]
        hi, lo = (evaluate(root, ENV | {name: ENV[name] + s * h}) for s in (1, -1))
        found = evaluate(slopes[name], ENV) if name in slopes else 0.0
        assume(all(map(math.isfinite, (hi, lo, found))) and abs(hi) < 1e6)
        assert found == pytest.approx((hi - lo) / (2 * h), rel=1e-4, abs=1e-5 * max(1.0, abs(hi)))


@settings(max_examples=50, deadline=None)
@given(expressions, st.floats(0.1, 5.0))
def test_substituting_a_number_is_evaluating_with_it(root: Expr, value: float) -> None:
    plain = evaluate(root, ENV | {"a": value})
    assume(math.isfinite(plain) and abs(plain) < 1e12)
    replaced = substitute(root, {"a": const(value)})
    assert "a" not in symbols(replaced)
    assert evaluate(replaced, ENV) == pytest.approx(plain, rel=1e-9, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(expressions)
def test_arrays_are_evaluated_element_by_element(root: Expr) -> None:
    column = np.array([0.2, 0.7, 2.0])
    many = np.broadcast_to(evaluate(root, ENV | {"a": column}), 3)
    one = [evaluate(root, ENV | {"a": x}) for x in column]
    np.testing.assert_allclose(many, one, rtol=1e-12)


def test_python_operators() -> None:
    a, b = sym("a"), sym("b")
    x, y = ENV["a"], ENV["b"]
    cases = {
        a + 1: x + 1, 1 + a: 1 + x, a - b: x - y, 1 - a: 1 - x, -a: -x, a * 2: 2 * x, 3 * a: 3 * x,
        a / b: x / y, 1 / b: 1 / y, a / 4: x / 4, a**3: x**3, power(a, 0.5): x**0.5,
        exp(a): math.exp(x), log(b): math.log(y), pos(a - b): 0.0, pos(b - a): y - x,
    }  # fmt: skip
    assert len(cases) == 15  # a + 1 and 1 + a are one
    assert evaluate_all(list(cases), ENV) == pytest.approx(list(cases.values()), rel=1e-15)


def test_equal_expressions_are_one_object() -> None:
    first = (sym("a") + 2.0) * exp(sym("b")) / pos(sym("a"))
    second = (sym("a") + 2.0) * exp(sym("b")) / pos(sym("a"))
    assert first is second
    assert sym("a") + 1.0 is not sym("a") + 2.0
    assert power(sym("a"), 2.0) is not power(sym("a"), 3.0)
    assert len(postorder([first * second])) == len(postorder([first])) + 1  # each node once


def test_constants_are_folded() -> None:
    assert add(1.0, 2.0, const(-3.0)) is const(0.0)
    assert mul(2.0, 3.0) is const(6.0)
    assert mul(0.0, sym("a")) is const(0.0)
    assert const(0.0) / sym("a") is const(0.0)
    assert add(sym("a"), 0.0) is sym("a") is mul(1.0, sym("a"))
    assert power(sym("a"), 1.0) is sym("a") and power(sym("a"), 0.0) is const(1.0)
    assert (exp(0.0).value, log(1.0).value, pos(-2.0).value) == (1.0, 0.0, 0.0)
    # nested sums and products are flattened
    assert (sym("a") + (sym("b") + 1.0)).args == (sym("a"), sym("b"), const(1.0))


def test_substitution_is_once_not_repeated() -> None:
    root = sym("a") + sym("b")
    assert substitute(root, {"a": sym("b"), "b": sym("a")}) is sym("b") + sym("a")
    assert substitute(root, {}) is root


def test_a_symbol_without_a_value_is_named() -> None:
    with pytest.raises(KeyError, match="b"):
        evaluate(sym("a") * sym("b"), {"a": 1.0})


def test_slope_of_the_shield_against_rounding_is_one() -> None:
    assert gradient(pos(sym("a")))["a"] is const(1.0)


@pytest.mark.parametrize(
    ("root", "text"),
    [
        (sym("a") * (sym("b") + 1.0), "a * (b + 1)"),
        (sym("a") / (sym("b") * sym("a")), "a / (b * a)"),
        (power(sym("a") / sym("b"), 2.0), "(a / b)^2"),
        (power(power(sym("a"), 2.0), 0.5), "(a^2)^0.5"),
        (sym("well:PGE2") + 1.0, "`well:PGE2` + 1"),
    ],
)
def test_brackets_only_where_needed(root: Expr, text: str) -> None:
    assert repr(root) == text
