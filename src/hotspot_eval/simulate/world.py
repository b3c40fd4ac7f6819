"""World: what an analyst would be given, beside the truth that no analyst has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import Literal, get_args

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot_eval.design import Design, Spell
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Frequency, Periods
from hotspot_eval.simulate import files, police
from hotspot_eval.simulate.config import Crime, Geography, Operation, Recording
from hotspot_eval.simulate.events import Events, count_events
from hotspot_eval.simulate.truth import Truth

__all__ = ["Truth", "World"]

Located = Literal["published", "true"]
Which = Literal["counterfactual", "observed"]
Grain = Literal["week", "four_week", "month"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class World:
    """A simulated world.

    Parameters
    ----------
    incidents : DataFrame
        Published records in time order: ``incident``, ``datetime``, ``outcome``, ``area`` (holds
        the published point; blank without one), ``area_true``, ``easting``, ``northing``,
        ``longitude``, ``latitude``, ``domestic``.
    areas : GeoDataFrame
        Index ``area``, sorted; ``area_name``, ``cluster``, ``population``, ``geometry``
        (EPSG:27700).
    register : DataFrame
        One row a site and spell: ``site``, ``borough``, ``kind``, ``start``, ``end`` (last day),
        ``areas`` (ids joined by ``;``), ``dosage_hours``, ``arrests``, ``weapons_found``.
    truth : Truth
    geography, crime, operation, recording
        What it was made of.
    untreated, observed : Events
        Every incident without and with the operation.

    Examples
    --------
    >>> import numpy as np
    >>> from hotspot_eval.simulate import simulate
    >>> world = simulate(rng=np.random.default_rng(1), weeks=60)
    >>> world.panel(frequency="month", outcomes=["violence"])
    Panel of 75 areas × 13 periods (2020-02 to 2021-02, month), 3 clusters; outcomes: violence
    """

    incidents: pd.DataFrame
    areas: gpd.GeoDataFrame
    register: pd.DataFrame
    truth: Truth
    geography: Geography
    crime: Crime
    operation: Operation | None
    recording: Recording
    untreated: Events
    observed: Events

    def panel(
        self,
        *,
        frequency: Grain = "week",
        outcomes: Sequence[str] | None = None,
        located: Located = "published",
    ) -> Panel:
        """The panel an analyst would make of the published incidents.

        Parameters
        ----------
        frequency : {"week", "four_week", "month"}
            Whole periods only; a period that touches a missing month is missing.
        outcomes : sequence of str, optional
            All by default.
        located : {"published", "true"}
            By the published point, or by the area where it happened.

        Raises
        ------
        InputError
            Unknown outcomes or options; a world shorter than one whole period.
        """
        check_choice("located", located, get_args(Located))
        names = self._outcomes(outcomes)
        periods = self._periods(frequency)
        rows = self.incidents[self.incidents["outcome"].isin(names)]
        panel = Panel.from_incidents(
            rows if len(rows) else self.incidents,
            area="area" if located == "published" else "area_true",
            date="datetime",
            outcome="outcome",
            frequency=frequency,
            areas=self.areas.index,
            start=periods.starts[0],
            end=periods.ends[-1] - np.timedelta64(1, "D"),
            missing=_touched(periods, self.truth.missing_months),
            cluster=self.areas["cluster"],
        )
        return _complete(panel, names)

    def truth_panel(
        self,
        *,
        which: Which = "counterfactual",
        frequency: Grain = "week",
        outcomes: Sequence[str] | None = None,
    ) -> Panel:
        """The complete panel of what would have happened, or of what did; nothing is missing."""
        check_choice("which", which, get_args(Which))
        names = self._outcomes(outcomes)
        periods = self._periods(frequency)
        events = self.untreated if which == "counterfactual" else self.observed
        shape = (len(self.areas), len(self.truth.outcomes))
        counts = count_events(events, periods, self.truth.periods.starts[0], shape)
        chosen = counts[:, :, [self.truth.outcomes.index(name) for name in names]]
        return Panel(
            areas=self.truth.areas,
            periods=periods,
            outcomes=names,
            counts=chosen,
            observed=np.ones(chosen.shape, dtype=bool),
            cluster=tuple(self.areas["cluster"]),
        )

    def design(
        self,
        *,
        boroughs: Sequence[str] | None = None,
        pre_periods: int | None = None,
        post_periods: int | None = None,
        gap: int = 0,
    ) -> Design:
        """The true design: registered spells, catchments, every other area a control.

        Parameters
        ----------
        boroughs : sequence of str, optional
            Only sites of these boroughs; areas of the others are excluded.
        pre_periods, post_periods, gap
            As in :class:`~hotspot_eval.design.Design`.
        """
        known = sorted(set(self.areas["cluster"]))
        strange = [name for name in boroughs or () if name not in known]
        if strange:
            raise InputError(
                Problem(
                    where="argument 'boroughs'",
                    what="are not in the world",
                    examples=strange,
                    advice=f"It has {', '.join(known)}.",
                )
            )
        wanted = known if boroughs is None else list(boroughs)
        rows = self.register[self.register["borough"].isin(wanted)]
        sites = self.truth.sites
        near = sites.loc[sites["borough"].isin(wanted), "catchment"].unique()
        return Design(
            spells=[
                Spell(
                    area=area,
                    start=row["start"],
                    end=row["end"],
                    site=row["site"],
                    kind=row["kind"],
                )
                for row in rows.to_dict("records")
                for area in row["areas"].split(";")
            ],
            catchment=[area for listed in near for area in listed.split(";")],
            excluded=list(self.areas.index[~self.areas["cluster"].isin(wanted)]),
            pre_periods=pre_periods,
            post_periods=post_periods,
            gap=gap,
        )

    def write(self, folder: str | Path, *, frequency: Grain = "month") -> Path:
        """Write areas.gpkg, incidents.csv, counts.csv, register.csv and truth.json.

        ``counts.csv`` holds the published counts of whole periods of ``frequency``, zeros
        included, missing periods left out: borough, area, period (``month`` or the first day of
        the ``week``), one column an outcome. True areas stay out of ``incidents.csv``. The same
        world gives the same bytes.
        """
        check_choice("frequency", frequency, get_args(Grain))
        target = Path(folder)
        files.write_areas(self.areas, target / "areas.gpkg")
        files.write_incidents(self.incidents, target / "incidents.csv")
        files.write_counts(self.panel(frequency=frequency), target / "counts.csv")
        files.write_table(self.register, target / "register.csv")
        files.write_record(self._record(), target / "truth.json")
        return target

    def police_uk_frame(self) -> pd.DataFrame:
        """Street-level rows with the columns of data.police.uk: whole months, no dates.

        Anti-social behaviour has no Crime ID; rows without a place have no LSOA; area ids stand
        for LSOA codes. Outcomes without a crime type of that name become ``Other crime``.

        Examples
        --------
        >>> import numpy as np
        >>> from hotspot_eval.simulate import simulate
        >>> frame = simulate(rng=np.random.default_rng(1), weeks=20).police_uk_frame()
        >>> frame.shape[1], sorted(frame["Crime type"].unique())[0]
        (12, 'Anti-social behaviour')
        """
        months = self._periods("month").labels
        return police.street_rows(self.incidents, self.areas["area_name"], months)

    def write_police_uk(self, folder: str | Path) -> Path:
        """Write one ``YYYY-MM-simulated-street.csv`` a whole month, as data.police.uk does."""
        return police.write_street_files(self.police_uk_frame(), Path(folder))

    def to_frame(self) -> pd.DataFrame:
        """The published incidents."""
        return self.incidents.copy()

    def __repr__(self) -> str:
        start, end = self.truth.periods.starts[0], self.truth.periods.ends[-1]
        return (
            f"World of {len(self.areas):,} areas in {self.areas['cluster'].nunique()} boroughs, "
            f"{start} to {end - np.timedelta64(1, 'D')}: {len(self.incidents):,} published "
            f"incidents, {len(self.register)} rows in the register"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p><p>{escape(repr(self.truth))}</p>"

    def _record(self) -> dict[str, object]:
        """What truth.json holds: what the world was made of, totals, and the table of sites."""
        truth = self.truth
        parts = ("geography", "crime", "operation", "recording")
        made_of = {name: getattr(self, name) for name in parts}
        return {
            "start": str(truth.periods.starts[0]),
            "weeks": len(truth.periods),
            "outcomes": truth.outcomes,
            "missing_months": truth.missing_months,
            **{name: None if part is None else asdict(part) for name, part in made_of.items()},
            "totals": {
                name: int(getattr(truth, name).sum())
                for name in ("counterfactual", "observed", "prevented", "displaced")
            },
            "sites": truth.sites.astype(object).where(truth.sites.notna(), None).to_dict("records"),
        }

    def _outcomes(self, outcomes: Sequence[str] | None) -> tuple[str, ...]:
        names = self.truth.outcomes if outcomes is None else tuple(outcomes)
        strange = [name for name in names if name not in self.truth.outcomes]
        if strange or not names:
            raise InputError(
                Problem(
                    where="argument 'outcomes'",
                    what="are not in the world",
                    examples=strange,
                    advice=f"It has {', '.join(self.truth.outcomes)}.",
                )
            )
        return names

    def _periods(self, frequency: Frequency) -> Periods:
        check_choice("frequency", frequency, get_args(Grain))
        weeks = self.truth.periods
        first, after = weeks.starts[0], weeks.ends[-1]
        if frequency == "month":
            months = np.arange(
                (first - 1).astype("datetime64[M]") + 1, after.astype("datetime64[M]") + 1
            ).astype("datetime64[D]")
            edges = months
        else:
            edges = np.arange(first, after + 1, 7 if frequency == "week" else 28)
        if len(edges) < 2:
            raise InputError(
                Problem(where="argument 'frequency'", what=f"the world holds no whole {frequency}")
            )
        return Periods(starts=edges[:-1], ends=edges[1:], frequency=frequency)


def _touched(periods: Periods, months: Sequence[str]) -> list[str]:
    gone = np.zeros(len(periods), dtype=bool)
    for month in months:
        first = np.datetime64(month, "M")
        gone |= (periods.starts < (first + 1).astype("datetime64[D]")) & (
            periods.ends > first.astype("datetime64[D]")
        )
    return [label for label, out in zip(periods.labels, gone, strict=True) if out]


def _complete(panel: Panel, names: tuple[str, ...]) -> Panel:
    """The outcomes in the order asked for, those without a single incident as zeros."""
    n, t, _ = panel.shape
    counts = np.zeros((n, t, len(names)), dtype=np.int64)
    for k, name in enumerate(names):
        if name in panel.outcomes:
            counts[:, :, k] = panel.counts[:, :, panel.outcomes.index(name)]
    observed = np.repeat(panel.observed[:, :, :1], len(names), axis=2)
    return replace(panel, outcomes=names, counts=counts, observed=observed)
