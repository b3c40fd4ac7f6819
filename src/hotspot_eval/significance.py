"""The one place where statistics and draws become p-values and intervals."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = ["Alternative", "normal_or_t_interval", "normal_or_t_p_value", "p_value_from_draws"]

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
