"""Which arms a bench would run for what was asked: controls, plain arms, modified arms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..experiments import Assay

__all__ = ["Condition", "Plan", "parse_arm_option", "plan_arms"]

#: Keys that are done to every well, so that the control without product has them too.
HOST = ("block", "contact", "add", "stimulus", "seed", "carried", "species")
#: Keys that are compared with the same arm without them.
MODIFIERS = ("block", "knockout", "contact", "priming", "msc_day", "add", "stimulus")
CONTROLS = ("dead MSC", "fibroblast")


@dataclass(frozen=True)
class Condition:
    """Arms that differ by ratio (or dose) alone."""

    label: str
    arms: tuple[str, ...]


@dataclass
class Plan:
    """What to run, and how the results belong together.

    Attributes
    ----------
    arms : dict of str to dict
        Arm to its keys.
    control : dict of str to str
        Arm to the arm without product that is otherwise treated alike.
    step : dict of str to str
        Arm to its ratio or dose; empty for controls.
    conditions : list of Condition
    pairs : list of (str, str)
        Plain arm and the same arm modified.
    axis : str
        ``ratio`` or ``dose``.
    """

    axis: str = "ratio"
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    control: dict[str, str] = field(default_factory=dict)
    step: dict[str, str] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def steps(self) -> list[str]:
        """Ratios or doses in the order asked for."""
        return list(dict.fromkeys(s for s in self.step.values() if s))

    def middle(self, default: str) -> str:
        """Return the step at which the other readouts are shown."""
        steps = self.steps
        return default if default in steps or not steps else steps[len(steps) // 2]


def plan_arms(
    assay: Assay,
    options: Mapping[str, Any],
    evidence: Evidence,
    *,
    ratios: Sequence[str] = (),
    doses: Sequence[str] = (),
    controls: bool = False,
    only: bool = False,
    named: Mapping[str, Mapping[str, Any]] | None = None,
) -> Plan:
    """Lay out the arms.

    Parameters
    ----------
    assay : Assay
    options : mapping
        Keys of an arm, those that were given.
    evidence : Evidence
    ratios, doses : sequence of str
        Steps of the sweep; the assay's by default.
    controls : bool
        Whether to add dead MSC and fibroblasts.
    only : bool
        Whether to leave out the plain arms beside modified ones.
    named : mapping, optional
        Arms spelt out by the user, run in place of a sweep.
    """
    from ..experiments.product import item

    product = options.get("product", assay.defaults.get("product", "MSC"))
    if product == "none" and not named:
        return _without_product(assay, options, evidence, only)
    usual = [
        item(a)[1] for r in evidence.products if (r.kind, r.product) == ("vesicle", product) for a in r.add
    ]
    by_dose = bool(doses) or (not ratios and bool(usual))
    plan = Plan(axis="dose" if by_dose else "ratio")
    steps = tuple(doses if by_dose else ratios) or tuple(assay.doses or usual if by_dose else assay.ratios)
    steps = steps or (str(assay.defaults.get(plan.axis, "")),)
    plain = {k: v for k, v in options.items() if k not in MODIFIERS}
    if named:
        for name, keys in named.items():
            _add(plan, name, {**options, **keys}, str(keys.get(plan.axis, assay.defaults.get(plan.axis, ""))))
            plan.conditions.append(Condition(name, (name,)))
    else:
        modified = len(plain) < len(options)
        groups = [plain, options] if modified and not only else [options]
        found = [_condition(plan, {**keys, "product": product}, steps) for keys in groups]
        if len(found) == 2:
            plan.pairs = list(zip(found[0].arms, found[1].arms, strict=True))
    if controls:
        at = steps if len(steps) == 1 else (_middle(steps, str(assay.defaults.get("ratio", ""))),)
        for other in CONTROLS:
            _condition(plan, {**plain, "product": other}, at if plan.axis == "ratio" else ("1:10",))
    # controls without product stand first
    first = list(dict.fromkeys(plan.control.values()))
    plan.arms = {name: plan.arms[name] for name in [*first, *(n for n in plan.arms if n not in first)]}
    return plan


def _middle(steps: Sequence[str], default: str) -> str:
    return default if default in steps else steps[len(steps) // 2]


def _condition(plan: Plan, keys: Mapping[str, Any], steps: Sequence[str]) -> Condition:
    mods = describe(keys)
    product = str(keys["product"])
    label = ", ".join([product, *mods])
    names = []
    for step in steps:
        name = ", ".join([f"{product} {step}".strip(), *mods])
        _add(plan, name, {**keys, **({plan.axis: step} if step else {})}, step)
        names.append(name)
    plan.conditions.append(Condition(label, tuple(names)))
    return plan.conditions[-1]


def _add(plan: Plan, name: str, keys: dict[str, Any], step: str) -> None:
    plan.arms[name] = keys
    if keys.get("product", "MSC") == "none":
        plan.step[name] = ""
        return
    plan.step[name] = step
    control = {k: v for k, v in keys.items() if k in HOST} | {"product": "none"}
    owned = [k for k in keys.get("knockout", ()) if not k.startswith("MSC")]
    if owned:
        control["knockout"] = tuple(owned)
    label = ", ".join(["no MSC", *describe(control)])
    plan.arms.setdefault(label, control)
    plan.step.setdefault(label, "")
    plan.control[name] = label


def _without_product(assay: Assay, options: Mapping[str, Any], evidence: Evidence, only: bool) -> Plan:
    """Lay out an assay whose cells are all seeded: untreated against agents."""
    plan = Plan(axis="agent")
    plain = {k: v for k, v in options.items() if k not in MODIFIERS} | {"product": "none"}
    doses = {
        r.product: dict(a.split("=", 1) for a in r.add) for r in evidence.products if r.kind == "priming"
    }
    agents: dict[str, dict[str, Any]] = {}
    asked = {k: v for k, v in options.items() if k in MODIFIERS}
    if asked:
        keys = {**plain, **{k: v for k, v in asked.items() if k != "priming"}}
        for agent in asked.get("priming", ()):
            if agent not in doses:
                raise InputError(
                    f"no standard dose of {agent!r}", key="priming", suggestion=nearest(agent, doses)
                )
            keys["add"] = {**doses[agent], **keys.get("add", {})}
        agents[", ".join(describe(keys)) or "treated"] = keys
    else:
        for name, dose in doses.items():
            agents[name] = {**plain, "add": dose}
    if not (asked and only):
        plan.arms["untreated"] = plain
    for name, keys in agents.items():
        plan.arms[name] = keys
        if "untreated" in plan.arms:
            plan.control[name] = "untreated"
            plan.pairs.append(("untreated", name))
        plan.conditions.append(Condition(name, (name,)))
    plan.step = dict.fromkeys(plan.arms, "")
    plan.pairs = []
    return plan


def describe(keys: Mapping[str, Any]) -> list[str]:
    """Return what is special about an arm in words."""
    words = []
    if keys.get("species", "human") != "human":
        words.append(str(keys["species"]))
    if keys.get("msc_species"):
        words.append(f"{keys['msc_species']} MSC")
    if keys.get("source", "bone_marrow") != "bone_marrow":
        words.append(str(keys["source"]).replace("_", " "))
    if keys.get("priming"):
        words.append("+".join(keys["priming"]) + "-primed")
    if keys.get("contact") == "transwell":
        words.append("transwell")
    words += [_blocked(name) for name in keys.get("block", ())]
    words += [f"{name} knockout" for name in keys.get("knockout", ())]
    words += [f"{name} {amount.strip()}" for name, amount in keys.get("add", {}).items()]
    words += [f"{name} {amount.strip()}" for name, amount in keys.get("seed", {}).items()]
    words += [f"{name} {amount.strip()}" for name, amount in keys.get("carried", {}).items()]
    if keys.get("stimulus", 1.0) != 1.0:
        words.append(f"stimulus x{keys['stimulus']:g}")
    if keys.get("msc_day"):
        words.append(f"added on day {keys['msc_day']:g}")
    return words


def _blocked(name: str) -> str:
    name, _, efficacy = name.partition(":")
    shown = name if re.search(r"anti|inhibitor|block", name) else f"{name} blocked"
    return shown + (f" ({float(efficacy):.0%})" if efficacy.replace(".", "", 1).isdigit() else "")


def parse_arm_option(text: str) -> tuple[str, dict[str, Any]]:
    """Take ``'name: ratio=1:10, block=PD-L1+PTGS2, add.IFNG=10 ng/mL'`` apart.

    Raises
    ------
    InputError
        If there is no name, or an item has no ``=``.
    """
    name, colon, rest = text.partition(":")
    if not colon or not name.strip() or "=" in name:
        raise InputError(
            f"{text!r} is not an arm", key="arm", suggestion="write 'name: key=value, key=value'"
        )
    keys: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = (p.strip() for p in item.partition("="))
        if not equals or not value:
            raise InputError(
                f"{item!r} is not key=value", key="arm", suggestion="write 'name: key=value, key=value'"
            )
        key, dot, inner = key.partition(".")
        if dot:
            keys.setdefault(key, {})[inner] = value
        elif key in ("block", "knockout", "priming"):
            keys[key] = tuple(value.split("+"))
        elif key in ("stimulus", "msc_day", "priming_days"):
            try:
                keys[key] = float(value)
            except ValueError:
                raise InputError(f"{value!r} is not a number", key=f"arm.{key}") from None
        else:
            keys[key] = value
    return name.strip(), keys
