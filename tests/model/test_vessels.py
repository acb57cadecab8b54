"""Cells that lie in vessels: a share of what they make goes straight into the blood."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import small_evidence
from small_body import BODY, SITES, VOLUMES, compiled, run

from stromal.errors import InputError
from stromal.evidence import load_evidence
from stromal.experiments.body import body_system, organs
from stromal.experiments.disease import load_disease
from stromal.model import System

_SOURCED = {"source": "made for a test", "status": "assumed", "strength": "measured", "spread": "1"}


def body(folder: Path, *vessels: dict[str, str]) -> System:
    """Return the small body with T cells in the lung too, where they make IL2 that the target takes up."""
    rows = [{"cell": "T", "place": "lung", "what": "molecules", **row, **_SOURCED} for row in vessels]
    sites = {**SITES, "T": ("blood", "lung", "target")}
    return compiled(small_evidence(folder, {"vessels": rows} if rows else {}, base=BODY), sites)


def made(system: System) -> dict[str, float]:
    """Return ng of IL2 in each place after a tenth of a day of T cells in the lung, where none is lost."""
    still = {
        "loss:IL2:blood": 0.0,
        "loss:IL2:body": 0.0,
        "washout:target": 0.0,
        "base:T:migrates blood>target": 0.0,
    }
    still |= {"base:T:division": 0.0, "base:T:death": 0.0, "base:M:takes up IL2": 0.0}
    found = run(system, 0.1, {"lung:T": 10.0}, **still)
    return {p: found.get(f"{p}:IL2", 0.0) * volume for p, volume in VOLUMES.items()}


def test_the_share_goes_into_the_blood_and_none_is_lost(tmp_path: Path) -> None:
    whole, split = made(body(tmp_path / "a")), made(body(tmp_path / "b", {"into_blood": "0.7"}))
    assert whole["lung"] > 0 and whole["blood"] == pytest.approx(0.0, abs=1e-12)
    assert sum(split.values()) == pytest.approx(sum(whole.values()), rel=1e-4)
    assert split["blood"] / sum(split.values()) == pytest.approx(0.7, rel=1e-4)


def test_only_what_the_row_is_about_is_split(tmp_path: Path) -> None:
    others = {"into_blood": "0.7", "what": "vesicles"}, {"into_blood": "0.7", "cell": "M"}
    own = {"into_blood": "0.7"}, {"into_blood": "0.2", "what": "IL2"}
    found = made(body(tmp_path / "own", *own))
    assert found["blood"] / sum(found.values()) == pytest.approx(0.2, rel=1e-4), "its own row goes first"
    for i, row in enumerate(others):
        assert made(body(tmp_path / str(i), row))["blood"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"into_blood": "1.2"}, "vessels.csv, line 2, into_blood"),
        ({"into_blood": "0.5", "place": "lungs"}, "vessels.csv, line 2, place: no place 'lungs'.*'lung'"),
        ({"into_blood": "0.5", "place": "blood"}, "vessels.csv, line 2, place: no place 'blood'"),
        ({"into_blood": "0.5", "cell": "U"}, "vessels.csv, line 2, cell: no cell 'U'"),
        (
            {"into_blood": "0.5", "what": "vesicle"},
            "vessels.csv, line 2, what: no what 'vesicle'.*'vesicles'",
        ),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, row: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        body(tmp_path, row)


def test_msc_of_the_lung_release_into_the_blood_and_those_of_nodes_do_not() -> None:
    evidence = load_evidence()
    system = body_system(evidence, load_disease("mouse-agvhd", evidence).sites, "mouse")
    volumes, inward = (
        organs(evidence, "mouse"),
        [p for p in system.processes if p.name.endswith(":into blood")],
    )
    assert {"lung:MSC:secretes MSC-EV:into blood", "lung:MSC.apoptotic:secretes apoV:into blood"} <= {
        p.name for p in inward
    }
    for process in inward:
        ((state, coefficient),) = process.changes
        assert process.name.startswith("lung:MSC") and state.startswith("blood:")
        assert coefficient == pytest.approx(volumes["lung"] / volumes["blood"])
