import json

import pytest

pytestmark = pytest.mark.usefixtures("no_engine")
PRIOR = ("--prior", "--draws", "5")


def arms(data):
    return {arm["name"]: arm for arm in data["arms"]}


def test_default_sweep(as_json):
    data = as_json("assay", *PRIOR)
    assert list(arms(data)) == [
        "no MSC",
        *(f"MSC {r}" for r in ("1:1", "1:2", "1:5", "1:10", "1:20", "1:40", "1:100")),
    ]
    change = {c["arm"]: c["effect"] for c in data["comparisons"] if c["readout"] == "proliferation"}
    assert change["MSC 1:1"] == pytest.approx(-90)
    assert data["seed"] == 1 and data["inputs"]["assay"] == "coculture"
    assert 0 < data["assumed_share"] < 1


def test_a_modified_arm_stands_beside_the_plain_one_each_with_its_control(as_json):
    data = as_json("assay", "--ratio", "1:10", "--block", "PD-L1", "--priming", "IFNG,TNF", *PRIOR)
    names = list(arms(data))
    assert names == ["no MSC", "no MSC, anti-PD-L1", "MSC 1:10", "MSC 1:10, IFNG+TNF-primed, anti-PD-L1"]
    pairs = {(c["arm"], c["reference_arm"]) for c in data["comparisons"]}
    assert pairs == {("MSC 1:10", "no MSC"), (names[3], "no MSC, anti-PD-L1"), (names[3], "MSC 1:10")}
    only = as_json("assay", "--ratio", "1:10", "--transwell", "--only", *PRIOR)
    assert list(arms(only)) == ["no MSC, transwell", "MSC 1:10, transwell"]


def test_controls_and_arms_of_ones_own(as_json):
    data = as_json("assay", "--ratio", "1:10", "--controls", *PRIOR)
    assert {"dead MSC 1:10", "fibroblast 1:10"} <= set(arms(data))
    own = as_json("assay", "--arm", "hot: ratio=1:5, block=PD-L1+COX2, add.IFNG=10 ng/mL, msc_day=1", *PRIOR)
    assert arms(own)["hot"]["inputs"] == {
        "ratio": "1:5",
        "block": ["anti-PD-L1", "COX2 inhibitor"],
        "add": {"IFNG": "10 ng/mL"},
        "msc_day": 1.0,
    }
    assert any(name.startswith("no MSC, anti-PD-L1") for name in arms(own))


def test_an_assay_of_msc_alone_runs_agents(as_json):
    assert {"untreated", "IFNG", "TNF"} <= set(arms(as_json("assay", "msc-licensing", *PRIOR)))
    data = as_json("assay", "msc-licensing", "--add", "IFNG=10 ng/mL", *PRIOR)
    assert list(arms(data)) == ["untreated", "IFNG 10 ng/mL"]


def test_vesicles_run_over_doses(as_json):
    assert "MSC-EV 1000 particles/nL" in arms(as_json("assay", "vesicles", *PRIOR))


def test_text_is_a_table_with_a_closing_line(stromal):
    code, out, _ = stromal("assay", "--ratio", "1:10", "--transwell", *PRIOR)
    assert code == 0 and "\x1b" not in out
    row = next(line for line in out.splitlines() if line.startswith("MSC 1:10  "))
    assert row.split()[:3] == ["MSC", "1:10", "286"]
    assert "MSC, transwell against MSC" in out
    assert "5 draws (prior, seed 1); 0 of 20 runs failed" in out
    assert "Research software" in out


def test_failed_runs_are_named(as_json, stromal):
    stromal("new", "assay", "mine")
    from pathlib import Path

    text = Path("mine.toml").read_text().replace("T cells beside MSC, three days", "fails")
    Path("mine.toml").write_text(text)
    data = as_json("assay", "mine.toml", *PRIOR)
    assert data["failed_patients"] == [{"arm": "no MSC", "draw": 0}]
    assert "left the physical range" in data["warnings"][0]


def test_results_are_written_whole_and_never_over_others(stromal, tmp_path):
    words = ("assay", "--ratio", "1:10", "--readout", "proliferation", *PRIOR, "--out", "results")
    assert stromal(*words)[0] == 0
    folder = tmp_path / "results"
    first = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert set(first) == {"data.csv", "summary.csv", "manifest.json"}
    about = json.loads(first["manifest.json"])
    assert (
        about["seed"] == 1 and about["inputs"]["ratio"] == ["1:10"] and about["files"]["data.csv"]["sha256"]
    )
    assert first["data.csv"].decode().splitlines()[0] == "arm,readout,unit,draw,day,value"
    # again: the same bytes, in place of the old ones
    assert stromal(*words)[0] == 0
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == first
    (folder / "thesis.docx").write_text("mine")
    code, _, err = stromal(*words)
    assert code == 2 and "thesis.docx" in err
    assert [p.name for p in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize("name", ["curve.png", "curve.svg", "curve.pdf"])
def test_figure(stromal, tmp_path, name):
    words = ("assay", "--transwell", "--readout", "proliferation", *PRIOR, "--plot", name)
    assert stromal(*words)[0] == 0
    first = (tmp_path / name).read_bytes()
    assert stromal(*words)[0] == 0
    assert (tmp_path / name).read_bytes() == first
    if name.endswith("svg"):
        assert b"MSC : target cells" in first and b"transwell" in first and b"1:100" in first


def test_time_course_for_one_ratio(stromal, tmp_path):
    stromal("assay", "--ratio", "1:10", *PRIOR, "--plot", "course.svg")
    assert b"Days" in (tmp_path / "course.svg").read_bytes()


def test_vesicles_are_given_in_doses_even_where_cells_are_counted_by_ratio(as_json):
    data = as_json("assay", "coculture", "--product", "MSC-EV", "--block", "PGE2", "--draws", "2")
    names = [arm["name"] for arm in data["arms"]]
    assert len(names) == 4 and not any(":" in name for name in names)
    assert sum("particles/nL" in name for name in names) == 2
