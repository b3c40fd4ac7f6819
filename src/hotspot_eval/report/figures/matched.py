"""How much an estimate hangs on which matched controls were taken."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hotspot_eval.report.figures.placebo import bin_count, mark_distribution
from hotspot_eval.report.figures.style import COLOURS, footnote, new_figure, nothing, styled, tidy

__all__ = ["matched_sets"]

_ALIKE = 0.25


@styled
def matched_sets(
    frame: pd.DataFrame,
    *,
    estimate: float,
    label: str = "Plain estimate, on its own scale",
    note: str = "",
) -> Figure:
    """Histogram of the estimates against many matched sets, by how well the sets are balanced.

    Parameters
    ----------
    frame : DataFrame
        One row a set: estimate, worst_difference (in standard deviations); sets without an
        estimate are left out. Fewer than two are no distribution, and the figure says so.
    estimate : float
        Against the declared controls, on the same scale.
    label : str
        What the horizontal axis measures.
    note : str
        How many sets, of which areas.
    """
    kept = frame.dropna(subset=["estimate"]) if "estimate" in frame else pd.DataFrame()
    if len(kept) < 2:
        return nothing("there are fewer than two matched sets of controls")
    values = kept["estimate"].to_numpy(dtype=float)
    alike = kept["worst_difference"].to_numpy(dtype=float) <= _ALIKE
    figure, axes = new_figure(4.2)
    axes.hist(
        [values[alike], values[~alike]], stacked=True, edgecolor="white", linewidth=0.8,
        bins=np.histogram_bin_edges(values, bins=bin_count(values)).tolist(),
        color=[COLOURS["catchment"], COLOURS["line"]],
        label=[
            f"{alike.sum():,} sets within {_ALIKE} standard deviations of the treated",
            f"{(~alike).sum():,} sets further away",
        ],
    )  # fmt: skip
    mark_distribution(
        axes,
        centre=(float(np.median(values)), "Median of the sets"),
        estimate=(estimate, "Declared controls"),
    )
    axes.set_xlabel(label)
    axes.set_ylabel("Matched sets")
    tidy(axes)
    figure.legend(loc="outside upper left", ncols=2)
    footnote(figure, note)
    return figure
