"""Identities that hold on every panel, whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.did_worlds import area, long_frame, panel_of, slow_linear, slow_poisson, staggered

from hotspot_eval.did import LinearDid, PoissonDid, event_study, linear_did, poisson_did, rirr, wdd

MODELS = {"poisson": (poisson_did, slow_poisson), "linear": (linear_did, slow_linear)}
seeds = st.integers(0, 2**32 - 1)


def counts(rng: np.random.Generator, n: int, t: int, mean: float = 3.0) -> np.ndarray:
    level = rng.gamma(2.0, mean / 2.0, (n, 1)) * rng.uniform(0.5, 1.5, (1, t))
    return rng.poisson(level * rng.gamma(3.0, 1 / 3.0, (n, t)))


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=25, deadline=None)
@given(seed=seeds, holes=st.booleans(), same_start=st.booleans())
def test_agrees_with_dummies_for_everything(model, seed, holes, same_start):
    rng = np.random.default_rng(seed)
    n, t = int(rng.integers(6, 12)), int(rng.integers(5, 9))
    y = counts(rng, n, t)
    observed = rng.random((n, t)) > 0.15 if holes else np.ones((n, t), bool)
    observed[:, :2] = observed[-2:] = True
    base = rng.uniform(50, 90, (n, t)) if holes else None
    panel = panel_of(y, observed=observed, base=base)
    starts = {i: 3 if same_start else 2 + i % (t - 2) for i in range(3)}
    fast, slow = MODELS[model]
    fit = fast(panel, staggered(starts))
    if np.isnan(fit.effect.estimate):
        assert fit.effect.notes
        return
    used = [i for i, label in enumerate(panel.areas) if label in fit.areas]
    frame = long_frame(panel, staggered(starts))
    expected = slow(frame[frame["area"].isin(used)])
    assert fit.effect.estimate == pytest.approx(expected, rel=1e-8, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_one_start_is_a_ratio_of_ratios_and_a_difference_of_means(seed):
    rng = np.random.default_rng(seed)
    n, t, k, start = int(rng.integers(4, 30)), int(rng.integers(3, 12)), 2, 2
    y = counts(rng, n, t, mean=5.0) + 1
    panel, design = panel_of(y), staggered(dict.fromkeys(range(k), start))
    totals = [
        y[rows, when].sum()
        for rows in (slice(0, k), slice(k, n))
        for when in (slice(0, start), slice(start, t))
    ]
    expected = np.log(totals[1] / totals[0]) - np.log(totals[3] / totals[2])
    assert poisson_did(panel, design).effect.estimate == pytest.approx(expected, abs=1e-10)
    assert rirr(totals[2:], totals[:2]).estimate == pytest.approx(expected, abs=1e-10)
    means = (
        y[:k, start:].mean() - y[:k, :start].mean() - y[k:, start:].mean() + y[k:, :start].mean()
    )
    assert linear_did(panel, design).effect.estimate == pytest.approx(means, abs=1e-10)
    local = wdd(
        totals[2:], totals[:2], time_weights=(start, t - start), area_weights=(n - k, k, 1, 1)
    )
    assert local.effect.estimate == pytest.approx(means, abs=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, factor=st.floats(0.1, 50))
def test_linear_is_equivariant(seed, factor):
    rng = np.random.default_rng(seed)
    n, t = 12, 6
    y = rng.normal(size=(n, t))
    design = staggered({0: 2, 1: 3, 2: 3})
    plain = linear_did(panel_of(y, values=True), design).effect
    shifted = factor * y + rng.normal(size=(n, 1)) * 5 + rng.normal(size=(1, t)) * 5
    moved = linear_did(panel_of(shifted, values=True), design).effect
    assert moved.estimate == pytest.approx(factor * plain.estimate, rel=1e-7, abs=1e-8)
    assert moved.std_error == pytest.approx(factor * plain.std_error, rel=1e-7)
    assert moved.df == pytest.approx(plain.df, rel=1e-7)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_row_order_always_treated_and_empty_areas_do_not_matter(model, seed):
    rng = np.random.default_rng(seed)
    y = counts(rng, 14, 6) + 1
    starts = {0: 2, 1: 3, 2: 4}
    fast = MODELS[model][0]
    plain = fast(panel_of(y), staggered(starts)).effect
    order = rng.permutation(14)
    place = {int(i): k for k, i in enumerate(order)}
    shuffled = fast(panel_of(y[order]), staggered({place[i]: s for i, s in starts.items()})).effect
    assert shuffled.estimate == pytest.approx(plain.estimate, abs=1e-10)
    assert shuffled.std_error == pytest.approx(plain.std_error, rel=1e-8)
    more = np.vstack([y, counts(rng, 1, 6) + 1])
    always = fast(panel_of(more), staggered({**starts, 14: 0}))
    assert always.effect.estimate == pytest.approx(plain.estimate, abs=1e-10)
    assert "treated in every period used" in str(always.ledger)
    if model == "poisson":
        empty = fast(panel_of(np.vstack([y, np.zeros((1, 6), int)])), staggered(starts))
        assert empty.effect.estimate == pytest.approx(plain.estimate, abs=1e-10)
        assert empty.effect.std_error == pytest.approx(plain.std_error, rel=1e-8)
        assert area(14) not in empty.areas


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=15, deadline=None)
@given(seed=seeds, windows=st.booleans())
def test_many_is_call(model, seed, windows):
    rng = np.random.default_rng(seed)
    panel = panel_of(counts(rng, 12, 10), observed=np.arange(10) != 1 + np.zeros((12, 1)))
    frame = {"pre_periods": 3, "post_periods": 2, "gap": 1} if windows else {}
    designs = [
        staggered({int(i): int(s) for i in rng.choice(12, 3, replace=False)}, **frame)
        for s in rng.integers(4, 8, 6)
    ]
    designs.append(staggered({0: 5, 1: 6, 2: 7}, **frame))
    fast = MODELS[model][0]
    single = [fast(panel, design).effect.estimate for design in designs]
    np.testing.assert_allclose(fast.many(panel, designs), single, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [PoissonDid(correction="CR2"), LinearDid(correction="CR1"), PoissonDid(cluster="cluster")],
)
def test_covariance_is_the_cross_product_of_influence(estimator):
    rng = np.random.default_rng(3)
    cluster = np.arange(24) // 3
    panel = panel_of(counts(rng, 24, 8), cluster=cluster)
    fit = estimator(panel, staggered({0: 3, 4: 4, 8: 4, 12: 5}))
    influence = fit.influence[:, 0]
    if estimator.cluster == "cluster":
        influence = np.bincount(cluster[panel.positions(fit.areas)], influence)
    assert (influence**2).sum() == pytest.approx(fit.effect.std_error**2, rel=1e-12)


@pytest.mark.parametrize("model", ["poisson", "linear"])
def test_event_study_of_one_start_is_a_contrast_of_periods(model):
    rng = np.random.default_rng(5)
    y = counts(rng, 20, 6, mean=20.0) + 1
    study = event_study(panel_of(y), staggered({0: 3, 1: 3, 2: 3}), model=model).event_study()
    value = np.log if model == "poisson" else np.asarray
    totals = np.array([y[:3].sum(axis=0) / 3, y[3:].sum(axis=0) / 17])
    gap = value(totals[0]) - value(totals[1])
    np.testing.assert_allclose(study.vector, gap - gap[2], atol=1e-9)
    assert study.labels == ("-3", "-2", "-1", "0", "1", "2")


def test_inputs_are_not_mutated():
    rng = np.random.default_rng(6)
    panel = panel_of(counts(rng, 10, 6))
    before = panel.counts.copy()
    poisson_did(panel, staggered({0: 3}))
    linear_did(panel, staggered({0: 3}))
    assert (panel.counts == before).all()
