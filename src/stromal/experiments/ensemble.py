"""Uncertainty: an ensemble draws whole sets of parameters, the same for every model that has them.

Each parameter has a random stream of its own, keyed by its name, and each draw a fixed place in it.
A new rule or another assay therefore leaves all other numbers of a draw as they were.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..evidence.records import Direction, Rule
from ..evidence.words import parse_behaviour, parse_signal
from ..model import Parameter, System

__all__ = ["Ensemble", "msc_rules", "prior_ensemble", "shipped_ensemble", "uniform"]

SHIPPED = Path(__file__).parent / "ensemble.csv"
#: Concentration of the Dirichlet prior for each pathway: a share then varies threefold both ways.
CONCENTRATION = 2.5
#: A geometric spread bounds the central 90 %: this many standard deviations.
Z90 = 1.6448536269514722


@dataclass(frozen=True)
class Ensemble:
    """Draws, and where each stands along the calibrated directions.

    Attributes
    ----------
    seed : int
        Of the streams.
    ids : tuple of int
        Place of each draw in every stream.
    directions : dict of str to array (draws,)
        Multiplier along each direction.
    name : str
        ``posterior`` (shipped, calibrated) or ``prior``.
    central : bool
        Whether every stream is held at its median (one draw, for export and inspection).
    labels : tuple of str
        What patients of a draw are named after, where a draw stands at several places along a direction;
        the ids otherwise.
    """

    seed: int
    ids: tuple[int, ...]
    directions: Mapping[str, np.ndarray] = field(default_factory=dict)
    name: str = "posterior"
    central: bool = False
    labels: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Labels, or ids."""
        return self.labels or tuple(str(i) for i in self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def uniform(self, stream: str) -> np.ndarray:
        """Return the uniform number of each draw in a stream."""
        return np.full(len(self), 0.5) if self.central else uniform(self.seed, stream, self.ids)

    def median(self) -> Ensemble:
        """Return one draw at the median of every parameter and direction."""
        middle = {k: np.array([float(np.median(v))]) for k, v in self.directions.items()}
        return Ensemble(self.seed, (0,), middle, "median", central=True)

    def at(self, positions: np.ndarray) -> Ensemble:
        """Return draws by position, repeats allowed: one for each patient, say."""
        return replace(
            self,
            ids=tuple(self.ids[i] for i in positions),
            directions={k: v[positions] for k, v in self.directions.items()},
            labels=tuple(self.labels[i] for i in positions) if self.labels else (),
        )

    def head(self, draws: int) -> Ensemble:
        """Return the first ``draws`` draws.

        Raises
        ------
        InputError
            If there are not so many, or none is asked for.
        """
        if not 1 <= draws <= len(self):
            raise InputError(f"{draws} draws asked for", key="draws", suggestion=f"1 to {len(self)}")
        return replace(
            self,
            ids=self.ids[:draws],
            directions={k: v[:draws] for k, v in self.directions.items()},
            labels=self.labels[:draws],
        )

    def sample(self, system: System, evidence: Evidence) -> np.ndarray:
        """Return parameter sets for a system.

        Returns
        -------
        array (draws, parameters)
            In the order and units of ``system.parameters``.
        """
        out = np.empty((len(self), len(system.parameters)))
        for i, parameter in enumerate(system.parameters):
            out[:, i] = self._values(parameter)
        self._split_strengths(out, system, evidence)
        self._move_bases(out, system, evidence)
        lower = np.array([p.lower for p in system.parameters])
        upper = np.array([p.upper for p in system.parameters])
        return np.clip(out, lower, upper)

    def _values(self, parameter: Parameter) -> np.ndarray:
        from scipy.special import ndtri  # slow to import

        if parameter.spread == 1.0 or parameter.value == 0.0:
            return np.full(len(self), parameter.value)
        sigma = np.log(parameter.spread) / Z90
        times = np.exp(sigma * ndtri(self.uniform(parameter.name)))
        if parameter.kind == "fold":
            return np.exp(np.log(parameter.value) * times)
        if parameter.kind == "leak":
            return np.minimum(parameter.value * times, 0.95)
        return parameter.value * times

    def _split_strengths(self, out: np.ndarray, system: System, evidence: Evidence) -> None:
        """Split the total strength of MSC on each behaviour among its mechanisms, then move it.

        Data constrain the total. Its shares have a Dirichlet prior with weights in proportion to the
        strength classes, so no single rule carries a spread of its own.
        """
        from scipy.special import gammaincinv  # slow to import

        for behaviour, effect, pathways in families(evidence):
            classes = np.array([abs(np.log(max(rules[0].fold or 1.0, 1e-3))) for rules in pathways.values()])
            weights = CONCENTRATION * len(pathways) * classes / classes.sum()
            key = f"shares:{behaviour}:{effect}"
            draws = np.stack(
                [
                    gammaincinv(w, self.uniform(f"{key}:{name}"))
                    for w, name in zip(weights, pathways, strict=True)
                ]
            )
            strengths = classes.sum() * draws / draws.sum(axis=0)
            sign = 1.0 if effect == "increases" else -1.0
            for rules, strength in zip(pathways.values(), strengths, strict=True):
                for rule in rules:
                    column = system.parameter_index.get(f"rule:{rule.id}:fold")
                    if column is not None:
                        out[:, column] = np.exp(sign * strength * self._along(evidence, rule))

    def _along(self, evidence: Evidence, rule: Rule) -> np.ndarray:
        times = np.ones(len(self))
        for direction in evidence.directions:
            if direction.acts_on == "strength" and selects(direction, evidence, rule=rule):
                times = times * self.directions.get(direction.name, 1.0)
        return times

    def _move_bases(self, out: np.ndarray, system: System, evidence: Evidence) -> None:
        for direction in evidence.directions:
            if direction.acts_on != "base" or direction.name not in self.directions:
                continue
            for row in evidence.behaviours:
                name = f"base:{row.cell}:{row.behaviour}" + (f":{';'.join(row.where)}" if row.where else "")
                if name in system.parameter_index and selects(
                    direction, evidence, cell=row.cell, behaviour=row.behaviour
                ):
                    out[:, system.parameter_index[name]] *= self.directions[direction.name]


def stronger(ensemble: Ensemble, times: float) -> Ensemble:
    """Return an ensemble with the potency of MSC multiplied."""
    potency = ensemble.directions.get("potency", np.ones(len(ensemble)))
    return replace(ensemble, directions={**ensemble.directions, "potency": potency * times})


def uniform(seed: int, name: str, ids: tuple[int, ...]) -> np.ndarray:
    """Return the uniform numbers at places ``ids`` of the stream called ``name``, in (0, 1)."""
    key = int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=16).digest(), "little")
    stream = np.random.Generator(np.random.Philox(key=key)).random(max(ids) + 1)
    return np.clip(stream[list(ids)], 1e-12, 1 - 1e-12)


@lru_cache(maxsize=64)
def msc_rules(evidence: Evidence) -> frozenset[str]:
    """Return ids of the rules through which MSC act on host cells: by touch, or by what MSC make."""
    made = set()
    for row in evidence.behaviours:
        if row.cell == "MSC" or row.cell.startswith("MSC."):
            action = parse_behaviour(row.behaviour)
            if action.verb == "secretes":
                made.add(action.what)
            elif action.verb == "converts":
                made.add(action.to)
    made |= {m.name for m in evidence.mediators.values() if m.maker == "MSC"}
    made = {m for m in made if m in evidence.mediators and evidence.mediators[m].maker != "host"}
    names = set(evidence.members)
    out = set()
    for rule in evidence.rules.values():
        if rule.effect == "requires" or rule.cell == "MSC" or rule.cell.startswith("MSC."):
            continue
        signal = parse_signal(rule.signal, names)
        if signal.cell == "MSC" or signal.cell.startswith("MSC.") or signal.name in made:
            out.add(rule.id)
    return frozenset(out)


@lru_cache(maxsize=64)
def families(evidence: Evidence) -> list[tuple[str, str, dict[str, list[Rule]]]]:
    """Return behaviour, effect and pathways of the rules through which MSC act on one kind of cell.

    Rules are of one kind of cell if the cells that they act on overlap, or overlap those of a third: what
    MSC do to NK cells says nothing about how they share what they do to T cells.
    """
    found: dict[tuple[str, str], list[tuple[set[str], list[Rule]]]] = {}
    chosen = msc_rules(evidence)
    for rule in evidence.rules.values():
        if rule.id not in chosen:
            continue
        cells, rules = {rule.cell, *evidence.members.get(rule.cell, ())}, [rule]
        apart = []
        for others, theirs in found.get((rule.behaviour, rule.effect), []):
            if cells & others:
                cells, rules = cells | others, theirs + rules
            else:
                apart.append((others, theirs))
        found[rule.behaviour, rule.effect] = [*apart, (cells, rules)]
    out = []
    for (behaviour, effect), kinds in found.items():
        for _, rules in kinds:
            # rules of one group share a pathway, hence one strength
            pathways: dict[str, list[Rule]] = {}
            for rule in rules:
                pathways.setdefault(rule.group or rule.id, []).append(rule)
            out.append((behaviour, effect, pathways))
    return out


def selects(
    direction: Direction, evidence: Evidence, *, rule: Rule | None = None, cell: str = "", behaviour: str = ""
) -> bool:
    """Whether a direction scales a rule, or the base of a behaviour."""
    for clause in direction.select.split(";"):
        table, _, tests = clause.strip().partition(":")
        if (table == "rules") != (rule is not None):
            continue
        if rule is not None:
            have = {
                "id": rule.id,
                "cell": rule.cell,
                "behaviour": rule.behaviour,
                "signal": rule.signal,
                "made by": "",
            }
            have["made by"] = "MSC" if rule.id in msc_rules(evidence) else "host"
        else:
            have = {"cell": cell, "behaviour": behaviour}
        if all(_matches(have, test) for test in _tests(tests)):
            return True
    return False


def _tests(text: str) -> list[str]:
    """Split ``cell=MSC behaviour=converts TRP>KYN`` at the keys."""
    keys = ("id=", "cell=", "behaviour=", "signal=", "made by=")
    cuts = sorted(i for key in keys for i in [text.find(key)] if i >= 0)
    return [text[a:b].strip() for a, b in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def _matches(have: Mapping[str, str], test: str) -> bool:
    key, _, values = test.partition("=")
    return any(fnmatchcase(have.get(key, ""), value.strip()) for value in values.split(","))


def prior_ensemble(evidence: Evidence, draws: int, seed: int = 1) -> Ensemble:
    """Return draws from the prior, directions included."""
    from scipy.special import ndtri  # slow to import

    ids = tuple(range(draws))
    directions = {}
    for row in evidence.directions:
        sigma = np.log(row.spread) / Z90
        directions[row.name] = row.prior * np.exp(sigma * ndtri(uniform(seed, f"direction:{row.name}", ids)))
    return Ensemble(seed, ids, directions, "prior")


def shipped_ensemble() -> Ensemble:
    """Return the calibrated ensemble that ships with the package (written by ``stromal calibrate``)."""
    with open(SHIPPED, encoding="utf-8", newline="") as stream:
        lines = [line for line in stream if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    names = [c for c in rows[0] if c not in ("seed", "draw")]
    return Ensemble(
        int(rows[0]["seed"]),
        tuple(int(row["draw"]) for row in rows),
        {name: np.array([float(row[name]) for row in rows]) for name in names},
    )
