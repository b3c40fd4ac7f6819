"""Tails, ranks and families of p-values in significance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from hotspot_eval.errors import InputError
from hotspot_eval.significance import (
    adjust_p_values,
    check_rejection_possible,
    p_value_from_draws,
    p_values_from_draws,
    p_values_from_tails,
)


@pytest.mark.parametrize("method", ["fdr_bh", "fdr_by", "holm"])
def test_adjusted_as_statsmodels_and_scipy_do(method):
    p = np.random.default_rng(1).beta(0.3, 2.0, 200)
    ours = adjust_p_values(p, method=method)
    assert ours == pytest.approx(multipletests(p, method=method)[1], abs=1e-14)
    if method != "holm":
        assert ours == pytest.approx(false_discovery_control(p, method=method[4:]), abs=1e-14)


def test_nan_are_no_tests_and_shape_is_kept():
    p = np.array([[0.01, np.nan], [0.5, 0.04]])
    expected = multipletests([0.01, 0.5, 0.04], method="holm")[1]
    adjusted = adjust_p_values(p, method="holm")
    assert adjusted[[0, 1, 1], [0, 0, 1]] == pytest.approx(expected)
    assert np.isnan(adjusted[0, 1])
    assert np.isnan(adjust_p_values([np.nan], method="fdr_bh")).all()
    assert adjust_p_values(p, method="none") == pytest.approx(p, nan_ok=True)
    with pytest.raises(InputError, match="'method'"):
        adjust_p_values(p, method="bonferroni")


def test_vector_of_draws_agrees_with_one_at_a_time():
    rng = np.random.default_rng(2)
    observed, draws = rng.integers(0, 4, 5).astype(float), rng.integers(0, 5, (99, 5)).astype(float)
    for alternative in ("greater", "less", "two-sided"):
        ours = p_values_from_draws(observed, draws, alternative=alternative)
        each = [
            p_value_from_draws(observed[m], draws[:, m], alternative=alternative) for m in range(5)
        ]
        assert ours == pytest.approx(each)


def test_sums_in_another_order_are_ties():
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 in floating point, yet no draw is larger."""
    observed = np.array([0.1 + 0.2 + 0.3])
    draws = np.full((9, 1), 0.3 + 0.2 + 0.1)
    assert observed[0] != draws[0, 0]
    for alternative in ("greater", "less"):
        assert p_values_from_draws(observed, draws, alternative=alternative) == 1.0


def test_unknown_stays_unknown_and_shapes_must_match():
    p = p_values_from_draws(np.array([np.nan, 1.0]), np.zeros((9, 2)))
    assert np.isnan(p[0]) and p[1] == pytest.approx(0.2)
    with pytest.raises(InputError, match="have shape"):
        p_values_from_draws(np.zeros(2), np.zeros((9, 3)))


def test_two_sided_never_exceeds_one():
    tails = np.array([0.8]), np.array([0.7])
    assert p_values_from_tails(*tails, alternative="two-sided") == 1.0


@pytest.mark.parametrize("method", ["fdr_bh", "holm", "fdr_by", "none"])
def test_refused_exactly_where_a_single_finding_is_impossible(method):
    """The bound is the adjusted value of one smallest p among p-values of 1."""
    for permutations, tests in ((19, 1), (999, 40), (999, 50), (999, 60), (9999, 5000)):
        p = np.ones(tests)
        p[0] = 1 / (1 + permutations)
        impossible = adjust_p_values(p, method=method)[0] > 0.05 + 1e-12
        call = {"permutations": permutations, "tests": tests, "level": 0.05, "method": method}
        if impossible:
            with pytest.raises(InputError, match="draws give no p-value below"):
                check_rejection_possible(**call, two_sided=False)
        else:
            check_rejection_possible(**call, two_sided=False)
