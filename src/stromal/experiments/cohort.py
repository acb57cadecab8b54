"""Follow virtual patients through the arms of a trial: what each product brings, and what then happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..evidence import Evidence
from ..model import System
from .arm import Arm
from .assay import load_assay
from .dosing import Dose, doses
from .ensemble import Ensemble
from .observable import needed, value
from .paths import Paths
from .population import RTOL, Patients
from .product import prepare
from .switches import apply_arm
from .trial import Trial, TrialArm
from .well import rest, solve

__all__ = ["Followed", "arm_parameters", "follow", "grid", "solve_arm", "therapy_events"]

#: Patients that are solved at once; a run that is interrupted loses no more than this many.
CHUNK = 256
#: An output at the time of a dose would be after it; the visit at baseline is just before.
BEFORE = 1e-6
#: Particles per nL from particles per uL.
NL_PER_UL = 1e3


@dataclass(frozen=True)
class Followed:
    """Observables of all patients in all arms.

    Attributes
    ----------
    paths : dict of str to Paths
        By arm.
    failed : dict of str to tuple of str
        Ids of patients whose run did not end, by arm.
    """

    paths: Mapping[str, Paths]
    failed: Mapping[str, tuple[str, ...]]


def grid(trial: Trial) -> np.ndarray:
    """Return the days at which states are kept: close at first, monthly later, and every visit."""
    days = trial.spec.days
    usual = [
        *range(0, 15),
        *range(17, 36, 3),
        *range(42, 101, 7),
        *range(120, 366, 20),
        *range(365, 3661, 30),
    ]
    visits = [d for e in trial.endpoints.values() for d in getattr(e, "days", ())]
    single = [getattr(e, k, None) for e in trial.endpoints.values() for k in ("day", "until", "start")]
    wanted = {*map(float, usual), *visits, *(d for d in single if d is not None), 0.0, days}
    return np.array(sorted(d for d in wanted if 0.0 <= d <= days))


def arm_parameters(
    patients: Patients, trial: Trial, arm: TrialArm, evidence: Evidence, ensemble: Ensemble
) -> np.ndarray:
    """Return the parameters of each patient as an arm has them: its product, blocks and knock-outs.

    Returns
    -------
    array (patients, parameters)
    """
    given = arm.product
    species = trial.disease.spec.species
    like = Arm(product="none", species=species)
    if given is not None:
        like = given.arm().model_copy(update={"species": species})
        if given.what == "vesicles":
            like = like.model_copy(update={"product": given.give})
    like = like.model_copy(update={"block": arm.block, "knockout": arm.knockout})
    return apply_arm(patients.parameters, patients.system, like, evidence, ensemble.at(patients.draw))


def _carried(
    patients: Patients,
    trial: Trial,
    arm: TrialArm,
    evidence: Evidence,
    ensemble: Ensemble,
    parameters: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return what the cells of a product carry when they are thawed, by ``MSC.X``, for each patient.

    Unprimed cells carry what they do at rest; primed ones what the priming culture left on them.
    """
    given = arm.product
    system = patients.system
    out: dict[str, np.ndarray] = {}
    if given is None or given.what != "cells":
        return out
    at_rest = rest(system, parameters)
    for i, state in enumerate(system.states):
        name = state.name.partition(":")[2]
        if state.kind == "expression" and name.startswith(f"{given.content}."):
            out.setdefault(name, at_rest[:, i])
    if given.priming:
        draws = np.unique(patients.draw)
        product, _ = prepare(
            load_assay("coculture", evidence), given.arm(), evidence, ensemble.at(draws), None
        )
        place = np.searchsorted(draws, patients.draw)
        for name, level in (product.carried or {}).items():
            if name in out:
                out[name] = np.asarray(level)[place]
    return out


def therapy_events(
    patients: Patients,
    trial: Trial,
    arm: TrialArm,
    evidence: Evidence,
    ensemble: Ensemble,
    parameters: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the doses of an arm do to each patient.

    Returns
    -------
    time : array (events,)
        Trial days.
    scale, shift : array (events, patients, states)
        ``y`` to ``scale * y + shift``.
    """
    system = patients.system
    some = ensemble.at(patients.draw)
    therapies = (*trial.background, *arm.therapies)
    here = trial.disease.tables(evidence)
    given = doses(therapies, patients.weight, here, some, sizes=trial.disease.sizes)
    brought = _carried(patients, trial, arm, evidence, ensemble, parameters)
    shape = (len(given), len(patients), len(system.states))
    scale, shift = np.ones(shape), np.zeros(shape)
    for k, dose in enumerate(given):
        _put(dose, system, trial.disease.volumes, brought, scale[k], shift[k])
    return np.array([dose.time for dose in given]), scale, shift


def _put(
    dose: Dose,
    system: System,
    volumes: Mapping[str, float],
    brought: Mapping[str, np.ndarray],
    scale: np.ndarray,
    shift: np.ndarray,
) -> None:
    """Write one dose into the change of state of each patient, in place."""
    index = system.state_index
    systemic = index.get(f"systemic:{dose.what}")
    if systemic is not None:
        shift[:, systemic] += dose.amount
        return
    lost: np.ndarray | float = 0.0
    put = []
    for place, share in dose.places.items():
        state = f"{place}:{dose.what}"
        amount = dose.amount * share
        if state not in index:
            lost = lost + amount
            continue
        per = volumes[place] * (NL_PER_UL if dose.unit == "particles" else 1.0)
        shift[:, index[state]] += amount / per
        put.append(index[state])
        for name, level in brought.items():
            i = index.get(f"{place}:{name}")
            # newcomers bring their level: what is left of an earlier dose by then is little
            if i is not None and name.rpartition(".")[0] == dose.what:
                scale[:, i], shift[:, i] = 0.0, level
    elsewhere = index.get(f"rest:{dose.what}")
    if elsewhere is not None:
        shift[:, elsewhere] += lost / volumes["rest"]
    elif dose.unit == "cells" and put:
        # no cell is lost: those that have no place in this disease are with the others
        shift[:, put] *= (dose.amount / (dose.amount - lost) * np.ones(len(shift)))[:, None]


def follow(
    trial: Trial,
    patients: Patients,
    evidence: Evidence,
    ensemble: Ensemble,
    *,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    keep: Callable[[str, Callable[[], dict[str, np.ndarray]]], dict[str, np.ndarray]] | None = None,
) -> Followed:
    """Solve every patient in every arm.

    Parameters
    ----------
    trial : Trial
    patients : Patients
        At enrolment.
    evidence : Evidence
    ensemble : Ensemble
    threads : int, optional
    progress : callable, optional
        Called with (what, done, of).
    keep : callable, optional
        Takes the name of a part and how to make it; may return one that was kept before.

    Returns
    -------
    Followed
    """
    days = grid(trial)
    total = len(trial.arms) * len(patients)
    done, paths, failed = 0, {}, {}
    for arm in trial.arms:
        parts: list[dict[str, np.ndarray]] = []
        for start in range(0, len(patients), CHUNK):
            some = patients.take(np.arange(start, min(start + CHUNK, len(patients))))

            def make(some: Patients = some, arm: TrialArm = arm) -> dict[str, np.ndarray]:
                return solve_arm(trial, some, arm, evidence, ensemble, days, threads)

            part = keep(f"{arm.name}-{start}", make) if keep else make()
            parts.append(part)
            done += len(some)
            if progress:
                progress("patients", done, total)
        joined = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
        ok = joined.pop(":ok").astype(bool)
        paths[arm.name] = Paths(days, joined, patients.draw, patients.ids, ok)
        failed[arm.name] = tuple(i for i, good in zip(patients.ids, ok, strict=True) if not good)
    return Followed(paths, failed)


def solve_arm(
    trial: Trial,
    some: Patients,
    arm: TrialArm,
    evidence: Evidence,
    ensemble: Ensemble,
    days: np.ndarray,
    threads: int | None,
) -> dict[str, np.ndarray]:
    """Return the observables of patients from enrolment on in an arm, and under ``:ok`` whose run ended."""
    from ..ode import Events

    system = some.system
    parameters = arm_parameters(some, trial, arm, evidence, ensemble)
    time, scale, shift = therapy_events(some, trial, arm, evidence, ensemble, parameters)
    names = {n for item in trial.disease.observables.values() for n in needed(item, system, evidence)}
    kept = [n for n in system.state_index if n in names]
    events = None
    if len(time):
        # a dose on day 0 comes right after the visit of that day
        when = np.tile(np.maximum(time, BEFORE), (len(some), 1))
        events = Events(when, scale.transpose(1, 0, 2), shift.transpose(1, 0, 2))
    result = solve(
        system,
        some.y,
        parameters,
        days,
        events=events,
        threads=threads,
        rtol=RTOL,
        states=[system.state_index[n] for n in kept],
    )
    y = {n: result.y[:, :, i] for i, n in enumerate(kept)}
    out = {
        key: value(item, system, evidence, y, parameters, trial.disease.volumes)
        for key, item in trial.disease.observables.items()
    }
    return out | {":ok": result.ok.astype(float)}
