"""Areas that share treatment path, mask and offset profile become one row, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels.rowwise import group_sums

__all__ = ["Collapsed", "collapse"]

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Collapsed:
    """Sufficient statistics of G groups of areas.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Group of each area.
    size : ndarray, shape (G,)
        Areas in each group.
    total : ndarray, shape (G, T)
        Σ y over the group's areas; 0 where a cell is absent.
    used : ndarray of bool, shape (G, T)
    profile : ndarray, shape (G, T)
        Offset base of a cell over that of the area's first used one.
    columns : ndarray, shape (P, G, T)
        Regressors, equal within a group.
    strata : ndarray of int, shape (G,)

    Notes
    -----
    Areas of a group differ in their own effect alone. Given their totals Poisson counts are
    multinomial with the same cell probabilities, so group sums are sufficient; in least squares the
    same holds because residualised regressors are equal within the group.
    """

    group: NDArray[np.intp]
    size: Float
    total: Float
    used: NDArray[np.bool_]
    profile: Float
    columns: Float
    strata: NDArray[np.intp]


def collapse(
    y: Float,
    used: NDArray[np.bool_],
    columns: Float,
    *,
    base: Float | None = None,
    strata: NDArray[np.intp] | None = None,
    moved: NDArray[np.bool_] | None = None,
) -> Collapsed:
    """Group the areas of ``y``, shape (n, T), with regressors of shape (P, n, T).

    With ``moved``, shape (n,), regressors are of these M areas alone, shape (P, M, T), and 0 for
    all others.

    Examples
    --------
    >>> y = np.arange(6.0).reshape(3, 2)
    >>> d = np.array([[[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]]])
    >>> collapse(y, np.ones((3, 2), bool), d).total.tolist()
    [[0.0, 1.0], [6.0, 8.0]]
    """
    n, t = y.shape
    labels = np.zeros(n, dtype=np.intp) if strata is None else strata
    varying = None if base is None else _profile(base, used)
    whole = bool(used.all())
    plain = np.ones(n, dtype=bool) if whole else used.all(axis=1)
    if moved is None:
        moved = np.zeros(n, dtype=bool)
        for row_by_row in columns:
            moved |= (row_by_row != 0).any(axis=1)
        columns = columns[:, moved]
    plain &= ~moved
    place = np.cumsum(moved) - 1
    if varying is not None:
        plain &= (varying == 1.0).all(axis=1)
    group = np.where(plain, labels, -1)
    odd = np.flatnonzero(~plain)
    if len(odd):
        codes = np.zeros(len(odd), dtype=np.intp)
        for column in columns:
            codes = _finer(codes, _at(column, moved, place, odd))
        if strata is not None:
            codes = _finer(codes, labels[odd, None].astype(np.float64))
        if not whole:
            codes = _finer(codes, used[odd].astype(np.float64))
        if varying is not None:
            codes = _finer(codes, varying[odd])
        group[odd] = int(labels.max(initial=0)) + 1 + codes
    group, lead = _in_order(group)
    shown = y if whole else np.where(used, y, 0.0)
    return Collapsed(
        group=group,
        size=np.bincount(group).astype(np.float64),
        total=group_sums(shown, group, len(lead)),
        used=used[lead],
        profile=np.ones((len(lead), t)) if varying is None else varying[lead],
        columns=np.array([_at(column, moved, place, lead) for column in columns]).reshape(
            len(columns), len(lead), t
        ),
        strata=labels[lead],
    )


def _at(
    column: Float, moved: NDArray[np.bool_], place: NDArray[np.intp], rows: NDArray[np.intp]
) -> Float:
    """Some areas' rows of a regressor that is known for those moved, and 0 for all others."""
    some = np.zeros((len(rows), column.shape[1]))
    known = moved[rows]
    some[known] = column[place[rows[known]]]
    return some


def _finer(codes: NDArray[np.intp], keys: Float) -> NDArray[np.intp]:
    """Codes told apart by rows besides, in an order that row order cannot change."""
    rows = list(zip(codes.tolist(), map(bytes, keys + 0.0), strict=True))
    place = {row: k for k, row in enumerate(sorted(set(rows)))}
    return np.array([place[row] for row in rows], dtype=np.intp)


def _in_order(codes: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Codes without gaps in their numbers, and the first row of each."""
    present = np.bincount(codes) > 0
    dense = (np.cumsum(present) - 1)[codes]
    lead = np.empty(int(present.sum()), dtype=np.intp)
    lead[dense[::-1]] = np.arange(len(codes))[::-1]
    return dense, lead


def _profile(base: Float, used: NDArray[np.bool_]) -> Float:
    first = base[np.arange(len(base)), used.argmax(axis=1)]
    profile: Float = np.where(used, base / first[:, None], 1.0)
    return profile
