"""The reference page of disease files: its examples load, and it has every key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from stromal.evidence import Evidence
from stromal.experiments import disease, trial
from stromal.experiments.files import parse

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "disease.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


def block(start: str) -> str:
    """Return the example that begins with a text."""
    return next(text for text in BLOCKS if text.startswith(start))


def test_the_examples_load(evidence: Evidence, tmp_path: Path) -> None:
    module = tomllib.loads(block('id = "barrier"'))
    assert parse(disease.Module, module, "barrier.toml").sites["epithelium"] == ("target",)
    for name, start in (("burn", 'id = "burn"\n'), ("burn-msc", 'id = "burn-msc"')):
        (tmp_path / f"{name}.toml").write_text(block(start), encoding="utf-8")
    found = trial.load_trial(tmp_path / "burn-msc.toml", evidence)
    assert found.disease.id == "burn" and [a.name for a in found.arms] == ["control", "MSC"]
    assert found.arms[1].product is not None and found.arms[1].n == 40
    # what is shown piece by piece fits into the whole
    pieces = "\n".join(block(s) for s in ("[variability", "[[natural]]", "between_trials"))
    head, tail = pieces.split("between_trials = 0.7\n")
    whole = "between_trials = 0.7\n" + block('id = "burn"\n') + head + tail
    assert parse(disease._File, tomllib.loads(whole), "whole.toml").natural[0].share == 0.8


@pytest.mark.parametrize(
    "model",
    [
        disease.Module,
        disease._File,
        disease.Amount,
        disease.Insult,
        disease.Variation,
        disease.Direction,
        disease.Criterion,
        disease.Stratum,
        disease.Organ,
        disease.Enrolment,
        disease.Natural,
        disease.Fitted,
        disease.Setting,
        trial._File,
        trial._Arm,
        trial.Reported,
        trial.Historical,
    ],
)
def test_every_key_is_on_the_page(model) -> None:  # noqa: ANN001
    examples = "\n".join(BLOCKS)
    missing = [
        key
        for key in model.model_fields
        if f"`{key}`" not in PAGE and not re.search(rf"(^|[\[{{ .]){key}\b ?[=.\]]", examples, flags=re.MULTILINE)
    ]  # fmt: skip
    # a note, a title and a source say what they are
    assert set(missing) <= {"note", "title", "source"}, f"{model.__name__}: {missing}"
