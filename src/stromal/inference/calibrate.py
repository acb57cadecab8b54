"""Calibrate the potency of naive MSC in vitro, along a few directions, on control-like data only.

The prior ensemble is simulated in the wells of the calibration rows; each draw is weighted by how
well it agrees, and draws are taken in proportion, without replacement. No single parameter is moved:
a draw keeps all its numbers, and its place along the directions is what the posterior reports.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..evidence import Evidence, load_evidence
from ..experiments.ensemble import SHIPPED, Z90, Ensemble, prior_ensemble
from ..experiments.results import band, run_assay

__all__ = ["Calibration", "calibrate", "write_ensemble"]

TABLE = Path(__file__).parents[1] / "evidence" / "tables" / "calibration.csv"
#: Draws simulated at once.
CHUNK = 250


@dataclass
class Calibration:
    """Outcome of a calibration.

    Attributes
    ----------
    ensemble : Ensemble
        The posterior.
    prior : Ensemble
    rows : tuple of dict
        Calibration rows used: ``id, arm, value, low, high`` in % suppression.
    simulated : array (prior draws, rows)
        Suppression (%) of each prior draw.
    chosen : array of int
        Prior draws in the posterior.
    effective : float
        Effective sample size of the weights.
    """

    ensemble: Ensemble
    prior: Ensemble
    rows: tuple[dict[str, str], ...]
    simulated: np.ndarray
    chosen: np.ndarray
    effective: float

    def directions(self) -> list[dict[str, float | str]]:
        """Return prior and posterior median and central 90 % of each direction."""
        out: list[dict[str, float | str]] = []
        for name, values in self.prior.directions.items():
            before, after = band(values), band(values[self.chosen])
            out.append(
                {
                    "direction": name,
                    "prior_lo": before[0],
                    "prior": before[1],
                    "prior_hi": before[2],
                    "posterior_lo": after[0],
                    "posterior": after[1],
                    "posterior_hi": after[2],
                }
            )
        return out

    def fit(self) -> list[dict[str, float | str]]:
        """Return data beside prior and posterior predictions, % suppression."""
        out: list[dict[str, float | str]] = []
        for i, row in enumerate(self.rows):
            before, after = band(self.simulated[:, i]), band(self.simulated[self.chosen, i])
            out.append(
                {
                    "id": row["id"],
                    "arm": row["arm"],
                    "value": float(row["value"]),
                    "low": float(row["low"]),
                    "high": float(row["high"]),
                    "prior_lo": before[0],
                    "prior": before[1],
                    "prior_hi": before[2],
                    "posterior_lo": after[0],
                    "posterior": after[1],
                    "posterior_hi": after[2],
                }
            )
        return out


def calibration_rows() -> tuple[dict[str, str], ...]:
    """Return the in-vitro rows that state a ratio of naive MSC to target cells."""
    with open(TABLE, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(
        r for r in rows if r["unit"] == "% suppression" and ":" in r["arm"] and r.get("use", "yes") != "no"
    )


def calibrate(
    *,
    evidence: Evidence | None = None,
    draws: int = 400,
    prior_draws: int = 4000,
    seed: int = 1,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Calibration:
    """Condition the prior ensemble on suppression by naive MSC in vitro.

    Parameters
    ----------
    evidence : Evidence, optional
    draws : int
        Size of the posterior ensemble.
    prior_draws : int
        Size of the prior that it is taken from.
    seed : int
        Of the parameter streams and of the choice.
    threads : int, optional
    progress : callable, optional
        Called with (what, done, of).

    Returns
    -------
    Calibration
    """
    evidence = evidence or load_evidence()
    rows = calibration_rows()
    prior = prior_ensemble(evidence, prior_draws, seed)
    arms = {"none": {"product": "none"}, **{row["id"]: _arm(row) for row in rows}}
    parts = []
    for i in range(0, prior_draws, CHUNK):
        part = Ensemble(
            seed,
            prior.ids[i : i + CHUNK],
            {k: v[i : i + CHUNK] for k, v in prior.directions.items()},
            "prior",
        )
        result = run_assay(
            "coculture",
            arms=arms,
            readouts=["proliferation"],
            draws=None,
            evidence=evidence,
            ensemble=part,
            threads=threads,
        )
        alone = result.values("proliferation", "none")
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append(
                np.stack(
                    [100.0 * (1.0 - result.values("proliferation", r["id"]) / alone) for r in rows], axis=1
                )
            )
        if progress:
            progress("prior draws", min(i + CHUNK, prior_draws), prior_draws)
    simulated = np.concatenate(parts)
    log_weights = np.nan_to_num(log_likelihood(simulated, rows), nan=-np.inf)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    # weighted sampling without replacement: the largest keys u^(1/w) win
    u = np.random.default_rng([seed, 7]).random(prior_draws)
    with np.errstate(divide="ignore", over="ignore"):
        keys = np.log(u) / weights
    chosen = np.sort(np.argsort(-keys)[:draws])
    posterior = Ensemble(
        seed,
        tuple(int(prior.ids[i]) for i in chosen),
        {k: v[chosen] for k, v in prior.directions.items()},
        "posterior",
    )
    return Calibration(posterior, prior, rows, simulated, chosen, float(1.0 / np.sum(weights**2)))


def _arm(row: dict[str, str]) -> dict[str, str]:
    contact = "transwell" if "transwell" in row["setting"] + row["arm"] else "contact"
    ratio = next(word for word in row["arm"].replace(",", " ").split() if ":" in word)
    return {"ratio": ratio, "contact": contact}


def log_likelihood(simulated: np.ndarray, rows: tuple[dict[str, str], ...]) -> np.ndarray:
    """Return the log likelihood of each draw: normal, with the spread between laboratories as its width.

    Parameters
    ----------
    simulated : array (draws, rows)
        % suppression.
    rows : tuple of dict
        With ``value``, ``low`` and ``high`` (central 90 %).
    """
    value = np.array([float(r["value"]) for r in rows])
    width = np.array([(float(r["high"]) - float(r["low"])) / (2 * Z90) for r in rows])
    return -0.5 * np.sum(((simulated - value) / width) ** 2, axis=1)


def write_ensemble(calibration: Calibration, evidence: Evidence, path: str | Path = SHIPPED) -> None:
    """Write the posterior as the ensemble that ships (whole, or not at all)."""
    path = Path(path)
    names = list(calibration.ensemble.directions)
    draft = path.with_suffix(".tmp")
    with open(draft, "w", encoding="utf-8", newline="") as stream:
        used = " ".join(r["id"] for r in calibration.rows)
        stream.write(
            f"# written by `stromal calibrate`: {len(calibration.chosen)} of {len(calibration.prior)} draws\n"
        )
        stream.write(
            f"# rows: {used}; evidence {evidence.digest}; effective sample {calibration.effective:.0f}\n"
        )
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["seed", "draw", *names])
        for i, draw in enumerate(calibration.ensemble.ids):
            values = [f"{calibration.ensemble.directions[n][i]:.6g}" for n in names]
            writer.writerow([calibration.ensemble.seed, draw, *values])
    draft.replace(path)
