"""Diseases as files: what they name must be there, and mistakes are told with the nearest name."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from small_disease import disease_evidence, write_disease

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.disease import list_diseases, load_disease
from stromal.experiments.trial import list_trials, load_trial


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return disease_evidence(tmp_path_factory.mktemp("tables"))


def test_a_disease_is_its_modules_insults_and_observables(tables: Evidence, tmp_path: Path) -> None:
    disease = load_disease(write_disease(tmp_path), tables)
    assert disease.id == "small" and disease.weight == 70.0 and not disease.calibrated
    assert disease.sites["MSC"] == ("lung", "target") and disease.counts == {"target:T": 0.0}
    assert [i.name for i in disease.spec.insult] == ["burn", "graft"]
    # a bare amount has the usual spread of what is assumed
    other = load_disease(
        write_disease(tmp_path / "b", disease={'{value = "4 cells/uL", spread = 1}': '"4 cells/uL"'}), tables
    )
    amount = other.spec.insult[1].add["blood:T"]
    assert (amount.value, amount.spread, amount.between) == ("4 cells/uL", 3.0, 1.0)
    system = disease.system(tables)
    assert {"target:T", "blood:T", "systemic:drug", "lung:MSC"} <= system.state_index.keys()


def test_modules_add_up_where_they_share_a_cell(tables: Evidence, tmp_path: Path) -> None:
    path = write_disease(tmp_path, disease={'modules = ["organ"]': 'modules = ["organ", "more"]'})
    more = 'id = "more"\ntitle = "m"\nabout = "a"\nsource = "assumed"\n[sites]\n"M" = ["lung", "target"]\n'
    (tmp_path / "more.toml").write_text(more, encoding="utf-8")
    assert load_disease(path, tables).sites["M"] == ("target", "lung")


@pytest.mark.parametrize(
    ("part", "old", "new", "file", "key", "says"),
    [
        ("disease", 'modules = ["organ"]', 'modules = ["imune-core"]', "", "modules", "no modules 'imune-core'.*'immune-core'"),
        ("module", '"MSC" = ["lung", "target"]', '"MCS" = ["lung"]', "organ.toml", "sites", "no cell 'MCS'.*'MSC'"),
        ("module", '"MSC" = ["lung", "target"]', '"MSC" = ["lungs"]', "organ.toml", "sites.MSC", "no place 'lungs'.*'lung'"),
        ("module", '"0 cells/uL"', '"-1 cells/uL"', "organ.toml", "counts.target:T", "negative"),
        ("module", '"0 cells/uL"', '"1 kg"', "organ.toml", "counts.target:T", "kg"),
        ("module", "[counts]", "[count]", "organ.toml", "count", "no such key.*'counts'"),
        ("disease", '"target:E" = {value', '"target:EE" = {value', "small.toml", "insult.burn", "no state 'target:EE'.*'target:E'"),
        ("disease", 'add = {"blood:T"', 'ad = {"blood:T"', "small.toml", "insult.1.ad", "no such key.*'add'"),
        ("disease", "between = 1.5, most", "between = 0.5, most", "small.toml", "insult.0.scale.target:E.between", "0.5"),
        ("disease", 'weight = "70 kg"', 'weight = "-70 kg"', "small.toml", "weight", "negative"),
        ("disease", 'target = "an organ"', 'targt = "an organ"', "small.toml", "targt", "no such key.*'target'"),
        ("disease", 'target = "an organ"', 'species = "rat"', "small.toml", "species", "human"),
        ("disease", "day = 1", "day = 2.5", "small.toml", "enrol.day", "before 'graft' on day 2.5.*2.5 or later"),
        ("disease", "least = 0.05", "leest = 0.05", "small.toml", "enrol.criteria.0.leest", "no such key.*'least'"),
        ("disease", 'observable = "damage"\nleast = 0.05', 'observable = "damge"\nleast = 0.05', "small.toml", "enrol", "no observable 'damge'.*'damage'"),
        ("disease", "share = 0.5\n\n[[enrol.strata]]", "share = 0\n\n[[enrol.strata]]", "small.toml", "enrol.strata.0.share", "0"),
        ("disease", '"count T in target"', '"count TT in target"', "small.toml", "observables.T", "no 'TT'.*'T'"),
        ("disease", '"count T in target"', '"number of T"', "small.toml", "observables.T", "not an observable.*count X in PLACE"),
        ("disease", "[enrol]\nday = 2", "[enrol]\nday = -2", "small.toml", "enrol.day", "-2"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_key_and_the_nearest_name(
    part: str, old: str, new: str, file: str, key: str, says: str, tables: Evidence, tmp_path: Path
) -> None:
    path = write_disease(tmp_path, **{part: {old: new}})
    with pytest.raises(InputError, match=says) as caught:
        load_disease(path, tables)
    assert caught.value.key == key
    assert caught.value.file == file


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('reference = "control"', 'reference = "contrl"', "reference", "no arm 'contrl'.*'control'"),
        ('primary = "severity"', 'primary = "severty"', "endpoints", "no endpoint 'severty'.*'severity'"),
        ('name = "MSC"', 'name = "control"', "arms", "same name"),
        ("days = 20", "days = 0", "days", "0"),
        ("n = 4", "nn = 4", "nn", "no such key.*'n'"),
        ("n = 4", "n = 20001", "n", "1 to 20000"),
        ('route = "IV"', 'route = "VI"', "", "no route of cells 'VI'.*'IV'"),
    ],
)
def test_a_mistake_in_a_trial_is_told(
    old: str, new: str, key: str, says: str, tables: Evidence, tmp_path: Path
) -> None:
    write_disease(tmp_path, trial={old: new})
    with pytest.raises(InputError, match=says) as caught:
        load_trial(tmp_path / "small-trial.toml", tables)
    assert caught.value.file == "small-trial.toml" and key in caught.value.key


def test_a_trial_may_enrol_others_than_the_disease_does(tables: Evidence, tmp_path: Path) -> None:
    write_disease(tmp_path, trial={"[[arms]]": "[enrol]\nday = 5\n\n[[arms]]"})
    trial = load_trial(tmp_path / "small-trial.toml", tables)
    assert trial.disease.spec.enrol.day == 5 and not trial.disease.spec.enrol.strata
    assert trial.reference == "control" and trial.arms[1].product is not None


def test_files_that_cannot_be_read_are_named(tables: Evidence, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no disease 'sr-agvhdd'.*'sr-agvhd'"):
        load_disease("sr-agvhdd", tables)
    with pytest.raises(InputError, match=r"nowhere.toml.*cannot be read"):
        load_disease(tmp_path / "nowhere.toml", tables)
    (tmp_path / "broken.toml").write_text("id = ", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken.toml.*cannot be read"):
        load_disease(tmp_path / "broken.toml", tables)


@pytest.mark.parametrize("name", sorted(list_diseases()))
def test_every_shipped_disease_loads_with_what_its_insults_change(name: str, evidence: Evidence) -> None:
    disease = load_disease(name, evidence)
    assert disease.id == name
    index = disease.system(evidence, ("basiliximab",)).state_index
    # what is added must have a level; what is scaled may have none
    missing = [s for i in disease.spec.insult for s in i.add if s not in index]
    assert not missing, f"nothing senses {missing}"
    for known in disease.spec.natural:
        assert known.observable in disease.observables
        names = {i.name for i in disease.spec.insult} | {str(d["give"]) for d in disease.spec.background}
        assert set(known.without) <= names, known.name
    assert {t for t in list_trials() if t == disease.spec.trial}


@pytest.mark.parametrize("name", sorted(list_diseases()))
def test_every_pattern_of_a_shipped_disease_selects_something(name: str, evidence: Evidence) -> None:
    disease = load_disease(name, evidence)
    numbers = set(disease.system(evidence, ("basiliximab",)).parameter_index)
    given = {f"insult:{i.name}:{state}" for i in disease.spec.insult for state in (*i.scale, *i.add)}
    idle = []
    for key, valid in (("variability", numbers), ("directions", numbers | given)):
        for entry, item in getattr(disease.spec, key).items():
            idle += [
                f"{key}.{entry}: {pattern}"
                for pattern in item.select
                if not any(fnmatchcase(known, pattern) for known in valid)
            ]
    assert not idle, f"patterns that select nothing: {idle}"
