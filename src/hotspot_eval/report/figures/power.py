"""Power curve: how often a reduction of each size would have been found."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hotspot_eval.report.figures.style import COLOURS, footnote, new_figure, nothing, styled, tidy

__all__ = ["power_curve"]


@styled
def power_curve(
    curve: pd.DataFrame, *, power: float, detectable: float = float("nan"), note: str = ""
) -> Figure:
    """Probability of detection by size of the reduction, with the smallest one that is found.

    Parameters
    ----------
    curve : DataFrame
        Of :class:`hotspot_eval.planning.DetectableEffect`: percent (negative), power; drawn up to
        where nearly every study finds it. An empty one gives a figure that says so.
    power : float
        Probability asked for.
    detectable : float
        The minimum detectable effect in per cent (negative); NaN where no reduction is found.
    note : str
        Counts and period.
    """
    if len(curve) < 2:
        return nothing("there is no reference distribution to read the power from")
    sure = np.flatnonzero(curve["power"].to_numpy(dtype=float) > 0.995)
    if len(sure):
        curve = curve.iloc[: max(int(sure[0]) + 2, 3)]
    figure, axes = new_figure(3.9)
    size = -curve["percent"].to_numpy(dtype=float)
    found = 100.0 * curve["power"].to_numpy(dtype=float)
    axes.axhline(
        100 * power, color=COLOURS["control"], linewidth=1.6, linestyle="--",
        label=f"Target: {power:.0%}",
    )  # fmt: skip
    axes.plot(
        size, found, color=COLOURS["treated"], linewidth=2.4, marker="o", markersize=5,
        label="Found by the declared method",
    )  # fmt: skip
    if np.isfinite(detectable):
        axes.plot(
            [-detectable], [100 * power], marker="D", markersize=10, linestyle="", zorder=4,
            markerfacecolor=COLOURS["ink"], markeredgecolor="white",
            label=f"Smallest detectable reduction: {-detectable:.0f}%",
        )  # fmt: skip
    axes.set_xlabel("True reduction, % of the events expected")
    axes.set_ylabel("Probability of detecting it, %")
    axes.set_ylim(0, 103)
    axes.set_xlim(size.min() - 1, size.max() + 1)
    tidy(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    footnote(figure, note)
    return figure
