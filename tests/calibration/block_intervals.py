"""Intervals of shares and means over studies of which those of one borough hang together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["block_mean", "block_share"]

NONE = (float("nan"), float("nan"), float("nan"))


def block_mean(
    value: pd.Series, block: pd.Series, rng: np.random.Generator, draws: int = 999
) -> tuple[float, float, float]:
    """Mean, and its 95 % interval from resampling whole blocks."""
    total = _by_block(value, block)
    if not len(total):
        return NONE
    picked = rng.integers(0, len(total), (draws, len(total)))
    means = total[picked, 0].sum(axis=1) / total[picked, 1].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(total[:, 0].sum() / total[:, 1].sum()), float(low), float(high)


def block_share(hit: pd.Series, block: pd.Series) -> tuple[float, float, float]:
    """Share, and its 95 % interval for few hits in blocks.

    Clopper and Pearson's interval at n* = n/deff studies, deff = V_block/[p(1 − p)/n], not below 1,
    with V_block the linearised variance between B blocks, B/(B − 1)·Σ_b(x_b − p n_b)²/n², and the
    ratio of t quantiles (t_{n−1}/t_{B−1})² on n*. Resampled blocks say [0, 0] of no hit in 32.

    References
    ----------
    Korn & Graubard (1998), Survey Methodology 24, 193–201
    """
    total = _by_block(hit, block)
    if not len(total):
        return NONE
    size, blocks = float(total[:, 1].sum()), len(total)
    share = float(total[:, 0].sum()) / size
    effective = size
    if 0.0 < share < 1.0 and blocks > 1:
        off = total[:, 0] - share * total[:, 1]
        between = blocks / (blocks - 1) * float(off @ off) / size**2
        effective = size / max(between / (share * (1.0 - share) / size), 1.0)
    if blocks > 1:
        normal, wide = stats.t.ppf(0.975, [size - 1, blocks - 1])
        effective = min(effective * float(normal / wide) ** 2, size)
    hits, misses = effective * share, effective * (1.0 - share)
    low = float(stats.beta.ppf(0.025, hits, misses + 1.0)) if hits > 0 else 0.0
    high = float(stats.beta.ppf(0.975, hits + 1.0, misses)) if misses > 0 else 1.0
    return share, low, high


def _by_block(value: pd.Series, block: pd.Series) -> np.ndarray:
    """Sum and number of each block's values, shape (B, 2)."""
    keep = value.notna()
    return value[keep].astype(float).groupby(block[keep]).agg(["sum", "count"]).to_numpy(float)
