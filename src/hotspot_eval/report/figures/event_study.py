"""Effects by time since the start, with the base period and the start marked."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.figures.style import COLOURS, footnote, new_figure, styled, tidy
from hotspot_eval.results import Effects

__all__ = ["event_study", "event_study_frame"]


def event_study_frame(effects: Effects, band: pd.DataFrame | None = None) -> pd.DataFrame:
    """What :func:`event_study` draws: event_time, estimate, low, high, on the scale shown.

    Log scale effects are told in per cent; others keep their scale. The base period is the row
    with no standard error.

    Parameters
    ----------
    effects : Effects
    band : DataFrame, optional
        Of ``simultaneous_band`` for the same effects; adds band_low and band_high.

    Raises
    ------
    InputError
        If a label holds no event time, or the band is of other effects.
    """
    if band is not None and tuple(band["label"]) != effects.labels:
        raise InputError(
            Problem(where="argument 'band'", what="does not have the labels of the effects")
        )
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
    if band is not None:
        ratios = np.array([effect.scale == "log_irr" for effect in effects])
        for name in ("low", "high"):
            limit = band[f"simultaneous_{name}"].to_numpy(dtype=float)
            frame[f"band_{name}"] = np.where(ratios, 100.0 * np.expm1(limit), limit)
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

    Thick lines hold for each time on its own, thin ones (where the frame has a band) for all times
    at once.

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
        if "band_low" in part:
            axes.vlines(
                time, part["band_low"], part["band_high"], color=COLOURS[colour], linewidth=0.8
            )
        axes.vlines(time, limits[:, 0], limits[:, 1], color=COLOURS[colour], linewidth=2.6)
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
