"""The trial command: what it prints and writes of one small run, and what it refuses."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_trial import NAME, small_result

from stromal.cli.out import NOT_FOR_PATIENTS
from stromal.cli.trial_report import TrialView, effect_words, level_words
from stromal.experiments.scoring import Score
from stromal.experiments.trial import Reported


@pytest.fixture
def no_run(monkeypatch):
    """Hand out the small run for every trial, and keep what was asked for."""
    asked = {}

    def run(trial, **options):
        asked.update(trial=trial, **options)
        return small_result()

    monkeypatch.setattr("stromal.experiments.trial_run.run_trial", run)
    return asked


def test_the_first_line_says_what_the_trial_would_show(stromal, no_run):
    code, out, _ = stromal("trial", NAME)
    lines = out.splitlines()
    assert code == 0 and lines[0].startswith("A trial of ") and "of trials succeed" in lines[0]
    assert "in the same patients" in lines[0]
    assert "not stated; assumed: " in out and "are assumed" in out and lines[-1] == NOT_FOR_PATIENTS
    for title in ("overall survival", "power", "assurance", "same patients"):
        assert title in out


def test_json_has_all_arms_and_comparisons(as_json, no_run):
    data = as_json("trial", NAME, "-n", "40", "--seed", "3", "--draws", "3")
    assert no_run["seed"] == 3 and {arm.n for arm in no_run["trial"].arms} == {40}
    assert data["inputs"]["n"] == 40 and data["seed"] == 3
    result = small_result()
    assert [a["name"] for a in data["arms"]] == [a.name for a in result.trial.arms]
    primary = data["arms"][0]["endpoints"][data["primary"]]
    assert primary["unit"] == "%" and primary["lo"] <= primary["median"] <= primary["hi"]
    assert len(data["comparisons"]) == len(result.estimands)
    assert data["not_stated"] and 0 < data["assumed"] < 1 and "curves" not in data
    assert as_json("trial", NAME, "--curves")["curves"]


def test_out_is_written_whole(as_json, stromal, no_run, tmp_path):
    assert as_json("trial", NAME, "--out", "res")["out"] == "res"
    names = {p.name for p in Path("res").iterdir()}
    tables = {"arms.csv", "comparisons.csv", "scores.csv", "curves.csv", "patients.csv"}
    assert names == tables | {"result.json", "manifest.json"}
    for name in tables:
        with open(Path("res") / name, encoding="utf-8", newline="") as stream:
            assert next(csv.reader(stream)), name
    told = json.loads(Path("res/result.json").read_text())
    assert {"inputs", "versions", "seed", "evidence"} <= set(told["provenance"]) and told["arms"]
    patients = list(csv.DictReader(Path("res/patients.csv").open()))
    assert {p["patient"] for p in patients} == set(small_result().patients.ids)
    before = Path("res/result.json").read_bytes()
    code, out, err = stromal("trial", NAME, "--out", "res")
    assert code == 2 and "is not empty" in err and not out
    assert Path("res/result.json").read_bytes() == before


def test_plot(as_json, no_run):
    assert as_json("trial", NAME, "--plot", "t.svg")["plot"] == "t.svg"
    assert b"MSC" in Path("t.svg").read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sr-agvd"], "did you mean"),
        ([NAME, "-n", "0"], "0 patients an arm"),
        ([NAME, "-n", "1000000"], "1 to 20000"),
        ([NAME, "--product", "MCS"], "product: no product or drug 'MCS' (did you mean 'MSC'?)"),
        ([NAME, "--dose", "-1 cells/kg"], "dose: '-1 cells/kg' is not a positive amount"),
        ([NAME, "--addl", "-1"], "not a whole number"),
        ([NAME, "--time", "-7"], "before the start"),
        ([NAME, "--days", "0 9999"], "after the end"),
        ([NAME, "--cmt", "lungs"], "did you mean 'lung'?"),
        ([NAME, "--dose", "1e8 cells", "--cap", "1e7 cells"], "cap"),
        ([NAME, "--block", "PDL1"], "did you mean 'PD-L1'?"),
        ([NAME, "--draws", "0"], "at least 1"),
        ([NAME, "--draws", "100000"], "draws"),
        ([NAME, "--replicates", "0"], "1 to 1000"),
        ([NAME, "--seed", "-1"], "seed"),
        ([NAME, "--plot", "x.gif"], ".gif"),
        ([NAME, "--out", "deep/er"], "does not exist"),
        ([NAME, "--only", "placebo"], "no arm 'placebo'"),
        ([NAME, "--regimen", "nowhere.csv"], "nowhere.csv"),
        ([NAME, "--dos", "1 cells"], "did you mean '--dose'?"),
        (["nowhere.toml"], "nowhere.toml"),
    ],
)
def test_bad_input_is_one_line(stromal, words, says):
    code, out, err = stromal("trial", *words)
    assert code == 2 and not out and says in err
    assert len(err.strip().splitlines()) == 1
    assert not list(Path().iterdir())


def view(**changes):
    result = replace(small_result(), **changes)
    return TrialView(result, result.trial)


def test_an_uncalibrated_disease_tells_signs_and_no_percentages():
    seen = view(posterior=replace(small_result().posterior, calibrated=False))
    data = seen.as_dict()
    assert all(e["median"] is None for a in data["arms"] for e in a["endpoints"].values())
    for c in data["comparisons"]:
        assert c["effect"] is None and c["power"] is None and c["shift"]["median"] is None
        assert c["sign"] in ("higher", "lower", "the same", "not estimable")
    assert seen.curves() == [] and "signs only" in data["headline"]
    assert "points" not in "\n".join(seen.lines())


def test_vacuous_predictions_and_amplifiers_are_named():
    score = Score(
        "MSC: response", 55.0, 60.0, 40.0, 80.0, True, 8.0, 4.0, 7.0, 3.9, 6.0, 3.5, "crps", True, 0.0
    )
    seen = view(scores=(score,))
    object.__setattr__(seen.result, "amplifiers", ("engulfed MSC calm macrophages of the lung",))
    text = "\n".join(seen.lines())
    assert "vacuous" in text and "how the dose reaches the disease: engulfed MSC" in text
    assert seen.as_dict()["scores"][0]["vacuous"] is True


def test_a_changed_trial_is_not_held_against_reports():
    result = small_result()
    said = Reported(endpoint=result.trial.spec.primary, arm="MSC", value=50, source="made up")
    planned = replace(result.trial, spec=result.trial.spec.model_copy(update={"reported": (said,)}))
    assert "is not compared" in " ".join(TrialView(result, planned).warnings())


def test_failed_patients_are_named():
    result = small_result()
    arm = result.trial.arms[0].name
    followed = replace(result.followed, failed={arm: ("a-1-2",)})
    seen = view(followed=followed)
    assert seen.as_dict()["failed_patients"] == [{"arm": arm, "id": "a-1-2"}]
    assert f"a-1-2 ({arm})" in "\n".join(seen.lines())


def test_words_of_numbers():
    assert level_words(61.6, "%") == "62 %" and level_words(float("inf"), "days") == "not reached"
    assert effect_words(-0.01, "points") == "0.0" and effect_words(3.21, "points") == "+3.2"
    assert effect_words(0.8, "ratio") == "x0.80" and effect_words(float("nan"), "ratio") == "not estimable"
