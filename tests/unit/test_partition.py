"""Partition of space: roles, dilution, what is warned about and what is refused."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import MultiPolygon, Point, Polygon, box

from hotspot_eval.data import partition
from hotspot_eval.errors import InputError


def grid(side: int = 5, size: float = 1000.0, crs: int = 27700) -> gpd.GeoDataFrame:
    """Squares named by column and row: ``00`` at the origin."""
    cells = [(i, j) for i in range(side) for j in range(side)]
    return gpd.GeoDataFrame(
        {"area": [f"{i}{j}" for i, j in cells]},
        geometry=[box(i * size, j * size, (i + 1) * size, (j + 1) * size) for i, j in cells],
        crs=crs,
    ).set_index("area")


def sites(*shapes: object, crs: int | None = 27700, **columns: object) -> gpd.GeoDataFrame:
    names = [f"s{k}" for k in range(len(shapes))]
    return gpd.GeoDataFrame({"site": names, **columns}, geometry=list(shapes), crs=crs)


def role(split: object, area: str) -> str:
    return str(split.roles.set_index("area").loc[area, "role"])  # type: ignore[attr-defined]


def test_roles_shares_and_sites():
    split = partition(grid(), sites(box(2000, 2000, 2500, 3000)), rings_m=[1000], donut_m=1000)
    roles = split.roles.set_index("area")
    assert split.areas("site") == ("22",)
    assert roles.loc["22", ["site", "share_treated"]].tolist() == ["s0", 0.5]
    assert set(split.areas("ring 1")) == {"12", "32", "21", "23", "11", "13", "31", "33"}
    assert roles.loc["32", "share_zone"] == pytest.approx(0.5)
    assert roles.loc["12", "share_zone"] == pytest.approx(1.0)
    assert {role(split, area) for area in ("02", "24", "42", "20")} == {"donut"}
    assert role(split, "44") == "remainder"
    assert split.areas("rings") == split.areas("ring 1")
    assert roles.loc["32", "site"] == "s0"
    assert pd.isna(roles.loc["44", "site"])


def test_the_ledger_counts_every_role():
    split = partition(grid(), sites(box(2000, 2000, 2500, 3000)), rings_m=[1000], donut_m=1000)
    step = split.ledger.steps[0]
    counted = {note.reason: note.rows for note in step.remarks}
    assert sum(counted[f"role: {r}"] for r in ("site", "ring 1", "donut", "remainder")) == 25
    assert "1 site, 8 ring 1" in repr(split)
    assert "50% of a site's areas truly treated" in repr(split)


def test_slivers_are_ignored_and_counted():
    split = partition(grid(), sites(box(2000, 2000, 3010, 3000)))
    assert split.areas("site") == ("22",)
    touched = next(n for n in split.ledger.steps[0].remarks if n.reason.startswith("touched"))
    assert (touched.rows, touched.examples) == (1, ("32",))
    wide = partition(grid(), sites(box(2000, 2000, 3010, 3000)), tolerance=0.005)
    assert wide.areas("site") == ("22", "32")
    assert wide.roles.set_index("area").loc["32", "share_treated"] == pytest.approx(0.01)


def test_a_small_site_in_a_large_area_is_not_lost():
    split = partition(grid(size=10_000), sites(Point(25_000, 25_000).buffer(150)))
    assert split.areas("site") == ("22",)
    share = split.roles.set_index("area").loc["22", "share_treated"]
    assert share == pytest.approx(np.pi * 150**2 / 1e8, rel=1e-2)


def test_areas_that_only_share_a_border_are_no_site():
    split = partition(grid(), {"centre": ["22"]}, rings_m=[300])
    assert split.areas("site") == ("22",)
    assert set(split.areas("ring 1")) == {"12", "32", "21", "23", "11", "13", "31", "33"}
    split = partition(grid(), {"centre": ["22"]}, rings_m=[300], tolerance=0.1)
    assert set(split.areas("ring 1")) == {"12", "32", "21", "23"}


def test_sites_by_area_ids():
    by_name = partition(grid(), {"one": ["11", "12"], "two": ["33"]}, rings_m=[500])
    rows = pd.DataFrame({"site": ["one", "one", "two"], "area": ["11", "12", "33"]})
    lists = pd.DataFrame({"site": ["one", "two"], "areas": [("11", "12"), ("33",)]})
    for other in (rows, lists):
        pd.testing.assert_frame_equal(partition(grid(), other, rings_m=[500]).roles, by_name.roles)
    assert by_name.roles.set_index("area").loc["11", "share_treated"] == 1.0
    with pytest.raises(InputError, match=r"area ids are not in the boundaries \(1: 99\)"):
        partition(grid(), {"one": ["11", "99"]})


def test_rings_of_one_site_never_take_anothers_site():
    split = partition(grid(), {"one": ["11"], "two": ["12"]}, rings_m=[500, 1500])
    assert split.areas("site") == ("11", "12")
    together = [split.areas(name) for name in ("site", "ring 1", "ring 2", "remainder")]
    assert sum(map(len, together)) == len(set().union(*together)) == 25


def test_overlapping_sites_are_named_and_counted_once():
    split = partition(grid(), sites(box(2000, 2000, 2600, 3000), box(2400, 2000, 3000, 3000)))
    check = next(check for check in split.checks if check.name == "sites apart")
    assert check.status == "failed"
    assert "s0 and s1" in check.sentence
    assert check.evidence["area_m2"].tolist() == pytest.approx([200_000])
    assert split.roles.set_index("area").loc["22", "share_treated"] == pytest.approx(1.0)
    assert split.overlaps["share"].tolist() == pytest.approx([0.6, 0.6])
    apart = partition(grid(), sites(box(2000, 2000, 2400, 3000), box(2600, 2000, 3000, 3000)))
    assert next(c for c in apart.checks if c.name == "sites apart").status == "passed"


def test_sites_below_the_snap_point_scale_are_warned_about():
    shapes = sites(Point(2500, 2500).buffer(60), Point(1500, 1500).buffer(400))
    check = partition(grid(), shapes).checks[0]
    assert (check.status, check.evidence["equivalent_radius_m"].round().tolist()) == (
        "failed",
        [60, 400],
    )
    assert "1 of 2 sites are smaller than a circle of 100 m: s0" in check.sentence
    assert check.sentence in partition(grid(), shapes)._repr_html_()
    assert partition(grid(), shapes, snap_m=50).checks[0].status == "passed"


def test_narrow_rings_are_warned_about():
    split = partition(grid(), {"one": ["22"]}, rings_m=[250, 300])
    check = next(c for c in split.checks if c.name == "rings wider than snap-point error")
    assert check.status == "failed"
    assert check.evidence["width_m"].tolist() == [250, 50]
    assert "ring 2" in check.sentence


def test_points_and_radii():
    point = Point(2500, 2500)
    by_column = partition(grid(), sites(point, radius_m=[400.0]))
    by_argument = partition(grid(), sites(point), radius_m=400)
    pd.testing.assert_frame_equal(by_column.roles, by_argument.roles)
    share = by_column.roles.set_index("area").loc["22", "share_treated"]
    assert share == pytest.approx(np.pi * 0.16, rel=1e-3)
    with pytest.raises(InputError, match=r"points have no radius \(1: s0\)"):
        partition(grid(), sites(point))


def test_sites_in_degrees_are_brought_over():
    shapes = sites(box(2000, 2000, 2500, 3000), crs=3857).to_crs(4326)
    split = partition(grid(crs=3857), shapes)
    assert split.roles.set_index("area").loc["22", "share_treated"] == pytest.approx(0.5, abs=1e-6)
    reasons = [note.reason for note in split.ledger.steps[0].remarks]
    assert "site brought from EPSG:4326 to EPSG:3857" in reasons


def test_broken_geometry_is_mended_and_counted():
    bow = Polygon([(2000, 2000), (3000, 3000), (3000, 2000), (2000, 3000)])
    split = partition(grid(), sites(bow))
    assert split.roles.set_index("area").loc["22", "share_treated"] == pytest.approx(0.5)
    notes = {note.reason: note.rows for note in split.ledger.steps[0].remarks}
    assert notes["site's invalid geometry mended"] == 1


def test_a_site_without_geometry_is_counted():
    split = partition(grid(), sites(box(2000, 2000, 2500, 3000), None))
    notes = {n.reason: n.examples for n in split.ledger.steps[0].remarks}
    assert notes["site without a geometry"] == ("s1",)


def test_areas_in_parts():
    areas = grid(2)
    areas.loc["00", "geometry"] = MultiPolygon([box(0, 0, 400, 1000), box(600, 0, 1000, 1000)])
    split = partition(areas, sites(box(0, 0, 400, 1000)))
    assert split.roles.set_index("area").loc["00", "share_treated"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"areas": grid().to_crs(4326)}, "no projected reference system"),
        ({"areas": grid().set_crs(None, allow_override=True)}, "no projected reference system"),
        ({"areas": pd.concat([grid(), grid()])}, r"area ids occur twice \(25: 00"),
        ({"rings_m": [500, 300]}, "argument 'rings_m': must be above 0 and rise"),
        ({"rings_m": [0]}, "argument 'rings_m'"),
        ({"donut_m": -1}, "argument 'donut_m'"),
        ({"tolerance": 1.0}, "argument 'tolerance'"),
        ({"sites": sites(box(2000, 2000, 2500, 3000), crs=None)}, "has no reference system"),
        ({"sites": sites(box(90_000, 90_000, 91_000, 91_000))}, "no site covers an area"),
        ({"sites": sites(None)}, "has neither geometry nor a column 'areas'"),
        ({"sites": {}}, "holds no site"),
        ({"sites": pd.DataFrame({"name": ["a"]})}, "has no column 'site'"),
    ],
)
def test_what_is_refused(arguments, match):
    given = {"areas": grid(), "sites": sites(box(2000, 2000, 2500, 3000)), **arguments}
    areas, shapes = given.pop("areas"), given.pop("sites")
    with pytest.raises(InputError, match=match):
        partition(areas, shapes, **given)


def test_a_role_that_is_none():
    split = partition(grid(), {"one": ["22"]}, rings_m=[300])
    with pytest.raises(InputError, match="Roles are site, ring 1, rings, donut, remainder"):
        split.areas("ring 2")


def test_five_thousand_areas_and_two_hundred_sites():
    areas = grid(71, 300.0)
    areas.index = [f"E{k:08d}" for k in range(len(areas))]
    rng = np.random.default_rng(1)
    shapes = sites(*(Point(*xy).buffer(200) for xy in rng.uniform(0, 21_300, (200, 2))))
    split = partition(areas, shapes, rings_m=[250, 500])
    assert len(split.roles) == 5041
    covered = (split.roles["share_treated"] * 300.0**2).sum()
    inside = shapes.clip(box(0, 0, 21_300, 21_300)).union_all().area
    assert covered == pytest.approx(inside, rel=1e-6)
