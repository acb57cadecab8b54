"""One source for all tests of streams; without zarr there is nothing to test."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from small_population import CHUNK, PATIENTS, small_source, stored

from stromal.stream.run import stream_source
from stromal.stream.source import Source

if find_spec("zarr") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return small_source(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def undisturbed(source: Source, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run writes that nothing stops."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    stream_source(source, folder, PATIENTS, chunk=CHUNK, threads=1)
    return stored(folder)
