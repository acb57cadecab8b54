"""Where a population comes from: what its bytes depend on, and what is written beside it."""

from __future__ import annotations

import json
import platform
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from .scale import code_digest
from .source import Source

__all__ = ["attributes", "inputs"]

LIBRARIES = ("numpy", "scipy", "llvmlite", "xarray", "zarr")


def inputs(source: Source) -> dict[str, Any]:
    """Return all that the bytes of a population depend on, in words that are compared one by one."""

    def brief(text: str) -> str:
        return sha256(text.encode()).hexdigest()[:16]

    arm, trial = source.arm, source.trial
    spec = source.disease.spec.model_dump_json(exclude={"endpoints"})
    modules = [m.model_dump_json() for m in source.disease.modules]
    bodies = source.ensemble
    moved = {k: v.tolist() for k, v in bodies.directions.items()}
    return {
        "disease": source.disease.id,
        "arm": arm.name if arm else "",
        "observables": list(source.observables),
        "days": list(source.days),
        "seed": bodies.seed,
        "draws": brief(repr((bodies.names, moved, source.order.body.tolist()))),
        "evidence": source.evidence.digest,
        "file of the disease": brief(repr((spec, modules))),
        "therapies": brief(repr((trial.background, arm))) if trial and arm else "",
        "code": code_digest(),
    }


def attributes(source: Source) -> dict[str, Any]:
    """Return the attributes of the dataset: no clock, no host, so that equal runs are equal bytes."""
    depends = inputs(source)
    versions = {"python": platform.python_version(), **{k: version(k) for k in LIBRARIES}}
    return {
        "title": f"virtual patients: {source.disease.spec.title}",
        "stromal": _version(),
        **{k: depends[k] for k in ("disease", "arm", "seed", "evidence", "code")},
        "layers": ";".join(source.evidence.layers),
        "calibrated": int(source.calibrated),
        "clock": source.disease.spec.clock,
        "enrolment_day": source.disease.spec.enrol.day,
        "inputs": json.dumps(depends),
        "versions": json.dumps(versions),
        "yields": json.dumps(dict(source.yields)),
        "note": "Research software: not for decisions on patients.",
    }


def _version() -> str:
    from .. import __version__

    return __version__
