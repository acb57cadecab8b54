"""Touch: reciprocal, bounded, and averaged over cells that touch and cells that do not."""

from __future__ import annotations

import math
from itertools import product as pairs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import small_evidence

from stromal.evidence import Evidence
from stromal.model import System, compile_model
from stromal.model.expr import evaluate, substitute
from stromal.model.network import build_network
from stromal.model.numbers import Numbers
from stromal.model.signals import FREE_SLOTS, Surroundings

RULE = {
    "id": "msc-stops-t",
    "cell": "T.active",
    "behaviour": "division",
    "signal": "touch MSC",
    "effect": "decreases",
    "fold": "0.2",
    "half_max": "1e-9",
}
CELLS = ("T", "T.active", "MSC")
SLOTS = {"T": 1.0, "T.active": 2.0, "MSC": 4.0}
COUNTS = st.fixed_dictionaries({f"well:{c}": st.floats(0, 1e5) for c in CELLS})


@pytest.fixture(scope="module")
def touching(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return small_evidence(tmp_path_factory.mktemp("tables"), {"rules": [RULE]})


@pytest.fixture(scope="module")
def around(touching: Evidence) -> Surroundings:
    network = build_network(touching, {c: ("well",) for c in CELLS}, {"well": 200.0})
    return Surroundings(network, Numbers(touching), "well", {}, lambda *_: None)


def value(around: Surroundings, expr, counts: dict[str, float]) -> float:  # noqa: ANN001
    table: dict = {}
    for name, assigned in around.assignments.items():
        table[name] = substitute(assigned, table)
    env = {p.name: p.value for p in around.numbers.parameters()} | counts
    return float(evaluate(substitute(expr, table), env))


@settings(max_examples=60, deadline=None)
@given(COUNTS)
def test_touch_is_reciprocal(around: Surroundings, counts: dict[str, float]) -> None:
    for a, b in pairs(CELLS, CELLS):
        there = counts[f"well:{a}"] * value(around, around.touches(a, b), counts)
        back = counts[f"well:{b}"] * value(around, around.touches(b, a), counts)
        assert there == pytest.approx(back, rel=1e-12, abs=1e-300)


@settings(max_examples=60, deadline=None)
@given(COUNTS)
def test_touch_is_bounded_and_its_share_a_share(around: Surroundings, counts: dict[str, float]) -> None:
    for a in CELLS:
        touches = {b: value(around, around.touches(a, b), counts) for b in CELLS}
        assert all(t >= 0 for t in touches.values())
        assert sum(touches.values()) <= SLOTS[a]  # a cell has no more touches than slots
        for b in CELLS:
            share = value(around, around.touching(a, b), counts)
            assert 0 <= share <= 1
            assert share == pytest.approx(1 - math.exp(-touches[b]), abs=1e-12)


def test_touch_has_the_value_of_its_formula(around: Surroundings) -> None:
    counts = {"well:T": 300.0, "well:T.active": 200.0, "well:MSC": 50.0}
    taken = FREE_SLOTS + 300 + 2 * 200 + 4 * 50
    assert value(around, around.touches("T.active", "MSC"), counts) == pytest.approx(2 * 4 * 50 / taken)
    # a group is touched through all its members
    assert value(around, around.touches("MSC", "lymphocyte"), counts) == pytest.approx(
        4 * (300 + 2 * 200) / taken
    )


def test_the_ratio_matters_not_the_density_alone(around: Surroundings) -> None:
    def per_t(t: float, msc: float) -> float:
        return value(around, around.touches("T", "MSC"), {"well:T": t, "well:T.active": 0.0, "well:MSC": msc})

    assert per_t(1e6, 1e5) == pytest.approx(per_t(1e7, 1e6), rel=1e-3)  # crowded: the ratio alone
    assert per_t(1000, 100) > 5 * per_t(1000, 10)
    assert per_t(100, 10) < per_t(1000, 100)  # sparse: they have to meet


def test_rounding_below_zero_is_no_touch(around: Surroundings) -> None:
    counts = {"well:T": 10.0, "well:T.active": 0.0, "well:MSC": -1e-12}
    assert value(around, around.touching("T", "MSC"), counts) == 0.0


# -- the average -----------------------------------------------------------------------------------


def rate(system: System, name: str, **counts: float) -> float:
    env = {p.name: p.value for p in system.parameters} | dict.fromkeys((s.name for s in system.states), 0.0)
    return float(evaluate(system.inlined[name], env | {f"well:{k}": v for k, v in counts.items()}))


def share(touches: float) -> float:
    return 1 - math.exp(-touches)


def test_a_touch_rule_is_averaged_over_those_that_touch(touching: Evidence) -> None:
    system = compile_model(touching, sites={"T.active": ("well",), "MSC": ("well",)})
    counts = {"T.active": 1000.0, "MSC": 30.0}
    mean = 2 * 4 * 30 / (FREE_SLOTS + 2 * 1000 + 4 * 30)
    p = share(mean)
    found = rate(system, "rate:well:T.active:division", **counts)
    assert found == pytest.approx(1 - p + p * 0.2, rel=1e-6)
    # the response of the mean touch would be as strong as that of all
    assert found > 0.2 / 0.99


def test_what_the_touched_cell_carries_is_averaged_too(tmp_path: Path) -> None:
    rule = RULE | {"signal": "touch MSC.PD-L1", "half_max": "0.5", "hill": "2"}
    system = compile_model(
        small_evidence(tmp_path, {"rules": [rule]}), sites={"T.active": ("well",), "MSC": ("well",)}
    )
    p = share(2 * 4 * 30 / (FREE_SLOTS + 2 * 1000 + 4 * 30))
    h = 0.8**2 / (0.5**2 + 0.8**2)
    found = rate(system, "rate:well:T.active:division", **{"T.active": 1000.0, "MSC": 30.0, "MSC.PD-L1": 0.8})
    assert found == pytest.approx(1 - p + p * (1 - 0.8 * h), rel=1e-9)


def test_two_kinds_of_touch_are_averaged_over_all_four_states(tmp_path: Path) -> None:
    other = RULE | {"id": "t-helps-t", "signal": "touch T", "effect": "increases", "fold": "3"}
    system = compile_model(
        small_evidence(tmp_path, {"rules": [RULE, other]}), sites={"T": ("well",), "MSC": ("well",)}
    )
    counts = {"T": 500.0, "T.active": 800.0, "MSC": 60.0}
    taken = FREE_SLOTS + 500 + 2 * 800 + 4 * 60
    p, q = share(2 * 4 * 60 / taken), share(2 * 500 / taken)
    expected = (1 - p) * (1 - q) + p * (1 - q) * 0.2 + (1 - p) * q * 3 + p * q * 3 * 0.2
    assert rate(system, "rate:well:T.active:division", **counts) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1e4), st.floats(1, 1e4))
def test_more_msc_never_stop_less(touching: Evidence, msc: float, t: float) -> None:
    system = SYSTEMS.setdefault(
        id(touching), compile_model(touching, sites={"T.active": ("well",), "MSC": ("well",)})
    )
    now, more = (
        rate(system, "rate:well:T.active:division", **{"T.active": t, "MSC": n}) for n in (msc, msc * 1.5 + 1)
    )
    assert 0.2 - 1e-9 <= more <= now <= 1.0 + 1e-9


SYSTEMS: dict[int, System] = {}


def test_nobody_touches_across_a_membrane(touching: Evidence) -> None:
    system = compile_model(
        touching, sites={"T.active": ("well",), "MSC": ("insert",)}, places={"well": 200.0, "insert": 100.0}
    )
    found = rate(system, "rate:well:T.active:division", **{"T.active": 1000.0})
    assert found == 1.0
    assert not any(name.startswith("touch:well:T.active:MSC") for name in system.assignments)
