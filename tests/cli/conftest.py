"""A command line that runs in the test's own process, and a result that needs no engine."""

import json

import jsonschema
import numpy as np
import pytest

from stromal.cli import main
from stromal.evidence import load_evidence
from stromal.views.schema import load_schema

DAYS = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])


@pytest.fixture(autouse=True)
def tables_read_once(evidence, monkeypatch):
    """Read the shipped tables once for all commands."""
    monkeypatch.setattr(
        "stromal.evidence.load_evidence",
        lambda *dirs, **options: load_evidence(*dirs, **options) if dirs or options else evidence,
    )


@pytest.fixture
def stromal(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder: returns code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def as_json(stromal):
    """Run a command with --json and hand out what it printed, checked against its schema."""

    def run(*words, schema=None, code=0):
        got, out, _ = stromal(*words, "--json")
        assert got == code, out
        data = json.loads(out, parse_constant=lambda c: pytest.fail(f"{c} is not JSON"))
        checked = load_schema(schema or words[0])
        jsonschema.Draft202012Validator.check_schema(checked)
        jsonschema.validate(data, checked, cls=jsonschema.Draft202012Validator)
        return data

    return run


def fake_run(assay, *, arms, readouts=None, draws=100, evidence=None, ensemble=None, threads=None):
    """Stand in for run_assay: what is read falls with the ratio and is lower with MSC, no engine needed."""
    import xarray as xr

    from stromal.experiments.arm import parse_arm, parse_ratio
    from stromal.experiments.results import AssayResult, _readouts

    chosen = {name: parse_arm(keys, assay.defaults, evidence, name=name) for name, keys in arms.items()}
    wanted = _readouts(assay, readouts, evidence)
    spread = np.linspace(0.9, 1.1, len(ensemble))[:, None] * DAYS[None, :]
    values = []
    for arm in chosen.values():
        effect = 0.0 if arm.product == "none" else parse_ratio(arm.ratio) ** 0.5
        effect *= 0.5 if arm.contact == "transwell" or arm.block else 1.0
        values.append(100.0 * spread * (1 - 0.9 * effect))
    data = xr.Dataset(
        {name: (("arm", "draw", "day"), np.stack(values)) for name in wanted},
        coords={"arm": list(chosen), "draw": list(ensemble.ids), "day": DAYS},
    )
    failed = [(next(iter(chosen)), ensemble.ids[0])] if "fails" in assay.title else []
    return AssayResult(assay, chosen, wanted, data, failed)


@pytest.fixture
def no_engine(monkeypatch):
    """Let assays run without the engine."""
    monkeypatch.setattr("stromal.experiments.run_assay", fake_run)
