"""Who is randomised to which arm, anew in each replicate of a trial.

The same virtual patient can be run under every arm, with the same chance: that shows what treatment does
to each of them. A trial cannot see it. Its arms hold different people, and a test that takes the arms
for independent must be given arms that are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InputError
from .streams import patient_keys, patient_uniform

__all__ = ["allocate"]


def allocate(
    ids: Sequence[str], sizes: Mapping[str, int], *, seed: int, replicate: int = 0
) -> dict[str, np.ndarray]:
    """Randomise patients to arms, none to two.

    Parameters
    ----------
    ids : sequence of str
        A pool of patients, of one draw.
    sizes : dict of str to int
        Patients per arm.
    seed, replicate : int

    Returns
    -------
    dict of str to array (size,) of int
        Rows of the pool for each arm, rising; for ``Outcomes.take``.

    Raises
    ------
    InputError
        If the pool is too small.
    """
    wanted = sum(sizes.values())
    if wanted > len(ids) or min(sizes.values(), default=0) < 0:
        raise InputError(
            f"{wanted} patients are to be randomised, and there are {len(ids)}",
            key="n",
            suggestion="run more virtual patients in each draw, or make the arms smaller",
        )
    order = np.argsort(patient_uniform(seed, "allocation", patient_keys(ids), replicate), kind="stable")
    ends = np.cumsum(list(sizes.values()))
    return {
        arm: np.sort(order[end - size : end]) for (arm, size), end in zip(sizes.items(), ends, strict=True)
    }
