"""Chance of patients: uniform, independent, and moved by nothing but whom and what it is for."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstest

from stromal.experiments.streams import patient_exponential, patient_keys, patient_normal, patient_uniform

IDS = [f"d{d}-p{p}" for d in range(40) for p in range(250)]
KEYS = patient_keys(IDS)


def test_numbers_are_uniform_and_streams_are_independent() -> None:
    streams = [
        patient_uniform(1, "death:time", KEYS),
        patient_uniform(1, "death:time", KEYS, 1),
        patient_uniform(2, "death:time", KEYS),
        patient_uniform(1, "relapse:time", KEYS),
    ]
    for stream in streams:
        assert kstest(stream, "uniform").pvalue > 1e-3
        assert 0 < stream.min() and stream.max() < 1
    assert np.abs(np.corrcoef(streams) - np.eye(4)).max() < 0.04
    # nor is one patient's number told by the neighbour's
    assert abs(np.corrcoef(streams[0][1:], streams[0][:-1])[0, 1]) < 0.04


def test_a_number_does_not_depend_on_who_else_is_there() -> None:
    some = patient_uniform(1, "x", patient_keys(IDS[::-7]))
    assert np.array_equal(some, patient_uniform(1, "x", KEYS)[::-7])


def test_normal_and_exponential_are_of_their_kind() -> None:
    assert kstest(patient_normal(1, "x", KEYS), "norm").pvalue > 1e-3
    assert kstest(patient_exponential(1, "x", KEYS), "expon").pvalue > 1e-3


def test_the_stored_numbers_stay() -> None:
    # a change here moves every trial that was ever run
    got = patient_uniform(7, "death:time", patient_keys(["a", "b"]), 3)
    assert np.allclose(got, STORED, rtol=0, atol=1e-15)


STORED = [0.9360551675069171, 0.9311783032859462]
