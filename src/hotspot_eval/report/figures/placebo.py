"""Where the real estimate lies among estimates made where nothing was done."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.figures.style import COLOURS, footnote, new_figure, nothing, styled, tidy

__all__ = ["bin_count", "mark_distribution", "placebo"]


@styled
def placebo(
    draws: ArrayLike,
    *,
    estimate: float,
    label: str = "Change in events, %",
    note: str = "",
) -> Figure:
    """Histogram of placebo estimates, their mean, no change and the real estimate.

    Parameters
    ----------
    draws : array_like, shape (R,)
        Placebo estimates on the scale that is shown; NaN is refused. Fewer than two are no
        distribution, and the figure says so.
    estimate : float
        The real one, on the same scale.
    label : str
        What the horizontal axis measures.
    note : str
        How many placebos, from where and when.

    Raises
    ------
    InputError
        If the draws are no vector of finite numbers.
    """
    values = np.asarray(draws, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError(Problem(where="placebo, draws", what="must be a vector of finite numbers"))
    if len(values) < 2:
        return nothing("there are fewer than two placebo estimates")
    figure, axes = new_figure(4.2)
    axes.hist(
        values, bins=bin_count(values), color=COLOURS["line"],
        edgecolor="white", linewidth=0.8, label=f"{len(values):,} placebo estimates",
    )  # fmt: skip
    mark_distribution(
        axes,
        centre=(float(values.mean()), "Mean of the placebo estimates"),
        estimate=(estimate, "Real estimate"),
    )
    axes.set_xlabel(label)
    axes.set_ylabel("Placebo estimates")
    tidy(axes)
    figure.legend(loc="outside upper left", ncols=2)
    footnote(figure, note)
    return figure


def bin_count(values: NDArray[np.float64]) -> int:
    """Bars of a histogram of estimates: 1.5 times the root of their number, 8 to 40."""
    return min(40, max(8, int(np.sqrt(len(values)) * 1.5)))


def mark_distribution(
    axes: Axes, *, centre: tuple[float, str], estimate: tuple[float, str]
) -> None:
    """No change, the centre of a distribution and the estimate in it, each with its label."""
    axes.axvline(0, color=COLOURS["ink"], linewidth=1.2, label="No change")
    axes.axvline(centre[0], color=COLOURS["control"], linewidth=2, linestyle="--", label=centre[1])
    if np.isfinite(estimate[0]):
        axes.axvline(estimate[0], color=COLOURS["treated"], linewidth=3, label=estimate[1])
