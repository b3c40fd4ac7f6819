"""Areas and boroughs named in a register, held against the boundaries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from hotspot_eval.data.register.findings import Finding
from hotspot_eval.panel import area_ids

__all__ = ["Gazetteer", "fold", "same_borough", "settle_areas", "split_ids"]

_GSS = re.compile(r"[A-Za-z]\d{8}")
_TITLES = re.compile(r"^(?:the )?(?:london borough of|royal borough of|city of|lb|rb|lbc) ")


def fold(name: str) -> str:
    """A name without case, punctuation and civic titles, for comparison only.

    Examples
    --------
    >>> fold("London Borough of Hammersmith & Fulham"), fold("St. James’s")
    ('hammersmith and fulham', 'st jamess')
    """
    bare = name.casefold().replace("&", " and ").replace("'", "").replace("’", "")
    bare = " ".join(re.sub(r"[^\w]+", " ", bare).split())
    return _TITLES.sub("", bare) or bare


def same_borough(one: str, other: str) -> bool:
    """Whether two names mean one borough: equal, or one begins the other (Kingston).

    Examples
    --------
    >>> same_borough("Kingston", "Kingston upon Thames"), same_borough("Camden", "Brent")
    (True, False)
    """
    a, b = fold(one).split(), fold(other).split()
    short = min(len(a), len(b))
    return bool(short) and a[:short] == b[:short]


def split_ids(cell: str, known: Mapping[str, str] | None = None) -> list[str]:
    """The area ids in a cell: one, or several set apart by ``;`` or ``|``.

    A comma or blank parts ids that each hold a digit or are known; it may belong to a name.

    Examples
    --------
    >>> split_ids("e05013806 ; E05013808")
    ['E05013806', 'E05013808']
    """
    if not cell:
        return []
    if known is not None and cell.casefold() in known:
        return [known[cell.casefold()]]
    tokens = [token.strip() for token in re.split(r"[;|,/\s]+", cell) if token.strip()]
    coded = all(re.search(r"\d", t) or (known and t.casefold() in known) for t in tokens)
    if not coded:
        tokens = [token.strip() for token in re.split(r"[;|]", cell) if token.strip()]
    ids = [
        known[t.casefold()]
        if known and t.casefold() in known
        else t.upper()
        if _GSS.fullmatch(t)
        else t
        for t in area_ids(_whole(tokens))
    ]
    return list(dict.fromkeys(ids))


def _whole(tokens: Iterable[str]) -> Iterable[str]:
    """``8001.0`` as a spreadsheet writes the id ``8001``."""
    return (
        token.removesuffix(".0") if re.fullmatch(r"\d+\.0", token) else token for token in tokens
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gazetteer:
    """The boundaries' ids, names and boroughs, for looking up.

    Parameters
    ----------
    ids : mapping of str to str
        Id without case → id.
    name, cluster : mapping of str to str
        Id → name; id → borough. Empty where the boundaries do not tell.
    """

    ids: Mapping[str, str]
    name: Mapping[str, str]
    cluster: Mapping[str, str]

    @classmethod
    def of(cls, areas: pd.DataFrame) -> Gazetteer:
        """From the frame that ``read_areas`` returns: indexed by area id, blanks allowed."""
        ids = area_ids(areas.index)
        told: dict[str, dict[str, str]] = {"area_name": {}, "cluster": {}}
        for field in set(told) & set(areas.columns):
            for area, label in zip(ids, areas[field], strict=True):
                if not pd.isna(label):
                    told[field][area] = str(label)
        return cls(
            ids={area.casefold(): area for area in ids},
            name=told["area_name"],
            cluster=told["cluster"],
        )

    def boroughs(self, stated: str) -> list[str]:
        """Boroughs of the boundaries that a stated name means; an exact name wins."""
        known = sorted(set(self.cluster.values()))
        exact = [name for name in known if fold(name) == fold(stated)]
        return exact or [name for name in known if stated and same_borough(name, stated)]

    def named(self, name: str, borough: str) -> list[str]:
        """Ids of the areas with this name, in this borough if one is given."""
        inside = self.boroughs(borough) if borough else []
        return [
            area
            for area, label in self.name.items()
            if name
            and fold(label) == fold(name)
            and (not inside or self.cluster.get(area) in inside)
        ]


def settle_areas(
    frame: pd.DataFrame, gazetteer: Gazetteer | None
) -> tuple[list[list[str]], list[str], list[Finding]]:
    """Areas of each row, its borough in the boundaries' spelling, and what was found.

    Parameters
    ----------
    frame : DataFrame
        Text columns ``area``, ``area_name``, ``borough``, indexed by line.
    gazetteer : Gazetteer, optional
        Without it ids are tidied and not checked.
    """
    areas: list[list[str]] = []
    boroughs: list[str] = []
    findings: list[Finding] = []
    for line, cell, name, stated in zip(
        frame.index, frame["area"], frame["area_name"], frame["borough"], strict=True
    ):
        if gazetteer is None:
            ids, borough = split_ids(cell), stated
        else:
            ids, notes = _look_up(line, cell, name, stated, gazetteer)
            borough, more = _borough(line, stated, gazetteer)
            findings += [*notes, *more, *_compare(line, ids, name, stated, gazetteer)]
        areas.append(ids)
        boroughs.append(borough)
    return areas, boroughs, findings


def _look_up(
    line: int, cell: str, name: str, stated: str, gazetteer: Gazetteer
) -> tuple[list[str], list[Finding]]:
    found: list[str] = []
    findings: list[Finding] = []
    for token in split_ids(cell, gazetteer.ids) or ([""] if name else []):
        if token.casefold() in gazetteer.ids:
            found.append(gazetteer.ids[token.casefold()])
            continue
        label = token if token and not _GSS.fullmatch(token) else name
        candidates = gazetteer.named(label, stated)
        if len(candidates) == 1 and (label != name or not token):
            found.append(candidates[0])
            findings.append(
                Finding(
                    line,
                    "area",
                    "area given by name",
                    "corrected",
                    label,
                    candidates[0],
                    "the only area of this name there",
                )
            )
        elif token:
            findings.append(
                Finding(
                    line,
                    "area",
                    "area is not in the boundaries",
                    "unusable",
                    token,
                    "",
                    _vintage(token, candidates, gazetteer),
                )
            )
    return list(dict.fromkeys(found)), findings


def _vintage(token: str, candidates: Sequence[str], gazetteer: Gazetteer) -> str:
    prefixes = {area[:3] for area in gazetteer.ids.values() if _GSS.fullmatch(area)}
    parts = []
    if _GSS.fullmatch(token) and token[:3] in prefixes:
        parts.append("a code of the same kind: another year's boundaries?")
    elif _GSS.fullmatch(token) and prefixes:
        parts.append(
            f"another geography: the boundaries' codes begin {', '.join(sorted(prefixes))}"
        )
    if candidates:
        named = ", ".join(f"{area} {gazetteer.name[area]}" for area in candidates)
        parts.append(f"of the same name: {named}")
    return "; ".join(parts)


def _borough(line: int, stated: str, gazetteer: Gazetteer) -> tuple[str, list[Finding]]:
    if not stated or not gazetteer.cluster:
        return stated, []
    known = gazetteer.boroughs(stated)
    if len(known) == 1:
        return known[0], []
    why = f"could be {', '.join(known)}" if known else "no borough of the boundaries has this name"
    return stated, [
        Finding(line, "borough", "borough is not in the boundaries", "flagged", stated, stated, why)
    ]


def _compare(
    line: int, ids: Sequence[str], name: str, stated: str, gazetteer: Gazetteer
) -> list[Finding]:
    findings = []
    for area in ids:
        home = gazetteer.cluster.get(area)
        label = gazetteer.name.get(area, "")
        if home and stated and home not in gazetteer.boroughs(stated):
            others = [a for a in gazetteer.named(name or label, stated) if a != area]
            hint = f"; {', '.join(others)} of the same name lies in {stated}" if others else ""
            findings.append(
                Finding(
                    line,
                    "area",
                    "area lies in another borough than stated",
                    "flagged",
                    f"{area}, {stated}",
                    f"{area}, {home}",
                    f"the boundaries have {area} {label} in {home}{hint}",
                )
            )
        if name and label and len(ids) == 1 and fold(name) != fold(label):
            findings.append(
                Finding(
                    line,
                    "area",
                    "area id and area name disagree",
                    "flagged",
                    f"{area} {name}",
                    area,
                    f"the boundaries call it {label}",
                )
            )
    return findings
