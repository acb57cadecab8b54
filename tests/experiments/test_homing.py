"""MSC on the way to lymph nodes, and what monocytes that ate them carry out of the lung."""

from __future__ import annotations

from functools import cache

import numpy as np
import shipped_body as shipped

from stromal.evidence import Evidence
from stromal.experiments.body import organs
from stromal.experiments.disease import Disease, load_disease
from stromal.experiments.population import Patients, plausible

#: MSC per uL of the lung: about 5e5 cells of a mouse.
DOSE = {"lung:MSC": 3000.0}


@cache
def disease(name: str, evidence: Evidence) -> Disease:
    return shipped.like(load_disease(name, evidence), natural=(), variability={})


@cache
def mice(name: str, evidence: Evidence) -> Patients:
    return plausible(disease(name, evidence), evidence, shipped.draws(evidence, 8), 1, threads=1)


def follow(name: str, days: list[float], evidence: Evidence, **options: object) -> dict[str, np.ndarray]:
    patients = mice(name, evidence)
    y = shipped.course(patients, days, evidence, disease=disease(name, evidence), **options)  # type: ignore[arg-type]
    return {s.name: y[:, :, i] for i, s in enumerate(patients.system.states)}


def test_ccl21_draws_msc_from_lung_to_nodes(evidence: Evidence) -> None:
    name, place = "mouse-eau-nodes", "lymphoid:MSC"
    deaf = {"rule:ccl21-draws-msc-to-nodes:half_max": 1e6}
    drawn = follow(name, [1.0], evidence, dose=DOSE)
    stray = follow(name, [1.0], evidence, dose=DOSE, parameters=deaf)
    assert (drawn[place] > stray[place]).all() and np.median(drawn[place] / stray[place]) > 1.3


def test_tnf_raises_ccl21(evidence: Evidence) -> None:
    name, level = "mouse-eau-nodes", "lymphoid:CCL21"
    rest = follow(name, [0.2], evidence)
    tnf = follow(name, [0.2], evidence, dose={"lymphoid:TNF": 50.0})
    assert np.median(tnf[level] / rest[level]) > 1.1


def test_monocytes_carry_what_they_ate_out_of_the_lung(evidence: Evidence) -> None:
    name = "mouse-healthy"
    y = follow(name, [1.0, 2.0], evidence, dose=DOSE)
    for place in ("blood", "lymphoid", "target"):
        assert (y[f"{place}:monocyte.engulfed"][:, 1] > 0).all(), place
    stay = {"base:monocytes:migrates lung>blood": 1e-6}
    index = mice(name, evidence).system.parameter_index
    assert set(stay) <= set(index), [n for n in index if "lung>blood" in n]
    kept = follow(name, [2.0], evidence, dose=DOSE, parameters=stay)
    ratio = kept["blood:monocyte.engulfed"][:, 0] / y["blood:monocyte.engulfed"][:, 1]
    assert np.median(ratio) < 0.01


def test_blood_and_vessels_of_the_lung_hold_the_same_monocytes(evidence: Evidence) -> None:
    y = follow("mouse-healthy", [1.0], evidence, dose=DOSE)
    blood, lung = (y[f"{place}:monocyte.engulfed"][:, 0] for place in ("blood", "lung"))
    assert np.median(blood / lung) > 0.7, "they even out within hours"
    assert np.median(blood) > 0.005, "of a hundred monocytes of the blood one at least holds a piece"


def test_about_as_many_monocytes_are_in_vessels_of_the_lung_as_circulate(evidence: Evidence) -> None:
    patients = mice("mouse-healthy", evidence)
    volumes = organs(evidence, "mouse")
    y = follow("mouse-healthy", [50.0], evidence)
    number = {p: np.median(y[f"{p}:monocyte"][:, 0]) * volumes[p] for p in ("lung", "blood")}
    assert 0.6 < number["lung"] / number["blood"] < 2.0, "measured: 0.8 (mouse) to 1.5 (man)"
    made = [
        p.name
        for p in patients.system.processes
        if p.name.startswith(("lung:monocyte:", "lung:monocyte.nonclassical:"))
    ]
    assert not [name for name in made if ":secretes" in name or ":takes up" in name], "they only pass"
    assert [
        p.name for p in patients.system.processes if p.name.startswith("lung:monocyte.emigrated:secretes")
    ]


def test_msc_of_the_lung_call_monocytes_out_of_vessels_by_ccl2(evidence: Evidence) -> None:
    deaf = {"rule:ccl2-draws-monocytes-to-lung:half_max": 1e6}
    drawn = follow("mouse-healthy", [0.5], evidence, dose=DOSE)["lung:monocyte.emigrated"]
    stray = follow("mouse-healthy", [0.5], evidence, dose=DOSE, parameters=deaf)["lung:monocyte.emigrated"]
    rest = follow("mouse-healthy", [0.5], evidence)["lung:monocyte.emigrated"]
    assert (drawn > stray).all() and np.median(drawn / rest) > 1.005, (
        "half of their CCL2 goes on with the blood"
    )


def test_what_monocytes_hold_goes_out_with_them(evidence: Evidence) -> None:
    y = follow("mouse-healthy", [2.0], evidence, dose=DOSE)
    held = {cell: y[f"lung:{cell}.engulfed"][:, 0] for cell in ("monocyte", "monocyte.emigrated")}
    assert all((x > 1e-4).all() for x in held.values()), held
    assert not [n for n in y if n.startswith("blood:monocyte.emigrated")], "they do not come back"


def test_vesicles_of_the_lung_reach_nodes_and_hold_t_cells_down(evidence: Evidence) -> None:
    name, ill = "mouse-eau-nodes", {"without": (), "days": [4.0], "dose": DOSE}
    astray = {"route:IV:vesicles:lymphoid": 1e-9}
    held, without = (
        follow(name, evidence=evidence, **ill, **more)["lymphoid:Th1"][:, 0]  # type: ignore[arg-type]
        for more in ({}, {"parameters": astray})
    )
    assert (without > 0.1).all(), "T cells are primed"
    # they push two ways: activation and presentation are held down, and cells differentiate later
    assert np.median(held / without) < 0.9995 and held.sum() < without.sum()


def test_what_dying_msc_shed_lowers_presentation_in_nodes(evidence: Evidence) -> None:
    name, ill = "mouse-eau-nodes", {"without": (), "days": [3.0], "dose": DOSE}
    shown = follow(name, evidence=evidence, **ill)["lymphoid:TCR"][:, 0]  # type: ignore[arg-type]
    for rule in ("apov-lowers-presentation", "ev-lowers-presentation"):
        deaf = {f"rule:{rule}:half_max": 1e9}
        without = follow(name, evidence=evidence, parameters=deaf, **ill)["lymphoid:TCR"][:, 0]  # type: ignore[arg-type]
        assert (without > 0).all() and (shown < without).all(), rule


def test_t_cells_pass_the_lung_and_cytotoxic_ones_meet_msc_there(evidence: Evidence) -> None:
    name, ill = "mouse-eau-nodes", {"without": (), "days": [14.0]}
    y = follow(name, evidence=evidence, **ill)  # type: ignore[arg-type]
    volumes = organs(evidence, "mouse")
    number = {p: np.median(y[f"{p}:Th1"][:, 0]) * volumes[p] for p in ("lung", "blood")}
    assert 0.2 < number["lung"] / number["blood"] < 0.8
    done = {
        p.name.split(":")[2].split()[0]
        for p in mice(name, evidence).system.processes
        if p.name.startswith("lung:Th1:")
    }
    assert "migrates" in done and not done & {"division", "becomes", "secretes"}, "they only pass"
    at = shipped.like(disease(name, evidence))
    deaf = {"rule:apoptosis-by-tc1:half_max": 1e6}
    killers = {"lung:Tc1": 5e4, **DOSE}
    met, missed = (
        shipped.course(mice(name, evidence), [0.2], evidence, disease=at, dose=killers, parameters=p)
        for p in ({}, deaf)
    )
    i = mice(name, evidence).system.state_index["lung:MSC"]
    assert (met[:, 0, i] < missed[:, 0, i]).all()
