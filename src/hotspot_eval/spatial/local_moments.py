"""Standard scores of local statistics, from the mean and variance over permutations by formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["geary_score", "getis_ord_score", "row_sums", "score_given_own"]

Array = NDArray[np.float64]


def row_sums(matrix: sparse.csr_array) -> tuple[Array, Array]:
    """Sum of the weights of each row, and of their squares; shape (N, 1) each."""
    one = np.asarray(matrix.sum(axis=1), dtype=np.float64).reshape(-1, 1)
    two = np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).reshape(-1, 1)
    return one, two


def score_given_own(y: Array, lag: Array, weight: Array, squares: Array) -> Array:
    """Σⱼ wᵢⱼ yⱼ less its mean, over its standard deviation, the other N − 1 values dealt at random.

    Mean W·ȳ₍ᵢ₎ and variance s²₍ᵢ₎·((N − 1)·Σw² − W²)/(N − 2), both without area i: the standard
    score of Gi, and up to its sign that of local Moran.
    """
    n = len(y)
    mean = (y.sum(axis=0) - y) / (n - 1)
    spread = ((y**2).sum(axis=0) - y**2) / (n - 1) - mean**2
    return _over_root(lag - weight * mean, spread * ((n - 1) * squares - weight**2) / (n - 2), y)


def getis_ord_score(y: Array, lag: Array, weight: Array, squares: Array) -> Array:
    """Standard score of Gi*: own area in ``lag`` and weights, all N values dealt at random."""
    n = len(y)
    mean = y.mean(axis=0)
    spread = (y**2).mean(axis=0) - mean**2
    return _over_root(lag - weight * mean, spread * (n * squares - weight**2) / (n - 1), y)


def geary_score(z: Array, observed: Array, weight: Array, squares: Array) -> Array:
    """Standard score of Σⱼ wᵢⱼ (zᵢ − zⱼ)², the other N − 1 values dealt at random."""
    n = len(z)
    s1, s2, s3, s4 = ((z**power).sum(axis=0) for power in (1, 2, 3, 4))
    mean = (n * z**2 - 2 * z * s1 + s2) / (n - 1)
    fourth = n * z**4 - 4 * z**3 * s1 + 6 * z**2 * s2 - 4 * z * s3 + s4
    spread = fourth / (n - 1) - mean**2
    variance = spread * ((n - 1) * squares - weight**2) / (n - 2)
    return _over_root(observed - weight * mean, variance, z)


def _over_root(excess: Array, variance: Array, y: Array) -> Array:
    """Excess over √variance; NaN where the variance is nothing but rounding."""
    noise = 1e-12 * (y**2).mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(variance > noise, excess / np.sqrt(variance), np.nan))
