"""Joint tests, what an estimate could have found, and the largest of several t."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hotspot_eval.significance import detectable_effect, joint_test, largest_t


def test_with_a_sample_covariance_it_is_the_one_sample_hotelling_test():
    rng = np.random.default_rng(0)
    x = rng.normal(0.3, 1.0, (12, 3)) @ rng.normal(size=(3, 3))
    n, q = x.shape
    mean, covariance = x.mean(axis=0), np.cov(x.T) / n
    squared = float(mean @ np.linalg.solve(covariance, mean))
    f = squared * (n - q) / (q * (n - 1))
    test = joint_test(mean, covariance, df=n - 1)
    assert (test.df, test.df_denominator) == (q, n - q)
    assert test.statistic == pytest.approx(q * f, rel=1e-12)
    assert test.p_value == pytest.approx(stats.f.sf(f, q, n - q), rel=1e-10)


def test_an_effect_that_follows_from_the_others_adds_no_degree_of_freedom():
    vector, covariance = np.array([1.0, 2.0]), np.array([[1.0, 0.3], [0.3, 2.0]])
    lift = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])
    whole, part = (
        joint_test(lift @ vector, lift @ covariance @ lift.T),
        joint_test(vector, covariance),
    )
    assert whole.df == part.df == 2
    assert whole.p_value == pytest.approx(part.p_value, rel=1e-9)


def test_too_few_degrees_of_freedom_leave_no_p_value():
    assert math.isnan(joint_test(np.ones(3), np.eye(3), df=3.5).p_value)
    assert joint_test(np.ones(3), np.eye(3), df=4.0).p_value > 0
    assert math.isnan(joint_test(np.ones(2), np.zeros((2, 2))).p_value)


@pytest.mark.parametrize("df", [3.0, 5.0, 10.0, 30.0])
def test_the_detectable_effect_has_its_power_under_the_noncentral_t(df):
    effect = detectable_effect(1.0, df=df)
    critical = stats.t.ppf(0.975, df)
    assert stats.nct.sf(critical, df, effect) == pytest.approx(0.8, abs=0.02)


def test_the_largest_of_perfectly_correlated_t_is_one_t():
    together = largest_t(
        np.ones((4, 4)), np.ones(4), df=6.0, rng=np.random.default_rng(1), draws=40_000
    )
    assert np.quantile(together, 0.95) == pytest.approx(stats.t.ppf(0.975, 6), rel=0.03)
    apart = largest_t(np.eye(4), np.ones(4), df=np.inf, rng=np.random.default_rng(2), draws=40_000)
    sidak = stats.norm.ppf((1.0 + 0.95**0.25) / 2.0)
    assert np.quantile(apart, 0.95) == pytest.approx(sidak, rel=0.02)
