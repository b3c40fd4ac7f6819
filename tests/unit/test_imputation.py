"""Imputation against an obvious slow version, against the two-way identity and at its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.did_worlds import area, long_frame, month, panel_of, slow_poisson, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import Imputation, imputation, linear_did, poisson_did
from hotspot_eval.did.counterfactual import impute
from hotspot_eval.did.sample import lay
from hotspot_eval.errors import InputError

STARTS = {0: 3, 1: 3, 2: 4, 3: 5, 4: 5}
MODELS = pytest.mark.parametrize("model", ["poisson", "linear"])


def world(n: int = 24, t: int = 8, seed: int = 0, mean: float = 9.0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (n, t)) + 1


def slow_imputation(frame, model: str) -> float:
    """Fit every untreated cell with dummies, predict the treated ones."""
    calm = (frame["D"] == 0).to_numpy()
    areas = (frame["area"].to_numpy()[:, None] == np.unique(frame["area"])).astype(float)
    periods = (frame["period"].to_numpy()[:, None] == np.unique(frame["period"])[1:]).astype(float)
    x, y = np.column_stack([areas, periods]), frame["y"].to_numpy()
    if model == "linear":
        theta = np.linalg.lstsq(x[calm], y[calm], rcond=None)[0]
        return float((y - x @ theta)[~calm].mean())
    theta = np.linalg.lstsq(x[calm], np.log(y[calm] + 0.5), rcond=None)[0]
    for _ in range(60):
        mean = np.exp(x[calm] @ theta)
        theta += np.linalg.lstsq((x[calm].T * mean) @ x[calm], x[calm].T @ (y[calm] - mean))[0]
    return float(np.log(y[~calm].sum() / np.exp(x @ theta)[~calm].sum()))


@MODELS
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_dummies(model, seed):
    y = world(seed=seed)
    observed = np.random.default_rng(seed).random(y.shape) > (0.1 if seed % 2 else 0.0)
    panel, design = panel_of(y, observed=observed), staggered(STARTS)
    fit = imputation(panel, design, model=model)
    assert fit.effect.estimate == pytest.approx(
        slow_imputation(long_frame(panel, design), model), abs=1e-9
    )
    assert Imputation(model=model).many(panel, [design])[0] == pytest.approx(
        fit.effect.estimate, abs=1e-12
    )


@MODELS
def test_one_start_equals_two_way(model):
    panel, design = panel_of(world()), staggered(dict.fromkeys(range(5), 4))
    two_way = {"poisson": poisson_did, "linear": linear_did}[model](panel, design)
    fit = imputation(panel, design, model=model)
    assert fit.effect.estimate == pytest.approx(two_way.effect.estimate, abs=1e-10)
    assert fit.effect.std_error == pytest.approx(two_way.effect.std_error, rel=0.02)
    assert Imputation(model=model).many(panel, [design])[0] == pytest.approx(
        fit.effect.estimate, abs=1e-10
    )


@MODELS
def test_pulls_are_derivatives(model):
    """What one event more in a cell adds to each estimate, by finite differences."""
    y = world(n=12, mean=30.0).astype(float)
    design = staggered({0: 3, 1: 4, 2: 5})
    made = impute(lay(panel_of(y, values=True), design, counts=False), model)
    step = 1e-5
    for i, t in [(0, 1), (0, 6), (1, 4), (2, 2), (5, 0), (7, 6), (11, 7)]:
        moved = y.copy()
        moved[i, t] += step
        again = impute(lay(panel_of(moved, values=True), design, counts=False), model)
        change = (again.estimate - made.estimate) / step
        np.testing.assert_allclose(made.tilde[:, made.group[i], t], change, rtol=2e-4, atol=1e-8)


def test_recovers_effects_that_grow_where_two_way_fails():
    rng = np.random.default_rng(1)
    event = np.arange(12) - np.array([3] * 30 + [8] * 30 + [99] * 20)[:, None]
    truth = np.where(event >= 0, -0.1 * (event + 1), 0.0)
    y = rng.poisson(3000 * np.exp(truth) * rng.uniform(0.5, 2.0, (80, 1)))
    panel = panel_of(y)
    design = staggered({i: 3 if i < 30 else 8 for i in range(60)})
    study = imputation(panel, design).event_study()
    np.testing.assert_allclose(study.vector, -0.1 * np.arange(1, 10), atol=0.02)
    late = linear_did(panel, design).effect.estimate / y[event < 0].mean()
    assert (
        abs(late)
        < 0.9 * abs(imputation(panel, design, model="linear").effect.estimate) / y[event < 0].mean()
    )


def test_crimes_prevented_is_expected_minus_observed():
    y = world()
    design = staggered(STARTS)
    made = impute(lay(panel_of(y), design, counts=True), "poisson")
    fit = imputation(panel_of(y), design)
    expected = made.expected[made.imputed].sum() - y[made.imputed].sum()
    assert fit.effect.crimes_prevented().value == pytest.approx(expected, rel=1e-9)


def test_partial_treatment_is_scaled_to_full():
    shares = np.zeros((40, 6))
    shares[:15, 3:] = [0.25, 1.0, 0.5]
    y = np.random.default_rng(2).poisson(5000 * np.exp(-0.5 * shares))
    panel = panel_of(y)
    fit = imputation(panel, Design.from_treatment(panel, shares))
    assert fit.effect.estimate == pytest.approx(-0.5, abs=0.02)


def test_area_without_events_before_keeps_its_place():
    y = world(mean=1.0) - 1
    y[0, :3] = 0
    y[0, 3:] = 2
    fit = imputation(panel_of(y), staggered(STARTS))
    assert area(0) in fit.areas


def test_cells_nobody_untreated_shares_are_left_out_and_counted():
    y = world(n=6)
    fit = imputation(panel_of(y), staggered({0: 3, 1: 3, 2: 4, 3: 4, 4: 5, 5: 5}))
    step = fit.ledger.steps[-1]
    assert (step.rows_in, step.rows_out) == (2 * (5 + 4 + 3), 2 * 2 + 2 * 1)
    assert math.isfinite(fit.effect.estimate)


@MODELS
def test_impossible_has_its_reason(model):
    panel = panel_of(world(n=4))
    effect = imputation(panel, staggered(dict.fromkeys(range(4), 3)), model=model).effect
    assert math.isnan(effect.estimate) and "no treated cell" in effect.notes[0]
    effect = imputation(panel, staggered({0: 0, 1: 0}), model=model).effect
    assert math.isnan(effect.estimate) and "no period before" in effect.notes[0]


def test_no_event_in_treated_cells():
    y = world()
    y[:2, 4:] = 0
    effect = imputation(panel_of(y), staggered({0: 4, 1: 4})).effect
    assert math.isnan(effect.estimate) and "no event observed" in effect.notes[0]


def test_cluster_robust_errors():
    panel = panel_of(world(n=40), cluster=np.arange(40) // 4)
    design = staggered({0: 3, 5: 3, 9: 4, 14: 4})
    robust = imputation(panel, design, errors="cluster_robust", cluster="cluster").effect
    assert robust.n_clusters == 10 and robust.df == 9
    assert "only 4 treated clusters" in robust.notes[0]
    lone = imputation(panel, staggered({0: 3}), errors="cluster_robust").effect
    assert math.isnan(lone.std_error) and "one treated cluster" in lone.notes[0]


def test_off_periods_are_left_out():
    design = Design(treated=[area(0), area(1)], start=month(3), end=month(4))
    fit = imputation(panel_of(world()), design)
    assert fit.event_study().labels == ("0", "1")


def test_refusals():
    with pytest.raises(InputError, match="'logit' is not one of the options"):
        imputation(panel_of(world()), staggered(STARTS), model="logit")
    with pytest.raises(InputError, match="not one of the options"):
        Imputation(errors="none")


def test_linear_agrees_with_diff_diff():
    peer = pytest.importorskip("diff_diff")
    panel, design = panel_of(world(n=40)), staggered(STARTS)
    frame = long_frame(panel, design)
    frame["first"] = np.where(frame["first"] == 8, 0, frame["first"])
    result = peer.ImputationDiD().fit(
        frame, outcome="y", unit="area", time="period", first_treat="first"
    )
    ours = imputation(panel, design, model="linear").effect.estimate
    assert ours == pytest.approx(result.overall_att, abs=1e-8)


def test_slow_poisson_is_the_two_way_model():
    panel, design = panel_of(world()), staggered(STARTS)
    assert poisson_did(panel, design).effect.estimate == pytest.approx(
        slow_poisson(long_frame(panel, design)), abs=1e-9
    )
