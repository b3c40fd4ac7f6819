"""One two-by-two contrast with covariates: outcome regression, weighting, doubly robust."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Method", "NoOverlapError", "contrast"]

Float = NDArray[np.float64]
Method = Literal["dr", "ipw", "or"]
_TRIM = 0.995


class NoOverlapError(ArithmeticError):
    """The covariates tell treated and controls apart, or cannot be fitted."""


def contrast(
    change: Float, treated: NDArray[np.bool_], x: Float, method: Method
) -> tuple[float, Float]:
    """ATT and influence function of one cohort against its controls.

    Parameters
    ----------
    change : ndarray, shape (m,)
        Outcome in the period minus that in the base period.
    treated : ndarray of bool, shape (m,)
    x : ndarray, shape (m, K)
        Covariates with an intercept.
    method : {"dr", "ipw", "or"}

    Returns
    -------
    att : float
    influence : ndarray, shape (m,)
        Mean 0; the variance of ``att`` is the mean of its square over m.

    Raises
    ------
    NoOverlapError
        If a regression is singular or the propensity score separates.

    References
    ----------
    Sant'Anna & Zhao (2020), https://doi.org/10.1016/j.jeconom.2020.06.003
    """
    d = treated.astype(np.float64)
    if method == "or":
        return _outcome_regression(change, d, x)
    score, score_influence = _propensity(d, x)
    kept = np.where(treated, 1.0, (score < _TRIM).astype(np.float64))
    odds = kept * (1.0 - d) * score / (1.0 - score)
    if not odds.any():
        raise NoOverlapError
    predicted, fit_influence = np.zeros(len(d)), np.zeros_like(x)
    if method == "dr":
        predicted, fit_influence = _regression(change, 1.0 - d, x)
    rest = change - predicted
    on, off = float(d.mean()), float(odds.mean())
    effect_on, effect_off = float((d * rest).mean()) / on, float((odds * rest).mean()) / off
    part_on = d * (rest - effect_on) - fit_influence @ (d[:, None] * x).mean(axis=0)
    part_off = (
        odds * (rest - effect_off)
        + score_influence @ ((odds * (rest - effect_off))[:, None] * x).mean(axis=0)
        - fit_influence @ (odds[:, None] * x).mean(axis=0)
    )
    return effect_on - effect_off, part_on / on - part_off / off


def _outcome_regression(change: Float, d: Float, x: Float) -> tuple[float, Float]:
    predicted, fit_influence = _regression(change, 1.0 - d, x)
    on = float(d.mean())
    seen, expected = float((d * change).mean()) / on, float((d * predicted).mean()) / on
    influence = (
        d * (change - seen)
        - d * (predicted - expected)
        - fit_influence @ (d[:, None] * x).mean(axis=0)
    )
    return seen - expected, influence / on


def _regression(change: Float, weights: Float, x: Float) -> tuple[Float, Float]:
    """Least squares among controls: prediction for all, influence of the coefficients."""
    gram = (x * weights[:, None]).T @ x / len(x)
    if np.linalg.cond(gram) > 1e12:
        raise NoOverlapError
    inverse = np.linalg.inv(gram)
    predicted = x @ (inverse @ (x.T @ (weights * change) / len(x)))
    return predicted, ((weights * (change - predicted))[:, None] * x) @ inverse


def _propensity(d: Float, x: Float) -> tuple[Float, Float]:
    """Logit by Newton steps: score in (0, 1), influence of the coefficients."""
    gamma = np.zeros(x.shape[1])
    for _ in range(50):
        score = 1.0 / (1.0 + np.exp(-np.clip(x @ gamma, -35, 35)))
        hessian = (x * (score * (1.0 - score))[:, None]).T @ x / len(x)
        if np.linalg.cond(hessian) > 1e14:
            raise NoOverlapError
        step = np.linalg.solve(hessian, x.T @ (d - score) / len(x))
        gamma += step
        if np.abs(step).max() < 1e-12 * max(1.0, np.abs(gamma).max()):
            break
    else:
        raise NoOverlapError
    score = np.minimum(1.0 / (1.0 + np.exp(-x @ gamma)), 1.0 - 1e-6)
    return score, ((d - score)[:, None] * x) @ np.linalg.inv(hessian)
