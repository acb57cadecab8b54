"""The other simulators, for the slow programme; the code is shared with the tests."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("stromal_simulators", Path(__file__).parents[1] / "tests" / "simulators.py")
assert _spec is not None and _spec.loader is not None
_shared = module_from_spec(_spec)
_spec.loader.exec_module(_shared)

simulate_copasi = _shared.simulate_copasi
simulate_roadrunner = _shared.simulate_roadrunner
simulate_scipy = _shared.simulate_scipy
species_ids = _shared.species_ids

__all__ = ["simulate_copasi", "simulate_roadrunner", "simulate_scipy", "species_ids"]
