"""Partition of space: sites, rings around them, and the rest, with the share truly treated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import area_ids
from hotspot_eval.results import Check

__all__ = ["Partition", "partition", "site_shares"]

_SLIVER = 1e-6
Sites: TypeAlias = gpd.GeoDataFrame | pd.DataFrame | Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Partition:
    """Every area in one role: site, ring 1, ring 2, …, donut or remainder.

    Parameters
    ----------
    roles : DataFrame
        One row an area, sorted by ``area``: ``role``, ``site`` (the one that covers it most, or
        whose zone does), ``share_treated`` (share of the area inside any site, the dilution) and
        ``share_zone`` (share of the area inside the zone that gives it its role and all nearer).
    overlaps : DataFrame
        One row for each area and site that meet by ``tolerance``: area, site, share of the area.
    rings_m : tuple of float
        Outer radii of the rings, in metres from the edge of the sites.
    checks : tuple of Check
        Snap-point scale of the sites and of the rings; sites that overlap each other.
    ledger : Ledger
        How many areas have each role, and which overlaps were too small to count.
    """

    roles: pd.DataFrame
    overlaps: pd.DataFrame
    rings_m: tuple[float, ...]
    checks: tuple[Check, ...]
    ledger: Ledger

    def __post_init__(self) -> None:
        if self.roles["area"].duplicated().any():
            raise InputError(Problem(where="partition", what="areas have more than one role"))

    def areas(self, role: str) -> tuple[str, ...]:
        """Ids of the areas with a role; ``"rings"`` means all rings together.

        Raises
        ------
        InputError
            If the partition has no such role.
        """
        allowed = ["site", *self.ring_names, "rings", "donut", "remainder"]
        if role not in allowed:
            raise InputError(
                Problem(
                    where="argument 'role'",
                    what=f"{role!r} is not a role of this partition",
                    advice=f"Roles are {', '.join(allowed)}.",
                )
            )
        wanted = self.ring_names if role == "rings" else (role,)
        return tuple(self.roles.loc[self.roles["role"].isin(wanted), "area"])

    @property
    def ring_names(self) -> tuple[str, ...]:
        """``ring 1`` is the nearest."""
        return tuple(f"ring {k}" for k in range(1, len(self.rings_m) + 1))

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``roles``."""
        return self.roles.copy()

    def __repr__(self) -> str:
        counts = self.roles["role"].value_counts()
        listed = ", ".join(
            f"{counts.get(role, 0):,} {role}"
            for role in ("site", *self.ring_names, "donut", "remainder")
        )
        inside = self.roles.loc[self.roles["role"] == "site", "share_treated"]
        diluted = f"; {inside.mean():.0%} of a site's areas truly treated" if len(inside) else ""
        return f"Partition of {len(self.roles):,} areas: {listed}{diluted}"

    def _repr_html_(self) -> str:
        warned = "".join(
            f"<li>{escape(check.sentence)}</li>"
            for check in self.checks
            if check.status != "passed"
        )
        return f"<p>{escape(repr(self))}</p><ul>{warned}</ul>{self.ledger._repr_html_()}"


def partition(
    areas: gpd.GeoDataFrame,
    sites: Sites,
    *,
    rings_m: Sequence[float] = (),
    donut_m: float = 0.0,
    radius_m: float | None = None,
    tolerance: float = 0.05,
    snap_m: float = 100.0,
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
    least = max(tolerance, _SLIVER)
    shapes, remarks = _site_shapes(areas, sites, radius_m)
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
        checks=_checks(shapes, radii, snap_m),
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
    shapes, _ = _site_shapes(areas, sites, None)
    ids = np.array(area_ids(areas.index), dtype=object)
    pairs = _pair_shares(np.asarray(areas.geometry.array), shapes.geometry.array)
    pairs = pairs[pairs["part"] >= max(tolerance, _SLIVER)]
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


def _site_shapes(
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
    return frame[frame["part"] > _SLIVER].sort_values(["place", "shape"], ignore_index=True)


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


def _checks(shapes: gpd.GeoDataFrame, radii: tuple[float, ...], snap_m: float) -> tuple[Check, ...]:
    reach = np.sqrt(shapes.geometry.area.to_numpy() / np.pi)
    scale = pd.DataFrame({"site": shapes["site"], "equivalent_radius_m": reach})
    small = list(scale.loc[scale["equivalent_radius_m"] < snap_m, "site"])
    checks = [
        Check(
            name="site above snap-point scale",
            threat="Locations are published at snap points; a smaller site cannot be told apart.",
            status="failed" if small else "passed",
            sentence=f"{len(small)} of {len(scale)} sites are smaller than a circle of "
            f"{snap_m:g} m{_named(small)}.",
            evidence=scale,
        )
    ]
    if radii:
        widths = pd.DataFrame(
            {
                "ring": [f"ring {k}" for k in range(1, len(radii) + 1)],
                "width_m": np.diff([0.0, *radii]),
            }
        )
        narrow = list(widths.loc[widths["width_m"] < snap_m, "ring"])
        checks.append(
            Check(
                name="rings wider than snap-point error",
                threat="In a narrow ring, displaced crime is published inside the site.",
                status="failed" if narrow else "passed",
                sentence=f"{len(narrow)} of {len(widths)} rings are narrower than "
                f"{snap_m:g} m{_named(narrow)}.",
                evidence=widths,
            )
        )
    return (*checks, _overlap_check(shapes))


def _overlap_check(shapes: gpd.GeoDataFrame) -> Check:
    outlines, names = np.asarray(shapes.geometry.array), shapes["site"].to_numpy()
    one, other = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    one, other = one[one < other], other[one < other]
    common = shapely.area(shapely.intersection(outlines[one], outlines[other]))
    least = np.minimum(shapely.area(outlines[one]), shapely.area(outlines[other]))
    hit = common > _SLIVER * least
    table = pd.DataFrame(
        {"site": names[one[hit]], "other": names[other[hit]], "area_m2": common[hit]}
    ).sort_values(["site", "other"], ignore_index=True)
    pairs = [f"{a} and {b}" for a, b in zip(table["site"], table["other"], strict=True)]
    return Check(
        name="sites apart",
        threat="Where sites overlap, their effects cannot be told apart.",
        status="failed" if pairs else "passed",
        sentence=f"{len(pairs)} pairs of sites overlap{_named(pairs)}.",
        evidence=table if pairs else pd.DataFrame({"sites": [len(shapes)]}),
    )


def _named(names: Sequence[str]) -> str:
    return f": {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else ""


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
