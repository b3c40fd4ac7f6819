"""The test of trends before the start: its size, its power, its reasons."""

from __future__ import annotations

import numpy as np
import pytest
from tests.did_worlds import panel_of, staggered

from hotspot_eval.did import event_study, pretrend


def study(drift: float, seed: int = 0, k: int = 12, **options):
    rng = np.random.default_rng(seed)
    trend = np.zeros((60, 10))
    trend[:k] = drift * np.arange(10)
    y = rng.poisson(40 * np.exp(trend))
    return event_study(panel_of(y), staggered(dict.fromkeys(range(k), 7)), **options)


def test_drift_is_found_and_its_size_reported():
    check = pretrend(study(-0.08))
    assert check.status == "failed"
    drift = check.evidence.set_index("test").loc["linear drift"]
    assert drift["drift_per_period"] == pytest.approx(-0.08, abs=0.02)
    assert drift["detectable_by_mean_after"] == pytest.approx(
        2 * drift["detectable_per_period"], rel=1e-9
    )


def test_size_without_drift():
    rejected = [pretrend(study(0.0, seed=seed)).status == "failed" for seed in range(40)]
    assert 0 <= np.mean(rejected) <= 0.225


def test_wording_never_says_satisfied():
    check = pretrend(study(0.0, seed=3))
    assert check.status == "passed" and "not rejected" in check.sentence
    assert "80 % power" in check.sentence


def test_joint_test_needs_degrees_of_freedom():
    few = pretrend(study(0.0, k=3, correction="CR2"))
    assert few.evidence["test"].tolist() == ["linear drift"]
    many = pretrend(study(0.0))
    assert many.evidence["test"].tolist() == ["linear drift", "all effects before the start"]


def test_no_period_before_the_base():
    rng = np.random.default_rng(0)
    fit = event_study(panel_of(rng.poisson(9, (30, 4))), staggered({0: 1, 1: 1}))
    assert pretrend(fit).status == "not assessed"
