"""Check in what share of draws each claim of the literature holds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError, nearest
from ..evidence import Evidence, load_evidence
from ..experiments.ensemble import Ensemble, shipped_ensemble
from .claims import Claim, about_claims, load_claims
from .others import in_section, other_claims
from .outcomes import Outcome, run_claims
from .parallel import Progress
from .rows import bench_detail, bench_row, trial_detail, trial_row
from .score import HOLDS, null_verdicts, summarise
from .structure import Kind, bench_cells, classify, signed_graph
from .trial_claims import TRIAL_DRAWS, TrialClaim, load_trial_claims, run_trial_claims

__all__ = ["CheckResult", "check_claims"]

#: A smaller run: draws on the bench and in trials, and nulls.
QUICK_DRAWS, QUICK_TRIAL_DRAWS, QUICK_NULLS = 25, 8, 1


@dataclass
class CheckResult:
    """Scores of claims.

    Attributes
    ----------
    claims : list of dict
        ``id, kind, counted, share, draws, verdict, reason, says, origin, section, own_paper``.
    coverage : dict
        Number of claims by fate.
    summary : dict
        By kind: ``counted, holds, mixed, fails, null, lift, lo, hi``.
    others : list of dict
        Claims that were asked for and are no experiment: ``id, fate, reason, says, section``.
    details : dict
        By claim id, what `detail` hands out.
    seconds : float
    seed : int
        Of the ensemble.
    """

    claims: list[dict[str, Any]]
    coverage: dict[str, int]
    summary: dict[str, dict[str, Any]]
    others: list[dict[str, Any]] = field(default_factory=list)
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    seed: int = 0

    def detail(self, claim: str) -> dict[str, Any]:
        """Return arms, relations, rules and papers of one claim.

        Raises
        ------
        InputError
            If the claim was not checked.
        """
        if claim not in self.details:
            raise InputError(
                f"claim {claim!r} was not checked", key="claim", suggestion=nearest(claim, self.details)
            )
        return self.details[claim]


def check_claims(
    claims: Sequence[str] | None = None,
    *,
    evidence: Evidence | None = None,
    section: str | None = None,
    draws: int = 100,
    nulls: int = 20,
    trial_nulls: int = 0,
    quick: bool = False,
    ensemble: Ensemble | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CheckResult:
    """Run claims as experiments over the ensemble, and over models with shuffled MSC rules.

    Parameters
    ----------
    claims : sequence of str, optional
        Ids; all by default. Claims on trials run with at most 40 draws.
    evidence : Evidence, optional
    section : str, optional
        Only claims of a section of the review (``2.1.1``; ``2.2`` takes 2.2.1 to 2.2.9).
    draws, nulls : int
        Size of the ensemble and number of shuffled models; 0 for none.
    trial_nulls : int
        Number of shuffled models for claims on trials, which take minutes each.
    quick : bool
        A smaller run: 25 draws, one null, and of the claims on trials only those that are named or in the
        section, with 8 draws.
    ensemble : Ensemble, optional
    threads : int, optional
        Processes at once; all cores by default.
    progress : callable, optional
        Called with (what, done, of).

    Notes
    -----
    What has ended is kept in the cache folder: a check that was interrupted goes on, and one that is asked
    again answers at once.

    Returns
    -------
    CheckResult

    Raises
    ------
    InputError
        If a claim or section is not known, or a number is out of range.
    """
    started = time.monotonic()
    evidence = evidence or load_evidence()
    if quick:
        draws, nulls = min(draws, QUICK_DRAWS), min(nulls, QUICK_NULLS)
    for name, number in (("nulls", nulls), ("trial_nulls", trial_nulls)):
        if not 0 <= number <= 1000:
            raise InputError(f"{number} nulls", key=name, suggestion="0 to 1000")
    every: dict[str, Claim | TrialClaim] = {**load_claims(evidence), **load_trial_claims(evidence)}
    picked = _choose(every, claims, section, evidence)
    if quick and not claims and not section:
        picked = {key: claim for key, claim in picked.items() if isinstance(claim, Claim)}
    chosen = {key: claim for key, claim in picked.items() if isinstance(claim, Claim)}
    on_trials = {key: claim for key, claim in picked.items() if isinstance(claim, TrialClaim)}
    ensemble = (ensemble or shipped_ensemble()).head(draws)
    graph = signed_graph(evidence, bench_cells(evidence))
    kinds = {key: classify(claim, evidence, graph) for key, claim in chosen.items()}
    outcomes = run_claims(chosen, evidence, ensemble, threads=threads, progress=progress, keep=True)
    without = _without_own_paper(chosen, kinds, outcomes, evidence, ensemble, threads, progress)
    tried = run_trial_claims(
        on_trials,
        evidence,
        min(draws, QUICK_TRIAL_DRAWS if quick else TRIAL_DRAWS),
        threads=threads,
        progress=progress,
    )
    rows = [
        bench_row(chosen[key], kinds[key], outcomes[key], without.get(key))
        if key in chosen
        else trial_row(on_trials[key], tried[key])
        for key in picked
    ]
    counted = {key: claim for key, claim in chosen.items() if claim.counted}
    shuffles = null_verdicts(counted, evidence, ensemble, nulls, threads, progress)
    asked = {key: claim for key, claim in on_trials.items() if claim.counted}
    trial_shuffles = null_verdicts(asked, evidence, ensemble, trial_nulls, threads, progress)
    details = {key: bench_detail(chosen[key], kinds[key], outcomes[key]) for key in chosen}
    details |= {key: trial_detail(on_trials[key], tried[key]) for key in on_trials}
    coverage: dict[str, int] = {}
    for row in evidence.coverage.values():
        coverage[row.fate] = coverage.get(row.fate, 0) + 1
    coverage["unmapped"] = sum(
        1
        for key, claim in every.items()
        if getattr(claim, "origin", "review") == "review" and key not in evidence.coverage
    )
    seconds = time.monotonic() - started
    summary = summarise(rows, shuffles, trial_shuffles)
    others = other_claims(evidence, section, picked)
    if claims:
        others = [row for row in others if row["id"] in claims]
    return CheckResult(rows, coverage, summary, others, details, seconds, ensemble.seed)


def _choose(
    every: Mapping[str, Claim | TrialClaim],
    ids: Sequence[str] | None,
    section: str | None,
    evidence: Evidence,
) -> dict[str, Claim | TrialClaim]:
    if ids:
        for key in ids:
            if key not in every and key not in evidence.coverage:
                raise InputError(
                    f"no claim {key!r}", key="claim", suggestion=nearest(key, {*every, *evidence.coverage})
                )
        return {key: every[key] for key in dict.fromkeys(ids) if key in every}
    if section:
        sections = {row["section"] for row in about_claims().values() if row["section"]}
        if not any(in_section(one, section) for one in sections):
            raise InputError(f"no section {section!r}", key="section", suggestion=nearest(section, sections))
        return {k: c for k, c in every.items() if in_section(c.section, section)}
    return dict(every)


def _without_own_paper(
    claims: Mapping[str, Claim],
    kinds: Mapping[str, Kind],
    outcomes: Mapping[str, Outcome],
    evidence: Evidence,
    ensemble: Ensemble,
    threads: int | None,
    progress: Progress | None,
) -> dict[str, float]:
    """Return the share of each emergent claim when the rules that cite its own paper are switched off."""
    mute = {}
    for key, claim in claims.items():
        if kinds[key].name != "emergent" or not claim.refs or outcomes[key].share < HOLDS:
            continue
        own = {
            r.id for r in evidence.rules.values() if set(r.refs) & set(claim.refs) and r.effect != "requires"
        }
        if own:
            mute[key] = own
    if not mute:
        return {}
    again = run_claims(
        {k: claims[k] for k in mute},
        evidence,
        ensemble,
        threads=threads,
        progress=progress,
        what="own papers off",
        mute=mute,
        keep=True,
    )
    return {key: outcome.share for key, outcome in again.items()}
