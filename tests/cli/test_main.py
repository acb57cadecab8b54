import subprocess
import sys
import time

import pytest

import stromal.cli.app as app


def test_help_names_every_command(stromal):
    code, out, _ = stromal("--help")
    assert code == 0
    for command in ("evidence", "assay", "model", "check", "calibrate", "export", "list", "new", "validate"):
        assert command in out


def test_help_imports_no_science():
    heavy = "numpy, scipy, pandas, xarray, pint, pydantic, networkx, matplotlib, llvmlite, libsbml"
    code = (
        "import sys; from stromal.cli import main; main(['--help']); "
        f"sys.exit(' '.join(m for m in '{heavy}'.split(', ') if m in sys.modules) or 0)"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # 0.3 s alone on an idle core; the rest is room for a busy machine
    assert time.monotonic() - start < 2.0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["asay"], "did you mean 'assay'?"),
        (["assay", "--ratoi", "1:10"], "did you mean '--ratio'?"),
        (["assay", "--draws", "many"], "--draws"),
        (["assay", "cocultur"], "did you mean 'coculture'?"),
        (["assay", "--ratio", "banana"], "'banana' is not a ratio"),
        (["assay", "--ratio", "1:0"], "'1:0' is not a ratio"),
        (["assay", "--block", "PDL1"], "did you mean 'PD-L1'?"),
        (["assay", "--product", "fibroblst"], "did you mean 'fibroblast'?"),
        (["assay", "--source", "bone"], "did you mean 'bone_marrow'?"),
        (["assay", "--species", "humam"], "did you mean 'human'?"),
        (["assay", "--priming", "INFG"], "did you mean 'IFNG'?"),
        (["assay", "--add", "IFNG"], "NAME=AMOUNT"),
        (["assay", "--add", "INFG=1 ng/mL"], "did you mean 'IFNG'?"),
        (["assay", "--add", "IFNG=10 parsec"], "parsec"),
        (["assay", "--add", "IFNG=-1 ng/mL"], "IFNG"),
        (["assay", "--seed", "Tregs=1 cells/uL"], "did you mean 'Treg'?"),
        (["assay", "--day", "99"], "0 to 5"),
        (["assay", "--msc-day", "9"], "at most 5"),
        (["assay", "--draws", "0", "--prior"], "1 to 100000"),
        (["assay", "--readout", "proliferaton", "--prior", "--draws", "2"], "did you mean 'proliferation'?"),
        (["assay", "--readout", "share Th18 of CD4", "--prior", "--draws", "2"], "Th18"),
        (["assay", "--plot", "x.gif"], ".gif"),
        (["assay", "--plot", "nowhere/x.png"], "does not exist"),
        (["assay", "--arm", "foo"], "is not an arm"),
        (["assay", "--arm", "a: rato=1:10"], "did you mean 'ratio'?"),
        (["evidence", "--cell", "Tregg"], "did you mean 'Treg'?"),
        (["evidence", "--mediator", "PGE3"], "did you mean 'PGE2'?"),
        (["evidence", "--behaviour", "divsion"], "did you mean 'division'?"),
        (["evidence", "--ref", "999"], "no reference '999'"),
        (["evidence", "--status", "said"], "review"),
        (["evidence", "--strength", "guessed"], "assumed"),
        (["evidence", "--evidence", "nowhere"], "nowhere"),
        (["list", "asays"], "did you mean 'assays'?"),
        (["new", "rul", "x"], "did you mean 'rule'?"),
        (["new", "rule", "My Rule"], "my-rule"),
        (["new", "rule"], "NAME"),
        (["model", "--behaviour", "CD4.activ division"], "did you mean 'CD4.active'?"),
        (["model", "--behaviour", "CD4.active divison"], "did you mean 'division'?"),
        (["validate", "nowhere"], "no such file or folder"),
        (["export", "--format", "smbl"], "did you mean 'sbml'?"),
        (["check", "S2-999"], "S2-999"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(stromal, words, says, tmp_path):
    code, out, err = stromal(*words)
    assert code == 2
    assert not out
    lines = err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("stromal: ")
    assert says in lines[0]
    assert not list(tmp_path.iterdir()), "nothing half-written"


def test_an_error_is_an_object_with_json(as_json):
    error = as_json("assay", "--block", "PDL1", schema="error", code=2)["error"]
    assert error["key"] == "block" and "PD-L1" in error["suggestion"]
    assert as_json("list", "rules", "--bad", schema="error", code=2)["error"]["key"] == "list"


def test_an_interrupt_ends_with_130(stromal, monkeypatch):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "_run", interrupted)
    code, out, err = stromal("assay")
    assert (code, out, err) == (130, "", "stromal: interrupted\n")


def test_a_closed_pipe_is_quiet():
    code = "import sys; from stromal.cli import main; sys.exit(main(['evidence']))"
    command = f'{sys.executable} -c "{code}" | head -n 1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
