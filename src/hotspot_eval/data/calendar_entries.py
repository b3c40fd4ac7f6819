"""What the calendar of breaks holds: dates, scope and where each is written."""

from __future__ import annotations

import datetime as dt
from typing import Any

__all__ = ["ENTRIES"]

_COVID = "Institute for Government, Timeline of UK coronavirus lockdowns, 2020 to 2021"
_LDS = "London Datastore, MPS Recorded Crime: Geographic Breakdown, description of the dataset"


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


ENTRIES: tuple[dict[str, Any], ...] = (
    {
        "name": "met-categories-2019-03",
        "kind": "recording",
        "start": _day("2019-03-01"),
        "end": _day("2019-03-31"),
        "sources": ("met",),
        "description": "The Met moved its published counts to the updated Home Office offence "
        "classification; earlier categories are not the same.",
        "reference": _LDS,
    },
    {
        "name": "met-connect-2024-02",
        "kind": "recording",
        "start": _day("2024-02-28"),
        "end": _day("2024-02-28"),
        "forces": ("metropolitan",),
        "description": "The Met replaced its crime recording system CRIS by CONNECT.",
        "reference": "Metropolitan Police, freedom of information disclosures 01.FOI.24.040634 and "
        "01.FOI.25.042468, January 2025",
    },
    {
        "name": "met-custody-2022-11",
        "kind": "recording",
        "start": _day("2022-11-01"),
        "end": _day("2022-11-30"),
        "forces": ("metropolitan",),
        "outcomes": ("arrests", "charges", "stop_and_search"),
        "description": "The first part of CONNECT (custody, case files, searches) replaced older "
        "systems at the Met; published arrests fell at once.",
        "reference": "Metropolitan Police, monthly arrest numbers, January 2020 to July 2023",
    },
    {
        "name": "snap-points-2022-07",
        "kind": "geography",
        "start": _day("2022-07-01"),
        "end": _day("2022-07-31"),
        "sources": ("police_uk",),
        "levels": ("point", "lsoa", "ward"),
        "description": "data.police.uk refreshed the list of map points to which crimes are moved, "
        "so that small areas gain and lose crimes by it.",
        "reference": "data.police.uk, changelog and location anonymisation",
    },
    {
        "name": "lsoa-2011-to-2021",
        "kind": "geography",
        "start": _day("2023-02-01"),
        "end": _day("2023-06-30"),
        "sources": ("police_uk",),
        "levels": ("point", "lsoa"),
        "description": "LSOA codes of 2021 replace those of 2011 in the street files, force by "
        "force.",
        "reference": "data.police.uk, street files of February to June 2023",
    },
    {
        "name": "gmp-missing-2019-07",
        "kind": "coverage",
        "start": _day("2019-07-01"),
        "end": None,
        "sources": ("police_uk",),
        "forces": ("greater manchester",),
        "description": "Greater Manchester Police supplied no crime, outcome or stop and search "
        "data after its change of system (iOPS); counts afterwards are missing or partial, not "
        "zero.",
        "reference": "data.police.uk, note on Greater Manchester Police, July 2019",
    },
    {
        "name": "lockdown-2020-03",
        "kind": "event",
        "start": _day("2020-03-23"),
        "end": _day("2020-07-03"),
        "description": "First national lockdown: street crime fell and moved.",
        "reference": _COVID,
    },
    {
        "name": "lockdown-2020-11",
        "kind": "event",
        "start": _day("2020-11-05"),
        "end": _day("2020-12-02"),
        "description": "Second national lockdown in England.",
        "reference": _COVID,
    },
    {
        "name": "lockdown-2021-01",
        "kind": "event",
        "start": _day("2021-01-06"),
        "end": _day("2021-04-11"),
        "description": "Third national lockdown in England, until shops and outdoor hospitality "
        "reopened.",
        "reference": _COVID,
    },
    {
        "name": "burglary-classes-2017-04",
        "kind": "recording",
        "start": _day("2017-04-01"),
        "end": _day("2017-04-01"),
        "outcomes": ("burglary_residential", "burglary_dwelling", "burglary_non_dwelling"),
        "description": "Residential burglary, which holds sheds and garages, replaced burglary in "
        "a dwelling; burglary as a whole is not touched.",
        "reference": "Home Office Counting Rules for Recorded Crime, April 2017; Lincolnshire "
        "Police and Crime Commissioner, 2017",
    },
    {
        "name": "counting-rules-2023-04",
        "kind": "recording",
        "start": _day("2023-04-13"),
        "end": _day("2023-04-13"),
        "outcomes": ("violence", "public_order", "sexual_offences"),
        "description": "The Home Office announced a return to one principal crime a victim and "
        "fewer public order and malicious communications offences; forces followed over the next "
        "months.",
        "reference": "Home Office, 13 April 2023, Police given more time to focus on solving "
        "crimes; written answer 181272, 24 April 2023",
    },
)
