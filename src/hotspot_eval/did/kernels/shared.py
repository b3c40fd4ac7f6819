"""Shocks shared within clusters, learnt from untreated areas: what area-level errors leave out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SharedShocks", "added_covariance", "floored", "shared_shocks"]

Float = NDArray[np.float64]
_MOST_TAKEN = 0.9
_NO_PAIR = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedShocks:
    """What areas of a cluster have in common, over time.

    Parameters
    ----------
    kernel : ndarray, shape (T, T)
        Covariance of the shocks; not necessarily positive definite.
    whole : ndarray, shape (T, T)
        The same with own noise left in: what the kernel is learnt from, hence how uncertain it is.
    n_clusters : float
        Clusters of equal weight that would tell as much.
    """

    kernel: Float
    whole: Float
    n_clusters: float


def shared_shocks(
    residual: Float,
    reach: Float,
    cluster: NDArray[np.intp],
    *,
    level: Float,
    own: Float,
    scores: Float,
    w: Float | None = None,
    when: NDArray[np.intp] | None = None,
) -> SharedShocks | None:
    """Covariance over time of shocks that areas of a cluster have in common.

    Parameters
    ----------
    residual : ndarray, shape (n, T)
        reach·(own noise + shock of the cluster), 0 where not used.
    reach : ndarray, shape (n, T)
        What a unit shock does to each cell; 0 where not used.
    cluster : ndarray of int, shape (n,)
    level : ndarray, shape (n,)
        What the reach of each area sums to or grows with (Poisson: its total; linear: its mean).
    own : ndarray, shape (n,)
        Variance of each area's score by its own noise.
    scores : ndarray, shape (n, Q)
        Scores to whose squares ``own`` belongs.
    w : ndarray, shape (n,), optional
        Weight of each area in the period effects, where that is not its level.
    when : ndarray of int, shape (T,), optional
        Times of the periods, where shocks are taken to be stationary: K_ts then depends on
        |t − s| alone, and its sums run over all pairs of periods that lie as far apart.

    Returns
    -------
    SharedShocks or None
        None where fewer than two clusters hold two areas of some level.

    Notes
    -----
    K̂ = Σ_c λ_c Σ_{i≠j in c} r_i r_j′ / Σ_c λ_c Σ_{i≠j in c} m_i m_j′: products of *different* areas
    of one cluster, so that own noise drops out. The variance of a cluster's product of scores is
    2(σ²B_c + V_c)², with B_c = Σ_{i≠j} A_i A_j and V_c its own noise, so that λ_c ∝
    B_c/(σ²B_c + V_c)² is best: many pairs count where noise of single areas is the trouble, many
    clusters where shocks are.

    Estimated period effects take a weighted mean of all residuals out of each: pairs lose a part of
    the shock and gain a negative share of own noise. Products of pairs and squares of single areas
    both are known sums of shock and own noise after that; the two equations are solved for the
    shock.
    """
    codes = np.unique(cluster, return_inverse=True)[1]
    size = int(codes.max(initial=-1)) + 1
    mass, mass2, noise = (
        np.bincount(codes, v, size).astype(np.float64) for v in (level, level**2, own)
    )
    pairs = mass**2 - mass2
    if int((pairs > 0).sum()) < 2:
        return None
    sums = _by_cluster(scores, codes, size)
    products = (sums**2).sum(axis=1) - np.bincount(codes, (scores**2).sum(axis=1), size)
    shock = max(float(products.sum() / pairs.sum()), 0.0)
    spread = shock * pairs + noise
    trust = np.divide(pairs, spread**2, out=np.zeros(size), where=spread > 0)
    together = _by_cluster(residual, codes, size)
    joint = _by_cluster(reach, codes, size)
    area = trust[codes][:, None]
    alone = residual.T @ (area * residual)
    every = (trust * joint.T) @ joint
    bottom = every - reach.T @ (area * reach)
    bottom[bottom <= _NO_PAIR * every] = 0.0
    whole = _over((trust * together.T) @ together, bottom, when)
    pair = whole - _over(alone, bottom, when)
    single = _over(residual.T @ residual, reach.T @ reach, when)
    weight = trust * spread
    share = (level if w is None else w) / (level if w is None else w).sum()
    mixing = _mixing(codes, trust, mass, level=level, own=own, share=share)
    return SharedShocks(
        kernel=_unmixed(pair, single, mixing),
        whole=whole,
        n_clusters=float(weight.sum() ** 2 / (weight**2).sum()),
    )


def _mixing(
    codes: NDArray[np.intp],
    trust: Float,
    mass: Float,
    *,
    level: Float,
    own: Float,
    share: Float,
) -> Float:
    """What pairs and single areas hold of shock and of own noise, shape (2, 2).

    r_i = r°_i − w_i Σr°: E r_i r_j = K·(A_i A_j − w_i A_j S_c(j) − w_j A_i S_c(i) + w_i w_j Σ S²),
    S_c the cluster's levels, and of own noise − w_i v_j − w_j v_i + w_i w_j Σ v, and v_i if i = j.
    """
    size = len(mass)
    held, noise, shocks, both, taken = (
        np.bincount(codes, v, size) for v in (share, own, share * level, share**2, share * own)
    )
    every, pairs = float(mass @ mass), mass**2 - np.bincount(codes, level**2, size)
    mates = held**2 - both
    base, squares = float(trust @ pairs), float(level @ level)
    return np.array(
        [
            [
                float(trust @ (pairs - 2.0 * mass * (held * mass - shocks) + mates * every)) / base,
                float(trust @ (mates * own.sum() - 2.0 * (held * noise - taken))) / base,
            ],
            [
                (squares - 2.0 * float(mass @ shocks) + float(both.sum()) * every) / squares,
                (float(own.sum()) * (1.0 + float(both.sum())) - 2.0 * float(taken.sum())) / squares,
            ],
        ]
    )


def _unmixed(pair: Float, single: Float, mixing: Float) -> Float:
    (a, b), (c, d) = mixing
    kernel: Float = (d * pair - b * single) / (a * d - b * c)
    return kernel


def _by_cluster(values: Float, codes: NDArray[np.intp], count: int) -> Float:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def _over(top: Float, bottom: Float, when: NDArray[np.intp] | None) -> Float:
    if when is not None:
        lag = np.abs(when[:, None] - when)
        top, bottom = (np.bincount(lag.ravel(), v.ravel())[lag] for v in (top, bottom))
    ratio: Float = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return ratio


def added_covariance(
    kernel: Float, pull: Float, *, cells: Float, squares: Float, bread: Float
) -> Float:
    """What shared shocks add to the covariance of P coefficients, shape (P, P).

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

    Notes
    -----
    Σ_c A_c′KA_c − Σ_i A_i′KA_i: covariances between areas of one cluster; each area's own variance
    is in its score already. It can be negative: see :func:`floored`.
    """
    within = np.einsum("cg,gtp->ctp", cells, pull)
    together = np.einsum("ctp,ts,csq->pq", within, kernel, within, optimize=True)
    own = np.einsum("g,gtp,ts,gsq->pq", squares, pull, kernel, pull, optimize=True)
    added: Float = bread @ (together - own) @ bread
    return (added + added.T) / 2.0


def floored(own: Float, added: Float, error: Float) -> Float:
    """``added``, held above −½·``error`` and −0.9·``own`` in every direction; all (P, P).

    Notes
    -----
    Shocks in common cannot take variance away, so negative values are chance: ``error`` says how
    much of it to expect. Holding them at 0 would make the whole too large on average where nothing
    is shared; not holding them would let chance eat up the variance of single areas, which with
    two or three clusters even half that error is more than.
    """
    values, vectors = np.linalg.eigh(own)
    kept = values > 1e-12 * values.max(initial=0.0)
    root = vectors[:, kept] * np.sqrt(values[kept])
    inverse = vectors[:, kept] / np.sqrt(values[kept])
    relative, axes = np.linalg.eigh(inverse.T @ added @ inverse)
    turned = inverse @ axes
    least = np.maximum(-np.einsum("pa,pq,qa->a", turned, error, turned) / 2.0, -_MOST_TAKEN)
    back = root @ axes
    held: Float = (back * np.maximum(relative, least)) @ back.T
    return held
