"""What follows from running the model against the literature: check, calibrate."""

from .calibrate import Calibration, calibrate, write_ensemble
from .check import CheckResult, check_claims
from .claims import Claim, load_claims

__all__ = [
    "Calibration",
    "CheckResult",
    "Claim",
    "calibrate",
    "check_claims",
    "load_claims",
    "write_ensemble",
]
