"""The other simulators, for the slow programme; the code is shared with the tests."""

from simulators import simulate_copasi, simulate_roadrunner, simulate_scipy, species_ids

__all__ = ["simulate_copasi", "simulate_roadrunner", "simulate_scipy", "species_ids"]
