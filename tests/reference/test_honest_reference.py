"""HonestDiD on the EHEC coefficients of Benzarti and Carloni (5 before, 2 after, first after)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.inference import honest_did

# The published limits are accepted points of a grid with step 0.0004, or ends of a search over 100
# lengths, and are printed to three digits; ours are bisected.
STEP = 5e-4


@pytest.fixture(scope="module")
def ehec(shared_data):
    folder = shared_data / "reference"
    return np.load(folder / "ehec_beta.npy"), np.load(folder / "ehec_V.npy")


def test_relative_magnitudes(ehec):
    result = honest_did(*ehec, n_pre=5, n_post=2, m=(0.5, 1.0, 1.5, 2.0))
    expected = [(0.0241, 0.0673), (0.0171, 0.0720), (0.00859, 0.0796), (-0.00107, 0.0883)]
    np.testing.assert_allclose(result.to_frame()[["low", "high"]], expected, atol=STEP)
    assert result.breakdown == 1.5


def test_smoothness(ehec):
    result = honest_did(
        *ehec, n_pre=5, n_post=2, restriction="smoothness", m=(0.0, 0.01, 0.02, 0.03)
    )
    expected = [(0.0259, 0.0607), (0.0132, 0.0787), (0.00286, 0.0907), (-0.00714, 0.101)]
    np.testing.assert_allclose(result.to_frame()[["low", "high"]], expected, atol=STEP, rtol=1e-3)


def test_smoothness_zero_is_linear_extrapolation():
    """With one period before there is nothing to choose: the trend goes on."""
    result = honest_did(
        [0.1, 0.5], np.diag([0.01, 0.04]), n_pre=1, n_post=1, restriction="smoothness", m=(0.0, 0.1)
    )
    sd = math.sqrt(0.05)
    assert result.low[0] == pytest.approx(0.6 - 1.959964 * sd, abs=1e-6)
    assert result.high[1] > result.high[0] + 0.03


@pytest.mark.parametrize("restriction", ["relative_magnitudes", "smoothness"])
def test_intervals_grow_and_scale(ehec, restriction):
    beta, vcov = ehec
    bounds = np.array([0.0, 0.5, 1.0]) * (0.02 if restriction == "smoothness" else 1.0)
    plain = honest_did(beta, vcov, n_pre=5, n_post=2, restriction=restriction, m=bounds)
    assert (np.diff(plain.high - plain.low) > 0).all()
    factor = 10.0 if restriction == "smoothness" else 1.0
    scaled = honest_did(
        10 * beta, 100 * vcov, n_pre=5, n_post=2, restriction=restriction, m=factor * bounds
    )
    np.testing.assert_allclose(scaled.low, 10 * plain.low, rtol=1e-3, atol=1e-4)


def test_relative_magnitudes_with_many_periods_uses_the_programme():
    """Too many vertices to list: multipliers come from a linear programme instead."""
    rng = np.random.default_rng(0)
    n_pre, n_post = 1, 9
    vcov = 0.01 * (0.5 * np.eye(10) + 0.5)
    beta = rng.normal(0, 0.02, 10) + np.r_[np.zeros(n_pre), np.full(n_post, 0.8)]
    result = honest_did(
        beta, vcov, n_pre=n_pre, n_post=n_post, m=0.5, weights=np.full(n_post, 1 / n_post)
    )
    assert result.low[0] < 0.8 < result.high[0]


def test_coverage_when_trends_are_parallel():
    rng = np.random.default_rng(1)
    vcov = 0.04 * (0.5 * np.eye(5) + 0.5)
    root, inside = np.linalg.cholesky(vcov), []
    for _ in range(30):
        beta = root @ rng.normal(size=5) + np.r_[np.zeros(3), 1.0, 1.0]
        result = honest_did(beta, vcov, n_pre=3, n_post=2, restriction="smoothness", m=0.05)
        inside.append(result.low[0] <= 1.0 <= result.high[0])
    assert np.mean(inside) >= 0.86


def test_refusals(ehec):
    beta, vcov = ehec
    with pytest.raises(InputError, match="Leave the base period out"):
        honest_did(beta, vcov, n_pre=5, n_post=3)
    with pytest.raises(InputError, match="not positive definite"):
        honest_did(beta, np.zeros((7, 7)), n_pre=5, n_post=2)
    with pytest.raises(InputError, match="0 or more"):
        honest_did(beta, vcov, n_pre=5, n_post=2, m=-1)
    with pytest.raises(InputError, match="not one of the options"):
        honest_did(beta, vcov, n_pre=5, n_post=2, restriction="monotone")
    with pytest.raises(InputError, match="must have shape"):
        honest_did(beta, vcov, n_pre=5, n_post=2, weights=[1.0])
