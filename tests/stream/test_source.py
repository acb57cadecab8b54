"""Patients of a stream: the same however they are cut, and those of the trial."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from small_disease import disease_evidence, write_disease
from small_population import small_source

from stromal.errors import InputError
from stromal.experiments.cohort import follow
from stromal.experiments.insults import insults
from stromal.experiments.population import enrol, followed, observed, people
from stromal.stream import source as module
from stromal.stream.plan import plan_source
from stromal.stream.source import Source


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert list(a) == list(b)
    for key in a:
        assert a[key].tobytes() == b[key].tobytes(), key


def names(source: Source, made: dict[str, np.ndarray]) -> list[str]:
    pairs = zip(made["draw"], made["number"], strict=True)
    return [f"small-{source.draw_names[d]}-{k}" for d, k in pairs]


def test_however_it_is_cut_a_patient_has_the_same_bytes(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = source.make(0, 60, 1)
    assert whole["solved"].all() and len(set(names(source, whole))) == 60
    for cuts in ((0, 1, 2, 31, 60), (0, 17, 60)):
        parts = [source.make(a, b, 2) for a, b in zip(cuts, cuts[1:], strict=False)]
        same(whole, {k: np.concatenate([p[k] for p in parts]) for k in whole})
    monkeypatch.setattr(module, "BUDGET", 1.0)
    monkeypatch.setattr(module, "LEAST", 7)
    told: list[int] = []
    same(whole, source.make(0, 60, 1, told.append))
    assert told == [7, 14, 21, 28, 35, 42, 49, 56, 60]


def test_another_process_gets_the_same_patients(source: Source) -> None:
    same(source.make(13, 29, 1), pickle.loads(pickle.dumps(source)).make(13, 29, 1))


def test_without_a_trial_the_disease_takes_its_course(source: Source) -> None:
    made = source.make(0, 10, 1)
    some = people(source.bodies, source.system, source.disease, source.ensemble, 3)
    events = insults(some, source.disease, source.ensemble, source.evidence, 3)
    path = followed(some, events, np.array(source.days), 1).y
    place = {name: i for i, name in enumerate(some.ids)}
    rows = [place[name] for name in names(source, made)]
    for key in source.observables:
        expected = observed(some, source.disease, source.evidence, key, path)[rows]
        # one run to the end, or one to enrolment and one from there: as far apart as the tolerance is wide
        np.testing.assert_allclose(made[key], expected, rtol=0.02, atol=1e-3)


def test_in_an_arm_patients_are_those_of_the_trial(tmp_path: Path) -> None:
    source = small_source(
        tmp_path, arm="MSC", days=(2.0, 3.0, 9.0, 22.0), disease={"least = 0.05": "least = 0.4"}
    )
    assert source.trial is not None and source.extra == ()
    made = source.make(0, 150, 1)
    taken = enrol(source.disease, source.evidence, source.ensemble, size=30, keep=5, threads=1)
    place = {name: i for i, name in enumerate(names(source, made))}
    assert all(made["eligible"][place[name]] for name in taken.ids)
    assert 0 < made["eligible"].mean() < 1
    paths = follow(source.trial, taken, source.evidence, source.ensemble, threads=1).paths["MSC"]
    rows = [place[name] for name in taken.ids]
    for key in ("damage", "T"):
        at = [paths.nearest(d - 2.0) for d in source.days]
        np.testing.assert_allclose(made[key][rows], paths.values[key][:, at], rtol=1e-6)
    other = small_source(tmp_path / "control", arm="control", days=source.days).make(0, 150, 1)
    same({k: made[k] for k in ("draw", "number")}, {k: other[k] for k in ("draw", "number")})
    assert not np.array_equal(made["damage"], other["damage"])


def test_a_run_that_does_not_end_is_said_and_has_no_values(tmp_path: Path) -> None:
    made = small_source(tmp_path, days=(2.0, 400.0)).make(0, 5, 1)
    assert not made["solved"].all()
    assert np.isnan(made["damage"][~made["solved"]]).all()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"observables": ["damge"]}, "did you mean 'damage'"),
        ({"days": [-1.0]}, "off the clock"),
        ({"days": [float("nan")]}, "off the clock"),
        ({"draws": 0}, "0 draws"),
    ],
)
def test_what_is_not_known_is_refused(asked: dict, says: str, tmp_path: Path) -> None:
    evidence = disease_evidence(tmp_path / "tables")
    with pytest.raises(InputError, match=says):
        plan_source(write_disease(tmp_path / "d"), evidence, threads=1, **asked)


def test_unknown_arms_diseases_and_names_that_a_store_cannot_have(tmp_path: Path) -> None:
    evidence = disease_evidence(tmp_path / "tables")
    write_disease(tmp_path / "d")
    with pytest.raises(InputError, match="no arm 'MSCs'.*did you mean 'MSC'"):
        plan_source(tmp_path / "d" / "small-trial.toml", evidence, arm="MSCs")
    with pytest.raises(InputError, match="no disease or trial 'sr-agvh'.*did you mean 'sr-agvhd'"):
        plan_source("sr-agvh", evidence)
    odd = write_disease(tmp_path / "odd", disease={'drug = "level drug"': 'solved = "level drug"'})
    with pytest.raises(InputError, match="cannot be the name"):
        plan_source(odd, evidence, threads=1)
