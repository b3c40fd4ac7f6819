"""Invariants of partitions over arbitrary sites."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box
from shapely.ops import unary_union

from hotspot_eval.data import Partition, partition

SIDE = 6
CELLS = [(i, j) for i in range(SIDE) for j in range(SIDE)]
AREAS = gpd.GeoDataFrame(
    {"area": [f"{i}{j}" for i, j in CELLS]},
    geometry=[box(i * 500, j * 500, (i + 1) * 500, (j + 1) * 500) for i, j in CELLS],
    crs=27700,
).set_index("area")

circles = st.tuples(st.floats(0, 3000), st.floats(0, 3000), st.floats(60, 700))
worlds = st.lists(circles, min_size=1, max_size=5)


def sites_of(world: list[tuple[float, float, float]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"site": [f"s{k}" for k in range(len(world))]},
        geometry=[Point(x, y).buffer(r) for x, y, r in world],
        crs=27700,
    )


def split_of(world: list[tuple[float, float, float]], areas: gpd.GeoDataFrame = AREAS) -> Partition:
    sites = sites_of(world)
    inside = sites.intersection(unary_union(list(AREAS.geometry))).area
    assume((inside > 0.2 * sites.area).any())
    return partition(areas, sites, rings_m=[200, 500], donut_m=300)


@given(worlds)
@settings(max_examples=40, deadline=None)
def test_every_area_has_one_role_and_shares_are_exact(world):
    split = split_of(world)
    assert split.roles["area"].tolist() == sorted(AREAS.index)
    names = ("site", "ring 1", "ring 2", "donut", "remainder")
    assert sum(len(split.areas(name)) for name in names) == len(AREAS)
    union = unary_union(list(sites_of(world).geometry))
    slow = [shape.intersection(union).area / shape.area for shape in AREAS.sort_index().geometry]
    np.testing.assert_allclose(split.roles["share_treated"], slow, atol=1e-5)
    assert split.roles["share_treated"].between(0, 1).all()
    assert split.roles["share_zone"].between(0, 1).all()


@given(worlds)
@settings(max_examples=25, deadline=None)
def test_roles_agree_with_a_slow_reference(world):
    split = split_of(world)
    shapes = list(sites_of(world).geometry)
    expected = []
    for area in AREAS.sort_index().geometry:
        role = "remainder"
        for name, radius in (("donut", 800), ("ring 2", 500), ("ring 1", 200), ("site", 0)):
            zones = [shape.buffer(radius, quad_segs=16) if radius else shape for shape in shapes]
            if any(area.intersection(z).area >= 0.05 * min(area.area, z.area) for z in zones):
                role = name
        expected.append(role)
    assert split.roles["role"].tolist() == expected


@given(worlds, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_areas_and_sites_does_not_matter(world, random):
    order = list(AREAS.index)
    random.shuffle(order)
    pd.testing.assert_frame_equal(
        split_of(world, AREAS.loc[order]).roles, split_of(world).roles, rtol=1e-9
    )
    sites = sites_of(world)
    shuffled = sites.sample(frac=1, random_state=random.randint(0, 99))
    one = partition(AREAS, sites, rings_m=[300], tolerance=0.0)
    other = partition(AREAS, shuffled, rings_m=[300], tolerance=0.0)
    pd.testing.assert_frame_equal(one.roles, other.roles, rtol=1e-9)
    pd.testing.assert_frame_equal(one.overlaps, other.overlaps, rtol=1e-9)
