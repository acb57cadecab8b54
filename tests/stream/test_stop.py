"""Stopped at any moment, a run goes on from its last whole chunk: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_population import CHUNK, PATIENTS, small_source, stored

import stromal
from stromal.errors import InputError
from stromal.stream import open_population, store
from stromal.stream.ledger import Ledger
from stromal.stream.run import stream_source
from stromal.stream.source import Source

RUN = """
import sys
from pathlib import Path
from small_population import small_source
from stromal.stream.run import stream_source
if __name__ == "__main__":
    home, patients, chunk = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    stream_source(small_source(home), home / "out", patients, chunk=chunk, resume=True, threads=1)
"""


class Killed(BaseException):
    """Stands for a process that is no more: nothing in the program catches it."""


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.verification, id="every"), pytest.param(8, id="some")]
)
def test_stopped_at_a_touch_of_the_disk(
    step: int, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a run dies at its first, second, third ... rename, sync or new file; each time another goes on
    one = replace(source, observables=("damage",))
    made = {start: one.make(start, min(start + CHUNK, 25), 1) for start in range(0, 25, CHUNK)}
    monkeypatch.setattr(Source, "make", lambda _, start, *rest: made[start])
    left = 0

    def dying(call):  # noqa: ANN001, ANN202
        def instead(*args, **options):  # noqa: ANN002, ANN003, ANN202
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return call(*args, **options)

        return instead

    stream_source(one, tmp_path / "whole", 25, chunk=CHUNK)
    undisturbed = stored(tmp_path / "whole")
    for place, name in ((os, "replace"), (os, "fsync"), (store, "create"), (store, "write")):
        monkeypatch.setattr(place, name, dying(getattr(place, name)))
    deaths = 0
    for at in range(2, 200, step):
        folder = tmp_path / str(at)
        left = at
        try:
            stream_source(one, folder, 25, chunk=CHUNK)
        except Killed:
            deaths += 1
        else:
            break
        ledger = Ledger.read(folder)
        if ledger is not None and ledger.done:
            # what is there is there to be read
            assert open_population(folder).sizes["patient"] == ledger.done <= 25
        left = -1
        stream_source(one, folder, 25, chunk=CHUNK, resume=True)
        assert stored(folder) == undisturbed
    assert deaths >= 30 / step


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random(seed: int, tmp_path: Path) -> None:
    patients, chunk = 3000, 30
    path = os.pathsep.join([str(Path(stromal.__file__).parents[1]), str(Path(__file__).parents[1])])
    command = [sys.executable, "-c", RUN, str(tmp_path), str(patients), str(chunk)]
    chance = random.Random(seed)
    kills = 0
    for _ in range(2):
        process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path})
        before = Ledger.read(tmp_path / "out")
        while process.poll() is None:
            ledger = Ledger.read(tmp_path / "out")
            if ledger and ledger.done > (before.done if before else 0):
                time.sleep(chance.uniform(0.0, 0.3))
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        kills += process.wait() == -signal.SIGKILL
    assert kills
    stopped = Ledger.read(tmp_path / "out")
    assert stopped is not None and 0 < stopped.done < patients
    kept = open_population(tmp_path / "out").load()
    source = small_source(tmp_path)
    # to the end would take longer than the point is worth: the next two chunks, then all that is there
    some = next_chunks(source, tmp_path / "out", 2)
    assert some.sizes["patient"] == stopped.done + 2 * chunk
    made = source.make(0, some.sizes["patient"], 1)
    for key, values in made.items():
        np.testing.assert_array_equal(some[key].values, values)
        np.testing.assert_array_equal(kept[key].values, values[: stopped.done])


def next_chunks(source: Source, folder: Path, chunks: int):  # noqa: ANN201
    """Go on for some chunks, then be interrupted."""
    ledger = Ledger.read(folder)
    assert ledger is not None
    until = ledger.done + chunks * ledger.chunk

    def tell(what: str, done: int, of: int) -> None:
        if done >= until and (now := Ledger.read(folder)) and now.done >= until:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_source(
            source, folder, ledger.patients, chunk=ledger.chunk, resume=True, threads=1, progress=tell
        )
    return open_population(folder).load()


def test_lost_files_are_made_again(source: Source, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    stream_source(source, folder, PATIENTS, chunk=CHUNK, threads=1)
    (folder / store.NAME / "damage" / "2.0").unlink()
    (folder / store.NAME / "solved" / "3").write_bytes(b"")
    stream_source(source, folder, PATIENTS, chunk=CHUNK, resume=True, threads=1)
    assert stored(folder) == undisturbed


@pytest.mark.parametrize("content", [None, b"{}", b"not json"])
def test_a_store_without_its_names_is_refused(content: bytes | None, source: Source, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    stream_source(source, folder, 20, chunk=CHUNK, threads=1)
    file = folder / store.NAME / "damage" / ".zarray"
    file.unlink() if content is None else file.write_bytes(content)
    kept = (folder / store.NAME / "damage" / "0.0").read_bytes()
    with pytest.raises(InputError, match="not the store"):
        stream_source(source, folder, 20, chunk=CHUNK, resume=True, threads=1)
    assert (folder / store.NAME / "damage" / "0.0").read_bytes() == kept


def test_a_run_that_has_ended_is_left_alone(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    first = stream_source(source, folder, 20, chunk=CHUNK, threads=1)
    monkeypatch.setattr(Source, "make", lambda *_: pytest.fail("solved again"))
    again = stream_source(source, folder, 20, chunk=CHUNK, resume=True, threads=1)
    assert first.identical(again)
