"""Following patients through arms: doses are whole, patients are common, arms differ by treatment alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shipped_body as shipped
from small_disease import disease_evidence, write_disease

from stromal.evidence import Evidence
from stromal.experiments.body import organs
from stromal.experiments.cohort import arm_parameters, follow, grid, therapy_events
from stromal.experiments.ensemble import Ensemble, prior_ensemble
from stromal.experiments.population import Patients, enrol
from stromal.experiments.trial import TRIALS, Trial, load_trial

MORE_ARMS = """
[[arms]]
name = "empty"

[[arms]]
name = "knocked out"
knockout = ["MSC.PTGS2"]

[[arms]]
name = "dead MSC"
[[arms.therapy]]
give = "dead MSC"
amt = "1e6 cells/kg"
route = "IV"
time = 0

[[arms]]
name = "fibroblast"
[[arms.therapy]]
give = "fibroblast"
amt = "1e6 cells/kg"
route = "IV"
time = 0

[[arms]]
name = "capped"
[[arms.therapy]]
give = "MSC"
amt = "2e6 cells/kg"
cap = "1e8 cells"
route = "IV"
time = 0
ii = 7
addl = 1
viability = 0.75

[not_stated]
"""


@pytest.fixture(scope="module")
def wide(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Return the shipped disease with more arms, for as long as its visits."""
    folder = tmp_path_factory.mktemp("wide")
    text = (TRIALS / "sr-agvhd.toml").read_text(encoding="utf-8")
    assert "\n[not_stated]\n" in text
    text = text.replace("\n[not_stated]\n", MORE_ARMS, 1).replace("days = 730", "days = 180", 1)
    (folder / "wide.toml").write_text(text, encoding="utf-8")
    return load_trial(folder / "wide.toml", evidence)


@pytest.fixture(scope="module")
def ill(evidence: Evidence) -> Patients:
    """Return median patients of each draw on the day of enrolment."""
    people = shipped.healthy(evidence)
    y = shipped.course(people, [35.0], evidence, without=())[:, -1]
    return replace(people, y=y, day=35.0)


def amounts(
    trial: Trial, patients: Patients, name: str, evidence: Evidence
) -> dict[float, dict[str, np.ndarray]]:
    """Return how many cells each dose of an arm puts anywhere, by day and cell."""
    arm = next(a for a in trial.arms if a.name == name)
    some = shipped.draws(evidence)
    numbers = arm_parameters(patients, trial, arm, evidence, some)
    time, _, shift = therapy_events(patients, trial, arm, evidence, some, numbers)
    volumes, out = organs(evidence, "human"), {}
    for when, change in zip(time, shift, strict=True):
        for i, state in enumerate(patients.system.states):
            if state.kind == "cell" and change[:, i].any():
                here = out.setdefault(float(when), {})
                here[state.entity] = here.get(state.entity, 0.0) + change[:, i] * volumes[state.place]
    return out


def test_all_cells_that_are_given_are_put_somewhere(wide: Trial, ill: Patients, evidence: Evidence) -> None:
    for name in ("MSC", "fibroblast", "dead MSC"):
        given = amounts(wide, ill, name, evidence)
        assert sorted(given) == ([0.0, 7.0, 14.0, 21.0] if name == "MSC" else [0.0])
        for cells in given.values():
            np.testing.assert_allclose(sum(cells.values()), 70 * 1e6, rtol=1e-9, err_msg=name)
    assert set(amounts(wide, ill, "dead MSC", evidence)[0.0]) == {"MSC.dead"}
    assert not amounts(wide, ill, "second line", evidence)


def test_a_cap_counts_all_cells_and_the_dead_share_is_given_as_dead(
    wide: Trial, ill: Patients, evidence: Evidence
) -> None:
    # 2e6 a kg would be 1.4e8
    for cells in amounts(wide, ill, "capped", evidence).values():
        np.testing.assert_allclose(cells["MSC"], 0.75e8, rtol=1e-9)
        np.testing.assert_allclose(cells["MSC.dead"], 0.25e8, rtol=1e-9)


def test_arms_share_their_patients_and_differ_by_treatment_alone(
    wide: Trial, ill: Patients, evidence: Evidence
) -> None:
    found = follow(wide, ill, evidence, shipped.draws(evidence), threads=1)
    assert list(found.paths) == [a.name for a in wide.arms] and not any(found.failed.values())
    control = found.paths["second line"]
    for name, paths in found.paths.items():
        assert paths.ids == control.ids and (paths.draw == control.draw).all()
        for key, start in paths.values.items():
            np.testing.assert_array_equal(start[:, 0], control.values[key][:, 0], err_msg=f"{name} {key}")
    for key, values in control.values.items():
        # nothing that an empty arm gives, nor a node of cells that nobody gets, changes anything
        np.testing.assert_array_equal(found.paths["empty"].values[key], values, err_msg=key)
        # (what absent cells would carry is solved for too, so steps may differ)
        knocked = found.paths["knocked out"].values[key]
        np.testing.assert_allclose(knocked, values, rtol=0.02, atol=1e-3 + 0.01 * np.abs(values).max(), err_msg=key)  # fmt: skip
    ends = {n: np.stack([v[:, -1] for v in p.values.values()]) for n, p in found.paths.items()}
    for name in ("MSC", "dead MSC", "fibroblast"):
        assert np.isfinite(ends[name]).all() and not np.array_equal(ends[name], ends["second line"]), name
    assert not np.array_equal(ends["MSC"], ends["fibroblast"])


def test_parts_that_were_kept_are_taken_as_they_are(wide: Trial, ill: Patients, evidence: Evidence) -> None:
    kept: dict[str, dict[str, np.ndarray]] = {}
    few = ill.take(np.arange(2))
    only = replace(wide, arms=wide.arms[:2])

    def keep(name, make):  # noqa: ANN001, ANN202
        return kept.setdefault(name, make()) if name not in kept else kept[name]

    first = follow(only, few, evidence, shipped.draws(evidence), threads=1, keep=keep)
    kept["MSC-0"] = {k: v + 1.0 if k == "damage" else v for k, v in kept["MSC-0"].items()}
    again = follow(only, few, evidence, shipped.draws(evidence), threads=1, keep=keep)
    apart = again.paths["MSC"].values["damage"] - first.paths["MSC"].values["damage"]
    np.testing.assert_allclose(apart, 1.0)


# -- a small disease -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return disease_evidence(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def few(tables: Evidence) -> Ensemble:
    return prior_ensemble(tables, 2)


def test_a_patient_goes_the_same_way_whoever_else_is_followed(
    tables: Evidence, few: Ensemble, tmp_path: Path
) -> None:
    write_disease(tmp_path)
    trial = load_trial(tmp_path / "small-trial.toml", tables)
    patients = enrol(trial.disease, tables, few, size=20, keep=4, threads=1)
    every = follow(trial, patients, tables, few, threads=1).paths["MSC"]
    alone = follow(trial, patients.take(np.array([5])), tables, few, threads=1).paths["MSC"]
    assert alone.ids == (every.ids[5],)
    for key, values in alone.values.items():
        np.testing.assert_array_equal(values[0], every.values[key][5], err_msg=key)


def test_the_grid_has_every_visit_and_the_end(tables: Evidence, tmp_path: Path) -> None:
    changes = {"days = [0, 20]": "days = [0, 16, 19.5]"}
    write_disease(tmp_path, disease=changes)
    days = grid(load_trial(tmp_path / "small-trial.toml", tables))
    assert {0.0, 1.0, 16.0, 19.5, 20.0} <= set(days) and days.max() == 20.0
    assert (np.diff(days) > 0).all()
