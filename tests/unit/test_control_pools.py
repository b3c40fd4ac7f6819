"""Other pools of controls, and the estimate over many matched sets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.replay_worlds import boroughs, operation, panel_of

from hotspot_eval.design import Design
from hotspot_eval.did import PoissonDid
from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK
from hotspot_eval.planning import balance, balances, control_pools, far_controls, matched_sets

START = "2022-07"


@pytest.fixture(scope="module")
def world():
    return boroughs(np.random.default_rng(5))


@pytest.fixture(scope="module")
def design(world):
    return operation(world, TopK(k=3), START, np.random.default_rng(0), pre=12)


def test_pools_are_the_functions_they_name(world, design):
    places = pd.DataFrame(
        {"x": np.arange(len(world.areas)) * 100.0, "y": 0.0}, index=list(world.areas)
    )
    pools = control_pools(centroids=places, at_least_m=250)
    far = far_controls(world, design, centroids=places, at_least_m=250)
    assert pools["at least 250 m away"](world, design) == far
    some = replace(
        design, treated=(), catchment=["B00"], excluded=["C00"], controls=design.controls[:1]
    )
    everybody = set(pools["all areas without a role"](world, some))
    assert everybody == set(world.areas) - set(design.treated) - {"B00", "C00"}


def test_pools_refuse_what_they_cannot_mean(world):
    with pytest.raises(InputError, match="come together or not at all"):
        control_pools(at_least_m=100)
    with pytest.raises(InputError, match="nobody is next in rank"):
        control_pools(rule=TopK(k=2, by="random"))


def test_every_set_is_an_estimate_against_near_candidates(world, design):
    seen = []

    class Spy(PoissonDid):
        def many(self, panel, designs):
            seen.extend(designs)
            return PoissonDid().many(panel, designs)

    found = matched_sets(
        world, design, estimator=Spy(), rng=np.random.default_rng(0), sets=50, nearest=5
    )
    assert found.estimate == pytest.approx(PoissonDid()(world, design).effect.estimate)
    drawn = seen[1:]
    assert [len(d.controls) for d in drawn] == [6] * 50
    assert {tuple(d.treated) for d in drawn} == {tuple(design.treated)}
    assert set().union(*(d.controls for d in drawn)) <= set(design.controls)
    place = int(found.table["estimate"].to_numpy().argmin())
    by_hand = PoissonDid()(world, drawn[place]).effect.estimate
    assert found.table["estimate"].min() == pytest.approx(by_hand, abs=1e-9)
    table = balance(world, drawn[place]).table.set_index("measure")
    worst = table.loc[["level", "trend", "recent rise"], "difference"].abs().max()
    assert found.table["worst_difference"].iloc[place] == pytest.approx(worst)
    row = found.summary.iloc[0]
    assert row["distinct"] == len({tuple(d.controls) for d in drawn}) > 20
    assert row["low"] <= row["median"] <= row["high"]


def test_twins_everywhere_leave_no_spread():
    """Controls that are all alike: every set gives the same estimate, and that is said."""
    rng = np.random.default_rng(0)
    labels = boroughs(rng, months=36).periods.labels
    counts = np.vstack([rng.poisson(9, (2, 36)), np.tile(rng.poisson(9, 36), (10, 1))])
    ids = [f"a{i:02}" for i in range(12)]
    panel = panel_of(counts, ids, ["x"] * 12, labels)
    design = Design(treated=["a00", "a01"], start="2021-07", pre_periods=12, post_periods=3)
    found = matched_sets(panel, design, estimator=PoissonDid(), rng=rng, sets=30)
    assert found.summary["distinct"].iloc[0] > 1
    assert found.table["estimate"].std() == pytest.approx(0.0, abs=1e-12)


def test_nothing_after_the_start_decides_a_set(world, design):
    counts = world.counts[:, :, 0].copy()
    counts[:, world.periods.labels.index(START) :] *= 7
    other = panel_of(counts, world.areas, world.cluster, world.periods.labels)
    one, two = (
        matched_sets(p, design, estimator=PoissonDid(), rng=np.random.default_rng(3), sets=20)
        for p in (world, other)
    )
    assert one.table["worst_difference"].equals(two.table["worst_difference"])


def test_balances_keep_the_pool_that_cannot_be_had(world, design):
    pools = control_pools(rule=TopK(k=3), per_treated=9)
    found = balances(world, design, pools=pools)
    assert list(found) == ["as declared", *pools]
    assert found["as declared"].table.equals(balance(world, design).table)
    lost = found["matched in level, trend and season"]
    assert lost.check.status == "not assessed" and lost.table.empty
    assert "too few to match" in lost.check.sentence
    near = found["next in rank"].table.set_index("measure").loc["level", "difference"]
    rest = found["as declared"].table.set_index("measure").loc["level", "difference"]
    assert abs(near) < abs(rest)


def test_refusals(world, design):
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="'sets': must be at least 1"):
        matched_sets(world, design, estimator=PoissonDid(), rng=rng, sets=0)
    with pytest.raises(InputError, match="'nearest': must be at least per_treated"):
        matched_sets(world, design, estimator=PoissonDid(), rng=rng, nearest=1)


def test_too_few_candidates_are_said(world, design):
    rng = np.random.default_rng(0)
    none = matched_sets(world, design, estimator=PoissonDid(), rng=rng, nearest=9, per_treated=9)
    assert none.check.status == "not assessed" and none.table.empty
    assert "too few to match" in none.check.sentence
    assert none.estimate == pytest.approx(PoissonDid()(world, design).effect.estimate)
    few = replace(design, treated=(), controls=design.controls[:3])
    one = matched_sets(
        world, few, estimator=PoissonDid(), rng=rng, sets=20, nearest=1, per_treated=1
    )
    assert "one set only" in one.check.sentence
