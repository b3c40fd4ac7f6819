"""What etwfe must equal on every panel: imputation, ratios of ratios, itself in another order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.did_worlds import area, panel_of, staggered

from hotspot_eval.did import Imputation, LinearDid, PoissonDid, etwfe, group_time

seeds = st.integers(0, 2**32 - 1)
STARTS = {0: 2, 1: 2, 2: 2, 3: 4, 4: 4, 5: 5}


def world(seed: int, n: int = 18, t: int = 7) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(3.0, 2.0, (n, 1)) * rng.uniform(0.6, 1.5, (1, t))) + 1


@pytest.mark.parametrize("effects", ["area", "cohort"])
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_linear_is_imputation(effects, seed):
    panel, design = panel_of(world(seed)), staggered(STARTS)
    made = etwfe(panel, design, model="linear", effects=effects)
    other = Imputation(model="linear")(panel, design)
    simple = made.aggregate("simple").effect
    assert simple.estimate == pytest.approx(other.effect.estimate, rel=1e-9, abs=1e-10)
    events = made.aggregate("event")
    for label in other.event_study().labels:
        expected = other.event_study()[label].estimate
        assert events[label].estimate == pytest.approx(expected, rel=1e-9, abs=1e-10)
    told = simple.crimes_prevented().value
    assert told == pytest.approx(other.effect.crimes_prevented().value, rel=1e-9, abs=1e-8)


@pytest.mark.parametrize("effects", ["area", "cohort"])
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_poisson_prevents_what_imputation_does(effects, seed):
    panel, design = panel_of(world(seed)), staggered(STARTS)
    made = etwfe(panel, design, effects=effects).aggregate("simple").effect
    other = Imputation()(panel, design).effect
    prevented = other.crimes_prevented().value
    assert made.crimes_prevented().value == pytest.approx(prevented, rel=1e-7, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_both_kinds_of_effects_are_one_where_areas_share_their_periods(seed):
    """The same function of the data has the same influence, whichever way it is come by."""
    panel, design = panel_of(world(seed)), staggered(STARTS)
    for scale in ("response", "link"):
        one = etwfe(panel, design, scale=scale, effects="cohort").aggregate("event")
        two = etwfe(panel, design, scale=scale, effects="area").aggregate("event")
        np.testing.assert_allclose(one.vector, two.vector, rtol=1e-7, atol=1e-8)
    linear = [
        etwfe(panel, design, model="linear", effects=e, control="never").aggregate("event")
        for e in ("cohort", "area")
    ]
    # the factor alone differs: area effects are nested in the clusters and not counted
    one, two = (np.diag(effects.covariance) for effects in linear)
    known = two > 0
    assert known.sum() == len(two) - 1
    assert np.ptp(one[known] / two[known]) < 1e-7


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_one_cohort_is_a_log_ratio_of_ratios_in_each_period(seed):
    y = world(seed, n=10, t=5)
    made = etwfe(panel_of(y), staggered(dict.fromkeys(range(3), 3)), scale="link").to_frame()
    before = np.log(y[:3, :3].sum() / y[3:, :3].sum())
    expected = [np.log(y[:3, t].sum() / y[3:, t].sum()) - before for t in (3, 4)]
    np.testing.assert_allclose(made["att"], expected, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_never_treated_controls_and_no_covariates_are_callaway_santanna(seed):
    panel, design = panel_of(world(seed)), staggered(STARTS)
    made = etwfe(panel, design, model="linear", control="never", shares="estimated")
    other = group_time(panel, design, control="never")
    for kind in ("simple", "group", "event", "calendar"):
        ours, theirs = made.aggregate(kind), other.aggregate(kind)
        assert ours.labels == theirs.labels
        np.testing.assert_allclose(ours.vector, theirs.vector, rtol=1e-8, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, factor=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_covariates_may_be_moved_and_scaled_and_areas_shuffled(seed, factor, shift):
    rng = np.random.default_rng(seed)
    y, x = world(seed), rng.normal(size=18)
    labels = [area(i) for i in range(18)]
    for model, effects in (("poisson", "cohort"), ("poisson", "area"), ("linear", "cohort")):
        options = {"model": model, "effects": effects}
        plain = etwfe(panel_of(y), staggered(STARTS), covariates=pd.Series(x, labels), **options)
        order = rng.permutation(18)
        place = {int(i): k for k, i in enumerate(order)}
        moved = etwfe(
            panel_of(y[order]),
            staggered({place[i]: s for i, s in STARTS.items()}),
            covariates=pd.Series(factor * x[order] + shift, labels),
            **options,
        )
        a, b = plain.aggregate("group"), moved.aggregate("group")
        np.testing.assert_allclose(a.vector, b.vector, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            np.diag(a.covariance), np.diag(b.covariance), rtol=1e-4, atol=1e-8
        )


@pytest.mark.parametrize("gathered", [False, True])
@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_learnt_errors_are_those_of_the_other_estimators(gathered, seed):
    """One start and one period after it: the two-way model, error and degrees of freedom too."""
    y = world(seed, n=40, t=5)
    panel = panel_of(y, cluster=np.arange(40) // 5 if gathered else None)
    once = staggered(dict.fromkeys(range(4), 4))
    for model, other in (("poisson", PoissonDid()), ("linear", LinearDid())):
        theirs = other(panel, once).effect
        for effects in ("cohort", "area"):
            made = etwfe(panel, once, model=model, scale="link", effects=effects)
            ours = made.aggregate("simple").effect
            assert ours.estimate == pytest.approx(theirs.estimate, abs=1e-9)
            assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-7)
            assert ours.df == pytest.approx(theirs.df, rel=1e-6)
            assert ours.inference == theirs.inference
    # below 0 the noise of all areas is alike; else each weighs levels by its own mean effect
    panel = panel_of(y - 50.0, values=True, cluster=np.arange(40) // 5 if gathered else None)
    late = staggered({0: 2, 1: 2, 7: 3})
    ours = etwfe(panel, late, model="linear", effects="area").aggregate("event")
    theirs = Imputation(model="linear")(panel, late).event_study()
    if not gathered:
        errors = [theirs[label].std_error for label in theirs.labels]
        np.testing.assert_allclose([ours[e].std_error for e in theirs.labels], errors, rtol=1e-8)


def test_response_error_is_that_of_redrawn_areas():
    """Coverage's ingredient: the influence error against the spread over redrawn controls."""
    rng = np.random.default_rng(0)
    estimates, errors = [], []
    for _ in range(150):
        level = rng.gamma(8.0, 0.5, (120, 1))
        y = rng.poisson(level * np.linspace(1, 1.3, 6))
        panel = panel_of(y)
        made = etwfe(panel, staggered({i: 3 if i < 20 else 4 for i in range(40)}), effects="area")
        effect = made.aggregate("simple").effect
        estimates.append(effect.estimate)
        errors.append(effect.std_error)
    # 150 draws tell a spread to 6 %; three of those
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.18)
