"""Whether a file's last month is whole, judged by what its own history predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LastMonth", "judge_last_month"]

SHARE = 0.85
DEVIATIONS = 4.0
_SPREAD = (0.03, 0.10)
_LARGE = 100.0
_RECENT = 3
_FEWEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMonth:
    """The verdict on a last month and the figures behind it.

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
) -> LastMonth:
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
    (1.4826 · median |log r/r̂|)² over earlier months, held within .03 and .10, plus 1/predicted.
    The month is partial if the total is below 85 % of the prediction *and* more than 4 s below it
    on the log scale, *and* no outcome with 100 or more predicted events reaches its own
    prediction: a cut-off month lacks every kind of crime, an event such as a lockdown does not.
    """
    rates = totals / days
    last = len(totals) - 1
    predicted = _predict(rates, last) * days[last]
    if not np.isfinite(predicted) or predicted <= 0:
        return LastMonth(partial=False, total=float(totals[last]), predicted=np.nan, spread=np.nan)
    errors = [
        abs(np.log(rates[t] / expected))
        for t in range(_FEWEST, last)
        if (expected := _predict(rates, t)) > 0 and rates[t] > 0
    ]
    usual = 1.4826 * float(np.median(errors)) if len(errors) >= _FEWEST else _SPREAD[1]
    spread = float(np.sqrt(np.clip(usual, *_SPREAD) ** 2 + 1.0 / predicted))
    shortfall = np.log(max(totals[last], 0.5) / predicted)
    low = shortfall < min(np.log(SHARE), -DEVIATIONS * spread)
    return LastMonth(
        partial=bool(low and not _any_reaches(by_outcome, days, last)),
        total=float(totals[last]),
        predicted=float(predicted),
        spread=spread,
    )


def _predict(rates: NDArray[np.float64], t: int) -> float:
    recent = rates[max(t - _RECENT, 0) : t]
    if t >= 12 + 1 and np.isfinite(rates[t - 12]):
        before = rates[max(t - 12 - _RECENT, 0) : t - 12]
        recent = recent[-len(before) :]
        if np.isfinite(before).all() and np.isfinite(recent).all() and before.sum() > 0:
            return float(rates[t - 12] * recent.sum() / before.sum())
    known = recent[np.isfinite(recent)]
    return float(known.mean()) if t >= _FEWEST and len(known) else float("nan")


def _any_reaches(by_outcome: NDArray[np.float64], days: NDArray[np.float64], last: int) -> bool:
    for column in (by_outcome / days[:, None]).T:
        predicted = _predict(column, last) * days[last]
        if predicted >= _LARGE and column[last] * days[last] >= predicted:
            return True
    return False
