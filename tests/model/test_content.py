"""What cells are given and keep: each cell holds some or none, and responds for itself."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from equations import SLOW, at, built, slopes
from small import BENCH

from stromal.model import System
from stromal.model.expr import evaluate, gradient
from stromal.model.signals import FREE_SLOTS

KEEPS = {
    "cell": "Tconv",
    "behaviour": "keeps mitochondria",
    "base": "1",
    "unit": "relative",
    "half_life": "1e9",
    "half_life_unit": "day",
}
HALF, HILL, FOLD = 0.5, 2.0, 0.2
RULE = SLOW | {
    "id": "mitochondria-slow",
    "signal": "self mitochondria",
    "fold": str(FOLD),
    "half_max": str(HALF),
    "unit": "relative",
    "hill": str(HILL),
}


def response(level: float) -> float:
    h = level**HILL / (HALF**HILL + level**HILL)
    return 1 - (1 - FOLD) * h


def division(system: System, content: float, **more: float) -> float:
    levels = {"T.active": 100.0, "Tconv.mitochondria": content, **more}
    return at(system, "rate:well:T.active:division", **levels)


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> System:
    return built(tmp_path_factory.mktemp("tables"), behaviours=[KEEPS], rules=[RULE])


@pytest.mark.parametrize("content", [0.01, 0.1, 0.5, 2.0, 10.0])
def test_the_response_is_averaged_over_cells_that_hold_some_and_cells_that_do_not(
    holding: System, content: float
) -> None:
    p = 1 - math.exp(-content)
    expected = 1 - p + p * response(content / p)
    assert division(holding, content) == pytest.approx(expected, rel=1e-5)


def test_a_few_cells_that_hold_a_piece_do_not_vanish_in_the_mean(holding: System) -> None:
    """One cell in a hundred holds one piece and responds in full; f(mean) has a twentieth of that."""
    fall = 1 - division(holding, 0.01)
    assert fall == pytest.approx(0.01 * (1 - response(1.0)), rel=0.02)
    assert fall > 15 * (1 - response(0.01))


@pytest.mark.parametrize("content", [0.0, -1e-13, 1e-300, 1e-12, 1e-7, 50.0])
def test_nothing_breaks_at_none_or_at_plenty(holding: System, content: float) -> None:
    rate = division(holding, content)
    assert FOLD <= rate <= 1.0
    env = {s.name: 0.0 for s in holding.states} | {p.name: p.value for p in holding.parameters}
    env |= {"well:T.active": 100.0, "well:Tconv.mitochondria": content}
    slope = gradient(holding.inlined["rate:well:T.active:division"])["well:Tconv.mitochondria"]
    found = float(evaluate(slope, env))
    assert np.isfinite(found) and found <= 1e-9
    if 0 <= content < 1e-6:
        assert found == pytest.approx(response(1.0) - 1, rel=1e-3)


def test_of_the_cells_one_touches_some_hold_and_some_do_not(tmp_path: Path) -> None:
    touch = RULE | {"cell": "MSC", "behaviour": "secretes PGE2", "signal": "touch Tconv.mitochondria"}
    rows = [KEEPS, BENCH["behaviours"][2] | {"least": "0.05"}]
    system = built(tmp_path, behaviours=rows, rules=[touch])
    content, msc, t = 0.2, 10.0, 60.0
    touches = 4 * t / (FREE_SLOTS + t + 4 * msc)
    p = 1 - math.exp(-content)
    q = 1 - math.exp(-touches * p)
    found = at(system, "rate:well:MSC:secretes PGE2", T=t, MSC=msc, **{"Tconv.mitochondria": content})
    assert found / at(system, "rate:well:MSC:secretes PGE2", MSC=msc) == pytest.approx(
        1 - q + q * response(content / p), rel=1e-5
    )


def test_division_shares_what_a_cell_was_given(tmp_path: Path) -> None:
    system = built(tmp_path, behaviours=[KEEPS])
    found = slopes(system, T=50.0, **{"T.active": 150.0, "Tconv.mitochondria": 2.0})
    whole = found["well:Tconv.mitochondria"] * 200 + 2.0 * (found["well:T"] + found["well:T.active"])
    assert found["well:Tconv.mitochondria"] < -1.0
    assert whole == pytest.approx(0.0, abs=1e-2)  # nothing is made or lost


def test_a_lineage_is_given_what_its_named_members_get(tmp_path: Path) -> None:
    gives = {"cell": "MSC", "behaviour": "transfers mitochondria to T.active", "base": "3"}
    still = BENCH["behaviours"][0] | {"base": "0"}
    system = built(tmp_path, behaviours=[KEEPS, gives, still])
    counts = {"T": 300.0, "T.active": 100.0, "MSC": 20.0}
    p = at(system, "touch:well:T.active:MSC", **counts)
    found = slopes(system, **counts)["well:Tconv.mitochondria"]
    assert found == pytest.approx(3 * p * 100 / 400, rel=1e-4)
