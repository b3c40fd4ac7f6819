"""Which forces and months are there, missing, or far below their own history."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.periods import PeriodLike, Periods
from hotspot_eval.results import Check

__all__ = ["coverage_checks", "coverage_frame"]

_HISTORY = 12
_LEAST_HISTORY = 3


def coverage_frame(
    rows: pd.Series,
    *,
    start: PeriodLike | None = None,
    end: PeriodLike | None = None,
    partial_below: float = 0.5,
) -> pd.DataFrame:
    """Forces × months: present, missing or partial.

    Parameters
    ----------
    rows : Series
        Rows by (force, month), months as ``"2022-07"``.
    start, end : month, optional
        What was asked for; by default the first and last month of any force.
    partial_below : float
        A month is partial when its rows are under this share of the median of the force's twelve
        months before (after, at the start of a series), at least three.

    Returns
    -------
    DataFrame
        force, month, rows, expected, status.
    """
    if not 0 <= partial_below < 1:
        raise InputError(
            Problem(where="argument 'partial_below'", what=f"{partial_below} is not in [0, 1)")
        )
    months = rows.index.get_level_values(1)
    span = Periods.span(start or months.min(), end or months.max(), frequency="month")
    forces = sorted(set(rows.index.get_level_values(0)))
    grid = rows.unstack().reindex(index=forces, columns=list(span.labels)).to_numpy(np.float64)
    expected = np.array([_history(series) for series in grid])
    status = np.where(
        np.isnan(grid), "missing", np.where(grid < partial_below * expected, "partial", "present")
    )
    return pd.DataFrame(
        {
            "force": np.repeat(forces, len(span)),
            "month": np.tile(span.labels, len(forces)),
            "rows": pd.Series(np.nan_to_num(grid).astype(np.int64).ravel()),
            "expected": expected.ravel(),
            "status": status.ravel(),
        }
    )


def _history(series: np.ndarray) -> np.ndarray:
    """Median of the months before, or after where too few lie before; NaN where neither tells."""
    out = np.full(len(series), np.nan)
    for place in range(len(series)):
        for other in (
            series[max(place - _HISTORY, 0) : place],
            series[place + 1 : place + 1 + _HISTORY],
        ):
            known = other[~np.isnan(other)]
            if len(known) >= _LEAST_HISTORY:
                out[place] = np.median(known)
                break
    return out


def coverage_checks(coverage: pd.DataFrame) -> tuple[Check, Check]:
    """The audit as two checks: missing months, partial months."""
    missing = coverage[coverage["status"] == "missing"]
    partial = coverage[coverage["status"] == "partial"]
    forces, months = coverage["force"].nunique(), coverage["month"].nunique()
    of = f"{forces} force{'s' * (forces != 1)} × {months} month{'s' * (months != 1)}"
    return (
        Check(
            name="missing months",
            threat="A month that a force did not deliver would look like a month without crime.",
            status="failed" if len(missing) else "passed",
            sentence=f"{len(missing)} of {of} missing: {_listed(missing)}; they stay missing."
            if len(missing)
            else f"None of {of} is missing.",
            evidence=coverage,
        ),
        Check(
            name="partial months",
            threat="A month delivered in part would look like a fall in crime.",
            status="failed" if len(partial) else "passed",
            sentence=f"{len(partial)} of {of} far below the force's own history: "
            f"{_listed(partial)}; either part of a delivery or a real fall such as a lockdown."
            if len(partial)
            else f"None of {of} is far below the force's own history.",
            evidence=coverage,
        ),
    )


def _listed(rows: pd.DataFrame) -> str:
    shown = [f"{row.force} {row.month}" for row in rows.head(5).itertuples()]
    return ", ".join(shown) + (", …" if len(rows) > len(shown) else "")
