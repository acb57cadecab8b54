"""A whole disease as SBML, with insults, drugs and doses, in libRoadRunner and COPASI.

A hundred days and several minutes each: `pytest verification/test_diseases.py -m verification`.
"""

from __future__ import annotations

import numpy as np
import pytest
from agreement import Model, deviations, undescribed

from stromal.evidence import load_evidence
from stromal.experiments.whole_course import course
from stromal.experiments.trial import load_trial
from stromal.export import export_model
from stromal.export.sbml import check_sbml, unit_gaps

pytestmark = pytest.mark.verification


@pytest.fixture(scope="module", params=["sr-agvhd"])
def model(request: pytest.FixtureRequest) -> Model:
    evidence = load_evidence()
    # all doses are given by then, and what follows is slow
    days = np.concatenate([np.arange(0.0, 60.0), np.arange(60.0, 101.0, 10.0)])
    well = course(load_trial(request.param, evidence), evidence, days=days)
    return Model(well, export_model(request.param, evidence=evidence))


def test_valid_with_units_and_citations(model: Model) -> None:
    assert check_sbml(model.sbml) == []
    assert unit_gaps(model.well.system) == []
    assert undescribed(model, load_evidence()) == []


@pytest.mark.parametrize("simulator", ["roadrunner", "basico"])
def test_other_simulators_agree(model: Model, simulator: str, record_property) -> None:  # noqa: ANN001
    found = deviations(model, simulator)
    worst = max(found, key=lambda name: found[name])
    record_property("worst", f"{worst} {found[worst]:.1e}")
    print(f"{simulator}: {worst} {found[worst]:.1e}")
    assert found[worst] < 1e-3
