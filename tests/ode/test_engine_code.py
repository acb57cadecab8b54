"""Vector functions and the cache of machine code."""

from __future__ import annotations

import ctypes
import math
import os
import subprocess
import sys
from pathlib import Path

import engine_systems as systems
import numpy as np
import pytest
from llvmlite import ir

import stromal
from stromal.cache import read_cache
from stromal.model.expr import sym
from stromal.ode import asm, compile_system, jit
from stromal.ode.emit import compile_objects


@pytest.fixture(scope="module")
def functions():
    """Return exp and log of the engine as functions on arrays."""
    width = jit.lanes()
    module, vec = ir.Module("functions"), ir.VectorType(asm.DOUBLE, width)
    asm.define_exp(module, vec)
    asm.define_log(module, vec)
    for name in ("exp", "log"):
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [asm.PTR, asm.PTR]), f"one_{name}")
        a = asm.Asm(ir.IRBuilder(function.append_basic_block("entry")))
        a.put(
            a.b.call(module.globals[f"v{name}{width}"], [a.get(function.args[0], 0, vec)]), function.args[1]
        )
        a.b.ret_void()
    library = jit.Library(compile_objects(str(module), "", ""))

    def get(name: str):
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(library.address(f"one_{name}"))
        raw = np.zeros(3 * width)
        skip = -raw.ctypes.data // 8 % width
        x, y = raw[skip : skip + width], raw[skip + width : skip + 2 * width]

        def apply(values):
            out = np.empty(len(values))
            for at in range(0, len(values), width):
                part = values[at : at + width]
                x[: len(part)] = part
                call(x.ctypes.data, y.ctypes.data)
                out[at : at + width] = y[: len(part)]
            return out

        apply.keep = (library, raw)
        return apply

    return get


def test_exp_and_log(functions):
    rng = np.random.default_rng(0)
    x = np.r_[rng.uniform(-708.0, 709.0, 4000), rng.uniform(-1.0, 1.0, 4000)]
    np.testing.assert_allclose(functions("exp")(x), np.exp(x), rtol=5e-16)
    x = np.r_[np.exp(rng.uniform(-740.0, 709.0, 4000)), rng.uniform(0.5, 2.0, 4000)]
    np.testing.assert_allclose(functions("log")(x), np.log(x), rtol=5e-16)


def test_exp_and_log_at_the_edges(functions):
    inf, nan = math.inf, math.nan
    got = functions("exp")(np.array([0.0, 710.0, inf, -745.0, -800.0, -inf, nan]))
    np.testing.assert_array_equal(got, [1.0, inf, inf, 5e-324, 0.0, 0.0, nan])
    got = functions("log")(np.array([1.0, 0.0, -0.0, -1.0, inf, -inf, nan]))
    np.testing.assert_array_equal(got, [0.0, -inf, -inf, nan, inf, nan, nan])


def small(value: float = 1.0):
    return systems.make("small", "a b", {"k": 1.0}, [(value * sym("k") * sym("a"), {"a": -1.0, "b": 1.0})])


def answer(kernel) -> bytes:
    return kernel.solve([1.0, 0.0], [0.7], [0.0, 1.0, 2.0]).y.tobytes()


def test_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    first = compile_system(small())
    (file,) = tmp_path.iterdir()
    second = compile_system(small())
    assert not first.cached and second.cached and answer(first) == answer(second)
    whole = file.read_bytes()
    foreign = whole.replace(b"stromal-object-1", b"stromal-object-9")
    flipped = whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:]
    for damaged in (whole[: len(whole) // 2], foreign, flipped):
        file.write_bytes(damaged)
        again = compile_system(small())
        assert not again.cached and answer(again) == answer(first)
        assert compile_system(small()).cached
    file.rename(tmp_path / "other.bin")
    assert read_cache("other") is None  # right content under a wrong name
    assert not compile_system(small(2.0)).cached and len(list(tmp_path.iterdir())) == 2


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path / "file"))
    assert len(answer(compile_system(small())))


def test_cache_off(tmp_path, monkeypatch):
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    compile_system(small(), cache=False)
    assert not list(tmp_path.iterdir())


def test_two_processes_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    code = "import test_engine_code as t; print(t.answer(t.compile_system(t.small())).hex())"
    path = os.pathsep.join([str(Path(stromal.__file__).parents[1]), str(Path(__file__).parent)])
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    out = {process.communicate()[0].strip() for process in both}
    assert out == {answer(compile_system(small())).hex()}
    assert [file.suffix for file in tmp_path.iterdir()] == [".bin"]
