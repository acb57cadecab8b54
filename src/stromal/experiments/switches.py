"""What an arm changes in the parameters: species, products, blocks, knockouts, geometry.

All arms share one compiled system; they differ by numbers alone, so they share random numbers too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..evidence import Evidence
from ..model import System
from .arm import Arm
from .ensemble import Z90, Ensemble
from .targets import blockable, check_targets, split_efficacy

__all__ = ["apply_arm", "knocked_out"]

#: Share of a node that a block without a row of its own takes out: 5, 50 and 95 % points, assumed.
UNKNOWN_EFFICACY = (0.7, 0.9, 0.99)
#: Half-maximal level, times its own, at which a rule is silent at any level of its signal.
SILENT = 1e30
STANDARD_DENSITY = 200.0 / 32.0  # uL per mm^2 of the standard well


def apply_arm(
    parameters: np.ndarray,
    system: System,
    arm: Arm,
    evidence: Evidence,
    ensemble: Ensemble,
    *,
    depth: Mapping[str, float] | None = None,
    volume: float | None = None,
) -> np.ndarray:
    """Return a copy of ``parameters`` (draws, parameters) as the arm has them.

    Parameters
    ----------
    parameters : array (draws, parameters)
        From ``Ensemble.sample``.
    system, arm, evidence, ensemble
        What the numbers belong to.
    depth : mapping, optional
        Place to volume over area (uL/mm^2): touch is per area.
    volume : float, optional
        All medium (uL): it feeds the cells of every place.

    Raises
    ------
    InputError
        If a block or knockout reaches no node of any rule or behaviour.
    """
    out = parameters.copy()
    index = system.parameter_index

    def scale(name: str, times: np.ndarray | float) -> bool:
        if name in index:
            out[:, index[name]] *= times
        return name in index

    for name, i in index.items():
        if name.startswith("is:"):
            out[:, i] = float(_holds(name, arm))
    _products(scale, index, arm, evidence, ensemble)
    _cross(scale, arm, evidence)
    check_targets(arm.block, arm.knockout, evidence)
    for text in arm.block:
        _block(scale, index, text, evidence, ensemble)
    for text in arm.knockout:
        for parameter in knocked_out(index, text):
            scale(parameter, 0.0)
    for rule in arm.mute:
        # a group has the strength of its first member: what is silenced is the signal of this one
        if f"rule:{rule}:fold" in index:
            out[:, index[f"rule:{rule}:half_max"]] *= SILENT
    area = (volume or 0.0) / sum((depth or {"": 1.0}).values())
    for place, value in (depth or {}).items():
        scale(f"n0:{place}", STANDARD_DENSITY / value)
        if volume is not None:
            scale(f"capacity:{place}", volume / (value * area))
    return out


def _holds(name: str, arm: Arm) -> bool:
    _, owner, test = name.split(":", 2)
    key, _, value = test.partition("=")
    if key == "species":
        return value == (arm.species_of_msc if owner == "MSC" else arm.species)
    # source and product are those of the arm, whichever cell the row is on: what a T cell feels of them too
    return value == (arm.source if key == "source" else arm.product)


def _products(scale, index, arm: Arm, evidence: Evidence, ensemble: Ensemble) -> None:  # noqa: ANN001
    from scipy.special import ndtri  # slow to import

    for row in evidence.products:
        chosen = row.product == (arm.source if row.kind == "source" else arm.product)
        if not chosen or row.factor is None or row.kind == "priming":
            continue
        times: np.ndarray | float = row.factor
        spread = (
            row.spread if row.spread is not None else {"measured": 1.5, "assumed": 3.0}.get(row.strength, 2.0)
        )
        if row.factor > 0 and spread > 1 and row.factor != 1.0:
            z = ndtri(ensemble.uniform(f"product:{row.product}:{row.cell}:{row.target}"))
            times = row.factor * np.exp(np.log(spread) / Z90 * z)
            # a factor under one stays under one: the control does less by definition of the row
            times = np.minimum(times, 1.0) if row.factor < 1 else times
        cell = row.cell or "MSC"
        if row.target == "*":
            for name in index:
                if name.startswith(f"factor:{cell}:"):
                    scale(name, times)
        else:
            scale(f"factor:{cell}:{row.target}", times)


def _cross(scale, arm: Arm, evidence: Evidence) -> None:  # noqa: ANN001
    host, msc = arm.species, arm.species_of_msc
    if host == msc:
        return
    for row in evidence.crossreactivity:
        # what is no mediator is a ligand on the surface: it stays on the cell that made it
        mediator = evidence.mediators.get(row.mediator)
        maker = mediator.maker if mediator else ""
        if maker in ("host", "") and (row.from_species, row.to_species) == (host, msc):
            scale(f"cross:{row.mediator}:MSC", row.factor)
        if maker in ("MSC", "") and (row.from_species, row.to_species) == (msc, host):
            scale(f"cross:{row.mediator}:host", row.factor)


def _nodes(index, symbol: str, owner: str, prefix: str) -> list[str]:  # noqa: ANN001
    """Return the parameters of a node: every owner's, or one owner's and those of its states."""
    found = []
    for name in index:
        if name.startswith(prefix):
            who, _, what = name[len(prefix) :].rpartition(":")
            if what == symbol and (not owner or who == owner or who.startswith(owner + ".")):
                found.append(name)
    return found


def knocked_out(index: Mapping[str, int], text: str) -> list[str]:
    """Return the parameters that ``OWNER.NODE`` takes out; none where nothing passes through it."""
    owner, _, symbol = text.rpartition(".")
    return _nodes(index, symbol, owner, "keep:")


def _block(scale, index, text: str, evidence: Evidence, ensemble: Ensemble) -> None:  # noqa: ANN001
    name, own = split_efficacy(text)
    agent = next((b for b in evidence.blocks.values() if name in (b.name, *b.synonyms)), None)
    is_mediator = blockable(evidence)[name] == "mediator"
    kind = agent.kind if agent else ("neutraliser" if is_mediator else "inhibitor")
    node, owner = (agent.node, agent.owner) if agent else (name, "")
    low, mid, high = (agent.spread_low, agent.efficacy, agent.spread_high) if agent else UNKNOWN_EFFICACY
    drawn = _efficacy(ensemble.uniform(f"block:{name}"), low, mid, high)
    efficacy: np.ndarray | float = float(own) if own else drawn
    symbol = node.rpartition(":")[2]
    owner = owner or node.rpartition(":")[0]
    if kind == "neutraliser" and scale(f"free:{symbol}", 1.0 - efficacy):
        return
    for parameter in _nodes(index, symbol, owner, "keep:"):
        # what covers a ligand or competes raises half_max; a node of a base has none, and is cut
        compete = parameter.replace("keep:", "reach:", 1)
        scale(compete if kind != "inhibitor" and compete in index else parameter, 1.0 - efficacy)


def _efficacy(u: np.ndarray, low: float | None, mid: float, high: float | None) -> np.ndarray:
    """Return draws of an efficacy whose 5, 50 and 95 % points are given, linear on the logit scale."""
    from scipy.special import ndtri  # slow to import

    low, high = (mid if low is None else low), (mid if high is None else high)
    z = ndtri(u) / Z90
    odds = [np.log(p / (1 - p)) for p in np.clip([low, mid, high], 1e-4, 1 - 1e-4)]
    logit = odds[1] + np.where(z < 0, z * (odds[1] - odds[0]), z * (odds[2] - odds[1]))
    return 1.0 / (1.0 + np.exp(-logit))
