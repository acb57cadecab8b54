"""Hepatitis of mice: the target is the liver of the table, the lectin acts through NKT cells, and rules can be broken."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import untreated

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.body import organs, targeted
from stromal.experiments.disease import load_disease
from stromal.experiments.routes import route_shares

CONA, IMMUNISED = "mouse-cona-hepatitis", "mouse-autoimmune-hepatitis"


mice = partial(untreated.hosts, size=12)
course = partial(untreated.course, size=12)


def test_the_target_is_the_liver_of_the_table(evidence: Evidence) -> None:
    disease = load_disease(CONA, evidence)
    table = organs(evidence, "mouse")
    assert disease.volumes["target"] == table["liver"] and "liver" not in disease.volumes
    assert sum(disease.volumes.values()) == pytest.approx(sum(table.values()))
    assert disease.sizes == {}
    assert "target" in disease.sites["MSC"] and not any("liver" in where for where in disease.sites.values())


@pytest.mark.parametrize("what", ["cells", "vesicles"])
def test_what_went_to_the_liver_goes_to_the_target(what: str, evidence: Evidence) -> None:
    before = route_shares(evidence, "IV", what)
    after = route_shares(targeted(evidence, "mouse", "liver"), "IV", what)
    assert "liver" not in after and sum(after.values()) == pytest.approx(1)
    assert after["target"] == pytest.approx(before["liver"] + before["target"])
    assert all(after[place] == pytest.approx(before[place]) for place in after if place != "target")


def test_blood_gives_its_vesicles_to_a_target_that_is_the_liver(evidence: Evidence) -> None:
    patients, _, _ = mice(evidence, CONA)
    index = patients.system.parameter_index
    share = patients.parameters[:, index["route:IV:vesicles:target"]]
    assert np.median(share) > 0.3 and "route:IV:vesicles:liver" not in index


@pytest.mark.parametrize("organ", ["livr", "rest", "blood", "target"])
def test_an_organ_that_is_none_is_refused(organ: str, evidence: Evidence) -> None:
    with pytest.raises(InputError) as err:
        targeted(evidence, "mouse", organ)
    assert err.value.suggestion or organ != "livr"


@pytest.mark.parametrize("name", [CONA, IMMUNISED])
def test_livers_rest(name: str, evidence: Evidence) -> None:
    damage = course(evidence, name, "damage", [28.0, 150.0], healthy=True)
    assert len(damage) >= 8 and damage.max() < 0.1 and np.median(damage) < 0.05
    np.testing.assert_allclose(damage[:, 0], damage[:, 1], atol=0.01)


def test_concanavalin_a_kills_hepatocytes_within_a_day_and_they_grow_back(evidence: Evidence) -> None:
    rest = np.median(course(evidence, CONA, "ALT", [1.0], healthy=True))
    early, peak, late = np.median(course(evidence, CONA, "ALT", [0.05, 1.0, 7.0]), axis=0)
    assert peak > 5 * rest and early < 0.5 * peak and late < 0.5 * peak
    hurt, healed = np.median(course(evidence, CONA, "damage", [2.0, 28.0]), axis=0)
    assert hurt > 0.15 and healed < 0.5 * hurt


@pytest.mark.parametrize(
    "factors",
    [
        {"base:NKT:secretes IFNG": 0.0},
        {"base:lectin:secretes CD1d-stimulus": 0.0},
        {"rule:ifng-kills-hepatocytes:half_max": 1e6},
        {"rule:tnf-kills-hepatocytes:half_max": 1e6},
    ],
)
def test_without_a_link_of_the_chain_the_liver_is_hurt_less(
    factors: dict[str, float], evidence: Evidence
) -> None:
    patients, _, _ = mice(evidence, CONA)
    known = {name: f for name, f in factors.items() if name in patients.system.parameter_index}
    known = known or {
        name: f
        for key, f in factors.items()
        for name in patients.system.parameter_index
        if name.startswith(key)
    }
    assert known
    whole = course(evidence, CONA, "damage", [1.0])
    spared = course(evidence, CONA, "damage", [1.0], factors=known)
    assert (spared <= whole + 1e-3).all() and np.median(spared) < 0.9 * np.median(whole)


def test_immunised_mice_get_t_cells_in_the_liver_and_lose_hepatocytes(evidence: Evidence) -> None:
    resting = np.median(course(evidence, IMMUNISED, "hepatic T", [28.0], healthy=True))
    assert np.median(course(evidence, IMMUNISED, "hepatic T", [28.0])) > 2 * resting
    killers = (
        "th1-kills-hepatocytes",
        "tc1-kills-hepatocytes",
        "tnf-kills-hepatocytes",
        "ifng-kills-hepatocytes",
    )
    deaf = {f"rule:{rule}:half_max": 1e6 for rule in killers}
    hurt = course(evidence, IMMUNISED, "damage", [28.0])
    spared = course(evidence, IMMUNISED, "damage", [28.0], factors=deaf)
    assert np.mean(hurt[:, 0] > 0.05) >= 0.3 and spared.max() < 0.1
