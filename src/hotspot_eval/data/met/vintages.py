"""Several wide files on one grid: the newest vintage wins, and what it revised is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.met.categories import OUTCOMES
from hotspot_eval.data.met.partial import EdgeMonth, judge_first_month, judge_last_month
from hotspot_eval.data.met.wide import WideFile
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.periods import PeriodLike, interval_days

__all__ = ["EXPECTED", "Merged", "Vintage", "merge", "on_one_grid"]

# An area without a row has no events in the file, or is not covered by it. It is taken as covered
# unless its rate elsewhere predicts this many events: P(0 | 10) = 5e-5.
EXPECTED = 10.0

_LOST = 0.05
_LEAST_LOST = 20.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vintage:
    """A wide file laid over the grid of all files.

    Parameters
    ----------
    file : WideFile
    label : str
        Its last month, ``"2023-03"``.
    rank : tuple
        Order of the vintages: publication, then last month.
    counts : ndarray of int64, shape (N, T, K)
    known : ndarray of bool, shape (N, T, K)
        Counts that the file states, or leaves out because they are zero.
    listed : ndarray of bool, shape (N,)
        Areas with a row.
    first, last : EdgeMonth
    empty : tuple of str
        Months whose column holds no event although many are expected; not covered.
    """

    file: WideFile
    label: str
    rank: tuple[np.datetime64, np.datetime64]
    counts: NDArray[np.int64]
    known: NDArray[np.bool_]
    listed: NDArray[np.bool_]
    first: EdgeMonth
    last: EdgeMonth
    empty: tuple[str, ...]

    @property
    def partial_months(self) -> tuple[np.datetime64, ...]:
        """First and last month, where they are not whole."""
        edges = ((self.file.months[0], self.first), (self.file.months[-1], self.last))
        return tuple(dict.fromkeys(month for month, edge in edges if edge.partial))

    @property
    def covers(self) -> NDArray[np.bool_]:
        """Whether the file says anything of an area and month, shape (N, T)."""
        return np.asarray(self.known.any(axis=2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Merged:
    """One count for each cell, and the vintage it came from.

    Parameters
    ----------
    areas : tuple of str, length N
    months : ndarray of datetime64[M], shape (T,)
        Contiguous.
    counts, known : ndarray, shape (N, T, K)
    source : ndarray of int, shape (N, T)
        Position of the vintage; −1 where none covers the cell.
    """

    areas: tuple[str, ...]
    months: NDArray[np.datetime64]
    counts: NDArray[np.int64]
    known: NDArray[np.bool_]
    source: NDArray[np.intp]


def on_one_grid(
    files: Sequence[WideFile], published: Mapping[str, PeriodLike]
) -> tuple[list[Vintage], tuple[str, ...], NDArray[np.datetime64]]:
    """All files over the union of areas and months, oldest vintage first.

    Raises
    ------
    InputError
        If the files are of several levels, or ``published`` names a file that is not there.
    """
    levels = {file.level for file in files}
    if len(levels) > 1:
        raise InputError(
            Problem(
                where="paths",
                what="mix files of several levels",
                examples=[f"{file.name}: {file.level}" for file in files],
                advice="Read each level on its own; LSOA counts do not sum to ward counts.",
            )
        )
    stray = sorted(set(published) - {file.name for file in files})
    if stray:
        raise InputError(
            Problem(where="argument 'published'", what="names files not read", examples=stray)
        )
    areas = tuple(sorted(set().union(*(file.areas for file in files))))
    first = min(file.months[0] for file in files)
    last = max(file.months[-1] for file in files)
    months = np.arange(first, last + 1)
    rates = _rates(files, areas)
    vintages = [_vintage(file, areas, months, rates, published.get(file.name)) for file in files]
    ordered = sorted(vintages, key=lambda v: (v.rank, v.file.name))
    settled: list[Vintage] = []
    for vintage in ordered:
        told = [_falls_short(vintage, older, months) for older in settled]
        known = [short for short in told if short is not None]
        partial = any(known) if known else vintage.first.partial
        settled.append(replace(vintage, first=replace(vintage.first, partial=partial)))
    return settled, areas, months


def _falls_short(new: Vintage, old: Vintage, months: NDArray[np.datetime64]) -> bool | None:
    """Whether a vintage's first month lacks events that an older one told of, as no other month.

    In the areas that both list, its ratio to the older total is over 5 % below the median ratio of
    the other months that both cover; revisions move a month by up to 1.2 %. None if the older
    does not tell of the month, or not whole.
    """
    if new.rank == old.rank or new.file.months[0] in old.partial_months:
        return None
    both = (old.known & new.known & (old.listed & new.listed)[:, None, None])[:, :, -1]
    before = np.where(both, old.counts[:, :, -1], 0).sum(axis=0)
    after = np.where(both, new.counts[:, :, -1], 0).sum(axis=0)
    first = int(_place(new.file.months[:1], months)[0])
    if before[first] < _LEAST_LOST:
        return None
    others = before > 0
    others[
        [first, *_place(np.array([*old.partial_months, *new.partial_months], "M8[M]"), months)]
    ] = False
    usual = float(np.median(after[others] / before[others])) if others.any() else 1.0
    lost = usual * before[first] - after[first]
    return bool(lost >= _LEAST_LOST and lost > _LOST * usual * before[first])


def merge(
    vintages: Sequence[Vintage], areas: tuple[str, ...], months: NDArray[np.datetime64]
) -> Merged:
    """For each cell the newest vintage that covers it; a partial month yields to any whole one.

    Raises
    ------
    InputError
        If two files of the same vintage differ.
    """
    _refuse_conflicts(vintages, areas, months)
    shape = vintages[0].counts.shape
    counts, known = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    source = np.full(shape[:2], -1)
    firm = np.zeros(shape[:2], dtype=bool)
    for number, vintage in enumerate(vintages):
        same = [v for v in vintages if v.rank == vintage.rank and v is not vintage]
        elsewhere = np.any([v.listed for v in same], axis=0) if same else np.zeros(len(areas), bool)
        take = vintage.covers & (vintage.listed | ~elsewhere)[:, None]
        whole = np.ones(len(months), dtype=bool)
        whole[_place(np.array(vintage.partial_months, dtype="M8[M]"), months)] = False
        take &= whole | ~firm
        counts[take], known[take], source[take] = vintage.counts[take], vintage.known[take], number
        firm |= take & whole
    return Merged(areas=areas, months=months, counts=counts, known=known, source=source)


def _rates(files: Sequence[WideFile], areas: tuple[str, ...]) -> NDArray[np.float64]:
    """Events in a median month of each area, the highest of the files that list it; shape (N,)."""
    rates = np.zeros(len(areas))
    for file in files:
        place = np.searchsorted(areas, file.areas)
        own = np.median(file.counts[:, :, -1], axis=1)
        rates[place] = np.maximum(rates[place], own)
    return rates


def _vintage(
    file: WideFile,
    areas: tuple[str, ...],
    months: NDArray[np.datetime64],
    rates: NDArray[np.float64],
    published: PeriodLike | None,
) -> Vintage:
    shape = (len(areas), len(months), len(OUTCOMES))
    counts, known = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    rows, columns = np.searchsorted(areas, file.areas), _place(file.months, months)
    listed = np.zeros(len(areas), dtype=bool)
    listed[rows] = True
    counts[np.ix_(rows, columns)] = file.counts
    known[np.ix_(rows, columns)] = file.known
    silent = np.flatnonzero(~listed & (rates * len(file.months) < EXPECTED))
    known[np.ix_(silent, columns)] = True
    known &= file.offered
    totals = file.counts[:, :, -1].sum(axis=0)
    empty = columns[(totals == 0) & (totals.mean() >= EXPECTED)]
    known[:, empty] = False
    end = file.months[-1]
    release = interval_days(published, "month")[0] if published is not None else None
    first, last = _edges(file)
    if release is not None and release.astype("datetime64[M]") <= end:
        last = replace(last, partial=True)
    return Vintage(
        file=file,
        label=str(end),
        rank=(end if release is None else release.astype("datetime64[M]") - 1, end),
        counts=np.where(known, counts, 0),
        known=known,
        listed=listed,
        first=first,
        last=last,
        empty=tuple(str(month) for month in months[empty]),
    )


def _edges(file: WideFile) -> tuple[EdgeMonth, EdgeMonth]:
    months = np.arange(file.months[0], file.months[-1] + 1)
    by_outcome = np.full((len(months), len(OUTCOMES)), np.nan)
    stated = file.known.any(axis=0)
    by_outcome[_place(file.months, months)] = np.where(stated, file.counts.sum(axis=0), np.nan)
    by_outcome[:, ~file.offered] = np.nan
    ends = (months + 1).astype("datetime64[D]")
    days = (ends - months.astype("datetime64[D]")).astype(np.float64)
    told = by_outcome[:, -1], by_outcome[:, :-1], days
    return judge_first_month(*told), judge_last_month(*told)


def _place(some: NDArray[np.datetime64], months: NDArray[np.datetime64]) -> NDArray[np.intp]:
    return np.asarray((some - months[0]).astype(np.intp))


def _refuse_conflicts(
    vintages: Sequence[Vintage], areas: tuple[str, ...], months: NDArray[np.datetime64]
) -> None:
    problems = []
    for number, one in enumerate(vintages):
        for two in vintages[number + 1 :]:
            if one.rank != two.rank:
                continue
            both = one.known & two.known & (one.listed & two.listed)[:, None, None]
            clash = np.argwhere(both & (one.counts != two.counts))
            if len(clash):
                problems.append(
                    Problem(
                        where=f"{one.file.name} and {two.file.name}",
                        what=f"both end in {one.label} and differ",
                        examples=[f"{areas[i]} {months[t]} {OUTCOMES[k]}" for i, t, k in clash],
                        advice="Say which was published later: published={file name: date}.",
                    )
                )
    if problems:
        raise InputError(*problems)


def changes(
    vintages: Sequence[Vintage], areas: tuple[str, ...], months: NDArray[np.datetime64]
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Changed cells and their summary, for each vintage and the next newer one of a month."""
    for t, month in enumerate(months):
        here = [v for v in vintages if v.known[:, t].any() and not _is_partial(v, month)]
        for old, new in pairwise(here):
            if old.rank == new.rank:
                continue
            yield _compare(old, new, areas, t, str(month))


def _is_partial(vintage: Vintage, month: np.datetime64) -> bool:
    return month in vintage.partial_months


def _compare(
    old: Vintage, new: Vintage, areas: tuple[str, ...], t: int, month: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    both = old.known[:, t] & new.known[:, t] & (old.listed | new.listed)[:, None]
    before, after = old.counts[:, t], new.counts[:, t]
    rows, columns = np.nonzero(both & (before != after))
    pair = {"older_vintage": old.label, "newer_vintage": new.label}
    cells = pd.DataFrame(
        {
            "area": np.array(areas, dtype=object)[rows],
            "period": month,
            "outcome": np.array(OUTCOMES, dtype=object)[columns],
            **pair,
            "old_count": before[rows, columns],
            "new_count": after[rows, columns],
        }
    )
    cells["difference"] = cells["new_count"] - cells["old_count"]
    summary = [
        {
            **pair,
            "period": month,
            "outcome": name,
            **_summary(before[:, k], after[:, k], both[:, k]),
        }
        for k, name in enumerate(OUTCOMES)
        if both[:, k].any()
    ]
    return cells, pd.DataFrame(summary)


def _summary(
    before: NDArray[np.int64], after: NDArray[np.int64], both: NDArray[np.bool_]
) -> dict[str, float]:
    old, new = before[both], after[both]
    changed = old != new
    had = changed & (old > 0)
    percent = 100.0 * np.abs(new[had] - old[had]) / old[had]
    return {
        "cells": len(old),
        "changed": int(changed.sum()),
        "share_changed": float(changed.mean()),
        "old_total": int(old.sum()),
        "new_total": int(new.sum()),
        "net_change": int(new.sum() - old.sum()),
        "net_change_percent": 100.0 * (new.sum() - old.sum()) / old.sum() if old.sum() else np.nan,
        "median_change_percent": float(np.median(percent)) if had.any() else np.nan,
        "max_change_percent": float(percent.max()) if had.any() else np.nan,
    }
