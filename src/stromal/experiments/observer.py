"""The observation model at work: from paths of observables to outcomes, vectorised over patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, nearest
from .endpoint_kinds import (
    Category,
    Composite,
    Count,
    Crossing,
    Endpoint,
    Event,
    Hazard,
    Measure,
    Reaches,
    Response,
)
from .events import NEVER, at_rows, crossed, cumulative, first_of, happened_at, resolve, seen
from .observation import Number, Term
from .outcome import (
    DEAD,
    MISSING,
    CategoryOutcome,
    CountOutcome,
    EventOutcome,
    MeasureOutcome,
    Outcome,
    Outcomes,
    ResponseOutcome,
)
from .paths import Paths
from .responding import responded
from .streams import patient_exponential, patient_keys, patient_normal, patient_uniform

__all__ = ["Observer"]

#: Bound of a log hazard ratio: beyond it an event is at once, or never.
MOST = 100.0


@dataclass(frozen=True)
class _Chance:
    """Random numbers of the patients for one replicate."""

    seed: int
    keys: np.ndarray
    replicate: int

    def uniform(self, purpose: str) -> np.ndarray:
        return patient_uniform(self.seed, purpose, self.keys, self.replicate)

    def normal(self, purpose: str) -> np.ndarray:
        return patient_normal(self.seed, purpose, self.keys, self.replicate)

    def exponential(self, purpose: str) -> np.ndarray:
        return patient_exponential(self.seed, purpose, self.keys, self.replicate)


class Observer:
    """Endpoints of given paths, ready to be observed many times with new chance.

    Parameters
    ----------
    endpoints : dict of str to Endpoint
    paths : Paths
    parameters : dict of str to array (draws,), optional
        Numbers of the observation models by name; medians by default. They are indexed by
        ``paths.draw`` and by nothing else: there is no way to give an arm its own.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        paths: Paths,
        parameters: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.endpoints, self.paths, self._parameters = dict(endpoints), paths, parameters
        self.keys = patient_keys(paths.ids)
        self.ok = np.array(paths.ok, dtype=bool)
        self._prepared: dict[str, np.ndarray] = {}
        for endpoint in endpoints.values():
            for number in endpoint.numbers:
                self.ok &= np.isfinite(self._get(number)[:, 0])
            for used in {t.of for t in endpoint.terms} | _direct(endpoint):
                self.ok &= np.isfinite(paths.observable(used)).all(axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            for name, endpoint in endpoints.items():
                self._prepare(name, endpoint)
        self._order = _parents_first(self.endpoints)

    def observe(
        self, *, seed: int, replicate: int = 0, follow_up: float | None = None, dropout: float = 0.0
    ) -> Outcomes:
        """Observe once.

        Parameters
        ----------
        seed, replicate : int
        follow_up : float, optional
            Day of administrative censoring; the last of the paths by default.
        dropout : float
            Rate at which patients leave, 1/day.

        Returns
        -------
        Outcomes
        """
        last = float(self.paths.days[-1]) if follow_up is None else float(follow_up)
        if not 0 <= last <= self.paths.days[-1] + 1e-9:
            raise InputError(
                f"day {last:g} is off the run",
                key="follow_up",
                suggestion=f"0 to {self.paths.days[-1]:g} days",
            )
        if not 0 <= dropout < np.inf:
            raise InputError(f"{dropout!r} is no rate", key="dropout")
        chance = _Chance(seed, self.keys, replicate)
        end = np.full(len(self.paths), last)
        if dropout > 0:
            end = np.minimum(end, chance.exponential("dropout") / dropout)
        with np.errstate(invalid="ignore"):
            results = self._observe(chance, end)
        return Outcomes(self.paths.ids, self.paths.draw, self.ok, last, results)

    def _observe(self, chance: _Chance, end: np.ndarray) -> dict[str, Outcome]:
        levels = {n: self._read(e, chance) for n, e in self.endpoints.items() if isinstance(e, Category)}
        times = self._times(levels, chance)
        n = len(self.paths)
        death = first_of(
            [times[k] for k, e in self.endpoints.items() if isinstance(e, Event) and e.terminal], n
        )
        responses = {
            k: responded(
                e, np.array(self._category(e.of).days), levels[e.of], self._stop(e, times, death), end
            )
            for k, e in self.endpoints.items()
            if isinstance(e, Response)
        }
        out: dict[str, Outcome] = {}
        for name, e in self.endpoints.items():
            if isinstance(e, Event):
                out[name] = self._event(times[name], e.competing, times, end)
            elif isinstance(e, Composite):
                parts = [times[k] for k in e.events]
                for k in e.failures:
                    response = self.endpoints[k]
                    assert isinstance(response, Response)
                    parts.append(np.where(responses[k] == 0, response.until, NEVER))
                out[name] = self._event(first_of(parts, n), e.competing, times, end)
            elif isinstance(e, Response):
                out[name] = ResponseOutcome(np.where(self.ok, responses[name], np.nan))
            elif isinstance(e, Category):
                days = np.array(e.days)
                level = np.where(days > end[:, None], MISSING, levels[name])
                dead = (days >= death[:, None]) & (death <= end)[:, None]
                level = np.where(self.ok[:, None], np.where(dead, DEAD, level), MISSING)
                out[name] = CategoryOutcome(days, level, e.categories)
            elif isinstance(e, Measure):
                out[name] = self._measure(e, np.minimum(end, death), death, chance)
            elif isinstance(e, Count):
                out[name] = self._count(e, np.minimum(end, death), chance)
        return out

    def _get(self, number: Number) -> np.ndarray:
        """Return a number for each patient, array (patients, 1)."""
        draw = self.paths.draw
        if self._parameters is None:
            return np.full((len(draw), 1), number.value)
        if number.name not in self._parameters:
            raise InputError(
                f"no values of {number.name!r}",
                key="parameters",
                suggestion=nearest(number.name, self._parameters),
            )
        values = np.asarray(self._parameters[number.name], dtype=float)
        if len(draw) and draw.max() >= len(values):
            raise InputError(
                f"patients of draw {draw.max()}, but {len(values)} values of {number.name!r}", key="draw"
            )
        return values[draw][:, None]

    def _sum(self, terms: tuple[Term, ...], days: np.ndarray | None = None) -> np.ndarray:
        grid = self.paths.days if days is None else days
        out = np.zeros((len(self.paths), len(grid)))
        for term in terms:
            x = self.paths.observable(term.of) if days is None else self.paths.at(term.of, days)
            out += term.value(x, self._get)
        return out

    def _prepare(self, name: str, e: Endpoint) -> None:
        """Do what does not change from replicate to replicate."""
        if isinstance(e, Hazard | Count):
            rate = self._get(e.rate) * np.exp(np.clip(self._sum(e.effects), -MOST, MOST))
            self._prepared[name] = cumulative(self.paths.days, rate)
        elif isinstance(e, Category):
            self._prepared[name] = self._sum(e.latent, np.array(e.days))
        elif isinstance(e, Measure):
            self._prepared[name] = self.paths.at(e.of, np.array(e.days))
        elif isinstance(e, Crossing) and e.days:
            sign = 1.0 if e.above else -1.0
            past = sign * (self.paths.at(e.of, np.array(e.days)) - self._get(e.level)) >= 0
            self._prepared[name] = past

    def _category(self, name: str) -> Category:
        found = self.endpoints[name]
        assert isinstance(found, Category)
        return found

    def _read(self, e: Category, chance: _Chance) -> np.ndarray:
        """Return the categories that a rater reads, death aside, array (patients, visits) of int."""
        noise = np.stack([chance.normal(f"{e.name}:visit:{day:g}") for day in e.days], axis=1)
        latent = self._prepared[e.name] + self._get(e.rater_sd) * noise
        # draws of cut points may change places; the order of the categories may not
        cuts = np.sort(np.concatenate([self._get(cut) for cut in e.cuts], axis=1), axis=1)
        return (latent[:, :, None] >= cuts[:, None, :]).sum(axis=2)

    def _times(self, levels: Mapping[str, np.ndarray], chance: _Chance) -> dict[str, np.ndarray]:
        """Return when each event happens, follow-up aside."""
        names = self._order
        if not names:
            return {}
        days = self.paths.days
        would: dict[str, np.ndarray] = {}
        column = {name: i for i, name in enumerate(names)}
        for name in names:
            e = self.endpoints[name]
            assert isinstance(e, Event)
            start = np.full(len(self.paths), e.start)
            if e.after:
                start = np.maximum(start, would[e.after])
            if isinstance(e, Hazard):
                threshold = chance.exponential(f"{name}:time")
                if e.frailty_sd is not None:
                    sd = self._get(e.frailty_sd)[:, 0]
                    threshold = threshold / np.exp(sd * chance.normal(f"{name}:frailty") - sd**2 / 2)
                would[name] = happened_at(days, self._prepared[name], threshold, start)
            elif isinstance(e, Crossing):
                if e.days:
                    when = seen(np.array(e.days), self._prepared[name], start)
                else:
                    level = self._get(e.level)[:, 0]
                    when = crossed(days, self.paths.observable(e.of), level, start, above=e.above)
                would[name] = when + (self._get(e.delay)[:, 0] if e.delay is not None else 0.0)
            elif isinstance(e, Reaches):
                category = self._category(e.of)
                least = category.categories.index(e.at_least)
                would[name] = seen(np.array(category.days), levels[e.of] >= least, start)
        stops = np.zeros((len(names), len(names)), dtype=bool)
        follows = np.full(len(names), -1)
        for name in names:
            e = self.endpoints[name]
            assert isinstance(e, Event)
            stops[column[name], [column[k] for k in e.competing]] = True
            follows[column[name]] = column[e.after] if e.after else -1
        happened = resolve(np.stack([would[n] for n in names], axis=1), stops, follows)
        return {name: happened[:, i] for name, i in column.items()}

    @staticmethod
    def _stop(e: Response, times: Mapping[str, np.ndarray], death: np.ndarray) -> np.ndarray:
        return first_of([death, *(times[k] for k in e.unless)], len(death))

    def _event(
        self, own: np.ndarray, rivals: tuple[str, ...], times: Mapping[str, np.ndarray], end: np.ndarray
    ) -> EventOutcome:
        """Return the first of an event, its rivals and the end of follow-up."""
        all_times = np.stack([own, *(times[k] for k in rivals)])
        first = all_times.min(axis=0)
        cause = np.where(first <= end, all_times.argmin(axis=0) + 1, 0)
        time = np.minimum(first, end)
        return EventOutcome(np.where(self.ok, time, np.nan), np.where(self.ok, cause, 0), rivals)

    def _measure(self, e: Measure, end: np.ndarray, death: np.ndarray, chance: _Chance) -> MeasureOutcome:
        days = np.array(e.days)
        noise = np.stack([chance.normal(f"{e.name}:visit:{day:g}") for day in e.days], axis=1)
        noise = self._get(e.error_sd) * noise
        true = self._prepared[e.name]
        value = true * np.exp(noise) if e.lognormal else true + noise
        there = (days <= end[:, None]) & (days < death[:, None]) & self.ok[:, None]
        return MeasureOutcome(days, np.where(there, value, np.nan))

    def _count(self, e: Count, end: np.ndarray, chance: _Chance) -> CountOutcome:
        start = np.full(len(end), max(e.start, float(self.paths.days[0])))
        stop = np.maximum(np.minimum(end, NEVER if e.until is None else e.until), start)
        total = self._prepared[e.name]
        expected = at_rows(self.paths.days, total, stop) - at_rows(self.paths.days, total, start)
        frailty = _gamma(chance.uniform(f"{e.name}:frailty"), self._get(e.dispersion)[:, 0])
        count = _poisson(chance.uniform(f"{e.name}:count"), np.maximum(expected * frailty, 0.0))
        return CountOutcome(np.where(self.ok, count, np.nan), np.where(self.ok, stop - start, np.nan))


def _direct(e: Endpoint) -> set[str]:
    """Return observables that an endpoint reads outside of terms."""
    return {e.of} if isinstance(e, Crossing | Measure) else set()


def _parents_first(endpoints: Mapping[str, Endpoint]) -> tuple[str, ...]:
    """Return the events, each behind the one that it follows."""
    out: list[str] = []
    waiting = {n: e for n, e in endpoints.items() if isinstance(e, Event)}
    while waiting:
        ready = [n for n, e in waiting.items() if e.after not in waiting]
        out += ready
        for name in ready:
            del waiting[name]
    return tuple(out)


def _gamma(uniform: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return quantiles of a gamma distribution with mean 1."""
    from scipy.special import gammaincinv

    shape = 1 / np.maximum(variance, 1e-9)
    return np.where(variance > 1e-9, gammaincinv(shape, uniform) / shape, 1.0)


def _poisson(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return quantiles of a Poisson distribution."""
    from scipy.special import pdtr, pdtrik

    count = np.ceil(np.where(mean > 0, pdtrik(uniform, np.maximum(mean, 1e-300)), 0.0))
    # where the inverse has no solution, the chance of none is already over the uniform number
    count = np.where(np.isnan(count) & ~np.isnan(mean), 0.0, count)
    less = np.maximum(count - 1, 0.0)
    return np.where(pdtr(less, mean) >= uniform, less, count)
