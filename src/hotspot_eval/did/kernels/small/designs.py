"""One two-way model a design, with a treatment or on untreated cells alone.

A design whose model has no plain maximum is handed back, to be fitted by the general solvers.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hotspot_eval.did.kernels.paths import PathSums
from hotspot_eval.did.kernels.small.least_squares import (
    difference,
    row_and_column_effects,
)
from hotspot_eval.did.kernels.small.multinomial import log_rate_ratio, newton

__all__ = ["solve_paths", "untreated_effects"]

Float = NDArray[np.float64]
Int = NDArray[np.intp]
Bool = NDArray[np.bool_]
Groups = tuple[Int, Float, Float, Bool, Float]


def solve_paths(sums: PathSums, *, poisson: bool) -> tuple[Float, Bool]:
    """δ beside group and period effects in each design.

    Parameters
    ----------
    sums : PathSums
    poisson : bool
        Poisson, or least squares.

    Returns
    -------
    delta : ndarray, shape (R,)
        NaN where there is none.
    found : ndarray of bool, shape (R,)
        False: the design needs the general solver.

    Notes
    -----
    E y_gt = n_g(α_g + γ_t + δd_gt), or log E y_gt = α_g + γ_t + δd_gt, with y_gt the total and d_gt
    the share treated of the n_g areas of path g in period t. Areas of equal path differ in their
    own effect alone, so these totals are sufficient.

    Examples
    --------
    >>> sums = PathSums(begin=np.array([0, 2]), size=np.ones(2), treated=np.array([True]),
    ...                 total=np.array([[10.0, 40.0, 10.0], [30.0, 30.0, 30.0]]),
    ...                 share=np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
    ...                 used=np.ones((2, 3), bool))
    >>> delta, found = solve_paths(sums, poisson=True)
    >>> np.exp(delta).round(6).tolist(), found.tolist()
    ([4.0], [True])
    """
    delta, found = np.full(len(sums.treated), np.nan), ~sums.treated
    _solve_each(_groups(sums), np.flatnonzero(sums.treated), poisson, delta, found)
    return delta, found


def untreated_effects(sums: PathSums, *, poisson: bool) -> tuple[Float, Bool]:
    """γ_t of the untreated cells of each design, and whether they were found here.

    Returns
    -------
    gamma : ndarray, shape (R, T)
        Up to a constant; NaN in periods without an untreated cell (with an event, if Poisson).
    found : ndarray of bool, shape (R,)
    """
    gamma = np.full((len(sums.treated), sums.used.shape[1]), np.nan)
    found = ~sums.treated
    _untreated_each(_groups(sums), np.flatnonzero(sums.treated), poisson, gamma, found)
    return gamma, found


def _groups(sums: PathSums) -> Groups:
    """As arrays, which compiled code takes."""
    return sums.begin, sums.total, sums.share, sums.used, sums.size


@njit(cache=True)  # type: ignore[untyped-decorator]
def _solve_each(groups: Groups, designs: Int, poisson: bool, delta: Float, found: Bool) -> None:
    for r in designs:
        total, share, used, size = _design(groups, r)
        y, d, n, _ = _table(total, share, used, size)
        if poisson:
            delta[r], found[r] = log_rate_ratio(y, d, n)
        else:
            delta[r], found[r] = difference(y, d, n)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _untreated_each(groups: Groups, designs: Int, poisson: bool, gamma: Float, found: Bool) -> None:
    for r in designs:
        total, share, used, size = _design(groups, r)
        y, d, n, periods = _table(total, share, _untreated(total, share, used, poisson), size)
        if len(y) == 0:
            continue
        if poisson:
            c, _, found[r] = newton(y, d, n, False)
        else:
            _, c, found[r] = row_and_column_effects(n, y / np.maximum(n, 1.0))
        gamma[r, periods] = c


@njit(cache=True)  # type: ignore[untyped-decorator]
def _design(groups: Groups, r: int) -> tuple[Float, Float, Bool, Float]:
    """Totals, shares, used cells and sizes of the groups of design r."""
    begin, total, share, used, size = groups
    rows = slice(begin[r], begin[r + 1])
    return total[rows], share[rows], used[rows], size[rows]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _untreated(total: Float, share: Float, used: Bool, counts: bool) -> Bool:
    """Untreated cells; of counts, in rows and columns that have an event in such cells.

    One pass is enough: cells that are left out hold no event.
    """
    g, t = used.shape
    row, column = np.zeros(g), np.zeros(t)
    untreated = np.zeros((g, t), dtype=np.bool_)
    for k in range(g):
        for j in range(t):
            untreated[k, j] = used[k, j] and share[k, j] == 0
            if untreated[k, j]:
                row[k] += total[k, j]
                column[j] += total[k, j]
    for k in range(g if counts else 0):
        for j in range(t):
            untreated[k, j] = untreated[k, j] and row[k] > 0 and column[j] > 0
    return untreated


@njit(cache=True)  # type: ignore[untyped-decorator]
def _table(total: Float, share: Float, used: Bool, size: Float) -> tuple[Float, Float, Float, Int]:
    """y, d and n of used cells, 0 elsewhere, on rows and columns that have any; these columns."""
    g, t = used.shape
    some_row, some_column = np.zeros(g, dtype=np.bool_), np.zeros(t, dtype=np.bool_)
    for k in range(g):
        for j in range(t):
            some_row[k] |= used[k, j]
            some_column[j] |= used[k, j]
    rows, columns = np.flatnonzero(some_row), np.flatnonzero(some_column)
    shape = (len(rows), len(columns))
    y, d, n = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for a in range(len(rows)):
        for b in range(len(columns)):
            k, j = rows[a], columns[b]
            if used[k, j]:
                y[a, b], d[a, b], n[a, b] = total[k, j], share[k, j], size[k]
    return y, d, n, columns
