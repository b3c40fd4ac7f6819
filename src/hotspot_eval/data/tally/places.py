"""Which areas a study has, and which of them each record lies in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.data.cells import Cells
from hotspot_eval.data.geography import (
    LsoaComponents,
    areas_of_points,
    is_new_in_2021,
    polygon_ids,
)
from hotspot_eval.data.tally.recorded import Recorded
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import area_ids

__all__ = ["Placed", "Units", "Where", "place_cells", "settle_where", "study_units"]

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
    used = incidents.cells.by_label() > 0
    recorded = pd.Series(incidents.cells.labels["code"][used].dropna().unique(), dtype=object)
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
    cells = incidents.cells
    is_new = cells.labels["code"].isin(new).to_numpy()
    has = np.zeros(len(cells.deliveries), dtype=bool)
    told = np.zeros(len(cells.deliveries), dtype=bool)
    for delivery, label, _ in cells.chunks():
        told[delivery] = True
        has[delivery[is_new[label]]] = True
    months = pd.Series(has[told]).groupby(cells.deliveries["month"].to_numpy()[told]).any()
    if not months.all():
        raise InputError(
            Problem(
                where="argument 'areas'",
                what="the records change from LSOA 2011 to LSOA 2021 codes; months with new codes",
                examples=months.index[months].tolist(),
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
    used = incidents.cells.by_label() > 0
    codes = pd.Series(incidents.cells.labels["code"][used].dropna().unique(), dtype=object)
    return (
        "code" if len(codes) == 0 or codes.isin(units.codes["code"]).mean() >= _KNOWN else "point"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Cells and, for each of their labels, the unit (-1 outside) and whether it has no place."""

    cells: Cells
    unit: NDArray[np.intp]
    nowhere: NDArray[np.bool_]


def place_cells(incidents: Recorded, units: Units, where: Where) -> Placed:
    """Which unit each label lies in."""
    cells = incidents.cells if units.shapes is None else incidents.points()
    code = cells.labels["code"]
    unit = _of_code(code, units.codes)
    nowhere = code.isna().to_numpy()
    if units.shapes is not None:
        spot = _of_point(cells.labels, units.shapes)
        off = cells.labels["longitude"].isna().to_numpy()
        if where == "point":
            unit, nowhere = spot, off
        else:
            unit, nowhere = np.where(unit >= 0, unit, spot), nowhere & off
    return Placed(cells=cells, unit=unit, nowhere=nowhere)


def _of_code(code: pd.Series, codes: pd.DataFrame) -> NDArray[np.intp]:
    known = pd.Series(codes["u"].to_numpy(), index=codes["code"].to_numpy(dtype=object))
    found: NDArray[np.intp] = code.map(known).fillna(-1).to_numpy(dtype=np.intp)
    return found


def _of_point(labels: pd.DataFrame, shapes: gpd.GeoDataFrame) -> NDArray[np.intp]:
    unit = np.full(len(labels), -1, dtype=np.intp)
    known = labels["longitude"].notna().to_numpy()
    points = labels.loc[known, ["longitude", "latitude"]].to_numpy(dtype=np.float64)
    spots, which = np.unique(points, axis=0, return_inverse=True)
    if len(spots):
        unit[known] = areas_of_points(spots[:, 0], spots[:, 1], shapes)[which]
    return unit
