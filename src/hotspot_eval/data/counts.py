"""Counts by area, period and outcome, and where each came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Absent, Panel, area_ids
from hotspot_eval.periods import Frequency, PeriodLike, Periods

__all__ = ["COUNT_COLUMNS", "Counts"]

COUNT_COLUMNS = ("area", "area_name", "cluster", "period", "outcome", "count", "vintage")
_MONTHS = ("period", "vintage", "status")
_REVISIONS = (
    "area",
    "period",
    "outcome",
    "older_vintage",
    "newer_vintage",
    "old_count",
    "new_count",
    "difference",
)


def _no_revisions() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in _REVISIONS})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Counts:
    """Counts of each outcome in each area and period that a source covers.

    Parameters
    ----------
    frame : DataFrame
        One row a cell: area, area_name, cluster, period, outcome, count, vintage. Labels are
        categorical; ``count`` is Int64 and NA where the source covers the cell and leaves it
        blank. A cell without a row is not covered: it is missing, never zero.
    months : DataFrame
        One row a period: period, vintage, status (``complete``, ``partial``, ``missing``), and
        what the status rests on.
    revisions : DataFrame
        One row for each cell that two vintages give differently: area, period, outcome,
        older_vintage, newer_vintage, old_count, new_count, difference (new − old).
    revision_summary : DataFrame
        One row for each pair of vintages, period and outcome: cells compared, changed, share
        changed, totals, net change, and the change of the changed cells in percent.
    ledger : Ledger
        What happened to the rows on the way in.
    frequency : {"week", "four_week", "month", "year", "step"}

    Raises
    ------
    InputError
        If columns are missing, or an area, period and outcome have two rows.
    """

    frame: pd.DataFrame
    months: pd.DataFrame
    revisions: pd.DataFrame = field(default_factory=_no_revisions)
    revision_summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    ledger: Ledger = field(default_factory=Ledger)
    frequency: Frequency = "month"

    def __post_init__(self) -> None:
        problems = [
            Problem(where=f"Counts.{name}", what="columns are missing", examples=absent)
            for name, needed in (
                ("frame", COUNT_COLUMNS),
                ("months", _MONTHS),
                ("revisions", _REVISIONS),
            )
            if (absent := [c for c in needed if c not in getattr(self, name).columns])
        ]
        if problems:
            raise InputError(*problems)
        twice = self.frame.duplicated(["area", "period", "outcome"])
        if twice.any():
            rows = self.frame.loc[twice, ["area", "period", "outcome"]]
            raise InputError(
                Problem(
                    where="Counts.frame",
                    what="area, period and outcome have more than one row",
                    examples=[" ".join(map(str, row)) for row in rows.itertuples(index=False)],
                )
            )

    @property
    def areas(self) -> tuple[str, ...]:
        """Area ids, sorted."""
        return tuple(sorted(map(str, self.frame["area"].unique())))

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Names of the outcomes, in the order of the source."""
        return tuple(map(str, self.frame["outcome"].unique()))

    def panel(
        self,
        outcomes: Sequence[str] | None = None,
        *,
        areas: Iterable[object] | None = None,
        start: PeriodLike | None = None,
        end: PeriodLike | None = None,
        offset_base: Mapping[Any, float] | pd.Series | None = None,
        cluster: Mapping[Any, str] | pd.Series | None = None,
        absent: Absent | None = "missing",
        include_partial: bool = False,
    ) -> Panel:
        """The counts as a complete grid.

        Parameters
        ----------
        outcomes : sequence of str, optional
            By default all of them.
        areas : iterable, optional
            Every area of the study; areas that the source does not cover are missing, areas
            outside are left out and counted. By default every area of the source.
        start, end : period, optional
            First and last period; by default the first and last complete one.
        offset_base, cluster : mapping or Series, optional
            As in ``Panel.from_counts``; the source's own clusters by default.
        absent : {"zero", "missing"}, optional
            What a cell without a row means, in a period that the source covers. Wide files state
            their zeros, so the default is missing; tidy tables that leave zeros out need
            ``"zero"``, or None to be asked.
        include_partial : bool
            Whether a partial period counts as it stands. By default its counts are missing.

        Raises
        ------
        InputError
            Unknown outcomes, no period inside the span, or what ``Panel.from_counts`` refuses.
        """
        chosen = self._chosen(outcomes)
        wide, partial = self._wide(chosen, start, end, include_partial)
        names = self.frame.drop_duplicates("area").set_index("area")["cluster"]
        labelled = names[names.notna() & (names.astype(str) != "")]
        if areas is not None:
            areas = area_ids(areas)
        if cluster is None and len(labelled):
            wanted = areas if areas is not None else [str(area) for area in names.index]
            known = {str(area): str(label) for area, label in labelled.items()}
            cluster = {a: known[a] for a in wanted if a in known}
            cluster = cluster if len(cluster) == len(set(wanted)) else None
        ledger = self.ledger.step(
            "periods of the panel",
            unit="periods",
            rows_in=len(self.months),
            rows_out=wide["period"].nunique(),
            left_out=_periods_left_out(self.months, wide["period"].unique(), partial),
        )
        return Panel.from_counts(
            wide,
            area="area",
            period="period",
            outcomes=chosen,
            offset_base=offset_base,
            cluster=cluster,
            frequency=self.frequency,
            absent=absent,
            areas=areas,
            ledger=ledger,
        )

    def _chosen(self, outcomes: Sequence[str] | None) -> list[str]:
        chosen = list(self.outcomes if outcomes is None else outcomes)
        unknown = [name for name in chosen if name not in self.outcomes]
        if unknown or not chosen:
            raise InputError(
                Problem(
                    where="argument 'outcomes'",
                    what="are not in these counts" if unknown else "is empty",
                    examples=unknown,
                    advice=f"There are {', '.join(self.outcomes)}.",
                )
            )
        return chosen

    def _wide(
        self,
        outcomes: list[str],
        start: PeriodLike | None,
        end: PeriodLike | None,
        include_partial: bool,
    ) -> tuple[pd.DataFrame, set[str]]:
        """One row an area and period, one column an outcome; and the periods taken as missing."""
        periods, _ = Periods.from_values(self.months["period"], frequency=self.frequency)
        partial = set(self.months.loc[self.months["status"] == "partial", "period"].astype(str))
        partial = set() if include_partial else partial
        first = 0 if start is None else periods.position(start)
        last = len(periods) - 1 if end is None else periods.position(end)
        kept = [p for p in periods.labels[first : last + 1] if end is not None or p not in partial]
        wide = _one_row_each(self.frame, kept, outcomes)
        if wide.empty:
            raise InputError(
                Problem(
                    where="arguments 'start' and 'end'",
                    what="leave no counts",
                    advice=f"The source runs from {periods.labels[0]} to {periods.labels[-1]}.",
                )
            )
        wide.loc[wide["period"].isin(partial), outcomes] = np.nan
        return wide, partial

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``."""
        return self.frame.copy()

    def __repr__(self) -> str:
        status = self.months["status"].value_counts()
        told = ", ".join(
            f"{status[name]} {name}"
            for name in ("complete", "partial", "missing")
            if name in status
        )
        periods = self.months["period"].astype(str)
        return (
            f"Counts of {self.frame['area'].nunique():,} areas × {len(periods)} periods "
            f"({periods.min()} to {periods.max()}: {told}); {len(self.revisions):,} cells revised; "
            f"outcomes: {', '.join(self.outcomes)}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.ledger._repr_html_()}"


def _one_row_each(frame: pd.DataFrame, periods: list[str], outcomes: list[str]) -> pd.DataFrame:
    """Long to wide by the codes of the labels, which is many times faster than by the labels."""
    labels = {name: frame[name].astype("category").cat for name in ("area", "period", "outcome")}
    area, period, outcome = (labels[name].codes.to_numpy(np.int64) for name in labels)
    column = _places(labels["outcome"].categories, outcomes)[outcome]
    when = _places(labels["period"].categories, periods)[period]
    rows = np.flatnonzero((column >= 0) & (when >= 0))
    key, place = np.unique(area[rows] * len(periods) + when[rows], return_inverse=True)
    values = np.full((len(key), len(outcomes)), np.nan)
    values[place, column[rows]] = (
        frame["count"].iloc[rows].to_numpy(dtype=np.float64, na_value=np.nan)
    )
    areas = labels["area"].categories.astype(str).to_numpy(dtype=object)
    wide = pd.DataFrame(values, columns=outcomes)
    wide.insert(0, "area", areas[key // max(len(periods), 1)])
    wide.insert(1, "period", np.array(periods, dtype=object)[key % max(len(periods), 1)])
    return wide


def _places(categories: pd.Index, wanted: list[str]) -> NDArray[np.intp]:
    """For each category its place among those wanted, -1 for the others."""
    return pd.Index(wanted).get_indexer(categories.astype(str))


def _periods_left_out(
    months: pd.DataFrame, kept: Iterable[object], partial: set[str]
) -> list[LedgerNote]:
    inside = set(map(str, kept))
    gone = months[~months["period"].astype(str).isin(inside)]
    reasons = np.where(
        gone["status"] == "missing",
        "missing in the source",
        np.where(gone["period"].astype(str).isin(partial), "partial", "outside start and end"),
    )
    return [
        LedgerNote(
            reason=str(reason),
            rows=int((reasons == reason).sum()),
            examples=tuple(gone["period"].astype(str)[reasons == reason]),
        )
        for reason in np.unique(reasons)
    ]
