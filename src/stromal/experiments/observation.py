"""Numbers and terms of observation models: uncertain, named, and never told the arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..evidence.units import convert

__all__ = ["Number", "Term", "draw_numbers", "parse_number", "parse_term"]

#: Geometric spread of a number by how well it is known; the same classes as in the tables.
SPREADS = {"measured": 1.5, "scaled": 2.0, "fitted": 2.0, "assumed": 3.0}
#: A spread bounds the central 90 %: this many standard deviations.
Z90 = 1.6448536269514722
TRANSFORMS = ("linear", "log", "hill")
Get = Callable[["Number"], np.ndarray]


@dataclass(frozen=True)
class Number:
    """One parameter of an observation model.

    Attributes
    ----------
    name : str
        ``endpoint:NAME:key``.
    value : float
        Median, in ``unit``.
    unit : str
        Internal unit.
    spread : float
        Geometric: the 90 % interval is ``value / spread`` to ``value * spread``; 1 if it is additive.
    sd : float
        Additive, in ``unit``; 0 if the spread is geometric.
    source, strength : str
        Citation and how well it is known; both ``assumed`` for a bare number.
    owner : str
        Name of the endpoint.
    lower, upper : float
        Bounds of any draw.
    """

    name: str
    value: float
    unit: str = "1"
    spread: float = 1.0
    sd: float = 0.0
    source: str = "assumed"
    strength: str = "assumed"
    owner: str = ""
    lower: float = -np.inf
    upper: float = np.inf

    @property
    def kind(self) -> str:
        """``additive``, ``geometric`` or ``exact``."""
        return "additive" if self.sd > 0 else "geometric" if self.spread > 1 else "exact"

    def at(self, uniform: np.ndarray) -> np.ndarray:
        """Return values at uniform numbers, array (draws,)."""
        from scipy.special import ndtri

        z = ndtri(uniform)
        if self.sd > 0:
            out = self.value + self.sd * z
        else:
            out = self.value * np.exp(np.log(self.spread) / Z90 * z)
        return np.clip(out, self.lower, self.upper)


def draw_numbers(
    numbers: tuple[Number, ...], *, seed: int, ids: tuple[int, ...], central: bool = False
) -> dict[str, np.ndarray]:
    """Draw each number from the stream of its own name.

    Parameters
    ----------
    numbers : tuple of Number
    seed : int
        Of the ensemble.
    ids : tuple of int
        Places of the draws in every stream.
    central : bool
        Hold all at their median instead.

    Returns
    -------
    dict of str to array (draws,)
    """
    from .ensemble import uniform

    middle = np.full(len(ids), 0.5)
    return {n.name: n.at(middle if central else uniform(seed, n.name, ids)) for n in numbers}


def parse_number(
    data: Any,
    name: str,
    *,
    unit: str | None = "1",
    additive: bool = False,
    least: float = -np.inf,
    most: float = np.inf,
    file: str = "",
    key: str = "",
) -> Number:
    """Read a bare number (assumed), or a table with ``value, spread or sd, unit, source, strength``.

    Parameters
    ----------
    data : number or mapping
    name : str
        ``endpoint:NAME:key``.
    unit : str or None
        Internal unit that it is turned into; None keeps the unit that it is written in.
    additive : bool
        Whether an assumed spread is additive (cut points, coefficients) and not geometric (rates).
    least, most : float
        Bounds of the value and of all draws.

    Raises
    ------
    InputError
        If it is no number, out of bounds, of another unit, or narrower than its source allows.
    """

    def fail(message: str, part: str = "", suggestion: str = "") -> InputError:
        return InputError(message, file=file, key=f"{key}.{part}" if part else key, suggestion=suggestion)

    table = dict(data) if isinstance(data, Mapping) else {"value": data}
    keys = ("value", "spread", "sd", "unit", "source", "strength")
    for part in table:
        if part not in keys:
            raise fail("no such key of a number", part, nearest(part, keys))
    for part in ("value", "spread", "sd"):
        if part in table and (
            isinstance(table[part], bool)
            or not isinstance(table[part], int | float)
            or not np.isfinite(table[part])
        ):
            raise fail(f"{table[part]!r} is not a number", part)
    for part in ("unit", "source", "strength"):
        if not isinstance(table.get(part, ""), str):
            raise fail(f"{table[part]!r} is not text", part)
    if "value" not in table:
        raise fail("has no value", "", "write { value = 1.0, spread = 3, source = '...' }")
    source = table.get("source") or "assumed"
    # a spread is given with a citation, or the class says it; a number that nobody cites is assumed
    strength = table.get("strength") or ("assumed" if source == "assumed" else "scaled")
    if strength not in SPREADS:
        raise fail(f"{strength!r} is no strength", "strength", nearest(strength, SPREADS))
    if "spread" in table and "sd" in table:
        raise fail("has a geometric spread and an additive sd: give one")
    unit = table.get("unit", "1") if unit is None else unit
    try:
        factor = convert(1.0, table.get("unit", unit), unit)
    except InputError as err:
        raise fail(err.message, "unit", err.suggestion) from None
    value = float(table["value"]) * factor
    if not least <= value <= most:
        raise fail(f"{value:g} is not in {least:g} to {most:g}")
    spread, sd = 1.0, 0.0
    if "sd" in table or (additive and "spread" not in table):
        if not additive:
            raise fail("has an additive sd, which would reach below zero", "sd", "give a spread of 1 or more")
        if "sd" not in table and value == 0:
            raise fail("zero says nothing of its spread", "", "write { value = 0, sd = ... }")
        # 5 % of draws then lie under value / spread, as with a geometric spread
        share = (1 - 1 / SPREADS[strength]) / Z90
        sd = float(table["sd"]) * factor if "sd" in table else share * abs(value)
        if sd < 0:
            raise fail(f"{sd:g} is negative", "sd")
    else:
        spread = float(table.get("spread", SPREADS[strength]))
        if spread < 1:
            raise fail(f"{spread:g} is under 1", "spread")
        if source == "assumed" and spread < 3 and value != 0:
            raise fail(
                f"{spread:g} is too narrow for a number without a source",
                "spread",
                "cite it, or give 3 or more",
            )
    owner = name.split(":")[1] if name.count(":") >= 2 else name
    return Number(name, value, unit, spread, sd, source, strength, owner, least, most)


@dataclass(frozen=True)
class Term:
    """A factor times a transformed observable.

    Attributes
    ----------
    of : str
        Observable.
    transform : str
        ``linear``: x / reference. ``log``: ln(max(x, floor) / reference). ``hill``: x^n / (x^n + half_max^n).
    factor : Number
        Weight in a latent, or coefficient of a log hazard.
    half_max : Number or None
    hill, reference, floor : float
        Choices of scale, not uncertain; reference and floor in the unit of the observable.
    """

    of: str
    transform: str
    factor: Number
    half_max: Number | None = None
    hill: float = 1.0
    reference: float = 1.0
    floor: float = 0.0

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The uncertain ones."""
        return (self.factor,) + ((self.half_max,) if self.half_max is not None else ())

    def value(self, x: np.ndarray, get: Get) -> np.ndarray:
        """Return the term.

        Parameters
        ----------
        x : array (patients, times)
            The observable.
        get : callable
            Number to array (patients, 1).

        Returns
        -------
        array (patients, times)
        """
        if self.transform == "linear":
            out = x / self.reference
        elif self.transform == "log":
            out = np.log(np.maximum(x, self.floor) / self.reference)
        else:
            assert self.half_max is not None
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = (np.maximum(x, 0.0) / get(self.half_max)) ** self.hill
                out = np.where(np.isinf(ratio), 1.0, ratio / (1 + ratio))
        return get(self.factor) * out


def parse_term(
    data: Any,
    name: str,
    *,
    factor: str,
    observables: Mapping[str, str] | None,
    file: str = "",
    key: str = "",
) -> Term:
    """Read ``{ of = "damage", transform = "hill", half_max = 0.2, coefficient = 1.5 }``.

    Parameters
    ----------
    data : mapping
    name : str
        Prefix of the numbers, ``endpoint:NAME``.
    factor : str
        What the factor is called: ``weight`` or ``coefficient``.
    observables : mapping or None
        Name to unit of what the disease observes; None if not known yet.
    """

    def fail(message: str, part: str = "", suggestion: str = "") -> InputError:
        return InputError(message, file=file, key=f"{key}.{part}" if part else key, suggestion=suggestion)

    keys = ("of", "transform", factor, "half_max", "hill", "reference", "floor")
    if not isinstance(data, Mapping):
        raise fail("is not a table", "", f"write {{ of = 'damage', {factor} = 1.0 }}")
    for part in data:
        if part not in keys:
            raise fail("no such key of a term", part, nearest(part, keys))
    of, transform = data.get("of"), data.get("transform", "linear")
    if not isinstance(of, str):
        raise fail("names no observable", "of")
    if observables is not None and of not in observables:
        raise fail(f"no observable {of!r}", "of", nearest(of, observables))
    if transform not in TRANSFORMS:
        raise fail(f"{transform!r} is no transform", "transform", nearest(str(transform), TRANSFORMS))
    unit = None if observables is None else observables[of]
    scale = {"hill": 1.0, "reference": 1.0, "floor": 0.0}
    for part in scale:
        value = data.get(part, scale[part])
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < np.inf:
            raise fail(f"{value!r} is not a positive number", part)
        scale[part] = float(value)
    if scale["reference"] <= 0 or scale["hill"] < 1:
        raise fail(
            "reference must be above 0 and hill at least 1", "reference" if scale["hill"] >= 1 else "hill"
        )
    if transform == "log" and scale["floor"] <= 0:
        raise fail(
            "a logarithm needs the least level that can be told from zero", "floor", "write floor = 0.01"
        )
    for part, use in (("half_max", "hill"), ("hill", "hill"), ("floor", "log")):
        if part in data and transform != use:
            raise fail(f"has no use in a {transform} term", part)
    half_max = None
    if transform == "hill":
        half_max = parse_number(
            data.get("half_max"),
            f"{name}:half_max:{of}",
            unit=unit,
            least=1e-300,
            file=file,
            key=f"{key}.half_max",
        )
    if factor in data:
        number = parse_number(
            data[factor], f"{name}:{factor}:{of}", additive=True, file=file, key=f"{key}.{factor}"
        )
    elif factor == "weight":
        # a latent has no scale of its own: the cut points carry it
        number = Number(
            f"{name}:{factor}:{of}", 1.0, source="definition", strength="measured", owner=name.split(":")[-1]
        )
    else:
        raise fail("is missing", factor)
    return Term(of, transform, number, half_max, scale["hill"], scale["reference"], scale["floor"])
