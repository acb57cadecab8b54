"""The ledger of a disease: how many cells, touches and molecules of a dose meet anything, place by place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .out import working

if TYPE_CHECKING:
    from ..evidence import Evidence

__all__ = ["body_ledger"]

#: Draws that are enough for medians; the rest would only take time.
MOST_DRAWS = 20


def body_ledger(
    name: str, tables: Evidence, draws: int, threads: int | None
) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """Return title, rows and what else there is to say of the first product of a trial.

    Raises
    ------
    InputError
        If no arm of the trial gets cells or vesicles.
    """
    from ..experiments.amplifiers import LEDGER_DAYS, pushes, sentences, traced
    from ..experiments.posterior import disease_posterior
    from ..experiments.trial import load_trial
    from ..experiments.trial_run import sample_population
    from ..views.ledger import ledger

    trial = load_trial(name, tables)
    arm = next((a for a in trial.arms if a.product is not None), None)
    if arm is None or arm.product is None:
        raise InputError("no arm gets cells or vesicles", file=trial.file, key="arms")
    used = min(draws, MOST_DRAWS)
    with working(f"running {used} draws of {trial.id}"):
        patients = sample_population(trial, evidence=tables, draws=used, threads=threads)
        bodies, _ = disease_posterior(trial.disease, trial.endpoints).head(used).distinct()
        run = traced(trial, arm, patients, tables, bodies, threads=threads)
    first = min(day for therapy in arm.therapies for day in therapy.days)
    days = [first + day for day in LEDGER_DAYS]
    present = {s.entity for s in run.system.states if s.kind == "cell"}
    targets = tuple(c for c in tables.members["T"] if c in present)
    rows = ledger(run, days, targets, tables, arm.product.content)
    found = pushes(run, tables)
    title = (
        f"{trial.spec.title}, {arm.name}: {arm.product.amount:g} {arm.product.unit}"
        f"{'/kg' if arm.product.per_kg else ''} {arm.product.route or arm.product.place}, "
        f"medians of {run.y.shape[1]} patients, days after enrolment"
    )
    failed = [
        {"arm": run.arms[i], "draw": k} for i, row in enumerate(run.status) for k, s in enumerate(row) if s
    ]
    more = {
        "seed": bodies.seed,
        "failed_patients": failed,
        "assay": trial.id,
        "amplifiers": list(sentences(found, trial.disease.spec.target, tables)),
    }
    return title, rows, more
