"""Compiled kernels behind :mod:`hotspot_eval.spatial.exact`; all run on one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["evaluate", "power_sum_recursion", "recursion", "tails", "tilt_to_mean"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True)
def recursion(values: Ints, copies: Ints, most: int, cap: int) -> Any:
    """P(S_j = s) for sums of j = 0 … ``most`` draws without replacement; s from 0 to ``cap``.

    The last column holds P(S_j ≥ cap). The generating function Π_v (1 + a·x^v)^copies is multiplied
    out one value at a time; every term is positive, so nothing cancels.
    """
    table = np.zeros((most + 1, cap + 1))
    top = np.full(most + 1, -1)
    table[0, 0] = 1.0
    top[0] = 0
    total = copies.sum()
    unit = max(0.5 * most, 1.0) / total
    for g in range(len(values)):
        value = values[g]
        for j in range(most, 0, -1):
            weight = 1.0
            for c in range(1, min(copies[g], j) + 1):
                weight *= (copies[g] - c + 1) * unit / c
                if top[j - c] < 0:
                    continue
                shift = min(c * value, cap)
                inside = min(top[j - c] + 1, cap - shift)
                for s in range(inside):
                    table[j, s + shift] += weight * table[j - c, s]
                beyond = 0.0
                for s in range(top[j - c], inside - 1, -1):
                    beyond += table[j - c, s]
                if beyond > 0.0:
                    table[j, cap] += weight * beyond
                top[j] = max(top[j], min(cap, top[j - c] + shift))
    ways = 1.0
    for j in range(1, most + 1):
        ways *= (total - j + 1) * unit / j
        if ways > 0.0:
            for s in range(top[j] + 1):
                table[j, s] /= ways
    return table


@njit(cache=True)
def power_sum_recursion(real: Array, imag: Array, most: int) -> Any:
    """Elementary symmetric functions e_0 … e_most from power sums, at every frequency at once.

    Newton: k·e_k = Σ_r (−1)^(r−1) p_r e_{k−r}. ``real`` and ``imag`` hold p_1 … p_most in rows.
    """
    size = real.shape[1]
    e_real = np.zeros((most + 1, size))
    e_imag = np.zeros((most + 1, size))
    e_real[0] = 1.0
    for k in range(1, most + 1):
        for r in range(1, k + 1):
            weight = (1.0 if r % 2 else -1.0) / k
            for f in range(size):
                a = real[r - 1, f]
                b = imag[r - 1, f]
                c = e_real[k - r, f]
                d = e_imag[k - r, f]
                e_real[k, f] += weight * (a * c - b * d)
                e_imag[k, f] += weight * (a * d + b * c)
    return e_real, e_imag


@njit(cache=True)
def tails(table: Array, upper: bool, decay: float) -> None:
    """Turn P(s) into Σ_{t≥s} P(t)·decay^(t−s), or Σ_{t≤s} P(t)·decay^(s−t), in place."""
    rows, size = table.shape
    for j in range(rows):
        if upper:
            for s in range(size - 2, -1, -1):
                table[j, s] += decay * table[j, s + 1]
        else:
            for s in range(1, size):
                table[j, s] += decay * table[j, s - 1]


@njit(cache=True)
def evaluate(
    table: Array,
    upper: bool,
    tilt: float,
    scale: Array,
    noise: Array,
    relative: float,
    tolerance: float,
    own: Ints,
    sums: Ints,
    degree: Ints,
    step: int,
    found: Array,
    settled: Any,
) -> None:
    """Tail probabilities of each area's neighbour sum, its own value taken out of the population.

    From the law of j draws among all N, F_j, to that of j draws among the others, G_j:
    G_j(s) = [N·F_j(s) − j·G_{j−1}(s − own)] / (N − j), with the error carried along. Only areas not
    yet ``settled`` are tried, and they settle only where the error stays within ``tolerance`` of
    the probability. ``found[i]`` holds the tail at the sum and one step beyond it.
    """
    n = len(own)
    size = table.shape[1]
    for i in range(n):
        if settled[i]:
            continue
        k = degree[i]
        first = 0.0
        for beyond in range(2):
            s = sums[i] + beyond * step
            start = s - k * own[i]
            value = 1.0 if (start <= 0) == upper or start == 0 else 0.0
            error = 0.0
            for j in range(1, k + 1):
                t = s - (k - j) * own[i]
                if t < 0 or (t == 0 and upper):
                    mass = 1.0 if upper else 0.0
                    doubt = 0.0
                elif t >= size:
                    mass = 0.0 if upper else 1.0
                    doubt = 0.0
                else:
                    factor = 1.0 if tilt == 0.0 else np.exp(scale[j] - tilt * t)
                    mass = table[j, t] * factor
                    doubt = noise[j] * factor + relative * abs(mass)
                value = (n * mass - j * value) / (n - j)
                error = (n * doubt + j * error) / (n - j)
            if beyond == 0:
                first = value
                if not (value > 0.0 and error <= tolerance * value):
                    break
                found[i, 0] = min(value, 1.0)
            else:
                if error <= tolerance * first:
                    found[i, 1] = min(max(value, 0.0), found[i, 0])
                    settled[i] = True


@njit(cache=True)
def tilt_to_mean(values: Ints, copies: Ints, mean: float) -> float:
    """θ at which values weighted by copies·exp(θ·value) have this mean, by bisection."""
    low, high = -50.0, 50.0
    span = max(values.max() - values.min(), 1)
    low, high = low / span, high / span
    for _ in range(12):
        if _tilted_mean(values, copies, low) > mean:
            low *= 2.0
        if _tilted_mean(values, copies, high) < mean:
            high *= 2.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        if _tilted_mean(values, copies, middle) < mean:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@njit(cache=True)
def _tilted_mean(values: Ints, copies: Ints, tilt: float) -> float:
    pivot = values.max() if tilt > 0 else values.min()
    weight = 0.0
    moment = 0.0
    for g in range(len(values)):
        mass = copies[g] * np.exp(tilt * (values[g] - pivot))
        weight += mass
        moment += mass * values[g]
    return moment / weight
