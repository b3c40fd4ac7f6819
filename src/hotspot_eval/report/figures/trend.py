"""Treated against control over time, indexed to the window before the operation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hotspot_eval.design import Assignment, Design
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel
from hotspot_eval.report.figures.style import (
    COLOURS,
    footnote,
    new_figure,
    period_ticks,
    styled,
    tidy,
)

__all__ = ["trend", "trend_frame"]

_LINES = {
    "treated": ("Treated", "-", "o", "treated"),
    "control": ("Control", "--", "s", "control"),
    "catchment": ("Catchment", ":", "^", "catchment"),
}


def trend_frame(panel: Panel, design: Design) -> pd.DataFrame:
    """What :func:`trend` draws: period, window, and events in areas of each role.

    Parameters
    ----------
    panel : Panel
        Of one outcome.
    design : Design

    Returns
    -------
    DataFrame
        One row a period: ``period``; ``window`` (``before``, ``gap``, ``after``, ``mixed`` where
        some treated areas have started and others not, ``outside``); ``treated``, ``control`` and,
        if there is one, ``catchment``: events, missing where a cell of that role is missing.
    """
    counts, observed = panel.single()
    laid = design.on(panel)
    frame = pd.DataFrame({"period": list(panel.periods.labels), "window": _windows(laid)})
    for role in _LINES:
        rows = np.flatnonzero(laid.role == role)
        if len(rows):
            whole = observed[rows].all(axis=0)
            frame[role] = np.where(whole, counts[rows].sum(axis=0), np.nan)
    return frame


@styled
def trend(frame: pd.DataFrame, *, note: str = "") -> Figure:
    """Events in treated and control areas, as an index: mean of the window before = 100.

    Parameters
    ----------
    frame : DataFrame
        Of :func:`trend_frame`, protected if it is for publication: the index is derived here,
        after protection.
    note : str
        Counts and period.

    Raises
    ------
    InputError
        If no period lies before the operation, or no events were counted there.
    """
    before = (frame["window"] == "before").to_numpy()
    if not before.any():
        raise InputError(
            Problem(
                where="trend",
                what="has no period before the operation to compare with",
                advice="Use a design whose windows begin before its first start.",
            )
        )
    figure, axes = new_figure(4.6)
    axes.axhline(100, color=COLOURS["soft"], linewidth=0.9)
    _shade(axes, frame["window"].tolist())
    for role, (name, line, marker, colour) in _LINES.items():
        if role in frame:
            values = _index(frame[role].to_numpy(dtype=float), before, role)
            axes.plot(
                values, line, color=COLOURS[colour], marker=marker, markersize=5, linewidth=2,
                markeredgecolor="white", markeredgewidth=0.6, label=name,
            )  # fmt: skip
    axes.set_ylabel("Index, before = 100")
    axes.set_xlim(-0.5, len(frame) - 0.5)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]), top=axes.get_ylim()[1] * 1.04)
    period_ticks(axes, [str(label) for label in frame["period"]])
    tidy(axes)
    axes.tick_params(axis="x", pad=7)
    figure.legend(loc="outside upper left", ncols=4, handlelength=3)
    footnote(figure, note)
    return figure


def _windows(laid: Assignment) -> list[str]:
    rows = laid.rows("treated")
    when = np.arange(laid.used.shape[1])
    started = when >= laid.first[rows][:, None]
    used = laid.used[rows]
    begun = int(used.any(axis=0).argmax())
    return [
        _window(
            pre=bool((used[:, t] & ~started[:, t]).any()),
            post=bool((used[:, t] & started[:, t]).any()),
            waiting=bool(t > begun and not started[:, t].all()),
        )
        for t in when
    ]


def _window(*, pre: bool, post: bool, waiting: bool) -> str:
    if pre and post:
        return "mixed"
    if pre or post:
        return "before" if pre else "after"
    return "gap" if waiting else "outside"


def _index(
    counts: NDArray[np.float64], before: NDArray[np.bool_], role: str
) -> NDArray[np.float64]:
    base = counts[before][np.isfinite(counts[before])]
    if not len(base) or not base.mean() > 0:
        raise InputError(
            Problem(where=f"trend, {role}", what="has no events before the operation to index on")
        )
    index: NDArray[np.float64] = 100.0 * counts / base.mean()
    return index


def _shade(axes: Axes, windows: list[str]) -> None:
    looks = {
        "before": ("#e6ebef", "Window before"),
        "mixed": ("#dbe7eb", "Between first and last start"),
        "after": ("#cfe3e8", "Window after the start"),
    }
    named: set[str] = set()
    first = 0
    for place in range(1, len(windows) + 1):
        if place < len(windows) and windows[place] == windows[first]:
            continue
        window = windows[first]
        if window in looks:
            colour, name = looks[window]
            label = "_" if window in named else name
            axes.axvspan(first - 0.5, place - 0.5, color=colour, linewidth=0, label=label, zorder=0)
            named.add(window)
        first = place
