"""The nearest point of a polytope: least squares over the simplex, exact to rounding."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["nearest_weights"]

Float = NDArray[np.float64]
Index = NDArray[np.intp]
Bool = NDArray[np.bool_]
_PATIENCE = 2
_SLACK = 1e-11
_FLOOR = 1e-13


@njit(cache=True)  # type: ignore[untyped-decorator]
def nearest_weights(points: Float, penalty: float) -> Float:
    """Weights w ≥ 0, Σw = 1 that minimise |Σ wᵢ pointᵢ|² + penalty·|w|².

    Parameters
    ----------
    points : ndarray, shape (n, m)
        Columns less the target: since Σw = 1, their weighted sum is the residual.
    penalty : float
        0 or more; a floor of 1e-13 of the largest squared length keeps the minimum unique.

    Returns
    -------
    ndarray, shape (n,)

    Notes
    -----
    On a support the minimum is G⁻¹1 up to scale, G = PP′ + penalty·I of its points P; where they
    are more than m, it is had from the m × m matrix P′P + penalty·I. Supports are exchanged in
    blocks, from all points: negative weights leave, points whose gradient lies below that of the
    support enter. Where this does not settle, or points are too alike for it, Wolfe's algorithm
    starts from the nearest point: each of its steps lowers the objective, so that it ends. Both end
    where no gradient lies below that of the support by more than 1e-11 of the largest squared
    length.

    References
    ----------
    Wolfe (1976), https://doi.org/10.1007/BF01580381;
    Hintermüller, Ito & Kunisch (2002), https://doi.org/10.1137/S1052623401383558

    Examples
    --------
    >>> nearest_weights(np.array([[-1.0, 0.0], [3.0, 0.0], [0.0, 5.0]]), 0.0).round(6).tolist()
    [0.75, 0.25, 0.0]
    """
    n, m = points.shape
    length = np.zeros(n)
    for i in range(n):
        for k in range(m):
            length[i] += points[i, k] ** 2
    reach = length.max()
    if n == 1 or reach == 0.0 or not np.isfinite(reach):
        return np.full(n, 1.0 / n)
    eta = max(penalty, _FLOOR * reach)
    across = np.ascontiguousarray(points.T)
    gram = _squares(across) if n <= m else np.zeros((0, 0))
    exchanged: tuple[Float, bool] = _exchange(points, across, gram, eta, _SLACK * reach)
    w, settled = exchanged
    if not settled:
        w = _wolfe(points, across, gram, eta, _SLACK * reach, np.argmin(length))
    return w


@njit(cache=True)  # type: ignore[untyped-decorator]
def _exchange(
    points: Float, across: Float, gram: Float, eta: float, slack: float
) -> tuple[Float, bool]:
    """Exchange supports in blocks; the weights, and whether they are the minimum."""
    n, m = points.shape
    inside = np.ones(n, dtype=np.bool_)
    moments = np.zeros((0, 0)) if gram.size else _squares(points)
    least, patience = n + 1, _PATIENCE
    w = np.zeros(n)
    while patience > 0:
        support = np.flatnonzero(inside)
        if gram.size or len(support) <= m:
            part = _on_support(points, gram, eta, support)
        else:
            part = _on_many(across, moments.copy(), eta, inside)[support]
        if not np.isfinite(part.sum()):
            break
        w[:] = 0.0
        w[support] = part
        slope, level = _slopes(points, across, gram, eta, w)
        wrong = 0
        for i in range(n):
            if (inside[i] and w[i] <= 0.0) or (not inside[i] and slope[i] < level - slack):
                inside[i] = not inside[i]
                wrong += 1
                if not gram.size:
                    _add(moments, points[i], 1.0 if inside[i] else -1.0)
        if wrong == 0:
            return w, slope.min() >= level - slack
        patience = _PATIENCE if wrong < least else patience - 1
        least = min(least, wrong)
    return w, False


@njit(cache=True)  # type: ignore[untyped-decorator]
def _wolfe(
    points: Float, across: Float, gram: Float, eta: float, slack: float, first: int
) -> Float:
    """Add the point of least slope, move towards the minimum on the support, drop what hits 0."""
    n = len(points)
    w = np.zeros(n)
    w[first] = 1.0
    for _ in range(10 * n):
        slope, level = _slopes(points, across, gram, eta, w)
        enters = np.argmin(slope)
        if slope[enters] >= level - slack or w[enters] > 0.0:
            break
        support = np.append(np.flatnonzero(w), enters)
        while True:
            part = _on_support(points, gram, eta, support)
            if not np.isfinite(part.sum()):
                return w
            step, blocks = 1.0, -1
            for k in range(len(support)):
                if part[k] <= 0.0:
                    room = w[support[k]] / (w[support[k]] - part[k])
                    if blocks < 0 or room < step:
                        step, blocks = room, k
            moved = w[support] + step * (part - w[support])
            if blocks >= 0:
                moved[blocks] = 0.0
            w[support] = np.maximum(moved, 0.0)
            if blocks < 0:
                break
            support = support[moved > 0.0]
    summed: Float = w / w.sum()
    return summed


@njit(cache=True)  # type: ignore[untyped-decorator]
def _on_support(points: Float, gram: Float, eta: float, support: Index) -> Float:
    """The minimum over weights of the support that sum to 1, of any sign; NaN where singular."""
    k = len(support)
    if gram.size:
        square = np.empty((k, k))
        for i in range(k):
            for j in range(k):
                square[i, j] = gram[support[i], support[j]]
    else:
        square = _squares(np.ascontiguousarray(points[support].T))
    z: Float = _solve(square, eta, np.ones(k))
    z /= z.sum()
    return z


@njit(cache=True)  # type: ignore[untyped-decorator]
def _on_many(across: Float, moments: Float, eta: float, inside: Bool) -> Float:
    """The same for more points than dimensions, from ``moments`` P′P; any value outside."""
    m, n = across.shape
    total = np.zeros(m)
    for k in range(m):
        for i in range(n):
            total[k] += across[k, i] * inside[i]
    held = _solve(moments, eta, total)
    z = np.ones(n)
    for k in range(m):
        for i in range(n):
            z[i] -= held[k] * across[k, i]
    z /= (z * inside).sum()
    return z


@njit(cache=True)  # type: ignore[untyped-decorator]
def _slopes(points: Float, across: Float, gram: Float, eta: float, w: Float) -> tuple[Float, float]:
    """Half the gradient at ``w``, and its mean over the weights."""
    n, m = points.shape
    slope = eta * w
    if gram.size:
        for i in range(n):
            for j in range(n):
                slope[j] += w[i] * gram[i, j]
    else:
        residual = np.zeros(m)
        for i in range(n):
            for k in range(m):
                residual[k] += w[i] * points[i, k]
        for k in range(m):
            for i in range(n):
                slope[i] += residual[k] * across[k, i]
    return slope, (w * slope).sum()


@njit(cache=True)  # type: ignore[untyped-decorator]
def _squares(rows: Float) -> Float:
    """Sum of outer products of rows, shape (k, k)."""
    square = np.zeros((rows.shape[1], rows.shape[1]))
    for r in range(len(rows)):
        _add(square, rows[r], 1.0)
    return square


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add(square: Float, row: Float, sign: float) -> None:
    """Add sign·row row′ in place."""
    for i in range(len(row)):
        scale = sign * row[i]
        for j in range(len(row)):
            square[i, j] += scale * row[j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _solve(square: Float, eta: float, right: Float) -> Float:
    """Solution of (square + eta·I) x = right by Cholesky, in place; NaN where not positive."""
    k = len(right)
    x = right.copy()
    for j in range(k):
        pivot = square[j, j] + eta
        if not pivot > 0.0:
            x[:] = np.nan
            return x
        root = np.sqrt(pivot)
        square[j, j] = root
        for i in range(j + 1, k):
            square[j, i] /= root
        x[j] /= root
        for i in range(j + 1, k):
            scale = square[j, i]
            x[i] -= scale * x[j]
            for c in range(i, k):
                square[i, c] -= scale * square[j, c]
    for j in range(k - 1, -1, -1):
        for i in range(j + 1, k):
            x[j] -= square[j, i] * x[i]
        x[j] /= square[j, j]
    return x
