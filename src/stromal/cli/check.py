"""``stromal check`` and ``stromal calibrate``: the model held to the literature and to data."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import InputError
from .out import PATIENCE, Dirs, Draws, Flag, Json, Threads, Word, emit, envelope, paragraphs, table

if TYPE_CHECKING:
    from ..evidence import Evidence

__all__ = ["calibrate", "check"]


def check(
    *claim: str,
    section: Word = "",
    draws: Draws = 100,
    nulls: int = 20,
    trial_nulls: int = 0,
    quick: Flag = False,
    threads: Threads = None,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Say which claims of the literature the model reproduces, beside what shuffled models do.

    Parameters
    ----------
    claim
        Ids of claims (S2-088); all by default. One claim alone is shown in full.
    section
        Only claims of this section of the review (2.2.1).
    nulls
        Models with shuffled MSC rules to compare with; none for a single claim unless asked for.
    trial_nulls
        The same for claims on trials: several minutes each.
    quick
        A smaller run: 25 draws, one null, and no claims on trials unless named or by section.
    """
    from ..evidence import load_evidence
    from ..inference import check_claims

    tables = load_evidence(*evidence)
    with progress_bar() as tell:
        result = check_claims(
            list(claim) or None,
            evidence=tables,
            section=section or None,
            draws=draws,
            nulls=0 if len(claim) == 1 and nulls == 20 else nulls,
            trial_nulls=trial_nulls,
            quick=quick,
            threads=threads,
            progress=tell,
        )
    details = [result.detail(row["id"]) for row in result.claims] if claim else []
    inputs = {
        "claims": claim,
        "section": section,
        "draws": draws,
        "nulls": nulls,
        "trial_nulls": trial_nulls,
        "quick": quick,
        "evidence": [str(p) for p in evidence],
    }
    data = envelope(
        "check",
        inputs,
        seed=getattr(result, "seed", None),
        claims=result.claims,
        coverage=result.coverage,
        summary=result.summary,
        others=result.others,
        details=details,
    )
    lines = (
        _claim_lines(tables, result.claims[0], details[0])
        if len(result.claims) == 1 and details and not result.others
        else _all_lines(result, bool(section or claim))
    )
    emit(data, paragraphs(lines), as_json=json)


def _all_lines(result: Any, with_others: bool) -> list[str]:
    rows = [
        [r["id"], r["verdict"] + ("" if r["counted"] else " *"), f"{r['share']:.2f}", r["kind"], r["says"]]
        for r in result.claims
    ]
    others: list[str] = []
    if with_others and result.others:
        cells = [[r["id"], r["fate"], r["says"], r["reason"]] for r in result.others]
        others = ["Not run:", "", *_left(["claim", "is", "says", "why, or the link that says it"], cells)]
    if not rows:
        return others
    lines = _left(["claim", "verdict", "share", "kind", "says"], rows)
    lines += [
        "",
        "* not counted; share: of draws in which the claim holds (holds from 0.90, fails under 0.50)",
        "",
    ]
    lines += [*others, ""] if others else []
    shown = []
    for kind, s in result.summary.items():
        lift = "" if s.get("lift") is None else f"{s['lift']:+.2f} ({s['lo']:+.2f} to {s['hi']:+.2f})"
        null = "" if s.get("null") is None else f"{s['null']:.2f}"
        counts = [str(s.get(k, "")) for k in ("counted", "holds", "by_own_paper", "mixed", "fails")]
        shown.append([kind, *counts, null, lift])
    header = ["kind", "counted", "holds", "by own paper", "mixed", "fails", "null holds", "lift (90 %)"]
    lines += table(header, shown)
    lines.append("by own paper: emergent, and lost without the rules that cite the claim's own paper")
    lines += [
        "",
        "coverage of the review: " + ", ".join(f"{n} {fate}" for fate, n in result.coverage.items()),
    ]
    failing = [r for r in result.claims if r["verdict"] in ("fails", "unsolved") and r["counted"]]
    if failing:
        lines += ["", "Failing, shown and not moved: " + ", ".join(r["id"] for r in failing)]
    return lines


def _left(header: list[str], rows: list[list[str]]) -> list[str]:
    return table(header, rows, left=len(header))


def _claim_lines(tables: Evidence, row: dict[str, Any], detail: dict[str, Any]) -> list[str]:
    from ..views.sentences import citation, number

    lines = [f"{row['id']}: {row['says']}", ""]
    lines.append(
        f"{row['verdict']}: holds in {row['share']:.0%} of {row['draws']} draws; "
        f"{row['kind']} ({row['reason']})"
    )
    lines += [] if row["counted"] else ["not counted in the score"]
    arms = [
        [
            a["name"],
            _words(a["inputs"]),
            a["readout"],
            f"{a['day']:g}",
            f"{number(a['median'])} ({number(a['lo'])} to {number(a['hi'])})",
            a["unit"],
        ]
        for a in detail["arms"]
    ]
    lines += ["", *_left(["arm", "done to it", "readout", "day", "median (90 %)", "unit"], arms), ""]
    for r in detail["relations"]:
        text = f"{r['relation']}: {', '.join(r['arms'])} - in {r['share']:.0%} of draws"
        if r.get("residual") is not None:
            between = f"{number(r.get('residual_lo'))} to {number(r.get('residual_hi'))}"
            text += f"; residual {number(r['residual'])} ({between})"
        lines.append(text)
    rules = detail.get("rules", ())
    names = [r if isinstance(r, str) else r["id"] for r in rules]
    lines += ["", f"{len(names)} rules involved: {', '.join(names)}"] if names else []
    refs = detail.get("refs", ())
    lines += ["", f"papers: {citation(tables, refs)}"] if refs else []
    return lines


def _words(inputs: dict[str, Any]) -> str:
    def shown(value: Any) -> str:
        return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    return ", ".join(f"{k}={shown(v)}" for k, v in inputs.items()) or "as usual"


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Give a function to call with (what, done, of): a bar on a terminal, else a line now and then."""
    started = last = time.monotonic()
    bar: Any = None
    tasks: dict[str, Any] = {}

    def tell(what: str, done: int, of: int) -> None:
        nonlocal bar, last
        now = time.monotonic()
        if now - started < PATIENCE:
            return
        if sys.stderr.isatty():
            if bar is None:
                from rich.console import Console
                from rich.progress import Progress

                bar = Progress(console=Console(stderr=True), transient=True)
                bar.start()
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of)
            bar.update(tasks[what], completed=done, total=of)
        elif what not in tasks or now - last > 30:
            tasks.setdefault(what, None)
            last = now
            sys.stderr.write(f"stromal: {what} {done}/{of}\n")

    try:
        yield tell
    finally:
        if bar is not None:
            bar.stop()


def calibrate(
    *,
    disease: Word = "",
    draws: Annotated[int | None, Parameter(show_default=False)] = None,
    prior_draws: int = 4000,
    seed: int = 1,
    out: Path | None = None,
    threads: Threads = None,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Fit MSC mechanisms to suppression in vitro, or a disease to control arms, along few directions.

    Parameters
    ----------
    disease
        Fit this disease to the control arms that it names, in place of the bench.
    draws
        Draws of the ensemble that is kept: 400 of the bench, 100 of a disease.
    prior_draws
        Draws of the prior that the calibrated ensemble is taken from.
    seed
        Of the random streams.
    out
        Write the calibrated ensemble to this CSV, or of a disease posterior and fit into this folder; what
        ships is left alone.
    """
    from ..evidence import load_evidence
    from ..inference import calibrate as run_calibration
    from ..views.files import check_file

    if disease:
        from .calibrate_disease import calibrate_disease

        calibrate_disease(
            disease, 100 if draws is None else draws, seed, out, threads, json, evidence, progress_bar
        )
        return
    draws = 400 if draws is None else draws
    if not 1 <= draws <= prior_draws <= 1_000_000:
        raise InputError(
            f"{draws} of {prior_draws} draws",
            key="draws",
            suggestion="draws up to prior-draws, at most 1000000",
        )
    if out is not None:
        check_file(out, "out")
        if out.exists():
            raise InputError(
                "exists already, and is left as it is",
                file=str(out),
                key="out",
                suggestion="choose another name",
            )
    tables = load_evidence(*evidence)
    with progress_bar() as tell:
        result = run_calibration(
            evidence=tables, draws=draws, prior_draws=prior_draws, seed=seed, threads=threads, progress=tell
        )
    if out is not None:
        from ..inference import write_ensemble

        write_ensemble(result, tables, out)
    inputs = {
        "draws": draws,
        "prior_draws": prior_draws,
        "evidence": [str(p) for p in evidence],
        "out": str(out or ""),
    }
    data = envelope(
        "calibrate",
        inputs,
        seed=seed,
        directions=result.directions(),
        fit=result.fit(),
        effective=result.effective,
    )
    emit(data, _calibration_lines(data, draws, prior_draws, out), as_json=json)


def _calibration_lines(data: dict[str, Any], draws: int, prior_draws: int, out: Path | None) -> list[str]:
    from ..views.sentences import number

    def span(row: dict[str, Any], which: str) -> str:
        return f"{number(row[which])} ({number(row[which + '_lo'])} to {number(row[which + '_hi'])})"

    directions = [[r["direction"], span(r, "prior"), span(r, "posterior")] for r in data["directions"]]
    fit = [
        [
            r["id"],
            r["arm"],
            f"{number(r['value'])} ({number(r['low'])} to {number(r['high'])})",
            span(r, "prior"),
            span(r, "posterior"),
        ]
        for r in data["fit"]
    ]
    lines = table(["direction (multiplier)", "prior", "posterior"], directions)
    lines += ["", *table(["row", "arm", "data, % suppression", "prior", "posterior"], fit, left=2)]
    lines += [
        "",
        f"{draws} of {prior_draws} prior draws; effective sample size {data['effective']:.0f}. "
        "Median and central 90 %.",
    ]
    return lines + ([f"ensemble: {out}"] if out else [])
