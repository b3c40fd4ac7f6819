"""How the cells of a table of rows × columns hang together, which row and column effects need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["attainable", "parts_of", "without_empty", "without_single"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Codes = NDArray[np.intp]


def without_empty(used: Bool, events: Float, strata: Codes) -> Bool:
    """Used cells of rows and stratum × columns with an event, shape (G, T).

    Parameters
    ----------
    used : ndarray of bool, shape (G, T)
    events : ndarray, shape (G, T)
    strata : ndarray of int, shape (G,)
        Rows with the same label share column effects.
    """
    left = used.copy()
    while True:
        before = int(left.sum())
        seen = np.where(left, events, 0.0)
        left &= np.asarray(seen.any(axis=1))[:, None]
        for s in range(int(strata.max(initial=0)) + 1):
            rows: Bool = np.asarray(strata == s)
            left[rows] &= np.asarray(seen[rows].any(axis=0))
        if int(left.sum()) == before:
            return left


def attainable(used: Bool, events: Float, strata: Codes) -> Bool:
    """Used cells whose mean row and column effects leave above 0, shape (G, T).

    Parameters
    ----------
    used, events, strata
        As in :func:`without_empty`.

    Notes
    -----
    A Poisson likelihood in α_g + γ_st rises without end along directions that are 0 where there
    are events, at most 0 elsewhere and below 0 somewhere: there the mean goes to 0, and the cells
    say nothing of other coefficients. Take rows and columns as nodes, cells with events as edges
    both ways and others as edges from row to column: α + γ can only fall along an edge one way, so
    that the cells in question are those whose ends lie in different strong components.

    References
    ----------
    Correia, Guimarães & Zylkin (2021), https://arxiv.org/abs/1903.01633

    Examples
    --------
    Without the cell that is missing, nothing keeps the mean of the first row's 0 from vanishing.

    >>> events = np.array([[4.0, 2.0, 0.0], [0.0, 0.0, 5.0], [0.0, 0.0, 3.0]])
    >>> used = np.array([[True, True, True], [False, False, True], [False, False, True]])
    >>> attainable(used, events, np.zeros(3, dtype=int)).astype(int).tolist()
    [[1, 1, 0], [0, 0, 1], [0, 0, 1]]
    """
    left = without_empty(used, events, strata)
    lit: Bool = left & (events > 0)
    if bool((lit == left).all()) or _in_one_piece(lit, strata):
        return left
    part, column_part = _components(lit, left & ~lit, strata)
    kept: Bool = left & (part[:, None] == column_part[strata])
    return kept


def parts_of(used: Bool, strata: Codes) -> tuple[Codes, Codes]:
    """Parts of the table that share no row and no column, of rows (G,) and columns (S, T).

    Row and column effects of one part say nothing of those of another. Rows and columns without a
    cell are parts of their own.

    Examples
    --------
    >>> rows, columns = parts_of(np.eye(2, dtype=bool), np.zeros(2, dtype=int))
    >>> (rows[:, None] == columns[0]).tolist()
    [[True, False], [False, True]]
    """
    if bool(used.any(axis=1).all()) and _in_one_piece(used, strata, every=True):
        size = int(strata.max(initial=0)) + 1
        return strata, np.repeat(np.arange(size)[:, None], used.shape[1], axis=1)
    return _components(used, np.zeros_like(used), strata)


def without_single(used: Bool, size: Float, strata: Codes) -> Bool:
    """Used cells less those that a row or column effect fits alone, until none is left.

    Parameters
    ----------
    used : ndarray of bool, shape (G, T)
    size : ndarray, shape (G,)
        Areas of each row, all with an effect of their own.
    strata : ndarray of int, shape (G,)

    References
    ----------
    Correia (2015), http://scorreia.com/research/singletons.pdf
    """
    count = np.zeros((int(strata.max(initial=0)) + 1, used.shape[1]))
    left = used
    while True:
        count[:] = 0.0
        np.add.at(count, strata, left * size[:, None])
        kept: Bool = left & (count[strata] > 1.0) & (left.sum(axis=1) > 1)[:, None]
        if bool((kept == left).all()):
            return left
        left = kept


def _in_one_piece(cells: Bool, strata: Codes, *, every: bool = False) -> bool:
    """Whether the rows and columns with a cell (or ``every`` one) of each stratum are one part."""
    for s in range(int(strata.max(initial=0)) + 1):
        some = cells[strata == s]
        there = np.ones(some.shape[1], dtype=bool) if every else np.asarray(some.any(axis=0))
        if not there.any():
            continue
        columns = np.zeros(some.shape[1], dtype=bool)
        columns[there.argmax()] = True
        rows = np.zeros(len(some), dtype=bool)
        while True:
            rows = np.asarray(some[:, columns].any(axis=1))
            wider = columns | np.asarray(some[rows].any(axis=0))
            if bool((wider == columns).all()):
                break
            columns = wider
        if not bool((columns == there).all() and (rows == some.any(axis=1)).all()):
            return False
    return True


def _components(both: Bool, one_way: Bool, strata: Codes) -> tuple[Codes, Codes]:
    """Strong components of rows and columns; cells lead both ways, or from row to column alone."""
    g, t = both.shape
    size = int(strata.max(initial=0)) + 1
    row, column = np.nonzero(both | one_way)
    to = g + strata[row] * t + column
    back = both[row, column]
    start, end = np.concatenate([row, to[back]]), np.concatenate([to, row[back]])
    edges = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(g + size * t,) * 2)
    part = connected_components(edges.tocsr(), directed=True, connection="strong")[1]
    codes = part.astype(np.intp)
    return codes[:g], codes[g:].reshape(size, t)
