"""The error of synthetic estimates: placebo sets like the treated, and how noisy these are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from tests.did_worlds import panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import synthetic_control, synthetic_did
from hotspot_eval.did.kernels import simplex_weights
from hotspot_eval.did.kernels.placebo import like_sets, nearest_effects, placebo_effects
from hotspot_eval.errors import InputError

ONE = np.array([1])


def slow_weights(a, b, ridge, intercept):
    if intercept:
        a, b = a - a.mean(axis=0), b - b.mean()
    n = a.shape[1]
    return minimize(
        lambda w: ((a @ w - b) ** 2).sum() + len(b) * ridge**2 * (w**2).sum(),
        np.full(n, 1 / n),
        jac=lambda w: 2 * (a @ w - b) @ a + 2 * len(b) * ridge**2 * w,
        bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-16, "maxiter": 2000},
    ).x


def slow_effect(control, target, onset, members, double, solve=slow_weights):
    """One cohort as the paper writes it."""
    before, after = control[:, :onset], control[:, onset:]
    noise = np.std(np.diff(before, axis=1), ddof=1)
    ridge = (members * after.shape[1]) ** 0.25 * noise if double else 1e-6 * noise
    omega = solve(before.T, target[:onset], ridge, double)
    gap = target - omega @ control
    if not double:
        return gap[onset:].mean(), gap
    lam = solve(before, after.mean(axis=1), 1e-6 * noise, True)
    return gap[onset:].mean() - lam @ gap[:onset], gap


@pytest.mark.parametrize("double", [True, False])
def test_estimates_of_all_draws_are_those_of_a_slow_loop(double):
    rng = np.random.default_rng(5)
    control = rng.normal(size=(14, 20)).cumsum(axis=1) + rng.normal(size=(14, 20))
    picks = np.array([rng.choice(14, 3, replace=False) for _ in range(6)])
    sizes, onsets, share = np.array([2, 1]), np.array([12, 15]), np.array([0.7, 0.3])
    estimates, squares = placebo_effects(control, picks, sizes, onsets, share, double)
    for pick, estimate, square in zip(picks, estimates, squares, strict=True):
        rest = np.delete(control, pick, axis=0)
        first, gap = slow_effect(rest, control[pick[:2]].mean(axis=0), 12, 2, double)
        second, other = slow_effect(rest, control[pick[2]], 15, 1, double)
        before = 0.7 * gap[:12] + 0.3 * other[:12]
        before = before - before.mean() if double else before
        assert estimate == pytest.approx(0.7 * first + 0.3 * second, abs=2e-5)
        halves = [(before[:6] ** 2).mean(), (before[6:] ** 2).mean()]
        assert square == pytest.approx(halves, rel=1e-3)


def test_published_error_is_that_of_the_published_path():
    """The path stops short of the minimum: 1 % of the spread of placebo estimates."""
    rng = np.random.default_rng(0)
    y = rng.poisson(rng.gamma(4.0, 1.0, (30, 1)), (30, 24)).astype(float)
    design = staggered(dict.fromkeys(range(3), 16))
    effect = synthetic_did(
        panel_of(y, values=True),
        design,
        rng=np.random.default_rng(1),
        draws=40,
        error="published",
    ).effect

    def path(a, b, ridge, intercept):
        least = 1e-5 * np.std(np.diff(rest[:, :16], axis=1), ddof=1)
        return simplex_weights(a, b, ridge=ridge, least=least, intercept=intercept)

    again, values = np.random.default_rng(1), []
    for _ in range(40):
        pick = again.choice(27, 3, replace=False)
        rest = np.delete(y[3:], pick, axis=0)
        values.append(slow_effect(rest, y[3:][pick].mean(axis=0), 16, 3, True, path)[0])
    assert effect.std_error == pytest.approx(np.std(values), rel=0.01)
    assert effect.inference == "placebo areas" and effect.df == float("inf")


def test_placebo_sets_have_the_clusters_of_the_treated():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(6), [2, 3, 4, 5, 6, 7])
    groups = np.array([0, 1, 0, 0, 2, 1, 0])
    picks, unlike = like_sets(cluster, groups, rng.random((50, 27)), rng.random((50, 6)))
    assert unlike == 0
    for pick in picks:
        assert len(set(pick)) == 7
        where = [set(cluster[pick[groups == g]]) for g in range(3)]
        assert all(len(found) == 1 for found in where) and len(set.union(*where)) == 3
    assert len({tuple(sorted(pick)) for pick in picks}) > 25


def test_groups_larger_than_any_cluster_are_filled_from_several():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(5), 3)
    picks, unlike = like_sets(
        cluster, np.array([0, 0, 0, 0, 1]), rng.random((20, 15)), rng.random((20, 5))
    )
    assert unlike == 4
    for pick in picks:
        assert len(set(pick)) == 5 and pick.min() >= 0
        assert len(set(cluster[pick[:4]])) == 2


def clustered(seed: int, shock: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Twelve clusters of five areas whose shocks they share."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(12), 5)
    shared = shock * rng.normal(size=(12, 30))
    return rng.normal(size=(60, 30)) + shared[labels] + 20.0, labels


def test_one_cluster_treated_is_set_against_clusters():
    y, labels = clustered(0)
    design = staggered(dict.fromkeys(range(5), 20))
    told = {"rng": np.random.default_rng(2), "draws": 100}
    known = synthetic_did(panel_of(y, cluster=labels, values=True), design, **told).effect
    blind = synthetic_did(panel_of(y, values=True), design, error="published", **told).effect
    assert known.inference == "placebo areas clustered as the treated, t"
    assert known.std_error > 1.4 * blind.std_error
    assert known.df <= 10.01
    assert "the smallest possible is 0.167" in known.notes[-1]


def test_areas_spread_over_clusters_keep_their_degrees_of_freedom():
    y, labels = clustered(1, shock=0.0)
    design = staggered(dict.fromkeys(range(0, 60, 15), 20))
    panel = panel_of(y, cluster=labels, values=True)
    effect = synthetic_did(panel, design, rng=np.random.default_rng(0)).effect
    plain = synthetic_did(panel_of(y, values=True), design, rng=np.random.default_rng(0)).effect
    assert effect.std_error == pytest.approx(plain.std_error, rel=0.2)
    assert effect.df > 15


def test_noisier_treated_areas_have_a_wider_error():
    rng = np.random.default_rng(4)
    y = rng.normal(size=(40, 36))
    y[:4] *= 4.0
    design = staggered(dict.fromkeys(range(4), 24))
    panel = panel_of(y, values=True)
    wide = synthetic_did(panel, design, rng=np.random.default_rng(0)).effect
    plain = synthetic_did(panel, design, rng=np.random.default_rng(0), error="published").effect
    assert 2.5 < wide.std_error / plain.std_error < 5.5
    assert any("error widened by that" in note for note in wide.notes)
    assert wide.df < 60


def test_quieter_treated_areas_do_not_narrow_it():
    rng = np.random.default_rng(4)
    y = rng.normal(size=(40, 36))
    y[:4] /= 10.0
    design = staggered(dict.fromkeys(range(4), 24))
    effects = [
        synthetic_did(
            panel_of(y, values=True), design, rng=np.random.default_rng(0), error=error
        ).effect
        for error in ("matched", "published")
    ]
    assert effects[0].std_error == pytest.approx(effects[1].std_error, rel=0.05)
    assert effects[0].df == pytest.approx(35.0)


def test_square_of_the_gap_is_told_for_the_estimate_too():
    rng = np.random.default_rng(1)
    control, target = rng.normal(size=(9, 14)), rng.normal(size=14)
    estimate, squares = nearest_effects(
        control, target[None], ONE, np.array([10]), np.ones(1), False
    )
    value, gap = slow_effect(control, target, 10, 1, False)
    assert estimate == pytest.approx(value, abs=1e-5)
    assert squares.mean() == pytest.approx((gap[:10] ** 2).mean(), rel=1e-4)


def test_notes_say_what_cannot_be_told():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(24, 20))
    few = synthetic_did(
        panel_of(y, values=True), staggered({0: 4, 1: 4}), rng=np.random.default_rng(0)
    ).effect
    assert any("fewer than 6 periods before" in note for note in few.notes)
    design = staggered(dict.fromkeys(range(6), 12))
    apart = panel_of(y, cluster=[0] * 6 + [1] * 18, values=True)
    effect = synthetic_did(apart, design, rng=np.random.default_rng(0)).effect
    assert any("controls are one cluster" in note for note in effect.notes)
    small = panel_of(y, cluster=[0] * 6 + [1 + k // 3 for k in range(18)], values=True)
    effect = synthetic_control(small, design, rng=np.random.default_rng(0)).effect
    assert any("6 of 6 places filled from several" in note for note in effect.notes)


def test_options():
    y = np.random.default_rng(1).normal(size=(9, 8))
    with pytest.raises(InputError, match="'error'"):
        synthetic_did(panel_of(y, values=True), staggered({0: 4}), error="scaled")
    with pytest.raises(InputError, match="'draws'"):
        synthetic_did(panel_of(y, values=True), staggered({0: 4}), draws=1)


def test_nothing_varies_around_the_fit():
    y = np.add.outer(np.arange(8.0), np.sin(np.arange(16.0)))
    effect = synthetic_did(
        panel_of(y, values=True), Design(treated=["A0000"], start="2020-11")
    ).effect
    assert effect.estimate == pytest.approx(0.0, abs=1e-8) and np.isnan(effect.std_error)
    assert "nothing varies around the fit" in effect.notes[0]
