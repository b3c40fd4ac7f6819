"""One look for every figure: colours that stay apart for all eyes, sizes, and axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Final, Literal, ParamSpec

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = [
    "COLOURS",
    "HATCHES",
    "SEQUENTIAL",
    "WIDTH",
    "footnote",
    "new_figure",
    "nothing",
    "period_ticks",
    "styled",
    "tidy",
]

WIDTH: Final = 8.6
COLOURS: Final = {
    "ink": "#1f2933",
    "soft": "#4a5763",
    "line": "#c9d1d9",
    "pale": "#eef2f5",
    "treated": "#0b6e83",
    "control": "#b4540a",
    "catchment": "#7d62a8",
    "excluded": "#d5dbe0",
    "accent": "#a3260f",
}
HATCHES: Final = {"treated": "", "catchment": "////", "control": "", "excluded": "...."}
SEQUENTIAL: Final = ("#e8f1f2", "#b5d6da", "#78b3bd", "#3c8795", "#124f61")
_PREFERRED: Final = ("Arial", "Helvetica", "Liberation Sans")
Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw under the house style, leaving matplotlib's own settings as they were."""

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with mpl.rc_context(_settings()):
            return draw(*args, **kwargs)

    return drawn


def new_figure(height: float, *, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure of its own, outside pyplot's state, with one pair of axes.

    Parameters
    ----------
    height, width : float
        Inches; 100 CSS pixels each on a page.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    figure = Figure(figsize=(width, height), facecolor="white", layout=layout)
    return figure, figure.add_subplot()


def nothing(why: str) -> Figure:
    """A figure that says why there is none, so that a page keeps its place for it."""
    figure = Figure(figsize=(WIDTH, 0.8), facecolor="white")
    figure.text(0.012, 0.5, f"Nothing to show: {why}.", va="center", color=COLOURS["soft"])
    return figure


def tidy(axes: Axes, *, grid: Literal["x", "y"] = "y") -> None:
    """Only the lines that are read: no frame, a pale grid behind the data."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis=grid, color=COLOURS["line"], linewidth=0.8)


def footnote(figure: Figure, text: str) -> None:
    """Counts and period, below the axes on the left."""
    if text:
        figure.supxlabel(text, x=0.012, ha="left", fontsize=10, color=COLOURS["soft"])


def period_ticks(axes: Axes, labels: Sequence[str], *, most: int = 9) -> None:
    """Period labels that never crowd: at most ``most`` of them, evenly spaced."""
    step = max(1, -(-len(labels) // most))
    places = list(range(0, len(labels), step))
    axes.set_xticks(places, [labels[i] for i in places])


def _settings() -> dict[str, object]:
    installed = set(font_manager.get_font_names())
    family = [name for name in _PREFERRED if name in installed][:1]
    ink, soft = COLOURS["ink"], COLOURS["soft"]
    return {
        "font.family": [*family, "DejaVu Sans"],
        "font.size": 11,
        "axes.labelsize": 11,
        "axes.labelcolor": ink,
        "axes.edgecolor": soft,
        "axes.linewidth": 0.8,
        "axes.unicode_minus": True,
        "text.color": ink,
        "text.parse_math": False,
        "xtick.color": ink,
        "ytick.color": ink,
        "xtick.labelsize": 10.5,
        "ytick.labelsize": 10.5,
        "legend.frameon": False,
        "legend.fontsize": 10.5,
        "hatch.linewidth": 0.7,
        "figure.dpi": 100,
    }
