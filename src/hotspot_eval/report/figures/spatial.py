"""Where crime clusters: cluster maps, Gi* by period, Lorenz curves, emerging hot spots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.figures.style import (
    COLOURS,
    WIDTH,
    footnote,
    new_figure,
    styled,
    tidy,
)
from hotspot_eval.significance import Adjustment
from hotspot_eval.spatial import Concentration, EmergingHotSpots, LocalStatistic

__all__ = ["cluster_map", "emerging_map", "gi_calendar", "lorenz_curve"]

Look = tuple[str, str]
_QUIET: Look = (COLOURS["pale"], "")
_ALONE: Look = ("#ffffff", "ooo")
_CLUSTERS: dict[str, Look] = {
    "hot": (COLOURS["accent"], ""),
    "high-high": (COLOURS["accent"], ""),
    "high-low": ("#e3a08f", "////"),
    "low-high": ("#a9d3da", "\\\\\\\\"),
    "cold": (COLOURS["treated"], "...."),
    "low-low": (COLOURS["treated"], "...."),
    "unlike": (COLOURS["control"], "////"),
    "alike": (COLOURS["treated"], "...."),
}
_EMERGING: dict[str, Look] = {
    "new": ("#f6c8b6", "////"),
    "consecutive": ("#ec9f86", "xxxx"),
    "sporadic": ("#f3ddd4", "...."),
    "oscillating": ("#d9c7a8", "\\\\\\\\"),
    "intensifying": ("#4a0c02", ""),
    "persistent": (COLOURS["accent"], ""),
    "diminishing": ("#c9694f", "----"),
    "historical": ("#c9c2be", "||||"),
}
_MOST_PANELS = 24
_CALENDAR_DETAIL = 400


@styled
def cluster_map(
    areas: Any,
    result: LocalStatistic,
    *,
    period: str | None = None,
    level: float = 0.05,
    adjust: Adjustment = "fdr_bh",
    note: str = "",
) -> Figure:
    """Areas by the cluster they belong to in one period.

    Parameters
    ----------
    areas : GeoDataFrame
        Indexed by area id.
    result : LocalStatistic
    period : str, optional
        The last one by default.
    level, adjust
        The family adjusted over is every area and period of ``result``.
    note : str
        What the counts are; areas, period and adjustment are stated anyway.
    """
    label = _by_area(result, result.clusters(level=level, adjust=adjust))
    shown = _chosen(result.periods, period)
    column = label[shown]
    present = {name: look for name, look in _CLUSTERS.items() if (column == name).any()}
    figure, axes = _canvas(areas)
    patches = _paint(axes, areas, column, present, "not significant")
    figure.legend(
        handles=patches, loc="outside upper left", ncols=4, alignment="left", title=result.name
    )
    when = f"; {shown}" if len(result.periods) > 1 or period else ""
    test = f"{result.alternative}, {result.method}, {adjust} at {level:g}"
    footnote(figure, _joined(note, f"{len(column):,} areas{when}; {test}"))
    return figure


@styled
def gi_calendar(
    areas: Any,
    result: LocalStatistic,
    *,
    level: float = 0.05,
    adjust: Adjustment = "fdr_bh",
    columns: int = 6,
    note: str = "",
) -> Figure:
    """One small map a period: standard score in classes, significant areas outlined by hatching.

    Parameters
    ----------
    areas : GeoDataFrame
        Indexed by area id.
    result : LocalStatistic
        Of several periods; the last 24 are drawn.
    level, adjust
        For what counts as significant, over every area and period of ``result``.
    columns : int
    note : str
    """
    drawn = list(result.periods[-_MOST_PANELS:])
    z = _by_area(result, result.z)[drawn]
    found = _by_area(result, result.significant(level=level, adjust=adjust))[drawn]
    rows = -(-len(drawn) // columns)
    left, low, right, high = areas.total_bounds
    height = rows * (WIDTH / columns * (high - low) / max(right - left, 1e-9) + 0.35) + 1.0
    coarse = areas.set_geometry(areas.geometry.simplify((right - left) / _CALENDAR_DETAIL))
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
    figure = Figure(figsize=(WIDTH, min(height, 14.0)), facecolor="white", layout=layout)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
        axes.set_aspect("equal")
    for axes, period in zip(panels, drawn, strict=False):
        _scores(axes, coarse, z[period], found[period])
        axes.set_title(period, fontsize=9)
    figure.legend(
        handles=_score_key(),
        loc="outside upper left",
        ncols=4,
        alignment="left",
        title=f"{result.name} z",
    )
    count = int(found.to_numpy().sum())
    left_out = len(result.periods) - len(drawn)
    earlier = f"; {left_out} earlier periods not drawn" if left_out else ""
    family = f"{count:,} significant cells ({result.alternative}, {adjust} at {level:g})"
    footnote(
        figure,
        _joined(note, f"{len(z):,} areas; {drawn[0]} to {drawn[-1]}{earlier}; {family}"),
    )
    return figure


@styled
def lorenz_curve(results: Mapping[str, Concentration] | Concentration, *, note: str = "") -> Figure:
    """Share of events held by the most affected share of areas, one curve for each result.

    Parameters
    ----------
    results : Concentration, or mapping of label to Concentration
    note : str
    """
    named = {"": results} if isinstance(results, Concentration) else dict(results)
    if not named:
        raise InputError(Problem(where="lorenz_curve", what="has nothing to draw"))
    figure, axes = new_figure(5.2, width=6.4)
    axes.plot([0, 100], [0, 100], color=COLOURS["soft"], linewidth=1, linestyle=":")
    axes.text(72, 68, "equal counts everywhere", color=COLOURS["soft"], rotation=39, fontsize=9.5)
    lines = ("-", "--", "-.", (0, (1, 1)))
    inks = (COLOURS["treated"], COLOURS["control"], COLOURS["ink"], COLOURS["accent"])
    for k, (label, result) in enumerate(named.items()):
        curve = 100.0 * result.lorenz
        ink = inks[k % len(inks)]
        axes.plot(
            curve["share_of_areas"],
            curve["share_of_events"],
            color=ink,
            linestyle=lines[k % len(lines)],
            linewidth=2,
            label=_half(label, result),
        )
        half = 100.0 * result.share_of_areas
        axes.plot([half], [100.0 * result.share], marker="o", color=ink, markersize=6)
    axes.set_xlabel("Areas, most affected first (%)")
    axes.set_ylabel("Events (%)")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 101)
    tidy(axes)
    axes.legend(loc="lower right")
    first = next(iter(named.values()))
    span = _span(first.periods)
    gini = first.gini
    counts = f"{gini.n_areas:,} areas{span}; {gini.n_events:,} events"
    spread = f"generalised Gini {gini.generalised:.2f} ({gini.ci_low:.2f} to {gini.ci_high:.2f})"
    footnote(figure, _joined(note, counts if len(named) > 1 else f"{counts}; {spread}"))
    return figure


@styled
def emerging_map(areas: Any, result: EmergingHotSpots, *, note: str = "") -> Figure:
    """Areas by the kind of hot spot they are; cold spots share one look.

    Parameters
    ----------
    areas : GeoDataFrame
        Indexed by area id.
    result : EmergingHotSpots
    note : str
    """
    label = pd.Series(result.category, index=list(result.areas)).astype(str)
    cold = label.str.endswith("cold spot")
    label = label.mask(cold, "cold spot, any kind").str.removesuffix(" hot spot")
    looks = {name: look for name, look in _EMERGING.items() if (label == name).any()}
    if cold.any():
        looks["cold spot, any kind"] = (COLOURS["treated"], "....")
    figure, axes = _canvas(areas)
    patches = _paint(axes, areas, label, looks, "no pattern")
    figure.legend(
        handles=patches,
        loc="outside upper left",
        ncols=4,
        alignment="left",
        title="Hot spots, by history",
    )
    test = f"{result.adjust} over the cube at {result.level:g}"
    footnote(figure, _joined(note, f"{len(label):,} areas{_span(result.periods)}; {test}"))
    return figure


def _half(label: str, result: Concentration) -> str:
    found = f"{result.share:.0%} of events in {result.share_of_areas:.1%} of areas"
    return f"{label}: {found}" if label else found


def _by_area(result: LocalStatistic, cells: NDArray[Any]) -> pd.DataFrame:
    table = cells[:, None] if cells.ndim == 1 else cells
    return pd.DataFrame(table, index=list(result.areas), columns=list(result.periods))


def _chosen(periods: tuple[str, ...], period: str | None) -> str:
    if period is None:
        return periods[-1]
    if str(period) not in periods:
        raise InputError(
            Problem(
                where=f"period {period}",
                what="is not in the result",
                advice=f"It has {periods[0]} to {periods[-1]}.",
            )
        )
    return str(period)


def _canvas(areas: Any) -> tuple[Figure, Axes]:
    left, low, right, high = areas.total_bounds
    ratio = (high - low) / max(right - left, 1e-9)
    figure, axes = new_figure(float(np.clip(1.2 + 8.2 * ratio, 4.0, 7.5)))
    axes.set_axis_off()
    axes.set_aspect("equal")
    return figure, axes


def _paint(
    axes: Axes, areas: Any, label: pd.Series, looks: Mapping[str, Look], rest: str
) -> list[Patch]:
    """Draw each label in its look, the rest quietly; the key with counts."""
    given = _on_map(areas, label)
    alone = (given == "isolate").to_numpy()
    quiet = ~given.isin(list(looks)).to_numpy() & ~alone
    _draw(axes, areas[quiet], _QUIET)
    _draw(axes, areas[alone], _ALONE)
    patches = []
    for name, look in looks.items():
        chosen = areas[(given == name).to_numpy()]
        _draw(axes, chosen, look)
        patches.append(_patch(look, f"{name} ({len(chosen):,})"))
    patches.append(_patch(_QUIET, f"{rest} ({int(quiet.sum()):,})"))
    if alone.any():
        patches.append(_patch(_ALONE, f"isolate ({int(alone.sum()):,})"))
    return patches


def _key(figure: Figure, patches: list[Patch], title: str) -> None:
    where = "outside upper left"
    figure.legend(handles=patches, loc=where, ncols=4, alignment="left", title=title)


def _on_map(areas: Any, values: pd.Series) -> pd.Series:
    known = areas.index.astype(str)
    strangers = values.index[~values.index.isin(known)].tolist()
    if strangers:
        raise InputError(
            Problem(
                where="map",
                what="areas have no boundary",
                examples=strangers,
                advice="Give the boundaries the graph was made from.",
            )
        )
    return values.reindex(known)


def _scores(axes: Axes, areas: Any, z: pd.Series, found: pd.Series) -> None:
    score = _on_map(areas, z).to_numpy(dtype=float)
    marked = _on_map(areas, found).fillna(False).to_numpy(dtype=bool)
    colours = np.array([look[0] for look in _classes().values()], dtype=object)
    place = np.digitize(np.nan_to_num(score, nan=0.0), (-1.96, 1.0, 1.96))
    face = np.where(np.isnan(score), "white", colours[place])
    areas.plot(ax=axes, color=face.tolist(), edgecolor="none", linewidth=0, aspect=None)
    if marked.any():
        _draw(axes, areas[marked], (COLOURS["accent"], "////"))


def _classes() -> dict[str, Look]:
    return {
        "below −1.96": (COLOURS["treated"], ""),
        "−1.96 to 1": (COLOURS["pale"], ""),
        "1 to 1.96": ("#f3ddd4", ""),
        "above 1.96": ("#e3a08f", ""),
    }


def _score_key() -> list[Patch]:
    key = [_patch(look, name) for name, look in _classes().items()]
    return [*key, _patch((COLOURS["accent"], "////"), "significant")]


def _draw(axes: Axes, areas: Any, look: Look) -> None:
    if not len(areas):
        return
    face, hatch = look
    line = 0.2 if len(areas) > 400 else 0.4
    areas.plot(
        ax=axes, facecolor=face, edgecolor=_edge(face), linewidth=line, hatch=hatch, aspect=None
    )


def _edge(face: str) -> str:
    """Lines and hatching that stand out from the face."""
    red, green, blue = to_rgb(face)
    return "#ffffff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.6 else "#75808b"


def _patch(look: Look, label: str) -> Patch:
    face, hatch = look
    return Patch(facecolor=face, hatch=hatch, edgecolor=_edge(face), linewidth=0.6, label=label)


def _span(periods: tuple[str, ...]) -> str:
    return f"; {periods[0]} to {periods[-1]}" if len(periods) > 1 else ""


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
