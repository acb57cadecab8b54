"""Vesicles in a body: what the blood loses of them is in organs, by the shares of a dose into a vein."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small import small_evidence
from small_body import BODY, SITES, VOLUMES, compiled, run

from stromal.evidence import Evidence, load_evidence
from stromal.experiments.body import body_system, organs
from stromal.experiments.disease import load_disease
from stromal.experiments.ensemble import prior_ensemble
from stromal.experiments.routes import route_shares
from stromal.model import System

_SOURCED = {"source": "made for a test", "status": "assumed", "strength": "measured", "spread": "1"}
#: Particles per nL and particles in all: nL of a uL.
NL = 1000.0


def _route(place: str, share: str) -> dict[str, str]:
    return {"route": "IV", "what": "vesicles", "place": place, "share": share, **_SOURCED}


def body(folder: Path, kind: str = "vesicle", sensed: tuple[str, ...] = ("lung", "target")) -> System:
    """Return the small body with vesicles that T cells of the target make and macrophages sense."""
    half_life = {"half_life": "0.1", "half_life_unit": "day", **_SOURCED}
    more = {
        "mediators": [{"name": "EV", "label": "vesicle", "kind": kind, "unit": "particles/nL"}],
        "kinetics": [{"mediator": "EV", "place": p, **half_life} for p in ("blood", "body")],
        # the share that is still in the blood is no place that they go to
        "routes": [_route("lung", "0.3"), _route("target", "0.2"), _route("blood", "0.5")],
        "behaviours": [
            {"cell": "T", "behaviour": "secretes EV", "base": "1000", "unit": "particles/cell/day"},
            {"cell": "M", "behaviour": "takes up EV", "base": "0", "unit": "1/day/(cell/uL)"},
        ],
    }
    return compiled(small_evidence(folder, more, base=BODY), {**SITES, "M": sensed}, ("EV",))


def in_all(levels: dict[str, float]) -> dict[str, float]:
    return {p: levels.get(f"{p}:EV", 0.0) * volume * NL for p, volume in VOLUMES.items()}


#: Nothing is lost in organs, and nobody makes any.
STILL = {"loss:EV:body": 0.0, "base:T:secretes EV": 0.0}


def test_what_the_blood_loses_is_found_in_organs(tmp_path: Path) -> None:
    found = in_all(run(body(tmp_path), 5.0, {"blood:EV": 8.0}, **STILL, **{"washout:target": 0.0}))
    assert found["blood"] == pytest.approx(0.0, abs=1e-3)
    assert sum(found.values()) == pytest.approx(8.0 * VOLUMES["blood"] * NL, rel=1e-4), "none is lost"
    assert found["lung"] / found["target"] == pytest.approx(0.3 / 0.2, rel=1e-4)


def test_what_is_released_in_an_organ_goes_on_as_if_it_were_given(tmp_path: Path) -> None:
    # the target is washed and the lung of this body is not: all ends there, and none is lost on the way
    found = in_all(run(body(tmp_path), 40.0, {"target:EV": 8.0}, **STILL))
    assert sum(found.values()) == pytest.approx(8.0 * VOLUMES["target"] * NL, rel=1e-4)
    assert found["lung"] > 0.99 * sum(found.values())
    made = in_all(run(body(tmp_path), 1.0, {"target:T": 5.0}, **{"loss:EV:body": 0.0}))
    assert made["lung"] > 0.05 * sum(made.values())


def test_where_nobody_senses_them_they_are_gone_and_cytokines_are_lost_as_before(tmp_path: Path) -> None:
    start, still = {"blood:EV": 8.0}, {**STILL, "washout:target": 0.0}
    found = in_all(run(body(tmp_path / "a", sensed=("target",)), 5.0, start, **still))
    assert found["lung"] == 0.0
    assert found["target"] == pytest.approx(0.4 * 8.0 * VOLUMES["blood"] * NL, rel=1e-4)
    plain = in_all(run(body(tmp_path / "b", kind="cytokine"), 5.0, start, **still))
    assert max(plain.values()) < 1e-3


@pytest.fixture(scope="module")
def mouse() -> tuple[Evidence, System]:
    evidence = load_evidence()
    disease = load_disease("mouse-agvhd", evidence)
    return evidence, body_system(evidence, disease.sites, "mouse")


def test_a_dose_and_what_cells_release_go_by_the_same_draw(mouse: tuple[Evidence, System]) -> None:
    evidence, system = mouse
    draws = prior_ensemble(evidence, 5)
    numbers = draws.sample(system, evidence)
    shares = route_shares(evidence, "IV", "vesicles", draws)
    for kind in ("MSC-EV", "apoV"):
        gone = [p for p in system.processes if p.name.startswith(f"blood:{kind}:to ")]
        assert {p.name.rpartition(" ")[2] for p in gone} == {"lung", "lymphoid", "target"}
    weight = {p: numbers[:, system.parameter_index[f"route:IV:vesicles:{p}"]] for p in shares if p != "blood"}
    released = weight["lymphoid"] / sum(weight.values())
    np.testing.assert_allclose(released, shares["lymphoid"] / (1.0 - shares["blood"]), rtol=1e-12)


def test_every_loss_from_blood_is_whole(mouse: tuple[Evidence, System]) -> None:
    _, system = mouse
    volumes = organs(load_evidence(), "mouse")
    for process in system.processes:
        if process.name.startswith("blood:MSC-EV:to "):
            amount = sum(c * volumes[state.partition(":")[0]] for state, c in process.changes)
            assert amount == pytest.approx(0.0, abs=1e-9), process.name
