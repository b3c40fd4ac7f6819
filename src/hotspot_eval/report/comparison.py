"""Every estimator beside the primary effect, as a table and as what a forest plot draws."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from hotspot_eval.report.wording import effect_cell, signed_cell
from hotspot_eval.results import Effect, Quantity

__all__ = ["comparison_frame", "comparison_table"]

_NAMES = {
    "poisson_did": "Two-way Poisson",
    "imputation": "Imputation, Poisson",
    "linear_did": "Two-way linear",
    "imputation, linear": "Imputation, linear",
    "etwfe": "Extended two-way, Poisson",
    "group_time": "Group-time",
    "switchers": "Switchers",
    "synthetic_did": "Synthetic difference-in-differences",
    "rirr": "Relative incidence rate ratio",
    "wdd": "Weighted displacement difference",
    "wdd, overdispersed": "The same, overdispersion allowed for",
}
_PRIMARY = "Primary effect"
_COLUMNS = [
    "estimator",
    "function",
    "called_for",
    "change_and_interval",
    "prevented_and_interval",
    "why_it_may_differ",
]


def comparison_table(compared: pd.DataFrame, *, primary: Effect) -> pd.DataFrame:
    """The table of :func:`hotspot_eval.compare` as it is read, below the primary effect.

    Parameters
    ----------
    compared : DataFrame
        Of ``compare``, one row an estimator.
    primary : Effect
        What the study is judged on.

    Returns
    -------
    DataFrame
        Estimator, its function, whether the design calls for it, change in per cent and events
        prevented with their intervals, and why it may differ, or why there is no number.
    """
    prevented = primary.crimes_prevented()
    rows = [
        (
            _PRIMARY,
            "",
            "",
            _joined(effect_cell(primary)) if primary.scale == "log_irr" else "[z]",
            _joined(signed_cell(prevented, digits=0)),
            f"Not available: {'; '.join(primary.notes)}"
            if math.isnan(primary.estimate)
            else "What the study is judged on",
        )
    ]
    rows += [_row(row, primary) for row in compared.to_dict("records")]
    return pd.DataFrame(rows, columns=_COLUMNS)


def comparison_frame(compared: pd.DataFrame, *, primary: Effect) -> pd.DataFrame:
    """Events prevented with their intervals, as :func:`figures.forest` draws them.

    Parameters
    ----------
    compared : DataFrame
        Of ``compare``.
    primary : Effect

    Returns
    -------
    DataFrame
        Columns label, estimate, low, high, note; the primary effect first.
    """
    told = primary.crimes_prevented()
    rows: list[tuple[str, float, float, float, str]] = [
        (_PRIMARY, told.value, told.low, told.high, "")
    ]
    rows += [
        (
            _NAMES.get(row["estimator"], row["estimator"]),
            *_prevented(row, primary),
            "",
        )
        for row in compared.to_dict("records")
    ]
    frame = pd.DataFrame(rows, columns=["label", "estimate", "low", "high", "note"])
    frame.loc[frame["estimate"].isna(), "note"] = "not available: the table gives the reason"
    return frame


def _row(row: Mapping[Hashable, Any], primary: Effect) -> tuple[str, str, str, str, str, str]:
    name = str(row["estimator"])
    ratio = row["scale"] == "log_irr"
    percent = [100.0 * (_number(row[f"irr{end}"]) - 1.0) for end in ("", "_low", "_high")]
    events = _prevented(row, primary)
    missing = math.isnan(_number(row["estimate"]))
    why = f"Not available: {row['notes']}" if missing else _sentence(str(row["why"]))
    if not missing and math.isnan(events[0]):
        why += ". Events prevented: the events on the treated cells are not known"
    return (
        _NAMES.get(name, name),
        name,
        "yes" if row["lead"] else "",
        _written(percent, digits=1, suffix="%") if ratio else "[z]",
        _written(events, digits=0),
        why,
    )


def _prevented(row: Mapping[Hashable, Any], primary: Effect) -> tuple[float, float, float]:
    """Events prevented: the row's own, or what its estimate means on the same treated cells.

    A WDD is a total already. A ratio of totals has no cells of its own: those of the primary
    effect are the same ones.
    """
    own = [_number(row[end]) for end in ("crimes_prevented", "prevented_low", "prevented_high")]
    ends = [_number(row[end]) for end in ("estimate", "ci_high", "ci_low")]
    if not math.isnan(own[0]) or math.isnan(ends[0]):
        return own[0], own[1], own[2]
    if str(row["estimator"]).startswith("wdd"):
        return -ends[0], -ends[1], -ends[2]
    if row["scale"] == "log_irr" and primary.treated_cells:
        told = replace(
            primary, scale="log_irr", estimate=ends[0], ci_high=ends[1], ci_low=ends[2]
        ).crimes_prevented()
        return told.value, told.low, told.high
    return own[0], own[1], own[2]


def _written(numbers: Sequence[float], *, digits: int, suffix: str = "") -> str:
    value, low, high = numbers
    told = Quantity(value=value, low=low, high=high, unit="")
    return _joined(signed_cell(told, digits=digits, suffix=suffix))


def _joined(cell: tuple[str, str]) -> str:
    value, interval = cell
    return f"{value} ({interval})".replace(" to ", "\u00a0to\u00a0") if interval else value


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _number(value: object) -> float:
    return float(str(value))
