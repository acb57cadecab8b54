"""A small body made in a test: three places, a T cell that moves, an organ that can be damaged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from small import small_evidence

from stromal.evidence import Evidence
from stromal.experiments.body import organs
from stromal.experiments.well import rest
from stromal.model import System, compile_model
from stromal.ode import compile_system

__all__ = ["BODY", "SITES", "VOLUMES", "body_of", "compiled", "run"]

_SOURCED = {"source": "made for a test", "status": "assumed", "strength": "measured", "spread": "1"}


def _organ(place: str, volume: str, washout: str = "", verbs: str = "") -> dict[str, str]:
    washing = {"washout": washout, "washout_unit": "1/day"} if washout else {}
    sizes = {"volume": volume, "volume_unit": "uL", "free_slots": "1000", "capacity": "1000"}
    return {"place": place, "species": "human", "density_unit": "cells/uL", "verbs": verbs} | sizes | washing | _SOURCED  # fmt: skip


def _level(mediator: str, place: str, **more: str) -> dict[str, str]:
    return {"mediator": mediator, "place": place, "half_life": "1", "half_life_unit": "day", **more, **_SOURCED}  # fmt: skip


#: Blood of 5 uL, an organ of 2 uL that it washes, and the lung of 1 uL.
BODY: Mapping[str, list[dict[str, str]]] = {
    "cells": [
        {"name": "T", "label": "T cell", "lineage": "Tconv"},
        {"name": "M", "label": "macrophage", "lineage": "macrophage"},
        {"name": "E", "label": "epithelium", "lineage": "epithelium", "groups": "parenchyma"},
        {"name": "MSC", "label": "MSC", "lineage": "MSC"},
    ],
    "mediators": [
        {"name": "IL2", "label": "IL-2"},
        {"name": "TNF", "label": "TNF"},
        {"name": "TRP", "label": "tryptophan"},
        {"name": "drug", "label": "a drug", "kind": "drug", "unit": "relative"},
    ],
    "kinetics": [
        _level("IL2", "blood"),
        _level("IL2", "body"),
        _level("IL2", "well"),
        _level("TNF", "body"),
        _level("TRP", "blood", start="3", start_unit="ng/mL"),
        _level("TRP", "body", start="3", start_unit="ng/mL"),
        _level("drug", "systemic"),
    ],
    "places": [
        _organ("blood", "5", verbs="death;migrates;keeps;arrives"),
        _organ("lung", "1"),
        _organ("target", "2", "6"),
    ],
    "rest": [
        {"name": "E", "place": "target", "species": "human", "level": "100", "unit": "cells/uL", **_SOURCED},
        {"name": "M", "place": "target", "species": "human", "level": "10", "unit": "cells/uL", **_SOURCED},
    ],
    "behaviours": [
        {"cell": "T", "behaviour": "division", "base": "1", "most": "5", "least": "0.05"},
        {"cell": "T", "behaviour": "death", "base": "0.2", "most": "5", "least": "0.1"},
        {"cell": "T", "behaviour": "secretes IL2", "base": "1000", "unit": "ng/1e6 cells/day"},
        {"cell": "T", "behaviour": "migrates blood>target", "base": "2", "most": "5", "least": "0.1"},
        {"cell": "T", "behaviour": "expresses CD25", "base": "0.2", "unit": "relative", "half_life": "1", "half_life_unit": "day", "most": "5", "least": "0.1"},
        {"cell": "M", "behaviour": "takes up IL2", "base": "0.1", "unit": "1/day/(cell/uL)"},
        {"cell": "M", "behaviour": "death", "base": "0.1"},
        {"cell": "M", "behaviour": "arrives", "base": "1", "unit": "relative"},
        {"cell": "E", "behaviour": "death", "base": "0.25", "most": "80", "least": "0.1"},
        {"cell": "E", "behaviour": "arrives", "base": "1", "unit": "relative", "most": "3", "least": "0.1"},
    ],
    "rules": [
        {"id": "il2-drives-t", "cell": "T", "behaviour": "division", "signal": "IL2", "effect": "increases", "fold": "3", "unit": "ng/mL"},
        {"id": "drug-slows-t", "cell": "T", "behaviour": "division", "signal": "drug", "effect": "decreases", "fold": "0.2"},
        {"id": "t-kills-e", "cell": "E", "behaviour": "death", "signal": "touch T", "effect": "increases", "fold": "20"},
        {"id": "damage-calls-t", "cell": "T", "behaviour": "migrates blood>target", "signal": "damage", "effect": "increases", "fold": "4", "half_max": "0.5"},
    ],
}  # fmt: skip
VOLUMES = {"blood": 5.0, "lung": 1.0, "target": 2.0}
SITES: Mapping[str, tuple[str, ...]] = {"T": ("blood", "target"), "M": ("target",), "E": ("target",)}


def body_of(
    folder: Path,
    sites: Mapping[str, tuple[str, ...]] = SITES,
    extra: Iterable[str] = (),
    **more: list[dict[str, str]],
) -> System:
    """Compile the small body with further rows; the system is one of its own."""
    return compiled(small_evidence(folder, more, base=BODY), sites, extra)


def compiled(
    evidence: Evidence, sites: Mapping[str, tuple[str, ...]] = SITES, extra: Iterable[str] = ()
) -> System:
    """Compile a body of the tables."""
    verbs = {place: frozenset(row.verbs) for (place, _), row in evidence.places.items() if row.verbs}
    return compile_model(
        evidence, sites=sites, places=organs(evidence, "human"), extra=tuple(extra), verbs=verbs
    )


def run(system: System, days: float, /, start: Mapping[str, float], **parameters: float) -> dict[str, float]:
    """Integrate one body from given states (others at rest); names of parameters may be given too."""
    numbers = np.array([[parameters.get(p.name, p.value) for p in system.parameters]])
    y = rest(system, numbers)
    for name, value in start.items():
        y[:, system.state_index[name]] = value
    found = compile_system(system).solve(y, numbers, np.array([0.0, days]), rtol=1e-6)
    assert found.ok.all()
    return {s.name: float(found.y[0, -1, i]) for i, s in enumerate(system.states)}
