"""Estimates of thousands of designs: sums of areas that share a path, the rest one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design, Spell, lay_spells
from hotspot_eval.did.kernels import PathTables, impute_paths, solve_paths, sum_paths
from hotspot_eval.did.model import Model
from hotspot_eval.errors import check_sequence, check_type
from hotspot_eval.panel import Panel

__all__ = ["estimate_many"]

Float = NDArray[np.float64]
BLOCK = 1024


def estimate_many(
    panel: Panel,
    designs: Sequence[Design],
    *,
    model: Model,
    imputed: bool,
    plain: bool,
    one: Callable[[Design], float],
) -> Float:
    """Estimates alone, shape (len(designs),); NaN where a design has none.

    Parameters
    ----------
    model : {"poisson", "linear"}
    imputed : bool
        Effects from untreated cells alone, or two-way effects beside the treatment.
    plain : bool
        One effect a period for all areas and no covariates: what sums by path are enough for.
    one : callable
        The estimate of one design, for those that they are not enough for: cells missing in some
        areas only, a base that changes in time, or a likelihood without a plain maximum.

    Notes
    -----
    Designs go in blocks of fixed size: only the estimates grow with their number.
    """
    check_type("panel", panel, Panel, advice="Make one with Panel.from_counts.")
    check_sequence("designs", designs, of="Design", example="[design]")
    for design in designs if isinstance(designs, Iterable) else ():
        check_type("designs", design, Design)
    estimates = np.full(len(designs), np.nan)
    left = np.ones(len(designs), dtype=bool)
    if plain and len(designs):
        reader = _Reader(panel, poisson=model == "poisson")
        for begin in range(0, len(designs), BLOCK):
            here = slice(begin, begin + BLOCK)
            estimates[here], found = _block(reader, designs[here], imputed=imputed)
            left[here] = ~found
    for r in np.flatnonzero(left).tolist():
        estimates[r] = one(designs[r])
    return estimates


def _block(
    reader: _Reader, designs: Sequence[Design], *, imputed: bool
) -> tuple[Float, NDArray[np.bool_]]:
    """Estimates, and of which designs they were found."""
    estimates, found = np.full(len(designs), np.nan), np.zeros(len(designs), dtype=bool)
    read = [reader.read(design) for design in designs]
    places = [r for r, groups in enumerate(read) if groups is not None]
    tables = reader.tables([groups for groups in read if groups is not None])
    sums = sum_paths(reader.y, reader.seen, tables, counts=reader.poisson, drop_off=imputed)
    solve = impute_paths if imputed else solve_paths
    estimates[places], found[places] = solve(sums, poisson=reader.poisson)
    return estimates, found


class _Groups(NamedTuple):
    """Rows of y in one design: treated groups, each with its path, and controls.

    Controls are the rows ``controls``, or ``all_but`` these.
    """

    path: list[int]
    treated: list[list[int]]
    controls: list[int]
    all_but: bool


class _Reader:
    """Reads designs without laying them over every cell; None where that takes more care."""

    def __init__(self, panel: Panel, *, poisson: bool) -> None:
        self.panel, self.poisson = panel, poisson
        self.y, observed = panel.single()
        self.row = {area: i for i, area in enumerate(panel.areas)}
        self.seen: NDArray[np.bool_] = np.asarray(observed.any(axis=0))
        irregular: NDArray[np.bool_] = np.asarray((observed != self.seen).any(axis=1))
        if poisson and panel.offset_base is not None:
            base = panel.offset_base
            irregular |= np.asarray((base != base[:, :1]).any(axis=1))
        if poisson and not np.issubdtype(panel.counts.dtype, np.integer):
            irregular |= np.asarray((self.y < 0).any(axis=1))
        self.irregular = frozenset(np.flatnonzero(irregular).tolist())
        self.known: dict[Any, int | None] = {}
        self.paths: dict[bytes, int] = {}
        self.shares: list[Float] = []
        self.cuts: dict[tuple[Any, ...], int | None] = {}
        self.treatment: list[Float] = []
        self.window: list[NDArray[np.bool_]] = []

    def read(self, design: Design) -> _Groups | None:
        """Groups of the design."""
        groups: dict[int, list[int]] = {}
        try:
            for area, spells in _by_area(design).items():
                path = self._path(spells)
                if path is None:
                    return None
                groups.setdefault(path, []).append(self.row[area])
            neither = {self.row[str(a)] for a in (*design.catchment, *design.excluded)}
            by_default = design.controls is None
            elsewhere = {self.row[spell.area] for spell in design.elsewhere if by_default}
            controls = {self.row[str(a)] for a in design.controls or ()}
        except KeyError:
            return None
        order = sorted(groups, key=lambda path: self.shares[path].tobytes())
        cuts = [self._cut(path, design) for path in order]
        whole = [cut for cut in cuts if cut is not None]
        if len(whole) < len(cuts) or len(cuts) >= len(self.seen):
            return None
        treated = [sorted(groups[path]) for path in order]
        rows = [row for group in treated for row in group]
        if by_default:
            controls = neither | elsewhere | set(rows)
        if self.irregular:
            concerned = self.irregular - controls if by_default else self.irregular & controls
            if concerned or not self.irregular.isdisjoint(rows):
                return None
        return _Groups(whole, treated, sorted(controls), by_default)

    def tables(self, designs: Sequence[_Groups]) -> PathTables:
        """Groups of one design after the other, controls last."""
        groups = [
            (path, rows, all_but)
            for design in designs
            for path, rows, all_but in (
                *zip(design.path, design.treated, [False] * len(design.path), strict=True),
                (0, design.controls, design.all_but),
            )
        ]
        edges = _edges([len(rows) for _, rows, _ in groups])
        each = chain.from_iterable(rows for _, rows, _ in groups)
        shape = (len(self.treatment), len(self.seen))
        return PathTables(
            begin=_edges([len(design.path) + 1 for design in designs]),
            rows=np.fromiter(each, dtype=np.intp, count=int(edges[-1])),
            first_row=edges,
            all_but=np.array([all_but for _, _, all_but in groups], dtype=bool),
            path=np.array([path for path, _, _ in groups], dtype=np.intp),
            treatment=np.array(self.treatment, dtype=np.float64).reshape(shape),
            window=np.array(self.window, dtype=bool).reshape(shape),
        )

    def _path(self, spells: Sequence[Spell]) -> int | None:
        """Number of the treatment path that spells of one area make; None if one lies outside."""
        key = tuple((s.start, s.end, s.share, s.site) for s in spells)
        if key not in self.known:
            inside = all(lay_spells(self.panel.periods, [s])[0].any() for s in spells)
            shares = lay_spells(self.panel.periods, spells)[0]
            if inside and shares.tobytes() not in self.paths:
                self.paths[shares.tobytes()] = len(self.shares)
                self.shares.append(shares)
            self.known[key] = self.paths[shares.tobytes()] if inside else None
        return self.known[key]

    def _cut(self, path: int, design: Design) -> int | None:
        """Number of the path within the design's windows; None if these leave the panel."""
        key = (path, design.pre_periods, design.post_periods, design.gap)
        if key not in self.cuts:
            t = len(self.seen)
            onset = int((self.shares[path] > 0).argmax())
            before = onset - design.gap
            begin = 0 if design.pre_periods is None else before - design.pre_periods
            stop = t if design.post_periods is None else onset + design.post_periods
            self.cuts[key] = None
            if before >= 0 and begin >= 0 and stop <= t:
                when = np.arange(t)
                self.cuts[key] = len(self.treatment)
                self.treatment.append(self.shares[path])
                self.window.append(
                    ((when >= begin) & (when < before)) | ((when >= onset) & (when < stop))
                )
        return self.cuts[key]


def _by_area(design: Design) -> dict[str, list[Spell]]:
    spells: dict[str, list[Spell]] = {}
    for spell in design.spells:
        spells.setdefault(spell.area, []).append(spell)
    return spells


def _edges(lengths: Sequence[int]) -> NDArray[np.intp]:
    return np.concatenate([[0], np.cumsum(np.array(lengths, dtype=np.intp))]).astype(np.intp)
