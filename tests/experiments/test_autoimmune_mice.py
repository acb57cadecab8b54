"""Mice with diseases that T cells drive: they rest, fall ill by the insult alone, and by rules that can be broken."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import untreated

from stromal.evidence import Evidence
from stromal.experiments.disease import load_disease
from stromal.experiments.insults import insults

#: Disease, what to read, day.
MICE = {
    "mouse-dth": ("swelling", 9.0),
    "mouse-nod": ("damage", 112.0),
    "mouse-stz": ("damage", 28.0),
    "mouse-eau": ("damage", 28.0),
    "mouse-arthritis": ("erosion", 63.0),
    "mouse-lpr-arthritis": ("erosion", 120.0),
}


mice = partial(untreated.hosts, size=10)
course = partial(untreated.course, size=10)


@pytest.mark.parametrize("name", sorted(MICE))
def test_healthy_mice_stay_healthy(name: str, evidence: Evidence) -> None:
    observable, day = MICE[name]
    seen = course(evidence, name, observable, [day / 2, day, 200.0], healthy=True)
    assert len(seen) >= 7 and seen.max() < 0.05
    # nor do living MSC in lung and circulation do a healthy mouse harm
    treated = course(
        evidence, name, observable, [30.0, 100.0], healthy=True, dose={"lung:MSC": 1000.0, "rest:MSC": 10.0}
    )
    assert treated.max() < 0.05


@pytest.mark.parametrize("name", sorted(MICE))
def test_the_insult_makes_disease_in_some_draws_and_not_at_once(name: str, evidence: Evidence) -> None:
    observable, day = MICE[name]
    seen = course(evidence, name, observable, [day])
    limit = 10.0 if name == "mouse-dth" else 0.1
    assert np.mean(seen[:, 0] > limit) >= 0.2
    if name in ("mouse-nod", "mouse-eau", "mouse-arthritis", "mouse-lpr-arthritis"):
        assert np.median(course(evidence, name, observable, [3.0])) < 0.1


@pytest.mark.parametrize(
    ("name", "killers"),
    [
        ("mouse-nod", ("tc1-kills-beta", "cd8-kills-beta", "th1-kills-beta", "il1b-kills-beta", "tnf-kills-beta")),
        ("mouse-eau", ("th1-kills-retina", "th17-kills-retina", "tnf-kills-retina")),
        ("mouse-arthritis", ("mmp3-kills-cartilage", "il1b-kills-cartilage")),
        ("mouse-lpr-arthritis", ("mmp3-kills-cartilage", "il1b-kills-cartilage")),
    ],
)  # fmt: skip
def test_without_the_rules_that_kill_the_organ_is_whole(
    name: str, killers: tuple[str, ...], evidence: Evidence
) -> None:
    observable, day = MICE[name]
    factors = {f"rule:{rule}:half_max": 1e6 for rule in killers}
    with_them = course(evidence, name, observable, [day]).max()
    # a wave of death is part of how it begins in NOD mice
    assert with_them > 0.1 and course(evidence, name, observable, [day], factors=factors).max() < 0.06


def test_pdl1_of_the_host_holds_diabetes_back(evidence: Evidence) -> None:
    patients, _, _ = mice(evidence, "mouse-nod")
    hold = ("beta-pdl1-holds-killers", "own-apc-pdl1-slows-t-division", "beta-pdl1-slows-t-division")
    free = {f"rule:{rule}:half_max": 1e6 for rule in hold}
    assert all(name in patients.system.parameter_index for name in free)
    days = [42.0, 56.0, 84.0]
    held, unheld = (course(evidence, "mouse-nod", "damage", days, factors=f) for f in (None, free))
    assert (unheld >= held - 0.02).all() and (unheld - held).max() > 0.05


def test_what_dies_primes_t_cells(evidence: Evidence) -> None:
    # what was shown at rest is forgotten in hours
    factors = {"base:APC.own:secretes TCR": 0.0}
    shown = course(evidence, "mouse-stz", "primed effectors", [10.0])
    hidden = course(evidence, "mouse-stz", "primed effectors", [10.0], factors=factors)
    assert np.median(shown) > 100 and np.median(hidden) < 1 and (hidden <= shown).all()


def test_cells_that_circulate_home_by_ccl5_alone(evidence: Evidence) -> None:
    dose, more = {"rest:MSC": 100.0}, {"factor:MSC:migrates rest>target": 20.0}
    plain = course(evidence, "mouse-eau", "MSC in the eye", [1.0], dose=dose)
    many = course(evidence, "mouse-eau", "MSC in the eye", [1.0], dose=dose, factors=more)
    assert (many > 5 * plain).all()
    none = course(evidence, "mouse-stz", "damage", [1.0], dose={"rest:MSC": 100.0})
    assert np.isfinite(none).all()
    deaf = {**more, "rule:ccl5-draws-msc-to-target:half_max": 1e9}
    assert (course(evidence, "mouse-eau", "MSC in the eye", [1.0], dose=dose, factors=deaf) < 1e-6).all()


def test_a_module_may_say_how_many_cells_rest_in_its_organ(evidence: Evidence) -> None:
    patients, disease, _ = mice(evidence, "mouse-eau")
    assert disease.counts["target:M0"] == 2000
    at = patients.parameters[:, patients.system.parameter_index["reference:target:M0"]]
    assert np.median(at) == pytest.approx(2000, rel=1.5) and np.ptp(at) > 0
    now = patients.y[:, patients.system.state_index["target:M0"]]
    np.testing.assert_allclose(now, at, rtol=0.1)


@pytest.mark.parametrize("name", ["mouse-eau", "mouse-arthritis"])
def test_cells_that_show_the_antigen_leave_room_for_those_that_see_it(name: str, evidence: Evidence) -> None:
    # division in lymphoid tissue is halved where crowding is 1; what comes with the antigen is not that many
    patients, disease, ensemble = mice(evidence, name)
    index, numbers = patients.system.state_index, patients.system.parameter_index
    day, scale, shift = insults(patients, disease, ensemble, evidence, 1)[0]
    assert day == 0.0
    y = scale * patients.y + shift
    shown = ["lymphoid:APC.own", "lymphoid:APC.loaded"]
    crowd = sum(
        y[:, index[s]] * patients.parameters[:, numbers[f"slots:{s.partition(':')[2]}"]] for s in shown
    )
    share = crowd / patients.parameters[:, numbers["capacity:lymphoid"]]
    assert np.median(share) < 0.5


def test_what_differs_between_mice_leaves_healthy_ones_healthy(evidence: Evidence) -> None:
    for name in ("mouse-eau", "mouse-eau-nodes", "mouse-arthritis", "mouse-nod", "mouse-stz"):
        disease = load_disease(name, evidence)
        index = disease.system(evidence).parameter_index
        for key, entry in disease.spec.variability.items():
            for pattern in entry.select:
                # what is not T cells or the antigen that they see is there in a healthy mouse too
                seen = [
                    p for p in index if p == pattern or (pattern.endswith("*") and p.startswith(pattern[:-1]))
                ]
                assert seen, (name, key, pattern)
                assert all("TCR" in p or any(t in p for t in ("tc1-", "cd8-", "th1-", "th17-")) for p in seen)
