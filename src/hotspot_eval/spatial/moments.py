"""Mean and variance of global statistics over all permutations, by formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["GraphMoments", "geary_variance", "getis_ord_z", "moran_z"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphMoments:
    """S₀ = Σ wᵢⱼ, S₁ = ½ Σ (wᵢⱼ + wⱼᵢ)², S₂ = Σ (wᵢ. + w.ᵢ)² of a weights matrix."""

    n: int
    s0: float
    s1: float
    s2: float

    @classmethod
    def of(cls, matrix: sparse.csr_array) -> GraphMoments:
        """The sums of ``matrix``."""
        both = matrix + matrix.T
        margins = np.asarray(both.sum(axis=1)).ravel()
        return cls(
            n=matrix.shape[0],
            s0=float(matrix.sum()),
            s1=float(0.5 * (both.data**2).sum()),
            s2=float((margins**2).sum()),
        )


def moran_z(observed: Array, z: Array, graph: GraphMoments) -> tuple[Array, Array]:
    """Mean and standard score of Moran's I under randomisation (Cliff & Ord 1981, p. 46)."""
    n, s0, s1, s2 = graph.n, graph.s0, graph.s1, graph.s2
    expected = np.full_like(observed, -1.0 / (n - 1))
    if n < 4 or not s0:
        return expected, np.full_like(observed, np.nan)
    peak = _kurtosis(z)
    gain = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    loss = peak * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
    variance = (gain - loss) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
    return expected, (observed - expected) / _root(variance)


def geary_variance(z: Array, graph: GraphMoments) -> Array:
    """Variance of Geary's C under randomisation (Cliff & Ord 1981, p. 46)."""
    n, s0, s1, s2 = graph.n, graph.s0, graph.s1, graph.s2
    if n < 4 or not s0:
        return np.full(z.shape[1], np.nan)
    peak = _kurtosis(z)
    a = (n - 1) * s1 * (n * n - 3 * n + 3 - (n - 1) * peak)
    b = 0.25 * (n - 1) * s2 * (n * n + 3 * n - 6 - (n * n - n + 2) * peak)
    c = s0**2 * (n * n - 3 - (n - 1) ** 2 * peak)
    return np.asarray(_root((a - b + c) / (n * (n - 2) * (n - 3) * s0**2)) ** 2)


def getis_ord_z(observed: Array, y: Array, graph: GraphMoments) -> tuple[Array, Array]:
    """Mean and standard score of the general G (Getis & Ord 1992, eqs 6 to 9)."""
    n, s0, s1, s2 = graph.n, graph.s0, graph.s1, graph.s2
    expected = np.full_like(observed, s0 / (n * (n - 1)))
    if n < 4 or not s0:
        return expected, np.full_like(observed, np.nan)
    m1, m2, m3, m4 = (np.sum(y**power, axis=0) for power in (1, 2, 3, 4))
    b0 = (n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2
    b1 = -((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
    b2 = -(2 * n * s1 - (n + 3) * s2 + 6 * s0**2)
    b3 = 4 * (n - 1) * s1 - 2 * (n + 1) * s2 + 8 * s0**2
    b4 = s1 - s2 + s0**2
    sums = b0 * m2**2 + b1 * m4 + b2 * m1**2 * m2 + b3 * m1 * m3 + b4 * m1**4
    with np.errstate(invalid="ignore", divide="ignore"):
        second = sums / ((m1**2 - m2) ** 2 * (n * (n - 1) * (n - 2) * (n - 3)))
        return expected, (observed - expected) / _root(second - expected**2)


def _kurtosis(z: Array) -> Array:
    squares = (z**2).mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((z**4).mean(axis=0) / squares**2)


def _root(variance: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(variance > 0, np.sqrt(variance), np.nan))
