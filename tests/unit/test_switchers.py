"""Switching treatment: DID_ℓ and DID_M against loops that spell the definition out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import did_m, group_time, pretrend, switchers
from hotspot_eval.errors import InputError


def slow_did_l(y, d, used, ahead, *, gap=0):
    """Mean over switchers of own change less mean change of areas not switched yet, and who."""
    n, t = d.shape
    first = [next((k for k in range(t) if d[i, k] != d[i, 0]), t) for i in range(n)]
    effects, dose, placebos = [], [], []
    for i in range(n):
        now, base = first[i] - 1 + ahead, first[i] - 1 - gap
        if first[i] == t or now >= t or base < 0 or not (used[i, now] and used[i, base]):
            continue
        alike = [
            j
            for j in range(n)
            if d[j, 0] == d[i, 0] and first[j] > now and used[j, [now, base]].all()
        ]
        if not alike:
            continue
        sign = np.sign(d[i, first[i]] - d[i, 0])
        other = np.mean([y[j, now] - y[j, base] for j in alike])
        effects.append(sign * (y[i, now] - y[i, base] - other))
        dose.append(sign * (d[i, now] - d[i, 0]))
        early = base - ahead
        alike = [j for j in alike if early >= 0 and used[j, early]]
        if early >= 0 and used[i, early] and alike:
            other = np.mean([y[j, early] - y[j, base] for j in alike])
            placebos.append(sign * (y[i, early] - y[i, base] - other))
    return effects, dose, placebos


def slow_did_m(y, on, used):
    """DID_M of 2020 with its placebo: pairs of numerators and weights, label by label."""
    parts = {"all": [], "joiners": [], "leavers": [], "placebo": []}
    n, t = on.shape
    for k in range(1, t):
        for before in (0, 1):
            here = [i for i in range(n) if used[i, k - 1 : k + 1].all() and on[i, k - 1] == before]
            move = [i for i in here if on[i, k] != before]
            stay = [i for i in here if on[i, k] == before]
            sign = 1 - 2 * before
            if move and stay:
                gap = np.mean(y[move, k] - y[move, k - 1]) - np.mean(y[stay, k] - y[stay, k - 1])
                for label in ("all", "leavers" if before else "joiners"):
                    parts[label].append((sign * gap, len(move)))
            if k > 1:
                calm = [i for i in here if used[i, k - 2] and on[i, k - 2] == before]
                move, stay = [i for i in calm if i in move], [i for i in calm if i in stay]
                if move and stay:
                    was = y[:, k - 1] - y[:, k - 2]
                    parts["placebo"].append(
                        (sign * (was[move].mean() - was[stay].mean()), len(move))
                    )
    return {
        label: np.average([v for v, _ in found], weights=[w for _, w in found])
        for label, found in parts.items()
    }


def on_off(seed: int, *, n: int = 40, t: int = 9, whole: bool = True):
    """Joiners, rotating areas, leavers, areas always on and never on; with missing cells."""
    rng = np.random.default_rng(seed)
    d = np.zeros((n, t))
    for i in range(20):
        begin = rng.integers(1, t - 2)
        d[i, begin:] = 1 if whole else rng.choice([0.25, 0.5, 1.0])
        if i % 2:
            d[i, min(begin + rng.integers(1, 4), t - 1) :] = 0
    d[20:28] = 1
    for i in range(20, 25):
        d[i, rng.integers(2, t - 1) :] = 0
    y = rng.poisson(rng.gamma(3.0, 2.0, (n, 1)), (n, t)).astype(float)
    used = (rng.random((n, t)) > 0.05) | (d > 0)
    return panel_of(y, observed=used), y, d, used


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("whole", [True, False])
def test_every_event_time_is_the_definition(seed, whole):
    panel, y, d, used = on_off(seed, whole=whole)
    result = switchers(panel, Design.from_treatment(panel, d), effects=3, placebos=2)
    frame = result.to_frame().set_index("label")
    total = received = 0.0
    for ahead in (1, 2, 3):
        effects, dose, placebos = slow_did_l(y, d, used, ahead)
        assert frame.loc[str(ahead - 1), "estimate"] == pytest.approx(np.mean(effects), abs=1e-10)
        assert frame.loc[str(ahead - 1), "switchers"] == len(effects)
        assert frame.loc[str(ahead - 1), "treatment"] == pytest.approx(np.mean(dose), abs=1e-12)
        if ahead < 3:
            assert frame.loc[str(-1 - ahead), "estimate"] == pytest.approx(
                np.mean(placebos), abs=1e-10
            )
        total, received = total + sum(effects), received + sum(dose)
    assert result.effect.estimate == pytest.approx(total / received, rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_did_m_is_the_definition(seed):
    panel, y, d, used = on_off(seed)
    effects = did_m(panel, Design.from_treatment(panel, d))
    for label, value in slow_did_m(y, d, used).items():
        assert effects[label].estimate == pytest.approx(value, abs=1e-10)
    assert effects.effect.estimate == effects["all"].estimate


def test_a_gap_moves_the_base():
    panel, y, d, used = on_off(9)
    d = d[:20]
    joined = Design.from_treatment(panel, np.vstack([d, np.zeros((20, 9))]), gap=1)
    result = switchers(panel, joined, effects=2, placebos=1)
    whole = np.vstack([d, np.zeros((20, 9))])
    assert result.event_study().labels == ("-3", "-2", "0", "1")
    assert result.event_study()["-2"].estimate == 0
    used = used & joined.on(panel).used
    effects, _, placebos = slow_did_l(y, whole, used, 1, gap=1)
    assert result.event_study()["0"].estimate == pytest.approx(np.mean(effects), abs=1e-10)
    assert result.event_study()["-3"].estimate == pytest.approx(np.mean(placebos), abs=1e-10)


@pytest.mark.parametrize("control", ["not_yet", "never"])
def test_treatment_that_stays_on_is_group_time(control):
    """One estimand, two codes: DID_ℓ pools cohorts by size, as the event aggregate does."""
    rng = np.random.default_rng(4)
    y = rng.poisson(6.0, (40, 10))
    starts = {i: 4 + i % 4 for i in range(16)} if control == "not_yet" else {0: 5, 1: 5, 2: 5}
    panel, design = panel_of(y), staggered(starts)
    ours = switchers(panel, design).event_study()
    theirs = group_time(panel, design, control=control, base="universal").aggregate("event")
    after = [label for label in ours.labels if int(label) >= -1]
    np.testing.assert_allclose(
        [ours[label].estimate for label in after],
        [theirs[label].estimate for label in after],
        atol=1e-10,
    )


def test_one_start_total_is_the_linear_sum_and_prevents_what_it_says():
    rng = np.random.default_rng(5)
    y = rng.poisson(20.0, (30, 8))
    y[:6, 5:] = rng.poisson(12.0, (6, 3))
    panel, design = panel_of(y), staggered(dict.fromkeys(range(6), 5))
    result = switchers(panel, design)
    change = y[:6, 5:].mean(axis=0) - y[:6, 4].mean()
    other = y[6:, 5:].mean(axis=0) - y[6:, 4].mean()
    assert result.effect.estimate == pytest.approx((change - other).mean(), abs=1e-10)
    prevented = result.effect.crimes_prevented()
    assert prevented.value == pytest.approx(-6 * (change - other).sum(), abs=1e-9)
    observed = y[:6, 5:].sum()
    ratio = result.aggregate("ratio").effect
    assert ratio.estimate == pytest.approx(
        math.log(observed / (observed + prevented.value)), abs=1e-12
    )
    assert ratio.crimes_prevented().value == pytest.approx(prevented.value, abs=1e-8)


def test_off_periods_are_followed_not_treated():
    """An effect that ends with the treatment: DID is 0 afterwards, and a unit's worth the same."""
    d = np.zeros((20, 8))
    d[:5, 3:5] = 1
    y = 50.0 - 7.0 * d + np.arange(8.0)
    panel = panel_of(y, values=True)
    result = switchers(panel, Design.from_treatment(panel, d), effects=5)
    np.testing.assert_allclose(
        [result.event_study()[str(e)].estimate for e in range(5)], [-7, -7, 0, 0, 0], atol=1e-10
    )
    assert result.effect.estimate == pytest.approx(-7.0, abs=1e-10)
    np.testing.assert_allclose(
        result.aggregate("normalized").vector, [-7, -3.5, 0, 0, 0], atol=1e-10
    )


def test_leavers_need_areas_that_stay_on_and_paths_that_cross_are_cut():
    d = np.zeros((12, 6))
    d[:4, 3:] = 1
    d[4:8] = 0.5
    d[4:6, 3] = 1.0
    d[4:6, 4:] = 0.2
    rng = np.random.default_rng(0)
    panel = panel_of(rng.poisson(9.0, (12, 6)))
    result = switchers(panel, Design.from_treatment(panel, d))
    assert result.ledger.to_frame()["reason"].str.contains("crossed its baseline").any()
    leaving = d.copy()
    leaving[4:8] = 1
    leaving[4:8, 4:] = 0
    both = switchers(panel, Design.from_treatment(panel, leaving)).ledger.to_frame()
    lost = both[both["reason"].str.contains("nobody with the same baseline", na=False)]
    assert lost["rows"].sum() == 4
    lonely = switchers(panel, Design.from_treatment(panel, leaving), direction="out")
    assert math.isnan(lonely.effect.estimate)
    assert "same baseline" in lonely.effect.notes[0]


def test_same_switchers_are_the_same_at_every_time():
    panel, *_, d, _ = on_off(2)
    d = d.copy()
    d[20:] = 0
    result = switchers(panel, Design.from_treatment(panel, d), effects=4, same_switchers=True)
    behind = result.to_frame().set_index("label").loc[["0", "1", "2", "3"], "switchers"]
    assert behind.nunique() == 1 and behind.iloc[0] > 0


def test_dose_is_a_unit_too():
    rng = np.random.default_rng(3)
    hours = [2.0, 4.0, 8.0]
    spells = [Spell(area=area(i), start=month(4), dose=hours[i % 3]) for i in range(9)]
    y = np.full((30, 8), 60.0)
    for i in range(9):
        y[i, 4:] -= 1.5 * hours[i % 3]
    panel = panel_of(y + rng.normal(0, 1e-3, y.shape), values=True)
    result = switchers(panel, Design(spells=spells), unit="dose")
    assert result.effect.estimate == pytest.approx(-1.5, abs=1e-3)
    assert math.isnan(result.effect.crimes_prevented().value)


def test_partial_periods_are_announced():
    panel, *_, d, _ = on_off(1, whole=False)
    notes = switchers(panel, Design.from_treatment(panel, d)).effect.notes
    assert any(note.startswith("attenuated: treatment covers part of") for note in notes)


def test_errors_come_from_controls_or_from_those_that_switch_together():
    panel, *_, d, _ = on_off(6, n=60)
    design = Design.from_treatment(panel, d)
    learnt, own = (switchers(panel, design, errors=e).effect for e in ("learnt", "influence"))
    assert learnt.estimate == own.estimate
    assert "learnt from controls" in learnt.inference and "switch together" in own.inference
    assert 0.4 < learnt.std_error / own.std_error < 2.5
    lone = staggered({0: 4})
    assert switchers(panel, lone).effect.std_error > 0
    none = switchers(panel, lone, errors="influence").effect
    assert math.isnan(none.std_error) and "one cluster switches" in none.notes[0]
    few = switchers(panel, staggered({0: 4, 1: 4, 2: 5}), errors="influence").effect
    assert "only 3 clusters switch" in few.notes[0]


def test_errors_by_cluster_are_sums_of_influence():
    rng = np.random.default_rng(8)
    labels = np.repeat(np.arange(12), 5)
    panel = panel_of(rng.poisson(8.0, (60, 9)), cluster=labels)
    design = staggered({i: 4 + i % 3 for i in range(0, 60, 2)})
    result = switchers(panel, design, cluster="cluster")
    sums = np.zeros((12, result.influence.shape[1]))
    np.add.at(sums, labels, result.influence)
    kept = ~np.isnan(result.estimates)
    np.testing.assert_allclose(
        result.covariance[np.ix_(kept, kept)], (sums.T @ sums)[np.ix_(kept, kept)], rtol=1e-10
    )


def test_areas_that_switch_together_inside_one_cluster_keep_its_noise():
    """Deviations from their own mean add up to 0 in its sum: the error was a quarter of what is."""
    made = []
    borough = np.arange(80) // 5
    for seed in range(15):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=(80, 11)) + 0.7 * rng.normal(size=(16, 11))[borough]
        panel = panel_of(y, cluster=borough, values=True)
        result = switchers(panel, staggered({i: 2 + i // 5 for i in range(40)}), cluster="cluster")
        sums = np.zeros((16, result.influence.shape[1]))
        np.add.at(sums, borough, result.influence)
        assert (np.abs(sums[:8]).max(axis=1) > 1e-3).all()
        made.append((result.effect.estimate, result.effect.std_error))
    estimates, errors = np.array(made).T
    assert 0.6 < errors.mean() / estimates.std(ddof=1) < 1.7


def test_placebos_find_a_drift():
    d = np.zeros((60, 10))
    d[:20, 6:] = 1
    rng = np.random.default_rng(1)
    y = 40 + rng.normal(0, 1, (60, 10)) + 1.5 * np.arange(10) * (np.arange(60) < 20)[:, None]
    panel = panel_of(y, values=True)
    result = switchers(panel, Design.from_treatment(panel, d))
    assert result.pre_test().status == "failed"
    assert result.pre_test().sentence == pretrend(result.event_study()).sentence
    level = panel_of(y - 1.5 * np.arange(10) * (np.arange(60) < 20)[:, None], values=True)
    assert switchers(level, Design.from_treatment(level, d)).pre_test().status == "passed"


def test_impossible_has_its_reason():
    panel, *_, d, _ = on_off(0)
    design = Design.from_treatment(panel, d)
    with pytest.raises(InputError, match="1 or more"):
        switchers(panel, design, effects=0)
    with pytest.raises(InputError, match="has no dose"):
        switchers(panel, design, unit="dose")
    with pytest.raises(InputError, match="not one of the options"):
        switchers(panel, design, direction="up")
    with pytest.raises(InputError, match="not one of the options"):
        did_m(panel, design, errors="robust")
    far = switchers(panel, design, effects=30)
    assert math.isnan(far.event_study()["29"].estimate)
    assert "not switched yet" in far.event_study()["29"].notes[0]
    everyone = panel_of(np.full((3, 4), 5))
    alike = staggered({0: 2, 1: 2, 2: 2})
    assert math.isnan(switchers(everyone, alike).effect.estimate)
    assert "not switched yet" in switchers(everyone, alike).effect.notes[0]
    assert math.isnan(did_m(everyone, alike).effect.estimate)
    assert "stays as it was" in did_m(everyone, alike).effect.notes[0]
    with_leavers = switchers(panel, design).aggregate("ratio").effect
    assert "direction='in'" in with_leavers.notes[0]
    assert switchers(panel, design, direction="in").aggregate("ratio").effect.std_error > 0


def test_changes_without_a_stable_area_are_counted():
    d = np.zeros((12, 6))
    d[:2, 2:4] = 1
    d[:2, 5] = 1
    panel = panel_of(np.random.default_rng(0).poisson(5.0, (12, 6)))
    effects = did_m(panel, Design.from_treatment(panel, d))
    assert "2 changes have no stable area" in effects.effect.notes[-1]
    assert effects["joiners"].estimate == effects["all"].estimate
    assert math.isnan(effects["leavers"].estimate)


def test_inputs_are_left_alone_and_row_order_does_not_matter():
    panel, y, d, used = on_off(3)
    design = Design.from_treatment(panel, d)
    before = panel.single()[0].copy()
    one = switchers(panel, design)
    turned = panel_of(y, observed=used)
    np.testing.assert_array_equal(panel.single()[0], before)
    two = switchers(turned, Design.from_treatment(turned, d))
    np.testing.assert_array_equal(one.estimates, two.estimates)
    shifted = panel_of(y + 3.0 * np.arange(9) + 10, observed=used)
    np.testing.assert_allclose(
        switchers(shifted, Design.from_treatment(shifted, d)).estimates[:-1],
        one.estimates[:-1],
        atol=1e-9,
    )
