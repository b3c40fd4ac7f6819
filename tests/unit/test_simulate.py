"""Worlds: exact truth, honest selection, the requested noise, files that repeat to the byte."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.simulate import (
    Crime,
    Geography,
    Lockdown,
    Operation,
    Recording,
    RecordingBreak,
    World,
    simulate,
)

SMALL = Geography(boroughs=3, areas_per_borough=(8, 12))
OPERATION = Operation(start="2020-07-06", weeks=12, k=3, displacement_percent=30)


def world(seed: int = 7, **parts: object) -> World:
    arguments = {"weeks": 60, "geography": SMALL, "operation": OPERATION} | parts
    return simulate(rng=np.random.default_rng(seed), **arguments)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain() -> World:
    return world()


@pytest.fixture(scope="module")
def murky() -> World:
    return world(
        recording=Recording(
            snap_point_m=150, unlocated_share=0.07, missing_months=("2020-03", "2020-09")
        )
    )


def test_map_is_valid_without_overlap_or_hole(plain: World) -> None:
    areas = plain.areas
    assert areas.crs.to_epsg() == 27700
    assert list(areas.index) == sorted(areas.index)
    assert areas.index.name == "area"
    assert list(areas.columns) == ["area_name", "cluster", "population", "geometry"]
    assert areas.geometry.is_valid.all()
    assert (areas.geom_type == "Polygon").all()
    union = areas.union_all()
    assert union.geom_type == "Polygon"
    assert not union.interiors
    # vertices are rounded to the centimetre, so slivers of some square centimetres a border remain
    assert areas.area.sum() == pytest.approx(union.area, rel=1e-9)
    assert areas["cluster"].value_counts().between(8, 12).all()
    assert 490_000 < areas.centroid.x.mean() < 570_000
    assert areas.area.mean() == pytest.approx(2.3e6, rel=0.25)


def test_neighbours_share_vertices_exactly(plain: World) -> None:
    corners = [set(polygon.exterior.coords) for polygon in plain.areas.geometry]
    beside = plain.areas.sindex.query(plain.areas.geometry, predicate="touches")
    pairs = [(i, j) for i, j in beside.T if i < j]
    assert len(pairs) > len(plain.areas)
    assert all(corners[i] & corners[j] for i, j in pairs)


def test_large_map_stays_valid() -> None:
    tiny = Crime(mean_per_area_week=0.01)
    large = world(
        geography=Geography(boroughs=20, areas_per_borough=(5, 30)), crime=tiny, operation=None
    )
    assert large.areas.geometry.is_valid.all()
    assert (large.areas.geom_type == "Polygon").all()
    assert large.areas.area.sum() == pytest.approx(large.areas.union_all().area, rel=1e-9)


def test_truth_is_an_identity(plain: World) -> None:
    truth = plain.truth
    assert truth.prevented.sum() > 20
    assert truth.displaced.sum() > 5
    np.testing.assert_array_equal(
        truth.observed, truth.counterfactual - truth.prevented + truth.displaced
    )


def test_every_change_is_known_with_its_origin(plain: World) -> None:
    truth, changes = plain.truth, plain.truth.changes
    fates = changes["fate"].value_counts()
    assert fates["prevented"] == truth.prevented.sum()
    assert fates["displaced"] == truth.displaced.sum()
    moved = changes[changes["fate"] == "displaced"]
    for name, rows in moved.groupby("site"):
        site = truth.sites[truth.sites["site"] == name].iloc[0]
        assert set(rows["area"]) <= set(site["areas"].split(";"))
        assert set(rows["area_to"]) <= set(site["catchment"].split(";"))
    arrivals = moved.groupby("area_to").size()
    by_area = pd.Series(truth.displaced.sum(axis=(1, 2)), index=truth.areas)
    assert by_area[by_area > 0].to_dict() == arrivals.to_dict()


def test_site_table_agrees_with_the_arrays(plain: World) -> None:
    truth = plain.truth
    every = truth.sites[truth.sites["outcome"] == "all"]
    assert every["prevented"].sum() == truth.prevented.sum()
    assert every["displaced"].sum() == truth.displaced.sum()
    assert (every["net"] == every["prevented"] - every["displaced"]).all()
    assert every["percent"].tolist() == pytest.approx([-20.0] * 3)
    for row in truth.sites.itertuples():
        rows = [truth.areas.index(area) for area in row.areas.split(";")]
        k = slice(None) if row.outcome == "all" else [truth.outcomes.index(row.outcome)]
        on = truth.treatment[rows] > 0
        assert row.counterfactual == truth.counterfactual[rows][on][:, k].sum()
        assert row.observed == truth.observed[rows][on][:, k].sum()


def test_catchments_touch_the_site_and_stay_in_the_borough(plain: World) -> None:
    shapes, borough = plain.areas.geometry, plain.areas["cluster"]
    for site in plain.truth.sites.drop_duplicates("site").itertuples():
        treated, near = site.areas.split(";"), site.catchment.split(";")
        assert not set(treated) & set(near)
        assert set(borough[near]) == {site.borough}
        assert (shapes[near].distance(shapes[treated].union_all()) == 0).all()


def test_catchment_is_every_untreated_area_with_a_common_border(plain: World) -> None:
    shapes, borough = plain.areas.geometry, plain.areas["cluster"]
    for site in plain.truth.sites.drop_duplicates("site").itertuples():
        treated = site.areas.split(";")
        others = borough.index[(borough == site.borough) & ~borough.index.isin(treated)]
        beside = [
            area for area in others if shapes[treated].intersection(shapes[area]).length.max() > 1.0
        ]
        assert site.catchment.split(";") == beside


@pytest.mark.parametrize("rule", ["count", "rate", "change"])
def test_selection_can_be_repeated_from_the_counts(rule: str) -> None:
    drawn = world(
        weeks=100,
        operation=replace(OPERATION, start="2021-05-03", rule=rule, stagger_weeks=3),
    )
    panel = drawn.truth_panel()
    total = panel.counts.sum(axis=2)
    for row in drawn.register.itertuples():
        first = panel.periods.position(row.start)
        last = total[:, first - 12 : first].sum(axis=1)
        prev = total[:, first - 64 : first - 12].sum(axis=1) * 12 / 52
        score = {
            "count": last,
            "rate": last / drawn.areas["population"].to_numpy(),
            "change": (last - prev) / np.sqrt(prev + 1),
        }[rule]
        own = [i for i, name in enumerate(panel.cluster or ()) if name == row.borough]
        best = sorted(own, key=lambda i, s=score: (-s[i], panel.areas[i]))[:3]
        assert sorted(panel.areas[i] for i in best) == row.areas.split(";")


def test_selection_on_one_outcome() -> None:
    drawn = world(operation=replace(OPERATION, selected_on=("robbery",)))
    counts = drawn.truth_panel(outcomes=["robbery"]).counts[:, :, 0]
    first = drawn.truth.periods.position("2020-07-06")
    last = pd.Series(counts[:, first - 12 : first].sum(axis=1), index=drawn.areas.index)
    for row in drawn.register.itertuples():
        chosen = row.areas.split(";")
        others = last[drawn.areas["cluster"] == row.borough].drop(chosen)
        assert last[chosen].min() >= others.max()


def test_treated_share_follows_start_and_weeks(plain: World) -> None:
    treated = plain.truth.treatment
    assert (treated > 0).any(axis=1).sum() == 9
    assert treated.sum() == 9 * 12
    first = plain.truth.periods.position("2020-07-06")
    assert treated[:, :first].sum() == 0


def test_a_start_within_a_week_treats_part_of_it() -> None:
    drawn = world(operation=replace(OPERATION, start="2020-07-09"))
    week = drawn.truth.periods.position("2020-07-06")
    assert set(drawn.truth.treatment[:, week]) == {0.0, 4 / 7}
    dates = drawn.truth.changes.loc[drawn.truth.changes["fate"] == "prevented", "date"]
    assert dates.min() >= pd.Timestamp("2020-07-09")


def test_boroughs_start_one_after_the_other() -> None:
    drawn = world(operation=replace(OPERATION, stagger_weeks=4, treated_boroughs=2))
    assert drawn.register["start"].tolist() == ["2020-07-06", "2020-08-03"]
    assert drawn.register["end"].tolist() == ["2020-09-27", "2020-10-25"]


def test_spells_switch_on_and_off() -> None:
    drawn = world(operation=replace(OPERATION, on_weeks=2, off_weeks=3, treated_boroughs=1))
    first = drawn.truth.periods.position("2020-07-06")
    pattern = drawn.truth.treatment.max(axis=0)[first : first + 13]
    assert pattern.tolist() == [1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0]
    assert len(drawn.register) == 3
    on = drawn.truth.treatment > 0
    assert drawn.truth.prevented[~on].sum() == 0


def test_operation_of_one_outcome_leaves_the_others() -> None:
    drawn = world(operation=replace(OPERATION, affects=("robbery",), effect_percent=-60))
    assert drawn.truth.prevented[:, :, [0, 2]].sum() == 0
    assert drawn.truth.prevented[:, :, 1].sum() > 0
    assert set(drawn.truth.sites.query("outcome == 'violence'")["log_irr"]) == {0.0}


def test_diffusion_prevents_in_the_catchment() -> None:
    drawn = world(operation=replace(OPERATION, displacement_percent=-40))
    truth = drawn.truth
    every = truth.sites[truth.sites["outcome"] == "all"]
    assert (every["displaced"] < 0).all()
    assert truth.displaced.sum() == 0
    assert truth.prevented.sum() == every["net"].sum()
    assert (truth.changes["fate"] == "diffused").sum() == -every["displaced"].sum()


def test_harmful_effect_adds_incidents() -> None:
    drawn = world(operation=replace(OPERATION, effect_percent=30, displacement_percent=0))
    truth = drawn.truth
    assert truth.prevented.sum() < 0
    assert truth.prevented.max() == 0
    np.testing.assert_array_equal(truth.observed, truth.counterfactual - truth.prevented)


def test_no_operation_no_change() -> None:
    drawn = world(operation=None)
    assert drawn.register.empty
    assert drawn.truth.sites.empty
    np.testing.assert_array_equal(drawn.truth.observed, drawn.truth.counterfactual)


def test_worlds_of_one_seed_share_all_but_the_effect(plain: World) -> None:
    stronger = world(operation=replace(OPERATION, effect_percent=-40, displacement_percent=0))
    np.testing.assert_array_equal(stronger.truth.counterfactual, plain.truth.counterfactual)
    assert stronger.register.equals(plain.register)
    assert (stronger.truth.prevented >= plain.truth.prevented).all()


def test_same_seed_same_world_other_seed_another(plain: World) -> None:
    again, other = world(), world(8)
    pd.testing.assert_frame_equal(again.incidents, plain.incidents)
    assert again.areas.geometry.geom_equals(plain.areas.geometry).all()
    assert not np.array_equal(
        other.truth.counterfactual.sum(axis=(0, 2)), plain.truth.counterfactual.sum(axis=(0, 2))
    )


def test_overdispersion_is_near_the_request() -> None:
    still = Crime(mean_per_area_week=8, overdispersion=2.5, serial_correlation=0.3, seasonality=0.0)
    drawn = world(
        weeks=400,
        geography=Geography(boroughs=8, areas_per_borough=20),
        crime=still,
        operation=None,
    )
    counts = drawn.truth.counterfactual.sum(axis=2)
    phi = (counts.var(axis=1, ddof=1) / counts.mean(axis=1)).mean()
    # 160 areas × 400 weeks: the standard error of the mean ratio is below 0.03
    assert phi == pytest.approx(2.5, abs=0.12)
    assert counts.mean() == pytest.approx(8, rel=0.03)


def test_poisson_when_overdispersion_is_one() -> None:
    still = Crime(mean_per_area_week=8, overdispersion=1.0, seasonality=0.0)
    counts = world(weeks=400, crime=still, operation=None).truth.counterfactual.sum(axis=2)
    phi = (counts.var(axis=1, ddof=1) / counts.mean(axis=1)).mean()
    assert phi == pytest.approx(1.0, abs=0.04)


def test_correlations_are_near_the_request() -> None:
    crime = Crime(serial_correlation=0.6, spatial_correlation=0.4, seasonality=0.0)
    drawn = world(
        weeks=400,
        geography=Geography(boroughs=4, areas_per_borough=20),
        crime=crime,
        operation=None,
    )
    field = np.log(drawn.truth.expected)
    field = (field - field.mean(axis=1, keepdims=True)) / field.std(axis=1, keepdims=True)
    serial = (field[:, 1:] * field[:, :-1]).mean()
    i, j = drawn.areas.sindex.query(drawn.areas.geometry, predicate="touches")
    spatial = (field[i] * field[j]).mean()
    assert serial == pytest.approx(0.6, abs=0.04)
    # the request holds at the mean distance of neighbours; distances vary and exp is convex
    assert spatial == pytest.approx(0.4, abs=0.08)
    counts = drawn.truth.counterfactual.sum(axis=2).astype(float)
    counts -= counts.mean(axis=1, keepdims=True)
    # in counts, the persistent part is (φ − 1)/2 of the variance φ: a sixth of each correlation
    sixth = 0.25 / 1.5
    assert (counts[:, 1:] * counts[:, :-1]).mean() / counts.var() == pytest.approx(
        0.6 * sixth, abs=0.02
    )
    assert (counts[i] * counts[j]).mean() / counts.var() == pytest.approx(0.4 * sixth, abs=0.02)


def test_season_lockdown_and_breaks_show() -> None:
    crime = Crime(
        seasonality=0.4, lockdown=Lockdown(start="2020-03-23", end="2020-05-10", depth=0.5)
    )
    recording = Recording(breaks=[RecordingBreak(outcome="robbery", start="2020-06-01", factor=3)])
    drawn = world(weeks=104, crime=crime, recording=recording, operation=None)
    week = drawn.truth_panel().periods.position
    total = drawn.truth.counterfactual.sum(axis=(0, 2))
    before = total[week("2020-03-09") : week("2020-03-23")].mean()
    assert total[week("2020-03-23") : week("2020-05-04")].mean() < 0.75 * before
    assert total[week("2021-07-05") : week("2021-08-02")].mean() > 1.5 * total[:4].mean()
    share = drawn.truth.counterfactual[:, :, 1].sum(axis=0) / total
    assert share[week("2020-06-01") :].mean() > 2 * share[: week("2020-06-01")].mean()


def test_published_panel_is_the_observed_truth_when_nothing_blurs(plain: World) -> None:
    for frequency in ("week", "four_week", "month"):
        published = plain.panel(frequency=frequency)
        true = plain.truth_panel(which="observed", frequency=frequency)
        assert published.periods == true.periods
        assert published.observed.all()
        np.testing.assert_array_equal(published.counts, true.counts)
    np.testing.assert_array_equal(
        plain.truth_panel(which="counterfactual").counts, plain.truth.counterfactual
    )


def test_months_of_a_panel_are_whole(plain: World) -> None:
    labels = plain.panel(frequency="month").periods.labels
    assert (labels[0], labels[-1]) == ("2020-02", "2021-02")


def test_missing_months_are_absent_and_stated(murky: World) -> None:
    months = murky.incidents["datetime"].dt.strftime("%Y-%m")
    assert not months.isin(["2020-03", "2020-09"]).any()
    assert murky.truth.missing_months == ("2020-03", "2020-09")
    monthly = murky.panel(frequency="month")
    gone = ~monthly.observed.all(axis=(0, 2))
    assert [monthly.periods.labels[t] for t in np.flatnonzero(gone)] == ["2020-03", "2020-09"]
    weekly = murky.panel(frequency="week")
    assert not weekly.observed[:, weekly.periods.position("2020-02-24")].any()
    assert murky.truth.observed[:, weekly.periods.position("2020-03-09")].sum() > 0


def test_published_rows_are_what_happened_less_the_missing_months(murky: World) -> None:
    start = murky.truth.periods.starts[0]
    happened = start + murky.observed.day.astype("timedelta64[D]")
    gone = np.isin(happened.astype("datetime64[M]"), np.array(["2020-03", "2020-09"], "M8[M]"))
    assert len(murky.incidents) == len(murky.observed) - gone.sum()


def test_snap_points_err_near_borders_and_some_have_no_place(murky: World) -> None:
    placed = murky.incidents[murky.incidents["area"].notna()]
    right = (placed["area"] == placed["area_true"]).mean()
    assert 0.7 < right < 0.97
    points = gpd.GeoSeries.from_xy(placed["easting"], placed["northing"], crs=27700)
    held = murky.areas.geometry.loc[placed["area"]].reset_index(drop=True)
    assert (held.distance(points.reset_index(drop=True)) == 0).all()
    assert len(placed.drop_duplicates(["easting", "northing"])) < len(murky.areas) * 60
    blank = murky.incidents["easting"].isna()
    assert blank.mean() == pytest.approx(0.07, abs=0.01)
    assert murky.incidents.loc[blank, "area"].isna().all()


def test_coordinates_agree(plain: World) -> None:
    rows = plain.incidents.head(200)
    metres = gpd.GeoSeries.from_xy(rows["longitude"], rows["latitude"], crs=4326).to_crs(27700)
    # six decimals of a degree are 0.11 m
    np.testing.assert_allclose(metres.x, rows["easting"], atol=0.2)
    np.testing.assert_allclose(metres.y, rows["northing"], atol=0.2)


@pytest.mark.parametrize("start", ["2020-01-06", "2020-01-09"])
def test_weekends_and_evenings_are_busiest_whatever_the_first_day(start: str) -> None:
    when = world(start=start, operation=None).incidents["datetime"].dt
    by_day = when.day_name().value_counts()
    assert set(by_day.index[:3]) == {"Friday", "Saturday", "Sunday"}
    by_hour = when.hour.value_counts()
    assert by_hour[[20, 21, 22]].min() > 2 * by_hour[[8, 9, 10]].max()


def test_domestic_share_of_the_named_outcomes(plain: World) -> None:
    share = plain.incidents.groupby("outcome")["domestic"].mean()
    assert share["violence"] == pytest.approx(0.3, abs=0.03)
    assert share["robbery"] == share["asb"] == 0


def test_an_outcome_without_incidents_is_a_column_of_zeros() -> None:
    rare = Crime(mean_per_area_week=0.2, outcomes=(("violence", 1 - 1e-9), ("homicide", 1e-9)))
    panel = world(crime=rare, operation=None).panel()
    assert panel.outcomes == ("violence", "homicide")
    assert panel.counts[:, :, 1].sum() == 0
    assert panel.counts[:, :, 0].sum() > 0
    alone = world(crime=rare, operation=None).panel(outcomes=["homicide"])
    assert alone.outcomes == ("homicide",)
    assert alone.counts.sum() == 0


def test_register_has_the_columns_of_a_register_file(plain: World) -> None:
    assert list(plain.register.columns) == [
        "site",
        "borough",
        "kind",
        "start",
        "end",
        "areas",
        "dosage_hours",
        "arrests",
        "weapons_found",
    ]
    assert plain.register["dosage_hours"].tolist() == [6.0 * 3 * 84] * 3
    assert set(plain.register["borough"]) == set(plain.areas["cluster"])


def test_design_is_the_true_one(plain: World) -> None:
    panel = plain.panel(outcomes=["violence"])
    on = plain.design(pre_periods=12, post_periods=12).on(panel)
    np.testing.assert_array_equal(on.treatment, plain.truth.treatment)
    assert len(on.rows("treated")) == 9
    one = plain.design(boroughs=["Barnsgate"]).on(panel)
    clusters = np.array(panel.cluster)
    assert set(clusters[one.role != "excluded"]) == {"Barnsgate"}


def test_files_repeat_to_the_byte(tmp_path: Path, murky: World) -> None:
    first = murky.write(tmp_path / "one")
    murky.write(tmp_path / "one")
    again = world(recording=murky.recording)
    again.write(tmp_path / "two")
    names = sorted(path.name for path in first.iterdir())
    assert names == ["areas.gpkg", "counts.csv", "incidents.csv", "register.csv", "truth.json"]
    for name in names:
        one, two = (tmp_path / "one" / name).read_bytes(), (tmp_path / "two" / name).read_bytes()
        assert one == two, name
    with sqlite3.connect(tmp_path / "one" / "areas.gpkg") as store:
        assert store.execute("select last_change from gpkg_contents").fetchall() == [
            ("2000-01-01T00:00:00.000Z",)
        ]


def test_files_hold_the_world(tmp_path: Path, plain: World) -> None:
    plain.write(tmp_path)
    areas = gpd.read_file(tmp_path / "areas.gpkg")
    assert areas["area"].tolist() == list(plain.areas.index)
    assert areas.geometry.geom_equals(plain.areas.geometry.reset_index(drop=True)).all()
    incidents = pd.read_csv(tmp_path / "incidents.csv")
    assert "area_true" not in incidents
    monthly = plain.panel(frequency="month")
    read = Panel.from_incidents(
        incidents,
        area="area",
        date="datetime",
        outcome="outcome",
        frequency="month",
        areas=areas["area"],
        start="2020-02",
        end="2021-02",
    )
    counts = Panel.from_counts(
        pd.read_csv(tmp_path / "counts.csv"),
        area="area",
        period="month",
        outcomes=monthly.outcomes,
        cluster="borough",
    )
    order = [read.outcomes.index(name) for name in monthly.outcomes]
    np.testing.assert_array_equal(read.counts[:, :, order], monthly.counts)
    np.testing.assert_array_equal(counts.counts, monthly.counts)
    assert counts.cluster == monthly.cluster
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["totals"]["prevented"] == plain.truth.prevented.sum()
    assert truth["operation"]["effect_percent"] == -20
    assert [site["net"] for site in truth["sites"]] == plain.truth.sites["net"].tolist()


def test_weekly_counts_file_leaves_missing_weeks_out(tmp_path: Path, murky: World) -> None:
    murky.write(tmp_path, frequency="week")
    frame = pd.read_csv(tmp_path / "counts.csv")
    assert "2020-03-02" not in set(frame["week"])
    assert len(frame) == murky.panel().observed[:, :, 0].sum()


def test_police_uk_files_look_like_the_published_ones(tmp_path: Path, murky: World) -> None:
    murky.write_police_uk(tmp_path)
    paths = sorted(tmp_path.glob("*/*-simulated-street.csv"))
    assert len(paths) == len(murky.panel(frequency="month").periods) - 2
    frame = pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
    assert list(frame.columns) == [
        "Crime ID",
        "Month",
        "Reported by",
        "Falls within",
        "Longitude",
        "Latitude",
        "Location",
        "LSOA code",
        "LSOA name",
        "Crime type",
        "Last outcome category",
        "Context",
    ]
    asb = frame["Crime type"] == "Anti-social behaviour"
    assert frame.loc[asb, "Crime ID"].isna().all()
    assert frame.loc[~asb, "Crime ID"].str.fullmatch("[0-9a-f]{64}").all()
    assert frame.loc[~asb, "Crime ID"].is_unique
    assert (frame["Longitude"].isna() == frame["LSOA code"].isna()).all()
    assert frame["Month"].str.fullmatch(r"\d{4}-\d{2}").all()
    assert len(frame) == len(murky.police_uk_frame())


def test_police_uk_columns_are_those_of_a_genuine_file(shared_data: Path, plain: World) -> None:
    genuine = sorted((shared_data / "police_uk").glob("*/*.csv.gz"))[0]
    assert list(pd.read_csv(genuine, nrows=1).columns) == list(plain.police_uk_frame().columns)


def test_reprs_count_and_show_no_rows(plain: World) -> None:
    assert repr(plain).startswith("World of ")
    assert "3 rows in the register" in plain._repr_html_()
    assert "prevented" in repr(plain.truth)
    assert plain.to_frame().equals(plain.incidents)
    assert plain.truth.to_frame().equals(plain.truth.sites)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Geography(boroughs=0), "'boroughs': 0 is outside 1 to 99"),
        (lambda: Geography(areas_per_borough=(9, 5)), "'areas_per_borough': 5 is outside 9"),
        (lambda: Crime(overdispersion=0.5), "'overdispersion': 0.5 is outside"),
        (lambda: Crime(serial_correlation=1.0), "'serial_correlation': 1.0 is outside"),
        (lambda: Crime(outcomes=(("a", 0.5), ("b", 0.6))), "must be above 0 and sum to 1"),
        (lambda: Crime(outcomes=(("a", 0.5), ("a", 0.5))), "each once"),
        (lambda: Lockdown(start="2020-05-01", end="2020-04-01"), "before it starts"),
        (lambda: Operation(effect_percent=-100), "'effect_percent': -100 is outside"),
        (lambda: Operation(rule="hottest"), "'hottest' is not one of the options"),  # type: ignore[arg-type]
        (lambda: Operation(kind="patrol"), "'patrol' is not one of the options"),  # type: ignore[arg-type]
        (lambda: Operation(start="soon"), "neither a period nor a date"),
        (lambda: Operation(on_weeks=0), "'on_weeks': 0 is outside"),
        (lambda: Recording(snap_point_m=-1), "'snap_point_m': -1 is outside"),
        (lambda: Recording(missing_months=("lost",)), "neither a period nor a date"),
        (lambda: RecordingBreak(outcome="asb", start="2021-01", factor=-1), "'factor': -1"),
        (lambda: world(weeks=1), "'weeks': 1 is outside 2 to 5000"),
        (lambda: world(operation=replace(OPERATION, k=12)), "leave no control in a borough of"),
        (lambda: world(operation=replace(OPERATION, start="2020-02-03")), "needs 84 days"),
        (lambda: world(operation=replace(OPERATION, rule="change")), "needs 448 days"),
        (lambda: world(operation=replace(OPERATION, weeks=50)), "would end on day"),
        (lambda: world(operation=replace(OPERATION, treated_boroughs=4)), "the world has 3"),
        (lambda: world(operation=replace(OPERATION, affects=("theft",))), "'affects': names"),
        (lambda: world().panel(frequency="year"), "'year' is not one of"),  # type: ignore[arg-type]
        (lambda: world().panel(outcomes=["theft"]), r"are not in the world \(1: theft\)"),
        (lambda: world().panel(located="there"), "'there' is not one of"),  # type: ignore[arg-type]
        (lambda: world().truth_panel(which="both"), "'both' is not one of"),  # type: ignore[arg-type]
        (lambda: world().design(boroughs=["Soho"]), r"are not in the world \(1: Soho\)"),
        (lambda: world(weeks=3, operation=None).panel(frequency="month"), "no whole month"),
    ],
)
def test_refusals_say_what_is_wrong(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()  # type: ignore[operator]


def test_several_problems_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        world(operation=replace(OPERATION, selected_on=("a",), affects=("b",)), weeks=1)
    assert len(caught.value.problems) == 3
