"""Which areas a study has, and which of them each record lies in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot_eval.data.geography import (
    LsoaComponents,
    areas_of_points,
    is_new_in_2021,
    polygon_ids,
)
from hotspot_eval.data.tally.recorded import Recorded
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import area_ids

__all__ = ["Units", "Where", "count_cells", "settle_where", "study_units"]

Where = Literal["code", "point"]

# Polygons are taken for the records' own areas when they know this share of the codes.
_KNOWN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Ids of the areas, sorted, and which of them each code belongs to."""

    ids: tuple[str, ...]
    codes: pd.DataFrame
    shapes: gpd.GeoDataFrame | None = None


def study_units(incidents: Recorded, areas: Any) -> Units:
    """The areas asked for, or those that occur."""
    if isinstance(areas, LsoaComponents):
        table = pd.DataFrame({"code": list(areas.unit_of), "id": list(areas.unit_of.values())})
        return _of_table(table, areas.units)
    if isinstance(areas, gpd.GeoDataFrame):
        ids = polygon_ids(areas)
        order = np.argsort(np.array(ids, dtype=object))
        names = tuple(ids[k] for k in order)
        table = pd.DataFrame({"code": list(names), "id": list(names)})
        whole = _of_table(table, names)
        return Units(ids=whole.ids, codes=whole.codes, shapes=areas.iloc[order])
    recorded = incidents.engine.ask(
        f"SELECT DISTINCT code FROM {incidents.cells} WHERE code IS NOT NULL"
    )["code"]
    _refuse_code_switch(incidents, recorded)
    if areas is None:
        codes = recorded.tolist()
        where, what = "records", "none has an area code"
    else:
        codes = area_ids([areas] if isinstance(areas, str) else areas)
        where, what = "argument 'areas'", "names no area"
    if not codes:
        raise InputError(Problem(where=where, what=what, advice="Pass areas= as polygons."))
    names = tuple(sorted({code.strip() for code in codes}))
    return _of_table(pd.DataFrame({"code": codes, "id": [c.strip() for c in codes]}), names)


def _of_table(table: pd.DataFrame, ids: tuple[str, ...]) -> Units:
    place = {label: k for k, label in enumerate(ids)}
    codes = pd.DataFrame({"code": table["code"], "u": table["id"].map(place).astype("int64")})
    return Units(ids=ids, codes=codes.drop_duplicates())


def _refuse_code_switch(incidents: Recorded, codes: pd.Series) -> None:
    """LSOA codes that begin with the 2021 census in some months only would fake falls and rises."""
    new = codes[codes.map(is_new_in_2021)]
    if new.empty:
        return
    months = incidents.engine.ask(
        f"""SELECT month, bool_or(code IN (SELECT code FROM new)) AS has
        FROM {incidents.cells} GROUP BY month ORDER BY month""",
        new=pd.DataFrame({"code": new}),
    )
    if not months["has"].all():
        raise InputError(
            Problem(
                where="argument 'areas'",
                what="the records change from LSOA 2011 to LSOA 2021 codes; months with new codes",
                examples=months.loc[months["has"], "month"].tolist(),
                advice="Pass areas=lsoa_components(overlap), which joins the two vintages.",
            )
        )


def settle_where(incidents: Recorded, units: Units, where: Where | None) -> Where:
    """By code for polygons whose ids the records carry, by point for others."""
    if where is not None:
        check_choice("where", where, get_args(Where))
        if where == "point" and units.shapes is None:
            raise InputError(
                Problem(
                    where="argument 'where'",
                    what="'point' needs polygons",
                    advice="Pass areas= as a GeoDataFrame.",
                )
            )
        return where
    if units.shapes is None:
        return "code"
    known = incidents.engine.ask(
        f"""SELECT coalesce(avg((code IN (SELECT code FROM codes))::INT), 0) AS share
        FROM (SELECT DISTINCT code FROM {incidents.cells} WHERE code IS NOT NULL)""",
        codes=units.codes,
    )
    return "code" if known["share"].iloc[0] >= _KNOWN else "point"


def count_cells(incidents: Recorded, units: Units, where: Where, days: pd.DataFrame) -> None:
    """Make the table ``tallied``: records by force, type, period and unit (NULL where outside)."""
    engine = incidents.engine
    joins, place, nowhere = "LEFT JOIN codes USING (code)", "codes.u", "code IS NULL"
    flags = "flags" if incidents.flags else "0"
    cells, extra = incidents.cells, {"codes": units.codes, "days": days}
    if units.shapes is not None:
        incidents.place_points()
        cells = "all_points"
        extra["spots"] = _spots(incidents, units.shapes)
        spots = "LEFT JOIN spots USING (longitude, latitude)"
        if where == "point":
            joins, place, nowhere = spots, "spots.u", "longitude IS NULL"
        else:
            joins, place = f"{joins} {spots}", "coalesce(codes.u, spots.u)"
            nowhere = "code IS NULL AND longitude IS NULL"
    only = "true"
    if incidents.crime_types is not None:
        extra["types"] = pd.DataFrame({"crime_type": list(incidents.crime_types)})
        only = "crime_type IN (SELECT crime_type FROM types)"
    engine.run(
        f"""CREATE OR REPLACE TABLE tallied AS
        SELECT force, crime_type, {flags} AS flags, p, {place} AS u, {nowhere} AS nowhere, n
        FROM {cells} JOIN days USING (month) {joins} WHERE {only}""",
        **extra,
    )


def _spots(incidents: Recorded, shapes: gpd.GeoDataFrame) -> pd.DataFrame:
    spots = incidents.engine.ask(
        "SELECT DISTINCT longitude, latitude FROM all_points WHERE longitude IS NOT NULL "
        "ORDER BY ALL"
    )
    spots["u"] = areas_of_points(
        spots["longitude"].to_numpy(), spots["latitude"].to_numpy(), shapes
    )
    return spots[spots["u"] >= 0]
