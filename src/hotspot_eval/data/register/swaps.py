"""Days and months that a spreadsheet exchanged: found by evidence, put back or flagged."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from hotspot_eval.data.register.dates import OTHER_ORDER, Reading
from hotspot_eval.data.register.findings import Finding

__all__ = ["Settled", "file_sequence", "settle_dates"]

_DAYS_TO_12 = 12 / 30.44
_CHANCE = 0.001
_IN_ORDER = 0.9
_FEWEST_PAIRS = 5

Bracket = tuple[dt.date | None, dt.date | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The day concluded for each cell, what was found, and between which days each row stands.

    ``brackets`` are the nearest certain days before and after a row in the file's own order;
    (None, None) where the file is in no order.
    """

    days: list[dt.date | None]
    findings: list[Finding]
    brackets: list[Bracket]
    either_way: list[int]


def settle_dates(
    readings: Sequence[Reading],
    *,
    rows: Sequence[int],
    field: str,
    groups: Sequence[Sequence[Hashable]],
    earliest: dt.date,
    latest: dt.date,
    not_before: Sequence[dt.date | None] | None = None,
) -> Settled:
    """Conclude one day for each cell.

    Parameters
    ----------
    readings : sequence of Reading
    rows : sequence of int
        Line of each cell, for the findings.
    field : str
        Name of the field.
    groups : sequence of sequences
        Ways in which the file may be in order of time: within one label (whole file), within
        boroughs, within sites; the one that holds best is used.
    earliest, latest : date
        Plausible range.
    not_before : sequence of date, optional
        A day that each cell cannot precede: the start, where these are ends.

    Notes
    -----
    A spreadsheet with American settings that opens ``dd/mm/yyyy`` turns every text it can read as
    ``mm/dd/yyyy`` into a date, day and month exchanged, and leaves the rest as text. So *every*
    date in machine form then has a day of 12 or less and every text a day above 12. With
    :math:`m` different days of the month among the one and :math:`k` among the other, a file
    without exchange looks so with a probability of about :math:`(12/30.44)^m (1-12/30.44)^k`
    (different days: operations that always start on the first are one coincidence, not many).
    Where that is below .001 and the file's order does not speak against it, all machine dates are
    exchanged; a row that its own neighbours contradict is undecided. Elsewhere a row is exchanged
    only where its neighbours, the plausible range or its start leave the exchanged day as the only
    one possible; where there is ground for suspicion, rows that nothing decides are undecided and
    kept as written.
    """
    brackets = _brackets(readings, file_sequence(readings, groups))
    signature = _signature(readings, brackets)
    lows = not_before if not_before is not None else [None] * len(readings)
    verdicts = [
        _judge(reading, bracket, signature, earliest, latest, low)
        for reading, bracket, low in zip(readings, brackets, lows, strict=True)
    ]
    days = [
        reading.swapped if verdict in ("swapped", "contradicted") else reading.written
        for reading, (verdict, _) in zip(readings, verdicts, strict=True)
    ]
    suspected = _suspected_forms(readings, [verdict for verdict, _ in verdicts], signature)
    findings = [
        _finding(row, field, reading, day, verdict, why)
        for row, reading, day, (verdict, why) in zip(rows, readings, days, verdicts, strict=True)
        if verdict in ("swapped", "contradicted")
        or (verdict == "open" and reading.form in suspected)
    ]
    equal = [
        row
        for row, reading in zip(rows, readings, strict=True)
        if signature == "holds" and reading.form == "machine" and not reading.ambiguous
    ]
    return Settled(days=days, findings=findings, brackets=brackets, either_way=equal)


def _finding(
    row: int, field: str, reading: Reading, day: dt.date | None, verdict: str, why: str
) -> Finding:
    if verdict == "swapped":
        problem = "day and month swapped"
        return Finding(row, field, problem, "corrected", reading.text, str(day), why)
    problem = "day and month perhaps swapped"
    why = why or f"could also be {reading.swapped}; nothing in the row decides"
    return Finding(row, field, problem, "undecided", reading.text, str(day), why)


def _suspected_forms(
    readings: Sequence[Reading], verdicts: Sequence[str], signature: str
) -> set[str]:
    """Forms in which a row that nothing decides is undecided rather than taken as written."""
    forms = {r.form for r, v in zip(readings, verdicts, strict=True) if v == "swapped"}
    if signature == "suspected":
        forms.add("machine")
    if any(r.remark == OTHER_ORDER for r in readings):
        forms.add("text")
    return {str(form) for form in forms}


def _judge(
    reading: Reading,
    bracket: Bracket,
    signature: str,
    earliest: dt.date,
    latest: dt.date,
    low: dt.date | None,
) -> tuple[str, str]:
    """``written``, ``swapped``, ``contradicted`` or ``open``, and the evidence."""
    if reading.written is None or reading.swapped is None:
        return "written", ""
    inside = earliest <= reading.written <= latest, earliest <= reading.swapped <= latest
    later = low is None or reading.written >= low, low is None or reading.swapped >= low
    for (written, swapped), why in (
        (inside, "outside the plausible range as written"),
        (later, "before its start as written"),
    ):
        if written != swapped:
            return ("written", "") if written else ("swapped", why)
    as_written, exchanged = _fits(reading.written, bracket), _fits(reading.swapped, bracket)
    if signature == "holds" and reading.form == "machine":
        why = "every date in this form has a day of 12 or less, every text a day above 12"
        if as_written and not exchanged and bracket != (None, None):
            return "contradicted", f"{why}; but in file order only as written, {reading.written}"
        return "swapped", why + (
            "; in file order only so"
            if exchanged and not as_written
            else "; in file order"
            if exchanged and bracket != (None, None)
            else ""
        )
    # a row before the first or after the last certain day may simply stand elsewhere in time
    if exchanged and not as_written and None not in bracket:
        return "swapped", f"in file order only so: {_between(bracket)}"
    return ("written", "") if as_written and not exchanged else ("open", "")


def _signature(readings: Sequence[Reading], brackets: Sequence[Bracket]) -> str:
    """Whether the forms split as a spreadsheet splits them: ``holds``, ``suspected`` or ``no``."""
    machine = [r.written for r in readings if r.form == "machine" and r.written is not None]
    text = [r.written for r in readings if r.form == "text" and r.written is not None]
    if not machine or not text or any(day.day > 12 for day in machine):
        return "no"
    if any(r.ambiguous for r in readings if r.form == "text"):
        return "no"
    chance = _DAYS_TO_12 ** len({day.day for day in machine})
    chance *= (1 - _DAYS_TO_12) ** len({day.day for day in text})
    against = 0
    for reading, bracket in zip(readings, brackets, strict=True):
        if reading.form == "machine" and reading.written and reading.swapped:
            against += _fits(reading.written, bracket) - _fits(reading.swapped, bracket)
    return "holds" if chance < _CHANCE and against <= 0 else "suspected"


def file_sequence(
    readings: Sequence[Reading], groups: Sequence[Sequence[Hashable]]
) -> tuple[Sequence[Hashable], int] | None:
    """The grouping within which certain days rise (1) or fall (−1) best down the file, if any."""
    best, sequence = _IN_ORDER, None
    for labels in groups:
        for direction in (1, -1):
            ordered, pairs = _ordered(readings, labels, direction)
            if (
                pairs >= _FEWEST_PAIRS
                and ordered / pairs >= best
                and (sequence is None or ordered / pairs > best)
            ):
                best, sequence = ordered / pairs, (labels, direction)
    return sequence


def _ordered(
    readings: Sequence[Reading], labels: Sequence[Hashable], direction: int
) -> tuple[int, int]:
    """Neighbouring certain days in order, and how many neighbours there are."""
    last: dict[Hashable, dt.date] = {}
    pairs = ordered = 0
    for reading, label in zip(readings, labels, strict=True):
        if reading.written is None or reading.ambiguous:
            continue
        if label in last:
            pairs += 1
            ordered += (reading.written - last[label]).days * direction >= 0
        last[label] = reading.written
    return ordered, pairs


def _brackets(
    readings: Sequence[Reading], sequence: tuple[Sequence[Hashable], int] | None
) -> list[Bracket]:
    """Nearest certain days before and after each row, in the order of time."""
    brackets: list[Bracket] = [(None, None)] * len(readings)
    if sequence is None:
        return brackets
    labels, direction = sequence
    members: dict[Hashable, list[int]] = {}
    for place, label in enumerate(labels):
        members.setdefault(label, []).append(place)
    for places in members.values():
        run = places[::direction]
        sure = [p for p in run if readings[p].written is not None and not readings[p].ambiguous]
        kept = set(_longest_rising(sure, [readings[p].written for p in sure]))
        after: dt.date | None = None
        following: dict[int, dt.date | None] = {}
        for p in reversed(run):
            following[p] = after
            after = readings[p].written if p in kept else after
        before: dt.date | None = None
        for p in run:
            brackets[p] = (before, following[p])
            before = readings[p].written if p in kept else before
    return brackets


def _longest_rising(places: list[int], days: Sequence[dt.date | None]) -> list[int]:
    """The longest run of places whose days never fall: one wrong year does not move the rest."""
    tails: list[dt.date] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, day in enumerate(days):
        if day is None:
            previous.append(-1)
            continue
        slot = bisect_right(tails, day)
        previous.append(ends[slot - 1] if slot else -1)
        tails[slot : slot + 1] = [day]
        ends[slot : slot + 1] = [index]
    chain: list[int] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(places[index])
        index = previous[index]
    return chain[::-1]


def _fits(day: dt.date, bracket: Bracket) -> bool:
    before, after = bracket
    return (before is None or before <= day) and (after is None or day <= after)


def _between(bracket: Bracket) -> str:
    before, after = bracket
    return f"its neighbours are {before or 'none'} and {after or 'none'}"
