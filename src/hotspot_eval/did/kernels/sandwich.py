"""Cluster-robust covariance from area scores, with the small-sample corrections that few need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Correction", "Sandwich", "sandwich"]

Float = NDArray[np.float64]
Correction = Literal["learnt", "CR2", "CR1"]
_ALL_OF_IT = 1.0 - 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sandwich:
    """Covariance of P coefficients and what is needed for contrasts of them.

    Parameters
    ----------
    influence : ndarray, shape (n, P)
        Corrected, so that the covariance is the sum over clusters of its cross products.
    covariance : ndarray, shape (P, P)
    n_clusters : int
    bread : ndarray, shape (P, P)
        Inverse information.
    shares : ndarray, shape (K, P, P)
        Information of each kind of cluster per unit of its scale.
    kind : ndarray of int, shape (C,)
    scale : ndarray, shape (C,)
    correction : {"learnt", "CR2", "CR1"}
        ``learnt`` is made elsewhere; here it is as CR2.
    """

    influence: Float
    covariance: Float
    n_clusters: int
    bread: Float
    shares: Float
    kind: NDArray[np.intp]
    scale: Float
    correction: Correction

    def leverage(self, contrast: Float) -> Float:
        """Share of the information on ``contrast`` held by each cluster, shape (C,)."""
        direction = self.bread @ contrast
        held = np.einsum("p,kpq,q->k", direction, self.shares, direction)
        share: Float = held[self.kind] * self.scale / float(contrast @ self.bread @ contrast)
        return share

    def df(self, contrast: Float) -> float:
        """Degrees of freedom for t: Bell–McCaffrey with CR2, clusters − 1 with CR1."""
        if self.correction == "CR1":
            return float(self.n_clusters - 1)
        h = self.leverage(contrast)
        if not np.isfinite(h).all() or h.max() > _ALL_OF_IT:
            return float("nan")
        b = h**2 / (1.0 - h)
        return float(1.0 / ((h**2).sum() + b.sum() ** 2 - (b**2).sum()))


def sandwich(
    scores: Float,
    blocks: Float,
    *,
    group: NDArray[np.intp],
    scale: Float,
    cluster: NDArray[np.intp] | None,
    correction: Correction,
    n_cells: int,
    n_parameters: int,
    counted: NDArray[np.bool_] | None = None,
) -> Sandwich:
    """Covariance of coefficients whose area scores are ``scores``, shape (n, P).

    Parameters
    ----------
    blocks : ndarray, shape (G, P, P)
        Σₜ w x̃x̃′ of each group, for an area of scale 1.
    group, scale : ndarray, shape (n,)
        Group of each area, and what its block is multiplied by (Poisson: its total; linear: 1).
    cluster : ndarray of int, shape (n,), or None
        None: each area is its own cluster.
    n_cells, n_parameters : int
        For the CR1 factor C/(C − 1)·(n_cells − 1)/(n_cells − n_parameters).
    counted : ndarray of bool, shape (n,), optional
        Areas that C counts, of which some have a cell that no effect fits alone; by default all.

    Notes
    -----
    With information H = Σ_c B_c, CR2 replaces a cluster's score s_c by
    H^{1/2}(I − H^{-1/2}B_cH^{-1/2})^{-1/2}H^{-1/2}s_c, on the scores from which area and period
    effects have been partialled out. For one coefficient that is s_c/√(1 − h_c), with h_c the
    cluster's share of the information. The Bell–McCaffrey degrees of freedom under independent
    clusters follow in closed form, 1/(Σh² + (Σb)² − Σb²) with b = h²/(1 − h): about k − 1 for k
    treated areas among many.

    References
    ----------
    Bell & McCaffrey (2002); Pustejovsky & Tipton (2018),
    https://doi.org/10.1080/07350015.2016.1247004
    """
    n, p = scores.shape
    information = np.einsum("g,gpq->pq", np.bincount(group, scale, len(blocks)), blocks)
    bread = np.linalg.pinv(information, rcond=1e-12, hermitian=True)
    if cluster is None:
        kind, size, shares, codes = group, scale, blocks, np.arange(n)
    else:
        codes = np.unique(cluster, return_inverse=True)[1]
        cells = np.zeros((int(codes.max()) + 1, len(blocks)))
        np.add.at(cells, (codes, group), scale)
        shares = np.einsum("cg,gpq->cpq", cells, blocks)
        kind, size = np.arange(len(shares)), np.ones(len(shares))
    count = len(kind)
    if counted is not None and not counted.all():
        count = len(np.unique(codes[counted]))
    if correction == "CR1":
        factor = count / max(count - 1, 1) * (n_cells - 1) / max(n_cells - n_parameters, 1)
        adjusted = scores * np.sqrt(factor)
    else:
        adjusted = _cr2(scores, information, shares, kind, size, codes)
    influence = adjusted @ bread
    sums = influence
    if cluster is not None:
        sums = np.zeros((len(kind), p))
        np.add.at(sums, codes, influence)
    return Sandwich(
        influence=influence,
        covariance=sums.T @ sums,
        n_clusters=count,
        bread=bread,
        shares=shares,
        kind=kind,
        scale=size,
        correction=correction,
    )


def _cr2(
    scores: Float,
    information: Float,
    shares: Float,
    kind: NDArray[np.intp],
    size: Float,
    codes: NDArray[np.intp],
) -> Float:
    values, vectors = np.linalg.eigh(information)
    kept = values > 1e-12 * values.max(initial=0.0)
    root = vectors[:, kept] * np.sqrt(values[kept])
    inverse_root = vectors[:, kept] / np.sqrt(values[kept])
    leverage, axes = np.linalg.eigh(inverse_root.T @ shares @ inverse_root)
    stretch = 1.0 - np.maximum(leverage[kind] * size[:, None], 0.0)
    stretch = np.where(stretch > 1.0 - _ALL_OF_IT, 1.0 / np.sqrt(np.maximum(stretch, 1e-300)), 0.0)
    turned = scores @ inverse_root
    if axes.shape[1] == 1:
        stretched: Float = (turned * stretch[codes]) @ root.T
        return stretched
    adjusted = np.empty_like(scores)
    of_area = kind[codes]
    order = np.argsort(of_area, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(of_area[order])) + 1):
        turn = axes[of_area[rows[0]]]
        local = (turned[rows] @ turn) * stretch[codes[rows]]
        adjusted[rows] = local @ (root @ turn).T
    return adjusted
