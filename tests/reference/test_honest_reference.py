"""HonestDiD on Medicaid expansion and insurance, its README (5 before, 2 after, first after).

Where the published limits come from, and how near ours must be:

- The stored covariance counts the 7 coefficients among the degrees of freedom, that behind the
  published limits the 8 year effects as well: 344 observations, so it is (344 − 8)/(344 − 15) times
  as large. The published standard errors (Stata's reghdfe on the same data: .0086536 in 2008,
  .0091519 in 2014, .01035 in 2015) hold that to five digits. It made our intervals 1 % shorter.
- Relative magnitudes are the outermost accepted points of 1,000 between ±20 standard errors. Those
  that lie inside our bisected limits are the published ones, digit for digit.
- Fixed-length intervals take the folded normal quantile from a million draws; its error is up to
  .0023, and times a standard deviation of .0089 to .0146 gives 2.5e-5. Limits are printed to three
  digits.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import norm

from hotspot_eval.errors import InputError
from hotspot_eval.inference import honest_did

WITH_YEARS = (344 - 8) / (344 - 15)
DRAWN_QUANTILE = 2.5e-5
# Another release of the same software prints other limits for the same input (its first critical
# value is drawn): .00824 became .00859, one step of its grid.
BETWEEN_RELEASES = 5e-4
SMOOTHNESS = {
    0.0: ("0.0259", "0.0607"),
    0.01: ("0.0132", "0.0787"),
    0.02: ("0.00286", "0.0907"),
    0.03: ("-0.00714", "0.101"),
    0.04: ("-0.0171", "0.111"),
    0.05: ("-0.0271", "0.121"),
}


@pytest.fixture(scope="module")
def ehec(shared_data):
    folder = shared_data / "reference"
    return np.load(folder / "ehec_beta.npy"), np.load(folder / "ehec_V.npy")


@pytest.fixture(scope="module")
def published(ehec):
    beta, vcov = ehec
    return beta, WITH_YEARS * vcov


def half_digit(printed: str) -> float:
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])


def test_the_covariance_is_that_of_the_published_standard_errors(published):
    errors = np.sqrt(np.diag(published[1]))[[0, 1, 2, 3, 4, 5, 6]]
    printed = [0.0086536, 0.0085244, 0.0071078, 0.0063271, 0.0073910, 0.0091519, 0.0103500]
    np.testing.assert_allclose(errors, printed, atol=6e-8)


def test_relative_magnitudes_are_the_published_grid_points(published):
    beta, vcov = published
    result = honest_did(beta, vcov, n_pre=5, n_post=2, m=(0.5, 1.0, 1.5, 2.0))
    reach = 20 * math.sqrt(vcov[5, 5])
    grid = np.linspace(-reach, reach, 1000)
    ends = [
        (grid[grid >= low].min(), grid[grid <= high].max())
        for low, high in zip(result.low, result.high, strict=True)
    ]
    printed = [("0.0240", "0.0672"), ("0.0170", "0.0720"), ("0.00824", "0.0797")]
    printed.append(("-0.000916", "0.0881"))
    for found, told in zip(ends, printed, strict=True):
        for value, text in zip(found, told, strict=True):
            assert value == pytest.approx(float(text), abs=1.01 * half_digit(text)), text


def test_relative_magnitudes_of_another_release(published):
    result = honest_did(*published, n_pre=5, n_post=2, m=(0.5, 1.0, 1.5, 2.0))
    expected = [(0.0241, 0.0673), (0.0171, 0.0720), (0.00859, 0.0796), (-0.00107, 0.0883)]
    np.testing.assert_allclose(result.to_frame()[["low", "high"]], expected, atol=BETWEEN_RELEASES)
    assert result.breakdown == 1.5


def test_smoothness_is_the_published_table(published):
    result = honest_did(
        *published, n_pre=5, n_post=2, restriction="smoothness", m=tuple(SMOOTHNESS)
    )
    for found, told in zip(result.to_frame().itertuples(), SMOOTHNESS.values(), strict=True):
        for value, text in zip((found.low, found.high), told, strict=True):
            near = half_digit(text) + DRAWN_QUANTILE
            assert value == pytest.approx(float(text), abs=near), text


def weights_of(vcov: np.ndarray, m: float, n_pre: int, n_post: int) -> np.ndarray:
    """The affine estimator: its centre is linear in the coefficients."""
    told = [
        honest_did(unit, vcov, n_pre=n_pre, n_post=n_post, restriction="smoothness", m=m)
        for unit in np.eye(n_pre + n_post)
    ]
    return np.array([(one.low[0] + one.high[0]) / 2 for one in told])


def second_differences(n_pre: int, n_post: int) -> np.ndarray:
    """Of the path of trends over all periods, the base period's 0 left out."""
    full = np.diff(np.eye(n_pre + n_post + 1), n=2, axis=0)
    return np.delete(full, n_pre, axis=1)


def worst_bias(weights: np.ndarray, m: float, n_pre: int) -> float:
    """Largest Σ weight·δ over paths whose second differences are at most m: a linear programme."""
    bends = second_differences(n_pre, len(weights) - n_pre)
    bounds = np.full(2 * len(bends), m)
    free = [(None, None)] * len(weights)
    solved = linprog(-weights, A_ub=np.vstack([bends, -bends]), b_ub=bounds, bounds=free)
    assert solved.status == 0
    return float(-solved.fun)


@pytest.mark.parametrize("m", [0.0, 0.004, 0.01, 0.05])
def test_fixed_length_intervals_cover_at_their_worst_path(published, m):
    """Width follows from worst bias and spread, both found without the code under test."""
    beta, vcov = published
    result = honest_did(beta, vcov, n_pre=5, n_post=2, restriction="smoothness", m=m)
    weights = weights_of(vcov, m, 5, 2)
    np.testing.assert_allclose(weights[5:], [1.0, 0.0], atol=1e-6)
    assert result.low[0] + result.high[0] == pytest.approx(2 * weights @ beta, abs=1e-9)
    bias, sd = worst_bias(weights, m, 5), math.sqrt(weights @ vcov @ weights)
    half = (result.high[0] - result.low[0]) / 2
    covered = norm.cdf((half - bias) / sd) - norm.cdf((-half - bias) / sd)
    assert covered == pytest.approx(0.95, abs=1e-6)


@pytest.mark.parametrize("m", [0.002, 0.01, 0.03])
def test_no_other_affine_estimator_is_shorter(published, m):
    """Sixty thousand others that also cancel linear trends, near the one chosen and far from it."""
    beta, vcov = published
    result = honest_did(beta, vcov, n_pre=5, n_post=2, restriction="smoothness", m=m)
    half = (result.high[0] - result.low[0]) / 2
    chosen = weights_of(vcov, m, 5, 2)
    times = np.array([-5.0, -4, -3, -2, -1])
    free = np.linalg.svd(times[None])[2][1:]
    rng = np.random.default_rng(0)
    size = 10.0 ** rng.uniform(-4, 0, (60_000, 1))
    others = np.repeat(chosen[None], 60_000, axis=0)
    others[:, :5] += size * rng.normal(size=(60_000, 4)) @ free
    # Σ w·δ over paths without a linear part is a sum over bends, each at most m.
    paths = np.linalg.pinv(second_differences(5, 2))
    bias = m * np.abs(others @ paths).sum(axis=1)
    sd = np.sqrt(np.einsum("ri,ij,rj->r", others, vcov, others))
    covered = norm.cdf((half - bias) / sd) - norm.cdf((-half - bias) / sd)
    assert covered.max() <= 0.95 + 1e-5
    assert covered.max() > 0.9499


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


def test_relative_magnitudes_cover_where_the_bound_binds():
    """Trends diverge after the start exactly m times as far as at worst before it."""
    rng = np.random.default_rng(2)
    vcov = 0.01 * (0.5 * np.eye(3) + 0.5)
    root, inside = np.linalg.cholesky(vcov), []
    path = np.array([0.0, 0.4, 0.4])  # steps before: .4 and −.4 (to the base); after: +.4 = 1·.4
    for _ in range(80):
        beta = path + root @ rng.normal(size=3) + np.array([0.0, 0.0, 1.0])
        result = honest_did(beta, vcov, n_pre=2, n_post=1, m=1.0)
        inside.append(result.low[0] <= 1.0 <= result.high[0])
    assert np.mean(inside) >= 0.89


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


@pytest.mark.parametrize("seed", range(6))
def test_without_noise_relative_magnitudes_are_the_identified_set(seed):
    """w'β ± m·(largest step before, that into the base included)·Σ_t|Σ_{u≥t} w_u|."""
    rng = np.random.default_rng(seed)
    n_pre, n_post = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    k = n_pre + n_post
    root = rng.normal(size=(k, 2 * k))
    beta, noise = rng.normal(size=k), root @ root.T / k * 1e-9
    w = np.full(n_post, 1.0 / n_post)
    made = honest_did(beta, noise, n_pre=n_pre, n_post=n_post, m=[0.0, 0.5, 20.0], weights=w)
    largest = np.abs(np.diff(np.append(beta[:n_pre], 0.0))).max()
    reach = largest * (n_post + 1) / 2.0 * np.array(made.m)
    centre = float(w @ beta[n_pre:])
    for end, side in ((made.low, -1.0), (made.high, 1.0)):
        np.testing.assert_allclose(end, centre + side * reach, atol=5e-3)
