"""Shipped assays as SBML: valid, cited, and the same numbers in libRoadRunner and COPASI.

A few arms, chosen to have everything between them: touch, carried levels, two places and the exchange between
them, a late addition, a quasi-steady mediator, migration. All assays are in `verification`.
"""

from __future__ import annotations

import pytest
from agreement import ARMS, SIMULATORS, build, deviations, undescribed

from stromal.export.sbml import check_sbml, unit_gaps

FAST = [
    ("coculture", "mouse, late, transwell"),
    ("macrophage-polarisation", "contact"),
    ("monocyte-migration", "contact"),
]


@pytest.fixture(scope="module", params=FAST, ids=lambda some: f"{some[0]}, {some[1]}")
def model(request, evidence):
    assay, arm = request.param
    return build(assay, ARMS[assay][arm], evidence)


def test_valid_with_units_and_citations(model, evidence):
    assert check_sbml(model.sbml) == []
    assert unit_gaps(model.well.system) == []
    assert undescribed(model, evidence) == []


@pytest.mark.parametrize("simulator", list(SIMULATORS))
def test_other_simulators_agree(model, simulator):
    found = deviations(model, simulator)
    worst = max(found, key=lambda name: found[name])
    assert found[worst] < 1e-3, f"{worst} is off by {found[worst]:.1e}"
