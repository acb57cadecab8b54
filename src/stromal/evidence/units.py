"""Units: checked and converted once, when a table or a file is read, and never later.

Inside the program: days, cells/uL, ng/mL, mM for metabolites, particles/nL for vesicles, um.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cache import read_cache, write_cache
from ..errors import InputError

if TYPE_CHECKING:
    import pint

__all__ = ["convert", "keep_factors", "parse_quantity", "per_cell_unit"]

_PLAIN = {"", "1", "relative", "fraction"}


#: All that a table may use. pint's own list has a thousand units and takes a second to read.
_DEFINITIONS = (
    "femto- = 1e-15 = f-",
    "pico- = 1e-12 = p-",
    "nano- = 1e-9 = n-",
    "micro- = 1e-6 = u- = \u00b5- = \u03bc-",
    "milli- = 1e-3 = m-",
    "centi- = 1e-2 = c-",
    "kilo- = 1e3 = k-",
    "meter = [length] = m",
    "second = [time] = s = sec",
    "gram = [mass] = g",
    "mole = [substance] = mol",
    "minute = 60 * second = min",
    "hour = 60 * minute = h = hr",
    "day = 24 * hour = d",
    "week = 7 * day",
    "year = 365.25 * day",
    "liter = 1e-3 * meter ** 3 = L = l = litre",
    "molar = mole / liter = M",
    "molecule = 1.66053906717e-24 * mole",
    "percent = 0.01",
    "cell = [cell]",
    "vesicle = [vesicle]",
    "event = [event]",
    "relative = []",
    "fraction = []",
)


@cache
def registry() -> pint.UnitRegistry:
    """Return the unit registry: cells, vesicles and events are things that are counted."""
    import pint

    ureg: pint.UnitRegistry = pint.UnitRegistry(None, cache_folder=None)
    for definition in _DEFINITIONS:
        ureg.define(definition)
    return ureg


def _tidy(unit: str) -> str:
    text = unit.replace("particles", "vesicle").replace("particle", "vesicle")
    text = (
        text.replace(" per ", "/").replace("cells", "cell").replace("events", "event").replace("%", "percent")
    )
    # "ng/1e6 cells/day" means per million cells
    return re.sub(r"1e6 ?cell(?:/(mL))?", lambda m: "(1e6 cell/mL)" if m[1] else "(1e6 cell)", text)


@cache
def _factor(unit: str, target: str, molar_mass: float | None) -> float:
    known, name = _known(), f"{unit}|{target}|{molar_mass}"
    if name not in known:
        known[name] = _worked_out(unit, target, molar_mass)
        _new.append(name)
    return known[name]


_new: list[str] = []


@cache
def _known() -> dict[str, float]:
    """Return the factors that were worked out before: importing pint takes longer than all tables."""
    kept = read_cache(_key())
    return {} if kept is None else dict(kept[0]["factors"])


@cache
def _key() -> str:
    code = Path(__file__).read_bytes()
    return "units-" + hashlib.sha256(code + version("pint").encode()).hexdigest()[:40]


def keep_factors() -> None:
    """Keep the factors worked out so far in the cache, for the next process."""
    if _new:
        write_cache(_key(), {"factors": _known()}, b"")
        _new.clear()


def _worked_out(unit: str, target: str, molar_mass: float | None) -> float:
    ureg = registry()
    quantity: Any = ureg.Quantity(1.0, "dimensionless") * ureg.parse_expression(_tidy(unit) or "1")
    goal: Any = ureg.parse_expression(_tidy(target) or "1")
    goal = ureg.Quantity(1.0, "dimensionless") * goal
    ratio = (quantity / goal).to_base_units()
    if not ratio.dimensionless and molar_mass:
        per_mole = ureg.Quantity(molar_mass, "g/mol")
        for candidate in (quantity * per_mole / goal, quantity / per_mole / goal):
            if candidate.to_base_units().dimensionless:
                return float(candidate.to_base_units().magnitude)
    if not ratio.dimensionless:
        raise ValueError(f"{unit!r} cannot be turned into {target!r}")
    return float(ratio.magnitude)


def convert(value: float, unit: str, target: str, molar_mass: float | None = None) -> float:
    """Return ``value`` in ``unit`` as a number in ``target``.

    Parameters
    ----------
    value : float
    unit, target : str
        pint units, with ``1e6 cells`` for a million cells and ``particles`` for vesicles.
    molar_mass : float, optional
        g/mol, to go between molar and mass units.

    Raises
    ------
    InputError
        If the unit is unknown or of another dimension.
    """
    if unit == target or (unit in _PLAIN and target in _PLAIN):
        return value
    try:
        return value * _factor(unit, target, molar_mass)
    except InputError:
        raise
    except Exception as err:  # pint raises many kinds for what a user can write
        raise InputError(
            f"unit {unit!r} cannot be read as {target!r}", suggestion=str(err).replace("'", "")
        ) from None


def per_cell_unit(unit: str) -> str:
    """Return the internal unit of what one cell per uL makes of a mediator in a day."""
    return f"{unit}/day/(cell/uL)"


# a unit starts with no figure or comma: "1,5 ng/mL" and "1.5.2 ng/mL" are refused, "2 1/day" is read
_QUANTITY = re.compile(r"^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*((?:1[/e]|[^\s\d.,]).*?)?\s*$")


def parse_quantity(text: str | float, target: str, molar_mass: float | None = None) -> float:
    """Return ``"10 ng/mL"`` (or a bare number, already in ``target``) as a number in ``target``.

    Raises
    ------
    InputError
        If there is no number, or the unit does not fit.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    match = _QUANTITY.match(text) if isinstance(text, str) else None
    if not match:
        raise InputError(
            f"{text!r} is not a number with a unit", suggestion=f"write for example '1 {target}'"
        )
    unit = match[2] or ""
    return float(match[1]) if not unit else convert(float(match[1]), unit, target, molar_mass)
