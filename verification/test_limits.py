"""Limits that are known without running anything, in every shipped assay: `pytest verification -m verification`."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import ARMS

from stromal.evidence import load_evidence
from stromal.experiments import list_assays
from stromal.experiments.arm import parse_arm
from stromal.experiments.assay import Assay, load_assay
from stromal.experiments.bench import Run, prepared, simulate
from stromal.experiments.ensemble import prior_ensemble
from stromal.model.expr import evaluate
from stromal.ode import Events, compile_system

pytestmark = pytest.mark.verification
DRAWS = 20


@pytest.fixture(scope="module", params=sorted(list_assays()))
def protocol(request: pytest.FixtureRequest) -> Assay:
    return load_assay(request.param, load_evidence())


@pytest.fixture(scope="module")
def runs(protocol: Assay) -> list[Run]:
    """All arms of an assay over draws of the prior, wider than what ships."""
    evidence = load_evidence()
    given = {"alone": {"product": "none"}, **ARMS[protocol.id]}
    arms = {name: parse_arm(keys, protocol.defaults, evidence) for name, keys in given.items()}
    return simulate(protocol, arms, evidence, prior_ensemble(evidence, DRAWS, seed=3))


def test_solved_and_nothing_negative(runs: list[Run]) -> None:
    for run in runs:
        assert not run.status.any()
        assert np.isfinite(run.y).all()
        # a carried level relaxes to its target from either side: rounding only
        floor = np.array([-1e-9 if s.kind == "expression" else 0.0 for s in run.system.states])
        low = run.y.min(axis=(0, 1, 2)) - floor
        assert not [(s.name, v) for s, v in zip(run.system.states, low, strict=True) if v < 0]


def test_cells_are_counted(runs: list[Run], protocol: Assay) -> None:
    """Host cells = seeded + divisions - deaths, over all places: changing state or place loses none."""
    for run in runs:
        cells = [s for s in run.system.states if s.kind == "cell" and not s.entity.startswith("MSC")]
        if not cells:
            continue
        # only migrating cells are in two places, and only then do volumes matter
        first = {}
        for state in cells:
            first.setdefault(state.entity, state.place)
        volume = {"well": 1.0, "insert": 1.0}
        if len({s.place for s in cells}) > 1:
            volume = {"well": protocol.volume, "insert": protocol.insert_volume}

        def of(name: str, run: Run = run) -> np.ndarray:
            return run.y[..., run.system.state_index[name]]

        there = sum(volume[s.place] * of(s.name) for s in cells)
        made = np.zeros_like(there)
        for entity, place in first.items():
            for event, sign in (("division", 1.0), ("death", -1.0)):
                name = f"count:{event}:{entity}"
                if name in run.system.state_index:
                    made = made + sign * volume[place] * of(name)
        seeded = there[..., :1]
        if seeded.any():
            np.testing.assert_allclose(there, seeded + made, rtol=1e-4, atol=1e-4 * seeded.max())


@pytest.mark.parametrize("assay", sorted(list_assays()))
def test_tighter_tolerance_changes_less(assay: str) -> None:
    """What ships is converged, and the error falls with the tolerance."""
    evidence = load_evidence()
    protocol = load_assay(assay, evidence)
    for keys in list(ARMS[assay].values())[:4]:
        well = prepared(protocol, parse_arm(keys, protocol.defaults, evidence), evidence)
        kernel, n = compile_system(well.system), len(well.system.states)
        events = None
        if well.events:
            scale, shift = np.ones((1, len(well.events), n)), np.zeros((1, len(well.events), n))
            for i, (_, changes) in enumerate(well.events):
                for name, (a, b) in changes.items():
                    scale[0, i, well.system.state_index[name]] = a
                    shift[0, i, well.system.state_index[name]] = b
            events = Events(np.array([[t for t, _ in well.events]]), scale, shift)

        def solved(**tolerance: float) -> np.ndarray:
            return kernel.solve(well.start, well.parameters, well.days, events=events, **tolerance).y[0]  # noqa: B023

        best = solved(rtol=1e-11, atol=1e-13)
        scales = np.array([s.scale for s in well.system.states])
        largest = np.maximum(np.abs(best).max(axis=0), 1e-6 * scales)
        errors = [
            (np.abs(found - best) / largest).max()
            for found in (solved(), *(solved(rtol=r, atol=1e-2 * r) for r in (1e-7, 1e-9)))
        ]
        assert errors[0] < 1e-3 and errors[2] <= errors[1] <= max(errors[0], 1e-6), errors


def touch_share(free: float, msc: float, cells: float = 300.0) -> tuple[float, dict[str, float]]:
    """Share of T cells that touch an MSC as the shipped coculture has it, and what it is made of."""
    evidence = load_evidence()
    protocol = load_assay("coculture", evidence)
    system = prepared(protocol, parse_arm({}, protocol.defaults, evidence), evidence).system
    env = {s.name: 0.0 for s in system.states} | {p.name: p.value for p in system.parameters}
    env |= {"well:CD4.active": cells, "well:MSC": msc, "n0:well": free}
    return float(evaluate(system.inlined["touch:well:CD4.active:MSC"], env)), env


@pytest.mark.parametrize(
    ("free", "msc"), [(480.0, 0.0), (480.0, 1e-3), (480.0, 30.0), (480.0, 1e9), (1e12, 30.0)]
)
def test_touch_formula(free: float, msc: float) -> None:
    """P = 1 - exp(-f_T f_M M / (n0 + f_T T + f_M M)): nothing without MSC or room without end, f_T at the most."""
    share, env = touch_share(free, msc)
    t, m = env["slots:CD4.active"], env["slots:MSC"]
    mean = t * m * msc / (free + t * 300.0 + m * msc)
    assert share == pytest.approx(-np.expm1(-mean), rel=1e-9, abs=1e-15)
    if msc == 0.0 or free == 1e12:
        assert share < 1e-8 * max(msc, 1.0) * t * m
    if msc == 1e9:
        assert share == pytest.approx(-np.expm1(-t), rel=1e-5)
