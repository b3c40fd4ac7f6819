"""p-values from draws: permutations, placebos, replays, exact tails."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.significance.known import Alternative

__all__ = [
    "largest_t",
    "p_value_from_all",
    "p_value_from_draws",
    "p_values_from_draws",
    "p_values_from_ranks",
    "p_values_from_tails",
    "weighted_critical_value",
    "weighted_p_values",
]

_TIE = 1e-10


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


def p_value_from_all(
    observed: float, values: ArrayLike, *, alternative: Alternative = "two-sided"
) -> float:
    """Exact p-value: the share of *all* values of the statistic that are as extreme.

    Parameters
    ----------
    observed : float
    values : array_like, shape (R,)
        Every value the statistic can take, the observed one among them. Values within 1e-10 of the
        observed one, relative to the largest, count as ties, and ties count against it.
    alternative : {"two-sided", "less", "greater"}
        Two-sided: min(1, 2 × the smaller tail).

    Examples
    --------
    >>> p_value_from_all(2.0, [-2.0, -1.0, 1.0, 2.0], alternative="greater")
    0.25
    """
    check_choice("alternative", alternative, get_args(Alternative))
    every: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if every.ndim != 1 or not len(every) or np.isnan(every).any():
        raise InputError(Problem(where="values", what="must be a non-empty vector without NaN"))
    tie = _TIE * max(float(np.abs(every).max()), abs(observed))
    upper = float((every >= observed - tie).mean())
    lower = float((every <= observed + tie).mean())
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

    Just above the largest draw that is not rejected: between two draws p is that of the outer one.
    Infinite where the draws weigh too little for any rejection.

    Examples
    --------
    >>> draws, weights = [0.5, -2.0, 1.0], [1.0, 1.0, 1.0]
    >>> reach = weighted_critical_value(draws, weights, level=0.5)
    >>> round(reach, 12), weighted_p_values([1.0, reach], draws, weights).tolist()
    (1.0, [0.75, 0.5])
    >>> weighted_critical_value([0.5, -2.0, 1.0], [1.0, 1.0, 1.0])
    inf
    """
    size = np.sort(np.abs(np.asarray(draws, dtype=np.float64)))
    if 1.0 / (1.0 + float(np.sum(weights))) > 1.0 - level:
        return math.inf
    kept = size[weighted_p_values(size, draws, weights) > 1.0 - level]
    return float(np.nextafter(kept[-1], math.inf))


def largest_t(
    covariance: NDArray[np.float64],
    std_error: NDArray[np.float64],
    *,
    df: float,
    rng: np.random.Generator,
    draws: int,
) -> NDArray[np.float64]:
    """Draws of the largest |t| of M effects that are all 0, shape (draws,).

    Parameters
    ----------
    covariance : ndarray, shape (M, M)
    std_error : ndarray, shape (M,)
        Above 0.
    df : float
        Of one χ² behind all errors; infinite: normal.
    rng : Generator
    draws : int

    Notes
    -----
    Their quantile is the critical value of bands that hold for all effects at once (sup-t).

    References
    ----------
    Montiel Olea & Plagborg-Møller (2019), https://doi.org/10.1002/jae.2656

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> t = largest_t(np.eye(1), np.ones(1), df=math.inf, rng=rng, draws=99_999)
    >>> round(float(np.quantile(t, 0.95)), 1)
    2.0
    """
    correlation = covariance / np.outer(std_error, std_error)
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2.0)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    t = rng.standard_normal((draws, len(std_error))) @ root.T
    if np.isfinite(df):
        t /= np.sqrt(rng.chisquare(df, draws) / df)[:, None]
    largest: NDArray[np.float64] = np.abs(t).max(axis=1)
    return largest
