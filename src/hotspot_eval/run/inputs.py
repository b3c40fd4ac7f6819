"""Inputs: what a params file names, read into the nouns the notebooks work with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd

from hotspot_eval.data import (
    Counts,
    InterventionRegister,
    read_areas,
    read_counts,
    read_met_counts,
    read_register,
)
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel, area_ids
from hotspot_eval.run.folders import Folders
from hotspot_eval.run.params import Params

__all__ = ["Inputs"]


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

    def boroughs(self) -> list[str]:
        """The sites of the study: the boroughs asked for, or each one of the register."""
        if self.params.boroughs != "each":
            return list(self.params.boroughs)
        if self.params.register_ is None:
            return [self.params.title]
        return self.register().boroughs

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

    def register(self) -> InterventionRegister:
        """The intervention register, its areas checked against the boundaries."""
        source = self.params.register_
        if source is None:
            raise InputError(
                Problem(
                    where="field 'register'", what="is not given: the treatment is in the params"
                )
            )
        return read_register(
            self.folders.find(source.path, field="register.path"),
            columns=source.columns,
            areas=self.areas(),
        )

    def population(self) -> pd.Series | None:
        """Area id → population or area-days at risk."""
        source = self.params.population
        if source is None:
            return None
        path = self.folders.find(source.path, field="population.path")
        try:
            frame = pd.read_csv(path, dtype={source.id_column: str})
        except pd.errors.EmptyDataError:
            raise InputError(Problem(where=path.name, what="is empty")) from None
        absent = [c for c in (source.id_column, source.value_column) if c not in frame.columns]
        if absent:
            raise InputError(
                Problem(
                    where=path.name,
                    what="columns are missing",
                    examples=absent,
                    advice=f"It has {', '.join(frame.columns)}.",
                )
            )
        ids = area_ids(frame[source.id_column])
        return pd.Series(frame[source.value_column].to_numpy(), index=ids)
