"""Virtual patients: the same whoever else is drawn, as varied as the file says, chosen as a trial would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shipped_body as shipped
from small_disease import disease_evidence, write_disease

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.ensemble import Ensemble, prior_ensemble
from stromal.experiments.population import Patients, enrol, natural_history, plausible


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return disease_evidence(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def disease(tables: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Disease:
    return load_disease(write_disease(tmp_path_factory.mktemp("disease")), tables)


@pytest.fixture(scope="module")
def few(tables: Evidence) -> Ensemble:
    return prior_ensemble(tables, 3)


@pytest.fixture(scope="module")
def many(disease: Disease, tables: Evidence, few: Ensemble) -> Patients:
    return enrol(disease, tables, few, size=60, keep=12, threads=1)


def damage(patients: Patients) -> np.ndarray:
    index = patients.system.state_index
    whole = patients.parameters[:, patients.system.parameter_index["reference:target:E"]]
    return 1 - patients.y[:, index["target:E"]] / whole


def changed(tables: Evidence, folder: Path, **texts: dict[str, str]) -> Disease:
    return load_disease(write_disease(folder, **texts), tables)


def test_a_patient_is_the_same_however_many_are_drawn(
    disease: Disease, tables: Evidence, few: Ensemble
) -> None:
    small, large = (plausible(disease, tables, few, n, threads=1) for n in (3, 5))
    place = {name: i for i, name in enumerate(large.ids)}
    same = [place[name] for name in small.ids]
    np.testing.assert_array_equal(small.parameters, large.parameters[same])
    np.testing.assert_array_equal(small.y, large.y[same])
    one = plausible(disease, tables, few.at(np.array([1])), 3, threads=1)
    at = [small.ids.index(name) for name in one.ids]
    np.testing.assert_allclose(one.parameters, small.parameters[at], rtol=1e-9)


def test_patients_of_a_draw_differ_in_what_the_file_says_and_nothing_else(
    disease: Disease, tables: Evidence, few: Ensemble
) -> None:
    some = plausible(disease, tables, few, 200, threads=1)
    names = [p.name for p in some.system.parameters]
    for d in range(3):
        mine = some.parameters[some.draw == d]
        varied = {n for n, column in zip(names, mine.T, strict=True) if np.ptp(column) > 0}
        assert varied == {"base:E:death"}
        # a geometric spread bounds the central 90 %
        logs = np.log(mine[:, names.index("base:E:death")])
        low, high = np.quantile(logs, [0.05, 0.95])
        assert high - low == pytest.approx(2 * np.log(1.5), rel=0.25)


def test_those_are_taken_who_meet_the_criteria_in_the_shares_of_the_trial(
    many: Patients, disease: Disease, tables: Evidence, few: Ensemble, tmp_path: Path
) -> None:
    x = damage(many)
    assert ((x >= 0.05) & (x <= 0.9)).all() and many.day == 2.0
    assert [int((many.draw == d).sum()) for d in range(3)] == [12, 12, 12]
    # strata weigh by their share in the trial, not by how many there are
    severe = {}
    for i, (mild_share, severe_share) in enumerate((("0.95", "0.05"), ("0.05", "0.95"))):
        text = write_disease(tmp_path / str(i)).read_text(encoding="utf-8")
        head, _, strata = text.partition("[[enrol.strata]]")
        strata = strata.replace("share = 0.5", f"share = {mild_share}", 1)
        strata = strata.replace("share = 0.5", f"share = {severe_share}", 1)
        path = tmp_path / str(i) / "small.toml"
        path.write_text(head + "[[enrol.strata]]" + strata, encoding="utf-8")
        chosen = enrol(load_disease(path, tables), tables, few, size=60, keep=8, threads=1)
        severe[i] = (damage(chosen) >= 0.3).mean()
    assert severe[0] < 0.35 and severe[1] > 0.65


def test_a_criterion_may_ask_how_it_went_before(disease: Disease, tables: Evidence, few: Ensemble, tmp_path: Path) -> None:  # fmt: skip
    ask = {"most = 0.9\n": "most = 0.9\n\n[[enrol.criteria]]\nobservable = \"damage\"\nover_day = -1\nmost = 0.8\n"}  # fmt: skip
    healing = changed(tables, tmp_path, disease=ask)
    usual = enrol(disease, tables, few, size=30, keep=2, threads=1).yields["plausible patients that fit"]
    better = enrol(healing, tables, few, size=30, keep=2, threads=1).yields["plausible patients that fit"]
    assert 0 < better < usual


def test_draws_that_contradict_natural_history_are_rejected_and_counted(
    many: Patients, disease: Disease, tables: Evidence, few: Ensemble, tmp_path: Path
) -> None:
    assert many.yields["draws that keep to natural history"] == 1.0
    never = changed(tables, tmp_path / "a", disease={"day = 60\nmost = 0.1": "day = 60\nleast = 0.5"})
    with pytest.raises(InputError, match="no plausible patient"):
        enrol(never, tables, few, size=12, keep=2, threads=1)
    # what is left out is left out: with the graft the burn does not heal
    grafted = changed(tables, tmp_path / "b", disease={'without = ["graft"]': "without = []"})
    some = plausible(disease, tables, few, 6, threads=1)
    kept = natural_history(disease, tables, few, some, 6, threads=1)
    ill = natural_history(grafted, tables, few, some, 6, threads=1)
    assert kept.all() and not ill.any()


def test_what_was_rejected_is_told(many: Patients, disease: Disease, tables: Evidence, few: Ensemble) -> None:
    assert set(many.yields) == {
        "draws that rest",
        "draws that keep to natural history",
        "plausible patients solved",
        "plausible patients that fit",
        "draws with enough patients",
    }
    assert all(0 < share <= 1 for share in many.yields.values())
    with pytest.raises(InputError, match="no plausible patient") as caught:
        enrol(disease, tables, few, size=5, keep=6, threads=1)
    assert caught.value.key == "enrol.criteria"


def test_a_limit_on_what_is_there_at_rest_rejects_draws(disease: Disease, tables: Evidence, few: Ensemble, tmp_path: Path) -> None:  # fmt: skip
    tight = changed(tables, tmp_path, module={"[counts]": '[at_most]\n"target:E" = "1 cells/uL"\n\n[counts]'})  # fmt: skip
    with pytest.raises(InputError, match="no draw of the ensemble has a resting point"):
        plausible(tight, tables, few, 2, threads=1)


# -- the shipped disease ---------------------------------------------------------------------------------


@pytest.mark.parametrize("varied", [False, True], ids=["median", "varied"])
@pytest.mark.parametrize("cells", [0.0, 1.4e8], ids=["without MSC", "with MSC"])
def test_healthy_people_stay_healthy(cells: float, varied: bool, evidence: Evidence) -> None:
    entries = tuple(shipped.trial(evidence).disease.spec.variability)
    people = shipped.healthy(evidence, 3, entries) if varied else shipped.healthy(evidence)
    assert people.yields["draws that rest"] >= 0.4
    dose = {"lung:MSC": cells / 5e5} if cells else None
    y = shipped.course(people, [1.0, 10.0, 30.0, 100.0], evidence, dose=dose)
    assert (shipped.observed("damage", people, y, evidence) < 0.02).all()
    index = people.system.state_index
    for state in ("target:epithelium", "blood:monocyte"):
        there = y[:, :, index[state]] / people.y[:, [index[state]]]
        assert (np.abs(there - 1) < 0.2).all(), f"{state}: {there.min():.2f} to {there.max():.2f} of rest"


def test_the_course_of_the_disease_is_known_without_prophylaxis(evidence: Evidence) -> None:
    people = shipped.healthy(evidence)
    disease = shipped.trial(evidence).disease
    keeps = natural_history(shipped.like(disease, variability={}), evidence, shipped.draws(evidence), people, 1, threads=1)  # fmt: skip
    assert keeps.any(), "no draw keeps to the natural history"
    some = people.take(np.flatnonzero(keeps))
    last = {}
    for without in (("CNI", "steroid"), ("graft", "steroid")):
        y = shipped.course(some, [14.0, 45.0, 100.0], evidence, without=without)
        last[without[0]] = shipped.observed("damage", some, y, evidence).max(axis=1)
    assert np.median(last["CNI"]) > 0.5, f"untreated: {np.round(last['CNI'], 2)}"
    y = shipped.course(some, [60.0], evidence, without=("graft", "steroid"))
    assert (shipped.observed("damage", some, y, evidence) <= 0.15).all()
