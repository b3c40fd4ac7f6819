"""Sites as polygons in the reference system of the areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import LedgerNote
from hotspot_eval.panel import area_ids

__all__ = ["Sites", "site_shapes"]

Sites: TypeAlias = gpd.GeoDataFrame | pd.DataFrame | Mapping[str, Sequence[object]]


def site_shapes(
    areas: gpd.GeoDataFrame, sites: Sites, radius_m: float | None
) -> tuple[gpd.GeoDataFrame, list[LedgerNote]]:
    """One polygon a site, sorted by site, in the reference system of the areas."""
    if isinstance(sites, Mapping):
        sites = pd.DataFrame({"site": list(sites), "areas": [tuple(v) for v in sites.values()]})
    if "site" not in sites.columns:
        raise InputError(Problem(where="argument 'sites'", what="has no column 'site'"))
    drawn = isinstance(sites, gpd.GeoDataFrame) and bool(sites.geometry.notna().any())
    if isinstance(sites, gpd.GeoDataFrame) and drawn:
        frame, remarks = _drawn(areas, sites, radius_m)
    else:
        frame, remarks = _united(areas, sites), []
    if not len(frame):
        raise InputError(Problem(where="argument 'sites'", what="holds no site"))
    return frame.dissolve(by="site", sort=True).reset_index(), remarks


def _drawn(
    areas: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, radius_m: float | None
) -> tuple[gpd.GeoDataFrame, list[LedgerNote]]:
    if sites.crs is None:
        raise InputError(
            Problem(
                where="argument 'sites'",
                what="has no reference system",
                advice="Say which one: sites.set_crs(4326) for degrees.",
            )
        )
    blank = sites.geometry.isna() | sites.geometry.is_empty
    frame = gpd.GeoDataFrame(
        {"site": area_ids(sites.loc[~blank, "site"])},
        geometry=list(sites.geometry[~blank]),
        crs=sites.crs,
    ).to_crs(areas.crs)
    points = shapely.get_dimensions(np.asarray(frame.geometry.array)) < 2
    reach = np.full(len(frame), np.nan if radius_m is None else float(radius_m))
    if "radius_m" in sites.columns:
        own = pd.to_numeric(sites.loc[~blank, "radius_m"], errors="coerce").to_numpy(dtype=float)
        reach = np.where(np.isnan(own), reach, own)
    without = points & ~(reach > 0)
    if without.any():
        raise InputError(
            Problem(
                where="argument 'sites'",
                what="points have no radius",
                examples=list(frame["site"].to_numpy()[without]),
                advice="Give radius_m, the reach of a site in metres.",
            )
        )
    shapes = np.asarray(frame.geometry.array).copy()
    shapes[points] = shapely.buffer(shapes[points], reach[points], quad_segs=32)
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken])
    remarks = [
        LedgerNote(
            reason="site without a geometry",
            rows=int(blank.sum()),
            examples=tuple(sites.loc[blank, "site"].astype(str)),
        ),
        LedgerNote(
            reason="site's invalid geometry mended",
            rows=int(broken.sum()),
            examples=tuple(frame["site"].to_numpy()[broken]),
        ),
        LedgerNote(
            reason=f"site brought from {sites.crs.to_string()} to {areas.crs.to_string()}",
            rows=len(frame) if sites.crs != areas.crs else 0,
        ),
    ]
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=areas.crs)), remarks


def _united(areas: gpd.GeoDataFrame, sites: pd.DataFrame) -> gpd.GeoDataFrame:
    column = next((name for name in ("areas", "area") if name in sites.columns), None)
    if column is None:
        raise InputError(
            Problem(where="argument 'sites'", what="has neither geometry nor a column 'areas'")
        )
    long = pd.DataFrame(sites)[["site", column]].explode(column).dropna()
    long = long.assign(site=area_ids(long["site"]), area=area_ids(long[column]))
    rows = pd.Index(area_ids(areas.index)).get_indexer(pd.Index(long["area"]))
    if (rows < 0).any():
        raise InputError(
            Problem(
                where="argument 'sites'",
                what="area ids are not in the boundaries",
                examples=sorted(set(long["area"].to_numpy()[rows < 0])),
            )
        )
    shapes = np.asarray(areas.geometry.array)[rows]
    return gpd.GeoDataFrame({"site": long["site"].to_numpy()}, geometry=shapes, crs=areas.crs)
