"""Maps of areas: who had which role, and how many events there were."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from hotspot_eval.design import Design, Role
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel
from hotspot_eval.report.figures.style import (
    COLOURS,
    HATCHES,
    SEQUENTIAL,
    footnote,
    new_figure,
    styled,
)

__all__ = ["count_map", "role_frame", "role_map"]

_MISSING = "#ffffff"
_NAMES = {
    "treated": "Treated",
    "catchment": "Catchment",
    "control": "Control",
    "excluded": "Not used",
}


def role_frame(panel: Panel, design: Design) -> pd.DataFrame:
    """What :func:`role_map` draws: area and role."""
    return pd.DataFrame({"area": list(panel.areas), "role": design.on(panel).role.tolist()})


@styled
def role_map(areas: Any, roles: pd.DataFrame, *, note: str = "") -> Figure:
    """Areas by role, told apart by colour and by hatching.

    Parameters
    ----------
    areas : GeoDataFrame
        Indexed by area id.
    roles : DataFrame
        Of :func:`role_frame`: area, role. Areas it does not name are drawn as not used; areas
        without a boundary are not drawn, and counted below the map.
    note : str
        Counts and period.

    Raises
    ------
    InputError
        If no area has a boundary, or a role is unknown.
    """
    given, outside = _aligned(areas, roles, "role")
    unknown = sorted(set(given.dropna()) - set(get_args(Role)))
    if unknown:
        raise InputError(Problem(where="role_map", what="has unknown roles", examples=unknown))
    kept = given.fillna("excluded")
    figure, axes = _canvas(areas)
    patches = []
    for role in ("excluded", "control", "catchment", "treated"):
        chosen = areas[(kept == role).to_numpy()]
        face = "#efe3d6" if role == "control" else COLOURS[role]
        if len(chosen):
            _draw(axes, chosen, face, HATCHES[role])
        label = f"{_NAMES[role]} ({len(chosen):,})"
        patches.append(_patch(face, HATCHES[role], label))
    figure.legend(handles=patches[::-1], loc="outside upper left", ncols=4)
    footnote(figure, _notes(note, outside))
    return figure


@styled
def count_map(
    areas: Any, values: pd.DataFrame, *, value: str, label: str, classes: int = 5, note: str = ""
) -> Figure:
    """Areas by a count or rate, in classes of about as many areas each.

    Parameters
    ----------
    areas : GeoDataFrame
        Indexed by area id.
    values : DataFrame
        Columns ``area`` and ``value``; protected if it is for publication. Areas that are absent
        or missing are hatched: missing is not zero. Areas without a boundary are counted below.
    value, label : str
        The column, and what it measures.
    classes : int
        Number of classes, 2 to 5.
    note : str
        Counts and period.

    Raises
    ------
    InputError
        If no area has a boundary, or no value is known.
    """
    if not 2 <= classes <= len(SEQUENTIAL):
        raise InputError(Problem(where="argument 'classes'", what=f"must be 2 to 5, not {classes}"))
    given, outside = _aligned(areas, values, value)
    given = given.astype(float)
    known = given.dropna().to_numpy()
    if not len(known):
        raise InputError(Problem(where="count_map", what="has no value to draw"))
    whole = bool((known == np.floor(known)).all())
    cuts = np.quantile(known, np.linspace(0, 1, classes + 1))
    edges: NDArray[np.float64] = np.unique(np.ceil(cuts) if whole else cuts).astype(np.float64)
    bins = np.clip(np.searchsorted(edges, given.to_numpy(), side="right") - 1, 0, len(edges) - 2)
    colours = _ramp(max(len(edges) - 1, 1))
    figure, axes = _canvas(areas)
    patches = []
    for k, colour in enumerate(colours):
        chosen = areas[((bins == k) | (len(edges) == 1)) & given.notna().to_numpy()]
        if len(chosen):
            _draw(axes, chosen, colour, "")
        patches.append(_patch(colour, "", _span(edges, k, whole=whole)))
    absent = areas[given.isna().to_numpy()]
    if len(absent):
        _draw(axes, absent, _MISSING, "////")
        name = f"Not shown or missing ({len(absent):,})"
        patches.append(_patch(_MISSING, "////", name))
    figure.legend(handles=patches, loc="outside upper left", ncols=3, title=label, alignment="left")
    footnote(figure, _notes(note, outside))
    return figure


def _aligned(areas: Any, frame: pd.DataFrame, column: str) -> tuple[pd.Series, str]:
    """The column in the order of the boundaries, and how many rows lie outside the map."""
    ids = frame["area"].astype(str)
    known = areas.index.astype(str)
    strangers = ids[~ids.isin(known)]
    if len(strangers) == len(ids):
        raise InputError(
            Problem(
                where="map",
                what="areas have no boundary",
                examples=list(strangers),
                advice="Give boundaries indexed by area id, of the same year.",
            )
        )
    series = pd.Series(frame[column].to_numpy(), index=ids).reindex(known)
    return series, f"{len(strangers):,} areas lie outside this map" if len(strangers) else ""


def _notes(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _canvas(areas: Any) -> tuple[Figure, Axes]:
    left, low, right, high = areas.total_bounds
    ratio = (high - low) / max(right - left, 1e-9)
    figure, axes = new_figure(float(np.clip(1.1 + 8.2 * ratio, 4.0, 7.5)))
    axes.set_axis_off()
    axes.set_aspect("equal")
    return figure, axes


def _draw(axes: Axes, areas: Any, face: str, hatch: str) -> None:
    line = 0.25 if len(areas) > 400 else 0.5
    edge = "#8a949e" if face == _MISSING else "white"
    areas.plot(ax=axes, facecolor=face, edgecolor=edge, linewidth=line, hatch=hatch, aspect=None)


def _patch(face: str, hatch: str, label: str) -> Patch:
    line = COLOURS["soft"] if not hatch or face == _MISSING else "white"
    return Patch(facecolor=face, hatch=hatch, edgecolor=line, linewidth=0.6, label=label)


def _ramp(size: int) -> list[str]:
    places = np.linspace(0, len(SEQUENTIAL) - 1, size).round().astype(int)
    return [SEQUENTIAL[place] for place in places]


def _span(edges: NDArray[np.float64], k: int, *, whole: bool) -> str:
    if len(edges) == 1:
        return f"{edges[0]:,.4g}"
    last = k == len(edges) - 2
    if whole:
        low, high = int(edges[k]), int(edges[k + 1]) - (not last)
        return f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{edges[k]:,.4g} to {'' if last else 'under '}{edges[k + 1]:,.4g}"
