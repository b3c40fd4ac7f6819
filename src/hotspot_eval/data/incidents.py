"""Incidents: what was recorded, with the ledger and audit of its way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

import numpy as np
import pandas as pd

from hotspot_eval.data.cells import Cells
from hotspot_eval.data.outcomes import OutcomeTypes
from hotspot_eval.data.tally import AbsentTypes, Partial, Where, tally
from hotspot_eval.ledger import Ledger
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Frequency, PeriodLike
from hotspot_eval.results import Check

__all__ = ["Incidents"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Incidents:
    """Recorded incidents, counted by cell; rows are read only when asked for.

    Made by ``read_police_uk`` and ``read_incidents``.

    Parameters
    ----------
    cells : Cells
        Records by delivery, area code and type.
    resolution : {"month", "day"}
        What the records tell of time.
    ledger : Ledger
        What happened to the rows on the way in.
    coverage : DataFrame
        force × month: rows, expected rows, status (present, missing, partial).
    checks : tuple of Check
        The audit in sentences.
    covered : pair of datetime64[D]
        First day told of, and first day after the last.
    crime_types : tuple of str, optional
        The types kept; None for all.
    source : {"police_uk", "internal"}
        Which outcome definitions apply.
    flags : tuple of str
        Names of the flags that the counts are told apart by.
    spells : tuple of (first day, first day after)
        Spells that no force covers.
    load_files, load_points, load_rows : callable
        Read again from the files what is asked for.

    Examples
    --------
    ``read_police_uk("downloads").panel(outcomes=["robbery"])`` goes from files to a panel and
    never holds a row.
    """

    cells: Cells
    resolution: Literal["month", "day"]
    ledger: Ledger
    coverage: pd.DataFrame
    checks: tuple[Check, ...]
    covered: tuple[np.datetime64, np.datetime64]
    crime_types: tuple[str, ...] | None = None
    source: Literal["police_uk", "internal"] = "police_uk"
    flags: tuple[str, ...] = ()
    spells: tuple[tuple[np.datetime64, np.datetime64], ...] = ()
    load_files: Callable[[], pd.DataFrame]
    load_points: Callable[[], Cells]
    load_rows: Callable[[], pd.DataFrame]
    _kept: dict[str, pd.DataFrame] = field(default_factory=dict, init=False)
    _points: list[Cells] = field(default_factory=list, init=False)

    @property
    def frame(self) -> pd.DataFrame:
        """Every record as a row, read from the files on each call; needs memory for all of them.

        Months (or days), force, crime type, LSOA code, longitude and latitude as published.
        """
        return self.load_rows()

    @property
    def files(self) -> pd.DataFrame:
        """One row a file: bytes, SHA-256, snapshot date, forces, months, rows and rows used."""
        if "files" not in self._kept:
            self._kept["files"] = self.load_files()
        return self._kept["files"].copy()

    @property
    def missing_months(self) -> pd.DataFrame:
        """Forces and months that were not delivered."""
        rows = self.coverage[self.coverage["status"] == "missing"]
        return rows[["force", "month"]].reset_index(drop=True)

    def points(self) -> Cells:
        """Records by delivery, code, type and point, counted the first time they are needed."""
        if not self._points:
            self._points.append(self.load_points())
        return self._points[0]

    def gaps(self, partial: Partial = "keep") -> pd.DataFrame:
        """Spells that a force did not deliver (or in part): force, start, end (first day after)."""
        bad = ("missing",) if partial == "keep" else ("missing", "partial")
        rows = self.coverage[self.coverage["status"].isin(bad)]
        months = rows["month"].to_numpy().astype("datetime64[M]")
        spells = [(f, *spell) for f in sorted(set(self.coverage["force"])) for spell in self.spells]
        begins, ends = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
        listed = [*zip(rows["force"], begins, ends, strict=True), *spells]
        return pd.DataFrame(listed, columns=["force", "start", "end"])

    def panel(
        self,
        *,
        outcomes: Sequence[str] | Mapping[str, Sequence[str] | OutcomeTypes],
        areas: Any = None,
        where: Where | None = None,
        frequency: Frequency = "month",
        start: PeriodLike | None = None,
        end: PeriodLike | None = None,
        partial: Partial = "keep",
        absent_types: AbsentTypes = "refuse",
        offset_base: Mapping[Any, float] | pd.Series | None = None,
        cluster: Mapping[Any, str] | pd.Series | None = None,
    ) -> Panel:
        """Counts of each outcome in each area and period.

        Parameters
        ----------
        outcomes : sequence of str, or mapping
            Names from the package's outcome definitions, or name → the crime types it adds up (an
            ``OutcomeTypes`` where records must be flagged).
        areas : optional
            Every area of the study: ids (LSOA codes as recorded), a projected frame of polygons or
            of street segments (index or first text column is the id), or
            ``lsoa_components(overlap)`` to join LSOA 2011 and 2021. By default the codes that
            occur; refused where the records change from one vintage to the other.
        where : {"code", "point"}, optional
            Place incidents by their recorded code or by their point. By default by code, unless
            ``areas`` are polygons whose ids the records do not carry (under half of the codes).
            With polygons and ``"code"``, incidents without a known code are placed by point.
            Published codes are finer than published boundaries: near an edge a generalised
            boundary puts a point into the neighbour.
        frequency : {"month", "week", "four_week", "year"}
            Weeks need dated records.
        start, end : period, optional
            By default the first and last of the audit.
        partial : {"keep", "missing"}
            What becomes of months that the audit calls partial.
        absent_types : {"refuse", "zero"}
            What it means that none of an outcome's crime types occurs anywhere in a force's files:
            an extract that left them out, or truly none.
        offset_base, cluster : mapping or Series, optional
            Area id → population at risk, borough.

        Returns
        -------
        Panel
            A cell is missing where a force that serves the area did not deliver the period.
        """
        return tally(
            self,
            outcomes=outcomes,
            areas=areas,
            where=where,
            frequency=frequency,
            start=start,
            end=end,
            partial=partial,
            absent_types=absent_types,
            offset_base=offset_base,
            cluster=cluster,
        )

    def __repr__(self) -> str:
        steps = {step.name: step for step in self.ledger.steps}
        files = next(iter(steps.values())).rows_out
        asked, kept = self.ledger.steps[1].rows_in, self.ledger.steps[-1].rows_out
        forces = self.coverage["force"].nunique()
        gaps = len(self.missing_months)
        return (
            f"Incidents from {files:,} file{'s' * (files != 1)}: {kept:,} of {asked:,} rows, "
            f"{forces} force{'s' * (forces != 1)}, {self.coverage['month'].min()} to "
            f"{self.coverage['month'].max()}, "
            + ("monthly" if self.resolution == "month" else "dated")
            + (f"; {gaps} missing (force × month)" if gaps else "")
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.ledger._repr_html_()}"

    def to_frame(self) -> pd.DataFrame:
        """The audit: force × period, rows, expected rows and status; never records."""
        return self.coverage.copy()
