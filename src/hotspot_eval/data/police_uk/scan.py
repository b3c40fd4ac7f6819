"""One pass over street files: rows in, a table of counts by cell out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from hotspot_eval.data.engine import Engine, Limits, literal
from hotspot_eval.data.police_uk.sources import Source
from hotspot_eval.data.police_uk.unpack import Ready, in_batches
from hotspot_eval.errors import InputError, Problem

__all__ = ["CELLS", "POINTS", "ROWS", "Shape", "pass_over"]

_ROWS_IN_MEMORY = 1_500_000
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_LOOKED_AT = ("Location", "LSOA name")

# The box holds the United Kingdom with its waters; no place in it is in it with the axes swapped.
# A bare try_cast is pushed into DuckDB's CSV reader, which then fails on text instead of trying.
_LON = 'try_cast(trim("Longitude") AS DOUBLE)'
_LAT = 'try_cast(trim("Latitude") AS DOUBLE)'
_INSIDE = "({lon} BETWEEN -9.5 AND 2.5 AND {lat} BETWEEN 49 AND 61.5)"
_HERE = _INSIDE.format(lon=_LON, lat=_LAT)
_SWAPPED = _INSIDE.format(lon=_LAT, lat=_LON)
# As text, at a tenth of the cost of numbers: enough to tell that something is wrong.
_ODD = """("Longitude" >= '3' OR "Latitude" < '49' OR "Latitude" >= '62')"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one scan writes: a table's columns and the query that fills them."""

    table: str
    columns: str
    select: str


_KEYS = '"Reported by", "Month", "LSOA code", "Crime type"'

CELLS = Shape(
    table="cells",
    columns="file USMALLINT, force VARCHAR, month VARCHAR, code VARCHAR, crime_type VARCHAR, "
    "n UINTEGER, ids UINTEGER, located UINTEGER, odd UINTEGER, seen UINTEGER, content HUGEINT",
    select=f"""{_KEYS}, count(*), count("Crime ID"), count("Longitude"),
        count(*) FILTER ({_ODD}), {{seen}}, sum(hash("Crime ID", "Longitude", "Latitude"))
        FROM {{rows}} GROUP BY ALL""",
)
POINTS = Shape(
    table="points",
    columns="file USMALLINT, force VARCHAR, month VARCHAR, code VARCHAR, crime_type VARCHAR, "
    "longitude DOUBLE, latitude DOUBLE, n BIGINT",
    select=f"""{_KEYS}, CASE WHEN {_HERE} THEN {_LON} END AS lon,
        CASE WHEN {_HERE} THEN {_LAT} END AS lat, count(*) FROM {{rows}} GROUP BY ALL""",
)
ROWS = Shape(
    table="rows",
    columns="file USMALLINT, force VARCHAR, month VARCHAR, code VARCHAR, crime_type VARCHAR, "
    "longitude DOUBLE, latitude DOUBLE, crime_id VARCHAR, location VARCHAR, last_outcome VARCHAR",
    select=f'{_KEYS}, {_LON}, {_LAT}, "Crime ID", {{location}}, {{last_outcome}} FROM {{rows}}',
)


def pass_over(engine: Engine, shape: Shape, sources: list[Source], limits: Limits) -> list[str]:
    """Scan all files into the shape's table, and gather it as ``all_<table>``.

    Returns
    -------
    list of str
        Files whose last line does not end.

    Raises
    ------
    InputError
        Every file that cannot be used, at once.
    """
    engine.run(f"CREATE OR REPLACE TABLE {shape.table} ({shape.columns})")
    unfinished: list[str] = []
    problems: list[Problem] = []
    batches = in_batches(sources, engine, limits)
    for batch in batches:
        if isinstance(batch, InputError):
            problems.extend(batch.problems)
            continue
        try:
            _fill(engine, shape, batch)
        except InputError as error:
            problems.extend(error.problems)
            continue
        if shape.table == CELLS.table:
            problems.extend(_look_again(engine, batch))
            unfinished.extend(file.source.name for file in batch if not file.ends_whole)
        engine.relieve(shape.table, above=_ROWS_IN_MEMORY)
    if problems:
        raise InputError(*problems)
    engine.gather(shape.table)
    return unfinished


def _fill(engine: Engine, shape: Shape, batch: Sequence[Ready]) -> None:
    """Scan one batch of files of equal header into the table.

    Raises
    ------
    InputError
        Every file of the batch that is not well-formed, at once.
    """
    try:
        engine.run(_query(shape, batch))
    except duckdb.Error as error:
        if "CSV" not in str(error):
            raise
        problems = [problem for file in batch for problem in _check(engine, shape, file)]
        if not problems:
            raise
        raise InputError(*problems) from None


def _query(shape: Shape, batch: Sequence[Ready]) -> str:
    header = batch[0].header
    present = [column for column in _LOOKED_AT if column in header]
    optional = {
        name: f'"{column}"' if column in header else "NULL"
        for name, column in (("location", "Location"), ("last_outcome", "Last outcome category"))
    }
    # Counting columns that nobody needs makes DuckDB read them, and so notice what is not UTF-8.
    seen = " + ".join(f'count("{column}")' for column in present) or "0"
    numbers = [file.number for file in batch]
    select = shape.select.format(rows=_source(batch), seen=seen, **optional)
    return f"INSERT INTO {shape.table} SELECT {numbers}[(file_index + 1)::BIGINT], {select}"


def _source(batch: Sequence[Ready]) -> str:
    files = ", ".join(literal(str(file.path)) for file in batch)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in batch[0].header)
    return (
        f"read_csv([{files}], columns={{{columns}}}, header=true, auto_detect=false, delim=',', "
        f"quote='\"', escape='\"')"
    )


def _check(engine: Engine, shape: Shape, file: Ready) -> list[Problem]:
    engine.run("BEGIN TRANSACTION")
    try:
        engine.run(_query(shape, [file]))
    except duckdb.Error as error:
        return [_explain(file, str(error))]
    finally:
        engine.run("ROLLBACK")
    return []


def _explain(file: Ready, message: str) -> Problem:
    found = _LINE.search(message)
    line = f"line {int(found[1]):,} " if found else "a line "
    what, advice = f"{line}cannot be read as CSV", "Download it again."
    if "unicode" in message or "utf-8" in message:
        what = "is not UTF-8 text" + (f" (line {int(found[1]):,})" if found else "")
        advice = "Save it as UTF-8, or download it again."
    elif "Number of Columns" in message:
        what = f"{line}does not hold the {len(file.header)} columns of the header"
        advice = "The file was cut short or damaged: download it again."
    elif "quote" in message:
        what = f"{line}opens a quotation that does not close"
    return Problem(where=file.source.name, what=what, advice=advice)


def _look_again(engine: Engine, batch: Sequence[Ready]) -> list[Problem]:
    """A second, exact look at files that the scan made suspicious: swapped axes, rows repeated."""
    numbers = [file.number for file in batch]
    found = engine.ask(
        f"""SELECT file, sum(odd) > 0 AS odd,
        coalesce(bool_and(n > 1) FILTER (ids > 0), false) AS repeated
        FROM cells WHERE file BETWEEN {min(numbers)} AND {max(numbers)} GROUP BY file"""
    ).set_index("file")
    problems = []
    for file in batch:
        if file.number not in found.index:
            problems.extend(_rows_lost(file))
            continue
        if found.at[file.number, "odd"]:
            problems.extend(_swapped(engine, file))
        if found.at[file.number, "repeated"]:
            problems.extend(_appended_to_itself(engine, file))
    return problems


def _rows_lost(file: Ready) -> list[Problem]:
    if file.size <= file.body_starts:
        return []
    return [Problem(where=file.source.name, what="has text below its header but no row was read")]


def _swapped(engine: Engine, file: Ready) -> list[Problem]:
    found = engine.ask(
        f"""SELECT count(*) FILTER ({_SWAPPED}) AS swapped, count("Longitude") AS located
        FROM {_source([file])}"""
    ).iloc[0]
    if 2 * found["swapped"] <= found["located"]:
        return []
    return [
        Problem(
            where=file.source.name,
            what=f"longitude and latitude are swapped in {found['swapped']:,} of "
            f"{found['located']:,} located rows",
            advice="Exchange the two columns.",
        )
    ]


def _appended_to_itself(engine: Engine, file: Ready) -> list[Problem]:
    found = engine.ask(
        f"""SELECT min(n) AS least FROM (SELECT count(*) AS n FROM {_source([file])}
        WHERE "Crime ID" IS NOT NULL GROUP BY "Crime ID", "Month", "LSOA code", "Crime type")"""
    )
    if not found["least"].iloc[0] > 1:
        return []
    return [
        Problem(
            where=file.source.name,
            what=f"holds each of its rows {found['least'].iloc[0]} times",
            advice="It was appended to itself: download it again.",
        )
    ]
