"""The reader of tidy tables: one row for each area and period."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hotspot_eval.data.counts import COUNT_COLUMNS, Counts
from hotspot_eval.data.paths import PathLike, local_file, refuse_inflated, text_advice
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.periods import Frequency, Periods

__all__ = ["read_counts"]

_SUFFIXES = (".csv", ".csv.gz", ".parquet")


def read_counts(
    path: PathLike,
    *,
    area: str,
    period: str,
    count: str | None = None,
    outcomes: Sequence[str] | None = None,
    area_name: str | None = None,
    cluster: str | None = None,
    vintage: str | None = None,
    frequency: Frequency | None = None,
    within: PathLike | None = None,
) -> Counts:
    """Read a tidy table: one row for each area and period.

    Parameters
    ----------
    path : path
        A csv, csv.gz or parquet file.
    area, period : str
        Columns with the area id (read as text) and the period.
    count : str, optional
        The one column with counts. Give this or ``outcomes``.
    outcomes : sequence of str, optional
        Several columns with counts.
    area_name, cluster, vintage : str, optional
        Columns with the area's name, its borough, and the release each row came from.
    frequency : {"week", "four_week", "month", "year", "step"}, optional
        Needed when the period column does not tell.
    within : path, optional
        A folder the file must not leave.

    Returns
    -------
    Counts
        A row of the table is a row for each outcome; absent rows stay absent, so say what they
        mean in ``counts.panel(absent=…)``.

    Raises
    ------
    InputError
        As ``Panel.from_counts``: missing columns, blank ids, negative or fractional counts,
        repeated rows.
    """
    file = local_file(path, suffixes=_SUFFIXES, within=within)
    table = _read_table(file, [c for c in (area, period, area_name, cluster, vintage) if c])
    try:
        checked = Panel.from_counts(
            table,
            area=area,
            period=period,
            count=count,
            outcomes=outcomes,
            cluster=cluster,
            frequency=frequency,
            absent="missing",
        )
        _require(table, [c for c in (area_name, vintage) if c])
    except InputError as error:
        raise InputError(
            *(
                Problem(
                    where=f"{file.name}, {problem.where}",
                    what=problem.what,
                    examples=problem.examples,
                    advice=problem.advice,
                )
                for problem in error.problems
            )
        ) from error
    return _tidy_counts(file, table, checked, area, period, area_name, cluster, vintage)


def _tidy_counts(
    file: Path,
    table: pd.DataFrame,
    checked: Panel,
    area: str,
    period: str,
    area_name: str | None,
    cluster: str | None,
    vintage: str | None,
) -> Counts:
    ids = area_ids(table[area])
    _, when = Periods.from_values(table[period], frequency=checked.periods.frequency)
    labels = np.array(checked.periods.labels, dtype=object)
    base = pd.DataFrame(
        {
            "area": ids,
            "area_name": table[area_name].astype(str) if area_name else ids,
            "cluster": table[cluster].astype(str) if cluster else "",
            "period": labels[when],
            "vintage": table[vintage].astype(str) if vintage else "",
        }
    )
    frame = pd.concat(
        [
            base.assign(
                outcome=name,
                count=pd.to_numeric(table[name]).to_numpy(dtype=np.float64, na_value=np.nan),
            )
            for name in checked.outcomes
        ],
        ignore_index=True,
    )[list(COUNT_COLUMNS)]
    for column in COUNT_COLUMNS:
        if column != "count":
            frame[column] = frame[column].astype("category")
    frame["count"] = frame["count"].astype("Int64")
    used = base.groupby("period")["vintage"].unique().map(lambda v: ", ".join(sorted(map(str, v))))
    months = pd.DataFrame({"period": labels, "vintage": [used.get(p, "") for p in labels]})
    months["status"] = np.where(months["period"].isin(used.index), "complete", "missing")
    return Counts(
        frame=frame.sort_values(["area", "period", "outcome"], ignore_index=True),
        months=months,
        ledger=Ledger().step(f"read {file.name}", rows_in=len(table), rows_out=len(table)),
        frequency=checked.periods.frequency,
    )


def _read_table(file: Path, text_columns: list[str]) -> pd.DataFrame:
    try:
        if file.name.lower().endswith(".parquet"):
            return pd.read_parquet(file)
        if file.name.lower().endswith(".gz"):
            refuse_inflated(file)
        return pd.read_csv(file, dtype=dict.fromkeys(text_columns, str), encoding="utf-8-sig")
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(
            Problem(where=file.name, what="is not UTF-8 text", advice=text_advice(file))
        ) from error
    except (ValueError, OSError) as error:
        raise InputError(
            Problem(where=file.name, what=f"cannot be read as a table ({error})")
        ) from error


def _require(table: pd.DataFrame, columns: list[str]) -> None:
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise InputError(Problem(where="frame", what="columns are missing", examples=absent))
