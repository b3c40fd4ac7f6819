"""Effects on treated cells from period effects of untreated ones, for thousands of designs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels.paths import PathSums
from hotspot_eval.did.kernels.small import untreated_effects

__all__ = ["impute_paths"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
_MAX_STEPS = 50
_TOLERANCE = 1e-13


def impute_paths(sums: PathSums, *, poisson: bool) -> tuple[Float, Bool]:
    """Imputation estimate of each design, and whether it was found here.

    Parameters
    ----------
    sums : PathSums
        Without cells in which treatment, once begun, is off.
    poisson : bool

    Returns
    -------
    estimate : ndarray, shape (R,)
        NaN where there is none.
    found : ndarray of bool, shape (R,)
        False: the design needs the general solver.

    Notes
    -----
    Levels of areas enter the expected values of a group as their sum alone: Poisson
    Σ_i ŷ_it = exp(γ_t)·Σ_s y_gs/Σ_s exp(γ_s) over untreated cells s of the group, linear
    Σ_i ŷ_it = n γ_t + mean_s(y_gs − n γ_s).

    Examples
    --------
    >>> sums = PathSums(begin=np.array([0, 2]), size=np.ones(2), treated=np.array([True]),
    ...                 total=np.array([[10.0, 20.0, 80.0], [30.0, 60.0, 60.0]]),
    ...                 share=np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]),
    ...                 used=np.ones((2, 3), bool))
    >>> np.exp(impute_paths(sums, poisson=True)[0]).round(6).tolist()
    [4.0]
    """
    effects, found = untreated_effects(sums, poisson=poisson)
    design = np.repeat(np.arange(len(found)), np.diff(sums.begin))
    untreated = sums.used & (sums.share == 0)
    begun: Bool = np.asarray(untreated.any(axis=1))
    period = effects[design]
    cells = sums.used & ~untreated & begun[:, None] & ~np.isnan(period)
    seen = _by_design(np.where(cells, sums.total, 0.0), design, len(found))
    if not poisson:
        own = np.where(untreated, sums.total - sums.size[:, None] * period, 0.0).sum(axis=1)
        own /= np.maximum(untreated.sum(axis=1), 1)
        mean = np.where(cells, own[:, None] + sums.size[:, None] * period, 0.0)
        share = np.where(cells, sums.share * sums.size[:, None], 0.0)
        amount = _by_design(share, design, len(found))
        gap = seen - _by_design(mean, design, len(found))
        return np.divide(gap, amount, out=np.full(len(found), np.nan), where=amount > 0), found
    shape = np.nan_to_num(np.exp(period - np.fmax.reduce(period, axis=1, keepdims=True)))
    return _log_ratio(sums, cells, shape, untreated, design, seen), found


def _by_design(values: Float, design: NDArray[np.intp], count: int) -> Float:
    """Sums over the groups and periods of each design."""
    return np.bincount(design, values.sum(axis=1), minlength=count).astype(np.float64)


def _log_ratio(
    sums: PathSums,
    cells: Bool,
    shape: Float,
    untreated: Bool,
    design: NDArray[np.intp],
    seen: Float,
) -> Float:
    """δ that solves Σ y = Σ ŷ·exp(δ·share) over treated cells."""
    before = np.where(untreated, sums.total, 0.0).sum(axis=1)
    per_scale = np.where(untreated, shape, 0.0).sum(axis=1)
    scale = np.divide(before, per_scale, out=np.zeros(len(before)), where=per_scale > 0)
    mean = np.where(cells, scale[:, None] * shape, 0.0)
    share = np.where(cells, sums.share, 0.0)
    expected = _by_design(mean, design, len(seen))
    some = (seen > 0) & (expected > 0)
    delta = np.log(np.where(some, seen, 1.0) / np.where(some, expected, 1.0))
    live = some & (_by_design(share % 1.0, design, len(seen)) > 0)
    for _ in range(_MAX_STEPS):
        if not live.any():
            break
        now = mean * np.exp(delta[design][:, None] * share)
        slope = np.maximum(_by_design(now * share, design, len(seen)), 1e-300)
        step = np.where(live, (seen - _by_design(now, design, len(seen))) / slope, 0.0)
        delta += np.clip(step, -1.0, 1.0)
        live &= np.abs(step) >= _TOLERANCE
    return np.where(some, delta, np.nan)
