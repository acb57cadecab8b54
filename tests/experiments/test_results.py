"""What an assay hands out: values in every draw on any day."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.experiments.results import AssayResult, run_assay


@pytest.fixture(scope="module")
def found(evidence: Evidence) -> AssayResult:
    return run_assay(
        "msc-licensing", arms={"a": {}, "b": {"add": {"IFNG": "10 ng/mL"}}}, draws=3, evidence=evidence
    )


@pytest.mark.parametrize("day", [0.0, 0.25, 1.0, 1.1])
@pytest.mark.parametrize("arm", ["a", "b"])
def test_values_are_linear_between_the_days_that_are_kept(found: AssayResult, arm: str, day: float) -> None:
    name = next(iter(found.readouts))
    expected = found.data[name].sel(arm=arm).interp(day=day).values
    np.testing.assert_allclose(found.values(name, arm, day), expected, rtol=1e-12)


def test_outside_the_assay_nothing_is_known(found: AssayResult) -> None:
    name = next(iter(found.readouts))
    assert np.isnan(found.values(name, "a", found.assay.main.days + 1)).all()
    assert np.isnan(found.values(name, "a", -1.0)).all()


def test_values_are_not_a_view_of_the_data(found: AssayResult) -> None:
    name = next(iter(found.readouts))
    before = found.values(name, "a").copy()
    found.values(name, "a")[:] = -1
    np.testing.assert_array_equal(found.values(name, "a"), before)
