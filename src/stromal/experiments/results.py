"""Run an assay and hand out labelled results with all that is needed to run it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, nearest
from ..evidence import Evidence, load_evidence
from .arm import Arm, parse_arm
from .assay import Assay, load_assay
from .bench import simulate
from .ensemble import Ensemble, shipped_ensemble
from .readout import Readout, parse_readout, read

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["AssayResult", "run_assay", "sweep"]

#: Name of the arm without product that others are compared with.
ALONE = "no MSC"


@dataclass
class AssayResult:
    """Readouts of an assay by arm, draw and day.

    Attributes
    ----------
    assay : Assay
    arms : dict of str to Arm
    readouts : dict of str to Readout
    data : xarray.Dataset
        One variable a readout, dims ``arm, draw, day``; attributes hold unit and provenance.
    failed : list of (str, int)
        Arm and draw id of runs that left the physical range; their values are NaN.
    """

    assay: Assay
    arms: dict[str, Arm]
    readouts: dict[str, Readout]
    data: xr.Dataset
    failed: list[tuple[str, int]] = field(default_factory=list)

    @property
    def reference(self) -> str:
        """Arm that the others are compared with: the one without product, or the first."""
        return next((n for n, a in self.arms.items() if a.product == "none"), next(iter(self.arms)))

    def values(self, readout: str, arm: str, day: float | None = None) -> np.ndarray:
        """Return a readout in every draw.

        Parameters
        ----------
        readout, arm : str
        day : float, optional
            The assay's readout day by default.

        Returns
        -------
        array (draws,)
            In the unit of the readout; linear between the days that are kept, NaN outside them.
        """
        at = self.assay.readout_day if day is None else day
        days = self.data["day"].values
        y = self.data[readout].transpose("arm", "draw", "day").values[list(self.arms).index(arm)]
        i = int(np.searchsorted(days, at))
        if not days[0] <= at <= days[-1]:
            return np.full(len(y), np.nan)
        if days[i] == at:
            return y[:, i].copy()
        share = (at - days[i - 1]) / (days[i] - days[i - 1])
        return y[:, i - 1] + share * (y[:, i] - y[:, i - 1])

    def summary(self, day: float | None = None) -> pd.DataFrame:
        """Return median and central 90 % of each readout in each arm, one row each."""
        import pandas as pd

        rows = []
        for arm in self.arms:
            for name, readout in self.readouts.items():
                lo, mid, hi = band(self.values(name, arm, day))
                rows.append(
                    {"arm": arm, "readout": name, "median": mid, "lo": lo, "hi": hi, "unit": readout.unit}
                )
        return pd.DataFrame(rows)

    def comparisons(self, day: float | None = None) -> pd.DataFrame:
        """Return each arm against the reference: percent change draw by draw, with its central 90 %."""
        import pandas as pd

        rows = []
        for arm in self.arms:
            if arm == self.reference:
                continue
            for name in self.readouts:
                change = percent_change(self.values(name, arm, day), self.values(name, self.reference, day))
                lo, mid, hi = band(change)
                rows.append(
                    {
                        "readout": name,
                        "measure": "change",
                        "arm": arm,
                        "reference_arm": self.reference,
                        "effect": mid,
                        "lo": lo,
                        "hi": hi,
                        "unit": "%",
                    }
                )
        return pd.DataFrame(rows)


def band(values: np.ndarray) -> tuple[float, float, float]:
    """Return the 5, 50 and 95 % points of the finite values (NaN where there are none)."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return (np.nan, np.nan, np.nan)
    return tuple(float(v) for v in np.quantile(finite, [0.05, 0.5, 0.95]))  # type: ignore[return-value]


def percent_change(value: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return 100 (value / reference - 1), NaN where the reference is zero."""
    out = np.full(np.shape(value), np.nan)
    np.divide(value - reference, reference, out=out, where=np.abs(reference) > 1e-12)
    return 100.0 * out


def sweep(assay: Assay, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the arms that a bench would run: no product, then each ratio (or dose) of the assay.

    Parameters
    ----------
    assay : Assay
    options : mapping
        Keys of an arm that all arms share; a ``ratio`` or ``dose`` here gives one arm in place of a sweep.
    """
    product = options.get("product", assay.defaults.get("product", "MSC"))
    alone = {k: v for k, v in options.items() if k not in ("ratio", "dose", "priming")} | {"product": "none"}
    arms: dict[str, dict[str, Any]] = {ALONE: alone}
    if product == "none":
        return arms
    key = "dose" if assay.doses and not options.get("ratio") and product not in ("MSC",) else "ratio"
    steps = assay.doses if key == "dose" else assay.ratios
    if key in options or not steps:
        label = str(options.get(key, assay.defaults.get(key, "")))
        arms[f"{product} {label}".strip()] = dict(options)
    else:
        for step in steps:
            arms[f"{product} {step}"] = {**options, key: step}
    return arms


def run_assay(
    assay: str | Path | Assay = "coculture",
    *,
    arms: Mapping[str, Mapping[str, Any] | Arm] | None = None,
    readouts: Sequence[str] | None = None,
    draws: int | None = 100,
    evidence: Evidence | None = None,
    ensemble: Ensemble | None = None,
    threads: int | None = None,
) -> AssayResult:
    """Run an assay over the ensemble.

    Parameters
    ----------
    assay : str or path or Assay
        Id of a shipped assay, a TOML file, or an assay that was read.
    arms : mapping, optional
        Name to keys of an arm; by default the assay's sweep over ratios or doses.
    readouts : sequence of str, optional
        Names of the assay's readouts, or phrases such as ``share Th17 of CD4``; default all of the assay.
    draws : int, optional
        How many of the ensemble; None for all.
    evidence : Evidence, optional
        Shipped tables by default.
    ensemble : Ensemble, optional
        The calibrated one by default.
    threads : int, optional
        All cores by default; results do not depend on it.

    Returns
    -------
    AssayResult

    Raises
    ------
    InputError
        If a name, a unit or a number is wrong.
    """
    evidence = evidence or load_evidence()
    protocol = assay if isinstance(assay, Assay) else load_assay(assay, evidence)
    ensemble = ensemble or shipped_ensemble()
    if draws is not None:
        ensemble = ensemble.head(draws)
    chosen = {
        name: arm if isinstance(arm, Arm) else parse_arm(arm, protocol.defaults, evidence, name=name)
        for name, arm in (arms if arms is not None else sweep(protocol, {})).items()
    }
    if not chosen:
        raise InputError("no arm to run", key="arms")
    wanted = _readouts(protocol, readouts, evidence)
    runs = simulate(protocol, chosen, evidence, ensemble, threads=threads)
    days = runs[0].days
    values: dict[str, dict[str, np.ndarray]] = {name: {} for name in wanted}
    failed = []
    for run in runs:
        for i, arm in enumerate(run.arms):
            failed += [(arm, ensemble.ids[d]) for d in np.flatnonzero(run.status[i])]
            for name, readout in wanted.items():
                values[name][arm] = read(
                    readout, run.system, evidence, days, run.y[i], run.parameters[i], "well", run.volume
                )
    return AssayResult(
        protocol, chosen, wanted, _dataset(values, wanted, chosen, ensemble, days, protocol, evidence), failed
    )


def _readouts(assay: Assay, names: Sequence[str] | None, evidence: Evidence) -> dict[str, Readout]:
    if names is None:
        return dict(assay.readouts)
    out = {}
    for name in names:
        if name in assay.readouts:
            out[name] = assay.readouts[name]
        elif " " in name:
            out[name] = parse_readout(name, evidence)
        else:
            raise InputError(f"no readout {name!r}", key="readout", suggestion=nearest(name, assay.readouts))
    return out


def _dataset(
    values: Mapping[str, Mapping[str, np.ndarray]],
    readouts: Mapping[str, Readout],
    arms: Mapping[str, Arm],
    ensemble: Ensemble,
    days: np.ndarray,
    assay: Assay,
    evidence: Evidence,
) -> xr.Dataset:
    import xarray as xr

    variables = {
        name: (
            ("arm", "draw", "day"),
            np.stack([values[name][arm] for arm in arms]),
            {"unit": r.unit, "readout": r.text},
        )
        for name, r in readouts.items()
    }
    return xr.Dataset(
        variables,
        coords={"arm": list(arms), "draw": list(ensemble.ids), "day": days},
        attrs={
            "stromal": version("stromal"),
            "assay": assay.id,
            "evidence": evidence.digest,
            "layers": ";".join(evidence.layers),
            "ensemble": ensemble.name,
            "seed": ensemble.seed,
            "arms": "\n".join(
                f"{name}: {arm.model_dump_json(exclude_defaults=True)}" for name, arm in arms.items()
            ),
        },
    )
