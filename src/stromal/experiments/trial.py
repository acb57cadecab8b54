"""Trials as data: arms, therapies, whom to enrol, what is read, and what was reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from ..errors import InputError, nearest
from ..evidence import Evidence
from .disease import Disease, Enrolment, check_enrolment, list_diseases, load_disease
from .endpoint import Endpoint, parse_endpoints
from .files import Strict, find, listed, parse, read_toml
from .targets import check_targets
from .therapy import Therapy, parse_therapies

__all__ = ["TRIALS", "Reported", "Trial", "TrialArm", "list_trials", "load_trial"]

TRIALS = Path(__file__).parent / "trials"
#: More patients than this an arm are refused: a trial has fewer, and memory is not endless.
MOST_PATIENTS = 20_000


class Reported(Strict):
    """What a trial reported of an endpoint, for an arm or, with ``against``, between two."""

    endpoint: str
    arm: str
    against: str = ""
    value: float
    low: float | None = None
    high: float | None = None
    measure: str = ""
    unit: str = ""
    day: float | None = None
    source: str


class Historical(Strict):
    """The effect that comparable trials had together: a forecast that needs no model."""

    endpoint: str
    effect: float
    sd: float = Field(gt=0)
    measure: str = ""
    source: str


class _Arm(Strict):
    name: str
    n: int = Field(default=0, ge=0)
    therapy: tuple[dict[str, Any], ...] = ()
    block: tuple[str, ...] = ()
    knockout: tuple[str, ...] = ()
    note: str = ""


class _File(Strict):
    id: str
    title: str
    about: str = ""
    refs: tuple[str, ...] = ()
    row: str = ""
    disease: str
    days: float = Field(gt=0, le=3660)
    n: int = Field(default=50, ge=1)
    arms: tuple[_Arm, ...] = Field(min_length=1)
    reference: str = ""
    background: tuple[dict[str, Any], ...] = ()
    enrol: Enrolment | None = None
    endpoints: tuple[str, ...]
    primary: str
    reported: tuple[Reported, ...] = ()
    historical: tuple[Historical, ...] = ()
    not_stated: dict[str, str] = {}
    claims: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialArm:
    """One arm.

    Attributes
    ----------
    name : str
    n : int
        Patients.
    therapies : tuple of Therapy
        Of the arm, without the background that all arms have.
    block, knockout : tuple of str
        As on the bench: drugs, antibodies and nodes.
    """

    name: str
    n: int
    therapies: tuple[Therapy, ...] = ()
    block: tuple[str, ...] = ()
    knockout: tuple[str, ...] = ()

    @property
    def product(self) -> Therapy | None:
        """The cells or vesicles that the arm gets, None for none."""
        return next((t for t in self.therapies if t.what != "drug"), None)


@dataclass(frozen=True, eq=False)
class Trial:
    """A trial, checked against its disease.

    Attributes
    ----------
    spec : _File
    disease : Disease
        With the enrolment of the trial.
    arms : tuple of TrialArm
    background : tuple of Therapy
        Given in every arm.
    endpoints : dict of str to Endpoint
        All of the disease: those that are reported rest on others.
    file : str
    """

    spec: _File
    disease: Disease
    arms: tuple[TrialArm, ...]
    background: tuple[Therapy, ...]
    endpoints: Mapping[str, Endpoint]
    file: str

    @property
    def id(self) -> str:
        """Name of the trial."""
        return self.spec.id

    @property
    def reference(self) -> str:
        """The arm that others are compared with, empty for a single arm."""
        return self.spec.reference or (self.arms[0].name if len(self.arms) > 1 else "")


def list_trials() -> dict[str, Path]:
    """Return the shipped trials: id to file."""
    return listed(TRIALS)


def load_trial(name: str | Path, evidence: Evidence) -> Trial:
    """Read a trial by the id of a shipped one, of a disease (its default trial), or from a TOML file.

    Raises
    ------
    InputError
        With file, key and the nearest valid name.
    """
    if str(name) not in list_trials() and str(name) in list_diseases():
        name = load_disease(name, evidence).spec.trial or name
    if str(name) not in list_trials() and Path(name).suffix != ".toml":
        hint = nearest(str(name), {*list_trials(), *list_diseases()})
        raise InputError(f"no trial or disease {str(name)!r}", key="trial", suggestion=hint)
    path = find(name, TRIALS, "trial")
    spec = parse(_File, read_toml(path), path.name)
    beside = path.parent / f"{spec.disease}.toml"
    own = beside.exists() and path.parent.resolve() != TRIALS.resolve()
    disease = load_disease(beside if own else spec.disease, evidence)
    if spec.enrol is not None:
        disease = replace(disease, spec=disease.spec.model_copy(update={"enrol": spec.enrol}))
        check_enrolment(disease, path.name)
    units = {key: item.unit for key, item in disease.observables.items()}
    endpoints = parse_endpoints(disease.spec.endpoints, observables=units, file=disease.file)
    for key in (spec.primary, *spec.endpoints):
        if key not in endpoints:
            raise InputError(
                f"{disease.id} has no endpoint {key!r}",
                file=path.name,
                key="endpoints",
                suggestion=nearest(key, endpoints),
            )
    for key, endpoint in endpoints.items():
        last = max(getattr(endpoint, "days", ()), default=0.0)
        if last > spec.days:
            # responses rest on visits of others, so all endpoints of the disease are observed
            raise InputError(
                f"{spec.days:g} days of follow-up end before the visit of {key!r} on day {last:g}",
                file=path.name,
                key="days",
                suggestion=f"{last:g} or more",
            )
    arms = tuple(_arm(arm, spec, evidence, path.name) for arm in spec.arms)
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        raise InputError("two arms have the same name", file=path.name, key="arms")
    if spec.reference and spec.reference not in names:
        raise InputError(
            f"no arm {spec.reference!r}",
            file=path.name,
            key="reference",
            suggestion=nearest(spec.reference, names),
        )
    background = parse_therapies(spec.background, evidence, file=path.name, name="background", end=spec.days)
    return Trial(spec, disease, arms, background, endpoints, path.name)


def _arm(arm: _Arm, spec: _File, evidence: Evidence, file: str) -> TrialArm:
    therapies = parse_therapies(
        arm.therapy, evidence, file=file, name=f"arms.{arm.name}.therapy", end=spec.days
    )
    if sum(t.what != "drug" for t in therapies) > 1:
        kinds = {(t.give, t.source, t.species, t.priming) for t in therapies if t.what != "drug"}
        if len(kinds) > 1:
            raise InputError("an arm gets one product", file=file, key=f"arms.{arm.name}.therapy")
    check_targets(arm.block, arm.knockout, evidence)
    return TrialArm(arm.name, check_n(arm.n or spec.n, file), therapies, arm.block, arm.knockout)


def check_n(n: int, file: str = "") -> int:
    """Return a number of patients an arm, or say why not.

    Raises
    ------
    InputError
        If it is not 1 to MOST_PATIENTS.
    """
    if not 1 <= n <= MOST_PATIENTS:
        raise InputError(f"{n} patients an arm", file=file, key="n", suggestion=f"1 to {MOST_PATIENTS}")
    return n
