"""Forest plot: one effect a row, for sites, methods or zones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.report.figures.style import COLOURS, footnote, new_figure, styled, tidy
from hotspot_eval.results import Effect, Effects

__all__ = ["forest", "forest_frame", "limits_of", "short"]

Shown = Literal["percent", "estimate"]
_ROW = 0.36


def forest_frame(
    effects: Mapping[str, Effect | None] | Effects, *, show: Shown = "percent"
) -> pd.DataFrame:
    """What :func:`forest` draws: label, estimate, low, high, note.

    Parameters
    ----------
    effects : mapping of label to Effect, or Effects
        ``None`` keeps a row for what has no estimate (a failed site).
    show : {"percent", "estimate"}
        Per cent change (log scale effects only; others become a note), or the effect's own scale.
    """
    check_choice("show", show, get_args(Shown))
    pairs: Iterable[tuple[str, Effect | None]]
    if isinstance(effects, Effects):
        pairs = zip(effects.labels, effects, strict=True)
    else:
        pairs = effects.items()
    rows = []
    for label, effect in pairs:
        told, note = _told(effect, show)
        rows.append((label, *told, note))
    return pd.DataFrame(rows, columns=["label", "estimate", "low", "high", "note"])


@styled
def forest(
    frame: pd.DataFrame,
    *,
    label: str = "Change in events, %",
    emphasis: Iterable[str] = (),
    note: str = "",
) -> Figure:
    """Estimates with intervals, one a row, and the line of no change.

    Parameters
    ----------
    frame : DataFrame
        Of :func:`forest_frame`: label, estimate, low, high, note. Rows without an estimate stay,
        with their note.
    label : str
        What the horizontal axis measures.
    emphasis : iterable of str
        Labels drawn as a filled diamond (the pooled or the primary effect).
    note : str
        Counts and period.

    Raises
    ------
    InputError
        If there is no row.
    """
    if frame.empty:
        raise InputError(Problem(where="forest", what="has no row to draw"))
    strong = set(emphasis)
    figure, axes = new_figure(1.25 + _ROW * len(frame))
    limits = limits_of(frame)
    axes.axvline(0, color=COLOURS["ink"], linewidth=1.2, zorder=1)
    numbers = frame[["estimate", "low", "high"]].to_numpy(dtype=float)
    for place, (text, reason) in enumerate(zip(frame["label"], frame["note"], strict=True)):
        if np.isnan(numbers[place, 0]):
            axes.text(
                0.015, place, str(reason) or "no estimate", va="center", ha="left",
                transform=axes.get_yaxis_transform(), color=COLOURS["soft"], style="italic",
            )  # fmt: skip
        else:
            _row(axes, place, numbers[place], limits, strong=str(text) in strong)
    axes.set_yticks(range(len(frame)), [short(str(text)) for text in frame["label"]])
    axes.set_ylim(len(frame) - 0.4, -0.6)
    axes.set_xlim(*limits)
    axes.set_xlabel(label)
    tidy(axes, grid="x")
    for text, name in zip(axes.get_yticklabels(), frame["label"], strict=True):
        text.set_fontweight("bold" if str(name) in strong else "normal")
    footnote(figure, note)
    return figure


def _row(
    axes: Axes,
    place: int,
    numbers: NDArray[np.float64],
    limits: tuple[float, float],
    *,
    strong: bool,
) -> None:
    estimate, low, high = numbers.tolist()
    colour = COLOURS["treated"] if strong else COLOURS["ink"]
    if not (math.isnan(low) or math.isnan(high)):
        ends = max(low, limits[0]), min(high, limits[1])
        axes.plot(ends, [place, place], color=colour, linewidth=3 if strong else 2, zorder=2)
        for end, beyond, marker in (
            (ends[0], low < limits[0], "<"),
            (ends[1], high > limits[1], ">"),
        ):
            if beyond:
                axes.plot([end], [place], marker=marker, color=colour, clip_on=False, zorder=3)
    axes.plot(
        [min(max(estimate, limits[0]), limits[1])], [place],
        marker="D" if strong else "o", markersize=9 if strong else 7,
        markerfacecolor=colour, markeredgecolor="white", zorder=4,
    )  # fmt: skip


def limits_of(frame: pd.DataFrame) -> tuple[float, float]:
    """Span of the estimates and of nearly all interval ends: one wide row must not hide others."""
    points = frame["estimate"].to_numpy(dtype=float)
    ends = frame[["low", "high"]].to_numpy(dtype=float)
    finite = np.concatenate([points[np.isfinite(points)], [0.0]])
    ends = np.clip(ends, *(_fence(points, ends)))
    inside = ends[np.isfinite(ends)]
    low = min(finite.min(), inside.min(initial=0.0))
    high = max(finite.max(), inside.max(initial=0.0))
    reach = (high - low) or 1.0
    return low - 0.06 * reach, high + 0.06 * reach


def _fence(points: NDArray[np.float64], ends: NDArray[np.float64]) -> tuple[float, float]:
    widths = (ends[:, 1] - ends[:, 0])[np.isfinite(ends).all(axis=1)]
    spread = points[np.isfinite(points)]
    if not len(widths) or not len(spread):
        return -np.inf, np.inf
    reach = 2.0 * float(np.median(widths))
    return float(spread.min()) - reach, float(spread.max()) + reach


def _told(effect: Effect | None, show: Shown) -> tuple[tuple[float, float, float], str]:
    nothing = (math.nan, math.nan, math.nan)
    if effect is None:
        return nothing, "no estimate"
    if math.isnan(effect.estimate):
        return nothing, "; ".join(effect.notes)
    if show == "estimate":
        return (effect.estimate, effect.ci_low, effect.ci_high), ""
    if effect.scale != "log_irr":
        return nothing, f"on the {effect.scale} scale, no per cent change"
    told = effect.percent_change()
    return (told.value, told.low, told.high), ""


def short(text: str) -> str:
    """A label that leaves room for what it labels."""
    return text if len(text) <= 38 else f"{text[:36]}…"
