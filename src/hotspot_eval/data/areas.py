"""Boundaries in, one valid polygon an area out, on a metric grid."""

from __future__ import annotations

import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from hotspot_eval.data.paths import PathLike, local_file, unpack
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import area_ids

__all__ = ["read_areas"]

_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".zip")
_PARTS = (".gpkg", ".geojson", ".json", ".shp", ".shx", ".dbf", ".prj", ".cpg")
_MAGIC = {".gpkg": b"SQLite format 3\x00", ".shp": b"\x00\x00\x27\x0a"}
_BRITISH_GRID = "EPSG:27700"
_BRITAIN = (-9.1, 49.7, 2.2, 61.1)
_SLACK_DEGREES = 0.5
_POLYGONS = ("Polygon", "MultiPolygon")


def read_areas(
    path: PathLike,
    *,
    id_column: str,
    cluster_column: str | None = None,
    name_column: str | None = None,
    layer: str | None = None,
    crs: str | int | None = None,
    dissolve: bool = False,
    within: PathLike | None = None,
) -> gpd.GeoDataFrame:
    """Read boundaries of areas.

    Parameters
    ----------
    path : path
        A GeoPackage, GeoJSON or shapefile (its ``.shp``, or a zip archive that holds it).
    id_column : str
        Column with the area id, as in the counts.
    cluster_column, name_column : str, optional
        Columns with the borough and the name of each area.
    layer : str, optional
        Needed where the file has several layers.
    crs : str or int, optional
        Coordinate reference system, for a file that names none or a wrong one.
    dissolve : bool
        Whether rows of one id are joined into one area; refused by default.
    within : path, optional
        A folder the file must not leave.

    Returns
    -------
    GeoDataFrame
        Indexed by ``area`` (text, sorted), with ``area_name``, ``cluster`` (None without a
        column), ``geometry`` in metres — the British National Grid, EPSG:27700, for Britain, else
        the UTM zone — and the other columns of the file. ``attrs["ledger"]`` is the
        :class:`~hotspot_eval.ledger.Ledger`.

    Raises
    ------
    InputError
        Columns or layers that are not there; blank or repeated ids; geometry that is empty or no
        polygon; no coordinate reference system, or coordinates that cannot be in it.
    """
    file = local_file(path, suffixes=_SUFFIXES, within=within)
    raw = _read(file, layer)
    _refuse_columns(raw, [id_column, cluster_column, name_column], file.name)
    ids = _ids(raw[id_column], file.name)
    _refuse_geometry(raw.geometry, ids, file.name)
    raw = raw.set_crs(_declared_crs(raw, ids, crs, file.name), allow_override=True)
    frame = _named(raw, ids, id_column, cluster_column, name_column, file.name)
    frame, joined = _one_row_each(frame, dissolve, file.name)
    before = len(frame)
    frame, mended = _mended(frame, file.name)
    frame = frame.to_crs(_metric_crs(frame))
    frame, mended_again = _mended(frame, file.name)
    frame = frame.sort_index()
    frame.attrs["ledger"] = Ledger().step(
        f"read {file.name}",
        unit="areas",
        rows_in=len(raw),
        rows_out=before,
        left_out=[LedgerNote(reason="joined to its other parts", rows=joined)],
        remarks=[
            LedgerNote(
                reason="invalid geometry mended",
                rows=len({*mended, *mended_again}),
                examples=tuple(sorted({*mended, *mended_again})[:5]),
            ),
            LedgerNote(
                reason=f"moved from {raw.crs.name} to {frame.crs.name}",
                rows=0 if raw.crs == frame.crs else before,
            ),
        ],
    )
    return frame


def _read(file: Path, layer: str | None) -> gpd.GeoDataFrame:
    if not file.name.lower().endswith(".zip"):
        return _read_plain(file, layer, file.name)
    with tempfile.TemporaryDirectory() as folder:
        parts = unpack(file, Path(folder), suffixes=_PARTS)
        inside = [p for p in parts if p.name.lower().endswith(_SUFFIXES[:-1])]
        if len(inside) != 1:
            raise InputError(
                Problem(
                    where=file.name,
                    what="must hold one GeoPackage, GeoJSON or shapefile",
                    examples=[part.name for part in inside],
                    advice="Give the one file that is meant.",
                )
            )
        return _read_plain(inside[0], layer, f"{file.name}, {inside[0].name}")


def _read_plain(file: Path, layer: str | None, where: str) -> gpd.GeoDataFrame:
    """One layer with geometry; the content must be what the name says, so no driver is fooled."""
    with file.open("rb") as start:
        head = start.read(64)
    kind = file.suffix.lower()
    right = (
        head.startswith(_MAGIC[kind])
        if kind in _MAGIC
        else head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    )
    if not right:
        raise InputError(Problem(where=where, what=f"is no {kind} file, whatever its name says"))
    try:
        layers = [str(name) for name, geometry in pyogrio.list_layers(file) if geometry is not None]
        if layer is None and len(layers) == 1:
            layer = layers[0]
        if layer not in layers:
            raise InputError(
                Problem(
                    where=where,
                    what="has several layers" if layer is None else f"has no layer '{layer}'",
                    examples=layers,
                    advice="Say which with layer=.",
                )
            )
        frame = gpd.read_file(file, layer=layer, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(Problem(where=where, what=f"cannot be read ({error})")) from error
    if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        raise InputError(Problem(where=where, what="holds no area"))
    return frame


def _refuse_columns(frame: gpd.GeoDataFrame, columns: list[str | None], where: str) -> None:
    absent = [column for column in columns if column is not None and column not in frame.columns]
    if absent:
        held = ", ".join(str(c) for c in frame.columns if c != frame.geometry.name)
        raise InputError(
            Problem(
                where=where,
                what="columns are missing",
                examples=absent,
                advice=f"It has {held}.",
            )
        )


def _ids(column: pd.Series, where: str) -> NDArray[np.object_]:
    ids = np.array(area_ids(column), dtype=object)
    blank = column.isna().to_numpy() | (ids == "")
    if blank.any():
        raise InputError(
            Problem(
                where=f"{where}, column '{column.name}'",
                what="area id is blank in rows",
                examples=list(np.flatnonzero(blank)),
            )
        )
    return ids


def _refuse_geometry(geometry: gpd.GeoSeries, ids: NDArray[np.object_], where: str) -> None:
    nothing = (geometry.isna() | geometry.is_empty).to_numpy()
    other = ~geometry.geom_type.isin(_POLYGONS).to_numpy() & ~nothing
    faults = [
        ("areas have no geometry", nothing),
        ("areas are not polygons", other),
    ]
    problems = [
        Problem(where=where, what=what, examples=list(ids[mask]))
        for what, mask in faults
        if mask.any()
    ]
    if problems:
        raise InputError(*problems)


def _declared_crs(
    frame: gpd.GeoDataFrame, ids: NDArray[np.object_], given: str | int | None, where: str
) -> pyproj.CRS:
    """The file's own system if its coordinates can be in it, else the one given."""
    own = frame.crs
    bounds = frame.geometry.bounds.to_numpy()
    if given is None:
        if own is None:
            raise InputError(
                Problem(
                    where=where,
                    what="names no coordinate reference system",
                    advice=f"Pass crs=; {_guess(bounds)}",
                )
            )
        _refuse_impossible(own, bounds, ids, where)
        return own
    try:
        wanted = pyproj.CRS.from_user_input(given)
    except pyproj.exceptions.CRSError as error:
        raise InputError(
            Problem(where="argument 'crs'", what=f"{given!r} is no coordinate reference system")
        ) from error
    if own is not None and own != wanted and not _impossible(own, bounds).any():
        raise InputError(
            Problem(
                where=where,
                what=f"says {own.name}, and its coordinates can be in it, but crs= says "
                f"{wanted.name}",
                advice="Leave crs= out.",
            )
        )
    _refuse_impossible(wanted, bounds, ids, where)
    return wanted


def _refuse_impossible(
    crs: pyproj.CRS, bounds: NDArray[np.float64], ids: NDArray[np.object_], where: str
) -> None:
    wrong = _impossible(crs, bounds)
    if wrong.any():
        raise InputError(
            Problem(
                where=where,
                what=f"coordinates cannot be in {crs.name}: areas lie outside its area of use",
                examples=list(ids[wrong]),
                advice=_guess(bounds)[:1].upper() + _guess(bounds)[1:],
            )
        )


def _impossible(crs: pyproj.CRS, bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Areas whose coordinates cannot be in ``crs``, shape (rows,)."""
    x, y = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    degrees = (np.abs(bounds[:, [0, 2]]) <= 180).all(axis=1) & (
        np.abs(bounds[:, [1, 3]]) <= 90
    ).all(axis=1)
    use = crs.area_of_use
    limits = (-180.0, -90.0, 180.0, 90.0) if use is None else use.bounds
    if crs.is_geographic:
        swapped = _inside(y, x, _BRITAIN)
        return np.asarray(~degrees | swapped | ~_inside(x, y, limits))
    if degrees.all():
        return np.asarray(degrees)
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(x, y)
    return np.asarray(~_inside(longitude, latitude, limits))


def _inside(
    x: NDArray[np.float64], y: NDArray[np.float64], box: tuple[float, float, float, float]
) -> NDArray[np.bool_]:
    west, south, east, north = box
    slack = _SLACK_DEGREES
    return np.asarray(
        (x >= west - slack) & (x <= east + slack) & (y >= south - slack) & (y <= north + slack)
    )


def _guess(bounds: NDArray[np.float64]) -> str:
    """What the numbers look like, as advice."""
    west, south = np.nanmin(bounds[:, :2], axis=0)
    east, north = np.nanmax(bounds[:, 2:], axis=0)
    middle = np.array([(west + east) / 2]), np.array([(south + north) / 2])
    if _inside(middle[1], middle[0], _BRITAIN)[0]:
        return "these look like British latitudes and longitudes in the wrong order: swap them."
    if abs(west) <= 180 and abs(east) <= 180 and abs(south) <= 90 and abs(north) <= 90:
        return "these look like longitudes and latitudes: crs='EPSG:4326'."
    if west >= 0 and east <= 700_000 and south >= 0 and north <= 1_300_000:
        return "these look like the British National Grid: crs='EPSG:27700'."
    if max(abs(west), abs(east), abs(south), abs(north)) <= 20_100_000:
        return "these may be Web Mercator: crs='EPSG:3857'."
    return "ask the publisher which it is."


def _named(
    raw: gpd.GeoDataFrame,
    ids: NDArray[np.object_],
    id_column: str,
    cluster_column: str | None,
    name_column: str | None,
    where: str,
) -> gpd.GeoDataFrame:
    names = ids if name_column is None else raw[name_column].astype(str).str.strip().to_numpy()
    cluster = None
    if cluster_column is not None:
        blank = raw[cluster_column].isna() | (raw[cluster_column].astype(str).str.strip() == "")
        if blank.any():
            raise InputError(
                Problem(
                    where=f"{where}, column '{cluster_column}'",
                    what="is blank for areas",
                    examples=list(ids[blank.to_numpy()]),
                )
            )
        cluster = raw[cluster_column].astype(str).str.strip().to_numpy()
    used = {id_column, cluster_column, name_column, raw.geometry.name}
    others = raw[[column for column in raw.columns if column not in used]]
    others = others.rename(
        columns={c: f"{c}_in_file" for c in others if c in ("area_name", "cluster", "geometry")}
    )
    return gpd.GeoDataFrame(
        {
            "area_name": names,
            "cluster": cluster,
            **{column: others[column].to_numpy() for column in others},
        },
        geometry=shapely.force_2d(raw.geometry.to_numpy()),
        crs=raw.crs,
        index=pd.Index(ids, name="area", dtype="str"),
    )


def _one_row_each(
    frame: gpd.GeoDataFrame, dissolve: bool, where: str
) -> tuple[gpd.GeoDataFrame, int]:
    twice = frame.index[frame.index.duplicated()].unique()
    if len(twice) == 0:
        return frame, 0
    if not dissolve:
        raise InputError(
            Problem(
                where=where,
                what="area ids occur more than once",
                examples=list(twice),
                advice="Pass dissolve=True if these are parts of one area.",
            )
        )
    clusters = frame["cluster"].groupby(level="area").nunique()
    torn = clusters.index[clusters > 1]
    if len(torn):
        raise InputError(
            Problem(where=where, what="parts of an area have two clusters", examples=list(torn))
        )
    frame, _ = _mended(frame, where)
    joined = frame.dissolve(by=frame.index, aggfunc="first", sort=True)
    joined.index.name = "area"
    return joined, len(frame) - len(joined)


def _mended(frame: gpd.GeoDataFrame, where: str) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Valid polygons, and the ids of those that were not."""
    shapes = frame.geometry.to_numpy()
    wrong = ~shapely.is_valid(shapes)
    if not wrong.any():
        return frame, []
    fixed = shapely.make_valid(shapes[wrong], method="structure", keep_collapsed=False)
    lost = shapely.is_empty(fixed) | ~np.isin(shapely.get_type_id(fixed), [3, 6])
    if lost.any():
        raise InputError(
            Problem(
                where=where,
                what="geometry cannot be mended for areas",
                examples=list(frame.index[wrong][lost]),
            )
        )
    shapes = shapes.copy()
    shapes[wrong] = fixed
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)), [
        str(area) for area in frame.index[wrong]
    ]


def _metric_crs(frame: gpd.GeoDataFrame) -> pyproj.CRS:
    west, south, east, north = frame.to_crs("EPSG:4326").total_bounds
    middle = np.array([(west + east) / 2]), np.array([(south + north) / 2])
    if _inside(*middle, _BRITAIN)[0]:
        return pyproj.CRS.from_user_input(_BRITISH_GRID)
    return frame.estimate_utm_crs()
