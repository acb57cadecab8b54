"""Speed of the mean-field engine on a made-up co-culture: ``python benchmarks/engine_smoke.py``.

16 cell states, 24 mediators, 12 expression levels and 8 counters, about 200 processes: growth,
death and conversion of cells, secretion and uptake, touch shares, Hill factors with exponents 1,
2 and 4 (with ``--real``: 1.7 in their place), five days, 11 outputs, lognormal parameters.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from stromal.model.expr import Expr, const, mul, pos, sym
from stromal.model.system import Parameter, Process, State, System
from stromal.ode import compile_system
from stromal.ode.solve import build

CELLS, MEDIATORS, LEVELS, COUNTERS = 16, 24, 12, 8


def network(seed: int = 1, exponents: tuple[float, ...] = (1.0, 2.0, 4.0)) -> System:
    """Return the made-up co-culture."""
    rng = np.random.default_rng(seed)
    parameters: list[Parameter] = []
    processes: list[Process] = []
    cells = [f"cell{i}" for i in range(CELLS)]
    mediators = [f"mediator{i}" for i in range(MEDIATORS)]
    levels = [f"level{i}" for i in range(LEVELS)]
    counters = [f"count{i}" for i in range(COUNTERS)]

    def parameter(value: float) -> Expr:
        parameters.append(Parameter(f"p{len(parameters)}", value, spread=2.0))
        return sym(parameters[-1].name)

    total = const(0.0)
    for cell in cells:
        total = total + parameter(1.0) * pos(sym(cell))
    assignments = {"touch": total + parameter(10.0)}
    for i in range(4):
        assignments[f"share{i}"] = pos(sym(cells[i])) / sym("touch")

    def hill() -> Expr:
        kind = rng.integers(10)
        if kind < 6:
            signal, half = pos(sym(mediators[rng.integers(MEDIATORS)])), 1.0
        elif kind < 8:
            signal, half = pos(sym(levels[rng.integers(LEVELS)])), 0.5
        else:
            signal, half = sym(f"share{rng.integers(4)}"), 0.1
        x = (signal / parameter(half)) ** float(rng.choice(exponents))
        return x / (1.0 + x)

    def rate(base: float, driver: Expr, rules: int) -> Expr:
        factors = [1.0 + parameter(rng.uniform(-0.7, 2.0)) * hill() for _ in range(rules)]
        return mul(parameter(base), driver, *factors)

    def process(value: Expr, **changes: float) -> None:
        processes.append(Process(f"r{len(processes)}", value, tuple(changes.items())))

    for i, cell in enumerate(cells):
        process(rate(0.2, sym(cell), 3), **{cell: 1.0, counters[i % COUNTERS]: 1.0})
        process(rate(0.3, sym(cell), 2), **{cell: -1.0})
        process(rate(0.1, sym(cell), 2), **{cell: -1.0, cells[(i + 1) % CELLS]: 1.0})
        process(parameter(1e-3) * sym(cell) * sym("touch"), **{cell: -1.0})
    for i, mediator in enumerate(mediators):
        for j in range(4):
            process(rate(0.1, sym(cells[(5 * i + j) % CELLS]), 2), **{mediator: 1.0})
        process(rate(20.0, sym(mediator), 0), **{mediator: -1.0})
    for level in levels:
        process(rate(2.0, 1.0 + 4.0 * hill() - sym(level), 1), **{level: 1.0})
        process(rate(0.05, sym(level), 1), **{level: -1.0})
    states = [State(x, "cell", "well", x, "cells/uL", 100.0) for x in cells]
    states += [State(x, "mediator", "well", x, "ng/mL", 1.0) for x in mediators]
    states += [State(x, "expression", "well", x, "relative", 1.0) for x in levels]
    states += [State(x, "counter", "well", x, "events/uL", 100.0) for x in counters]
    return System("made-up co-culture", tuple(states), tuple(parameters), assignments, tuple(processes))


def main() -> None:
    """Print start-up times and runs a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true", help="exponents 1.7, which need exp and log")
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--opt", type=int, default=1)
    options = parser.parse_args()
    system = network(exponents=(1.7,) if options.real else (1.0, 2.0, 4.0))
    n = len(system.states)
    print(f"{n} states, {len(system.processes)} processes, {len(system.parameters)} parameters")
    start = time.process_time()  # processor time: a busy machine does not spoil it
    _, body = build(system, 8, opt=options.opt)
    taken = time.process_time() - start
    print(f"generate and compile {taken:.2f} s (opt {options.opt}, {len(body) / 1024:.0f} KiB)")
    compile_system(system)
    start = time.perf_counter()
    kernel = compile_system(system)
    print(f"load from cache {1e3 * (time.perf_counter() - start):.1f} ms")
    print(kernel.facts["layout"], f"{kernel.facts['updates']} multiply-adds a factorisation")
    rng = np.random.default_rng(0)
    median = np.array([p.value for p in system.parameters])
    params = median * np.exp(rng.normal(0.0, 0.3, (options.runs, len(median))))
    y0 = np.r_[np.full(CELLS, 50.0), np.zeros(n - CELLS)]
    times = np.linspace(0.0, 5.0, 11)
    for rtol in (1e-4, 1e-6):
        kernel.code(rtol)
        for threads in (1, os.cpu_count() or 1):
            clock = time.process_time if threads == 1 else time.perf_counter
            start = clock()
            result = kernel.solve(y0, params, times, rtol=rtol, atol=1e-2 * rtol, threads=threads)
            taken = clock() - start
            print(f"rtol {rtol:g}, {threads} threads: {options.runs / taken:.0f} runs/s,", end=" ")
            step = 1e6 * taken / result.steps.sum()
            print(f"{result.steps.mean():.0f} steps, {step:.2f} us a step, {(~result.ok).sum()} failed")


if __name__ == "__main__":
    main()
