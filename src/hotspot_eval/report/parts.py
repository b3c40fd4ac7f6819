"""Parts: what the notebooks of a site handed over, read back and joined."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, get_args

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.report.disclosure import Disclosure, Level
from hotspot_eval.report.entries import (
    EffectRole,
    Fact,
    FigureFile,
    MinimumDetectable,
    ReportedCheck,
    ReportedEffect,
    Table,
    dump_json,
)

__all__ = [
    "PART_SUFFIX",
    "SCHEMA",
    "PartRecord",
    "decoded",
    "entries_of",
    "joined",
    "part_problems",
]

SCHEMA = 1
PART_SUFFIX = ".part.json"
_ROLES = get_args(EffectRole)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord:
    """What one notebook handed over, its entries in the order in which it made them."""

    name: str
    disclosure: Disclosure = field(default_factory=Disclosure)
    effects: tuple[ReportedEffect, ...] = ()
    checks: tuple[ReportedCheck, ...] = ()
    detectable: tuple[MinimumDetectable, ...] = ()
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[FigureFile, ...] = ()
    ledger: Table | None = None
    version: int = SCHEMA

    def to_json(self) -> str:
        """Sorted JSON, the same bytes for the same content."""
        return dump_json(self) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The part of its JSON; refused if another version of the package wrote it."""
        data = decoded(text, "part")
        return cls(
            name=data["name"], disclosure=Disclosure(**data["disclosure"]), **entries_of(data)
        )


def decoded(text: str, what: str) -> dict[str, Any]:
    """JSON of this version of the record; anything else is refused."""
    data = json.loads(text)
    found = data.get("version") if isinstance(data, dict) else None
    if found != SCHEMA:
        raise InputError(
            Problem(
                where=f"{what}",
                what=f"has version {found}, not {SCHEMA}",
                advice="Run the notebooks again with this version of the package.",
            )
        )
    return dict(data)


def entries_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of decoded JSON, as keyword arguments of a record."""
    return {
        "effects": tuple(ReportedEffect.from_json(entry) for entry in data["effects"]),
        "checks": tuple(ReportedCheck.from_json(entry) for entry in data["checks"]),
        "detectable": tuple(MinimumDetectable.from_json(entry) for entry in data["detectable"]),
        "facts": tuple(Fact(**entry) for entry in data["facts"]),
        "tables": tuple(Table.from_json(entry) for entry in data["tables"]),
        "figures": tuple(FigureFile(**entry) for entry in data["figures"]),
        "ledger": None if data["ledger"] is None else Table.from_json(data["ledger"]),
    }


def joined(parts: Sequence[PartRecord]) -> dict[str, Any]:
    """The entries of all parts, effects ordered by role, as keyword arguments of a record."""
    kinds = ("checks", "detectable", "facts", "tables", "figures")
    joined: dict[str, Any] = {
        kind: tuple(entry for part in parts for entry in getattr(part, kind)) for kind in kinds
    }
    effects = [entry for part in parts for entry in part.effects]
    joined["effects"] = tuple(sorted(effects, key=lambda entry: _ROLES.index(entry.role)))
    ledgers = [part.ledger for part in parts if part.ledger is not None]
    joined["ledger"] = (
        replace(
            ledgers[0],
            rows=tuple(row for ledger in ledgers for row in ledger.rows),
            counts=tuple(dict.fromkeys(name for ledger in ledgers for name in ledger.counts)),
        )
        if ledgers
        else None
    )
    return joined


def part_problems(
    site: str, parts: Sequence[PartRecord], level: Level, expected: Sequence[str]
) -> list[Problem]:
    """What keeps the parts of a site from being one record."""
    problems = []
    missing = sorted(set(expected) - {part.name for part in parts})
    if missing or not parts:
        problems.append(
            Problem(
                where=f"site '{site}'",
                what="parts were not written" if parts else "has no parts",
                examples=missing,
                advice="End each notebook with part.write().",
            )
        )
    weaker = [part.name for part in parts if part.figures and not part.disclosure.protects]
    if level == "publication" and weaker:
        problems.append(
            Problem(
                where=f"site '{site}'",
                what="is for publication, but figures were drawn without protection",
                examples=weaker,
                advice="Run these notebooks again with disclosure='publication'.",
            )
        )
    return problems
