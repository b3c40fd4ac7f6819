"""Rows that are no deployments, and cells that hold numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hotspot_eval.data.register.columns import Columns, header_key
from hotspot_eval.data.register.findings import Finding
from hotspot_eval.data.register.text import Table

__all__ = ["deployments", "hours_of", "tally_of", "totals_agree"]

_TOTAL = re.compile(
    r"(?:grand|sub|over ?all)?[ -]?(?:totals?|sums?)(?: \d{4})?[ :]*|overall[ :]*", re.I
)
_TOTAL_OF = re.compile(r"\b(?:sub)?totals?\b", re.I)
_BLANK = ("", "-", "–", "—", "n/a", "na", "none", "null", "nil", "nan", "tbc", "unknown")
_DASHES = ("-", "–", "—")
_CLOCK = re.compile(r"(?:(\d+) days?,? )?(\d{1,3}):(\d{2})(?::(\d{2})(?:\.\d+)?)?")
_WORDED = re.compile(r"(?:(\d+(?:\.\d+)?) ?h(?:(?:ou)?rs?)?)?[ ,]*(?:(\d+) ?m(?:in(?:ute)?s?)?)?")
_NUMBER = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[-+]?\d+(?:\.\d+)?")


def deployments(table: Table, columns: Columns) -> tuple[list[int], list[int], list[Finding]]:
    """Positions of the rows that are deployments, positions of totals rows, and why not the rest.

    A row without site, date and area is blank, a totals row (numbers), or a remark (text). A row
    labelled total is one wherever it stands. With a date it is one if it has no place and is
    labelled as a total and nothing else, or has neither place nor any other name than a total's,
    and its tallies are the sums of the other rows. Rows equal in every cell are one deployment.
    """
    kept: list[int] = []
    totals: list[int] = []
    findings: list[Finding] = []
    seen: dict[tuple[str, ...], int] = {}
    names = [header_key(name) for name in table.header]
    for place, (line, row) in enumerate(zip(table.lines, table.rows, strict=True)):
        reason, why = _no_deployment(row, names, columns)
        if not reason and (first := seen.setdefault(tuple(row), line)) != line:
            reason, why = "repeated row", f"equal to row {first} in every cell"
        if not reason:
            kept.append(place)
            continue
        if reason == "totals row":
            totals.append(place)
        filled = [cell for cell in row if cell]
        findings.append(
            Finding(line, "row", reason, "left out", " | ".join(filled), "not a deployment", why)
        )
    for place, why in _dated_totals(table, columns, kept, totals):
        kept.remove(place)
        totals.append(place)
        text = " | ".join(cell for cell in table.rows[place] if cell)
        findings.append(
            Finding(
                table.lines[place], "row", "totals row", "left out", text, "not a deployment", why
            )
        )
    return kept, sorted(totals), findings


def _dated_totals(
    table: Table, columns: Columns, kept: Sequence[int], totals: Sequence[int]
) -> list[tuple[int, str]]:
    """Rows with a date that are totals all the same, and why."""
    fields = columns.fields
    nameless = [place for place in kept if _is_placeless(table.rows[place], fields)]
    others = [place for place in kept if place not in nameless]
    values = {
        name: [_plain_number(table.rows[place][at]) for place in others]
        for name, at in columns.outputs.items()
    }
    found: list[tuple[int, str]] = []
    for place in nameless:
        row = table.rows[place]
        said = {name: row[at] for name, at in columns.outputs.items()}
        until = sum(other < place for other in others)
        before = [t for t in (*totals, *(at for at, _ in found)) if t < place]
        since = max((sum(other < t for other in others) for t in before), default=0)
        agree, words = totals_agree(said, values, above=range(since, until))
        some = any(_plain_number(cell) for cell in said.values())
        if any(_TOTAL.fullmatch(cell) for cell in row):
            found.append((place, "labelled as a total; its date names no deployment"))
        elif agree and words and some and len(others) > 1:
            found.append((place, "no place, and its tallies are the sums of the rows"))
    return found


def _is_placeless(row: Sequence[str], fields: Mapping[str, int]) -> bool:
    """No area, no point, and no site but one called a total."""
    places = ("area", "area_name", "longitude", "latitude", "easting", "northing")
    if any(row[fields[name]] for name in places if name in fields):
        return False
    site = row[fields["site"]] if "site" in fields else ""
    return not site or bool(_TOTAL_OF.search(site)) or bool(_TOTAL.fullmatch(site))


def _no_deployment(row: Sequence[str], names: Sequence[str], columns: Columns) -> tuple[str, str]:
    filled = [cell for cell in row if cell]
    if not filled:
        return "blank row", "every cell is empty"
    if [header_key(cell) for cell in row] == list(names):
        return "header repeated", "equal to the header line"
    fields = columns.fields
    date = any(row[fields[name]] for name in ("start", "day", "end") if name in fields)
    unplaced = "area" not in fields or not row[fields["area"]]
    if not date and any(
        _TOTAL.fullmatch(cell) or (unplaced and _TOTAL_OF.search(cell)) for cell in filled
    ):
        return "totals row", "labelled as a total, without a date"
    placed = any(row[fields[name]] for name in ("site", "area") if name in fields)
    if date or (placed and len(filled) > 1):
        return "", ""
    if not placed and all(_NUMBER.fullmatch(cell) or cell in _DASHES for cell in filled):
        return "totals row", "only numbers: no site, area or date"
    if len(filled) == 1 or not placed:
        return "remark below or between the rows", "neither a date nor a site with its cells"
    return "", ""


def totals_agree(
    totals: Mapping[str, str], columns: Mapping[str, Sequence[float | None]], *, above: range
) -> tuple[bool, str]:
    """Whether a totals row equals the sums of the deployments, and the comparison in words.

    It may sum all of them, those above it, or those since the totals row before (``above``).
    """
    parts, agree = [], True
    for name, cell in totals.items():
        if (said := _plain_number(cell)) is None:
            continue
        values = [value or 0.0 for value in columns[name]]
        sums = [sum(values), sum(values[: above.stop]), sum(values[above.start : above.stop])]
        fits = said in sums
        agree &= fits
        parts.append(f"{name} {said:,.0f}, rows {said if fits else sums[0]:,.0f}")
    return agree, "; ".join(parts)


def tally_of(
    cells: Sequence[str], *, rows: Sequence[int], field: str
) -> tuple[list[float | None], list[Finding], int]:
    """A column of tallies as numbers, what could not be read, and how many dashes became 0.

    A dash is a zero where the column writes none (a spreadsheet's accounting format); where the
    column has zeros too, a dash is a missing tally. Negative tallies and words are missing.
    """
    zeros = any(_plain_number(cell) == 0 for cell in cells)
    values: list[float | None] = []
    findings: list[Finding] = []
    dashes = 0
    for line, cell in zip(rows, cells, strict=True):
        number = _plain_number(cell)
        if cell in _DASHES and not zeros:
            number, dashes = 0.0, dashes + 1
        elif number is not None and number < 0:
            findings.append(
                Finding(
                    line,
                    field,
                    "negative number",
                    "flagged",
                    cell,
                    "missing",
                    "a tally cannot be below 0",
                )
            )
            number = None
        elif number is None and cell.casefold() not in _BLANK:
            findings.append(
                Finding(
                    line,
                    field,
                    "text in a number column",
                    "flagged",
                    cell,
                    "missing",
                    "not a number",
                )
            )
        elif cell in _DASHES:
            findings.append(
                Finding(
                    line,
                    field,
                    "dash in a number column",
                    "flagged",
                    cell,
                    "missing",
                    "the column writes zeros as 0",
                )
            )
        values.append(number)
    return values, findings, dashes


def hours_of(
    cells: Sequence[str], *, rows: Sequence[int], field: str, clock: bool
) -> tuple[list[float | None], list[Finding]]:
    """A column of durations in hours: ``05:48:00``, ``5.8``, ``5h 48m``, a spreadsheet's day share.

    With ``clock``, a fraction below 1 in a column otherwise of clock times is a share of a day.
    """
    values: list[float | None] = []
    findings: list[Finding] = []
    for line, cell in zip(rows, cells, strict=True):
        hours, problem = _hours(cell, clock)
        if problem:
            findings.append(Finding(line, field, problem, "flagged", cell, "missing", ""))
        values.append(hours)
    return values, findings


def _hours(cell: str, clock: bool) -> tuple[float | None, str]:
    bare = cell.casefold()
    if bare in _BLANK:
        return None, ""
    if bare.startswith(("1899-12-30 ", "1899-12-31 ", "1900-01-0")):
        # a spreadsheet's duration read as a moment: days since its epoch and a time of day
        days = {"1899-12-30": 0, "1899-12-31": 1}.get(bare[:10], int(bare[8:10] or 0) + 1)
        hours, _ = _hours(bare[11:], clock)
        return (None if hours is None else hours + 24 * days), ""
    if match := _CLOCK.fullmatch(bare):
        parts = [int(part or 0) for part in match.groups()]
        if parts[2] > 59 or parts[3] > 59:
            return None, "unreadable duration"
        return 24 * parts[0] + parts[1] + parts[2] / 60 + parts[3] / 3600, ""
    if (number := _plain_number(cell)) is not None:
        if number < 0:
            return None, "negative number"
        return (24 * number if clock and 0 < number < 1 else number), ""
    if (match := _WORDED.fullmatch(bare)) and any(match.groups()):
        return float(match[1] or 0) + float(match[2] or 0) / 60, ""
    return None, "unreadable duration"


def _plain_number(cell: str) -> float | None:
    return float(cell.replace(",", "")) if _NUMBER.fullmatch(cell) else None
