"""How far treated areas stray by chance, learnt from what untreated areas of like level do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

__all__ = ["learnt_variance"]

Float = NDArray[np.float64]


def learnt_variance(
    placebo: Float, level: Float, weight: Float, bread: Float
) -> tuple[Float, Float]:
    """Variance of the scores of treated areas, from placebo scores of untreated ones.

    Parameters
    ----------
    placebo : ndarray, shape (G, m, P)
        Placebo scores of untreated areas for each treated group.
    level : ndarray, shape (m,)
        What an area's noise grows with (Poisson: its total; linear: 1).
    weight : ndarray, shape (G,)
        Areas in each group.
    bread : ndarray, shape (P, P)

    Returns
    -------
    blocks : ndarray, shape (G, P, P)
    curve : ndarray, shape (2,)
        The variance of an area of level A is blocks·(curve[0]·A + curve[1]·A²).

    Notes
    -----
    The placebo score of untreated area j for group g is z_j = Σₜ x̃_gt e_jt: what j would have
    added to the estimate had it been treated like g. E z_j² = c₁A_j + c₂A_j², counts plus
    overdispersion, is fitted by non-negative weighted least squares.

    References
    ----------
    Ferman & Pinto (2019), https://doi.org/10.1162/rest_a_00759
    """
    placebo = placebo - placebo.mean(axis=1, keepdims=True)
    sizes = np.einsum("g,gmp,pq,gmq->m", weight, placebo, bread, placebo, optimize=True)
    curve = _curve(sizes, level)
    expected = curve[0] * level + curve[1] * level**2
    blocks = np.einsum("gmp,gmq->gpq", placebo, placebo) / max(float(expected.sum()), 1e-300)
    m = len(level)
    return blocks * m / (m - 1), curve


def _curve(sizes: Float, level: Float) -> Float:
    """(c₁, c₂) of E sizes = c₁·level + c₂·level², reweighted twice."""
    curve = np.array([1.0, 0.0])
    if np.ptp(level) <= 1e-12 * max(float(level.max(initial=0.0)), 1e-300):
        return curve
    for _ in range(3):
        scale = 1.0 / np.maximum(curve[0] * level + curve[1] * level**2, 1e-300)
        scale *= float(level.mean()) if curve[0] else 1.0
        curve = nnls(np.column_stack([level, level**2]) * scale[:, None], sizes * scale)[0]
        if not curve.any():
            return np.array([1.0, 0.0])
    return curve
