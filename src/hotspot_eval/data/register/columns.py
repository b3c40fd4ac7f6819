"""Which column is which field of a register."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hotspot_eval.errors import InputError, Problem

__all__ = ["ALIASES", "OUTPUT_ALIASES", "Columns", "field_of", "find_columns", "header_key"]

ALIASES: dict[str, tuple[str, ...]] = {
    "site": (
        "site",
        "site name",
        "site id",
        "hotspot",
        "hotspot name",
        "deployment",
        "location",
        "name",
        "place",
    ),
    "borough": (
        "borough",
        "borough name",
        "local authority",
        "district",
        "cluster",
        "lad name",
        "bcu",
    ),
    "kind": (
        "kind",
        "type",
        "intervention",
        "intervention type",
        "tactic",
        "use case",
        "lfr use case",
    ),
    "start": (
        "start",
        "start date",
        "from",
        "date from",
        "first day",
        "commenced",
        "began",
    ),
    "day": ("date", "deployment date", "date of deployment", "day"),
    "end": ("end", "end date", "to", "date to", "last day", "until", "finished", "ended"),
    "year": ("year",),
    "area": (
        "area",
        "area id",
        "area ids",
        "area code",
        "area codes",
        "areas",
        "ward code",
        "lsoa",
        "lsoa code",
        "lsoas",
        "beat code",
        "ward codes",
        "lsoa codes",
        "lsoa ids",
        "ward ids",
        "geography code",
        "wards",
    ),
    "area_name": ("area name", "ward", "ward name", "lsoa name"),
    "duration": ("duration", "length", "deployment duration"),
    "dose": (
        "dose",
        "dosage",
        "hours a day",
        "hours per day",
        "officer hours",
        "patrol hours",
        "hours",
    ),
    "dose_total": (
        "dosage hours",
        "total hours",
        "hours total",
        "total dosage",
        "total officer hours",
    ),
    "longitude": ("longitude", "lon", "lng", "long"),
    "latitude": ("latitude", "lat"),
    "easting": ("easting", "eastings", "x"),
    "northing": ("northing", "northings", "y"),
    "radius_m": ("radius m", "radius", "radius metres", "radius in metres", "buffer m"),
}
"""Names by which a field is known, the first found wins; case, punctuation and remarks in brackets
do not matter."""

OUTPUT_ALIASES: dict[str, tuple[str, ...]] = {
    "arrests": ("arrests", "arrests made", "number of arrests"),
    "weapons_found": (
        "weapons found",
        "weapons",
        "weapons seized",
        "weapons recovered",
        "knives found",
        "knives recovered",
        "knives seized",
    ),
    "faces_seen": ("faces seen",),
    "stop_searches": (
        "stop searches",
        "stop and search",
        "stops and searches",
        "searches",
        "stops",
    ),
    "engagements": ("engagements", "engagement"),
}
"""Tallies of what the police did: outputs, never outcomes."""

_CODE_COLUMN = re.compile(r"(?:wd|lsoa|msoa|oa|lad)\d\d(?:cd)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Position of each field and output in the header, and the columns not used."""

    fields: Mapping[str, int]
    outputs: Mapping[str, int]
    unused: tuple[str, ...]


def header_key(name: str) -> str:
    """A header cell without case, punctuation and remarks in brackets.

    Examples
    --------
    >>> header_key("Ward_Code (approx)")
    'ward code'
    """
    bare = re.sub(r"\(.*?\)", " ", name.casefold())
    return " ".join(re.sub(r"[^a-z0-9]+", " ", bare).split())


def field_of(name: str) -> tuple[str, int] | None:
    """Field or output that a header cell names, and the rank of the name used."""
    key = header_key(name)
    for table in (ALIASES, OUTPUT_ALIASES):
        for field, names in table.items():
            if key in names:
                return field, names.index(key)
    return ("area", len(ALIASES["area"])) if _CODE_COLUMN.fullmatch(key) else None


def find_columns(
    header: Sequence[str],
    *,
    columns: Mapping[str, str] | None,
    outputs: Sequence[str],
    source: str,
) -> Columns:
    """Fields by the names given, else by alias.

    Raises
    ------
    InputError
        Names given that are not in the header or not fields; no site or area; no date.
    """
    given = dict(columns or {})
    problems = _name_problems(header, given, outputs, source)
    if problems:
        raise InputError(*problems)
    taken = {header.index(name) for name in (*given.values(), *outputs)}
    found: dict[str, tuple[int, int]] = {}
    for place, name in enumerate(header):
        match = None if place in taken or not name else field_of(name)
        if match and match[0] not in given and match[1] < found.get(match[0], (99, 0))[0]:
            found[match[0]] = (match[1], place)
    places = {field: place for field, (_, place) in found.items()}
    places |= {field: header.index(name) for field, name in given.items()}
    tallies = {field: place for field, place in places.items() if field in OUTPUT_ALIASES}
    tallies |= {name: header.index(name) for name in outputs}
    fields = {field: place for field, place in places.items() if field in ALIASES}
    used = {*fields.values(), *tallies.values()}
    return Columns(
        fields=fields,
        outputs=tallies,
        unused=tuple(n for place, n in enumerate(header) if place not in used and n),
    )


def _name_problems(
    header: Sequence[str], given: Mapping[str, str], outputs: Sequence[str], source: str
) -> list[Problem]:
    problems = []
    strange = [field for field in given if field not in ALIASES and field not in OUTPUT_ALIASES]
    if strange:
        problems.append(
            Problem(
                where="argument 'columns'",
                what="names fields a register does not have",
                examples=strange,
                advice=f"Fields are {', '.join((*ALIASES, *OUTPUT_ALIASES))}; "
                "other tallies go into outputs=.",
            )
        )
    absent = [name for name in (*given.values(), *outputs) if name not in header]
    if absent:
        problems.append(
            Problem(
                where=source,
                what="has no column",
                examples=absent,
                advice=f"Its columns are {', '.join(name for name in header if name)}.",
            )
        )
    return problems
