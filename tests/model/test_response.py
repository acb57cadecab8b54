"""The response: bounded for any number of rules, monotone, exact for one rule alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stromal.evidence.words import parse_chain
from stromal.model.expr import const, evaluate
from stromal.model.response import Influence, factor, hill, through

NOBODY: frozenset[str] = frozenset()
SATURATED = 1e9


def influence(
    effect: str, fold: float, x: float | None, *, most: float = 1e3, least: float = 0.0, hill: float = 1.0,
    keep: float = 1.0, if_blocked: float | None = 0.0, active: float = 1.0, group: str = "", mimic: float = 0.0,
) -> Influence:  # fmt: skip
    """Return one rule with numbers in place of expressions; ``fold`` is the leak of a requires."""
    strength = {
        "increases": (fold - 1) / (most - 1),
        "decreases": (1 - fold) / (1 - least),
        "requires": fold,
    }[effect]
    level = None if x is None else const(x)
    return Influence(
        effect,
        const(strength),
        hill,
        lambda _: level,
        const(keep),
        if_blocked,
        const(active),
        group,
        const(mimic),
    )


def response(*rules: Influence, most: float = 1e3, least: float = 0.0) -> float:
    return float(evaluate(factor(rules, const(most), const(least), NOBODY), {}))


@st.composite
def cases(draw: st.DrawFn) -> tuple[float, float, list[tuple[str, float, float, float, str]]]:
    most, least = draw(st.floats(1.1, 30)), draw(st.floats(0.0, 0.9))
    rules = []
    for _ in range(draw(st.integers(0, 12))):
        effect = draw(st.sampled_from(["increases", "decreases", "requires"]))
        share = draw(st.floats(0.01, 1.0))
        fold = {
            "increases": 1 + share * (most - 1),
            "decreases": 1 - share * (1 - least),
            "requires": 1 - share,
        }[effect]
        group = draw(st.sampled_from(["", "", "cAMP", "PD-1"]))
        rules.append((effect, fold, draw(st.floats(0, 100)), draw(st.sampled_from([1.0, 2.0, 3.5])), group))
    return most, least, rules


def build(case: tuple[float, float, list[tuple[str, float, float, float, str]]], bump: int = -1) -> float:
    most, least, rules = case
    made = [
        influence(e, f, x + (1.0 if i == bump else 0.0), most=most, least=least, hill=n, group=g)
        for i, (e, f, x, n, g) in enumerate(rules)
    ]
    return response(*made, most=most, least=least)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_bounded_for_any_number_of_rules(case) -> None:  # noqa: ANN001
    most, least, rules = case
    value = build(case)
    assert -1e-12 <= value <= most * (1 + 1e-12)
    if not any(rule[0] == "requires" for rule in rules):
        assert value >= least * (1 - 1e-12)


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(0, 11))
def test_more_of_a_signal_never_acts_against_its_sign(case, which: int) -> None:  # noqa: ANN001
    rules = case[2]
    if which >= len(rules):
        return
    before, after = build(case), build(case, bump=which)
    if rules[which][0] == "decreases":
        assert after <= before * (1 + 1e-12)
    else:
        assert after >= before * (1 - 1e-12)


@pytest.mark.parametrize(
    ("effect", "fold"), [("increases", 6.0), ("increases", 30.0), ("decreases", 0.25), ("decreases", 0.1)]
)
def test_one_rule_alone_is_its_fold_at_saturation(effect: str, fold: float) -> None:
    def at(x: float | None) -> float:
        return response(influence(effect, fold, x, most=30.0, least=0.1), most=30.0, least=0.1)

    assert at(SATURATED) == pytest.approx(fold, rel=1e-6)
    assert at(1.0) == pytest.approx(1 + (fold - 1) / 2)  # half the effect at half_max
    assert at(0.0) == at(None) == 1.0


def test_requires_leaves_its_leak() -> None:
    for leak in (0.0, 0.05, 0.5):
        assert response(influence("requires", leak, 0.0)) == pytest.approx(leak)
        assert response(influence("requires", leak, 1.0)) == pytest.approx(leak + (1 - leak) / 2)
        assert response(influence("requires", leak, SATURATED)) == pytest.approx(1.0)
    assert response(influence("requires", 0.2, 0.0), influence("requires", 0.5, 0.0)) == pytest.approx(0.1)


def test_rules_push_against_what_the_others_left() -> None:
    """Two halvings towards a least of zero are a quarter; two rises saturate at most."""
    half = influence("decreases", 0.5, SATURATED)
    assert response(half, half) == pytest.approx(0.25)
    up = influence("increases", 6.0, SATURATED, most=6.0)
    assert response(up, up, most=6.0) == pytest.approx(6.0)
    assert response(up, influence("decreases", 0.5, SATURATED), most=6.0) == pytest.approx(3.0)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.5])
def test_hill(exponent: float) -> None:
    assert hill(None, exponent) is const(0.0)
    for x in (0.0, 0.3, 1.0, 7.0):
        assert evaluate(hill(const(x), exponent), {}) == pytest.approx(x**exponent / (1 + x**exponent))


# -- groups ----------------------------------------------------------------------------------------


def test_in_a_group_signals_add_up_and_act_once() -> None:
    together = response(
        influence("decreases", 0.2, 3.0, group="cAMP", hill=2.0),
        influence("decreases", 0.2, 4.0, group="cAMP", hill=2.0),
    )
    assert together == pytest.approx(response(influence("decreases", 0.2, 7.0, hill=2.0)))
    apart = response(influence("decreases", 0.2, 3.0, hill=2.0), influence("decreases", 0.2, 4.0, hill=2.0))
    assert together > 0.2 > apart  # a shared pathway saturates at one strength


def test_a_member_without_signal_or_context_or_chain_adds_nothing() -> None:
    one = influence("decreases", 0.2, 2.0, group="cAMP")
    alone = response(one)
    assert response(one, influence("decreases", 0.2, None, group="cAMP")) == pytest.approx(alone)
    assert response(one, influence("decreases", 0.2, 5.0, group="cAMP", active=0.0)) == pytest.approx(alone)
    assert response(one, influence("decreases", 0.2, 5.0, group="cAMP", keep=0.0)) == pytest.approx(alone)


def test_groups_of_two_signs_or_names_are_two_groups() -> None:
    down, up = influence("decreases", 0.5, 1.0, group="g"), influence("increases", 3.0, 1.0, group="g")
    assert response(down, up) == pytest.approx(response(down) * response(up))
    other = influence("decreases", 0.5, 1.0, group="h")
    assert response(down, other) == pytest.approx(response(down) * response(other))


# -- blocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize(("effect", "fold"), [("increases", 6.0), ("decreases", 0.2), ("requires", 0.1)])
def test_a_cut_chain_acts_as_no_signal_as_saturated_or_not_at_all(
    effect: str, fold: float, keep: float
) -> None:
    x = 3.0
    h = x / (1 + x)
    end = 1.0 if effect == "requires" else fold
    start = fold if effect == "requires" else 1.0
    usual = response(influence(effect, fold, x, keep=keep))
    assert usual == pytest.approx(start + keep * h * (end - start))
    lacking = response(influence(effect, fold, x, keep=keep, if_blocked=1.0))
    assert lacking == pytest.approx(start + (keep * h + 1 - keep) * (end - start))
    free = response(influence(effect, fold, x, keep=keep, if_blocked=None))
    if effect == "requires":  # the need is gone to the share that is cut
        assert free == pytest.approx(1.0 + keep * (start + h * (end - start) - 1.0))


def test_half_a_block_of_a_need_never_hurts() -> None:
    """A requires whose factor is 1 when blocked: no efficacy may push below the open chain or above 1."""
    levels = [
        response(influence("requires", 0.1, 2.0, keep=k, if_blocked=None)) for k in (1.0, 0.7, 0.4, 0.1, 0.0)
    ]
    assert levels == sorted(levels) and levels[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(("effect", "fold"), [("increases", 6.0), ("decreases", 0.2), ("requires", 0.1)])
def test_a_rule_outside_its_context_is_not_there(effect: str, fold: float) -> None:
    assert response(influence(effect, fold, 0.5, active=0.0)) == pytest.approx(1.0)


def test_no_rule_no_change_and_no_bounds_needed() -> None:
    assert factor([], None, None, NOBODY) is const(1.0)
    needed = influence("requires", 0.2, 0.0)
    assert evaluate(factor([needed], None, None, NOBODY), {}) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("via", "cut", "expected"),
    [
        ("A:X > B:Y", "Y", 0.0),
        ("A:X -| B:Y", "X", 0.0),  # what lowers is gone
        ("A:X -| B:Y", "Y", 1.0),  # what is lowered is gone: as with all of the signal
        ("-| B:Y > B:Z", "Z", 1.0),
        ("A:X -| B:Y -| B:Z", "Z", 0.0),  # what it would set free is gone
        ("A:X -| B:Y -| B:Z", "XY", 1.0),  # the cut nearer the end decides
        ("A:X -| B:Y -| B:Z", "YZ", 0.0),
    ],
)
def test_cutting_a_node_that_the_signal_lowers_acts_as_the_signal(
    via: str, cut: str, expected: float
) -> None:
    reach, keep, mimic = through(parse_chain(via), lambda n: float(n.symbol not in cut), lambda n: 1.0)
    assert reach == 1.0
    for x in (None, 0.0, 5.0):
        h = 1 - response(influence("decreases", 0.0, x, keep=keep, mimic=mimic))
        assert h == pytest.approx(expected)


def test_an_antagonist_of_a_node_that_is_lowered_cuts_it() -> None:
    reach, keep, mimic = through(
        parse_chain("A:X -| B:Y"), lambda n: 1.0, lambda n: 0.1 if n.symbol == "Y" else 0.5
    )
    assert (reach, keep, mimic) == (0.5, 0.1, 0.9)


def test_members_of_a_group_that_share_a_lowered_node_lose_it_once() -> None:
    one = influence("decreases", 0.2, 2.0, group="g", keep=0.5, mimic=0.5)
    h = 2.0 / 3.0  # both halves together
    assert response(one, one) == pytest.approx(1 - 0.8 * (h + 0.5 * (1 - h)))
    off = influence("decreases", 0.2, 2.0, group="g", keep=0.0, mimic=1.0, active=0.0)
    alone = influence("decreases", 0.2, 2.0, group="g")
    assert response(alone, off) == pytest.approx(response(alone))
