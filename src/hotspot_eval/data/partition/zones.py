"""From sites to roles: which zone each area meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from hotspot_eval.data.partition.checks import SLIVER, site_checks
from hotspot_eval.data.partition.model import Partition
from hotspot_eval.data.partition.shapes import Sites, site_shapes
from hotspot_eval.data.snap_points import SNAP_POINT_M
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import area_ids

__all__ = ["partition", "site_shares"]


def partition(
    areas: gpd.GeoDataFrame,
    sites: Sites,
    *,
    rings_m: Sequence[float] = (),
    donut_m: float = 0.0,
    radius_m: float | None = None,
    tolerance: float = 0.05,
    snap_m: float = SNAP_POINT_M,
) -> Partition:
    r"""Give every area one role by where the sites lie.

    Parameters
    ----------
    areas : GeoDataFrame
        Indexed by area id, in a projected reference system in metres.
    sites : GeoDataFrame, DataFrame or mapping
        Polygons or points with a column ``site``; or a frame with ``site`` and ``areas`` (or one
        row for each ``site`` and ``area``), such as ``register.sites``; or site → area ids. A
        site given by area ids is the union of its areas.
    rings_m : sequence of float
        Outer radii of the rings around the sites, rising, in metres from their edge.
    donut_m : float
        Width beyond the last ring, in metres, whose areas serve as nothing: they part the rings
        from the controls.
    radius_m : float, optional
        Reach of sites given as points, where the sites have no column ``radius_m``.
    tolerance : float
        Share of the smaller of area and site (or zone) below which their meeting does not count,
        in [0, 1): neither a sliver of an area nor a sliver of a site makes an area treated.
    snap_m : float
        Error of published locations in metres: anonymised points stand for eight addresses or
        more. Sites of a smaller equivalent radius and narrower rings are warned about.

    Returns
    -------
    Partition
        The roles are disjoint; an area takes the nearest zone that it meets by ``tolerance``.

    Raises
    ------
    InputError
        Boundaries in degrees, sites without a reference system, points without a radius, ring
        radii that do not rise, area ids that are not in the boundaries, no site within them.

    Notes
    -----
    With :math:`B_r(s)` the points within :math:`r` metres of site :math:`s`, area :math:`a` is
    *site* if :math:`|a \cap s| \ge` tolerance :math:`\cdot \min(|a|, |s|)` for a site, else *ring
    k* for the smallest :math:`k` for which the same holds of :math:`B_{r_k}(s)`, else *donut*,
    else *remainder*. ``share_treated`` is :math:`|a \cap \bigcup s| / |a|`: an effect :math:`e`
    inside the sites shows as about ``share_treated`` :math:`\cdot e` in the area if crime is even.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> areas = gpd.GeoDataFrame({"area": ["A", "B", "C"]}, crs=27700,
    ...     geometry=[box(i * 1000, 0, (i + 1) * 1000, 1000) for i in range(3)]).set_index("area")
    >>> sites = gpd.GeoDataFrame({"site": ["s"]}, geometry=[box(0, 0, 500, 1000)], crs=27700)
    >>> partition(areas, sites, rings_m=[600]).roles[["area", "role", "share_treated"]]
      area       role  share_treated
    0    A       site            0.5
    1    B     ring 1            0.0
    2    C  remainder            0.0
    """
    radii = _checked(areas, rings_m, donut_m, tolerance)
    least = max(tolerance, SLIVER)
    shapes, remarks = site_shapes(areas, sites, radius_m)
    ids = np.array(area_ids(areas.index), dtype=object)
    order = np.argsort(ids, kind="stable")
    ids, polygons = ids[order], np.asarray(areas.geometry.array)[order]
    pairs = _pair_shares(polygons, shapes.geometry.array)
    union = shapely.union_all(np.asarray(shapes.geometry.array))
    treated = _cover(polygons, union)
    kept = pairs[pairs["part"] >= least]
    if not len(kept):
        raise InputError(
            Problem(
                where="argument 'sites'",
                what="no site covers an area of the boundaries",
                advice="Check the reference systems of both.",
            )
        )
    role, zone = _roles(polygons, shapes, kept, treated, radii, donut_m, least)
    site = _site_of(polygons, shapes, role, pairs)
    roles = pd.DataFrame(
        {"area": ids, "role": role, "site": site, "share_treated": treated, "share_zone": zone}
    )
    overlaps = pd.DataFrame(
        {
            "area": ids[kept["place"]],
            "site": shapes["site"].to_numpy()[kept["shape"]],
            "share": kept["share"].to_numpy(),
        }
    )
    return Partition(
        roles=roles,
        overlaps=overlaps.sort_values(["area", "site"], ignore_index=True),
        rings_m=radii,
        checks=site_checks(shapes, radii, snap_m),
        ledger=_book(roles, pairs, ids, least, remarks),
    )


def site_shares(
    areas: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, *, tolerance: float = 0.05
) -> pd.DataFrame:
    """Areas that each site covers: one row for each pair, with ``share`` of the area covered.

    Raises
    ------
    InputError
        As :func:`partition`, except that sites may lie outside the boundaries.
    """
    _checked(areas, (), 0.0, tolerance)
    shapes, _ = site_shapes(areas, sites, None)
    ids = np.array(area_ids(areas.index), dtype=object)
    pairs = _pair_shares(np.asarray(areas.geometry.array), shapes.geometry.array)
    pairs = pairs[pairs["part"] >= max(tolerance, SLIVER)]
    frame = pd.DataFrame(
        {
            "site": shapes["site"].to_numpy()[pairs["shape"]],
            "area": ids[pairs["place"]],
            "share": pairs["share"].to_numpy(),
        }
    )
    return frame.sort_values(["site", "area"], ignore_index=True)


def _checked(
    areas: gpd.GeoDataFrame, rings_m: Sequence[float], donut_m: float, tolerance: float
) -> tuple[float, ...]:
    problems = []
    if areas.crs is None or not areas.crs.is_projected:
        problems.append(
            Problem(
                where="argument 'areas'",
                what="has no projected reference system, so metres mean nothing",
                advice="Read boundaries with read_areas, or use areas.to_crs(27700).",
            )
        )
    ids = pd.Index(area_ids(areas.index))
    if ids.has_duplicates:
        problems.append(
            Problem(
                where="argument 'areas'",
                what="area ids occur twice",
                examples=sorted(set(ids[ids.duplicated()])),
            )
        )
    radii = tuple(float(radius) for radius in rings_m)
    if any(radius <= 0 for radius in radii) or list(radii) != sorted(set(radii)):
        problems.append(
            Problem(where="argument 'rings_m'", what=f"must be above 0 and rise, not {radii}")
        )
    if donut_m < 0:
        problems.append(Problem(where="argument 'donut_m'", what=f"must be 0 or more: {donut_m}"))
    if not 0 <= tolerance < 1:
        problems.append(
            Problem(where="argument 'tolerance'", what=f"must lie in [0, 1): {tolerance}")
        )
    if problems:
        raise InputError(*problems)
    return radii


def _pair_shares(polygons: NDArray[Any], shapes: Any) -> pd.DataFrame:
    """Each area and shape that meet: place, shape, share of the area, part of the smaller one."""
    outlines = np.asarray(shapes)
    shape, place = shapely.STRtree(polygons).query(outlines, predicate="intersects")
    common = shapely.area(shapely.intersection(polygons[place], outlines[shape]))
    own, whole = shapely.area(polygons[place]), shapely.area(outlines[shape])
    share = np.minimum(common / own, 1.0)
    share = np.where(share > 1 - 1e-12, 1.0, share)
    part = common / np.minimum(own, whole)
    frame = pd.DataFrame({"place": place, "shape": shape, "share": share, "part": part})
    return frame[frame["part"] > SLIVER].sort_values(["place", "shape"], ignore_index=True)


def _cover(polygons: NDArray[Any], zone: Any) -> NDArray[np.float64]:
    """Share of each area inside a zone, shape (N,)."""
    share = np.zeros(len(polygons))
    parts = shapely.get_parts(zone)
    pairs = _pair_shares(polygons, parts)
    np.add.at(share, pairs["place"].to_numpy(), pairs["share"].to_numpy())
    share[share > 1 - 1e-9] = 1.0
    return share


def _roles(
    polygons: NDArray[Any],
    shapes: gpd.GeoDataFrame,
    inside: pd.DataFrame,
    treated: NDArray[np.float64],
    radii: tuple[float, ...],
    donut_m: float,
    least: float,
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    role = np.full(len(polygons), "remainder", dtype=object)
    zone = np.zeros(len(polygons))
    role[inside["place"]] = "site"
    zone[inside["place"]] = treated[inside["place"]]
    outer = [(f"ring {k}", radius) for k, radius in enumerate(radii, 1)]
    if donut_m:
        outer.append(("donut", (radii[-1] if radii else 0.0) + donut_m))
    for name, radius in outer:
        wide = shapely.buffer(np.asarray(shapes.geometry.array), radius, quad_segs=16)
        pairs = _pair_shares(polygons, wide)
        near = np.zeros(len(polygons), dtype=bool)
        near[pairs.loc[pairs["part"] >= least, "place"]] = True
        near &= role == "remainder"
        if near.any():
            role[near] = name
            zone[near] = _cover(polygons[near], shapely.union_all(wide))
    return role, zone


def _site_of(
    polygons: NDArray[Any], shapes: gpd.GeoDataFrame, role: NDArray[np.object_], pairs: pd.DataFrame
) -> NDArray[np.object_]:
    """The site that covers an area most (ties: first by name), or the nearest for rings."""
    names = shapes["site"].to_numpy()
    site = np.full(len(polygons), None, dtype=object)
    most = pairs.sort_values(["place", "share", "shape"], ascending=[True, False, True])
    most = most.drop_duplicates("place")
    inside = role[most["place"]] == "site"
    site[most["place"][inside]] = names[most["shape"][inside]]
    around = np.flatnonzero((role != "site") & (role != "remainder"))
    if len(around):
        tree = shapely.STRtree(np.asarray(shapes.geometry.array))
        place, nearest = tree.query_nearest(polygons[around], all_matches=True)
        first = pd.Series(nearest).groupby(place).min()
        site[around[first.index]] = names[first.to_numpy()]
    return site


def _book(
    roles: pd.DataFrame,
    pairs: pd.DataFrame,
    ids: NDArray[np.object_],
    least: float,
    remarks: Sequence[LedgerNote],
) -> Ledger:
    tiny = ids[np.unique(pairs.loc[pairs["part"] < least, "place"])]
    counts = roles["role"].value_counts()
    return Ledger().step(
        "partition",
        unit="areas",
        rows_in=len(roles),
        rows_out=len(roles),
        remarks=[
            *(
                LedgerNote(reason=f"role: {name}", rows=int(counts[name]))
                for name in sorted(counts.index)
            ),
            LedgerNote(
                reason=f"touched by a site by less than {least:g}, not counted",
                rows=len(tiny),
                examples=tuple(tiny),
            ),
            *remarks,
        ],
    )
