"""What the host of a disease lacks: missing in health, in natural history and in every arm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_disease import disease_evidence, write_disease

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.cohort import arm_parameters, follow
from stromal.experiments.disease import list_diseases, load_disease
from stromal.experiments.ensemble import Ensemble, prior_ensemble
from stromal.experiments.keep import Keeper
from stromal.experiments.one_patient import find_patient
from stromal.experiments.population import enrol, plausible
from stromal.experiments.switches import knocked_out
from stromal.experiments.trial import Trial, load_trial
from stromal.experiments.whole_course import course

#: T cells of the small body that see what they made die of it, by Fas; MSC are deaf to IL2.
FAS = {"id": "il2-kills-t", "cell": "T", "behaviour": "death", "signal": "IL2", "via": "Tconv:FASLG > Tconv:FAS", "effect": "increases", "fold": "4", "half_max": "0.1", "unit": "ng/mL"}  # fmt: skip
DEAF = {"id": "il2-kills-msc", "cell": "MSC", "behaviour": "death", "signal": "IL2", "via": "MSC:FAS", "effect": "increases", "fold": "2", "unit": "ng/mL"}  # fmt: skip
LACKS = 'modules = ["organ"]\nknockout = ["Tconv.FAS"]'
KEEP = "keep:Tconv:FAS"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    rules = [FAS, DEAF]
    bounds = [{"cell": "MSC", "behaviour": "death", "base": "0.7", "most": "5", "least": "0.1"}]
    folder = tmp_path_factory.mktemp("tables")
    routes = [
        {"route": "IV", "what": "cells", "place": place, "share": share, "status": "assumed",
         "strength": "assumed", "source": "made for a test", "spread": "3"}
        for place, share in (("lung", "0.9"), ("target", "0.1"))
    ]  # fmt: skip
    return disease_evidence(folder, rules=rules, behaviours=bounds, routes=routes)


@pytest.fixture(scope="module")
def few(tables: Evidence) -> Ensemble:
    return prior_ensemble(tables, 2)


def trial_of(tables: Evidence, folder: Path, lacks: str = "", **changes: dict[str, str]) -> Trial:
    disease = {'modules = ["organ"]': lacks} if lacks else {}
    write_disease(folder, disease=disease, **changes)
    return load_trial(folder / "small-trial.toml", tables)


def test_what_the_host_lacks_is_missing_in_health_and_in_every_arm(
    tables: Evidence, few: Ensemble, tmp_path: Path
) -> None:
    own = {"name = \"MSC\"\n": "name = \"MSC\"\nknockout = [\"MSC.FAS\"]\n"}  # fmt: skip
    plain, mutant = (trial_of(tables, tmp_path / str(i), lacks, trial=own) for i, lacks in enumerate(("", LACKS)))  # fmt: skip
    for trial, left in ((plain, 1.0), (mutant, 0.0)):
        healthy = plausible(trial.disease, tables, few, 2, threads=1)
        at = healthy.system.parameter_index
        assert (healthy.parameters[:, at[KEEP]] == left).all()
        # natural history and enrolment go on from these numbers
        enrolled = enrol(trial.disease, tables, few, size=12, keep=2, threads=1)
        assert (enrolled.parameters[:, at[KEEP]] == left).all()
        for arm in trial.arms:
            numbers = arm_parameters(enrolled, trial, arm, tables, few)
            assert (numbers[:, at[KEEP]] == left).all()
            # beside what an arm knocks out of its product
            assert (numbers[:, at["keep:MSC:FAS"]] == (0.0 if arm.name == "MSC" else 1.0)).all()
            # the ligand is another node
            assert (numbers[:, at["keep:Tconv:FASLG"]] == 1.0).all()
        one = course(trial, tables, arm="MSC", ensemble=few.at(np.array([0])))
        assert one.parameters[at[KEEP]] == left


def test_a_host_that_lacks_a_receptor_is_another_host(
    tables: Evidence, few: Ensemble, tmp_path: Path
) -> None:
    seen = {}
    for name, lacks in (("plain", ""), ("mutant", LACKS), ("empty", 'modules = ["organ"]\nknockout = []')):
        trial = trial_of(tables, tmp_path / name, lacks)
        some = enrol(trial.disease, tables, few, size=12, keep=2, threads=1)
        seen[name] = follow(trial, some, tables, few, threads=1).paths["control"].values["T"]
    assert (seen["mutant"][:, -1] > 1.05 * seen["plain"][:, -1]).all()
    assert seen["empty"].tobytes() == seen["plain"].tobytes()


def test_a_patient_by_its_id_lacks_it_too(tables: Evidence, tmp_path: Path) -> None:
    trial = trial_of(tables, tmp_path, LACKS)
    found = find_patient(_first(trial, tables), trial, tables, draws=2, threads=1)
    assert found.patients.parameters[0, found.patients.system.parameter_index[KEEP]] == 0.0


def _first(trial: Trial, tables: Evidence) -> str:
    from stromal.experiments.population import ENROLLED, PLAUSIBLE
    from stromal.experiments.posterior import disease_posterior

    bodies, _ = disease_posterior(trial.disease, trial.endpoints).head(2).distinct()
    return enrol(trial.disease, tables, bodies, size=PLAUSIBLE, keep=ENROLLED, threads=1).ids[0]


def test_parts_that_are_kept_of_a_run_know_the_host(tables: Evidence, few: Ensemble, tmp_path: Path) -> None:
    plain, mutant = trial_of(tables, tmp_path / "a"), trial_of(tables, tmp_path / "b", LACKS)
    folders = {Keeper(trial, tables, few, 12, 2).folder for trial in (plain, mutant)}
    assert len(folders) == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Tconv.FASS", "no node 'FASS'.*FAS"),
        ("Tcon.FAS", "not OWNER.NODE.*Tconv"),
        ("FAS", "not OWNER.NODE"),
        ("macrophage.FAS", "no rule or base passes through FAS of macrophage.*FAS"),
        ("MSC.FAS", "they are not the host's.*arm of the trial"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_file_and_key(
    name: str, says: str, tables: Evidence, tmp_path: Path
) -> None:
    path = write_disease(tmp_path, disease={'modules = ["organ"]': LACKS.replace("Tconv.FAS", name)})
    with pytest.raises(InputError, match=says) as caught:
        load_disease(path, tables)
    assert (caught.value.file, caught.value.key) == ("small.toml", "knockout")


def test_what_shipped_hosts_lack_is_in_their_bodies(evidence: Evidence) -> None:
    lacking = {}
    for name in list_diseases():
        disease = load_disease(name, evidence)
        index = disease.system(evidence).parameter_index if disease.spec.knockout else {}
        for text in disease.spec.knockout:
            lacking[name, text] = knocked_out(index, text)
    assert lacking and all(lacking.values())


def test_fas_mutant_mice_gather_t_cells_that_others_lose(evidence: Evidence) -> None:
    from stromal.experiments.insults import insults
    from stromal.experiments.population import followed

    mutant = load_disease("mouse-lpr-arthritis", evidence)
    some = prior_ensemble(evidence, 6, seed=1)
    count = {}
    for name, lacks in (("mutant", mutant.spec.knockout), ("plain", ())):
        spec = mutant.spec.model_copy(update={"knockout": lacks, "variability": {}})
        disease = replace(mutant, spec=spec)
        mice = plausible(disease, evidence, some, 1, threads=1)
        end = followed(mice, insults(mice, disease, some, evidence, 1), np.array([0.0, 60.0]), 1)
        assert end.ok.all()
        places = [i for s, i in mice.system.state_index.items() if s in ("lymphoid:CD4.active", "lymphoid:Th1")]  # fmt: skip
        count[name] = end.y[:, -1, places].sum(axis=1)
    assert (count["mutant"] > count["plain"]).all()
