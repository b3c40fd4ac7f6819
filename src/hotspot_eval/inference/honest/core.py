"""Honest intervals: what remains of an effect when trends were not quite parallel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hotspot_eval.errors import InputError, Problem, check_choice, check_level, check_whole
from hotspot_eval.inference.honest.magnitudes import relative_interval
from hotspot_eval.inference.honest.smoothness import smooth_interval
from hotspot_eval.inference.labels import numbers

__all__ = ["Honest", "Restriction", "honest_did"]

Float = NDArray[np.float64]
Restriction = Literal["relative_magnitudes", "smoothness"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Honest:
    """Robust intervals, one for each bound on the violation of parallel trends.

    Parameters
    ----------
    restriction : {"relative_magnitudes", "smoothness"}
    m : tuple of float
    low, high : ndarray, shape (len(m),)
    level : float
    breakdown : float
        The largest given m whose interval leaves out 0; NaN if none does.
    """

    restriction: Restriction
    m: tuple[float, ...]
    low: Float
    high: Float
    level: float
    breakdown: float

    def to_frame(self) -> pd.DataFrame:
        """One row a bound: m, low, high, excludes_zero."""
        return pd.DataFrame(
            {
                "m": self.m,
                "low": self.low,
                "high": self.high,
                "excludes_zero": (self.low > 0) | (self.high < 0),
            }
        )


def honest_did(
    beta: ArrayLike,
    vcov: ArrayLike,
    *,
    n_pre: int,
    n_post: int,
    restriction: Restriction = "relative_magnitudes",
    m: float | Sequence[float] = (0.5, 1.0, 1.5, 2.0),
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> Honest:
    """Intervals for a post-treatment effect l′τ that allow for diverging trends.

    Parameters
    ----------
    beta : array_like, shape (n_pre + n_post,)
        Event-study coefficients in time order, base period left out.
    vcov : array_like, shape (n_pre + n_post, n_pre + n_post)
    n_pre, n_post : int
    restriction : {"relative_magnitudes", "smoothness"}
        The divergence of trends from one period to the next after the start is at most ``m`` times
        the largest before it; or its slope changes by at most ``m`` from one period to the next.
    m : float or sequence of float
    weights : array_like, shape (n_post,), optional
        l: which mean of the effects after the start; by default the first period.
    level : float

    Returns
    -------
    Honest

    Raises
    ------
    InputError
        If something is not a number, shapes do not fit, the covariance is singular or not
        symmetric, or ``m`` is negative.

    Notes
    -----
    β = τ + δ with τ 0 before the start and δ the difference in trends, 0 in the base period 0.

        Δ^RM(M̄)  |δ_{t+1} − δ_t| ≤ M̄·max_{s<0} |δ_{s+1} − δ_s|,  t ≥ 0
        Δ^SD(M)  |(δ_{t+1} − δ_t) − (δ_t − δ_{t−1})| ≤ M,  all t

    Relative magnitudes: inversion of the conditional least-favourable hybrid test (κ = α/10) over
    the union of the sets in which step s, with this sign, is the largest before. Smoothness: the
    shortest fixed-length interval around an affine estimator, its worst bias taken in.
    Both take β̂ for normal and ``vcov`` for known.

    References
    ----------
    Rambachan & Roth (2023), https://doi.org/10.1093/restud/rdad018;
    Andrews, Roth & Pakes (2023), https://doi.org/10.1093/restud/rdad004

    Examples
    --------
    >>> result = honest_did([0.0, 0.5], [[0.01, 0.0], [0.0, 0.01]], n_pre=1, n_post=1,
    ...                     restriction="smoothness", m=0.0)
    >>> result.to_frame().round(3).to_numpy().tolist()
    [[0.0, 0.223, 0.777, True]]
    """
    check_choice("restriction", restriction, get_args(Restriction))
    check_whole("n_pre", n_pre, least=1)
    check_whole("n_post", n_post, least=1)
    check_level("level", level)
    b, v = numbers("beta", beta), numbers("vcov", vcov)
    bounds = tuple(float(x) for x in np.atleast_1d(numbers("m", m)).ravel())
    w = np.eye(n_post)[0] if weights is None else numbers("weights", weights)
    _check(b, v, n_pre, n_post, bounds, w)
    interval = relative_interval if restriction == "relative_magnitudes" else smooth_interval
    ends = np.array([interval(b, v, n_pre, w, bound, 1.0 - level) for bound in bounds])
    robust = [x for x, (low, high) in zip(bounds, ends, strict=True) if low > 0 or high < 0]
    return Honest(
        restriction=restriction,
        m=bounds,
        low=ends[:, 0],
        high=ends[:, 1],
        level=level,
        breakdown=max(robust, default=float("nan")),
    )


def _check(b: Float, v: Float, n_pre: int, n_post: int, m: tuple[float, ...], w: Float) -> None:
    problems = []
    size = n_pre + n_post
    if b.shape != (size,) or v.shape != (size, size):
        problems.append(
            Problem(
                where="arguments 'beta' and 'vcov'",
                what=f"have shapes {b.shape} and {v.shape}, not ({size},) and ({size}, {size})",
                advice="Leave the base period out.",
            )
        )
    elif not (np.isfinite(b).all() and np.isfinite(v).all()):
        problems.append(Problem(where="arguments 'beta' and 'vcov'", what="must be finite"))
    elif not np.allclose(v, v.T, rtol=1e-6, atol=1e-8 * float(np.abs(v).max())):
        problems.append(Problem(where="argument 'vcov'", what="is not symmetric"))
    elif np.linalg.eigvalsh((v + v.T) / 2.0)[0] <= 0:
        problems.append(
            Problem(
                where="argument 'vcov'",
                what="is not positive definite",
                advice="With fewer treated clusters than periods use fewer, longer periods.",
            )
        )
    if w.shape != (n_post,) or not np.isfinite(w).all() or not w.any():
        what = f"must have shape ({n_post},), be finite, and not all be 0"
        problems.append(Problem(where="argument 'weights'", what=what))
    if not m or not all(np.isfinite(x) and x >= 0 for x in m):
        problems.append(Problem(where="argument 'm'", what="must be finite, 0 or more"))
    if problems:
        raise InputError(*problems)
