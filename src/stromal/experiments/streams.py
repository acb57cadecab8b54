"""Random streams of patients: a number depends on who it is for and what it is for, on nothing else.

Arms, batches and the order of patients therefore cannot move it: the same patient meets the same
chance in every arm of a trial (common random numbers), and arms differ by treatment alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

__all__ = ["patient_exponential", "patient_keys", "patient_normal", "patient_uniform"]

# the multipliers of the splitmix64 finaliser (Steele, Lea and Flood 2014)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def patient_keys(ids: Sequence[str]) -> np.ndarray:
    """Return one key per patient id, to be made once and used for every stream.

    Returns
    -------
    array (patients,) of uint64
    """
    return np.array([_key(i) for i in ids], dtype=np.uint64)


def patient_uniform(seed: int, purpose: str, keys: np.ndarray, replicate: int = 0) -> np.ndarray:
    """Return a uniform number in (0, 1) for each patient.

    Parameters
    ----------
    seed : int
    purpose : str
        What the number is for, such as ``"death:time"``.
    keys : array (patients,)
        From :func:`patient_keys`.
    replicate : int
        Which repetition of the trial.

    Returns
    -------
    array (patients,)
    """
    stream = _key(f"{seed}:{purpose}:{replicate}")
    bits = _mix(_mix(keys ^ np.uint64(stream)) + np.uint64(_key(f"{stream}")))
    # 53 bits, moved by half a step so that neither 0 nor 1 can come
    return ((bits >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


def patient_normal(seed: int, purpose: str, keys: np.ndarray, replicate: int = 0) -> np.ndarray:
    """Return a standard normal number for each patient, as :func:`patient_uniform`."""
    from scipy.special import ndtri

    return ndtri(patient_uniform(seed, purpose, keys, replicate))


def patient_exponential(seed: int, purpose: str, keys: np.ndarray, replicate: int = 0) -> np.ndarray:
    """Return an exponential number with mean 1 for each patient, as :func:`patient_uniform`."""
    return -np.log(patient_uniform(seed, purpose, keys, replicate))


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _mix(x: np.ndarray) -> np.ndarray:
    """Scatter 64 bits (wrapping arithmetic is meant)."""
    with np.errstate(over="ignore"):
        x = x + _STEP
        x = (x ^ (x >> np.uint64(30))) * _FIRST
        x = (x ^ (x >> np.uint64(27))) * _SECOND
        return x ^ (x >> np.uint64(31))
