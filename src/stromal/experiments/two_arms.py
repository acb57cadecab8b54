"""Comparisons of two arms for shares, levels and counts: effect, 95 % interval, p."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = [
    "Difference",
    "compare_counts",
    "compare_estimates",
    "compare_levels",
    "compare_shares",
    "fisher",
    "pearson",
]

#: Standard deviations of a 95 % interval.
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Difference:
    """An effect of one trial.

    Attributes
    ----------
    effect : float
    lo, hi : float
        95 % confidence interval; NaN if there is none.
    p : float
        Two-sided; NaN if it cannot be tested.
    """

    effect: float
    lo: float
    hi: float
    p: float


def compare_shares(yes: int, n: int, yes_reference: int, n_reference: int) -> Difference:
    """Return the difference of two shares in points: Newcombe's interval, and p.

    p is Fisher's where an expected number is under 5, else that of Pearson's chi-squared.
    """
    if not n or not n_reference:
        return Difference(np.nan, np.nan, np.nan, np.nan)
    a, b = yes / n, yes_reference / n_reference
    (low_a, high_a), (low_b, high_b) = _wilson(yes, n), _wilson(yes_reference, n_reference)
    lo = a - b - np.hypot(a - low_a, high_b - b)
    hi = a - b + np.hypot(high_a - a, b - low_b)
    total = yes + yes_reference
    least = min(total, n + n_reference - total) * min(n, n_reference) / (n + n_reference)
    test = fisher if least < 5 else pearson
    return Difference(
        100 * (a - b), 100 * float(lo), 100 * float(hi), test(yes, n, yes_reference, n_reference)
    )


@lru_cache(maxsize=1 << 16)
def fisher(yes: int, n: int, yes_reference: int, n_reference: int) -> float:
    """Return the two-sided p of Fisher's exact test."""
    from scipy.special import gammaln

    total = yes + yes_reference
    k = np.arange(max(0, total - n_reference), min(n, total) + 1)

    def choose(top: int, bottom: np.ndarray) -> np.ndarray:
        return gammaln(top + 1) - gammaln(bottom + 1) - gammaln(top - bottom + 1)

    chance = choose(n, k) + choose(n_reference, total - k)
    chance = np.exp(chance - chance.max())
    # tables as likely as the one seen count, however they were rounded
    as_rare = chance <= chance[int(yes - k[0])] * (1 + 1e-7)
    return float(min(1.0, chance[as_rare].sum() / chance.sum()))


@lru_cache(maxsize=1 << 16)
def pearson(yes: int, n: int, yes_reference: int, n_reference: int) -> float:
    """Return p of Pearson's chi-squared test without a correction for continuity."""
    from scipy.special import chdtrc

    total, everyone = yes + yes_reference, n + n_reference
    if total in (0, everyone):
        return 1.0
    cross = yes * (n_reference - yes_reference) - yes_reference * (n - yes)
    chi2 = cross**2 * everyone / (n * n_reference * total * (everyone - total))
    return float(chdtrc(1, chi2))


def compare_estimates(
    value: float, error: float, reference: float, reference_error: float, p_if_exact: float
) -> Difference:
    """Return the difference of two estimates with standard errors (Wald).

    Parameters
    ----------
    value, error, reference, reference_error : float
    p_if_exact : float
        p of another test, for estimates of 0 or 1 that have no error.
    """
    effect, both = value - reference, float(np.hypot(error, reference_error))
    if not np.isfinite(effect):
        return Difference(np.nan, np.nan, np.nan, np.nan)
    p = _two_sided(effect / both) if both > 0 else p_if_exact
    return Difference(effect, effect - Z95 * both, effect + Z95 * both, p)


def compare_levels(values: np.ndarray, reference: np.ndarray, *, lognormal: bool) -> Difference:
    """Return the ratio of geometric means (or difference of means): Welch's interval, Mann-Whitney p.

    Parameters
    ----------
    values, reference : array (patients,)
        NaN is left out.
    lognormal : bool
        Whether levels are compared as a ratio.
    """
    values, reference = values[np.isfinite(values)], reference[np.isfinite(reference)]
    if not len(values) or not len(reference):
        return Difference(np.nan, np.nan, np.nan, np.nan)
    from scipy.special import stdtrit
    from scipy.stats import mannwhitneyu

    same = np.ptp(np.concatenate([values, reference])) == 0
    p = 1.0 if same else float(mannwhitneyu(values, reference).pvalue)
    if lognormal:
        with np.errstate(divide="ignore"):
            values, reference = np.log(values), np.log(reference)
    effect = float(values.mean() - reference.mean())
    lo = hi = np.nan
    if min(len(values), len(reference)) > 1 and np.isfinite(effect):
        a, b = values.var(ddof=1) / len(values), reference.var(ddof=1) / len(reference)
        below = a**2 / (len(values) - 1) + b**2 / (len(reference) - 1)
        reach = float(stdtrit((a + b) ** 2 / below, 0.975) * np.sqrt(a + b)) if below > 0 else 0.0
        lo, hi = effect - reach, effect + reach
    if lognormal:
        effect, lo, hi = (float(np.exp(x)) for x in (effect, lo, hi))
    return Difference(effect, lo, hi, p)


def compare_counts(
    count: np.ndarray, exposure: np.ndarray, count_reference: np.ndarray, exposure_reference: np.ndarray
) -> Difference:
    """Return the ratio of two rates, with an error that patients' unlike rates do not make too small.

    It is Poisson regression on the arm with the sandwich estimate of variance.

    Parameters
    ----------
    count, exposure : array (patients,)
    count_reference, exposure_reference : array (patients,)
    """
    logs, variances = [], []
    for c, e in ((count, exposure), (count_reference, exposure_reference)):
        keep = np.isfinite(c) & (e > 0)
        c, e = c[keep], e[keep]
        if not len(c):
            return Difference(np.nan, np.nan, np.nan, np.nan)
        rate = float(c.sum()) / float(e.sum())
        logs.append(np.log(rate) if rate > 0 else -np.inf)
        variances.append(np.sum((c - rate * e) ** 2) / c.sum() ** 2 if rate > 0 else np.nan)
    if not np.isfinite(logs).all():
        ends = {(True, False): np.inf, (False, True): 0.0}
        effect = ends.get((bool(np.isfinite(logs[0])), bool(np.isfinite(logs[1]))), np.nan)
        return Difference(effect, np.nan, np.nan, np.nan)
    effect, error = logs[0] - logs[1], float(np.sqrt(sum(variances)))
    p = _two_sided(effect / error) if error > 0 else np.nan
    lo, hi = np.exp(effect - Z95 * error), np.exp(effect + Z95 * error)
    return Difference(float(np.exp(effect)), float(lo), float(hi), p)


def _wilson(yes: int, n: int) -> tuple[float, float]:
    share, z2 = yes / n, Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return middle - reach, middle + reach


def _two_sided(z: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(z)))
