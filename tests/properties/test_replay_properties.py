"""Identities of selection replay on random worlds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.replay_worlds import boroughs, operation, panel_of

from hotspot_eval.design import Design
from hotspot_eval.did import PoissonDid
from hotspot_eval.inference import TopK, replay

RULE = TopK(k=3)
START = "2022-01"
SEEDS = st.integers(0, 5_000)


def play(panel, design, **options):
    return replay(
        panel, design, rule=RULE, estimator=PoissonDid(), rng=np.random.default_rng(0), **options
    )


def world_of(seed):
    panel = boroughs(np.random.default_rng(seed), clusters=6, areas=9, months=42)
    return panel, operation(panel, RULE, START, np.random.default_rng(0))


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_row_order_never_matters(seed):
    panel, design = world_of(seed)
    order = np.random.default_rng(seed).permutation(len(panel.areas))
    shuffled = panel_of(
        panel.counts[order, :, 0],
        [panel.areas[i] for i in order],
        [panel.cluster[i] for i in order],
        panel.periods.labels,
    )
    assert play(panel, design).to_frame().equals(play(shuffled, design).to_frame())


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_what_comes_after_the_windows_is_not_read(seed):
    panel, design = world_of(seed)
    counts = panel.counts[:, :, 0].copy()
    counts[:, panel.periods.labels.index(START) + 3 :] = 77
    other = panel_of(counts, panel.areas, panel.cluster, panel.periods.labels)
    one, two = play(panel, design), play(other, design)
    assert one.effect.estimate == two.effect.estimate
    assert one.effect.p_value == two.effect.p_value
    assert one.raw.estimate == pytest.approx(two.raw.estimate, abs=1e-12)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_names_never_matter(seed):
    """New ids in the same order, new borough names: the same answer."""
    panel, design = world_of(seed)
    new = {area: f"zone-{number:04}" for number, area in enumerate(panel.areas)}
    renamed = panel_of(
        panel.counts[:, :, 0],
        list(new.values()),
        [f"borough {c.lower()}" for c in panel.cluster],
        panel.periods.labels,
    )
    again = Design(
        treated=[new[a] for a in design.treated],
        start=START,
        controls=[new[a] for a in design.controls],
        pre_periods=3,
        post_periods=3,
    )
    one, two = play(panel, design), play(renamed, again)
    assert one.effect.estimate == pytest.approx(two.effect.estimate, abs=1e-12)
    assert one.effect.p_value == two.effect.p_value


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, level=st.sampled_from([0.8, 0.9, 0.99]))
def test_wider_levels_hold_narrower_ones(seed, level):
    panel, design = world_of(seed)
    narrow, usual = play(panel, design, ci_level=level).effect, play(panel, design).effect
    low, high = sorted([narrow, usual], key=lambda effect: effect.ci_level)
    assert high.ci_low <= low.ci_low <= low.estimate <= low.ci_high <= high.ci_high
    assert 0 < usual.p_value <= 1
