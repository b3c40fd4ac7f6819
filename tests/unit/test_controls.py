"""Controls: who they are, how far, how alike, and when to refuse them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.replay_worlds import boroughs, operation, panel_of

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK
from hotspot_eval.planning import balance, far_controls, matched_controls, same_rule_controls

START = "2022-07"


@pytest.fixture(scope="module")
def world():
    return boroughs(np.random.default_rng(5))


def hottest(world):
    return operation(world, TopK(k=3), START, np.random.default_rng(0))


def test_balance_by_hand():
    """Levels 4 and 2; slopes 1 and 0 a month around them, so 12/4 = 3 levels a year and 0."""
    t = np.arange(13)
    rise = np.concatenate([np.arange(-5, 7) + 10, [99]])
    counts = np.stack([rise, np.full(13, 2), np.full(13, 2)])
    months = [f"20{19 + m // 12}-{m % 12 + 1:02}" for m in t]
    panel = panel_of(counts, ["a", "b", "c"], ["x"] * 3, months)
    table = balance(panel, Design(treated=["a"], start="2020-01")).table.set_index("measure")
    assert table.loc["level", ["treated", "controls", "all_areas"]].tolist() == pytest.approx(
        [10.5, 2.0, (10.5 + 4) / 3]
    )
    assert table.loc["trend", "treated"] == pytest.approx(12 / 10.5)
    assert table.loc["trend", "controls"] == pytest.approx(0.0, abs=1e-12)
    assert table.loc["recent rise", "treated"] == pytest.approx(15 / 10.5 - 1)
    assert table.loc["season, quarter 1", "treated"] == pytest.approx(6 / 10.5)


def test_hotspots_against_the_rest_are_refused(world):
    found = balance(world, hottest(world))
    assert found.check.status == "failed"
    assert "not like the treated areas" in found.check.sentence
    assert "should not be read as an effect" in found.check.sentence


def test_the_treated_outcome_is_not_read(world):
    design = hottest(world)
    counts = world.counts[:, :, 0].copy()
    counts[:, world.periods.labels.index(START) :] *= 5
    other = panel_of(counts, world.areas, world.cluster, world.periods.labels)
    assert balance(world, design).table.equals(balance(other, design).table)
    assert matched_controls(world, design).controls == matched_controls(other, design).controls


def test_matching_finds_twins(world):
    counts = world.counts[:, :, 0].copy()
    rows = world.positions(["A00", "A01", "A02"])
    twins = world.positions(["A05", "A08", "A13"])
    counts[twins] = counts[rows]
    panel = panel_of(counts, world.areas, world.cluster, world.periods.labels)
    design = Design(treated=["A00", "A01", "A02"], start=START)
    found = matched_controls(panel, design)
    assert found.controls == ("A05", "A08", "A13")
    assert found.pairs["distance"].max() == pytest.approx(0.0, abs=1e-12)
    assert found.balance.check.status == "passed"


def test_matching_narrows_the_gap_and_keeps_clusters(world):
    design = hottest(world)
    found = matched_controls(world, design, per_treated=2)
    assert len(found.controls) == 6 == len(set(found.controls))
    assert {area[0] for area in found.controls} == {"A"}
    wide = matched_controls(
        world,
        design,
        within_cluster=False,
        candidates=[a for a in world.areas if a not in set(design.treated)],
    )
    level = {
        name: abs(b.table.set_index("measure").loc["level", "difference"])
        for name, b in {"rest": balance(world, design), "wide": wide.balance}.items()
    }
    assert level["wide"] < level["rest"]


def test_same_rule_takes_the_next_in_line(world):
    rule = TopK(k=3)
    rng = np.random.default_rng(0)
    design = hottest(world)
    chosen = same_rule_controls(world, design, rule=rule, rng=rng)
    six = [a for a in TopK(k=6)(world, START, rng) if a.startswith("A")]
    assert set(chosen) == set(six) - set(design.treated) and len(chosen) == 3
    staggered = Design(treated=["A00", "A01"], start=["2022-01", START])
    with pytest.raises(InputError, match="start at different times"):
        same_rule_controls(world, staggered, rule=rule, rng=rng)


def test_far_controls_measure_to_the_nearest_treated_area():
    panel = panel_of(
        np.ones((4, 3), dtype=int), list("abcd"), ["x"] * 4, ["2022-01", "2022-02", "2022-03"]
    )
    places = pd.DataFrame({"x": [0.0, 1000.0, 400.0, 2000.0], "y": 0.0}, index=list("abcd"))
    design = Design(treated=["a", "b"], start="2022-02")
    assert far_controls(panel, design, centroids=places, at_least_m=500) == ("d",)
    assert far_controls(panel, design, centroids=places, at_least_m=400) == ("c", "d")
    with pytest.raises(InputError, match="the furthest is 1000 m"):
        far_controls(panel, design, centroids=places, at_least_m=5000)
    with pytest.raises(InputError, match="has no row for areas"):
        far_controls(panel, design, centroids=places.drop("c"), at_least_m=500)
    with pytest.raises(InputError, match="has no column 'x'"):
        far_controls(panel, design, centroids=places[["y"]], at_least_m=500)
    with pytest.raises(InputError, match="must be above 0"):
        far_controls(panel, design, centroids=places, at_least_m=0)


def test_refusals(world):
    design = hottest(world)
    with pytest.raises(InputError, match="too few to match without replacement"):
        matched_controls(world, design, per_treated=9)
    with pytest.raises(InputError, match="'per_treated': must be at least 1"):
        matched_controls(world, design, per_treated=0)
    early = Design(treated=["A00"], start="2019-03")
    found = balance(world, early)
    assert found.check.status == "not assessed"
    assert "2 periods lie before the start" in found.check.sentence
