"""Endpoints and paths small enough to know the answers."""

from __future__ import annotations

import tomllib

import numpy as np

from stromal.experiments.endpoint import Endpoint, parse_endpoints
from stromal.experiments.outcome import Outcomes, observe
from stromal.experiments.paths import Paths

FILE = """
[endpoints.grade]
kind = "category"
categories = ["0", "I", "II", "III", "IV"]
latent = [{ of = "damage" }, { of = "IL6", transform = "hill", half_max = { value = 10, unit = "ng/mL" }, weight = 0.2 }]
cuts = [0.1, 0.3, { value = 0.5, sd = 0.05, source = "a paper" }, 0.7]
rater_sd = 0.05
days = [0, 7, 28, 56]

[endpoints.complete_response]
kind = "response"
of = "grade"
level = "complete"
day = 28

[endpoints.durable_overall]
kind = "response"
of = "grade"
level = "overall"
day = 28
until = 56
unless = ["relapse"]

[endpoints.nonrelapse_death]
kind = "hazard"
rate = { value = 0.5, unit = "1/year", spread = 2, source = "a paper" }
terms = [{ of = "damage", coefficient = { value = 1.5, sd = 0.5, source = "a paper" } }]
frailty_sd = 0.4
terminal = true
censored_by = ["relapse"]

[endpoints.death_after_relapse]
kind = "hazard"
rate = "2"
terminal = true
after = "relapse"

[endpoints.relapse]
kind = "crossing"
of = "leukaemia"
level = 100.0
delay = { value = 5, unit = "day" }

[endpoints.chronic]
kind = "hazard"
rate = { value = 0.4, unit = "1/year" }
censored_by = ["relapse"]
start = 80

[endpoints.severe]
kind = "reaches"
of = "grade"
at_least = "III"

[endpoints.survival]
kind = "composite"
events = ["nonrelapse_death", "death_after_relapse"]

[endpoints.failure_free]
kind = "composite"
events = ["nonrelapse_death", "relapse"]
failures = ["complete_response"]

[endpoints.il6]
kind = "measure"
of = "IL6"
days = [0, 28]
error_sd = 0.3

[endpoints.adverse]
kind = "count"
rate = { value = 6, unit = "1/year" }
dispersion = 0.5
until = "1 year"
""".replace('rate = "2"', 'rate = { value = 2, unit = "1/year" }')

UNITS = {"damage": "relative", "IL6": "ng/mL", "leukaemia": "cells/uL"}


def endpoints(text: str = FILE, units: dict[str, str] | None = UNITS) -> dict[str, Endpoint]:
    return parse_endpoints(tomllib.loads(text)["endpoints"], observables=units, file="small.toml")


def paths(n: int = 400, days: np.ndarray | None = None, **values: np.ndarray | float) -> Paths:
    """Return patients with observables that are constant unless an array is given."""
    days = np.linspace(0.0, 730.0, 147) if days is None else days
    full = {"damage": 0.4, "IL6": 10.0, "leukaemia": 1.0} | values
    return Paths(
        days,
        {k: np.broadcast_to(np.asarray(v, float), (n, len(days))).copy() for k, v in full.items()},
        np.zeros(n, dtype=int),
        tuple(f"p{i}" for i in range(n)),
        np.ones(n, dtype=bool),
    )


def hazards(text: str, n: int = 20000, until: float = 2000.0, **more: float) -> Outcomes:
    """Observe constant hazards on a coarse grid."""
    found = parse_endpoints(tomllib.loads(text))
    return observe(found, paths(n, np.linspace(0, until, 11)), None, seed=5, **more)
