"""Shared by all tests: the shipped tables, read once."""

from __future__ import annotations

import pytest

from stromal.evidence import Evidence, load_evidence


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    return load_evidence()
