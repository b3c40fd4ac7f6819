"""One wide file: categories and areas down, months across."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.met.categories import Scheme, label, scheme_of
from hotspot_eval.data.met.columns import Head, Level, header_line, read_head
from hotspot_eval.data.met.places import (
    AREA_CODES,
    borough_code,
    is_pseudo_borough,
    is_unplaced,
)
from hotspot_eval.data.met.tally import add_up, membership
from hotspot_eval.data.paths import refuse_inflated
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote

__all__ = ["WideFile", "read_wide"]

_LOOKED_AT = 20
_TOTALS = frozenset({"total", "totals", "grand total", "all", "all crime", "total crime"})
_BLANKS = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "#N/A"]
_ENCODINGS = ("utf-8-sig", "cp1252")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WideFile:
    """What a wide file says, as arrays.

    Parameters
    ----------
    name : str
        Name of the file.
    level : {"borough", "ward", "lsoa"}
    scheme : str
        Classification its categories belong to.
    areas : tuple of str, length N
        Area codes, sorted.
    area_names, clusters : dict of str to str
        Name and borough of each area.
    months : ndarray of datetime64[M], shape (M,)
        In time order, not necessarily contiguous.
    counts : ndarray of int64, shape (N, M, K)
        By outcome, in the order of ``OUTCOMES``.
    known : ndarray of bool, shape (N, M, K)
        False where every row of the outcome is blank.
    offered : ndarray of bool, shape (K,)
        Outcomes that at least one row counts towards.
    ledger : Ledger
    """

    name: str
    level: Level
    scheme: Scheme
    areas: tuple[str, ...]
    area_names: dict[str, str]
    clusters: dict[str, str]
    months: NDArray[np.datetime64]
    counts: NDArray[np.int64]
    known: NDArray[np.bool_]
    offered: NDArray[np.bool_]
    ledger: Ledger


def read_wide(path: Path) -> WideFile:
    """Read one csv or csv.gz file.

    Raises
    ------
    InputError
        If it is no table, columns or months are unclear, counts are not whole numbers of 0 or
        more, or areas of several levels are mixed.
    """
    head, table = _table(path)
    ids = {role: table[place].fillna("").str.strip() for role, place in head.place.items()}
    table_months = table[list(head.months.values())]
    kept, notes, remarks = _sort_rows(ids, table_months, head)
    numbers = _numbers(table_months.loc[kept], head, path.name)
    ids = {role: column[kept] for role, column in ids.items()}
    if not kept.any() or np.isnan(numbers).all():
        lack = "no count" if kept.any() else "no row with a category and an area"
        raise InputError(Problem(where=path.name, what=f"has {lack}"))
    months = np.array(list(head.months), dtype="datetime64[M]")
    filled = np.flatnonzero(~np.isnan(numbers).all(axis=0))[-1] + 1
    numbers, unfilled = numbers[:, :filled], months[filled:]

    areas = _area_codes(ids, head.level, path.name)
    labels, row_area = np.unique(areas.to_numpy(dtype=str), return_inverse=True)
    major = _of_each(ids["major"], label)
    minor = _of_each(ids["minor"], label) if "minor" in ids else pd.Series("", index=major.index)
    member, unknown = membership(major, minor)
    counts, known, blank = add_up(numbers, member, row_area, major, len(labels))
    clusters, split = _clusters(areas, ids, numbers)
    changed = [
        *remarks,
        *unknown,
        LedgerNote(
            reason="area listed under two boroughs, added up",
            rows=int(areas.isin(split).sum()),
            examples=tuple(split),
        ),
        LedgerNote(
            reason="count blank (missing where all rows of an outcome are, else nothing added)",
            rows=blank,
        ),
        *_column_notes(head, unfilled),
    ]
    return WideFile(
        name=path.name,
        level=head.level,
        scheme=scheme_of(set(major)),
        areas=tuple(str(code) for code in labels),
        area_names=_names(areas, ids, head.level),
        clusters=clusters,
        months=months[:filled],
        counts=counts,
        known=known,
        offered=np.asarray(member.any(axis=0)),
        ledger=Ledger().step(
            f"read {path.name}",
            rows_in=len(table),
            rows_out=int(kept.sum()),
            left_out=notes,
            remarks=changed,
        ),
    )


def _column_notes(head: Head, unfilled: NDArray[np.datetime64]) -> list[LedgerNote]:
    return [
        LedgerNote(
            reason="last month columns blank, not covered",
            rows=len(unfilled),
            examples=tuple(str(month) for month in unfilled),
        ),
        LedgerNote(reason="columns not used", rows=len(head.unused), examples=head.unused),
    ]


def _table(path: Path) -> tuple[Head, pd.DataFrame]:
    """The header's meaning, and the rows below it by position of column."""
    if path.name.lower().endswith(".gz"):
        refuse_inflated(path)
    for encoding in _ENCODINGS:
        try:
            return _decoded(path, encoding)
        except UnicodeDecodeError:
            continue
        except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
            raise InputError(
                Problem(where=path.name, what=f"is not a table of comma-separated values ({error})")
            ) from error
    raise InputError(Problem(where=path.name, what="is neither UTF-8 nor Windows-1252 text"))


def _decoded(path: Path, encoding: str) -> tuple[Head, pd.DataFrame]:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding=encoding, newline="") as text:
        rows = list(islice(csv.reader(text), _LOOKED_AT))
    if not rows:
        raise InputError(Problem(where=path.name, what="has no lines"))
    line = header_line(rows)
    head = read_head(rows[line], line=line, where=path.name)
    counts = [str(place) for place in head.months.values()]
    fields = [str(place) for place in range(head.width + 1)]
    table = pd.read_csv(
        path,
        header=None,
        names=fields,
        skiprows=head.line + 1,
        dtype={field: str for field in fields if field not in counts},
        na_values=dict.fromkeys(counts, _BLANKS),
        keep_default_na=False,
        encoding=encoding,
        low_memory=False,
        skip_blank_lines=False,
        index_col=False,
    )
    surplus = table.pop(fields[-1]).fillna("").str.strip() != ""
    if surplus.any():
        raise InputError(
            Problem(
                where=path.name,
                what="rows have more fields than the header, lines",
                examples=[row + head.line + 2 for row in np.flatnonzero(surplus)],
                advice="Quote texts that hold a comma.",
            )
        )
    table.columns = table.columns.astype(int)
    return head, table


def _sort_rows(
    ids: dict[str, pd.Series], months: pd.DataFrame, head: Head
) -> tuple[pd.Series, list[LedgerNote], list[LedgerNote]]:
    """Which rows are counts of an area, and a note for each other kind of row."""
    area = ids[{"lsoa": "lsoa_code", "ward": "ward_code", "borough": "borough"}[head.level]]
    major, minor = ids["major"], ids.get("minor", pd.Series("", index=area.index))
    texts = pd.DataFrame(ids)
    category = _of_each(major, label)
    kind = _of_each(minor, label)
    known_area = ~_of_each(area, is_unplaced).astype(bool)
    tests: list[tuple[str, pd.Series]] = [
        ("blank row", (texts == "").all(axis=1) & months.isna().all(axis=1)),
        ("header repeated", category.isin(["majortext", "major category", "offence group"])),
        (
            "totals row",
            category.isin(_TOTALS) | kind.isin(_TOTALS) | _of_each(area, label).isin(_TOTALS),
        ),
        ("no area code", ~known_area),
        ("no category", category == ""),
    ]
    if head.level == "borough":
        tests.append(
            ("in no borough (airports, not known)", _of_each(area, is_pseudo_borough).astype(bool))
        )
    kept = pd.Series(True, index=area.index)
    notes = []
    for reason, mask in tests:
        hit = kept & mask
        notes.append(_row_note(reason, hit, head))
        kept &= ~mask
    texts["area"] = area
    borough = ids.get("borough", area)
    everything = pd.concat([category, kind, area, borough, months], axis=1)
    repeated = kept & everything[kept].duplicated().reindex(kept.index, fill_value=False)
    repeated &= (months.apply(pd.to_numeric, errors="coerce") > 0).any(axis=1)
    notes.append(_row_note("row repeated exactly", repeated, head))
    kept &= ~repeated
    key = pd.concat([major, minor, area, borough], axis=1)
    again = kept & key[kept].duplicated(keep=False).reindex(kept.index, fill_value=False)
    remarks = [_row_note("area and category listed more than once, added up", again, head)]
    return kept, notes, remarks


def _of_each(column: pd.Series, told: Callable[[str], object]) -> pd.Series:
    """``told`` of each value, asked once for each distinct one."""
    codes, values = pd.factorize(column)
    return pd.Series(np.array([told(v) for v in values])[codes], index=column.index)


def _row_note(reason: str, mask: pd.Series, head: Head) -> LedgerNote:
    rows = np.flatnonzero(mask)
    return LedgerNote(
        reason=reason,
        rows=len(rows),
        examples=tuple(f"line {row + head.line + 2}" for row in rows[:5]),
    )


def _numbers(months: pd.DataFrame, head: Head, where: str) -> NDArray[np.float64]:
    """Counts as floats, NaN where blank; shape (rows, M)."""
    text = {c for c in months if not pd.api.types.is_numeric_dtype(months[c])}
    columns = []
    bad: list[str] = []
    for month, place in head.months.items():
        column = months[place]
        if place in text:
            plain = column.astype("string").str.strip()
            thousands = plain.str.fullmatch(r"\d{1,3}(,\d{3})+(\.0+)?").fillna(False)
            plain = plain.mask(thousands, plain.str.replace(",", "")).mask(plain.isin(_BLANKS))
            numeric = pd.to_numeric(plain, errors="coerce").astype("float64")
            unreadable = numeric.isna() & plain.notna()
        else:
            numeric = column.astype("float64")
            unreadable = pd.Series(False, index=column.index)
        wrong = unreadable | (numeric < 0) | (numeric % 1 > 0) | np.isinf(numeric)
        bad.extend(
            f"line {row + head.line + 2}, {month}: {column[row]}" for row in column.index[wrong]
        )
        columns.append(numeric.to_numpy(dtype=np.float64, na_value=np.nan))
    if bad:
        raise InputError(
            Problem(
                where=where,
                what="counts are not whole numbers of 0 or more",
                examples=bad,
                advice="Mend these cells, or leave them blank to have them taken as missing.",
            )
        )
    return np.column_stack(columns)


def _area_codes(ids: dict[str, pd.Series], level: Level, where: str) -> pd.Series:
    if level == "borough":
        names = ids["borough"]
        return _of_each(names, lambda name: borough_code(name) or name)
    codes = ids[f"{level}_code"].str.upper()
    other = "lsoa" if level == "ward" else "ward"
    foreign = _of_each(
        codes,
        lambda code: bool(
            AREA_CODES[other].fullmatch(code) and not AREA_CODES[level].fullmatch(code)
        ),
    ).astype(bool)
    if foreign.any():
        raise InputError(
            Problem(
                where=where,
                what=f"mixes levels: codes of {other}s in its {level} column",
                examples=list(codes[foreign].unique()),
                advice="Read each level on its own; LSOA counts do not sum to ward counts.",
            )
        )
    return codes


def _clusters(
    areas: pd.Series, ids: dict[str, pd.Series], numbers: NDArray[np.float64]
) -> tuple[dict[str, str], list[str]]:
    """Borough of each area — a true one before an airport — and the areas under several."""
    if "borough" not in ids:
        return {}, []
    frame = pd.DataFrame({"area": areas, "borough": ids["borough"]})
    frame["events"] = np.nansum(numbers, axis=1)
    frame["pseudo"] = _of_each(frame["borough"], is_pseudo_borough).astype(bool)
    totals = frame.groupby(["area", "pseudo", "borough"])["events"].sum().reset_index()
    totals = totals.sort_values(["area", "pseudo", "events"], ascending=[True, True, False])
    split = totals["area"][totals["area"].duplicated()].unique()
    best = totals.drop_duplicates("area")
    return dict(zip(best["area"], best["borough"], strict=True)), [str(area) for area in split]


def _names(areas: pd.Series, ids: dict[str, pd.Series], level: Level) -> dict[str, str]:
    column = ids.get("borough" if level == "borough" else f"{level}_name", areas)
    frame = pd.DataFrame({"area": areas, "name": column})
    frame["rows"] = 1
    totals = frame.groupby(["area", "name"])["rows"].sum().reset_index()
    totals = totals.sort_values(["area", "rows", "name"], ascending=[True, False, True])
    best = totals.drop_duplicates("area")
    return dict(zip(best["area"], best["name"], strict=True))
