"""The exact law of neighbour sums against enumeration and a plain convolution."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from tests.spatial_worlds import enumerated_tails

from hotspot_eval.errors import InputError
from hotspot_eval.spatial.exact import neighbour_sum_tail


def both_tails(y, sums, degree):
    return (
        neighbour_sum_tail(y, sums, degree, upper=False),
        neighbour_sum_tail(y, sums, degree, upper=True),
    )


def slow_upper_tail(others: list[int], k: int, s: int) -> Fraction:
    """P(S ≥ s) in whole numbers: ways[j][sum] built one area at a time."""
    ways: list[dict[int, int]] = [{0: 1}] + [{} for _ in range(k)]
    for value in others:
        for j in range(k, 0, -1):
            for total, number in ways[j - 1].items():
                ways[j][total + value] = ways[j].get(total + value, 0) + number
    return Fraction(sum(n for total, n in ways[k].items() if total >= s), comb(len(others), k))


@pytest.mark.parametrize("seed", range(40))
def test_equals_full_enumeration(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 11))
    y = rng.poisson(rng.choice([0.3, 2.0, 40.0]), (n, 1))
    y[0] += 300 * (seed % 4 == 0)
    degree = rng.integers(1, n, n)
    sums = np.zeros((n, 1), dtype=np.int64)
    for i in range(n):
        sums[i] = rng.permutation(np.delete(y[:, 0], i))[: degree[i]].sum()
    lower, upper = both_tails(y, sums, degree)
    for i in range(n):
        expected = enumerated_tails(y[:, 0], i, degree[i], sums[i, 0])
        assert (lower.at[i, 0], upper.at[i, 0]) == pytest.approx(expected, rel=1e-11, abs=1e-15)
        below = enumerated_tails(y[:, 0], i, degree[i], sums[i, 0] - 1)[0]
        above = enumerated_tails(y[:, 0], i, degree[i], sums[i, 0] + 1)[1]
        assert (lower.beyond[i, 0], upper.beyond[i, 0]) == pytest.approx((below, above), abs=1e-11)


@pytest.mark.parametrize("mean", [0.08, 1.3, 30.0])
def test_deep_tails_keep_their_digits(mean):
    """Relative, not absolute: a tail of 1e-30 is as sound as one of 0.3."""
    rng = np.random.default_rng(5)
    y = rng.poisson(mean, 200)
    y[:8] = np.array([9, 9, 9, 9, 8, 8, 7, 300]) * (1 + int(mean))
    degree = np.full(200, 6)
    sums = np.full((200, 1), int(np.sort(y)[-7:-1].sum()) - 2)
    tail = neighbour_sum_tail(y[:, None], sums, degree, upper=True).at[:, 0]
    smallest = 1.0
    for i in (0, 7, 100):
        exact = float(slow_upper_tail(np.delete(y, i).tolist(), 6, int(sums[i, 0])))
        assert tail[i] == pytest.approx(exact, rel=1e-9)
        smallest = min(smallest, exact)
    assert smallest < 1e-9


def test_ward_counts_are_as_safe_as_rare_ones():
    """Mean 30, up to 340: against whole-number arithmetic, at the stated relative error of 1e-9."""
    rng = np.random.default_rng(8)
    y = rng.negative_binomial(2.0, 2.0 / 32.0, 300)
    y[0] = 340
    degree = rng.integers(2, 9, 300)
    sums = np.array([[rng.choice(y, k, replace=False).sum() + 60] for k in degree])
    sums = np.minimum(sums, [[np.sort(y)[-k - 1 : -1].sum()] for k in degree])
    tail = neighbour_sum_tail(y[:, None], sums, degree, upper=True).at[:, 0]
    for i in (0, 1, 2, 50):
        exact = float(slow_upper_tail(np.delete(y, i).tolist(), int(degree[i]), int(sums[i, 0])))
        assert tail[i] == pytest.approx(exact, rel=1e-9)


def test_no_neighbours_and_unwanted_cells_are_nan():
    y = np.array([[1, 2], [0, 1], [3, 0]])
    wanted = np.array([[True, False], [True, True], [True, True]])
    degree = np.array([1, 0, 1])
    tail = neighbour_sum_tail(y, y[[1, 1, 0]], degree, upper=True, wanted=wanted)
    assert np.isnan(tail.at).tolist() == [[False, True], [True, True], [False, False]]
    none = neighbour_sum_tail(y, y, degree, upper=True, wanted=np.zeros((3, 2), bool))
    assert np.isnan(none.at).all()


def test_everything_equal_gives_one():
    y = np.full((5, 1), 4)
    lower, upper = both_tails(y, np.full((5, 1), 8), np.full(5, 2))
    assert (lower.at == 1.0).all() and (upper.at == 1.0).all()
    assert (lower.beyond == 0.0).all() and (upper.beyond == 0.0).all()


def test_a_law_too_large_to_hold_is_refused():
    y = np.array([[0], [90_000_000], [90_000_000]])
    with pytest.raises(InputError, match="too large to be held"):
        neighbour_sum_tail(y, y[[1, 0, 0]], np.ones(3, dtype=np.int64), upper=True)
