"""Weighted sums of each area's cells, where areas of a group share the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["scores_of"]

Float = NDArray[np.float64]


def scores_of(y: Float, group: NDArray[np.intp], tilde: Float) -> Float:
    """Σₜ tilde·y of each area, shape (n, P), without an array of areas × periods × P.

    Parameters
    ----------
    y : ndarray, shape (n, t)
    group : ndarray of int, shape (n,)
    tilde : ndarray, shape (P, G, t)

    Examples
    --------
    >>> scores_of(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]),
    ...           np.array([[[1.0, 1.0], [0.0, 1.0]]])).tolist()
    [[2.0], [7.0]]
    """
    sums = np.zeros((len(y), len(tilde)))
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows):
            sums[rows] = y[rows] @ tilde[:, group[rows[0]]].T
    return sums
