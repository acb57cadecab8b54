"""Figures of a disease's course and of one virtual patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .plots import COLOURS, GREY, STYLE, labels_at_ends
from .trial_plots import arm_colours, axis_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..experiments.course import Course
    from ..experiments.paths import Paths

__all__ = ["course_figure", "patient_figure"]


def _panels(count: int) -> tuple[Figure, list]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(count, 2)
    rows = -(-count // columns)
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(3.7 * columns, 2.6 * rows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, list(axes[:count])


def course_figure(courses: Sequence[Course], *, clock: str, enrolled: float) -> Figure:
    """Draw medians with 90 % bands of patients, a panel an observable.

    Parameters
    ----------
    courses : sequence of Course
    clock : str
        What days are counted from.
    enrolled : float
        Day of enrolment, which is marked.
    """
    keys = list(dict.fromkeys(c.observable for c in courses))
    figure, axes = _panels(len(keys))
    for ax, key in zip(axes, keys, strict=True):
        ends, top = [], 0.0
        mine = [c for c in courses if c.observable == key]
        for i, c in enumerate(mine):
            colour = GREY if i == 0 else COLOURS[(i - 1) % len(COLOURS)]
            ax.plot(c.days, c.median, color=colour, lw=1.4, ls=(0, (4, 2)) if i == 0 else "-", zorder=3)
            if i in (0, len(mine) - 1):
                # bands of the first and last alone: four that lie over each other tell nothing
                ax.fill_between(c.days, c.lo, c.hi, color=colour, alpha=0.13, lw=0)
            ends.append((float(c.days[-1]), float(c.median[-1]), c.name, colour))
            top = max(top, float(np.nanmax(c.median)))
        ax.axvline(enrolled, color=GREY, lw=0.6, ls=":")
        ax.set(
            xlabel=clock[:1].upper() + clock[1:],
            ylabel=axis_label(key, mine[0].unit),
            xlim=(0, mine[0].days[-1]),
        )
        ax.set_ylim(0, 1.0 if key == "damage" else top * 1.6)
        ax.text(enrolled, ax.get_ylim()[1], " enrolment", fontsize=6.5, color=GREY, va="top", ha="left")
        labels_at_ends(ax, ends)
    return figure


def patient_figure(
    paths: Mapping[str, Paths], units: Mapping[str, str], observables: Sequence[str], reference: str
) -> Figure:
    """Draw observables of one patient in each arm, a panel an observable.

    Parameters
    ----------
    paths : dict of str to Paths
        By arm; the first patient is drawn.
    units : dict of str to str
    observables : sequence of str
    reference : str
        The arm that is grey.
    """
    figure, axes = _panels(len(observables))
    colours = arm_colours(list(paths), reference)
    for ax, key in zip(axes, observables, strict=True):
        ends = []
        for arm, path in sorted(paths.items(), key=lambda item: item[0] == reference):
            dashed = arm == reference and len(paths) > 1
            line = path.values[key][0]
            ax.plot(path.days, line, color=colours[arm], lw=1.4, ls=(0, (4, 2)) if dashed else "-")
            ends.append((float(path.days[-1]), float(line[-1]), arm, colours[arm]))
        ax.set(xlabel="Days since enrolment", ylabel=axis_label(key, units[key]), xlim=(0, path.days[-1]))
        ax.set_ylim(bottom=0)
        labels_at_ends(ax, ends)
    return figure
