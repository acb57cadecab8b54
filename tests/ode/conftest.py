"""Small hand-made systems, each compiled once."""

from __future__ import annotations

import os

import engine_systems as systems
import pytest

from stromal.ode import compile_system


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Keep the machine code of the tests apart from the user's."""
    old = os.environ.get("STROMAL_CACHE")
    os.environ["STROMAL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if old is None:
        del os.environ["STROMAL_CACHE"]
    else:
        os.environ["STROMAL_CACHE"] = old


@pytest.fixture(scope="session")
def kernel():
    """Return a function from the name of a system to its kernel."""
    made = {}

    def get(name: str):
        if name not in made:
            made[name] = compile_system(getattr(systems, name)())
        return made[name]

    return get
