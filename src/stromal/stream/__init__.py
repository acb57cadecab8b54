"""Virtual populations too large for memory: solved and kept chunk by chunk, gone on with after a stop."""

from .read import open_population, patient_ids
from .run import stream_population

__all__ = ["open_population", "patient_ids", "stream_population"]
