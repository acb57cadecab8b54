"""Outcomes that are kept: found again, told apart, and never trusted when broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.experiments import shipped_ensemble
from stromal.inference import load_claims
from stromal.inference import outcomes as running
from stromal.inference.kept import kept_file, read_kept, write_kept
from stromal.inference.outcomes import run_claims


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    return tmp_path


def test_a_name_depends_on_everything_that_is_given() -> None:
    draws = shipped_ensemble()
    names = {
        kept_file("x", "a", draws.head(3)),
        kept_file("x", "a", draws.head(2)),
        kept_file("x", "b", draws.head(3)),
        kept_file("y", "a", draws.head(3)),
    }
    assert len(names) == 4
    assert kept_file("x", "a", draws.head(3)) in names


def test_what_is_kept_is_read_and_what_is_broken_is_not() -> None:
    file = kept_file("x", 1)
    assert read_kept(file) is None
    write_kept(file, [1.5, float("nan")])
    assert read_kept(file)[0] == 1.5
    file.write_text("[1.5,", encoding="utf-8")
    assert read_kept(file) is None


def test_a_folder_that_cannot_be_written_is_no_error(cache: Path) -> None:
    (cache / "x").write_text("a file where the folder would be", encoding="utf-8")
    write_kept(kept_file("x", 1), [1])


def test_a_finished_assay_is_not_run_again(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = {k: c for k, c in load_claims(evidence).items() if k in ("S2-276", "S2-277")}
    draws = shipped_ensemble().head(3)
    first = run_claims(claims, evidence, draws, threads=1, keep=True)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("was run again")

    monkeypatch.setattr(running, "run_assay", never)
    again = run_claims(claims, evidence, draws, threads=1, keep=True)
    for key in claims:
        for arm, values in first[key].values.items():
            np.testing.assert_array_equal(values, again[key].values[arm])
    with pytest.raises(AssertionError, match="again"):
        run_claims(claims, evidence, draws, threads=1)
