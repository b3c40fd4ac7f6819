"""Several sites: their join, and what they share at one date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.replay_worlds import boroughs, joint_operation, restless

from hotspot_eval.design import Design
from hotspot_eval.did import PoissonDid
from hotspot_eval.inference import TopK, replay
from hotspot_eval.inference.replay.engine import study_of

RULE = TopK(k=4)
NOW = "2022-04"


def play(panel, design, seed=0, rule=RULE):
    return replay(panel, design, rule=rule, estimator=PoissonDid(), rng=np.random.default_rng(seed))


def test_sites_join_by_precision():
    rng = np.random.default_rng(2)
    panel, design = joint_operation(
        boroughs(rng, months=72, first="2017-01"),
        RULE,
        {"A": "2021-10", "B": "2022-01", "C": NOW},
        rng,
    )
    result = play(panel, design)
    sites = result.sites
    weights = sites["std_error"] ** -2 / (sites["std_error"] ** -2).sum()
    assert sites["weight"].to_numpy() == pytest.approx(weights.to_numpy())
    assert result.effect.estimate == pytest.approx(float(weights @ sites["estimate"]))
    assert result.effect.std_error < sites["std_error"].min()
    assert np.isfinite(result.effect.df) and np.isnan(result.raw.p_value)
    assert result.effect.n_clusters == 3
    draws = result.draws.groupby("site")[["estimate", "weight"]]
    centres = draws.apply(lambda rows: np.average(rows["estimate"], weights=rows["weight"]))
    plain = PoissonDid()(panel, design).effect.estimate
    centre = float(weights.to_numpy() @ centres[sites["site"]].to_numpy())
    assert result.raw.estimate == pytest.approx(plain - centre)
    assert sorted(result.draws["site_start"].unique()) == ["2021-10", "2022-01", NOW]


def test_an_effect_in_all_boroughs_is_found():
    rng = np.random.default_rng(3)
    everywhere = dict.fromkeys("ABCDEFGH", NOW)
    panel, design = joint_operation(restless(rng), RULE, everywhere, rng, kept=0.7)
    effect = play(panel, design).effect
    assert effect.ci_low < np.log(0.7) < effect.ci_high < 0


def test_what_busy_areas_share_widens_the_interval():
    """A shock to busy areas everywhere looks like an operation everywhere: the join must say so."""
    spread = {}
    for hot in (0.0, 0.2):
        rng = np.random.default_rng(4)
        panel, design = joint_operation(
            restless(rng, hot=hot), RULE, dict.fromkeys("ABCDEFGH", NOW), rng
        )
        result = play(panel, design)
        alone = float((result.sites["std_error"] ** -2).sum() ** -0.5)
        spread[hot] = result.effect.std_error / alone
    assert spread[0.0] < 1.5
    assert spread[0.2] > 2.0


def test_one_calendar_window_allows_no_joint_test():
    rng = np.random.default_rng(5)
    panel, design = joint_operation(
        boroughs(rng, clusters=10, months=48),
        RULE,
        dict.fromkeys("ABCDEFGHIJ", "2022-01"),
        rng,
        post=12,
    )
    effect = play(panel, design).effect
    assert np.isfinite(effect.estimate) and np.isnan(effect.p_value)
    assert "fewer than two independent windows" in effect.notes[0]


def test_sites_without_a_pool_are_named():
    """A rule that reads fifteen months could not have chosen after eight."""
    rng = np.random.default_rng(6)
    early = {"A": "2019-09", "B": "2022-04"}
    panel, design = joint_operation(boroughs(rng, clusters=4, months=54), RULE, early, rng, pre=3)
    result = play(panel, design, rule=TopK(k=4, by="change"))
    assert result.pool["rung"].tolist()[0] == 7
    assert any("1 of 2 sites have no reference" in note for note in result.effect.notes)
    assert np.isnan(result.sites["estimate"].iloc[0])
    assert any("reference distribution: same rule" in note for note in result.effect.notes)
    assert result.raw.notes[0].endswith("of the 1 of 2 sites that have replays")


def test_controls_from_everywhere_leave_touched_areas_out():
    """With no controls named, a scene compares with every clean area of the panel."""
    rng = np.random.default_rng(8)
    panel = boroughs(rng)
    chosen = [a for a in RULE(panel, NOW, rng) if a.startswith("A")]
    design = Design(treated=chosen, start=NOW, pre_periods=3, post_periods=3)
    study = study_of(panel, design, rule=RULE, rng=rng)
    scenes = study.nulls[0].pool.scenes
    treated = set(panel.positions(chosen).tolist())
    at = panel.periods.labels.index(NOW)
    late = [s for s in range(len(scenes)) if scenes.onset[s] > at - 3]
    early = [s for s in range(len(scenes)) if scenes.onset[s] <= at - 3]
    assert late and all(not treated & set(scenes.controls[s].tolist()) for s in late)
    assert any(treated & set(scenes.controls[s].tolist()) for s in early)
    assert len(scenes.controls[early[0]]) == len(panel.areas) - 4
    effect = play(panel, design).effect
    assert effect.n_control == len(panel.areas) - 4 and np.isfinite(effect.p_value)


def test_a_panel_without_boroughs_replays_in_time():
    rng = np.random.default_rng(9)
    labelled = boroughs(rng, clusters=2, areas=30, months=96, first="2015-01")
    panel = replace(labelled, cluster=None)
    design = Design(treated=RULE(panel, NOW, rng), start=NOW, pre_periods=3, post_periods=3)
    result = play(panel, design)
    assert result.draws["cluster"].unique().tolist() == ["all areas"]
    assert result.draws["period"].max() == "2022-01"
    assert np.isfinite(result.effect.p_value)
