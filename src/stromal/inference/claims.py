"""Claims as experiments: read them, and say in which draws one holds."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence
from ..experiments.arm import Arm, parse_arm
from ..experiments.assay import Assay, load_assay
from ..experiments.readout import Readout, parse_readout

__all__ = ["Claim", "Relation", "holds", "load_claims"]

SHIPPED = Path(__file__).parents[1] / "experiments" / "claims"
#: Least relative effect of a relation unless the claim says otherwise.
LEAST = 0.10
#: A residual of at most this much counts as abolished; up to PARTLY as reduced.
ABOLISHED, PARTLY = 0.2, 0.8

_FIELDS = {
    "less": ("a", "b"),
    "greater": ("a", "b"),
    "equal": ("a", "b"),
    "equivalent_effect": ("a", "b", "reference"),
    "synergy": ("a", "b", "both", "reference"),
    "abolished": ("effect", "reference", "effect_blocked", "reference_blocked"),
    "partly": ("effect", "reference", "effect_blocked", "reference_blocked"),
    "falling": ("arms",),
    "rising": ("arms",),
    "absent": ("a",),
    "present": ("a",),
}
_OPTIONS = {"relation", "least", "bound", "up_to"}
_KEYS = {
    "says",
    "assay",
    "readout",
    "day",
    "arms",
    "expect",
    "counted",
    "why_not",
    "origin",
    "refs",
    "section",
}


@dataclass(frozen=True)
class Relation:
    """An expected relation between arms: its name, the arms it compares, its bounds."""

    name: str
    arms: tuple[str, ...]
    least: float = LEAST
    bound: float | None = None
    up_to: float | None = None


@dataclass(frozen=True)
class Claim:
    """A claim of the literature as an experiment.

    Attributes
    ----------
    id, says : str
    assay : Assay
    arms : dict of str to Arm
    read : dict of str to (Readout, float)
        What is read in each arm, and on which day.
    expect : tuple of Relation
        All must hold.
    refs : tuple of str
    section : str
    counted : bool
    why_not : str
    origin : str
        ``review``, or ``bench`` for expectations that are no claims of the review.
    file : str
    """

    id: str
    says: str
    assay: Assay
    arms: Mapping[str, Arm]
    read: Mapping[str, tuple[Readout, float]]
    expect: tuple[Relation, ...]
    refs: tuple[str, ...] = ()
    section: str = ""
    counted: bool = True
    why_not: str = ""
    origin: str = "review"
    file: str = ""


def load_claims(evidence: Evidence, *paths: str | Path) -> dict[str, Claim]:
    """Read the shipped claims, or those in ``paths`` (TOML files or folders).

    Raises
    ------
    InputError
        With file, claim and the nearest valid name.
    """
    assays: dict[str, Assay] = {}
    out: dict[str, Claim] = {}
    about = about_claims()
    for file, key, table in claim_tables(paths):
        if isinstance(table, dict) and "trial" in table:
            continue  # a claim on a trial, see trial_claims
        if key in out:
            raise InputError(f"claim {key} stands in {out[key].file} already", file=file, key=key)
        if not isinstance(table, dict):
            raise InputError("is not a table", file=file, key=key)
        out[key] = _claim(key, table, evidence, assays, file, about.get(key, {}))
    return out


def claim_tables(paths: Sequence[str | Path] = ()) -> Iterator[tuple[str, str, Any]]:
    """Give file, id and table of each claim in TOML files or folders; the shipped ones by default.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    for path in map(Path, paths or (SHIPPED,)):
        for file in sorted(path.glob("*.toml")) if path.is_dir() else [path]:
            try:
                data = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
                raise InputError(f"cannot be read: {err}", file=str(file)) from None
            for key, table in data.items():
                yield file.name, key, table


def about_claims() -> dict[str, dict[str, str]]:
    """Return section and references of each claim of the review."""
    import csv

    with open(SHIPPED / "review.csv", encoding="utf-8", newline="") as stream:
        return {row["claim"]: row for row in csv.DictReader(stream)}


def _claim(
    key: str,
    table: dict[str, Any],
    evidence: Evidence,
    assays: dict[str, Assay],
    file: str,
    about: dict[str, str],
) -> Claim:
    def fail(message: str, what: str, suggestion: str = "") -> InputError:
        return InputError(message, file=file, key=f"{key}.{what}", suggestion=suggestion)

    for name in table:
        if name not in _KEYS:
            raise fail("no such key of a claim", name, nearest(name, _KEYS))
    for name in ("says", "assay", "arms", "expect"):
        if not table.get(name):
            raise fail("is missing", name)
    for name, kind in (("says", str), ("assay", str), ("arms", dict), ("expect", list)):
        if not isinstance(table[name], kind):
            raise fail(f"{table[name]!r} is not of the right kind", name)
    name = table["assay"]
    if name not in assays:
        assays[name] = load_assay(name, evidence)
    assay = assays[name]
    arms, read = {}, {}
    for arm, keys in table["arms"].items():
        if not isinstance(keys, dict):
            raise fail("is not a table", f"arms.{arm}")
        keys = dict(keys)
        text = keys.pop("readout", table.get("readout", assay.compare))
        day = _number(keys.pop("day", table.get("day", assay.readout_day)), "day", fail)
        if not 0 <= day <= assay.main.days:
            raise fail(
                f"day {day:g} is not within the {assay.main.days:g} days of {assay.id}", f"arms.{arm}.day"
            )
        readout = (assay.readouts.get(text) if isinstance(text, str) else None) or parse_readout(
            text, evidence, file=file, key=f"{key}.readout"
        )
        arms[arm] = parse_arm(keys, assay.defaults, evidence, file=file, name=f"{key}.{arm}")
        read[arm] = (readout, day)
    expect = tuple(parse_relation(given, arms, fail) for given in table["expect"])
    refs = table.get("refs", about.get("refs", ""))
    return Claim(
        key,
        table["says"],
        assay,
        arms,
        read,
        expect,
        tuple(r for r in refs.replace(";", ",").split(",") if r)
        if isinstance(refs, str)
        else tuple(map(str, refs)),
        table.get("section", about.get("section", "")),
        table.get("counted", table.get("origin") != "bench"),
        table.get("why_not", ""),
        table.get("origin", "review"),
        file,
    )


def parse_relation(
    given: Mapping[str, Any], arms: Mapping[str, Any], fail: Callable[..., InputError]
) -> Relation:
    """Read one expected relation between arms."""
    name = given.get("relation", "") if isinstance(given, dict) else ""
    if name not in _FIELDS:
        raise fail(f"no relation {name!r}", "expect", nearest(name, _FIELDS))
    named: list[str] = []
    for field in _FIELDS[name]:
        if field not in given:
            raise fail(f"{name} needs {field!r}", "expect")
        named += given[field] if isinstance(given[field], list) else [given[field]]
    for field in given:
        if field not in {*_OPTIONS, *_FIELDS[name]}:
            raise fail(f"{name} has no {field!r}", "expect", nearest(field, {*_OPTIONS, *_FIELDS[name]}))
    for arm in named:
        if arm not in arms:
            raise fail(f"no arm {arm!r}", "expect", nearest(str(arm), arms))
    if name in ("falling", "rising") and len(named) < 2:
        raise fail(f"{name} needs two arms or more", "expect")
    options = {
        key: _number(given[key], "expect", fail) for key in ("least", "bound", "up_to") if key in given
    }
    bound = options.get("bound", {"equal": 0.2, "equivalent_effect": 0.5}.get(name))
    if name in ("absent", "present") and bound is None:
        raise fail(f"{name} needs 'bound'", "expect")
    return Relation(name, tuple(named), options.get("least", LEAST), bound, options.get("up_to"))


def _number(value: Any, what: str, fail: Callable[..., InputError]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fail(f"{value!r} is not a number", what)
    return float(value)


def holds(relation: Relation, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return in which draws a relation holds.

    Parameters
    ----------
    relation : Relation
    values : mapping of str to array (draws,)
        The readout in each arm.

    Returns
    -------
    array of bool (draws,)
        False where a value is not a number.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(_CHECKS[relation.name](relation, [values[arm] for arm in relation.arms]))


def _less(r: Relation, v: Sequence[np.ndarray]) -> np.ndarray:
    return (v[0] <= (1 - r.least) * v[1]) & (v[1] > 0) if r.least else v[0] <= v[1]


def _greater(r: Relation, v: Sequence[np.ndarray]) -> np.ndarray:
    # from nothing, anything above rounding is more
    return (v[0] >= (1 + r.least) * v[1]) & (v[0] > 1e-9) if r.least else v[0] >= v[1]


def _equal(r: Relation, v: Sequence[np.ndarray]) -> np.ndarray:
    return np.abs(v[0] - v[1]) <= r.bound * np.maximum(np.abs(v[0]), np.abs(v[1]))


def _exists(r: Relation, effect: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.abs(effect - reference) >= r.least * np.maximum(np.abs(reference), 1e-9)


def _equivalent(r: Relation, v: Sequence[np.ndarray]) -> np.ndarray:
    a, b, reference = v
    first, second = a - reference, b - reference
    same = (first * second > 0) & _exists(r, a, reference) & _exists(r, b, reference)
    return same & (np.abs(first - second) <= r.bound * np.maximum(np.abs(first), np.abs(second)))


def _synergy(r: Relation, v: Sequence[np.ndarray]) -> np.ndarray:
    # Bliss: two that act apart leave the product of what each leaves
    a, b, both, reference = v
    apart = a * b / reference
    lower = (a <= reference) & (b <= reference) & (both <= (1 - r.least) * apart)
    higher = (a >= reference) & (b >= reference) & (both >= (1 + r.least) * apart)
    return (lower | higher) & (reference > 0)


def residual(v: Sequence[np.ndarray]) -> np.ndarray:
    """Return R = (effect with block - its reference) / (effect - reference)."""
    effect, reference, effect_blocked, reference_blocked = v
    with np.errstate(invalid="ignore", divide="ignore"):
        return (effect_blocked - reference_blocked) / (effect - reference)


def _abolished(r: Relation, v: Sequence[np.ndarray]) -> np.ndarray:
    return _exists(r, v[0], v[1]) & (residual(v) <= ABOLISHED)


def _partly(r: Relation, v: Sequence[np.ndarray]) -> np.ndarray:
    left = residual(v)
    if r.up_to is not None:
        return _exists(r, v[0], v[1]) & (left <= r.up_to)
    return _exists(r, v[0], v[1]) & (left > ABOLISHED) & (left <= PARTLY)


def _falling(r: Relation, v: Sequence[np.ndarray]) -> np.ndarray:
    steps = np.all([a > b for a, b in zip(v, v[1:], strict=False)], axis=0)
    return steps & (v[-1] <= (1 - r.least) * v[0])


_CHECKS: dict[str, Callable[[Relation, Sequence[np.ndarray]], np.ndarray]] = {
    "less": _less,
    "greater": _greater,
    "equal": _equal,
    "equivalent_effect": _equivalent,
    "synergy": _synergy,
    "abolished": _abolished,
    "partly": _partly,
    "falling": _falling,
    "rising": lambda r, v: _falling(r, v[::-1]),
    "absent": lambda r, v: v[0] <= r.bound,
    "present": lambda r, v: v[0] > r.bound,
}
