"""Mixed mononuclear cells: each kind of cell takes part, and answers to what MSC do to the others."""

from __future__ import annotations

import numpy as np
import pytest
from equations import turned

from stromal.evidence import Evidence
from stromal.experiments.results import AssayResult, run_assay

DRAWS = 12
ARMS: dict[str, dict[str, object]] = {
    "none": {"product": "none"},
    "msc": {},
    "msc, no NK": {"seed": {"NK": "0 cells/uL"}},
    "msc, no monocytes": {"seed": {"monocyte": "0 cells/uL"}},
    "unstimulated": {"product": "none", "stimulus": 0},
}


@pytest.fixture(scope="module")
def found(evidence: Evidence) -> AssayResult:
    return run_assay("pbmc", arms=ARMS, draws=DRAWS, evidence=evidence)


def median(found: AssayResult, readout: str, arm: str) -> float:
    return float(np.nanmedian(found.values(readout, arm)))


@pytest.mark.parametrize("readout", ["proliferation", "b_proliferation", "nk_activated", "IFNG"])
def test_a_stimulus_rouses_each_kind_of_cell(found: AssayResult, readout: str) -> None:
    assert median(found, readout, "none") > 5 * median(found, readout, "unstimulated")


def test_msc_lower_division_of_t_and_b_cells(found: AssayResult) -> None:
    for readout in ("proliferation", "b_proliferation"):
        assert median(found, readout, "msc") < 0.95 * median(found, readout, "none")


def test_nk_cells_cost_msc(found: AssayResult) -> None:
    assert median(found, "msc_left", "msc") < median(found, "msc_left", "msc, no NK")


def test_monocytes_stay_away_where_there_were_none(found: AssayResult) -> None:
    assert median(found, "macrophages", "msc, no monocytes") < 1e-6 < median(found, "macrophages", "msc")


def test_what_shields_msc_from_nk_cells_decides_how_many_are_left(evidence: Evidence) -> None:
    """Turn round the rule by which HLA class I on MSC holds NK cells back: fewer MSC are left."""
    arms = {"msc": ARMS["msc"]}
    rule = next(
        r.id
        for r in evidence.rules.values()
        if r.behaviour == "kills MSC" and "HLA-ABC" in r.signal and r.effect == "decreases"
    )
    whole = run_assay("pbmc", arms=arms, draws=6, evidence=evidence)
    broken = run_assay("pbmc", arms=arms, draws=6, evidence=turned(evidence, rule))
    left = broken.values("msc_left", "msc") / whole.values("msc_left", "msc")
    assert (left < 1).all() and np.median(left) < 0.9
