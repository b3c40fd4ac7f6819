"""Least squares over the simplex: the minimum by its own condition, and the published path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from hotspot_eval.did.kernels import simplex_weights
from hotspot_eval.did.kernels.nearest import nearest_weights


def objective(points: np.ndarray, penalty: float, w: np.ndarray) -> float:
    return float(((w @ points) ** 2).sum() + penalty * (w**2).sum())


def shortfall(points: np.ndarray, penalty: float, w: np.ndarray) -> float:
    """How far the least slope lies under that of the weights: bounds what is left to gain."""
    slope = points @ (w @ points) + penalty * w
    return float((w @ slope - slope.min()) / (points**2).sum(axis=1).max())


@pytest.mark.parametrize(("n", "m"), [(6, 12), (12, 6), (9, 9), (25, 4)])
@pytest.mark.parametrize("penalty", [0.0, 1e-8, 0.3, 50.0])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_lies_below(n, m, penalty, seed):
    rng = np.random.default_rng([seed, n, m])
    points = rng.normal(size=(n, m)) + rng.normal(size=m)
    w = nearest_weights(points, penalty)
    assert w.sum() == pytest.approx(1.0, abs=1e-12) and (w >= 0).all()
    assert shortfall(points, penalty, w) < 2e-11
    slow = minimize(
        lambda v: objective(points, penalty, v),
        np.full(n, 1 / n),
        bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1},
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    scale = (points**2).sum(axis=1).max()
    assert objective(points, penalty, w) <= slow.fun + 1e-10 * scale
    assert objective(points, penalty, w) == pytest.approx(slow.fun, rel=1e-5, abs=1e-7 * scale)


@settings(max_examples=300, deadline=None)
@given(
    points=st.tuples(st.integers(1, 12), st.integers(1, 8)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=st.integers(-3, 3).map(float))
    ),
    penalty=st.sampled_from([0.0, 1e-9, 1.0]),
)
def test_ties_and_flat_points_are_safe(points, penalty):
    w = nearest_weights(points, penalty)
    assert w.sum() == pytest.approx(1.0, abs=1e-9) and (w >= 0).all()
    if points.any():
        assert shortfall(points, penalty, w) < 1e-10


def test_twins_among_more_points_than_dimensions():
    points = np.array([[0.0, 0.0, -1.0], [0.0, 3.0, 3.0]] * 2)
    w = nearest_weights(points, 0.0)
    assert shortfall(points, 0.0, w) < 2e-11
    assert w[0] + w[2] == pytest.approx(21 / 25, abs=1e-9)


def counts(seed: int, n: int = 120, t: int = 30) -> np.ndarray:
    """Rare counts: many alike, some without any event."""
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(1.0, 0.7, (n, 1)), (n, t)).astype(np.float64)


@pytest.mark.parametrize("penalty", [0.0, 1e-10, 3.0, 300.0])
@pytest.mark.parametrize("seed", range(3))
def test_panels_of_rare_counts(seed, penalty):
    y = counts(seed)
    for points in (y[1:] - y[0], y[5:, :3] - y[:5, :3].mean(axis=0), (y[:, 20:] - y[:, :1]).T):
        w = nearest_weights(np.ascontiguousarray(points), penalty)
        assert shortfall(points, penalty, w) < 2e-11
        assert w.sum() == pytest.approx(1.0, abs=1e-12) and (w >= 0).all()


def test_order_of_points_is_irrelevant():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 12)) + 0.5
    order = rng.permutation(40)
    w = nearest_weights(points, 0.5)
    assert nearest_weights(points[order], 0.5) == pytest.approx(w[order], abs=1e-12)


def test_nothing_to_tell_points_apart():
    assert nearest_weights(np.zeros((4, 3)), 0.0).tolist() == [0.25] * 4
    assert nearest_weights(np.ones((1, 3)), 0.0).tolist() == [1.0]


def published(a, b, *, ridge, least, intercept):
    """Frank–Wolfe of Arkhangelsky et al. as they write it: all of A at every step."""
    if intercept:
        a, b = a - a.mean(axis=0), b - b.mean()

    def steps(x, count):
        values = []
        while len(values) < count and (len(values) < 2 or values[-2] - values[-1] > least**2):
            half = (a @ x - b) @ a + len(b) * ridge**2 * x
            towards = -x.copy()
            towards[np.argmin(half)] += 1.0
            if towards.any():
                moved = a @ towards
                bottom = (moved**2).sum() + len(b) * ridge**2 * (towards**2).sum()
                x = x + min(1.0, max(0.0, -(half @ towards) / bottom)) * towards
            values.append(ridge**2 * (x**2).sum() + ((a @ x - b) ** 2).mean())
        return x

    first = steps(np.full(a.shape[1], 1.0 / a.shape[1]), 100)
    cut = np.where(first <= first.max() / 4.0, 0.0, first)
    return steps(cut / cut.sum(), 10_000)


@pytest.mark.parametrize(
    ("rows", "columns", "ridge", "intercept"),
    [(12, 40, 2.0, True), (60, 14, 1e-6, True), (12, 40, 1e-6, False)],
)
def test_published_path(rows, columns, ridge, intercept):
    y = counts(4, 60, 60)
    a, b = y[:columns, :rows].T, y[50:, :rows].mean(axis=0)
    told = {"ridge": ridge, "least": 1e-6, "intercept": intercept}
    assert simplex_weights(a, b, **told) == pytest.approx(published(a, b, **told), abs=1e-9)
    w = simplex_weights(a, b, **told)
    points = a - b[:, None]
    points = (points - points.mean(axis=0) if intercept else points).T
    exact = nearest_weights(np.ascontiguousarray(points), rows * ridge**2)
    best = objective(points, rows * ridge**2, exact)
    assert best <= objective(points, rows * ridge**2, w) <= 1.02 * best + 1e-3
