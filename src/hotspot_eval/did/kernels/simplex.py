"""Least squares over the simplex by Frank–Wolfe, as the synthetic estimators define it."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["simplex_weights"]

Float = NDArray[np.float64]
_STEPS_BEFORE_CUT = 100
_STEPS = 10_000


def simplex_weights(a: Float, b: Float, *, ridge: float, least: float, intercept: bool) -> Float:
    """Weights w ≥ 0, Σw = 1 that minimise |aw − b|²/rows + ridge²·|w|².

    Parameters
    ----------
    a, b : ndarray, shape (rows, columns) and (rows,)
    ridge : float
    least : float
        Steps end when the objective falls by less than ``least``².
    intercept : bool
        Fit up to a constant.

    Notes
    -----
    A hundred steps from equal weights, then weights under a quarter of the largest are set to 0 and
    the steps go on from there. The published estimates are those of this path, not of the exact
    minimum, from which they differ in the fifth digit.

    References
    ----------
    Arkhangelsky et al. (2021), https://doi.org/10.1257/aer.20190159, section on computation

    Examples
    --------
    >>> a = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> w = simplex_weights(a, a[:, 0], ridge=0.0, least=1e-9, intercept=False)
    >>> w.round(6).tolist()
    [1.0, 0.0]
    """
    if intercept:
        a, b = a - a.mean(axis=0), b - b.mean()
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    start = np.full(a.shape[1], 1.0 / a.shape[1])
    first: Float = _frank_wolfe(a, b, start, ridge**2, least**2, _STEPS_BEFORE_CUT)
    cut = np.where(first <= first.max() / 4.0, 0.0, first)
    weights: Float = _frank_wolfe(a, b, cut / cut.sum(), ridge**2, least**2, _STEPS)
    return weights


@njit(cache=True)  # type: ignore[untyped-decorator]
def _frank_wolfe(
    a: Float, b: Float, start: Float, penalty: float, least: float, steps: int
) -> Float:
    rows = a.shape[0]
    eta = rows * penalty
    x = start.copy()
    gap = a @ x - b
    last, before = np.inf, np.inf
    done = 0
    while done < steps and (done < 2 or before - last > least):
        done += 1
        half = gap @ a + eta * x
        vertex = np.argmin(half)
        direction = -x
        direction[vertex] = 1.0 - x[vertex]
        if np.any(direction != 0.0):
            moved = a[:, vertex] - (gap + b)
            bottom = np.sum(moved**2) + eta * np.sum(direction**2)
            size = -np.sum(half * direction) / bottom if bottom > 0 else 0.0
            size = min(1.0, max(0.0, size))
            x = x + size * direction
            gap = gap + size * moved
        before = last
        last = penalty * np.sum(x**2) + np.sum(gap**2) / rows
    return x
