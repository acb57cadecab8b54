"""A disease is fitted to control arms alone, finds a truth that is known, and writes what can be read again."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from small_disease import disease_evidence, write_disease

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.disease import Fitted, list_diseases, load_disease
from stromal.experiments.ensemble import prior_ensemble
from stromal.inference import disease_fit
from stromal.inference.disease_fit import (
    CONTROL,
    DiseaseFit,
    control_rows,
    fit_disease,
    log_likelihood,
    write_fit,
)

COLUMNS = ("id", "setting", "arm", "n", "value", "confidence", "source", "use")
#: Hazard of the control arm, 1/day: of 400 patients 60 % die in 20 days.
TRUTH = -np.log(0.4) / 20
DEATH = """
[[calibration]]
row = "R-1"
endpoint = "death"
day = 20
measure = "incidence"

[directions.burn]
select = ["insult:burn:target:E"]
spread = 1.2

[endpoints.death]
kind = "hazard"
title = "death"
rate = { value = 0.01, unit = "1/day", spread = 10 }
terminal = true

[endpoints.severity]"""


def write_table(path: Path, treated: float = 20.0) -> Path:
    rows = [
        ("R-1", "a trial", "control", "400", "60", "seen", "made for a test", "yes"),
        ("R-2", "a trial", "MSC", "400", str(treated), "seen", "made for a test", "yes"),
        ("R-3", "a trial", "placebo", "10", "5", "seen", "made for a test", "no"),
    ]
    with open(path, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return disease_evidence(tmp_path_factory.mktemp("tables"))


def fitted_to(folder: Path, tables: Evidence, treated: float, row: str = "R-1") -> DiseaseFit:
    """Fit the small disease to a table of its own."""
    changes = {
        "[endpoints.severity]": DEATH.replace("R-1", row),
        "weight =": "between_trials = 0.1\nweight =",
    }
    path = write_disease(folder, disease=changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disease_fit, "TABLE", write_table(folder / "calibration.csv", treated))
        return fit_disease(
            path.parent / "small-trial.toml",
            evidence=tables,
            ensemble=prior_ensemble(tables, 3),
            draws=60,
            variants=2,
            settings=150,
            size=30,
            keep=12,
            threads=1,
        )


@pytest.fixture(scope="module")
def fit(tables: Evidence, tmp_path_factory: pytest.TempPathFactory) -> DiseaseFit:
    return fitted_to(tmp_path_factory.mktemp("fit"), tables, 20.0)


def test_the_fit_finds_the_hazard_behind_the_data(fit: DiseaseFit) -> None:
    rates = fit.observation["endpoint:death:rate"]
    assert np.median(rates) == pytest.approx(TRUTH, rel=0.35)
    assert np.quantile(rates, 0.95) / np.quantile(rates, 0.05) < 5, "the prior spans a hundredfold"
    row = fit.rows[0]
    assert row["posterior_lo"] < 60 < row["posterior_hi"] and 45 < row["posterior"] < 72
    # by hand: apart on log odds, over what trials differ by and the chance of 400 patients
    p = row["posterior"] / 100
    apart = np.log(p / (1 - p)) - np.log(0.6 / 0.4)
    assert row["residual"] == pytest.approx(apart / np.sqrt(0.1**2 + 1 / (400 * 0.24)))
    assert row["posterior_hi"] - row["posterior_lo"] < row["prior_hi"] - row["prior_lo"]
    # 3 draws at two places along the direction each
    assert fit.candidates == 6 and 1 <= fit.effective <= 6 and len(fit.draws) == 60
    before, after = fit.directions["burn"]
    assert len(before) == 6 and len(after) == 60 and set(after) <= set(before)
    assert len(set(np.round(before, 12))) == 6


def test_only_the_rows_of_control_arms_that_are_named_are_used(
    fit: DiseaseFit, tables: Evidence, tmp_path: Path
) -> None:
    assert [r["row"] for r in fit.rows] == ["R-1"]
    # what the treated arm did is of no account
    other = fitted_to(tmp_path, tables, 99.0)
    np.testing.assert_array_equal(
        other.observation["endpoint:death:rate"], fit.observation["endpoint:death:rate"]
    )
    assert other.draws == fit.draws and other.rows == fit.rows


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("R-2", "R-2 is of arm 'MSC': a disease is fitted to control arms only"),
        ("R-3", "R-3 is of arm 'placebo'"),
        ("R-11", "no row 'R-11'.*did you mean 'R-1'"),
    ],
)
def test_rows_of_treated_arms_and_unusable_ones_are_refused(
    row: str, says: str, tables: Evidence, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=says) as caught:
        fitted_to(tmp_path, tables, 20.0, row)
    assert caught.value.key == "calibration" and caught.value.file == "small.toml"


def test_a_disease_without_control_data_is_not_fitted(tables: Evidence, tmp_path: Path) -> None:
    write_disease(tmp_path)
    with pytest.raises(InputError, match="no control data.*uncalibrated"):
        fit_disease(tmp_path / "small-trial.toml", evidence=tables)


@pytest.mark.parametrize("name", sorted(list_diseases()))
def test_shipped_diseases_name_control_rows_alone(name: str, evidence: Evidence) -> None:
    spec = load_disease(name, evidence).spec
    rows = control_rows(spec.calibration, f"{name}.toml")
    assert [r["id"] for r in rows] == [item.row for item in spec.calibration]
    assert {r["arm"] for r in rows} <= set(CONTROL)
    assert all(item.endpoint in spec.endpoints for item in spec.calibration)


def test_the_likelihood_is_highest_on_the_data_and_counts_patients() -> None:
    items = (
        Fitted(row="a", endpoint="x", day=28, measure="share"),
        Fitted(row="b", endpoint="y", day=730, measure="median"),
    )
    data = [{"value": "50", "n": "100"}, {"value": "6", "n": "100"}]

    def log(share: float, months: float, keep: int = 10_000, n: str = "100") -> float:
        rows = [{**row, "n": n} for row in data]
        return float(log_likelihood(np.array([[share, months]]), rows, items, 0.1, keep)[0])

    assert log(50, 6) == 0.0
    assert log(40, 6) < log(45, 6) < 0 and log(50, 3) < log(50, 5) < 0
    assert log(40, 6, n="1000") < log(40, 6) < log(40, 6, keep=5)
    # symmetric on the scales on which they are compared
    assert log(40, 6) == pytest.approx(log(60, 6)) and log(50, 3) == pytest.approx(log(50, 12))
    assert np.isfinite(log(0, 0))


def test_what_is_written_can_be_read_again(fit: DiseaseFit, tables: Evidence, tmp_path: Path) -> None:
    posterior, table = write_fit(fit, "small", tables, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.fit.csv", "small.posterior.csv"]

    def read(path: Path) -> tuple[str, list[dict[str, str]]]:
        lines = path.read_text(encoding="utf-8").splitlines()
        head = [line for line in lines if line.startswith("#")]
        return "\n".join(head), list(csv.DictReader(lines[len(head) :]))

    head, rows = read(posterior)
    assert tables.digest in head and "R-1" in head
    assert tuple(int(r["draw"]) for r in rows) == fit.draws
    for name, values in fit.observation.items():
        np.testing.assert_allclose([float(r[name]) for r in rows], values, rtol=1e-5)
    np.testing.assert_allclose(
        [float(r["direction:burn"]) for r in rows], fit.directions["burn"][1], rtol=1e-5
    )
    _, found = read(table)
    assert [r["row"] for r in found] == ["R-1"] and float(found[0]["data"]) == 60
    assert float(found[0]["posterior"]) == pytest.approx(fit.rows[0]["posterior"], rel=1e-3)
