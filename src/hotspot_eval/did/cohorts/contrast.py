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

    Notes
    -----
    With D = 1 for the cohort, w₁ = D, w₀ = (1 − D)π(x)/(1 − π(x)) and m₀(x) the change expected of
    controls,

        dr   E[w₁(Δy − m₀)]/E[w₁] − E[w₀(Δy − m₀)]/E[w₀],
        ipw  the same with m₀ = 0,
        or   E[w₁(Δy − m₀)]/E[w₁],

    π a logit by maximum likelihood, m₀ least squares among controls; that they are estimated is in
    the influence. Controls with π of 0.995 and more are left out. Assumes parallel trends given x
    and π < 1 (overlap).

    References
    ----------
    Sant'Anna & Zhao (2020), https://doi.org/10.1016/j.jeconom.2020.06.003
    """
    d = treated.astype(np.float64)
    if method == "or":
        return _outcome_regression(change, d, x)
    pi, pi_influence = _propensity(d, x)
    kept = np.where(treated, 1.0, (pi < _TRIM).astype(np.float64))
    w1, w0 = d, kept * (1.0 - d) * pi / (1.0 - pi)
    if not w0.any():
        raise NoOverlapError
    m0, m0_influence = np.zeros(len(d)), np.zeros_like(x)
    if method == "dr":
        m0, m0_influence = _regression(change, 1.0 - d, x)
    rest = change - m0
    mean1, mean0 = float(w1.mean()), float(w0.mean())
    eta1, eta0 = float((w1 * rest).mean()) / mean1, float((w0 * rest).mean()) / mean0
    psi1 = w1 * (rest - eta1) - m0_influence @ (w1[:, None] * x).mean(axis=0)
    psi0 = (
        w0 * (rest - eta0)
        + pi_influence @ ((w0 * (rest - eta0))[:, None] * x).mean(axis=0)
        - m0_influence @ (w0[:, None] * x).mean(axis=0)
    )
    return eta1 - eta0, psi1 / mean1 - psi0 / mean0


def _outcome_regression(change: Float, d: Float, x: Float) -> tuple[float, Float]:
    m0, m0_influence = _regression(change, 1.0 - d, x)
    share = float(d.mean())
    seen, expected = float((d * change).mean()) / share, float((d * m0).mean()) / share
    psi = d * (change - seen) - d * (m0 - expected) - m0_influence @ (d[:, None] * x).mean(axis=0)
    return seen - expected, psi / share


def _regression(change: Float, weights: Float, x: Float) -> tuple[Float, Float]:
    """m₀(x) of all by least squares among controls, and the influence on its coefficients."""
    gram = (x * weights[:, None]).T @ x / len(x)
    if np.linalg.cond(gram) > 1e12:
        raise NoOverlapError
    inverse = np.linalg.inv(gram)
    m0 = x @ (inverse @ (x.T @ (weights * change) / len(x)))
    return m0, ((weights * (change - m0))[:, None] * x) @ inverse


def _propensity(d: Float, x: Float) -> tuple[Float, Float]:
    """π(x) by a logit in Newton steps, and the influence on its coefficients."""
    gamma = np.zeros(x.shape[1])
    for _ in range(50):
        pi = 1.0 / (1.0 + np.exp(-np.clip(x @ gamma, -35, 35)))
        hessian = (x * (pi * (1.0 - pi))[:, None]).T @ x / len(x)
        if np.linalg.cond(hessian) > 1e14:
            raise NoOverlapError
        step = np.linalg.solve(hessian, x.T @ (d - pi) / len(x))
        gamma += step
        if np.abs(step).max() < 1e-12 * max(1.0, np.abs(gamma).max()):
            break
    else:
        raise NoOverlapError
    pi = np.minimum(1.0 / (1.0 + np.exp(-x @ gamma)), 1.0 - 1e-6)
    return pi, ((d - pi)[:, None] * x) @ np.linalg.inv(hessian)
