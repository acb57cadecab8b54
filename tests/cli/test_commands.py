"""The smaller commands; check, calibrate and export are shells around layers with tests of their own."""

from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.mark.parametrize(
    "what", ["", "assays", "rules", "products", "claims", "blocks", "cells", "mediators", "directions"]
)
def test_list(as_json, stromal, what):
    words = ["list", what] if what else ["list"]
    assert as_json(*words)["items"]
    code, out, _ = stromal(*words)
    assert code == 0 and len(out.splitlines()) > 5


def test_templates_are_valid_and_never_overwritten(as_json, stromal):
    for kind, path in (("rule", "mine"), ("assay", "mine.toml")):
        assert as_json("new", kind, "mine")["files"]
        assert as_json("validate", path)["kind"] in ("tables", "assay")
        code, _, err = stromal("new", kind, "mine")
        assert code == 2 and "left as it is" in err
    assert stromal("new", "rule", "other", "--dir", "deep/er")[0] == 0
    assert Path("deep/er/rules.csv").read_text().count("\nother,") == 1


def test_validate_names_file_line_and_mend(as_json, stromal):
    stromal("new", "rule", "mine")
    table = Path("mine/rules.csv")
    table.write_text(table.read_text().replace("activated CD4,", "activated CD5,"))
    error = as_json("validate", "mine", schema="error", code=2)["error"]
    assert (error["file"], error["row"], error["key"]) == ("rules.csv", 2, "cell")
    assert "activated CD4" in error["suggestion"]
    table.write_text(table.read_text().replace("half_max", "half_may"))
    assert as_json("validate", "mine", schema="error", code=2)["error"]["key"] == "half_may"


def test_validate_claims(as_json):
    claim = """["X-1"]
says = "MSC suppress"
assay = "coculture"
arms.a = {product = "MSC"}
arms.b = {product = "none"}
expect = [{relation = "less", a = "a", b = "b"}]
"""
    Path("mine.toml").write_text(claim)
    assert as_json("validate", "mine.toml")["summary"] == {"claims": 1, "arms": 2}
    Path("mine.toml").write_text(claim.replace('"less"', '"les"'))
    assert "less" in as_json("validate", "mine.toml", schema="error", code=2)["error"]["suggestion"]


def test_model_parts(as_json, stromal):
    parts = as_json("model")["parts"]
    assert "MSC" in parts["cells"] and parts["parameters"]["assumed"] > 0
    assert "parameters" in stromal("model")[1]


def test_check_prints_what_the_layer_below_found(as_json, stromal, monkeypatch):
    row = {
        "id": "S2-088",
        "kind": "emergent",
        "counted": True,
        "share": 0.4,
        "draws": 100,
        "verdict": "fails",
        "reason": "paths disagree",
        "says": "primed MSC suppress more",
        "origin": "review",
    }
    arm = {
        "name": "primed",
        "inputs": {"priming": ["IFNG"]},
        "readout": "count T",
        "day": 4.0,
        "median": 1.0,
        "lo": 0.5,
        "hi": 2.0,
        "unit": "cells/uL",
    }
    detail = {
        "arms": [arm],
        "relations": [{"relation": "less", "arms": ["primed", "naive"], "share": 0.4}],
        "rules": ["msc-pdl1-slows-t-division"],
        "refs": ["44"],
    }
    score = {
        "counted": 1,
        "holds": 0,
        "mixed": 0,
        "fails": 1,
        "null": 0.1,
        "lift": -0.1,
        "lo": -0.2,
        "hi": 0.0,
    }
    coverage = {"experiment": 1, "graph": 0, "background": 0, "pending": 0, "unsupported": 0, "unmapped": 0}
    asked = {}

    def check_claims(claims=None, **options):
        asked.update(claims=claims, **options)
        other = {"id": "S2-093", "fate": "graph", "reason": "GATA2 affects PD-L1", "says": "", "section": ""}
        return SimpleNamespace(
            claims=[row],
            coverage=coverage,
            summary={"emergent": score},
            others=[] if claims else [other],
            detail=lambda key: detail,
        )

    monkeypatch.setattr("stromal.inference.check_claims", check_claims)
    data = as_json("check", "S2-088", "--quick")
    assert data["claims"] == [row] and data["details"] == [detail]
    assert asked["claims"] == ["S2-088"] and asked["quick"] and asked["nulls"] == 0
    out = stromal("check", "S2-088")[1]
    assert "fails: holds in 40% of 100 draws" in out and "msc-pdl1-slows-t-division" in out and "[44]" in out
    out = stromal("check")[1]
    assert asked["claims"] is None and asked["nulls"] == 20
    assert "-0.10 (-0.20 to +0.00)" in out and "Failing" in out


def test_calibrate_prints_prior_and_posterior(as_json, stromal, monkeypatch):
    span = {
        "prior_lo": 0.3,
        "prior": 1.0,
        "prior_hi": 3.0,
        "posterior_lo": 0.5,
        "posterior": 0.8,
        "posterior_hi": 1.2,
    }
    result = SimpleNamespace(
        directions=lambda: [{"direction": "potency", **span}],
        fit=lambda: [{"id": "CAL-30", "arm": "MSC 1:10", "value": 50.0, "low": 30.0, "high": 70.0, **span}],
        effective=33.0,
    )
    monkeypatch.setattr("stromal.inference.calibrate", lambda **options: result)
    assert as_json("calibrate", "--draws", "10")["directions"][0]["posterior"] == 0.8
    assert "potency" in stromal("calibrate", "--draws", "10")[1]


def test_export(as_json, stromal, monkeypatch):
    monkeypatch.setattr("stromal.export.export_model", lambda name, **options: "<sbml/>")
    assert stromal("export")[1] == "<sbml/>"
    assert as_json("export")["model"] == "<sbml/>"
    assert as_json("export", "--out", "m.xml")["model"] is None
    assert Path("m.xml").read_text() == "<sbml/>"
