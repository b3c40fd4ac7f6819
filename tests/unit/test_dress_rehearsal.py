"""The dress rehearsal finds what was put in, and says when the method would not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.replay_worlds import boroughs, joint_operation, operation

from hotspot_eval.errors import InputError
from hotspot_eval.inference import TopK, dress_rehearsal
from hotspot_eval.inference.rehearsal import _expectation
from hotspot_eval.inference.replay.engine import study_of

RULE = TopK(k=4)
START = "2022-07"


def rehearse(panel, design, **options):
    return dress_rehearsal(panel, design, rule=RULE, rng=np.random.default_rng(3), **options)


def test_a_known_reduction_is_recovered():
    """80 pseudo-studies of SD about .15: the mean has a standard error of .02 on the log scale."""
    panel = boroughs(np.random.default_rng(1))
    design = operation(panel, RULE, START, np.random.default_rng(0))
    found = rehearse(panel, design, percent=-30.0, studies=80)
    row = found.summary.iloc[0]
    assert row["studies"] == 80 == len(found.frame)
    assert abs(row["bias"]) < 0.06
    assert row["coverage"] >= 0.85 and row["false_alarms"] <= 0.15
    assert row["found"] > row["false_alarms"]
    assert found.check.status == "passed"


def test_more_is_found_of_a_larger_reduction():
    panel = boroughs(np.random.default_rng(1))
    design = operation(panel, RULE, START, np.random.default_rng(0))
    small, large = (rehearse(panel, design, percent=p, studies=40) for p in (-10.0, -60.0))
    assert large.summary["found"].iloc[0] > small.summary["found"].iloc[0]
    assert (large.frame["p_value_without"] == small.frame["p_value_without"]).all()


def test_each_site_rehearses_in_its_own_pool():
    rng = np.random.default_rng(2)
    panel, design = joint_operation(
        boroughs(rng, months=60), RULE, {"A": "2022-07", "B": "2023-01"}, rng, pre=3
    )
    found = rehearse(panel, design, studies=20)
    assert found.summary["site"].tolist() == ["A", "B"]
    periods = found.frame.loc[found.frame["site"] == "A", "period"]
    assert periods.min() < "2022-07" and not periods.between("2022-08", "2022-12").any()
    own = found.frame[(found.frame["site"] == "A") & (found.frame["cluster"] == "A")]
    assert (own["period"] <= "2022-04").all()


def test_without_a_pool_nothing_is_assessed():
    panel = boroughs(np.random.default_rng(3), clusters=2, months=20)
    design = operation(panel, RULE, "2020-05", np.random.default_rng(0))
    found = rehearse(panel, design)
    assert found.check.status == "not assessed" and found.frame.empty


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"percent": 20.0}, "argument 'percent': must lie in"),
        ({"studies": 0}, "argument 'studies': must be at least 1"),
    ],
)
def test_refusals(options, message):
    panel = boroughs(np.random.default_rng(1))
    design = operation(panel, RULE, START, np.random.default_rng(0))
    with pytest.raises(InputError, match=message):
        rehearse(panel, design, **options)


def test_a_pseudo_study_is_judged_as_if_it_had_been_the_operation():
    """Own scenes ended before it; others start up to it, or after its end and washout."""
    panel = boroughs(np.random.default_rng(1), months=60)
    design = operation(panel, RULE, START, np.random.default_rng(0))
    study = study_of(panel, design, rule=RULE, rng=np.random.default_rng(0))
    null, scenes = study.nulls[0], study.nulls[0].pool.scenes
    for row in (40, 90, 150):
        at, place = scenes.onset[row], scenes.cluster[row]
        others = (scenes.onset <= at) | (scenes.onset >= at + 3 + 3)
        kept = np.where(scenes.cluster == place, scenes.onset + 3 <= at, others)
        told = _expectation(null, study.stage, row)
        age = np.abs(scenes.onset[kept] - at) / 12
        assert sorted(told.weights) == pytest.approx(sorted(0.5 ** (age - age.min())))


def test_a_pseudo_study_reads_no_later_count_of_its_own_borough():
    panel = boroughs(np.random.default_rng(1))
    design = operation(panel, RULE, START, np.random.default_rng(0))
    study = study_of(panel, design, rule=RULE, rng=np.random.default_rng(0))
    null = study.nulls[0]
    scenes, totals = null.pool.scenes, null.pool.scenes.totals
    row = int(np.flatnonzero((scenes.cluster == 2) & (scenes.onset == 30))[0])
    treated = totals.treated.copy()
    later = scenes.row[(scenes.cluster == 2) & (scenes.onset > 27) & (scenes.onset != 30)]
    treated[later, 31:] += np.arange(treated.shape[1] - 31) * 5
    moved = replace(scenes, totals=replace(totals, treated=treated))
    other = replace(null, pool=replace(null.pool, scenes=moved))
    one, two = (_expectation(each, study.stage, row) for each in (null, other))
    assert one.p_value() == two.p_value() and one.effect == two.effect


def test_a_pool_that_spares_no_scene_rehearses_nothing():
    """39 boroughs at one date: without itself each is left with 38."""
    panel = boroughs(np.random.default_rng(11), clusters=40, areas=9, months=27)
    rule = TopK(k=3)
    design = operation(panel, rule, "2020-04", np.random.default_rng(0), pre=12, post=12)
    study = study_of(panel, design, rule=rule, rng=np.random.default_rng(0))
    assert len(study.nulls[0].pool.scenes) == 39
    found = dress_rehearsal(panel, design, rule=rule, rng=np.random.default_rng(3))
    assert found.check.status == "not assessed" and found.frame.empty
