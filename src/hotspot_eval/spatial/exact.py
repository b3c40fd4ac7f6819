"""Exact law of a neighbour sum when counts are dealt out to areas at random, given the own count.

Under the null hypothesis of the local statistics an area keeps its count, and its k neighbours are
k other areas drawn without replacement. The law of the neighbour sum then follows from a generating
function over the distinct counts: no draws, no seed, no smallest p-value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.spatial.exact_kernels import recursion, settle, sum_tails

__all__ = ["Tail", "neighbour_sum_tail"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
_MOST_CELLS = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tail:
    """Tail probabilities of every area and period, NaN where none was asked for.

    Parameters
    ----------
    at : ndarray, shape (N, T)
        P(S ≥ s), or P(S ≤ s) for the lower tail.
    beyond : ndarray, shape (N, T)
        P(S > s), or P(S < s).
    """

    at: Array
    beyond: Array


def neighbour_sum_tail(
    counts: Ints, sums: Ints, degree: Ints, *, upper: bool, wanted: Mask | None = None
) -> Tail:
    """Tail of the conditional permutation law at the observed neighbour sums.

    Parameters
    ----------
    counts : ndarray of int64, shape (N, T)
        Not negative.
    sums : ndarray of int64, shape (N, T)
        Sum over the neighbours of each area.
    degree : ndarray of int64, shape (N,)
        Number of neighbours; areas without any get NaN.
    upper : bool
        P(S ≥ s) if True, else P(S ≤ s).
    wanted : ndarray of bool, shape (N, T), optional
        Cells to compute; all by default.

    Raises
    ------
    InputError
        If counts × neighbours are so large that the law would not fit into 400 MB.

    Notes
    -----
    The number of ways to draw j areas with sum s is the coefficient of zʲxˢ in Π_v (1 + z·xᵛ)^m_v,
    where m_v areas have count v. It is multiplied out once a period, up to the largest observed
    sum, with everything beyond in one last cell, and shared by all areas; the own area is then
    taken out by G_j(s) = [N·F_j(s) − j·G_{j−1}(s − own)]/(N − j). Where that difference would lose
    digits (an area that is itself the outlier) the product is formed again without the own area.
    The relative error of every tail is below 1e-9, however small the tail is. The work is linear in
    T; within a period it grows with the number of distinct counts, the square of the largest number
    of neighbours and the largest sum, hardly with N.

    Examples
    --------
    Three areas with counts 2, 0, 1 in a chain; the first has one neighbour with 0.

    >>> counts = np.array([[2], [0], [1]])
    >>> sums, degree = np.array([[0], [3], [0]]), np.array([1, 2, 1])
    >>> tail = neighbour_sum_tail(counts, sums, degree, upper=True)
    >>> tail.at.ravel(), tail.beyond.ravel()
    (array([1., 1., 1.]), array([0.5, 0. , 0.5]))
    """
    if wanted is not None and not wanted.any():
        nothing = np.broadcast_to(np.nan, counts.shape)
        return Tail(at=nothing, beyond=nothing)
    own = np.ascontiguousarray(counts.T)
    observed = np.ascontiguousarray(sums.T)
    settled = np.tile(degree == 0, (len(own), 1))
    if wanted is not None:
        settled |= ~wanted.T
    at, beyond = np.full(own.shape, np.nan), np.full(own.shape, np.nan)
    for t in np.flatnonzero(~settled.all(axis=1)):
        _one_period(own[t], observed[t], degree, upper, at[t], beyond[t], settled[t])
    return Tail(at=at.T, beyond=beyond.T)


def _one_period(
    own: Ints, sums: Ints, degree: Ints, upper: bool, at: Array, beyond: Array, settled: Mask
) -> None:
    """Fill ``at`` and ``beyond`` of one period in place."""
    histogram = np.bincount(own)
    values = np.flatnonzero(histogram)
    copies = histogram[values]
    table = _tail_table(values, copies, degree[~settled], sums[~settled], upper)
    settle(table, upper, own, sums, degree, at, beyond, settled)
    for mine in np.unique(own[~settled]):
        rows = np.flatnonzero(~settled & (own == mine))
        k, s = degree[rows], sums[rows]
        table = _tail_table(values, copies - (values == mine), k, s, upper)
        further = s + 1 if upper else s - 1
        at[rows] = np.minimum(table[k, s], 1.0)
        beyond[rows] = np.where(further < 0, 0.0, table[k, np.maximum(further, 0)])
        settled[rows] = True


def _tail_table(values: Ints, copies: Ints, degree: Ints, sums: Ints, upper: bool) -> Array:
    most, cap = int(degree.max()), int(sums.max()) + 2
    cells = (most + 1) * (cap + 1)
    if cells > _MOST_CELLS:
        raise InputError(
            Problem(
                where="argument 'y'",
                what=f"the law of a sum of up to {cap - 2:,} over {most} neighbours is too large "
                "to be held",
                advice='Use method="permutation", or fewer neighbours.',
            )
        )
    table: Array = recursion(values, copies, most, cap)
    sum_tails(table, upper)
    return table
