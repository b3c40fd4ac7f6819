"""What a reference distribution may not read: treated cells, missing months, areas kept out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.replay_worlds import boroughs, joint_operation, operation, panel_of, restless

from hotspot_eval.design import Design
from hotspot_eval.did import PoissonDid
from hotspot_eval.inference import Mimic, TopK, replay
from hotspot_eval.inference.replay.engine import study_of, verdict_of
from hotspot_eval.inference.replay.recipe import features

NOW = "2020-07"


def brief(design, months=3):
    """The same operation, over after so many months."""
    starts = np.array([spell.start for spell in design.spells], dtype="M8[M]")
    return Design(
        treated=design.treated,
        start=[str(start) for start in starts],
        end=[str(start + months - 1) for start in starts],
        controls=design.controls,
        pre_periods=design.pre_periods,
        post_periods=design.post_periods,
    )


@pytest.mark.parametrize("where", ["A", "ABC"])
@pytest.mark.parametrize("by", ["count", "change"])
@pytest.mark.parametrize("ends", [True, False])
def test_no_scene_reads_a_treated_cell_however_late_it_starts(where, by, ends):
    """Five years after: neither history, nor the choice elsewhere, knows what the treated did."""
    rule = TopK(k=4, by=by)
    rng = np.random.default_rng(7)
    panel, design = joint_operation(
        restless(rng, months=108), rule, dict.fromkeys(where, NOW), rng, pre=3
    )
    design = brief(design) if ends else design
    counts = panel.counts[:, :, 0].copy()
    at = panel.periods.labels.index(NOW)
    counts[panel.positions(design.treated), at : at + 3] *= 5
    other = panel_of(counts, panel.areas, panel.cluster, panel.periods.labels)
    studies = [
        study_of(each, design, rule=rule, rng=np.random.default_rng(0)) for each in (panel, other)
    ]
    for one, two in zip(studies[0].nulls, studies[1].nulls, strict=True):
        scenes = one.pool.scenes
        late = scenes.onset > at + 24
        home = np.isin(scenes.cluster, [panel.cluster.index(c) // 14 for c in where])
        assert late.any() and (late & home).any() == (ends and where == "ABC")
        assert np.array_equal(one.told.past, two.told.past)
        assert np.array_equal(one.told.change, two.told.change)
        assert np.array_equal(one.told.expected, two.told.expected)
        assert one.expectation.predicted == two.expectation.predicted


def with_gap(panel, rows, months):
    observed, counts = panel.observed.copy(), panel.counts.copy()
    observed[np.ix_(rows, months)] = False
    counts[np.ix_(rows, months)] = 0
    return replace(panel, observed=observed, counts=counts)


def test_a_past_that_one_borough_lacks_is_not_read_as_none():
    """Borough B lacks a year: its scenes, and all of a study in it, look back no further."""
    rng = np.random.default_rng(3)
    whole = boroughs(rng, months=84)
    rows = whole.positions([a for a in whole.areas if a.startswith("B")])
    panel = with_gap(whole, rows, np.arange(12, 20))
    rule = TopK(k=4)
    found = {}
    for cluster in "AB":
        design = operation(panel, rule, "2024-07", np.random.default_rng(0), cluster=cluster)
        null = study_of(panel, design, rule=rule, rng=np.random.default_rng(0)).nulls[0]
        found[cluster] = null
        scenes = null.pool.scenes
        assert (scenes.since[scenes.cluster == 1] == 20).all()
        assert not scenes.since[scenes.cluster != 1].any()
    assert found["A"].history == 66 and found["B"].history == 46
    filled = whole.counts[:, :, 0].copy()
    filled[np.ix_(rows, range(20))] = 99
    other = with_gap(
        panel_of(filled, whole.areas, whole.cluster, whole.periods.labels), rows, np.arange(12, 20)
    )
    design = operation(panel, rule, "2024-07", np.random.default_rng(0))
    one, two = (
        study_of(each, design, rule=rule, rng=np.random.default_rng(0)).nulls[0]
        for each in (panel, other)
    )
    assert np.array_equal(one.told.past, two.told.past)


def test_a_month_that_every_area_lacks_cuts_no_history():
    panel = boroughs(np.random.default_rng(3), months=84)
    holed = with_gap(panel, np.arange(len(panel.areas)), np.array([8]))
    design = operation(holed, TopK(k=4), "2024-07", np.random.default_rng(0))
    null = study_of(holed, design, rule=TopK(k=4), rng=np.random.default_rng(0)).nulls[0]
    assert null.history == 66 and not null.pool.scenes.since.any()


@pytest.mark.parametrize("rule", [TopK(k=4), Mimic(), TopK(k=30, within="panel")])
def test_areas_kept_out_are_no_candidates(rule):
    """The two busiest areas of A are excluded: scenes choose others, as many as anywhere."""
    panel = boroughs(np.random.default_rng(7))
    level = panel.counts[:, :, 0].sum(axis=1)
    home = sorted(range(14), key=lambda row: -level[row])
    names = [panel.areas[row] for row in home]
    design = Design(
        treated=names[2:6],
        start="2022-07",
        controls=names[6:],
        excluded=names[:2],
        pre_periods=3,
        post_periods=3,
    )
    study = study_of(panel, design, rule=rule, rng=np.random.default_rng(0))
    scenes = study.nulls[0].pool.scenes
    sizes = np.array([len(rows) for rows in scenes.treated])
    assert not set(home[:2]) & {row for rows in scenes.treated for row in rows.tolist()}
    if rule == TopK(k=30, within="panel"):
        per_date = np.bincount(scenes.onset, sizes)
        assert per_date.max() == 30
    else:
        assert (sizes == 4).all() and (scenes.cluster == 0).any()
        result = replay(
            panel, design, rule=rule, estimator=PoissonDid(), rng=np.random.default_rng(0)
        )
        assert result.sites["treated"].tolist() == [4]


def simultaneous(rule_of):
    """Ten boroughs at once in two years and a half: only areas never treated are left."""
    rng = np.random.default_rng(5)
    panel = boroughs(rng, clusters=10, areas=20, months=24, mean=2.0)
    looked_at = boroughs(np.random.default_rng(6), clusters=10, areas=20, months=24)
    chosen = TopK(k=3, on=looked_at)(panel, "2020-08", rng)
    design = Design(treated=chosen, start="2020-08", pre_periods=3, post_periods=3)
    rule = rule_of(looked_at)
    return panel, design, rule, study_of(panel, design, rule=rule, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "rule_of",
    [lambda on: TopK(k=3, by="change", on=on), lambda on: Mimic(on=on)],
    ids=["top", "mimic"],
)
def test_the_last_resort_looks_at_what_the_rule_looked_at(rule_of):
    panel, design, rule, study = simultaneous(rule_of)
    null = study.nulls[0]
    assert null.pool.found == "mimic among areas never treated (weaker)"
    scenes, treated = null.pool.scenes, set(panel.positions(design.treated).tolist())
    assert not treated & {row for rows in scenes.treated for row in rows.tolist()}
    rest = [a for row, a in enumerate(panel.areas) if row not in treated]
    own = [a for a in design.treated if a.startswith("A")]
    like = Mimic(on=rule.on).like(panel, Design(treated=own, start="2020-08"))
    at = panel.periods.labels[int(scenes.onset[-1])]
    chosen = like(panel.select(areas=rest), at, np.random.default_rng(0))
    rows = {row for row in panel.positions(chosen).tolist() if row // 20 == scenes.cluster[-1]}
    assert rows == set(scenes.treated[-1].tolist())


def test_the_last_resort_takes_nothing_from_the_site_during_its_operation():
    study = simultaneous(lambda on: TopK(k=3, by="change", on=on))[-1]
    for place, null in enumerate(study.nulls):
        scenes = null.pool.scenes
        own = scenes.onset[scenes.cluster == place]
        assert (own + 3 <= null.site.onset).all()


def test_a_scene_without_areas_elsewhere_stands_at_no_growth():
    """Three months after against twelve before hold a quarter of the events, which is no fall."""
    panel = boroughs(np.random.default_rng(1), clusters=4, areas=40)
    design = operation(panel, TopK(k=4), "2022-07", np.random.default_rng(0), pre=12)
    null = study_of(panel, design, rule=TopK(k=4), rng=np.random.default_rng(0)).nulls[0]
    scenes = null.pool.scenes
    far = scenes.totals.far.copy()
    far[scenes.row[0]] = 0.0
    told = features(replace(scenes, totals=replace(scenes.totals, far=far)), null.site.windows)
    assert told.past[0, -2:].tolist() == [0.0, 0.0]
    assert np.abs(told.past[1:, -1]).max() < 0.2


def judged(panel, design, rule):
    study = study_of(panel, design, rule=rule, rng=np.random.default_rng(0))
    return verdict_of(study.sites, study.nulls, study.pools, 0.95, "two-sided")


@pytest.mark.parametrize("rule", [TopK(k=4), TopK(k=4, by="change"), Mimic()])
@pytest.mark.parametrize("starts", [{"B": NOW}, {"B": NOW, "C": "2020-10", "D": NOW}])
def test_rows_and_boroughs_kept_out_change_nothing(rule, starts):
    """Rows shuffled, and a busy borough that the design excludes put into the panel."""
    rng = np.random.default_rng(21)
    panel, design = joint_operation(restless(rng, months=56), rule_of(rule), starts, rng)
    counts, labels = panel.counts[:, :, 0], panel.periods.labels
    out = [f"00{i}" for i in range(9)]
    order = rng.permutation(len(panel.areas) + 9)
    ids = [*panel.areas, *out]
    clusters = [*panel.cluster, *["AA"] * 9]
    both = np.concatenate([counts, rng.poisson(60.0, (9, len(labels)))])
    other = panel_of(both[order], [ids[i] for i in order], [clusters[i] for i in order], labels)
    one = judged(panel, design, rule)
    two = judged(other, replace(design, excluded=out), rule)
    for field in ("estimate", "std_error", "p_value", "low", "high", "expected_change"):
        assert getattr(one, field) == pytest.approx(getattr(two, field), abs=1e-10)


def rule_of(rule):
    return TopK(k=4) if isinstance(rule, Mimic) else rule


def test_where_there_is_no_test_none_is_named():
    panel = boroughs(np.random.default_rng(3), clusters=2, months=20)
    design = operation(panel, TopK(k=4), "2020-05", np.random.default_rng(0))
    result = replay(
        panel, design, rule=TopK(k=4), estimator=PoissonDid(), rng=np.random.default_rng(0)
    )
    assert result.effect.inference == "selection replay"
