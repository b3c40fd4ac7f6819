"""Proposition 99: synthetic DiD, synthetic control and DiD, and invariances of the weights."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from tests.did_worlds import panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import linear_did, synthetic_control, synthetic_did
from hotspot_eval.did.kernels import simplex_weights
from hotspot_eval.panel import Panel


@pytest.fixture(scope="module")
def smoking(shared_data):
    frame = pd.read_csv(shared_data / "reference" / "california_prop99.csv", sep=";")
    panel = Panel.from_values(frame, area="State", period="Year", value="PacksPerCapita")
    return panel, Design(treated=["California"], start="1989")


def test_three_estimates(smoking):
    assert synthetic_did(*smoking).effect.estimate == pytest.approx(-15.603828, abs=5e-7)
    assert synthetic_control(*smoking).effect.estimate == pytest.approx(-19.619663, abs=5e-7)
    assert linear_did(*smoking).effect.estimate == pytest.approx(-27.349111, abs=5e-7)


@pytest.mark.parametrize("treated", [1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_random_panels_are_those_of_diff_diff(seed, treated):
    diff_diff = pytest.importorskip("diff_diff")
    rng = np.random.default_rng(seed)
    n, t = 25, 14
    y = rng.normal(size=(n, 2)) @ rng.normal(size=(2, t)).cumsum(axis=1) + rng.normal(size=(n, t))
    frame = pd.DataFrame(
        {"u": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n), "y": y.ravel()}
    )
    frame["d"] = (frame["u"] < treated).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = diff_diff.SyntheticDiD(seed=1, n_bootstrap=5).fit(
            frame,
            outcome="y",
            treatment="d",
            unit="u",
            time="t",
            post_periods=list(range(9, t)),
        )
    ours = synthetic_did(panel_of(y, values=True), staggered(dict.fromkeys(range(treated), 9)))
    assert ours.effect.estimate == pytest.approx(theirs.att, abs=1e-8)


def test_placebo_error_of_one_area_needs_no_chance(smoking):
    effect = synthetic_did(*smoking).effect
    assert 5 < effect.std_error < 15
    assert "among 38 placebo estimates; the smallest possible is 0.051" in effect.notes[-1]


@pytest.mark.parametrize("seed", range(5))
def test_weights_come_close_to_the_minimum(seed):
    """Frank-Wolfe zigzags and stops when a step wins little: 1e-3 of the exact minimum."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(12, 8)), rng.normal(size=12)
    w = simplex_weights(a, b, ridge=0.5, least=1e-7, intercept=True)
    assert w.sum() == pytest.approx(1.0, abs=1e-12) and (w >= 0).all()
    x, y = a - a.mean(axis=0), b - b.mean()

    def objective(v):
        return ((x @ v - y) ** 2).mean() + 0.25 * (v**2).sum()

    best = minimize(
        objective,
        np.full(8, 1 / 8),
        bounds=[(0, 1)] * 8,
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert objective(w) == pytest.approx(best.fun, rel=1e-3)


def test_invariance_to_order_scale_and_common_shocks():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(14, 10)) + np.arange(14)[:, None]
    design = staggered({0: 6, 1: 6})
    plain = synthetic_did(panel_of(y, values=True), design).effect.estimate
    shifted = 3.0 * y + np.array([5.0] * 2 + [9.0] * 12)[:, None]
    moved = synthetic_did(panel_of(shifted, values=True), design).effect.estimate
    assert moved == pytest.approx(3.0 * plain, rel=1e-9)
    turned = y[[0, 1, *range(13, 1, -1)]]
    assert synthetic_did(panel_of(turned, values=True), design).effect.estimate == pytest.approx(
        plain, rel=1e-9
    )


def test_several_treated_need_rng_and_starts_may_differ():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(30, 12)) + rng.normal(size=(30, 1))
    y[0, 6:] -= 5
    y[1:3, 9:] -= 5
    panel, design = panel_of(y, values=True), staggered({0: 6, 1: 9, 2: 9})
    silent = synthetic_did(panel, design).effect
    assert math.isnan(silent.std_error) and "pass rng=" in silent.notes[0]
    effect = synthetic_did(panel, design, rng=np.random.default_rng(2), draws=60).effect
    assert effect.estimate == pytest.approx(-5, abs=1.5)
    assert effect.p_value < 0.05


def test_impossible_has_its_reason():
    rng = np.random.default_rng(1)
    holes = panel_of(rng.poisson(4, (9, 6)), observed=rng.random((9, 6)) > 0.2)
    effect = synthetic_did(holes, staggered({0: 3})).effect
    assert math.isnan(effect.estimate) and "every area observed" in effect.notes[0]
    brief = Design(treated=["A0000"], start="2020-03", end="2020-04")
    effect = synthetic_control(panel_of(rng.poisson(4, (9, 6))), brief).effect
    assert "stays on" in effect.notes[0]
