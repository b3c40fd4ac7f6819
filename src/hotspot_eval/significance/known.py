"""Statistics whose distribution under no effect is known: normal, t, χ², F, Poisson."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from hotspot_eval.errors import check_choice

__all__ = [
    "Alternative",
    "JointTest",
    "detectable_effect",
    "equivalence_p_value",
    "folded_normal_critical_value",
    "joint_test",
    "normal_or_t_interval",
    "normal_or_t_p_value",
    "poisson_e_test",
    "power_of_t",
    "wald_p_value",
]

_LEAST_DF = 2.0
Alternative = Literal["two-sided", "less", "greater"]


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
    if alternative == "less":
        return _below(statistic, df)
    if alternative == "greater":
        return _below(-statistic, df)
    return 2.0 * _below(-abs(statistic), df)


def equivalence_p_value(
    estimate: float, std_error: float, *, bound: float, df: float = math.inf
) -> float:
    """p-value that an effect lies outside (−bound, bound): small where it is shown to be small.

    Notes
    -----
    The larger of two one-sided tests (TOST).

    References
    ----------
    Schuirmann (1987), https://doi.org/10.1007/BF01068419

    Examples
    --------
    >>> round(equivalence_p_value(0.0, 0.5, bound=1.0), 4)
    0.0228
    """
    return _below((abs(estimate) - bound) / std_error, df)


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
    reach = _quantile(0.5 + level / 2.0, df) * std_error
    return float(estimate - reach), float(estimate + reach)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTest:
    """A joint test: statistic/df is F(df, df_denominator), or the statistic χ²(df)."""

    statistic: float
    df: int
    df_denominator: float
    p_value: float


def joint_test(
    vector: NDArray[np.float64], covariance: NDArray[np.float64], *, df: float = math.inf
) -> JointTest:
    """Test that effects are all 0, their covariance estimated with ``df`` degrees of freedom.

    Parameters
    ----------
    vector : ndarray, shape (q,)
    covariance : ndarray, shape (q, q)
    df : float
        η, those of a single effect; infinite: the covariance is known.

    Returns
    -------
    JointTest
        ``df`` is the rank r of the covariance, below q where effects are linear functions of each
        other. The p-value is NaN where η − r + 1 is below 2: too little is known of so many.

    Notes
    -----
    Hotelling's T² = v′V⁺v as F: T²(η − r + 1)/(ηr) on r and η − r + 1 degrees of freedom. The
    statistic is T²(η − r + 1)/η.

    References
    ----------
    Pustejovsky & Tipton (2018), https://doi.org/10.1080/07350015.2016.1247004

    Examples
    --------
    >>> round(joint_test(np.array([2.0, 1.0]), np.eye(2), df=10.0).p_value, 4)
    0.1613
    """
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    solved = (
        np.linalg.solve(covariance, vector)
        if rank == len(vector)
        else np.linalg.pinv(covariance, hermitian=True) @ vector
    )
    squared, below = float(vector @ solved), df - rank + 1.0
    statistic = squared if math.isinf(df) else squared * below / df
    told = rank > 0 and below >= _LEAST_DF
    p_value = wald_p_value(statistic, df=rank, df_denominator=below) if told else math.nan
    return JointTest(statistic=statistic, df=rank, df_denominator=below, p_value=p_value)


def detectable_effect(
    std_error: float, *, df: float = math.inf, level: float = 0.95, power: float = 0.8
) -> float:
    """Effect that a two-sided t test at 1 − ``level`` finds with the chance ``power``.

    Notes
    -----
    (t_{(1 + level)/2, df} + t_{power, df})·error, within 2.5 % of the non-central t from 3 df on.

    References
    ----------
    Bloom (1995), https://doi.org/10.1177/0193841X9501900504

    Examples
    --------
    >>> round(detectable_effect(1.0), 2), round(detectable_effect(1.0, df=5.0), 2)
    (2.8, 3.49)
    """
    return (_quantile(0.5 + level / 2.0, df) + _quantile(power, df)) * std_error


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
    reach = _quantile(0.5 + level / 2.0, df)
    return _below((effect - reach) / stretch, df) + _below((-reach - effect) / stretch, df)


def _below(value: float, df: float) -> float:
    """Chance of a smaller one; the special function, since a scipy law costs a millisecond."""
    return float(ndtr(value) if math.isinf(df) else stdtr(df, value))


def _quantile(chance: float, df: float) -> float:
    return float(ndtri(chance) if math.isinf(df) else stdtrit(df, chance))


def folded_normal_critical_value(shift: float, *, alpha: float = 0.05) -> float:
    """(1 − α) quantile of |N(shift, 1)|: the reach of an interval whose centre may be off.

    Examples
    --------
    >>> round(folded_normal_critical_value(0.0), 4), round(folded_normal_critical_value(3.0), 4)
    (1.96, 4.6449)
    """
    return float(np.sqrt(stats.ncx2.ppf(1.0 - alpha, 1, shift**2)))


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
