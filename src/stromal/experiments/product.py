"""Prepare the product of an arm as on the bench: by simulation.

Primed MSC are cultured with the cytokines and washed, conditioned medium is taken from wells with MSC
alone, Treg are exposed before they meet responders. What a product carries is what it brings out of
its own past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..evidence import Evidence
from ..evidence.units import parse_quantity
from .arm import Arm, parse_ratio, product_cell
from .assay import Assay, Stage, parse_cells, parse_medium
from .ensemble import Ensemble
from .switches import apply_arm
from .well import (
    Product,
    addition,
    bench_system,
    depths,
    dose,
    layout,
    rest,
    restore,
    seed_cells,
    solve,
)

__all__ = ["item", "prepare"]

#: MSC per uL while they are primed: 1e5 per mL (assumed; what they then carry hardly depends on it).
CULTURE_DENSITY = 100.0


#: Days that MSC condition a medium, and the share of it in the assay (assumed: usual at the bench).
CONDITIONING_DAYS, CONDITIONED_SHARE = 2.0, 0.5


def prepare(
    assay: Assay, arm: Arm, evidence: Evidence, ensemble: Ensemble, threads: int | None
) -> tuple[Product, dict[str, np.ndarray]]:
    """Return the product of an arm, and what target cells carry out of a stage before."""
    if arm.product == "none" and assay.before is None:
        return Product(), {}
    rows = [r for r in evidence.products if r.product == arm.product]
    if any(r.kind == "vesicle" for r in rows):
        standard = parse_medium(dict(item(a) for r in rows for a in r.add), evidence)
        if arm.dose:
            standard = {m: parse_medium({m: arm.dose}, evidence)[m] for m in standard}
        product = Product(medium=standard)
    else:
        cell = product_cell(arm, evidence)
        if arm.product == "conditioned medium":
            cell = "MSC"
        elif arm.product == "apoptotic conditioned medium":
            cell = "MSC.apoptotic"
        product = Product(
            cell,
            parse_ratio(arm.ratio) * _targets(assay, arm, evidence),
            _primed(cell, arm, assay, evidence, ensemble, threads),
        )
        if arm.product.endswith("conditioned medium"):
            product = _conditioned(product, arm, assay, evidence, ensemble, threads)
    if assay.before is None:
        return product, {}
    return Product(), _exposed(assay, assay.before, product, arm, evidence, ensemble, threads)


def _targets(assay: Assay, arm: Arm, evidence: Evidence) -> float:
    """Return the cells that the ratio counts, per uL of the well."""
    seeded = {**assay.main.seed, **parse_cells(arm.seed, evidence)}
    if assay.before is not None:
        seeded = dict(assay.before.seed)
    share = assay.insert_volume / assay.volume
    amount = {c: n * (share if assay.seeded_in.get(c) == "insert" else 1.0) for c, n in seeded.items()}
    # an assay of MSC alone counts them against the usual 1e6 target cells per mL
    return sum(amount.get(c, 0.0) for c in assay.target) or sum(amount.values()) or 1000.0


def item(text: str) -> tuple[str, str]:
    """Return mediator and amount of ``IFNG=50 ng/mL``."""
    name, _, amount = text.partition("=")
    return name.strip(), amount.strip()


def _culture(
    cell: str,
    count: float,
    carried: Mapping[str, np.ndarray],
    medium: Mapping[str, Any],
    days: float,
    arm: Arm,
    assay: Assay,
    evidence: Evidence,
    ensemble: Ensemble,
    threads: int | None,
) -> dict[str, np.ndarray]:
    """Culture a product alone; return levels of all that is in the well at the end."""
    system = bench_system(evidence, {cell: ("well",)}, {"well": assay.volume}, tuple(sorted(medium)))
    values = apply_arm(
        ensemble.sample(system, evidence),
        system,
        arm,
        evidence,
        ensemble,
        depth=depths(assay, {"well": assay.volume}),
        volume=assay.volume,
    )
    y0 = rest(system, values)
    y0[:, system.state_index[f"well:{cell}"]] = count
    dose(y0, system, medium, evidence)
    restore(y0, system, carried)
    end = solve(system, y0, values, np.array([0.0, days]), threads=threads).y[:, -1]
    return {
        s.name.removeprefix("well:"): end[:, i] for i, s in enumerate(system.states) if s.kind != "counter"
    }


def _primed(
    cell: str, arm: Arm, assay: Assay, evidence: Evidence, ensemble: Ensemble, threads: int | None
) -> dict[str, np.ndarray]:
    if not cell or not arm.priming:
        return {}
    medium: dict[str, float] = {}
    for agent in arm.priming:
        adds = [a for r in evidence.products if r.kind == "priming" and r.product == agent for a in r.add]
        if not adds:
            raise InputError(
                f"no standard dose for priming with {agent}",
                key="priming",
                suggestion="add a row to products.csv",
            )
        medium.update(parse_medium(dict(map(item, adds)), evidence))
    # drugs of the assay are not in the priming culture; knock-outs are in the cell
    free = replace_arm(arm, block=())
    end = _culture(
        cell, CULTURE_DENSITY, {}, medium, arm.priming_days, free, assay, evidence, ensemble, threads
    )
    return {
        name: level
        for name, level in end.items()
        if name.startswith(f"{cell}.") and name not in evidence.cells
    }


def _conditioned(
    product: Product, arm: Arm, assay: Assay, evidence: Evidence, ensemble: Ensemble, threads: int | None
) -> Product:
    share = CONDITIONED_SHARE
    if arm.dose:
        share = parse_quantity(arm.dose, "fraction")
        if not 0 <= share <= 1:
            raise InputError(f"{arm.dose!r} is not a share of medium", key="dose", suggestion="0 % to 100 %")
    end = _culture(
        product.cell,
        product.count,
        product.carried or {},
        {},
        CONDITIONING_DAYS,
        arm,
        assay,
        evidence,
        ensemble,
        threads,
    )
    medium = {name: share * level for name, level in end.items() if name in evidence.mediators}
    return Product(medium=medium, dilution=1.0 - share)


def _exposed(
    assay: Assay,
    stage: Stage,
    product: Product,
    arm: Arm,
    evidence: Evidence,
    ensemble: Ensemble,
    threads: int | None,
) -> dict[str, np.ndarray]:
    """Run the stage before; return what kept lineages carry at its end, and the cells that go on."""
    part = replace(assay, main=stage, before=None, readout_day=stage.days, seeded_in={})
    inner = replace_arm(arm, seed={}, carried={}, add={}, stimulus=1.0, msc_day=0.0)
    sites, places = layout(part, {"": inner}, evidence)
    system = bench_system(evidence, sites, places, tuple(sorted(stage.medium)))
    values = apply_arm(
        ensemble.sample(system, evidence),
        system,
        inner,
        evidence,
        ensemble,
        depth=depths(assay, places),
        volume=assay.volume,
    )
    y0 = rest(system, values)
    seed_cells(y0, system, part, inner, evidence, places)
    scale, shift = addition(system, product, places, assay.volume, len(ensemble))
    y0 = scale * y0 + shift
    end = solve(system, y0, values, np.array([0.0, stage.days]), threads=threads).y[:, -1]
    return {
        s.name.removeprefix("well:"): end[:, i]
        for i, s in enumerate(system.states)
        if s.place == "well"
        and (
            (s.kind == "expression" and s.name.removeprefix("well:").rpartition(".")[0] in stage.keep)
            or (s.kind == "cell" and evidence.cells[s.entity].lineage in stage.move)
        )
    }


def replace_arm(arm: Arm, **changes: Any) -> Arm:
    """Return an arm with some keys changed."""
    return arm.model_copy(update=changes)
