"""A panel as tables: every cell, or told in a few rows for pages and captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.periods import Periods

__all__ = ["coverage", "in_words", "summary", "tidy", "totals"]


def tidy(
    areas: Sequence[str],
    periods: Periods,
    outcomes: Sequence[str],
    counts: NDArray[Any],
    observed: NDArray[np.bool_],
    *,
    cluster: Sequence[str] | None,
    offset_base: NDArray[np.float64] | None,
) -> pd.DataFrame:
    """One row a cell: area, period, cluster and base if any, one nullable column an outcome."""
    n, t, _ = counts.shape
    frame = pd.DataFrame({"area": np.repeat(areas, t), "period": np.tile(periods.labels, n)})
    if cluster is not None:
        frame["cluster"] = np.repeat(cluster, t)
    if offset_base is not None:
        frame["offset_base"] = offset_base.ravel()
    kind = pd.Int64Dtype() if np.issubdtype(counts.dtype, np.integer) else pd.Float64Dtype()
    for k, name in enumerate(outcomes):
        values = pd.Series(counts[:, :, k].ravel(), dtype=kind)
        frame[name] = values.mask(~observed[:, :, k].ravel())
    return frame


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


def in_words(
    periods: Periods,
    outcomes: Sequence[str],
    observed: NDArray[np.bool_],
    *,
    cluster: Sequence[str] | None,
) -> str:
    """One line: areas, periods, clusters, cells missing, outcomes."""
    labels = periods.labels
    missing = int((~observed.all(axis=2)).sum())
    clusters = "" if cluster is None else f", {len(set(cluster))} clusters"
    gaps = f", {missing:,} cells missing" if missing else ""
    return (
        f"Panel of {len(observed):,} areas × {len(labels)} periods ({labels[0]} to {labels[-1]}, "
        f"{periods.frequency.replace('_', '-')}){clusters}{gaps}; outcomes: {', '.join(outcomes)}"
    )
