"""Verdicts, lift, and a null that goes on where it was interrupted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments import shipped_ensemble
from stromal.inference import check_claims, load_claims
from stromal.inference import score as scoring
from stromal.inference.outcomes import Outcome
from stromal.inference.score import null_verdicts, summarise, verdict
from stromal.inference.trial_claims import load_trial_claims


@pytest.mark.parametrize(
    ("share", "solved", "says"),
    [(0.9, 1, "holds"), (0.89, 1, "mixed"), (0.5, 1, "mixed"), (0.49, 1, "fails"), (1, 0.94, "unsolved")],
)
def test_verdict(share: float, solved: float, says: str) -> None:
    assert verdict(share, solved) == says


def rows(held: list[bool], counted: bool = True) -> list[dict]:
    return [
        {
            "id": str(i),
            "kind": "emergent",
            "counted": counted,
            "verdict": "holds" if h else "fails",
            "own_paper": h,
        }
        for i, h in enumerate(held)
    ]


def test_lift_is_what_holds_less_what_the_null_holds() -> None:
    nulls = [{"0": True, "1": False, "2": False, "3": False}] * 5
    found = summarise(rows([True, True, True, False]), nulls)["emergent"]
    assert (found["counted"], found["holds"], found["by_own_paper"]) == (4, 3, 3)
    assert found["null"] == 0.25 and found["lift"] == 0.5
    assert found["lo"] <= found["lift"] <= found["hi"]


def test_what_is_not_counted_has_no_part_in_the_score() -> None:
    assert summarise(rows([True, True], counted=False), [])["all"]["counted"] == 0


def test_no_null_no_lift() -> None:
    assert summarise(rows([True]), [])["all"]["lift"] is None


def test_a_finished_null_is_kept_and_a_broken_file_is_made_again(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    claims = {k: c for k, c in load_claims(evidence).items() if k == "S2-276"}
    draws = shipped_ensemble().head(3)
    first = null_verdicts(claims, evidence, draws, 1)
    (file,) = (tmp_path / "nulls").iterdir()
    file.write_text(json.dumps({k: not v for k, v in first[0].items()}))
    assert null_verdicts(claims, evidence, draws, 1) != first, "a kept null is read, not made again"
    file.write_text("{broken")
    assert null_verdicts(claims, evidence, draws, 1) == first
    # other draws are another question
    null_verdicts(claims, evidence, shipped_ensemble().head(2), 1)
    assert len(list((tmp_path / "nulls").iterdir())) == 2


def test_check_of_a_section_and_its_details(evidence: Evidence) -> None:
    found = check_claims(["S2-066", "bench-ratio-curve"], evidence=evidence, draws=10, nulls=0)
    by_id = {row["id"]: row for row in found.claims}
    assert by_id["S2-066"]["verdict"] == "holds" and by_id["S2-066"]["counted"]
    assert not by_id["bench-ratio-curve"]["counted"]
    detail = found.detail("S2-066")
    assert {arm["name"] for arm in detail["arms"]} == {"none", "contact"}
    assert sum(found.coverage.values()) == 713 and found.coverage["unmapped"] == 0


def test_every_claim_of_a_section_is_run_or_told(evidence: Evidence) -> None:
    from stromal.inference.others import other_claims

    run = {"S2-128"}
    rows = other_claims(evidence, "2.1.2", run)
    found = {row["id"]: row for row in rows}
    assert "S2-128" not in found and all(row["section"] == "2.1.2" for row in rows)
    assert found["S2-126"]["fate"] == "graph" and "p38 MAPK" in found["S2-126"]["reason"]
    everywhere = other_claims(evidence, None, ())
    assert len(everywhere) == 713 and all(
        row["reason"] for row in everywhere if row["fate"] in ("graph", "background", "unsupported")
    )
    with pytest.raises(InputError, match="no section '2.9'"):
        check_claims(section="2.9", evidence=evidence, nulls=0)


def test_a_null_in_which_a_trial_cannot_be_read_holds_nothing(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    claims = {k: c for k, c in load_trial_claims(evidence).items() if k in ("S2-153", "S2-255")}
    assert len(claims) == 2

    def read(some: dict, *_: object, **__: object) -> dict:
        if "S2-153" in some:
            raise InputError("nothing in this body senses it")
        yes = np.ones(3, bool)
        return {key: Outcome(yes, yes, {}, [yes]) for key in some}

    monkeypatch.setattr(scoring, "run_trial_claims", read)
    monkeypatch.setattr(scoring, "shuffled", lambda model, *_, **__: (model, 1.0))
    assert null_verdicts(claims, evidence, shipped_ensemble().head(2), 1) == [
        {"S2-153": False, "S2-255": True}
    ]
