"""Edges of group-time effects."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval.did import group_time, linear_did, switchers
from hotspot_eval.errors import InputError


def world(n: int = 24, t: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(9.0, (n, t))


def test_one_cohort_is_a_difference_of_means_against_the_base_month():
    y = world()
    result = group_time(panel_of(y), staggered(dict.fromkeys(range(6), 4)))
    effects = result.aggregate("event")
    change = y - y[:, [3]]
    expected = change[:6].mean(axis=0) - change[6:].mean(axis=0)
    np.testing.assert_allclose(effects.vector[:-1], expected, atol=1e-12)
    assert effects.labels == ("-4", "-3", "-2", "-1", "0", "1", "2", "overall")
    two_months = panel_of(y).select(periods=(month(3), month(4)))
    single = linear_did(two_months, staggered(dict.fromkeys(range(6), 4))).effect
    assert effects["0"].estimate == pytest.approx(single.estimate, abs=1e-12)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_factored_and_contrast_by_contrast_agree(control):
    y = world()
    starts = {0: 2, 1: 2, 2: 3, 3: 3, 4: 5, 5: 5}
    panel, design = panel_of(y), staggered(starts)
    plain = group_time(panel, design, control=control)
    flat = pd.Series(0.0, index=panel.areas, name="none").to_frame().iloc[:, :0]
    slow = group_time(panel, design, control=control, covariates=flat, method="or")
    pd.testing.assert_frame_equal(plain.to_frame(), slow.to_frame(), rtol=1e-9)
    for kind in ("simple", "group", "event", "calendar"):
        fast, dense = plain.aggregate(kind), slow.aggregate(kind)
        np.testing.assert_allclose(fast.vector, dense.vector, atol=1e-10)
        np.testing.assert_allclose(fast.covariance, dense.covariance, atol=1e-10)


def test_estimated_weights_are_part_of_the_error():
    y = world(n=40)
    y[:10] += np.arange(7) * 8
    starts = {i: 2 if i < 5 else 5 for i in range(10)}
    result = group_time(panel_of(y), staggered(starts), control="never")
    with_weights = result.aggregate("simple").effect.std_error
    after = (result.cells.period >= result.cells.cohort).astype(float)
    fixed = result.cells.combine((after / after.sum())[:, None], 40)
    assert with_weights > math.sqrt((fixed**2).sum()) / 40


def test_anticipation_moves_the_base():
    result = group_time(panel_of(world()), staggered({0: 4, 1: 4}), anticipation=2)
    frame = result.to_frame().set_index("event_time")
    assert frame.loc[-3, "att"] == 0 and frame.loc[-1, "att"] != 0


def test_effects_that_anticipation_allows_are_no_placebos():
    y = world(n=60, t=8)
    y[:20, 4:] += 12
    panel, design = panel_of(y), staggered(dict.fromkeys(range(20), 6))
    assert group_time(panel, design).pre_test().status == "failed"
    allowed = group_time(panel, design, anticipation=2).pre_test()
    assert allowed.status == "passed" and allowed.evidence["df"][0] == 3
    varying = group_time(panel, design, anticipation=2, base="varying").to_frame()
    change = y[:, 5] - y[:, 3]
    expected = change[:20].mean() - change[20:].mean()
    assert varying.set_index("event_time").loc[-1, "att"] == pytest.approx(expected, abs=1e-12)


def test_a_base_period_is_0_with_or_without_controls():
    design = staggered({**dict.fromkeys(range(4), 3), **dict.fromkeys(range(4, 8), 5)})
    frame = group_time(panel_of(world(n=8)), design).to_frame()
    base = frame[frame["event_time"] == -1]
    assert base["att"].tolist() == [0.0, 0.0] and (base["reason"] == "").all()


def test_missing_cells_use_the_pairs_that_are_there():
    y, observed = world(), np.ones((24, 7), bool)
    observed[0, 5] = observed[10, 3] = False
    frame = group_time(panel_of(y, observed=observed), staggered({0: 4, 1: 4, 2: 4})).to_frame()
    change = y[:, 5] - y[:, 3]
    keep = np.setdiff1d(np.arange(3, 24), [10])
    expected = change[[1, 2]].mean() - change[keep].mean()
    assert frame.set_index("event_time").loc[1, "att"] == pytest.approx(expected, abs=1e-12)


def test_no_controls_is_said():
    result = group_time(panel_of(world(n=4)), staggered(dict.fromkeys(range(4), 3)))
    effect = result.aggregate("simple").effect
    assert math.isnan(effect.estimate) and "no control area" in effect.notes[0]
    all_early = group_time(panel_of(world()), staggered({0: 0, 1: 0}))
    assert "no period before" in all_early.aggregate("event").effect.notes[0]
    assert all_early.pre_test().status == "not assessed"


def test_cells_without_any_untreated_area_are_left_out_and_counted():
    y = world(n=8)
    panel = panel_of(y)
    design = staggered({**dict.fromkeys(range(4), 3), **dict.fromkeys(range(4, 8), 5)})
    result = group_time(panel, design)
    told = result.to_frame().dropna(subset="att")
    after = told[(told["event_time"] >= 0)]
    assert after["period"].tolist() == [month(3), month(4)]
    effect = result.aggregate("simple").effect
    assert effect.estimate == pytest.approx(after["att"].mean(), abs=1e-12)
    assert effect.std_error > 0
    assert any("4 of 6 treated" in note and "go without" in note for note in effect.notes)
    assert effect.crimes_prevented().value == pytest.approx(-effect.estimate * 8, abs=1e-9)
    assert result.aggregate("group").labels == (month(3), "overall")
    assert result.aggregate("calendar").labels == (month(3), month(4), "overall")
    assert result.aggregate("event")["overall"].estimate == pytest.approx(effect.estimate)


def test_clusters_that_start_limit_the_pre_test():
    panel = panel_of(world(n=40, t=8), cluster=np.arange(40) // 4)
    design = staggered(dict.fromkeys(range(12), 6))
    by_area = group_time(panel, design).pre_test()
    assert by_area.status in ("passed", "failed")
    check = group_time(panel, design, cluster="cluster").pre_test()
    assert check.status == "not assessed" and "3 treated clusters" in check.sentence


def test_learnt_errors_are_those_of_switchers_that_stay_on():
    y, design = world(n=40), staggered({0: 3, 1: 3, 9: 4, 17: 5})
    panel = panel_of(y)
    theirs = switchers(panel, design).event_study()
    made = group_time(panel, design, errors="learnt")
    ours, fixed = made.aggregate("event"), replace(made, shares="fixed").aggregate("event")
    for label in ("0", "1", "2", "3"):
        assert ours[label].estimate == pytest.approx(theirs[label].estimate, abs=1e-10)
        assert fixed[label].std_error == pytest.approx(theirs[label].std_error, rel=1e-9)
        assert ours[label].std_error >= theirs[label].std_error * (1.0 - 1e-9)
        assert ours[label].df == pytest.approx(theirs[label].df)
    assert "Ferman–Pinto" in ours.effect.inference
    published = group_time(panel, design).aggregate("event")
    np.testing.assert_allclose(published.vector, ours.vector, atol=1e-12)
    assert "influence functions" in published.effect.inference
    gathered = group_time(panel_of(y, cluster=np.arange(40) // 8), design, errors="learnt")
    assert "shared within clusters" in gathered.aggregate("event").effect.inference


def test_learnt_errors_of_missing_cells_and_of_one_area():
    y, observed = world(n=30), np.ones((30, 7), bool)
    observed[0, 5] = observed[10, 3] = observed[20, 6] = False
    panel, design = panel_of(y, observed=observed), staggered({0: 4, 1: 4, 2: 4})
    made = group_time(panel, design, errors="learnt")
    covariance = np.diag(made.noise.of(np.eye(len(made.cells.att)))[0])
    frame = made.to_frame()
    shown = frame["std_error"].notna()
    np.testing.assert_allclose(frame["std_error"][shown] ** 2, covariance[shown], rtol=1e-9)
    one = group_time(panel_of(y), staggered({0: 4}), errors="learnt").aggregate("simple").effect
    assert one.std_error > 0 and "taken to be that of controls" in one.notes[0]
    bands = group_time(panel_of(y), staggered({0: 4}), errors="learnt").bands(
        rng=np.random.default_rng(0)
    )
    assert bands["critical_value"].iloc[0] > 2.0 and bands["std_error"].notna().sum() == 7


def test_balanced_event_times_are_about_the_same_areas():
    y, design = world(n=30), staggered({**dict.fromkeys(range(5), 3), **dict.fromkeys((6, 7), 5)})
    made = group_time(panel_of(y), design)
    balanced = made.aggregate("event", balance=2)
    frame = made.to_frame()
    early = frame[frame["cohort"] == month(3)].set_index("event_time")["att"]
    for label in ("-3", "0", "1", "2"):
        assert balanced[label].estimate == pytest.approx(early[int(label)], abs=1e-12)
    assert balanced.labels == ("-3", "-2", "-1", "0", "1", "2", "overall")
    with pytest.raises(InputError, match="'balance': no cohort has an effect 9 periods"):
        made.aggregate("event", balance=9)
    with pytest.raises(InputError, match="'balance': goes only with kind=\"event\", not 'group'"):
        made.aggregate("group", balance=1)
    with pytest.raises(InputError, match="'balance': must be a whole number"):
        made.aggregate("event", balance=0.5)


def test_small_cohorts_are_remarked_on():
    notes = group_time(panel_of(world()), staggered({0: 3, 1: 3})).aggregate("simple").effect.notes
    assert "fewer than 5 areas" in notes[0]


def test_pre_test_sees_a_drift_and_counts_its_cells():
    y = world(n=60, t=6)
    y[:20] += np.arange(6) * 3
    check = group_time(panel_of(y), staggered(dict.fromkeys(range(20), 4))).pre_test()
    assert check.status == "failed" and check.evidence["df"][0] == 3
    few = group_time(panel_of(y), staggered({0: 4, 1: 4})).pre_test()
    assert few.status == "not assessed" and "too many" in few.sentence


def test_separating_covariate_is_no_number():
    panel = panel_of(world())
    x = pd.Series([1.0 if i < 3 else 0.0 for i in range(24)], index=panel.areas)
    frame = group_time(panel, staggered(dict.fromkeys(range(3), 4)), covariates=x).to_frame()
    reasons = frame.loc[frame["event_time"] >= 0, "reason"]
    assert reasons.str.contains("tell treated and controls apart").all()


def test_clusters_and_bands():
    panel = panel_of(world(n=40), cluster=np.arange(40) // 4)
    result = group_time(panel, staggered({0: 3, 5: 3, 9: 3, 14: 4, 19: 4}), cluster="cluster")
    assert result.aggregate("simple").effect.n_clusters == 10
    few = "cohorts of fewer than 5 clusters (2020-04, 2020-05): standard errors are too small"
    assert few in result.aggregate("simple").effect.notes
    for kind in ("cells", "simple"):
        bands = result.bands(kind, rng=np.random.default_rng(0), draws=199)
        shown = bands.dropna()
        assert (shown["simultaneous_high"] >= shown["estimate"]).all()
    with pytest.raises(InputError, match="99 or more"):
        result.bands("event", rng=np.random.default_rng(0), draws=10)


def test_refusals():
    panel, design = panel_of(world()), staggered({0: 3, 1: 3})
    with pytest.raises(InputError, match="'always' is not one of the options"):
        group_time(panel, design, control="always")
    with pytest.raises(InputError, match="0 or more"):
        group_time(panel, design, anticipation=-1)
    with pytest.raises(InputError, match="have no row for areas"):
        group_time(panel, design, covariates=pd.Series({area(0): 1.0}))
    with pytest.raises(InputError, match="not finite"):
        group_time(panel, design, covariates=pd.Series(np.nan, index=panel.areas))
    with pytest.raises(InputError, match="not one of the options"):
        group_time(panel, design).aggregate("cohort")
