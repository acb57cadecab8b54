"""Run one arm of an assay here and, through SBML, in the simulators that nobody here wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from simulators import simulate_copasi, simulate_roadrunner

from stromal.evidence import Evidence
from stromal.experiments.arm import parse_arm
from stromal.experiments.assay import load_assay
from stromal.experiments.bench import Well, prepared
from stromal.export import export_model
from stromal.export import identifiers as citable
from stromal.export.sbml_names import resource
from stromal.ode import Events, compile_system

__all__ = ["ARMS", "Model", "build", "deviations", "undescribed"]

#: Two integrators are compared, so both are asked for far more than what is demanded of them.
RTOL, ATOL = 1e-9, 1e-11
#: What stays under this share of its scale is nothing, whatever its own largest value.
NOTHING = 1e-9
#: Days left out before and after an event: a simulator may print either side of it.
MARGIN = 0.02

SIMULATORS = {"roadrunner": simulate_roadrunner, "basico": simulate_copasi}
#: By assay, arms that are exported: the default one, the transwell and late addition where the
#: assay has a product to put in or to add, priming; and what has equations of its own (NO in mouse).
ARMS: dict[str, dict[str, dict[str, Any]]] = {
    "coculture": {
        "contact": {},
        "transwell": {"contact": "transwell"},
        "primed": {"priming": ["IFNG", "TNF", "IL1B"]},
        "late": {"msc_day": 1.9},
        "mouse, late, transwell": {"species": "mouse", "contact": "transwell", "msc_day": 1.0},
        "conditioned medium": {"product": "conditioned medium"},
        "blocked": {"block": ["PD-L1"], "knockout": ["MSC.IDO1"]},
    },
    "b-cell-activation": {
        "contact": {},
        "transwell": {"contact": "transwell"},
        "primed": {"priming": ["IFNG"]},
        "late": {"msc_day": 1.9},
        "resting": {"stimulus": 0.0},
    },
    "tfh-gc": {"contact": {}, "MSC-EV": {"product": "MSC-EV"}, "late": {"msc_day": 1.9}},
    "splenic-b-cells": {
        "contact": {},
        "no CCL2": {"knockout": ["B.CCL2", "macrophage.CCL2"]},
        "MSC": {"product": "MSC"},
    },
    "macrophage-polarisation": {
        "contact": {},
        "transwell": {"contact": "transwell"},
        "primed": {"priming": ["IFNG"]},
        "late": {"msc_day": 1.0},
        "apoptotic": {"product": "apoptotic MSC"},
    },
    "monocyte-migration": {"contact": {}, "late": {"msc_day": 0.3}, "MSC": {"product": "MSC"}},
    "nk-activation": {"contact": {}, "transwell": {"contact": "transwell"}, "late": {"msc_day": 2.0}},
    "nk-killing": {"contact": {}, "IFNG": {"priming": ["IFNG"]}},
    "neutrophil-migration": {"contact": {}, "MSC late": {"msc_day": 0.3}},
    "neutrophils": {"contact": {}, "transwell": {"contact": "transwell"}},
    "bacterial-clearance": {"contact": {}, "transwell": {"contact": "transwell"}},
    "monocytes": {
        "contact": {},
        "transwell": {"contact": "transwell"},
        "primed": {"priming": ["IFNG"]},
        "late": {"msc_day": 0.6},
    },
    "msc-licensing": {
        "contact": {},
        "IFNG": {"add": {"IFNG": "20 ng/mL", "TNF": "10 ng/mL"}},
        "mouse": {"species": "mouse", "add": {"IFNG": "20 ng/mL", "TNF": "10 ng/mL"}},
    },
    "th17-polarisation": {
        "contact": {},
        "transwell": {"contact": "transwell"},
        "primed": {"priming": ["IFNG", "TNF"]},
        "late": {"msc_day": 2.0},
    },
    "treg-induction": {
        "contact": {},
        "transwell": {"contact": "transwell"},
        "primed": {"priming": ["IFNG"]},
        "late": {"msc_day": 2.0},
    },
    "treg-suppression": {"contact": {}, "transwell": {"contact": "transwell"}, "alone": {"product": "none"}},
    "vesicles": {"MSC-EV": {}, "apoV": {"product": "apoV"}, "late": {"msc_day": 1.0}},
}


@dataclass(frozen=True)
class Model:
    """One arm at the median of every parameter: the well, and the document written from it."""

    well: Well
    sbml: str


def build(assay: str, arm: Mapping[str, Any], evidence: Evidence) -> Model:
    """Prepare an arm and export it."""
    protocol = load_assay(assay, evidence)
    well = prepared(protocol, parse_arm(arm, protocol.defaults, evidence), evidence)
    return Model(well, export_model(assay, arm=arm, evidence=evidence))


def ours(well: Well) -> np.ndarray:
    """Integrate with the engine of this package; shape (times, states)."""
    n, index = len(well.system.states), well.system.state_index
    events = None
    if well.events:
        when = np.array([[time for time, _ in well.events]])
        scale, shift = np.ones((1, len(well.events), n)), np.zeros((1, len(well.events), n))
        for i, (_, changes) in enumerate(well.events):
            for name, (a, b) in changes.items():
                scale[0, i, index[name]], shift[0, i, index[name]] = a, b
        events = Events(when, scale, shift)
    kernel = compile_system(well.system)
    result = kernel.solve(well.start, well.parameters, well.days, events=events, rtol=RTOL, atol=ATOL)
    assert result.ok.all()
    return result.y[0]


def deviations(model: Model, simulator: str, rtol: float = RTOL, atol: float = ATOL) -> dict[str, float]:
    """Return the largest deviation of each state from a simulator, as a share of the state's maximum.

    Parameters
    ----------
    model : Model
    simulator : str
        ``roadrunner`` or ``basico``.
    rtol, atol : float
        Asked of the simulator; ``atol`` in scales of the states. Ours keeps the tight ones.
    """
    well = model.well
    names = [state.name for state in well.system.states]
    scales = np.array([state.scale for state in well.system.states])
    found = SIMULATORS[simulator](model.sbml, well.days, names, rtol, atol * scales)
    expected = ours(well)
    away = np.ones(len(well.days), bool)
    for time, _ in well.events:
        away &= np.abs(well.days - time) > MARGIN
    largest = np.maximum(np.abs(expected).max(axis=0), NOTHING * scales)
    error = np.abs(found - expected)[away].max(axis=0) / largest
    return dict(zip(names, error.tolist(), strict=True))


def undescribed(model: Model, evidence: Evidence) -> list[str]:
    """Return processes whose papers are not all on their reaction: as identifiers, or ``[key]`` in its notes."""
    import libsbml

    document = libsbml.readSBMLFromString(model.sbml)
    reactions = {r.getName(): r for r in document.getModel().getListOfReactions()}
    known = citable(evidence)
    missing = []
    for process in model.well.system.processes:
        reaction = reactions[process.name]
        terms = [reaction.getCVTerm(i) for i in range(reaction.getNumCVTerms())]
        described = {
            term.getResourceURI(i)
            for term in terms
            if term.getBiologicalQualifierType() == libsbml.BQB_IS_DESCRIBED_BY
            for i in range(term.getNumResources())
        }
        notes = reaction.getNotesString()
        for ref in process.refs:
            if not (resource(known[ref]) in described if ref in known else f"[{ref}]" in notes):
                missing.append(f"{process.name}: {ref}")
    return missing
