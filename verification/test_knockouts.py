"""The programme of knock-outs tells what moves from what does not: `pytest verification -m verification`."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.evidence import load_evidence
from stromal.experiments.assay import load_assay

from .knockouts import held, most_moved, shown, wells_of

pytestmark = pytest.mark.verification


def test_what_moves_most_in_the_median_is_told_and_what_moves_seldom_apart() -> None:
    whole = np.full(11, 10.0)
    little, some, rare = whole * 1.005, whole * 0.9, whole.copy()
    rare[:2] = 5.0
    assert most_moved({"a": (little, whole)}) is None
    assert most_moved({"a": (little, whole), "b": (some, whole)}) == ("b", pytest.approx(-0.1))
    assert most_moved({"a": (rare, whole)}) is None
    assert most_moved({"a": (rare, whole)}, seldom=True) == ("a", pytest.approx(-0.5))
    assert most_moved({"a": (np.full(3, np.nan), np.ones(3))}) is None


def test_a_node_is_shown_in_the_well_that_has_what_it_needs_and_not_without() -> None:
    evidence = load_evidence()
    killing = load_assay("nk-killing", evidence)
    wells, node = wells_of(killing), ("tumour", "HLA-C")
    assert node not in shown(killing, wells["default"], [node], evidence)
    name, change = shown(killing, wells["targets with class I"], [node], evidence)[node]
    assert name in killing.readouts and abs(change) > 0.01
    assert held(["keep:tumour:HLA-C", "keep:beta cell:CD274", "reach:T:FAS"]) == {
        node,
        ("beta cell", "CD274"),
    }
