"""Shocks shared within clusters, learnt from untreated areas: what area-level errors leave out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["floored", "shared_covariance", "shock_kernel"]
_FLOOR = -0.2

Float = NDArray[np.float64]


def shock_kernel(residual: Float, level: Float, cluster: NDArray[np.intp]) -> tuple[Float, int]:
    """Covariance over time of shocks that areas of a cluster have in common.

    Parameters
    ----------
    residual : ndarray, shape (n, T)
        level·(own noise + shock of the cluster), 0 where not used.
    level : ndarray, shape (n, T)
        What a unit shock does to each cell; 0 where not used.
    cluster : ndarray of int, shape (n,)

    Returns
    -------
    kernel : ndarray, shape (T, T)
        K̂ = Σ_c Σ_{i≠j in c} r_i r_j′ / Σ_c Σ_{i≠j in c} m_i m_j′, cell by cell: products of
        *different* areas of one cluster, so that own noise drops out. Not necessarily positive
        definite.
    n_clusters : int
        Clusters with two areas or more; the period effects that were taken out of the residuals
        are made up for by C/(C − 1).
    """
    codes, sizes = np.unique(cluster, return_inverse=True, return_counts=True)[1:]
    count = int((sizes > 1).sum())
    if count < 2:
        return np.zeros((residual.shape[1],) * 2), count
    top = _cross(residual, codes, len(sizes))
    bottom = _cross(level, codes, len(sizes))
    kernel = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return kernel * count / (count - 1), count


def _cross(values: Float, codes: NDArray[np.intp], count: int) -> Float:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums.T @ sums - values.T @ values


def shared_covariance(
    kernel: Float, pull: Float, *, cells: Float, squares: Float, bread: Float
) -> tuple[Float, Float]:
    """What shared shocks add to the covariance of P coefficients.

    Parameters
    ----------
    kernel : ndarray, shape (T, T)
    pull : ndarray, shape (G, T, P)
        What a unit shock to each cell of a group's area of scale 1 adds to the score.
    cells : ndarray, shape (C, G)
        Sum of the scales of each cluster's areas in each group.
    squares : ndarray, shape (G,)
        Sum of the squared scales over all areas of each group.
    bread : ndarray, shape (P, P)

    Returns
    -------
    added : ndarray, shape (P, P)
    gathered : ndarray, shape (P,)
        How far areas of like pull lie in the same clusters, 0 to 1: 1 − Σ_i|A_i|²/Σ_c|A_c|².

    Notes
    -----
    Σ_c A_c′KA_c − Σ_i A_i′KA_i: covariances between areas of one cluster; each area's own variance
    is in its score already. It can be negative: see :func:`floored`.
    """
    within = np.einsum("cg,gtp->ctp", cells, pull)
    together = np.einsum("ctp,ts,csq->pq", within, kernel, within, optimize=True)
    own = np.einsum("g,gtp,ts,gsq->pq", squares, pull, kernel, pull, optimize=True)
    added = bread @ (together - own) @ bread
    alone = np.einsum("g,gtp,gtp->p", squares, pull, pull)
    summed = np.einsum("ctp,ctp->p", within, within)
    gathered = 1.0 - np.divide(alone, summed, out=np.ones_like(alone), where=summed > 0)
    return (added + added.T) / 2.0, np.clip(gathered, 0.0, 1.0)


def floored(own: Float, added: Float) -> Float:
    """``added``, held above −0.2·``own`` in every direction.

    Setting every negative value to 0 would make the whole too large on average where little is
    shared; none at all would let chance eat up the own variance.
    """
    values, vectors = np.linalg.eigh(own)
    kept = values > 1e-12 * values.max(initial=0.0)
    root = vectors[:, kept] * np.sqrt(values[kept])
    inverse = vectors[:, kept] / np.sqrt(values[kept])
    relative, axes = np.linalg.eigh(inverse.T @ added @ inverse)
    turned = root @ axes
    held: Float = (turned * np.maximum(relative, _FLOOR)) @ turned.T
    return held
