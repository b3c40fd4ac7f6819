"""Replay of weekly panels, of on/off operations, and of panels that are small, sparse or empty."""

from __future__ import annotations

import numpy as np
import pytest
from tests.replay_worlds import boroughs, operation, panel_of, weeks_of

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import PoissonDid
from hotspot_eval.inference import Mimic, Threshold, TopK, replay
from hotspot_eval.inference.replay.engine import study_of, verdict_of
from hotspot_eval.inference.replay.recipe import features


def play(panel, design, rule, seed=0, **options):
    rng = np.random.default_rng(seed)
    return replay(panel, design, rule=rule, estimator=PoissonDid(), rng=rng, **options)


def judge(panel, design, rule, seed=0):
    study = study_of(panel, design, rule=rule, rng=np.random.default_rng(seed))
    return verdict_of(study.sites, study.nulls, study.pools, 0.95, "two-sided")


def weekly_operation(rng, *, factor=1.0, weeks=200, at=170, on=range(6)):
    """Borough A's four busiest areas, events changed by a factor in the weeks that are on."""
    panel = weeks_of(rng, weeks=weeks)
    start = panel.periods.labels[at]
    chosen = [a for a in TopK(k=4, lookback=13)(panel, start, rng) if a.startswith("A")]
    counts = panel.counts[:, :, 0].copy()
    cells = [at + o for o in on]
    where = np.ix_(panel.positions(chosen), cells)
    kept = rng.binomial(counts[where], min(factor, 1.0))
    counts[where] = kept + rng.binomial(counts[where], max(factor, 1.0) - 1.0)
    panel = panel_of(counts, panel.areas, panel.cluster, panel.periods.labels)
    labels = panel.periods.labels
    spells = [Spell(area=a, start=labels[c], end=labels[c]) for a in chosen for c in cells]
    controls = [a for a in panel.areas if a.startswith("A") and a not in chosen]
    return panel, Design(spells=spells, controls=controls, pre_periods=26, post_periods=max(on) + 1)


def test_weekly_features_are_quarters_and_years():
    """The last 13, 14–52 and 53–156 weeks, and the same weeks last year, make x."""
    panel, design = weekly_operation(np.random.default_rng(1))
    rule = TopK(k=4, lookback=13, by="random")
    null = study_of(panel, design, rule=rule, rng=np.random.default_rng(0)).nulls[0]
    assert null.site.windows.year == 52 and null.site.windows.quarter == 13
    scenes = null.pool.scenes
    told = features(scenes, null.site.windows, history=null.site.onset)
    row = int(np.flatnonzero(scenes.at == scenes.at.max())[0])
    total, controls, at = scenes.sum_treated[row], scenes.sum_controls[row], int(scenes.at[row])
    odds = scenes.odds()[row]

    def log_ratio(begin, stop):
        top, bottom = (float(sums[stop] - sums[begin]) for sums in (total, controls))
        return np.log((top + 0.5) / (bottom + 0.5 * odds))

    base = log_ratio(at - 26, at)
    by_hand = [(at - 13, at), (at - 52, at - 13), (at - 156, at - 52), (at - 52, at - 52 + 6)]
    wanted = [log_ratio(max(b, 0), e) - base for b, e in by_hand]
    assert told.past[row, 2:6] == pytest.approx(wanted, abs=1e-12)
    assert null.pool.history == 104


@pytest.mark.parametrize("on", [range(6), (0, 1, 4, 5)])
@pytest.mark.parametrize(
    "rule", [TopK(k=4, lookback=13), Mimic(), Threshold(at_least=45.0, lookback=13)]
)
def test_weekly_operations_of_both_directions_are_found(on, rule):
    """True factors .5 and 1.6 (logs −.69, .47) against a standard error near .1."""
    for factor in (0.5, 1.6):
        panel, design = weekly_operation(np.random.default_rng(6), factor=factor, on=on)
        verdict = judge(panel, design, rule)
        assert verdict.low < np.log(factor) < verdict.high
        assert verdict.p_value < 0.05 and np.sign(verdict.estimate) == np.sign(np.log(factor))


def test_weekly_size_and_coverage():
    """16 worlds without an effect: at 5 % five rejections or more have probability below .001."""
    rejected = []
    for seed in range(16):
        rng = np.random.default_rng(500 + seed)
        panel, design = weekly_operation(rng, weeks=150, at=140, on=(0, 1, 3, 4))
        rejected.append(judge(panel, design, TopK(k=4, lookback=13), seed).p_value <= 0.05)
    assert sum(rejected) < 5


@pytest.mark.parametrize("clusters", [1, 2, 3, 6])
def test_few_small_boroughs_give_a_number_or_say_why_not(clusters):
    """Seven areas with five treated, up to six boroughs, eight years: one test or one reason."""
    panel = boroughs(np.random.default_rng(4), clusters=clusters, areas=7, months=96)
    rng = np.random.default_rng(0)
    design = operation(panel, TopK(k=5), "2026-01", rng, pre=12, post=3)
    result = play(panel, design, TopK(k=5))
    assert np.isfinite(result.effect.p_value)
    assert result.effect.ci_low < result.effect.estimate < result.effect.ci_high
    short = play(panel, operation(panel, TopK(k=5), "2020-06", rng, pre=12, post=3), TopK(k=5))
    told = np.isfinite(short.effect.p_value)
    assert told or any("fewer than 39" in note for note in short.effect.notes)


def test_a_borough_as_large_as_the_rule_has_no_scene():
    """Five areas of which five are chosen leave no control: counted, not dropped in silence."""
    rng = np.random.default_rng(5)
    panel = boroughs(rng, clusters=6, areas=8, months=60)
    gone = [f"F{i:02}" for i in range(5, 8)]
    small = panel.select(areas=[a for a in panel.areas if a not in gone])
    result = play(small, operation(small, TopK(k=5), "2023-01", rng), TopK(k=5))
    assert "F" not in set(result.draws["cluster"])
    assert "no area is left as control" in result.pool["left_out"].iloc[0]


def test_areas_without_any_event_stay_and_count():
    rng = np.random.default_rng(6)
    panel = boroughs(rng, clusters=8, areas=14, months=60)
    counts = panel.counts[:, :, 0].copy()
    counts[::3] = 0
    empty = panel_of(counts, panel.areas, panel.cluster, panel.periods.labels)
    design = operation(empty, TopK(k=4, by="random"), "2023-01", np.random.default_rng(0))
    result = play(empty, design, TopK(k=4, by="random"))
    assert np.isfinite(result.effect.p_value) and result.effect.n_areas == 14


def test_a_panel_without_events_says_so():
    panel = boroughs(np.random.default_rng(6), clusters=8, areas=14, months=60)
    none = panel_of(
        np.zeros_like(panel.counts[:, :, 0]), panel.areas, panel.cluster, panel.periods.labels
    )
    design = operation(none, TopK(k=4), "2023-01", np.random.default_rng(0))
    result = play(none, design, TopK(k=4))
    assert np.isnan(result.effect.p_value) and np.isnan(result.raw.estimate)
    assert "hold no event" in result.effect.notes[0]


@pytest.mark.parametrize("by", ["count", "change", "random"])
def test_rare_events_hold_size(by):
    """Mean .05 a cell, 12 worlds: at 5 % four rejections or more have probability .002."""
    rejected = []
    for seed in range(12):
        rng = np.random.default_rng(700 + seed)
        panel = boroughs(rng, clusters=8, areas=30, months=48, mean=0.05)
        design = operation(panel, TopK(k=5, by=by), "2022-07", rng, pre=12)
        verdict = judge(panel, design, TopK(k=5, by=by), seed)
        assert np.isfinite([verdict.estimate, verdict.p_value]).all()
        rejected.append(verdict.p_value <= 0.05)
    assert sum(rejected) < 4
