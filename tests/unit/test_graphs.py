from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely import Point, Polygon, box
from tests.spatial_worlds import lattice_areas

from hotspot_eval.errors import InputError
from hotspot_eval.spatial import (
    contiguity,
    describe_graph,
    distance_band,
    kernel_graph,
    nearest_neighbours,
    rings,
)


def test_queen_and_rook():
    areas = lattice_areas(3, 3)
    queen, rook = contiguity(areas), contiguity(areas, rule="rook")
    assert len(queen["r01c01"]) == 8 and len(rook["r01c01"]) == 4
    strict = contiguity(areas, strict=True)
    assert strict.n_edges == queen.n_edges


def test_ids_are_read_as_text_and_isolates_stay():
    areas = gpd.GeoDataFrame(
        geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1), box(9, 9, 10, 10)], index=[1, 2, 3]
    )
    graph = contiguity(areas)
    assert list(graph.unique_ids) == ["1", "2", "3"]
    summary = describe_graph(graph)
    assert summary.isolates == ("3",)
    assert summary.components == (("1", "2"), ("3",))
    assert (summary.n_links, summary.min_neighbours, summary.max_neighbours) == (2, 0, 1)
    assert summary.to_frame()["n_components"].item() == 2
    assert "1 isolates (3)" in summary._repr_html_()


def test_nearest_and_band():
    areas = lattice_areas(3, 3)
    near = nearest_neighbours(areas, k=4)
    assert set(near["r01c01"].index) == {"r00c01", "r01c00", "r01c02", "r02c01"}
    band = distance_band(areas, within_m=1000.0)
    assert band.n_edges == 24
    assert list(distance_band(areas, within_m=500.0).isolates) == list(areas.index)


@pytest.mark.parametrize(
    ("kernel", "shape"),
    [
        ("triangular", lambda u: 1 - u),
        ("parabolic", lambda u: 1 - u**2),
        ("gaussian", lambda u: np.exp(-0.5 * u**2)),
        ("bisquare", lambda u: (1 - u**2) ** 2),
    ],
)
def test_kernels(kernel, shape):
    graph = kernel_graph(lattice_areas(3, 3), bandwidth_m=2500.0, kernel=kernel)
    weights = graph["r00c00"]
    assert weights["r00c01"] == pytest.approx(shape(0.4))
    assert weights["r01c01"] == pytest.approx(shape(np.sqrt(2) / 2.5))
    assert "r00c00" not in weights.index
    reach = 2 if kernel == "gaussian" else 1
    assert ("r02c02" in weights.index) == (reach == 2)


def test_rings_count_steps_and_name_contested_areas():
    graph = contiguity(lattice_areas(1, 7))
    table = rings(graph, {"west": ["r00c00"], "east": ["r00c04"]}, orders=2)
    assert table["ring"].tolist()[:6] == [0, 1, 2, 1, 0, 1]
    assert table["site"].tolist() == ["west", "west", "east", "east", "east", "east", "east"]
    assert table.index[table["contested"]].tolist() == ["r00c02"]
    far = rings(graph, {"west": ["r00c00"]}, orders=1)
    assert far["ring"].isna().sum() == 5 and far["site"].isna().sum() == 5


def test_rings_refuse_strangers_and_shared_areas():
    graph = contiguity(lattice_areas(1, 3))
    with pytest.raises(InputError, match=r"the graph lacks \(1: X\)[\s\S]*share areas"):
        rings(graph, {"a": ["r00c00", "X"], "b": ["r00c00"]})
    with pytest.raises(InputError, match="'orders'"):
        rings(graph, {"a": ["r00c00"]}, orders=0)


@pytest.mark.parametrize(
    ("areas", "match"),
    [
        ("areas.gpkg", "must be a GeoDataFrame, not str"),
        (gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)] * 2, index=["A", "A"]), r"twice \(1: A\)"),
        (gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1), None], index=["A", "B"]), "no geometry"),
        (gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1), Polygon()], index=["A", "B"]), "no geometry"),
        (gpd.GeoDataFrame(geometry=[Point(0, 0), Point(1, 1)], index=["A", "B"]), "not polygons"),
        (gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)], index=["A"]), "at least two"),
    ],
)
def test_areas_that_cannot_be_used(areas, match):
    with pytest.raises(InputError, match=match):
        contiguity(areas)


def test_options_that_cannot_be_used():
    areas = lattice_areas(2, 2)
    with pytest.raises(InputError, match="'rule'"):
        contiguity(areas, rule="bishop")
    with pytest.raises(InputError, match="between 1 and 3, not 4"):
        nearest_neighbours(areas, k=4)
    with pytest.raises(InputError, match="'within_m': must be above 0 metres"):
        distance_band(areas, within_m=0)
    with pytest.raises(InputError, match="'bandwidth_m'"):
        kernel_graph(areas, bandwidth_m=-1)
    with pytest.raises(InputError, match="'kernel'"):
        kernel_graph(areas, bandwidth_m=1, kernel="uniform")
    with pytest.raises(InputError, match="coordinates in degrees"):
        distance_band(areas.to_crs(4326), within_m=10)
    twice = gpd.GeoDataFrame(geometry=[Point(0, 0), Point(0, 0)], index=["A", "B"])
    with pytest.raises(InputError, match=r"share one centroid \(2: A, B\)"):
        nearest_neighbours(twice, k=1)
