"""Models that the benchmarks run. A new one is a function that returns a `Model`, and a line in `MODELS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stromal.model.expr import Expr, mul, pos, sym
from stromal.model.system import Parameter, Process, State, System
from stromal.ode import Events

__all__ = ["MODELS", "SYSTEMS", "Model", "network"]

DRAW = 0.3  # sigma of the logarithm of each parameter
BODIES, EACH = 32, 16  # draws of the disease's posterior, and patients of each


@dataclass(frozen=True)
class Patients:
    """Starts (patients, states) and parameters (patients, parameters)."""

    y0: np.ndarray
    params: np.ndarray

    def __len__(self) -> int:
        return len(self.params)

    def __getitem__(self, some) -> Patients:
        return Patients(self.y0[some], self.params[some])


@dataclass(frozen=True)
class Model:
    """A system, what is done to it, and what is looked at.

    Attributes
    ----------
    system : System
    times : ndarray
        Days.
    doses : list of (float, dict)
        Time, and ``(scale, shift)`` of each state that jumps.
    observables : list of int
        States that are returned.
    draw : callable
        From a number of patients and a seed to `Patients`.
    """

    system: System
    times: np.ndarray
    doses: list[tuple[float, dict[str, tuple[float, float]]]]
    observables: list[int]
    draw: Callable[[int, int], Patients]

    @property
    def events(self) -> Events:
        """The doses, in the form of the engine."""
        n, index = len(self.system.states), self.system.state_index
        scale, shift = np.ones((1, len(self.doses), n)), np.zeros((1, len(self.doses), n))
        for k, (_, jumps) in enumerate(self.doses):
            for state, (by, plus) in jumps.items():
                scale[0, k, index[state]], shift[0, k, index[state]] = by, plus
        return Events(np.array([[time for time, _ in self.doses]]), scale, shift)


def lognormal(system: System, y0: np.ndarray) -> Callable[[int, int], Patients]:
    """Return a function that draws all parameters around their medians."""
    median = np.array([p.value for p in system.parameters])

    def draw(patients: int, seed: int = 0) -> Patients:
        rng = np.random.default_rng(seed)
        factors = np.exp(rng.normal(0.0, DRAW, (patients, len(median))))
        return Patients(np.tile(y0, (patients, 1)), median * factors)

    return draw


def network(
    states: int = 150, rules: float = 1.2, seed: int = 1, exponents: tuple[float, ...] = (1, 2, 3, 4)
) -> System:
    """Return a made-up disease: cells, mediators and carried levels in a sparse network.

    Parameters
    ----------
    states : int
        Two in five are cells, two in five mediators, the rest carried levels; one in 20 a counter.
    rules : float
        Hill factors for each process that may have one.
    seed : int
        Of the wiring.
    exponents : tuple of float
        Hill exponents to draw from.
    """
    rng = np.random.default_rng(seed)
    n_counters, n_levels, n_cells = states // 20, states // 6, round(0.4 * states)
    n_mediators = states - n_counters - n_levels - n_cells
    cells, mediators = [f"cell{i}" for i in range(n_cells)], [f"mediator{i}" for i in range(n_mediators)]
    levels, counters = [f"level{i}" for i in range(n_levels)], [f"count{i}" for i in range(n_counters)]
    parameters: list[Parameter] = []
    processes: list[Process] = []

    def parameter(value: float) -> Expr:
        parameters.append(Parameter(f"p{len(parameters)}", value, spread=2.0))
        return sym(parameters[-1].name)

    def signals(i: int, of: int) -> list[str]:
        # what a state hears: two mediators of its tissue, three from anywhere, a level of its tissue
        at = i * n_mediators // of
        near = [mediators[(at + k) % n_mediators] for k in range(2)]
        far = [mediators[k] for k in rng.integers(n_mediators, size=3)]
        return [*near, *far, levels[i * n_levels // of]]

    def hill(heard: list[str]) -> Expr:
        name = heard[rng.integers(len(heard))]
        half = 0.5 if name.startswith("level") else 1.0
        x = (pos(sym(name)) / parameter(half)) ** float(rng.choice(exponents))
        return x / (1.0 + x)

    def rate(base: float, driver: Expr, heard: list[str], share: float = 1.0) -> Expr:
        n = int(rules * share + rng.random())
        factors = [1.0 + (parameter(rng.uniform(0.3, 3.0)) - 1.0) * hill(heard) for _ in range(n)]
        return mul(parameter(base), driver, *factors)

    def process(value: Expr, **changes: float) -> None:
        processes.append(Process(f"r{len(processes)}", value, tuple(changes.items())))

    for i, cell in enumerate(cells):
        heard, this = signals(i, n_cells), sym(cell)
        counted = {counters[i % n_counters]: 1.0} if n_counters else {}
        process(mul(parameter(0.5), sym(heard[2]) + parameter(4.0)), **{cell: 1.0})
        process(rate(0.2, this, heard, 2.0), **{cell: 1.0}, **counted)
        process(rate(0.25, this, heard, 2.0), **{cell: -1.0})
        process(rate(0.1, this, heard), **{cell: -1.0, cells[(i + 1) % n_cells]: 1.0})
        process(mul(parameter(1e-3), this, this + sym(cells[(i + 1) % n_cells])), **{cell: -1.0})
    for i, mediator in enumerate(mediators):
        heard, this = signals(i, n_mediators), sym(mediator)
        at = i * n_cells // n_mediators
        by = [cells[(at + k) % n_cells] for k in range(2)] + [cells[k] for k in rng.integers(n_cells, size=2)]
        for cell in by:
            process(rate(0.2, sym(cell), heard), **{mediator: 1.0})
        for cell in by[1:3]:
            process(mul(parameter(0.01), sym(cell), this), **{mediator: -1.0})
        process(rate(float(rng.choice([2.0, 8.0, 30.0])), this, heard, 0.0), **{mediator: -1.0})
    for i, level in enumerate(levels):
        heard, this = signals(i, n_levels), sym(level)
        process(rate(2.0, 1.0 + 4.0 * hill(heard), heard), **{level: 1.0})
        process(rate(2.0, this, heard, 0.5), **{level: -1.0})
    kinds = (("cell", cells, "cells/uL", 100.0), ("mediator", mediators, "ng/mL", 1.0))
    kinds += (("expression", levels, "relative", 1.0), ("counter", counters, "events/uL", 100.0))
    made = [State(x, kind, "well", x, unit, scale) for kind, names, unit, scale in kinds for x in names]
    return System(f"made-up network of {states}", tuple(made), tuple(parameters), {}, tuple(processes))


def synthetic(states: int = 150, rules: float = 1.2) -> Model:
    """Return the made-up network with 12 doses in 180 days."""
    system = network(states, rules)
    index = system.state_index
    y0 = np.array([50.0 if s.kind == "cell" else 0.0 for s in system.states])
    doses = [(14.0 * k + 1.0, {"mediator0": (1.0, 20.0), "cell0": (1.0, 100.0)}) for k in range(12)]
    mediators = [s for s in index if s.startswith("mediator")]
    seen = [f"cell{i}" for i in range(6)] + mediators[:: max(len(mediators) // 6, 1)][:6]
    return Model(system, np.linspace(0.0, 180.0, 51), doses, [index[s] for s in seen], lognormal(system, y0))


def _trial():
    """Return the evidence, the shipped trial of SR-aGVHD, and the mediators that it gives."""
    from stromal.evidence import load_evidence  # not needed to start the made-up one
    from stromal.experiments.trial import load_trial

    evidence = load_evidence()
    trial = load_trial("sr-agvhd", evidence)
    given = [t.content for t in (*trial.background, *trial.arms[-1].therapies)]
    return evidence, trial, tuple(content for content in given if content in evidence.mediators)


def _body() -> System:
    evidence, trial, extra = _trial()
    return trial.disease.system(evidence, extra)


def sr_agvhd() -> Model:
    """Return the SR-aGVHD trial from health on: insults, drugs, doses; patients as trials draw them."""
    from stromal.experiments.cohort import arm_parameters
    from stromal.experiments.population import plausible
    from stromal.experiments.posterior import disease_posterior
    from stromal.experiments.whole_course import course

    evidence, trial, extra = _trial()
    arm, disease = trial.arms[-1], trial.disease
    days = np.linspace(0.0, disease.spec.enrol.day + trial.spec.days, 51)
    bodies = disease_posterior(disease, trial.endpoints).head(BODIES).ensemble
    people = plausible(disease, evidence, bodies, EACH, extra=extra)
    numbers = arm_parameters(people, trial, arm, evidence, bodies)
    events = course(trial, evidence, days=days).events
    doses = [(time, dict(jumps)) for time, jumps in events]
    index = people.system.state_index
    seen = [
        "target:epithelium",
        "lymphoid:CD4.active",
        "lymphoid:CD8.active",
        *list(index)[:: len(index) // 9],
    ]

    def draw(patients: int, seed: int) -> Patients:
        order = np.random.default_rng(seed).permutation(len(people))
        chosen = np.resize(order, patients)
        return Patients(people.y[chosen], numbers[chosen])

    return Model(people.system, days, doses, [index[s] for s in seen[:12]], draw)


MODELS: dict[str, Callable[[], Model]] = {"synthetic": synthetic, "sr_agvhd": sr_agvhd}
#: The equations alone, without patients.
SYSTEMS: dict[str, Callable[[], System]] = {"synthetic": network, "sr_agvhd": _body}
