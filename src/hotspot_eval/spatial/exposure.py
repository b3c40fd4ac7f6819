"""Local tests for areas of unequal exposure: are there more events than it explains?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import betainc

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.spatial.aligned import Links, Values, align

__all__ = ["ExposureLaw", "binomial_tails", "law_given_exposure", "read_exposure"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExposureLaw:
    """Neighbourhood counts and their binomial law; every array has shape (N, T).

    Parameters
    ----------
    observed : ndarray of int64
        Events in the neighbourhood.
    trials : ndarray of int64
        Events that could have fallen there.
    share : ndarray
        Share of the exposure that lies there.
    """

    observed: Ints
    trials: Ints
    share: Array

    @property
    def expected(self) -> Array:
        """Events expected in the neighbourhood."""
        return np.asarray(self.trials * self.share)

    @property
    def z(self) -> Array:
        """(observed − expected) / √(trials · share · (1 − share))."""
        variance = self.expected * (1.0 - self.share)
        with np.errstate(invalid="ignore", divide="ignore"):
            score = (self.observed - self.expected) / np.sqrt(variance)
        return np.where(variance > 0, score, np.nan)


def read_exposure(exposure: ArrayLike | pd.Series | pd.DataFrame, y: Values, links: Links) -> Array:
    """Exposure in step with ``y``; one vector serves every period.

    Raises
    ------
    InputError
        If it does not match, or is not above 0 everywhere.
    """
    base = align(exposure, links, name="exposure").array.astype(np.float64)
    if base.shape[1] not in (1, y.array.shape[1]):
        raise InputError(
            Problem(
                where="argument 'exposure'",
                what=f"has {base.shape[1]} periods, y has {y.array.shape[1]}",
            )
        )
    low = np.flatnonzero((base <= 0).any(axis=1))
    if len(low):
        raise InputError(
            Problem(
                where="argument 'exposure'",
                what="is not above 0 in areas",
                examples=[links.ids[i] for i in low],
                advice="Leave these areas out, or give them the exposure they have.",
            )
        )
    return np.broadcast_to(base, y.array.shape)


def law_given_exposure(
    counts: Ints, exposure: Array, binary: sparse.csr_array, *, with_own: bool
) -> ExposureLaw:
    """Law of the neighbourhood's events when each falls in proportion to exposure.

    With the own area: all events of the period are dealt out. Without: those outside the own area
    are dealt out among the others.
    """
    near = binary @ counts
    base = binary @ exposure
    if with_own:
        return ExposureLaw(
            observed=near + counts,
            trials=np.broadcast_to(counts.sum(axis=0), counts.shape),
            share=np.minimum((base + exposure) / exposure.sum(axis=0), 1.0),
        )
    return ExposureLaw(
        observed=near,
        trials=counts.sum(axis=0) - counts,
        share=np.minimum(base / (exposure.sum(axis=0) - exposure), 1.0),
    )


def binomial_tails(law: ExposureLaw) -> tuple[Array, Array, Array]:
    """P(S ≤ s), P(S ≥ s) and P(S = s), each from its own end.

    Notes
    -----
    P(S ≥ s) = I_π(s, n − s + 1), the regularised incomplete beta function.
    """
    s, n = law.observed.astype(np.float64), law.trials.astype(np.float64)
    upper = _at_least(s, n, law.share)
    lower = _at_least(n - s, n, 1.0 - law.share)
    above = upper - _at_least(s + 1.0, n, law.share)
    below = lower - _at_least(n - s + 1.0, n, 1.0 - law.share)
    return lower, upper, np.where(upper <= lower, above, below)


def _at_least(s: Array, n: Array, share: Array) -> Array:
    inside = (s >= 1) & (s <= n)
    value = betainc(np.where(inside, s, 1.0), np.where(inside, n - s + 1.0, 1.0), share)
    return np.where(inside, value, np.where(s <= 0, 1.0, 0.0))
