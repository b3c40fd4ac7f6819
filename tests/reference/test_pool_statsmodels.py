"""Pooling against statsmodels.stats.meta_analysis and against hand-made cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from hotspot_eval.errors import InputError
from hotspot_eval.results import Effect
from hotspot_eval.synthesis import pool

TAU = {"paule_mandel": "iterated", "dersimonian_laird": "chi2"}


def effect(estimate: float, std_error: float, scale: str = "log_irr", **more) -> Effect:
    return Effect.from_estimate(
        estimate,
        std_error,
        estimand="ATT",
        scale=scale,
        method="Poisson",
        inference="CR2",
        **more,
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("method", TAU)
def test_agrees_with_statsmodels(method, seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(5, 20))
    errors = rng.uniform(0.05, 0.3, k)
    y = rng.normal(-0.2, 0.05 * seed, k) + errors * rng.normal(size=k)
    ours = pool([effect(b, s) for b, s in zip(y, errors, strict=True)], tau=method)
    peer = combine_effects(y, errors**2, method_re=TAU[method], use_t=True)
    assert ours.effect.estimate == pytest.approx(peer.mean_effect_re, abs=2e-6)
    assert ours.tau**2 == pytest.approx(max(peer.tau2, 0.0), abs=2e-6)
    assert ours.q == pytest.approx(peer.q, rel=1e-9)
    assert ours.i_squared == pytest.approx(max(0.0, peer.i2), abs=1e-9)
    q = max(1.0, peer.scale_hksj_re)
    expected = math.sqrt(q / (1.0 / (errors**2 + max(peer.tau2, 0.0))).sum())
    assert ours.effect.std_error == pytest.approx(expected, rel=1e-4)


def test_near_equal_effects_do_not_collapse_the_interval():
    sites = [effect(b, 0.10) for b in (-0.2000, -0.2005, -0.1995, -0.2002)]
    result = pool(sites)
    assert result.effect.std_error == pytest.approx(0.05, rel=1e-12)
    assert result.effect.ci_high - result.effect.ci_low > 0.3
    assert "only 4 sites" in result.effect.notes[0]


def test_shared_controls_widen_the_mean():
    sites = [effect(b, 0.1) for b in (-0.22, -0.2, -0.18, -0.21, -0.2)]
    shared = 0.01 * (0.5 * np.eye(5) + 0.5)
    alone, together = pool(sites), pool(sites, covariance=shared)
    assert together.effect.std_error**2 == pytest.approx(0.01 * (0.5 / 5 + 0.5), rel=1e-9)
    assert together.effect.std_error > alone.effect.std_error
    same = pool(sites, covariance=0.01 * np.eye(5))
    assert same.effect.std_error == pytest.approx(alone.effect.std_error, rel=1e-12)


def test_prediction_interval_has_k_minus_2_degrees():
    result = pool([effect(b, 0.1) for b in (-0.6, -0.1, -0.2, 0.3, -0.9)])
    reach = 3.182446305 * math.sqrt(result.tau**2 + result.effect.std_error**2)
    assert result.prediction_high - result.effect.estimate == pytest.approx(reach, rel=1e-8)
    partial = result.partial_effects().values()
    assert max(e.estimate for e in partial) < result.estimates.max()
    assert result.to_frame()["label"].tolist()[-2:] == ["pooled", "new site"]


def test_failed_sites_stay_visible():
    failed = effect(math.nan, math.nan, notes=("no event",))
    result = pool({"Lambeth": effect(-0.2, 0.1), "Sutton": failed, "Merton": effect(0.0, 0.1)})
    assert result.labels == ("Lambeth", "Merton")
    assert "Sutton" in result.ledger.to_frame()["first_five"].tolist()
    assert "1 of 3 sites left out" in " ".join(result.effect.notes)
    assert math.isnan(result.prediction_low)


def test_one_site_and_none():
    assert "nothing to pool" in " ".join(pool([effect(-0.2, 0.1)]).effect.notes)
    assert math.isnan(pool([effect(-0.2, 0.1)]).effect.std_error)
    nothing = pool([effect(math.nan, math.nan, notes=("no event",))])
    assert math.isnan(nothing.effect.estimate) and "no site" in nothing.effect.notes[0]


def test_refusals():
    with pytest.raises(InputError, match="is empty"):
        pool([])
    with pytest.raises(InputError, match="different scales"):
        pool([effect(1, 1), effect(1, 1, scale="count")])
    with pytest.raises(InputError, match="has shape"):
        pool([effect(1, 1)], covariance=np.eye(2))
    with pytest.raises(InputError, match="positive definite"):
        pool([effect(1, 1), effect(2, 1)], covariance=np.ones((2, 2)))
    with pytest.raises(InputError, match="not one of the options"):
        pool([effect(1, 1)], tau="REML")
