"""Totals of the four cells for thousands of designs at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.errors import check_sequence, check_type
from hotspot_eval.panel import Panel

__all__ = ["FourCells", "check_designs", "four_cells"]

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FourCells:
    """Treated and control totals before and after, one row a design.

    Parameters
    ----------
    is_block : ndarray of bool, shape (R,)
        Designs that these four cells describe in full: one start, treatment on from there to the
        end of the window, the same for all treated areas. The other rows are 0.
    total : ndarray, shape (R, 2, 2)
        Events of (treated, control) × (before, after).
    cells : ndarray, shape (R, 2, 2)
        Number of area × period cells behind each.
    """

    is_block: NDArray[np.bool_]
    total: Float
    cells: Float


def four_cells(panel: Panel, designs: Sequence[Design], *, flat_offset: bool) -> FourCells:
    """Sum the four cells of each block design from running totals over periods.

    Parameters
    ----------
    flat_offset : bool
        The model has an offset, so the base of each area must be constant in time for the area
        effect to absorb it.
    """
    count = len(designs)
    is_block = np.zeros(count, dtype=bool)
    total, cells = np.zeros((count, 2, 2)), np.zeros((count, 2, 2))
    y, observed = panel.single()
    seen = observed.any(axis=0)
    base = panel.offset_base
    uneven = (observed != seen).any() or (
        flat_offset and base is not None and bool((base != base[:, :1]).any())
    )
    if uneven:
        return FourCells(is_block=is_block, total=total, cells=cells)
    layer = _Layer(panel)
    layouts = [layer.layout(design) for design in designs]
    places = np.array([r for r, layout in enumerate(layouts) if layout is not None], dtype=np.intp)
    if not len(places):
        return FourCells(is_block=is_block, total=total, cells=cells)
    chosen = [layout for layout in layouts if layout is not None]
    windows = np.array([layout[0] for layout in chosen])
    running = np.zeros((len(y) + 1, y.shape[1] + 1))
    np.cumsum(y, axis=1, out=running[:-1, 1:])
    running[-1] = running[:-1].sum(axis=0)
    periods = np.concatenate([[0], np.cumsum(seen)])
    long = _lengths(periods, windows)
    treated, n_treated = _sums(running, windows, [layout[1] for layout in chosen])
    plus, n_plus = _sums(running, windows, [layout[2] for layout in chosen])
    minus, n_minus = _sums(running, windows, [layout[3] for layout in chosen])
    is_block[places] = True
    total[places, 0], total[places, 1] = treated, plus - minus
    cells[places, 0] = n_treated[:, None] * long
    every = np.array([layout[4] for layout in chosen])
    cells[places, 1] = (np.where(every, len(y), n_plus) - n_minus)[:, None] * long
    return FourCells(is_block=is_block, total=total, cells=cells)


def check_designs(panel: object, designs: object) -> None:
    """Refuse what is not a panel and a sequence of designs."""
    check_type("panel", panel, Panel, advice="Make one with Panel.from_counts.")
    check_sequence("designs", designs, of="Design", example="[design]")
    for design in designs if isinstance(designs, Iterable) else ():
        check_type("designs", design, Design)


_Layout = tuple[tuple[int, int, int, int], list[int], list[int], list[int], bool]


class _Layer:
    """Reads designs without laying them over every cell; None where they are not a block."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.row = {area: i for i, area in enumerate(panel.areas)}
        self.stretch: dict[tuple[Any, Any], tuple[int, int] | None] = {}

    def layout(self, design: Design) -> _Layout | None:
        spells = design.spells
        key = (spells[0].start, spells[0].end)
        if len(design.treated) != len(spells):
            return None
        for spell in spells:
            if spell.share != 1.0 or (spell.start, spell.end) != key:
                return None
        if key not in self.stretch:
            self.stretch[key] = self._stretch(*key)
        stretch = self.stretch[key]
        if stretch is None:
            return None
        window = _window(design, *stretch, len(self.panel.periods))
        if window is None:
            return None
        try:
            treated = [self.row[str(area)] for area in design.treated]
            if design.controls is not None:
                return window, treated, [self.row[str(a)] for a in design.controls], [], False
            out = [self.row[str(a)] for a in (*design.catchment, *design.excluded)]
        except KeyError:
            return None
        return window, treated, [len(self.row)], treated + out, True

    def _stretch(self, start: Any, end: Any) -> tuple[int, int] | None:
        """First treated period and the one after the last, if all between are treated whole."""
        share = self.panel.periods.share(start, end)
        on = np.flatnonzero(share)
        if not len(on) or (share[on] != 1.0).any():
            return None
        return int(on[0]), int(on[-1]) + 1


def _window(design: Design, onset: int, off: int, t: int) -> tuple[int, int, int, int] | None:
    before = onset - design.gap
    begin = 0 if design.pre_periods is None else before - design.pre_periods
    stop = t if design.post_periods is None else onset + design.post_periods
    if begin < 0 or before <= begin or stop > t or stop > off:
        return None
    return begin, before, onset, stop


def _lengths(periods: NDArray[np.intp], windows: NDArray[np.intp]) -> Float:
    begin, before, onset, stop = windows.T
    return np.column_stack(
        [periods[before] - periods[begin], periods[stop] - periods[onset]]
    ).astype(np.float64)


def _sums(
    running: Float, windows: NDArray[np.intp], rows: list[list[int]]
) -> tuple[Float, NDArray[np.intp]]:
    """Totals over the rows of each design before and after, shape (R, 2), and how many rows."""
    sizes = np.array([len(r) for r in rows])
    flat = np.array([row for listed in rows for row in listed], dtype=np.intp)
    owner = np.repeat(np.arange(len(rows)), sizes)
    begin, before, onset, stop = windows[owner].T
    pre = running[flat, before] - running[flat, begin]
    post = running[flat, stop] - running[flat, onset]
    both = [np.bincount(owner, values, minlength=len(rows)) for values in (pre, post)]
    return np.column_stack(both), sizes
