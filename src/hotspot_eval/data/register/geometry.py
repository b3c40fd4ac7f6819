"""Where a site is drawn: GeoJSON features, or a point in columns with its radius."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from hotspot_eval.data.register.columns import ALIASES, field_of
from hotspot_eval.data.register.findings import Finding
from hotspot_eval.data.register.text import Table, read_bytes, tidy_text
from hotspot_eval.errors import InputError, Problem

__all__ = ["read_geojson", "site_geometry"]

DEGREES, BRITISH_GRID = "EPSG:4326", "EPSG:27700"


def read_geojson(path: Path) -> tuple[Table, list[BaseGeometry | None], str]:
    """Features as a table of text, their geometries, and the reference system.

    A property ``spells``, a list of ``{"start": …, "end": …}`` or ``[start, end]``, becomes a row
    each; tallies stay on the first. Rows are numbered by feature, from 1.

    Raises
    ------
    InputError
        If the file is not a GeoJSON feature collection or is empty.
    """
    try:
        content = json.loads(read_bytes(path).decode("utf-8-sig"))
        features = content["features"]
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(
            Problem(where=path.name, what="is not a GeoJSON feature collection")
        ) from error
    if not features:
        raise InputError(Problem(where=path.name, what="holds no feature"))
    records: list[dict[str, str]] = []
    lines: list[int] = []
    shapes: list[BaseGeometry | None] = []
    for number, feature in enumerate(features, 1):
        shape = _shape(feature.get("geometry"))
        for record in _spells(feature.get("properties") or {}):
            records.append({tidy_text(str(key)): _cell(value) for key, value in record.items()})
            lines.append(number)
            shapes.append(shape)
    header = list(dict.fromkeys(key for record in records for key in record))
    crs = (content.get("crs") or {}).get("properties", {}).get("name", DEGREES)
    table = Table(
        source=path.name,
        header=header,
        rows=[[record.get(key, "") for key in header] for record in records],
        lines=lines,
        remarks=[],
    )
    return table, shapes, "EPSG:4326" if "CRS84" in crs else crs


def _spells(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    spells = properties.get("spells")
    if not isinstance(spells, list):
        return [dict(properties)]
    rest = {key: value for key, value in properties.items() if key != "spells"}
    words = {
        key: value
        for key, value in rest.items()
        if not isinstance(value, (int, float)) or (field_of(key) or ("",))[0] in ALIASES
    }
    records = []
    for number, spell in enumerate(spells):
        dates = (
            spell
            if isinstance(spell, Mapping)
            else dict(zip(("start", "end"), spell, strict=False))
        )
        records.append({**(words if number else rest), **dates})
    return records or [rest]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ";".join(str(part) for part in value)
    return tidy_text(str(value))


def _shape(geometry: Any) -> BaseGeometry | None:
    if not geometry:
        return None
    try:
        shape = shapely.from_geojson(json.dumps(geometry))
    except shapely.errors.GEOSException:
        return None
    return None if shape is None or shape.is_empty else shape


def site_geometry(
    frame: pd.DataFrame,
    shapes: Sequence[BaseGeometry | None] | None,
    *,
    lines: Sequence[int],
    crs: str,
    target: Any,
) -> tuple[list[BaseGeometry | None], list[Finding]]:
    """One polygon a row in the reference system ``target``, points buffered by their radius.

    Parameters
    ----------
    frame : DataFrame
        Text columns longitude, latitude, easting, northing, radius_m, area.
    shapes : sequence of geometry, optional
        From GeoJSON; else points are made from the columns.
    lines : sequence of int
        For the findings.
    crs : str
        Of ``shapes``.
    target : object
        Anything pyproj understands; metres.
    """
    if shapes is None:
        shapes, crs = _points(frame)
    try:
        turn = pyproj.Transformer.from_crs(crs, target, always_xy=True).transform
    except pyproj.exceptions.CRSError as error:
        raise InputError(
            Problem(where="register", what=f"its reference system '{crs}' is not known")
        ) from error
    polygons: list[BaseGeometry | None] = []
    findings: list[Finding] = []
    radii = pd.to_numeric(frame["radius_m"].str.replace(",", ""), errors="coerce")
    for line, shape, radius, area in zip(lines, shapes, radii, frame["area"], strict=True):
        polygon, problem = _polygon(shape, float(radius), turn)
        polygons.append(polygon)
        if problem:
            # with area ids the place is known, and the geometry is only wanting
            findings.append(
                Finding(
                    line,
                    "geometry",
                    problem,
                    "flagged" if area else "unusable",
                    str(frame["radius_m"].iloc[len(polygons) - 1]),
                    area,
                    "",
                )
            )
    return polygons, findings


def _points(frame: pd.DataFrame) -> tuple[list[BaseGeometry | None], str]:
    number = {
        name: pd.to_numeric(frame[name].str.replace(",", ""), errors="coerce").to_numpy(float)
        for name in ("longitude", "latitude", "easting", "northing")
    }
    degrees = np.isfinite(number["longitude"]).any()
    x, y = (
        (number["longitude"], number["latitude"])
        if degrees
        else (number["easting"], number["northing"])
    )
    points: list[BaseGeometry | None] = [
        shapely.Point(a, b) if np.isfinite(a) and np.isfinite(b) else None
        for a, b in zip(x, y, strict=True)
    ]
    return points, DEGREES if degrees else BRITISH_GRID


def _polygon(
    shape: BaseGeometry | None, radius: float, turn: Any
) -> tuple[BaseGeometry | None, str]:
    if shape is None:
        return None, ""
    moved = shapely.transform(shape, turn, interleaved=False)
    if not np.isfinite(shapely.bounds(moved)).all():
        return None, "unusable geometry"
    if shapely.get_dimensions(moved) < 2:
        if not radius > 0:
            return None, "point without a radius"
        return shapely.buffer(moved, radius, quad_segs=32), ""
    return (moved if moved.is_valid else shapely.make_valid(moved)), ""
