"""Sums of areas that share a treatment path, for thousands of designs in a call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["PathSums", "PathTables", "sum_paths"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathTables:
    """R designs, each of some groups of areas that share treatment and window; controls are last.

    Parameters
    ----------
    begin : ndarray of int, shape (R + 1,)
        Groups of each design, one design after the other.
    rows : ndarray of int
        Rows of y of every group, one group after the other.
    first_row : ndarray of int, shape (S + 1,)
        Where those of each group begin, S groups in all.
    all_but : ndarray of bool, shape (S,)
        The group is every row of y but these.
    path : ndarray of int, shape (S,)
        Row of ``treatment`` and ``window``; of no meaning for controls.
    treatment : ndarray, shape (P, T)
        Share of each period treated.
    window : ndarray of bool, shape (P, T)
        Cells used; controls are used wherever a treated group is.
    """

    begin: NDArray[np.intp]
    rows: NDArray[np.intp]
    first_row: NDArray[np.intp]
    all_but: Bool
    path: NDArray[np.intp]
    treatment: Float
    window: Bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathSums:
    """Groups of each design, less what carries no information.

    Parameters
    ----------
    begin : ndarray of int, shape (R + 1,)
        As in :class:`PathTables`.
    total, share : ndarray, shape (S, T)
        Σ y over the group's areas, and share treated; 0 where not used.
    used : ndarray of bool, shape (S, T)
    size : ndarray, shape (S,)
        Areas of each group.
    treated : ndarray of bool, shape (R,)
        Designs with a group left that is treated in a period used.
    """

    begin: NDArray[np.intp]
    total: Float
    share: Float
    used: Bool
    size: Float
    treated: Bool


def sum_paths(
    y: Float, seen: Bool, tables: PathTables, *, counts: bool, drop_off: bool
) -> PathSums:
    """Sum areas by path, and leave out what :func:`hotspot_eval.did.sample.lay` leaves out.

    Groups none of whose treated periods is observed stay as controls.

    Parameters
    ----------
    y : ndarray, shape (N, T)
    seen : ndarray of bool, shape (T,)
        Periods in which the rows are observed.
    counts, drop_off : bool
        As in :func:`hotspot_eval.did.sample.lay`.

    Notes
    -----
    Areas without any event add nothing to the sums, so only whole groups need to be judged.

    Examples
    --------
    >>> one = PathTables(begin=np.array([0, 2]), rows=np.array([0, 1, 2]),
    ...                  first_row=np.array([0, 1, 3]), all_but=np.zeros(2, bool),
    ...                  path=np.array([0, 0]), treatment=np.array([[0.0, 1.0, 0.0]]),
    ...                  window=np.ones((1, 3), bool))
    >>> y = np.arange(9.0).reshape(3, 3)
    >>> sum_paths(y, np.ones(3, bool), one, counts=True, drop_off=True).total.tolist()
    [[0.0, 1.0, 0.0], [9.0, 11.0, 13.0]]
    """
    shape = (len(tables.path), len(seen))
    sums = PathSums(
        begin=tables.begin,
        total=np.zeros(shape),
        share=np.zeros(shape),
        used=np.zeros(shape, dtype=bool),
        size=np.zeros(shape[0]),
        treated=np.zeros(len(tables.begin) - 1, dtype=bool),
    )
    _cells(tables.begin, tables.path, tables.treatment, tables.window, seen, sums.share, sums.used)
    whole = y.sum(axis=0) if tables.all_but.any() else np.zeros(y.shape[1])
    _add(y, whole, tables.rows, tables.first_row, tables.all_but, sums.used, sums.total, sums.size)
    if drop_off:
        _drop_off(tables.begin, tables.path, tables.treatment, sums.used, sums.total)
    _winnow(sums.begin, sums.total, sums.share, sums.used, sums.size, counts, sums.treated)
    return sums


@njit(cache=True)  # type: ignore[untyped-decorator]
def _cells(
    begin: NDArray[np.intp],
    path: NDArray[np.intp],
    treatment: Float,
    window: Bool,
    seen: Bool,
    share: Float,
    used: Bool,
) -> None:
    for r in range(len(begin) - 1):
        control = begin[r + 1] - 1
        for s in range(begin[r], control):
            for t in range(len(seen)):
                if window[path[s], t] and seen[t]:
                    used[s, t] = used[control, t] = True
                    share[s, t] = treatment[path[s], t]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add(
    y: Float,
    whole: Float,
    rows: NDArray[np.intp],
    first_row: NDArray[np.intp],
    all_but: Bool,
    used: Bool,
    total: Float,
    size: Float,
) -> None:
    for s in range(len(size)):
        lit = np.flatnonzero(used[s])
        some = rows[first_row[s] : first_row[s + 1]]
        for i in some:
            for t in lit:
                total[s, t] += y[i, t]
        size[s] = len(some)
        if all_but[s]:
            size[s] = len(y) - len(some)
            for t in lit:
                total[s, t] = whole[t] - total[s, t]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _drop_off(
    begin: NDArray[np.intp], path: NDArray[np.intp], treatment: Float, used: Bool, total: Float
) -> None:
    """Leave out cells of treated groups in which treatment, once begun, is off."""
    for r in range(len(begin) - 1):
        for s in range(begin[r], begin[r + 1] - 1):
            begun = False
            for t in range(used.shape[1]):
                begun = begun or treatment[path[s], t] > 0
                if begun and treatment[path[s], t] == 0:
                    used[s, t] = False
                    total[s, t] = 0.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _winnow(
    begin: NDArray[np.intp],
    total: Float,
    share: Float,
    used: Bool,
    size: Float,
    counts: bool,
    treated: Bool,
) -> None:
    for r in range(len(begin) - 1):
        here = slice(begin[r], begin[r + 1])
        moved = True
        while moved:
            moved = _without_groups(total[here], share[here], used[here], size[here], counts)
            if counts:
                moved |= _without_periods(total[here], used[here])
        for s in range(begin[r], begin[r + 1] - 1):
            treated[r] |= (used[s] & (share[s] > 0)).any()


@njit(cache=True)  # type: ignore[untyped-decorator]
def _without_groups(total: Float, share: Float, used: Bool, size: Float, counts: bool) -> bool:
    """Leave out groups without an area or event, or always treated; was there one?"""
    moved = False
    for k in range(len(used)):
        lit, on, events = 0, 0, 0.0
        for t in range(used.shape[1]):
            if used[k, t]:
                lit += 1
                on += int(share[k, t] > 0)
                events += total[k, t]
        same = k < len(used) - 1 and on == lit
        if lit and (size[k] == 0 or same or (counts and events == 0)):
            used[k] = False
            total[k] = 0.0
            moved = True
    return moved


@njit(cache=True)  # type: ignore[untyped-decorator]
def _without_periods(total: Float, used: Bool) -> bool:
    """Leave out periods without any event; was there one?"""
    moved = False
    for t in range(used.shape[1]):
        if used[:, t].any() and total[:, t].sum() == 0:
            used[:, t] = False
            moved = True
    return moved
