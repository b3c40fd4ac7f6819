"""Bands around several effects: each on its own, and all at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.weights import Weighting
from hotspot_eval.significance import largest_t, normal_or_t_interval

__all__ = ["band_table", "drawn_bands", "multiplied_bands"]

Float = NDArray[np.float64]
_NORMAL_IQR = 1.3489795003921634


def multiplied_bands(
    weighting: Weighting, moved: Float, df: float, *, level: float
) -> pd.DataFrame:
    """From centred bootstrap draws, shape (draws, M): errors from their interquartile range.

    References
    ----------
    Callaway & Sant'Anna (2021), https://doi.org/10.1016/j.jeconom.2020.12.001, algorithm 1
    """
    spread = (np.quantile(moved, 0.75, axis=0) - np.quantile(moved, 0.25, axis=0)) / _NORMAL_IQR
    fixed = ~(spread > 0) | ~np.isfinite(weighting.values)
    ratio = np.abs(moved[:, ~fixed]) / spread[~fixed]
    largest = ratio.max(axis=1) if ratio.shape[1] else np.zeros(len(moved))
    critical = float(np.quantile(largest, level, method="higher"))
    error = np.where(fixed, np.nan, spread)
    count = np.full(len(error), df)
    return band_table(weighting.labels, weighting.values, error, critical, level, count)


def drawn_bands(
    weighting: Weighting,
    covariance: Float,
    df: Float,
    *,
    level: float,
    rng: np.random.Generator,
    draws: int,
) -> pd.DataFrame:
    """From draws of the largest |t| under a covariance, shape (M, M), and degrees of freedom."""
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    shown = np.flatnonzero((error > 0) & np.isfinite(weighting.values))
    error = np.where(np.isin(np.arange(len(error)), shown), error, np.nan)
    critical = float("nan")
    if len(shown):
        largest = largest_t(
            covariance[np.ix_(shown, shown)],
            error[shown],
            df=float(np.min(df[shown])),
            rng=rng,
            draws=draws,
        )
        critical = float(np.quantile(largest, level, method="higher"))
    return band_table(weighting.labels, weighting.values, error, critical, level, df)


def band_table(
    labels: tuple[str, ...],
    values: Float,
    error: Float,
    critical: float,
    level: float,
    df: Float | None = None,
) -> pd.DataFrame:
    """One row a label; NaN limits where there is no error."""
    freedom = np.full(len(labels), np.inf) if df is None else df
    pointwise = [
        normal_or_t_interval(v, s, df=d, level=level)
        for v, s, d in zip(values, error, freedom, strict=True)
    ]
    return pd.DataFrame(
        {
            "label": labels,
            "estimate": values,
            "std_error": error,
            "pointwise_low": [low for low, _ in pointwise],
            "pointwise_high": [high for _, high in pointwise],
            "simultaneous_low": values - critical * error,
            "simultaneous_high": values + critical * error,
            "critical_value": critical,
        }
    )
