"""The map: irregular areas in boroughs, their neighbours, addresses and snap points."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray
from scipy.spatial import Voronoi, cKDTree

from hotspot_eval.simulate.config import Geography

__all__ = ["Map", "Places", "make_map", "make_places"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CENTRE = np.array([530_000.0, 180_000.0])
ADDRESSES_PER_AREA = 60
_NAMES = (
    "Alderbrook",
    "Barnsgate",
    "Cawdon",
    "Dunmere",
    "Elmsted",
    "Fairholt",
    "Garrowby",
    "Hollinger",
    "Isleham",
    "Jessamy",
    "Kelsworth",
    "Lammasfield",
    "Marlowe",
    "Northolme",
    "Oakhythe",
    "Pembury",
    "Quarrendon",
    "Rushgrove",
    "Silverdene",
    "Thornhythe",
    "Underwick",
    "Varleigh",
    "Wendlebury",
    "Yarrowby",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Map:
    """Areas with their boroughs and neighbours.

    Parameters
    ----------
    areas : GeoDataFrame
        Index ``area``; columns ``area_name``, ``cluster``, ``population``, ``geometry``.
    borough : ndarray of int, shape (N,)
        Position of each area's borough in ``boroughs``.
    boroughs : tuple of str
    neighbours : ndarray of int, shape (E, 2)
        Pairs i < j of areas that share a border.
    centres : ndarray, shape (N, 2)
        Centroids in metres.
    """

    areas: gpd.GeoDataFrame
    borough: Ints
    boroughs: tuple[str, ...]
    neighbours: Ints
    centres: Floats

    def to_degrees(self, points: Floats) -> Floats:
        """Longitude and latitude of points in metres, shape (P, 2)."""
        change = pyproj.Transformer.from_crs(self.areas.crs, 4326, always_xy=True)
        return np.round(np.column_stack(change.transform(points[:, 0], points[:, 1])), 6)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where incidents happen, and where they are published.

    Parameters
    ----------
    happened, published : ndarray, shape (N * ADDRESSES_PER_AREA, 2)
        Easting and northing of each address, and of the point that stands for it in publication.
    recorded_area : ndarray of int, shape (N * ADDRESSES_PER_AREA,)
        Area that holds the published point; −1 outside all areas.
    ladder : ndarray, shape (N * ADDRESSES_PER_AREA,)
        Increasing: area position + cumulative share of the area's incidents at its addresses.
    """

    happened: Floats
    published: Floats
    recorded_area: Ints
    ladder: Floats

    def at(self, area: Ints, u: Floats) -> Ints:
        """Address of incidents in ``area``, chosen by uniforms ``u``."""
        place = np.searchsorted(self.ladder, area + u, side="right")
        return np.minimum(place, (area + 1) * ADDRESSES_PER_AREA - 1)


def make_map(geography: Geography, rng: np.random.Generator) -> Map:
    """Boroughs of Voronoi cells in an ellipse, bent by a smooth warp so that nothing is straight.

    Notes
    -----
    Cells and ellipse are convex, hence each area is one piece; the warp is one-to-one, hence they
    stay without overlap or hole. Vertices are rounded to the centimetre so that neighbours share
    them exactly.
    """
    low, high = geography.area_range
    sizes = rng.integers(low, high + 1, size=geography.boroughs)
    n = int(sizes.sum())
    spacing = float(np.sqrt(geography.area_km2 * 1e6))
    axes = spacing * np.sqrt(n / np.pi) * np.array([1.25, 0.8])
    borough, seeds = _seeds(sizes, axes, rng)
    cells, ridges = _cells(seeds, axes)
    warp = _warp(axes, spacing, rng)
    bent = shapely.transform(shapely.segmentize(cells, spacing / 5), warp)
    neighbours = _touching(ridges, bent)
    names = [_borough_name(b) for b in range(geography.boroughs)]
    within = np.concatenate([np.arange(size) for size in sizes]) + 1
    weight = rng.lognormal(0.0, 0.15, size=n)
    areas = gpd.GeoDataFrame(
        {
            "area_name": [f"{names[b]} {j:02d}" for b, j in zip(borough, within, strict=True)],
            "cluster": [names[b] for b in borough],
            "population": np.rint(geography.population_mean * weight / weight.mean()).astype(int),
        },
        index=pd.Index(
            [f"A{b + 1:02d}{j:03d}" for b, j in zip(borough, within, strict=True)], name="area"
        ),
        geometry=list(bent),
        crs=27700,
    )
    centroid = shapely.centroid(bent)
    centres = np.column_stack([shapely.get_x(centroid), shapely.get_y(centroid)])
    return Map(
        areas=areas, borough=borough, boroughs=tuple(names), neighbours=neighbours, centres=centres
    )


def make_places(areas: gpd.GeoDataFrame, snap_point_m: float, rng: np.random.Generator) -> Places:
    """Addresses inside each area, unevenly busy, and the snap point nearest to each."""
    polygons = areas.geometry.to_numpy()
    n = len(polygons)
    happened = _inside(polygons, rng)
    busy = rng.lognormal(0.0, 1.0, size=(n, ADDRESSES_PER_AREA))
    shares = np.cumsum(busy / busy.sum(axis=1, keepdims=True), axis=1)
    ladder = (np.arange(n)[:, None] + np.minimum(shares, 1.0)).ravel()
    if snap_point_m == 0:
        own = np.repeat(np.arange(n), ADDRESSES_PER_AREA)
        return Places(happened=happened, published=happened, recorded_area=own, ladder=ladder)
    snaps = _snap_points(happened, snap_point_m, rng)
    used, place = np.unique(cKDTree(snaps).query(happened)[1], return_inverse=True)
    points = shapely.points(snaps[used])
    holder = np.full(len(used), -1, dtype=np.intp)
    inner, outer = shapely.STRtree(polygons).query(points, predicate="intersects")
    holder[inner[::-1]] = outer[::-1]
    return Places(
        happened=happened, published=snaps[used][place], recorded_area=holder[place], ladder=ladder
    )


def _borough_name(b: int) -> str:
    return _NAMES[b] if b < len(_NAMES) else f"Zone {b + 1:02d}"


def _seeds(sizes: Ints, axes: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    n = int(sizes.sum())
    u = rng.random((60 * n, 2))
    angle, radius = 2 * np.pi * u[:, 0], np.sqrt(u[:, 1])
    cloud = axes * np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    middles = _spread(cloud, len(sizes), rounds=12, rng=rng)
    middles = middles[np.lexsort((middles[:, 0], -middles[:, 1]))]
    home = cKDTree(middles).query(cloud)[1]
    seeds = [
        _spread(cloud[home == b], int(size), rounds=2, rng=rng) for b, size in enumerate(sizes)
    ]
    return np.repeat(np.arange(len(sizes)), sizes), np.concatenate(seeds)


def _spread(cloud: Floats, k: int, *, rounds: int, rng: np.random.Generator) -> Floats:
    """Some Lloyd rounds from k random points of the cloud: few leave the cells irregular."""
    points = cloud[rng.choice(len(cloud), size=k, replace=False)]
    for _ in range(rounds):
        nearest = cKDTree(points).query(cloud)[1]
        size = np.bincount(nearest, minlength=k)
        means = np.column_stack(
            [np.bincount(nearest, weights=cloud[:, axis], minlength=k) for axis in (0, 1)]
        )
        points = np.where(size[:, None] > 0, means / np.maximum(size, 1)[:, None], points)
    return points


def _cells(seeds: Floats, axes: Floats) -> tuple[NDArray[np.object_], Ints]:
    far = 20 * axes.max() * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    voronoi = Voronoi(np.concatenate([seeds, far]))
    turn = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    outline = shapely.Polygon(axes * np.column_stack([np.cos(turn), np.sin(turn)]))
    cells = np.array([_convex(voronoi, i) for i in range(len(seeds))], dtype=object)
    ridges = np.sort(voronoi.ridge_points, axis=1)
    ridges = ridges[ridges[:, 1] < len(seeds)]
    return shapely.intersection(cells, outline), ridges[np.lexsort((ridges[:, 1], ridges[:, 0]))]


def _convex(voronoi: Voronoi, i: int) -> shapely.Polygon:
    corners = voronoi.vertices[voronoi.regions[voronoi.point_region[i]]]
    around = corners - corners.mean(axis=0)
    return shapely.Polygon(corners[np.argsort(np.arctan2(around[:, 1], around[:, 0]))])


def _touching(ridges: Ints, cells: NDArray[np.object_]) -> Ints:
    """Ridges whose cells still share a border of some length after clipping."""
    shared = shapely.intersection(cells[ridges[:, 0]], cells[ridges[:, 1]])
    touching: Ints = ridges[shapely.length(shared) > 1.0]
    return touching


class _Warp:
    """x + Σ a·sin(k·x + φ): one-to-one since Σ |a||k| stays below 1."""

    def __init__(self, size: Floats, phase: Floats, wave: Floats) -> None:
        self.size, self.phase, self.wave = size, phase, wave

    def __call__(self, points: Floats) -> Floats:
        shift = np.sin(points @ self.wave.T + self.phase)[:, :, None] * self.size
        moved: Floats = np.round(points + shift.sum(axis=1) + CENTRE, 2)
        return moved


def _warp(axes: Floats, spacing: float, rng: np.random.Generator) -> _Warp:
    lengths = np.concatenate(
        [rng.uniform(0.8, 2.0, 3) * axes.max(), rng.uniform(2, 5, 4) * spacing]
    )
    heading = rng.uniform(0, 2 * np.pi, len(lengths))
    wave = (2 * np.pi / lengths)[:, None] * np.column_stack([np.cos(heading), np.sin(heading)])
    push = rng.uniform(0, 2 * np.pi, len(lengths))
    strength = 0.85 / len(lengths) * lengths / (2 * np.pi)
    size = strength[:, None] * np.column_stack([np.cos(push), np.sin(push)])
    return _Warp(size, rng.uniform(0, 2 * np.pi, len(lengths)), wave)


def _inside(polygons: NDArray[np.object_], rng: np.random.Generator) -> Floats:
    """ADDRESSES_PER_AREA uniform points in each polygon, rounded to the metre if still inside."""
    low, high = np.split(shapely.bounds(polygons), 2, axis=1)
    found = np.zeros((len(polygons), ADDRESSES_PER_AREA, 2))
    have = np.zeros(len(polygons), dtype=np.intp)
    shapely.prepare(polygons)
    while (have < ADDRESSES_PER_AREA).any():
        u = rng.random((len(polygons), ADDRESSES_PER_AREA, 2))
        points = np.rint(low[:, None] + u * (high - low)[:, None])
        hit = shapely.contains_xy(polygons[:, None], points[:, :, 0], points[:, :, 1])
        slot = have[:, None] + np.cumsum(hit, axis=1) - 1
        keep = hit & (slot < ADDRESSES_PER_AREA)
        found[np.nonzero(keep)[0], slot[keep]] = points[keep]
        have = np.minimum(have + hit.sum(axis=1), ADDRESSES_PER_AREA)
    return found.reshape(-1, 2)


def _snap_points(happened: Floats, spacing: float, rng: np.random.Generator) -> Floats:
    """A jittered lattice over the ground where something happens, in whole metres."""
    low, high = happened.min(axis=0), happened.max(axis=0)
    steps = np.ceil((high - low) / spacing).astype(int) + 1
    lattice = np.indices(tuple(steps)).reshape(2, -1).T + rng.random((int(steps.prod()), 2)) - 0.5
    points: Floats = np.rint(low + lattice * spacing)
    return points
