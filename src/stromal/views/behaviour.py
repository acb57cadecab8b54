"""One behaviour taken apart: its formula, each rule on it, and what each does on a day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, nearest
from ..evidence.words import parse_chain, parse_signal
from ..experiments.results import band
from ..model.response import through
from .ledger import environment, evaluate_at

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..evidence.records import Behaviour, Rule
    from ..experiments.bench import Run
    from ..model import System

__all__ = ["explain_behaviour", "find_behaviour"]


def explain_behaviour(run: Run, evidence: Evidence, text: str, day: float) -> dict[str, Any]:
    """Take a behaviour of the first arm of a run apart.

    Parameters
    ----------
    run : Run
    evidence : Evidence
    text : str
        ``CD4.active division``.
    day : float

    Returns
    -------
    dict
        ``cell, behaviour, base, rate, rules``; each rule with its numbers, papers and effect on the day.

    Raises
    ------
    InputError
        If the model has no such cell or behaviour.
    """
    cell, behaviour = find_behaviour(run.system, evidence, text)
    env = environment(run, 0, day)
    rates = [n for n in run.system.assignments if n.startswith("rate:") and _is(n, cell, behaviour)]
    if rates:
        place = rates[0].split(":")[1]
        total = sum((evaluate_at(run, env, n) for n in rates), np.zeros(run.y.shape[1]))
    else:
        place = next(s.place for s in run.system.states if s.entity in (cell, behaviour.rpartition(" ")[2]))
        total = np.full(run.y.shape[1], np.nan)
    bases = _bases(evidence, cell, behaviour)
    ids = dict.fromkeys(
        i for p in run.system.processes if (p.cell, p.behaviour) == (cell, behaviour) for i in p.rules
    )
    lo, mid, hi = band(total)
    return {
        "cell": cell,
        "behaviour": behaviour,
        "day": day,
        "base": [_base(row) for row in bases],
        "rate": {"median": mid, "lo": lo, "hi": hi},
        "rules": [_rule(run, evidence, evidence.rules[i], cell, place, env) for i in ids],
    }


def find_behaviour(system: System, evidence: Evidence, text: str) -> tuple[str, str]:
    """Return cell (or lineage) and behaviour that a text such as ``CD4.active division`` names in a model.

    Raises
    ------
    InputError
        If the model has no such cell or behaviour.
    """
    have = dict.fromkeys(
        (p.cell, p.behaviour) for p in system.processes if p.behaviour not in ("loss", "exchange")
    )
    cells = {cell for cell, _ in have}
    cell = max((c for c in cells if text == c or text.startswith(c + " ")), key=len, default="")
    if not cell:
        raise InputError(
            f"no cell of this model in {text!r}",
            key="behaviour",
            suggestion=nearest(text.split(" ")[0], cells),
        )
    behaviour = text.removeprefix(cell).strip()
    mine = [b for c, b in have if c == cell]
    if behaviour not in mine:
        # carried levels belong to the lineage
        lineage = evidence.cells[cell].lineage if cell in evidence.cells else cell
        if (lineage, behaviour) in have:
            return lineage, behaviour
        raise InputError(
            f"{cell} has no behaviour {behaviour!r} here",
            key="behaviour",
            suggestion=nearest(behaviour, mine),
        )
    return cell, behaviour


def _is(name: str, cell: str, behaviour: str) -> bool:
    tail = name.split(":", 2)[2]
    return tail == f"{cell}:{behaviour}" or tail.startswith(f"{cell}:{behaviour}:")


def _bases(evidence: Evidence, cell: str, behaviour: str) -> list[Behaviour]:
    cells = set(evidence.members.get(cell, ())) | {
        c.name for c in evidence.cells.values() if c.lineage == cell
    }
    return [
        b
        for b in evidence.behaviours
        if b.behaviour == behaviour and (b.cell == cell or cells & set(evidence.members.get(b.cell, ())))
    ]


def _base(row: Behaviour) -> dict[str, Any]:
    return {
        "cell": row.cell,
        "value": row.base,
        "unit": row.unit,
        "most": row.most,
        "least": row.least,
        "via": row.via,
        "scales_with": row.scales_with,
        "reference": list(row.reference),
        "where": list(row.where),
        "spread": row.width,
        "refs": list(row.refs),
        "source": row.source,
        "status": row.status,
        "strength": row.strength,
    }


def _rule(
    run: Run, evidence: Evidence, rule: Rule, cell: str, place: str, env: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    bulk, touching, share = _levels(run, evidence, rule, cell, place, env)
    reach, keep, mimic = through(
        parse_chain(rule.via),
        lambda node: env.get(f"keep:{node}", 1.0),
        lambda node: env.get(f"reach:{node}", 1.0),
    )
    half = env.get(f"rule:{rule.id}:half_max", np.full(run.y.shape[1], rule.half_max))
    apart, beside = (_hill(reach * level / half, rule.hill) for level in (bulk, touching))
    factor = sum(
        part * _factor(rule, env, keep, mimic, h) for part, h in ((1 - share, apart), (share, beside))
    )
    active = np.ones_like(factor)
    for item in rule.where:
        active = active * next(
            (v for n, v in env.items() if n.startswith("is:") and n.endswith(f":{item}")), 1.0
        )
    factor = 1 + active * (factor - 1)
    lo, mid, hi = band(factor)
    level = band((1 - share) * bulk + share * touching)[1]
    return {
        "id": rule.id,
        "signal": rule.signal,
        "effect": rule.effect,
        "fold": rule.fold,
        "leak": (rule.leak or 0.0) if rule.effect == "requires" else None,
        "half_max": rule.half_max,
        "unit": rule.unit,
        "hill": rule.hill,
        "group": rule.group,
        "via": rule.via,
        "where": list(rule.where),
        "refs": list(rule.refs),
        "status": rule.status,
        "strength": rule.strength,
        "level": level,
        "level_unit": _unit(evidence, rule),
        "touching": band(share)[1] if rule.signal.startswith(("touch", "near")) else None,
        "saturation": band((1 - share) * apart + share * beside)[1],
        "factor": {"median": mid, "lo": lo, "hi": hi},
    }


def _levels(
    run: Run, evidence: Evidence, rule: Rule, cell: str, place: str, env: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the signal for cells that do not touch, for those that do, and the share that does."""
    none = np.zeros(run.y.shape[1])
    known = {*env, *run.system.assignments}

    def get(name: str) -> np.ndarray:
        return evaluate_at(run, env, name) if name in known else none

    signal = parse_signal(rule.signal, {*evidence.members, *(c.lineage for c in evidence.cells.values())})
    lineage = evidence.cells[cell].lineage if cell in evidence.cells else cell
    match signal.kind:
        case "self":
            level = get(f"{place}:{lineage}.{signal.name}")
            holding = f"holding:{place}:{lineage}.{signal.name}"
            if holding in known:
                share = get(holding)
                return none, np.divide(level, share, out=none + 1.0, where=share > 0), share
            return level, level, none
        case "crowding":
            taken = get(f"slots:{place}") - env.get(f"n0:{place}", 0.0)
            level = taken / env.get(f"capacity:{place}", np.inf)
            return level, level, none
        case "touch":
            one = next(iter(evidence.members.get(signal.cell, ())), "")
            carrier = evidence.cells[one].lineage if one else signal.cell
            level = get(f"{place}:{carrier}.{signal.name}") if signal.name else none + 1.0
            share = get(f"touch:{place}:{cell}:{signal.cell}")
            holding = f"holding:{place}:{carrier}.{signal.name}"
            if holding in known:
                # touches of cells that hold some, and what these hold
                level = np.divide(level, get(holding), out=none + 1.0, where=get(holding) > 0)
                share = 1.0 - (1.0 - share) ** get(holding)
            return none, level, share
    owner = "MSC" if cell == "MSC" or cell.startswith("MSC.") else "host"
    free = (
        get(f"{place}:{signal.name}")
        * env.get(f"free:{signal.name}", 1.0)
        * env.get(f"cross:{signal.name}:{owner}", 1.0)
    )
    if signal.kind == "free":
        return free, free, none
    beside = get(f"near:{place}:{signal.cell}:{signal.name}")
    return free, free + beside, get(f"touch:{place}:{cell}:{signal.cell}")


def _hill(x: np.ndarray, n: float) -> np.ndarray:
    xn = np.maximum(x, 0.0) ** n
    return xn / (1 + xn)


def _factor(rule: Rule, env: Mapping[str, np.ndarray], keep: Any, mimic: Any, h: np.ndarray) -> np.ndarray:
    """Return what the rule alone multiplies the base by."""
    h = keep * h + (1 - keep if rule.if_blocked == "saturated" else mimic)
    if rule.effect == "requires":
        leak = env.get(f"rule:{rule.id}:leak", rule.leak or 0.0)
        return leak + (1 - leak) * h
    fold = env.get(f"rule:{rule.id}:fold", rule.fold or 1.0)
    return 1 + (fold - 1) * h


def _unit(evidence: Evidence, rule: Rule) -> str:
    name = rule.signal.rpartition(".")[2] if rule.signal.startswith("near") else rule.signal
    mediator = evidence.mediators.get(name)
    return mediator.unit if mediator else "relative"
