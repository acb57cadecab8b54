"""Endpoints as data: read ``[endpoints.NAME]`` tables, check them, list their uncertain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import InputError, nearest
from ..evidence.units import parse_quantity
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
from .observation import Number, Term, draw_numbers, parse_number, parse_term

__all__ = [
    "Category",
    "Composite",
    "Count",
    "Crossing",
    "Endpoint",
    "Event",
    "Hazard",
    "Measure",
    "Reaches",
    "Response",
    "draw_observation",
    "observation_parameters",
    "parse_endpoints",
]

_SHARED = ("kind", "title", "source", "better")
_EVENT = ("after", "terminal", "censored_by", "start")
_KEYS = {
    "category": ("categories", "latent", "cuts", "rater_sd", "days"),
    "response": ("of", "level", "baseline", "day", "until", "lasting", "unless"),
    "hazard": ("rate", "terms", "frailty_sd", *_EVENT),
    "crossing": ("of", "level", "direction", "delay", "days", *_EVENT),
    "reaches": ("of", "at_least", *_EVENT),
    "composite": ("events", "failures", "censored_by"),
    "measure": ("of", "days", "error_sd", "error"),
    "count": ("rate", "terms", "dispersion", "start", "until"),
}
#: Which direction helps, unless the file says: responses are good, events are bad.
_BETTER = {"response": "higher", "measure": ""}


def parse_endpoints(
    data: Mapping[str, Any],
    *,
    observables: Mapping[str, str] | None = None,
    file: str = "",
    key: str = "endpoints",
) -> dict[str, Endpoint]:
    """Read the endpoints of a disease.

    Parameters
    ----------
    data : mapping
        Name to table, as under ``[endpoints.NAME]``.
    observables : mapping, optional
        Name to unit of what the disease observes. Names are checked and levels converted if it is given.
    file, key : str
        For messages.

    Returns
    -------
    dict of str to Endpoint
        In the order of the file.

    Raises
    ------
    InputError
        With file, key and the nearest valid name.
    """
    if not isinstance(data, Mapping):
        raise InputError("is not a table of endpoints", file=file, key=key, suggestion=f"write [{key}.NAME]")
    found: dict[str, Endpoint] = {}
    named: dict[str, tuple[str, ...]] = {}
    for name, table in data.items():
        reader = _Reader(name, table, observables, file, f"{key}.{name}")
        found[name] = reader.endpoint()
        named[name] = reader.words("censored_by") if isinstance(table, Mapping) else ()
    _check_names(found, named, file, key)
    terminal = tuple(n for n, e in found.items() if isinstance(e, Event) and e.terminal)
    for name, endpoint in found.items():
        if isinstance(endpoint, Event):
            others = named[name] + tuple(t for t in terminal if t not in named[name] and t != name)
            found[name] = replace(endpoint, competing=others)
        elif isinstance(endpoint, Composite):
            others = named[name] + tuple(t for t in terminal if t not in named[name])
            found[name] = replace(endpoint, competing=tuple(o for o in others if o not in endpoint.events))
    return found


def observation_parameters(endpoints: Mapping[str, Endpoint]) -> tuple[Number, ...]:
    """Return every uncertain number of the observation models, named ``endpoint:NAME:key``."""
    return tuple(n for endpoint in endpoints.values() for n in endpoint.numbers)


def draw_observation(
    endpoints: Mapping[str, Endpoint], *, seed: int, ids: Sequence[int], central: bool = False
) -> dict[str, Any]:
    """Draw the numbers of the observation models, each from the stream of its own name.

    Parameters
    ----------
    endpoints : dict of str to Endpoint
    seed : int
        Of the ensemble.
    ids : sequence of int
        Places of the draws in every stream (``Ensemble.ids``).
    central : bool
        Hold all at their median.

    Returns
    -------
    dict of str to array (draws,)
        In the units of :func:`observation_parameters`.
    """
    return draw_numbers(observation_parameters(endpoints), seed=seed, ids=tuple(ids), central=central)


def _check_names(
    found: Mapping[str, Endpoint], named: Mapping[str, tuple[str, ...]], file: str, key: str
) -> None:
    """Check that endpoints which name others name what exists, of the right kind, in no circle."""

    def check(name: str, part: str, others: Sequence[str], kind: type | tuple[type, ...]) -> None:
        valid = [n for n, e in found.items() if isinstance(e, kind) and n != name]
        for other in others:
            if other not in valid:
                raise InputError(
                    f"{other!r} is not an endpoint of the right kind",
                    file=file,
                    key=f"{key}.{name}.{part}",
                    suggestion=nearest(other, valid) or "there is none",
                )

    for name, endpoint in found.items():
        check(name, "censored_by", named[name], Event)
        if isinstance(endpoint, Response | Reaches):
            check(name, "of", (endpoint.of,), Category)
            category = found[endpoint.of]
            assert isinstance(category, Category)
            if isinstance(endpoint, Reaches) and endpoint.at_least not in category.categories:
                raise InputError(
                    f"{endpoint.of!r} has no category {endpoint.at_least!r}",
                    file=file,
                    key=f"{key}.{name}.at_least",
                    suggestion=nearest(endpoint.at_least, category.categories),
                )
            for part in ("baseline", "day", "until") if isinstance(endpoint, Response) else ():
                if getattr(endpoint, part) not in category.days:
                    visits = ", ".join(f"{d:g}" for d in category.days)
                    raise InputError(
                        f"day {getattr(endpoint, part):g} is no visit of {endpoint.of!r}",
                        file=file,
                        key=f"{key}.{name}.{part}",
                        suggestion=f"visits: {visits}",
                    )
        if isinstance(endpoint, Response):
            check(name, "unless", endpoint.unless, Event)
        if isinstance(endpoint, Composite):
            check(name, "events", endpoint.events, Event)
            check(name, "failures", endpoint.failures, Response)
        if isinstance(endpoint, Event) and endpoint.after:
            check(name, "after", (endpoint.after,), Event)
            before = found[endpoint.after]
            if endpoint.after in named[name] or (isinstance(before, Event) and before.terminal):
                raise InputError(
                    f"{endpoint.after!r} keeps it from happening, so it cannot follow it",
                    file=file,
                    key=f"{key}.{name}.after",
                )
            seen, at = {name}, endpoint.after
            while at:
                if at in seen:
                    raise InputError("follows itself", file=file, key=f"{key}.{name}.after")
                seen.add(at)
                before = found[at]
                at = before.after if isinstance(before, Event) else ""


class _Reader:
    """Reads one endpoint."""

    def __init__(
        self, name: str, data: Any, observables: Mapping[str, str] | None, file: str, key: str
    ) -> None:
        self.name, self.data, self.observables, self.file, self.key = name, data, observables, file, key

    def fail(self, message: str, part: str = "", suggestion: str = "") -> InputError:
        key = f"{self.key}.{part}" if part else self.key
        return InputError(message, file=self.file, key=key, suggestion=suggestion)

    def endpoint(self) -> Endpoint:
        if not isinstance(self.data, Mapping):
            raise self.fail("is not a table", "", f"write [{self.key}]")
        if ":" in self.name:
            raise self.fail("a name holds no ':'")
        kind = self.data.get("kind")
        if not isinstance(kind, str) or kind not in _KEYS:
            raise self.fail(f"{kind!r} is no kind of endpoint", "kind", nearest(str(kind), _KEYS))
        for part in self.data:
            if part not in _KEYS[kind] + _SHARED:
                raise self.fail(f"no such key of a {kind}", part, nearest(part, _KEYS[kind] + _SHARED))
        better = self.text("better", _BETTER.get(kind, "lower"))
        if better not in ("higher", "lower", ""):
            raise self.fail(f"{better!r} is neither 'higher' nor 'lower'", "better")
        build: Callable[..., Endpoint] = getattr(self, kind)
        return build(title=self.text("title", ""), source=self.text("source", "assumed"), better=better)

    def category(self, **shared: Any) -> Category:
        names = self.words("categories")
        if len(names) < 2 or len(set(names)) < len(names):
            raise self.fail("needs two or more different categories, lowest first", "categories")
        cuts = self.data.get("cuts")
        if not isinstance(cuts, list) or len(cuts) != len(names) - 1:
            raise self.fail(f"needs {len(names) - 1} cut points for {len(names)} categories", "cuts")
        numbers = tuple(
            self.number(f"cuts[{i}]", cut, f"cut:{after}", additive=True)
            for i, (cut, after) in enumerate(zip(cuts, names[1:], strict=True))
        )
        if any(a.value >= b.value for a, b in zip(numbers, numbers[1:], strict=False)):
            raise self.fail("cut points do not rise", "cuts")
        latent = self.terms("latent", "weight")
        if not latent:
            raise self.fail("needs a latent: one term or more", "latent")
        days = self.days("days")
        if not days:
            raise self.fail("needs visits", "days")
        return Category(self.name, names, latent, numbers, self.number("rater_sd", least=0.0), days, **shared)

    def response(self, **shared: Any) -> Response:
        level = self.text("level")
        levels = ("complete", "overall", "partial")
        if level not in levels:
            raise self.fail(f"{level!r} is no level of response", "level", nearest(level, levels))
        baseline, day = self.day("baseline", 0.0), self.day("day")
        until = self.day("until", day)
        lasting = self.day("lasting") if "lasting" in self.data else None
        if not baseline < day <= until:
            raise self.fail("must come after baseline, and not after until", "day")
        if lasting is not None and ("until" in self.data or lasting < 0):
            raise self.fail("goes without until, and is not negative", "lasting")
        return Response(
            self.name, self.text("of"), level, baseline, day, until, lasting, self.words("unless"), **shared
        )

    def hazard(self, **shared: Any) -> Hazard:
        frailty = self.number("frailty_sd", least=0.0) if "frailty_sd" in self.data else None
        return Hazard(
            self.name, self.rate(), self.terms("terms", "coefficient"), frailty, **self.event(), **shared
        )

    def crossing(self, **shared: Any) -> Crossing:
        of = self.observable()
        direction = self.text("direction", "above")
        if direction not in ("above", "below"):
            raise self.fail(f"{direction!r} is neither 'above' nor 'below'", "direction")
        delay = self.number("delay", unit="day", least=0.0) if "delay" in self.data else None
        level = self.number("level", unit=self.unit(of), least=0.0)
        return Crossing(
            self.name, of, level, direction == "above", delay, self.days("days"), **self.event(), **shared
        )

    def reaches(self, **shared: Any) -> Reaches:
        return Reaches(self.name, self.text("of"), self.text("at_least"), **self.event(), **shared)

    def composite(self, **shared: Any) -> Composite:
        events, failures = self.words("events"), self.words("failures")
        if not events and not failures:
            raise self.fail("needs events or failures", "events")
        return Composite(self.name, events, failures, **shared)

    def measure(self, **shared: Any) -> Measure:
        of, error = self.observable(), self.text("error", "lognormal")
        if error not in ("lognormal", "normal"):
            raise self.fail(f"{error!r} is neither 'lognormal' nor 'normal'", "error")
        days = self.days("days")
        if not days:
            raise self.fail("needs visits", "days")
        unit = "1" if error == "lognormal" else self.unit(of)
        sd = self.number("error_sd", unit=unit, least=0.0)
        return Measure(self.name, of, days, sd, error == "lognormal", self.unit(of) or "", **shared)

    def count(self, **shared: Any) -> Count:
        start, until = self.day("start", 0.0), self.day("until") if "until" in self.data else None
        if until is not None and until <= start:
            raise self.fail("must come after start", "until")
        dispersion = self.number("dispersion", least=0.0)
        return Count(
            self.name, self.rate(), dispersion, self.terms("terms", "coefficient"), start, until, **shared
        )

    def event(self) -> dict[str, Any]:
        terminal = self.data.get("terminal", False)
        if not isinstance(terminal, bool):
            raise self.fail(f"{terminal!r} is neither true nor false", "terminal")
        return {"after": self.text("after", ""), "terminal": terminal, "start": self.day("start", 0.0)}

    def rate(self) -> Number:
        return self.number("rate", unit="1/day", least=0.0)

    def observable(self) -> str:
        of = self.text("of")
        if self.observables is not None and of not in self.observables:
            raise self.fail(f"no observable {of!r}", "of", nearest(of, self.observables))
        return of

    def unit(self, of: str) -> str | None:
        return None if self.observables is None else self.observables[of]

    def number(self, part: str, data: Any = None, label: str = "", **options: Any) -> Number:
        if data is None:
            if part not in self.data:
                raise self.fail("is missing", part)
            data = self.data[part]
        name = f"endpoint:{self.name}:{label or part}"
        return parse_number(data, name, file=self.file, key=f"{self.key}.{part}", **options)

    def terms(self, part: str, factor: str) -> tuple[Term, ...]:
        rows = self.data.get(part, [])
        if not isinstance(rows, list):
            raise self.fail("is not a list of terms", part)
        prefix = f"endpoint:{self.name}"
        terms = tuple(
            parse_term(
                row,
                prefix,
                factor=factor,
                observables=self.observables,
                file=self.file,
                key=f"{self.key}.{part}[{i}]",
            )
            for i, row in enumerate(rows)
        )
        if len({t.of for t in terms}) < len(terms):
            raise self.fail("has one observable in two terms", part)
        return terms

    def text(self, part: str, default: str | None = None) -> str:
        value = self.data.get(part, default)
        if not isinstance(value, str):
            raise self.fail("is missing" if value is None else f"{value!r} is not text", part)
        return value

    def words(self, part: str) -> tuple[str, ...]:
        value = self.data.get(part, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(f"{value!r} is not a list of text", part)
        return tuple(value)

    def day(self, part: str, default: float | None = None) -> float:
        return self._day(self.data.get(part, default), part)

    def _day(self, value: Any, part: str) -> float:
        if value is None:
            raise self.fail("is missing", part)
        try:
            out = parse_quantity(value, "day")
        except InputError as err:
            raise self.fail(err.message, part, err.suggestion) from None
        if not abs(out) < 1e6:
            raise self.fail(f"{value!r} is no day", part)
        return out

    def days(self, part: str) -> tuple[float, ...]:
        rows = self.data.get(part, [])
        if not isinstance(rows, list):
            rows = [rows]
        days = tuple(self._day(row, part) for row in rows)
        if any(a >= b for a, b in zip(days, days[1:], strict=False)):
            raise self.fail("visits do not rise", part)
        return days
