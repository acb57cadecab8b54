"""What is done to the model: assays, arms, readouts, therapies, and the ensemble they run over."""

from .assay import Assay, list_assays, load_assay
from .dosing import Dose, doses
from .ensemble import Ensemble, prior_ensemble, shipped_ensemble
from .nonmem import RegimenTable, read_nonmem, to_nonmem
from .results import AssayResult, run_assay
from .routes import route_shares
from .therapy import Therapy, parse_therapies, parse_therapy
from .trial_run import TrialResult, run_trial, sample_population

__all__ = [
    "Assay",
    "AssayResult",
    "Dose",
    "Ensemble",
    "RegimenTable",
    "Therapy",
    "TrialResult",
    "doses",
    "list_assays",
    "load_assay",
    "parse_therapies",
    "parse_therapy",
    "prior_ensemble",
    "read_nonmem",
    "route_shares",
    "run_assay",
    "run_trial",
    "sample_population",
    "shipped_ensemble",
    "to_nonmem",
]
