"""From tidy rows to a complete grid: which area, which period, what an absent cell means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel.rows import (
    Attribute,
    area_ids,
    clusters,
    note,
    numbers,
    offset,
    refuse_duplicates,
    require_columns,
    row_areas,
)
from hotspot_eval.periods import Frequency, Periods

__all__ = ["Absent", "Grid", "grid_of_counts"]

Absent = Literal["zero", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The fields of a Panel before they are checked: see :class:`hotspot_eval.Panel`."""

    areas: tuple[str, ...]
    periods: Periods
    outcomes: tuple[str, ...]
    counts: NDArray[Any]
    observed: NDArray[np.bool_]
    offset_base: NDArray[np.float64] | None
    cluster: tuple[str, ...] | None
    ledger: Ledger


def grid_of_counts(
    frame: pd.DataFrame,
    *,
    area: str,
    period: str,
    outcomes: tuple[str, ...],
    whole: bool,
    offset_base: Attribute | None,
    cluster: Attribute | None,
    frequency: Frequency | None,
    absent: Absent | None,
    areas: Iterable[object] | None,
    ledger: Ledger,
) -> Grid:
    """Tidy rows, one for each area and period, as a complete grid."""
    if absent is not None:
        check_choice("absent", absent, get_args(Absent))
    columns = [c for c in (offset_base, cluster) if isinstance(c, str)]
    require_columns(frame, [area, period, *outcomes, *columns])
    rows, values, labels, where, outside = _inside(
        frame, list(dict.fromkeys([area, period, *columns])), area, areas, outcomes, whole
    )
    periods, when = Periods.from_values(
        rows[period], frequency=frequency, where=f"column '{period}'"
    )
    cell = where * len(periods) + when
    refuse_duplicates(cell, labels, periods)

    shape = (len(labels), len(periods), len(outcomes))
    known = ~np.isnan(values)
    observed = np.zeros(shape, dtype=bool)
    observed.reshape(-1, shape[2])[cell] = known
    counts = np.zeros(shape, dtype=np.int64 if whole else np.float64)
    counts.reshape(-1, shape[2])[cell] = np.where(known, values, 0).astype(counts.dtype)
    stated = np.zeros(shape[:2], dtype=bool)
    stated.reshape(-1)[cell] = True
    absent = _settle_absent(absent, stated, values)
    silent = ~stated & stated.any(axis=0)
    if absent == "zero":
        observed |= silent[:, :, None]

    book = ledger.step(
        "panel",
        rows_in=len(frame),
        rows_out=len(rows),
        left_out=[note("area outside the study", outside)],
    ).step(
        "grid of areas and periods",
        unit="cells",
        rows_in=shape[0] * shape[1],
        rows_out=shape[0] * shape[1],
        remarks=[
            _cells(f"absent in the source, taken as {absent}", silent, labels, periods),
            _cells(
                "count blank, taken as missing", stated & ~observed.all(axis=2), labels, periods
            ),
            *_empty_periods(stated, periods),
        ],
    )
    attributes = rows.assign(**{area: pd.Categorical.from_codes(where, pd.Index(labels))})
    return Grid(
        areas=tuple(labels),
        periods=periods,
        outcomes=outcomes,
        counts=counts,
        observed=observed,
        offset_base=offset(attributes, offset_base, labels, where, when, shape[:2]),
        cluster=clusters(attributes, cluster, area, labels),
        ledger=book,
    )


def _inside(
    frame: pd.DataFrame,
    shown: list[str],
    area: str,
    areas: Iterable[object] | None,
    outcomes: tuple[str, ...],
    whole: bool,
) -> tuple[pd.DataFrame, NDArray[np.float64], list[str], NDArray[np.intp], list[str]]:
    """Rows within the study, their values, its areas, the area of each row; ids of other rows."""
    codes, ids = row_areas(frame[area], area)
    values = numbers(frame, outcomes, whole)
    labels = sorted(set(ids)) if areas is None else sorted(set(area_ids(areas)))
    where = pd.Index(labels, dtype=object).get_indexer(pd.Index(ids, dtype=object))[codes]
    kept = where >= 0
    if kept.all():
        return frame[shown], values, labels, where, []
    if not kept.any():
        raise InputError(
            Problem(
                where="argument 'areas'",
                what=f"names none of the areas of column '{area}'",
                examples=labels,
                advice=f"Its ids look like {', '.join(sorted(set(ids))[:3])}.",
            )
        )
    outside = [ids[code] for code in codes[~kept]]
    return frame.loc[kept, shown], values[kept], labels, where[kept], outside


def _settle_absent(
    absent: Absent | None, stated: NDArray[np.bool_], values: NDArray[np.float64]
) -> Absent:
    if absent is not None:
        return absent
    holes = ~stated & stated.any(axis=0)
    if holes.any() and not (values == 0).any():
        raise InputError(
            Problem(
                where="argument 'absent'",
                what=f"the rows hold no zero, and {holes.mean():.0%} of areas × periods absent, "
                "as if zeros had been left out",
                advice="Pass absent='zero' if an absent row means no event, absent='missing' if it "
                "means not recorded.",
            )
        )
    return "missing"


def _cells(
    reason: str, mask: NDArray[np.bool_], labels: Sequence[str], periods: Periods
) -> LedgerNote:
    places = np.argwhere(mask)[:5]
    return LedgerNote(
        reason=reason,
        rows=int(mask.sum()),
        examples=tuple(f"{labels[i]} in {periods.labels[t]}" for i, t in places),
    )


def _empty_periods(stated: NDArray[np.bool_], periods: Periods) -> list[LedgerNote]:
    empty = np.flatnonzero(~stated.any(axis=0))
    return [
        LedgerNote(
            reason="period absent for every area, taken as missing",
            rows=len(empty) * stated.shape[0],
            examples=tuple(periods.labels[t] for t in empty[:5]),
        )
    ]
