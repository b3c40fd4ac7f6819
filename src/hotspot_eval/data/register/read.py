"""Reading a register: CSV or GeoJSON in, every row accounted for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import pandas as pd

from hotspot_eval.data.paths import PathLike, local_file
from hotspot_eval.data.register.assemble import assemble
from hotspot_eval.data.register.dates import DateOrder, read_date
from hotspot_eval.data.register.draft import Corrections, open_draft
from hotspot_eval.data.register.findings import refusals
from hotspot_eval.data.register.model import InterventionRegister
from hotspot_eval.data.register.settle import WithoutEnd, settle_days, settle_places, settle_sites
from hotspot_eval.design import Kind
from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = ["read_register"]

SUFFIXES = (".csv", ".csv.gz", ".txt", ".tsv", ".geojson", ".json")
Problems = Literal["raise", "leave_out"]


def read_register(
    path: PathLike,
    *,
    columns: Mapping[str, str] | None = None,
    outputs: Sequence[str] = (),
    areas: pd.DataFrame | None = None,
    kind: Kind | None = None,
    date_order: DateOrder = "day_first",
    without_end: WithoutEnd = "auto",
    earliest: dt.date | str = "2000-01-01",
    latest: dt.date | str | None = None,
    problems: Problems = "raise",
    corrections: Corrections | None = None,
) -> InterventionRegister:
    r"""Read a register of interventions.

    Parameters
    ----------
    path : str or path
        ``.csv``, ``.csv.gz`` or ``.geojson``/``.json``. One row (feature) for each spell of a
        site; several rows a site are its on/off spells.
    columns : mapping of str to str, optional
        Field → column of the file, where the names are not recognised. Fields are those of
        ``hotspot_eval.data.register.columns.ALIASES``: site, borough, kind, start, day, end, year,
        area, area_name, duration, dose (hours a day), dose_total (hours of the whole spell),
        longitude, latitude, easting, northing, radius_m.
    outputs : sequence of str
        Further columns that hold tallies; arrests, weapons found and their like are recognised.
    areas : GeoDataFrame or DataFrame, optional
        Boundaries as ``read_areas`` returns them; without geometry they serve to check ids. With
        them, area ids are checked, areas given by name are found, boroughs take the boundaries'
        spelling, drawn sites get their areas.
    kind : {"hotspot", "problem_oriented", "offender_management"}, optional
        For rows that do not say.
    date_order : {"day_first", "month_first"}
        Meaning of ``03/04/2022``.
    without_end : {"auto", "one_day", "ongoing"}
        What a spell without end means. ``auto``: one day where the file has no column of ends and
        calls its date a date, else it goes on.
    earliest, latest : date
        Plausible starts; ``latest`` is today unless given.
    problems : {"raise", "leave_out"}
        Deployments that cannot be placed in space or time: raise, naming all of them, or leave
        them out and count them in the ledger.

    corrections : mapping of int to mapping of str to str, optional
        Row of the file → field → what the cell should say, where the analyst knows better than
        the file, which stays as it is: ``{11: {"area": "E05013668"}}``. Each is a finding.

    Returns
    -------
    InterventionRegister

    Raises
    ------
    InputError
        Columns that are missing; with ``problems="raise"`` every unusable deployment.

    Notes
    -----
    Days and months exchanged by a spreadsheet are found and put back where the evidence decides:
    see :func:`hotspot_eval.data.register.swaps.settle_dates`. Nothing is dropped silently: rows
    that are no deployments (blank, totals, repeated) stand in the ledger and in ``findings``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "register.csv"
    ...     _ = path.write_text("Site,Ward code,Start,End\n"
    ...         "Market,E05000001,01/05/2020,21/05/2020\n")
    ...     register = read_register(path, kind="hotspot")
    >>> register.spells[["site", "area", "start", "end"]].astype(str).iloc[0].tolist()
    ['Market', 'E05000001', '2020-05-01', '2020-05-21']
    """
    check_choice("date_order", date_order, get_args(DateOrder))
    check_choice("without_end", without_end, get_args(WithoutEnd))
    check_choice("problems", problems, get_args(Problems))
    if kind is not None:
        check_choice("kind", kind, get_args(Kind))
    draft = open_draft(local_file(path, suffixes=SUFFIXES), columns, outputs, corrections)
    limits = (
        _as_day(earliest, "earliest"),
        dt.date.today() if latest is None else _as_day(latest, "latest"),
    )
    settle_places(draft, areas)
    settle_days(draft, date_order, without_end, limits)
    settle_sites(draft, kind)
    unusable = refusals(draft.findings, draft.table.source)
    if unusable and problems == "raise":
        raise InputError(*unusable)
    return assemble(draft, areas)


def _as_day(value: dt.date | str, argument: str) -> dt.date:
    if isinstance(value, dt.date):
        return value
    day = read_date(value).written
    if day is None:
        raise InputError(
            Problem(
                where=f"argument '{argument}'",
                what=f"{value!r} is not a date",
                advice="Write 2022-07-31.",
            )
        )
    return day
