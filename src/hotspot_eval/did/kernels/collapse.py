"""Areas that share treatment path, mask and offset profile become one row, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Collapsed", "collapse"]

Float = NDArray[np.float64]
_FEW = 8


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
) -> Collapsed:
    """Group the areas of ``y``, shape (n, T), with regressors of shape (P, n, T).

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
    plain = used.all(axis=1) & ~columns.any(axis=(0, 2))
    if varying is not None:
        plain &= (varying == 1.0).all(axis=1)
    group = np.where(plain, labels, -1)
    odd = np.flatnonzero(~plain)
    if len(odd):
        parts = [used[odd].astype(np.float64), *columns[:, odd], labels[odd, None].astype(float)]
        if varying is not None:
            parts.append(varying[odd])
        keys = np.ascontiguousarray(np.hstack(parts) + 0.0)
        whole_row = np.dtype((np.void, keys.dtype.itemsize * keys.shape[1]))
        group[odd] = n + np.unique(keys.view(whole_row).ravel(), return_inverse=True)[1]
    _, lead, group = np.unique(group, return_index=True, return_inverse=True)
    shown = y if used.all() else np.where(used, y, 0.0)
    return Collapsed(
        group=group,
        size=np.bincount(group).astype(np.float64),
        total=_group_sums(shown, group, len(lead)),
        used=used[lead],
        profile=np.ones((len(lead), t)) if varying is None else varying[lead],
        columns=columns[:, lead],
        strata=labels[lead],
    )


def _group_sums(y: Float, group: NDArray[np.intp], count: int) -> Float:
    if count <= _FEW:
        members = group == np.arange(count)[:, None]
        few: Float = members.astype(np.float64) @ y
        return few
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(count))
    sums: Float = np.add.reduceat(y[order], starts, axis=0)
    return sums


def _profile(base: Float, used: NDArray[np.bool_]) -> Float:
    first = base[np.arange(len(base)), used.argmax(axis=1)]
    profile: Float = np.where(used, base / first[:, None], 1.0)
    return profile
