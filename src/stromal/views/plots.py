"""Figures fit for a paper: dose-response and time course, one column wide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curve", "dose_response", "labels_at_ends", "phrase", "save", "step_value", "time_course"]

#: Told apart by people with any kind of colour vision (Okabe and Ito 2008), dark enough for a thin line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#555555"
#: One column of most journals, inches.
WIDTH, HEIGHT = 3.5, 2.7
STYLE = {
    "font.family": "sans-serif", "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"], "font.size": 8.0,
    "axes.labelsize": 8.0, "xtick.labelsize": 7.0, "ytick.labelsize": 7.0, "axes.linewidth": 0.7,
    "axes.spines.top": False, "axes.spines.right": False, "xtick.major.width": 0.7, "ytick.major.width": 0.7,
    "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "stromal", "figure.dpi": 100,
}  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """One line of a figure with its band.

    Attributes
    ----------
    label : str
    x, median, low, high : array (points,)
    grey : bool
        Drawn as the reference.
    """

    label: str
    x: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    grey: bool = False


def step_value(text: str) -> float:
    """Return the number behind ``1:10`` (0.1) or ``300 particles/nL`` (300)."""
    head = text.strip().split(" ")[0]
    if ":" in head:
        a, b = head.split(":")
        return float(a) / float(b)
    try:
        return float(head)
    except ValueError:
        return float("nan")


#: How a readout is written on an axis.
_PHRASES = (
    (r"events division of (.+?)(?: in last ([\d.]+) ?h)?", "Divisions of {0}"),
    (r"events death of (.+?)(?: in last ([\d.]+) ?h)?", "Deaths of {0}"),
    (r"division index of (.+)", "Division index of {0}"),
    (r"count (.+)", "{0}"),
    (r"share (.+?) of (.+)", "{0} among {1}"),
    (r"level (.+)", "{0}"),
    (r"expression (.+)\.([^.]+)", "{1} of {0}"),
)


def phrase(text: str, unit: str) -> str:
    """Return the label of an axis for a readout, with its unit."""
    label, window = text, None
    for pattern, form in _PHRASES:
        if match := re.fullmatch(pattern, text):
            parts = [_cells(p or "") for p in match.groups()]
            label = form.format(*parts)
            window = match.group(2) if "events" in pattern else None
            break
    label = label[:1].upper() + label[1:] + (f" in last {window} h" if window else "")
    shown = {"cells/uL": "cells/\u00b5L", "events/uL": "per \u00b5L"}.get(unit, unit)
    return f"{label}\n({shown})" if shown else label


def _cells(name: str) -> str:
    return f"{name} cells" if re.fullmatch(r"(.* )?(T|CD4|CD8)", name) else name


def dose_response(
    curves: Sequence[Curve],
    *,
    ylabel: str,
    axis: str = "ratio",
    dose_unit: str = "particles/nL",
    without: tuple[float, float, float] | None = None,
) -> Figure:
    """Draw medians and 90 % bands over MSC:target (or dose).

    Parameters
    ----------
    curves : sequence of Curve
        x is MSC per target cell, or the dose.
    ylabel : str
        With its unit.
    axis : str
        ``ratio`` or ``dose``.
    dose_unit : str
        Of the doses.
    without : (float, float, float), optional
        5, 50 and 95 % of the wells without product.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = _figure()
    if without is not None and np.isfinite(without[1]):
        low, middle, high = without
        ax.axhline(middle, color=GREY, lw=0.9, ls=(0, (4, 2)), zorder=1)
        ax.axhspan(low, high, color=GREY, alpha=0.10, lw=0, zorder=0)
    for i, curve in enumerate(curves):
        _draw(ax, curve, COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
    ax.set_xscale("log")
    ticks = np.array(sorted({float(v) for curve in curves for v in curve.x if np.isfinite(v) and v > 0}))
    # the highest dose last, as on a dilution series
    if len(ticks):
        ax.set_xlim(ticks[0] / 1.3, ticks[-1] * 1.3)
        _ticks(ax, ticks, axis)
    ax.set_xlabel("MSC : target cells" if axis == "ratio" else f"Dose ({dose_unit})")
    ax.set_ylabel(ylabel)
    ax.set_ylim(bottom=0)
    ends = [
        (float(c.x[np.argmax(c.x)]), float(c.median[np.argmax(c.x)]), c.label, COLOURS[i % len(COLOURS)])
        for i, c in enumerate(curves)
    ]
    if without is not None and np.isfinite(without[1]):
        ends.append((float(ticks[-1]), float(without[1]), "no MSC", GREY))
    labels_at_ends(ax, ends)
    return figure


def time_course(curves: Sequence[Curve], *, ylabel: str) -> Figure:
    """Draw medians and 90 % bands over days.

    Parameters
    ----------
    curves : sequence of Curve
        x in days.
    ylabel : str
        With its unit.
    """
    figure, ax = _figure()
    used, ends = 0, []
    for curve in curves:
        colour = GREY if curve.grey else COLOURS[used % len(COLOURS)]
        used += not curve.grey
        ax.plot(curve.x, curve.median, color=colour, lw=1.4, ls=(0, (4, 2)) if curve.grey else "-", zorder=3)
        ax.fill_between(
            curve.x, curve.low, curve.high, color=colour, alpha=0.10 if curve.grey else 0.18, lw=0, zorder=1
        )
        for edge in () if curve.grey else (curve.low, curve.high):
            ax.plot(curve.x, edge, color=colour, lw=0.5, alpha=0.6, zorder=2)
        ends.append((float(curve.x[-1]), float(curve.median[-1]), curve.label, colour))
    ax.set_xlabel("Days")
    ax.set_ylabel(ylabel)
    ax.set_xlim(0, max(float(curve.x[-1]) for curve in curves))
    ax.set_ylim(bottom=0)
    labels_at_ends(ax, ends)
    return figure


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as png, svg or pdf, whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import io

    import matplotlib

    from .files import check_plot, write_file

    check_plot(path)
    kind = path.suffix.lower().removeprefix(".")
    # no clock in the file: the same result gives the same bytes
    undated = {
        "svg": {"Date": None, "Creator": "stromal"},
        "pdf": {"CreationDate": None},
        "png": {"Software": "stromal"},
    }
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure.savefig(buffer, format=kind, dpi=300, metadata=undated[kind])
    return write_file(path, buffer.getvalue(), "plot")


def _figure() -> tuple[Figure, Axes]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        FigureCanvasAgg(figure)
        ax = figure.add_subplot()
    return figure, ax


def _draw(ax: Axes, curve: Curve, colour: str, marker: str) -> None:
    order = np.argsort(curve.x)
    x, y = curve.x[order], curve.median[order]
    ax.fill_between(x, curve.low[order], curve.high[order], color=colour, alpha=0.16, lw=0, zorder=2)
    for edge in (curve.low[order], curve.high[order]):
        ax.plot(x, edge, color=colour, lw=0.5, alpha=0.6, zorder=3)
    ax.plot(x, y, color=colour, lw=1.3, marker=marker, ms=4, mec="white", mew=0.5, zorder=4, clip_on=False)


def _ticks(ax: Axes, ticks: np.ndarray, axis: str) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(list(ticks), [ratio_label(v) if axis == "ratio" else f"{v:g}" for v in ticks])


def ratio_label(value: float) -> str:
    """Return ``1:10`` for 0.1 and ``2:1`` for 2."""
    return f"1:{1 / value:.3g}" if value <= 1 else f"{value:.3g}:1"


def labels_at_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write the name of each line beside its end, pushed apart where they would meet."""
    if not ends:
        return
    low, high = ax.get_ylim()
    line = 0.058 * (high - low)
    top = -np.inf
    for _, y, label, colour in sorted((e for e in ends if np.isfinite(e[1])), key=lambda e: e[1]):
        text = _wrapped(label)
        half = line * (text.count("\n") + 1) / 2
        at = max(y, top + half)
        top = at + half
        ax.annotate(
            text, (1.0, at), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
            color=colour, va="center", ha="left", fontsize=7, linespacing=1.1, annotation_clip=False,
        )  # fmt: skip


def _wrapped(label: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(label, 20, break_on_hyphens=False))
