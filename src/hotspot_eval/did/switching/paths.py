"""When treatment first changes in each area, and which areas may be compared with it then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.sample import Sample

__all__ = ["Direction", "Horizons", "Paths", "follow", "horizons"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int = NDArray[np.intp]
Direction = Literal["all", "in", "out"]
_SIGN = {"in": 1.0, "out": -1.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """Treatment of n areas over all T periods of the panel.

    Parameters
    ----------
    level : ndarray, shape (n, T)
    baseline : ndarray, shape (n,)
        Level in the panel's first period.
    switch : ndarray of int, shape (n,)
        Position of the first period with another level; T where there is none.
    sign : ndarray, shape (n,)
        1 where the first change is up, −1 where it is down, 0 where there is none.
    crossed : ndarray of bool, shape (n, T)
        From where on the level lies on the other side of the baseline than just after the change.
    """

    level: Float
    baseline: Float
    switch: Int
    sign: Float
    crossed: Bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Horizons:
    """P averages over switchers, each a weighted sum of the cells of a sample.

    Parameters
    ----------
    times : tuple of int, length P
        Periods since the switch, 0 in its first; below 0 the placebos.
    group : ndarray of int, shape (n,)
        Areas that share baseline, switch, direction and mask share weights.
    weights : ndarray, shape (P, G, t)
        Of a cell of each group.
    switchers : ndarray, shape (P,)
        Areas averaged over.
    now, total : ndarray, shape (P,)
        Mean change of the level in that period, and summed from the switch to it.
    on : ndarray of bool, shape (n, t)
        Cells from the switch on that enter an average.
    """

    times: tuple[int, ...]
    group: Int
    weights: Float
    switchers: Float
    now: Float
    total: Float
    on: Bool


def follow(level: Float) -> Paths:
    """Baseline, first change and later crossings of treatment paths, shape (n, T).

    Examples
    --------
    >>> follow(np.array([[0.0, 0.5, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]])).switch.tolist()
    [1, 2]
    """
    change = level - level[:, :1]
    moved = change != 0
    switch = np.where(moved.any(axis=1), moved.argmax(axis=1), level.shape[1])
    at = np.minimum(switch, level.shape[1] - 1)
    sign = np.sign(change[np.arange(len(level)), at])
    crossed = np.logical_or.accumulate(sign[:, None] * change < 0, axis=1)
    return Paths(
        level=level, baseline=level[:, 0], switch=switch, sign=sign, crossed=np.asarray(crossed)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Groups:
    """Areas with the same baseline, switch, direction and mask."""

    size: Float
    baseline: Float
    switch: Int
    sign: Float
    used: Bool


def horizons(
    sample: Sample,
    paths: Paths,
    used: Bool,
    *,
    effects: int | None,
    placebos: int | None,
    gap: int,
    same: bool,
    direction: Direction,
) -> Horizons:
    """Weights behind DID_ℓ and its placebos; ``effects=None`` takes all there are.

    Parameters
    ----------
    used : ndarray of bool, shape (n, t)
        Cells of the sample that may be used.
    gap : int
        Periods right before the switch that are left out.
    same : bool
        Only switchers with every one of ``effects``.
    """
    key = np.column_stack([paths.baseline, paths.switch, paths.sign, used])
    _, lead, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    groups = _Groups(
        size=np.bincount(group).astype(np.float64),
        baseline=paths.baseline[lead],
        switch=paths.switch[lead],
        sign=paths.sign[lead],
        used=used[lead],
    )
    place = np.full(paths.level.shape[1], -1, dtype=np.intp)
    place[sample.when] = np.arange(len(sample.when))
    wanted = groups.sign != 0 if direction == "all" else groups.sign == _SIGN[direction]
    reach = [_contrasts(groups, wanted, place, gap, ahead) for ahead in range(1, len(place))]
    last = effects or max((k for k, found in enumerate(reach, 1) if found), default=0)
    members = np.ones(len(groups.size), dtype=bool)
    if same and last and last <= len(reach):
        members[:] = False
        for g in set.intersection(*(set(found) for found in reach[:last])):
            members[g] = True
    rows: list[tuple[int, dict[int, _Contrast]]] = []
    for ahead in range(1, last + 1):
        found = reach[ahead - 1] if ahead <= len(reach) else {}
        rows.append((ahead - 1, {g: c for g, c in found.items() if members[g]}))
    rows = [*_placebos(groups, place, gap, placebos, rows), *rows]
    return _assemble(paths, groups, group, rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Contrast:
    """Columns compared by one group, and its controls."""

    now: int
    base: int
    controls: Int


def _contrasts(
    groups: _Groups, wanted: Bool, place: Int, gap: int, ahead: int
) -> dict[int, _Contrast]:
    """Groups whose effect in their ``ahead``-th switched period can be had."""
    found = {}
    for g in np.flatnonzero(wanted):
        then = groups.switch[g] - 1 + ahead
        base = groups.switch[g] - 1 - gap
        if then >= len(place) or base < 0 or place[then] < 0 or place[base] < 0:
            continue
        now, before = int(place[then]), int(place[base])
        if not (groups.used[g, now] and groups.used[g, before]):
            continue
        alike = (groups.baseline == groups.baseline[g]) & (groups.switch > then)
        controls = np.flatnonzero(alike & groups.used[:, now] & groups.used[:, before])
        if len(controls):
            found[int(g)] = _Contrast(now=now, base=before, controls=controls)
    return found


def _placebos(
    groups: _Groups,
    place: Int,
    gap: int,
    wanted: int | None,
    effects: list[tuple[int, dict[int, _Contrast]]],
) -> list[tuple[int, dict[int, _Contrast]]]:
    """The same switchers and controls, over as many periods before the base."""
    rows = []
    for time, found in effects[:wanted]:
        ahead, kept = time + 1, {}
        for g, contrast in found.items():
            then = groups.switch[g] - 1 - gap - ahead
            if then < 0 or place[then] < 0 or not groups.used[g, place[then]]:
                continue
            early = int(place[then])
            controls = contrast.controls[groups.used[contrast.controls, early]]
            if len(controls):
                kept[g] = _Contrast(now=early, base=contrast.base, controls=controls)
        if kept or wanted is not None:
            rows.append((-1 - gap - ahead, kept))
    return rows[::-1]


def _assemble(
    paths: Paths,
    groups: _Groups,
    group: Int,
    rows: list[tuple[int, dict[int, _Contrast]]],
) -> Horizons:
    count, t = groups.used.shape
    weights = np.zeros((len(rows), count, t))
    on, switchers = np.zeros(groups.used.shape, dtype=bool), np.zeros(len(rows))
    now, total = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    change = paths.sign[:, None] * (paths.level - paths.baseline[:, None])
    summed = np.cumsum(change, axis=1)
    for p, (time, found) in enumerate(rows):
        switchers[p] = sum(groups.size[g] for g in found)
        for g, contrast in found.items():
            pull = groups.sign[g] / switchers[p]
            weights[p, g, contrast.now] += pull
            weights[p, g, contrast.base] -= pull
            each = pull * groups.size[g] / groups.size[contrast.controls].sum()
            weights[p, contrast.controls, contrast.now] -= each
            weights[p, contrast.controls, contrast.base] += each
            on[g, contrast.now] |= time >= 0
        areas = np.flatnonzero(np.isin(group, list(found)))
        if len(areas) and time >= 0:
            then = paths.switch[areas] + time
            now[p] = change[areas, then].mean()
            total[p] = summed[areas, then].mean()
    return Horizons(
        times=tuple(time for time, _ in rows),
        group=group,
        weights=weights,
        switchers=switchers,
        now=now,
        total=total,
        on=on[group],
    )
