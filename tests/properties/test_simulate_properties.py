"""What holds in every world, whatever it is made of."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot_eval.simulate import Crime, Geography, Operation, Recording, World, simulate

SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    boroughs = draw(st.integers(1, 3))
    on_weeks = draw(st.sampled_from([None, 1, 3]))
    operation = Operation(
        start=draw(st.sampled_from(["2020-03-30", "2020-04-02", "2020-04-20"])),
        weeks=draw(st.sampled_from([None, 4, 9])),
        k=draw(st.integers(1, 4)),
        lookback_weeks=draw(st.integers(1, 12)),
        rule=draw(st.sampled_from(["count", "rate", "random"])),
        effect_percent=draw(st.sampled_from([-95.0, -40.0, 0.0, 25.0, 100.0])),
        displacement_percent=draw(st.sampled_from([-100.0, -30.0, 0.0, 50.0, 100.0])),
        affects=draw(st.sampled_from([None, ("asb",)])),
        stagger_weeks=draw(st.integers(0, 2)),
        on_weeks=on_weeks,
        off_weeks=0 if on_weeks is None else draw(st.integers(0, 2)),
        treated_boroughs=draw(st.integers(1, boroughs)),
    )
    return simulate(
        rng=np.random.default_rng(draw(st.integers(0, 2**32))),
        weeks=30,
        geography=Geography(boroughs=boroughs, areas_per_borough=(5, 9)),
        crime=Crime(
            mean_per_area_week=draw(st.sampled_from([0.3, 5.0])),
            overdispersion=draw(st.sampled_from([1.0, 3.0])),
            spatial_correlation=draw(st.sampled_from([0.0, 0.6])),
        ),
        operation=draw(st.sampled_from([operation, operation, operation, None])),
        recording=Recording(
            snap_point_m=draw(st.sampled_from([0.0, 80.0, 3000.0])),
            unlocated_share=draw(st.sampled_from([0.0, 0.2])),
            missing_months=draw(st.sampled_from([(), ("2020-02",), ("2020-06", "2020-03")])),
        ),
    )


@SETTINGS
@given(worlds())
def test_observed_is_counterfactual_less_prevented_plus_displaced(world: World) -> None:
    truth = world.truth
    np.testing.assert_array_equal(
        truth.observed, truth.counterfactual - truth.prevented + truth.displaced
    )
    assert truth.observed.min() >= 0
    assert truth.counterfactual.min() >= 0
    assert truth.observed.sum() == len(world.observed)


@SETTINGS
@given(worlds())
def test_nothing_changes_outside_sites_and_catchments(world: World) -> None:
    truth = world.truth
    near = {area for listed in truth.sites["catchment"] for area in listed.split(";")}
    catchment = np.isin(truth.areas, list(near))
    treated = truth.treatment > 0
    changed = (truth.prevented != 0).any(axis=2)
    assert not changed[~treated & ~catchment[:, None]].any()
    assert not truth.displaced[~catchment].any()
    assert not treated[catchment].any()


@SETTINGS
@given(worlds())
def test_site_table_adds_up(world: World) -> None:
    sites = world.truth.sites
    every, single = sites[sites["outcome"] == "all"], sites[sites["outcome"] != "all"]
    columns = ["counterfactual", "observed", "prevented", "displaced", "net"]
    summed = single.groupby("site")[columns].sum()
    assert summed.to_dict() == every.set_index("site")[columns].to_dict()
    assert (every["observed"] == every["counterfactual"] - every["prevented"]).all()
    assert every["net"].sum() == world.truth.prevented.sum() - world.truth.displaced.sum()


@SETTINGS
@given(worlds())
def test_register_and_truth_tell_the_same_treatment(world: World) -> None:
    days = np.zeros_like(world.truth.treatment)
    for row in world.register.itertuples():
        rows = [world.truth.areas.index(area) for area in row.areas.split(";")]
        days[rows] += world.truth.periods.share(row.start, row.end)
    np.testing.assert_allclose(days, world.truth.treatment, atol=1e-12)
    assert days.max() <= 1


@SETTINGS
@given(worlds())
def test_published_panel_never_exceeds_what_happened(world: World) -> None:
    panel = world.panel(located="true")
    happened = world.truth_panel(which="observed")
    known = panel.observed
    assert (panel.counts[known] == happened.counts[known]).all()
    assert not panel.counts[~known].any()
    assert world.panel().counts.sum() <= panel.counts.sum()


@SETTINGS
@given(worlds())
def test_map_covers_its_ground_once(world: World) -> None:
    areas = world.areas
    assert areas.geometry.is_valid.all()
    assert (areas.geom_type == "Polygon").all()
    np.testing.assert_allclose(areas.area.sum(), areas.union_all().area, rtol=1e-9)
