"""The regimens shown on pages are read as they stand."""

from __future__ import annotations

import re
import tomllib
from contextlib import chdir
from pathlib import Path

import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments import parse_therapies, parse_therapy
from stromal.experiments.therapy import THERAPY_KEYS, parse_option

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["reference/therapy.md", "how-to/write-a-regimen.md"]


def fenced(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [body for kind, body in blocks if kind == language]


@pytest.mark.parametrize("page", PAGES)
def test_tables_and_code_of_a_page_work(page: str, evidence: Evidence, tmp_path: Path) -> None:
    found = [t for block in fenced(page, "toml") for t in tomllib.loads(block)["background"]]
    assert parse_therapies(found, evidence, end=60)
    for text in fenced(page, ""):
        (tmp_path / "plan.csv").write_text(text, encoding="utf-8")
    (code,) = fenced(page, "python")
    with chdir(tmp_path):
        exec(compile(code, page, "exec"), {})  # our own page


def test_every_key_is_explained() -> None:
    text = (DOCS / PAGES[0]).read_text(encoding="utf-8")
    table = text.split("| key |")[1].split("\n\n")[0]
    named = {key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == set(THERAPY_KEYS)


def test_the_messages_shown_are_those_that_come(evidence: Evidence) -> None:
    shown = (DOCS / PAGES[1]).read_text(encoding="utf-8")
    for option in (
        "give=MSC, amt=2e8 cells, cap=1e8 cells, route=IV",
        "give=MSC, amt=2e8 cells, route=IV, addl=3",
        "give=MSC, amt=2e8 cells, route=IV, time=35",
        "give=let-7b, amt=2e8 cells, route=IV",
        "give=MSC, amt=2e8 cells, route=lung",
    ):
        with pytest.raises(InputError) as info:
            parse_therapy(parse_option(option), evidence, end=28)
        assert info.value.message in shown
