"""Observables: phrases, the states they read, and their values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from small_body import SITES, VOLUMES, compiled
from small_disease import disease_evidence

from stromal.errors import InputError
from stromal.evidence import Evidence
from stromal.experiments.observable import needed, parse_observable, value
from stromal.model import System


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return disease_evidence(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def system(tables: Evidence) -> System:
    return compiled(tables, SITES)


STATES = {
    "blood:T": [[3.0, 4.0]],
    "target:T": [[10.0, 30.0]],
    "target:M": [[30.0, 10.0]],
    "target:E": [[100.0, 25.0]],
    "target:IL2": [[7.0, -1e-9]],
    "systemic:drug": [[1.0, 0.5]],
    "target:Tconv.CD25": [[0.2, 0.4]],
}


@pytest.mark.parametrize(
    ("text", "unit", "reads", "wanted"),
    [
        ("damage", "1", ["target:E"], [0.0, 0.75]),
        ("count T in target", "cells/uL", ["target:T"], [10, 30]),
        ("total T", "cells", ["blood:T", "target:T"], [3 * 5 + 10 * 2, 4 * 5 + 30 * 2]),
        ("share T of parenchyma in target", "%", ["target:T", "target:E"], [10.0, 120.0]),
        ("level IL2 in target", "ng/mL", ["target:IL2"], [7.0, 0.0]),
        ("level drug", "relative", ["systemic:drug"], [1.0, 0.5]),
        ("carried Tconv.CD25 in target", "relative", ["target:Tconv.CD25"], [0.2, 0.4]),
    ],
)
def test_a_phrase_reads_the_states_it_is_about(
    text: str, unit: str, reads: list[str], wanted: list[float], system: System, tables: Evidence
) -> None:
    item = parse_observable(text, tables, {**SITES, "MSC": ("lung",)})
    assert item.unit == unit and needed(item, system, tables) == reads
    y = {k: np.array(v) for k, v in STATES.items()}
    numbers = np.array([[p.value for p in system.parameters]])
    found = value(item, system, tables, y, numbers, VOLUMES)
    assert found.shape == (1, 2)
    assert found[0] == pytest.approx(wanted, abs=1e-12)


def test_a_level_that_nobody_senses_is_refused_not_zero(system: System, tables: Evidence) -> None:
    item = parse_observable("level IL2 in lung", tables, {**SITES, "MSC": ("lung",)})
    numbers = np.array([[p.value for p in system.parameters]])
    y = {k: np.array(v) for k, v in STATES.items()}
    assert needed(item, system, tables) == []
    with pytest.raises(InputError, match="has no level here"):
        value(item, system, tables, y, numbers, VOLUMES)


def test_a_share_of_nobody_is_none(system: System, tables: Evidence) -> None:
    item = parse_observable("share T of T in target", tables, SITES)
    numbers = np.array([[p.value for p in system.parameters]])
    assert value(item, system, tables, {"target:T": np.zeros((1, 3))}, numbers, VOLUMES).tolist() == [
        [0, 0, 0]
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("count TT in target", "no 'TT'.*did you mean 'T'"),
        ("count MSC in target", "no 'MSC'"),
        ("count T in targt", "no place 'targt'.*'target'"),
        ("count T", "not an observable.*total X"),
        ("level IL22 in target", "no 'IL22'.*'IL2'"),
        ("share T of MM in target", "no 'MM'.*'M'"),
        ("Damage", "not an observable"),
        ("", "not an observable"),
    ],
)
def test_a_phrase_that_names_what_is_not_there_is_refused(text: str, says: str, tables: Evidence) -> None:
    with pytest.raises(InputError, match=says) as caught:
        parse_observable(text, tables, SITES, file="x.toml", key="observables.a")
    assert caught.value.file == "x.toml" and caught.value.key == "observables.a"
