"""What happens to virtual patients: insults and background drugs, patient by patient.

An amount has a part that nobody knows, the same for all patients of a draw, and one by which they differ.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..evidence.units import parse_quantity
from .disease import Amount, Disease
from .ensemble import Z90, Ensemble

if TYPE_CHECKING:
    from .population import Patients

__all__ = ["insults", "normal"]


def normal(seed: int, name: str, draws: tuple[int, ...], size: int, start: int = 0) -> np.ndarray:
    """Return a standard normal number for each patient of each draw.

    The stream is keyed by name and draw, the patient is a place in it: a patient stays the same however
    many others are asked for. ``start`` is the first place that is wanted.

    Returns
    -------
    array (draws, size)
    """
    from scipy.special import ndtri  # slow to import

    skip, rest = divmod(start, 4)  # a step of the counter gives four numbers
    out = np.empty((len(draws), size))
    for i, draw in enumerate(draws):
        key = int.from_bytes(blake2b(f"{seed}:{name}:{draw}".encode(), digest_size=16).digest(), "little")
        bits = np.random.Philox(key=key)
        bits.advance(skip)
        u = np.random.Generator(bits).random(rest + size)[rest:]
        out[i] = ndtri(np.clip(u, 1e-12, 1 - 1e-12))
    return out


def amounts(
    disease: Disease,
    name: str,
    amount: Amount,
    unit: str,
    ensemble: Ensemble,
    draw: np.ndarray,
    size: int,
    start: int = 0,
) -> np.ndarray:
    """Return an amount of an insult for each patient: what is not known, and what differs."""
    from scipy.special import ndtri  # slow to import

    median = parse_quantity(amount.value, unit)
    out = np.full(len(draw), median)
    for key, direction in disease.spec.directions.items():
        if key in ensemble.directions and any(fnmatchcase(name, p) for p in direction.select):
            out = out * ensemble.directions[key][draw]
    u = ensemble.uniform(name)[draw]
    out = out * np.exp(np.log(amount.spread) / Z90 * ndtri(u))
    if amount.between > 1:
        ids = tuple(ensemble.ids[i] for i in draw[::size])
        z = normal(ensemble.seed, name, ids, size, start).ravel()
        out = out * np.exp(np.log(amount.between) / Z90 * z)
    return np.minimum(out, amount.most)


def insults(
    patients: Patients,
    disease: Disease,
    ensemble: Ensemble,
    evidence: Evidence,
    size: int,
    without: tuple[str, ...] = (),
    start: int = 0,
) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Return what happens to each patient: day, scale and shift (patients, states).

    Patients are ``size`` of each draw, from number ``start`` on. ``without`` names insults and background
    drugs that are left out.
    """
    system, out = patients.system, []
    for insult in disease.spec.insult:
        if insult.name in without:
            continue
        scale, shift = np.ones_like(patients.y), np.zeros_like(patients.y)
        for state, amount in insult.scale.items():
            if state in system.state_index:
                key = f"insult:{insult.name}:{state}"
                some = amounts(disease, key, amount, "1", ensemble, patients.draw, size, start)
                scale[:, system.state_index[state]] = some
        for state, amount in insult.add.items():
            i = system.state_index.get(state)
            if i is None:
                raise InputError(
                    f"{state} has no level in this disease: nothing senses it",
                    file=disease.file,
                    key=f"insult.{insult.name}",
                )
            key = f"insult:{insult.name}:{state}"
            unit = system.states[i].unit
            shift[:, i] = amounts(disease, key, amount, unit, ensemble, patients.draw, size, start)
        out.append((insult.day, scale, shift))
    for drug in disease.spec.background:
        i = system.state_index.get(f"systemic:{drug['give']}")
        if i is not None and drug["give"] not in without:
            scale, shift = np.ones_like(patients.y), np.zeros_like(patients.y)
            shift[:, i] = parse_quantity(drug.get("amt", "1 relative"), "relative")
            out.append((float(drug.get("time", 0.0)), scale, shift))
    return sorted(out, key=lambda event: event[0])
