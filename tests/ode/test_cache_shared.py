"""The cache of machine code, shared: damaged, foreign or half-written, with many processes at it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_engine_code import answer, small

import stromal
from stromal.cache import read_cache
from stromal.ode import compile_system, jit

ANSWER = "import test_engine_code as t; print(t.answer(t.compile_system(t.small())).hex())"
#: Writes for ever, as much as a large model has.
WRITE = "from stromal.cache import write_cache\nwhile True: write_cache('key', {}, bytes(8_000_000))"


def start(code: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(Path(stromal.__file__).parents[1]), str(Path(__file__).parent)])
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def kept(tmp_path, monkeypatch) -> tuple[Path, bytes]:
    """Return a cached object and what its code answers."""
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    first = answer(compile_system(small()))
    (file,) = tmp_path.iterdir()
    return file, first


def test_all_at_once_with_a_damaged_cache(kept):
    file, first = kept
    file.write_bytes(file.read_bytes()[:-100])
    out = {process.communicate()[0].strip() for process in [start(ANSWER) for _ in range(3)]}
    assert out == {first.hex()}
    assert compile_system(small()).cached and [f.suffix for f in file.parent.iterdir()] == [".bin"]


@pytest.mark.parametrize("change", [{"key": "of another"}, {}], ids=["another key", "no key"])
def test_a_whole_file_of_something_else_is_not_trusted(change, kept):
    file, first = kept
    magic, _, head, body = file.read_bytes().split(b"\n", 3)
    facts = json.loads(head)
    del facts["key"]
    head = json.dumps({**facts, **change}).encode()
    check = hashlib.sha256(head + b"\n" + body).hexdigest().encode()
    file.write_bytes(b"\n".join([magic, check, head, body]))
    again = compile_system(small())
    assert not again.cached and answer(again) == first and compile_system(small()).cached


@pytest.mark.parametrize("what", ["another processor", "another llvmlite"])
def test_code_of_another_machine_is_not_found(what, kept, monkeypatch):
    monkeypatch.setattr(jit, "target_key", lambda: what)
    assert not compile_system(small()).cached


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_writer_that_is_killed_leaves_a_whole_file_or_none(tmp_path, monkeypatch):
    monkeypatch.setenv("STROMAL_CACHE", str(tmp_path))
    writer = start(WRITE)
    while not (tmp_path / "key.bin").exists() and writer.poll() is None:
        pass
    for _ in range(20):  # a reader never meets a part
        assert read_cache("key") is not None
    writer.kill()
    writer.communicate()
    facts, body = read_cache("key")
    assert facts == {"key": "key"} and len(body) == 8_000_000
