"""Turn every rule round, one at a time, and see what notices: `python -m verification.mutation`.

A rule that increases decreases and the other way round, by the mirrored fold; what was required is not. Claims and
the default wells of every assay in which the rule is compiled are run again, with the same draws. A rule is *idle*
if no claim changes its verdict, no share of draws moves by more than 0.2 and no assay's first readout by more
than 10 % in the median. One row a rule goes to `docs/results/mutation.csv` as soon as it is known: a run that was
stopped goes on from there. `--report` writes `mutation.md` from the rows alone.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

from stromal.evidence import Evidence, load_evidence
from stromal.experiments.assay import Assay, list_assays, load_assay
from stromal.experiments.ensemble import shipped_ensemble
from stromal.experiments.results import run_assay
from stromal.inference.claims import Claim, load_claims
from stromal.inference.outcomes import run_claims
from stromal.inference.score import verdict

from .idle import Idle, write_report

_spec = spec_from_file_location(
    "stromal_mutants", Path(__file__).parents[1] / "tests" / "inference" / "mutants.py"
)
assert _spec is not None and _spec.loader is not None
mutants = module_from_spec(_spec)
# dataclasses look their module up
__import__("sys").modules["stromal_mutants"] = mutants
_spec.loader.exec_module(mutants)

FOLDER = Path(__file__).parents[1] / "docs" / "results"
DRAWS = 12
#: A share of draws, or a median readout, that moves by more than this has noticed.
SHARE, READOUT = 0.2, 0.1
#: Wells in which the readouts of an assay are compared, besides those of the claims.
WELLS = {"none": {"product": "none"}, "default": {}, "transwell": {"contact": "transwell"}}
COLUMNS = (
    "rule", "effect", "assays", "claims", "share_claim", "share_change", "readout", "readout_change",
    "other_readout", "other_change", "idle", "reason", "seconds",
)  # fmt: skip


@dataclass
class Bench:
    """All that a mutant is compared with, assay by assay; ``rules`` are those compiled in its wells."""

    assay: Assay
    claims: dict[str, Claim]
    rules: frozenset[str] = frozenset()
    outcomes: dict[str, tuple[float, str]] = field(default_factory=dict)
    readouts: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)


class Mutation:
    """The shipped model, its twins, and what was measured without a mutation.

    Parameters
    ----------
    evidence : Evidence
    rules : iterable of str, optional
        Rules that may be turned; all by default.
    draws : int
    only : iterable of str, optional
        Claims; all by default.
    wells : bool
        Whether to run the default wells of each assay too.
    """

    def __init__(
        self, evidence: Evidence, rules: Iterable[str] | None = None, draws: int = DRAWS,
        only: Iterable[str] | None = None, wells: bool = True,
    ) -> None:  # fmt: skip
        self.evidence, self.wells = evidence, wells
        self.twins = mutants.twinned(evidence, rules)
        self.base = mutants.baseline(shipped_ensemble().head(draws), evidence)
        every = load_claims(evidence)
        claims = {key: every[key] for key in (every if only is None else only)}
        self.benches: dict[str, Bench] = {}
        for name in list_assays():
            some = {key: claim for key, claim in claims.items() if claim.assay.id == name}
            if some or wells:
                self.benches[name] = Bench(load_assay(name, evidence), some)

    def start(self) -> None:
        """Run every bench as it is."""
        for bench in self.benches.values():
            # assays of the same cells share a system: forget the others for a moment to see which are used
            others = dict(self.base.kept)
            self.base.kept.clear()
            bench.outcomes, bench.readouts = self.measure(bench, "")
            systems = [system for system, _ in self.base.kept.values()]
            self.base.kept.update(others)
            bench.rules = frozenset(
                name.split(":")[1]
                for system in systems
                for name in system.parameter_index
                if name.startswith("rule:") and name.endswith(":half_max")
            )

    def measure(
        self, bench: Bench, rule: str
    ) -> tuple[dict[str, tuple[float, str]], dict[tuple[str, str], np.ndarray]]:
        """Return share and verdict of each claim, and (draws,) of each readout in each well."""
        draws = mutants.flipped(self.base, rule) if rule else self.base
        found = run_claims(bench.claims, self.twins, draws, threads=1)
        shares = {k: (o.share, verdict(o.share, float(o.solved.mean()))) for k, o in found.items()}
        if not self.wells:
            return shares, {}
        arms = (
            WELLS
            if "insert" not in bench.assay.seeded_in.values()
            else {k: WELLS[k] for k in ("none", "default")}
        )
        result = run_assay(bench.assay, arms=arms, draws=None, evidence=self.twins, ensemble=draws, threads=1)
        values = {(name, arm): result.values(name, arm) for name in result.readouts for arm in arms}
        return shares, values

    def turn(self, rule: str) -> dict[str, str | float | bool]:
        """Turn one rule round and return a row of the table, without a reason."""
        started = time.monotonic()
        changed, share, claim = [], 0.0, ""
        first, other = (0.0, ""), (0.0, "")
        benches = {name: bench for name, bench in self.benches.items() if rule in bench.rules}
        for name, bench in benches.items():
            shares, values = self.measure(bench, rule)
            for key, (now, says) in shares.items():
                was, said = bench.outcomes[key]
                if says != said or abs(now - was) > SHARE:
                    changed.append(key)
                if abs(now - was) > abs(share):
                    share, claim = now - was, key
            for (readout, arm), now in values.items():
                change = relative_change(now, bench.readouts[readout, arm])
                label = f"{name}: {readout}" + ("" if arm == "default" else f" ({arm})")
                if readout == bench.assay.compare and abs(change) > abs(first[0]):
                    first = (change, label)
                elif readout != bench.assay.compare and abs(change) > abs(other[0]):
                    other = (change, label)
        return {
            "rule": rule,
            "effect": self.evidence.rules[rule].effect,
            "assays": ";".join(benches),
            "claims": ";".join(changed),
            "share_claim": claim,
            "share_change": round(share, 4),
            "readout": first[1],
            "readout_change": round(first[0], 4),
            "other_readout": other[1],
            "other_change": round(other[0], 4),
            "idle": not changed and abs(first[0]) <= READOUT,
            "seconds": round(time.monotonic() - started, 1),
        }


def relative_change(now: np.ndarray, was: np.ndarray) -> float:
    """Return how far the median moves, as a share of the larger; a readout of nothing has not moved."""
    if not np.isfinite(was).any():
        return 0.0
    a, b = float(np.nanmedian(now)), float(np.nanmedian(was))
    if not np.isfinite(a):
        return 1.0
    largest = max(abs(a), abs(b))
    return (a - b) / largest if largest > 1e-9 else 0.0


def read_rows(path: Path, mark: str) -> dict[str, dict[str, str]]:
    """Return the rows of a run of the same tables and draws."""
    if not path.exists():
        return {}
    with open(path, encoding="utf-8", newline="") as stream:
        if stream.readline().strip() != mark:
            return {}
        return {row["rule"]: row for row in csv.DictReader(stream)}


def main(arguments: list[str] | None = None) -> None:
    """Turn all rules, or those named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rules", nargs="*", help="ids; all by default")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--report", action="store_true", help="only write mutation.md from the rows")
    given = parser.parse_args(arguments)
    evidence = load_evidence()
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "mutation.csv"
    mark = f"# evidence {evidence.digest}; {given.draws} draws of the shipped ensemble"
    done = read_rows(path, mark)
    if not given.report:
        _run(given, evidence, path, mark, done)
        done = read_rows(path, mark)
    write_report(given.out / "mutation.md", done, evidence, given.draws)


def _run(
    given: argparse.Namespace, evidence: Evidence, path: Path, mark: str, done: Mapping[str, object]
) -> None:
    mutation = Mutation(evidence, draws=given.draws)
    mutation.start()
    reasons = Idle(evidence, mutation)
    with open(path, "a" if done else "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        if not done:
            stream.write(mark + "\n")
            writer.writeheader()
        for rule in given.rules or evidence.rules:
            if rule in done:
                continue
            row = mutation.turn(rule)
            row["reason"] = reasons.reason(rule, row) if row["idle"] else ""
            writer.writerow(row)
            stream.flush()
            print(f"{rule}: {'idle, ' + str(row['reason']) if row['idle'] else 'noticed'}", flush=True)


if __name__ == "__main__":
    main()
