"""What ``stromal trial`` says of a result: lines for a reader, and the objects of ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .out import NOT_FOR_PATIENTS, percent, table

if TYPE_CHECKING:
    from ..experiments.statistics import Estimand
    from ..experiments.summary import EffectSummary
    from ..experiments.trial import Trial
    from ..experiments.trial_run import TrialResult

__all__ = ["TrialView", "effect_words", "level_words"]

#: A chance of success above which a trial is said to show it, and under which it is said not to.
LIKELY, UNLIKELY = 0.8, 0.2


def level_words(value: float, unit: str) -> str:
    """Return a level as a reader writes it: ``62 %``, ``3.1 a year``."""
    if not np.isfinite(value):
        return "not reached" if value > 0 else "not estimable"
    if unit == "%":
        return f"{value:.0f} %"
    if unit == "1/year":
        return f"{value:.2g} a year"
    return f"{value:.3g} {unit}".strip()


def effect_words(value: float, unit: str) -> str:
    """Return an effect: points with their sign, ratios as factors."""
    if not np.isfinite(value):
        return "not estimable"
    if unit == "ratio":
        return f"x{value:.2f}"
    shown = f"{value:+.1f}" if unit == "points" else f"{value:+.3g}"
    return "0.0" if shown in ("+0.0", "-0.0") else shown


class TrialView:
    """A trial's result in words and objects.

    Parameters
    ----------
    result : TrialResult
    planned : Trial
        The trial before options changed it.
    changed : tuple of str
        Options that changed it.
    """

    def __init__(self, result: TrialResult, planned: Trial, changed: tuple[str, ...] = ()) -> None:
        self.result, self.planned, self.changed = result, planned, changed
        self.trial = result.trial
        self.calibrated = result.posterior.calibrated
        names = [a.name for a in self.trial.arms]
        self.reference = self.trial.reference or names[0]
        self.treated = [name for name in names if name != self.reference]
        self.days = {e.endpoint: self._day(e) for e in result.estimands}

    def _day(self, estimand: Estimand) -> float | None:
        """Return the day that an estimate is of; the end of the trial where it is of the last."""
        if estimand.measure in ("survival", "incidence"):
            return estimand.day if estimand.day is not None else self.trial.spec.days
        return estimand.day

    def title(self, name: str) -> str:
        """Return the title of an endpoint, with its day where the title does not say it."""
        text = self.trial.endpoints[name].title or name.replace("_", " ")
        day = self.days.get(name)
        return text if day is None else f"{text}, day {day:g}"

    # -- objects ------------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints besides the envelope."""
        r = self.result
        return {
            "trial": self.trial.id,
            "disease": self.trial.disease.id,
            "title": self.trial.spec.title,
            "calibrated": self.calibrated,
            "headline": self.headline(),
            "primary": self.trial.spec.primary,
            "reference_arm": self.reference if self.treated else None,
            "arms": self.arms(),
            "comparisons": self.comparisons(),
            "scores": self.scores(),
            "yields": {k: float(v) for k, v in r.patients.yields.items()},
            "assumed": float(r.assumed()),
            "amplifiers": list(getattr(r, "amplifiers", ())),
            "not_stated": dict(self.trial.spec.not_stated),
            "draws": r.draws,
            "virtual_patients": len(r.patients),
            "warnings": self.warnings(),
            "failed_patients": [{"arm": arm, "id": i} for arm, ids in r.failed.items() for i in ids],
        }

    def warnings(self) -> list[str]:
        """Return the warnings of the run, and that a changed trial is not held against reports."""
        out = list(self.result.warnings)
        if len(self.trial.spec.reported) < len(self.planned.spec.reported):
            out.append("the trial was changed: what was reported of it is not compared")
        return out

    def arms(self) -> list[dict[str, Any]]:
        """Return each arm with its endpoints; no numbers where the disease is uncalibrated."""
        out = []
        for arm in self.trial.arms:
            endpoints = {}
            for e in self.result.estimands:
                a = self.result.summary.arm(arm.name, e)
                shown = (a.median, a.lo, a.hi) if self.calibrated else (None, None, None)
                endpoints[e.endpoint] = {
                    **dict(zip(("median", "lo", "hi"), shown, strict=True)),
                    "unit": a.unit,
                    "measure": e.measure,
                    "day": self.days[e.endpoint],
                }
            out.append({"name": arm.name, "n": arm.n, "endpoints": endpoints})
        return out

    def comparisons(self) -> list[dict[str, Any]]:
        """Return each comparison with its shift and the sign of its effect."""
        out = []
        for c in self.result.summary.comparisons:
            shift = self.result.shift.get((c.arm, c.estimand.endpoint), (np.nan,) * 3)
            item = c.as_dict() | {"day": self.days[c.estimand.endpoint]}
            item["shift"] = dict(zip(("median", "lo", "hi"), map(float, shift), strict=True))
            item["sign"], item["sign_share"] = _sign(c)
            if not self.calibrated:
                for key in ("effect", "lo", "hi", "known_lo", "known_hi", "power", "assurance"):
                    item[key] = None
                item["shift"] = dict.fromkeys(("median", "lo", "hi"))
            out.append(item)
        return out

    def scores(self) -> list[dict[str, Any]]:
        """Return predicted beside reported; none where the disease is uncalibrated."""
        if not self.calibrated:
            return []
        keys = ("id", "reported", "median", "lo", "hi", "inside", "crps", "crps_no_effect", "crps_historical",
                "log", "log_no_effect", "log_historical", "rule", "vacuous")  # fmt: skip
        out = []
        for s in self.result.scores:
            item = {key: getattr(s, key) for key in keys}
            out.append({k: v.item() if isinstance(v, np.generic) else v for k, v in item.items()})
        return out

    def curves(self) -> list[dict[str, Any]]:
        """Return the share of patients with each event over time, in %."""
        if not self.calibrated:
            return []
        return [
            {
                "endpoint": c.endpoint,
                "arm": c.arm,
                "day": float(d),
                "median": float(m),
                "lo": float(lo),
                "hi": float(hi),
            }
            for c in self.result.curves
            for d, m, lo, hi in zip(c.days, c.median, c.lo, c.hi, strict=True)
        ]

    # -- words --------------------------------------------------------------------------------------

    def headline(self) -> str:
        """Return the most important sentence: what the trial would show."""
        primary = self.trial.spec.primary
        e = next(e for e in self.result.estimands if e.endpoint == primary)
        title = self.title(primary)
        numbers = [f"{a.n}" for a in self.trial.arms]
        sizes = " and ".join(filter(None, (", ".join(numbers[:-1]), numbers[-1])))
        if not self.treated:
            if not self.calibrated:
                return f"{title}: the disease is uncalibrated and there is one arm: nothing can be said."
            a = self.result.summary.arm(self.reference, e)
            span = f"{level_words(a.lo, a.unit)} to {level_words(a.hi, a.unit)}"
            return f"{sizes} patients would show {title}: {level_words(a.median, a.unit)} ({span})."
        parts = []
        for arm in self.treated:
            c = self.result.summary.comparison(arm, e)
            parts.append(self._verdict(c))
        return ".\n".join(f"A trial of {sizes} patients {part}" for part in parts) + "."

    def _verdict(self, c: EffectSummary) -> str:
        title = self.title(c.estimand.endpoint)
        who = f"{c.arm} against {c.reference_arm}"
        if not self.calibrated:
            sign, share = _sign(c)
            return (
                f"would show {title} {sign} with {who} in {percent(share)} of runs (uncalibrated: signs only)"
            )
        chance = c.assurance
        if chance >= LIKELY:
            word = "would probably show a benefit"
        elif chance <= UNLIKELY:
            word = "would probably not show a benefit"
        else:
            word = "may or may not show a benefit"
        a = self.result.summary.arm(c.arm, c.estimand)
        b = self.result.summary.arm(c.reference_arm, c.estimand)
        shift = self.result.shift.get((c.arm, c.estimand.endpoint), (np.nan,) * 3)
        same = f"; in the same patients treatment changes it by {_effect_span(shift, c.unit)}"
        unit = {"points": " points", "ratio": ""}.get(c.unit, f" {c.unit}")
        return (
            f"{word} of {who} in {title}: {level_words(a.median, a.unit)} against "
            f"{level_words(b.median, b.unit)}, difference {effect_words(c.effect, c.unit)}{unit} (90 % of "
            f"trials: {effect_words(c.lo, c.unit)} to {effect_words(c.hi, c.unit)}); "
            f"{percent(chance)} of trials succeed{same}"
        )

    def lines(self) -> list[str]:
        """Return what is printed."""
        r = self.result
        out = [*self.headline().splitlines(), "", self.trial.spec.title, *self._arm_lines(), ""]
        if self.calibrated:
            out += [*self._level_lines(), ""]
        if self.treated:
            out += [*(self._effect_lines() if self.calibrated else self._sign_lines()), ""]
        if r.scores and self.calibrated:
            out += [*self._score_lines(), ""]
        out += [f"how the dose reaches the disease: {text}" for text in getattr(r, "amplifiers", ())]
        yields = "; ".join(f"{key} {percent(value)}" for key, value in r.patients.yields.items())
        out += [
            f"{len(r.patients)} virtual patients in {r.draws} draws, {r.replicates} trials each; {yields}",
            f"{percent(r.assumed())} of the numbers behind this are assumed: nobody has measured them",
        ]
        failed = [f"{i} ({arm})" for arm, ids in r.failed.items() for i in ids]
        if failed:
            out.append(f"runs that did not end, in no estimate: {', '.join(failed)}")
        if self.trial.spec.not_stated:
            said = "; ".join(f"{key}: {value}" for key, value in self.trial.spec.not_stated.items())
            here = (
                f" (as the trial's file has it; changed here: {', '.join(self.changed)})"
                if self.changed
                else ""
            )
            out.append(f"not stated; assumed: {said}{here}")
        return [*out, NOT_FOR_PATIENTS]

    def _arm_lines(self) -> list[str]:
        return [f"  {arm.name} (n = {arm.n}): {arm_words(arm)}" for arm in self.trial.arms]

    def _level_lines(self) -> list[str]:
        names = [a.name for a in self.trial.arms]
        rows = []
        for e in self.result.estimands:
            cells = []
            for name in names:
                a = self.result.summary.arm(name, e)
                cells.append(_span(a.median, a.lo, a.hi, a.unit))
            rows.append([self.title(e.endpoint), *cells])
        return [
            "median of trials of this size (90 % predictive interval)",
            *table(["endpoint", *names], rows),
        ]

    def _effect_lines(self) -> list[str]:
        rows = []
        for c in self.result.summary.comparisons:
            shift = self.result.shift.get((c.arm, c.estimand.endpoint), (np.nan,) * 3)
            spans = [_effect_span(v, c.unit) for v in ((c.effect, c.lo, c.hi), shift)]
            name = [c.arm] if len(self.treated) > 1 else []
            rows.append([
                self.title(c.estimand.endpoint), *name, spans[0],
                c.unit, f"{percent(c.power)}", f"{percent(c.assurance)}", spans[1],
            ])  # fmt: skip
        who = self.treated[0] if len(self.treated) == 1 else "each arm"
        header = ["endpoint", *(["arm"] if len(self.treated) > 1 else []), "effect (90 %)", "in", "power",
                  "assurance", "same patients (90 %)"]  # fmt: skip
        return [
            f"{who} against {self.reference}",
            *table(header, rows, left=len(header) - 5),
            "power: share of trials with p < 0.05 in the right direction, in the middle draw; assurance: "
            "over all draws; "
            "same patients: what treatment changes in the same patients with the same chance",
        ]

    def _sign_lines(self) -> list[str]:
        rows = []
        for c in self.result.summary.comparisons:
            sign, share = _sign(c)
            rows.append([self.title(c.estimand.endpoint), c.arm, sign, f"{percent(share)}"])
        return [
            f"against {self.reference}; uncalibrated: signs only",
            *table(["endpoint", "arm", "with treatment", "of runs"], rows, left=3),
        ]

    def _score_lines(self) -> list[str]:
        rows = []
        for s in self.result.scores:
            others = [
                f"{v:.2f}" if np.isfinite(v) else "-" for v in (s.crps, s.crps_no_effect, s.crps_historical)
            ]
            inside = "inside" if s.inside else "outside"
            span = f"{s.median:.1f} ({s.lo:.1f} to {s.hi:.1f})"
            rows.append(
                [s.id, f"{s.reported:g}", span, inside, *others, "vacuous" if s.vacuous else "informative"]
            )
        header = ["predicted beside reported", "reported", "predicted (90 %)", "interval", "CRPS",
                  "no effect", "historical", "verdict"]  # fmt: skip
        return [
            *table(header, rows),
            "CRPS: less is better, beside two forecasts that know no mechanism; vacuous: the model beats "
            "neither",
        ]


def arm_words(arm: Any) -> str:
    """Return what an arm gets, in words."""
    from ..experiments.trial_options import blocked_words

    parts = []
    for t in arm.therapies:
        source = f" ({t.source.replace('_', ' ')})" if t.what == "cells" else ""
        primed = f", {'+'.join(t.priming)}-primed" if t.priming else ""
        days = " ".join(f"{d:g}" for d in t.days[:8]) + (" ..." if len(t.days) > 8 else "")
        where = t.route or f"into {t.place}"
        per = "/kg" if t.per_kg else ""
        parts.append(f"{t.give}{source}{primed} {t.amount:.3g} {t.unit}{per} {where} on day {days}")
    parts += [blocked_words(b) for b in arm.block] + [f"{k} knocked out" for k in arm.knockout]
    return "; ".join(parts) or "what all arms get"


def _span(middle: float, lo: float, hi: float, unit: str) -> str:
    if not np.isfinite(middle):
        return level_words(middle, unit)
    if unit == "%":
        return f"{middle:.0f} % ({lo:.0f} to {hi:.0f})"
    return f"{level_words(middle, unit)} ({lo:.2g} to {hi:.2g})"


def _effect_span(values: tuple[float, float, float], unit: str) -> str:
    middle, lo, hi = (effect_words(v, unit).removeprefix("x") for v in values)
    return f"{middle} ({lo} to {hi})"


def _sign(c: EffectSummary) -> tuple[str, float]:
    """Return which way an effect goes in most trials, and in what share of those that could be read."""
    values = c.samples[np.isfinite(c.samples)]
    if not len(values):
        return "not estimable", 0.0
    none = 1.0 if c.unit == "ratio" else 0.0
    shares = {
        "higher": float((values > none).mean()),
        "lower": float((values < none).mean()),
        "the same": float((values == none).mean()),
    }
    word = max(shares, key=lambda k: shares[k])
    return word, shares[word]
