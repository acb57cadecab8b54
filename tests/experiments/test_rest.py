"""Rest: influxes that hold the resting counts, found draw by draw, and draws that cannot rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small import small_evidence
from small_body import BODY, SITES, compiled, run

from stromal.experiments.ensemble import prior_ensemble
from stromal.experiments.rest import TOLERANCE, solve_rest
from stromal.model import System


def numbers(system: System, rows: int = 1) -> np.ndarray:
    return np.tile([p.value for p in system.parameters], (rows, 1))


def test_the_influx_is_what_is_lost(tmp_path: Path) -> None:
    system = compiled(small_evidence(tmp_path, base=BODY))
    found = solve_rest(system, numbers(system), {}, threads=1)
    index = system.parameter_index
    assert found.ok.all()
    # 100 cells/uL of epithelium that die at 0.25 a day, 10 macrophages at 0.1
    assert found.parameters[0, index["supply:target:E"]] == pytest.approx(25.0, rel=0.02)
    assert found.parameters[0, index["supply:target:M"]] == pytest.approx(1.0, rel=0.02)
    assert found.y[0, system.state_index["target:E"]] == pytest.approx(100.0, rel=0.02)
    others = [i for n, i in index.items() if not n.startswith("supply:")]
    np.testing.assert_array_equal(found.parameters[:, others], numbers(system)[:, others])


def test_a_body_that_was_disturbed_comes_back(tmp_path: Path) -> None:
    system = compiled(small_evidence(tmp_path, base=BODY))
    found = solve_rest(system, numbers(system), {}, threads=1)
    influx = {n: float(found.parameters[0, i]) for n, i in system.parameter_index.items() if n.startswith("supply:")}  # fmt: skip
    for start in (1.0, 300.0):
        end = run(system, 100.0, {"target:E": start, "target:M": start}, **influx)
        assert end["target:E"] == pytest.approx(100.0, rel=0.03)
        assert end["target:M"] == pytest.approx(10.0, rel=0.03)


def test_each_draw_has_its_own_influx(tmp_path: Path) -> None:
    more = {"behaviours": [{"cell": "E", "behaviour": "death", "base": "0.25", "most": "80", "least": "0.1", "strength": "assumed", "spread": "3"}]}  # fmt: skip
    evidence = small_evidence(tmp_path, more, base=BODY)
    system = compiled(evidence)
    drawn = prior_ensemble(evidence, 20).sample(system, evidence)
    found = solve_rest(system, drawn, {}, threads=1)
    index = system.parameter_index
    loss = drawn[:, index["base:E:death"]] * drawn[:, index["reference:target:E"]]
    assert found.ok.all() and np.ptp(loss) > 10
    np.testing.assert_allclose(found.parameters[:, index["supply:target:E"]], loss, rtol=TOLERANCE)


def test_a_draw_that_no_influx_can_hold_is_rejected(tmp_path: Path) -> None:
    # macrophages that divide faster than they die grow whatever comes in
    grows = {"cell": "M", "behaviour": "division", "base": "0.05"}
    system = compiled(small_evidence(tmp_path, {"behaviours": [grows]}, base=BODY))
    drawn = numbers(system, 2)
    drawn[1, system.parameter_index["base:M:division"]] = 0.3
    found = solve_rest(system, drawn, {}, threads=1)
    assert found.ok.tolist() == [True, False]
    assert found.parameters[0, system.parameter_index["supply:target:M"]] == pytest.approx(0.5, rel=0.05)


def test_further_cells_are_there_at_rest(tmp_path: Path) -> None:
    still = [
        {"cell": "T", "behaviour": b, "base": "0"} for b in ("division", "death", "migrates blood>target")
    ]
    tables = {k: v for k, v in BODY.items() if k != "rules"}
    system = compiled(small_evidence(tmp_path, {"behaviours": still}, base=tables), SITES)
    found = solve_rest(system, numbers(system), {"blood:T": 7.0}, threads=1)
    assert found.y[0, system.state_index["blood:T"]] == pytest.approx(7.0)


def test_what_builds_up_later_is_made_good_too(tmp_path: Path) -> None:
    # macrophages make what kills them: at first there is none, so the first guess is too small
    rows = [
        {"cell": "M", "behaviour": "secretes TNF", "base": "100000", "unit": "ng/1e6 cells/day"},
        {"cell": "M", "behaviour": "death", "base": "0.1", "most": "5", "least": "0.1"},
    ]
    kills = {"id": "tnf-kills-m", "cell": "M", "behaviour": "death", "signal": "TNF", "effect": "increases", "fold": "3", "unit": "ng/mL"}  # fmt: skip
    system = compiled(small_evidence(tmp_path, {"behaviours": rows, "rules": [kills]}, base=BODY))
    found = solve_rest(system, numbers(system), {}, threads=1)
    assert found.ok.all()
    assert found.y[0, system.state_index["target:M"]] == pytest.approx(10.0, rel=0.03)
    assert found.parameters[0, system.parameter_index["supply:target:M"]] == pytest.approx(3.0, rel=0.1)
