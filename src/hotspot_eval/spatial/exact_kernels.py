"""Compiled kernels behind :mod:`hotspot_eval.spatial.exact`; each runs on one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.spatial.compiled import compiled

__all__ = ["ROUNDING", "TOLERANCE", "recursion", "settle", "sum_tails"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE = 1e-9
ROUNDING = 1e-13


@compiled
def recursion(values: Ints, copies: Ints, most: int, cap: int) -> Any:
    """P(S_j = s) for sums of j = 0 … ``most`` draws without replacement; s from 0 to ``cap``.

    The last column holds P(S_j ≥ cap). The generating function Π_v (1 + a·x^v)^copies is multiplied
    out one value at a time; every term is positive, so nothing cancels. The scale ``a`` keeps the
    numbers of ways within the range of float64.
    """
    table = np.zeros((most + 1, cap + 1))
    top = np.full(most + 1, -1)
    table[0, 0] = 1.0
    top[0] = 0
    total = copies.sum()
    unit = max(0.5 * most, 1.0) / total
    for g in range(len(values)):
        for j in range(most, 0, -1):
            weight = 1.0
            for c in range(1, min(copies[g], j) + 1):
                weight *= (copies[g] - c + 1) * unit / c
                if top[j - c] < 0:
                    continue
                shift = min(c * values[g], cap)
                inside = min(top[j - c] + 1, cap - shift)
                for s in range(inside):
                    table[j, s + shift] += weight * table[j - c, s]
                beyond = 0.0
                for s in range(top[j - c], inside - 1, -1):
                    beyond += table[j - c, s]
                table[j, cap] += weight * beyond
                top[j] = max(top[j], min(cap, top[j - c] + shift))
    ways = 1.0
    for j in range(1, most + 1):
        ways *= (total - j + 1) * unit / j
        if ways > 0.0:
            table[j] /= ways
    return table


@compiled
def sum_tails(table: Array, upper: bool) -> None:
    """Turn P(s) into P(S ≥ s), summed from the top, or P(S ≤ s), from the bottom; in place."""
    rows, size = table.shape
    for j in range(rows):
        if upper:
            for s in range(size - 2, -1, -1):
                table[j, s] += table[j, s + 1]
        else:
            for s in range(1, size):
                table[j, s] += table[j, s - 1]


@compiled
def settle(
    table: Array,
    upper: bool,
    own: Ints,
    sums: Ints,
    degree: Ints,
    at: Array,
    beyond: Array,
    settled: Any,
) -> None:
    """Tail of each area's neighbour sum once its own value is taken out of the population.

    From the tail F_j of j draws among all N to the tail G_j of j draws among the others:
    G_j(s) = [N·F_j(s) − j·G_{j−1}(s − own)]/(N − j). The rounding error is carried along, and only
    areas where it stays within ``TOLERANCE`` of the probability become ``settled``. ``at`` is the
    tail that holds the sum itself, ``beyond`` the one that does not. Where counts are small, areas
    with the same own value, degree and sum share one result.
    """
    size = (own.max() + 1, table.shape[0], table.shape[1])
    shared = size[0] * size[1] * size[2] <= 4 * len(own)
    room = size if shared else (1, 1, 1)
    kept = np.zeros((room[0], room[1], room[2], 2))
    state = np.zeros(room, dtype=np.int8)
    for i in range(len(own)):
        if settled[i]:
            continue
        k, mine, s = degree[i], own[i], sums[i]
        if shared and state[mine, k, s] == 1:
            at[i] = kept[mine, k, s, 0]
            beyond[i] = kept[mine, k, s, 1]
            settled[i] = True
        elif not shared or state[mine, k, s] == 0:
            at[i], beyond[i], settled[i] = _tail_pair(table, upper, len(own), k, mine, s)
            if shared:
                kept[mine, k, s, 0] = at[i]
                kept[mine, k, s, 1] = beyond[i]
                state[mine, k, s] = 1 if settled[i] else -1


@compiled
def _tail_pair(table: Array, upper: bool, n: int, k: int, mine: int, s: int) -> Any:
    value, error = _without_own(table, upper, n, k, mine, s)
    if not (value > 0.0 and error <= TOLERANCE * value):
        return np.nan, np.nan, False
    further, doubt = _without_own(table, upper, n, k, mine, s + 1 if upper else s - 1)
    if doubt > TOLERANCE * value:
        return np.nan, np.nan, False
    value = min(value, 1.0)
    return value, min(max(further, 0.0), value), True


@compiled
def _without_own(table: Array, upper: bool, n: int, k: int, mine: int, s: int) -> Any:
    start = s - k * mine
    value = 1.0 if (upper and start <= 0) or (not upper and start >= 0) else 0.0
    error = 0.0
    for j in range(1, k + 1):
        t = s - (k - j) * mine
        mass = table[j, t] if t >= 0 else (1.0 if upper else 0.0)
        value = (n * mass - j * value) / (n - j)
        error = (n * ROUNDING * mass + j * error) / (n - j)
    return value, error
