"""A trial with other doses, products, schedules or sizes than its file says."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InputError, nearest
from ..evidence import Evidence
from .nonmem import read_nonmem
from .targets import check_targets
from .therapy import Therapy, parse_option, parse_therapy
from .trial import Trial, TrialArm, check_n

__all__ = ["MOST_ARMS", "VARIED", "as_table", "blocked_words", "with_options"]

#: Options of which each value makes an arm; the words that name such an arm stand in this order.
VARIED = (
    "give", "source", "species", "amt", "cap", "route", "cmt", "time", "ii", "addl", "until", "days",
    "viability",
)  # fmt: skip
_SCHEDULE = ("time", "ii", "addl", "until", "days")
#: Most arms that a sweep of options may make.
MOST_ARMS = 12


def with_options(
    trial: Trial,
    evidence: Evidence,
    *,
    n: int | None = None,
    priming: Sequence[str] = (),
    block: Sequence[str] = (),
    knockout: Sequence[str] = (),
    background: Sequence[str] = (),
    with_product: Sequence[str] = (),
    regimen: str | Path | None = None,
    regimen_unit: str = "",
    regimen_hours: bool = False,
    all_arms: bool = False,
    only: Sequence[str] = (),
    **varied: Sequence[Any] | str | float | None,
) -> Trial:
    """Return a trial that is changed as asked.

    Parameters
    ----------
    trial : Trial
    evidence : Evidence
    n : int, optional
        Patients of each arm.
    priming : sequence of str
        Agents that the product is primed with, together.
    block, knockout : sequence of str
        In the product arms alone.
    background : sequence of str
        Further therapies of every arm, each as `therapy.parse_option` reads it.
    with_product : sequence of str
        Further drugs of the product arms alone.
    regimen : path, optional
        NONMEM-style table of the product's doses, in place of its amount and schedule; each ID is an arm.
    regimen_unit : str
        Of the amounts in the table, ``cells/kg``; that of the trial's dose by default.
    regimen_hours : bool
        Whether times of the table are in hours.
    all_arms : bool
        Whether to keep the product arms as the trial has them beside the changed ones.
    only : sequence of str
        Names of the arms to run; all by default.
    **varied
        Keys of a therapy (see `VARIED`) that the product arms, those with cells or vesicles, get instead
        of their own. Several values of a key make several arms.

    Returns
    -------
    Trial
        Without what was reported of arms that were changed.

    Raises
    ------
    InputError
        For whatever cannot be given.
    """
    lists = {key: _values(key, value) for key, value in varied.items()}
    lists = {key: lists[key] for key in VARIED if lists.get(key)}
    changes = bool(lists or priming or block or knockout or with_product or regimen)
    check_targets(tuple(block), tuple(knockout), evidence)
    end = trial.spec.days
    extra = _parsed(with_product, evidence, end, "with_product", drugs=True)
    arms: list[TrialArm] = []
    changed: set[str] = set()
    if changes and not any(arm.product for arm in trial.arms):
        raise InputError("no arm of this trial gets cells or vesicles", file=trial.file, key="product")
    for arm in trial.arms:
        if arm.product is None or not changes:
            arms.append(arm)
            continue
        if all_arms:
            arms.append(arm)
        new = (
            _from_table(arm, evidence, end, lists, priming, regimen, regimen_unit, regimen_hours)
            if regimen
            else _from_options(arm, evidence, end, lists, priming)
        )
        for words, therapies in new:
            made = TrialArm(
                _named(arm, therapies[0].give, words, block, knockout, with_product),
                arm.n,
                (*therapies, *(t for t in arm.therapies if t.what == "drug"), *extra),
                (*arm.block, *block),
                (*arm.knockout, *knockout),
            )
            same = next((a for a in arms if a.name == made.name), None)
            if same is not None and not all_arms:
                raise InputError(
                    f"two arms would be {made.name!r}", key="arms", suggestion="name each value once"
                )
            if same is None:
                arms.append(made)
                if made != arm:
                    changed.add(made.name)
    if len(arms) > MOST_ARMS:
        raise InputError(
            f"{len(arms)} arms", key="arms", suggestion=f"at most {MOST_ARMS}: sweep less at a time"
        )
    arms = _only(arms, only)
    if n is not None:
        arms = [replace(arm, n=check_n(n)) for arm in arms]
    more = _parsed(background, evidence, end, "background")
    kept = {arm.name for arm in arms} - changed
    whole = n is None and not more
    reported = tuple(
        r for r in trial.spec.reported if whole and r.arm in kept and (not r.against or r.against in kept)
    )
    there = len(arms) > 1 and trial.reference in [a.name for a in arms]
    reference = trial.reference if there else ""
    spec = trial.spec.model_copy(update={"reported": reported, "reference": reference})
    return replace(trial, spec=spec, arms=tuple(arms), background=(*trial.background, *more))


def _values(key: str, value: Any) -> tuple[Any, ...]:
    """Return the values of an option that may be repeated."""
    if key not in VARIED:
        raise InputError(f"no option {key!r}", key=key, suggestion=nearest(key, VARIED))
    if value is None or value == "":
        return ()
    if isinstance(value, str | int | float):
        return (value,)
    return tuple(value)


def as_table(therapy: Therapy) -> dict[str, Any]:
    """Return a therapy as the keys that `parse_therapy` would read it from."""
    unit = therapy.unit + ("/kg" if therapy.per_kg else "")
    out: dict[str, Any] = {
        "give": therapy.give,
        "amt": f"{therapy.amount!r} {unit}",
        ("cmt" if therapy.place else "route"): therapy.place or therapy.route,
    }
    gaps = {round(b - a, 9) for a, b in itertools.pairwise(therapy.days)}
    if len(gaps) == 1:
        out |= {"time": therapy.days[0], "ii": gaps.pop(), "addl": len(therapy.days) - 1}
    elif not gaps:
        out["time"] = therapy.days[0]
    else:
        out["days"] = list(therapy.days)
    if therapy.cap is not None:
        out["cap"] = f"{therapy.cap!r} {therapy.unit}"
    if therapy.what == "cells":
        out |= {"source": therapy.source, "species": therapy.species}
        if therapy.priming:
            out |= {"priming": list(therapy.priming), "priming_days": therapy.priming_days}
        if therapy.viability is not None:
            out["viability"] = therapy.viability
    if therapy.note:
        out["note"] = therapy.note
    return out


def _changed(was: dict[str, Any], asked: Mapping[str, Any], vesicle: bool) -> dict[str, Any]:
    """Return the keys of a therapy after the options; what an option makes void is left out."""
    out = dict(was)
    if "give" in asked and asked["give"] != was["give"]:
        # what was said of the former product does not hold for another
        for key in ("priming", "priming_days", "viability", "note"):
            out.pop(key, None)
        if vesicle:
            for key in ("source", "species", "cap"):
                out.pop(key, None)
    if "route" in asked or "cmt" in asked:
        out.pop("route", None), out.pop("cmt", None)
    if "days" in asked:
        for key in ("time", "ii", "addl", "until"):
            out.pop(key, None)
    elif any(key in asked for key in _SCHEDULE):
        out.pop("days", None)
    if "until" in asked:
        out.pop("addl", None)
    if "amt" in asked and "kg" not in str(asked["amt"]):
        # a flat dose is what it is: the cap was for heavy patients
        out.pop("cap", None)
    return {**out, **asked}


def _from_options(
    arm: TrialArm,
    evidence: Evidence,
    end: float,
    lists: Mapping[str, tuple[Any, ...]],
    priming: Sequence[str],
) -> list[tuple[list[str], tuple[Therapy, ...]]]:
    """Return the therapies of each arm that the options make of one, and the words that tell it apart."""
    product = [t for t in arm.therapies if t.what != "drug"]
    single = [key for key in (*_SCHEDULE, "amt") if key in lists]
    if single and len(product) > 1:
        raise InputError(
            f"{arm.name!r} gets its product by {len(product)} therapies",
            key=single[0],
            suggestion="say doses and days with a regimen",
        )
    vesicles = {r.product for r in evidence.products if r.kind == "vesicle"}
    out = []
    for values in itertools.product(*lists.values()):
        asked: dict[str, Any] = dict(zip(lists, values, strict=True))
        words = _words(asked)
        if priming:
            asked["priming"] = list(priming)
            words.append("+".join(priming) + "-primed")
        tables = [_changed(as_table(t), asked, asked.get("give") in vesicles) for t in product]
        out.append((words, tuple(parse_therapy(table, evidence, end=end) for table in tables)))
    return out


def _from_table(
    arm: TrialArm,
    evidence: Evidence,
    end: float,
    lists: Mapping[str, tuple[Any, ...]],
    priming: Sequence[str],
    regimen: str | Path,
    unit: str,
    hours: bool,
) -> list[tuple[list[str], tuple[Therapy, ...]]]:
    """Return the therapies of each ID of a NONMEM-style table."""
    for key, values in lists.items():
        if key in (*_SCHEDULE, "amt"):
            raise InputError(f"{key} is in the regimen", key=key, suggestion="leave it out")
        if len(values) > 1:
            raise InputError(f"several values of {key} beside a regimen", key=key, suggestion="give one")
    assert arm.product is not None
    asked: dict[str, Any] = {key: values[0] for key, values in lists.items()}
    if priming:
        asked["priming"] = list(priming)
    vesicle = asked.get("give") in {r.product for r in evidence.products if r.kind == "vesicle"}
    table = _changed(as_table(arm.product), asked, vesicle)
    given = {k: v for k, v in table.items() if k not in (*_SCHEDULE, "amt", "tinf")}
    own = arm.product.unit + ("/kg" if arm.product.per_kg else "")
    read = read_nonmem(regimen, evidence, given, unit=unit or own, hours=hours, end=end)
    out = []
    for name, therapies in read.therapies.items():
        if not therapies:
            raise InputError(f"ID {name} has no dose", file=str(regimen), key="ID")
        words = [*_words(asked), *([f"ID {name}"] if len(read.therapies) > 1 else [])]
        out.append((words, therapies))
    if not out:
        raise InputError("no dose", file=str(regimen), key="regimen")
    return out


def _words(asked: Mapping[str, Any]) -> list[str]:
    """Return what tells an arm apart, in words; the product itself is its name."""
    forms = {
        "time": "from day {}", "ii": "every {} days", "addl": "{} further doses", "until": "until day {}",
        "days": "days {}", "cap": "at most {}", "cmt": "into {}", "viability": "viability {}",
    }  # fmt: skip
    out = []
    for key, value in asked.items():
        if key != "give":
            shown = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            out.append(forms.get(key, "{}").format(shown.replace("_", " ")))
    return out


def blocked_words(name: str) -> str:
    """Return ``with COX2 inhibitor`` of an agent, ``PTGS2 blocked`` of a node."""
    agent = any(word in name.lower() for word in ("anti-", "inhibitor", "blocker"))
    return f"with {name}" if agent else f"{name} blocked"


def _named(
    arm: TrialArm,
    give: str,
    words: list[str],
    block: Sequence[str],
    knockout: Sequence[str],
    with_product: Sequence[str],
) -> str:
    """Return the name of a changed arm: its own, or that of another product, and what is changed."""
    drugs = [f"with {parse_option(text).get('give', '')}" for text in with_product]
    changes = [*words, *(blocked_words(b) for b in block), *(f"{k} knocked out" for k in knockout), *drugs]
    head = arm.name if arm.product and arm.product.give == give else give
    return ", ".join([head, *changes])


def _parsed(
    texts: Sequence[str], evidence: Evidence, end: float, key: str, *, drugs: bool = False
) -> tuple[Therapy, ...]:
    """Read therapies that are written as options."""
    out = []
    for text in texts:
        therapy = parse_therapy(parse_option(text), evidence, name=key, end=end)
        if drugs and therapy.what != "drug":
            raise InputError(
                f"{therapy.give!r} is not a drug: an arm gets one product",
                key=key,
                suggestion="say it with product",
            )
        if therapy.what != "drug":
            raise InputError(f"{therapy.give!r} in every arm leaves no control", key=key)
        out.append(therapy)
    return tuple(out)


def _only(arms: list[TrialArm], only: Sequence[str]) -> list[TrialArm]:
    names = [arm.name for arm in arms]
    for name in only:
        if name not in names:
            raise InputError(f"no arm {name!r}", key="only", suggestion=nearest(name, names))
    return [arm for arm in arms if not only or arm.name in only]
