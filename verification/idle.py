"""Why nothing notices when a rule is turned round, told from the model where that can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stromal.evidence import Evidence
from stromal.evidence.words import Signal, parse_behaviour, parse_limits, parse_signal
from stromal.experiments.arm import Arm, parse_arm
from stromal.experiments.bench import simulate
from stromal.model import System
from stromal.model.expr import evaluate_all

if TYPE_CHECKING:
    from .mutation import Bench, Mutation

__all__ = ["Idle", "write_report"]

#: A signal under this share of its half-maximal level hardly acts; over this many times, it is always on.
LOW, HIGH = 0.1, 10.0

WHY_KEPT = {
    "absent": "The cell that it acts on, or the signal, is in no shipped assay: the rule waits for one.",
    "limit": "It holds for a species or source in which no experiment reads what it does.",
    "low": "Its signal stays far under the half-maximal level: that a cited effect does not matter at the levels"
    " reached is a result, and a dose of one's own can reach it.",
    "always": "Its signal is always there at many times the half-maximal level, or the need is always met.",
    "weak": "It moves something that is read, by less than what counts as noticed.",
    "unread": "What it moves is read in no claim and is no assay's first readout.",
    "nothing": "Nothing that any assay reads moves by 1 %: others decide that behaviour.",
}
SHORT = {
    "absent": "cell or signal in no shipped assay",
    "limit": "its limit holds in no experiment that could tell",
    "low": "signal far below half-maximal everywhere",
    "always": "signal always saturating",
    "weak": "moves what is read, but too little to count",
    "unread": "moves only what nothing judges",
    "nothing": "moves nothing that is read",
}


class Idle:
    """Says why rules are idle.

    Parameters
    ----------
    evidence : Evidence
    mutation : Mutation
        After its start.
    """

    def __init__(self, evidence: Evidence, mutation: Mutation) -> None:
        self.evidence, self.mutation = evidence, mutation
        self.ranges: dict[str, tuple[float, float]] = {}
        self.contexts: set[tuple[str, str, str]] = set()
        for bench in mutation.benches.values():
            self._probe(bench)

    def _probe(self, bench: Bench) -> None:
        """Take down the range of each rule's signal over all wells of an assay, in half-maximal levels."""
        arms: dict[str, Arm] = {}
        for given in ({"product": "none"}, {}):
            arms[str(given)] = parse_arm(given, bench.assay.defaults, self.evidence)
        for claim in bench.claims.values():
            for arm in claim.arms.values():
                arms.setdefault(arm.model_dump_json(), arm)
        for arm in arms.values():
            self.contexts |= {("host", "species", arm.species), ("MSC", "species", arm.species_of_msc)}
            self.contexts |= {("MSC", "source", arm.source), ("MSC", "product", arm.product)}
        names = list(arms)
        for i in range(0, len(names), 24):
            part = {name: arms[name] for name in names[i : i + 24]}
            few = self.mutation.base
            for run in simulate(bench.assay, part, self.mutation.twins, few, threads=1):
                env = run.y.reshape(-1, *run.y.shape[2:])
                values = run.parameters.reshape(-1, run.parameters.shape[-1])
                for rule in bench.rules & set(self.evidence.rules):
                    self._range(rule, run.system, env, values)

    def _range(self, rule: str, system: System, y: np.ndarray, parameters: np.ndarray) -> None:
        if f"rule:{rule}:half_max" not in system.parameter_index:
            return
        signal = parse_signal(self.evidence.rules[rule].signal, set(self.evidence.members))
        level = self._level(signal, rule, system, y, parameters)
        if level is None:
            return
        x = level / parameters[:, system.parameter_index[f"rule:{rule}:half_max"], None]
        # the highest and the lowest level of each well, the median over draws of the extreme wells
        high, low = float(np.nanmax(np.nanmedian(x, axis=1))), float(np.nanmin(np.nanmedian(x, axis=1)))
        was = self.ranges.get(rule, (np.inf, 0.0))
        self.ranges[rule] = (min(was[0], low), max(was[1], high))

    def _level(
        self, signal: Signal, rule: str, system: System, y: np.ndarray, parameters: np.ndarray
    ) -> np.ndarray | None:
        index, total = system.state_index, None
        lineages = {c.lineage for c in self.evidence.cells.values()}
        if signal.kind in ("free", "near"):
            wanted = {f"{p}:{signal.name}" for p in ("well", "insert")}
            if signal.kind == "near":
                wanted |= {f"near:{p}:{signal.cell}:{signal.name}" for p in ("well", "insert")}
        elif signal.kind == "self":
            cell = self.evidence.rules[rule].cell
            members = self.evidence.members.get(cell, ())
            owners = {self.evidence.cells[c].lineage for c in members} or {cell} & lineages
            wanted = {f"{p}:{owner}.{signal.name}" for p in ("well", "insert") for owner in owners}
        elif signal.kind == "touch" and signal.name:
            members = self.evidence.members.get(signal.cell, ())
            owners = {self.evidence.cells[c].lineage for c in members} or {signal.cell}
            wanted = {f"{p}:{owner}.{signal.name}" for p in ("well", "insert") for owner in owners}
        else:
            return None
        for name in wanted:
            found = None
            if name in index:
                found = y[:, :, index[name]]
            elif name in system.assignments:
                found = _along(name, system, y, parameters)
            if found is not None:
                total = found if total is None else np.maximum(total, found)
        return total

    def reason(self, rule: str, row: Mapping[str, Any]) -> str:
        """Return ``key: what was seen`` for an idle rule."""
        record = self.evidence.rules[rule]
        if not row["assays"]:
            action = parse_behaviour(record.behaviour)
            return f"absent: {record.cell} {action.verb} is compiled in no shipped assay"
        for key, value in parse_limits(record.where).items():
            owner = "MSC" if record.cell == "MSC" or record.cell.startswith("MSC.") else "host"
            if key != "place" and (owner, key, value) not in self.contexts:
                return f"limit: {key}={value} of {owner} in no arm"
        low, high = self.ranges.get(rule, (np.nan, np.nan))
        if high < 1e-6:
            return f"absent: {record.signal} is made in no shipped assay"
        if high < LOW:
            return f"low: {record.signal} reaches {high:.2g} of half-maximal"
        if low > HIGH:
            return f"always: {record.signal} is at least {low:.2g} times half-maximal"
        change, name = float(row["other_change"]), row["other_readout"]
        if abs(change) > 0.1:
            return f"unread: {name} {change:+.0%}"
        share, claim = float(row["share_change"]), row["share_claim"]
        first, readout = float(row["readout_change"]), row["readout"]
        if abs(share) > 0 or abs(first) > 0.01 or abs(change) > 0.01:
            seen = [f"{claim} {share:+.2f}"] if share else []
            seen += [f"{n} {c:+.0%}" for c, n in ((first, readout), (change, name)) if abs(c) > 0.01]
            return "weak: " + ", ".join(seen)
        return "nothing: no readout moves by 1 %"


def _along(name: str, system: System, y: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Evaluate a named quantity along trajectories; shape (runs, times)."""
    env = {state.name: y[:, :, i] for i, state in enumerate(system.states)}
    env |= {p.name: parameters[:, None, i] for i, p in enumerate(system.parameters)}
    return np.broadcast_to(evaluate_all([system.inlined[name]], env)[0], y.shape[:2])


def write_report(path: Path, rows: Mapping[str, Mapping[str, str]], evidence: Evidence, draws: int) -> None:
    """Write the page from the rows."""
    idle = {name: row for name, row in rows.items() if row["idle"] == "True"}
    reasons = Counter(row["reason"].partition(":")[0] for row in idle.values())
    noticed = [row for name, row in rows.items() if name not in idle]
    by_claim = sum(bool(row["claims"]) for row in noticed)
    lines = [
        "# Which rules matter: every rule turned round",
        "",
        "Written by `python -m verification.mutation`; the rows are in `mutation.csv`.",
        "",
        "One rule at a time is turned round: what increases decreases and the other way round, by the mirrored fold; what"
        f" is required is not. The claims and the default wells of every assay that holds the rule are run again in {draws} draws"
        " of the shipped ensemble. A rule is noticed if a claim changes its verdict or its share of draws by more than 0.2, or if"
        " an assay's first readout moves by more than 10 % in the median. The others are idle.",
        "",
        f"Of {len(evidence.rules)} rules {len(rows)} were turned: {len(noticed)} are noticed ({by_claim} by a claim,"
        f" {len(noticed) - by_claim} by a readout alone), {len(idle)} are idle.",
        "",
        "A rule is here because a paper says so, not because a claim needs it: an idle rule is kept, with the reason.",
        "",
        "| idle because | rules | why it is kept |",
        "|---|---|---|",
        *(f"| {SHORT[key]} | {count} | {WHY_KEPT[key]} |" for key, count in reasons.most_common()),
    ]
    for key, _ in reasons.most_common():
        lines += ["", f"## Idle: {SHORT[key]}", "", "| rule | effect | what was seen |", "|---|---|---|"]
        for name, row in idle.items():
            kind, _, seen = row["reason"].partition(": ")
            if kind == key:
                lines.append(f"| `{name}` | {row['effect']} | {seen} |")
    lines += [
        "",
        "## Noticed most widely",
        "",
        "| rule | claims that notice | first readout |",
        "|---|---|---|",
    ]
    for row in sorted(noticed, key=lambda r: -len(r["claims"].split(";")))[:25]:
        count = len([c for c in row["claims"].split(";") if c])
        readout = f"{row['readout']} {float(row['readout_change']):+.0%}" if row["readout"] else ""
        lines.append(f"| `{row['rule']}` | {count} | {readout} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
