"""Intervals of rejection shares, which docs/calibration.md calls compatible or not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from tests.calibration.block_intervals import block_mean, block_share


def table(hits, blocks):
    return pd.Series(np.asarray(hits, float)), pd.Series(blocks)


def test_single_studies_give_clopper_and_pearson():
    """But for B/(B − 1), 200/199 here."""
    hit, block = table([1, 0, 0, 0, 1] * 40, range(200))
    exact = binomtest(80, 200).proportion_ci(method="exact")
    assert block_share(hit, block)[1:] == pytest.approx((exact.low, exact.high), abs=3e-4)


def test_no_hit_still_has_an_upper_end():
    hit, block = table(np.zeros(32), range(32))
    share, low, high = block_share(hit, block)
    assert (share, low) == (0.0, 0.0) and high == pytest.approx(1 - 0.025 ** (1 / 32), abs=1e-12)


def test_blocks_that_agree_count_once():
    """Ten studies a block, all alike: 30 blocks are 30 studies, on 29 degrees of freedom."""
    each = np.array([1.0] * 9 + [0.0] * 21)
    share, low, high = block_share(*table(np.repeat(each, 10), np.repeat(range(30), 10)))
    exact = binomtest(9, 30).proportion_ci(method="exact")
    assert share == pytest.approx(0.3)
    assert low <= exact.low and high >= exact.high and high - low < 1.15 * (exact.high - exact.low)


def test_nothing_seen_says_nothing():
    hit, block = table([np.nan, np.nan], [0, 1])
    assert np.isnan(block_share(hit, block)).all()
    assert np.isnan(block_mean(hit, block, np.random.default_rng(0))).all()


def test_holds_a_true_size_that_resampled_blocks_lose():
    """32 boroughs of nine studies, true size .05, boroughs unlike (beta-binomial, ρ = .05)."""
    rng = np.random.default_rng(5)
    draws, block = 400, pd.Series(np.repeat(range(32), 9))
    inside = np.zeros((draws, 2))
    for draw in range(draws):
        size = rng.beta(0.05 * 19, 0.95 * 19, 32)
        hit = pd.Series((rng.random((32, 9)) < size[:, None]).ravel().astype(float))
        for column, told in enumerate((block_share(hit, block), block_mean(hit, block, rng, 199))):
            inside[draw, column] = told[1] <= 0.05 <= told[2]
    ours, resampled = inside.mean(axis=0)
    assert ours >= 0.94 and resampled < ours
