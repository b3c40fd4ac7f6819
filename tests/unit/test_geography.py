"""Areas: both LSOA vintages in one set of units, points in polygons, grids and hexagons."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from hotspot_eval.data.geography import (
    areas_of_points,
    grid_areas,
    is_new_in_2021,
    lsoa_components,
    polygon_ids,
)
from hotspot_eval.errors import InputError


def pairs(*edges: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(edges, columns=["LSOA11CD", "LSOA21CD"])


def extent() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[shapely.box(1000, 1000, 3500, 2900)], crs=27700)


def test_kinds_of_change() -> None:
    units = lsoa_components(
        pairs(("A", "A"), ("B", "X"), ("B", "Y"), ("C", "Z"), ("D", "Z"), ("E", "V"), ("F", "V"),
              ("F", "W"))
    )  # fmt: skip
    assert dict(units.unit_of) == {
        "A": "A", "B": "B+", "X": "B+", "Y": "B+", "C": "C+", "D": "C+", "Z": "C+",
        "E": "E+", "F": "E+", "V": "E+", "W": "E+",
    }  # fmt: skip
    assert units.units == ("A", "B+", "C+", "E+")
    assert units.vintage(["A", "B", "X", "nowhere"]) == ["both", "2011", "2021", "unknown"]
    assert units.select(["Y"]).units == ("B+",)
    assert units.select("Y").codes_2021 == {"X", "Y"}


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=25, unique=True),
    st.randoms(),
)
def test_units_are_connected_components(edges: list[tuple[int, int]], random) -> None:
    import scipy.sparse as sp

    table = pairs(*((f"o{a}", f"n{b}") for a, b in edges))
    units = lsoa_components(table)
    names = sorted({*table["LSOA11CD"], *table["LSOA21CD"]})
    rows = [names.index(code) for code in table["LSOA11CD"]]
    columns = [names.index(code) for code in table["LSOA21CD"]]
    graph = sp.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(names),) * 2)
    _, label = sp.csgraph.connected_components(graph, directed=False)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            assert (units.unit_of[a] == units.unit_of[b]) == (label[i] == label[j])
    random.shuffle(edges)
    again = lsoa_components(pairs(*((f"o{a}", f"n{b}") for a, b in edges)))
    assert dict(again.unit_of) == dict(units.unit_of)


def test_populations_add_up() -> None:
    units = lsoa_components(pairs(("A", "A"), ("B", "X"), ("B", "Y")))
    assert units.add_up({"A": 10, "X": 3, "Y": 4}, vintage=2021).to_dict() == {"A": 10, "B+": 7}
    assert units.add_up({"A": 10, "B": 8}, vintage=2011).to_dict() == {"A": 10, "B+": 8}
    with pytest.raises(InputError, match=r"LSOA 2021 have no value \(1: Y\)"):
        units.add_up({"A": 10, "X": 3}, vintage=2021)


def test_overlap_table_is_checked() -> None:
    with pytest.raises(InputError, match=r"columns are missing \(1: LSOA21CD\)"):
        lsoa_components(pd.DataFrame({"LSOA11CD": ["A"]}))
    with pytest.raises(InputError, match=r"codes are blank in rows \(1: 0\)"):
        lsoa_components(pairs(("A", None)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"are not in the overlap table \(1: Q\)"):
        lsoa_components(pairs(("A", "A"))).select(["Q"])


def test_london_table(shared_data: Path) -> None:
    overlap = pd.read_csv(shared_data / "lookups" / "lsoa11_lsoa21_overlap_derived.csv")
    units = lsoa_components(overlap)
    assert (len(units.codes_2011), len(units.codes_2021), len(units.units)) == (4835, 4994, 4812)
    only_new = units.codes_2021 - units.codes_2011
    assert all(is_new_in_2021(code) for code in only_new)
    assert not any(is_new_in_2021(code) for code in units.codes_2011)


def test_points_on_edges_go_to_one_area() -> None:
    cells = [shapely.box(530000 + 100 * k, 180000, 530100 + 100 * k, 180100) for k in range(3)]
    areas = gpd.GeoDataFrame(geometry=cells, crs=27700)
    inside = gpd.GeoSeries(gpd.points_from_xy([530050, 530250, 530999], [180050] * 3), crs=27700)
    degrees = inside.to_crs(4326)
    assert areas_of_points(degrees.x.to_numpy(), degrees.y.to_numpy(), areas).tolist() == [0, 2, -1]
    doubled = gpd.GeoDataFrame(geometry=[cells[0], cells[0]], crs=27700)
    assert areas_of_points(degrees.x.to_numpy(), degrees.y.to_numpy(), doubled)[0] == 0


def test_points_go_to_the_nearest_street_within_reach() -> None:
    lines = [
        shapely.LineString([(530000, 180000), (530100, 180000)]),
        shapely.LineString([(530000, 180060), (530100, 180060)]),
    ]
    streets = gpd.GeoDataFrame(geometry=lines, crs=27700)
    at = gpd.GeoSeries(
        gpd.points_from_xy([530050] * 4, [180020, 180045, 180130, 179960]), crs=27700
    )
    degrees = at.to_crs(4326)
    lon, lat = degrees.x.to_numpy(), degrees.y.to_numpy()
    assert areas_of_points(lon, lat, streets).tolist() == [0, 1, -1, 0]
    assert areas_of_points(lon, lat, streets, reach_m=100).tolist() == [0, 1, 1, 0]
    mixed = gpd.GeoDataFrame(geometry=[lines[0], lines[1].buffer(5)], crs=27700)
    with pytest.raises(InputError, match=r"neither all polygons nor all lines"):
        areas_of_points(lon, lat, mixed)


@pytest.mark.parametrize("shape", ["square", "hexagon"])
def test_cells_tile_the_extent(shape: str) -> None:
    grid = grid_areas(extent(), cell_m=250, shape=shape)  # type: ignore[arg-type]
    area = 250**2 * (1 if shape == "square" else np.sqrt(3) / 2)
    assert np.allclose(grid.area, area)
    assert grid.union_all().buffer(1e-6).contains(extent().geometry[0])
    overlap = grid.area.sum() - grid.union_all().area
    assert abs(overlap) < 1e-3
    assert grid.index.is_unique and grid.index.name == "area"
    assert polygon_ids(grid) == list(grid.index)


def test_grids_of_two_extents_agree() -> None:
    far = gpd.GeoDataFrame(geometry=[shapely.box(2000, 1500, 6000, 4000)], crs=27700)
    one, other = grid_areas(extent(), cell_m=300), grid_areas(far, cell_m=300)
    shared = one.index.intersection(other.index)
    assert len(shared) > 0
    assert one.loc[shared].geometry.geom_equals(other.loc[shared].geometry).all()


def test_grid_refusals() -> None:
    with pytest.raises(InputError, match=r"must be above 0, not -5"):
        grid_areas(extent(), cell_m=-5)
    with pytest.raises(InputError, match=r"would make .* cells"):
        grid_areas(extent(), cell_m=0.1)
    with pytest.raises(InputError, match=r"has no projection in metres"):
        grid_areas(extent().to_crs(4326), cell_m=100)
    with pytest.raises(InputError, match=r"'circle' is not one of the options"):
        grid_areas(extent(), cell_m=100, shape="circle")  # type: ignore[arg-type]


def test_polygon_ids_are_checked() -> None:
    frame = grid_areas(extent(), cell_m=1000)
    with pytest.raises(InputError, match=r"have no projection in metres"):
        polygon_ids(frame.to_crs(4326))
    with pytest.raises(InputError, match=r"have no text column or index with ids"):
        polygon_ids(frame.reset_index(drop=True))
    twice = pd.concat([frame, frame.iloc[:1]])
    with pytest.raises(InputError, match=r"ids occur more than once \(1: "):
        polygon_ids(twice)
