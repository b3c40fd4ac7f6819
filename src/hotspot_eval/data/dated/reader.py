"""Dated incident records as forces hold them, counted in memory and never written anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial as bound
from pathlib import Path
from typing import Literal, get_args

import duckdb
import numpy as np
import pandas as pd
import pyproj

from hotspot_eval.data.cells import Cells, Part
from hotspot_eval.data.dated.records import (
    column_problems,
    count_records,
    explain,
    place_columns,
    refuse_unreadable,
    select_columns,
    source_of,
)
from hotspot_eval.data.engine import Engine, Limits, plain_name
from hotspot_eval.data.incidents import Incidents
from hotspot_eval.data.paths import PathLike, local_files
from hotspot_eval.data.police_uk.coverage import coverage_checks, coverage_frame
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.periods import PeriodLike, interval_days

__all__ = ["EmptyMonths", "read_incidents"]

EmptyMonths = Literal["missing", "zero"]
_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_BRITISH_GRID = 27700


def read_incidents(
    paths: PathLike | Iterable[PathLike],
    *,
    date: str,
    crime_type: str | None = None,
    longitude: str | None = None,
    latitude: str | None = None,
    easting: str | None = None,
    northing: str | None = None,
    area: str | None = None,
    flags: Sequence[str] = (),
    date_format: str | None = None,
    force: str = "own records",
    start: PeriodLike | None = None,
    end: PeriodLike | None = None,
    missing: Iterable[tuple[PeriodLike, PeriodLike]] = (),
    empty_months: EmptyMonths = "missing",
    partial_below: float = 0.5,
    limits: Limits | None = None,
) -> Incidents:
    r"""Read dated incident records, one row an incident, with the columns a force happens to use.

    Rows are counted by day, type, place and flags in memory; nothing is written to disk.

    Parameters
    ----------
    paths : path or iterable of paths
        ``.csv``, ``.csv.gz`` or ``.parquet``, or a folder of them.
    date : str
        Column with the date, or date and time, of the incident.
    crime_type : str, optional
        Column with the type; without it all are of type ``"incident"``.
    longitude, latitude : str, optional
        Columns with WGS 84 degrees. Or:
    easting, northing : str, optional
        Columns with British National Grid metres.
    area : str, optional
        Column with an area code.
    flags : sequence of str
        Columns with yes or no (``domestic``, ``public_place``); blank is unknown and meets neither.
    date_format : str, optional
        Such as ``"%d/%m/%Y %H:%M"``. By default only dates written year first are taken, since
        03/04/2022 is two days.
    force : str
        What to call the source in the audit.
    start, end : date or month, optional
        First and last day that the records cover; by default the first and last that occur.
    missing : iterable of (first, last)
        Spells that the records do not cover.
    empty_months : {"missing", "zero"}
        What a month without any record at all means.
    partial_below : float
        As in ``read_police_uk``.
    limits : Limits, optional
        The memory that counts may take.

    Returns
    -------
    Incidents

    Raises
    ------
    InputError
        Missing columns, dates or flags that cannot be read, swapped coordinates, files that are
        damaged, memory that does not suffice.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "records.csv")
    ...     _ = file.write_text("when,what,x,y\n2022-07-04 23:10,Robbery,533000,180000\n"
    ...                         "2022-07-12 01:30,Robbery,533010,180020\n")
    ...     records = read_incidents(file, date="when", crime_type="what", easting="x",
    ...                              northing="y", end="2022-07-17")
    >>> records
    Incidents from 1 file: 2 of 2 rows, 1 force, 2022-07 to 2022-07, dated
    """
    check_choice("empty_months", empty_months, get_args(EmptyMonths))
    files = local_files(paths, suffixes=_SUFFIXES)
    problems = list(plain_name(files))
    pair = place_columns(longitude, latitude, easting, northing)
    wanted = [c for c in (date, crime_type, *pair, area, *flags) if c is not None]
    for file in files:
        problems.extend(column_problems(file, wanted))
    if problems:
        raise InputError(*problems)
    engine = Engine(files, limits=limits or Limits(memory_mb=2048), on_disk=False)
    on_grid = easting is not None
    query = select_columns(date, crime_type, pair, area, flags, date_format)
    try:
        count_records(engine, files, query, force, flags)
    except duckdb.Error as error:
        raise InputError(explain(error)) from None
    refuse_unreadable(engine, files, flags, date_format, swapped=bool(pair) and not on_grid)
    ledger = _ledger(engine, files, placed=bool(pair), coded=area is not None, on_grid=on_grid)
    _place(engine, on_grid)
    cells = _cells(engine)
    covered = _covered(engine, start, end)
    coverage = _coverage(engine, force, covered, empty_months, partial_below)
    return Incidents(
        cells=cells,
        resolution="day",
        ledger=ledger,
        coverage=coverage,
        checks=coverage_checks(coverage),
        covered=covered,
        source="internal",
        flags=tuple(flags),
        spells=tuple(
            (interval_days(first, "month")[0], interval_days(last, "month")[1])
            for first, last in missing
        ),
        load_files=bound(_files_frame, engine, files),
        load_points=lambda: cells,
        load_rows=bound(_rows, files, query, limits or Limits(memory_mb=2048)),
    )


def _ledger(
    engine: Engine, files: Sequence[Path], *, placed: bool, coded: bool, on_grid: bool
) -> Ledger:
    inside = _inside(on_grid)
    told = engine.ask(
        f"""SELECT sum(n) AS n, coalesce(sum(n) FILTER (month IS NULL), 0) AS dateless,
        coalesce(sum(n) FILTER (month IS NOT NULL AND (x IS NULL OR y IS NULL)), 0) AS placeless,
        coalesce(sum(n) FILTER (month IS NOT NULL AND code IS NULL), 0) AS codeless,
        coalesce(sum(n) FILTER (month IS NOT NULL AND NOT {inside}), 0) AS away FROM counted"""
    ).iloc[0]
    rows, dateless = int(told["n"]), int(told["dateless"])
    return (
        Ledger()
        .step("find records", unit="files", rows_in=len(files), rows_out=len(files))
        .step(
            "read records",
            rows_in=rows,
            rows_out=rows - dateless,
            left_out=[LedgerNote(reason="no date", rows=dateless)],
            remarks=[
                LedgerNote(reason="no coordinates", rows=int(told["placeless"]) * placed),
                LedgerNote(reason="no area code", rows=int(told["codeless"]) * coded),
                LedgerNote(
                    reason="coordinates outside the United Kingdom, not used as points",
                    rows=int(told["away"]),
                ),
            ],
        )
    )


def _inside(on_grid: bool) -> str:
    if on_grid:
        return "(x BETWEEN 0 AND 700000 AND y BETWEEN 0 AND 1300000)"
    return "(x BETWEEN -9.5 AND 2.5 AND y BETWEEN 49 AND 61.5)"


def _place(engine: Engine, on_grid: bool) -> None:
    """Make ``points`` in degrees, and what the tally reads."""
    spots = engine.ask(f"SELECT DISTINCT x, y FROM counted WHERE {_inside(on_grid)} ORDER BY ALL")
    spots["longitude"], spots["latitude"] = spots["x"], spots["y"]
    if on_grid and len(spots):
        to_degrees = pyproj.Transformer.from_crs(_BRITISH_GRID, 4326, always_xy=True)
        spots["longitude"], spots["latitude"] = to_degrees.transform(
            spots["x"].to_numpy(), spots["y"].to_numpy()
        )
    engine.run(
        """CREATE TABLE points AS SELECT file, force, month, code, crime_type, flags, longitude,
        latitude, n FROM counted LEFT JOIN spots USING (x, y) WHERE month IS NOT NULL""",
        spots=spots,
    )
    engine.run("DROP TABLE counted")


def _cells(engine: Engine) -> Cells:
    """The counts by day and label; the day is the delivery."""
    columns = "code, crime_type, flags, longitude, latitude"
    rows = engine.ask(
        f"""SELECT force, month, {columns}, sum(n)::UINTEGER AS n FROM points
        GROUP BY ALL ORDER BY force, month"""
    )
    keys = columns.split(", ")
    label = rows.groupby(keys, dropna=False, sort=False).ngroup().to_numpy()
    day = rows.groupby(["force", "month"]).ngroup().to_numpy()
    labels = rows[keys].iloc[np.unique(label, return_index=True)[1]].reset_index(drop=True)
    labels["code"] = labels["code"].astype(object).where(labels["code"].notna(), None)
    days = rows[["force", "month"]].drop_duplicates().reset_index(drop=True)
    part = Part(
        deliveries=np.arange(len(days)),
        sizes=np.bincount(day, minlength=len(days)),
        label=label.astype(np.uint32),
        n=rows["n"].to_numpy(np.uint32),
    )
    return Cells(deliveries=days.assign(file=0), labels=labels, parts=(part,))


def _covered(
    engine: Engine, start: PeriodLike | None, end: PeriodLike | None
) -> tuple[np.datetime64, np.datetime64]:
    found = engine.ask("SELECT min(month) AS first, max(month) AS last FROM points").iloc[0]
    if pd.isna(found["first"]):
        raise InputError(Problem(where="records", what="none has a date"))
    first = interval_days(start if start is not None else found["first"], "month")[0]
    after = interval_days(end if end is not None else found["last"], "month")[1]
    if after <= first:
        raise InputError(Problem(where="argument 'end'", what="lies before the start"))
    return first, after


def _coverage(
    engine: Engine,
    force: str,
    covered: tuple[np.datetime64, np.datetime64],
    empty_months: EmptyMonths,
    partial_below: float,
) -> pd.DataFrame:
    first, after = covered
    last = after - np.timedelta64(1, "D")
    rows = engine.ask("SELECT month[:7] AS month, sum(n)::BIGINT AS n FROM points GROUP BY 1")
    index = pd.MultiIndex.from_arrays([[force] * len(rows), rows["month"]])
    coverage = coverage_frame(
        pd.Series(rows["n"].to_numpy(), index=index),
        start=str(first)[:7],
        end=str(last)[:7],
        partial_below=partial_below,
    )
    if empty_months == "zero":
        coverage["status"] = coverage["status"].replace("missing", "present")
    # A month of which only some days are covered is short, not incomplete.
    cut = [str(first)[:7]] * (str(first)[8:] != "01") + [str(last)[:7]] * (str(after)[8:] != "01")
    short = coverage["month"].isin(cut) & (coverage["status"] == "partial")
    coverage["status"] = coverage["status"].mask(short, "present")
    return coverage


def _files_frame(engine: Engine, files: Sequence[Path]) -> pd.DataFrame:
    rows = engine.ask("SELECT file, sum(n)::BIGINT AS n FROM points GROUP BY file").set_index(
        "file"
    )["n"]
    table = pd.DataFrame({"file": [file.name for file in files]})
    table["bytes"] = [file.stat().st_size for file in files]
    table["sha256"] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    table["snapshot"] = [pd.Timestamp(file.stat().st_mtime, unit="s").date() for file in files]
    table["rows_used"] = rows.reindex(range(len(files))).fillna(0).astype("int64").to_numpy()
    return table


def _rows(files: Sequence[Path], query: str, limits: Limits) -> pd.DataFrame:
    engine = Engine(files, limits=limits, on_disk=False)
    parts = " UNION ALL ".join(f"{query} FROM {source_of(file)}" for file in files)
    frame = engine.ask(f"SELECT * EXCLUDE (written) FROM ({parts}) WHERE day IS NOT NULL")
    engine.close()
    return frame
