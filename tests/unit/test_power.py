"""Power before the result: what a study could have seen, from its own past."""

from __future__ import annotations

import numpy as np
import pytest
from tests.replay_worlds import boroughs, operation, panel_of

from hotspot_eval.design import Design
from hotspot_eval.did import PoissonDid
from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK, replay
from hotspot_eval.planning.power import minimum_detectable_effect

RULE = TopK(k=4)
START = "2022-07"


def found_in(panel, design, *, seed=0, **options):
    return minimum_detectable_effect(
        panel, design, rule=RULE, rng=np.random.default_rng(seed), **options
    )


@pytest.fixture(scope="module")
def world():
    return boroughs(np.random.default_rng(7))


@pytest.fixture(scope="module")
def design(world):
    return operation(world, RULE, START, np.random.default_rng(0))


def test_more_crime_means_a_smaller_detectable_effect(world, design):
    sparse = boroughs(np.random.default_rng(7), mean=1.5)
    few = found_in(sparse, operation(sparse, RULE, START, np.random.default_rng(0)))
    assert found_in(world, design).percent > few.percent
    assert found_in(world, design, power=0.5).percent > found_in(world, design).percent


def test_curve_starts_at_the_size_and_rises(world, design):
    found = found_in(world, design)
    power = found.curve["power"].to_numpy()
    assert 0.0 <= found.false_alarms <= 0.1
    assert power[-1] > 0.95 and (np.diff(power) > -0.03).all()
    assert found.power_at(found.percent) == pytest.approx(0.8, abs=0.02)
    assert found.crimes == pytest.approx(-found.percent / 100 * found.expected_events)


def test_the_treated_outcome_is_never_read(world, design):
    counts = world.counts[:, :, 0].copy()
    at = world.periods.labels.index(START)
    counts[world.positions(design.treated), at : at + 3] *= 3
    other = panel_of(counts, world.areas, world.cluster, world.periods.labels)
    assert found_in(other, design).curve.equals(found_in(world, design).curve)


def test_promised_power_is_delivered():
    """Where 80 % is promised, replay of thinned worlds finds about that share.

    60 worlds: the binomial standard error is .05, and the promise is itself an estimate.
    """
    found, promised = [], []
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        panel = boroughs(rng)
        design = operation(panel, RULE, START, rng)
        promised.append(found_in(panel, design, seed=seed).power_at(-30))
        counts = panel.counts[:, :, 0].copy()
        rows, at = panel.positions(design.treated), panel.periods.labels.index(START)
        counts[rows, at:] = rng.binomial(counts[rows, at:], 0.7)
        acted = panel_of(counts, panel.areas, panel.cluster, panel.periods.labels)
        result = replay(acted, design, rule=RULE, estimator=PoissonDid(), rng=rng)
        found.append(result.effect.p_value <= 0.05)
    assert np.mean(found) == pytest.approx(np.mean(promised), abs=0.13)


def test_several_sites_use_the_joined_spread(world):
    rng = np.random.default_rng(0)
    chosen = [a for a in RULE(world, START, rng) if a[0] in "AB"]
    home = [a for a in world.areas if a[0] in "AB" and a not in set(chosen)]
    both = Design(treated=chosen, start=START, controls=home, pre_periods=3, post_periods=3)
    found = found_in(world, both)
    assert found.pseudo_studies == 0 and np.isfinite(found.percent)
    assert any("several sites" in note for note in found.notes)
    assert found.false_alarms == pytest.approx(0.05)


def test_no_pool_no_power():
    panel = boroughs(np.random.default_rng(3), clusters=2, months=20)
    design = operation(panel, RULE, "2020-05", np.random.default_rng(0))
    found = found_in(panel, design)
    assert np.isnan(found.percent) and "no reference distribution" in found.notes[0]


def test_what_nothing_finds_is_said(world, design):
    found = found_in(boroughs(np.random.default_rng(7), mean=0.05), design)
    assert np.isnan(found.percent)
    assert any("is found with 80%" in note for note in found.notes)
    assert repr(found).startswith("DetectableEffect(none")


def test_power_must_be_a_probability(world, design):
    with pytest.raises(InputError, match="argument 'power': must lie in"):
        found_in(world, design, power=80)
