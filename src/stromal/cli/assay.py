"""``stromal assay``: what a bench should show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import InputError
from .out import Dirs, Draws, Flag, Json, Threads, Word, Words, emit, envelope, split, working

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..experiments import Assay, Ensemble

__all__ = ["assay", "choose_ensemble"]


def assay(
    name: str = "coculture",
    /,
    *,
    ratio: Words = (),
    dose: Words = (),
    product: Word = "",
    source: Word = "",
    species: Word = "",
    msc_species: Word = "",
    priming: Words = (),
    transwell: Flag = False,
    block: Words = (),
    knockout: Words = (),
    add: Words = (),
    stimulus: float | None = None,
    seed_cells: Annotated[tuple[str, ...], Parameter(name="--seed", negative="", show_default=False)] = (),
    carried: Words = (),
    msc_day: float | None = None,
    arm: Words = (),
    controls: Flag = False,
    only: Flag = False,
    day: float | None = None,
    readout: Words = (),
    draws: Draws = 100,
    prior: Flag = False,
    plot: Path | None = None,
    out: Path | None = None,
    threads: Threads = None,
    json: Json = False,
    evidence: Dirs = (),
) -> None:
    """Run an assay: medians with 90 % intervals, beside the wells without MSC.

    Parameters
    ----------
    name
        A shipped assay (stromal list assays) or a TOML file of your own.
    ratio
        MSC:target, 1:10; repeatable. The assay's own sweep by default.
    dose
        Of vesicles ("1000 particles/nL") or conditioned medium ("50 %"); repeatable.
    product
        MSC, "dead MSC", fibroblast, MSC-EV, apoV, "conditioned medium" ... (stromal list products).
    source
        bone_marrow, adipose, umbilical_cord, placenta, dental_pulp or peyers_patch.
    species
        human or mouse, of all cells.
    msc_species
        Of the MSC alone.
    priming
        IFNG, TNF, IL1B, TLR3, TLR4, TLR5; repeatable, given together.
    transwell
        MSC behind a membrane.
    block
        A drug, antibody or node (PD-L1, "COX2 inhibitor"), "PD-L1:0.8" with an efficacy; repeatable.
    knockout
        OWNER.NODE, MSC.IDO1; repeatable.
    add
        A mediator in the medium, "IFNG=10 ng/mL"; repeatable.
    stimulus
        Multiplies the assay's stimulus.
    seed_cells
        More cells, or another number of them, "Treg=100 cells/uL"; repeatable.
    carried
        What cells carry at first, "tumour.HLA-ABC=1 relative"; repeatable.
    msc_day
        Day on which the product is added.
    arm
        An arm of your own, 'name: key=value, block=A+B, add.IFNG=10 ng/mL'; repeatable, not a sweep.
    controls
        Add dead MSC and fibroblasts.
    only
        Leave out the plain arms that are shown beside modified ones.
    day
        Day of the readouts; the assay's by default.
    readout
        A name of the assay's readouts or a phrase ("share Th17 of CD4"); repeatable, the first is compared.
    prior
        Draw from the prior instead of the calibrated ensemble.
    plot
        Write a figure (png, svg or pdf): dose-response for a sweep, else time course.
    out
        Write data.csv, summary.csv and manifest.json into this folder.
    """
    from ..evidence import load_evidence
    from ..experiments import load_assay, run_assay
    from ..views.files import check_folder, check_plot
    from .assay_report import report

    if plot is not None:
        check_plot(plot)
    if out is not None:
        check_folder(out)
    tables = load_evidence(*evidence)
    protocol = load_assay(name, tables)
    if day is not None and not 0 <= day <= protocol.main.days:
        raise InputError(
            f"day {day:g} is not within the assay", key="day", suggestion=f"0 to {protocol.main.days:g}"
        )
    options: dict[str, Any] = {
        "product": product,
        "source": source,
        "species": species,
        "msc_species": msc_species,
        "priming": split(priming),
        "contact": "transwell" if transwell else "",
        "block": agents(split(block), tables),
        "knockout": split(knockout),
        "add": _pairs(add, "add"),
        "stimulus": stimulus,
        "seed": _pairs(seed_cells, "seed"),
        "carried": _pairs(carried, "carried"),
        "msc_day": msc_day,
    }
    options = {k: v for k, v in options.items() if v not in ("", (), {}, None)}
    plan = lay_out(protocol, options, tables, split(ratio), tuple(dose), tuple(arm), controls, only)
    ensemble = choose_ensemble(tables, draws, prior)
    with working(f"running {len(plan.arms)} arms x {draws} draws of {protocol.id}"):
        result = run_assay(
            protocol,
            arms=plan.arms,
            readouts=list(readout) or None,
            draws=draws,
            evidence=tables,
            ensemble=ensemble,
            threads=threads,
        )
    view = report(result, plan, tables, day=day, ensemble=ensemble)
    inputs = {
        "assay": name,
        "ratio": split(ratio),
        "dose": dose,
        **options,
        "arm": arm,
        "controls": controls,
        "only": only,
        "day": view.day,
        "readout": readout,
        "draws": draws,
        "ensemble": ensemble.name,
        "evidence": [str(p) for p in evidence],
    }
    data = envelope("assay", inputs, seed=ensemble.seed, **view.as_dict())
    if plot is not None:
        data["plot"] = str(view.plot(plot))
    if out is not None:
        data["out"] = str(view.save(out, data))
    emit(data, view.lines(plot, out), as_json=json)


def lay_out(
    protocol: Assay,
    options: dict[str, Any],
    tables: Evidence,
    ratios: tuple[str, ...],
    doses: tuple[str, ...],
    arms: tuple[str, ...],
    controls: bool,
    only: bool,
) -> Any:
    """Return the plan of arms, each checked before anything runs."""
    from ..experiments.arm import parse_arm
    from ..experiments.assay import parse_cells, parse_medium
    from .plan import parse_arm_option, plan_arms

    named = dict(parse_arm_option(text) for text in arms)
    for keys in named.values():
        if "block" in keys:
            keys["block"] = agents(keys["block"], tables)
    plan = plan_arms(
        protocol, options, tables, ratios=ratios, doses=doses, controls=controls, only=only, named=named
    )
    for name, keys in plan.arms.items():
        arm = parse_arm(keys, protocol.defaults, tables, name=name if name in named else "")
        parse_medium(arm.add, tables, key="add")
        parse_cells(arm.seed, tables, key="seed")
        if arm.msc_day > protocol.main.days:
            late = f"day {arm.msc_day:g} is after the end of the assay"
            raise InputError(late, key="msc_day", suggestion=f"at most {protocol.main.days:g}")
    return plan


def agents(words: tuple[str, ...], tables: Evidence) -> tuple[str, ...]:
    """Return blocks by the name of their agent: ``PD-L1`` is ``anti-PD-L1``.

    Raises
    ------
    InputError
        If nothing to block has the name.
    """
    from ..errors import nearest
    from ..experiments.targets import blockable

    known = blockable(tables)
    out = []
    for text in words:
        head, _, tail = text.rpartition(":")
        own = head and tail.replace(".", "", 1).isdigit()
        name = head if own else text
        if name not in known:
            raise InputError(
                f"nothing to block is called {name!r}", key="block", suggestion=nearest(name, known)
            )
        agent = next((b.name for b in tables.blocks.values() if name in (b.name, *b.synonyms)), name)
        out.append(f"{agent}:{tail}" if own else agent)
    return tuple(out)


def _pairs(words: tuple[str, ...], key: str) -> dict[str, str]:
    out = {}
    for word in words:
        name, equals, amount = (p.strip() for p in word.partition("="))
        if not equals or not name or not amount:
            examples = {"add": "IFNG=10 ng/mL", "carried": "tumour.HLA-ABC=1 relative"}
            example = examples.get(key, "Treg=100 cells/uL")
            raise InputError(
                f"{word!r} is not NAME=AMOUNT", key=key, suggestion=f"write for example '{example}'"
            )
        out[name] = amount
    return out


def choose_ensemble(tables: Evidence, draws: int, prior: bool) -> Ensemble:
    """Return the calibrated ensemble, or the prior if it was asked for.

    Raises
    ------
    InputError
        If the number of draws is wrong, or there is no calibrated ensemble.
    """
    from ..experiments import prior_ensemble, shipped_ensemble

    if not 1 <= draws <= 100_000:
        raise InputError(f"{draws} draws asked for", key="draws", suggestion="1 to 100000")
    if prior:
        return prior_ensemble(tables, draws)
    try:
        return shipped_ensemble().head(draws)
    except FileNotFoundError:
        raise InputError(
            "no calibrated ensemble in this copy", key="draws", suggestion="use --prior"
        ) from None
