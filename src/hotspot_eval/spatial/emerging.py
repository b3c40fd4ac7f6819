"""Emerging hot spots: where clusters are new, growing, steady, fading or gone."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

import numpy as np
import pandas as pd
from libpysal.graph import Graph
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import Panel
from hotspot_eval.significance import Adjustment, adjust_p_values
from hotspot_eval.spatial.aligned import Links, read_graph
from hotspot_eval.spatial.local_moments import getis_ord_score
from hotspot_eval.spatial.local_p_values import binary, exact_p_values
from hotspot_eval.spatial.trend import mann_kendall

__all__ = ["CATEGORIES", "Comparison", "EmergingHotSpots", "emerging_hotspots"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Comparison = Literal["period", "cube"]
CATEGORIES = (
    "new",
    "consecutive",
    "intensifying",
    "persistent",
    "diminishing",
    "sporadic",
    "oscillating",
    "historical",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EmergingHotSpots:
    """Gi* of every area and period, its trend, and a category for every area.

    Parameters
    ----------
    areas : tuple of str, length N
        In the order of the graph.
    periods : tuple of str, length T
        The last period of each window.
    z, p_adjusted : ndarray, shape (N, T)
        Gi* scores, and two-sided exact p-values adjusted over the whole cube.
    hot, cold : ndarray of bool, shape (N, T)
        Significant and above, below expectation.
    trend_z, trend_p : ndarray, shape (N,)
        Mann–Kendall of the Gi* series.
    category : ndarray of str, shape (N,)
        ``"new hot spot"``, ``"intensifying cold spot"``, …, ``"no pattern"`` or ``"isolate"``.
    level : float
    adjust : str
    """

    areas: tuple[str, ...]
    periods: tuple[str, ...]
    z: Array
    p_adjusted: Array
    hot: Mask
    cold: Mask
    trend_z: Array
    trend_p: Array
    category: NDArray[np.object_]
    level: float
    adjust: Adjustment

    def to_frame(self) -> pd.DataFrame:
        """One row an area: category, periods hot and cold, last z, trend."""
        return pd.DataFrame(
            {
                "area": self.areas,
                "category": self.category,
                "periods_hot": self.hot.sum(axis=1),
                "periods_cold": self.cold.sum(axis=1),
                "last_z": self.z[:, -1],
                "trend_z": self.trend_z,
                "trend_p": self.trend_p,
            }
        )

    def counts(self) -> pd.Series:
        """Number of areas in each category, the largest first."""
        return pd.Series(self.category, name="areas").value_counts().rename_axis("category")

    def __repr__(self) -> str:
        found = ", ".join(f"{count} {name}" for name, count in self.counts().items())
        return (
            f"Emerging hot spots of {len(self.areas):,} areas × {len(self.periods)} periods "
            f"({self.adjust} over the cube at {self.level:g}): {found}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def emerging_hotspots(
    panel: Panel,
    graph: Graph,
    *,
    compare: Comparison = "period",
    window_periods: int = 1,
    level: float = 0.05,
    adjust: Adjustment = "fdr_bh",
    steady_share: float = 0.9,
) -> EmergingHotSpots:
    """Gi* in every period, its trend, and what kind of hot or cold spot each area is.

    Parameters
    ----------
    panel : Panel
        One outcome, every cell observed.
    graph : libpysal.graph.Graph
        Binary, or equal weights within a row.
    compare : {"period", "cube"}
        What a neighbourhood is compared with: the other areas in its own period, so that a rise
        everywhere is no hot spot; or every area in every period.
    window_periods : int
        Periods summed into each value; windows overlap and end in every period from this one on.
    level : float
        For hot and cold cells after adjustment, and for the trend.
    adjust : {"fdr_bh", "fdr_by", "holm", "none"}
        Over all areas and periods as one family.
    steady_share : float
        Share of periods from which an area counts as steadily hot.

    Returns
    -------
    EmergingHotSpots

    Raises
    ------
    InputError
        If cells are missing, areas do not match the graph, or fewer than three windows fit.

    Notes
    -----
    Categories, first that fits, for hot spots (cold spots alike). Hot in at least ``steady_share``
    of the periods: *historical* (not in the last), *intensifying* or *diminishing* (by the trend),
    *persistent*. Hot in the last period but less often: *new* (never before), *consecutive* (one
    unbroken run to the end), *oscillating* (cold at some time), *sporadic*. Otherwise no pattern.

    References
    ----------
    Ord & Getis (1995), https://doi.org/10.1111/j.1538-4632.1995.tb00912.x; Mann (1945),
    https://doi.org/10.2307/1907187
    """
    check_choice("compare", compare, get_args(Comparison))
    check_choice("adjust", adjust, get_args(Adjustment))
    links = read_graph(graph)
    counts = _windows(_counts_of(panel, links), window_periods)
    z, p_value = _compared(counts, links, compare)
    alone = links.degree == 0
    z[alone], p_value[alone] = np.nan, np.nan
    p_adjusted = adjust_p_values(p_value, method=adjust)
    with np.errstate(invalid="ignore"):
        found = p_adjusted <= level
        hot, cold = found & (z > 0), found & (z < 0)
    trend = mann_kendall(z)
    label = _categories(hot, cold, trend.z, trend.p_value <= level, steady_share)
    label[alone] = "isolate"
    back = links.place
    return EmergingHotSpots(
        areas=links.labels,
        periods=panel.periods.labels[window_periods - 1 :],
        z=z[back],
        p_adjusted=p_adjusted[back],
        hot=hot[back],
        cold=cold[back],
        trend_z=trend.z[back],
        trend_p=trend.p_value[back],
        category=label[back],
        level=level,
        adjust=adjust,
    )


def _counts_of(panel: Panel, links: Links) -> NDArray[np.int64]:
    values, observed = panel.single()
    problems: list[Problem] = []
    apart = sorted(set(panel.areas) ^ set(links.ids))
    if apart:
        problems.append(
            Problem(
                where="panel and graph",
                what="do not have the same areas",
                examples=apart,
                advice="Use panel.select(areas=…), or a graph of these areas.",
            )
        )
    gaps = [panel.periods.labels[t] for t in np.flatnonzero(~observed.all(axis=0))]
    if gaps:
        problems.append(
            Problem(
                where="panel",
                what="has missing cells in periods",
                examples=gaps,
                advice="A missing month is not a zero: choose a stretch without gaps.",
            )
        )
    if (values != np.rint(values)).any() or (values < 0).any():
        problems.append(Problem(where="panel", what="holds no counts"))
    if problems:
        raise InputError(*problems)
    return values.astype(np.int64)


def _windows(counts: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    windows = counts.shape[1] - width + 1
    if width < 1 or windows < 3:
        raise InputError(
            Problem(
                where="argument 'window_periods'",
                what=f"of {width} leaves {max(windows, 0)} windows in {counts.shape[1]} periods; "
                "three are needed",
            )
        )
    running = np.cumsum(np.pad(counts, ((0, 0), (1, 0))), axis=1)
    return running[:, width:] - running[:, :-width]


def _compared(counts: NDArray[np.int64], links: Links, compare: Comparison) -> tuple[Array, Array]:
    sums = binary(links) @ counts
    weight = np.broadcast_to(links.degree[:, None], counts.shape)
    shape = counts.shape
    if compare == "cube":
        counts, sums, weight = (cells.reshape(-1, 1) for cells in (counts, sums, weight))
    degree = weight[:, 0]
    own = (degree[:, None] + 1).astype(np.float64)
    z = getis_ord_score(counts.astype(np.float64), (sums + counts).astype(np.float64), own, own)
    p_value = exact_p_values(
        counts, sums, degree, np.ones(counts.shape, dtype=np.int8), "two-sided", mid_p=False
    )
    return z.reshape(shape), p_value.reshape(shape)


def _categories(
    hot: Mask, cold: Mask, trend_z: Array, trended: Mask, steady_share: float
) -> NDArray[np.object_]:
    label = np.full(len(hot), "no pattern", dtype=object)
    for kind, cells, other in (("hot", hot, cold), ("cold", cold, hot)):
        share = cells.mean(axis=1)
        last = cells[:, -1]
        run = np.cumprod(cells[:, ::-1], axis=1).sum(axis=1)
        once = run == cells.sum(axis=1)
        steady = share >= steady_share
        away = trended & (trend_z > 0 if kind == "hot" else trend_z < 0)
        back = trended & ~away
        rules = (
            (steady & ~last, "historical"),
            (steady & away, "intensifying"),
            (steady & back, "diminishing"),
            (steady, "persistent"),
            (last & once & (run == 1), "new"),
            (last & once, "consecutive"),
            (last & other.any(axis=1), "oscillating"),
            (last, "sporadic"),
        )
        free = label == "no pattern"
        for where, name in rules:
            label[free & where] = f"{name} {kind} spot"
            free &= ~where
    return label
