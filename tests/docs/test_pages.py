"""Pages say what happens: the newcomer's page runs from first to last line, stored results are explained."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def load(name: str) -> ModuleType:
    """Import a script of the docs folder."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


outputs, results = load("make_outputs"), load("make_results")


@pytest.mark.parametrize(
    "page", ["how-to/add-a-rule-and-an-assay.md", "how-to/check-your-own-claims.md", "how-to/use-python.md"]
)
def test_a_newcomer_gets_through_the_page(page: str, tmp_path: Path) -> None:
    seen = []

    def told(block, command: str, code: int, output: str) -> None:  # noqa: ANN001
        assert code == block.code, f"{command}: {output}"
        if block.kind == "run":
            # what the page shows of the output (marked lines apart from the numbers) is what comes
            first = output.strip().splitlines()[0]
            assert first.split(":")[0] in block.text, f"{command} now begins with {first!r}"
        seen.append(command)

    outputs.execute((DOCS / page).read_text(encoding="utf-8"), tmp_path, told)
    assert len(seen) >= 2


def test_every_command_on_a_page_exists() -> None:
    from stromal.cli import main

    known = {"assay", "calibrate", "check", "disease", "evidence", "export", "list", "model", "new"}
    known |= {"patient", "population", "trial", "validate"}
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("$ stromal "):
                assert line.split()[2] in known | {"--help", "--version"}, f"{page.name}: {line}"
    assert callable(main)


def test_links_between_pages_lead_somewhere() -> None:
    import re

    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_claim_that_does_not_hold_is_explained() -> None:
    _, claims = results.load()
    missing = results.unexplained(claims, results.explanations())
    assert not missing, f"add a line to docs/results/explanations.csv for: {', '.join(missing)}"


def test_an_explanation_with_a_comma_is_quoted() -> None:
    with open(DOCS / "results" / "explanations.csv", encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.reader(stream), 1):
            assert len(row) == 2, f"explanations.csv, line {number}: put the explanation in double quotes"


def test_stored_pages_are_made_of_the_stored_run() -> None:
    run, claims = results.load()
    assert (DOCS / "results" / "scoreboard.md").read_text(encoding="utf-8") == results.scoreboard(run, claims)
    told = results.failing(claims, results.explanations())
    assert (DOCS / "results" / "failing.md").read_text(encoding="utf-8") == told
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- scoreboard -->" in readme and readme == results.with_score(readme, run)
