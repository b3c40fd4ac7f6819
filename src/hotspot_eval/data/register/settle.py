"""What each deployment's cells mean: its areas, its days, its site."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from typing import Literal

import geopandas as gpd
import pandas as pd

from hotspot_eval.data.partition import site_shares
from hotspot_eval.data.register.dates import DateOrder, Reading, read_date
from hotspot_eval.data.register.draft import Draft
from hotspot_eval.data.register.findings import Outcome
from hotspot_eval.data.register.frames import row_values
from hotspot_eval.data.register.geometry import BRITISH_GRID, site_geometry
from hotspot_eval.data.register.places import Gazetteer, fold, settle_areas
from hotspot_eval.data.register.swaps import settle_dates
from hotspot_eval.design import Kind
from hotspot_eval.ledger import LedgerNote

__all__ = ["WithoutEnd", "settle_days", "settle_places", "settle_sites"]

WithoutEnd = Literal["auto", "one_day", "ongoing"]


def settle_places(draft: Draft, areas: pd.DataFrame | None) -> None:
    """Areas, boroughs and geometry of every deployment, held against the boundaries."""
    gazetteer = None if areas is None else Gazetteer.of(areas)
    frame = pd.DataFrame(draft.text, index=draft.lines, dtype=object)
    ids, boroughs, findings = settle_areas(frame, gazetteer)
    draft.findings += findings
    target = areas.crs if isinstance(areas, gpd.GeoDataFrame) else BRITISH_GRID
    shapes, wanting = site_geometry(
        frame, draft.shapes, lines=draft.lines, crs=draft.crs, target=target
    )
    draft.findings += wanting
    draft.areas, draft.boroughs, draft.drawn = [tuple(row) for row in ids], boroughs, shapes
    draft.shares = [{} for _ in shapes]
    bad = {f.row for f in (*findings, *wanting) if f.outcome == "unusable"}
    for place, shape in enumerate(shapes):
        if not draft.areas[place] and shape is None and draft.lines[place] not in bad:
            site = draft.text["site"][place]
            draft.find(place, "area", "no area and no geometry", "unusable", site)
    if isinstance(areas, gpd.GeoDataFrame):
        _settle_drawn(draft, areas)


def _settle_drawn(draft: Draft, areas: gpd.GeoDataFrame) -> None:
    """Areas of the deployments that are drawn and name none; shares of the others."""
    drawn = [place for place, shape in enumerate(draft.drawn) if shape is not None]
    if not drawn:
        return
    shapes = gpd.GeoDataFrame(
        {"site": [str(place) for place in drawn]},
        geometry=[draft.drawn[place] for place in drawn],
        crs=areas.crs,
    )
    for place, area, share in row_values(site_shares(areas, shapes), "site", "area", "share"):
        draft.shares[int(place)][area] = share
    for place in drawn:
        named, covered = draft.areas[place], draft.shares[place]
        if not named:
            draft.areas[place] = tuple(sorted(covered))
            if not covered:
                site = draft.text["site"][place]
                problem = "site lies outside the boundaries"
                draft.find(place, "geometry", problem, "unusable", site)
        for area in set(named) - set(covered):
            problem = "area is not touched by the site as drawn"
            draft.find(place, "area", problem, "flagged", area, area)


def settle_days(
    draft: Draft, order: DateOrder, without_end: WithoutEnd, limits: tuple[dt.date, dt.date]
) -> None:
    """First and last day of every deployment, exchanged days and months put back."""
    text, count = draft.text, len(draft.lines)
    single = [start or day for start, day in zip(text["start"], text["day"], strict=True)]
    groups: list[list[Hashable]] = [[0] * count, [*draft.boroughs], [*text["site"]]]
    readings = [read_date(cell, order=order) for cell in single]
    start = settle_dates(
        readings,
        rows=draft.lines,
        field="start",
        groups=groups,
        earliest=limits[0],
        latest=limits[1],
    )
    ends = [read_date(cell, order=order, last=True) for cell in text["end"]]
    far = dt.date(limits[1].year + 10, 12, 31)
    end = settle_dates(
        ends,
        rows=draft.lines,
        field="end",
        groups=groups,
        earliest=limits[0],
        latest=far,
        not_before=start.days,
    )
    draft.findings += [*start.findings, *end.findings]
    same = [*start.either_way, *end.either_way]
    draft.remarks.append(
        LedgerNote(
            reason="day and month equal, the same either way",
            rows=len(same),
            examples=tuple(f"row {row}" for row in same),
        )
    )
    one_day = without_end == "one_day" or (
        without_end == "auto"
        and "end" not in draft.columns.fields
        and "start" not in draft.columns.fields
    )
    for place in range(count):
        _check_days(draft, place, readings[place], start.days[place], limits, "start")
        _check_days(draft, place, ends[place], end.days[place], (limits[0], far), "end")
        _check_year(draft, place, start.days[place], start.brackets[place])
        first, last = start.days[place], end.days[place]
        if first is not None and last is not None and last < first:
            draft.find(place, "end", "ends before it starts", "unusable", f"{first} to {last}")
        elif last is not None and last > limits[1]:
            draft.find(place, "end", "ends in the future", "flagged", str(last), str(last))
    draft.starts = start.days
    draft.ends = [
        first if one_day and last is None else last
        for first, last in zip(start.days, end.days, strict=True)
    ]


def _check_days(
    draft: Draft,
    place: int,
    reading: Reading,
    day: dt.date | None,
    limits: tuple[dt.date, dt.date],
    name: str,
) -> None:
    if reading.form == "unreadable":
        draft.find(place, name, "unreadable date", "unusable", reading.text)
    elif day is None and name == "start":
        draft.find(place, name, "no start date", "unusable", draft.text["site"][place])
    elif day is not None and day > limits[1] and name == "start":
        draft.find(
            place,
            name,
            "start lies in the future",
            "unusable",
            reading.text,
            why=f"after {limits[1]}",
        )
    elif day is not None and not limits[0] <= day <= limits[1]:
        draft.find(
            place,
            name,
            "date outside the plausible range",
            "unusable",
            reading.text,
            why=f"{day} is not within {limits[0]} to {limits[1]}",
        )
    if day is not None and reading.remark:
        draft.find(place, name, reading.remark, "flagged", reading.text, str(day))


def _check_year(
    draft: Draft, place: int, day: dt.date | None, bracket: tuple[dt.date | None, dt.date | None]
) -> None:
    """A column of years that disagrees with the date: say what the file's order supports."""
    stated = draft.text["year"][place].removesuffix(".0")
    if day is None or not stated.isdigit() or len(stated) != 4 or int(stated) == day.year:
        return
    before, after = bracket
    low, high = before or dt.date.min, after or dt.date.max
    try:
        other = day.replace(year=int(stated))
    except ValueError:
        other = None
    fits, other_fits = low <= day <= high, other is not None and low <= other <= high
    known = before is not None or after is not None
    if known and fits and not other_fits:
        outcome: Outcome = "flagged"
        why = f"the date is in the file's order, {other or stated} is not"
    elif known and other_fits and not fits:
        outcome, why = "undecided", f"{other} would be in the file's order, the date is not"
    else:
        outcome, why = "undecided", "the file's order does not decide"
    draft.find(
        place, "year", "year disagrees with the date", outcome, f"{stated} and {day}", str(day), why
    )


def settle_sites(draft: Draft, default: Kind | None) -> None:
    """One name a site, and its kind; a name used in several boroughs means several sites."""
    spelled: dict[str, str] = {}
    homes: dict[str, set[str]] = {}
    for place, cell in enumerate(draft.text["site"]):
        if not cell and not draft.areas[place]:
            draft.find(place, "site", "no site name", "unusable", "")
        name = cell or "; ".join(draft.areas[place])
        first = spelled.setdefault(fold(name), name)
        if first != name:
            draft.find(place, "site", "site spelled in another way", "corrected", name, first)
        draft.sites.append(first)
        if draft.boroughs[place]:
            homes.setdefault(first, set()).add(draft.boroughs[place])
    for place, name in enumerate(draft.sites):
        if len(homes.get(name, ())) > 1 and draft.boroughs[place]:
            own = f"{name} ({draft.boroughs[place]})"
            draft.find(place, "site", "site name in several boroughs", "corrected", name, own)
            draft.sites[place] = own
    draft.kinds = [_kind(draft, p, cell, default) for p, cell in enumerate(draft.text["kind"])]


def _kind(draft: Draft, place: int, cell: str, default: Kind | None) -> Kind | None:
    words = fold(cell).replace("_", " ")
    if not words:
        return default
    if "hotspot" in words or "hot spot" in words:
        return "hotspot"
    if "problem" in words or words == "pop":
        return "problem_oriented"
    if "offender" in words or words == "iom":
        return "offender_management"
    draft.find(place, "kind", "unknown kind", "flagged", cell, str(default or "missing"))
    return default
