"""Mann–Kendall: does a series rise or fall, whatever the shape?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hotspot_eval.errors import InputError, Problem

__all__ = ["Trend", "mann_kendall"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trend:
    """Mann–Kendall's test of each series.

    Parameters
    ----------
    score : ndarray of int64, shape (N,)
        S: pairs that rise less pairs that fall.
    z, p_value : ndarray, shape (N,)
        Continuity-corrected normal score and its two-sided p; NaN where a series does not vary.
    """

    score: NDArray[np.int64]
    z: Array
    p_value: Array


def mann_kendall(series: ArrayLike) -> Trend:
    """Tie-corrected Mann–Kendall test of each row.

    Parameters
    ----------
    series : array_like, shape (N, T) or (T,)
        Rows with NaN give NaN.

    Raises
    ------
    InputError
        If there are fewer than three periods.

    Notes
    -----
    S = Σ_{s<t} sign(x_t − x_s), Var S = [T(T − 1)(2T + 5) − Σ_g g(g − 1)(2g + 5)]/18 over groups of
    g tied values, z = (S − sign S)/√Var S.

    References
    ----------
    Mann (1945), https://doi.org/10.2307/1907187

    Examples
    --------
    >>> trend = mann_kendall([[1.0, 2.0, 2.0, 4.0, 5.0]])
    >>> trend.score.tolist(), trend.z.round(4).tolist()
    ([9], [2.0212])
    """
    x = np.atleast_2d(np.asarray(series, dtype=np.float64))
    n, periods = x.shape
    if periods < 3:
        raise InputError(
            Problem(where="argument 'series'", what=f"has {periods} periods; a trend needs 3")
        )
    score = np.zeros(n, dtype=np.int64)
    ties = np.zeros(n)
    for lag in range(1, periods):
        step = x[:, lag:] - x[:, :-lag]
        score += (step > 0).sum(axis=1) - (step < 0).sum(axis=1)
    for t in range(periods):
        group = (x == x[:, t : t + 1]).sum(axis=1)
        ties += (group - 1.0) * (2.0 * group + 5.0)
    variance = (periods * (periods - 1) * (2 * periods + 5) - ties) / 18.0
    known = (variance > 0) & ~np.isnan(x).any(axis=1)
    z = np.full(n, np.nan)
    z[known] = (score - np.sign(score))[known] / np.sqrt(variance[known])
    return Trend(score=score, z=z, p_value=2.0 * stats.norm.sf(np.abs(z)))
