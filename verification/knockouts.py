"""Knock every node out, one at a time, and see which readout of which assay moves: `python -m verification.knockouts`.

A node is a molecule and the cells that own it, as it stands in the chain (`via`) of some rule or rate. It is knocked
out as `--knockout OWNER.SYMBOL` does, in wells of each assay that holds it, until a readout of the assay's own list
moves by more than 1 % in the median of a few draws. Nodes that nothing shows are listed. The result goes to
`docs/results/knockouts.csv` and `knockouts.md`.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np

from stromal.evidence import Evidence, load_evidence
from stromal.experiments.assay import Assay, list_assays, load_assay
from stromal.experiments.bench import simulate
from stromal.experiments.ensemble import shipped_ensemble
from stromal.experiments.results import run_assay

FOLDER = Path(__file__).parents[1] / "docs" / "results"
DRAWS, LEAST, CHUNK = 4, 0.01, 40
#: Wells in turn: the next is run for the nodes that the ones before do not show.
WELLS: dict[str, dict[str, Any]] = {
    "default": {},
    "no product": {"product": "none"},
    "vesicles": {"product": "MSC-EV"},
    "apoptotic MSC": {"product": "apoptotic MSC"},
    "mouse": {"species": "mouse", "msc_species": "mouse", "add": {"LPS": "1000 ng/mL"}},
    "IFNG, LPS, TGFB1": {"add": {"IFNG": "20 ng/mL", "LPS": "10 ng/mL", "TGFB1": "2 ng/mL"}},
    "cytokines": {
        "add": {
            "IL10": "10 ng/mL",
            "IL12": "10 ng/mL",
            "TNF": "10 ng/mL",
            "LIF": "10 ng/mL",
            "TSG-6": "20 ng/mL",
            "CSF1": "20 ng/mL",
        }
    },
    "metabolites": {"product": "none", "add": {"KYN": "1 mM", "adenosine": "10 uM"}},
    "steroid": {"add": {"steroid": "0.3 relative"}},
    "stretch, TLR ligands": {
        "ratio": "1:1",
        "add": {"stretch": "1 relative", "TLR3-agonist": "1 relative", "TLR5-agonist": "1 relative"},
    },
    "CEACAM1-MSC": {"product": "CEACAM1-MSC", "ratio": "1:1"},
    "sFgl2-MSC": {"product": "sFgl2-MSC", "ratio": "1:1"},
    "dental pulp": {"source": "dental_pulp", "ratio": "1:1"},
    "adipose": {"source": "adipose", "ratio": "1:1"},
    "primed": {"priming": ["IFNG", "TNF"]},
}
COLUMNS = ("owner", "node", "assay", "well", "readout", "change")


def nodes_of(assay: Assay, evidence: Evidence) -> list[tuple[str, str]]:
    """Return owner and symbol of every node in the wells of an assay."""
    from stromal.experiments.arm import parse_arm

    arms = {"": parse_arm({}, assay.defaults, evidence, name="")}
    (run, *_) = simulate(assay, arms, evidence, shipped_ensemble().head(1))
    found = [name.split(":")[1:3] for name in run.system.parameter_index if name.startswith("keep:")]
    return sorted({(owner, symbol) for owner, symbol in found})


def shown(
    assay: Assay, well: dict[str, Any], nodes: list[tuple[str, str]], evidence: Evidence
) -> dict[tuple[str, str], tuple[str, float]]:
    """Return the readout that each knock-out moves most, and by how much, if it moves one."""
    out: dict[tuple[str, str], tuple[str, float]] = {}
    for i in range(0, len(nodes), CHUNK):
        part = nodes[i : i + CHUNK]
        arms = {"whole": well}
        arms |= {f"{o}.{s}": {**well, "knockout": [f"{o}.{s}"]} for o, s in part}
        result = run_assay(assay, arms=arms, draws=DRAWS, evidence=evidence)
        for owner, symbol in part:
            best = ("", 0.0)
            for name in assay.readouts:
                whole = result.values(name, "whole")
                without = result.values(name, f"{owner}.{symbol}")
                with np.errstate(invalid="ignore", divide="ignore"):
                    moved = (without - whole) / np.maximum(np.abs(whole), 1e-9)
                change = float(np.nanmedian(moved)) if np.isfinite(moved).any() else 0.0
                if abs(change) > abs(best[1]):
                    best = (name, change)
            if abs(best[1]) > LEAST:
                out[owner, symbol] = best
    return out


def main() -> int:
    """Knock out all nodes and write the page."""
    evidence = load_evidence()
    found: dict[tuple[str, str], tuple[str, str, str, float]] = {}
    every: dict[tuple[str, str], list[str]] = {}
    for name in list_assays():
        assay = load_assay(name, evidence)
        nodes = nodes_of(assay, evidence)
        for node in nodes:
            every.setdefault(node, []).append(name)
        for label, well in WELLS.items():
            left = [node for node in nodes if node not in found]
            if left:
                moved = shown(assay, well, left, evidence)
                found |= {node: (name, label, *best) for node, best in moved.items()}
        sys.stderr.write(f"{name}: {len(nodes)} nodes, {len(found)} of {len(every)} shown\n")
    write(found, every)
    return 0


def write(
    found: dict[tuple[str, str], tuple[str, str, str, float]], every: dict[tuple[str, str], list[str]]
) -> None:
    """Write one row a node, and the page."""
    with open(FOLDER / "knockouts.csv", "w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(COLUMNS)
        for owner, symbol in sorted(every):
            assay, well, readout, change = found.get((owner, symbol), ("", "", "", 0.0))
            rows.writerow((owner, symbol, assay, well, readout, f"{change:+.3f}" if readout else ""))
    silent = sorted(set(every) - set(found))
    lines = [
        "# Every node knocked out",
        "",
        "Written by `python -m verification.knockouts`; the rows are in `knockouts.csv`.",
        "",
        "One node at a time is knocked out, as `stromal assay NAME --knockout OWNER.SYMBOL` does, in wells of the "
        f"assays that hold it: {', '.join(WELLS)}. It is shown if a readout of the assay's own list moves by more "
        f"than {LEAST:.0%} in the median of {DRAWS} draws; the first such assay is named in `knockouts.csv`.",
        "",
        f"{len(found)} of {len(every)} nodes are shown, {len(silent)} are not:",
        "",
        "| node | owner | in the assays |",
        "| --- | --- | --- |",
        *(f"| {symbol} | {owner} | {', '.join(every[owner, symbol])} |" for owner, symbol in silent),
        "",
    ]
    (FOLDER / "knockouts.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
