"""Specification curve: sorted estimates above, what each of them is made of below."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from hotspot_eval.report.figures.style import COLOURS, WIDTH, footnote, nothing, styled, tidy

__all__ = ["specification_curve", "specification_frame"]

_CHOICES = {
    "estimator": "Estimator",
    "controls": "Controls",
    "pre_periods": "Periods before",
    "gap": "Gap",
    "outcome": "Outcome",
}
_ROW = 0.235
_HEAD = 3.1


def specification_frame(table: pd.DataFrame) -> pd.DataFrame:
    """What :func:`specification_curve` draws: specifications with an estimate, smallest first.

    Parameters
    ----------
    table : DataFrame
        Of :class:`hotspot_eval.inference.SpecificationCurve`.
    """
    wanted = ["percent", "percent_low", "percent_high", "declared", *_CHOICES]
    known = table.dropna(subset=["percent"]).sort_values("percent", kind="stable")
    shown = known[wanted].reset_index(drop=True)
    shown["pre_periods"] = shown["pre_periods"].astype("object").where(
        shown["pre_periods"].notna(), "all"
    )  # fmt: skip
    return shown


@styled
def specification_curve(
    frame: pd.DataFrame, *, label: str = "Change in events, %", note: str = ""
) -> Figure:
    """Sorted estimates with their intervals, and a panel of dots that says what each is.

    Parameters
    ----------
    frame : DataFrame
        Of :func:`specification_frame`; fewer than two are no curve, and the figure says so.
    label : str
        What the vertical axis measures.
    note : str
        Counts and period.
    """
    if len(frame) < 2:
        return nothing("fewer than two specifications have an estimate")
    rows = _rows(frame)
    heights = (_HEAD, max(_ROW * (len(rows) + 0.5), 0.6))
    figure = Figure(
        figsize=(WIDTH, 0.9 + sum(heights)),
        facecolor="white",
        layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06),
    )
    above, below = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": heights}
    )  # fmt: skip
    _estimates(above, frame, label)
    _dots(below, frame, rows)
    figure.legend(*above.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    footnote(figure, note)
    return figure


def _rows(frame: pd.DataFrame) -> list[tuple[str, object]]:
    """(choice, option) of every row of dots; a choice with one option says nothing."""
    rows: list[tuple[str, object]] = []
    for name in _CHOICES:
        options = list(dict.fromkeys(frame[name]))
        if len(options) > 1:
            first = frame.loc[frame["declared"], name]
            lead = [option for option in options if len(first) and option == first.iloc[0]]
            rest = sorted((o for o in options if o not in lead), key=_order)
            rows += [(name, option) for option in (*lead, *rest)]
    return rows


def _order(option: object) -> tuple[bool, float, str]:
    number = isinstance(option, int | float | np.integer)
    return (not number, float(str(option)) if number else 0.0, str(option))


def _estimates(axes: Axes, frame: pd.DataFrame, label: str) -> None:
    place = np.arange(len(frame))
    points = frame["percent"].to_numpy(dtype=float)
    low, high = (frame[f"percent_{end}"].to_numpy(dtype=float) for end in ("low", "high"))
    limits = _limits(points, low, high)
    apart = (low > 0) | (high < 0)
    axes.axhline(0, color=COLOURS["ink"], linewidth=1.2, zorder=1)
    median = float(np.median(points))
    axes.axhline(
        median, color=COLOURS["control"], linewidth=1.6, linestyle="--", zorder=1,
        label=f"Median {median:+.0f}%".replace("-", "−"),
    )  # fmt: skip
    wide = max(0.8, min(4.0, 260 / len(frame)))
    axes.vlines(
        place, np.clip(low, *limits), np.clip(high, *limits), color=COLOURS["line"],
        linewidth=wide, zorder=2, label="Interval of the estimator itself",
    )  # fmt: skip
    size = max(2.5, min(6.0, 340 / len(frame)))
    edge = 0.02 * (limits[1] - limits[0])
    for beyond, end, marker in (
        (low < limits[0], limits[0] + edge, "v"),
        (high > limits[1], limits[1] - edge, "^"),
    ):
        axes.plot(
            place[beyond], np.full(int(beyond.sum()), end), linestyle="", marker=marker,
            markersize=min(size + 1.0, 6.0), color=COLOURS["soft"], zorder=3,
        )  # fmt: skip
    for inside, face, text in (
        (apart, COLOURS["ink"], "Interval leaves out no change"),
        (~apart, "white", "Interval includes no change"),
    ):
        if inside.any():
            axes.plot(
                place[inside], points[inside], linestyle="", marker="o", markersize=size,
                markerfacecolor=face, markeredgecolor=COLOURS["ink"], zorder=3, label=text,
            )  # fmt: skip
    told = frame["declared"].to_numpy(dtype=bool)
    if told.any():
        axes.plot(
            place[told], points[told], linestyle="", marker="D", markersize=10, zorder=4,
            markerfacecolor=COLOURS["treated"], markeredgecolor="white", label="As declared",
        )  # fmt: skip
    axes.set_ylim(*limits)
    axes.set_ylabel(label)
    tidy(axes)
    axes.spines["bottom"].set_visible(False)


def _limits(
    points: np.ndarray[tuple[int], np.dtype[np.float64]],
    low: np.ndarray[tuple[int], np.dtype[np.float64]],
    high: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, float]:
    """All estimates, and intervals of usual width: a few wide ones hide no other."""
    below, above = points - low, high - points
    reach = [2.0 * float(np.median(w[np.isfinite(w)])) if np.isfinite(w).any() else 0.0
             for w in (below, above)]  # fmt: skip
    ends = np.concatenate([low, high])
    ends = ends[np.isfinite(ends)]
    bottom = min(max(points.min() - reach[0], ends.min(initial=points.min())), points.min(), 0.0)
    top = max(min(points.max() + reach[1], ends.max(initial=points.max())), points.max(), 0.0)
    room = 0.06 * ((top - bottom) or 1.0)
    return bottom - room, top + room


def _dots(axes: Axes, frame: pd.DataFrame, rows: list[tuple[str, object]]) -> None:
    place = np.arange(len(frame))
    told = frame["declared"].to_numpy(dtype=bool)
    size = max(2.5, min(6.5, 340 / len(frame)))
    ticks: list[str] = []
    begun = ""
    for row, (name, option) in enumerate(rows):
        if name != begun and row:
            axes.axhline(row - 0.5, color=COLOURS["line"], linewidth=0.8)
        begun = name
        here = (frame[name] == option).to_numpy(dtype=bool)
        for inside, colour, marker, grow in (
            (here & ~told, COLOURS["soft"], "|", 1.5),
            (here & told, COLOURS["treated"], "D", 1.3),
        ):
            axes.plot(
                place[inside], np.full(int(inside.sum()), row), linestyle="", marker=marker,
                markersize=grow * size, color=colour, markeredgewidth=1.2,
            )  # fmt: skip
        ticks.append(f"{_CHOICES[name]}: {_short(str(option))}")
    axes.set_yticks(range(len(rows)), ticks)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-1, len(frame))
    axes.set_xticks([])
    axes.set_xlabel(f"{len(frame)} specifications, from the smallest estimate to the largest")
    tidy(axes)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)


def _short(text: str) -> str:
    return text if len(text) <= 34 else f"{text[:32]}…"
