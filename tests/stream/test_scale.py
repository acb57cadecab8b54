"""Chunks on dask workers, two processes of them: the same bytes, also when one is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_population import CHUNK, PATIENTS, stored

from stromal.errors import InputError
from stromal.stream import scale
from stromal.stream.ledger import Ledger
from stromal.stream.run import stream_source
from stromal.stream.source import Source

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as there:
        yield there


def pids(cluster) -> list[int]:  # noqa: ANN001
    with distributed.Client(cluster, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


def test_the_bytes_do_not_depend_on_who_solves(
    cluster,
    source: Source,
    undisturbed: dict[str, bytes],
    tmp_path: Path,  # noqa: ANN001
) -> None:
    stream_source(source, tmp_path / "out", PATIENTS, chunk=CHUNK, scheduler=cluster.scheduler_address)
    assert stored(tmp_path / "out") == undisturbed


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_worker_that_is_killed_costs_time_and_nothing_else(
    cluster,
    source: Source,
    tmp_path: Path,  # noqa: ANN001
) -> None:
    first, _ = there = pids(cluster)
    killed = []

    def tell(what: str, done: int, of: int) -> None:
        if done and not killed:
            os.kill(first, signal.SIGKILL)
            killed.append(done)

    patients, chunk = 2000, 100
    stream_source(
        source, tmp_path / "out", patients, chunk=chunk, scheduler=cluster.scheduler_address, progress=tell
    )
    assert killed and killed[0] < patients
    stream_source(source, tmp_path / "here", patients, chunk=chunk, threads=2)
    assert stored(tmp_path / "out") == stored(tmp_path / "here")
    cluster_now = set(pids(cluster))
    assert first not in cluster_now and set(there) & cluster_now


def test_begun_here_and_gone_on_with_there(
    cluster,
    source: Source,
    undisturbed: dict[str, bytes],
    tmp_path: Path,  # noqa: ANN001
) -> None:
    def tell(what: str, done: int, of: int) -> None:
        if (now := Ledger.read(tmp_path / "out")) and now.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_source(source, tmp_path / "out", PATIENTS, chunk=CHUNK, threads=1, progress=tell)
    address = cluster.scheduler_address
    stream_source(source, tmp_path / "out", PATIENTS, chunk=CHUNK, resume=True, scheduler=address)
    assert stored(tmp_path / "out") == undisturbed


def test_a_worker_with_other_code_is_refused(
    cluster,
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,  # noqa: ANN001
) -> None:
    monkeypatch.setattr(scale, "code_digest", lambda: "another")
    with pytest.raises(InputError, match="another version of stromal"):
        stream_source(source, tmp_path / "out", PATIENTS, scheduler=cluster.scheduler_address)


def test_no_scheduler_answers(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "PATIENCE", 1)
    for address in ("tcp://127.0.0.1:1", "nonsense", "tcp://"):
        with pytest.raises(InputError, match="no dask scheduler"):
            stream_source(source, tmp_path / "out", PATIENTS, scheduler=address, resume=True)


@pytest.mark.parametrize(
    "loss",
    [
        CancelledError("gone"),
        OSError("gone"),
        distributed.KilledWorker("x", SimpleNamespace(address="tcp://a:1"), 3),
    ],
)
def test_a_cluster_that_is_lost_is_said(
    loss: BaseException,
    cluster,  # noqa: ANN001
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost(**options):  # noqa: ANN003, ANN202
        def run(calls):  # noqa: ANN001, ANN202
            raise loss
            yield

        return run

    monkeypatch.setattr("joblib.Parallel", lost)
    with pytest.raises(InputError, match="scheduler or workers are lost.*resume"):
        stream_source(source, tmp_path / "out", PATIENTS, scheduler=cluster.scheduler_address)
