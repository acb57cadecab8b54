"""How a dose reaches a disease: the rules that a product changes most, place by place.

2e6 MSC per kg are one to thousands of immune cells. Whatever effect a model has must come through some
rule whose signal the product moves; here each rule on a host cell is looked at in the arm with the
product and in the same patients without it, and those that move most are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..evidence import Evidence
from ..evidence.records import Rule
from ..evidence.words import Signal, parse_signal
from ..model import System
from ..model.expr import evaluate_all
from ..model.network import SYSTEMIC, owner_of
from .bench import Run
from .cohort import BEFORE, arm_parameters, therapy_events
from .ensemble import Ensemble
from .population import Patients
from .results import band
from .trial import Trial, TrialArm
from .well import solve

__all__ = ["LEDGER_DAYS", "Push", "pushes", "sentences", "traced"]

#: Days after the first dose that are looked at, and patients that are enough to tell.
LEDGER_DAYS = (0.1, 1.0, 3.0, 7.0, 14.0, 28.0)
ENOUGH = 32


@dataclass(frozen=True)
class Push:
    """What a product does to one rule in one place.

    Attributes
    ----------
    place, rule, cell, behaviour, signal : str
    day : float
        Of the largest change.
    change : float
        Change of the behaviour through this rule alone, in % (of the most it can be, where the signal is
        required): median over patients.
    lo, hi : float
        5 and 95 % points over patients.
    level : float
        Signal over its half-maximal level in the arm with the product (for a touch or a content: share of
        cells that meet it).
    refs : tuple of str
    """

    place: str
    rule: str
    cell: str
    behaviour: str
    signal: str
    day: float
    change: float
    lo: float
    hi: float
    level: float
    refs: tuple[str, ...]


def traced(
    trial: Trial,
    arm: TrialArm,
    patients: Patients,
    evidence: Evidence,
    ensemble: Ensemble,
    *,
    threads: int | None = None,
) -> Run:
    """Run some patients with a product and without it, all states kept.

    Returns
    -------
    Run
        Arms: the product's, then the reference (the same drugs, no product).
    """
    from ..ode import Events

    some = patients.take(np.linspace(0, len(patients) - 1, min(ENOUGH, len(patients))).astype(int))
    first = min((d for t in arm.therapies for d in t.days), default=0.0)
    days = np.array([0.0, *(first + d for d in LEDGER_DAYS if first + d <= trial.spec.days)])
    days = np.unique(days)
    without = TrialArm("reference", arm.n, tuple(t for t in arm.therapies if t.what == "drug"))
    ys, sets, status = [], [], []
    for one in (arm, without):
        parameters = arm_parameters(some, trial, one, evidence, ensemble)
        time, scale, shift = therapy_events(some, trial, one, evidence, ensemble, parameters)
        events = None
        if len(time):
            when = np.tile(np.maximum(time, BEFORE), (len(some), 1))
            events = Events(when, scale.transpose(1, 0, 2), shift.transpose(1, 0, 2))
        # small differences are looked for: the tolerance of the trial itself would hide them
        result = solve(
            some.system, some.y, parameters, days, events=events, threads=threads, rtol=1e-4, atol=1e-9
        )
        ys.append(result.y)
        sets.append(parameters)
        status.append(result.status)
    return Run(some.system, (arm.name, "reference"), days, np.stack(ys), np.stack(sets), np.stack(status))


def pushes(run: Run, evidence: Evidence) -> list[Push]:
    """Return what a product does to every rule on host cells, the largest first.

    Parameters
    ----------
    run : Run
        From `traced`.
    evidence : Evidence
    """
    found: dict[tuple[str, str], Push] = {}
    acting = _acting(run.system)
    names = {*evidence.members, *(c.lineage for c in evidence.cells.values())}
    places = list(dict.fromkeys(s.place for s in run.system.states if s.kind == "cell"))
    signals = {rule.id: parse_signal(rule.signal, names) for rule in evidence.rules.values()}
    for at, day in enumerate(run.days):
        if day == 0:
            continue
        envs = [_environment(run, arm, at) for arm in (0, 1)]
        for place in places:
            for rule in evidence.rules.values():
                half = f"rule:{rule.id}:half_max"
                if (place, rule.id) not in acting or half not in run.system.parameter_index:
                    continue
                cells = [c for c in evidence.members.get(rule.cell, ()) if owner_of(c) == "host"]
                cells = cells or [c for c, row in evidence.cells.items() if row.lineage == rule.cell]
                cells = [c for c in cells if f"{place}:{c}" in run.system.state_index]
                if not cells or owner_of(cells[0]) != "host":
                    continue
                about = (place, cells[0], rule, signals[rule.id], evidence)
                given = _saturation(run.system, envs[0], *about)
                without = _saturation(run.system, envs[1], *about)
                if given is None or without is None:
                    continue
                (h, x), (h0, _) = given, without
                change = 100.0 * (_factor(rule, h, envs[0]) - _factor(rule, h0, envs[1]))
                if rule.effect != "requires":
                    change = change / _factor(rule, h0, envs[1])
                lo, middle, hi = band(change)
                old = found.get((place, rule.id))
                if old is None or abs(middle) > abs(old.change):
                    found[place, rule.id] = Push(
                        place,
                        rule.id,
                        rule.cell,
                        rule.behaviour,
                        rule.signal,
                        float(day),
                        middle,
                        lo,
                        hi,
                        float(np.median(x)),
                        rule.refs,
                    )
    return sorted(found.values(), key=lambda p: -abs(p.change))


def sentences(found: list[Push], organ: str, evidence: Evidence) -> tuple[str, ...]:
    """Say by which rule the dose reaches the organ of the disease, lymphoid tissue, and the lung."""
    out = []
    labels = {"target": organ, "lymphoid": "lymphoid tissue", "lung": "the lung"}
    for place, label in labels.items():
        here = [p for p in found if p.place == place]
        if not here:
            continue
        top = here[0]
        refs = ", ".join(top.refs) or "assumed"
        if abs(top.change) < 1e-4:
            out.append(f"In {label} the dose moves no rule by a ten-thousandth of a percent.")
            continue
        size = f"{top.change:+.3g} % ({top.lo:+.2g} to {top.hi:+.2g})"
        word = "nothing that would be seen" if abs(top.change) < 1.0 else "the largest push"
        out.append(
            f"In {label} the largest change is {size} of {top.cell} {top.behaviour} by {top.signal} on day "
            f"{top.day:g} ({top.rule} [{refs}]): {word}."
        )
    return tuple(out)


def _acting(system: System) -> set[tuple[str, str]]:
    """Return (place, rule) of all rules that act; what draws a cell is read where the cell goes."""
    out = set()
    for process in system.processes:
        place = process.name.partition(":")[0]
        if process.behaviour.startswith("migrates"):
            place = process.behaviour.rpartition(">")[2]
        out |= {(place, rule) for rule in process.rules}
    return out


def _environment(run: Run, arm: int, at: int) -> dict[str, np.ndarray]:
    env = {s.name: run.y[arm, :, at, i] for i, s in enumerate(run.system.states)}
    return env | {p.name: run.parameters[arm, :, i] for i, p in enumerate(run.system.parameters)}


def _assigned(system: System, env: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    if name not in system.assignments:
        return None
    return np.broadcast_to(evaluate_all([system.inlined[name]], env)[0], next(iter(env.values())).shape)


def _saturation(
    system: System,
    env: Mapping[str, np.ndarray],
    place: str,
    cell: str,
    rule: Rule,
    signal: Signal,
    evidence: Evidence,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the mean of H over cells, and what is shown of the signal; None where it cannot be there."""
    half = env[f"rule:{rule.id}:half_max"]

    def hill(level: np.ndarray) -> np.ndarray:
        x = np.maximum(level, 0.0) / half
        return x**rule.hill / (1.0 + x**rule.hill)

    if signal.kind in ("free", "near"):
        name = f"{place}:{signal.name}"
        level = env.get(name)
        level = env.get(f"{SYSTEMIC}:{signal.name}") if level is None else level
        level = _assigned(system, env, name) if level is None else level
        return None if level is None else (hill(level), level / half)
    if signal.kind == "self":
        content = env.get(f"{place}:{evidence.cells[cell].lineage}.{signal.name}")
        if content is None:
            return None
        if signal.name in _contents(evidence):
            holding = 1.0 - np.exp(-np.maximum(content, 0.0))
            return holding * hill(np.ones_like(content)), holding
        return hill(content), content / half
    if signal.kind == "touch":
        share = _assigned(system, env, f"touch:{place}:{cell}:{signal.cell}")
        if share is None:
            return None
        if not signal.name:
            return share * hill(np.ones_like(share)), share
        lineages = {evidence.cells[c].lineage for c in evidence.members.get(signal.cell, ())} or {signal.cell}
        carried = env.get(f"{place}:{lineages.pop()}.{signal.name}")
        if carried is None:
            return None
        if signal.name in _contents(evidence):
            holding = 1.0 - np.exp(-np.maximum(carried, 0.0))
            return share * holding * hill(np.ones_like(share)), share * holding
        return share * hill(carried), share
    return None


@lru_cache(maxsize=8)
def _contents(evidence: Evidence) -> frozenset[str]:
    """Return what is carried in pieces, so that some cells hold it and others do not."""
    verb = "keeps "
    rows = evidence.behaviours
    return frozenset(b.behaviour.removeprefix(verb) for b in rows if b.behaviour.startswith(verb))


def _factor(rule: Rule, h: np.ndarray, env: Mapping[str, np.ndarray]) -> np.ndarray:
    if rule.effect == "requires":
        leak = env.get(f"rule:{rule.id}:leak", np.zeros_like(h))
        return leak + (1.0 - leak) * h
    return 1.0 + (env[f"rule:{rule.id}:fold"] - 1.0) * h
