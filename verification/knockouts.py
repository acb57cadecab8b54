"""Knock every node out, one at a time, and see what moves: `python -m verification.knockouts [OWNER.NODE ...]`.

A node is a molecule and the cells that own it, as it stands in the chain (`via`) of some rule or rate. It is knocked
out as `--knockout OWNER.SYMBOL` does, in wells of each assay that holds it, until a readout of the assay's own list
moves by more than 1 % in the median of a few draws. What no well shows, and what only bodies hold, is knocked out in
the arms of trials that are given a product, until an observable of the disease moves; and what that does not show is
lacking in the host, from health on (`knockout` of a disease). What nothing shows is listed. The result goes to
`docs/results/knockouts.csv` and `knockouts.md`; if nodes are named, only they are tried and what they move is
printed.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stromal.evidence import Evidence, load_evidence
from stromal.experiments.assay import Assay, list_assays, load_assay
from stromal.experiments.bench import simulate
from stromal.experiments.cohort import grid, solve_arm
from stromal.experiments.ensemble import shipped_ensemble
from stromal.experiments.insults import insults
from stromal.experiments.population import enrol, followed, observed, plausible
from stromal.experiments.posterior import disease_posterior
from stromal.experiments.results import run_assay
from stromal.experiments.trial import load_trial

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
#: Further wells of some assays alone: cells that the assay does not seed by itself.
MORE: dict[str, dict[str, dict[str, Any]]] = {
    "macrophage-polarisation": {
        "CSF1 without LPS": {"product": "none", "stimulus": 0.0, "add": {"CSF1": "50 ng/mL"}}
    },
    "nk-killing": {
        "virus-infected targets": {
            "product": "none",
            "seed": {"infected": "50 cells/uL"},
            "add": {"IFNG": "20 ng/mL"},
        },
        "virus-infected targets with class I": {
            "product": "none",
            "seed": {"infected": "50 cells/uL"},
            "carried": {"infected.HLA-ABC": "1 relative"},
        },
        "targets with class I": {"product": "none", "carried": {"tumour.HLA-ABC": "1 relative"}},
    },
    "pbmc": {"as many monocytes as T cells": {"product": "none", "seed": {"monocyte": "300 cells/uL"}}},
}
#: Trials that are tried in turn, draws of their diseases that are asked for, plausible and enrolled mice of each.
TRIALS = (
    "mouse-nod-checkpoint",
    "mouse-lpr-arthritis-vesicles",
    "mouse-arthritis-vesicles",
    "mouse-eau-ccr5",
    "mouse-agvhd-products",
    "mouse-lps-lung-msc",
    "mouse-pneumonia-asc",
    "mouse-dth-vesicles",
    "rat-infarct-spheroids",
    "mouse-lps-abortion-msc",
    "mouse-limb-ischaemia-asc",
    "mouse-eau-homing",
    "mouse-stz-vesicles",
    "mouse-arthritis-drugs",
    "sr-agvhd",
)
BODIES, PLAUSIBLE, ENROLLED = 16, 6, 1
#: Days of follow-up that a host without treatment is seen at most.
LONGEST = 120.0
COLUMNS = ("owner", "node", "experiment", "arm", "readout", "change", "in")
Node = tuple[str, str]
Shown = tuple[str, str, str, float]


def wells_of(assay: Assay) -> dict[str, dict[str, Any]]:
    """Return the wells of an assay, by label."""
    return WELLS | MORE.get(assay.id, {})


def held(names: Iterable[str]) -> set[Node]:
    """Return owner and symbol of every node, from the names of parameters."""
    return {tuple(name.split(":")[1:3]) for name in names if name.startswith("keep:")}  # type: ignore[misc]


def nodes_of(assay: Assay, evidence: Evidence) -> list[Node]:
    """Return every node in the wells of an assay."""
    from stromal.experiments.arm import parse_arm

    more = MORE.get(assay.id, {})
    arms = {
        name: parse_arm(well, assay.defaults, evidence, name=name) for name, well in {"": {}, **more}.items()
    }
    (run, *_) = simulate(assay, arms, evidence, shipped_ensemble().head(1))
    return sorted(held(run.system.parameter_index))


def shown(
    assay: Assay, well: dict[str, Any], nodes: Sequence[Node], evidence: Evidence
) -> dict[Node, tuple[str, float]]:
    """Return the readout that each knock-out moves most, and by how much, if it moves one."""
    out: dict[Node, tuple[str, float]] = {}
    for i in range(0, len(nodes), CHUNK):
        part = nodes[i : i + CHUNK]
        arms = {"whole": well}
        arms |= {f"{o}.{s}": {**well, "knockout": [f"{o}.{s}"]} for o, s in part}
        result = run_assay(assay, arms=arms, draws=DRAWS, evidence=evidence)
        for owner, symbol in part:
            pairs = {
                name: (result.values(name, f"{owner}.{symbol}"), result.values(name, "whole"))
                for name in assay.readouts
            }
            if best := most_moved(pairs):
                out[owner, symbol] = best
    return out


def most_moved(
    pairs: dict[str, tuple[np.ndarray, np.ndarray]], seldom: bool = False
) -> tuple[str, float] | None:
    """Return the name of what moves most in the median, and by how much; None if nothing moves enough.

    With ``seldom`` it is the change that one draw in ten has at least, up or down.
    """
    best = ("", 0.0)
    for name, (without, whole) in pairs.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            moved = (without - whole) / np.maximum(np.abs(whole), 1e-9)
        moved = np.sort(moved[np.isfinite(moved)])
        if not len(moved):
            continue
        change = float(np.median(moved))
        if seldom:
            change = float(moved[np.argsort(np.abs(moved))[int(0.9 * (len(moved) - 1))]])
        if abs(change) > abs(best[1]):
            best = (name, change)
    return best if abs(best[1]) > LEAST else None


def shown_in_body(
    name: str, done: Collection[Node], only: Collection[Node], evidence: Evidence
) -> tuple[list[Node], dict[Node, Shown]]:
    """Return the nodes of a trial's body that are not done, and what their knock-outs move in its product arms.

    ``only`` leaves out all others, where there are any. An observable is its mean over follow-up.
    """
    trial = load_trial(name, evidence)
    given = (t for arm in trial.arms for t in (*trial.background, *arm.therapies))
    extra = tuple({t.content for t in given if t.content in evidence.mediators})
    bodies, _ = disease_posterior(trial.disease, trial.endpoints).head(BODIES).distinct()
    nodes = sorted(held(trial.disease.system(evidence, extra).parameter_index) - set(done))
    nodes = [node for node in nodes if not only or node in only]
    found: dict[Node, Shown] = {}
    if not nodes:
        return nodes, found
    mice = enrol(trial.disease, evidence, bodies, size=PLAUSIBLE, keep=ENROLLED, extra=extra)
    days = grid(trial)

    def means(arm: Any) -> dict[str, np.ndarray]:
        seen = solve_arm(trial, mice, arm, evidence, bodies, days, None)
        good = seen.pop(":ok") > 0
        return {k: np.where(good, np.trapezoid(v, days, axis=1), np.nan) for k, v in seen.items()}

    for arm in trial.arms:
        if arm.product is None:
            continue
        whole = means(arm)
        for owner, symbol in nodes:
            if (owner, symbol) not in found:
                without = means(replace(arm, knockout=(*arm.knockout, f"{owner}.{symbol}")))
                if best := most_moved({k: (without[k], whole[k]) for k in whole}):
                    found[owner, symbol] = (name, arm.name, *best)
    return nodes, found


def shown_in_host(
    name: str, nodes: Collection[Node], evidence: Evidence
) -> tuple[dict[Node, Shown], dict[Node, Shown]]:
    """Return what moves in untreated hosts of a trial's disease that lack a node from health on: mostly, seldom.

    An observable is its mean from the first insult to the end of the trial.
    """
    trial = load_trial(name, evidence)
    disease = trial.disease
    found: tuple[dict[Node, Shown], dict[Node, Shown]] = ({}, {})
    bodies, _ = disease_posterior(disease, trial.endpoints).head(BODIES).distinct()
    days = np.linspace(0.0, disease.spec.enrol.day + min(trial.spec.days, LONGEST), 41)

    def means(lacks: tuple[str, ...]) -> dict[str, dict[str, float]]:
        spec = disease.spec.model_copy(update={"knockout": (*disease.spec.knockout, *lacks)})
        host = replace(disease, spec=spec)
        some = plausible(host, evidence, bodies, 1)
        end = followed(some, insults(some, host, bodies, evidence, 1), days, None)
        return {
            key: dict(
                zip(
                    some.ids,
                    np.where(
                        end.ok,
                        np.trapezoid(observed(some, host, evidence, key, end.y), days, axis=1),
                        np.nan,
                    ),
                    strict=True,
                )
            )
            for key in disease.observables
        }

    there = sorted(set(nodes) & held(disease.system(evidence).parameter_index))
    there = [node for node in there if node[0].partition(".")[0] != "MSC"]
    whole = means(()) if there else {}
    for owner, symbol in there:
        without = means((f"{owner}.{symbol}",))
        pairs = {}
        for key, values in whole.items():
            both = [i for i in values if i in without[key]]
            pairs[key] = (np.array([without[key][i] for i in both]), np.array([values[i] for i in both]))
        for seldom in (False, True):
            if best := most_moved(pairs, seldom):
                found[seldom][owner, symbol] = (disease.id, "untreated host", *best)
    return found


def main(named: Sequence[str] = ()) -> int:
    """Knock out all nodes and write the page, or those that are named and print what they move."""
    evidence = load_evidence()
    only = {tuple(text.rpartition(".")[::2]) for text in named}
    found: dict[Node, Shown] = {}
    every: dict[Node, list[str]] = {}
    seldom: dict[Node, Shown] = {}
    for name in list_assays():
        assay = load_assay(name, evidence)
        nodes = [node for node in nodes_of(assay, evidence) if not only or node in only]
        for node in nodes:
            every.setdefault(node, []).append(name)
        for label, well in wells_of(assay).items():
            left = [node for node in nodes if node not in found]
            if left:
                moved = shown(assay, well, left, evidence)
                found |= {node: (name, label, *best) for node, best in moved.items()}
        sys.stderr.write(f"{name}: {len(nodes)} nodes, {len(found)} of {len(every)} shown\n")
    for name in TRIALS:
        nodes, moved = shown_in_body(name, found, only, evidence)
        for node in nodes:
            every.setdefault(node, []).append(name)
        found |= moved
        sys.stderr.write(f"{name}: {len(found)} of {len(every)} shown\n")
    for name in TRIALS:
        silent = {node for node in every if node not in found and name in every[node]}
        if silent:
            mostly, rarely = shown_in_host(name, silent, evidence)
            found |= mostly
            seldom = rarely | seldom
            sys.stderr.write(f"{name}, host: {len(found)} of {len(every)} shown\n")
    if only:
        for node in sorted(only):
            how = found.get(node) or ("seldom", *seldom[node]) if node in found or node in seldom else None
            print(".".join(node), *(how or ("not shown; in", ", ".join(every.get(node, [])))))
        return 0
    write(found, {node: how for node, how in seldom.items() if node not in found}, every)
    return 0


def write(found: dict[Node, Shown], seldom: dict[Node, Shown], every: dict[Node, list[str]]) -> None:
    """Write one row a node, and the page."""
    with open(FOLDER / "knockouts.csv", "w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(COLUMNS)
        for owner, symbol in sorted(every):
            node = (owner, symbol)
            how = "median" if node in found else "one draw in ten" if node in seldom else ""
            where, arm, readout, change = (found | seldom).get(node, ("", "", "", 0.0))
            rows.writerow((*node, where, arm, readout, f"{change:+.3f}" if how else "", how))
    silent = sorted(set(every) - set(found) - set(seldom))
    bench = sum(where in list_assays() for where, *_ in found.values())
    more = "; ".join(f"{label} ({assay})" for assay, wells in MORE.items() for label in wells)
    lines = [
        "# Every node knocked out",
        "",
        "Written by `python -m verification.knockouts`; the rows are in `knockouts.csv`.",
        "",
        "One node at a time is knocked out, as `stromal assay NAME --knockout OWNER.SYMBOL` does, in wells of the "
        f"assays that hold it: {', '.join(WELLS)}; {more}. It is shown if a readout of the assay's own list moves by "
        f"more than {LEAST:.0%} in the median of {DRAWS} draws. What no well shows, and what only bodies hold, is "
        "knocked out from enrolment on in the product arms of trials, as `stromal trial NAME --knockout OWNER.SYMBOL` "
        f"does: {', '.join(TRIALS)}. It is shown if an observable, its mean over follow-up, moves by as much in the "
        "median patient. What that does not show either is lacking in untreated hosts from health on (`knockout` of a "
        "disease), and is shown likewise. The first experiment that shows it is named in `knockouts.csv`.",
        "",
        f"{len(found)} of {len(every)} nodes are shown, {bench} on the bench, {len(found) - bench} in bodies alone; "
        f"{len(seldom)} in one draw of ten; {len(silent)} are not.",
        "",
        "In one draw of ten alone, with the change that this draw has at least:",
        "",
        "| node | owner | in untreated hosts of | moves | by |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {symbol} | {owner} | {where} | {readout} | {change:+.1%} |"
            for (owner, symbol), (where, _, readout, change) in sorted(seldom.items())
        ),
        "",
        "Not shown:" if silent else "All are shown.",
        "",
        *(["| node | owner | in |", "| --- | --- | --- |"] if silent else []),
        *(f"| {symbol} | {owner} | {', '.join(every[owner, symbol])} |" for owner, symbol in silent),
    ]
    (FOLDER / "knockouts.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
