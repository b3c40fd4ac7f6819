"""From the Met's category labels, which change from vintage to vintage, to outcome names."""

from __future__ import annotations

import re
from typing import Literal, get_args

__all__ = ["OUTCOMES", "Outcome", "Scheme", "label", "outcomes_of", "scheme_of"]

Outcome = Literal[
    "violence",
    "violence_with_injury",
    "homicide",
    "robbery",
    "robbery_personal",
    "weapons_possession",
    "public_order",
    "sexual_offences",
    "theft_from_person",
    "burglary",
    "criminal_damage_arson",
    "drugs",
    "vehicle",
    "theft",
    "all_crime",
]
Scheme = Literal["before 2019-03", "since 2019-03"]
OUTCOMES: tuple[str, ...] = get_args(Outcome)

_VIOLENCE = "violence against the person"
_OLD_THEFT = "theft and handling"

_MAJOR: dict[str, tuple[str, ...]] = {
    _VIOLENCE: ("violence",),
    "robbery": ("robbery",),
    "possession of weapons": ("weapons_possession",),
    "public order offences": ("public_order",),
    "sexual offences": ("sexual_offences",),
    "burglary": ("burglary",),
    "arson and criminal damage": ("criminal_damage_arson",),
    "criminal damage": ("criminal_damage_arson",),
    "drug offences": ("drugs",),
    "drugs": ("drugs",),
    "vehicle offences": ("vehicle",),
    "theft": ("theft",),
    "theft offences": ("theft",),
    _OLD_THEFT: (),
    "miscellaneous crimes against society": (),
    "historical fraud and forgery": (),
    "fraud and forgery": (),
    "fraud or forgery": (),
    "nfib fraud": (),
    "other notifiable offences": (),
}

_MINOR: dict[tuple[str, str], tuple[str, ...]] = {
    (_VIOLENCE, "homicide"): ("violence", "homicide"),
    (_VIOLENCE, "violence with injury"): ("violence", "violence_with_injury"),
    (_VIOLENCE, "violence without injury"): ("violence",),
    (_VIOLENCE, "murder"): ("violence", "homicide"),
    (_VIOLENCE, "assault with injury"): ("violence", "violence_with_injury"),
    (_VIOLENCE, "wounding gbh"): ("violence", "violence_with_injury"),
    (_VIOLENCE, "grievous bodily harm"): ("violence", "violence_with_injury"),
    (_VIOLENCE, "common assault"): ("violence",),
    (_VIOLENCE, "harassment"): ("violence",),
    (_VIOLENCE, "other violence"): ("violence",),
    (_VIOLENCE, "offensive weapon"): ("weapons_possession",),
    ("robbery", "robbery of personal property"): ("robbery", "robbery_personal"),
    ("robbery", "personal property"): ("robbery", "robbery_personal"),
    ("robbery", "robbery personal"): ("robbery", "robbery_personal"),
    ("robbery", "robbery of business property"): ("robbery",),
    ("robbery", "business property"): ("robbery",),
    ("robbery", "robbery business"): ("robbery",),
    ("theft", "theft from person"): ("theft", "theft_from_person"),
    ("theft", "theft from the person"): ("theft", "theft_from_person"),
    (_OLD_THEFT, "theft person"): ("theft", "theft_from_person"),
    (_OLD_THEFT, "other theft person"): ("theft", "theft_from_person"),
    (_OLD_THEFT, "theft from person"): ("theft", "theft_from_person"),
    (_OLD_THEFT, "theft from shops"): ("theft",),
    (_OLD_THEFT, "other theft"): ("theft",),
    (_OLD_THEFT, "theft taking of pedal cycle"): ("theft",),
    (_OLD_THEFT, "theft from motor vehicle"): ("vehicle",),
    (_OLD_THEFT, "theft taking of motor vehicle"): ("vehicle",),
    (_OLD_THEFT, "motor vehicle interference and tampering"): ("vehicle",),
    (_OLD_THEFT, "handling stolen goods"): (),
}

# Minor categories that add nothing to their major one; listed so that a new label is noticed.
_PLAIN: dict[str, frozenset[str]] = {
    "possession of weapons": frozenset(
        {
            "other firearm offences",
            "other knife offences",
            "possession of article with blade or point",
            "possession of firearm with intent",
            "possession of firearms offences",
            "possession of other weapon",
            "possession of weapons",
        }
    ),
    "public order offences": frozenset(
        {
            "other offences against the state or public order",
            "other offences public order",
            "public fear alarm or distress",
            "race or religious agg public fear",
            "racially or religiously aggravated public fear al",
            "violent disorder",
        }
    ),
    "sexual offences": frozenset({"rape", "other sexual offences", "other sexual"}),
    "burglary": frozenset(
        {
            "burglary business and community",
            "burglary in a dwelling",
            "burglary in other buildings",
            "burglary non dwelling",
            "burglary residential",
            "domestic burglary",
        }
    ),
    "arson and criminal damage": frozenset({"arson", "criminal damage"}),
    "criminal damage": frozenset(
        {
            "criminal damage to dwelling",
            "criminal damage to motor vehicle",
            "criminal damage to other building",
            "other criminal damage",
        }
    ),
    "drug offences": frozenset({"drug trafficking", "possession of drugs", "trafficking of drugs"}),
    "drugs": frozenset({"drug trafficking", "possession of drugs", "other drugs"}),
    "vehicle offences": frozenset(
        {
            "aggravated vehicle taking",
            "interfering with a motor vehicle",
            "theft from a motor vehicle",
            "theft from a vehicle",
            "theft or taking of a motor vehicle",
            "theft or unauth taking of a motor veh",
        }
    ),
    "theft": frozenset({"bicycle theft", "other theft", "shoplifting"}),
}

_OLD_MAJORS = frozenset(
    {_OLD_THEFT, "criminal damage", "drugs", "other notifiable offences", "fraud or forgery"}
)
_NEW_MAJORS = frozenset(
    {
        "arson and criminal damage",
        "drug offences",
        "miscellaneous crimes against society",
        "possession of weapons",
        "public order offences",
        "theft",
        "vehicle offences",
    }
)


def label(text: str) -> str:
    """A label without case, punctuation and double spaces.

    Examples
    --------
    >>> label(" Theft/Taking Of  Motor Vehicle "), label("THEFT & HANDLING")
    ('theft taking of motor vehicle', 'theft and handling')
    """
    return re.sub(r"[^a-z0-9]+", " ", text.casefold().replace("&", " and ")).strip()


def outcomes_of(major: str, minor: str) -> tuple[tuple[str, ...], bool]:
    """Outcomes a pair of normalised labels counts towards, and whether both labels are known.

    Everything counts towards ``all_crime``. An unknown minor category counts towards its major
    one.

    Examples
    --------
    >>> outcomes_of("robbery", "robbery of personal property")
    (('robbery', 'robbery_personal', 'all_crime'), True)
    >>> outcomes_of("robbery", "robbery of a spacecraft")
    (('robbery', 'all_crime'), False)
    """
    named = _MINOR.get((major, minor))
    if named is not None:
        return (*named, "all_crime"), True
    broad = _MAJOR.get(major)
    if broad is None:
        return ("all_crime",), False
    if major == _OLD_THEFT and minor:
        return ("all_crime",), False
    open_list = not any(known == major for known, _ in _MINOR) and major not in _PLAIN
    known = not minor or open_list or minor in _PLAIN.get(major, frozenset())
    return (*broad, "all_crime"), known


def scheme_of(majors: set[str]) -> Scheme:
    """Which classification a file uses, told by its major categories (normalised).

    The Met moved to the Home Office classification in March 2019.
    """
    old, new = len(majors & _OLD_MAJORS), len(majors & _NEW_MAJORS)
    return "before 2019-03" if old > new else "since 2019-03"
