"""Street files as rows, in a database of their own: for what needs every record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb

from hotspot_eval.data.engine import Engine, Limits, literal, plain_name
from hotspot_eval.data.police_uk.sources import Source
from hotspot_eval.data.police_uk.unpack import Ready, in_batches
from hotspot_eval.errors import InputError, Problem

__all__ = ["rows_of"]

_ROWS_IN_MEMORY = 1_500_000
_COLUMNS = (
    "file USMALLINT, force VARCHAR, month VARCHAR, code VARCHAR, crime_type VARCHAR, "
    "longitude DOUBLE, latitude DOUBLE, crime_id VARCHAR, location VARCHAR, last_outcome VARCHAR"
)
_OPTIONAL = ("Location", "Last outcome category")


@contextmanager
def rows_of(sides: Mapping[str, list[Source]], limits: Limits) -> Iterator[Engine]:
    """A database with a table ``all_<side>`` of the rows of each side's files.

    The files must have been counted before (``count_files``), which refuses what is not
    well-formed and says so.

    Raises
    ------
    InputError
        Names that the database would read as patterns; a row that it reads in another way.
    """
    plain = sorted({s.path for side in sides.values() for s in side if s.kind == "csv"})
    problems = list(plain_name(plain))
    if problems:
        raise InputError(*problems)
    engine = Engine(plain, limits=limits)
    try:
        for side, sources in sides.items():
            engine.run(f"CREATE TABLE {side} ({_COLUMNS})")
            for batch in in_batches(sources, engine.scratch, limits):
                _fill(engine, side, batch)
                engine.relieve(side, above=_ROWS_IN_MEMORY)
            engine.gather(side)
        yield engine
    finally:
        engine.close()


def _fill(engine: Engine, side: str, batch: Sequence[Ready]) -> None:
    header = batch[0].header
    files = ", ".join(literal(str(file.path)) for file in batch)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
    optional = ", ".join(f'"{name}"' if name in header else "NULL" for name in _OPTIONAL)
    # A bare try_cast is pushed into DuckDB's CSV reader, which then fails on text.
    numbers = [file.number for file in batch]
    query = f"""INSERT INTO {side} SELECT {numbers}[(file_index + 1)::BIGINT],
        "Reported by", "Month", "LSOA code", "Crime type", try_cast(trim("Longitude") AS DOUBLE),
        try_cast(trim("Latitude") AS DOUBLE), "Crime ID", {optional}
        FROM read_csv([{files}], columns={{{columns}}}, header=true, auto_detect=false, delim=',',
        quote='"', escape='"', strict_mode=false)"""
    try:
        engine.run(query)
    except duckdb.Error as error:
        if "CSV" not in str(error):
            raise
        told = next((line for line in str(error).splitlines() if "Line" in line), "")
        raise InputError(
            Problem(
                where=", ".join(file.source.name for file in batch[:3]),
                what=f"can be counted, but not be read row by row ({told.strip()})",
                advice="Save the file anew as CSV.",
            )
        ) from error
