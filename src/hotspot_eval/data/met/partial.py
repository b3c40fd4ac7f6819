"""Whether a file's first or last month is whole, judged by what its other months predict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EdgeMonth", "judge_first_month", "judge_last_month"]

SHARE = 0.85
DEVIATIONS = 3.0
_SPREAD = (0.03, 0.08)
_SPREAD_OF_ONE = (0.05, 0.30)
_LARGE = 100.0
_RECENT = 3
_FEWEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeMonth:
    """The verdict on a month at the edge of a file, and the figures behind it.

    Parameters
    ----------
    partial : bool
    total, predicted : float
        Events recorded, and events the history predicts (NaN if it is too short).
    spread : float
        Standard deviation of such predictions on the log scale, for earlier months.
    """

    partial: bool
    total: float
    predicted: float
    spread: float

    @property
    def ratio(self) -> float:
        """Recorded over predicted."""
        return self.total / self.predicted if self.predicted > 0 else float("nan")


def judge_last_month(
    totals: NDArray[np.float64], by_outcome: NDArray[np.float64], days: NDArray[np.float64]
) -> EdgeMonth:
    """Judge the last of T contiguous months.

    Parameters
    ----------
    totals : ndarray, shape (T,)
        Events a month; NaN where not covered.
    by_outcome : ndarray, shape (T, K)
        The same for each outcome.
    days : ndarray, shape (T,)
        Length of each month.

    Notes
    -----
    Daily rate r. Prediction r̂(t) = r(t−12) · Σ r(t−3..t−1) / Σ r(t−15..t−13): season times trend;
    with less than 13 months of history the mean of the last three. The spread s is the root of
    (1.4826 · median |log r/r̂|)² over earlier months, held within .03 and .08, plus 1/predicted.
    The month is partial if the total is below 85 % of the prediction *and* more than 3 s below it
    on the log scale, *and* no outcome stands out: none with 100 or more predicted events reaches
    its prediction while lying more than 3 of its own s (held within .05 and .30) above the middle
    outcome. A cut-off month lacks every kind of crime alike, a lockdown does not.
    """
    rates = totals / days
    last = len(totals) - 1
    predicted = _predict(rates, last) * days[last]
    if not np.isfinite(predicted) or predicted <= 0:
        return EdgeMonth(partial=False, total=float(totals[last]), predicted=np.nan, spread=np.nan)
    spread = _spread(rates, last, predicted, _SPREAD)
    shortfall = np.log(max(totals[last], 0.5) / predicted)
    low = shortfall < min(np.log(SHARE), -DEVIATIONS * spread)
    return EdgeMonth(
        partial=bool(low and not _any_stands_out(by_outcome, days)),
        total=float(totals[last]),
        predicted=float(predicted),
        spread=spread,
    )


def judge_first_month(
    totals: NDArray[np.float64], by_outcome: NDArray[np.float64], days: NDArray[np.float64]
) -> EdgeMonth:
    """Judge the first of T contiguous months by those after it, in the same way."""
    return judge_last_month(totals[::-1], by_outcome[::-1], days[::-1])


def _predict(rates: NDArray[np.float64], t: int) -> float:
    recent = rates[max(t - _RECENT, 0) : t]
    if t >= 12 + 1 and np.isfinite(rates[t - 12]):
        before = rates[max(t - 12 - _RECENT, 0) : t - 12]
        recent = recent[-len(before) :]
        if np.isfinite(before).all() and np.isfinite(recent).all() and before.sum() > 0:
            return float(rates[t - 12] * recent.sum() / before.sum())
    known = recent[np.isfinite(recent)]
    return float(known.mean()) if t >= _FEWEST and len(known) else float("nan")


def _spread(
    rates: NDArray[np.float64], last: int, predicted: float, bounds: tuple[float, float]
) -> float:
    """Standard deviation of log r/r̂ in earlier months, held in bounds, with counting noise."""
    errors = [
        abs(np.log(rates[t] / expected))
        for t in range(_FEWEST, last)
        if (expected := _predict(rates, t)) > 0 and rates[t] > 0
    ]
    usual = 1.4826 * float(np.median(errors)) if len(errors) >= _FEWEST else bounds[1]
    return float(np.sqrt(np.clip(usual, *bounds) ** 2 + 1.0 / predicted))


def _any_stands_out(by_outcome: NDArray[np.float64], days: NDArray[np.float64]) -> bool:
    """Whether an outcome reaches its prediction, far above what has become of the others."""
    last = len(days) - 1
    found = []
    for column in (by_outcome / days[:, None]).T:
        predicted = _predict(column, last) * days[last]
        if predicted >= _LARGE and np.isfinite(column[last]):
            ratio = np.log(max(column[last] * days[last], 0.5) / predicted)
            found.append((ratio, _spread(column, last, predicted, _SPREAD_OF_ONE)))
    if not found:
        return False
    ratio, spread = np.array(found).T
    return bool(np.any((ratio >= 0) & (ratio - np.median(ratio) > DEVIATIONS * spread)))
