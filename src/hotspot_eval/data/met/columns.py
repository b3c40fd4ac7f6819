"""The head of a wide file: which column is what, and which are months."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hotspot_eval.data.met.categories import label
from hotspot_eval.errors import InputError, Problem

__all__ = ["Head", "Level", "header_line", "read_head"]

Level = Literal["borough", "ward", "lsoa"]

_ALIASES: dict[str, re.Pattern[str]] = {
    "major": re.compile(r"majortext|majorcategory|major|offencegroup|group"),
    "minor": re.compile(r"minortext|minorcategory|minor|offencesubgroup|subgroup"),
    "lsoa_code": re.compile(r"lsoacode|lsoa(\d\d)?cd|lsoa\d\dcode|lsoa"),
    "lsoa_name": re.compile(r"lsoaname|lsoa(\d\d)?nm"),
    "ward_code": re.compile(r"(refreshed|gss)?wardcode|w(ar)?d(\d\d)?cd"),
    "ward_name": re.compile(r"(refreshed)?wardname|ward|w(ar)?d(\d\d)?nm"),
    "borough_code": re.compile(r"(refreshed)?boroughcode|lad(\d\d)?cd"),
    "borough": re.compile(
        r"lookupborough(name)?|(refreshed)?boroughname|borough|boroughsnt|spatialdistrictname"
        r"|lad(\d\d)?nm"
    ),
}
_MONTH_NAMES = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_YEAR_FIRST = re.compile(r"x?(\d{4})[ _/.-]?(\d{2})(?:\.0|-01(?:[ t]00:00(?::00)?)?)?")
_MONTH_FIRST = re.compile(r"(\d{2})[ _/-](\d{4})")
_NAME_FIRST = re.compile(r"([a-z]{3,9})[ _/.'-]*(\d{4}|\d{2})")
_NAME_LAST = re.compile(r"(\d{4})[ _/.-]*([a-z]{3,9})")
_DATE_LIKE = re.compile(r"\d{1,4}[ _/.:-]+[\d _/.:-]+|\d{1,2}[ -][a-z]{3,9}\.?|\d{5,8}(\.\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the columns of a wide file are.

    Parameters
    ----------
    line : int
        Number of lines above the header.
    width : int
        Number of columns.
    place : dict of str to int
        Position of each identifying column: major, minor, ward_code, …
    months : dict of datetime64[M] to int
        Position of each month's column, in time order.
    level : {"borough", "ward", "lsoa"}
    unused : tuple of str
        Columns that are not read.
    """

    line: int
    width: int
    place: dict[str, int]
    months: dict[np.datetime64, int]
    level: Level
    unused: tuple[str, ...]


def header_line(rows: Sequence[Sequence[str]]) -> int:
    """First of the given rows that has a category and a month column; 0 if none has."""
    for number, row in enumerate(rows):
        names = [label(cell).replace(" ", "") for cell in row]
        if any(_ALIASES["major"].fullmatch(name) for name in names) and any(
            _YEAR_FIRST.fullmatch(cell.strip().casefold()) or _named_month(cell) for cell in row
        ):
            return number
    return 0


def read_head(names: Sequence[str], *, line: int, where: str) -> Head:
    """Tell the columns apart.

    Raises
    ------
    InputError
        All at once: no category, area or month column; two columns for one code; a column that
        may or may not be a month; a month twice.
    """
    place: dict[str, int] = {}
    months: dict[np.datetime64, int] = {}
    unused, unclear, twice, doubled = [], [], [], []
    short_years = False
    for position, name in enumerate(names):
        role = _role(name)
        if role is not None:
            if role in place and role.endswith("code"):
                doubled.append(f"{names[place[role]]} and {name}")
            place.setdefault(role, position)
            continue
        month, short = _month(name)
        short_years |= short
        if month is not None and month in months:
            twice.append(name)
        elif month is not None:
            months[month] = position
        elif _DATE_LIKE.fullmatch(name.strip().casefold()):
            unclear.append(name)
        else:
            unused.append(name)
    months = dict(sorted(months.items()))
    run = np.array(list(months), dtype="datetime64[M]")
    if short_years and (np.diff(run).astype(int) != 1).any():
        unclear.extend(names[p] for p in months.values() if _month(names[p])[1])
    problems = list(_head_problems(where, place, months, unclear, twice, doubled, names))
    if problems:
        raise InputError(*problems)
    return Head(
        line=line,
        width=len(names),
        place=place,
        months=months,
        level=_level(place),
        unused=tuple(name for name in unused if name.strip()),
    )


def _head_problems(
    where: str,
    place: dict[str, int],
    months: dict[np.datetime64, int],
    unclear: list[str],
    twice: list[str],
    doubled: list[str],
    names: Sequence[str],
) -> list[Problem]:
    advice = f"Its columns are {', '.join(names[:8])}{', …' if len(names) > 8 else ''}."
    found = []
    if "major" not in place:
        found.append(
            Problem(where=where, what="has no column with the major category", advice=advice)
        )
    if not {"lsoa_code", "ward_code", "borough"} & set(place):
        lacking = "no ward code (ward names repeat between boroughs)"
        found.append(
            Problem(
                where=where,
                what=f"has {lacking if 'ward_name' in place else 'no column with the area'}",
                advice=advice,
            )
        )
    if not months and not unclear:
        found.append(
            Problem(
                where=where,
                what="has no month columns, so it is not a wide file",
                advice="Read tidy counts with read_counts.",
            )
        )
    if unclear:
        found.append(
            Problem(
                where=where,
                what="columns may be months, but which is not clear",
                examples=unclear,
                advice="Write months as six digits, 202207.",
            )
        )
    if twice:
        found.append(Problem(where=where, what="months have two columns", examples=twice))
    if doubled:
        found.append(Problem(where=where, what="two columns give one code", examples=doubled))
    return found


def _role(name: str) -> str | None:
    plain = label(name).replace(" ", "")
    return next((role for role, pattern in _ALIASES.items() if pattern.fullmatch(plain)), None)


def _level(place: dict[str, int]) -> Level:
    if "lsoa_code" in place:
        return "lsoa"
    return "ward" if "ward_code" in place else "borough"


def _month(name: str) -> tuple[np.datetime64 | None, bool]:
    """The month a column is named after, and whether its year has two digits only."""
    text = name.strip().casefold()
    if match := _YEAR_FIRST.fullmatch(text):
        return _calendar(match[1], match[2]), False
    if match := _MONTH_FIRST.fullmatch(text):
        return _calendar(match[2], match[1]), False
    return _named_month(text) or (None, False)


def _named_month(name: str) -> tuple[np.datetime64, bool] | None:
    text = name.strip().casefold()
    first, last = _NAME_FIRST.fullmatch(text), _NAME_LAST.fullmatch(text)
    if not (first or last):
        return None
    word, year = (first[1], first[2]) if first else (last[2], last[1]) if last else ("", "")
    number = _month_number(word)
    month = _calendar(year if len(year) == 4 else f"20{year}", f"{number:02}") if number else None
    return None if month is None else (month, len(year) == 2)


def _month_number(word: str) -> int:
    """1 for "jan" to "january", 9 also for "sept"; 0 for any other word."""
    matches = [n for n, name in enumerate(_MONTH_NAMES, 1) if name.startswith(word)]
    return matches[0] if len(matches) == 1 else 0


def _calendar(year: str, month: str) -> np.datetime64 | None:
    if "1990" <= year <= "2100" and "01" <= month <= "12":
        return np.datetime64(f"{year}-{month}", "M")
    return None
