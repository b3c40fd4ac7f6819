"""Forest plot of sites twice over: as they were found, and drawn towards their mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.figures.forest import forest_frame, limits_of, short
from hotspot_eval.report.figures.style import COLOURS, footnote, new_figure, styled, tidy
from hotspot_eval.results import Effect

__all__ = ["partial_pooling", "partial_pooling_frame"]

_ROW = 0.44
_APART = 0.17
_MEAN = "Mean of all sites"


def partial_pooling_frame(
    own: Mapping[str, Effect], drawn: Mapping[str, Effect], mean: Effect
) -> pd.DataFrame:
    """What :func:`partial_pooling` draws: label, kind, estimate, low, high, note; in per cent.

    Parameters
    ----------
    own, drawn : mapping of label to Effect
        Each site's own effect, and the same partially pooled; sites may be absent from ``drawn``.
    mean : Effect
        Over all sites; the last row.
    """
    parts = [
        forest_frame(effects).assign(kind=kind)
        for kind, effects in (("own", own), ("drawn", drawn), ("mean", {_MEAN: mean}))
    ]
    frame = pd.concat([part for part in parts if len(part)], ignore_index=True)
    order = {label: place for place, label in enumerate([*own, _MEAN])}
    frame = frame[frame["label"].isin(order)].assign(place=frame["label"].map(order))
    frame = frame.sort_values("place", kind="stable", ignore_index=True)
    return frame[["label", "kind", "estimate", "low", "high", "note"]]


@styled
def partial_pooling(
    frame: pd.DataFrame, *, label: str = "Change in events, %", note: str = ""
) -> Figure:
    """Each site's own estimate above what partial pooling makes of it, and their mean.

    Parameters
    ----------
    frame : DataFrame
        Of :func:`partial_pooling_frame`.
    label : str
        What the horizontal axis measures.
    note : str
        Counts and period.

    Raises
    ------
    InputError
        If there is no site.
    """
    labels = list(dict.fromkeys(frame["label"]))
    if len(labels) < 2:
        raise InputError(Problem(where="partial pooling", what="has no site to draw"))
    figure, axes = new_figure(1.6 + _ROW * len(labels))
    limits = limits_of(frame)
    axes.axvline(0, color=COLOURS["ink"], linewidth=1.2, zorder=1)
    _band(axes, frame, limits)
    numbers = frame[["estimate", "low", "high"]].to_numpy(dtype=float)
    drawn = set(frame.loc[frame["kind"] == "drawn", "label"])
    seen: set[str] = set()
    for row, (site, kind) in enumerate(zip(frame["label"], frame["kind"], strict=True)):
        place = labels.index(site) + _shift(kind, site in drawn)
        if np.isnan(numbers[row, 0]):
            if kind == "own":
                axes.text(
                    0.015, place, str(frame["note"].iloc[row]) or "no estimate", va="center",
                    transform=axes.get_yaxis_transform(), color=COLOURS["soft"], style="italic",
                )  # fmt: skip
            continue
        _mark(axes, place, numbers[row], limits, kind, named=kind not in seen)
        seen.add(kind)
    axes.set_yticks(range(len(labels)), [short(site) for site in labels])
    axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(*limits)
    axes.set_xlabel(label)
    tidy(axes, grid="x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    footnote(figure, note)
    return figure


_LOOKS = {
    "own": ("Site's own estimate", COLOURS["control"], "o", 1.6, 6.0),
    "drawn": ("Drawn to the mean (partial pooling)", COLOURS["treated"], "s", 2.6, 6.5),
    "mean": (_MEAN, COLOURS["ink"], "D", 3.0, 9.0),
}


def _shift(kind: str, both: bool) -> float:
    return {"own": -_APART, "drawn": _APART}.get(kind, 0.0) if both else 0.0


def _band(axes: Axes, frame: pd.DataFrame, limits: tuple[float, float]) -> None:
    """Where the mean lies, behind all sites."""
    mean = frame[frame["kind"] == "mean"].iloc[0]
    if np.isfinite([mean["low"], mean["high"]]).all():
        ends = max(mean["low"], limits[0]), min(mean["high"], limits[1])
        axes.axvspan(*ends, color=COLOURS["pale"], zorder=0, label="Interval of the mean")


def _mark(
    axes: Axes,
    place: float,
    numbers: NDArray[np.float64],
    limits: tuple[float, float],
    kind: str,
    *,
    named: bool,
) -> None:
    estimate, low, high = numbers.tolist()
    told, colour, mark, width, size = _LOOKS[kind]
    if np.isfinite([low, high]).all():
        ends = max(low, limits[0]), min(high, limits[1])
        axes.plot(ends, [place, place], color=colour, linewidth=width, zorder=2)
        for end, beyond, arrow in (
            (ends[0], low < limits[0], "<"),
            (ends[1], high > limits[1], ">"),
        ):
            if beyond:
                axes.plot([end], [place], marker=arrow, color=colour, clip_on=False, zorder=3)
    axes.plot(
        [min(max(estimate, limits[0]), limits[1])], [place], linestyle="",
        marker=mark, markersize=size, markerfacecolor="white" if kind == "own" else colour,
        markeredgecolor=colour, markeredgewidth=1.4, zorder=4, label=told if named else None,
    )  # fmt: skip
