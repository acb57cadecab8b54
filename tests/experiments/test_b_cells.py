"""B cells and follicular help: the biology without MSC first, then rules of MSC, broken one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.experiments.arm import parse_arm
from stromal.experiments.assay import load_assay
from stromal.experiments.bench import simulate
from stromal.experiments.ensemble import prior_ensemble
from stromal.experiments.results import AssayResult, run_assay
from stromal.model import compile_model
from stromal.model.network import closure

NONE, STILL = {"product": "none"}, {"stimulus": 0.0}
B_CELLS = {
    "resting": NONE | STILL,
    "driven": NONE,
    "no receptor": NONE | {"block": ["BTK:1"]},
    "no IL21": NONE | {"block": ["IL21:1"]},
    "MSC": {},
    "MSC, p38 muted": {"mute": ["msc-slows-b-division"]},
    "MSC, primed": {"priming": ["TNF"]},
    "MSC, primed, COX2 muted": {"priming": ["TNF"], "mute": ["msc-cox2-lowers-b-il10"]},
    "MSC, still": STILL,
    "MSC, still, touch muted": STILL | {"mute": ["b-touch-raises-vegfa"]},
    "MSC, still, no VEGF": STILL | {"block": ["VEGF:1"]},
    "vesicles": {"product": "MSC-EV"},
    "vesicles, muted": {"product": "MSC-EV", "mute": ["ev-lowers-b-tnf"]},
}
FOLLICLE = {
    "help": NONE,
    "no help": NONE | {"knockout": ["Tfh.CD40LG", "activated CD4.CD40LG"]},
    "no ICOS": NONE | {"knockout": ["B.ICOSLG"]},
    "vesicles": {"product": "MSC-EV"},
    "vesicles, muted": {"product": "MSC-EV", "mute": ["ev-slows-tfh"]},
}
LACKS = {"knockout": ["B.CCL2", "macrophage.CCL2"]}
SPLEEN = {
    "wild type": {},
    "CCL2 lacks": LACKS,
    "muted": {"mute": ["ccl2-lowers-b-mtorc1", "ccl2-lowers-b-actin"]},
    "CCL2 lacks, inhibited": LACKS | {"block": ["mTORC1"]},
    "lipopolysaccharide": {"add": {"LPS": "1000 ng/mL"}},
}


def results(assay: str, arms: dict, evidence: Evidence) -> AssayResult:
    return run_assay(
        assay,
        arms=arms,
        evidence=evidence,
        ensemble=prior_ensemble(evidence, 6, seed=3),
        draws=None,
        threads=1,
    )


@pytest.fixture(scope="module")
def wells(evidence: Evidence) -> AssayResult:
    return results("b-cell-activation", B_CELLS, evidence)


@pytest.fixture(scope="module")
def follicle(evidence: Evidence) -> AssayResult:
    return results("tfh-gc", FOLLICLE, evidence)


@pytest.fixture(scope="module")
def spleen(evidence: Evidence) -> AssayResult:
    return results("splenic-b-cells", SPLEEN, evidence)


def above(found: AssayResult, readout: str, more: str, less: str, day: float | None = None) -> None:
    """Check that one arm reads more than another in every draw."""
    a, b = found.values(readout, more, day), found.values(readout, less, day)
    assert np.all(a > b * (1 + 1e-6)), (readout, more, a, less, b)


def mostly_above(found: AssayResult, readout: str, more: str, less: str, day: float | None = None) -> None:
    """Check that the median of what one arm reads over another is more than one."""
    a, b = found.values(readout, more, day), found.values(readout, less, day)
    assert np.median(a / b) > 1.02, (readout, more, a, less, b)


def test_b_cells_left_alone_rest_and_die(wells: AssayResult) -> None:
    assert np.median(wells.values("cells", "resting")) < 400
    assert np.all(wells.values("activated", "resting", 1.0) < 10)
    assert np.all(wells.values("IgG", "resting") < wells.values("IgG", "driven") / 3)


def test_driven_b_cells_divide_make_cytokines_and_antibody(wells: AssayResult) -> None:
    for readout in ("proliferation", "IL10", "IL6", "TNF", "IgG", "akt", "bcr_signal"):
        mostly_above(wells, readout, "driven", "resting", 3.0)
    above(wells, "activated", "driven", "no receptor", 1.0)
    above(wells, "plasma_cells", "driven", "no IL21")


def test_msc_rules_on_b_cells_do_what_they_say(wells: AssayResult) -> None:
    above(wells, "cycling", "MSC, p38 muted", "MSC", 2.0)
    above(wells, "il10_output", "MSC, primed, COX2 muted", "MSC, primed", 1.0)
    above(wells, "VEGFA", "MSC, still", "MSC, still, touch muted", 2.0)
    above(wells, "akt", "MSC, still", "MSC, still, no VEGF", 2.0)
    above(wells, "death", "MSC, still, no VEGF", "MSC, still", 2.0)
    above(wells, "TNF", "vesicles, muted", "vesicles")


def test_germinal_centres_need_help_and_tfh_need_b_cells(follicle: AssayResult) -> None:
    mostly_above(follicle, "gc", "help", "no help")
    above(follicle, "tfh", "help", "no ICOS")
    above(follicle, "tfh", "vesicles, muted", "vesicles")
    above(follicle, "IL21", "help", "vesicles")


def test_a_spleen_without_ccl2_is_one_in_which_its_rules_are_silent(spleen: AssayResult) -> None:
    for readout in ("mtorc1", "actin", "bcr_signal", "early_activation"):
        above(spleen, readout, "CCL2 lacks", "wild type")
        assert spleen.values(readout, "CCL2 lacks") == pytest.approx(
            spleen.values(readout, "muted"), rel=0.02
        )
    mostly_above(spleen, "gc_share", "CCL2 lacks", "CCL2 lacks, inhibited")
    mostly_above(spleen, "mz_share", "CCL2 lacks, inhibited", "CCL2 lacks")
    assert np.all(spleen.values("CCL2", "CCL2 lacks") == 0)


def test_mouse_b_cells_answer_to_lps(spleen: AssayResult, evidence: Evidence) -> None:
    above(spleen, "activated", "lipopolysaccharide", "wild type", 1.0)
    human = {name: {"species": "human"} | keys for name, keys in SPLEEN.items() if name[0] in "wl"}
    found = results("splenic-b-cells", human, evidence).data["early_activation"].sel(day=0.0)
    assert np.allclose(found.sel(arm="lipopolysaccharide"), found.sel(arm="wild type"))


# -- beside T cells ----------------------------------------------------------------------------------------


def test_wells_without_b_cells_hold_no_tfh(evidence: Evidence) -> None:
    assert "Tfh" not in closure(evidence, ["CD4.naive"])
    assert "Tfh" in closure(evidence, ["CD4.naive", "B.naive"])
    assert "Tfh" in closure(evidence, ["CD4.naive"], beside=["B.active"])
    assert not any(
        "Tfh" in s or ":B." in s for s in compile_model(evidence, sites={"CD4.naive": ("well",)}).state_index
    )


def test_rules_on_b_cells_leave_the_numbers_of_t_cells_alone(evidence: Evidence) -> None:
    protocol = load_assay("coculture", evidence)
    arms = {"MSC": parse_arm({}, protocol.defaults, evidence)}
    kept = {
        k: r
        for k, r in evidence.tables["rules"].items()
        if not set(evidence.members.get(r.cell, ())) & set(evidence.members["B"])
    }
    assert len(kept) < len(evidence.rules)
    without = Evidence({**evidence.tables, "rules": kept}, ("without",))
    ensemble = prior_ensemble(evidence, 6, seed=3)
    (whole,), (part,) = (simulate(protocol, arms, e, ensemble, threads=1) for e in (evidence, without))
    assert whole.system.parameter_index == part.system.parameter_index
    assert np.array_equal(whole.parameters, part.parameters)
