"""Poisson likelihood with row effects concentrated out, on a small table, compiled."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hotspot_eval.did.kernels.small.least_squares import reduced_system, residualised, solve

__all__ = ["log_rate_ratio", "newton"]

Float = NDArray[np.float64]
_MAX_STEPS = 25
_TOLERANCE = 1e-10
_LONGEST = 5.0
_DIVERGED = 15.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def log_rate_ratio(y: Float, d: Float, n: Float) -> tuple[float, bool]:
    """δ of log E y_gt = α_g + γ_t + δd_gt, and whether it was found.

    Parameters
    ----------
    y, d, n : ndarray, shape (G, T)
        Totals, share treated, and areas: 0 where a cell is absent.
    """
    events = 0.0
    for k in range(len(y)):
        for j in range(y.shape[1]):
            if d[k, j] > 0:
                events += y[k, j]
    if events == 0:
        return np.nan, True
    if len(y) == 2:
        delta, closed = _of_two_rows(y, d, n)
        if closed:
            return delta, True
    _, square, known = residualised(n, d)
    if not known or square == 0:
        return np.nan, known
    _, delta, found = newton(y, d, n, True)
    return delta, found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _of_two_rows(y: Float, d: Float, n: Float) -> tuple[float, bool]:
    """δ in closed form, where d_1t − d_2t takes two values u < v; False if it takes more.

    Notes
    -----
    Given the total of a period the first row is binomial, logit_t = a + δ(d_1t − d_2t), so that
    δ = [log(Y_1v/Y_1u) − log(Y_2v/Y_2u)]/(v − u), Y the totals over the periods of each value.
    """
    u, v = np.inf, -np.inf
    for j in range(y.shape[1]):
        if n[0, j] > 0 and n[1, j] > 0:
            u, v = min(u, d[0, j] - d[1, j]), max(v, d[0, j] - d[1, j])
    if not v > u:
        return np.nan, True
    at_v, at_u = np.zeros(2), np.zeros(2)
    for j in range(y.shape[1]):
        if n[0, j] > 0 and n[1, j] > 0:
            contrast = d[0, j] - d[1, j]
            if contrast != u and contrast != v:
                return np.nan, False
            for k in range(2):
                if contrast == v:
                    at_v[k] += y[k, j]
                else:
                    at_u[k] += y[k, j]
    if min(at_v[0], at_v[1], at_u[0], at_u[1]) <= 0:
        return np.nan, at_v[0] + at_u[0] > 0 and at_v[1] + at_u[1] > 0
    ratio = (math.log(at_v[0]) - math.log(at_u[0])) - (math.log(at_v[1]) - math.log(at_u[1]))
    return ratio / (v - u), True


@njit(cache=True)  # type: ignore[untyped-decorator]
def newton(y: Float, d: Float, n: Float, treated: bool) -> tuple[Float, float, bool]:
    """γ (T,) and δ of the multinomial likelihood, δ = 0 unless ``treated``.

    Notes
    -----
    Given its total Y_g a row of Poisson counts is multinomial with probabilities
    ∝ exp(γ_t + δd_gt). False where a step is long, lowers the likelihood or is not to be had, or δ
    runs away: the general solver damps its steps.
    """
    g, t = y.shape
    row_total, gamma = np.zeros(g), np.zeros(t)
    delta: float = 0.0
    for k in range(g):
        for j in range(t):
            row_total[k] += y[k, j]
    for j in range(t):
        seen, at_risk = 0.0, 0.0
        for k in range(g):
            seen += y[k, j]
            at_risk += row_total[k] if n[k, j] > 0 else 0.0
        gamma[j] = math.log(seen / at_risk)
    mean = np.zeros((g, t))
    value = _likelihood(y, d, n, row_total, gamma, delta, mean)
    step = np.zeros(t + 1)
    for _ in range(_MAX_STEPS):
        if not _step(y, d, mean, treated, step):
            return gamma, np.nan, False
        reach = 0.0
        for j in range(t + 1):
            reach = max(reach, abs(step[j]))
        for j in range(t):
            gamma[j] += step[j]
        delta = float(delta + step[t])
        new = _likelihood(y, d, n, row_total, gamma, delta, mean)
        if not (reach <= _LONGEST and abs(delta) <= _DIVERGED):
            return gamma, np.nan, False
        if not new >= value - 1e-12 * abs(value):
            return gamma, np.nan, False
        value = new
        if reach < _TOLERANCE:
            return gamma, delta, True
    return gamma, np.nan, False


@njit(cache=True)  # type: ignore[untyped-decorator]
def _likelihood(
    y: Float, d: Float, n: Float, row_total: Float, gamma: Float, delta: float, mean: Float
) -> float:
    """Log likelihood Σ y log p; ``mean`` becomes μ_gt = Y_g p_gt."""
    g, t = y.shape
    value = 0.0
    for k in range(g):
        top, norm = -np.inf, 0.0
        for j in range(t):
            if n[k, j] > 0:
                top = max(top, gamma[j] + delta * d[k, j])
        for j in range(t):
            if n[k, j] > 0:
                linear = gamma[j] + delta * d[k, j] - top
                mean[k, j] = math.exp(linear)
                norm += mean[k, j]
                value += y[k, j] * linear
        value -= row_total[k] * math.log(norm)
        for j in range(t):
            mean[k, j] *= row_total[k] / norm
    return value


@njit(cache=True)  # type: ignore[untyped-decorator]
def _step(y: Float, d: Float, mean: Float, treated: bool, step: Float) -> bool:
    """Newton step of (γ, δ) into ``step``, shape (T + 1,); False where the system is singular.

    Notes
    -----
    Weighted least squares of (y − μ)/μ on period effects c and δ beside row effects a, weights μ.
    Rows sum to their totals, so that only columns and treatment have a score:
    c_t = (Σ_g(y_gt − μ_gt) − Σ_g μ_gt a_g − δΣ_g μ_gt d_gt)/μ_.t leaves one equation a row, the
    first row's effect 0, and after them that of δ.
    """
    g, t = y.shape
    column, score, held = np.zeros(t), np.zeros(t), np.zeros(t)
    system, right, answer = np.zeros((g + 1, g + 1)), np.zeros(g + 1), np.zeros(g + 1)
    reduced_system(mean, column, system)
    for j in range(t):
        for k in range(g):
            score[j] += y[k, j] - mean[k, j]
            held[j] += mean[k, j] * d[k, j]
        for k in range(g):
            centred = d[k, j] - held[j] / column[j]
            system[g, g] += mean[k, j] * d[k, j] * centred
            system[g, k] += mean[k, j] * centred
            right[g] += (y[k, j] - mean[k, j]) * centred
            right[k] -= mean[k, j] * score[j] / column[j]
    if not solve(system, right, answer, g + 1 if treated else g):
        return False
    for j in range(t):
        step[j] = score[j] - answer[g] * held[j]
        for k in range(g):
            step[j] -= mean[k, j] * answer[k]
        step[j] /= column[j]
    step[t] = answer[g]
    return True
