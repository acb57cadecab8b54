"""Calibration: on the rows it says, along the directions it says, and the shipped ensemble is its output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.experiments import prior_ensemble, shipped_ensemble
from stromal.experiments.ensemble import SHIPPED
from stromal.inference.calibrate import calibrate, calibration_rows, log_likelihood, write_ensemble


def test_rows_are_naive_msc_in_vitro_at_a_stated_ratio() -> None:
    rows = calibration_rows()
    assert [row["id"] for row in rows] == ["CAL-38", "CAL-39", "CAL-40", "CAL-41", "CAL-42", "CAL-43"]
    assert all("naive MSC" in row["setting"] for row in rows)


def test_the_shipped_ensemble_is_draws_of_the_prior_untouched(evidence: Evidence) -> None:
    shipped = shipped_ensemble()
    prior = prior_ensemble(evidence, max(shipped.ids) + 1, shipped.seed)
    assert set(shipped.directions) == set(prior.directions) == {row.name for row in evidence.directions}
    for name, values in shipped.directions.items():
        assert np.allclose(values, prior.directions[name][list(shipped.ids)], rtol=1e-5), name


def test_the_shipped_ensemble_belongs_to_the_shipped_tables(evidence: Evidence) -> None:
    head = "".join(
        line for line in SHIPPED.read_text(encoding="utf-8").splitlines(True) if line.startswith("#")
    )
    assert evidence.digest in head, (
        "tables moved: run `stromal calibrate --out src/stromal/experiments/ensemble.csv`"
    )


def test_likelihood_is_highest_on_the_data_and_has_the_stated_width() -> None:
    rows = calibration_rows()
    values = np.array([[float(row["value"]) for row in rows]])
    width = np.array([(float(row["high"]) - float(row["low"])) / (2 * 1.6448536269514722) for row in rows])
    assert log_likelihood(values, rows)[0] == 0.0
    assert log_likelihood(values + width, rows)[0] == pytest.approx(-0.5 * len(rows))


def test_a_small_calibration_moves_towards_the_data(evidence: Evidence, tmp_path: Path) -> None:
    found = calibrate(evidence=evidence, draws=20, prior_draws=120)
    data = np.array([float(row["value"]) for row in found.rows])
    before = np.nanmedian(np.abs(found.simulated - data))
    after = np.nanmedian(np.abs(found.simulated[found.chosen] - data))
    assert after < 0.7 * before
    assert len(set(found.ensemble.ids)) == 20 and 1 < found.effective < 120
    again = calibrate(evidence=evidence, draws=20, prior_draws=120, threads=1)
    assert again.ensemble.ids == found.ensemble.ids
    write_ensemble(found, evidence, tmp_path / "own.csv")
    assert len((tmp_path / "own.csv").read_text(encoding="utf-8").splitlines()) == 2 + 1 + 20
