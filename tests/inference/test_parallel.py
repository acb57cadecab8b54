"""Jobs in processes: the order of the answers is that of the questions."""

from __future__ import annotations

import os

import pytest

from stromal.evidence import Evidence
from stromal.experiments import shipped_ensemble
from stromal.inference import load_claims
from stromal.inference.outcomes import run_claims
from stromal.inference.parallel import each


def where(number: int, threads: int | None = None) -> tuple[int, int, int | None]:
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number, os.getpid(), threads


def test_answers_come_in_the_order_of_the_jobs_from_other_processes() -> None:
    seen: list[int] = []
    found = each(where, [(i,) for i in range(6)], threads=2, done=lambda i, _: seen.append(i))
    assert [number for number, _, _ in found] == list(range(6))
    assert sorted(seen) == list(range(6))
    assert os.getpid() not in {pid for _, pid, _ in found}
    assert {threads for _, _, threads in found} == {1}


def test_one_job_has_all_the_threads_to_itself() -> None:
    assert each(where, [(3,)], threads=2) == [(3, os.getpid(), 2)]
    assert each(where, [], threads=2) == []


def test_an_error_of_a_job_is_raised() -> None:
    with pytest.raises(ValueError, match="-1 is negative"):
        each(where, [(1,), (-1,)], threads=2)


def test_verdicts_do_not_depend_on_the_number_of_processes(evidence: Evidence) -> None:
    claims = {k: c for k, c in load_claims(evidence).items() if k in ("S2-276", "S2-179")}
    assert len({claim.assay.id for claim in claims.values()}) == 2
    draws = shipped_ensemble().head(2)
    one = run_claims(claims, evidence, draws, threads=1)
    two = run_claims(claims, evidence, draws, threads=2)
    for key in claims:
        for arm, values in one[key].values.items():
            assert values.tobytes() == two[key].values[arm].tobytes()
