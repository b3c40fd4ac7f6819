"""Which areas and cells of a design carry information, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["NEVER_ON", "STAYS", "Laid", "Unobserved", "Winnowed", "winnow"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Codes = NDArray[np.intp]
Unobserved = Literal["out", "control", "treated"]
UNSEEN = "no cell observed within the windows"
ALWAYS_ON = "treated in every period used: there is no period before to compare with"
NEVER_ON = "no treated period is observed within the windows"
STAYS = f"{NEVER_ON}: kept for the untreated ones"
ONE_CELL = "observed in one period only, which its own level fits exactly"
NO_EVENT = "no event in any period used: carries no information in a count model"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Laid:
    """Treated and control areas within the windows, before anything is left out.

    Rows ``on_rows`` are treated, in their cells ``on``. ``y`` is as the panel holds it, and means
    nothing where not used: an array of the panel's size is made once, at the end, of the rows that
    stay.
    """

    rows: Codes
    y: NDArray[Any]
    used: Bool
    treatment: Float
    first: Codes
    treated: Bool
    on_rows: Codes
    on: Bool
    in_window: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Winnowed:
    """Areas kept (n,), cells used (n, t), treated areas with a treated cell among these (n,).

    ``gone`` holds rows of the panel left out, by reason.
    """

    keep: Bool
    used: Bool
    seen_treated: Bool
    gone: dict[str, Codes]


def winnow(
    cells: Laid,
    used: Bool,
    strata: Codes,
    *,
    counts: bool,
    keep_always: bool,
    unobserved: Unobserved,
) -> Winnowed:
    """Leave out what carries no information, until nothing changes.

    Parameters
    ----------
    used : ndarray of bool, shape (n, t)
    strata : ndarray of int, shape (n,)
        Areas with the same label share period effects.
    counts, keep_always, unobserved
        As in :func:`hotspot_eval.did.sample.lay`.
    """
    keep = np.ones(len(used), dtype=bool)
    gone: dict[str, Codes] = {}
    events = (cells.y != 0) & used if counts else None
    seen = used.sum(axis=1) if unobserved != "out" and not used.all() else None
    while True:
        moved = False
        for reason, fault in _faults(cells, used, events, seen, keep_always, unobserved):
            hit = keep & fault
            if hit.any():
                earlier = gone.get(reason, np.zeros(0, dtype=np.intp))
                gone[reason] = np.concatenate([earlier, cells.rows[hit]])
                keep &= ~fault
                moved = True
        if moved:
            used = used & keep[:, None]
            events = None if events is None else events & used
        if events is not None:
            thinner = _without_empty_periods(events, used, strata)
            moved = moved or thinner is not used
            used = thinner
        if not moved:
            return Winnowed(
                keep=keep, used=used, seen_treated=_seen_treated(cells, used), gone=gone
            )


def _seen_treated(cells: Laid, used: Bool) -> Bool:
    seen = np.zeros(len(used), dtype=bool)
    on = cells.on if used.all() else cells.on & used[cells.on_rows]
    seen[cells.on_rows] = on.any(axis=1)
    return seen


def _faults(
    cells: Laid,
    used: Bool,
    events: Bool | None,
    observed: Codes | None,
    keep_always: bool,
    unobserved: Unobserved,
) -> Iterator[tuple[str, Bool]]:
    """Reasons to leave an area out, in order of precedence, with the areas they concern."""
    seen: Bool = np.ones(len(used), dtype=bool) if used.all() else np.asarray(used.any(axis=1))
    some = seen[cells.on_rows]
    rows = cells.on_rows[some]
    observed_cells = used[rows]
    on: Bool = cells.on[some] & observed_cells
    never, always = np.zeros(len(used), dtype=bool), np.zeros(len(used), dtype=bool)
    never[rows] = ~on.any(axis=1)
    always[rows] = (on == observed_cells).all(axis=1)
    yield UNSEEN, ~seen
    if not keep_always:
        yield ALWAYS_ON, always
    if unobserved == "out":
        yield NEVER_ON, never
    if observed is not None:
        yield ONE_CELL, seen & (observed == 1)
    if events is not None:
        yield NO_EVENT, seen & ~np.asarray(events.any(axis=1))


def _without_empty_periods(events: Bool, used: Bool, strata: Codes) -> Bool:
    for s in np.unique(strata):
        rows = strata == s
        empty = ~_in_any(events, rows)
        if empty.any() and (_in_any(used, rows) & empty).any():
            used = used.copy()
            used[np.ix_(rows, empty)] = False
    return used


def _in_any(cells: Bool, rows: Bool) -> Bool:
    some: Bool = np.asarray((cells if rows.all() else cells[rows]).any(axis=0))
    return some
