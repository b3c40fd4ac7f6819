"""One pass over the rows of a dense array: group totals, scores, fitted values and residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Spread", "group_sums", "spread_rows"]

Float = NDArray[np.float64]
_ANY_ORDER = {"reassoc", "contract", "arcp", "nsz"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """What rows of n areas add up to, given the solution of their groups.

    Parameters
    ----------
    scores : ndarray, shape (n, P)
        Σₜ x̃_gt (y_it − common_gt).
    fitted : ndarray, shape (n, T)
        NaN where absent.
    residual : ndarray, shape (m, T)
        y − fitted of the rows asked for; NaN where absent.
    """

    scores: Float
    fitted: Float
    residual: Float


def group_sums(y: Float, group: NDArray[np.intp], count: int) -> Float:
    """Σ y over the rows of each group, shape (count, T).

    Examples
    --------
    >>> group_sums(np.array([[1.0], [2.0], [4.0]]), np.array([1, 0, 1]), 2).tolist()
    [[2.0], [5.0]]
    """
    total = np.zeros((count, y.shape[1]))
    _add_rows(y, group, total)
    return total


def spread_rows(
    y: Float,
    *,
    group: NDArray[np.intp],
    used: NDArray[np.bool_],
    tilde: Float,
    common: Float,
    shape: Float,
    amount: Float | None,
    wanted: NDArray[np.bool_],
) -> Spread:
    """Scores, fitted values common_gt + a_i·shape_gt, and residuals of the rows in ``wanted``.

    Parameters
    ----------
    y : ndarray, shape (n, T)
    group : ndarray of int, shape (n,)
    used : ndarray of bool, shape (G, T)
    tilde : ndarray, shape (P, G, T)
        Residualised regressors, 0 where not used.
    common, shape : ndarray, shape (G, T)
        0 where not used.
    amount : ndarray, shape (n,), or None
        a_i; None: the mean of y − common over the row's used cells.
    wanted : ndarray of bool, shape (n,)

    Notes
    -----
    Rows of a group share everything but their level, so nothing of size (n, T) is made but what is
    returned.
    """
    n, t = y.shape
    pull = np.ascontiguousarray(tilde.transpose(1, 0, 2))
    shift = np.einsum("gpt,gt->gp", pull, common)
    slot = np.where(wanted, np.cumsum(wanted) - 1, -1)
    result = Spread(
        scores=np.empty((n, len(tilde))),
        fitted=np.empty((n, t)),
        residual=np.empty((int(wanted.sum()), t)),
    )
    _spread(
        y,
        group,
        used,
        pull,
        shift,
        common,
        shape,
        np.zeros(0) if amount is None else amount,
        slot,
        result.scores,
        result.fitted,
        result.residual,
    )
    return result


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add_rows(y: Float, group: NDArray[np.intp], total: Float) -> None:
    for i in range(y.shape[0]):
        g = group[i]
        for t in range(y.shape[1]):
            total[g, t] += y[i, t]


@njit(cache=True, fastmath=_ANY_ORDER)  # type: ignore[untyped-decorator]
def _spread(
    y: Float,
    group: NDArray[np.intp],
    used: NDArray[np.bool_],
    pull: Float,
    shift: Float,
    common: Float,
    shape: Float,
    amount: Float,
    slot: NDArray[np.intp],
    scores: Float,
    fitted: Float,
    residual: Float,
) -> None:
    periods = y.shape[1]
    cells = used.sum(axis=1)
    mask = used.astype(np.float64)
    offset = common.sum(axis=1)
    for i in range(y.shape[0]):
        g = group[i]
        row = y[i]
        for p in range(pull.shape[1]):
            score = 0.0
            for t in range(periods):
                score += row[t] * pull[g, p, t]
            scores[i, p] = score - shift[g, p]
        if len(amount):
            level = amount[i]
        else:
            seen = 0.0
            for t in range(periods):
                seen += row[t] * mask[g, t]
            level = (seen - offset[g]) / max(cells[g], 1)
        for t in range(periods):
            fitted[i, t] = common[g, t] + level * shape[g, t]
        if cells[g] < periods:
            for t in range(periods):
                if not used[g, t]:
                    fitted[i, t] = np.nan
        if slot[i] >= 0:
            for t in range(periods):
                residual[slot[i], t] = row[t] - fitted[i, t]
