"""Row and column effects of small tables by the thousand, with a treatment or without.

What is not plain sailing is handed back, to be fitted with the care of the general solvers.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hotspot_eval.did.kernels.paths import PathSums

__all__ = ["solve_paths", "untreated_effects"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
_MAX_STEPS = 25
_TOLERANCE = 1e-10
_LONGEST = 5.0
_DIVERGED = 15.0
_SINGULAR = 1e-10
_COLLINEAR = 1e-9


def solve_paths(sums: PathSums, *, poisson: bool) -> tuple[Float, Bool]:
    """Effect of treatment beside area and period effects in each design.

    Parameters
    ----------
    sums : PathSums
    poisson : bool
        Poisson, or least squares.

    Returns
    -------
    estimate : ndarray, shape (R,)
        NaN where there is none.
    found : ndarray of bool, shape (R,)
        False: the design needs the general solver.

    Notes
    -----
    Areas of equal path differ in their own effect alone, so group sums y_gt are sufficient. Given
    its total a row of Poisson counts is multinomial: Newton steps on (γ, δ), row effects
    concentrated out. The normal equations lose their T period effects first,
    c_t = (s_t − Σ_g μ_gt a_g − δ Σ_g μ_gt d_gt)/μ_.t, which leaves one equation a group and one for
    δ. Two rows are a logit of one against the other, logit_t = a + δ(d_1t − d_2t): where that
    difference takes two values u < v, δ is [log(Y_1v/Y_1u) − log(Y_2v/Y_2u)]/(v − u), Y the totals
    over the periods of each value.

    Examples
    --------
    >>> sums = PathSums(begin=np.array([0, 2]), size=np.ones(2), treated=np.array([True]),
    ...                 total=np.array([[10.0, 40.0, 10.0], [30.0, 30.0, 30.0]]),
    ...                 share=np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
    ...                 used=np.ones((2, 3), bool))
    >>> estimate, found = solve_paths(sums, poisson=True)
    >>> np.exp(estimate).round(6).tolist(), found.tolist()
    ([4.0], [True])
    """
    estimate, found = np.full(len(sums.treated), np.nan), ~sums.treated
    where = np.flatnonzero(sums.treated)
    _solve_all(
        sums.begin, sums.total, sums.share, sums.used, sums.size, where, poisson, estimate, found
    )
    return estimate, found


def untreated_effects(sums: PathSums, *, poisson: bool) -> tuple[Float, Bool]:
    """Period effects of the untreated cells of each design, and whether they were found here.

    Returns
    -------
    effects : ndarray, shape (R, T)
        Up to a constant; NaN in periods without an untreated cell (with an event, if Poisson).
    found : ndarray of bool, shape (R,)
    """
    effects = np.full((len(sums.treated), sums.used.shape[1]), np.nan)
    found = ~sums.treated
    where = np.flatnonzero(sums.treated)
    _effects_all(
        sums.begin, sums.total, sums.share, sums.used, sums.size, where, poisson, effects, found
    )
    return effects, found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _solve_all(
    begin: NDArray[np.intp],
    total: Float,
    share: Float,
    used: Bool,
    size: Float,
    where: NDArray[np.intp],
    poisson: bool,
    estimate: Float,
    found: Bool,
) -> None:
    for r in where:
        here = slice(begin[r], begin[r + 1])
        y, d, weight, _ = _compact(total[here], share[here], used[here], size[here])
        if poisson:
            estimate[r], found[r] = _poisson(y, d, weight)
        else:
            estimate[r], found[r] = _linear(y, d, weight)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _effects_all(
    begin: NDArray[np.intp],
    total: Float,
    share: Float,
    used: Bool,
    size: Float,
    where: NDArray[np.intp],
    poisson: bool,
    effects: Float,
    found: Bool,
) -> None:
    for r in where:
        here = slice(begin[r], begin[r + 1])
        calm = _calm(total[here], share[here], used[here], poisson)
        y, d, weight, columns = _compact(total[here], share[here], calm, size[here])
        if len(y) == 0:
            continue
        if poisson:
            gamma, _, found[r] = _newton(y, d, weight, False)
        else:
            for k in range(len(y)):
                for j in range(len(columns)):
                    y[k, j] /= max(weight[k, j], 1.0)
            _, gamma, found[r] = _effects(weight, y)
        for j in range(len(columns)):
            effects[r, columns[j]] = gamma[j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _calm(total: Float, share: Float, used: Bool, counts: bool) -> Bool:
    """Untreated cells; of counts, in rows and columns that have an event in such cells.

    One pass is enough: cells that are left out hold no event.
    """
    g, t = used.shape
    row, column = np.zeros(g), np.zeros(t)
    calm = np.zeros((g, t), dtype=np.bool_)
    for k in range(g):
        for j in range(t):
            calm[k, j] = used[k, j] and share[k, j] == 0
            if calm[k, j]:
                row[k] += total[k, j]
                column[j] += total[k, j]
    for k in range(g if counts else 0):
        for j in range(t):
            calm[k, j] = calm[k, j] and row[k] > 0 and column[j] > 0
    return calm


@njit(cache=True)  # type: ignore[untyped-decorator]
def _compact(
    total: Float, share: Float, used: Bool, size: Float
) -> tuple[Float, Float, Float, NDArray[np.intp]]:
    """Totals, shares and areas of used cells, 0 elsewhere, on the rows and columns that have any.

    Which columns these are comes along.
    """
    g, t = used.shape
    some_row, some_column = np.zeros(g, dtype=np.bool_), np.zeros(t, dtype=np.bool_)
    for k in range(g):
        for j in range(t):
            some_row[k] |= used[k, j]
            some_column[j] |= used[k, j]
    rows, columns = np.flatnonzero(some_row), np.flatnonzero(some_column)
    shape = (len(rows), len(columns))
    y, d, weight = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for a in range(len(rows)):
        for b in range(len(columns)):
            k, j = rows[a], columns[b]
            if used[k, j]:
                y[a, b], d[a, b], weight[a, b] = total[k, j], share[k, j], size[k]
    return y, d, weight, columns


@njit(cache=True)  # type: ignore[untyped-decorator]
def _poisson(y: Float, d: Float, weight: Float) -> tuple[float, bool]:
    events = 0.0
    for k in range(len(y)):
        for j in range(y.shape[1]):
            if d[k, j] > 0:
                events += y[k, j]
    if events == 0:
        return np.nan, True
    if len(y) == 2:
        delta, told = _of_two(y, d, weight)
        if told:
            return delta, True
    _, left, known = _apart(weight, d)
    if not known or left == 0:
        return np.nan, known
    _, delta, found = _newton(y, d, weight, True)
    return delta, found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _of_two(y: Float, d: Float, weight: Float) -> tuple[float, bool]:
    """Logit of one row against the other, if their treatment differs by one of two values."""
    low, high = np.inf, -np.inf
    for j in range(y.shape[1]):
        if weight[0, j] > 0 and weight[1, j] > 0:
            low, high = min(low, d[0, j] - d[1, j]), max(high, d[0, j] - d[1, j])
    if not high > low:
        return np.nan, True
    on, off = np.zeros(2), np.zeros(2)
    for j in range(y.shape[1]):
        if weight[0, j] > 0 and weight[1, j] > 0:
            apart = d[0, j] - d[1, j]
            if apart != low and apart != high:
                return np.nan, False
            for k in range(2):
                if apart == high:
                    on[k] += y[k, j]
                else:
                    off[k] += y[k, j]
    if min(on[0], on[1], off[0], off[1]) <= 0:
        return np.nan, on[0] + off[0] > 0 and on[1] + off[1] > 0
    apart = (math.log(on[0]) - math.log(off[0])) - (math.log(on[1]) - math.log(off[1]))
    return apart / (high - low), True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _linear(y: Float, d: Float, weight: Float) -> tuple[float, bool]:
    tilde, left, known = _apart(weight, d)
    if not known or left == 0:
        return np.nan, known
    along = 0.0
    for k in range(len(y)):
        for j in range(y.shape[1]):
            along += tilde[k, j] * y[k, j]
    return along / left, True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _apart(weight: Float, d: Float) -> tuple[Float, float, bool]:
    """Treatment less its row and column effects, its weighted square, and could that be told?

    The square is 0 where treatment does not vary apart from the effects.
    """
    a, c, known = _effects(weight, d)
    tilde = np.zeros(d.shape)
    left, raw = 0.0, 0.0
    for k in range(len(d)):
        for j in range(d.shape[1]):
            if weight[k, j] > 0:
                tilde[k, j] = d[k, j] - a[k] - c[j]
                left += weight[k, j] * tilde[k, j] ** 2
                raw += weight[k, j] * d[k, j] ** 2
    return tilde, left if left > _COLLINEAR * raw else 0.0, known


@njit(cache=True)  # type: ignore[untyped-decorator]
def _newton(y: Float, d: Float, weight: Float, treated: bool) -> tuple[Float, float, bool]:
    """Period effects and δ of the multinomial likelihood; False where a step is not plain."""
    g, t = y.shape
    amount, gamma = np.zeros(g), np.zeros(t)
    delta: float = 0.0
    for k in range(g):
        for j in range(t):
            amount[k] += y[k, j]
    for j in range(t):
        seen, at_risk = 0.0, 0.0
        for k in range(g):
            seen += y[k, j]
            at_risk += amount[k] if weight[k, j] > 0 else 0.0
        gamma[j] = math.log(seen / at_risk)
    mean = np.zeros((g, t))
    value = _likelihood(y, d, weight, amount, gamma, delta, mean)
    shift = np.zeros(t + 1)
    for _ in range(_MAX_STEPS):
        if not _step(y, d, mean, treated, shift):
            return gamma, np.nan, False
        reach = 0.0
        for j in range(t + 1):
            reach = max(reach, abs(shift[j]))
        for j in range(t):
            gamma[j] += shift[j]
        delta = float(delta + shift[t])
        new = _likelihood(y, d, weight, amount, gamma, delta, mean)
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
    y: Float, d: Float, weight: Float, amount: Float, gamma: Float, delta: float, mean: Float
) -> float:
    """Log likelihood; ``mean`` becomes the mean of each cell, row totals as they are."""
    g, t = y.shape
    value = 0.0
    for k in range(g):
        top, norm = -np.inf, 0.0
        for j in range(t):
            if weight[k, j] > 0:
                top = max(top, gamma[j] + delta * d[k, j])
        for j in range(t):
            if weight[k, j] > 0:
                linear = gamma[j] + delta * d[k, j] - top
                mean[k, j] = math.exp(linear)
                norm += mean[k, j]
                value += y[k, j] * linear
        value -= amount[k] * math.log(norm)
        for j in range(t):
            mean[k, j] *= amount[k] / norm
    return value


@njit(cache=True)  # type: ignore[untyped-decorator]
def _step(y: Float, d: Float, mean: Float, treated: bool, shift: Float) -> bool:
    """Newton step of period effects and, last, of δ: least squares of y − μ with weights μ.

    Rows sum to their totals, so that only columns and treatment have a score. The first row's
    effect is 0; the equation after those of the rows is that of δ.
    """
    g, t = y.shape
    column, gap, lit = np.zeros(t), np.zeros(t), np.zeros(t)
    system, right, answer = np.zeros((g + 1, g + 1)), np.zeros(g + 1), np.zeros(g + 1)
    _reduce(mean, column, system)
    for j in range(t):
        for k in range(g):
            gap[j] += y[k, j] - mean[k, j]
            lit[j] += mean[k, j] * d[k, j]
        for k in range(g):
            apart = d[k, j] - lit[j] / column[j]
            system[g, g] += mean[k, j] * d[k, j] * apart
            system[g, k] += mean[k, j] * apart
            right[g] += (y[k, j] - mean[k, j]) * apart
            right[k] -= mean[k, j] * gap[j] / column[j]
    if not _solve(system, right, answer, g + 1 if treated else g):
        return False
    for j in range(t):
        shift[j] = gap[j] - answer[g] * lit[j]
        for k in range(g):
            shift[j] -= mean[k, j] * answer[k]
        shift[j] /= column[j]
    shift[t] = answer[g]
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _effects(weight: Float, v: Float) -> tuple[Float, Float, bool]:
    """Row and column effects of v by weighted least squares, the first row's 0."""
    g, t = v.shape
    column, c = np.zeros(t), np.zeros(t)
    system, right, a = np.zeros((g, g)), np.zeros(g), np.zeros(g)
    _reduce(weight, column, system)
    for j in range(t):
        for k in range(g):
            c[j] += weight[k, j] * v[k, j] / column[j]
        for k in range(g):
            right[k] += weight[k, j] * (v[k, j] - c[j])
    known = _solve(system, right, a, g)
    for j in range(t):
        for k in range(g):
            c[j] -= weight[k, j] * a[k] / column[j]
    return a, c, known


@njit(cache=True)  # type: ignore[untyped-decorator]
def _reduce(weight: Float, column: Float, system: Float) -> None:
    """Column sums, and normal equations of the row effects with column effects taken out."""
    g, t = weight.shape
    for k in range(g):
        for j in range(t):
            column[j] += weight[k, j]
            system[k, k] += weight[k, j]
    for j in range(t):
        for k in range(g):
            for h in range(k + 1):
                system[k, h] -= weight[k, j] * weight[h, j] / column[j]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _solve(system: Float, right: Float, answer: Float, stop: int) -> bool:
    """Solve equations 1 to ``stop`` − 1 by Cholesky in the lower triangle; False if singular."""
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
