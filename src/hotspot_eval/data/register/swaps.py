"""Days and months that a spreadsheet exchanged: found by evidence, put back or flagged."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from hotspot_eval.data.register.dates import Reading
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
        boroughs, within sites; the first that holds is used.
    earliest, latest : date
        Plausible range.
    not_before : sequence of date, optional
        A day that each cell cannot precede: the start, where these are ends.

    Notes
    -----
    A spreadsheet with American settings that opens ``dd/mm/yyyy`` turns every text it can read as
    ``mm/dd/yyyy`` into a date, day and month exchanged, and leaves the rest as text. So *every*
    date in machine form then has a day of 12 or less, which :math:`n` true dates have with
    probability :math:`(12/30.44)^n`, and every text has a day above 12. Where this signature is
    found with a probability below .001, all machine dates are exchanged, unless a row's own
    neighbours speak against it. Elsewhere a row is exchanged only where its neighbours in the
    file's order, the plausible range or its start leave the exchanged day as the only one
    possible.
    """
    sequence = file_sequence(readings, groups)
    brackets = _brackets(readings, sequence)
    signature = _signature(readings)
    days: list[dt.date | None] = []
    found: list[Finding] = []
    undecided: list[int] = []
    judged: list[tuple[Reading, str]] = []
    for place, reading in enumerate(readings):
        low = not_before[place] if not_before is not None else None
        verdict, why = _judge(reading, brackets[place], signature, earliest, latest, low)
        judged.append((reading, verdict))
        exchanged = verdict in ("swapped", "contradicted")
        day = reading.swapped if exchanged else reading.written
        days.append(day)
        if verdict == "swapped":
            found.append(
                Finding(
                    rows[place],
                    field,
                    "day and month swapped",
                    "corrected",
                    reading.text,
                    str(day),
                    why,
                )
            )
        elif verdict == "contradicted":
            found.append(
                Finding(
                    rows[place],
                    field,
                    "day and month perhaps swapped",
                    "undecided",
                    reading.text,
                    str(day),
                    why,
                )
            )
        elif verdict == "open":
            undecided.append(place)
    forms = (
        {"machine"} if signature == "suspected" else {r.form for r, v in judged if v == "swapped"}
    )
    found += [
        Finding(
            rows[place],
            field,
            "day and month perhaps swapped",
            "undecided",
            readings[place].text,
            str(days[place]),
            f"could also be {readings[place].swapped}; nothing in the row decides",
        )
        for place in undecided
        if readings[place].form in forms
    ]
    equal = [
        place
        for place, r in enumerate(readings)
        if signature == "holds" and r.form == "machine" and not r.ambiguous
    ]
    return Settled(
        days=days, findings=found, brackets=brackets, either_way=[rows[p] for p in equal]
    )


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
    if exchanged and not as_written:
        return "swapped", f"in file order only so: {_between(bracket)}"
    return ("written", "") if as_written and not exchanged else ("open", "")


def _signature(readings: Sequence[Reading]) -> str:
    """Whether the forms split as a spreadsheet splits them: ``holds``, ``suspected`` or ``no``."""
    machine = [r for r in readings if r.form == "machine" and r.written is not None]
    text = [r for r in readings if r.form == "text"]
    low = all(r.written is not None and r.written.day <= 12 for r in machine)
    if not machine or not text or not low or any(r.ambiguous for r in text):
        return "no"
    return "holds" if _DAYS_TO_12 ** len(machine) < _CHANCE else "suspected"


def file_sequence(
    readings: Sequence[Reading], groups: Sequence[Sequence[Hashable]]
) -> tuple[Sequence[Hashable], int] | None:
    """The grouping within which certain days rise (1) or fall (−1) down the file, if any."""
    for labels in groups:
        for direction in (1, -1):
            last: dict[Hashable, dt.date] = {}
            pairs = ordered = 0
            for reading, label in zip(readings, labels, strict=True):
                if reading.written is None or reading.ambiguous:
                    continue
                if label in last:
                    pairs += 1
                    ordered += (reading.written - last[label]).days * direction >= 0
                last[label] = reading.written
            if pairs >= _FEWEST_PAIRS and ordered >= _IN_ORDER * pairs:
                return labels, direction
    return None


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
