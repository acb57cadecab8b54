"""What a folder holds is respected: one writer, the same inputs, nothing of others, and disks that refuse."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_population import CHUNK, PATIENTS, stored

from stromal.errors import InputError
from stromal.stream import open_population, patient_ids, store, stream_population
from stromal.stream.ledger import NAME, Ledger
from stromal.stream.lock import only_writer
from stromal.stream.run import stream_source
from stromal.stream.source import Source


def run(source: Source, folder: Path, **options):  # noqa: ANN003, ANN201
    return stream_source(source, folder, PATIENTS, chunk=CHUNK, threads=1, **options)


def test_what_is_kept_is_labelled_and_opened_lazily(source: Source, tmp_path: Path) -> None:
    data = run(source, tmp_path / "out")
    assert data.sizes == {"patient": PATIENTS, "day": 5}
    assert not any(v._in_memory for v in data.variables.values() if "patient" in v.dims)
    assert data["damage"].dtype == np.float32 and data["T"].attrs["units"] == "cells/uL"
    assert data.attrs["disease"] == "small" and data.attrs["evidence"] == source.evidence.digest
    assert {"stromal", "code", "seed", "versions", "inputs", "yields"} <= set(data.attrs)
    ids = patient_ids(data)
    assert len(set(ids)) == PATIENTS and ids[0] == f"small-{source.draw_names[data['draw'].values[0]]}-0"
    made = source.make(0, PATIENTS, 1)
    for key, values in made.items():
        np.testing.assert_array_equal(data[key].values, values)


def test_the_chunk_cuts_the_store_and_changes_no_value(source: Source, tmp_path: Path) -> None:
    one, other = (stream_source(source, tmp_path / str(c), 30, chunk=c, threads=1) for c in (7, 100))
    assert one.load().identical(other.load())


def test_two_runs_into_one_folder_are_refused(source: Source, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run(source, folder)
    before = stored(folder)
    with only_writer(folder), pytest.raises(InputError, match="another run writes into it"):
        run(source, folder, resume=True)
    assert stored(folder) == before
    run(source, folder, resume=True)  # the lock went with its holder


def test_another_population_is_refused_and_said_why(source: Source, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run(source, folder)
    before = stored(folder)
    with pytest.raises(InputError, match="44 of 44 patients already .*resume"):
        run(source, folder)
    for other, why in (
        (replace(source, days=(0.0, 3.0)), "other days"),
        (replace(source, observables=("T",)), "other observables"),
        (replace(source, ensemble=replace(source.ensemble, seed=9)), "other seed"),
    ):
        with pytest.raises(InputError, match=why):
            run(other, folder, resume=True)
    with pytest.raises(InputError, match="other patients, chunk"):
        stream_source(source, folder, 45, chunk=11, resume=True, threads=1)
    assert stored(folder) == before


def test_other_code_does_not_go_on(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(source, tmp_path / "out")
    monkeypatch.setattr("stromal.stream.about.code_digest", lambda: "another")
    with pytest.raises(InputError, match="other code"):
        run(source, tmp_path / "out", resume=True)


def test_folders_of_others_are_left_alone(source: Source, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    with pytest.raises(InputError, match="holds 'chapter.txt', which is no population"):
        run(source, tmp_path / "thesis", resume=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is not a folder"):
        run(source, tmp_path / "file")
    with pytest.raises(InputError, match="folder above it does not exist"):
        run(source, tmp_path / "no" / "where")
    with pytest.raises(InputError, match="holds no population"):
        open_population(tmp_path / "thesis")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 2, "inputs": {}, "patients": 1, "chunk": 1}']
)
def test_a_ledger_that_is_none_is_not_trusted(text: str, source: Source, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    (tmp_path / "out" / NAME).write_text(text)
    with pytest.raises(InputError, match="cannot be read as the ledger"):
        run(source, tmp_path / "out", resume=True)


def test_a_ledger_says_no_more_than_there_can_be(source: Source, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    data = json.loads((tmp_path / "out" / NAME).read_text())
    (tmp_path / "out" / NAME).write_text(json.dumps({**data, "done": PATIENTS + 1}))
    with pytest.raises(InputError, match="cannot be read as the ledger"):
        open_population(tmp_path / "out")


def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip("mounting is not allowed")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "disk", "size=400k")


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "fixed", "size=100k,ro")


def test_a_full_disk_keeps_what_was_written(
    source: Source, small_disk: Path, undisturbed: dict[str, bytes]
) -> None:
    folder = small_disk / "out"
    with pytest.raises(InputError, match=r"no space left on device; \d+ of 4000 patients are kept.*resume"):
        stream_source(source, folder, 4000, chunk=40, threads=1)
    ledger = Ledger.read(folder)
    assert ledger is not None and 0 < ledger.done < 4000
    kept = open_population(folder).load()
    for key, values in source.make(0, ledger.done, 1).items():
        np.testing.assert_array_equal(kept[key].values, values)
    with pytest.raises(InputError, match=f"{ledger.done} of 4000 patients are kept"):
        stream_source(source, folder, 4000, chunk=40, resume=True, threads=1)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    data = stream_source(source, folder, 4000, chunk=40, resume=True, threads=1)
    assert data.sizes["patient"] == 4000 and int(data["solved"].sum()) == 4000


def test_a_disk_without_room_for_the_first_byte(source: Source, small_disk: Path) -> None:
    (small_disk / "full").write_bytes(bytes(200_000))
    with pytest.raises(OSError):
        (small_disk / "more").write_bytes(bytes(400_000))
    with pytest.raises(InputError, match="no space left on device"):
        run(source, small_disk / "out")


def test_a_disk_that_cannot_be_written(source: Source, read_only_disk: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        run(source, read_only_disk / "out")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is allowed to root")
def test_a_folder_that_cannot_be_written(source: Source, tmp_path: Path) -> None:
    (tmp_path / "fixed").mkdir(mode=0o555)
    for folder in (tmp_path / "fixed", tmp_path / "fixed" / "out"):
        with pytest.raises(InputError, match="permission denied"):
            run(source, folder)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"patients": 0}, "0 patients"),
        ({"patients": -5}, "-5 patients"),
        ({"patients": 10**12}, "patients"),
        ({"patients": 5, "chunk": 0}, "0 patients of a chunk"),
        ({"patients": 5, "draws": 0}, "0 draws"),
    ],
)
def test_numbers_that_cannot_be(sizes: dict, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        stream_population("sr-agvhd", tmp_path / "out", **sizes)
    assert not (tmp_path / "out").exists()


def test_ten_million_patients_are_only_begun(source: Source, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def tell(what: str, done: int, of: int) -> None:
        told.append((done, of))
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_source(source, tmp_path / "out", 10**7, chunk=50, threads=1, progress=tell)
    assert told == [(0, 10**7), (50, 10**7)]
    assert sum(len(content) for content in stored(tmp_path / "out").values()) < 100_000
    assert store.whole(tmp_path / "out", source.template(), 0, 50) == 0
