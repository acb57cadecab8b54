"""The bench: wells rest, mass is kept, products bring what they should, arms share random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.arm import parse_arm
from stromal.experiments.assay import load_assay
from stromal.experiments.bench import Run, simulate
from stromal.experiments.ensemble import Ensemble, prior_ensemble

ARMS = {
    "alone": {"product": "none"},
    "naive": {},
    "again": {},
    "primed": {"priming": ["IFNG", "TNF"]},
    "late": {"msc_day": 2.0},
    "late, primed": {"msc_day": 2.0, "priming": ["IFNG", "TNF"]},
    "medium": {"product": "conditioned medium"},
    "medium, late": {"product": "conditioned medium", "dose": "90 %", "msc_day": 3.0},
    "resting": {"product": "none", "stimulus": 0.0},
    "resting with MSC": {"stimulus": 0.0},
    "vesicles": {"product": "MSC-EV", "dose": "500 particles/nL"},
    "blocked": {"block": ["PTGS2"]},
}
#: Made by activated T cells, so absent from a well that rests.
CYTOKINES = ("IFNG", "TNF", "IL2", "IL6", "IL10", "IL17A", "IL17F", "PGE2")


@pytest.fixture(scope="module")
def ensemble(evidence: Evidence) -> Ensemble:
    return prior_ensemble(evidence, 5, seed=1)


class Wells:
    """Trajectories by arm and state."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, arm: str, state: str) -> np.ndarray:
        """Return (draws, times)."""
        return self.run.y[self.run.arms.index(arm), :, :, self.run.system.state_index[state]]


def run(evidence: Evidence, ensemble: Ensemble, assay: str, arms: dict, **options: int) -> Wells:
    protocol = load_assay(assay, evidence)
    chosen = {name: parse_arm(keys, protocol.defaults, evidence) for name, keys in arms.items()}
    (found,) = simulate(protocol, chosen, evidence, ensemble, **options)
    return Wells(found)


@pytest.fixture(scope="module")
def wells(evidence: Evidence, ensemble: Ensemble) -> Wells:
    return run(evidence, ensemble, "coculture", ARMS, threads=1)


@pytest.fixture(scope="module")
def licensing(evidence: Evidence, ensemble: Ensemble) -> Wells:
    arms = {
        "alone": {},
        "IFNG": {"add": {"IFNG": "20 ng/mL"}},
        "IFNG, no IDO1": {"add": {"IFNG": "20 ng/mL"}, "knockout": ["MSC.IDO1"]},
    }
    return run(evidence, ensemble, "msc-licensing", arms)


def test_every_well_is_solved_and_nothing_is_negative(wells: Wells, licensing: Wells) -> None:
    for some in (wells.run, licensing.run):
        assert not some.status.any()
        assert np.isfinite(some.y).all()
        lowest = some.y.min(axis=(0, 1, 2))
        bad = [
            s.name
            for s, low in zip(some.system.states, lowest, strict=True)
            if low < (-1e-9 if s.kind == "expression" else 0.0)
        ]
        assert not bad


def test_counters_only_rise(wells: Wells) -> None:
    for i, state in enumerate(wells.run.system.states):
        if state.kind == "counter":
            assert (np.diff(wells.run.y[..., i], axis=2) >= -1e-9).all(), state.name


def test_a_resting_well_rests(wells: Wells) -> None:
    for state in wells.run.system.states:
        found = wells("resting", state.name)
        if state.kind == "cell" and state.entity not in ("CD4.naive", "CD8.naive"):
            assert found.max() == 0.0, state.name
        if state.kind == "mediator":
            assert (found[:, -1] <= found[:, 0] * (1 + 1e-9)).all(), state.name
    for cell in ("CD4.naive", "CD8.naive"):
        count = wells("resting", f"well:{cell}")
        assert (count[:, -1] <= count[:, 0]).all() and (count[:, -1] > 0.8 * count[:, 0]).all()
        np.testing.assert_allclose(
            count + wells("resting", f"count:death:{cell}"), count[:, :1].repeat(count.shape[1], 1), rtol=1e-4
        )


def test_what_a_well_carries_rests_too(wells: Wells, licensing: Wells) -> None:
    """Without a signal nothing that MSC carry moves from where it starts: they are not licensed on arrival."""
    for some, arm in ((wells, "resting"), (licensing, "alone")):
        for state in some.run.system.states:
            if state.kind == "expression" and state.name.startswith("well:MSC."):
                found = some(arm, state.name)
                assert np.abs(found - found[:, :1]).max() < 1e-3 * max(found.max(), 1e-3), (
                    f"{arm}: {state.name}"
                )


def test_msc_are_licensed_by_ifng(licensing: Wells) -> None:
    for level in ("PD-L1", "IDO1"):
        alone, licensed = (licensing(arm, f"well:MSC.{level}")[:, -1] for arm in ("alone", "IFNG"))
        assert (licensed > 1.2 * alone).all() and np.median(licensed / alone) > 2, level


def test_tryptophan_is_turned_into_kynurenine_and_nothing_else(licensing: Wells) -> None:
    """Neither is lost in a well and MSC alone have no other taker but LAAO, which makes I3P of it."""
    total = sum(licensing("IFNG", f"well:{m}") for m in ("TRP", "KYN"))
    made = licensing("IFNG", "well:KYN")[:, -1]
    leak = total[:, 0] - total[:, -1]
    assert (made > 0).all() and (leak >= -1e-9).all()
    off = licensing("IFNG, no IDO1", "well:KYN")
    assert off.max() < 1e-12
    i3p = [
        p
        for p in licensing.run.system.processes
        if p.changes[0][0] == "well:TRP" and p.behaviour not in ("converts TRP>KYN", "converts TRP>I3P")
    ]
    assert not i3p, "another taker of tryptophan: count it here"
    rates = [p for p in licensing.run.system.processes if p.behaviour == "converts TRP>KYN"]
    assert rates and all(dict(p.changes) == {"well:TRP": -1.0, "well:KYN": 1.0} for p in rates)
    # what LAAO took in the well without IDO1 bounds what it took beside it
    assert (
        leak
        <= 1.05
        * (
            off[:, 0]
            + licensing("IFNG, no IDO1", "well:TRP")[:, 0]
            - licensing("IFNG, no IDO1", "well:TRP")[:, -1]
        )
        + 1e-9
    ).all()


def test_arms_share_random_numbers(wells: Wells) -> None:
    names = wells.run.arms
    a, b = names.index("naive"), names.index("again")
    assert wells.run.y[a].tobytes() == wells.run.y[b].tobytes()
    assert wells.run.parameters[a].tobytes() == wells.run.parameters[names.index("alone")].tobytes()
    # draws differ from each other
    count = wells("alone", "well:Th1")[:, -1]
    assert len(np.unique(count)) == len(count)


def test_bytes_depend_neither_on_threads_nor_on_company(
    wells: Wells, evidence: Evidence, ensemble: Ensemble
) -> None:
    two = run(evidence, ensemble, "coculture", {k: ARMS[k] for k in ("primed", "late", "alone")}, threads=2)
    for arm in two.run.arms:
        assert (
            two.run.y[two.run.arms.index(arm)].tobytes() == wells.run.y[wells.run.arms.index(arm)].tobytes()
        ), arm
    fewer = run(evidence, ensemble.head(2), "coculture", {"naive": {}})
    assert fewer.run.y[0].tobytes() == wells.run.y[wells.run.arms.index("naive"), :2].tobytes()


def test_primed_msc_arrive_licensed(wells: Wells) -> None:
    for level in ("PD-L1", "IDO1"):
        naive, primed = (wells(arm, f"well:MSC.{level}")[:, 0] for arm in ("naive", "primed"))
        assert (primed > 1.5 * naive).all(), level
    # the cytokines are washed off, the count is the same
    for state in ("well:IFNG", "well:TNF", "well:MSC"):
        np.testing.assert_array_equal(wells("primed", state)[:, 0], wells("naive", state)[:, 0])


def test_late_addition_is_no_addition_before_its_day(wells: Wells) -> None:
    days = wells.run.days
    before = days < 2.0
    for state in (
        "well:CD4.naive",
        "well:Th1",
        "well:CD8.active",
        "well:IFNG",
        "well:lactate",
        "count:division:Th1",
    ):
        alone, late = wells("alone", state), wells("late", state)
        np.testing.assert_allclose(late[:, before], alone[:, before], rtol=1e-3, atol=1e-6)
    count = wells("late", "well:MSC")
    assert not count[:, before].any()
    np.testing.assert_array_equal(count[:, days == 2.0], wells("naive", "well:MSC")[:, :1])
    assert not np.allclose(
        wells("late", "count:division:Th1")[:, -1], wells("alone", "count:division:Th1")[:, -1], rtol=0.01
    )


def test_late_msc_bring_what_they_carried_not_what_the_well_did(wells: Wells) -> None:
    """A well full of IFNG must not license cells that are not in it yet."""
    at = wells.run.days == 2.0
    for level in ("PD-L1", "IDO1"):
        state = f"well:MSC.{level}"
        np.testing.assert_allclose(wells("late", state)[:, at], wells("naive", state)[:, :1])
        np.testing.assert_allclose(wells("late, primed", state)[:, at], wells("primed", state)[:, :1])


def test_conditioned_medium_carries_mediators_and_no_cells(wells: Wells) -> None:
    for arm in ("medium", "medium, late"):
        assert not wells(arm, "well:MSC").any() and not wells(arm, "well:MSC.apoptotic").any()
    assert (wells("medium", "well:PGE2")[:, 0] > 0).all() and not wells("alone", "well:PGE2")[:, 0].any()
    assert (
        wells("medium", "well:TRP")[:, 0] <= wells("alone", "well:TRP")[:, 0]
    ).all()  # half of it was lived in
    np.testing.assert_array_equal(
        wells("medium", "well:TCR")[:, 0], wells("alone", "well:TCR")[:, 0]
    )  # beads stay


def test_late_medium_replaces_what_is_there_then(wells: Wells) -> None:
    days = wells.run.days
    now, then = np.flatnonzero(days == 3.0)[0], np.flatnonzero(days == 2.75)[0]
    trp = wells("medium, late", "well:TRP")
    assert (trp >= 0).all()
    # nine tenths of the T cells' lactate go with their medium
    lactate = wells("medium, late", "well:lactate")
    alone = wells("alone", "well:lactate")
    np.testing.assert_allclose(lactate[:, then], alone[:, then], rtol=1e-3)
    assert (lactate[:, now] < alone[:, now]).all()


def test_vesicles_are_given_at_their_dose(wells: Wells) -> None:
    np.testing.assert_allclose(wells("vesicles", "well:MSC-EV")[:, 0], 500.0)
    assert not wells("vesicles", "well:MSC").any()


def test_msc_count_by_the_ratio(wells: Wells) -> None:
    seeded = sum(wells("alone", f"well:{c}")[0, 0] for c in ("CD4.naive", "CD8.naive"))
    np.testing.assert_allclose(wells("naive", "well:MSC")[:, 0], seeded / 10)


def test_an_inhibitor_of_cox2_takes_prostaglandin_away(wells: Wells) -> None:
    assert (wells("blocked", "well:PGE2")[:, -1] < 0.6 * wells("naive", "well:PGE2")[:, -1]).all()


def test_too_late_is_refused(evidence: Evidence, ensemble: Ensemble) -> None:
    with pytest.raises(InputError) as caught:
        run(evidence, ensemble, "coculture", {"late": {"msc_day": 6.0}})
    assert caught.value.key == "msc_day"


def test_a_transwell_has_no_touch_and_lets_mediators_through(evidence: Evidence, ensemble: Ensemble) -> None:
    apart = run(
        evidence,
        ensemble,
        "coculture",
        {"alone": {"product": "none", "contact": "transwell"}, "MSC": {"contact": "transwell"}},
    )
    assert not apart.run.status.any()
    assert "well:MSC" not in apart.run.system.state_index
    assert not any(n.startswith("touch:well:") and ":MSC" in n for n in apart.run.system.assignments)
    # no mitochondria without touch, PGE2 through the membrane
    assert not apart("MSC", "well:Tconv.mitochondria").any()
    assert (apart("MSC", "well:PGE2")[:, -1] > 0).all() and not apart("alone", "well:PGE2").any()
    # as many cells as in contact, 1:10 of all T cells, whatever the volumes
    volumes = {"well": 1.0 - 1 / 3, "insert": 1 / 3}
    cells = sum(apart("MSC", f"well:{c}")[:, 0] for c in ("CD4.naive", "CD8.naive")) * volumes["well"]
    np.testing.assert_allclose(apart("MSC", "insert:MSC")[:, 0] * volumes["insert"], cells / 10)


def test_cells_seeded_in_the_well_stay_there_beside_a_product_in_the_insert(
    evidence: Evidence, ensemble: Ensemble
) -> None:
    arms = {"apart": {"product": "MSC", "contact": "transwell", "ratio": "1:1"}}
    found = run(evidence, ensemble.head(2), "msc-licensing", arms)
    assert (found("apart", "well:MSC")[:, 0] > 0).all() and (found("apart", "insert:MSC")[:, 0] > 0).all()


def test_treg_carry_what_they_got_before(evidence: Evidence, ensemble: Ensemble) -> None:
    found = run(evidence, ensemble, "treg-suppression", {"alone": {"product": "none"}, "met MSC": {}})
    alone, met = (found(arm, "well:Treg.mitochondria")[:, 0] for arm in ("alone", "met MSC"))
    assert not alone.any() and (met > 0).all()
    assert not found("met MSC", "well:MSC").any()  # taken away before the responders come
    np.testing.assert_array_equal(found("met MSC", "well:Treg")[:, 0], found("alone", "well:Treg")[:, 0])
