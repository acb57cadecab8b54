"""Where a product is after a dose into a vein: living cells in the lung, for a day; their label elsewhere."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import shipped_body as shipped

from stromal.evidence import Evidence
from stromal.evidence.read import SHIPPED
from stromal.experiments.body import body_system, organs
from stromal.experiments.disease import MODULES, Module
from stromal.experiments.ensemble import prior_ensemble
from stromal.experiments.files import parse, read_toml
from stromal.experiments.routes import route_shares
from stromal.experiments.well import solve

#: Cells: 2e6 a kg of 70 kg.
DOSE = 1.4e8
MINUTES, DAYS = 15 / 1440, [1.0, 2.0, 3.0, 5.0, 10.0, 30.0]


def constants() -> dict[str, tuple[float, float, float]]:
    """Return value, low and high of every cited constant that has them, by symbol."""
    with open(SHIPPED / "parameters.csv", encoding="utf-8", newline="") as stream:
        rows = [r for r in csv.DictReader(stream) if r["value"] and r["low"] and r["high"]]
    return {r["symbol"]: (float(r["value"]), float(r["low"]), float(r["high"])) for r in rows}


@pytest.fixture(scope="module")
def alive(evidence: Evidence) -> dict[str, np.ndarray]:
    """Return the share of the dose that is alive in the lung and elsewhere (draws, times)."""
    people, volumes = shipped.healthy(evidence), organs(evidence, "human")
    index = people.system.state_index
    at = {n: volumes[n.partition(":")[0]] for n in index if n.endswith(":MSC")}
    shares = route_shares(evidence, "IV", "cells")
    # where the disease has no place for them they are in the rest of the body
    dose = {f"{p}:MSC": DOSE * float(s) / volumes[p] for p, s in shares.items() if f"{p}:MSC" in at}
    given = sum(amount * at[name] for name, amount in dose.items())
    dose["rest:MSC"] += (DOSE - given) / volumes["rest"]
    y = shipped.course(people, [MINUTES, *DAYS], evidence, dose=dose)
    lung = y[:, :, index["lung:MSC"]] * volumes["lung"] / DOSE
    total = np.asarray(sum(y[:, :, index[name]] * volume for name, volume in at.items())) / DOSE
    return {"lung": lung, "elsewhere": total - lung}


def test_living_cells_are_in_the_lung_and_gone_in_days(alive: dict[str, np.ndarray]) -> None:
    lung = 100 * np.median(alive["lung"], axis=0)
    told = f"medians alive in lung, % of dose, 15 min and days {DAYS}: {np.round(lung, 2)}"
    low, high = 70.0, 99.0  # row f_lung_15min, and arrest on first passage up to 99 %
    assert low <= lung[0] <= high, told
    assert 20 <= lung[1] <= 75, told  # half-life of about a day: k_msc_death_lung
    assert 2 <= lung[3] <= 40, told  # f_survive_3d: 14 % in muscle; none from lung in mice at 72 h
    assert lung[-1] < 0.1 and (np.diff(lung) < 0).all(), told


def test_hardly_any_living_cell_is_found_outside_the_lung(alive: dict[str, np.ndarray]) -> None:
    after = 100 * np.median(alive["elsewhere"], axis=0)[1:]
    told = f"medians alive outside the lung, % of dose, days {DAYS}: {np.round(after, 3)}"
    assert after.max() < 5, told
    assert (alive["elsewhere"][:, 1:] < 0.1).all(), told


def test_the_label_goes_to_liver_and_spleen_when_the_cells_are_long_dead(evidence: Evidence) -> None:
    module = parse(Module, read_toml(MODULES / "label.toml"), "label.toml")
    system = body_system(evidence, module.sites, "human", name="label")
    volumes, known = organs(evidence, "human"), constants()
    numbers = prior_ensemble(evidence, 100).sample(system, evidence)
    y = np.zeros((len(numbers), len(system.states)))
    organ = {"lung": "lung", "liver": "liver", "spleen": "lymphoid"}
    for name, place in organ.items():
        y[:, system.state_index[f"{place}:label"]] = known[f"f_{name}_0"][0] * 1e6 / volumes[place]
    elsewhere = 100 - sum(known[f"f_{name}_0"][0] for name in organ)
    y[:, system.state_index["rest:label"]] = elsewhere * 1e6 / volumes["rest"]
    end = solve(system, y, numbers, np.array([0.0, 10.0]), threads=1).y[:, -1]
    amount = {s.place: end[:, i] * volumes[s.place] / 1e6 for i, s in enumerate(system.states)}
    np.testing.assert_allclose(sum(amount.values()), 100.0, rtol=1e-6, err_msg="label is not lost")
    for name, place in organ.items():
        _, low, high = known[f"f_{name}_10d"]
        middle = float(np.median(amount[place]))
        assert low <= middle <= high, f"{name}: {middle:.1f} % at day 10, measured {low} to {high}"


def test_the_label_is_in_no_disease_and_moves_nothing(evidence: Evidence) -> None:
    from stromal.experiments.disease import list_diseases, load_disease

    for name in list_diseases():
        assert "label" not in load_disease(name, evidence).sites
    cell = evidence.cells["label"]
    assert not cell.groups and cell.slots <= 0.001
    assert not [r.id for r in evidence.rules.values() if "label" in (r.cell, *r.signal.split())]
