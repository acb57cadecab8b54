"""One small run of a trial, shared by the tests of a session."""

from __future__ import annotations

from functools import cache

from stromal.evidence import Evidence, load_evidence
from stromal.experiments.trial import Trial, load_trial
from stromal.experiments.trial_run import TrialResult, run_trial

__all__ = ["NAME", "run_small", "small_result"]

#: A trial whose disease is fitted to control arms, and whose doses are regular.
NAME = "sr-agvhd"
DRAWS, REPLICATES = 3, 2


def run_small(trial: Trial, evidence: Evidence) -> TrialResult:
    """Run a trial as small as can be."""
    return run_trial(trial, evidence=evidence, draws=DRAWS, replicates=REPLICATES, threads=1, resume=False)


@cache
def small_result() -> TrialResult:
    """Return that trial, run once."""
    evidence = load_evidence()
    return run_small(load_trial(NAME, evidence), evidence)
