"""The check on honest intervals: the interval it tells, and what keeps it from one."""

from __future__ import annotations

import numpy as np
import pytest
from tests.replay_worlds import boroughs, joint_operation

from hotspot_eval.did import event_study
from hotspot_eval.inference import TopK, honest_check, honest_did
from hotspot_eval.results import Effects


def study(vector, spread=0.05, labels=None):
    labels = labels or [str(e - 3) for e in range(len(vector))]
    variance = np.full(len(vector), spread**2)
    variance[labels.index("-1")] = 0.0
    return Effects(
        labels=tuple(labels),
        vector=np.array(vector),
        covariance=np.diag(variance),
        scale="log_irr",
        estimand="effect",
        method="m",
        inference="i",
    )


def test_it_is_the_honest_interval_of_the_mean():
    event = study([0.03, -0.02, 0.0, -0.6, -0.5, -0.7, -0.4])
    found = honest_check(event, m=[0.5, 1.0], periods_after=3)
    rows = [0, 1, 3, 4, 5]
    by_hand = honest_did(
        event.vector[rows],
        event.covariance[np.ix_(rows, rows)],
        n_pre=2,
        n_post=3,
        m=[0.5, 1.0],
        weights=[1 / 3] * 3,
    )
    np.testing.assert_allclose(found.evidence["low"], by_hand.low)
    np.testing.assert_allclose(found.evidence["high"], by_hand.high)
    assert found.status == ("passed" if by_hand.high[1] < 0 else "failed")


def test_a_large_effect_passes_a_drifting_one_fails_and_none_is_not_asked():
    assert honest_check(study([0.01, 0.0, 0.0, -0.9, -0.9, -0.9])).status == "passed"
    drifting = honest_check(study([0.6, 0.3, 0.0, -0.3, -0.6, -0.9]))
    assert drifting.status == "failed"
    assert "includes no change" in drifting.sentence
    nothing = honest_check(study([0.01, 0.0, 0.0, 0.02, -0.02, 0.01]))
    assert nothing.status == "not assessed"
    assert "no effect to defend" in nothing.sentence
    assert not nothing.evidence["excludes_zero"].any()


def test_an_interval_wider_than_the_first_grid_is_not_cut_off():
    event = study([0.9, -0.9, 0.0, -0.3], spread=0.01)
    found = honest_did(event.vector[[0, 1, 3]], np.eye(3) * 1e-4, n_pre=2, n_post=1, m=5.0)
    # the largest step before is 1.8, so trends may part by 9, far beyond 20 standard errors
    assert found.low[0] == pytest.approx(-9.3, abs=0.2)
    assert found.high[0] == pytest.approx(8.7, abs=0.2)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["-3", "-2", "-1", "1", "2"], "Periods are left out"),
        (["-1", "0", "1", "2", "3"], "no estimate before"),
    ],
)
def test_what_the_event_study_does_not_allow(labels, said):
    found = honest_check(study([0.0, 0.1, -0.1, 0.2, 0.1], labels=labels))
    assert found.status == "not assessed" and said in found.sentence


def test_a_singular_covariance_is_said():
    event = study([0.1, 0.0, 0.0, 0.2, 0.1])
    flat = np.outer([0.1, 0.1, 0.0, 0.1, 0.1], [0.1, 0.1, 0.0, 0.1, 0.1])
    event = Effects(
        labels=event.labels,
        vector=event.vector,
        covariance=flat,
        scale="log_irr",
        estimand="effect",
        method="m",
        inference="i",
    )
    found = honest_check(event)
    assert found.status == "not assessed" and "singular" in found.sentence


def test_a_fitted_event_study_can_be_asked():
    world = boroughs(np.random.default_rng(3), months=36, mean=20.0)
    rng = np.random.default_rng(0)
    rule = TopK(k=4, by="random")
    acted, design = joint_operation(
        world, rule, {"A": "2021-07", "B": "2021-07"}, rng, pre=4, kept=0.3
    )
    found = honest_check(event_study(acted, design), m=[0.0, 0.25])
    assert found.evidence["excludes_zero"].iloc[0]
    assert found.evidence["low"].is_monotonic_decreasing
    assert (found.evidence["high"] > np.log(0.3)).all()
    assert (found.evidence["low"] < np.log(0.3)).all()
