"""One small model through the real engine."""


def test_licensing_runs_and_its_model_is_explained(as_json):
    words = ("--prior", "--draws", "2")
    data = as_json("assay", "msc-licensing", "--add", "IFNG=10 ng/mL", "--readout", "pd_l1", *words)
    assert all(arm["readouts"]["pd_l1"]["median"] > 0 for arm in data["arms"])
    ledger = as_json("model", "msc-licensing", "--ledger", *words)["ledger"]
    assert {row["place"] for row in ledger} == {"well"}
    assert any(row["quantity"] == "IFNG over its half_max" for row in ledger)
    about = as_json("model", "msc-licensing", "--behaviour", "MSC expresses PD-L1", *words)["behaviour"]
    assert about["rules"] and about["rate"]["median"] > 0
    for rule in about["rules"]:
        assert rule["factor"]["lo"] <= rule["factor"]["median"] <= rule["factor"]["hi"]
        assert 0 <= rule["saturation"] <= 1
