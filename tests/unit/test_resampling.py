"""Randomisation, wild bootstrap, bands, clustered and Conley errors: size, power, edges."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import (
    PoissonDid,
    distributed_lags,
    event_study,
    imputation,
    linear_did,
    poisson_did,
)
from hotspot_eval.errors import InputError
from hotspot_eval.inference.cluster import cluster_robust, conley
from hotspot_eval.inference.resampling import randomization_test, simultaneous_band
from hotspot_eval.inference.wild import _Test, wild_bootstrap
from hotspot_eval.significance import p_value_from_draws

TREATED = dict.fromkeys(range(6), 6)


def world(effect: float = 0.0, n: int = 40, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mean = np.full((n, 9), 8.0) * rng.gamma(5, 0.2, (n, 1))
    mean[:6, 6:] *= np.exp(effect)
    return rng.poisson(mean)


def test_randomisation_finds_an_effect_and_says_how_small_p_can_be():
    panel, design = panel_of(world(-0.6)), staggered(TREATED)
    result = randomization_test(
        panel, design, estimator=poisson_did, rng=np.random.default_rng(1), draws=199
    )
    assert result.effect.p_value <= 0.02
    assert result.smallest_p == 2 / 200
    assert result.effect.ci_low < result.effect.estimate < result.effect.ci_high < 0
    assert len(np.unique(result.draws)) > 150


@pytest.mark.parametrize("draws", [99, 150, 199])
def test_the_interval_of_randomisation_ends_where_its_p_passes_the_level(draws):
    result = randomization_test(
        panel_of(world(-0.2)),
        staggered(TREATED),
        estimator=linear_did,
        rng=np.random.default_rng(3),
        draws=draws,
    )
    effect = result.effect
    for end, inward in ((effect.ci_low, 1e-9), (effect.ci_high, -1e-9)):
        assert p_value_from_draws(effect.estimate - end - inward, result.draws) > 0.05
        assert p_value_from_draws(effect.estimate - end + inward, result.draws) <= 0.05


def test_with_too_few_draws_no_value_is_rejected_and_the_interval_is_open():
    result = randomization_test(
        panel_of(world(-0.6)),
        staggered(TREATED),
        estimator=linear_did,
        rng=np.random.default_rng(3),
        draws=19,
    )
    assert result.smallest_p == 0.1 and result.effect.p_value == 0.1
    assert np.isinf([result.effect.ci_low, result.effect.ci_high]).all()
    assert "open interval" in result.effect.notes[-1]


def test_randomisation_has_its_size():
    rejected = 0
    for seed in range(60):
        result = randomization_test(
            panel_of(world(seed=seed)),
            staggered(TREATED),
            estimator=linear_did,
            rng=np.random.default_rng(seed),
            draws=99,
        )
        rejected += result.effect.p_value <= 0.05
    assert rejected <= 8


def test_randomisation_within_clusters_and_by_scheme():
    cluster = np.arange(40) // 8
    panel, design = panel_of(world(), cluster=cluster), staggered({0: 6, 1: 6, 8: 7})
    seen = []

    class Spy:
        def __call__(self, panel, design):
            return poisson_did(panel, design)

        def many(self, panel, designs):
            seen.extend(designs)
            return poisson_did.many(panel, designs)

    randomization_test(
        panel, design, estimator=Spy(), rng=np.random.default_rng(0), draws=49, within="cluster"
    )
    places = np.array([cluster[panel.positions(d.treated)] for d in seen])
    assert (places == [0, 0, 1]).all()
    fixed = randomization_test(
        panel,
        design,
        estimator=poisson_did,
        rng=np.random.default_rng(0),
        draws=49,
        scheme=lambda rng: [area(i) for i in rng.choice(np.arange(20, 40), 3, replace=False)],
    )
    assert len(np.unique(fixed.draws)) > 30


def test_a_scheme_that_changes_nothing_is_refused():
    panel, design = panel_of(world()), staggered({0: 6, 1: 6})
    with pytest.raises(InputError, match="changed nothing"):
        randomization_test(
            panel,
            design,
            estimator=linear_did,
            rng=np.random.default_rng(0),
            draws=19,
            scheme=lambda rng: design.treated,
        )
    with pytest.raises(InputError, match="different areas for 2 treated"):
        randomization_test(
            panel,
            design,
            estimator=linear_did,
            rng=np.random.default_rng(0),
            draws=19,
            scheme=lambda rng: [area(3), area(3)],
        )


def test_wild_bootstrap_agrees_with_cluster_robust_when_many_are_treated():
    rng = np.random.default_rng(3)
    y = rng.poisson(9, (200, 8))
    design = staggered(dict.fromkeys(range(100), 4))
    fit = PoissonDid(correction="CR2")(panel_of(y), design)
    boot = wild_bootstrap(fit, rng=np.random.default_rng(0), draws=1999)
    assert boot.p_value == pytest.approx(fit.effect.p_value, abs=0.05)
    assert boot.ci_low == pytest.approx(fit.effect.ci_low, abs=0.15 * fit.effect.std_error)
    again = wild_bootstrap(fit, rng=np.random.default_rng(0), draws=1999)
    assert again.p_value == boot.p_value


def test_wild_bootstrap_says_when_too_few_are_treated():
    fit = PoissonDid(correction="CR2")(panel_of(world()), staggered(TREATED))
    assert "too rarely" in wild_bootstrap(fit, rng=np.random.default_rng(0)).notes[0]
    lone = PoissonDid(correction="CR2")(panel_of(world()), staggered({0: 6}))
    effect = wild_bootstrap(lone, rng=np.random.default_rng(0))
    assert math.isnan(effect.std_error) and "fewer than two" in effect.notes[-1]


def test_wild_bootstrap_interval_holds_what_is_not_rejected():
    panel, design = panel_of(world(-0.3)), staggered(dict.fromkeys(range(20), 6))
    fit = PoissonDid(correction="CR2")(panel, design)
    boot = wild_bootstrap(fit, rng=np.random.default_rng(0), draws=199)
    assert boot.ci_low < boot.estimate < boot.ci_high
    codes = np.arange(len(fit.areas))
    turns = 2 * np.random.default_rng(0).integers(0, 2, (199, 40), dtype=np.int8) - 1
    test = _Test(held=fit.held, codes=codes, v=turns, every=False)
    for limit, inward in ((boot.ci_low, 1e-3), (boot.ci_high, -1e-3)):
        assert test.p_value(limit + inward, "two-sided")[0] > 0.05
        assert test.p_value(limit - inward, "two-sided")[0] <= 0.05


def test_wild_bootstrap_counts_patterns_and_leaves_ends_open():
    panel, design = panel_of(world()), staggered(TREATED)
    fit = linear_did(panel, design)
    blocks = {a: str(i % 4) for i, a in enumerate(fit.areas)}
    every = wild_bootstrap(
        fit, rng=np.random.default_rng(0), cluster=blocks, weights="rademacher", draws=99
    )
    assert "all 16 sign patterns, 4 clusters" in every.inference
    assert every.p_value >= 2 / 16
    assert math.isnan(every.ci_low) and "interval is open" in every.notes[-1]
    webb = wild_bootstrap(fit, rng=np.random.default_rng(0), cluster=blocks)
    assert "999 draws, 4 clusters" in webb.inference


def test_wild_bootstrap_needs_a_fit_that_can_be_held():
    fit = imputation(panel_of(world()), staggered(TREATED))
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="cannot be fitted with its effect held"):
        wild_bootstrap(fit, rng=rng)
    fit = linear_did(panel_of(world()), staggered(TREATED))
    with pytest.raises(InputError, match="not labels by area id"):
        wild_bootstrap(fit, rng=rng, cluster=["a"])
    with pytest.raises(InputError, match="'mammen' is not one of"):
        wild_bootstrap(fit, rng=rng, weights="mammen")


def test_cluster_robust_by_area_is_the_engine_up_to_its_factor():
    fit = PoissonDid(correction="CR1")(panel_of(world()), staggered(TREATED))
    again = cluster_robust(fit, {a: a for a in fit.areas})
    cells, effects = fit.fitted.size, 1 + fit.fitted.shape[1]
    factor = (cells - 1) / (cells - effects)
    assert again.std_error * math.sqrt(factor) == pytest.approx(fit.effect.std_error, rel=1e-6)
    default = cluster_robust(
        poisson_did(panel_of(world()), staggered(TREATED)),
        dict.fromkeys(fit.areas[20:], "rest") | {a: a for a in fit.areas[:20]},
    )
    assert default.n_clusters == 21
    one = cluster_robust(fit, {a: "all" if i < 10 else a for i, a in enumerate(fit.areas)})
    assert math.isnan(one.std_error) and "fewer than two treated" in one.notes[-1]
    with pytest.raises(InputError, match="no entry for areas"):
        cluster_robust(fit, {area(0): "x"})


def test_the_error_is_that_of_the_coefficient_that_is_the_effect():
    panel = panel_of(world())
    months = panel.periods.labels
    design = Design(treated=[area(i) for i in range(6)], start=months[4], end=months[5])
    areas = {area(i): area(i) for i in range(40)}
    fit = distributed_lags(panel, design, lags=1, leads=1, model="linear")
    on = fit.terms.index("on")
    psi = fit.influence[:, on]
    expected = math.sqrt(float((psi**2).sum()) * 40 / 39)
    assert on == 1 and cluster_robust(fit, areas).std_error == pytest.approx(expected, rel=1e-12)
    study = event_study(panel, design, model="linear")
    line = pd.DataFrame({"x": np.arange(40) * 100.0, "y": 0.0}, index=list(areas))
    with pytest.raises(InputError, match="none of its coefficients"):
        cluster_robust(study, areas)
    with pytest.raises(InputError, match="none of its coefficients"):
        conley(study, line, cutoff_m=200.0)


def test_conley_limits():
    fit = linear_did(panel_of(world()), staggered(TREATED))
    line = pd.DataFrame({"x": np.arange(40) * 100.0, "y": 0.0}, index=[area(i) for i in range(40)])
    held = fit.held(fit.effect.estimate)
    psi = (held.tilde * held.gap).sum(axis=1) / (held.tilde**2).sum()
    alone = conley(fit, line, cutoff_m=50.0)
    assert alone.std_error == pytest.approx(np.sqrt((psi**2).sum()), rel=1e-12)
    pairs = conley(fit, line, cutoff_m=200.0)
    expected = (psi**2).sum() + (psi[1:] * psi[:-1]).sum()
    assert pairs.std_error == pytest.approx(math.sqrt(expected), rel=1e-12)
    with pytest.raises(InputError, match="above 0"):
        conley(fit, line, cutoff_m=0)
    with pytest.raises(InputError, match="have no row for areas"):
        conley(fit, line.iloc[1:], cutoff_m=100)


def test_simultaneous_bands_are_wider_and_hold():
    study = event_study(panel_of(world()), staggered(TREATED), model="linear").event_study()
    bands = simultaneous_band(study, rng=np.random.default_rng(0)).set_index("label")
    shown = bands.dropna()
    assert len(shown) == len(study) - 1
    assert (shown["simultaneous_low"] < shown["pointwise_low"]).all()
    assert 2.2 < shown["critical_value"].iloc[0] < 4.0


def test_refusals():
    panel, design = panel_of(world()), staggered(TREATED)
    fit = linear_did(panel, design)
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="19 or more"):
        randomization_test(panel, design, estimator=linear_did, rng=rng, draws=5)
    with pytest.raises(InputError, match="no cluster labels"):
        randomization_test(panel, design, estimator=linear_did, rng=rng, within="cluster")
    with pytest.raises(InputError, match="too few to redraw"):
        small = panel_of(world()[:7])
        randomization_test(small, design, estimator=linear_did, rng=rng)
    with pytest.raises(InputError, match="99 or more"):
        wild_bootstrap(fit, rng=rng, draws=10)
    with pytest.raises(InputError, match="999 or more"):
        simultaneous_band(fit.effects, rng=rng, draws=10)
