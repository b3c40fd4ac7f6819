"""From dated incidents to a complete grid of counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel.grid import Grid
from hotspot_eval.panel.rows import BLANK, area_ids, clusters, note, offset, require_columns
from hotspot_eval.periods import Frequency, PeriodLike, Periods, interval_days

__all__ = ["grid_of_incidents"]

_NEVER_EMPTY = 30
_SIX_DIGITS = r"^(\d{4})(\d{2})$"
_MONTH_ALONE = r"\d{4}-(?:0[1-9]|1[0-2])"
_ISO_DAY = r"\d{4}-\d{2}-\d{2}(?:$|[T ])"


def grid_of_incidents(
    frame: pd.DataFrame,
    *,
    area: str,
    date: str,
    frequency: Frequency,
    outcome: str | None,
    areas: Iterable[object] | None,
    start: PeriodLike | None,
    end: PeriodLike | None,
    missing: Iterable[PeriodLike],
    offset_base: Mapping[Any, float] | pd.Series | None,
    cluster: Mapping[Any, str] | pd.Series | None,
    ledger: Ledger,
) -> Grid:
    """Dated rows, one an incident, counted into a complete grid."""
    check_choice("frequency", frequency, ("week", "four_week", "month", "year"))
    require_columns(frame, [area, date, *([outcome] if outcome else [])])
    days = _days(frame[date], frequency, date)
    first = days.min() if start is None else interval_days(start, frequency)[0]
    after = days.max() + 1 if end is None else interval_days(end, frequency)[1]
    if end is None and frequency in ("month", "year"):
        after = interval_days(str(days.max())[: 7 if frequency == "month" else 4], frequency)[1]
    periods = _whole_periods(first, after, frequency)

    row_area = np.array(area_ids(frame[area]), dtype=object)
    located = ~(frame[area].isna().to_numpy() | pd.Index(row_area, dtype=object).isin(BLANK))
    labels = sorted(set(row_area[located])) if areas is None else sorted(set(area_ids(areas)))
    if not labels:
        raise InputError(Problem(where=f"column '{area}'", what="no incident has an area"))
    where = pd.Index(labels).get_indexer(pd.Index(row_area))
    inside = (days >= first) & (days < after)
    when = np.searchsorted(periods.starts, days, side="right") - 1
    complete = days < periods.ends[-1]
    kept = located & (where >= 0) & inside & complete

    kinds, names = (
        (np.zeros(len(frame), dtype=int), ["incidents"])
        if outcome is None
        else _factor(frame[outcome], outcome)
    )
    shape = (len(labels), len(periods), len(names))
    flat = np.ravel_multi_index((where[kept], when[kept], kinds[kept]), shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape))).astype(np.int64).reshape(shape)
    observed = np.ones(shape, dtype=bool)
    gone = [periods.position(value) for value in missing]
    observed[:, gone] = False
    uncovered = kept & np.isin(when, gone)
    counts[:, gone] = 0
    silent = _silent(when[inside & complete], gone, periods)
    book = ledger.step(
        "panel of incidents",
        rows_in=len(frame),
        rows_out=int((kept & ~uncovered).sum()),
        left_out=[
            LedgerNote(reason="no area (not located)", rows=int((~located).sum())),
            note("area outside the study", row_area[located & (where < 0)]),
            LedgerNote(
                reason="before the start or after the end",
                rows=int((located & (where >= 0) & ~inside).sum()),
            ),
            LedgerNote(
                reason=f"in the incomplete last {frequency}",
                rows=int((located & (where >= 0) & inside & ~complete).sum()),
            ),
            LedgerNote(reason="in a period declared missing", rows=int(uncovered.sum())),
        ],
        remarks=[
            note("periods declared missing", [periods.labels[t] for t in gone]),
            note("periods without a record, taken as zero", silent),
        ],
    )
    cells = np.indices(shape[:2]).reshape(2, -1)
    blank = pd.DataFrame({"area": labels})
    return Grid(
        areas=tuple(labels),
        periods=periods,
        outcomes=tuple(names),
        counts=counts,
        observed=observed,
        offset_base=offset(blank, offset_base, labels, cells[0], cells[1], shape[:2]),
        cluster=clusters(blank, cluster, "area", labels),
        ledger=book,
    )


def _silent(when: NDArray[np.intp], gone: list[int], periods: Periods) -> list[str]:
    """Periods in which no row lies, refused where chance does not leave a period empty."""
    rows = np.bincount(when, minlength=len(periods))
    covered = np.ones(len(periods), dtype=bool)
    covered[gone] = False
    silent = [periods.labels[t] for t in np.flatnonzero(covered & (rows == 0))]
    usual = float(np.median(rows[covered & (rows > 0)])) if rows[covered].any() else 0.0
    if silent and usual >= _NEVER_EMPTY:
        raise InputError(
            Problem(
                where="argument 'missing'",
                what=f"does not name periods without a single record (others hold about "
                f"{usual:,.0f} each, so these are not covered rather than free of crime)",
                examples=silent,
                advice=f"Pass missing={silent!r}, or end= before them.",
            )
        )
    return silent


def _days(column: pd.Series, frequency: Frequency, name: str) -> NDArray[np.datetime64]:
    """Day of each row. Text must be ISO 8601: 01/02/2022 is two days to two readers."""
    if pd.api.types.is_datetime64_any_dtype(column):
        days = column.dt.tz_localize(None)
    else:
        text = column.astype(str).str.strip().str.replace(_SIX_DIGITS, r"\1-\2", regex=True)
        months_only = text.str.fullmatch(_MONTH_ALONE)
        if months_only.any() and frequency in ("week", "four_week"):
            raise InputError(
                Problem(
                    where=f"column '{name}'",
                    what="records carry a month but no day, so weeks cannot be formed",
                    examples=list(text[months_only]),
                    advice="Use frequency='month', or records with dates.",
                )
            )
        dated = text.where(months_only | text.str.match(_ISO_DAY))
        days = pd.to_datetime(dated, format="ISO8601", errors="coerce")
    bad = days.isna().to_numpy()
    if bad.any():
        raise InputError(
            Problem(
                where=f"column '{name}'",
                what="is not a date in rows",
                examples=[f"row {row}: {column.iloc[row]}" for row in np.flatnonzero(bad)],
                advice="Write dates as 2022-07-31.",
            )
        )
    return np.asarray(days.to_numpy(), dtype="datetime64[D]")


def _whole_periods(first: np.datetime64, after: np.datetime64, frequency: Frequency) -> Periods:
    last = after - np.timedelta64(1, "D")
    if last < first:
        raise InputError(
            Problem(where="argument 'end'", what="lies before the start of the records")
        )
    periods = Periods.span(first, last, frequency=frequency)
    if periods.ends[-1] <= after:
        return periods
    if len(periods) == 1:
        raise InputError(
            Problem(where="argument 'end'", what=f"the records do not cover one whole {frequency}")
        )
    return periods.take(0, len(periods) - 1)


def _factor(column: pd.Series, name: str) -> tuple[NDArray[np.intp], list[str]]:
    if column.isna().any():
        raise InputError(
            Problem(
                where=f"column '{name}'",
                what="outcome is blank in rows",
                examples=list(np.flatnonzero(column.isna())),
            )
        )
    codes, labels = pd.factorize(column.astype(str), sort=True)
    return codes, [str(label) for label in labels]
