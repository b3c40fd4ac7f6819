"""One date cell: every day it can mean, and how it was written."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["OTHER_ORDER", "DateOrder", "Form", "Reading", "read_date"]

DateOrder = Literal["day_first", "month_first"]
Form = Literal["machine", "text", "named", "month", "blank", "unreadable"]

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[t ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SLASHED = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})(?: \d{1,2}:\d{2}(?::\d{2})?)?")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_MONTH_YEAR = re.compile(r"(\d{1,2})/(\d{4})")
_DAY_NAMED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[-/ ]?([a-z]{3,9})[-/ ,]*(\d{4}|\d{2})")
_NAMED_DAY = re.compile(r"([a-z]{3,9})[-/ ]?(\d{1,2})(?:st|nd|rd|th)?[-/ ,]+(\d{4})")
_NAMED_MONTH = re.compile(r"([a-z]{3,9})[-/ ]*(\d{4})")
_WEEKDAY = re.compile(r"^(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?,? +")
_NAMES = (
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
OTHER_ORDER = "readable only in the other order of day and month"
_EXCEL_EPOCH = dt.date(1899, 12, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a date cell can mean.

    Parameters
    ----------
    text : str
        The cell.
    form : {"machine", "text", "named", "month", "blank", "unreadable"}
        ``machine`` is year-month-day or a spreadsheet's serial number, ``text`` day/month/year in
        the order declared, ``named`` has the month as a word, ``month`` has no day.
    written : date, optional
        The day as written.
    swapped : date, optional
        The day with day and month exchanged, where that is another day.
    remark : str
        What had to be assumed: ``"two-digit year"``, ``"spreadsheet serial number"``, ….
    """

    text: str
    form: Form
    written: dt.date | None = None
    swapped: dt.date | None = None
    remark: str = ""

    @property
    def ambiguous(self) -> bool:
        """Whether exchanging day and month gives another day."""
        return self.swapped is not None


def read_date(text: str, *, order: DateOrder = "day_first", last: bool = False) -> Reading:
    """Every day that a cell can mean.

    Parameters
    ----------
    text : str
        ``2022-07-31``, ``31/07/2022``, ``31.7.22``, ``31 July 2022``, ``July 2022``, a serial
        number, with or without a time of day.
    order : {"day_first", "month_first"}
        Meaning of ``03/04/2022``.
    last : bool
        Whether a month without a day means its last day, not its first.

    Examples
    --------
    >>> reading = read_date("2020-11-02 00:00:00")
    >>> str(reading.written), str(reading.swapped)
    ('2020-11-02', '2020-02-11')
    >>> read_date("1st Feb 2020").form
    'named'
    """
    bare = _WEEKDAY.sub("", text.casefold().strip()).rstrip("z")
    if bare in ("", "-", "–", "n/a", "na", "tbc", "tba", "none", "null", "nan", "unknown"):
        return Reading(text=text, form="blank")
    if match := (_ISO.fullmatch(bare) or _COMPACT.fullmatch(bare)):
        year, month, day = (int(part) for part in match.groups())
        return _numeric(text, "machine", year, month, day)
    if match := _SLASHED.fullmatch(bare):
        first, second = int(match[1]), int(match[2])
        day, month = (first, second) if order == "day_first" else (second, first)
        remark = "two-digit year" if len(match[3]) == 2 else ""
        return _numeric(text, "text", _full_year(match[3]), month, day, remark)
    if _SERIAL.fullmatch(bare):
        day_of = _EXCEL_EPOCH + dt.timedelta(days=int(float(bare)))
        return _numeric(
            text, "machine", day_of.year, day_of.month, day_of.day, "spreadsheet serial number"
        )
    return _named(text, bare, last)


def _named(text: str, bare: str, last: bool) -> Reading:
    if match := _MONTH.fullmatch(bare):
        return _whole_month(text, int(match[1]), int(match[2]), last)
    if match := _MONTH_YEAR.fullmatch(bare):
        return _whole_month(text, int(match[2]), int(match[1]), last)
    if (match := _DAY_NAMED.fullmatch(bare)) and (month := _month_number(match[2])):
        day, year = int(match[1]), _full_year(match[3])
        remark = "two-digit year" if len(match[3]) == 2 else ""
        return _single(text, year, month, day, remark)
    if (match := _NAMED_DAY.fullmatch(bare)) and (month := _month_number(match[1])):
        return _single(text, int(match[3]), month, int(match[2]), "")
    if (match := _NAMED_MONTH.fullmatch(bare)) and (month := _month_number(match[1])):
        return _whole_month(text, int(match[2]), month, last)
    return Reading(text=text, form="unreadable")


def _numeric(text: str, form: Form, year: int, month: int, day: int, remark: str = "") -> Reading:
    written, swapped = _date(year, month, day), _date(year, day, month)
    if written is None and swapped is None:
        return Reading(text=text, form="unreadable")
    if written is None:
        return Reading(text=text, form=form, written=swapped, remark=OTHER_ORDER)
    return Reading(
        text=text,
        form=form,
        written=written,
        swapped=None if swapped == written else swapped,
        remark=remark,
    )


def _single(text: str, year: int, month: int, day: int, remark: str) -> Reading:
    written = _date(year, month, day)
    if written is None:
        return Reading(text=text, form="unreadable")
    return Reading(text=text, form="named", written=written, remark=remark)


def _whole_month(text: str, year: int, month: int, last: bool) -> Reading:
    begin = _date(year, month, 1)
    if begin is None:
        return Reading(text=text, form="unreadable")
    after = dt.date(year + month // 12, month % 12 + 1, 1)
    return Reading(
        text=text,
        form="month",
        written=after - dt.timedelta(days=1) if last else begin,
        remark="month without a day",
    )


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _full_year(text: str) -> int:
    return int(text) if len(text) == 4 else (2000 if int(text) < 70 else 1900) + int(text)


def _month_number(word: str) -> int:
    hits = [
        n for n, name in enumerate(_NAMES, 1) if name.startswith(word) or word == "sept" == name[:4]
    ]
    return hits[0] if len(hits) == 1 else 0
