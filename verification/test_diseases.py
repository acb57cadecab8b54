"""A whole disease as SBML, with insults, drugs and doses, in libRoadRunner and COPASI.

Several minutes each: `pytest verification/test_diseases.py -m verification`.
"""

from __future__ import annotations

import numpy as np
import pytest
from agreement import Model, deviations, undescribed

from stromal.evidence import load_evidence
from stromal.experiments.trial import load_trial
from stromal.experiments.whole_course import course
from stromal.export import export_model, groundings, identifiers
from stromal.export.sbml import check_sbml, to_sbml, unit_gaps

pytestmark = pytest.mark.verification
DISEASES = ["sr-agvhd", "mouse-agvhd"]


@pytest.fixture(scope="module", params=DISEASES)
def whole(request: pytest.FixtureRequest) -> Model:
    """From health on: all insults, drugs and doses; what follows them is slow."""
    evidence = load_evidence()
    days = np.concatenate([np.arange(0.0, 60.0), np.arange(60.0, 101.0, 10.0)])
    well = course(load_trial(request.param, evidence), evidence, days=days)
    return Model(well, export_model(request.param, evidence=evidence))


@pytest.fixture(scope="module", params=DISEASES)
def enrolled(request: pytest.FixtureRequest) -> Model:
    """Three days from enrolment, a dose included: COPASI takes a minute for what others do in a second."""
    evidence = load_evidence()
    well = course(load_trial(request.param, evidence), evidence, days=np.arange(4.0), enrolled=True)
    text = to_sbml(
        well.system,
        y0=well.start.tolist(),
        params=well.parameters.tolist(),
        events=well.events,
        grounding=groundings(evidence),
        references=identifiers(evidence),
    )
    return Model(well, text)


def test_valid_with_units_and_citations(whole: Model) -> None:
    assert check_sbml(whole.sbml) == []
    assert unit_gaps(whole.well.system) == []
    assert undescribed(whole, load_evidence()) == []


def test_libroadrunner_agrees_on_the_whole_course(whole: Model, record_property) -> None:  # noqa: ANN001
    found = deviations(whole, "roadrunner")
    worst = max(found, key=lambda name: found[name])
    record_property("worst", f"{worst} {found[worst]:.1e}")
    assert found[worst] < 1e-3


def test_copasi_agrees_from_enrolment_on(enrolled: Model, record_property) -> None:  # noqa: ANN001
    found = deviations(enrolled, "basico", rtol=1e-6, atol=1e-8)
    worst = max(found, key=lambda name: found[name])
    record_property("worst", f"{worst} {found[worst]:.1e}")
    assert found[worst] < 1e-3
