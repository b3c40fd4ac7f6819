"""InterventionRegister: what was delivered where and when, and what was found in the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import get_args

import numpy as np
import pandas as pd

from hotspot_eval.data.partition import Partition
from hotspot_eval.data.register.design import (
    AlreadyTreated,
    Controls,
    DesignRule,
    Exposure,
    Placement,
    place_spells,
)
from hotspot_eval.data.register.places import fold
from hotspot_eval.design import Design, Kind
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike, interval_days

__all__ = ["SPELL_COLUMNS", "InterventionRegister"]

SPELL_COLUMNS = (
    "row",
    "site",
    "borough",
    "cluster",
    "kind",
    "area",
    "start",
    "end",
    "dose",
    "share",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class InterventionRegister:
    r"""A register of place-based operations, read and accounted for.

    Parameters
    ----------
    spells : DataFrame
        One row for each deployment and area: ``row`` (line of the file), ``site``, ``borough`` (as
        stated), ``cluster`` (the borough the area lies in, where the boundaries tell, else as
        stated), ``kind``, ``area`` (missing where the site is drawn and no boundaries were
        given), ``start`` and ``end`` (days, both included; missing end: it goes on), ``dose``
        (hours a day), ``share`` (of the area inside the site, 1 where unknown).
    sites : DataFrame or GeoDataFrame
        One row a site: ``site``, ``borough``, ``kind``, ``areas``, ``spells``, and ``geometry``
        where the file has one.
    outputs : DataFrame
        One row a deployment: ``row``, ``site``, ``start`` and the tallies. Outputs of policing,
        never outcomes.
    findings : DataFrame
        One row a finding: ``row``, ``field``, ``problem``, ``outcome`` (corrected, flagged,
        undecided, left out, unusable), ``read``, ``concluded``, ``why``.
    ledger : Ledger
        Rows in = deployments + rows left out, each with its reason.
    background : DataFrame
        Spells that ``select`` left out. Their areas never serve as controls.

    Raises
    ------
    InputError
        If columns are missing, a spell ends before it starts, or a share lies outside (0, 1].

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from hotspot_eval.data import read_register
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "register.csv"
    ...     _ = path.write_text("Site,Area,Date\nMarket,A,01/05/2022\nSquare,B,14/06/2022\n")
    ...     register = read_register(path)
    >>> register
    InterventionRegister: 2 deployments at 2 sites in 2 areas of 0 boroughs, 2022-05-01 to
    2022-06-14; 0 findings
    >>> counts = pd.DataFrame(
    ...     [(area, f"2022-{month:02d}", 1) for area in "ABCD" for month in range(1, 13)],
    ...     columns=["area", "month", "robbery"],
    ... )
    >>> panel = Panel.from_counts(counts, area="area", period="month", count="robbery")
    >>> register.design(panel, controls="all", exposure="ever_after", pre_periods=3)
    Design: 2 treated against 2 controls, 2 starts from 2022-05-01; 3 periods before, all from the
    start, gap 0; 0 catchment, 0 excluded
    """

    spells: pd.DataFrame
    sites: pd.DataFrame
    outputs: pd.DataFrame
    findings: pd.DataFrame
    ledger: Ledger
    background: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(SPELL_COLUMNS))
    )

    def __post_init__(self) -> None:
        absent = [name for name in SPELL_COLUMNS if name not in self.spells.columns]
        if absent:
            raise InputError(
                Problem(where="register.spells", what="lacks columns", examples=absent)
            )
        problems = []
        late = self.spells["end"] < self.spells["start"]
        if late.any():
            problems.append(
                Problem(
                    where="register.spells",
                    what="end before they start, rows",
                    examples=list(self.spells.loc[late, "row"]),
                )
            )
        share = self.spells["share"]
        if not ((share > 0) & (share <= 1)).all():
            problems.append(Problem(where="register.spells", what="have a share outside (0, 1]"))
        if problems:
            raise InputError(*problems)

    @property
    def boroughs(self) -> tuple[str, ...]:
        """Boroughs in which something was delivered (by the areas, where the boundaries tell)."""
        return tuple(sorted(self.spells["cluster"].dropna().unique()))

    @property
    def deployments(self) -> int:
        """How many deployments: rows of the file, or spells of its features."""
        return len(self.spells.drop_duplicates(["row", "start", "end"]))

    def select(
        self,
        *,
        boroughs: Sequence[str] | None = None,
        kinds: Sequence[Kind] | None = None,
        start: PeriodLike | None = None,
        end: PeriodLike | None = None,
    ) -> InterventionRegister:
        """Spells of some boroughs and kinds that touch the days from ``start`` to ``end``.

        The rest moves to ``background``: an area treated by another operation, or at another
        time, is not an untreated area.

        Raises
        ------
        InputError
            If a borough is not in the register or nothing is left.
        """
        kept = np.ones(len(self.spells), dtype=bool)
        if boroughs is not None:
            kept &= self._in_boroughs(boroughs)
        if kinds is not None:
            for kind in kinds:
                check_choice("kinds", kind, get_args(Kind))
            kept &= self.spells["kind"].isin(kinds).to_numpy()
        if start is not None:
            first = pd.Timestamp(interval_days(start, "month")[0])
            kept &= ~(self.spells["end"] < first).to_numpy()
        if end is not None:
            after = pd.Timestamp(interval_days(end, "month")[1])
            kept &= (self.spells["start"] < after).to_numpy()
        if not kept.any():
            raise InputError(
                Problem(where="register.select", what="leaves no spell", advice=repr(self))
            )
        return self._keep(kept, "selected")

    def _in_boroughs(self, boroughs: Sequence[str]) -> np.ndarray:
        asked = {
            fold(name): name for name in ([boroughs] if isinstance(boroughs, str) else boroughs)
        }
        unknown = [name for key, name in asked.items() if key not in map(fold, self.boroughs)]
        if unknown:
            raise InputError(
                Problem(
                    where="argument 'boroughs'",
                    what="are not in the register",
                    examples=unknown,
                    advice=f"It has {', '.join(self.boroughs)}.",
                )
            )
        return np.array([fold(str(name)) in asked for name in self.spells["cluster"]])

    def _keep(self, kept: np.ndarray, name: str) -> InterventionRegister:
        spells, rest = self.spells[kept], self.spells[~kept]
        parts = [part for part in (self.background, rest) if len(part)]
        ledger = self.ledger.step(
            name,
            unit="spells",
            rows_in=len(kept),
            rows_out=len(spells),
            left_out=[LedgerNote(reason="not selected; kept as background", rows=len(rest))],
        )
        return replace(
            self,
            spells=spells.reset_index(drop=True),
            sites=self.sites[self.sites["site"].isin(spells["site"])].reset_index(drop=True),
            outputs=self.outputs[self.outputs["row"].isin(spells["row"])].reset_index(drop=True),
            background=pd.concat(parts, ignore_index=True) if parts else self.background,
            ledger=ledger,
        )

    def design(
        self,
        panel: Panel,
        partition: Partition | None = None,
        *,
        controls: Controls | Sequence[object] = "same_cluster",
        catchment: Sequence[object] | None = None,
        exposure: Exposure = "days",
        start_from: PeriodLike | None = None,
        already_treated: AlreadyTreated = "exclude",
        pre_periods: int | None = None,
        post_periods: int | None = None,
        gap: int = 0,
    ) -> Design:
        """The design of :meth:`placement`.

        Raises
        ------
        InputError
            If no spell can be used or no area is left as control.
        """
        placed = self.placement(
            panel,
            partition,
            controls=controls,
            catchment=catchment,
            exposure=exposure,
            start_from=start_from,
            already_treated=already_treated,
            pre_periods=pre_periods,
            post_periods=post_periods,
            gap=gap,
        )
        if placed.design is None:
            raise InputError(Problem(where="register.design", what=placed.problem))
        return placed.design

    def placement(
        self,
        panel: Panel,
        partition: Partition | None = None,
        *,
        controls: Controls | Sequence[object] = "same_cluster",
        catchment: Sequence[object] | None = None,
        exposure: Exposure = "days",
        start_from: PeriodLike | None = None,
        already_treated: AlreadyTreated = "exclude",
        pre_periods: int | None = None,
        post_periods: int | None = None,
        gap: int = 0,
    ) -> Placement:
        r"""Lay the register over a panel: a design, and why each spell is or is not in it.

        Parameters
        ----------
        panel : Panel
        partition : Partition, optional
            Gives the areas of each site and the share of them treated, the catchment (its rings)
            and areas to keep out (its donut).
        controls : {"same_cluster", "all"} or sequence of area ids
            Areas of the boroughs in which something was treated, all areas, or these. Never an
            area that the register treats at any time, in the catchment or in the donut.
        catchment : sequence of area ids, optional
            Instead of the partition's rings.
        exposure : {"days", "ever_after"}
            Treatment of a cell is the share of its days on which something was delivered; or
            everything from the area's first spell on: intention to treat.
        start_from : period or date, optional
            With ``ever_after``: one start for all areas, that of the operation.
        already_treated : {"exclude", "keep"}
            Areas treated before the panel's first period have no untreated past: leave them out,
            or keep their later spells.
        pre_periods, post_periods, gap
            Windows, as in :class:`hotspot_eval.design.Design`. Areas whose own windows do not fit
            into the panel are left out and counted.

        Notes
        -----
        With ``days`` the treatment of area :math:`a` in period :math:`t` is the mean over the days
        of :math:`t` of :math:`\min(1, \sum_s m_{asd})`, :math:`m_{asd}` the share of the area
        that site :math:`s` covers if active on day :math:`d`: overlapping spells of one site count
        once, of different sites together at most 1.
        """
        rule = DesignRule(
            controls=controls,
            catchment=catchment,
            exposure=exposure,
            start_from=start_from,
            already_treated=already_treated,
            pre_periods=pre_periods,
            post_periods=post_periods,
            gap=gap,
        )
        return place_spells(self.spells, self.background, panel, partition, rule)

    def by_borough(
        self,
        panel: Panel,
        partition: Partition | None = None,
        *,
        exposure: Exposure = "days",
        start_from: PeriodLike | None = None,
        already_treated: AlreadyTreated = "exclude",
        pre_periods: int | None = None,
        post_periods: int | None = None,
        gap: int = 0,
    ) -> dict[str, Placement]:
        """One placement for each borough with deployments, controls from the same borough.

        A borough that cannot be evaluated is there too, with ``design`` None and its ``problem``.
        Boroughs are those of the panel's areas; spells in areas that are not in the panel stand
        under the borough of the register. Arguments as in :meth:`placement`.
        """
        if panel.cluster is None:
            raise InputError(
                Problem(
                    where="register.by_borough",
                    what="needs the boroughs of the panel's areas",
                    advice="Build the panel with cluster=.",
                )
            )
        home = dict(zip(panel.areas, panel.cluster, strict=True))
        borough = self.spells["area"].map(home).fillna(self.spells["cluster"]).astype(str)
        return {
            name: self._keep((borough == name).to_numpy(), f"borough {name}").placement(
                panel,
                partition,
                exposure=exposure,
                start_from=start_from,
                already_treated=already_treated,
                pre_periods=pre_periods,
                post_periods=post_periods,
                gap=gap,
            )
            for name in sorted(borough.unique())
        }

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``spells``."""
        return self.spells.copy()

    def __repr__(self) -> str:
        starts = self.spells["start"].dropna()
        when = f", {starts.min():%Y-%m-%d} to {starts.max():%Y-%m-%d}" if len(starts) else ""
        areas = self.spells["area"].nunique()
        return (
            f"InterventionRegister: {self.deployments:,} deployments at "
            f"{self.spells['site'].nunique():,} sites in {areas:,} areas of "
            f"{len(self.boroughs)} boroughs{when}; {len(self.findings):,} findings"
        )

    def _repr_html_(self) -> str:
        counted = self.findings.groupby(["problem", "outcome"], sort=True).size().reset_index()
        lines = "".join(
            f"<li>{escape(problem)}, {escape(outcome)}: {count:,}</li>"
            for problem, outcome, count in counted.itertuples(index=False)
        )
        return f"<p>{escape(repr(self))}</p><ul>{lines}</ul>{self.ledger._repr_html_()}"
