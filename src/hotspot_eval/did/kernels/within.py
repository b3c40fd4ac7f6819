"""Weighted projection on row and column effects of a dense array, exact and without iteration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["balance", "project", "solve_psd"]

Float = NDArray[np.float64]
_SINGULAR = 1e-10


def project(
    weights: Float, columns: Float, strata: NDArray[np.intp] | None = None
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

    Returns
    -------
    residual : ndarray, shape (P, G, T)
        0 where a cell is absent.
    effects : ndarray, shape (P, S, T)
        Column effects of each stratum.

    Notes
    -----
    Row effects are eliminated, α = Σₜ w(v − γ)/Σₜ w, which leaves a T × T system for γ:
    [diag(w.ₜ) − w′diag(1/wᵢ.)w] γ = Σᵢ w(v − v̄ᵢ). It is solved by a pseudo-inverse after scaling
    to unit diagonal, so that disconnected rows and columns do no harm.

    Examples
    --------
    >>> v = np.array([[[1.0, 2.0], [3.0, 5.0]]])
    >>> project(np.ones((2, 2)), v)[0].round(3).tolist()
    [[[0.25, -0.25], [-0.25, 0.25]]]
    """
    labels = np.zeros(len(weights), dtype=np.intp) if strata is None else strata
    residual = np.zeros_like(columns)
    effects = np.zeros((len(columns), int(labels.max(initial=0)) + 1, weights.shape[1]))
    for s in range(effects.shape[1]):
        rows = slice(None) if effects.shape[1] == 1 else labels == s
        residual[:, rows], effects[:, s] = _project_one(weights[rows], columns[:, rows])
    return residual, effects


def _project_one(w: Float, v: Float) -> tuple[Float, Float]:
    total = w.sum(axis=1)
    share = w / np.where(total > 0, total, 1.0)[:, None]
    centred = v - np.einsum("gt,pgt->pg", share, v)[:, :, None]
    system = np.diag(w.sum(axis=0)) - w.T @ share
    gamma = solve_psd(system, np.einsum("gt,pgt->tp", w, centred)).T
    fitted = gamma[:, None, :] - (gamma @ share.T)[:, :, None]
    return np.where(w > 0, centred - fitted, 0.0), gamma


def balance(weights: Float, rows: Float, columns: Float) -> Float:
    """Arrays λ_g + μ_t whose weighted row and column sums are given.

    Parameters
    ----------
    weights : ndarray, shape (G, T)
    rows : ndarray, shape (P, G)
    columns : ndarray, shape (P, T)
        With the same total as ``rows``.

    Returns
    -------
    ndarray, shape (P, G, T)
    """
    total = weights.sum(axis=1)
    share = weights / np.where(total > 0, total, 1.0)[:, None]
    system = np.diag(weights.sum(axis=0)) - weights.T @ share
    mu = solve_psd(system, (columns - rows @ share).T).T
    lam = np.divide(rows, total, out=np.zeros_like(rows), where=total > 0) - mu @ share.T
    together: Float = lam[:, :, None] + mu[:, None, :]
    return together


def solve_psd(system: Float, right: Float) -> Float:
    """Least-squares solution of a positive semi-definite system, scaled to unit diagonal."""
    scale = np.sqrt(np.diag(system))
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    values, vectors = np.linalg.eigh(system * np.outer(inverse, inverse))
    kept = values > _SINGULAR * max(values[-1], 0.0) if len(values) else values > 0
    basis = vectors[:, kept] * inverse[:, None]
    solution: Float = (basis / values[kept]) @ (basis.T @ right)
    return solution
