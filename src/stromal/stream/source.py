"""What a population is made of, and any stretch of it solved: the bytes depend on nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..evidence import Evidence
from ..experiments.bodies import Bodies
from ..experiments.cohort import solve_arm
from ..experiments.disease import Disease
from ..experiments.ensemble import Ensemble
from ..experiments.population import Patients, followed, in_strata, meets_criteria, observed
from ..experiments.trial import Trial, TrialArm
from ..model import System
from .order import Event, Order, draw_patients

__all__ = ["OWN", "Source", "Template"]

#: Variables without patients: dimensions, an empty array, attributes.
Template = dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]]
#: Variables of every population beside its observables.
OWN = ("draw", "number", "solved", "eligible")
#: Bytes of states and events at a time, and the fewest patients solved together.
BUDGET, LEAST = 48e6, 64


@dataclass(frozen=True, eq=False)
class Source:
    """A population of any size.

    Attributes
    ----------
    disease : Disease
    trial : Trial or None
        Whose arm the patients go through from enrolment on.
    arm : TrialArm or None
        None for the disease as it is without a trial.
    evidence : Evidence
    ensemble : Ensemble
    bodies : Bodies
        Those that rest and keep to the natural history of the disease.
    order : Order
    extra : tuple of str
        Mediators that therapies bring.
    observables : tuple of str
    days : tuple of float
        Clock of the disease, rising.
    yields : dict of str to float
    calibrated : bool
        Whether the draws were fitted to control arms.
    """

    disease: Disease
    trial: Trial | None
    arm: TrialArm | None
    evidence: Evidence
    ensemble: Ensemble
    bodies: Bodies
    order: Order
    extra: tuple[str, ...]
    observables: tuple[str, ...]
    days: tuple[float, ...]
    yields: Mapping[str, float]
    calibrated: bool

    @property
    def system(self) -> System:
        """The compiled body; made anew in every process, kept there."""
        return self.disease.system(self.evidence, self.extra)

    @property
    def draw_names(self) -> tuple[str, ...]:
        """What patients of each body are named after."""
        return tuple(self.ensemble.names[i] for i in self.bodies.draw)

    def template(self) -> Template:
        """Return every variable without patients: dimensions, an empty array, attributes."""
        about: dict[str, dict[str, Any]] = {
            "draw": {"long_name": "position among the names of draws", "names": list(self.draw_names)},
            "number": {"long_name": "number of the patient within its draw"},
            "solved": {"long_name": "whether the run of the patient ended"},
            "eligible": {"long_name": "whether the criteria of enrolment are met"},
        }
        kinds: dict[str, Any] = {
            "draw": np.int32,
            "number": np.int64,
            "solved": np.bool_,
            "eligible": np.bool_,
        }
        own: Template = {k: (("patient",), np.zeros(0, kinds[k]), about[k]) for k in OWN}
        seen: Template = {
            k: (
                ("patient", "day"),
                np.zeros((0, len(self.days)), np.float32),
                {"units": self.disease.observables[k].unit, "observable": self.disease.spec.observables[k]},
            )
            for k in self.observables
        }
        return {**own, **seen}

    def make(
        self, start: int, stop: int, threads: int | None = None, tell: Callable[[int], None] | None = None
    ) -> dict[str, np.ndarray]:
        """Solve patients ``start`` to ``stop``; ``tell`` is called with how many are solved.

        Returns
        -------
        dict of str to array (patients,) or (patients, days)
            As `template` has them.
        """
        events = len(self.disease.spec.insult) + len(self.disease.spec.background)
        each = 8 * len(self.system.states) * (len(self.days) + 6 + 6 * events)
        step = max(LEAST, int(BUDGET / each))
        parts = []
        for a in range(start, stop, step):
            parts.append(self._some(a, min(a + step, stop), threads))
            if tell:
                tell(min(a + step, stop))
        return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}

    def _some(self, start: int, stop: int, threads: int | None) -> dict[str, np.ndarray]:
        some, body, number, events = draw_patients(
            self.order, start, stop, self.bodies, self.system, self.disease, self.evidence, self.ensemble
        )
        rules = self.disease.spec.enrol
        asked = {c.day for c in rules.criteria} | {c.over_day or 0.0 for c in rules.criteria} | {0.0}
        until = {0.0, *(rules.day + d for d in asked if rules.day + d > 0)}
        days = np.array(sorted(until | {d for d in self.days if d <= rules.day}))
        run = followed(some, [e for e in events if e[0] <= rules.day], days, threads)
        # a run that did not end is not gone on with: the patient is followed from health, and not counted
        now = replace(some, y=np.where(run.ok[:, None], run.y[:, -1], some.y), day=rules.day)
        fits = meets_criteria(some, self.disease, self.evidence, run.y, days - rules.day)
        fits &= in_strata(now, self.disease, self.evidence, now.y)[0]
        early = np.searchsorted(days, [d for d in self.days if d <= rules.day])
        before = {
            k: observed(some, self.disease, self.evidence, k, run.y[:, early]) for k in self.observables
        }
        after, ended = self._later(now, [e for e in events if e[0] > rules.day], threads)
        ok = run.ok & ended
        out = {"draw": body.astype(np.int32), "number": number, "solved": ok, "eligible": fits & run.ok}
        for k in self.observables:
            values = np.concatenate([before[k], after[k]], axis=1).astype(np.float32)
            values[~ok] = np.nan
            out[k] = values
        return out

    def _later(
        self, now: Patients, events: list[Event], threads: int | None
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return observables on days after enrolment, and whose run ended."""
        days = np.array([0.0, *(d - now.day for d in self.days if d > now.day)])
        if len(days) == 1:
            nothing = np.zeros((len(now), 0))
            return dict.fromkeys(self.observables, nothing), np.ones(len(now), dtype=bool)
        if self.trial is not None and self.arm is not None:
            seen = solve_arm(self.trial, now, self.arm, self.evidence, self.ensemble, days, threads)
            return {k: seen[k][:, 1:] for k in self.observables}, seen[":ok"].astype(bool)
        run = followed(now, [(e[0] - now.day, e[1], e[2]) for e in events], days, threads)
        path = run.y[:, 1:]
        return (
            {k: observed(now, self.disease, self.evidence, k, path) for k in self.observables},
            run.ok,
        )
