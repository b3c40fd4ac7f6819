"""From rows to a complete grid: which area, which period, what an absent cell means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.periods import Frequency, PeriodLike, Periods, interval_days

__all__ = ["Absent", "Attribute", "Grid", "area_ids", "grid_of_counts", "grid_of_incidents"]

Absent = Literal["zero", "missing"]
Attribute = str | Mapping[Any, Any] | pd.Series
_BLANK = ("", "nan", "None", "<NA>", "NaN")


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


def area_ids(values: Iterable[object]) -> list[str]:
    """Area ids as text: ``8001`` and ``8001.0`` are the same area, blanks around are cut.

    Examples
    --------
    >>> area_ids([8001.0, " E01000001 "])
    ['8001', 'E01000001']
    """
    return [
        str(int(value))
        if isinstance(value, (float, np.floating)) and float(value).is_integer()
        else str(value).strip()
        for value in values
    ]


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
    _require_columns(frame, [area, period, *outcomes, *columns])
    row_area = _row_areas(frame[area], area)
    values = _numbers(frame, outcomes, whole)
    labels = sorted(set(row_area)) if areas is None else sorted(set(area_ids(areas)))
    kept = np.isin(row_area, np.array(labels, dtype=object))
    periods, when = Periods.from_values(
        frame[period].to_numpy()[kept], frequency=frequency, where=f"column '{period}'"
    )
    where = pd.Index(labels).get_indexer(pd.Index(row_area[kept]))
    _refuse_duplicates(row_area[kept], when, periods)

    shape = (len(labels), len(periods), len(outcomes))
    known = ~np.isnan(values[kept])
    observed = np.zeros(shape, dtype=bool)
    observed[where, when] = known
    counts = np.zeros(shape, dtype=np.int64 if whole else np.float64)
    counts[where, when] = np.where(known, values[kept], 0).astype(counts.dtype)
    stated = np.zeros(shape[:2], dtype=bool)
    stated[where, when] = True
    absent = _settle_absent(absent, stated, values[kept])
    silent = ~stated & stated.any(axis=0)
    if absent == "zero":
        observed |= silent[:, :, None]

    book = ledger.step(
        "panel",
        rows_in=len(frame),
        rows_out=int(kept.sum()),
        left_out=[_note("area outside the study", row_area[~kept])],
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
    attributes = frame.loc[kept].assign(**{area: row_area[kept]})
    return Grid(
        areas=tuple(labels),
        periods=periods,
        outcomes=outcomes,
        counts=counts,
        observed=observed,
        offset_base=_offset(attributes, offset_base, labels, where, when, shape[:2]),
        cluster=_clusters(attributes, cluster, area, labels),
        ledger=book,
    )


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
    _require_columns(frame, [area, date, *([outcome] if outcome else [])])
    days = _days(frame[date], frequency, date)
    first = days.min() if start is None else interval_days(start, frequency)[0]
    after = days.max() + 1 if end is None else interval_days(end, frequency)[1]
    if end is None and frequency in ("month", "year"):
        after = interval_days(str(days.max())[: 7 if frequency == "month" else 4], frequency)[1]
    periods = _whole_periods(first, after, frequency)

    row_area = np.array(area_ids(frame[area]), dtype=object)
    located = ~(frame[area].isna().to_numpy() | np.isin(row_area, _BLANK))
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
    book = ledger.step(
        "panel of incidents",
        rows_in=len(frame),
        rows_out=int((kept & ~uncovered).sum()),
        left_out=[
            LedgerNote(reason="no area (not located)", rows=int((~located).sum())),
            _note("area outside the study", row_area[located & (where < 0)]),
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
        remarks=[_note("periods declared missing", [periods.labels[t] for t in gone])],
    )
    cells = np.indices(shape[:2]).reshape(2, -1)
    blank = pd.DataFrame({"area": labels})
    return Grid(
        areas=tuple(labels),
        periods=periods,
        outcomes=tuple(names),
        counts=counts,
        observed=observed,
        offset_base=_offset(blank, offset_base, labels, cells[0], cells[1], shape[:2]),
        cluster=_clusters(blank, cluster, "area", labels),
        ledger=book,
    )


def _require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise InputError(
            Problem(
                where="frame",
                what="columns are missing",
                examples=absent,
                advice=f"It has {', '.join(map(str, frame.columns))}.",
            )
        )
    if frame.empty:
        raise InputError(Problem(where="frame", what="has no rows"))


def _row_areas(column: pd.Series, name: str) -> NDArray[np.object_]:
    ids = np.array(area_ids(column), dtype=object)
    blank = column.isna().to_numpy() | np.isin(ids, _BLANK)
    if blank.any():
        raise InputError(
            Problem(
                where=f"column '{name}'",
                what="area id is blank in rows",
                examples=list(np.flatnonzero(blank)),
                advice="Drop these rows beforehand and count them, or give them an area.",
            )
        )
    return ids


def _numbers(frame: pd.DataFrame, names: tuple[str, ...], whole: bool) -> NDArray[np.float64]:
    columns = []
    for name in names:
        numeric = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        unreadable = np.isnan(numeric) & frame[name].notna().to_numpy()
        fault, rows = "", np.zeros(0, dtype=int)
        if unreadable.any():
            fault, rows = "is not a number in rows", np.flatnonzero(unreadable)
        elif np.isinf(numeric).any():
            fault, rows = "is infinite in rows", np.flatnonzero(np.isinf(numeric))
        elif whole and (numeric < 0).any():
            fault, rows = "is negative in rows", np.flatnonzero(numeric < 0)
        elif whole and (numeric % 1 > 0).any():
            fault, rows = "is not a whole number in rows", np.flatnonzero(numeric % 1 > 0)
        if fault:
            raise InputError(
                Problem(
                    where=f"column '{name}'",
                    what=f"count {fault}" if whole else f"value {fault}",
                    examples=[f"row {row}: {frame[name].iloc[row]}" for row in rows],
                    advice="Counts are whole and 0 or more; weights come after estimation."
                    if whole
                    else "",
                )
            )
        columns.append(numeric)
    return np.column_stack(columns)


def _refuse_duplicates(
    row_area: NDArray[np.object_], when: NDArray[np.intp], periods: Periods
) -> None:
    keys = pd.MultiIndex.from_arrays([row_area, when])
    twice = keys[keys.duplicated()].unique()
    if len(twice):
        raise InputError(
            Problem(
                where="frame",
                what="area and period occur more than once",
                examples=[f"{area} in {periods.labels[t]}" for area, t in twice],
                advice="Add the rows up, or keep one vintage, before making a panel.",
            )
        )


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


def _days(column: pd.Series, frequency: Frequency, name: str) -> NDArray[np.datetime64]:
    text = column.astype(str).str.strip()
    months_only = text.str.fullmatch(r"\d{4}-\d{2}")
    if months_only.any() and frequency in ("week", "four_week"):
        raise InputError(
            Problem(
                where=f"column '{name}'",
                what="records carry a month but no day, so weeks cannot be formed",
                examples=list(text[months_only]),
                advice="Use frequency='month', or records with dates.",
            )
        )
    days = pd.to_datetime(
        column, format="mixed" if column.dtype == object else None, errors="coerce"
    )
    if str(column.dtype) in ("str", "string"):
        days = pd.to_datetime(text, format="ISO8601", errors="coerce")
    bad = days.isna()
    if bad.any():
        raise InputError(
            Problem(
                where=f"column '{name}'",
                what="is not a date in rows",
                examples=[f"row {row}: {text.iloc[row]}" for row in np.flatnonzero(bad)],
                advice="Write dates as 2022-07-31.",
            )
        )
    return days.to_numpy().astype("datetime64[D]")


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


def _note(reason: str, values: Iterable[object]) -> LedgerNote:
    listed = list(values)
    return LedgerNote(
        reason=reason, rows=len(listed), examples=tuple(dict.fromkeys(map(str, listed)))[:5]
    )


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


def _offset(
    frame: pd.DataFrame,
    source: Attribute | None,
    labels: Sequence[str],
    where: NDArray[np.intp],
    when: NDArray[np.intp],
    shape: tuple[int, ...],
) -> NDArray[np.float64] | None:
    """Population at risk on the grid; where a row is absent, the mean of the area's other rows."""
    if source is None:
        return None
    if not isinstance(source, str):
        by_area = _lookup(source, labels, "offset_base")
        return np.repeat(np.array([float(v) for v in by_area])[:, None], shape[1], axis=1)
    base = np.full(shape, np.nan)
    base[where, when] = pd.to_numeric(frame[source], errors="coerce").to_numpy(np.float64)
    count = np.maximum((~np.isnan(base)).sum(axis=1, keepdims=True), 1)
    return np.where(np.isnan(base), np.nansum(base, axis=1, keepdims=True) / count, base)


def _clusters(
    frame: pd.DataFrame, source: Attribute | None, area: str, labels: Sequence[str]
) -> tuple[str, ...] | None:
    if source is None:
        return None
    if not isinstance(source, str):
        return tuple(str(value) for value in _lookup(source, labels, "cluster"))
    pairs = frame[[area, source]].drop_duplicates()
    torn = pairs[area][pairs[area].duplicated()]
    if len(torn):
        raise InputError(
            Problem(
                where=f"column '{source}'",
                what="areas carry more than one cluster",
                examples=list(torn.unique()),
                advice="Give every area one label.",
            )
        )
    return tuple(str(v) for v in _lookup(pairs.set_index(area)[source], labels, source))


def _lookup(source: Mapping[Any, Any] | pd.Series, labels: Sequence[str], name: str) -> list[Any]:
    table = dict(
        zip(
            area_ids(source.keys()),
            source.values() if isinstance(source, Mapping) else source,
            strict=True,
        )
    )
    absent = [label for label in labels if label not in table or pd.isna(table[label])]
    if absent:
        raise InputError(
            Problem(
                where=name,
                what="has no value for areas of the panel",
                examples=absent,
                advice="Give every area a value, or leave these areas out with areas=.",
            )
        )
    return [table[label] for label in labels]
