"""What was found in a register: which row, what was read, what was concluded, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import pandas as pd

from hotspot_eval.errors import Problem
from hotspot_eval.ledger import LedgerNote

__all__ = ["Finding", "Outcome", "findings_frame", "notes", "refusals"]

Outcome = Literal["corrected", "flagged", "undecided", "left out", "unusable"]

ADVICE = {
    "no start date": "Give the first day of every spell.",
    "unreadable date": "Write days as 2022-07-31.",
    "ends before it starts": "Correct one of the two dates.",
    "start lies in the future": "Correct the date, or pass latest= if the spell is planned.",
    "date outside the plausible range": "Correct the date, or widen earliest= and latest=.",
    "no area and no geometry": "Give area ids, a polygon, or a point with a radius.",
    "area is not in the boundaries": "Use boundaries of the register's geography and year, "
    "or correct the ids.",
    "site lies outside the boundaries": "Check the coordinates and their reference system.",
    "no site name": "Name every site, or give its area.",
    "point without a radius": "Give radius_m, the reach of the site in metres.",
    "unusable geometry": "Give a polygon, or a point with a radius.",
}


class Finding(NamedTuple):
    """One thing found in one row.

    ``outcome`` is ``corrected`` (the evidence decides), ``flagged`` (kept as read), ``undecided``
    (kept, but the evidence does not decide), ``left out`` (not a deployment) or ``unusable`` (a
    deployment that cannot be placed in space or time).
    """

    row: int
    field: str
    problem: str
    outcome: Outcome
    read: str
    concluded: str
    why: str


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """One row a finding, in the order of the file."""
    ordered = sorted(findings, key=lambda finding: (finding.row, finding.field, finding.problem))
    return pd.DataFrame(ordered, columns=list(Finding._fields))


def notes(findings: Sequence[Finding], outcomes: Sequence[Outcome]) -> list[LedgerNote]:
    """A ledger note for each problem with one of these outcomes, and how many findings it has."""
    rows: dict[str, list[int]] = {}
    for finding in findings:
        if finding.outcome in outcomes:
            reason = f"{finding.problem}: {finding.outcome}"
            key = finding.problem if finding.outcome in ("left out", "unusable") else reason
            rows.setdefault(key, []).append(finding.row)
    return [
        LedgerNote(reason=reason, rows=len(at), examples=tuple(f"row {row}" for row in at))
        for reason, at in sorted(rows.items())
    ]


def refusals(findings: Sequence[Finding], source: str) -> list[Problem]:
    """A Problem for each kind of unusable row, naming all of them."""
    named: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        if finding.outcome == "unusable":
            hint = f" ({finding.why})" if finding.why else ""
            named.setdefault((finding.field, finding.problem), []).append(
                f"row {finding.row}: {finding.read or 'blank'}{hint}"
            )
    return [
        Problem(
            where=f"{source}, {field}",
            what=problem,
            examples=examples,
            advice=f'{ADVICE[problem]} Or read the rest with problems="leave_out" '
            "(register.problems in params).",
        )
        for (field, problem), examples in named.items()
    ]
