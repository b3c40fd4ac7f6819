"""What must not matter to switchers, DID_M, lags and triple differences, on random small panels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.did_worlds import area, month, panel_of

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import (
    did_m,
    distributed_lags,
    dose_did,
    linear_did,
    switchers,
    triple_difference,
)
from hotspot_eval.panel import Panel

SEEDS = st.integers(0, 10_000)


def on_off(seed: int, n: int = 18, t: int = 8):
    """Counts, and paths that join, rotate, leave, stay on and stay off."""
    rng = np.random.default_rng(seed)
    d = np.zeros((n, t))
    for i in range(8):
        begin = rng.integers(1, t - 1)
        d[i, begin : begin + rng.integers(1, t)] = 1
    d[8:10] = 1
    d[8, rng.integers(2, t) :] = 0
    return rng.poisson(rng.uniform(2, 12, (n, 1)), (n, t)).astype(float), d


def estimates(y, d, **options):
    panel = panel_of(y, values=True)
    return switchers(panel, Design.from_treatment(panel, d), **options)


def same(one, two, *, factor: float = 1.0):
    np.testing.assert_allclose(two, factor * np.asarray(one), atol=1e-8, equal_nan=True)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_constants_of_areas_and_periods_do_not_matter(seed):
    y, d = on_off(seed)
    rng = np.random.default_rng(seed + 1)
    moved = y + rng.normal(size=(len(y), 1)) * 20 + rng.normal(size=y.shape[1]) * 5
    one, two = estimates(y, d), estimates(moved, d)
    same(one.estimates[:-1], two.estimates[:-1])
    kept = ~np.isnan(one.estimates[:-1])
    first, second = (r.covariance[:-1, :-1][np.ix_(kept, kept)] for r in (one, two))
    np.testing.assert_allclose(first, second, atol=1e-7)


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.floats(0.1, 9.0))
def test_scale_carries_over(seed, factor):
    y, d = on_off(seed)
    one, two = estimates(y, d), estimates(factor * y, d)
    same(one.estimates[:-1], two.estimates[:-1], factor=factor)
    same(one.effect.std_error, two.effect.std_error, factor=factor)
    same(one.estimates[-1], two.estimates[-1])


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_names_of_areas_do_not_matter(seed):
    y, d = on_off(seed)
    turn = np.random.default_rng(seed).permutation(len(y))
    one, two = estimates(y, d), estimates(y[turn], d[turn])
    same(one.estimates, two.estimates)
    same(one.effect.std_error, two.effect.std_error)
    panel, turned = panel_of(y, values=True), panel_of(y[turn], values=True)
    same(
        did_m(panel, Design.from_treatment(panel, d)).vector,
        did_m(turned, Design.from_treatment(turned, d[turn])).vector,
    )


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_what_comes_after_the_last_effect_does_not_matter(seed):
    """One effect looks at the switch alone: counts two periods on may be anything."""
    y, d = on_off(seed)
    d[:8] = 0
    d[:8, 3] = 1
    d[8:] = 0
    later = y.copy()
    later[:, 4:] = np.random.default_rng(seed).poisson(99.0, later[:, 4:].shape)
    same(estimates(y, d, effects=1).estimates, estimates(later, d, effects=1).estimates)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_one_switch_and_two_periods_are_one_difference_of_differences(seed):
    rng = np.random.default_rng(seed)
    y = rng.poisson(9.0, (14, 2)).astype(float)
    d = np.zeros((14, 2))
    d[:5, 1] = 1
    panel = panel_of(y, values=True)
    design = Design.from_treatment(panel, d)
    plain = linear_did(panel, design).effect
    for effect in (
        switchers(panel, design).effect,
        did_m(panel, design).effect,
        distributed_lags(panel, design, lags=0, model="linear").effect,
    ):
        assert effect.estimate == pytest.approx(plain.estimate, abs=1e-9)


@settings(max_examples=6, deadline=None)
@given(SEEDS, st.floats(0.2, 5.0))
def test_a_dose_in_other_units_is_another_unit(seed, factor):
    rng = np.random.default_rng(seed)
    y, dose = rng.poisson(20.0, (16, 6)), rng.uniform(0.5, 3.0, 6)
    panel = panel_of(y)
    one, two = (
        dose_did(
            panel,
            Design(
                spells=[Spell(area=area(i), start=month(3), dose=scale * dose[i]) for i in range(6)]
            ),
        ).effect
        for scale in (1.0, factor)
    )
    assert two.estimate * factor == pytest.approx(one.estimate, abs=1e-8)
    assert two.std_error * factor == pytest.approx(one.std_error, rel=1e-6)


def types(one, other) -> Panel:
    n, t = one.shape
    frame = pd.DataFrame(
        {
            "area": np.repeat([area(i) for i in range(n)], t),
            "month": np.tile([month(k) for k in range(t)], n),
            "robbery": one.ravel(),
            "theft": other.ravel(),
        }
    )
    return Panel.from_counts(frame, area="area", period="month", outcomes=["robbery", "theft"])


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_triple_turns_its_sign_when_the_types_change_places(seed):
    rng = np.random.default_rng(seed)
    panel = types(rng.poisson(4.0, (16, 6)), rng.poisson(5.0, (16, 6)))
    d = np.zeros((16, 6))
    d[:5, 3:] = 1
    design = Design.from_treatment(panel, d)
    for small in ("plain", "corrected"):
        for model in ("poisson", "linear"):
            there, back = (
                triple_difference(
                    panel, design, outcome=a, comparison=b, model=model, small_counts=small
                ).effect
                for a, b in (("robbery", "theft"), ("theft", "robbery"))
            )
            assert there.estimate == pytest.approx(-back.estimate, abs=1e-7)
            assert there.std_error == pytest.approx(back.std_error, rel=1e-6)
