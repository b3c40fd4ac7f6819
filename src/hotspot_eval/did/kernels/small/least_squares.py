"""Weighted least squares with row and column effects on a small table, compiled."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["difference", "reduced_system", "residualised", "row_and_column_effects", "solve"]

Float = NDArray[np.float64]
_SINGULAR = 1e-10
_COLLINEAR = 1e-9


@njit(cache=True)  # type: ignore[untyped-decorator]
def difference(y: Float, d: Float, n: Float) -> tuple[float, bool]:
    """δ = Σ d̃y / Σ n d̃² of the totals y of n areas each, and whether it could be told.

    Parameters
    ----------
    y, d, n : ndarray, shape (G, T)
        n is 0 where a cell is absent.
    """
    tilde, square, known = residualised(n, d)
    if not known or square == 0:
        return np.nan, known
    along = 0.0
    for k in range(len(y)):
        for j in range(y.shape[1]):
            along += tilde[k, j] * y[k, j]
    return along / square, True


@njit(cache=True)  # type: ignore[untyped-decorator]
def residualised(w: Float, d: Float) -> tuple[Float, float, bool]:
    """d̃, treatment less its row and column effects, Σ w d̃², and whether these could be told.

    The square is 0 where treatment does not vary apart from the effects.
    """
    a, c, known = row_and_column_effects(w, d)
    tilde = np.zeros(d.shape)
    left, raw = 0.0, 0.0
    for k in range(len(d)):
        for j in range(d.shape[1]):
            if w[k, j] > 0:
                tilde[k, j] = d[k, j] - a[k] - c[j]
                left += w[k, j] * tilde[k, j] ** 2
                raw += w[k, j] * d[k, j] ** 2
    return tilde, left if left > _COLLINEAR * raw else 0.0, known


@njit(cache=True)  # type: ignore[untyped-decorator]
def row_and_column_effects(w: Float, v: Float) -> tuple[Float, Float, bool]:
    """Effects a (G,), c (T,) that minimise Σ w(v − a_g − c_t)², a₁ = 0; False if singular.

    Notes
    -----
    c_t = Σ_g w_gt(v_gt − a_g)/w_.t leaves one equation a row:
    [diag(w_g.) − Σ_t w_.t⁻¹ w_gt w_ht] a = Σ_t w_gt(v_gt − v̄_t).
    """
    g, t = v.shape
    column, c = np.zeros(t), np.zeros(t)
    system, right, a = np.zeros((g, g)), np.zeros(g), np.zeros(g)
    reduced_system(w, column, system)
    for j in range(t):
        for k in range(g):
            c[j] += w[k, j] * v[k, j] / column[j]
        for k in range(g):
            right[k] += w[k, j] * (v[k, j] - c[j])
    known = solve(system, right, a, g)
    for j in range(t):
        for k in range(g):
            c[j] -= w[k, j] * a[k] / column[j]
    return a, c, known


@njit(cache=True)  # type: ignore[untyped-decorator]
def reduced_system(w: Float, column: Float, system: Float) -> None:
    """Add the column sums w_.t to ``column`` and the equations of the rows to ``system``."""
    g, t = w.shape
    for k in range(g):
        for j in range(t):
            column[j] += w[k, j]
            system[k, k] += w[k, j]
    for j in range(t):
        for k in range(g):
            for h in range(k + 1):
                system[k, h] -= w[k, j] * w[h, j] / column[j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def solve(system: Float, right: Float, answer: Float, stop: int) -> bool:
    """Solve equations 1 to ``stop`` − 1 by Cholesky in the lower triangle; False if singular.

    Equation 0 is that of the row whose effect is 0.
    """
    scale = np.zeros(stop)
    for i in range(1, stop):
        if not system[i, i] > 0:
            return False
        scale[i] = math.sqrt(system[i, i])
    for i in range(1, stop):
        for j in range(1, i + 1):
            value = system[i, j] / (scale[i] * scale[j])
            for k in range(1, j):
                value -= system[i, k] * system[j, k]
            if i == j:
                if not value > _SINGULAR:
                    return False
                system[i, i] = math.sqrt(value)
            else:
                system[i, j] = value / system[j, j]
    for i in range(1, stop):
        answer[i] = right[i] / scale[i]
        for k in range(1, i):
            answer[i] -= system[i, k] * answer[k]
        answer[i] /= system[i, i]
    for i in range(stop - 1, 0, -1):
        for k in range(i + 1, stop):
            answer[i] -= system[k, i] * answer[k]
        answer[i] /= system[i, i]
    for i in range(1, stop):
        answer[i] /= scale[i]
    return True
