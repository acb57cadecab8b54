"""Diseases without treatment: what kills kills, and what heals heals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stromal.evidence import load_evidence
from stromal.experiments.trial import load_trial
from stromal.experiments.trial_run import run_trial

pytestmark = pytest.mark.verification

DRAWS = 30


def survival(graft: bool) -> float:
    """Return the share (%) of untreated mice alive after eight weeks, median over trials."""
    evidence = load_evidence()
    trial = load_trial("mouse-agvhd-controls", evidence)
    trial = replace(trial, arms=trial.arms[:1])
    if not graft:
        spec = trial.disease.spec
        spec = spec.model_copy(
            update={
                "insult": tuple(i for i in spec.insult if i.name != "graft"),
                "natural": tuple(n for n in spec.natural if "graft" in n.without),
            }
        )
        trial = replace(trial, disease=replace(trial.disease, spec=spec))
    result = run_trial(trial, evidence=evidence, draws=DRAWS, replicates=3, resume=False)
    return next(a.median for a in result.summary.arms if a.estimand.endpoint == "survival")


def test_most_untreated_mice_die_of_a_mismatched_graft() -> None:
    assert survival(graft=True) < 50


def test_mice_without_the_graft_live() -> None:
    assert survival(graft=False) > 90
