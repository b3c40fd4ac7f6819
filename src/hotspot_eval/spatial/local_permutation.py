"""Ranks of local statistics among random draws of neighbours, one set of draws for all periods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.spatial.aligned import Links
from hotspot_eval.spatial.compiled import compiled

__all__ = ["Ranks", "draw_neighbours", "rank_equal", "rank_weighted"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
_TIE = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranks:
    """How many draws gave at most, at least the observed value, out of how many; shape (N, T).

    A draw that holds the area itself says nothing about its neighbours and is left out, so
    ``draws`` differs a little between areas; what is left is uniform over the other areas.
    """

    at_most: Ints
    at_least: Ints
    draws: Ints


def draw_neighbours(links: Links, *, permutations: int, rng: np.random.Generator) -> Ints:
    """``permutations`` rows of as many different areas as the best-connected area has neighbours.

    Raises
    ------
    InputError
        If ``permutations`` is below 1.
    """
    if permutations < 1:
        raise InputError(
            Problem(where="argument 'permutations'", what=f"must be at least 1, not {permutations}")
        )
    most = int(links.degree.max(initial=0))
    return np.array(
        [rng.choice(links.n, size=most, replace=False) for _ in range(permutations)],
        dtype=np.int64,
    ).reshape(permutations, most)


def rank_equal(values: Array, observed: Array, degree: Ints, drawn: Ints) -> Ranks:
    """Ranks of neighbour sums: all areas with k neighbours share the sorted sums of k draws.

    Parameters
    ----------
    values, observed : ndarray, shape (N, T)
        Values, and their sums over the neighbours.
    degree : ndarray, shape (N,)
    drawn : ndarray, shape (R, at least the largest degree)
    """
    tie = _TIE * np.abs(values).max(axis=0) * max(int(degree.max(initial=1)), 1)
    shape = values.shape
    at_most, at_least = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    draws = np.zeros(shape, np.int64)
    sums = np.zeros((len(drawn), shape[1]))
    for k in range(1, int(degree.max(initial=0)) + 1):
        sums += values[drawn[:, k - 1]]
        rows = np.flatnonzero(degree == k)
        if not len(rows):
            continue
        ordered = np.sort(sums, axis=0)
        for t in range(shape[1]):
            seen = observed[rows, t]
            at_most[rows, t] = np.searchsorted(ordered[:, t], seen + tie[t], side="right")
            below = np.searchsorted(ordered[:, t], seen - tie[t], side="left")
            at_least[rows, t] = len(drawn) - below
        draws[rows] = len(drawn)
        draw, _ = np.nonzero(degree[drawn[:, :k]] == k)
        area = drawn[:, :k][degree[drawn[:, :k]] == k]
        np.subtract.at(at_most, area, sums[draw] <= observed[area] + tie)
        np.subtract.at(at_least, area, sums[draw] >= observed[area] - tie)
        np.subtract.at(draws, area, 1)
    return Ranks(at_most=at_most, at_least=at_least, draws=draws)


def rank_weighted(
    values: Array, observed: Array, links: Links, weight: Array, drawn: Ints, *, squared: bool
) -> Ranks:
    """Ranks of Σⱼ wᵢⱼ yⱼ, or of Σⱼ wᵢⱼ (yᵢ − yⱼ)² if ``squared``, for any weights."""
    peak = np.abs(values).max(axis=0)
    tie = _TIE * (4.0 * peak**2 if squared else peak) * max(float(weight.max(initial=0.0)), 1e-300)
    tie = tie * max(int(links.degree.max(initial=1)), 1)
    counted = _count(values, observed, links.matrix.indptr, weight, drawn, tie, squared)
    return Ranks(at_most=counted[0], at_least=counted[1], draws=counted[2])


@compiled
def _count(
    values: Array,
    observed: Array,
    indptr: Any,
    weight: Array,
    drawn: Ints,
    tie: Array,
    squared: bool,
) -> Any:
    n, periods = values.shape
    counted = np.zeros((3, n, periods), dtype=np.int64)
    total = np.empty(periods)
    for i in range(n):
        first = indptr[i]
        k = indptr[i + 1] - first
        for r in range(len(drawn) if k else 0):
            own = False
            for m in range(k):
                own = own or drawn[r, m] == i
            if own:
                continue
            total[:] = 0.0
            for m in range(k):
                w = weight[first + m]
                j = drawn[r, m]
                for t in range(periods):
                    value = values[i, t] - values[j, t] if squared else values[j, t]
                    total[t] += w * value * value if squared else w * value
            for t in range(periods):
                counted[2, i, t] += 1
                if total[t] <= observed[i, t] + tie[t]:
                    counted[0, i, t] += 1
                if total[t] >= observed[i, t] - tie[t]:
                    counted[1, i, t] += 1
    return counted
