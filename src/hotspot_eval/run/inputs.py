"""Inputs: what a params file names, read into the nouns the notebooks work with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data import (
    CALENDAR,
    InterventionRegister,
    read_areas,
    read_counts,
    read_incidents,
    read_met_counts,
    read_police_uk,
    read_register,
)
from hotspot_eval.data.breaks import Source
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import LedgerNote
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.periods import Periods
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.manifest import files_below, fingerprint
from hotspot_eval.run.params import Params

__all__ = ["Inputs", "place_problems"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The files behind a study's params.

    Parameters
    ----------
    params : Params
    folders : Folders
        Where the params may read.
    """

    params: Params
    folders: Folders

    def named(self) -> list[tuple[str, str]]:
        """(field, path) of every file or folder that the params name."""
        p = self.params
        fields = [(f"counts.paths[{i}]", path) for i, path in enumerate(p.counts.paths)]
        fields.append(("areas.path", p.areas.path))
        if p.population is not None:
            fields.append(("population.path", p.population.path))
        if p.register_ is not None:
            fields.append(("register.path", p.register_.path))
        return fields

    def files(self) -> list[Path]:
        """Every input file or folder."""
        return [self.folders.find(path, field=field) for field, path in self.named()]

    def state(self) -> str:
        """Changes when the params or one of their files do, by size and time of change."""
        files = [f for path in self.files() for f in files_below(path)]
        seen = [[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
        return fingerprint({"params": self.params.dump(), "files": seen})

    def boroughs(self) -> list[str]:
        """The sites of the study: the boroughs asked for, or each one of the register."""
        if self.params.boroughs != "each":
            return list(self.params.boroughs)
        if self.params.register_ is None:
            return [self.params.title]
        return list(self.register().boroughs)

    def areas(self) -> gpd.GeoDataFrame:
        """Boundaries, indexed by area id, projected."""
        source = self.params.areas
        return read_areas(
            self.folders.find(source.path, field="areas.path"),
            id_column=source.id_column,
            cluster_column=source.cluster_column,
            name_column=source.name_column,
            layer=source.layer,
            crs=source.crs,
        )

    def register(
        self,
        areas: pd.DataFrame | None = None,
        *,
        problems: Literal["raise", "leave_out"] | None = None,
    ) -> InterventionRegister:
        """The intervention register, its areas checked against the boundaries."""
        return self.register_on(self.areas() if areas is None else areas, problems=problems)

    def register_on(
        self,
        areas: pd.DataFrame | None,
        *,
        problems: Literal["raise", "leave_out"] | None = None,
    ) -> InterventionRegister:
        """The register against these boundaries, or against none."""
        source = self.params.register_
        if source is None:
            raise InputError(
                Problem(where="field 'register'", what="is absent: the params tell the treatment")
            )
        register = read_register(
            self.folders.find(source.path, field="register.path"),
            columns=source.columns,
            outputs=source.outputs,
            kind=source.kind,
            date_order=source.date_order,
            problems=problems or source.problems,
            areas=areas,
        )
        return register if source.kinds is None else register.select(kinds=source.kinds)

    def population(self) -> pd.Series | None:
        """Area id → population or area-days at risk."""
        source = self.params.population
        if source is None:
            return None
        path = self.folders.find(source.path, field="population.path")
        frame = _columns(path, [source.id_column, source.value_column])
        ids = pd.Index(area_ids(frame[source.id_column]))
        text = frame[source.value_column].astype(str).str.replace(",", "")
        people = pd.to_numeric(text, errors="coerce")
        faults = (
            ("areas occur more than once", ids[ids.duplicated()].unique()),
            ("is not a number for areas", ids[people.isna().to_numpy()]),
        )
        problems = [
            Problem(where=path.name, what=what, examples=list(which))
            for what, which in faults
            if len(which)
        ]
        if problems:
            raise InputError(*problems)
        return pd.Series(people.to_numpy(np.float64), index=ids)

    def source(self) -> Source | None:
        """Whose breaks of the calendar concern the counts; None: everybody's."""
        told: dict[str, Source] = {"met_counts": "met", "police_uk": "police_uk"}
        return self.params.counts.source or told.get(self.params.counts.kind)

    def acknowledged_breaks(self) -> dict[str, str]:
        """What the params acknowledge, as far as it is a break of the calendar."""
        names = {entry.name for entry in CALENDAR}
        return {name: why for name, why in self.params.acknowledge.items() if name in names}

    def panel(self) -> Panel:
        """Counts of the study's outcomes in every area that has both counts and a boundary.

        Raises
        ------
        InputError
            Whatever the readers refuse; counts and boundaries of different geographies.
        """
        areas = self.areas()
        return _with_places(self.counted(areas), areas, self.population())

    def counted(self, areas: gpd.GeoDataFrame | None = None) -> Panel:
        """Counts of the study's outcomes as the readers give them, boundaries aside.

        ``areas`` completes the grid where a source leaves out areas without events, and places
        records that carry a point but no area.
        """
        counts, window = self.params.counts, self.params.window
        outcomes = [self.params.outcomes.primary, *self.params.outcomes.secondary]
        files = self.count_files()
        start, end = window.start, window.end
        if counts.kind == "met_counts":
            return read_met_counts(files, offences=outcomes).panel(outcomes, start=start, end=end)
        if counts.kind == "tidy":
            tidy = read_counts(
                files[0], area=counts.area or "area", period=counts.period, outcomes=outcomes
            )
            return tidy.panel(outcomes, absent=counts.absent, start=start, end=end)
        if counts.kind == "police_uk":
            records = read_police_uk(files)
        else:
            records = read_incidents(
                files,
                date=counts.period,
                crime_type=counts.outcome_column,
                area=counts.area,
                longitude=counts.longitude,
                latitude=counts.latitude,
                easting=counts.easting,
                northing=counts.northing,
                date_format=counts.date_format,
                start=start,
                end=end,
            )
        own = counts.kind == "incidents"
        chosen = {name: counts.types.get(name, [name]) for name in outcomes}
        return records.panel(
            outcomes=chosen if own or counts.types else outcomes,
            areas=areas,
            frequency=window.frequency if window.frequency != "step" else "month",
            start=start,
            end=end,
        )

    def coverage(self) -> tuple[Periods, NDArray[np.bool_]] | None:
        """Periods from the first to the last of the counts, and which have counts at all.

        Read from the period column alone where that is possible, so that a fault elsewhere in the
        file does not hide a gap; None if the files do not tell.
        """
        counts = self.params.counts
        if counts.kind in ("met_counts", "police_uk"):
            try:
                panel = self.counted()
            except InputError:
                return None
            return panel.periods, np.asarray(panel.observed.any(axis=(0, 2)))
        try:
            column = self.times()
            periods, place = Periods.from_values(column, frequency=self.params.window.frequency)
        except (InputError, ValueError):
            return None
        covered = np.zeros(len(periods), dtype=bool)
        covered[place] = True
        return periods, covered

    def times(self) -> pd.Series:
        """The column of periods or dates of tidy counts or dated records, and no other.

        Raises
        ------
        InputError, ValueError
            If a file or its dates cannot be read.
        """
        counts = self.params.counts
        column: pd.Series = pd.concat(
            [_columns(file, [counts.period])[counts.period] for file in self.count_files()]
        )
        return pd.to_datetime(column, format="ISO8601") if counts.kind == "incidents" else column

    def starts(self, areas: pd.DataFrame | None = None) -> list[Any]:
        """First treated day of each area, as far as the register (or the params) can be read."""
        told = self.params.treatment
        if told is not None:
            return [told.start]
        try:
            register = self.register_on(None, problems="leave_out")
        except InputError:
            register = self.register(areas, problems="leave_out")
        return sorted(set(register.spells.groupby("area")["start"].min()))

    def count_files(self) -> list[Path]:
        """The files (or folders) with counts."""
        paths = self.params.counts.paths
        if self.params.counts.kind == "tidy" and len(paths) > 1:
            raise InputError(
                Problem(
                    where="field 'counts.paths'",
                    what="names several files where a tidy table is one",
                    examples=paths,
                    advice="Join them beforehand.",
                )
            )
        return [self.folders.find(path, field=f"counts.paths[{i}]") for i, path in enumerate(paths)]


def _columns(file: Path, columns: list[str]) -> pd.DataFrame:
    """Some columns of a CSV or Parquet file, ids as text."""
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file, columns=columns)
        return pd.read_csv(file, usecols=columns, dtype=str, encoding="utf-8-sig")
    except (ValueError, OSError, KeyError) as error:
        raise InputError(
            Problem(where=file.name, what=f"cannot be read: {' '.join(str(error).split())[:200]}")
        ) from error


def place_problems(panel: Panel, areas: pd.DataFrame) -> list[Problem]:
    """Counts and boundaries of different geographies, or counts that fall in no area."""
    drawn = set(areas.index)
    undrawn = [area for area in panel.areas if area not in drawn]
    uncounted = sorted(drawn - set(panel.areas))
    if undrawn and uncounted:
        return [
            Problem(
                where="counts",
                what="areas are not in the boundaries",
                examples=undrawn,
                advice=f"The boundaries have {len(uncounted)} areas without counts "
                f"({', '.join(uncounted[:3])}, …): use boundaries of the same year as the counts.",
            )
        ]
    if not panel.counts.any():
        return [
            Problem(
                where="counts",
                what="not one event falls in an area of the study",
                advice="Look for area ids spelt differently from the boundaries (capitals count), "
                "ids of another kind or year, or coordinates whose columns are swapped.",
            )
        ]
    return []


def _with_places(panel: Panel, areas: gpd.GeoDataFrame, population: pd.Series | None) -> Panel:
    """The panel of the areas that are drawn, with their boroughs and populations."""
    problems = place_problems(panel, areas)
    if problems:
        raise InputError(*problems)
    drawn = set(areas.index)
    undrawn = [area for area in panel.areas if area not in drawn]
    uncounted = sorted(drawn - set(panel.areas))
    kept = panel.select(areas=[area for area in panel.areas if area in drawn])
    rows = areas.loc[list(kept.areas)]
    offset = None
    if population is not None:
        base = population.reindex(kept.areas)
        unknown = [area for area, value in base.items() if not value > 0]
        if unknown:
            raise InputError(
                Problem(where="population", what="is not above 0 for areas", examples=unknown)
            )
        offset = np.repeat(base.to_numpy(np.float64)[:, None], len(kept.periods), axis=1)
    ledger = kept.ledger.step(
        "areas with boundaries",
        unit="areas",
        rows_in=len(panel.areas),
        rows_out=len(kept.areas),
        left_out=[
            LedgerNote(reason="not in the boundaries", rows=len(undrawn), examples=tuple(undrawn))
        ],
        remarks=[
            LedgerNote(
                reason="drawn but without counts", rows=len(uncounted), examples=tuple(uncounted)
            )
        ],
    )
    cluster = tuple(map(str, rows["cluster"])) if "cluster" in rows else None
    return replace(kept, cluster=cluster, offset_base=offset, ledger=ledger)
