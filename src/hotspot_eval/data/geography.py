"""Where incidents are counted: LSOA of either vintage, polygons, street segments, grids."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import area_ids

__all__ = [
    "LsoaComponents",
    "areas_of_points",
    "grid_areas",
    "is_new_in_2021",
    "lsoa_components",
    "polygon_ids",
]

Cell = Literal["square", "hexagon"]
_LSOA = re.compile(r"([EW])01(\d{6})")
# The 2011 codes end at these numbers; those of 2021 that were new go on from there.
_LAST_2011 = {"E": 33768, "W": 1958}
_MOST_CELLS = 2_000_000


def is_new_in_2021(code: object) -> bool:
    """Whether an LSOA code was first given out with the 2021 census.

    Examples
    --------
    >>> is_new_in_2021("E01033926"), is_new_in_2021("E01000001")
    (True, False)
    """
    match = _LSOA.fullmatch(str(code))
    return match is not None and int(match[2]) > _LAST_2011[match[1]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LsoaComponents:
    """The finest areas that are whole in both LSOA vintages.

    Parameters
    ----------
    unit_of : mapping of str to str
        LSOA code of either vintage → unit. A unit that stands for one unchanged LSOA bears its
        code; one that joins several bears the smallest of their 2011 codes and a plus sign.
    codes_2011, codes_2021 : frozenset of str
        The codes of each vintage.

    Notes
    -----
    Units are the connected components of the graph with an edge between each LSOA 2011 and each
    LSOA 2021 that overlap. Every LSOA of either vintage lies in exactly one, so counts stay
    integer and need no weights.
    """

    unit_of: Mapping[str, str]
    codes_2011: frozenset[str]
    codes_2021: frozenset[str]

    @property
    def units(self) -> tuple[str, ...]:
        """Ids of the units, sorted."""
        return tuple(sorted(set(self.unit_of.values())))

    def vintage(self, codes: Iterable[object]) -> list[str]:
        """``"2011"``, ``"2021"``, ``"both"`` or ``"unknown"`` for each code."""
        return [
            {(True, True): "both", (True, False): "2011", (False, True): "2021"}.get(
                (code in self.codes_2011, code in self.codes_2021), "unknown"
            )
            for code in area_ids(codes)
        ]

    def select(self, codes: Iterable[object]) -> LsoaComponents:
        """Only the units that hold one of these codes, each unit whole.

        Raises
        ------
        InputError
            If a code is in neither vintage.
        """
        asked = area_ids([codes] if isinstance(codes, str) else codes)
        unknown = [code for code in asked if code not in self.unit_of]
        if unknown or not asked:
            raise InputError(
                Problem(
                    where="LSOA codes",
                    what="are not in the overlap table" if unknown else "are none",
                    examples=unknown,
                    advice="Give codes of 2011 or 2021, and the table of their region.",
                )
            )
        units = {self.unit_of[code] for code in asked}
        kept = {code: unit for code, unit in self.unit_of.items() if unit in units}
        return LsoaComponents(
            unit_of=kept,
            codes_2011=self.codes_2011 & kept.keys(),
            codes_2021=self.codes_2021 & kept.keys(),
        )

    def add_up(
        self, values: Mapping[str, float] | pd.Series, *, vintage: Literal[2011, 2021]
    ) -> pd.Series:
        """Populations (or other totals) by LSOA of one vintage, as totals by unit.

        Raises
        ------
        InputError
            If an LSOA of that vintage has no value.
        """
        check_choice("vintage", vintage, (2011, 2021))
        codes = sorted(self.codes_2011 if vintage == 2011 else self.codes_2021)
        series = pd.Series(values)
        series.index = pd.Index(area_ids(series.index))
        absent = [code for code in codes if code not in series.index or pd.isna(series[code])]
        if absent:
            raise InputError(
                Problem(where="values", what=f"LSOA {vintage} have no value", examples=absent)
            )
        return series[codes].groupby([self.unit_of[code] for code in codes]).sum()

    def to_frame(self) -> pd.DataFrame:
        """One row a code: code, vintage, unit."""
        codes = sorted(self.unit_of)
        return pd.DataFrame(
            {
                "code": codes,
                "vintage": self.vintage(codes),
                "unit": [self.unit_of[code] for code in codes],
            }
        )

    def __repr__(self) -> str:
        return (
            f"LsoaComponents: {len(self.codes_2011):,} LSOA 2011 and {len(self.codes_2021):,} "
            f"LSOA 2021 in {len(self.units):,} units"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>"


def lsoa_components(
    overlap: pd.DataFrame, *, code_2011: str = "LSOA11CD", code_2021: str = "LSOA21CD"
) -> LsoaComponents:
    """Join LSOA 2011 and 2021 through the connected components of their overlap.

    Parameters
    ----------
    overlap : DataFrame
        One row for each pair that overlaps, such as the ONS "LSOA (2011) to LSOA (2021)" lookup;
        leave slivers of digitising out of it, or they will chain neighbours together.
    code_2011, code_2021 : str
        Its columns.

    Raises
    ------
    InputError
        If a column or a code is missing.

    Examples
    --------
    >>> pairs = pd.DataFrame({"LSOA11CD": ["E01000001", "E01000002", "E01000003", "E01000003"],
    ...                       "LSOA21CD": ["E01000001", "E01033770", "E01033771", "E01033772"]})
    >>> dict(lsoa_components(pairs).unit_of)["E01033772"]
    'E01000003+'
    """
    absent = [column for column in (code_2011, code_2021) if column not in overlap.columns]
    if absent:
        raise InputError(
            Problem(
                where="overlap table",
                what="columns are missing",
                examples=absent,
                advice=f"It has {', '.join(map(str, overlap.columns))}; name them with code_2011= "
                "and code_2021=.",
            )
        )
    pairs = overlap[[code_2011, code_2021]]
    blank = np.flatnonzero(pairs.isna().any(axis=1))
    if len(blank) or pairs.empty:
        raise InputError(
            Problem(where="overlap table", what="codes are blank in rows", examples=list(blank))
        )
    old, new = area_ids(pairs[code_2011]), area_ids(pairs[code_2021])
    parent: dict[str, str] = {}
    for a, b in zip(old, new, strict=True):
        parent[_root(parent, a)] = _root(parent, b)
    members: dict[str, list[str]] = {}
    for code in parent:
        members.setdefault(_root(parent, code), []).append(code)
    before = frozenset(old)
    unit_of = {}
    for codes in members.values():
        name = min(code for code in codes if code in before)
        unit_of.update(dict.fromkeys(codes, name if len(codes) == 1 else f"{name}+"))
    return LsoaComponents(
        unit_of=dict(sorted(unit_of.items())), codes_2011=before, codes_2021=frozenset(new)
    )


def _root(parent: dict[str, str], code: str) -> str:
    parent.setdefault(code, code)
    while parent[code] != code:
        parent[code] = parent[parent[code]]
        code = parent[code]
    return code


def polygon_ids(areas: gpd.GeoDataFrame) -> list[str]:
    """Ids of a frame of areas: its index if that is text, else its first column of text.

    Raises
    ------
    InputError
        If there is no projection or id, or ids repeat.
    """
    if areas.crs is None or not areas.crs.is_projected:
        raise InputError(
            Problem(
                where="areas",
                what="have no projection in metres",
                advice="Read them with read_areas, or areas.to_crs(27700).",
            )
        )
    table = areas.drop(columns=areas.geometry.name)
    if areas.index.inferred_type == "string":
        ids = area_ids(areas.index)
    else:
        text = [c for c in table if pd.api.types.infer_dtype(table[c]) == "string"]
        if not text:
            raise InputError(Problem(where="areas", what="have no text column or index with ids"))
        ids = area_ids(table[text[0]])
    twice = (
        sorted({label for label in ids if ids.count(label) > 1}) if len(set(ids)) < len(ids) else []
    )
    if twice:
        raise InputError(Problem(where="areas", what="ids occur more than once", examples=twice))
    return ids


def areas_of_points(
    longitude: NDArray[np.float64],
    latitude: NDArray[np.float64],
    areas: gpd.GeoDataFrame,
    *,
    reach_m: float = 50.0,
) -> NDArray[np.intp]:
    """Position of the area that holds each point, −1 outside all.

    Parameters
    ----------
    longitude, latitude : ndarray, shape (n,)
        WGS 84 degrees.
    areas : GeoDataFrame
        Projected. Polygons: a point on a shared edge goes to the first. Lines (street segments):
        a point goes to the nearest, the first of several as near.
    reach_m : float
        A point further than this from every line is outside; no effect on polygons.

    Returns
    -------
    ndarray of int, shape (n,)

    Raises
    ------
    InputError
        If the areas are neither all polygons nor all lines.
    """
    points = gpd.GeoSeries(gpd.points_from_xy(longitude, latitude), crs=4326).to_crs(areas.crs)
    shapes = shapely.make_valid(areas.geometry.to_numpy())
    dimensions = set(shapely.get_dimensions(areas.geometry.to_numpy()).tolist())
    tree = shapely.STRtree(shapes)
    if dimensions == {1}:
        which, where = tree.query_nearest(points.to_numpy(), max_distance=reach_m)
    elif dimensions == {2}:
        which, where = tree.query(points.to_numpy(), predicate="intersects")
    else:
        raise InputError(
            Problem(
                where="areas",
                what="are neither all polygons nor all lines",
                advice="Give areas, or street segments, without points and empty shapes.",
            )
        )
    out = np.full(len(points), len(areas), dtype=np.intp)
    np.minimum.at(out, which, where)
    out[out == len(areas)] = -1
    return out


def grid_areas(
    extent: gpd.GeoDataFrame, *, cell_m: float, shape: Cell = "square"
) -> gpd.GeoDataFrame:
    """Regular squares or hexagons that cover an extent.

    Parameters
    ----------
    extent : GeoDataFrame
        Projected; cells that touch it are kept whole.
    cell_m : float
        Side of a square, or distance between opposite sides of a hexagon, in metres. Published
        police points stand for eight addresses or more: under about 150 m the grid shows the
        publisher's points, not places.
    shape : {"square", "hexagon"}

    Returns
    -------
    GeoDataFrame
        Index ``area`` (column and row of the cell on a lattice that starts at the projection's
        origin, so that grids of different extents agree), geometry.

    Raises
    ------
    InputError
        If the extent has no projection, ``cell_m`` is not above 0, or there would be too many.
    """
    check_choice("shape", shape, ("square", "hexagon"))
    if extent.crs is None or not extent.crs.is_projected:
        raise InputError(
            Problem(
                where="extent",
                what="has no projection in metres",
                advice="Read it with read_areas, or extent.to_crs(27700).",
            )
        )
    if not (math.isfinite(cell_m) and cell_m > 0):
        raise InputError(Problem(where="cell_m", what=f"must be above 0, not {cell_m}"))
    across = cell_m
    up = cell_m if shape == "square" else cell_m * math.sqrt(3) / 2
    west, south, east, north = extent.total_bounds
    columns = np.arange(math.floor(west / across) - 1, math.ceil(east / across) + 2)
    rows = np.arange(math.floor(south / up) - 1, math.ceil(north / up) + 2)
    if len(columns) * len(rows) > _MOST_CELLS:
        raise InputError(
            Problem(
                where="cell_m",
                what=f"would make {len(columns) * len(rows):,} cells",
                advice="Use larger cells or a smaller extent.",
            )
        )
    column, row = (axis.ravel() for axis in np.meshgrid(columns, rows))
    cells = _squares(column, row, across) if shape == "square" else _hexagons(column, row, across)
    study = shapely.union_all(shapely.make_valid(extent.geometry.to_numpy()))
    shapely.prepare(study)
    touched = shapely.intersects(cells, study)
    names = [f"{c}_{r}" for c, r in zip(column[touched], row[touched], strict=True)]
    index = pd.Index(names, name="area", dtype="str")
    return gpd.GeoDataFrame(geometry=cells[touched], index=index, crs=extent.crs).sort_index()


def _squares(column: NDArray[np.int_], row: NDArray[np.int_], side: float) -> NDArray[np.object_]:
    x, y = column * side, row * side
    cells: NDArray[np.object_] = shapely.box(x, y, x + side, y + side)
    return cells


def _hexagons(column: NDArray[np.int_], row: NDArray[np.int_], width: float) -> NDArray[np.object_]:
    """Hexagons with a corner on top, every other row shifted by half a width."""
    x = (column + 0.5 * (row % 2)) * width
    y = row * width * math.sqrt(3) / 2
    angle = np.pi / 6 + np.arange(7) * np.pi / 3
    radius = width / math.sqrt(3)
    corners = np.stack(
        [x[:, None] + radius * np.cos(angle), y[:, None] + radius * np.sin(angle)], axis=2
    )
    cells: NDArray[np.object_] = shapely.polygons(corners)
    return cells
