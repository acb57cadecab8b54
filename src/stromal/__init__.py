"""The literature on mesenchymal stromal cell therapy, executable.

One verb a layer: ``load_evidence`` reads the cited tables, ``compile_model`` makes them a model,
``run_assay`` does an experiment on it, ``sample_population`` draws virtual patients, ``stream_population``
as many as a disk holds, and ``run_trial`` takes them through a trial, ``check_claims`` holds it to what the
papers say, ``calibrate`` fits the potency of the mechanisms to in-vitro data and ``fit_disease`` a disease to
control arms, ``export_model`` writes it for other programs.

The verbs are imported when first used, so that ``import stromal`` and ``stromal --help`` stay fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from stromal.evidence import load_evidence
    from stromal.experiments import run_assay, run_trial, sample_population
    from stromal.export import export_model
    from stromal.inference import calibrate, check_claims, fit_disease
    from stromal.model import compile_model
    from stromal.stream import open_population, stream_population

_HOME = {
    "load_evidence": "stromal.evidence",
    "compile_model": "stromal.model",
    "run_assay": "stromal.experiments",
    "run_trial": "stromal.experiments",
    "stream_population": "stromal.stream",
    "open_population": "stromal.stream",
    "sample_population": "stromal.experiments",
    "fit_disease": "stromal.inference",
    "check_claims": "stromal.inference",
    "calibrate": "stromal.inference",
    "export_model": "stromal.export",
}

__all__ = [
    "__version__",
    "calibrate",
    "check_claims",
    "compile_model",
    "export_model",
    "fit_disease",
    "load_evidence",
    "open_population",
    "run_assay",
    "run_trial",
    "sample_population",
    "stream_population",
]


def __getattr__(name: str) -> Any:
    """Import a verb of the public interface from its layer, or read the version.

    Parameters
    ----------
    name : str
        Attribute asked of the package.

    Returns
    -------
    object
        The function, kept in the module so that the next access is direct.

    Raises
    ------
    AttributeError
        If `name` is not part of the public interface.
    """
    if name == "__version__":
        # reading the metadata of a package takes longer than all else that starts with the command line
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("stromal")
        except PackageNotFoundError:  # a source tree on the path that was never installed
            return "0.0.0+uninstalled"
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted(set(globals()) | set(__all__))
