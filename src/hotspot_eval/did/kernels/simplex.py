"""Least squares over the simplex by Frank–Wolfe, as the synthetic estimators define it."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["simplex_weights"]

Float = NDArray[np.float64]
_STEPS_BEFORE_CUT = 100
_STEPS = 10_000
_KEPT = 4_000_000


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
    across, b = np.ascontiguousarray(a.T, dtype=np.float64), np.asarray(b, dtype=np.float64)
    start = np.full(len(across), 1.0 / len(across))
    first: Float = _frank_wolfe(across, b, start, ridge**2, least**2, _STEPS_BEFORE_CUT)
    cut = np.where(first <= first.max() / 4.0, 0.0, first)
    weights: Float = _frank_wolfe(across, b, cut / cut.sum(), ridge**2, least**2, _STEPS)
    return weights


@njit(cache=True)  # type: ignore[untyped-decorator]
def _frank_wolfe(
    across: Float, b: Float, start: Float, penalty: float, least: float, steps: int
) -> Float:
    """Steps along A′(Ax − b), which is carried on: columns of A′A are kept once they were used."""
    n, rows = across.shape
    eta = rows * penalty
    x, gap = start.copy(), -b
    for i in range(n):
        gap += x[i] * across[i]
    slope = _along(across, gap)
    kept = np.empty((min(n, max(_KEPT // n, 1)), n))
    place, used = np.full(n, -1), 0
    square = (x**2).sum()
    last, before = np.inf, np.inf
    done = 0
    while done < steps and (done < 2 or before - last > least):
        done += 1
        least_half, vertex = np.inf, 0
        for i in range(n):
            half = slope[i] + eta * x[i]
            if half < least_half:
                least_half, vertex = half, i
        share = x[vertex]
        if share != 1.0:
            level, bottom = eta * square, eta * (square - 2.0 * share + 1.0)
            for r in range(rows):
                level += gap[r] * (gap[r] + b[r])
                bottom += (across[vertex, r] - b[r] - gap[r]) ** 2
            size = (level - least_half) / bottom if bottom > 0 else 0.0
            size = min(1.0, max(0.0, size))
            if place[vertex] >= 0:
                column = kept[place[vertex]]
            else:
                column = _along(across, across[vertex] - b)
                if used < len(kept):
                    kept[used], place[vertex] = column, used
                    used += 1
            for i in range(n):
                slope[i] += size * (column[i] - slope[i])
                x[i] -= size * x[i]
            x[vertex] += size
            square = (1.0 - size) ** 2 * square + size * (2.0 * (1.0 - size) * share + size)
            for r in range(rows):
                gap[r] += size * (across[vertex, r] - b[r] - gap[r])
        before = last
        last = penalty * square + (gap**2).sum() / rows
    return x


@njit(cache=True)  # type: ignore[untyped-decorator]
def _along(across: Float, gap: Float) -> Float:
    """A′ gap."""
    n, rows = across.shape
    slope = np.zeros(n)
    for i in range(n):
        for r in range(rows):
            slope[i] += across[i, r] * gap[r]
    return slope
