"""Held: a fit whose effect is held at a value, as tests that impose the null need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Held"]

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """A fit whose one coefficient is held at a value; what its score is made of.

    Parameters
    ----------
    tilde : ndarray, shape (n, T)
        The regressor less its weighted projection on all other effects; 0 where not used.
    weight : ndarray, shape (n, T)
        Of each cell: 1 in the linear model, the fitted mean in the Poisson one; 0 where not used.
    gap : ndarray, shape (n, T)
        Observed less fitted; each area's sum is 0. 0 where not used.
    strata : ndarray of int, shape (n,)
        Areas with the same label share period effects.
    loadings : ndarray, shape (n, M), or None
        How period effects act on an area, instead of the strata.
    inverse : ndarray, shape (S, T, T), or (1, M·T, M·T) with loadings
        Turns period sums of weighted deviations into period effects.
    """

    tilde: Float
    weight: Float
    gap: Float
    strata: NDArray[np.intp]
    loadings: Float | None
    inverse: Float
