"""Panel: what happened where and when, as one dense array of counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from html import escape
from typing import Any, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_sequence
from hotspot_eval.ledger import Ledger
from hotspot_eval.panel import tables
from hotspot_eval.panel.grid import Absent, Grid, grid_of_counts
from hotspot_eval.panel.incidents import grid_of_incidents
from hotspot_eval.panel.rows import Attribute, area_ids
from hotspot_eval.panel.rules import (
    array_problems,
    check_labels,
    check_parts,
    label_problems,
    span_of,
)
from hotspot_eval.periods import Frequency, PeriodLike, Periods

__all__ = ["Panel"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Panel:
    """Counts of every outcome in every area and period: areas × periods × outcomes.

    Parameters
    ----------
    areas : tuple of str, length N
        Area ids, sorted, so that the row order of the source can never matter.
    periods : Periods, length T
        Contiguous periods.
    outcomes : tuple of str, length K
        Names of the outcomes.
    counts : ndarray of int64, shape (N, T, K)
        Events (``from_values``: float64). Where ``observed`` is False the entry is 0 and means
        nothing.
    observed : ndarray of bool, shape (N, T, K)
        False where the count is missing; a missing month is not a zero.
    offset_base : ndarray of float64, shape (N, T), optional
        Population or area-days at risk, above 0.
    cluster : tuple of str, length N, optional
        Label (borough) of each area.
    ledger : Ledger
        What happened to the rows on the way in.

    Raises
    ------
    InputError
        If shapes, labels or values break one of the rules above.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": ["B", "A", "B", "A"],
    ...                       "month": ["2022-01", "2022-01", "2022-02", "2022-02"],
    ...                       "robbery": [3, 0, 2, 1]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="robbery")
    >>> panel.areas, panel.counts[:, :, 0].tolist()
    (('A', 'B'), [[0, 1], [3, 2]])
    """

    areas: tuple[str, ...]
    periods: Periods
    outcomes: tuple[str, ...]
    counts: NDArray[Any]
    observed: NDArray[np.bool_]
    offset_base: NDArray[np.float64] | None = None
    cluster: tuple[str, ...] | None = None
    ledger: Ledger = field(default_factory=Ledger)
    _row: pd.Index = field(init=False)
    _floats: NDArray[np.float64] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_parts(self)
        problems = [
            *label_problems(self.areas, self.outcomes, self.cluster),
            *array_problems(self.shape, self.counts, self.observed, self.offset_base, self.areas),
        ]
        if problems:
            raise InputError(*problems)
        for name in ("counts", "observed", "offset_base"):
            array = getattr(self, name)
            if array is not None and array.flags.writeable:
                own = array.copy()
                own.flags.writeable = False
                object.__setattr__(self, name, own)
        object.__setattr__(self, "_row", pd.Index(self.areas, dtype=object))

    @classmethod
    def from_counts(
        cls,
        frame: pd.DataFrame,
        *,
        area: str,
        period: str,
        count: str | None = None,
        outcomes: Sequence[str] | None = None,
        offset_base: Attribute | None = None,
        cluster: Attribute | None = None,
        frequency: Frequency | None = None,
        absent: Absent | None = None,
        areas: Iterable[object] | None = None,
        ledger: Ledger | None = None,
    ) -> Self:
        """A panel from tidy counts, one row for each area and period.

        Parameters
        ----------
        frame : DataFrame
            Tidy counts; not changed.
        area, period : str
            Columns with the area id and the period.
        count : str, optional
            The one column with counts. Give this or ``outcomes``.
        outcomes : sequence of str, optional
            Several columns with counts.
        offset_base : str, mapping or Series, optional
            Column, or area id → population or area-days at risk.
        cluster : str, mapping or Series, optional
            Column, or area id → borough.
        frequency : {"week", "four_week", "month", "year", "step"}, optional
            Needed when the period column does not tell.
        absent : {"zero", "missing"}, optional
            What an absent area × period means. By default missing; when the rows hold no zero at
            all, the question is asked instead of answered. A period absent for *every* area is
            missing whatever is said here.
        areas : iterable, optional
            Every area of the study, to complete the grid where a source leaves out areas without
            events; rows of other areas are left out and counted in the ledger.
        ledger : Ledger, optional
            What happened to the rows before.

        Raises
        ------
        InputError
            Missing columns, blank ids, negative or fractional counts, repeated rows.
        """
        if (count is None) == (outcomes is None):
            raise InputError(
                Problem(
                    where="arguments 'count' and 'outcomes'", what="give exactly one of the two"
                )
            )
        if outcomes is not None:
            check_sequence("outcomes", outcomes, of="column names", example="['robbery']")
        check_labels(areas, ledger)
        names = (count,) if count is not None else tuple(outcomes or ())
        if not names:
            raise InputError(Problem(where="argument 'outcomes'", what="names no column"))
        return cls._of(
            grid_of_counts(
                frame,
                area=area,
                period=period,
                outcomes=names,
                whole=True,
                offset_base=offset_base,
                cluster=cluster,
                frequency=frequency,
                absent=absent,
                areas=areas,
                ledger=ledger or Ledger(),
            )
        )

    @classmethod
    def from_values(
        cls,
        frame: pd.DataFrame,
        *,
        area: str,
        period: str,
        value: str,
        offset_base: Attribute | None = None,
        cluster: Attribute | None = None,
        frequency: Frequency | None = None,
    ) -> Self:
        """A panel of a measured quantity instead of counts: published tables, survey scores.

        Arguments as in :meth:`from_counts`; absent cells are missing. Estimators of counts refuse
        negative values.
        """
        return cls._of(
            grid_of_counts(
                frame,
                area=area,
                period=period,
                outcomes=(value,),
                whole=False,
                offset_base=offset_base,
                cluster=cluster,
                frequency=frequency,
                absent="missing",
                areas=None,
                ledger=Ledger(),
            )
        )

    @classmethod
    def from_incidents(
        cls,
        frame: pd.DataFrame,
        *,
        area: str,
        date: str,
        frequency: Frequency,
        outcome: str | None = None,
        areas: Iterable[object] | None = None,
        start: PeriodLike | None = None,
        end: PeriodLike | None = None,
        missing: Iterable[PeriodLike] = (),
        offset_base: Mapping[Any, float] | pd.Series | None = None,
        cluster: Mapping[Any, str] | pd.Series | None = None,
        ledger: Ledger | None = None,
    ) -> Self:
        """A panel from dated (or, for months, month-labelled) records, one row an incident.

        Parameters
        ----------
        frame : DataFrame
            Incidents; not changed.
        area, date : str
            Columns with the area id (blank: not located) and the day or month.
        frequency : {"week", "four_week", "month", "year"}
            Length of a period. Weeks and blocks are counted from ``start``.
        outcome : str, optional
            Column whose values become the outcomes; without it every incident is counted, as
            ``"incidents"``.
        areas : iterable, optional
            Every area of the study; without it, the areas that occur.
        start, end : period or date, optional
            First and last day (or month) that the records cover; by default the first and last
            that occur. A last week or block that ``end`` cuts short is left out and counted.
        missing : iterable of period
            Periods that the source does not cover; they are missing, not zero. A period without
            any record counts as zero only where periods hold fewer than 30 records.
        offset_base, cluster, ledger
            As in :meth:`from_counts`.

        Raises
        ------
        InputError
            Missing columns, unreadable dates, weeks asked of records that carry months only,
            empty periods among full ones that ``missing`` does not name.
        """
        check_labels(areas, ledger)
        check_sequence("missing", missing, of="periods", example="['2022-01']")
        return cls._of(
            grid_of_incidents(
                frame,
                area=area,
                date=date,
                frequency=frequency,
                outcome=outcome,
                areas=areas,
                start=start,
                end=end,
                missing=missing,
                offset_base=offset_base,
                cluster=cluster,
                ledger=ledger or Ledger(),
            )
        )

    @classmethod
    def _of(cls, grid: Grid) -> Self:
        for array in (grid.counts, grid.observed, grid.offset_base):
            if array is not None:
                array.flags.writeable = False
        return cls(**{field.name: getattr(grid, field.name) for field in fields(grid)})

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N areas, T periods, K outcomes)."""
        return len(self.areas), len(self.periods), len(self.outcomes)

    def outcome(self, name: str) -> Self:
        """The panel of one outcome."""
        if name not in self.outcomes:
            raise InputError(
                Problem(
                    where=f"outcome '{name}'",
                    what="is not in the panel",
                    advice=f"It has {', '.join(self.outcomes)}.",
                )
            )
        k = self.outcomes.index(name)
        return replace(
            self,
            outcomes=(name,),
            counts=self.counts[:, :, k : k + 1],
            observed=self.observed[:, :, k : k + 1],
        )

    def select(
        self,
        *,
        areas: Iterable[object] | None = None,
        periods: tuple[PeriodLike, PeriodLike] | None = None,
    ) -> Self:
        """Some areas, and the periods from the first to the last named (both included)."""
        rows = np.arange(len(self.areas)) if areas is None else np.unique(self.positions(areas))
        first, stop = 0, len(self.periods)
        if periods is not None:
            first, stop = span_of(self.periods, periods)
        offset = self.offset_base
        return replace(
            self,
            areas=tuple(self.areas[i] for i in rows),
            periods=self.periods.take(first, stop),
            counts=self.counts[rows, first:stop],
            observed=self.observed[rows, first:stop],
            offset_base=None if offset is None else offset[rows, first:stop],
            cluster=None if self.cluster is None else tuple(self.cluster[i] for i in rows),
        )

    def positions(self, areas: Iterable[object]) -> NDArray[np.intp]:
        """Row of each area id.

        Raises
        ------
        InputError
            If some are not in the panel.
        """
        if not isinstance(areas, str):
            check_sequence("areas", areas, of="area ids", example="['A', 'B']")
        ids = area_ids([areas] if isinstance(areas, str) else areas)
        if not ids:
            return np.zeros(0, dtype=np.intp)
        rows = self._row.get_indexer(pd.Index(ids, dtype=object))
        unknown = [label for label, row in zip(ids, rows, strict=True) if row < 0]
        if unknown:
            raise InputError(
                Problem(
                    where="areas",
                    what="are not in the panel",
                    examples=unknown,
                    advice=f"The panel's ids look like {', '.join(self.areas[:3])}.",
                )
            )
        return rows

    def single(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Counts and mask of the only outcome, float64 and bool of shape (N, T).

        The floats are made once and not to be written to.

        Raises
        ------
        InputError
            If the panel has several outcomes: choose one with :meth:`outcome`.
        """
        counts, observed = self.stored()
        if self._floats is None:
            made = np.ascontiguousarray(counts, dtype=np.float64)
            made.flags.writeable = False
            object.__setattr__(self, "_floats", made)
        return cast(NDArray[np.float64], self._floats), observed

    def stored(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Counts and mask of the only outcome as the panel holds them, without a copy.

        Raises
        ------
        InputError
            If the panel has several outcomes: choose one with :meth:`outcome`.
        """
        if len(self.outcomes) != 1:
            raise InputError(
                Problem(
                    where="panel",
                    what="has several outcomes where one is needed",
                    examples=self.outcomes,
                    advice="Choose one with panel.outcome(name).",
                )
            )
        return self.counts[:, :, 0], self.observed[:, :, 0]

    def to_frame(self) -> pd.DataFrame:
        """Tidy counts: area, period, one column an outcome (nullable integers; missing is NA)."""
        return tables.tidy(
            self.areas,
            self.periods,
            self.outcomes,
            self.counts,
            self.observed,
            cluster=self.cluster,
            offset_base=self.offset_base,
        )

    def totals(self) -> pd.DataFrame:
        """One row an area: its id and the observed events of each outcome over all periods."""
        return tables.totals(self.areas, self.outcomes, self.counts)

    def summary(self) -> pd.DataFrame:
        """One row an outcome: events, events per area and period, share of zeros, cells missing."""
        return tables.summary(self.outcomes, self.counts, self.observed)

    def coverage(self) -> pd.DataFrame:
        """One row a year: its periods, those without any count, and single cells missing."""
        return tables.coverage(self.periods, self.observed)

    def __repr__(self) -> str:
        return tables.in_words(self.periods, self.outcomes, self.observed, cluster=self.cluster)

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.ledger._repr_html_()}"
