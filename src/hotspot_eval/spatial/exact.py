"""Exact law of a neighbour sum when counts are dealt out to areas at random, given the own count.

Under the null hypothesis of the local statistics an area keeps its count and its k neighbours are k
other areas drawn without replacement. The neighbour sum then has a law that follows from a
generating function over the distinct counts: no draws, no seed, no smallest p-value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import gammaln

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.spatial.exact_kernels import (
    evaluate,
    power_sum_recursion,
    recursion,
    tails,
    tilt_to_mean,
)

__all__ = ["TOLERANCE", "Tail", "neighbour_sum_tail"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE = 1e-8
_RECURSION_ERROR = 1e-12
_FOURIER_ERROR = 1e-12
_ROUNDS = 6
_MOST_DRAWS_FOURIER = 600
_MOST_CELLS = 50_000_000
_MARGIN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Tail probabilities of every area and period.

    Parameters
    ----------
    at : ndarray, shape (N, T)
        P(S ≥ s), or P(S ≤ s) for the lower tail; NaN where none was asked for.
    beyond : ndarray, shape (N, T)
        P(S > s), or P(S < s).
    """

    at: Array
    beyond: Array


def neighbour_sum_tail(
    counts: Ints, sums: Ints, degree: Ints, *, upper: bool, wanted: NDArray[np.bool_]
) -> Tail:
    """Tail of the conditional permutation law at the observed neighbour sums.

    Parameters
    ----------
    counts : ndarray of int64, shape (N, T)
        Not negative.
    sums : ndarray of int64, shape (N, T)
        Sum over the neighbours of each area.
    degree : ndarray of int64, shape (N,)
        Number of neighbours.
    upper : bool
        P(S ≥ s) if True, else P(S ≤ s).
    wanted : ndarray of bool, shape (N, T)
        Cells to compute.

    Notes
    -----
    The number of ways to draw j areas with sum s is the coefficient of zʲxˢ in Π_v (1 + z·xᵛ)^m_v,
    m_v areas having count v. For few distinct counts it is multiplied out, all terms positive. For
    many, its Fourier transform in s is an elementary symmetric function and follows from power
    sums by Newton's identities; the noise of the transform is measured outside the support, and a
    tail too small for it is computed again with counts tilted by exp(θ·count), which moves that
    tail to the middle. Both give the law for all N areas; the own area is taken out by
    G_j(s) = [N·F_j(s) − j·G_{j−1}(s − own)]/(N − j), its error carried along. What does not
    reach a relative error of 1e-8 is multiplied out, in the end without the own area, where
    nothing cancels.

    References
    ----------
    Robinson (1982), https://doi.org/10.1111/j.2517-6161.1982.tb01193.x, for tilting in
    permutation tests.
    """
    own = np.ascontiguousarray(counts.T)
    observed = np.ascontiguousarray(sums.T)
    settled = ~np.ascontiguousarray(wanted.T)
    settled |= degree == 0
    found = np.full((*own.shape, 2), np.nan)
    most = int(degree.max(initial=0))
    for t in range(len(own)):
        if settled[t].all():
            continue
        month = _Month(own[t], observed[t], degree, most, upper, found[t], settled[t])
        month.solve()
    return Tail(at=found[:, :, 0].T, beyond=found[:, :, 1].T)


class _Month:
    """One period: its distinct counts, and the cells still to be settled (changed in place)."""

    def __init__(
        self,
        own: Ints,
        sums: Ints,
        degree: Ints,
        most: int,
        upper: bool,
        found: Array,
        settled: NDArray[np.bool_],
    ) -> None:
        histogram = np.bincount(own)
        self.values = np.flatnonzero(histogram)
        self.copies = histogram[self.values]
        self.own, self.sums, self.degree = own, sums, degree
        self.most, self.upper = most, upper
        self.found, self.settled = found, settled

    def solve(self) -> None:
        """Settle every cell."""
        if self._fourier_is_cheaper():
            self._by_fourier()
        if not self.settled.all():
            self._by_recursion()
        for value in np.unique(self.own[~self.settled]):
            self._without(int(value))

    @property
    def _top(self) -> Ints:
        """Largest sum of j draws, j = 0 … most."""
        down = np.repeat(self.values[::-1], np.minimum(self.copies[::-1], self.most))
        return np.concatenate([[0], np.cumsum(down[: self.most])])

    def _fourier_is_cheaper(self) -> bool:
        if self.most > min(_MOST_DRAWS_FOURIER, len(self.own) - 1):
            return False
        repeats = np.minimum(self.copies, self.most)
        by_recursion = float((repeats * (self.most - 0.5 * (repeats - 1))).sum())
        by_recursion *= float(self.sums[~self.settled].max() + 2)
        size = float(self._top[-1] + _MARGIN)
        return by_recursion > size * (2.0 * self.most**2 + 60.0 * self.most)

    def _by_fourier(self) -> None:
        top = self._top
        size = next_fast_len(int(top[-1]) + 1 + _MARGIN, real=True)
        tilt = 0.0
        for _ in range(_ROUNDS):
            table, scale, noise = _fourier_table(
                self.values, self.copies, self.most, size, tilt, top
            )
            tails(table, self.upper, float(np.exp(-abs(tilt))))
            self._evaluate(table, tilt, scale, noise, _FOURIER_ERROR)
            open_cells = np.flatnonzero(~self.settled)
            if not len(open_cells):
                return
            means = np.sort(self.sums[open_cells] / self.degree[open_cells])
            tilt = tilt_to_mean(self.values, self.copies, float(means[len(means) // 2]))
            if (tilt > 0) != self.upper:
                return

    def _by_recursion(self) -> None:
        cap = int(self.sums[~self.settled].max()) + 2
        _check_size((self.most + 1) * (cap + 1))
        table = recursion(self.values, self.copies, self.most, cap)
        tails(table, self.upper, 1.0)
        none = np.zeros(self.most + 1)
        self._evaluate(table, 0.0, none, none, _RECURSION_ERROR)

    def _evaluate(
        self, table: Array, tilt: float, scale: Array, noise: Array, relative: float
    ) -> None:
        evaluate(
            table,
            self.upper,
            tilt,
            scale,
            noise,
            relative,
            TOLERANCE,
            self.own,
            self.sums,
            self.degree,
            1 if self.upper else -1,
            self.found,
            self.settled,
        )

    def _without(self, value: int) -> None:
        rows = np.flatnonzero(~self.settled & (self.own == value))
        copies = self.copies - (self.values == value)
        most = int(self.degree[rows].max())
        cap = int(self.sums[rows].max()) + 2
        _check_size((most + 1) * (cap + 1))
        table = recursion(self.values, copies, most, cap)
        tails(table, self.upper, 1.0)
        step = 1 if self.upper else -1
        further = self.sums[rows] + step
        self.found[rows, 0] = np.minimum(table[self.degree[rows], self.sums[rows]], 1.0)
        inside = np.maximum(further, 0)
        self.found[rows, 1] = np.where(further < 0, 0.0, table[self.degree[rows], inside])
        self.settled[rows] = True


def _check_size(cells: int) -> None:
    if cells > _MOST_CELLS:
        raise InputError(
            Problem(
                where="argument 'y'",
                what=f"has counts or neighbourhoods too large for the exact law ({cells:,} cells)",
                advice='Use method="permutation", or fewer neighbours.',
            )
        )


def _fourier_table(
    values: Ints, copies: Ints, most: int, size: int, tilt: float, top: Ints
) -> tuple[Array, Array, Array]:
    """Tilted P(S_j = s), the log factor that undoes the tilt, and the noise of tail sums."""
    _check_size((most + 1) * size)
    pivot = int(values[-1] if tilt > 0 else values[0])
    weight = np.exp(tilt * (values - pivot))
    unit = max(0.5 * most, 1.0) / float((copies * weight).sum())
    real, imag = _power_sums(values, copies, weight * unit, most, size, tilt == 0.0)
    e_real, e_imag = power_sum_recursion(real, imag, most)
    total = e_real[:, 0].copy()
    table = irfft(e_real + 1j * e_imag, n=size, axis=1)
    table /= total[:, None]
    reach = 1.0 / -np.expm1(-abs(tilt)) if tilt else np.inf
    noise = np.array([np.abs(table[j, top[j] + 1 :]).max() for j in range(most + 1)])
    noise = (4.0 * noise + 1e-18) * min(float(size), reach)
    if tilt == 0.0:
        return table, np.zeros(most + 1), noise
    j = np.arange(most + 1)
    n = int(copies.sum())
    ways = gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.log(total) - j * np.log(unit) + j * tilt * pivot - ways
    return table, scale, noise


def _power_sums(
    values: Ints, copies: Ints, weight: Array, most: int, size: int, flat: bool
) -> tuple[Any, Any]:
    """p_r at frequency f is the transform of Σ copies·weightʳ at r·f; r = 1 … most in rows."""
    rank, place, sign = _frequencies(most, size)
    if flat:
        one = np.bincount(values, copies * weight, minlength=size)
        spectrum = rfft(one)
        factor = weight[0] ** np.arange(most)[:, None]
        return factor * spectrum.real[place], factor * sign * spectrum.imag[place]
    powers = np.zeros((most, size))
    powers[:, values] = copies * weight ** np.arange(1, most + 1)[:, None]
    spectra = rfft(powers, axis=1)
    return spectra.real[rank, place], sign * spectra.imag[rank, place]


@lru_cache(maxsize=8)
def _frequencies(most: int, size: int) -> tuple[Any, Any, Any]:
    turns = np.outer(np.arange(1, most + 1), np.arange(size // 2 + 1)) % size
    folded = turns > size // 2
    place = np.where(folded, size - turns, turns)
    return np.arange(most)[:, None], place, np.where(folded, -1.0, 1.0)
