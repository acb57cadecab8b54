"""What follows from running the model against the literature: check, calibrate."""

from .calibrate import Calibration, calibrate, write_ensemble
from .check import CheckResult, check_claims
from .claims import Claim, load_claims
from .disease_fit import DiseaseFit, fit_disease, write_fit

__all__ = [
    "Calibration",
    "CheckResult",
    "Claim",
    "DiseaseFit",
    "calibrate",
    "check_claims",
    "fit_disease",
    "load_claims",
    "write_ensemble",
    "write_fit",
]
