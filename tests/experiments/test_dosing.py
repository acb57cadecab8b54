"""Doses: caps per patient, the dead apart, pieces of an infusion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments import prior_ensemble
from stromal.experiments.dosing import doses, viability_after_thaw
from stromal.experiments.therapy import Therapy, parse_therapy


def therapy(evidence: Evidence, **keys: Any) -> Therapy:
    return parse_therapy({"give": "MSC", "amt": "2e6 cells/kg", "route": "IV", **keys}, evidence)


def test_a_dose_per_kg_is_capped_patient_by_patient(evidence: Evidence) -> None:
    given = doses(therapy(evidence, cap="1.2e8 cells", viability=1.0), np.array([20, 60, 90]), evidence)
    (dose,) = given
    assert (dose.what, dose.unit, dose.time) == ("MSC", "cells", 0.0)
    np.testing.assert_array_equal(dose.amount, [4e7, 1.2e8, 1.2e8])


def test_a_fixed_dose_does_not_depend_on_weight(evidence: Evidence) -> None:
    (dose,) = doses(therapy(evidence, amt="2e8 cells", viability=1), np.array([20.0, 90.0]), evidence)
    np.testing.assert_array_equal(dose.amount, [2e8, 2e8])


def test_the_dead_share_is_given_as_dead_cells(evidence: Evidence) -> None:
    alive, dead = doses(therapy(evidence, viability=0.8), 50, evidence)
    assert (alive.what, dead.what) == ("MSC", "MSC.dead")
    assert alive.amount == pytest.approx(8e7) and dead.amount == pytest.approx(2e7)
    assert alive.places == dead.places
    only_dead = doses(therapy(evidence, viability=0), 50, evidence)
    assert [d.what for d in only_dead] == ["MSC.dead"]
    for product in ("dead MSC", "apoptotic MSC"):
        assert len(doses(therapy(evidence, give=product), 50, evidence)) == 1


def test_viability_is_that_after_thawing_unless_stated(evidence: Evidence) -> None:
    alive, dead = doses(therapy(evidence), 50, evidence)
    assert alive.amount == pytest.approx(0.65e8)
    drawn = viability_after_thaw(prior_ensemble(evidence, 4000))
    np.testing.assert_allclose(np.quantile(drawn, [0.05, 0.5, 0.95]), [0.36, 0.65, 0.85], atol=0.03)
    assert alive.amount + dead.amount == pytest.approx(1e8)


def test_draws_and_patients_broadcast(evidence: Evidence) -> None:
    ensemble, weights = prior_ensemble(evidence, 7), np.array([[50.0], [60.0], [70.0]])
    alive, dead = doses(therapy(evidence), weights, evidence, ensemble)
    assert alive.amount.shape == (3, 7)
    assert alive.places["lung"].shape == (7,)
    np.testing.assert_allclose(alive.amount + dead.amount, np.broadcast_to(2e6 * weights, (3, 7)))
    np.testing.assert_allclose(sum(alive.places.values()), np.ones(7))


def test_all_of_it_may_be_put_in_one_place(evidence: Evidence) -> None:
    (dose,) = doses(therapy(evidence, route="", cmt="lymphoid", viability=1), 70, evidence)
    assert dose.places == {"lymphoid": 1.0}


def test_a_drug_given_over_time_is_cut_into_pieces(evidence: Evidence) -> None:
    drug = {"give": "let-7b", "amt": "2 relative", "route": "IV"}
    short = doses(therapy(evidence, **drug, tinf=1, time=3), 70, evidence)
    assert [d.time for d in short] == [3.125, 3.375, 3.625, 3.875]
    assert sum(float(d.amount) for d in short) == pytest.approx(2)
    long = doses(therapy(evidence, **drug, tinf=10), 70, evidence)
    assert [d.time for d in long] == pytest.approx([i + 0.5 for i in range(10)])
    (bolus,) = doses(therapy(evidence, **drug, tinf=0), 70, evidence)
    assert bolus.what == "let-7b" and bolus.amount == 2 and bolus.places == {"blood": 1.0}


def test_several_therapies_are_in_order_of_time(evidence: Evidence) -> None:
    one = therapy(evidence, viability=1, days=[0, 7])
    other = therapy(evidence, viability=1, days=[3], source="adipose")
    given = doses([one, other], 70, evidence)
    assert [d.time for d in given] == [0, 3, 7]
    assert [d.therapy.source for d in given] == ["bone_marrow", "adipose", "bone_marrow"]


@pytest.mark.parametrize("weight", [0, -70, float("nan"), float("inf"), [70, 0]])
def test_a_weight_is_positive(weight: Any, evidence: Evidence) -> None:
    with pytest.raises(InputError, match="weight"):
        doses(therapy(evidence), weight, evidence)
