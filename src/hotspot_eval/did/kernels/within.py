"""Weighted projection on row and column effects of a dense array, exact and without iteration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

__all__ = ["balance", "inverse_system", "loadings_of", "project", "solve_psd", "solve_symmetric"]

Float = NDArray[np.float64]
_SINGULAR = 1e-10
_CHUNK = 4_000_000


def project(
    weights: Float,
    columns: Float,
    strata: NDArray[np.intp] | None = None,
    loadings: Float | None = None,
) -> tuple[Float, Float]:
    """Take row effects and (stratum ×) column effects out of each of P arrays.

    Parameters
    ----------
    weights : ndarray, shape (G, T)
        0 where a cell is absent.
    columns : ndarray, shape (P, G, T)
        Finite everywhere.
    strata : ndarray of int, shape (G,), optional
        Rows with the same label share column effects; by default all do.
    loadings : ndarray, shape (G, M), optional
        Column effects act on each row by these instead of the strata: see :func:`loadings_of`.

    Returns
    -------
    residual : ndarray, shape (P, G, T)
        0 where a cell is absent.
    effects : ndarray, shape (P, S, T)
        Column effects of each stratum; (P, M, T) with loadings.

    Notes
    -----
    Row effects are eliminated, α = Σₜ w(v − γ)/Σₜ w, which leaves a T × T system for γ:
    [diag(w.ₜ) − w′diag(1/wᵢ.)w] γ = Σᵢ w(v − v̄ᵢ). It is solved by a pseudo-inverse after scaling
    to unit diagonal, so that disconnected rows and columns do no harm. With loadings z it is the
    same with w ⊗ z in place of w, of size TM × TM: M columns times T periods are never written out.

    Examples
    --------
    >>> v = np.array([[[1.0, 2.0], [3.0, 5.0]]])
    >>> project(np.ones((2, 2)), v)[0].round(3).tolist()
    [[[0.25, -0.25], [-0.25, 0.25]]]
    """
    if loadings is not None:
        return _project_loaded(weights, columns, loadings)
    labels = np.zeros(len(weights), dtype=np.intp) if strata is None else strata
    residual = np.zeros_like(columns)
    effects = np.zeros((len(columns), int(labels.max(initial=0)) + 1, weights.shape[1]))
    for s in range(effects.shape[1]):
        rows = slice(None) if effects.shape[1] == 1 else labels == s
        residual[:, rows], effects[:, s] = _project_one(weights[rows], columns[:, rows])
    return residual, effects


def loadings_of(strata: NDArray[np.intp], covariates: Float) -> Float:
    """One indicator a stratum and the covariates, shape (G, S + K)."""
    return np.column_stack([np.eye(int(strata.max(initial=0)) + 1)[strata], covariates])


def _project_one(w: Float, v: Float) -> tuple[Float, Float]:
    total = w.sum(axis=1)
    share = w / np.where(total > 0, total, 1.0)[:, None]
    centred = v - np.einsum("gt,pgt->pg", share, v)[:, :, None]
    system = np.diag(w.sum(axis=0)) - w.T @ share
    gamma = solve_psd(system, np.einsum("gt,pgt->tp", w, centred)).T
    fitted = gamma[:, None, :] - (gamma @ share.T)[:, :, None]
    return np.where(w > 0, centred - fitted, 0.0), gamma


def _project_loaded(w: Float, v: Float, z: Float) -> tuple[Float, Float]:
    total = w.sum(axis=1)
    share = w / np.where(total > 0, total, 1.0)[:, None]
    centred = v - np.einsum("gt,pgt->pg", share, v)[:, :, None]
    right = np.einsum("pgt,gm->mtp", w * centred, z, optimize=True)
    gamma = _solve_loaded(w, share, z, right)
    pulled = np.einsum("pmt,gm->pgt", gamma, z, optimize=True)
    fitted = pulled - np.einsum("gt,pgt->pg", share, pulled)[:, :, None]
    return np.where(w > 0, centred - fitted, 0.0), gamma


def _solve_loaded(w: Float, share: Float, z: Float, right: Float) -> Float:
    """γ (P, M, T) from [Σ w z z′ on the diagonal − Σ (w ⊗ z)(share ⊗ z)′] γ = right (M, T, P)."""
    (g, t), m = w.shape, z.shape[1]
    system = np.zeros((m, t, m, t))
    system[:, np.arange(t), :, np.arange(t)] = np.einsum("gt,gm,gn->tmn", w, z, z, optimize=True)
    square = system.reshape(m * t, m * t)
    step = max(_CHUNK // (m * t), 1)
    for begin in range(0, g, step):
        rows = slice(begin, begin + step)
        spread = (z[rows, :, None] * w[rows, None, :]).reshape(-1, m * t)
        even = (z[rows, :, None] * share[rows, None, :]).reshape(-1, m * t)
        square -= spread.T @ even
    square = (square + square.T) / 2.0
    present = np.flatnonzero(w.any(axis=0))
    free = np.ones((m, t), dtype=bool)
    free[:, present[:1]] = False
    free = free.ravel() & (np.diag(square) > 0)
    flat = right.reshape(m * t, -1)
    gamma = np.zeros(flat.shape)
    gamma[free] = solve_symmetric(square[np.ix_(free, free)], flat[free])
    return np.moveaxis(gamma.reshape(m, t, -1), -1, 0)


def balance(weights: Float, rows: Float, columns: Float, loadings: Float | None = None) -> Float:
    """Arrays λ_g + μ_t whose weighted row and column sums are given.

    Parameters
    ----------
    weights : ndarray, shape (G, T)
    rows : ndarray, shape (P, G)
    columns : ndarray, shape (P, T)
        With the same total as ``rows``; (P, M, T) with loadings, sums weighted by each of them.
    loadings : ndarray, shape (G, M), optional
        The arrays are λ_g + z_g′μ_t then.

    Returns
    -------
    ndarray, shape (P, G, T)
    """
    total = weights.sum(axis=1)
    share = weights / np.where(total > 0, total, 1.0)[:, None]
    own = np.divide(rows, total, out=np.zeros_like(rows), where=total > 0)
    if loadings is not None:
        right = columns - np.einsum("pg,gt,gm->pmt", rows, share, loadings, optimize=True)
        mu = _solve_loaded(weights, share, loadings, np.moveaxis(right, 0, -1))
        pulled = np.einsum("pmt,gm->pgt", mu, loadings, optimize=True)
        loaded: Float = (own - np.einsum("gt,pgt->pg", share, pulled))[:, :, None] + pulled
        return loaded
    system = np.diag(weights.sum(axis=0)) - weights.T @ share
    mu = solve_psd(system, (columns - rows @ share).T).T
    together: Float = (own - mu @ share.T)[:, :, None] + mu[:, None, :]
    return together


def inverse_system(
    weights: Float, strata: NDArray[np.intp], loadings: Float | None = None
) -> Float:
    """What turns weighted column sums of arrays without row means into their column effects.

    Parameters
    ----------
    weights : ndarray, shape (G, T)
    strata, loadings
        As in :func:`project`.

    Returns
    -------
    ndarray, shape (S, T, T), or (1, M·T, M·T) with loadings
    """
    total = weights.sum(axis=1)
    share = weights / np.where(total > 0, total, 1.0)[:, None]
    t = weights.shape[1]
    if loadings is not None:
        size = loadings.shape[1] * t
        each = np.eye(size).reshape(loadings.shape[1], t, size)
        return _solve_loaded(weights, share, loadings, each).reshape(1, size, size)
    made = np.zeros((int(strata.max(initial=0)) + 1, t, t))
    for s in range(len(made)):
        w, part = weights[strata == s], share[strata == s]
        made[s] = solve_psd(np.diag(w.sum(axis=0)) - w.T @ part, np.eye(t))
    return made


def solve_symmetric(system: Float, right: Float) -> Float:
    """Solution by Cholesky where the system is well conditioned, by :func:`solve_psd` otherwise."""
    scale = np.sqrt(np.maximum(np.diag(system), 0.0))
    if len(scale) and (scale > 0).all():
        try:
            factor = cho_factor(system / np.outer(scale, scale), lower=True)
        except LinAlgError:
            return solve_psd(system, right)
        if np.diag(factor[0]).min() ** 2 > _SINGULAR:
            unit = scale[:, None] if right.ndim == 2 else scale
            answer: Float = cho_solve(factor, right / unit) / unit
            return answer
    return solve_psd(system, right) if len(system) else np.zeros_like(right)


def solve_psd(system: Float, right: Float) -> Float:
    """Least-squares solution of a positive semi-definite system, scaled to unit diagonal."""
    scale = np.sqrt(np.maximum(np.diag(system), 0.0))
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    values, vectors = np.linalg.eigh(system * np.outer(inverse, inverse))
    kept = values > _SINGULAR * max(values[-1], 0.0) if len(values) else values > 0
    basis = vectors[:, kept] * inverse[:, None]
    solution: Float = (basis / values[kept]) @ (basis.T @ right)
    return solution
