"""What boroughs that are replayed one by one share, and the mean that knows of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.replay_worlds import joint_operation, restless

from hotspot_eval.design import Design
from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK
from hotspot_eval.inference.replay import between
from hotspot_eval.inference.replay.between import covariance_between
from hotspot_eval.inference.replay.engine import study_of, verdict_of
from hotspot_eval.inference.replay.joint import join
from hotspot_eval.results import Effect
from hotspot_eval.synthesis import pool

RULE = TopK(k=4)


def one_by_one(panel, design, rng):
    """A study of each borough; each knows where the others were treated."""
    studies = []
    for home in sorted({area[0] for area in design.treated}):
        alone = Design(
            spells=[spell for spell in design.spells if spell.area[0] == home],
            controls=[area for area in design.controls if area[0] == home],
            elsewhere=[spell for spell in design.spells if spell.area[0] != home],
            pre_periods=design.pre_periods,
            post_periods=design.post_periods,
        )
        studies.append(study_of(panel, alone, rule=RULE, rng=rng))
    return studies


def operation(seed, *, hot=0.1, starts=None, kept=1.0):
    rng = np.random.default_rng(seed)
    panel = restless(rng, months=66, hot=hot)
    labels = panel.periods.labels
    begun = {c: labels[60 + s] for c, s in (starts or dict.fromkeys("ABCDEFGH", 0)).items()}
    panel, design = joint_operation(panel, RULE, begun, rng, kept=kept)
    return panel, design, rng


def effect_of(study):
    told = verdict_of(study.sites, study.nulls, study.pools, 0.95, "two-sided")
    return Effect.from_estimate(
        told.estimate,
        told.std_error,
        estimand="effect",
        scale="log_irr",
        method="replay",
        inference="replay",
    )


@pytest.fixture(scope="module")
def studies():
    """Three boroughs, the first with two starts a month apart."""
    panel, design, rng = operation(3, starts={"A": 0, "B": 1, "C": 3})
    labels = panel.periods.labels
    own = [spell.area for spell in design.spells if spell.area[0] == "A"]
    begun = [labels[61] if spell.area in own[2:] else spell.start for spell in design.spells]
    design = Design(
        treated=design.treated,
        start=begun,
        controls=design.controls,
        pre_periods=design.pre_periods,
        post_periods=design.post_periods,
    )
    return one_by_one(panel, design, rng)


def test_starts_are_joined_and_weighed_to_boroughs(studies):
    nulls = [null for study in studies for null in study.nulls]
    assert [null.site.cluster for null in nulls] == ["A", "A", "B", "C"]
    joint = join(nulls).covariance
    precision = [1 / float(null.expectation.variance(0.0)) for null in nulls[:2]]
    share = precision[0] / sum(precision)
    by_hand = np.zeros((3, 3))
    weights = [{0: share, 1: 1 - share}, {2: 1.0}, {3: 1.0}]
    for i in range(3):
        for j in range(3):
            by_hand[i, j] = sum(
                w * v * joint[g, h] for g, w in weights[i].items() for h, v in weights[j].items()
            )
    found = covariance_between(studies)
    assert found.covariance == pytest.approx(by_hand, rel=1e-12)
    assert (found.covariance[np.triu_indices(3, 1)] > 0).all()
    assert found.calendar >= 2
    assert 1 <= found.df < 40


def test_one_study_has_the_variance_of_its_own_join(studies):
    own = join(studies[0].nulls)
    alone = covariance_between(studies[:1]).covariance
    assert alone[0, 0] == pytest.approx(own.variance(), rel=1e-12)


def test_a_study_without_a_pool_has_no_row(studies):
    empty = replace(studies[1], nulls=())
    found = covariance_between([studies[0], empty, studies[2]]).covariance
    assert np.isnan(found[1]).all() and np.isnan(found[:, 1]).all()
    assert np.isfinite(found[np.ix_([0, 2], [0, 2])]).all()
    assert np.isnan(covariance_between([empty]).covariance).all()


def test_one_window_in_the_calendar_is_one_degree_of_freedom(studies, monkeypatch):
    monkeypatch.setattr(between, "join", lambda nulls: replace(join(nulls), calendar=1))
    assert covariance_between(studies).df == 1.0


def test_studies_of_other_counts_are_refused(studies):
    panel, design, rng = operation(4, starts={"A": 0, "B": 0})
    with pytest.raises(InputError, match="of different panels"):
        covariance_between([studies[0], *one_by_one(panel, design, rng)])


def judged(worlds, hot):
    """Share of worlds whose intervals hold the effect: joined, and taken as independent."""
    covered = {"together": 0, "apart": 0}
    for seed in worlds:
        panel, design, rng = operation(seed, hot=hot, kept=0.8)
        alone = one_by_one(panel, design, rng)
        effects = [effect_of(study) for study in alone]
        told = covariance_between(alone)
        found = {
            "together": pool(effects, told.covariance, covariance_df=told.df).effect,
            "apart": pool(effects).effect,
        }
        for name, effect in found.items():
            covered[name] += effect.ci_low < np.log(0.8) < effect.ci_high
    return {name: count / len(worlds) for name, count in covered.items()}


def test_the_mean_of_boroughs_with_common_shocks_covers():
    """24 worlds in which the busy areas of all eight boroughs move together."""
    covered = judged(range(100, 124), hot=0.15)
    assert covered["together"] >= 0.83
    assert covered["apart"] <= 0.75


@pytest.mark.slow
def test_coverage_of_the_mean_in_many_worlds():
    """200 worlds; a coverage of .95 has a standard error of .015."""
    shared = judged(range(1000, 1200), hot=0.15)
    assert shared["together"] >= 0.92
    assert shared["apart"] < 0.78
    calm = judged(range(2000, 2200), hot=0.0)
    assert calm["together"] >= 0.92
