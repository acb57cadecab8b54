import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_trial import NAME, small_result

#: A disease that is fitted.
DISEASE = NAME


def test_a_disease_says_what_it_is_made_of_and_how_it_fits(as_json, stromal):
    data = as_json("disease", DISEASE)
    assert data["calibrated"] and data["fit"] and data["modules"] and data["yields"]
    assert {e["name"] for e in data["endpoints"] if e["fitted"]} == {r["endpoint"] for r in data["fit"]}
    out = stromal("disease", DISEASE)[1]
    for word in ("residual", "posterior", "not fitted", "yields", "patients differ by"):
        assert word in out


def test_the_course_is_of_the_same_patients_with_more_drugs(as_json):
    data = as_json("disease", DISEASE, "--draws", "2", "--plot", "d.png", "--threads", "1")
    assert Path("d.png").stat().st_size > 10_000
    drugs = list(dict.fromkeys(c["drugs"] for c in data["course"]))
    assert drugs[0] == "no drugs" and all(b.startswith(a) for a, b in zip(drugs[1:], drugs[2:], strict=False))
    start = {c["median"] for c in data["course"] if c["day"] == 0 and c["observable"] == "damage"}
    assert len(start) == 1
    late = {c["drugs"]: c["median"] for c in data["course"] if c["day"] == 60 and c["observable"] == "damage"}
    assert late[drugs[-1]] < late["no drugs"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["disease", "sr-agvd"], "did you mean"),
        (["disease", DISEASE, "--draws", "0"], "draws"),
        (["disease", DISEASE, "--plot", "x.gif"], ".gif"),
        (["patient", "nobody"], "DISEASE-DRAW-NUMBER"),
        (["patient", f"{DISEASE}-999999-0"], "no virtual patient"),
        (["patient", f"{DISEASE}-1-0", "--observable", "damge"], "did you mean 'damage'?"),
        (["calibrate", "--disease", "sr-agvd"], "did you mean"),
        (["calibrate", "--disease", DISEASE, "--draws", "0"], "draws"),
    ],
)
def test_bad_input_is_one_line(stromal, words, says):
    code, out, err = stromal(*words)
    assert code == 2 and not out and says in err and len(err.strip().splitlines()) == 1


def test_a_patient_is_the_one_of_the_trial(as_json, stromal):
    result = small_result()
    name = result.patients.ids[0]
    data = as_json("patient", name, "--draws", "3", "--plot", "p.svg", "--threads", "1")
    assert data["patient"] == name and Path("p.svg").exists()
    assert {t["name"] for t in data["traits"]} >= set(result.trial.disease.spec.variability)
    for arm in data["arms"]:
        path = result.followed.paths[arm["name"]]
        for key, found in arm["observables"].items():
            # bodies are solved to one in a thousand, here alone and there with others
            want = path.values[key][0]
            np.testing.assert_allclose(found["values"], want, rtol=1e-3, atol=1e-3 * np.abs(want).max())
    away = max(range(40), key=lambda k: f"{name.rpartition('-')[0]}-{k}" not in result.patients.ids)
    code, _, err = stromal("patient", f"{name.rpartition('-')[0]}-{away}", "--draws", "3", "--threads", "1")
    assert code == 2 and "was not enrolled (enrolled: " in err


def test_calibrate_a_disease(as_json, stromal, monkeypatch):
    from stromal.inference.disease_fit import DiseaseFit

    row = {
        "row": "CAL-01", "endpoint": "response", "day": 28.0, "measure": "share", "unit": "%", "setting": "",
        "data": 50.0, "n": 50.0, "residual": 0.1, "confidence": "seen", "source": "made up",
        **{f"{k}{e}": 40.0 for k in ("prior", "posterior") for e in ("_lo", "", "_hi")},
    }  # fmt: skip
    values = np.ones(4)
    fit = DiseaseFit(
        (row,),
        (1, 2),
        {"endpoint:x": values[:2]},
        {"killing": (values, values[:2])},
        3.0,
        {"solved": 1.0},
        4,
        1,
    )
    asked = SimpleNamespace(options={})

    def fake(name, **options):
        asked.options = {"name": name, **options}
        return dataclasses.replace(fit)

    monkeypatch.setattr("stromal.inference.disease_fit.fit_disease", fake)
    data = as_json("calibrate", "--disease", DISEASE, "--draws", "7", "--out", "cal")
    assert asked.options["draws"] == 7 and data["fit"][0]["id"] == "CAL-01" and len(data["files"]) == 2
    assert "effective sample size 3" in stromal("calibrate", "--disease", DISEASE)[1]
    code, _, err = stromal("calibrate", "--disease", DISEASE, "--out", "cal")
    assert code == 2 and "left as it is" in err


def test_lists(as_json):
    assert DISEASE in [d["name"] for d in as_json("list", "diseases")["items"]]
    assert NAME in [t["name"] for t in as_json("list", "trials")["items"]]


def test_a_disease_has_a_model(as_json):
    assert "epithelium" in as_json("model", DISEASE)["parts"]["cells"]


def test_templates_are_valid(as_json, stromal):
    as_json("new", "disease", "mine")
    assert as_json("validate", "mine.toml")["kind"] == "disease"
    as_json("new", "trial", "my-trial", "--disease", "mine")
    assert as_json("validate", "my-trial.toml")["kind"] == "trial"
    as_json("new", "trial", "other")
    assert as_json("validate", "other.toml")["summary"]["arms"] == 2
    assert not as_json("disease", "mine.toml")["calibrated"]
    text = Path("mine.toml").read_text()
    assert '# knockout = ["T.FAS"]' in text
    Path("mine.toml").write_text(text.replace('# knockout = ["T.FAS"]', 'knockout = ["T.FAS"]', 1))
    assert as_json("disease", "mine.toml")["knockout"] == ["T.FAS"]
    assert "the host lacks T.FAS" in stromal("disease", "mine.toml")[1]
    Path("mine.toml").write_text(text.replace('# knockout = ["T.FAS"]', 'knockout = ["tumour.HLA-C"]', 1))
    assert "nothing in this body passes through 'tumour.HLA-C'" in stromal("validate", "mine.toml")[2]
    Path("mine.toml").write_text(text)
    assert stromal("new", "disease", "mine")[0] == 2
    assert "no disease 'mien'" in stromal("new", "trial", "x", "--disease", "mien")[2]
    assert stromal("new", "assay", "x", "--disease", "mine")[0] == 2


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"immune-core"', '"imune-core"', "did you mean 'immune-core'?"),
        ('"target:epithelium" = { value', '"target:epithelum" = { value', "epithelium"),
        ('select = ["supply:target:epithelium"]', 'select = ["suply:target:epithelium"]', "selects nothing"),
        ('of = "damage" }]\ncuts', 'of = "damge" }]\ncuts', "damage"),
        ('observable = "damage"', 'observable = "damge"', "did you mean 'damage'?"),
    ],
)
def test_validate_names_what_is_wrong_in_a_disease(stromal, old, new, says):
    stromal("new", "disease", "mine")
    text = Path("mine.toml").read_text()
    assert old in text
    Path("mine.toml").write_text(text.replace(old, new, 1))
    code, _, err = stromal("validate", "mine.toml")
    assert code == 2 and says in err and "mine.toml" in err


def test_validate_module_and_regimen(as_json):
    Path("part.toml").write_text('id="part"\ntitle="t"\nabout="a"\nsource="s"\n[sites]\n"Treg"=["target"]\n')
    assert as_json("validate", "part.toml")["kind"] == "module"
    Path("part.toml").write_text('id="part"\ntitle="t"\nabout="a"\nsource="s"\n[sites]\n"Tregs"=["target"]\n')
    assert "Treg" in as_json("validate", "part.toml", schema="error", code=2)["error"]["suggestion"]
    Path("r.csv").write_text("ID,TIME,AMT,CMT,II,ADDL\n1,0,2e6,IV,7,3\n")
    assert as_json("validate", "r.csv")["summary"]["doses"] == 4
    Path("r.csv").write_text("ID,TIME,AMT,CMT\n1,0,2e6,IVV\n")
    error = as_json("validate", "r.csv", schema="error", code=2)["error"]
    assert (error["file"], error["row"]) == ("r.csv", 2)
