"""Kinds of endpoint: what a trial looks at, as records with no arm in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .observation import Number, Term

__all__ = [
    "Category",
    "Composite",
    "Count",
    "Crossing",
    "Endpoint",
    "Event",
    "Hazard",
    "Measure",
    "Reaches",
    "Response",
]


@dataclass(frozen=True)
class Endpoint:
    """What all kinds share.

    Attributes
    ----------
    name, title, source : str
    better : str
        ``higher`` or ``lower``: which direction helps the patient (of a share, rate or level; for an
        event, of its frequency); empty where neither does, and power then counts no direction.
    """

    name: str
    title: str = field(default="", kw_only=True)
    source: str = field(default="assumed", kw_only=True)
    better: str = field(default="", kw_only=True)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms on observables."""
        return ()

    @property
    def own(self) -> tuple[Number, ...]:
        """Numbers that stand in no term."""
        return ()

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Every uncertain number of the observation model."""
        return tuple(n for term in self.terms for n in term.numbers) + self.own


@dataclass(frozen=True)
class Category(Endpoint):
    """Ordered categories on a latent, read by a rater at visits.

    Attributes
    ----------
    categories : tuple of str
        Lowest (best or mildest) first.
    latent : tuple of Term
        Their sum is the latent.
    cuts : tuple of Number
        One fewer than categories; a latent at or over a cut is in the next category.
    rater_sd : Number
        Of the rater's reading of the latent, anew at each visit.
    days : tuple of float
        Visits.
    """

    categories: tuple[str, ...]
    latent: tuple[Term, ...]
    cuts: tuple[Number, ...]
    rater_sd: Number
    days: tuple[float, ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms on observables."""
        return self.latent

    @property
    def own(self) -> tuple[Number, ...]:
        """Cut points and rater error."""
        return (*self.cuts, self.rater_sd)


@dataclass(frozen=True)
class Response(Endpoint):
    """Whether a category fell; the dead and those with a stopping event before have no response.

    Attributes
    ----------
    of : str
        Category endpoint.
    level : str
        ``complete``: now the lowest category. ``overall``: at least one lower than at baseline.
        ``partial``: overall but not complete.
    baseline, day : float
        Visits that are compared.
    until : float
        The response is kept at each visit from ``day`` to here; ``day`` if it need not last.
    lasting : float or None
        If given, a response that starts at any visit after baseline and is kept for so many days by ``day``.
    unless : tuple of str
        Events after which there is no response. Terminal events always count.
    """

    of: str
    level: str
    baseline: float
    day: float
    until: float
    lasting: float | None = None
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event(Endpoint):
    """Something that happens once, or not.

    Attributes
    ----------
    competing : tuple of str
        Events that, coming first, keep this one from happening: ``censored_by``, and every terminal one.
    after : str
        Event that it can only follow; empty for none.
    terminal : bool
        Whether nothing is seen of the patient afterwards.
    start : float
        Day from which it can happen.
    """

    competing: tuple[str, ...] = field(default=(), kw_only=True)
    after: str = field(default="", kw_only=True)
    terminal: bool = field(default=False, kw_only=True)
    start: float = field(default=0.0, kw_only=True)


@dataclass(frozen=True)
class Hazard(Event):
    """An event with a cause-specific hazard: rate times exp of a sum of terms, times a frailty.

    Attributes
    ----------
    rate : Number
        1/day, where all terms are zero.
    effects : tuple of Term
    frailty_sd : Number or None
        Of the logarithm of a lognormal frailty with mean 1.
    """

    rate: Number
    effects: tuple[Term, ...] = ()
    frailty_sd: Number | None = None

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms of the log hazard."""
        return self.effects

    @property
    def own(self) -> tuple[Number, ...]:
        """Rate and frailty."""
        return (self.rate,) + ((self.frailty_sd,) if self.frailty_sd is not None else ())


@dataclass(frozen=True)
class Crossing(Event):
    """The first time that an observable passes a level.

    Attributes
    ----------
    of : str
        Observable.
    level : Number
        In its unit.
    above : bool
        Whether it passes upwards.
    delay : Number or None
        Days from the crossing, or the visit that shows it, to the diagnosis.
    days : tuple of float
        Visits at which it can be seen; empty if it shows at once.
    """

    of: str
    level: Number
    above: bool = True
    delay: Number | None = None
    days: tuple[float, ...] = ()

    @property
    def own(self) -> tuple[Number, ...]:
        """Level and delay."""
        return (self.level,) + ((self.delay,) if self.delay is not None else ())


@dataclass(frozen=True)
class Reaches(Event):
    """The first visit at which a category is at least so high.

    Attributes
    ----------
    of : str
        Category endpoint.
    at_least : str
        One of its categories.
    """

    of: str
    at_least: str


@dataclass(frozen=True)
class Composite(Endpoint):
    """The first of several events, or a response that has failed at its day.

    Attributes
    ----------
    events : tuple of str
    failures : tuple of str
        Response endpoints; one that has failed is an event at its (last) day.
    competing : tuple of str
        Events outside that keep it from happening.
    """

    events: tuple[str, ...]
    failures: tuple[str, ...] = ()
    competing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measure(Endpoint):
    """An observable at visits, measured with error.

    Attributes
    ----------
    of : str
        Observable.
    days : tuple of float
    error_sd : Number
        Of the logarithm if lognormal, else in the unit of the observable.
    lognormal : bool
    unit : str
        Of the observable.
    """

    of: str
    days: tuple[float, ...]
    error_sd: Number
    lognormal: bool = True
    unit: str = ""

    @property
    def own(self) -> tuple[Number, ...]:
        """Measurement error."""
        return (self.error_sd,)


@dataclass(frozen=True)
class Count(Endpoint):
    """Recurrent events over follow-up: Poisson given a gamma frailty with mean 1.

    Attributes
    ----------
    rate : Number
        1/day, where all terms are zero.
    effects : tuple of Term
    dispersion : Number
        Variance of the frailty; 0 is a plain Poisson count.
    start : float
    until : float or None
        Days between which events are counted; None is the end of follow-up. Death and drop-out end it.
    """

    rate: Number
    dispersion: Number
    effects: tuple[Term, ...] = ()
    start: float = 0.0
    until: float | None = None

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms of the log rate."""
        return self.effects

    @property
    def own(self) -> tuple[Number, ...]:
        """Rate and dispersion."""
        return (self.rate, self.dispersion)
