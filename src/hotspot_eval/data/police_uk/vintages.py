"""What a publisher revised between two downloads of the same forces and months."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from hotspot_eval.data.engine import Limits
from hotspot_eval.data.paths import PathLike
from hotspot_eval.data.police_uk.count import count_files
from hotspot_eval.data.police_uk.scan import rows_of
from hotspot_eval.data.police_uk.sources import find_sources

__all__ = ["VintageDiff", "diff_vintages"]

_PARTS = {
    "LSOA code": "code",
    "Longitude, Latitude": "longitude, latitude",
    "Crime type": "crime_type",
    "Location": "location",
    "Last outcome category": "last_outcome",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VintageDiff:
    """Differences between two snapshots.

    Parameters
    ----------
    months : DataFrame
        One row for each force and month of either: rows_old, rows_new, status (``"same"``,
        ``"revised"``, ``"only in old"``, ``"only in new"``), and how many ids and rows without id
        differ.
    ids : DataFrame
        force, month, crime_id, change (``"added"``, ``"removed"``, ``"changed"``) and the columns
        that changed, for months in both.
    rows : DataFrame
        Rows without Crime ID whose number differs: force, month, lsoa_code, crime_type, longitude,
        latitude, rows_old, rows_new.
    """

    months: pd.DataFrame
    ids: pd.DataFrame
    rows: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The months."""
        return self.months.copy()

    def __repr__(self) -> str:
        told = self.months["status"].value_counts()
        listed = ", ".join(f"{n} {status}" for status, n in told.items())
        return (
            f"VintageDiff of {len(self.months)} force-months ({listed}); {len(self.ids):,} ids "
            f"and {len(self.rows):,} groups of rows without id differ"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>"


def diff_vintages(
    old: PathLike | Iterable[PathLike],
    new: PathLike | Iterable[PathLike],
    *,
    limits: Limits | None = None,
) -> VintageDiff:
    """Compare two downloads of street files, force by force and month by month.

    Parameters
    ----------
    old, new : path or iterable of paths
        As in :func:`read_police_uk`.
    limits : Limits, optional

    Returns
    -------
    VintageDiff
        Rows are compared by Crime ID within force and month; rows without one as a multiset of
        place and type.

    Raises
    ------
    InputError
        Every file that cannot be used.
    """
    bounds = limits or Limits()
    sides = {"old": find_sources(old, bounds)[0], "new": find_sources(new, bounds)[0]}
    for sources in sides.values():
        count_files(sources, bounds)
    with rows_of(sides, bounds) as engine:
        ids = engine.ask(_ids_query())
        rows = engine.ask(_ANONYMOUS)
        months = _months(engine.ask(_MONTHS), ids, rows)
    return VintageDiff(months=months, ids=ids, rows=rows)


_MONTHS = """
SELECT force, month, coalesce(o.n, 0)::BIGINT AS rows_old, coalesce(w.n, 0)::BIGINT AS rows_new
FROM (SELECT force, month, count(*) AS n FROM all_old GROUP BY ALL) o
FULL JOIN (SELECT force, month, count(*) AS n FROM all_new GROUP BY ALL) w USING (force, month)
ORDER BY force, month
"""

_BOTH = """
both_told AS (SELECT force, month FROM all_old INTERSECT SELECT force, month FROM all_new)"""

_ANONYMOUS = f"""
WITH {_BOTH}, counted AS (
    SELECT force, month, code AS lsoa_code, crime_type, longitude, latitude,
        sum(o)::BIGINT AS rows_old, sum(w)::BIGINT AS rows_new
    FROM (SELECT *, 1 AS o, 0 AS w FROM all_old UNION ALL SELECT *, 0, 1 FROM all_new)
    JOIN both_told USING (force, month) WHERE crime_id IS NULL GROUP BY ALL)
SELECT * FROM counted WHERE rows_old <> rows_new ORDER BY ALL
"""


def _ids_query() -> str:
    """Per id a sum of hashes of each column: the order and number of its rows cannot matter."""
    names = [f"c{k}" for k in range(len(_PARTS))]
    sums = ", ".join(
        f"sum(hash({columns})) AS {name}"
        for name, columns in zip(names, _PARTS.values(), strict=True)
    )
    side = (
        "SELECT force, month, crime_id, count(*) AS n, {sums} FROM all_{side} "
        "JOIN both_told USING (force, month) WHERE crime_id IS NOT NULL GROUP BY ALL"
    )
    changed = ", ".join(
        f"CASE WHEN o.{name} <> w.{name} THEN '{label}' END"
        for name, label in zip(names, _PARTS, strict=True)
    )
    return f"""
    WITH {_BOTH}, o AS ({side.format(sums=sums, side="old")}),
    w AS ({side.format(sums=sums, side="new")}),
    told AS (SELECT force, month, crime_id,
        CASE WHEN o.n IS NULL THEN 'added' WHEN w.n IS NULL THEN 'removed' ELSE 'changed' END
            AS change,
        CASE WHEN o.n IS NULL OR w.n IS NULL THEN ''
            WHEN o.n <> w.n THEN 'number of rows' ELSE concat_ws(', ', {changed}) END AS columns
        FROM o FULL JOIN w USING (force, month, crime_id))
    SELECT * FROM told WHERE change <> 'changed' OR columns <> '' ORDER BY force, month, crime_id
    """


def _months(told: pd.DataFrame, ids: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    keys = ["force", "month"]
    by_change = ids.groupby([*keys, "change"]).size().unstack(fill_value=0)
    for change in ("added", "removed", "changed"):
        named = by_change[change] if change in by_change else pd.Series(dtype="int64")
        told[f"ids_{change}"] = _at(told, named)
    told["rows_without_id_changed"] = _at(
        told, (rows["rows_new"] - rows["rows_old"]).abs().groupby([rows[k] for k in keys]).sum()
    )
    differs = told.filter(like="ids_").sum(axis=1) + told["rows_without_id_changed"] > 0
    status = pd.Series("same", index=told.index, dtype=object).mask(differs, "revised")
    status = status.mask(told["rows_new"] == 0, "only in old")
    told["status"] = status.mask(told["rows_old"] == 0, "only in new")
    return told


def _at(told: pd.DataFrame, values: pd.Series) -> list[int]:
    table = values.to_dict()
    return [int(table.get(key, 0)) for key in zip(told["force"], told["month"], strict=True)]
