"""Nodes that a knock-out must show: death of T cells by Fas, limits on the source of MSC, class I of a target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stromal.evidence import Evidence
from stromal.experiments.results import run_assay


def read(
    assay: str, readout: str, evidence: Evidence, arms: dict[str, dict[str, Any]]
) -> dict[str, np.ndarray]:
    """Return a readout of each arm, draw by draw."""
    result = run_assay(assay, arms=arms, draws=6, evidence=evidence)
    return {arm: result.values(readout, arm) for arm in arms}


def test_t_cells_kill_each_other_by_fas(evidence: Evidence) -> None:
    plain = {"product": "none"}
    arms = {
        "plain": plain,
        "no Fas": {**plain, "knockout": ["T.FAS"]},
        "no ligand": {**plain, "knockout": ["Th1.FASLG", "Tc1.FASLG"]},
    }
    dead = read("coculture", "t_death", evidence, arms)
    assert (dead["no Fas"] < dead["plain"]).all()
    # without MSC there is no other ligand
    np.testing.assert_allclose(dead["no Fas"], dead["no ligand"], rtol=1e-3)


def test_msc_of_dental_pulp_kill_t_cells_by_their_ligand_and_others_do_not(evidence: Evidence) -> None:
    arms = {
        f"{source} {'without' if knockout else 'with'}": {
            "ratio": "1:1", "source": source, "knockout": ["MSC.FASLG"] if knockout else []
        }
        for source in ("dental_pulp", "bone_marrow")
        for knockout in (False, True)
    }  # fmt: skip
    dead = read("coculture", "t_death", evidence, arms)
    assert (dead["dental_pulp with"] > 1.05 * dead["dental_pulp without"]).all()
    np.testing.assert_allclose(dead["bone_marrow with"], dead["bone_marrow without"], rtol=1e-6)


def test_a_limit_on_the_source_holds_for_what_others_feel_of_it(evidence: Evidence) -> None:
    rule = "msc-raises-macrophage-il10"
    assert evidence.rules[rule].where == ("source=adipose",)
    arms = {
        f"{source} {'muted' if mute else 'whole'}": {"source": source, "mute": [rule] if mute else []}
        for source in ("adipose", "bone_marrow")
        for mute in (False, True)
    }
    made = read("macrophage-polarisation", "il10_output", evidence, arms)
    assert (made["adipose whole"] > 1.0001 * made["adipose muted"]).all()
    np.testing.assert_allclose(made["bone_marrow whole"], made["bone_marrow muted"], rtol=1e-6)


@pytest.mark.parametrize(("cell", "readout"), [("tumour", "targets"), ("infected", "infected")])
def test_class_one_that_targets_carry_holds_nk_cells_off(cell: str, readout: str, evidence: Evidence) -> None:
    seed = {"product": "none", "seed": {c: f"{50 * (c == cell)} cells/uL" for c in ("tumour", "infected")}}
    carried = {**seed, "carried": {f"{cell}.HLA-ABC": "1 relative"}}
    arms = {"plain": seed, "carried": carried, "knocked out": {**carried, "knockout": [f"{cell}.HLA-C"]}}
    left = read("nk-killing", readout, evidence, arms)
    assert (left["carried"] > left["plain"]).all()
    assert (left["knocked out"] < left["carried"]).all()


def test_what_cells_carry_at_first_turns_over_from_there(evidence: Evidence) -> None:
    arms = {
        f"{level}": {"product": "none", "carried": {"tumour.HLA-ABC": f"{level} relative"}}
        for level in (1, 2)
    }
    seen = read("nk-killing", "tumour_hla", evidence, arms)
    # a half-life of a day, six hours: what was more by one is more by 0.5^(1/4); the half-life has a spread
    np.testing.assert_allclose(seen["2"] - seen["1"], 0.5**0.25, rtol=0.25)
