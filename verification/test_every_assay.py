"""Every shipped assay and its arms as SBML, in libRoadRunner and COPASI: `pytest verification -m verification`."""

from __future__ import annotations

import pytest
from agreement import ARMS, SIMULATORS, Model, build, deviations, undescribed

from stromal.evidence import load_evidence
from stromal.experiments import list_assays
from stromal.export.sbml import check_sbml, unit_gaps

pytestmark = pytest.mark.verification
EVERY = [(assay, arm) for assay, arms in ARMS.items() for arm in arms]


@pytest.fixture(scope="module", params=EVERY, ids=lambda some: f"{some[0]}, {some[1]}")
def model(request: pytest.FixtureRequest) -> Model:
    assay, arm = request.param
    return build(assay, ARMS[assay][arm], load_evidence())


def test_every_shipped_assay_is_here() -> None:
    assert set(ARMS) == set(list_assays())


def test_valid_with_units_and_citations(model: Model) -> None:
    assert check_sbml(model.sbml) == []
    assert unit_gaps(model.well.system) == []
    assert undescribed(model, load_evidence()) == []


@pytest.mark.parametrize("simulator", list(SIMULATORS))
def test_other_simulators_agree(model: Model, simulator: str, record_property) -> None:  # noqa: ANN001
    found = deviations(model, simulator)
    worst = max(found, key=lambda name: found[name])
    record_property("worst", f"{worst} {found[worst]:.1e}")
    print(f"{simulator}: {worst} {found[worst]:.1e}")
    assert found[worst] < 1e-3
