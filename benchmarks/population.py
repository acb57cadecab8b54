"""Virtual populations: patients a second beside other simulators: ``python -m benchmarks.population``.

Every side gets the same patients, doses and tolerances in one run, in turns, and the medians of the
turns are compared: by wall time on all cores, and by processor time, which other work on the machine
spoils less. Final states are compared with a run at a tight tolerance.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from statistics import median

import numpy as np

from stromal.ode import Kernel, compile_system
from stromal.ode.solve import SINGLE

from .bound import bound_seconds, rates
from .models import MODELS, Model, Patients, synthetic
from .others import Copasi, RoadRunner, Run, Sundials

TOLERANCES = (1e-4, 1e-6)
ABSOLUTE = 1e-2  # of the relative tolerance, in units of each state's scale
CORES = os.cpu_count() or 1

START = """
import time
start = time.perf_counter()
from benchmarks.models import MODELS, SYSTEMS
from stromal.ode import compile_system
compile_system({what})
print(time.perf_counter() - start, time.process_time())
"""


def name_of(rtol: float) -> str:
    return f"{rtol:.0e}".replace("e-0", "e-")


class Engine:
    """The engine, in the form of the others."""

    def __init__(self, model: Model, kernel: Kernel, threads: int) -> None:
        self.model, self.kernel, self.threads = model, kernel, threads
        self.steps = 0

    def run(self, people: Patients, rtol: float, atol: float, states: list[int] | None = None) -> Run:
        """Solve patients; the chosen observables at all times, or all states."""
        model = self.model
        wall, start = time.perf_counter(), time.process_time()
        result = self.kernel.solve(
            people.y0, people.params, model.times, events=model.events, rtol=rtol, atol=atol,
            threads=self.threads, states=states,
        )  # fmt: skip
        wall, cpu = time.perf_counter() - wall, time.process_time() - start
        if not result.ok.all():
            raise RuntimeError(f"{(~result.ok).sum()} patients failed")
        self.steps = int(result.steps.sum())
        return Run(result.y[:, -1], wall, cpu, self.threads)


def error(final: np.ndarray, reference: np.ndarray, model: Model) -> float:
    """Return the median over patients of the largest relative error of a final state."""
    scale = np.array([state.scale for state in model.system.states])
    return float(np.median((np.abs(final - reference) / (np.abs(reference) + 0.01 * scale)).max(axis=1)))


def population(name: str, model: Model, options: argparse.Namespace, out: dict) -> None:
    """Measure one model."""
    kernel = compile_system(model.system)
    engine, one = Engine(model, kernel, CORES), Engine(model, kernel, 1)
    few, many = model.draw(options.few, 0), model.draw(options.patients, 1)
    reference = engine.run(few, 1e-10, 1e-12).final
    roadrunner = RoadRunner(model, CORES)
    others: dict = {"sundials": Sundials(model)}
    if name == "synthetic":  # a patient of the trial takes COPASI minutes
        others["copasi"] = Copasi(model)
    for rtol in TOLERANCES:
        key, atol = f"{name}_{name_of(rtol)}", ABSOLUTE * rtol
        own = engine.run(few, rtol, atol).final
        turns: dict[str, list[float]] = {}

        def note(what: str, value: float, turns: dict = turns) -> None:
            turns.setdefault(what, []).append(value)

        for _ in range(options.turns):
            rate = rates()
            theirs = roadrunner.run(few, rtol, atol)
            ours = engine.run(many, rtol, atol, model.observables)
            alone = one.run(many, rtol, atol, model.observables)
            note("rr", len(few) / theirs.wall)
            note("ours", len(many) / ours.wall)
            note("one", len(many) / alone.cpu)
            note("wall", (len(many) / ours.wall) / (len(few) / theirs.wall))
            note("cpu", (len(many) / ours.cpu) / (len(few) / theirs.cpu))
            note("scaling", alone.wall / ours.wall)
            # by processor time: what threads lose to each other, if each has a core of its own
            note("scaling_cpu", CORES * alone.cpu / ours.cpu)
            note("bound", bound_seconds(kernel, rate, rtol >= SINGLE) * one.steps / alone.cpu)
        best = {}
        for other, simulator in others.items():
            part = few[:1] if other == "copasi" else few[:2]
            best[other] = len(part) / simulator.run(part, rtol, atol).cpu
            out[f"patients_per_s_core_{other}_{key}"] = best[other]
        mid = {what: median(values) for what, values in turns.items()}
        out |= {
            f"patients_per_s_{key}": mid["ours"],
            f"patients_per_s_core_{key}": mid["one"],
            f"patients_per_s_roadrunner_{key}": mid["rr"],
            f"ratio_roadrunner_{key}": mid["wall"],
            f"ratio_cpu_roadrunner_{key}": mid["cpu"],
            f"ratio_best_other_{key}": mid["one"] / max(best.values()),
            f"bound_share_{key}": mid["bound"],
            f"threads_{key}": mid["scaling"],
            f"threads_cpu_{key}": mid["scaling_cpu"],
            f"steps_{key}": one.steps / len(many),
            f"error_{key}": error(own, reference, model),
            f"error_roadrunner_{key}": error(theirs.final, reference, model),
        }
    roadrunner.close()


def start_up(name: str, out: dict) -> None:
    """Measure import, model and compilation, with an empty and a filled cache; then with patients drawn."""
    system, patients = f"SYSTEMS[{name!r}]()", f"MODELS[{name!r}]().system"
    with tempfile.TemporaryDirectory() as folder:
        for key, what in (
            ("start_cold_s", system),
            ("start_cached_s", system),
            ("start_patients_s", patients),
            ("start_patients_cached_s", patients),
        ):
            done = subprocess.run(
                [sys.executable, "-c", START.format(what=what)],
                env=os.environ | {"STROMAL_CACHE": folder}, capture_output=True, text=True, check=True,
            )  # fmt: skip
            wall, cpu = map(float, done.stdout.split())
            out |= {key: wall, f"cpu_{key}": cpu}


def memory(patients: int) -> float:
    """Return the peak of resident memory, MB, of a process that streams a population."""
    command = [sys.executable, "-m", "benchmarks.stream", "--one", str(patients)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])["peak"]


def _slope(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def slopes(turns: int) -> tuple[dict[str, float], dict[str, list]]:
    """Return the growth of cost: of a population over patients, of a step over states and rules."""

    def cost(model: Model, patients: int, each_step: bool) -> float:
        engine = Engine(model, compile_system(model.system), 1)
        params, best = model.draw(patients, 0), float("inf")
        for _ in range(turns):
            cpu = engine.run(params, 1e-4, 1e-6, model.observables).cpu
            best = min(best, cpu / engine.steps if each_step else cpu)
        return best

    small = synthetic(60)
    points: dict[str, list] = {
        "patients": [(n, cost(small, n, False)) for n in (64, 256, 1024)],
        "states": [(n, cost(synthetic(n), 64, True)) for n in (60, 90, 120, 150, 200)],
        "rules": [],
    }
    for rules in (0.6, 1.2, 2.4):
        model = synthetic(100, rules)
        hills = sum(p.name.startswith("p") for p in model.system.parameters)
        points["rules"].append((hills, cost(model, 64, True)))
    return {what: _slope(*map(list, zip(*some, strict=True))) for what, some in points.items()}, points


def main() -> None:
    """Measure, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", nargs="?", const="-", help="write JSON to a file, or to the terminal")
    parser.add_argument("--model", choices=sorted(MODELS), action="append")
    parser.add_argument("--patients", type=int, default=512, help="of the engine, each turn")
    parser.add_argument("--few", type=int, default=8, help="patients of the others, each turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--streamed", type=int, default=100_000, help="patients of a trial; 0: none")
    options = parser.parse_args()
    out: dict = {}
    names = options.model or list(MODELS)
    for name in names:
        population(name, MODELS[name](), options, out)
        print(json.dumps(out), file=sys.stderr, flush=True)
    start_up(names[0], out)
    out["slopes"], out["slope_points"] = slopes(options.turns)
    if options.streamed:
        out["rss_mb"] = memory(options.streamed)
    text = json.dumps(out, indent=1)
    if options.json and options.json != "-":
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
