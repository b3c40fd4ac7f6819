"""Every estimator beside the primary effect, as a table and as what a forest plot draws."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
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
            else "What the study is judged on, as declared beforehand",
        )
    ]
    rows += [_row(row) for row in compared.to_dict("records")]
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
            row["crimes_prevented"],
            row["prevented_low"],
            row["prevented_high"],
            "",
        )
        for row in compared.to_dict("records")
    ]
    frame = pd.DataFrame(rows, columns=["label", "estimate", "low", "high", "note"])
    frame.loc[frame["estimate"].isna(), "note"] = "not available: the table gives the reason"
    return frame


def _row(row: Mapping[Hashable, Any]) -> tuple[str, str, str, str, str, str]:
    name = str(row["estimator"])
    ratio = row["scale"] == "log_irr"
    percent = [100.0 * (_number(row[f"irr{end}"]) - 1.0) for end in ("", "_low", "_high")]
    events = [_number(row[end]) for end in ("crimes_prevented", "prevented_low", "prevented_high")]
    missing = math.isnan(_number(row["estimate"]))
    why = f"Not available: {row['notes']}" if missing else _sentence(str(row["why"]))
    return (
        _NAMES.get(name, name),
        name,
        "yes" if row["lead"] else "",
        _written(percent, digits=1, suffix="%") if ratio else "[z]",
        _written(events, digits=0),
        why,
    )


def _written(numbers: list[float], *, digits: int, suffix: str = "") -> str:
    value, low, high = numbers
    told = Quantity(value=value, low=low, high=high, unit="")
    return _joined(signed_cell(told, digits=digits, suffix=suffix))


def _joined(cell: tuple[str, str]) -> str:
    value, interval = cell
    return f"{value} ({interval})" if interval else value


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _number(value: object) -> float:
    return float(str(value))
