"""What is done to the model: assays, arms, readouts, and the ensemble they run over."""

from .assay import Assay, list_assays, load_assay
from .ensemble import Ensemble, prior_ensemble, shipped_ensemble
from .results import AssayResult, run_assay

__all__ = [
    "Assay",
    "AssayResult",
    "Ensemble",
    "list_assays",
    "load_assay",
    "prior_ensemble",
    "run_assay",
    "shipped_ensemble",
]
