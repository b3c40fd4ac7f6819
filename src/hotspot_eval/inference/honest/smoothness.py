"""Smoothness: the slope of diverging trends changes by at most m from period to period."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from hotspot_eval.significance import folded_normal_critical_value

__all__ = ["smooth_interval"]

Float = NDArray[np.float64]


def smooth_interval(
    b: Float, v: Float, n_pre: int, w: Float, m: float, alpha: float
) -> tuple[float, float]:
    """Shortest fixed-length interval for w′τ around an affine estimator.

    Arguments as in :func:`~hotspot_eval.inference.honest.magnitudes.relative_interval`.
    """
    times = np.concatenate([np.arange(-n_pre, 0), np.arange(1, len(w) + 1)]).astype(np.float64)
    bends = np.array([_bend(times, j) for j in range(-n_pre + 1, len(w))])
    full = np.concatenate([np.zeros(n_pre), w])
    if n_pre == 1:
        weights = full.copy()
        weights[0] = float(w @ times[1:])
        return _interval(b, v, weights, m * float(np.abs(bends @ weights).sum()), alpha)

    def solution(trade: float) -> Float:
        return _affine(v, full, times, bends, n_pre, trade)

    def length(log_trade: float) -> float:
        weights = solution(float(np.exp(log_trade)))
        low, high = _interval(b, v, weights, m * float(np.abs(bends @ weights).sum()), alpha)
        return high - low

    if m == 0:
        return _interval(b, v, solution(0.0), 0.0, alpha)
    start = np.log(m / float(np.sqrt(full @ v @ full)))
    grid = start + np.linspace(-6.0, 6.0, 25)
    lengths = [length(float(point)) for point in grid]
    near = int(np.argmin(lengths))
    span = (float(grid[max(near - 1, 0)]), float(grid[min(near + 1, len(grid) - 1)]))
    best = minimize_scalar(length, bounds=span, method="bounded", options={"xatol": 1e-4})
    weights = solution(float(np.exp(best.x)))
    return _interval(b, v, weights, m * float(np.abs(bends @ weights).sum()), alpha)


def _bend(times: Float, at: int) -> Float:
    """Path with slope 0 at the base period and one unit bend at time ``at``."""
    if at >= 0:
        return np.maximum(times - at, 0.0)
    return np.maximum(at - times, 0.0)


def _affine(v: Float, full: Float, times: Float, bends: Float, n_pre: int, trade: float) -> Float:
    """Weights before the start that minimise standard deviation + trade·worst bend bias.

    Linear trends are cancelled exactly: a weight vector with Σ weight·time = 0.
    """
    target = -float(full @ times)
    pre = times[:n_pre]
    null = np.linalg.svd(pre[None])[2][1:].T
    point = pre * target / float(pre @ pre)
    lift = np.zeros((len(full), null.shape[1]))
    lift[:n_pre] = null
    fixed = full.copy()
    fixed[:n_pre] += point
    quadratic, linear = lift.T @ v @ lift, lift.T @ v @ fixed
    start = -np.linalg.solve(quadratic, linear)
    if trade == 0:
        return fixed + lift @ start
    count = null.shape[1]
    slack = np.abs(bends @ (fixed + lift @ start))
    scale = float(np.sqrt(fixed @ v @ fixed))

    def objective(z: Float) -> tuple[float, Float]:
        weights = fixed + lift @ z[:count]
        sd = float(np.sqrt(weights @ v @ weights))
        gradient = np.concatenate([lift.T @ v @ weights / sd, np.full(len(bends), trade)])
        return (sd + trade * float(z[count:].sum())) / scale, gradient / scale

    ones = np.eye(len(bends))
    upper = np.hstack([-bends @ lift, ones])
    lower = np.hstack([bends @ lift, ones])
    solved = minimize(
        objective,
        np.concatenate([start, slack]),
        jac=True,
        method="SLSQP",
        constraints=[
            {"type": "ineq", "fun": lambda z: upper @ z - bends @ fixed, "jac": lambda z: upper},
            {"type": "ineq", "fun": lambda z: lower @ z + bends @ fixed, "jac": lambda z: lower},
        ],
        options={"maxiter": 500, "ftol": 1e-12},
    )
    found: Float = fixed + lift @ solved.x[:count]
    return found


def _interval(b: Float, v: Float, weights: Float, bias: float, alpha: float) -> tuple[float, float]:
    sd = float(np.sqrt(weights @ v @ weights))
    reach = sd * folded_normal_critical_value(bias / sd, alpha=alpha)
    centre = float(weights @ b)
    return centre - reach, centre + reach
