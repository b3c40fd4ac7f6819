"""Love plot: how far treated areas and controls stood apart before the operation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.figures.style import COLOURS, footnote, new_figure, nothing, styled, tidy

__all__ = ["love_frame", "love_plot"]

_MARKS = ("o", "D", "s", "^")
_TINTS = ("control", "treated", "catchment", "ink")
_LIMIT = 0.25


def love_frame(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What :func:`love_plot` draws: measure, one column of differences for each set of controls.

    Parameters
    ----------
    tables : mapping of name to DataFrame
        Of :class:`hotspot_eval.planning.Balance`; a set that was not assessed has none and is left
        out.
    """
    told = {
        name: table.set_index("measure")["difference"].astype(float)
        for name, table in tables.items()
        if len(table)
    }
    if not told:
        return pd.DataFrame(columns=["measure"])
    order = list(dict.fromkeys(measure for column in told.values() for measure in column.index))
    return pd.DataFrame(told).reindex(order).rename_axis("measure").reset_index()


@styled
def love_plot(
    frame: pd.DataFrame,
    *,
    label: str = "Treated less controls, in standard deviations over all areas",
    note: str = "",
) -> Figure:
    """Standardised differences, one row a measure, and the band in which controls pass.

    Parameters
    ----------
    frame : DataFrame
        Of :func:`love_frame`; an empty one gives a figure that says so.
    label : str
        What the horizontal axis measures.
    note : str
        Counts and period.

    Raises
    ------
    InputError
        If there are more than four sets of controls.
    """
    names = [name for name in frame.columns if name != "measure"]
    if len(names) > len(_MARKS):
        raise InputError(Problem(where="love plot", what=f"shows at most {len(_MARKS)} sets"))
    if frame.empty or not names:
        return nothing("no set of controls could be assessed")
    figure, axes = new_figure(1.6 + 0.42 * len(frame))
    axes.axvspan(-_LIMIT, _LIMIT, color=COLOURS["pale"], zorder=0, label=f"Alike: within ±{_LIMIT}")
    axes.axvline(0, color=COLOURS["ink"], linewidth=1.2, zorder=1)
    rows = np.arange(len(frame))
    for place, (name, mark, tint) in enumerate(zip(names, _MARKS, _TINTS, strict=False)):
        shift = 0.16 * (place - (len(names) - 1) / 2)
        values = frame[name].to_numpy(dtype=float)
        axes.plot(
            values, rows + shift, linestyle="", marker=mark, markersize=8, zorder=3,
            markerfacecolor=COLOURS[tint], markeredgecolor="white", label=str(name),
        )  # fmt: skip
    if len(names) == 1:
        values = frame[names[0]].to_numpy(dtype=float)
        axes.hlines(rows, 0, values, color=COLOURS["control"], linewidth=1.2, zorder=2)
    axes.set_yticks(rows, [str(measure).capitalize() for measure in frame["measure"]])
    axes.set_ylim(len(frame) - 0.4, -0.6)
    reach = 1.08 * max(float(np.nanmax(np.abs(frame[names].to_numpy(dtype=float)))), 2 * _LIMIT)
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(label)
    tidy(axes, grid="x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    footnote(figure, note)
    return figure
