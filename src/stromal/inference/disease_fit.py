"""Fit a disease to control arms and natural history, and to nothing that was treated.

Each draw of the bench ensemble brings its patients to enrolment and follows them without a product.
For many settings of the observation models (cut points, hazards) what the control arm would report is
held against the rows of the calibration table that the disease names; draws are weighted by how well
they agree and taken in proportion; one that agrees well comes more than once, each time with another
setting. No parameter of the body is moved, and no row of a treated arm is read.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import logit, ndtri

from ..errors import InputError, nearest
from ..evidence import Evidence, load_evidence
from ..experiments.cohort import follow
from ..experiments.disease import DISEASES, Direction, Fitted
from ..experiments.endpoint import draw_observation
from ..experiments.ensemble import Z90, Ensemble, shipped_ensemble, uniform
from ..experiments.observer import Observer
from ..experiments.population import ENROLLED, PLAUSIBLE, enrol
from ..experiments.results import band
from ..experiments.survival import cumulative_incidence, median_time
from ..experiments.trial import Trial, load_trial
from .calibrate import TABLE

__all__ = ["CONTROL", "DiseaseFit", "control_rows", "fit_disease", "write_fit"]

#: Arms of the calibration table that a disease may be fitted to.
CONTROL = ("control", "placebo", "sham", "saline", "baseline")
#: A share is moved this far from 0 and 1 before its odds are taken: half a patient in a hundred.
EDGE = 0.005
#: Replicates of the chance of observation in each setting.
REPLICATES = 3
DAYS_PER_MONTH = 30.4375


@dataclass
class DiseaseFit:
    """Outcome of a fit.

    Attributes
    ----------
    rows : tuple of dict
        ``row, endpoint, day, measure, data, n, prior_lo, prior, prior_hi, posterior_lo, posterior,
        posterior_hi, residual``; shares in %, times in months; the residual in standard deviations.
    draws : tuple of int
        Ids of the draws taken.
    observation : dict of str to array (draws,)
        Numbers of the observation models of each draw taken.
    directions : dict of str to (array, array)
        Place along each direction, of all candidates and of those taken.
    effective : float
        Effective sample size over draws.
    yields : dict of str to float
    candidates : int
        Draws that had patients.
    seed : int
    """

    rows: tuple[dict[str, float | str], ...]
    draws: tuple[int, ...]
    observation: Mapping[str, np.ndarray]
    directions: Mapping[str, tuple[np.ndarray, np.ndarray]]
    effective: float
    yields: Mapping[str, float]
    candidates: int
    seed: int


def control_rows(fitted: tuple[Fitted, ...], file: str = "") -> list[dict[str, str]]:
    """Return the rows of the calibration table that a disease names.

    Raises
    ------
    InputError
        If a row does not exist, is marked unusable, or is not of a control arm.
    """
    with open(TABLE, encoding="utf-8", newline="") as stream:
        table = {row["id"]: row for row in csv.DictReader(stream)}
    out = []
    for item in fitted:
        row = table.get(item.row)
        if row is None:
            raise InputError(
                f"no row {item.row!r}", file=file, key="calibration", suggestion=nearest(item.row, table)
            )
        if row["arm"] not in CONTROL or row.get("use", "yes") == "no":
            raise InputError(
                f"{item.row} is of arm {row['arm']!r}: a disease is fitted to control arms only",
                file=file,
                key="calibration",
            )
        out.append(row)
    return out


def fit_disease(
    name: str | Path,
    *,
    evidence: Evidence | None = None,
    ensemble: Ensemble | None = None,
    draws: int = 100,
    variants: int = 4,
    settings: int = 100,
    size: int = PLAUSIBLE,
    keep: int = ENROLLED,
    seed: int = 1,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> DiseaseFit:
    """Fit a disease to its control arms.

    Parameters
    ----------
    name : str or path
        A disease, or the trial whose control arm is followed.
    evidence : Evidence, optional
    ensemble : Ensemble, optional
        The bench ensemble by default.
    draws : int
        Size of the posterior.
    variants : int
        Places along the directions of the disease tried with each draw.
    settings : int
        Settings of the observation models tried with each draw.
    size, keep : int
        Plausible patients of a draw, and those enrolled.
    seed : int
        Of the choice and of the observation models.
    threads : int, optional
    progress : callable, optional
        Called with (what, done, of).

    Returns
    -------
    DiseaseFit

    Raises
    ------
    InputError
        If the disease names no calibration rows, or no draw has patients.
    """
    evidence = evidence or load_evidence()
    trial = load_trial(name, evidence)
    spec = trial.disease.spec
    if not spec.calibration:
        raise InputError(
            "no control data to fit to: uncalibrated", file=trial.disease.file, key="calibration"
        )
    data = control_rows(spec.calibration, trial.disease.file)
    ensemble = _along(ensemble or shipped_ensemble(), trial.disease.spec.directions, variants, seed)
    alone = replace(trial, arms=tuple(a for a in trial.arms if a.name == trial.reference))
    drugs = tuple(t.content for t in trial.background if t.what == "drug")
    patients = enrol(
        trial.disease,
        evidence,
        ensemble,
        size=size,
        keep=keep,
        extra=drugs,
        threads=threads,
        progress=progress,
    )
    paths = follow(alone, patients, evidence, ensemble, threads=threads, progress=progress)
    path = paths.paths[trial.reference]
    have = np.unique(patients.draw)
    logs = np.full((settings, len(have)), -np.inf)
    predicted = np.empty((settings, len(have), len(data)))
    numbers = []
    for k in range(settings):
        values = draw_observation(trial.endpoints, seed=seed * 1000 + k, ids=ensemble.ids)
        numbers.append(values)
        predicted[k] = _predict(trial, path, values, have, spec.calibration, seed)
        logs[k] = log_likelihood(predicted[k], data, spec.calibration, spec.between_trials, keep)
        if progress:
            progress("settings of observation", k + 1, settings)
    weights = np.exp(logs - logs.max())
    each = weights.mean(axis=0)
    share = each / each.sum()
    rng = np.random.default_rng([seed, 13])
    chosen = _resample(share, draws, rng)
    picked = [int(rng.choice(settings, p=weights[:, i] / weights[:, i].sum())) for i in chosen]
    observation = {
        key: np.array([numbers[k][key][have[i]] for i, k in zip(chosen, picked, strict=True)])
        for key in numbers[0]
    }
    after = np.array([predicted[k, i] for i, k in zip(chosen, picked, strict=True)])
    rows = tuple(
        _row(item, row, predicted[:, :, j].ravel(), after[:, j], spec.between_trials)
        for j, (item, row) in enumerate(zip(spec.calibration, data, strict=True))
    )
    return DiseaseFit(
        rows,
        tuple(ensemble.ids[have[i]] for i in chosen),
        observation,
        {
            name: (ensemble.directions[name][have], ensemble.directions[name][have[chosen]])
            for name in spec.directions
        },
        float(1.0 / np.sum(share**2)),
        patients.yields,
        len(have),
        seed,
    )


def _predict(
    trial: Trial,
    path: object,
    values: Mapping[str, np.ndarray],
    have: np.ndarray,
    fitted: tuple[Fitted, ...],
    seed: int,
) -> np.ndarray:
    """Return what each draw's control arm would report of each row: %, or months; (draws, rows)."""
    out = np.zeros((REPLICATES, len(have), len(fitted)))
    observer = Observer(trial.endpoints, path, values)  # type: ignore[arg-type]
    for r in range(REPLICATES):
        seen = observer.observe(seed=seed, replicate=r)
        for j, item in enumerate(fitted):
            result = seen[item.endpoint]
            for i, draw in enumerate(have):
                mine = result.take(np.flatnonzero((seen.draw == draw) & seen.ok))
                if item.measure == "share":
                    out[r, i, j] = 100.0 * np.nanmean(mine.value)  # type: ignore[union-attr]
                elif item.measure == "incidence":
                    out[r, i, j] = 100.0 * cumulative_incidence(mine.time, mine.cause, item.day)[0]  # type: ignore[union-attr]
                else:
                    months = median_time(mine.time, mine.observed) / DAYS_PER_MONTH  # type: ignore[union-attr]
                    out[r, i, j] = min(months, trial.spec.days / DAYS_PER_MONTH)
    return out.mean(axis=0)


def log_likelihood(
    predicted: np.ndarray,
    data: list[dict[str, str]],
    fitted: tuple[Fitted, ...],
    between: float,
    keep: int,
) -> np.ndarray:
    """Return the log likelihood of each draw.

    Shares are compared on log odds, times on logarithms; the width is what trials differ by, the
    chance of the trial's own size, and that of the few patients a draw is known by.

    Parameters
    ----------
    predicted : array (draws, rows)
    data : list of dict
        Rows of the calibration table.
    fitted : tuple of Fitted
    between : float
        Standard deviation between trials, log odds.
    keep : int
        Patients of a draw.
    """
    total = np.zeros(len(predicted))
    for j, (item, row) in enumerate(zip(fitted, data, strict=True)):
        n = float(row["n"] or 50)
        value = float(row["value"])
        if item.measure == "median":
            apart = np.log(np.maximum(predicted[:, j], 0.1)) - np.log(value)
            width2 = between**2 / 4 + 1.0 / n + 1.0 / keep
        else:
            p, q = np.clip(predicted[:, j] / 100, EDGE, 1 - EDGE), np.clip(value / 100, EDGE, 1 - EDGE)
            apart = logit(p) - logit(q)
            width2 = between**2 + 1.0 / (n * q * (1 - q)) + 1.0 / (keep * q * (1 - q))
        total -= 0.5 * apart**2 / width2
    return total


def _along(ensemble: Ensemble, directions: Mapping[str, Direction], variants: int, seed: int) -> Ensemble:
    """Return every draw at several places along the directions, each from the prior of the direction."""
    if not directions:
        return ensemble
    many = ensemble.at(np.repeat(np.arange(len(ensemble)), variants))
    places = tuple(range(len(many)))
    moved = {
        name: np.exp(np.log(d.spread) / Z90 * ndtri(uniform(seed, f"direction:{name}", places)))
        for name, d in directions.items()
    }
    labels = tuple(f"{draw}.{i % variants}" for i, draw in enumerate(many.ids))
    return replace(many, directions={**many.directions, **moved}, labels=labels)


def _resample(share: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Take candidates in proportion (systematic resampling): one that fits well comes more than once."""
    edges = np.cumsum(share)
    at = (np.arange(size) + rng.random()) / size
    # in random order, so that the first draws are as good as any
    return rng.permutation(np.minimum(np.searchsorted(edges, at), len(share) - 1))


def _row(
    item: Fitted, row: dict[str, str], before: np.ndarray, after: np.ndarray, between: float
) -> dict[str, float | str]:
    prior, posterior = band(before), band(after)
    value = float(row["value"])
    n = float(row["n"] or 50)
    if item.measure == "median":
        apart = np.log(max(posterior[1], 0.1)) - np.log(value)
        width = np.sqrt(between**2 / 4 + 1.0 / n)
    else:
        q = np.clip(value / 100, EDGE, 1 - EDGE)
        apart = logit(np.clip(posterior[1] / 100, EDGE, 1 - EDGE)) - logit(q)
        width = np.sqrt(between**2 + 1.0 / (n * q * (1 - q)))
    return {
        "row": item.row,
        "endpoint": item.endpoint,
        "day": item.day,
        "measure": item.measure,
        "unit": "months" if item.measure == "median" else "%",
        "setting": row["setting"],
        "data": value,
        "n": n,
        "prior_lo": prior[0],
        "prior": prior[1],
        "prior_hi": prior[2],
        "posterior_lo": posterior[0],
        "posterior": posterior[1],
        "posterior_hi": posterior[2],
        "residual": float(apart / width),
        "confidence": row["confidence"],
        "source": row["source"],
    }


def write_fit(fit: DiseaseFit, name: str, evidence: Evidence, folder: Path = DISEASES) -> tuple[Path, Path]:
    """Write posterior and fit beside the disease (each whole, or not at all)."""
    used = " ".join(str(r["row"]) for r in fit.rows)
    head = [
        f"# written by `stromal calibrate --disease {name}`: {len(fit.draws)} of {fit.candidates} draws",
        f"# rows: {used}; effective sample {fit.effective:.0f}; seed {fit.seed}; evidence {evidence.digest}",
        "# yields: " + "; ".join(f"{key} {value:.3f}" for key, value in fit.yields.items()),
    ]
    posterior, table = folder / f"{name}.posterior.csv", folder / f"{name}.fit.csv"
    columns = {f"direction:{n}": taken for n, (_, taken) in fit.directions.items()} | dict(fit.observation)
    body = [["draw", *columns]]
    for i, draw in enumerate(fit.draws):
        body.append([str(draw), *(f"{values[i]:.6g}" for values in columns.values())])
    _write(posterior, head, body)
    keys = list(fit.rows[0])
    lines = [[f"{r[k]:.4g}" if isinstance(r[k], float) else str(r[k]) for k in keys] for r in fit.rows]
    _write(table, head, [keys, *lines])
    return posterior, table


def _write(path: Path, head: list[str], rows: list[list[str]]) -> None:
    draft = path.with_suffix(".tmp")
    with open(draft, "w", encoding="utf-8", newline="") as stream:
        stream.write("\n".join(head) + "\n")
        csv.writer(stream, lineterminator="\n").writerows(rows)
    draft.replace(path)
