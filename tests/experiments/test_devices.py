"""What MSC or vesicles are put on or in: a mechanical cue, a TiO2 surface, a hydrogel; a steroid in the well."""

from __future__ import annotations

import numpy as np

from stromal.evidence import Evidence
from stromal.experiments.results import run_assay


def test_a_mechanical_cue_raises_tsg6_of_msc_and_blocking_mapk_takes_that_away(evidence: Evidence) -> None:
    cue = {"add": {"stretch": "1 relative"}}
    arms = {"rest": {}, "cued": cue, "no MAPK": {**cue, "block": ["MEK inhibitor"]}}
    result = run_assay(
        "msc-licensing", arms=arms, readouts=["expression MSC.TNFAIP6"], draws=4, evidence=evidence
    )
    rest, cued, blocked = (result.values("expression MSC.TNFAIP6", arm, 1.0) for arm in arms)
    assert (cued > 1.2 * rest).all() and (blocked < cued).all()


def test_vesicles_of_the_other_kind_come_on_tio2_alone(evidence: Evidence) -> None:
    surface = {"add": {"TiO2": "1 relative"}}
    arms = {"flat": {}, "surface": surface, "no release": {**surface, "block": ["GW4869"]}}
    levels = ["level TiO2-EV", "level MSC-EV"]
    result = run_assay("macrophage-polarisation", arms=arms, readouts=levels, draws=4, evidence=evidence)
    other = {arm: result.values("level TiO2-EV", arm, 2.0) for arm in arms}
    usual = {arm: result.values("level MSC-EV", arm, 2.0) for arm in arms}
    assert (np.abs(other["flat"]) < 1e-9).all() and (other["surface"] > 0.1).all()
    assert (other["no release"] < other["surface"]).all()
    assert (usual["surface"] < usual["flat"]).all()


def test_a_hydrogel_lets_out_what_it_holds(evidence: Evidence) -> None:
    arms = {"gel": {"product": "none", "seed": {"hydrogel": "1 cells/uL"}}, "none": {"product": "none"}}
    result = run_assay(
        "vesicle-release", arms=arms, readouts=["level MSC-EV", "count hydrogel"], draws=4, evidence=evidence
    )
    left = [result.values("count hydrogel", "gel", day) for day in (1.0, 4.0, 7.0)]
    assert (left[0] > left[1]).all() and (left[1] > left[2]).all()
    assert (result.values("level MSC-EV", "gel", 7.0) > 1.0).all()
    assert (result.values("level MSC-EV", "none", 7.0) == 0.0).all()


def test_a_steroid_leaves_more_bacteria_by_its_receptor(evidence: Evidence) -> None:
    steroid = {"product": "none", "add": {"steroid": "2 relative"}}
    muted = [f"steroid-slows-{cell}-killing" for cell in ("m0", "m1", "m2", "monocyte")]
    arms = {"alone": {"product": "none"}, "steroid": steroid, "muted": {**steroid, "mute": muted}}
    result = run_assay("bacterial-clearance", arms=arms, readouts=["bacteria"], draws=4, evidence=evidence)
    alone, given, silent = (result.values("bacteria", arm, 0.25) for arm in arms)
    assert (given > alone).all() and (given > silent).all()
