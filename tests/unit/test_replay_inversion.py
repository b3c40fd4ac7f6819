"""Intervals hold every effect that the test does not reject, also where the variance grows fast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.replay_worlds import boroughs, joint_operation, operation

from hotspot_eval.did import PoissonDid
from hotspot_eval.inference import TopK, replay
from hotspot_eval.inference.replay.engine import study_of, verdict_of
from hotspot_eval.inference.replay.inversion import not_rejected
from hotspot_eval.inference.replay.recipe import Expectation
from hotspot_eval.significance import weighted_critical_value, weighted_p_values


def variance_of(treated, expected, fixed):
    return lambda delta: float(treated / (expected * np.exp(delta) + 1.0) + fixed)


@settings(max_examples=60, deadline=None)
@given(
    draws=st.lists(st.integers(-40, 40), min_size=1, max_size=60),
    seed=st.integers(0, 999),
    level=st.sampled_from([0.5, 0.8, 0.95]),
)
def test_the_critical_value_parts_what_is_rejected_from_what_is_not(draws, seed, level):
    """Ties and unequal weights: a statistic is rejected if and only if it reaches it."""
    u = np.array(draws) / 10
    weights = np.random.default_rng(seed).random(len(u))
    reach = weighted_critical_value(u, weights, level=level)
    near = np.concatenate([np.abs(u), np.abs(u) + 1e-9, np.linspace(0, 5, 101)])
    rejected = weighted_p_values(near, u, weights) <= 1.0 - level
    assert (rejected == (near >= reach)).all()


@settings(max_examples=60, deadline=None)
@given(
    estimate=st.floats(-6, 6),
    treated=st.floats(0.01, 80),
    expected=st.floats(0, 2000),
    fixed=st.floats(1e-4, 2),
    reach=st.floats(0.5, 6),
)
def test_ends_are_those_of_a_search_over_all_effects(estimate, treated, expected, fixed, reach):
    """Within half a step of the grid; the variance may make what lies between them two pieces."""
    variance = variance_of(treated, expected, fixed)
    low, high = not_rejected(estimate, variance, reach)
    widest = reach * np.sqrt(treated + fixed)
    grid = np.linspace(estimate - widest - 0.1, estimate + widest + 0.1, 4001)
    inside = np.array([abs(estimate - d) <= reach * np.sqrt(variance(d)) for d in grid])
    step = grid[1] - grid[0]
    assert low <= grid[inside][0] + 1e-9 and grid[inside][-1] <= high + 1e-9
    assert high == pytest.approx(grid[inside][-1], abs=1.01 * step)
    edge = abs(estimate - low) - reach * np.sqrt(variance(low))
    assert -1e-9 <= edge < 0.02 * max(1.0, widest)


def test_the_lowest_of_several_ends_is_taken():
    """A variance of 50/count: −6 is not rejected, though −2 is."""
    variance = variance_of(50.0, 1000.0, 0.05)
    low, _ = not_rejected(0.0, variance, 1.96)
    assert 1.96 * np.sqrt(variance(-2.0)) < 2.0 and 1.96 * np.sqrt(variance(-9.0)) > 9.0
    assert low < -9.0 and -low == pytest.approx(1.96 * np.sqrt(variance(low)))


def test_no_weight_has_no_ends():
    u = np.linspace(-2, 2, 41)
    told = Expectation(
        change=-1.0,
        predicted=0.0,
        foreseen=0.0,
        foreseen_se=0.1,
        expected=20.0,
        counterfactual=20.5,
        from_treated=1.0,
        fixed=0.1,
        u=u,
        weights=np.ones(41),
    )
    low, high = told.interval()
    assert -np.inf < low < -1.0 < high and told.p_value(low - 1e-6) <= 0.05
    assert replace(told, weights=np.full(41, 0.1)).interval() == (-np.inf, np.inf)


@pytest.mark.parametrize("starts", ["A", "AB"])
def test_where_nothing_happened_any_reduction_is_possible(starts):
    """No event after the start: the lower end is −100 %, and events prevented are not told."""
    rng = np.random.default_rng(5)
    panel, design = joint_operation(
        boroughs(rng, months=60, mean=0.4), TopK(k=4), dict.fromkeys(starts, "2023-01"), rng
    )
    rows, at = panel.positions(design.treated), panel.periods.labels.index("2023-01")
    told = {}
    for events in (0, 1):
        counts = panel.counts.copy()
        counts[rows, at : at + 3] = 0
        counts[rows[0], at] = events
        told[events] = replay(
            replace(panel, counts=counts),
            design,
            rule=TopK(k=4),
            estimator=PoissonDid(),
            rng=np.random.default_rng(0),
        ).effect
    assert told[0].percent_change().low == -100.0 and np.isfinite(told[0].ci_high)
    assert np.isfinite(told[1].ci_low) and told[1].ci_high < told[1].crimes_prevented().high
    prevented = told[0].crimes_prevented()
    assert np.isnan(prevented.value) and "no event on the treated cells" in prevented.notes[0]


@pytest.mark.parametrize("seed", range(4))
def test_test_and_interval_agree_at_any_effect(seed):
    rng = np.random.default_rng(seed)
    panel = boroughs(rng, mean=1.0)
    design = operation(panel, TopK(k=4), "2022-07", rng, pre=12)
    told = study_of(panel, design, rule=TopK(k=4), rng=rng).nulls[0].expectation
    low, high = told.interval()
    for delta in np.linspace(low - 0.3, high + 0.3, 101):
        assert (told.p_value(delta) > 0.05) == (low < delta < high)


def test_one_borough_alone_can_be_judged():
    """Monthly weights that halve in a year never sum to 19, without which p stays above .05."""
    rng = np.random.default_rng(4)
    panel = boroughs(rng, clusters=1, areas=30, months=96)
    design = operation(panel, TopK(k=5), "2026-01", rng, pre=12)
    counts = panel.counts.copy()
    counts[panel.positions(design.treated), panel.periods.labels.index("2026-01") :] = 0
    told = []
    for each in (panel, replace(panel, counts=counts)):
        study = study_of(each, design, rule=TopK(k=5), rng=np.random.default_rng(0))
        told.append(verdict_of(study.sites, study.nulls, study.pools, 0.95, "two-sided"))
        assert study.nulls[0].reference.weights.sum() > 20
    assert told[0].p_value > 0.05 and told[1].p_value <= 0.05
    assert np.isfinite([told[0].low, told[0].high]).all() and told[1].high < 0
