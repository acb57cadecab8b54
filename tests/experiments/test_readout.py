"""Readouts: phrases are read as written, and numbers come from the states as a bench would count."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.readout import Readout, parse_readout, read
from stromal.model import System, compile_model

DAYS = np.array([0.0, 1.0, 2.0, 3.0])


@pytest.fixture(scope="module")
def system(evidence: Evidence) -> System:
    places = {"well": 200.0, "insert": 100.0}
    return compile_model(
        evidence, sites={"CD4.naive": ("well",), "MSC": ("insert",), "M0": ("well",)}, places=places
    )


@pytest.fixture(scope="module")
def y(system: System) -> np.ndarray:
    """Two runs: every state has a number of its own, day by day."""
    rng = np.random.default_rng(5)
    return np.cumsum(rng.uniform(0.1, 10.0, (2, len(DAYS), len(system.states))), axis=1)


def value(text: str, system: System, evidence: Evidence, y: np.ndarray, **options: float) -> np.ndarray:
    parameters = np.tile([p.value for p in system.parameters], (len(y), 1))
    return read(parse_readout(text, evidence), system, evidence, DAYS, y, parameters, "well", **options)


@pytest.mark.parametrize(
    ("text", "form", "unit"),
    [
        ("count effector T", "count", "cells/uL"),
        ("count Tconv", "count", "cells/uL"),
        ("share Th17 of CD4", "share", "%"),
        ("share conventional T of T", "share", "%"),
        ("level PGE2", "level", "ng/mL"),
        ("level TRP", "level", "mM"),
        ("expression MSC.PD-L1", "expression", "relative"),
        ("expression CD4.active.CD25", "expression", "relative"),
        ("events division of T in last 18 h", "events", "events/uL"),
        ("events death of MSC", "events", "events/uL"),
        ("division index of T", "index", "divisions"),
        ("rate division of Th17", "rate", "1/day"),
        ("rate secretes IL10 of M1", "rate", "per cell per day"),
        ("rate transfers mitochondria to Treg of MSC", "rate", "1/day"),
    ],
)
def test_each_form_is_read(text: str, form: str, unit: str, evidence: Evidence) -> None:
    found = parse_readout(text, evidence)
    assert (found.form, found.unit, found.text) == (form, unit, text)


def test_parts_of_a_phrase(evidence: Evidence) -> None:
    assert parse_readout("events division of effector T in last 18 h", evidence) == Readout(
        "events division of effector T in last 18 h",
        "events",
        "effector T",
        what="division",
        window=0.75,
        unit="events/uL",
    )
    assert parse_readout("events division of effector T", evidence).window is None
    both = parse_readout("share Th1 of activated CD4", evidence)
    assert (both.a, both.b) == ("Th1", "activated CD4")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("numbers of T", "forms:"),
        ("count Th2", "Th1"),
        ("share Th1 of CD44", "CD4"),
        ("level PGE3", "PGE2"),
        ("level MSC", "MSC-EV"),
        ("expression MCS.PD-L1", "MSC"),
        ("expression MSC.PDL1", "PD-L1"),
        ("expression MSC", "forms:"),
        ("events birth of T", "forms:"),
        ("events division of T in last 2 days", ""),
        ("rate divisions of Th17", "division"),
        ("rate secretes IL99 of M1", "secretes"),
        ("rate becomes Th1 of CD8", ""),
        ("", "forms:"),
    ],
)
def test_a_phrase_that_names_nothing_is_refused(text: str, hint: str, evidence: Evidence) -> None:
    with pytest.raises(InputError) as caught:
        parse_readout(text, evidence, file="my.toml", key="readouts.x")
    assert (caught.value.file, caught.value.key) == ("my.toml", "readouts.x")
    assert hint in caught.value.suggestion


def test_counts_add_up_over_a_group_in_the_well(system: System, evidence: Evidence, y: np.ndarray) -> None:
    def column(name: str) -> np.ndarray:
        return y[:, :, system.state_index[name]]

    three = column("well:CD4.active") + column("well:Th1") + column("well:Th17")
    np.testing.assert_allclose(value("count activated CD4", system, evidence, y), three)
    np.testing.assert_allclose(value("count activated CD4", system, evidence, y, volume=0.5), 0.5 * three)
    all_cd4 = three + column("well:CD4.naive") + column("well:CD4.memory") + column("well:Treg")
    np.testing.assert_allclose(
        value("share Th1 of CD4", system, evidence, y), 100 * column("well:Th1") / all_cd4
    )
    # cells that are elsewhere, or not there at all, are not in the well
    assert not value("count MSC", system, evidence, y).any()
    assert not value("count CD8", system, evidence, y).any()


def test_a_share_of_nothing_is_zero(system: System, evidence: Evidence, y: np.ndarray) -> None:
    assert not value("share CD8.naive of CD8", system, evidence, y).any()


def test_events_in_a_window_are_those_since_its_start(
    system: System, evidence: Evidence, y: np.ndarray
) -> None:
    columns = [
        i
        for n, i in system.state_index.items()
        if n.startswith("count:division:") and n.split(":")[2] in evidence.members["T"]
    ]
    total = y[:, :, columns].sum(axis=2)
    assert columns
    np.testing.assert_allclose(value("events division of T", system, evidence, y), total)
    last_day = value("events division of T in last 24 h", system, evidence, y)
    np.testing.assert_allclose(last_day[:, 1:], np.diff(total, axis=1))
    np.testing.assert_allclose(last_day[:, 0], 0.0, atol=1e-12)
    half = value("events division of T in last 12 h", system, evidence, y)
    np.testing.assert_allclose(half[:, 1:], np.diff(total, axis=1) / 2)


def test_division_index_is_doublings_of_what_was_seeded(system: System, evidence: Evidence) -> None:
    y = np.zeros((1, len(DAYS), len(system.states)))
    y[:, 0, system.state_index["well:CD4.naive"]] = 100.0
    y[:, -1, system.state_index["count:division:CD4.active"]] = 300.0
    found = value("division index of T", system, evidence, y)
    np.testing.assert_allclose(found, [[0, 0, 0, 2.0]])
    assert not value("division index of CD8", system, evidence, y).any()


def test_levels_and_what_is_carried(system: System, evidence: Evidence, y: np.ndarray) -> None:
    index = system.state_index
    np.testing.assert_array_equal(value("level PGE2", system, evidence, y), y[:, :, index["well:PGE2"]])
    # MSC sit in the insert, and carry there
    np.testing.assert_array_equal(
        value("expression MSC.PD-L1", system, evidence, y), y[:, :, index["insert:MSC.PD-L1"]]
    )
    np.testing.assert_array_equal(
        value("expression Th17.CD25", system, evidence, y), y[:, :, index["well:Tconv.CD25"]]
    )
    assert np.isnan(value("expression monocyte.engulfed", system, evidence, y)).all()  # no monocytes here


def test_a_level_that_is_solved_at_once_is_read_too(evidence: Evidence) -> None:
    system = compile_model(evidence, sites={"MSC": ("well",)})
    assert "well:NO" in system.assignments
    y = np.ones((1, len(DAYS), len(system.states)))
    assert (value("level NO", system, evidence, y) > 0).all()


def test_a_rate_is_that_behaviours_and_no_others(system: System, evidence: Evidence, y: np.ndarray) -> None:
    """``becomes Th1`` must not take ``becomes Th17`` with it."""
    from stromal.model.expr import evaluate

    env = {s.name: y[:, :, i] for i, s in enumerate(system.states)} | {
        p.name: p.value for p in system.parameters
    }
    for text in ("becomes Th1", "becomes Th17", "division"):
        wanted = evaluate(system.inlined[f"rate:well:CD4.active:{text}"], env)
        np.testing.assert_allclose(value(f"rate {text} of CD4.active", system, evidence, y), wanted)


def test_a_rate_with_a_limit_is_summed_over_species(
    system: System, evidence: Evidence, y: np.ndarray
) -> None:
    rows = [
        b
        for b in evidence.behaviours
        if b.cell == "MSC" and b.where and b.behaviour.startswith(("converts", "secretes"))
    ]
    assert rows
    names = [n for n in system.assignments if n.startswith(f"rate:insert:MSC:{rows[0].behaviour}:")]
    assert names
    assert np.isfinite(value(f"rate {rows[0].behaviour} of MSC", system, evidence, y)).all()


def test_a_rate_of_a_group_is_the_mean_over_its_cells(
    system: System, evidence: Evidence, y: np.ndarray
) -> None:
    cells = [c for c in evidence.members["CD4"] if f"well:{c}" in system.state_index]
    counts = {c: y[:, :, system.state_index[f"well:{c}"]] for c in cells}
    each = {c: value(f"rate death of {c}", system, evidence, y) for c in cells}
    wanted = sum(each[c] * counts[c] for c in cells) / sum(counts.values())
    np.testing.assert_allclose(value("rate death of CD4", system, evidence, y), wanted)
    # cells that never make it count in the mean, as under a stain
    makers = ("CD4.active", "Th1")
    made = {c: value(f"rate secretes IL2 of {c}", system, evidence, y) for c in makers}
    wanted = sum(made[c] * counts[c] for c in makers) / sum(counts.values())
    np.testing.assert_allclose(value("rate secretes IL2 of CD4", system, evidence, y), wanted)
