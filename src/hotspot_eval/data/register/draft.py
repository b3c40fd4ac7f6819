"""A register while it is read: rows that are deployments, as text, field by field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from shapely.geometry.base import BaseGeometry

from hotspot_eval.data.register.columns import ALIASES, Columns, field_of, find_columns
from hotspot_eval.data.register.findings import Finding, Outcome
from hotspot_eval.data.register.geometry import read_geojson
from hotspot_eval.data.register.rows import deployments
from hotspot_eval.data.register.text import Table, read_table, tidy_text
from hotspot_eval.design import Kind
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import LedgerNote

__all__ = ["Corrections", "Draft", "open_draft"]

Corrections: TypeAlias = Mapping[int, Mapping[str, str]]


@dataclass(slots=True)
class Draft:
    """A register while it is read: one entry a deployment, in the order of the file."""

    table: Table
    columns: Columns
    text: dict[str, list[str]]
    kept: list[int]
    lines: list[int]
    shapes: list[BaseGeometry | None] | None
    crs: str
    totals: list[int]
    findings: list[Finding]
    remarks: list[LedgerNote] = field(default_factory=list)
    areas: list[tuple[str, ...]] = field(default_factory=list)
    shares: list[dict[str, float]] = field(default_factory=list)
    boroughs: list[str] = field(default_factory=list)
    drawn: list[BaseGeometry | None] = field(default_factory=list)
    starts: list[dt.date | None] = field(default_factory=list)
    ends: list[dt.date | None] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)
    kinds: list[Kind | None] = field(default_factory=list)

    def find(
        self,
        place: int,
        name: str,
        problem: str,
        outcome: Outcome,
        read: str,
        to: str = "",
        why: str = "",
    ) -> None:
        """Note a finding for the deployment at ``place``."""
        self.findings.append(Finding(self.lines[place], name, problem, outcome, read, to, why))


def open_draft(
    path: Path,
    columns: Mapping[str, str] | None,
    outputs: Sequence[str],
    corrections: Corrections | None,
) -> Draft:
    """Read the file, recognise its columns, keep the rows that are deployments."""
    given = {name: tidy_text(column) for name, column in (columns or {}).items()}
    named = [tidy_text(column) for column in outputs]
    shapes, crs = None, ""
    if path.suffix.lower() in (".geojson", ".json"):
        table, shapes, crs = read_geojson(path)
    else:
        wanted = {*given.values(), *named}
        table = read_table(path, lambda cell: cell in wanted or field_of(cell) is not None)
    found = find_columns(table.header, columns=given, outputs=named, source=table.source)
    _require(table, found, shapes is not None)
    kept, totals, findings = deployments(table, found)
    lines = [table.lines[place] for place in kept]
    text = {
        name: [table.rows[place][found.fields[name]] for place in kept]
        if name in found.fields
        else [""] * len(kept)
        for name in ALIASES
    }
    if not kept:
        raise InputError(Problem(where=table.source, what="holds no deployment"))
    findings += _correct(text, lines, corrections or {}, table.source)
    return Draft(
        table=table,
        columns=found,
        text=text,
        kept=kept,
        lines=lines,
        shapes=None if shapes is None else [shapes[place] for place in kept],
        crs=crs,
        totals=totals,
        findings=findings,
    )


def _correct(
    text: dict[str, list[str]], lines: Sequence[int], corrections: Corrections, source: str
) -> list[Finding]:
    """Put the analyst's cells in place of the file's."""
    unknown = [line for line in corrections if line not in lines]
    strange = sorted({f for cells in corrections.values() for f in cells if f not in ALIASES})
    problems = []
    if unknown:
        what = f"names rows that are no deployments of {source}"
        problems.append(Problem(where="argument 'corrections'", what=what, examples=unknown))
    if strange:
        what = "names fields a register does not have"
        problems.append(Problem(where="argument 'corrections'", what=what, examples=strange))
    if problems:
        raise InputError(*problems)
    findings = []
    for line, cells in corrections.items():
        for place in (at for at, own in enumerate(lines) if own == line):
            for name, cell in cells.items():
                old, text[name][place] = text[name][place], tidy_text(str(cell))
                findings.append(
                    Finding(line, name, "corrected by hand", "corrected", old, str(cell), "told so")
                )
    return findings


def _require(table: Table, columns: Columns, drawn: bool) -> None:
    fields, problems = columns.fields, []
    offer = f"Its columns are {', '.join(name for name in table.header if name)}; pass columns=."
    if not {"start", "day"} & set(fields):
        problems.append(Problem(where=table.source, what="has no column of dates", advice=offer))
    if not {"site", "area"} & set(fields):
        problems.append(
            Problem(where=table.source, what="has no column of sites or areas", advice=offer)
        )
    placed = {"area", "area_name", "longitude", "easting"} & set(fields)
    if not placed and not drawn:
        problems.append(
            Problem(
                where=table.source,
                what="has neither area ids nor geometry",
                advice=offer,
            )
        )
    if problems:
        raise InputError(*problems)
