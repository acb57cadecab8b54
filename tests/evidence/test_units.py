"""Units are converted once, and what does not fit is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stromal.errors import InputError
from stromal.evidence import units
from stromal.evidence.units import convert, parse_quantity, per_cell_unit


@pytest.mark.parametrize(
    ("value", "unit", "target", "mass", "expected"),
    [
        (1.0, "ug/mL", "ng/mL", None, 1000.0),
        (1.0, "nM", "ng/mL", 17000.0, 17.0),
        (17.0, "ng/mL", "nM", 17000.0, 1.0),
        (50.0, "uM", "mM", None, 0.05),
        (12.0, "hour", "day", None, 0.5),
        (90.0, "min", "day", None, 1.5 / 24),
        (1e-6, "cm^2/s", "um^2/day", None, 8.64e6),
        (1e5, "cells/mL", "cells/uL", None, 100.0),
        (1e9, "particles/mL", "particles/nL", None, 1000.0),
        (50.0, "%", "fraction", None, 0.5),
        (50.0, "%", "relative", None, 0.5),
        # 1 ng a day from 1e6 cells is 1 ng/mL a day at 1e6 cells/mL = 1000 cells/uL
        (1000.0, "ng/1e6 cells/day", per_cell_unit("ng/mL"), None, 1.0),
        # 1 pmol/cell/day at 1 cell/uL = 1 pmol/uL/day = 1e-3 mM/day
        (1.0, "pmol/cell/day", per_cell_unit("mM"), None, 1e-3),
        (1.0, "particles/cell/day", per_cell_unit("particles/nL"), None, 1e-3),
        (1.0, "1/day/(1e6 cells/mL)", "1/day/(cell/uL)", None, 1e-3),
    ],
)
def test_conversions(value: float, unit: str, target: str, mass: float | None, expected: float) -> None:
    assert convert(value, unit, target, mass) == pytest.approx(expected, rel=1e-12)


@given(
    st.floats(1e-9, 1e9),
    st.sampled_from([("ng/mL", "pM"), ("uM", "mM"), ("hour", "day"), ("cells/mL", "cells/uL")]),
)
def test_there_and_back(value: float, pair: tuple[str, str]) -> None:
    a, b = pair
    assert convert(convert(value, a, b, 25000.0), b, a, 25000.0) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "target", "mass"),
    [
        ("ng/mL", "mM", None),
        ("day", "ng/mL", 17000.0),
        ("relative", "ng/mL", None),
        ("parrots", "day", None),
        ("ng//mL", "ng/mL", None),
        ("", "ng/mL", None),
    ],
)
def test_another_dimension_is_refused(unit: str, target: str, mass: float | None) -> None:
    with pytest.raises(InputError) as caught:
        convert(1.0, unit, target, mass)
    assert repr(unit) in caught.value.message and repr(target) in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 ng/mL", 10.0),
        ("1e1ng/mL", 10.0),
        (" .5 ug/mL ", 500.0),
        ("10", 10.0),
        (10, 10.0),
        (2.5, 2.5),
        ("1 nM", 17.0),
        ("2 1e1 ng/mL", 20.0),
    ],
)
def test_quantities(text: str | float, expected: float) -> None:
    assert parse_quantity(text, "ng/mL", 17000.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ng/mL",
        "ten ng/mL",
        "1,5 ng/mL",
        "1.5.2 ng/mL",
        "1 0 ng/mL",
        "nan ng/mL",
        "10 parrots",
        "10 day",
        ["10 ng/mL"],
        True,
        None,
    ],
)
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(InputError):
        parse_quantity(text, "ng/mL", 17000.0)  # type: ignore[arg-type]


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A cache folder of our own, and nothing known yet."""

    def forget() -> None:
        units._known.cache_clear()
        units._factor.cache_clear()
        units._new.clear()

    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    forget()
    yield tmp_path, forget
    monkeypatch.undo()
    forget()


def test_factors_are_kept_for_the_next_process(kept, monkeypatch) -> None:
    folder, forget = kept
    convert(1.0, "ug/mL", "ng/mL")
    assert not list(folder.iterdir())
    units.keep_factors()
    forget()
    monkeypatch.setattr(units, "_worked_out", lambda *_: pytest.fail("worked out again"))
    assert convert(2.0, "ug/mL", "ng/mL") == pytest.approx(2000.0)


def test_damaged_factors_are_worked_out_again(kept) -> None:
    folder, forget = kept
    convert(1.0, "ug/mL", "ng/mL")
    units.keep_factors()
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes().replace(b"1000", b"2000"))
    forget()
    assert convert(2.0, "ug/mL", "ng/mL") == pytest.approx(2000.0)


def test_a_unit_that_does_not_fit_is_not_kept(kept) -> None:
    folder, _ = kept
    with pytest.raises(InputError):
        convert(1.0, "ug", "day")
    units.keep_factors()
    assert not list(folder.iterdir())


def test_a_second_process_needs_no_unit_library(tmp_path) -> None:
    code = """
import sys
from stromal import load_evidence
from stromal.experiments.disease import load_disease
evidence = load_evidence()
load_disease("mouse-healthy", evidence).system(evidence)
print("pint" in sys.modules)
"""
    env = os.environ | {"STROMAL_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", code]
    found = [subprocess.run(command, env=env, capture_output=True, text=True, check=True) for _ in range(2)]
    assert [done.stdout.strip() for done in found] == ["True", "False"]
