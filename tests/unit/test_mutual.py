"""Shocks that treated areas share, from their own past: against known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from tests.did_worlds import panel_of, staggered

from hotspot_eval.did import Imputation, PoissonDid, linear_did, poisson_did
from hotspot_eval.did.kernels import fading, in_steps, mutual_shocks

T = 60
LESS_MEAN = np.eye(T) - 1.0 / T


def shocks(rng: np.random.Generator, n: int, rho: float, periods: int = T) -> np.ndarray:
    noise = rng.normal(size=(n, periods + 50)) * np.sqrt(1.0 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=1)[:, 50:]


def test_in_steps_ends_at_the_end():
    assert in_steps(np.arange(7.0), 3).tolist() == [6.0, 15.0]
    assert in_steps(np.arange(3.0), 1).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("step", [1, 3])
def test_fading_splits_memory_from_counting_and_bursts(step):
    rng = np.random.default_rng(0)
    mean = rng.uniform(2.0, 6.0, 400)[:, None] * np.ones(T)
    residual = np.sqrt(1.5 * mean) * rng.normal(size=mean.shape)
    residual += mean * np.sqrt(0.3) * shocks(rng, 400, 0.8)
    residual -= residual.mean(axis=1, keepdims=True)
    found = fading(in_steps(residual, step), in_steps(mean, step), step)
    assert found.shock == pytest.approx(0.3, rel=0.15)
    assert found.counting + found.white / step * 4.0 == pytest.approx(1.5, rel=0.2)
    lag = found.kernel(13)[0]
    assert lag[0] == pytest.approx(1.0, abs=1e-3) and lag[12] == pytest.approx(0.8**12, abs=0.05)


def test_without_memory_the_kernel_is_that_of_single_periods():
    rng = np.random.default_rng(1)
    mean = np.full((200, T), 4.0)
    residual = np.sqrt(mean + 0.2 * mean**2) * rng.normal(size=mean.shape)
    residual -= residual.mean(axis=1, keepdims=True)
    found = fading(residual, mean)
    assert found.weights[0] > 0.5
    assert found.kernel(20)[0, 5:].max() < 0.1


def posterior(rng, psi, rho, count=300, nothing=0.5):
    """Means over draws of the posterior mean, own variance 1 and unit 1."""
    place = np.arange(T)
    kernel = rho ** np.abs(place[:, None] - place)
    own, joint = LESS_MEAN @ LESS_MEAN.T, LESS_MEAN @ kernel @ LESS_MEAN.T
    means = []
    for _ in range(count):
        total = rng.normal(size=T) + np.sqrt(psi) * shocks(rng, 1, rho)[0]
        made = mutual_shocks(total - total.mean(), own, joint, unit=1.0, most=9.0, nothing=nothing)
        means.append(made.mean)
    return float(np.mean(means))


def test_shared_shocks_are_found_where_there_are_some():
    assert posterior(np.random.default_rng(2), 2.0, 0.6) == pytest.approx(2.0, rel=0.2)
    assert posterior(np.random.default_rng(3), 0.0, 0.6) < 0.1


def test_a_past_that_tells_nothing_adds_next_to_nothing():
    """Shocks that hardly fade go with the mean of the window; the prior alone is not believed."""
    assert posterior(np.random.default_rng(4), 0.0, 0.9999, count=20) < 0.05


def test_the_less_is_known_beforehand_the_more_is_added():
    one, two = (posterior(np.random.default_rng(5), 0.2, 0.5, 60, p) for p in (0.3, 0.7))
    assert one > two


def test_impossible_covariances_and_no_shocks_give_none():
    flat = np.zeros((6, 6))
    assert mutual_shocks(np.zeros(6), flat, flat, unit=1.0, most=1.0, nothing=0.5).mean == 0.0
    assert mutual_shocks(np.zeros(6), np.eye(6), flat, unit=1.0, most=1.0, nothing=0.5).mean == 0.0
    assert (
        mutual_shocks(np.ones(6), np.eye(6), np.eye(6), unit=1.0, most=0.0, nothing=0.5).mean == 0
    )


@pytest.mark.parametrize(
    "estimator", [poisson_did, linear_did, Imputation(), Imputation(model="linear")]
)
def test_treated_areas_that_move_together_have_a_larger_error_without_labels(estimator):
    rng = np.random.default_rng(7)
    own = np.sqrt(0.1) * shocks(rng, 120, 0.5, 48)
    both = np.sqrt(0.1) * shocks(rng, 1, 0.5, 48)
    together = np.arange(120)[:, None] < 20
    y = rng.poisson(3.0 * np.exp(own + np.where(together, both, 0.0)))
    lone, joint = (staggered(dict.fromkeys(rows, 36)) for rows in (range(40, 60), range(20)))
    apart, near = (estimator(panel_of(y), design).effect for design in (lone, joint))
    assert near.std_error > 1.5 * apart.std_error
    assert near.df < 40.0  # of 36 periods; there are 100 controls
    odd = np.where(np.arange(120) < 20, np.arange(120) % 4, 4 + np.arange(120) % 10)
    split = estimator(panel_of(y, cluster=odd), joint).effect
    assert split.std_error > 1.15 * apart.std_error


def test_few_periods_before_leave_it_out_and_say_so():
    rng = np.random.default_rng(8)
    panel = panel_of(rng.poisson(5.0, (60, 16)))
    few, enough = (
        poisson_did(panel, staggered(dict.fromkeys(range(5), t))).effect for t in (11, 12)
    )
    assert "treated areas have in common are left out" in " ".join(few.notes)
    assert not enough.notes
    one = PoissonDid()(panel, staggered({0: 6})).effect
    assert "in common" not in " ".join(one.notes)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [0.0, 1e-160, 1e-15])
def test_areas_without_noise_have_no_memory(size):
    mean = np.full((12, 20), 2.0)
    found = fading(size * np.resize([1.0, -1.0], mean.shape), mean)
    assert (found.shock, found.counting, found.white) == (0.0, 0.0, 0.0)
    assert found.weights.sum() == pytest.approx(1.0)
