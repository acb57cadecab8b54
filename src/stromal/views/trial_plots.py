"""The figure of a trial: survival, effects, levels, and the course of virtual patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..experiments.endpoint_kinds import Composite
from .plots import COLOURS, GREY, STYLE, labels_at_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..experiments.trial_run import TrialResult

__all__ = ["arm_colours", "trial_figure"]

#: Patients of each arm whose own course is drawn.
SHOWN = 25
#: Endpoints of the panels of bars and effects.
MOST = 7


def arm_colours(names: list[str], reference: str) -> dict[str, str]:
    """Return the colour of each arm; the reference is grey."""
    others = [n for n in names if n != reference or len(names) == 1]
    out = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(others)}
    return {name: out.get(name, GREY) for name in names}


def trial_figure(result: TrialResult) -> Figure:
    """Draw a trial in four panels.

    Parameters
    ----------
    result : TrialResult

    Returns
    -------
    matplotlib.figure.Figure
        Without percentages where the disease is uncalibrated.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    trial = result.trial
    names = [a.name for a in trial.arms]
    colours = arm_colours(names, trial.reference or names[0])
    calibrated = result.posterior.calibrated
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(7.4, 6.2), layout="constrained")
        figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
        FigureCanvasAgg(figure)
        if not calibrated:
            figure.set_size_inches(3.7, 3.3)
            ax = figure.subplots()
            _courses(ax, result, colours)
            figure.suptitle("uncalibrated: no percentages", fontsize=7, color=GREY)
            return figure
        axes = figure.subplots(2, 2)
        _survival(axes[0, 0], result, colours)
        _levels(axes[0, 1], result, colours)
        _courses(axes[1, 0], result, colours)
        _effects(axes[1, 1], result, colours)
        for letter, ax in zip("abcd", axes.flat, strict=True):
            if ax.axison:
                ax.set_title(letter, loc="left", fontweight="bold", fontsize=9, x=-0.12)
    return figure


def _survival(ax: Axes, result: TrialResult, colours: dict[str, str]) -> None:
    """Draw the first endpoint that is a time without events, or else the first event."""
    kinds = result.trial.endpoints
    found = [c.endpoint for c in result.curves]
    if not found:
        ax.set_axis_off()
        return
    name = next((n for n in found if isinstance(kinds[n], Composite)), found[0])
    free = isinstance(kinds[name], Composite)
    ends = []
    for c in (c for c in result.curves if c.endpoint == name):
        middle, lo, hi = (100 - c.median, 100 - c.hi, 100 - c.lo) if free else (c.median, c.lo, c.hi)
        dashed = colours[c.arm] == GREY
        ax.plot(c.days, middle, color=colours[c.arm], lw=1.4, ls=(0, (4, 2)) if dashed else "-", zorder=3)
        ax.fill_between(c.days, lo, hi, color=colours[c.arm], alpha=0.12 if dashed else 0.16, lw=0)
        ends.append((float(c.days[-1]), float(middle[-1]), c.arm, colours[c.arm]))
    title = kinds[name].title or name
    ax.set(xlabel="Days since enrolment", ylabel=f"{title[:1].upper()}{title[1:]} (%)", ylim=(0, 100))
    ax.set_xlim(0, result.trial.spec.days)
    labels_at_ends(ax, ends)


def _short(result: TrialResult, name: str) -> str:
    import textwrap

    text = result.trial.endpoints[name].title or name.replace("_", " ")
    return "\n".join(textwrap.wrap(text, 27))


def _levels(ax: Axes, result: TrialResult, colours: dict[str, str]) -> None:
    """Draw levels in %, as points with 90 % predictive intervals."""
    estimands = [
        e for e in result.estimands if e.measure in ("proportion", "share", "survival", "incidence")
    ][:MOST]
    arms = list(colours)
    step = 0.6 / max(len(arms), 1)
    for i, e in enumerate(estimands):
        for j, arm in enumerate(arms):
            a = result.summary.arm(arm, e)
            y = i + (j - (len(arms) - 1) / 2) * step
            ax.barh(y, a.median, height=step * 0.85, color=colours[arm], alpha=0.55, lw=0)
            ax.plot([a.lo, a.hi], [y, y], color="black", lw=0.9)
    ax.set_yticks(range(len(estimands)), [_short(result, e.endpoint) for e in estimands], fontsize=6.5)
    ax.invert_yaxis()
    ax.set(xlabel="Patients (%), median and 90 % of trials", xlim=(0, 100))
    ax.tick_params(axis="y", length=0)
    handles = [ax.barh(0, 0, color=colours[a], alpha=0.55, label=a) for a in arms]
    ax.legend(
        handles=handles, frameon=False, fontsize=6.5, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2
    )


def _effects(ax: Axes, result: TrialResult, colours: dict[str, str]) -> None:
    """Draw effects in points: of trials, and of the same patients."""
    found = [c for c in result.summary.comparisons if c.unit == "points"]
    names = list(dict.fromkeys(c.estimand.endpoint for c in found))[:MOST]
    arms = list(dict.fromkeys(c.arm for c in found))
    if not names:
        ax.set_axis_off()
        return
    step = 0.6 / len(arms)
    for c in found:
        if c.estimand.endpoint not in names:
            continue
        y = names.index(c.estimand.endpoint) + (arms.index(c.arm) - (len(arms) - 1) / 2) * step
        colour = colours[c.arm]
        ax.plot([c.lo, c.hi], [y, y], color=colour, lw=1.0, zorder=2)
        ax.plot(c.effect, y, "o", ms=4, mfc="white", mec=colour, mew=1.0, zorder=3)
        middle, lo, hi = result.shift.get((c.arm, c.estimand.endpoint), (np.nan,) * 3)
        ax.plot([lo, hi], [y, y], color=colour, lw=3.5, alpha=0.45, zorder=1, solid_capstyle="butt")
        ax.plot(middle, y, "|", ms=8, color=colour, mew=1.6, zorder=4)
    ax.axvline(0, color=GREY, lw=0.7, zorder=0)
    ax.set_yticks(range(len(names)), [_short(result, n) for n in names], fontsize=6.5)
    ax.invert_yaxis()
    most = max(abs(v) for v in ax.get_xlim())
    ax.set(
        xlim=(-most, most),
        xlabel=f"Points more than with {result.trial.reference}\n(thin: trials, 90 %; thick: same patients)",
    )
    ax.tick_params(axis="y", length=0)


def _courses(ax: Axes, result: TrialResult, colours: dict[str, str]) -> None:
    """Draw the observable that the primary endpoint is read from, patient by patient."""
    key = first_observable(result)
    paths = result.followed.paths
    reference = result.trial.reference or next(iter(paths))
    arms = [reference, *(a for a in paths if a != reference)][:2]
    rows = np.flatnonzero(np.all([paths[a].ok for a in arms], axis=0))
    # patients spread evenly over what they were like at enrolment, not the first few
    order = rows[np.argsort(paths[reference].values[key][rows, 0], kind="stable")]
    chosen = (
        order[np.unique(np.linspace(0, len(order) - 1, min(SHOWN, len(order))).astype(int))]
        if len(order)
        else order
    )
    for arm in arms:
        dashed = colours[arm] == GREY and len(arms) > 1
        for row in chosen:
            ax.plot(
                paths[arm].days, paths[arm].values[key][row], color=colours[arm],
                lw=0.8, alpha=0.6, ls=(0, (4, 2)) if dashed else "-", zorder=1 if dashed else 2,
            )  # fmt: skip
    end = min(result.trial.spec.days, 180.0)
    unit = result.trial.disease.observables[key].unit
    ax.set(xlabel="Days since enrolment", xlim=(0, end), ylabel=axis_label(key, unit))
    ax.set_ylim(bottom=0)
    said = f"{len(chosen)} virtual patients"
    if len(arms) > 1:
        said += f"; line: {arms[1]}\ndashed: {arms[0]}"
    ax.set_title(said, loc="right", fontsize=6.5, color=GREY)


def axis_label(key: str, unit: str) -> str:
    """Return the label of an axis for an observable."""
    name = key[:1].upper() + key[1:]
    shown = {"cells/uL": "cells/\u00b5L", "relative": "share of the organ" if key == "damage" else "relative"}
    return f"{name} ({shown.get(unit, unit)})" if unit and unit not in ("1", "") else name


def first_observable(result: Any) -> str:
    """Return the observable behind the primary endpoint, or the first of the disease."""
    endpoints, observables = result.trial.endpoints, result.trial.disease.observables
    name: Any = result.trial.spec.primary
    for _ in range(len(endpoints)):
        e = endpoints.get(name)
        latent = getattr(e, "latent", ()) or getattr(e, "terms", ())
        if latent:
            return str(latent[0].of)
        name = getattr(e, "of", None)
        if name in observables:
            return str(name)
        if name is None:
            events = getattr(e, "events", ())
            name = events[0] if events else None
    return next(iter(observables))
