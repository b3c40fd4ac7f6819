"""A panel told in a few rows, for pages and captions; never a row a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.periods import Periods

__all__ = ["coverage", "summary", "totals"]


def totals(areas: Sequence[str], outcomes: Sequence[str], counts: NDArray[Any]) -> pd.DataFrame:
    """One row an area: observed events of each outcome; missing cells hold none."""
    frame = pd.DataFrame(counts.sum(axis=1), columns=list(outcomes))
    frame.insert(0, "area", list(areas))
    return frame


def summary(
    outcomes: Sequence[str], counts: NDArray[Any], observed: NDArray[np.bool_]
) -> pd.DataFrame:
    """One row an outcome: cells, events, events per cell, share of zeros, cells missing."""
    rows = []
    for k, name in enumerate(outcomes):
        values = counts[:, :, k][observed[:, :, k]]
        mean, zeros = (values.mean(), (values == 0).mean()) if len(values) else (np.nan, np.nan)
        rows.append((name, len(values), values.sum(), mean, zeros, int((~observed[:, :, k]).sum())))
    columns = ["outcome", "cells", "events", "per_cell", "zero_share", "cells_missing"]
    return pd.DataFrame(rows, columns=columns)


def coverage(periods: Periods, observed: NDArray[np.bool_]) -> pd.DataFrame:
    """One row a year: its periods, those without any count and which, further cells missing."""
    years = np.array([label[:4] for label in periods.labels])
    if periods.frequency == "step":
        years[:] = "all"
    seen: NDArray[np.bool_] = np.asarray(observed.any(axis=2))
    rows = []
    for year in dict.fromkeys(years.tolist()):
        inside = np.flatnonzero(years == year)
        empty = [t for t in inside if not seen[:, t].any()]
        cells = int((~seen[:, inside]).sum()) - len(empty) * len(observed)
        named = ", ".join(periods.labels[t] for t in empty)
        rows.append((year, len(inside), len(empty), named, cells))
    columns = ["year", "periods", "periods_missing", "which", "further_cells_missing"]
    return pd.DataFrame(rows, columns=columns)
