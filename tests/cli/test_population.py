"""``stromal population``: what it prints, what it refuses, and that an interrupt leaves a folder to go on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import stromal as package
from stromal.cli import main
from stromal.cli.population import _days
from stromal.errors import InputError
from stromal.stream import open_population
from stromal.stream.ledger import Ledger

pytest.importorskip("zarr")

USUAL = ("--patients", "30", "--chunk", "10", "--draws", "4", "--threads", "1", "--observable", "damage,CD4")


def test_what_it_prints(stromal, as_json):
    data = as_json("population", "sr-agvhd", *USUAL, "--days", "35,42", "--out", "here")
    assert data["patients"] == data["solved"] == 30 and 0 <= data["eligible"] <= 30
    assert data["days"] == [35.0, 42.0] and data["seed"] == 1 and data["provenance"]["versions"]["zarr"]
    assert [r["observable"] for r in data["summary"]] == ["damage", "damage", "CD4", "CD4"]
    found = open_population("here")
    assert set(found.data_vars) == {"damage", "CD4", "solved", "eligible"}
    # once more, in words: nothing is solved again
    code, out, _ = stromal("population", "sr-agvhd", *USUAL, "--days", "35,42", "--out", "here", "--resume")
    assert code == 0 and out.startswith("30 virtual patients of sr-agvhd") and "population.zarr" in out
    assert "not for decisions on patients" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--patients", "0"), "0 patients"),
        (("--patients", "-3"), "-3 patients"),
        (("--chunk", "0"), "0 patients of a chunk"),
        (("--days", "1:"), "neither a day nor a range"),
        (("--days", "9:3:1"), "neither a day nor a range"),
        (("--days", "1e9"), "off the clock"),
        (("--observable", "damge"), "did you mean 'damage'"),
        (("--arm", "MSCC"), "did you mean 'MSC'"),
        (("--draws", "100000"), "draws asked for"),
    ],
)
def test_what_it_refuses(words, says, stromal, as_json):
    code, out, err = stromal("population", "sr-agvhd", *words, "--out", "out")
    assert code == 2 and says in err and len(err.splitlines()) == 1 and not out
    assert not Path("out").exists()
    as_json("population", "sr-agvhd", *words, "--out", "out", schema="error", code=2)


def test_a_folder_of_others(stromal):
    Path("out").mkdir()
    Path("out", "mine").touch()
    code, _, err = stromal("population", "sr-agvhd", "--out", "out", "--resume")
    assert code == 2 and "holds 'mine', which is no population" in err


def test_days_are_listed_or_stepped():
    assert _days(("0", "35:49:7", "3:5")) == [0.0, 35.0, 42.0, 49.0, 3.0, 4.0, 5.0]
    with pytest.raises(InputError):
        _days(("0:1e9:0.001",))


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or sys.platform == "win32", reason="no signals")
def test_an_interrupt_leaves_a_folder_to_go_on_with(tmp_path):
    command = [sys.executable, "-c", "import sys; from stromal.cli import main; sys.exit(main())"]
    command += ["population", "sr-agvhd", "--patients", "10000000", "--chunk", "8", "--draws", "2"]
    command += ["--observable", "damage", "--out", str(tmp_path / "out"), "--threads", "1"]
    env = os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])}
    # a shell that runs the tests in the background has its children ignore the interrupt
    process = subprocess.Popen(
        command,
        env=env,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        ledger = Ledger.read(tmp_path / "out")
        if ledger and ledger.done >= 16:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130 and not out
    assert "of 10000000 patients are kept" in err and "--resume goes on" in err and "interrupted" in err
    assert "Traceback" not in err
    ledger = Ledger.read(tmp_path / "out")
    assert ledger is not None and 16 <= ledger.done < 10_000_000
    assert open_population(tmp_path / "out")["damage"].notnull().all()


def test_without_zarr_it_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert main(["population", "sr-agvhd", "--out", str(tmp_path / "out")]) == 2
    assert "pip install 'stromal[stream]'" in capsys.readouterr().err
