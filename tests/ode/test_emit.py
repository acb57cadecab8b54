"""Code compiled by several processes: the same numbers, whoever compiles what, whatever fails."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.models import network

from stromal.ode import compile_system, emit


@pytest.fixture(scope="module")
def model():
    return network(40)


def answer(model) -> bytes:
    kernel = compile_system(model, cache=False)
    params = np.array([p.value for p in model.parameters])
    y0 = np.array([s.scale for s in model.states])
    return kernel.solve(y0, params, np.linspace(0.0, 20.0, 5), rtol=1e-5).y.tobytes()


@pytest.fixture(scope="module")
def expected(model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emit, "_cores", lambda: 1)
        return answer(model)


@pytest.mark.parametrize("cores", [2, 5])
def test_parts_of_a_program_give_the_bytes_of_the_whole(cores, model, expected, monkeypatch) -> None:
    asked = []
    ask = emit._ask
    monkeypatch.setattr(emit, "_cores", lambda: cores)
    monkeypatch.setattr(emit, "SHARE", 1000)
    monkeypatch.setattr(emit, "_ask", lambda *args: asked.append(ask(*args)) or asked[-1])
    assert answer(model) == expected
    assert len(asked) == cores - 1 and all(h.process.returncode == 0 for h in asked)


@pytest.mark.parametrize("program", ["/no/such/program", "false", "true"])
def test_a_share_is_compiled_here_if_no_helper_can(program, model, expected, monkeypatch) -> None:
    monkeypatch.setattr(emit, "_cores", lambda: 2)
    monkeypatch.setattr(emit, "SHARE", 1000)
    monkeypatch.setattr(emit.sys, "executable", program)
    assert answer(model) == expected


def test_pieces_of_a_cached_program_find_each_other(model, expected, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    monkeypatch.setattr(emit, "_cores", lambda: 3)
    monkeypatch.setattr(emit, "SHARE", 1000)
    compile_system(model)
    kernel = compile_system(model)
    assert kernel.cached and len(kernel.facts["names"]) == 2
    monkeypatch.setattr(emit, "_cores", lambda: 1)
    monkeypatch.setitem(globals(), "compile_system", lambda model, cache: kernel)
    assert answer(model) == expected


def test_no_helper_outlives_an_interrupt(model, monkeypatch) -> None:
    helpers = []
    ask = emit._ask
    monkeypatch.setattr(emit, "_cores", lambda: 2)
    monkeypatch.setattr(emit, "SHARE", 1000)
    monkeypatch.setattr(emit, "_ask", lambda *args: helpers.append(ask(*args)) or helpers[-1])

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(emit, "_emit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compile_system(model, cache=False)
    assert helpers and helpers[0].process.returncode is not None
