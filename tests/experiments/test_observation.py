"""Numbers and terms of observation models."""

from __future__ import annotations

import numpy as np
import pytest

from stromal.errors import InputError
from stromal.experiments.observation import Number, parse_number, parse_term


def get(number: Number) -> np.ndarray:
    return np.array([[number.value]])


def test_a_bare_number_is_assumed_and_wide() -> None:
    rate = parse_number(2.0, "endpoint:x:rate", unit="1/day")
    assert (rate.spread, rate.source, rate.kind) == (3.0, "assumed", "geometric")
    cut = parse_number(-2.0, "endpoint:x:cut", additive=True)
    assert cut.kind == "additive" and cut.at(np.array([0.95])) == pytest.approx(-2 / 3)


def test_a_source_and_a_strength_narrow_it() -> None:
    for strength, spread in (("measured", 1.5), ("fitted", 2.0), ("assumed", 3.0)):
        data = {"value": 1, "source": "a paper", "strength": strength}
        assert parse_number(data, "endpoint:x:y").spread == spread
    exact = parse_number({"value": 1, "spread": 1, "source": "definition"}, "endpoint:x:y")
    assert exact.kind == "exact" and (exact.at(np.array([0.01, 0.99])) == 1).all()
    # a coefficient may also be positive and geometric
    data = {"value": 4, "spread": 2, "source": "a paper"}
    assert parse_number(data, "endpoint:x:y", additive=True).at(np.array([0.95])) == pytest.approx(8)


def test_draws_stay_within_bounds() -> None:
    number = parse_number(0.9, "endpoint:x:y", least=0, most=1.0)
    assert number.at(np.array([0.5, 0.999])).tolist() == pytest.approx([0.9, 1.0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (True, "not a number"),
        ({"value": float("nan")}, "not a number"),
        ({"spread": 3}, "has no value"),
        ({"value": 1, "sprd": 3}, "did you mean 'spread'"),
        ({"value": 1, "source": 3}, "not text"),
        ({"value": 1, "source": "s", "strength": "weak"}, "no strength"),
        ({"value": 1, "unit": "kg"}, "cannot be read"),
    ],
)
def test_what_is_no_number_is_refused(data: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_number(data, "endpoint:x:y", file="f", key="k")


X = np.array([[0.0, 1.0, 10.0, np.inf]])


def term(**data: object) -> np.ndarray:
    return parse_term({"of": "x", **data}, "endpoint:e", factor="weight", observables={"x": "1"}).value(
        X, get
    )


def test_transforms() -> None:
    assert term()[0, :3] == pytest.approx([0, 1, 10])
    assert term(reference=2, weight=3.0)[0, :3] == pytest.approx([0, 1.5, 15])
    assert term(transform="log", floor=0.5, reference=10)[0, :3] == pytest.approx(np.log([0.05, 0.1, 1]))
    hill = term(transform="hill", half_max=10.0, hill=2)[0]
    assert hill == pytest.approx([0, 1 / 101, 0.5, 1]), "and an endless signal saturates"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"reference": 0}, "above 0"),
        ({"transform": "hill", "half_max": 1.0, "hill": 0.5}, "at least 1"),
        ({"transform": "hill"}, "value"),
        ({"floor": 1.0}, "no use"),
        ({"of": "y"}, "no observable 'y'"),
        ({"wait": 1.0}, "did you mean 'weight'"),
    ],
)
def test_what_is_no_term_is_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        term(**data)
    with pytest.raises(InputError, match="coefficient: is missing"):
        parse_term({"of": "x"}, "endpoint:e", factor="coefficient", observables=None)
