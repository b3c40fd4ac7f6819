"""The one place where statistics and draws become p-values and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = [
    "Adjustment",
    "Alternative",
    "adjust_p_values",
    "check_rejection_possible",
    "folded_normal_critical_value",
    "normal_or_t_interval",
    "normal_or_t_p_value",
    "p_value_from_draws",
    "p_values_from_draws",
    "p_values_from_ranks",
    "p_values_from_tails",
    "poisson_e_test",
    "power_of_t",
    "wald_p_value",
    "weighted_critical_value",
    "weighted_p_values",
]

Alternative = Literal["two-sided", "less", "greater"]
Adjustment = Literal["none", "fdr_bh", "fdr_by", "holm"]
_TIE = 1e-10


def normal_or_t_p_value(
    statistic: float, *, df: float = math.inf, alternative: Alternative = "two-sided"
) -> float:
    """p-value of a statistic that is t distributed with ``df`` (infinite: standard normal).

    Examples
    --------
    >>> round(normal_or_t_p_value(1.959964), 6)
    0.05
    """
    check_choice("alternative", alternative, get_args(Alternative))
    law = stats.norm if math.isinf(df) else stats.t(df)
    if alternative == "less":
        return float(law.cdf(statistic))
    if alternative == "greater":
        return float(law.sf(statistic))
    return float(2.0 * law.sf(abs(statistic)))


def normal_or_t_interval(
    estimate: float, std_error: float, *, df: float = math.inf, level: float = 0.95
) -> tuple[float, float]:
    """Two-sided interval at ``level`` from a normal or t distribution.

    Examples
    --------
    >>> low, high = normal_or_t_interval(0.0, 1.0)
    >>> round(high, 4)
    1.96
    """
    law = stats.norm if math.isinf(df) else stats.t(df)
    reach = float(law.ppf(0.5 + level / 2.0)) * std_error
    return float(estimate - reach), float(estimate + reach)


def p_value_from_draws(
    observed: float, draws: ArrayLike, *, alternative: Alternative = "two-sided"
) -> float:
    """Monte Carlo p-value (1 + k)/(1 + R), ties counted against the observed value.

    Parameters
    ----------
    observed : float
    draws : array_like, shape (R,)
        Reference distribution; NaN draws are refused.
    alternative : {"two-sided", "less", "greater"}
        Two-sided: min(1, 2 × the smaller tail).

    Raises
    ------
    InputError
        If there are no draws, some are NaN, or all equal the observed value to the last digit (a
        placebo that changed nothing).

    References
    ----------
    Phipson & Smyth (2010), https://doi.org/10.2202/1544-6115.1585

    Examples
    --------
    >>> p_value_from_draws(3.0, [0.0, 1.0, 2.0], alternative="greater")
    0.25
    """
    check_choice("alternative", alternative, get_args(Alternative))
    reference: NDArray[np.float64] = np.asarray(draws, dtype=np.float64)
    if reference.ndim != 1 or not len(reference) or np.isnan(reference).any():
        raise InputError(Problem(where="draws", what="must be a non-empty vector without NaN"))
    if len(reference) > 1 and (reference == observed).all():
        raise InputError(
            Problem(
                where="draws",
                what="all equal the observed value: the placebo changed nothing the estimator uses",
            )
        )
    size = 1 + len(reference)
    upper = (1 + int((reference >= observed).sum())) / size
    lower = (1 + int((reference <= observed).sum())) / size
    if alternative == "greater":
        return upper
    if alternative == "less":
        return lower
    return min(1.0, 2.0 * min(upper, lower))


def p_values_from_draws(
    observed: NDArray[np.float64],
    draws: NDArray[np.float64],
    *,
    alternative: Alternative = "two-sided",
) -> NDArray[np.float64]:
    """Monte Carlo p-values (1 + k)/(1 + R) of several statistics at once.

    Parameters
    ----------
    observed : ndarray, shape (M,)
    draws : ndarray, shape (R, M)
        Draws within 1e-10 of the observed value, relative to the largest draw, count as ties, and
        ties count against it: sums of the same numbers in another order are equal.
    alternative : {"two-sided", "less", "greater"}

    Returns
    -------
    ndarray, shape (M,)
        NaN where the observed value or a draw is NaN.

    Examples
    --------
    >>> p_values_from_draws(np.array([3.0]), np.array([[0.0], [1.0], [2.0]]), alternative="greater")
    array([0.25])
    """
    check_choice("alternative", alternative, get_args(Alternative))
    if draws.ndim != 2 or draws.shape[1:] != observed.shape or not len(draws):
        raise InputError(
            Problem(where="draws", what=f"have shape {draws.shape} for {observed.shape} statistics")
        )
    tie = _TIE * np.maximum(np.abs(draws).max(axis=0), np.abs(observed))
    p_values = p_values_from_ranks(
        (draws <= observed + tie).sum(axis=0),
        (draws >= observed - tie).sum(axis=0),
        np.full(observed.shape, len(draws)),
        alternative=alternative,
    )
    unknown = np.isnan(observed) | np.isnan(draws).any(axis=0)
    return np.where(unknown, np.nan, p_values)


def p_values_from_ranks(
    at_most: NDArray[np.int64],
    at_least: NDArray[np.int64],
    draws: NDArray[np.int64],
    *,
    alternative: Alternative,
) -> NDArray[np.float64]:
    """Monte Carlo p-values (1 + k)/(1 + R) from how many draws were at most, at least the observed.

    Examples
    --------
    >>> rank = np.array([1]), np.array([99]), np.array([99])
    >>> p_values_from_ranks(*rank, alternative="less")
    array([0.02])
    """
    lower = (1.0 + at_most) / (1.0 + draws)
    upper = (1.0 + at_least) / (1.0 + draws)
    return p_values_from_tails(lower, upper, alternative=alternative)


def p_values_from_tails(
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    *,
    alternative: Alternative,
    at: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """p-values from P(S ≤ s) and P(S ≥ s), each summed from its own end.

    Parameters
    ----------
    lower, upper : ndarray
        Both hold the probability of the observed value itself.
    alternative : {"two-sided", "less", "greater"}
        Two-sided: min(1, 2 × the smaller tail).
    at : ndarray, optional
        P(S = s); when given the p-value is a mid-p, with half of it taken off the tail. A mid-p is
        near its nominal level on average, not at most.

    Examples
    --------
    >>> tails = np.array([0.9]), np.array([0.3])
    >>> p_values_from_tails(*tails, alternative="two-sided")
    array([0.6])
    >>> p_values_from_tails(*tails, alternative="greater", at=np.array([0.2]))
    array([0.2])
    """
    check_choice("alternative", alternative, get_args(Alternative))
    half = 0.0 if at is None else 0.5 * at
    if alternative == "greater":
        return np.clip(upper - half, 0.0, 1.0)
    if alternative == "less":
        return np.clip(lower - half, 0.0, 1.0)
    return np.clip(2.0 * (np.minimum(lower, upper) - half), 0.0, 1.0)


def adjust_p_values(p_values: ArrayLike, *, method: Adjustment) -> NDArray[np.float64]:
    """p-values adjusted for how many there are; NaN stay NaN and are not counted.

    Parameters
    ----------
    p_values : array_like, any shape
        Adjusted as one family: a cube of areas × periods is one.
    method : {"none", "fdr_bh", "fdr_by", "holm"}
        False discovery rate under independence or positive dependence (``fdr_bh``), under any
        dependence (``fdr_by``), or family-wise error (``holm``).

    References
    ----------
    Benjamini & Hochberg (1995), https://doi.org/10.1111/j.2517-6161.1995.tb02031.x;
    Benjamini & Yekutieli (2001), https://doi.org/10.1214/aos/1013699998

    Examples
    --------
    >>> adjust_p_values([0.01, 0.02, np.nan, 0.5], method="fdr_bh")
    array([0.03, 0.03,  nan, 0.5 ])
    """
    check_choice("method", method, get_args(Adjustment))
    raw = np.asarray(p_values, dtype=np.float64)
    flat = raw.ravel()
    known = np.flatnonzero(~np.isnan(flat))
    if method == "none" or not len(known):
        return raw.copy()
    order = known[np.argsort(flat[known], kind="stable")]
    count = len(order)
    rank = np.arange(1, count + 1)
    if method == "holm":
        steps = np.maximum.accumulate((count - rank + 1) * flat[order])
    else:
        burden = np.sum(1.0 / rank) if method == "fdr_by" else 1.0
        steps = np.minimum.accumulate((burden * count / rank * flat[order])[::-1])[::-1]
    adjusted = np.full(flat.shape, np.nan)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted.reshape(raw.shape)


def check_rejection_possible(
    *, permutations: int, tests: int, level: float, method: Adjustment, two_sided: bool
) -> None:
    """Refuse an adjustment under which a single finding among ``tests`` could never be made.

    Raises
    ------
    InputError
        If even the smallest p-value that ``permutations`` draws can give stays above ``level``
        after adjustment.

    Examples
    --------
    >>> check_rejection_possible(permutations=999, tests=5000, level=0.05, method="fdr_bh",
    ...                          two_sided=False)
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: argument 'permutations': 999 draws give no p-value below 0.001,
    but a single finding among 5,000 tests needs 1e-05 (fdr_bh at 0.05). Use method="exact", or at
    least 100,000 permutations.
    """
    check_choice("method", method, get_args(Adjustment))
    least = (2.0 if two_sided else 1.0) / (1 + permutations)
    burden = 1.0 if method == "none" else float(max(tests, 1))
    if method == "fdr_by":
        burden *= float(np.sum(1.0 / np.arange(1, max(tests, 1) + 1)))
    needed = level / burden
    if least <= needed:
        return
    enough = math.ceil((2.0 if two_sided else 1.0) / needed - 1e-9)
    raise InputError(
        Problem(
            where="argument 'permutations'",
            what=f"{permutations} draws give no p-value below {least:.3g}, but a single finding "
            f"among {tests:,} tests needs {needed:.2g} ({method} at {level:g})",
            advice=f'Use method="exact", or at least {enough:,} permutations.',
        )
    )


def wald_p_value(statistic: float, *, df: float, df_denominator: float = math.inf) -> float:
    """p-value of a joint test: statistic/df is F(df, df_denominator), or the statistic χ²(df).

    Examples
    --------
    >>> round(wald_p_value(7.79123662720035, df=5), 5)
    0.16812
    """
    if math.isinf(df_denominator):
        return float(stats.chi2.sf(statistic, df))
    return float(stats.f.sf(statistic / df, df, df_denominator))


def power_of_t(effect: float, *, df: float, level: float = 0.95, stretch: float = 1.0) -> float:
    """Chance that a two-sided t test at 1 − ``level`` rejects.

    Parameters
    ----------
    effect : float
        True effect over the standard error that the test uses.
    df : float
    stretch : float
        Spread of the estimate under the effect over that standard error.

    Examples
    --------
    >>> round(power_of_t(0.0, df=10), 6), round(power_of_t(2.8, df=1e9), 2)
    (0.05, 0.8)
    """
    law = stats.t(df)
    reach = law.ppf(0.5 + level / 2.0)
    return float(law.sf((reach - effect) / stretch) + law.cdf((-reach - effect) / stretch))


def weighted_p_values(
    statistics: ArrayLike,
    draws: ArrayLike,
    weights: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
) -> NDArray[np.float64]:
    """Rank each statistic among weighted draws: p = (1 + Σ w·1{as extreme}) / (1 + Σ w).

    Parameters
    ----------
    statistics : array_like, shape (S,)
        Studentised, so that sizes compare; NaN gives NaN.
    draws, weights : array_like, shape (R,)
        Reference distribution on the same scale, and what each draw counts for, at most 1.
    alternative : {"two-sided", "less", "greater"}
        Two-sided compares absolute values.

    Raises
    ------
    InputError
        If draws are absent or NaN, or a weight is negative.

    Examples
    --------
    >>> weighted_p_values([3.0, 0.5], [0.0, -1.0, 2.0], [1.0, 1.0, 1.0]).tolist()
    [0.25, 0.75]
    """
    check_choice("alternative", alternative, get_args(Alternative))
    z = np.asarray(statistics, dtype=np.float64)
    reference = np.asarray(draws, dtype=np.float64)
    weight = np.asarray(weights, dtype=np.float64)
    if reference.ndim != 1 or not len(reference) or np.isnan(reference).any():
        raise InputError(Problem(where="draws", what="must be a non-empty vector without NaN"))
    if weight.shape != reference.shape or not (weight >= 0).all():
        raise InputError(Problem(where="weights", what="must be one for each draw, 0 or more"))
    if alternative == "two-sided":
        z, reference = np.abs(z), np.abs(reference)
    elif alternative == "less":
        z, reference = -z, -reference
    order = np.argsort(reference, kind="stable")
    beyond = np.append(np.cumsum(weight[order][::-1])[::-1], 0.0)
    p = (1.0 + beyond[np.searchsorted(reference[order], z, side="left")]) / (1.0 + weight.sum())
    return np.where(np.isnan(z), np.nan, p)


def weighted_critical_value(draws: ArrayLike, weights: ArrayLike, *, level: float = 0.95) -> float:
    """Smallest absolute value that :func:`weighted_p_values` rejects, two-sided, at 1 − ``level``.

    Infinite where the draws weigh too little for any rejection.

    Examples
    --------
    >>> weighted_critical_value([0.5, -2.0, 1.0], [1.0, 1.0, 1.0], level=0.5)
    2.0
    >>> weighted_critical_value([0.5, -2.0, 1.0], [1.0, 1.0, 1.0])
    inf
    """
    size = np.sort(np.abs(np.asarray(draws, dtype=np.float64)))
    if 1.0 / (1.0 + float(np.sum(weights))) > 1.0 - level:
        return math.inf
    rejected = size[weighted_p_values(size, draws, weights) <= 1.0 - level]
    return float(rejected[0]) if len(rejected) else float(np.nextafter(size[-1], math.inf))


def poisson_e_test(
    counts: tuple[float, float],
    *,
    exposures: Sequence[float] = (1.0, 1.0),
    alternative: Alternative = "two-sided",
) -> float:
    """p-value that two Poisson counts share a rate, by estimated exact probabilities.

    Notes
    -----
    The statistic (x₁/n₁ − x₂/n₂)/√(x₁/n₁² + x₂/n₂²) is referred to its distribution under two
    Poisson counts with the pooled rate; ``less`` means that the second rate is lower.

    References
    ----------
    Krishnamoorthy & Thomson (2004), https://doi.org/10.1016/S0378-3758(02)00408-1

    Examples
    --------
    >>> round(poisson_e_test((6, 2)), 4)
    0.1749
    """
    check_choice("alternative", alternative, get_args(Alternative))
    at_risk = np.asarray(exposures, dtype=np.float64)
    if not any(counts):
        return 1.0
    means = sum(counts) / at_risk.sum() * at_risk
    reach = [np.arange(int(stats.poisson.isf(1e-16, m)) + 2) for m in means]
    first, second = (np.asarray(k, dtype=np.float64) for k in np.ix_(*reach))
    observed = float(_rate_z(np.float64(counts[0]), np.float64(counts[1]), at_risk))
    z = _rate_z(first, second, at_risk)
    chance = np.outer(*(stats.poisson.pmf(k, m) for k, m in zip(reach, means, strict=True)))
    edge = 1e-9 * max(1.0, abs(observed))
    if alternative == "less":
        return float(min(1.0, chance[z <= observed + edge].sum()))
    if alternative == "greater":
        return float(min(1.0, chance[z >= observed - edge].sum()))
    return float(min(1.0, chance[np.abs(z) >= abs(observed) - edge].sum()))


def _rate_z(first: Any, second: Any, at_risk: NDArray[np.float64]) -> NDArray[np.float64]:
    gap = second / at_risk[1] - first / at_risk[0]
    spread = np.sqrt(first / at_risk[0] ** 2 + second / at_risk[1] ** 2)
    z: NDArray[np.float64] = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
    return z


def folded_normal_critical_value(shift: float, *, alpha: float = 0.05) -> float:
    """(1 − α) quantile of |N(shift, 1)|: the reach of an interval whose centre may be off.

    Examples
    --------
    >>> round(folded_normal_critical_value(0.0), 4), round(folded_normal_critical_value(3.0), 4)
    (1.96, 4.6449)
    """
    return float(np.sqrt(stats.ncx2.ppf(1.0 - alpha, 1, shift**2)))
