"""Boundaries: valid polygons on a metric grid, or a named refusal."""

import zipfile

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import Point, Polygon, box

from hotspot_eval.data.areas import read_areas
from hotspot_eval.errors import InputError

LONDON = (530_000, 180_000)


def squares(n=3, crs="EPSG:27700", **columns):
    """n squares of one kilometre side by side in London."""
    east, north = LONDON
    shapes = [box(east + 1_000 * i, north, east + 1_000 * (i + 1), north + 1_000) for i in range(n)]
    columns = {"code": [f"W{i}" for i in range(n)], "town": ["x", "y", "y"][:n], **columns}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:27700").to_crs(crs)


@pytest.fixture
def write(tmp_path):
    def write_one(frame, name="areas.gpkg", **options):
        frame.to_file(tmp_path / name, **options)
        return tmp_path / name

    return write_one


@pytest.mark.parametrize("crs", ["EPSG:27700", "EPSG:4326", "EPSG:3857", "EPSG:4277"])
@pytest.mark.parametrize("name", ["areas.gpkg", "areas.shp"])
def test_every_system_and_format_ends_on_the_british_grid(write, crs, name):
    areas = read_areas(write(squares(crs=crs), name), id_column="code", cluster_column="town")
    assert areas.crs.to_epsg() == 27700
    assert areas.index.tolist() == ["W0", "W1", "W2"]
    assert areas.index.name == "area"
    assert areas["cluster"].tolist() == ["x", "y", "y"]
    np.testing.assert_allclose(areas.area, 1e6, rtol=1e-3)
    np.testing.assert_allclose(areas.total_bounds[:2], LONDON, atol=10)


def test_geojson_and_zipped_shapefiles_are_read(write, tmp_path):
    path = write(squares(crs="EPSG:4326"), "areas.geojson")
    assert len(read_areas(path, id_column="code")) == 3
    write(squares(), "shape.shp")
    with zipfile.ZipFile(tmp_path / "shape.zip", "w") as packed:
        for part in sorted(tmp_path.glob("shape.*")):
            if part.suffix != ".zip":
                packed.write(part, f"folder/{part.name}")
    assert len(read_areas(tmp_path / "shape.zip", id_column="code")) == 3


def test_order_and_names_come_from_the_ids_not_the_rows(write):
    path = write(squares(name=["c", "b", "a"]).iloc[::-1])
    areas = read_areas(path, id_column="code", name_column="name")
    assert areas["area_name"].tolist() == ["c", "b", "a"]
    assert areas["cluster"].isna().all()
    assert "town" in areas.columns


def test_numeric_ids_become_text(write):
    areas = read_areas(write(squares(code=[10, 9, 8])), id_column="code")
    assert areas.index.tolist() == ["10", "8", "9"]


def test_data_outside_britain_goes_to_its_utm_zone(write):
    shape = box(2.3, 48.8, 2.4, 48.9)
    paris = gpd.GeoDataFrame({"code": ["P"]}, geometry=[shape], crs="EPSG:4326")
    areas = read_areas(write(paris, "paris.gpkg"), id_column="code")
    assert areas.crs.to_epsg() == 32631


def test_invalid_geometry_is_mended_and_counted(write):
    frame = squares()
    east, north = LONDON
    bow_tie = Polygon([(0, 0), (1_000, 1_000), (1_000, 0), (0, 1_000)])
    frame.loc[1, "geometry"] = shapely.affinity.translate(bow_tie, east + 1_000, north)
    areas = read_areas(write(frame), id_column="code")
    assert areas.is_valid.all()
    note = areas.attrs["ledger"].steps[0].remarks[0]
    assert (note.reason, note.rows, note.examples) == ("invalid geometry mended", 1, ("W1",))


def test_empty_and_foreign_geometry_is_refused_by_name(write):
    frame = squares()
    frame.loc[1, "geometry"] = None
    frame.loc[2, "geometry"] = Point(LONDON)
    with pytest.raises(InputError) as error:
        read_areas(write(frame), id_column="code")
    assert "areas have no geometry (1: W1)" in str(error.value)
    assert "areas are not polygons (1: W2)" in str(error.value)


def test_a_polygon_without_extent_cannot_be_mended(write):
    frame = squares()
    east, north = LONDON
    frame.loc[1, "geometry"] = Polygon([(east, north), (east + 1, north), (east + 2, north)])
    with pytest.raises(InputError, match=r"geometry cannot be mended for areas \(1: W1"):
        read_areas(write(frame), id_column="code")


def test_repeated_ids_are_refused_or_joined(write):
    frame = squares(code=["W0", "W1", "W1"])
    path = write(frame)
    with pytest.raises(InputError, match=r"area ids occur more than once \(1: W1.*dissolve=True"):
        read_areas(path, id_column="code")
    areas = read_areas(path, id_column="code", cluster_column="town", dissolve=True)
    np.testing.assert_allclose(areas.area, [1e6, 2e6])
    step = areas.attrs["ledger"].steps[0]
    assert (step.rows_in, step.rows_out) == (3, 2)
    torn = write(frame.assign(town=["x", "x", "y"]), "torn.gpkg")
    with pytest.raises(InputError, match=r"parts of an area have two clusters \(1: W1"):
        read_areas(torn, id_column="code", cluster_column="town", dissolve=True)


def test_blank_ids_and_missing_columns_are_named(write):
    path = write(squares(code=["W0", None, " "]))
    with pytest.raises(InputError, match=r"column 'code': area id is blank in rows \(2: 1, 2"):
        read_areas(path, id_column="code")
    with pytest.raises(InputError, match=r"columns are missing \(2: id, borough\). It has code"):
        read_areas(path, id_column="id", cluster_column="borough")
    blank = write(squares(town=["x", None, "y"]), "blank.gpkg")
    with pytest.raises(InputError, match=r"column 'town': is blank for areas \(1: W1"):
        read_areas(blank, id_column="code", cluster_column="town")


def relabelled(frame, crs):
    return frame.set_crs(crs, allow_override=True)


def test_metres_labelled_as_degrees_are_noticed(write):
    path = write(relabelled(squares(), "EPSG:4326"))
    with pytest.raises(InputError, match=r"cannot be in WGS 84.*3: W0, W1, W2.*crs='EPSG:27700'"):
        read_areas(path, id_column="code")
    areas = read_areas(path, id_column="code", crs="EPSG:27700")
    np.testing.assert_allclose(areas.area, 1e6)


def test_degrees_labelled_as_metres_are_noticed(write):
    path = write(relabelled(squares(crs="EPSG:4326"), "EPSG:27700"))
    with pytest.raises(InputError, match=r"British National Grid.*crs='EPSG:4326'"):
        read_areas(path, id_column="code")
    assert len(read_areas(path, id_column="code", crs=4326)) == 3


def test_latitude_before_longitude_is_noticed(write):
    frame = squares(crs="EPSG:4326")
    flipped = frame.set_geometry(
        gpd.GeoSeries(shapely.transform(frame.geometry, lambda xy: xy[:, ::-1]), crs=frame.crs)
    )
    with pytest.raises(InputError, match="in the wrong order: swap them"):
        read_areas(write(flipped), id_column="code")


def test_one_area_far_away_is_named(write):
    frame = squares()
    frame.loc[2, "geometry"] = box(9_000_000, 9_000_000, 9_001_000, 9_001_000)
    with pytest.raises(InputError, match=r"areas lie outside its area of use \(1: W2"):
        read_areas(write(frame), id_column="code")


def test_web_mercator_without_its_label_is_guessed(write, tmp_path):
    write(squares(crs="EPSG:3857"), "bare.shp")
    (tmp_path / "bare.prj").unlink()
    with pytest.raises(InputError, match=r"names no coordinate reference system.*EPSG:3857"):
        read_areas(tmp_path / "bare.shp", id_column="code")
    areas = read_areas(tmp_path / "bare.shp", id_column="code", crs="EPSG:3857")
    np.testing.assert_allclose(areas.area, 1e6, rtol=1e-3)


def test_a_system_that_contradicts_a_sound_file_is_refused(write):
    path = write(squares())
    with pytest.raises(InputError, match=r"says OSGB36.*Leave crs= out"):
        read_areas(path, id_column="code", crs="EPSG:3857")
    with pytest.raises(InputError, match="argument 'crs': 'moon' is no coordinate reference"):
        read_areas(path, id_column="code", crs="moon")


def test_layers_must_be_chosen(write):
    path = write(squares(), layer="one")
    write(squares(n=2), layer="two")
    with pytest.raises(InputError, match=r"has several layers \(2: one, two"):
        read_areas(path, id_column="code")
    with pytest.raises(InputError, match=r"has no layer 'three' \(2: one, two"):
        read_areas(path, id_column="code", layer="three")
    assert len(read_areas(path, id_column="code", layer="two")) == 2


def test_content_must_be_what_the_name_says(tmp_path):
    for name in ("a.gpkg", "a.geojson", "a.shp"):
        trick = tmp_path / name
        trick.write_text("<OGRVRTDataSource><OGRVRTLayer/></OGRVRTDataSource>")
        with pytest.raises(InputError, match="whatever its name says"):
            read_areas(trick, id_column="code")
    (tmp_path / "b.geojson").write_text('{"type": "Nonsense"}')
    with pytest.raises(InputError, match=r"b\.geojson: cannot be read"):
        read_areas(tmp_path / "b.geojson", id_column="code")


def test_addresses_and_archives_of_nothing_are_refused(tmp_path):
    for path in ("/vsizip/a.zip/a.shp", "https://example.org/a.gpkg"):
        with pytest.raises(InputError, match="is an address or a virtual path"):
            read_areas(path, id_column="code")
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as packed:
        packed.writestr("readme.txt", "nothing")
    with pytest.raises(InputError, match="must hold one GeoPackage"):
        read_areas(tmp_path / "none.zip", id_column="code")


def test_a_third_dimension_is_dropped_and_columns_of_the_file_are_kept(write):
    frame = squares(cluster=["p", "q", "r"])
    frame = frame.set_geometry(gpd.GeoSeries(shapely.force_3d(frame.geometry, 5.0), crs=frame.crs))
    areas = read_areas(write(frame), id_column="code", cluster_column="town")
    assert not areas.has_z.any()
    assert areas["cluster"].tolist() == ["x", "y", "y"]
    assert areas["cluster_in_file"].tolist() == ["p", "q", "r"]


@pytest.mark.parametrize(
    ("name", "column", "areas", "mended"),
    [
        ("london_boroughs.gpkg", "borough_code", 33, 0),
        ("london_wards_2022_from_lsoa21.gpkg", "ward_code", 684, 0),
        ("london_lsoa_2011.gpkg", "LSOA11CD", 4_835, 0),
        ("london_lsoa_2021.gpkg", "LSOA21CD", 4_994, 0),
        ("northumbria_lsoa_2011.gpkg", "LSOA11CD", 1_002, 1),
    ],
)
def test_the_real_boundaries(shared_data, name, column, areas, mended):
    frame = read_areas(shared_data / "boundaries" / name, id_column=column)
    assert len(frame) == areas
    assert frame.is_valid.all()
    notes = {n.reason: n.rows for n in frame.attrs["ledger"].steps[0].remarks}
    assert notes.get("invalid geometry mended", 0) == mended
