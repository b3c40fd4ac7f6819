"""The default error: what treated areas do by chance, learnt from untreated ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import (
    Residuals,
    floored,
    learnt_variance,
    shared_covariance,
    shock_kernel,
)
from hotspot_eval.did.sample import Sample

__all__ = ["Learnt", "enough_controls", "learn"]

Float = NDArray[np.float64]
_ENOUGH = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """Covariance of K coefficients learnt from untreated areas.

    Parameters
    ----------
    own : ndarray, shape (K, K)
        From noise of single areas, learnt from ``n_own`` of them.
    shared : ndarray, shape (K, K), or None
        From shocks that areas of one cluster have in common, learnt from ``n_shared`` clusters.
    gathered : ndarray, shape (K,), optional
        How far treated areas lie in the same clusters, 0 to 1.
    """

    own: Float
    n_own: int
    shared: Float | None
    n_shared: int
    gathered: Float | None = None

    def covariance(self) -> Float:
        """Sum of the two parts."""
        return self.own if self.shared is None else self.own + self.shared

    def df(self, contrast: Float) -> float:
        """Degrees of freedom of a contrast.

        Notes
        -----
        Satterthwaite: the own part has areas − 2; the shared part is learnt from whole clusters,
        own noise included, so its squared error is (gathered·V)²·2/(clusters − 1) with V the
        whole variance.
        """
        own = float(contrast @ self.own @ contrast)
        total = float(contrast @ self.covariance() @ contrast)
        spread = own**2 / (self.n_own - 2)
        if self.gathered is not None:
            gathered = float(self.gathered[np.flatnonzero(contrast)].max(initial=0.0))
            spread += (gathered * total) ** 2 / max(self.n_shared - 1, 1)
        return total**2 / spread if spread > 0 else float("nan")


def enough_controls(sample: Sample) -> bool:
    """Whether there are controls enough to learn from."""
    return int((~sample.treated).sum()) >= _ENOUGH


def learn(
    sample: Sample,
    *,
    group: NDArray[np.intp],
    tilde: Float,
    shape: Float,
    bread: Float,
    scores: Float,
    residual: Residuals,
    level: Float | None,
    scale: Float,
) -> Learnt:
    """Own noise and shared shocks behind P coefficients.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
    tilde, shape : ndarray, shape (P, G, T) and (G, T)
        What one event more in a cell adds to the score, and how a group's level spreads over
        cells.
    bread : ndarray, shape (P, P)
        Turns scores into coefficients.
    scores : ndarray, shape (n, P)
    residual : Residuals
        Of the m untreated areas.
    level : ndarray, shape (n, T), optional
        What a unit shock does to each cell; 1 by default.
    scale : ndarray, shape (n,)
        Level of each area.

    Notes
    -----
    A treated area spreads its level over cells otherwise than a control, since treatment moved it.
    A placebo residual is brought to the treated shape by the ratio of the two for shocks, whose
    size goes with the mean, and by its root for counting noise, whose variance does.
    """
    untreated = ~sample.treated
    count = tilde.shape[1]
    groups = np.unique(group[sample.treated])
    number = np.bincount(group[sample.treated], minlength=count).astype(np.float64)
    ratio = _ratio(shape, group[untreated])[groups]
    pulls = tilde[:, groups]
    level_one, curve_one = learnt_variance(
        residual.along(pulls * np.sqrt(ratio)), scale[untreated], number[groups], bread
    )
    level_two, curve_two = level_one, curve_one
    if (ratio != 1.0).any():
        level_two, curve_two = learnt_variance(
            residual.along(pulls * ratio), scale[untreated], number[groups], bread
        )
    m = int(untreated.sum())
    meat = scores[untreated].T @ scores[untreated] * m / (m - 1)
    of_group = np.searchsorted(groups, group[sample.treated])
    a = scale[sample.treated]
    counted = np.bincount(of_group, curve_one[0] * a, len(groups))
    shaken = np.bincount(of_group, curve_two[1] * a**2, len(groups))
    treated = np.einsum("g,gpq->pq", counted, level_one)
    treated += np.einsum("g,gpq->pq", shaken, level_two)
    own = bread @ (meat + treated) @ bread
    if sample.cluster is None:
        return Learnt(own=own, n_own=m, shared=None, n_shared=0)
    apart, absent = residual.dense()
    reach = np.where(absent, 0.0, 1.0 if level is None else level[untreated])
    kernel, n_shared = shock_kernel(apart, reach, sample.cluster[untreated])
    cells = np.zeros((int(sample.cluster.max()) + 1, count))
    np.add.at(cells, (sample.cluster, group), scale)
    added, gathered = shared_covariance(
        kernel,
        np.einsum("pgt,gt->gtp", tilde, shape),
        cells=cells,
        squares=np.bincount(group, scale**2, count).astype(np.float64),
        bread=bread,
    )
    return Learnt(
        own=own, n_own=m, shared=floored(own, added), n_shared=n_shared, gathered=gathered
    )


def _ratio(shape: Float, untreated: NDArray[np.intp]) -> Float:
    """Shape of each group over that of most untreated areas; 1 where either is absent."""
    usual = shape[int(np.bincount(untreated).argmax())]
    known = (usual > 0) & (shape > 0)
    ratio: Float = np.divide(shape, usual, out=np.ones_like(shape), where=known)
    return ratio
