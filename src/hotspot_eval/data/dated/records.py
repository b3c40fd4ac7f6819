"""One record: which columns it has, and what makes it unreadable."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from hotspot_eval.data.engine import Engine, literal
from hotspot_eval.data.paths import refuse_inflated, text_advice
from hotspot_eval.errors import InputError, Problem

__all__ = [
    "column_problems",
    "count_records",
    "explain",
    "place_columns",
    "refuse_unreadable",
    "select_columns",
    "source_of",
]

_YES = ("1", "y", "yes", "true", "t")
_NO = ("0", "n", "no", "false", "f")


def place_columns(
    longitude: str | None, latitude: str | None, easting: str | None, northing: str | None
) -> tuple[str, ...]:
    """The two columns that tell the place, or none."""
    degrees, metres = (longitude, latitude), (easting, northing)
    given = [pair for pair in (degrees, metres) if any(pair)]
    if len(given) > 1 or any(None in pair for pair in given):
        raise InputError(
            Problem(
                where="arguments 'longitude', 'latitude', 'easting', 'northing'",
                what="must name two columns that belong together, or none",
            )
        )
    return tuple(str(name) for name in given[0]) if given else ()


def _header(file: Path) -> list[str]:
    if file.suffix == ".parquet":
        try:
            return list(duckdb.read_parquet(str(file)).columns)
        except duckdb.Error as error:
            raise InputError(
                Problem(where=file.name, what="is not a whole parquet file")
            ) from error
    if file.suffix == ".gz":
        refuse_inflated(file)
    opened: Any = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as stream:
            return [cell.strip() for cell in next(csv.reader(stream), [])]
    except UnicodeDecodeError as error:
        raise InputError(
            Problem(where=file.name, what="is not UTF-8 text", advice=text_advice(file))
        ) from error


def column_problems(file: Path, wanted: Sequence[str]) -> list[Problem]:
    """What keeps a file from being read: columns that are absent or occur twice, damage."""
    try:
        header = _header(file)
    except InputError as error:
        return list(error.problems)
    absent = [column for column in wanted if column not in header]
    if not absent and len(set(header)) == len(header):
        return []
    return [
        Problem(
            where=file.name,
            what="columns are missing" if absent else "columns occur twice",
            examples=absent or sorted({c for c in header if header.count(c) > 1}),
            advice=f"It has {', '.join(header)}.",
        )
    ]


def source_of(file: Path) -> str:
    """A file as a source of rows in SQL."""
    if file.suffix == ".parquet":
        return f"read_parquet({literal(str(file))})"
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in _header(file))
    return (
        f"read_csv({literal(str(file))}, columns={{{columns}}}, header=true, auto_detect=false, "
        "delim=',', quote='\"', escape='\"')"
    )


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def select_columns(
    date: str,
    crime_type: str | None,
    pair: tuple[str, ...],
    area: str | None,
    flags: Sequence[str],
    date_format: str | None,
) -> str:
    """Columns of one record: day, how it was written, type, x, y, code, flags."""
    written = f"nullif(trim({_name(date)}::VARCHAR), '')"
    day = (
        f"try_cast({written} AS TIMESTAMP)"
        if date_format is None
        else f"try_strptime({written}, {literal(date_format)})"
    )
    kind = "'incident'" if crime_type is None else f"nullif(trim({_name(crime_type)}), '')"
    x, y = (
        (f"try_cast(trim({_name(c)}::VARCHAR) AS DOUBLE)" for c in pair) if pair else ("NULL",) * 2
    )
    code = "NULL" if area is None else f"nullif(trim({_name(area)}::VARCHAR), '')"
    told = "".join(
        f", lower(coalesce(trim({_name(flag)}::VARCHAR), '')) AS flag_{k}"
        for k, flag in enumerate(flags)
    )
    return (
        f"SELECT {day}::DATE AS day, {written} AS written, {kind} AS crime_type, "
        f"{x}::DOUBLE AS x, {y}::DOUBLE AS y, {code}::VARCHAR AS code{told}"
    )


def count_records(
    engine: Engine, files: Sequence[Path], query: str, force: str, flags: Sequence[str]
) -> None:
    """Count records by day, type, place and flags."""
    yes, no = (", ".join(literal(word) for word in words) for words in (_YES, _NO))
    bits = " + ".join(
        f"CASE WHEN flag_{k} IN ({yes}) THEN {1 << 2 * k} WHEN flag_{k} IN ({no}) "
        f"THEN {2 << 2 * k} ELSE 0 END"
        for k in range(len(flags))
    )
    bad = " OR ".join(
        f"(flag_{k} <> '' AND flag_{k} NOT IN ({yes}, {no}))" for k in range(len(flags))
    )
    parts = " UNION ALL ".join(
        f"SELECT {k} AS file, * FROM ({query} FROM {source_of(file)})"
        for k, file in enumerate(files)
    )
    engine.run(
        f"""CREATE TABLE counted AS SELECT file::USMALLINT AS file, {literal(force)} AS force,
        strftime(day, '%Y-%m-%d') AS month, CASE WHEN day IS NULL THEN written END AS written,
        crime_type, x, y, code, ({bits or "0"})::UBIGINT AS flags, ({bad or "false"}) AS bad,
        count(*) AS n FROM ({parts}) GROUP BY ALL"""
    )


def explain(error: duckdb.Error) -> Problem:
    """What DuckDB found wrong, without any record in it."""
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return Problem(
            where="records",
            what="do not fit the memory allowed, and record-level data are never put on disk",
            advice="Pass limits=Limits(memory_mb=…), or fewer months.",
        )
    line = next((part for part in text.splitlines() if "Line" in part), text.splitlines()[0])
    return Problem(
        where="records",
        what=f"cannot be read as CSV or parquet: {line.split(': ', 1)[-1][:120]}",
        advice="The file is cut short, damaged or not UTF-8: export it again.",
    )


def refuse_unreadable(
    engine: Engine,
    files: Sequence[Path],
    flags: Sequence[str],
    date_format: str | None,
    *,
    swapped: bool,
) -> None:
    """Refuse dates and flags that cannot be read, records without type, swapped coordinates."""
    told = engine.ask(
        """SELECT sum(n) AS n, coalesce(sum(n) FILTER (bad), 0) AS bad_flags,
        coalesce(sum(n) FILTER (crime_type IS NULL), 0) AS no_type,
        coalesce(sum(n) FILTER (month IS NULL AND written IS NOT NULL), 0) AS bad_dates,
        coalesce(sum(n) FILTER (x BETWEEN 49 AND 61.5 AND y BETWEEN -9.5 AND 2.5), 0) AS swapped,
        coalesce(sum(n) FILTER (x IS NOT NULL), 0) AS placed FROM counted"""
    ).iloc[0]
    where = ", ".join(file.name for file in files[:3])
    problems = []
    if pd.isna(told["n"]):
        problems.append(Problem(where=where, what="holds no record"))
    elif told["bad_dates"]:
        examples = engine.ask(
            "SELECT DISTINCT written FROM counted WHERE month IS NULL AND written IS NOT NULL "
            "ORDER BY written LIMIT 5"
        )["written"].tolist()
        problems.append(
            Problem(
                where=where,
                what=f"dates of {int(told['bad_dates']):,} records cannot be read, such as "
                + ", ".join(examples),
                advice="Pass date_format= (counts.date_format in params), such as '%d/%m/%Y %H:%M'."
                if date_format is None
                else f"They are not of the form {date_format}.",
            )
        )
    if told["bad_flags"] > 0:
        problems.append(
            Problem(
                where=where,
                what=f"flags of {int(told['bad_flags']):,} records are neither yes nor no",
                examples=list(flags),
                advice=f"Write {', '.join(_YES)} or {', '.join(_NO)}, or leave them blank.",
            )
        )
    if told["no_type"] > 0:
        problems.append(Problem(where=where, what=f"{int(told['no_type']):,} records have no type"))
    if swapped and 2 * told["swapped"] > told["placed"] > 0:
        problems.append(
            Problem(
                where=where,
                what=f"longitude and latitude are swapped in {int(told['swapped']):,} records",
                advice="Exchange the two arguments.",
            )
        )
    if problems:
        raise InputError(*problems)
