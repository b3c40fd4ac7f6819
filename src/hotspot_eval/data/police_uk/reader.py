"""From street files, however packed, to incidents with their ledger and audit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from hotspot_eval.data.cells import Cells
from hotspot_eval.data.engine import Limits, literal
from hotspot_eval.data.incidents import Incidents
from hotspot_eval.data.paths import PathLike
from hotspot_eval.data.police_uk.accounts import ledger_of_reading, ledger_of_types
from hotspot_eval.data.police_uk.batches import SameMonth, refuse_rows, settle
from hotspot_eval.data.police_uk.count import count_files
from hotspot_eval.data.police_uk.coverage import coverage_checks, coverage_frame
from hotspot_eval.data.police_uk.scan import rows_of
from hotspot_eval.data.police_uk.sources import Source, find_sources
from hotspot_eval.data.police_uk.text import checksum
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.periods import PeriodLike

__all__ = ["read_police_uk"]


def read_police_uk(
    paths: PathLike | Iterable[PathLike],
    crime_types: Iterable[str] | None = None,
    *,
    same_month: SameMonth = "refuse",
    start: PeriodLike | None = None,
    end: PeriodLike | None = None,
    partial_below: float = 0.5,
    limits: Limits | None = None,
) -> Incidents:
    r"""Read data.police.uk street files: any forces and months, mixed and however packed.

    The files are scanned once into counts by force, month, LSOA and crime type; rows are never
    held. Rows are not de-duplicated: anti-social behaviour has no Crime ID, so equal rows are
    real repeats.

    Parameters
    ----------
    paths : path or iterable of paths
        ``.csv``, ``.csv.gz``, the downloaded ``.zip``, or folders that hold them at any depth.
    crime_types : iterable of str, optional
        Keep these crime types, as data.police.uk spells them; the audit sees all rows.
    same_month : {"refuse", "newest", "parts"}
        When files tell the same force and month differently: refuse, take the latest snapshot, or
        add them up as parts of one delivery. A file told twice alike counts once in any case.
    start, end : month, optional
        What was asked for, so that months missing at the edges are seen too.
    partial_below : float
        A month with fewer rows than this share of its own history is called partial.
    limits : Limits, optional
        Bounds on memory, threads and unpacking.

    Returns
    -------
    Incidents
        With ``.panel(…)``, ``.frame``, ``.coverage``, ``.checks``, ``.files`` and ``.ledger``.

    Raises
    ------
    InputError
        Every file that is damaged, half written, of another kind or encoding; archives that are
        not to be trusted; months that are told twice; crime types that do not occur.

    Notes
    -----
    Two deliveries are alike when they hold the same rows in any order: same Crime ID, place, LSOA
    and type. The last outcome category, which every snapshot revises, does not enter a panel and
    does not make them differ. Deliveries without any Crime ID are copies only if their file names
    agree as well.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> head = ("Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,"
    ...         "LSOA name,Crime type,Last outcome category,Context")
    >>> row = (",2022-02,Northumbria Police,Northumbria Police,-1.7,54.9,On or near High Street,"
    ...        "E01020635,County Durham 001B,Anti-social behaviour,,")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "2022-02-northumbria-street.csv")
    ...     _ = file.write_text("\n".join([head, row, row, ""]))
    ...     incidents = read_police_uk(folder)
    >>> incidents
    Incidents from 1 file: 2 of 2 rows, 1 force, 2022-02 to 2022-02, monthly
    """
    bounds = limits or Limits()
    sources, others = find_sources(paths, bounds)
    counted = count_files(sources, bounds)
    found = counted.found
    refuse_rows(found, sources)
    found["fate"] = settle(found, sources, same_month)
    kept = found["fate"] == "kept"
    cells = counted.cells.keep(kept.to_numpy())
    wanted = _wanted(cells, crime_types)
    coverage = coverage_frame(
        found[kept].groupby(["force", "month"])["rows"].sum(),
        start=start,
        end=end,
        partial_below=partial_below,
    )
    ledger = ledger_of_reading(
        cells, found, sources, others=others, unfinished=counted.unfinished, blank=counted.blank
    )
    return Incidents(
        cells=cells,
        resolution="month",
        ledger=ledger if wanted is None else ledger_of_types(ledger, cells, wanted),
        coverage=coverage,
        checks=coverage_checks(coverage),
        covered=_covered(coverage),
        crime_types=wanted,
        load_files=partial(_files_frame, sources, found),
        load_points=partial(_points, sources, found, bounds),
        load_rows=partial(_rows, sources, found, bounds, wanted),
    )


def _covered(coverage: pd.DataFrame) -> tuple[np.datetime64, np.datetime64]:
    months = coverage["month"].to_numpy().astype("datetime64[M]")
    return months.min().astype("datetime64[D]"), (months.max() + 1).astype("datetime64[D]")


def _wanted(cells: Cells, crime_types: Iterable[str] | None) -> tuple[str, ...] | None:
    if crime_types is None:
        return None
    asked = [crime_types] if isinstance(crime_types, str) else list(crime_types)
    there = sorted(set(cells.labels["crime_type"][cells.by_label() > 0]))
    absent = [name for name in asked if name not in there]
    if absent or not asked:
        raise InputError(
            Problem(
                where="argument 'crime_types'",
                what="do not occur in the files" if absent else "names no crime type",
                examples=absent,
                advice=f"They hold {', '.join(there)}.",
            )
        )
    return tuple(sorted(set(asked)))


def _files_frame(sources: Sequence[Source], found: pd.DataFrame) -> pd.DataFrame:
    refuse_changed(sources)
    by_file = found.groupby("file")
    kept = found[found["fate"] == "kept"].groupby("file")["rows"].sum()
    table = pd.DataFrame(
        {
            "file": [source.path.name for source in sources],
            "member": [source.member for source in sources],
            "bytes": [source.size for source in sources],
            "sha256": [checksum(source) for source in sources],
            "snapshot": [source.snapshot for source in sources],
        }
    )
    table["forces"] = by_file["force"].agg(lambda names: ", ".join(sorted(set(names))))
    table["first_month"] = by_file["month"].min()
    table["last_month"] = by_file["month"].max()
    table["rows"] = by_file["rows"].sum()
    table["rows_used"] = kept
    counts = ["rows", "rows_used"]
    table[counts] = table[counts].fillna(0).astype("int64")
    return table


def refuse_changed(sources: Sequence[Source]) -> None:
    """Refuse files that are no longer what was read."""
    changed = sorted(
        {
            source.path.name
            for source in sources
            if not source.path.is_file() or source.path.stat().st_mtime_ns != source.modified_ns
        }
    )
    if changed:
        raise InputError(
            Problem(
                where="argument 'paths'",
                what="files have changed or gone since they were read",
                examples=changed,
                advice="Read them again.",
            )
        )


def _points(sources: list[Source], found: pd.DataFrame, limits: Limits) -> Cells:
    """Counts by snap point, by a second reading the first time they are needed."""
    refuse_changed(sources)
    counted = count_files(sources, limits, by_point=True)
    keys = ["file", "force", "month"]
    kept = pd.MultiIndex.from_frame(found.loc[found["fate"] == "kept", keys])
    return counted.cells.keep(pd.MultiIndex.from_frame(counted.found[keys]).isin(kept))


def _rows(
    sources: list[Source], found: pd.DataFrame, limits: Limits, wanted: tuple[str, ...] | None
) -> pd.DataFrame:
    refuse_changed(sources)
    only = "true"
    if wanted is not None:
        only = f"crime_type IN ({', '.join(literal(name) for name in wanted)})"
    kept = found.loc[found["fate"] == "kept", ["file", "force", "month"]]
    with rows_of({"rows": sources}, limits) as engine:
        frame = engine.ask(
            f"""SELECT month, force, crime_type, code AS lsoa_code, longitude, latitude, crime_id,
            location, last_outcome, file FROM all_rows JOIN kept USING (file, force, month)
            WHERE {only} ORDER BY ALL""",
            kept=kept,
        )
    frame["file"] = frame["file"].map(lambda number: sources[number].name).astype("category")
    return frame
