"""Effects by time since the start, with the base period and the start marked."""

from __future__ import annotations

import re

import pandas as pd
from matplotlib.figure import Figure

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.figures.style import COLOURS, footnote, new_figure, styled, tidy
from hotspot_eval.results import Effects

__all__ = ["event_study", "event_study_frame"]


def event_study_frame(effects: Effects) -> pd.DataFrame:
    """What :func:`event_study` draws: event_time, estimate, low, high, on the scale shown.

    Log scale effects are told in per cent; others keep their scale. The base period is the row
    with no standard error.

    Raises
    ------
    InputError
        If a label holds no event time.
    """
    rows = []
    for label, effect in zip(effects.labels, effects, strict=True):
        found = re.search(r"[-−]?\d+", label)
        if found is None:
            raise InputError(
                Problem(where="event study", what=f"label {label!r} holds no event time")
            )
        log = effect.scale == "log_irr"
        told = effect.percent_change() if log else None
        numbers = (
            (told.value, told.low, told.high)
            if told is not None
            else (effect.estimate, effect.ci_low, effect.ci_high)
        )
        base = not effect.std_error > 0 and effect.estimate == 0
        rows.append((int(found.group().replace("−", "-")), *numbers, base))
    frame = pd.DataFrame(rows, columns=["event_time", "estimate", "low", "high", "base"])
    return frame.sort_values("event_time", ignore_index=True)


@styled
def event_study(
    frame: pd.DataFrame,
    *,
    label: str = "Change in events, %",
    unit: str = "periods",
    note: str = "",
) -> Figure:
    """Estimates with intervals by event time; no change is the horizontal line.

    Parameters
    ----------
    frame : DataFrame
        Of :func:`event_study_frame`.
    label, unit : str
        What the vertical axis measures; what event time is counted in (``"months"``).
    note : str
        Counts and period.
    """
    figure, axes = new_figure(4.4)
    axes.axhline(0, color=COLOURS["ink"], linewidth=1.2, zorder=1)
    axes.axvline(-0.5, color=COLOURS["soft"], linewidth=1.2, linestyle="--", zorder=1)
    looks = (("Before the start", frame["event_time"] < 0, "control", "s"),
             ("From the start", frame["event_time"] >= 0, "treated", "o"))  # fmt: skip
    for name, chosen, colour, marker in looks:
        part = frame[chosen & ~frame["base"]]
        time = part["event_time"].to_numpy(dtype=float)
        limits = part[["low", "high"]].to_numpy(dtype=float)
        axes.vlines(time, limits[:, 0], limits[:, 1], color=COLOURS[colour], linewidth=2)
        axes.plot(
            time, part["estimate"], marker, color=COLOURS[colour], markersize=7,
            markeredgecolor="white", label=name,
        )  # fmt: skip
    base = frame[frame["base"]]
    axes.plot(
        base["event_time"], base["estimate"], "D", markerfacecolor="white", markersize=7,
        markeredgecolor=COLOURS["ink"], label="Base period", zorder=3,
    )  # fmt: skip
    axes.set_ylabel(label)
    axes.set_xlabel(f"{unit.capitalize()} since the start")
    times = frame["event_time"].to_numpy()
    step = max(1, -(-len(times) // 16))
    axes.set_xticks([t for t in times if t % step == 0])
    axes.set_xlim(times.min() - 0.6, times.max() + 0.6)
    tidy(axes)
    figure.legend(loc="outside upper left", ncols=3)
    footnote(figure, note)
    return figure
