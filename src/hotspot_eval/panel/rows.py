"""Rows of a source: their columns, ids, numbers and attributes, checked before they are placed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_type
from hotspot_eval.ledger import LedgerNote
from hotspot_eval.periods import Periods, distinct

__all__ = [
    "BLANK",
    "Attribute",
    "area_ids",
    "clusters",
    "note",
    "numbers",
    "offset",
    "refuse_duplicates",
    "require_columns",
    "row_areas",
]

Attribute = str | Mapping[Any, Any] | pd.Series
BLANK = ("", "nan", "None", "<NA>", "NaN")


def area_ids(values: Iterable[object]) -> list[str]:
    """Area ids as text: ``8001`` and ``8001.0`` are the same area, blanks around are cut.

    Examples
    --------
    >>> area_ids([8001.0, " E01000001 "])
    ['8001', 'E01000001']
    """
    return [value.strip() if type(value) is str else _area_id(value) for value in values]


def _area_id(value: object) -> str:
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a frame without rows, without one of ``columns``, or with two of a name."""
    check_type("frame", frame, pd.DataFrame, advice="Read the rows with pandas first.")
    for column in columns:
        check_type("column", column, (str, int), advice="Give the name of a column of the frame.")
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
    twice = [column for column in columns if (frame.columns == column).sum() > 1]
    if twice:
        raise InputError(
            Problem(where="frame", what="has more than one column of a name", examples=twice)
        )
    if frame.empty:
        raise InputError(Problem(where="frame", what="has no rows"))


def row_areas(column: pd.Series, name: str) -> tuple[NDArray[np.intp], list[str]]:
    """Code of each row's area, and the ids (an id may have several codes); blanks are refused."""
    codes, seen = distinct(column)
    ids = area_ids(seen)
    blank = np.array([*(label in BLANK for label in ids), True])[codes]
    if blank.any():
        raise InputError(
            Problem(
                where=f"column '{name}'",
                what="area id is blank in rows",
                examples=list(np.flatnonzero(blank)),
                advice="Drop these rows beforehand and count them, or give them an area.",
            )
        )
    return codes, ids


def numbers(frame: pd.DataFrame, names: tuple[str, ...], whole: bool) -> NDArray[np.float64]:
    """Columns ``names`` as float64, shape (rows, K), NaN where blank; counts must be whole."""
    columns = []
    for name in names:
        if frame[name].dtype.kind in "cMm":
            raise InputError(
                Problem(where=f"column '{name}'", what=f"is {frame[name].dtype}, not a number")
            )
        numeric = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        unreadable = np.isnan(numeric) & frame[name].notna().to_numpy()
        fault, rows = "", np.zeros(0, dtype=int)
        if unreadable.any():
            fault, rows = "is not a number in rows", np.flatnonzero(unreadable)
        elif np.isinf(numeric).any():
            fault, rows = "is infinite in rows", np.flatnonzero(np.isinf(numeric))
        elif whole and (numeric < 0).any():
            fault, rows = "is negative in rows", np.flatnonzero(numeric < 0)
        elif whole and (np.floor(numeric) < numeric).any():
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


def refuse_duplicates(cell: NDArray[np.intp], labels: Sequence[str], periods: Periods) -> None:
    """Refuse rows that say the same area and period twice; cells are counted area by area."""
    if np.bincount(cell).max() < 2:
        return
    keys = pd.Index(cell)
    twice = keys[keys.duplicated()].unique()
    raise InputError(
        Problem(
            where="frame",
            what="area and period occur more than once",
            examples=[
                f"{labels[k // len(periods)]} in {periods.labels[k % len(periods)]}" for k in twice
            ],
            advice="Add the rows up, or keep one vintage, before making a panel.",
        )
    )


def note(reason: str, values: Iterable[object]) -> LedgerNote:
    """A ledger note that counts ``values`` and shows the first of them."""
    listed = list(values)
    return LedgerNote(
        reason=reason, rows=len(listed), examples=tuple(dict.fromkeys(map(str, listed)))[:5]
    )


def offset(
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
        by_area = lookup(source, labels, "offset_base")
        return np.repeat(np.array([float(v) for v in by_area])[:, None], shape[1], axis=1)
    base = np.full(shape, np.nan)
    base[where, when] = pd.to_numeric(frame[source], errors="coerce").to_numpy(np.float64)
    if not np.isnan(base).any():
        return base
    count = np.maximum((~np.isnan(base)).sum(axis=1, keepdims=True), 1)
    return np.where(np.isnan(base), np.nansum(base, axis=1, keepdims=True) / count, base)


def clusters(
    frame: pd.DataFrame, source: Attribute | None, area: str, labels: Sequence[str]
) -> tuple[str, ...] | None:
    """Cluster label of each area."""
    if source is None:
        return None
    if not isinstance(source, str):
        return tuple(str(value) for value in lookup(source, labels, "cluster"))
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
    return tuple(str(v) for v in lookup(pairs.set_index(area)[source], labels, source))


def lookup(source: Mapping[Any, Any] | pd.Series, labels: Sequence[str], name: str) -> list[Any]:
    check_type(name, source, (Mapping, pd.Series), advice="Give a column, or area id → value.")
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
