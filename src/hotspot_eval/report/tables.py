"""The only writer of result tables: estimates, checks and ledger as CSV, from records alone."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from hotspot_eval.report.entries import Cell, ReportedEffect
from hotspot_eval.report.files import write_atomically
from hotspot_eval.report.record import SiteRecord, StudyRecord
from hotspot_eval.results import Effect

__all__ = [
    "CHECK_COLUMNS",
    "ESTIMATE_COLUMNS",
    "LEDGER_COLUMNS",
    "write_site_tables",
    "write_study_tables",
]

_SITE = {
    "study": "The study.",
    "site": "The site's id.",
    "site_status": "ok, or failed: the evaluation of the site did not finish.",
}
ESTIMATE_COLUMNS: Mapping[str, str] = {
    **_SITE,
    "role": "primary, secondary, displacement, regression_to_mean, robustness or output.",
    "outcome": "What was counted.",
    "label": "What sets the effect apart from others of its role and outcome.",
    "part": "The notebook it comes from.",
    "estimand": "What is estimated.",
    "scale": "log_irr: log incidence rate ratio; count: events per area and period; rate.",
    "estimate": "The estimate on that scale; below 0 is fewer. Empty where impossible: see notes.",
    "std_error": "Its standard error.",
    "ci_low": "Lower limit at ci_level.",
    "ci_high": "Upper limit at ci_level.",
    "ci_level": "Level of the interval.",
    "statistic": "Test statistic of no effect.",
    "df": "Its degrees of freedom; inf means the normal distribution.",
    "p_value": "p-value of no effect.",
    "alternative": "two-sided, less or greater.",
    "method": "The estimator.",
    "inference": "Where standard error or p-value come from.",
    "irr": "Incidence rate ratio; below 1 is fewer. Empty off the log scale.",
    "irr_low": "Its lower limit.",
    "irr_high": "Its upper limit.",
    "percent_change": "Change in per cent; below 0 is fewer. Empty off the log scale.",
    "percent_low": "Its lower limit.",
    "percent_high": "Its upper limit.",
    "prevented": "Events prevented on the treated cells: expected minus observed.",
    "prevented_low": "Its lower limit.",
    "prevented_high": "Its upper limit.",
    "n_areas": "Areas behind the estimate.",
    "n_treated": "Treated areas.",
    "n_control": "Control areas.",
    "n_clusters": "Clusters of the standard error.",
    "n_periods": "Periods.",
    "treated_cells": "Treated area × period cells; empty where their events are not shown.",
    "treated_events": "Events observed in them.",
    "notes": "Reasons and warnings.",
    "reason": "Why the site failed.",
}
CHECK_COLUMNS: Mapping[str, str] = {
    **_SITE,
    "check": "Name of the check.",
    "threat": "What would be wrong with the study if it failed.",
    "status": "passed, failed or not assessed. Passed means that nothing was found against it.",
    "sentence": "What was found, or why it could not be assessed.",
    "part": "The notebook it comes from.",
    "reason": "Why the site failed.",
}
LEDGER_COLUMNS: Mapping[str, str] = {
    **_SITE,
    "step": "Step of the data's way in.",
    "entry": "in, left out, remark or out.",
    "reason": "Why rows were left out or remarked on.",
    "rows": "How many.",
    "unit": "What is counted.",
    "first_five": "The first five identifiers; empty on publication.",
}
_PLAIN = tuple(
    field.name
    for field in fields(Effect)
    if field.name in ESTIMATE_COLUMNS and field.name not in ("treated_cells", "notes")
)
Row = dict[str, Cell]


def write_site_tables(record: SiteRecord, out: str | Path) -> tuple[Path, ...]:
    """Write ``estimates.csv``, ``checks.csv`` and ``ledger.csv`` of one site.

    UTF-8, line feeds, floats at full precision, columns as documented in this module; the same
    record gives the same bytes.
    """
    where = Path(out)
    return (
        _write(where / "estimates.csv", ESTIMATE_COLUMNS, _estimates(record)),
        _write(where / "checks.csv", CHECK_COLUMNS, _checks(record)),
        _write(where / "ledger.csv", LEDGER_COLUMNS, _ledger(record)),
    )


def write_study_tables(
    records: StudyRecord | Sequence[SiteRecord], out: str | Path
) -> tuple[Path, ...]:
    """Write ``estimates.csv`` and ``checks.csv`` over all sites.

    Failed sites have one row in each, with the reason. The synthesis of a study follows its
    sites, under the site ``synthesis``.
    """
    if isinstance(records, StudyRecord):
        synthesis = () if records.synthesis is None else (records.synthesis,)
        listed: tuple[SiteRecord, ...] = (*records.sites, *synthesis)
    else:
        listed = tuple(records)
    where = Path(out)
    estimates = [row for record in listed for row in _estimates(record)]
    checks = [row for record in listed for row in _checks(record)]
    return (
        _write(where / "estimates.csv", ESTIMATE_COLUMNS, estimates),
        _write(where / "checks.csv", CHECK_COLUMNS, checks),
    )


def _head(record: SiteRecord) -> Row:
    return {"study": record.study, "site": record.site, "site_status": record.status}


def _estimates(record: SiteRecord) -> list[Row]:
    if record.status == "failed":
        return [{**_head(record), "reason": record.reason}]
    return [{**_head(record), **_estimate(entry)} for entry in record.effects]


def _estimate(entry: ReportedEffect) -> Row:
    effect = entry.effect
    row: Row = {name: getattr(effect, name) for name in _PLAIN}
    told = {
        "irr": effect.as_irr(),
        "percent": effect.percent_change(),
        "prevented": effect.crimes_prevented(),
    }
    for name, quantity in told.items():
        row[f"{name}_change" if name == "percent" else name] = quantity.value
        row[f"{name}_low"], row[f"{name}_high"] = quantity.low, quantity.high
    if effect.treated_cells:
        row["treated_cells"] = sum(group.cells for group in effect.treated_cells)
        row["treated_events"] = sum(group.events for group in effect.treated_cells)
    return {
        "role": entry.role,
        "outcome": entry.outcome,
        "label": entry.label,
        "part": entry.part,
        **row,
        "notes": "; ".join(effect.notes),
    }


def _checks(record: SiteRecord) -> list[Row]:
    if record.status == "failed":
        return [{**_head(record), "reason": record.reason}]
    return [
        {
            **_head(record),
            "check": check.name,
            "threat": check.threat,
            "status": check.status,
            "sentence": check.sentence,
            "part": check.part,
        }
        for check in record.checks
    ]


def _ledger(record: SiteRecord) -> list[Row]:
    if record.ledger is None:
        return []
    columns = record.ledger.columns
    return [{**_head(record), **dict(zip(columns, row, strict=True))} for row in record.ledger.rows]


def _write(path: Path, columns: Mapping[str, str], rows: Iterable[Row]) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_text(row.get(name)) for name in columns])
    write_atomically(path, text.getvalue())
    return path


def _text(value: Cell) -> str:
    """A cell as a spreadsheet may open it: text never starts a formula."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if value.startswith(("=", "+", "-", "@", "\t", "\r")) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
