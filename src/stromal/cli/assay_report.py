"""What ``stromal assay`` says about a result: tables, figure, files, JSON."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..experiments.results import band, percent_change
from ..views.sentences import number
from .out import RESEARCH, plain, table
from .plan import Condition, Plan

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..experiments import AssayResult, Ensemble

__all__ = ["AssayReport", "assumed_share", "report"]

#: Readouts of these forms count what cells do: less of it is suppression.
SUPPRESSED = ("events", "index")
#: Readouts of these forms are drawn relative to the wells without product.
RELATIVE = ("events", "index", "count")


def report(
    result: AssayResult, plan: Plan, evidence: Evidence, *, day: float | None, ensemble: Ensemble
) -> AssayReport:
    """Return the report of a result."""
    return AssayReport(result, plan, evidence, result.assay.readout_day if day is None else day, ensemble)


@dataclass
class AssayReport:
    """A result and all that is said about it.

    Attributes
    ----------
    result : AssayResult
    plan : Plan
    evidence : Evidence
    day : float
    ensemble : Ensemble
    """

    result: AssayResult
    plan: Plan
    evidence: Evidence
    day: float
    ensemble: Ensemble

    @property
    def main(self) -> str:
        """Readout that is compared."""
        names = list(self.result.readouts)
        return self.result.assay.compare if self.result.assay.compare in names else names[0]

    @cached_property
    def values(self) -> dict[str, dict[str, np.ndarray]]:
        """Readout, arm to its value in every draw on the day."""
        days = self.result.data["day"].values
        right = int(np.clip(np.searchsorted(days, self.day), 1, len(days) - 1))
        share = float(np.clip((self.day - days[right - 1]) / (days[right] - days[right - 1]), 0.0, 1.0))
        out = {}
        for name in self.result.readouts:
            data = self.result.data[name].values
            # a day on the grid is read as it stands: 0 times NaN would spoil it
            at = (
                data[:, :, right]
                if share == 1.0
                else data[:, :, right - 1] * (1 - share) + data[:, :, right] * share
            )
            out[name] = dict(zip(self.result.arms, at, strict=True))
            readout = self.result.readouts[name]
            if readout.form == "expression" and readout.a.startswith("MSC") and self.plan.axis != "agent":
                # what MSC carry is nothing to read in a well without them
                for arm, keys in self.result.arms.items():
                    if keys.product == "none":
                        out[name][arm] = np.full_like(out[name][arm], np.nan)
        return out

    def change(self, readout: str, arm: str, reference: str) -> tuple[float, float, float]:
        """Return percent change of an arm against another, draw by draw: 5, 50 and 95 %."""
        values = self.values[readout]
        return band(percent_change(values[arm], values[reference]))

    @cached_property
    def assumed(self) -> float:
        """Share of assumed numbers among those behind the result."""
        return assumed_share(self.result, self.evidence)

    # -- JSON ---------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of ``--json`` that are the assay's own."""
        arms = []
        for name, arm in self.result.arms.items():
            readouts = {}
            for key, readout in self.result.readouts.items():
                lo, mid, hi = band(self.values[key][name])
                readouts[key] = {"median": mid, "lo": lo, "hi": hi, "unit": readout.unit}
            arms.append({"name": name, "inputs": arm.model_dump(exclude_defaults=True), "readouts": readouts})
        return {
            "warnings": self.warnings(),
            "failed_patients": [{"arm": arm, "draw": draw} for arm, draw in self.result.failed],
            "assay": self.result.assay.id,
            "day": self.day,
            "readout": self.main,
            "arms": arms,
            "comparisons": list(self._comparisons()),
            "draws": len(self.ensemble),
            "assumed_share": self.assumed,
        }

    def _comparisons(self) -> Iterator[dict[str, Any]]:
        against = [(arm, control) for arm, control in self.plan.control.items()]
        against += [(modified, ordinary) for ordinary, modified in self.plan.pairs]
        for arm, reference in against:
            for key in self.result.readouts:
                lo, mid, hi = self.change(key, arm, reference)
                yield {
                    "readout": key,
                    "measure": "change",
                    "arm": arm,
                    "reference_arm": reference,
                    "effect": mid,
                    "lo": lo,
                    "hi": hi,
                    "unit": "%",
                }

    def warnings(self) -> list[str]:
        """Return what a reader must know before the numbers."""
        runs = len(self.result.arms) * len(self.ensemble)
        if not self.result.failed:
            return []
        return [
            f"{len(self.result.failed)} of {runs} runs left the physical range and are not in the medians"
        ]

    # -- text ---------------------------------------------------------------------------------

    def lines(self, plot: Path | None = None, out: Path | None = None) -> list[str]:
        """Return the text."""
        assay = self.result.assay
        lines = [f"{assay.title} ({assay.id}), day {self.day:g}", ""]
        lines += self._main_table()
        lines += self._paired_lines()
        lines += self._other_table()
        runs = len(self.result.arms) * len(self.ensemble)
        lines += [
            "",
            f"Median and central 90 % of {len(self.ensemble)} draws "
            f"({self.ensemble.name}, seed {self.ensemble.seed}); "
            f"{len(self.result.failed)} of {runs} runs failed; "
            f"{100 * self.assumed:.0f} % of the numbers behind this are assumed.",
            RESEARCH,
        ]
        lines += [f"figure: {plot}"] if plot else []
        lines += [f"data: {out}"] if out else []
        return lines

    def _main_table(self) -> list[str]:
        readout = self.result.readouts[self.main]
        falls = readout.form in SUPPRESSED and self.plan.axis != "agent"
        word = "suppression, %" if falls else "change, %"
        rows = []
        for arm in self._order():
            lo, mid, hi = band(self.values[self.main][arm])
            control = self.plan.control.get(arm)
            effect, between = "", ""
            if control:
                low, middle, high = self.change(self.main, arm, control)
                if falls:
                    low, middle, high = -high, -middle, -low
                effect, between = percent(middle), interval(low, high, percent)
            rows.append([arm, number(mid), interval(lo, hi), effect, between])
        unit = f", {readout.unit}" if readout.unit else ""
        named = self.main if self.main == readout.text else f"{self.main} ({readout.text})"
        title = f"{named}{unit}"
        against = "against the same wells without MSC" if self.plan.axis != "agent" else "against untreated"
        header = ["arm", "median", "90 %", word, "90 %"]
        return [title, *table(header, rows), f"{word.rpartition(',')[0]}: {against}, draw by draw"]

    def _order(self) -> list[str]:
        """Arms without product first, then step by step, plain beside modified."""
        arms = list(self.result.arms)
        first = [a for a in arms if a not in self.plan.control]
        rest = [a for a in arms if a in self.plan.control]
        steps = self.plan.steps
        pairs = {arm for pair in self.plan.pairs for arm in pair}
        together = sorted((a for a in rest if a in pairs), key=lambda a: steps.index(self.plan.step[a]))
        return first + (together + [a for a in rest if a not in pairs] if pairs else rest)

    def _paired_lines(self) -> list[str]:
        if not self.plan.pairs:
            return []
        ordinary, modified = (c.label for c in self.plan.conditions[:2])
        rows = []
        for plain_arm, modified_arm in self.plan.pairs:
            a, b = self.values[self.main][modified_arm], self.values[self.main][plain_arm]
            lo, mid, hi = band(percent_change(a, b))
            good = np.isfinite(a) & np.isfinite(b)
            higher = 100 * float(np.mean(a[good] > b[good])) if good.any() else float("nan")
            rows.append(
                [
                    self.plan.step[plain_arm],
                    f"{mid:+.0f}",
                    interval(lo, hi, "{:+.0f}".format),
                    number(higher, 2),
                ]
            )
        header = [
            "MSC:target" if self.plan.axis == "ratio" else "dose",
            "change, %",
            "90 %",
            "higher in % of draws",
        ]
        return ["", f"{self.main}: {modified} against {ordinary}", *table(header, rows)]

    def _other_table(self) -> list[str]:
        others = [name for name in self.result.readouts if name != self.main]
        if not others:
            return []
        middle = self.plan.middle(str(self.result.assay.defaults.get("ratio", "")))
        shown = [a for a in self._order() if self.plan.step.get(a, "") in ("", middle)]
        # four columns are what fits a page; the rest is in --json and --out
        shown = shown[:4]
        rows = []
        for name in others:
            unit = self.result.readouts[name].unit
            row = [name, "" if unit == "relative" else unit]
            for arm in shown:
                lo, mid, hi = band(self.values[name][arm])
                row.append(
                    number(mid) if np.isnan(mid) else f"{number(mid)} ({number(lo, 2)}-{number(hi, 2)})"
                )
            rows.append(row)
        where = f" at {middle}" if middle else ""
        return ["", f"Other readouts{where}", *table(["readout", "unit", *shown], rows, left=2)]

    # -- figure and files ---------------------------------------------------------------------

    def plot(self, path: Path) -> Path:
        """Draw the readout that is compared, over ratios if there are several, else over time.

        What cells do is drawn as per cent of the wells without product, draw by draw, as at the bench;
        shares and levels in their own unit.
        """
        from ..views.plots import Curve, dose_response, phrase, save, time_course

        readout = self.result.readouts[self.main]
        ylabel = phrase(readout.text, readout.unit)
        if len(self.plan.steps) > 1 and self.plan.control:
            relative = readout.form in RELATIVE
            curves = [self._curve(c, relative) for c in self.plan.conditions if len(c.arms) > 1]
            unit = self.plan.steps[0].partition(" ")[2]
            level = None if relative else band(self.values[self.main][self._first_control()])
            if relative:
                ylabel = phrase(readout.text, "% of wells without MSC")
                level = (100.0, 100.0, 100.0)
            return save(
                dose_response(curves, ylabel=ylabel, axis=self.plan.axis, dose_unit=unit, without=level), path
            )
        days = self.result.data["day"].values
        lines = []
        controls = list(dict.fromkeys(self.plan.control.values()))
        for arm in self._order():
            if arm in controls[1:]:
                continue  # one reference is enough for the eye
            data = self.result.data[self.main].sel(arm=arm).values
            bands = np.array([band(data[:, i]) for i in range(len(days))])
            lines.append(
                Curve(arm, days, bands[:, 1], bands[:, 0], bands[:, 2], grey=arm not in self.plan.control)
            )
        return save(time_course(lines, ylabel=ylabel), path)

    def _first_control(self) -> str:
        return next(iter(self.plan.control.values()))

    def _curve(self, condition: Condition, relative: bool) -> Any:
        from ..views.plots import Curve, step_value

        bands = np.array([self._point(arm, relative) for arm in condition.arms])
        x = np.array([step_value(self.plan.step[arm]) for arm in condition.arms])
        return Curve(condition.label, x, bands[:, 1], bands[:, 0], bands[:, 2])

    def _point(self, arm: str, relative: bool) -> tuple[float, float, float]:
        values = self.values[self.main]
        return band(
            100.0 + percent_change(values[arm], values[self.plan.control[arm]]) if relative else values[arm]
        )

    def save(self, folder: Path, data: Mapping[str, Any]) -> Path:
        """Write tidy data, its summary and a manifest."""
        import pandas as pd

        from ..views.files import manifest, save_folder

        parts = []
        days, draws = self.result.data["day"].values, self.result.data["draw"].values
        for name, readout in self.result.readouts.items():
            values = self.result.data[name].values
            grid = np.meshgrid(np.arange(len(self.result.arms)), draws, days, indexing="ij")
            parts.append(
                pd.DataFrame(
                    {
                        "arm": np.array(list(self.result.arms))[grid[0].ravel()],
                        "readout": name,
                        "unit": readout.unit,
                        "draw": grid[1].ravel(),
                        "day": grid[2].ravel(),
                        "value": values.ravel(),
                    }
                )
            )
        rows = [
            {"arm": arm["name"], "readout": key, "day": self.day, **value}
            for arm in data["arms"]
            for key, value in arm["readouts"].items()
        ]
        files = {
            "data.csv": _csv(pd.concat(parts, ignore_index=True)),
            "summary.csv": _csv(pd.DataFrame(rows)),
        }
        about = {
            "evidence": {"digest": self.evidence.digest, "layers": list(self.evidence.layers)},
            "ensemble": {"name": self.ensemble.name, "seed": self.ensemble.seed, "draws": len(self.ensemble)},
            "arms": {name: arm.model_dump(exclude_defaults=True) for name, arm in self.result.arms.items()},
            "readouts": {
                name: {"phrase": r.text, "unit": r.unit} for name, r in self.result.readouts.items()
            },
        }
        return save_folder(folder, files, plain(manifest(data, files, **about)))


def assumed_share(result: AssayResult, evidence: Evidence) -> float:
    """Return the share of assumed numbers among the parameters of the systems behind a result."""
    from ..experiments.well import bench_system, layout

    arms = result.arms
    strengths: dict[str, str] = {}
    for contact in ("contact", "transwell"):
        some = {name: arm for name, arm in arms.items() if arm.contact == contact}
        if some:
            sites, places = layout(result.assay, some, evidence)
            wanted = {m for arm in some.values() for m in arm.add} | set(result.assay.main.medium)
            system = bench_system(evidence, sites, places, tuple(sorted(wanted)))
            strengths |= {p.name: p.strength for p in system.parameters if p.strength}
    return sum(s == "assumed" for s in strengths.values()) / len(strengths) if strengths else 0.0


def percent(value: float) -> str:
    """Return a percentage as a whole number, one digit when small."""
    if value != value:
        return "n/a"
    return "0" if abs(value) < 0.05 else f"{value:.0f}" if abs(value) >= 9.5 else f"{value:.1f}"


def interval(low: float, high: float, shown: Any = number) -> str:
    """Return ``low to high``, nothing if it is not known."""
    return "" if low != low else f"{shown(low)} to {shown(high)}"


def _csv(frame: Any) -> bytes:
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False, float_format="%.10g", lineterminator="\n")
    return buffer.getvalue().encode()
