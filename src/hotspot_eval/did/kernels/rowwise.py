"""One pass over the rows of a dense array: group totals, scores and fitted values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Placebo", "Residuals", "Spread", "group_sums", "spread_rows"]

Float = NDArray[np.float64]
_ANY_ORDER = {"reassoc", "contract", "arcp", "nsz"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """What rows of n areas add up to, given the solution of their groups.

    Parameters
    ----------
    scores : ndarray, shape (n, P)
        Σₜ x̃_gt (y_it − common_gt).
    amount : ndarray, shape (n,)
        Level of each row.
    group : ndarray of int, shape (n,)
    used : ndarray of bool, shape (G, T)
    common, shape : ndarray, shape (G, T)
    below : bool
        Whether a value is negative; not looked for where amounts are given.
    """

    scores: Float
    amount: Float
    group: NDArray[np.intp]
    used: NDArray[np.bool_]
    common: Float
    shape: Float
    below: bool

    def fitted(self) -> Float:
        """common_gt + a_i·shape_gt, shape (n, T), NaN where absent; made at every call."""
        made = np.empty((len(self.group), self.used.shape[1]))
        _fill(self.group, self.used, self.common, self.shape, self.amount, made)
        return made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Residuals:
    """Residuals y − common − amount·shape of m rows, made dense only where somebody needs that.

    Parameters
    ----------
    y : ndarray, shape (n, T)
        0 where absent.
    rows : ndarray of int, shape (m,)
        The rows of ``y`` that these are about.
    group : ndarray of int, shape (m,)
    common, shape : ndarray, shape (G, T)
        0 where absent.
    used : ndarray of bool, shape (G, T)
    amount : ndarray, shape (m,)
    """

    y: Float
    rows: NDArray[np.intp]
    group: NDArray[np.intp]
    common: Float
    shape: Float
    used: NDArray[np.bool_]
    amount: Float

    def along(self, pulls: Float) -> Placebo:
        """Σₜ residual·pull for pulls of shape (P, H, T)."""
        return Placebo(residual=self, pulls=pulls)

    def dense(self) -> tuple[Float, NDArray[np.bool_]]:
        """Residuals, shape (m, T), 0 where absent, and where that is."""
        fitted = self.shape[self.group]
        fitted *= self.amount[:, None]
        fitted += self.common[self.group]
        return self.y[self.rows] - fitted, ~self.used[self.group]

    @classmethod
    def of(cls, residual: Float) -> Residuals:
        """Residuals that are there already, shape (m, T), NaN where absent."""
        used = ~np.isnan(residual)
        each, nothing = np.arange(len(residual)), np.zeros(residual.shape)
        return cls(
            y=np.where(used, residual, 0.0),
            rows=each,
            group=each,
            common=nothing,
            shape=nothing,
            used=used,
            amount=np.zeros(len(residual)),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placebo:
    """Scores Σₜ residual·pull of m rows in the place of each of H groups.

    Parameters
    ----------
    residual : Residuals
    pulls : ndarray, shape (P, H, T)
    """

    residual: Residuals
    pulls: Float

    @property
    def wide(self) -> bool:
        """Whether there are more scores than periods: the residuals themselves are smaller."""
        p, h, t = self.pulls.shape
        return bool(p * h > t)

    def scores(self) -> Float:
        """All of them, shape (H, m, P)."""
        rows, (p, h, t) = self.residual, self.pulls.shape
        flat = np.ascontiguousarray(self.pulls.reshape(p * h, t))
        made = np.empty((h, len(rows.rows), p))
        shift, pace = rows.common @ flat.T, rows.shape @ flat.T
        _along(rows.y, rows.rows, rows.group, rows.amount, flat, shift, pace, made)
        return made


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
) -> Spread:
    """Scores, and what fitted values common_gt + a_i·shape_gt follow from.

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

    Notes
    -----
    Rows of a group share everything but their level, so nothing of size (n, T) is made but what is
    returned.
    """
    n = len(y)
    pull = np.ascontiguousarray(tilde.transpose(1, 0, 2))
    shift = np.einsum("gpt,gt->gp", pull, common)
    scores = np.empty((n, len(tilde)))
    found = np.empty(n) if amount is None else amount
    below = _spread(y, group, used, pull, shift, common, amount is None, found, scores)
    return Spread(
        scores=scores,
        amount=found,
        group=group,
        used=used,
        common=common,
        shape=shape,
        below=bool(below < 0),
    )


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
    find: bool,
    amount: Float,
    scores: Float,
) -> float:
    periods = y.shape[1]
    cells = used.sum(axis=1)
    mask = used.astype(np.float64)
    offset = common.sum(axis=1)
    below = 0.0
    for i in range(y.shape[0]):
        g = group[i]
        row = y[i]
        for p in range(pull.shape[1]):
            score = 0.0
            for t in range(periods):
                score += row[t] * pull[g, p, t]
            scores[i, p] = score - shift[g, p]
        if find:
            seen = 0.0
            for t in range(periods):
                seen += row[t] * mask[g, t]
                below += row[t] - abs(row[t])
            amount[i] = (seen - offset[g]) / max(cells[g], 1)
    return below


@njit(cache=True, fastmath=_ANY_ORDER)  # type: ignore[untyped-decorator]
def _along(
    y: Float,
    rows: NDArray[np.intp],
    group: NDArray[np.intp],
    amount: Float,
    pulls: Float,
    shift: Float,
    pace: Float,
    scores: Float,
) -> None:
    groups, periods = scores.shape[0], pulls.shape[1]
    for i in range(len(rows)):
        row, g = y[rows[i]], group[i]
        for q in range(len(pulls)):
            score = 0.0
            for t in range(periods):
                score += row[t] * pulls[q, t]
            scores[q % groups, i, q // groups] = score - shift[g, q] - amount[i] * pace[g, q]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill(
    group: NDArray[np.intp],
    used: NDArray[np.bool_],
    common: Float,
    shape: Float,
    amount: Float,
    fitted: Float,
) -> None:
    for i in range(len(group)):
        g = group[i]
        for t in range(used.shape[1]):
            value = common[g, t] + amount[i] * shape[g, t]
            fitted[i, t] = value if used[g, t] else np.nan
