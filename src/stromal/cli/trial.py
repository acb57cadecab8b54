"""``stromal trial``: what a trial would show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import InputError
from .out import Dirs, Draws, Flag, Json, Threads, Word, Words, emit, envelope, paragraphs, split

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..experiments.trial import Trial

__all__ = ["changed_trial", "check_numbers", "trial"]

MOST_REPLICATES = 1000
#: Repeatable like Words; a value may begin with a minus, to be refused by what it means.
Values = Annotated[tuple[str, ...], Parameter(negative="", show_default=False, allow_leading_hyphen=True)]


def trial(
    name: str,
    /,
    *,
    n: Annotated[int | None, Parameter(name=["-n", "--n"], show_default=False)] = None,
    product: Annotated[
        tuple[str, ...], Parameter(name=["--product", "--give"], negative="", show_default=False)
    ] = (),
    source: Words = (),
    species: Word = "",
    dose: Annotated[
        tuple[str, ...],
        Parameter(name=["--dose", "--amt"], negative="", show_default=False, allow_leading_hyphen=True),
    ] = (),
    cap: Word = "",
    route: Words = (),
    cmt: Words = (),
    time: Values = (),
    ii: Values = (),
    addl: Values = (),
    until: Values = (),
    days: Values = (),
    priming: Words = (),
    viability: Values = (),
    block: Words = (),
    knockout: Words = (),
    background: Words = (),
    with_product: Words = (),
    regimen: Path | None = None,
    regimen_unit: Word = "",
    regimen_hours: Flag = False,
    all_arms: Flag = False,
    only: Words = (),
    draws: Draws = 40,
    replicates: int = 5,
    seed: int = 1,
    plot: Path | None = None,
    out: Path | None = None,
    curves: Flag = False,
    threads: Threads = None,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Say what a trial would show: arms, effects, power, and predicted beside reported.

    Options change the arms that get cells or vesicles.

    An option given twice makes two arms of each.

    Research software, not for decisions on patients.

    Parameters
    ----------
    name
        A trial or a disease (stromal list trials), or a TOML file of your own.
    n
        Patients of each arm; the trial's own numbers by default.
    product
        MSC, "apoptotic MSC", MSC-EV ... (stromal list products); repeatable.
    source
        bone_marrow, adipose, umbilical_cord, placenta, dental_pulp or peyers_patch; repeatable.
    species
        human or mouse, of the cells that are given.
    dose
        One dose, with its unit: "2e6 cells/kg", "1e8 cells", "1e11 particles"; repeatable.
    cap
        Most that one dose may be, "2e8 cells".
    route
        IV, IP, IA, local, intralymphatic, inhaled; repeatable.
    cmt
        A place in which all of the dose is put, in place of a route; repeatable.
    time
        Day of the first dose; repeatable.
    ii
        Days between doses; repeatable.
    addl
        How many doses follow the first; repeatable.
    until
        Doses go on up to, but not including, this day; repeatable.
    days
        The days themselves, "0 7 14"; repeatable.
    priming
        IFNG, TNF, IL1B, TLR3, TLR4, TLR5; repeatable, given together.
    viability
        Share of the cells that is alive, 0.7; repeatable.
    block
        A drug, antibody or node blocked in the product arm; repeatable, done together.
    knockout
        OWNER.NODE in the product arm, MSC.IDO1; repeatable, done together.
    background
        A further drug in every arm, "give=steroid, amt=1 relative, route=IV"; repeatable.
    with_product
        A further drug in the product arm alone, written likewise; repeatable.
    regimen
        NONMEM-style table of doses (CSV) in place of dose and days; each ID is an arm.
    regimen_unit
        Unit of AMT in that table; that of the trial's dose by default.
    regimen_hours
        Times in that table are hours.
    all_arms
        Keep the product arm as the trial has it beside the changed ones.
    only
        Run only the arm of this name; repeatable.
    replicates
        Trials in each draw.
    seed
        Of the patients' chance.
    plot
        Write a figure (png, svg or pdf): survival, effects, responses, and the course of patients.
    out
        Write tables and result.json into this new or empty folder.
    curves
        Put the curves of events into --json too.
    """
    from ..evidence import load_evidence
    from ..experiments.trial import load_trial
    from ..experiments.trial_run import run_trial
    from ..views.files import check_plot
    from .check import progress_bar
    from .trial_files import check_new, trial_files
    from .trial_report import TrialView

    check_numbers(draws, replicates, seed)
    if plot is not None:
        check_plot(plot)
    if out is not None:
        check_new(out)
    tables = load_evidence(*evidence)
    varied: dict[str, Any] = {
        "give": split(product),
        "source": split(source),
        "species": species,
        "amt": split(dose),
        "cap": cap,
        "route": split(route),
        "cmt": split(cmt),
        "time": split(time),
        "ii": split(ii),
        "addl": split(addl),
        "until": split(until),
        "days": days,
        "viability": split(viability),
    }
    varied = {k: v for k, v in varied.items() if v not in ((), "")}
    fixed: dict[str, Any] = {
        "priming": split(priming),
        "block": split(block),
        "knockout": split(knockout),
        "background": background,
        "with_product": with_product,
        "regimen": regimen,
        "regimen_unit": regimen_unit,
        "regimen_hours": regimen_hours,
        "all_arms": all_arms,
        "only": only,
    }
    asked = {"n": n, **{k: v for k, v in {**fixed, **varied}.items() if v not in ((), "", None, False)}}
    planned = load_trial(name, tables)
    chosen = changed_trial(planned, tables, asked)
    with progress_bar() as tell:
        result = run_trial(
            chosen,
            evidence=tables,
            draws=draws,
            replicates=replicates,
            seed=seed,
            threads=threads,
            progress=tell,
        )
    view = TrialView(result, planned, tuple(k for k, v in asked.items() if v is not None))
    inputs = {
        "trial": name,
        **{k: str(v) if isinstance(v, Path) else v for k, v in asked.items()},
        "draws": draws,
        "replicates": replicates,
        "evidence": [str(p) for p in evidence],
    }
    data = envelope("trial", inputs, seed=seed, **view.as_dict())
    if plot is not None:
        from ..views.plots import save
        from ..views.trial_plots import trial_figure

        data["plot"] = str(save(trial_figure(result), plot))
    if out is not None:
        data["out"] = str(trial_files(out, view, data, tables))
    if curves:
        data["curves"] = view.curves()
    written = [f"wrote {data[key]}" for key in ("plot", "out") if key in data]
    emit(data, paragraphs([*view.lines(), *([""] if written else []), *written]), as_json=json)


def changed_trial(planned: Trial, tables: Evidence, asked: dict[str, Any]) -> Trial:
    """Return the trial as it was asked for.

    Raises
    ------
    InputError
        For whatever cannot be given, under the name of the option.
    """
    from ..experiments.trial_options import with_options
    from .assay import agents

    options = dict(asked)
    if "block" in options:
        options["block"] = agents(options["block"], tables)
    try:
        return with_options(planned, tables, **options)
    except InputError as err:
        names = {"give": "product", "amt": "dose"}
        raise InputError(
            err.message,
            file=err.file,
            row=err.row,
            key=err.key if err.file else names.get(err.key, err.key),
            suggestion=err.suggestion,
        ) from None


def check_numbers(draws: int, replicates: int = 1, seed: int = 1) -> None:
    """Refuse numbers of draws, replicates and seeds that cannot be.

    Raises
    ------
    InputError
    """
    if draws < 1:
        raise InputError(f"{draws} draws asked for", key="draws", suggestion="at least 1")
    if not 1 <= replicates <= MOST_REPLICATES:
        raise InputError(f"{replicates} replicates", key="replicates", suggestion=f"1 to {MOST_REPLICATES}")
    if not 0 <= seed < 2**32:
        raise InputError(f"seed {seed}", key="seed", suggestion="0 to 4294967295")
