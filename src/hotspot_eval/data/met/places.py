"""Names and codes of London's boroughs, and what is no borough at all."""

from __future__ import annotations

import re

from hotspot_eval.data.met.categories import label

__all__ = ["AREA_CODES", "borough_code", "is_pseudo_borough", "is_unplaced"]

AREA_CODES: dict[str, re.Pattern[str]] = {
    "borough": re.compile(r"E09\d{6}"),
    "ward": re.compile(r"[EW]05\d{6}|00[A-Z]{4}|E09\d{6}"),
    "lsoa": re.compile(r"[EW]01\d{6}"),
}

_BOROUGHS = (
    "City of London",
    "Barking and Dagenham",
    "Barnet",
    "Bexley",
    "Brent",
    "Bromley",
    "Camden",
    "Croydon",
    "Ealing",
    "Enfield",
    "Greenwich",
    "Hackney",
    "Hammersmith and Fulham",
    "Haringey",
    "Harrow",
    "Havering",
    "Hillingdon",
    "Hounslow",
    "Islington",
    "Kensington and Chelsea",
    "Kingston upon Thames",
    "Lambeth",
    "Lewisham",
    "Merton",
    "Newham",
    "Redbridge",
    "Richmond upon Thames",
    "Southwark",
    "Sutton",
    "Tower Hamlets",
    "Waltham Forest",
    "Wandsworth",
    "Westminster",
)
_CODES = {label(name): f"E090000{number:02}" for number, name in enumerate(_BOROUGHS, 1)}
_PREFIX = re.compile(r"^(london borough of|royal borough of|royal greenwich|city of(?! london))\s*")
_PSEUDO = re.compile(r"aviation|heathrow|airport|so18|other|n ?k|not known|unknown|unallocated")
_UNPLACED = frozenset(
    {"", "unknown", "not known", "null", "nan", "none", "na", "n a", "unallocated", "other nk"}
)


def borough_code(name: str) -> str | None:
    """The code of a borough, however its name is written.

    Examples
    --------
    >>> borough_code("City of Westminster"), borough_code("HAMMERSMITH & FULHAM")
    ('E09000033', 'E09000013')
    >>> borough_code("Aviation Security (SO18)")
    """
    plain = label(name)
    if plain in ("royal greenwich", "royal borough of greenwich"):
        return _CODES["greenwich"]
    return _CODES.get(plain) or _CODES.get(_PREFIX.sub("", plain))


def is_pseudo_borough(name: str) -> bool:
    """Whether the Met uses the name for crimes outside the boroughs (airports, not known)."""
    return borough_code(name) is None and bool(_PSEUDO.search(label(name)))


def is_unplaced(code: str) -> bool:
    """Whether an area code says that the area is not known."""
    return label(code) in _UNPLACED
