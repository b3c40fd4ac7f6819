"""Knox's test: do incidents come close together in space and time more often than chance allows?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.significance import p_values_from_draws
from hotspot_eval.spatial.compiled import compiled

__all__ = ["NearRepeat", "near_repeat"]

Ints = NDArray[np.int64]
_MONTH = re.compile(r"\s*\d{4}[-/]?\d{2}\s*")
_MOST_PAIRS = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NearRepeat:
    """Pairs of incidents by distance and days apart.

    Parameters
    ----------
    table : DataFrame
        One row a cell: ``distance_from_m``, ``distance_below_m``, ``days_from``, ``days_below``
        (half-open, the lower edge included), ``pairs``, ``expected``, ``ratio``, ``p_value``.
    n_incidents, n_pairs, permutations : int
    """

    table: pd.DataFrame
    n_incidents: int
    n_pairs: int
    permutations: int

    def to_frame(self) -> pd.DataFrame:
        """The table."""
        return self.table.copy()

    def __repr__(self) -> str:
        first = self.table.iloc[0]
        return (
            f"Near repeats among {self.n_incidents:,} incidents: "
            f"[{first.distance_from_m:g}, {first.distance_below_m:g}) m and "
            f"[{first.days_from:g}, {first.days_below:g}) days holds {first.pairs:.0f} pairs, "
            f"{first.ratio:.2f} times as many as expected (p = {first.p_value:.4f}, "
            f"{self.permutations} permutations)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.table.to_html(index=False)}"


def near_repeat(
    incidents: pd.DataFrame,
    *,
    date: str,
    x: str,
    y: str,
    rng: np.random.Generator,
    distance_edges_m: Sequence[float] = (0, 100, 200, 400),
    days_edges: Sequence[int] = (0, 7, 14, 28),
    permutations: int = 999,
) -> NearRepeat:
    """Knox's test for near repeats, dates shuffled over places.

    Parameters
    ----------
    incidents : DataFrame
        One row an incident, dated to the day; not changed.
    date, x, y : str
        Columns with the date and with projected coordinates in metres.
    rng : numpy.random.Generator
    distance_edges_m, days_edges : sequence of number
        Edges of half-open bins: [0, 100), [100, 200), … . Two incidents at one place and day are in
        the first bin of both.
    permutations : int

    Returns
    -------
    NearRepeat

    Raises
    ------
    InputError
        If dates are months only (data.police.uk gives no days), unreadable or missing, coordinates
        are missing or in degrees, or edges do not increase.

    References
    ----------
    Knox (1964), https://doi.org/10.2307/2985220; Johnson et al. (2007),
    https://doi.org/10.1007/s10940-007-9025-3
    """
    _check_columns(incidents, (date, x, y))
    space = _edges("distance_edges_m", distance_edges_m)
    time = _edges("days_edges", days_edges)
    if permutations < 1:
        raise InputError(Problem(where="argument 'permutations'", what="must be at least 1"))
    days = _days(incidents[date], date)
    points = _points(incidents, x, y)
    pairs, band = _pairs(points, space)

    def count(order: Ints) -> Any:
        return _cross(order, pairs, band, time, len(space) - 1)

    draws = np.array([count(rng.permutation(days)) for _ in range(permutations)], dtype=np.float64)
    return NearRepeat(
        table=_table(space, time, count(days), draws),
        n_incidents=len(points),
        n_pairs=len(pairs),
        permutations=permutations,
    )


def _table(
    space: NDArray[np.float64], time: NDArray[np.float64], pairs: Ints, draws: NDArray[np.float64]
) -> pd.DataFrame:
    """One row a cell, distance first: observed pairs against the shuffled ones."""
    expected = draws.mean(axis=0)
    bins = len(time) - 1
    return pd.DataFrame(
        {
            "distance_from_m": np.repeat(space[:-1], bins),
            "distance_below_m": np.repeat(space[1:], bins),
            "days_from": np.tile(time[:-1], len(space) - 1),
            "days_below": np.tile(time[1:], len(space) - 1),
            "pairs": pairs,
            "expected": expected,
            "ratio": np.where(expected > 0, pairs / np.where(expected > 0, expected, 1.0), np.nan),
            "p_value": p_values_from_draws(pairs.astype(np.float64), draws, alternative="greater"),
        }
    )


def _check_columns(incidents: pd.DataFrame, names: Sequence[str]) -> None:
    absent = [name for name in names if name not in incidents.columns]
    if absent:
        raise InputError(Problem(where="incidents", what="lack columns", examples=absent))
    if len(incidents) < 2:
        raise InputError(Problem(where="incidents", what="need at least two rows"))


def _edges(argument: str, edges: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(edges, dtype=np.float64)
    if len(values) < 2 or (np.diff(values) <= 0).any() or values[0] < 0:
        raise InputError(
            Problem(
                where=f"argument '{argument}'",
                what=f"must be two or more edges that increase from 0, not {tuple(edges)}",
            )
        )
    return values


def _days(column: pd.Series, name: str) -> Ints:
    where = f"column '{name}'"
    refusal = Problem(
        where=where,
        what="holds months, not days: near repeats within days cannot be seen",
        advice="Use records dated to the day; data.police.uk street files have months only.",
    )
    text = column.astype(str)
    if isinstance(column.dtype, pd.PeriodDtype) or text.str.fullmatch(_MONTH.pattern).all():
        raise InputError(refusal)
    dates = pd.to_datetime(column, errors="coerce")
    bad = np.flatnonzero(dates.isna())
    if len(bad):
        raise InputError(
            Problem(where=where, what="has unreadable dates in rows", examples=bad.tolist())
        )
    if dates.dt.day.nunique() == 1 and dates.dt.to_period("M").nunique() > 1:
        raise InputError(refusal)
    days: Ints = dates.dt.normalize().to_numpy().astype("datetime64[D]").astype(np.int64)
    return days


def _points(incidents: pd.DataFrame, x: str, y: str) -> NDArray[np.float64]:
    points = incidents[[x, y]].to_numpy(dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise InputError(
            Problem(
                where=f"columns '{x}' and '{y}'",
                what="are missing in rows",
                examples=bad.tolist(),
                advice="Leave out incidents without a location, and count them.",
            )
        )
    if (np.abs(points[:, 0]) <= 180).all() and (np.abs(points[:, 1]) <= 90).all():
        raise InputError(
            Problem(
                where=f"columns '{x}' and '{y}'",
                what="look like degrees where metres are needed",
                advice="Project the points first, for Great Britain to EPSG:27700.",
            )
        )
    return points


def _pairs(points: NDArray[np.float64], edges: NDArray[np.float64]) -> tuple[Ints, Ints]:
    tree = cKDTree(points)
    count = (tree.count_neighbors(tree, edges[-1]) - len(points)) // 2
    if count > _MOST_PAIRS:
        raise InputError(
            Problem(
                where="argument 'distance_edges_m'",
                what=f"gives {count:,} pairs within {edges[-1]:g} m, too many to hold",
                advice="Use a shorter distance, or fewer incidents.",
            )
        )
    pairs = tree.query_pairs(edges[-1], output_type="ndarray").astype(np.int64)
    apart = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
    band = np.searchsorted(edges, apart, side="right") - 1
    inside = (band >= 0) & (band < len(edges) - 1)
    return pairs[inside], band[inside].astype(np.int64)


@compiled
def _cross(days: Ints, pairs: Ints, band: Ints, edges: Any, bands: int) -> Any:
    bins = len(edges) - 1
    counted = np.zeros(bands * bins, dtype=np.int64)
    for p in range(len(pairs)):
        apart = abs(days[pairs[p, 0]] - days[pairs[p, 1]])
        for b in range(bins):
            if edges[b] <= apart < edges[b + 1]:
                counted[band[p] * bins + b] += 1
    return counted
