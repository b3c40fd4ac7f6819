"""Triple differences: a slow fit on every dummy, the saturated identity, and what it is for."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import (
    event_study,
    linear_did,
    poisson_did,
    pretrend,
    triple_difference,
    triple_event_study,
)
from hotspot_eval.did.kernels.logit import solve_corrected_logit, solve_logit
from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel

TYPES = {"outcome": "robbery", "comparison": "theft"}
PLAIN = {**TYPES, "small_counts": "plain"}


def two_types(one, other, *, cluster=None, extra=None) -> Panel:
    n, t = one.shape
    frame = pd.DataFrame(
        {
            "area": np.repeat([area(i) for i in range(n)], t),
            "month": np.tile([month(k) for k in range(t)], n),
            "robbery": one.ravel(),
            "theft": other.ravel(),
        }
    )
    names = ["robbery", "theft"]
    if extra is not None:
        frame["burglary"], names = extra.ravel(), [*names, "burglary"]
    options = {}
    if cluster is not None:
        frame["borough"], options = np.repeat([str(c) for c in cluster], t), {"cluster": "borough"}
    return Panel.from_counts(frame, area="area", period="month", outcomes=names, **options)


def random_types(seed: int, n: int = 24, t: int = 8):
    rng = np.random.default_rng(seed)
    return rng.poisson(3.0, (n, t)), rng.poisson(rng.uniform(2, 6, (n, 1)), (n, t))


def slow_triple(panel: Panel, design: Design) -> float:
    """Newton on every dummy of area × type, period × type and area × period."""
    d = design.on(panel).treatment
    one, other = (panel.outcome(name).single()[0] for name in ("robbery", "theft"))
    n, t = one.shape
    rows, when = (np.tile(a.ravel(), 2) for a in np.indices((n, t)))
    kind = np.repeat([1, 0], n * t)
    effects = [
        pd.get_dummies(pd.Series(rows * 2 + kind)),
        pd.get_dummies(pd.Series(when * 2 + kind)),
    ]
    effects.append(pd.get_dummies(pd.Series(rows * t + when)))
    x = np.column_stack([np.tile(d.ravel(), 2) * kind, *[e.to_numpy(float) for e in effects]])
    y = np.concatenate([one.ravel(), other.ravel()])
    theta = np.linalg.lstsq(x, np.log(y + 0.5), rcond=None)[0]
    for _ in range(60):
        mean = np.exp(np.clip(x @ theta, -25, 25))
        step = np.linalg.lstsq((x.T * mean) @ x, x.T @ (y - mean), rcond=1e-12)[0]
        theta += step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
    return float(theta[0])


@pytest.mark.parametrize("seed", range(3))
def test_the_logit_is_the_three_way_poisson(seed):
    panel = two_types(*random_types(seed))
    design = staggered({i: 3 + i % 3 for i in range(6)})
    fit = triple_difference(panel, design, **PLAIN)
    assert fit.effect.estimate == pytest.approx(slow_triple(panel, design), abs=1e-7)


def test_saturated_is_the_log_ratio_of_ratios_of_ratios():
    """Areas of one mix of types, so that area effects are one number a side."""
    one = np.array([[30.0, 12.0], [60.0, 24.0], [40.0, 44.0], [20.0, 22.0]])
    other = np.array([[20.0, 25.0], [40.0, 50.0], [50.0, 40.0], [25.0, 20.0]])
    fit = triple_difference(two_types(one, other), staggered({0: 1, 1: 1}), **PLAIN)
    ratios = [
        np.log(y[:2, 1].sum() / y[:2, 0].sum() * y[2:, 0].sum() / y[2:, 1].sum())
        for y in (one, other)
    ]
    assert fit.effect.estimate == pytest.approx(ratios[0] - ratios[1], abs=1e-9)
    assert fit.effect.crimes_prevented().value == pytest.approx(
        36 * math.expm1(-fit.effect.estimate), rel=1e-9
    )


def test_linear_is_the_difference_of_two_differences():
    panel = two_types(*random_types(4))
    design = staggered(dict.fromkeys(range(6), 4))
    parts = [
        linear_did(panel.outcome(name), design).effect.estimate for name in ("robbery", "theft")
    ]
    fit = triple_difference(panel, design, **TYPES, model="linear")
    assert fit.effect.estimate == pytest.approx(parts[0] - parts[1], abs=1e-10)
    assert fit.effect.treated_cells[0].events == panel.outcome("robbery").single()[0][:6, 4:].sum()


def test_what_moves_both_types_alike_goes_nowhere():
    """Expected counts of a true ratio, with any factor on both types of a cell."""
    rng = np.random.default_rng(5)
    level, season = rng.uniform(2, 9, (2, 12, 1)), rng.uniform(0.5, 2, (2, 1, 9))
    d = np.zeros((12, 9))
    d[:4, 5:] = 1
    factor = rng.uniform(0.1, 8.0, (12, 9)) * np.exp(0.7 * d)
    one = level[0] * season[0] * factor * np.exp(-0.3 * d)
    other = level[1] * season[1] * factor
    solved = solve_logit(one, one + other, np.ones(d.shape, bool), d[None])
    assert solved.beta[0] == pytest.approx(-0.3, abs=1e-9)
    np.testing.assert_allclose(solved.mean, one, rtol=1e-8)


def test_recording_that_changes_with_treatment_misleads_the_plain_estimate_only():
    rng = np.random.default_rng(0)
    level = rng.gamma(3.0, 1.0, (80, 1))
    d = np.zeros((80, 20))
    d[:20, 10:] = 1
    recorded = np.exp(0.5 * d * rng.uniform(0.5, 1.5, (80, 1)))
    plain, triple = [], []
    design = staggered(dict.fromkeys(range(20), 10))
    for _ in range(20):
        one = rng.poisson(4 * level * recorded * np.exp(-0.3 * d))
        panel = two_types(one, rng.poisson(5 * level * recorded))
        plain.append(poisson_did(panel.outcome("robbery"), design).effect.estimate)
        triple.append(triple_difference(panel, design, **TYPES).effect.estimate)
    error = np.std(triple) / math.sqrt(len(triple))
    assert abs(np.mean(triple) + 0.3) < 4 * error
    assert np.mean(plain) > 0.1


def test_the_correction_takes_away_the_bias_of_few_events():
    """Some two events an area, type and side of the start, where the plain one is 13 % too far.

    The yardstick is the difference of two log ratios of ratios of totals, which has no area effects
    to estimate and is consistent here, where nothing moves both types.
    """
    rng = np.random.default_rng(0)
    d = np.zeros((300, 24))
    d[:100, 12:] = 1
    plain, corrected = [], []
    for _ in range(100):
        one = rng.poisson(0.2 * np.exp(-0.3 * d)).astype(float)
        other = rng.poisson(0.2, d.shape).astype(float)
        parts = [
            np.log(
                y[:100, 12:].sum() / y[:100, :12].sum() * y[100:, :12].sum() / y[100:, 12:].sum()
            )
            for y in (one, other)
        ]
        total = one + other
        kept = (one.sum(axis=1) > 0) & (other.sum(axis=1) > 0)
        cells = one[kept], total[kept], total[kept] > 0, d[None, kept]
        plain.append(solve_logit(*cells).beta[0] - (parts[0] - parts[1]))
        corrected.append(solve_corrected_logit(*cells).beta[0] - (parts[0] - parts[1]))
    assert np.mean(plain) < -3 * np.std(plain) / 10
    assert abs(np.mean(corrected)) < 3 * np.std(corrected) / 10
    panel = two_types(one, other)
    design = staggered(dict.fromkeys(range(100), 12))
    fit = triple_difference(panel, design, **TYPES)
    assert fit.effect.estimate == pytest.approx(corrected[-1] + parts[0] - parts[1], abs=1e-8)


def test_several_comparisons_are_added_up():
    one, other = random_types(6)
    extra = np.random.default_rng(2).poisson(2.0, one.shape)
    design = staggered(dict.fromkeys(range(5), 4))
    both = triple_difference(
        two_types(one, other, extra=extra),
        design,
        outcome="robbery",
        comparison=["theft", "burglary"],
    )
    summed = triple_difference(two_types(one, other + extra), design, **TYPES)
    assert both.effect.estimate == pytest.approx(summed.effect.estimate, abs=1e-12)
    assert both.effect.estimand == "effect on robbery beyond theft + burglary"


def test_errors_follow_the_house():
    panel = two_types(*random_types(7, n=40), cluster=np.repeat(np.arange(8), 5))
    design = staggered(dict.fromkeys(range(0, 40, 4), 4))
    learnt = triple_difference(panel, design, **TYPES).effect
    assert (
        "learnt from controls" in learnt.inference and "shared within clusters" in learnt.inference
    )
    by_area = triple_difference(panel, design, **TYPES, correction="CR2")
    assert by_area.covariance[0, 0] == pytest.approx((by_area.influence**2).sum(), rel=1e-10)
    coarse = triple_difference(panel, design, **TYPES, cluster="cluster", correction="CR1").effect
    assert coarse.n_clusters == 8 and coarse.df == 7


def test_what_says_nothing_of_shares_is_counted():
    one, other = random_types(8)
    one[9], other[10] = 0, 0
    one[:, 2] = other[:, 2] = 0
    fit = triple_difference(two_types(one, other), staggered(dict.fromkeys(range(5), 4)), **TYPES)
    assert len(fit.areas) == 22 and month(2) not in fit.periods
    notes = fit.ledger.to_frame()
    assert notes["reason"].str.contains("all events are of one type").any()


def test_impossible_has_its_reason():
    one, other = random_types(9)
    panel, design = two_types(one, other), staggered(dict.fromkeys(range(5), 4))
    with pytest.raises(InputError, match="other than the outcome itself"):
        triple_difference(panel, design, outcome="robbery", comparison="robbery")
    with pytest.raises(InputError, match="arson"):
        triple_difference(panel, design, outcome="robbery", comparison="arson")
    for wrong in ({"model": "logit"}, {"small_counts": "none"}):
        with pytest.raises(InputError, match="not one of the options"):
            triple_difference(panel, design, **TYPES, **wrong)
    gone = one.copy()
    gone[:5, 4:] = 0
    effect = triple_difference(two_types(gone, other), design, **TYPES).effect
    assert math.isnan(effect.estimate) and "of one type" in effect.notes[0]
    everyone = triple_difference(panel, staggered(dict.fromkeys(range(24), 4)), **TYPES).effect
    assert math.isnan(everyone.estimate) and "does not vary" in everyone.notes[0]


@pytest.mark.parametrize("seed", range(2))
def test_event_times_are_the_three_way_poisson(seed):
    """Newton on every dummy, one column an event time but the base."""
    one, other = random_types(seed, n=16, t=6)
    panel, design = two_types(one, other), staggered(dict.fromkeys(range(5), 3))
    study = triple_event_study(panel, design, **PLAIN).event_study()
    assert study.labels == ("-3", "-2", "-1", "0", "1", "2")
    assert study["-1"].estimate == 0
    n, t = one.shape
    rows, when = (np.tile(a.ravel(), 2) for a in np.indices((n, t)))
    kind = np.repeat([1, 0], n * t)
    times = [k for k in range(t) if k != 2]
    x = [(rows < 5) & (when == k) & (kind == 1) for k in times]
    x += [pd.get_dummies(pd.Series(rows * 2 + kind)).to_numpy(float).T]
    x += [pd.get_dummies(pd.Series(when * 2 + kind)).to_numpy(float).T]
    x += [pd.get_dummies(pd.Series(rows * t + when)).to_numpy(float).T]
    x, y = np.vstack(x).T.astype(float), np.concatenate([one.ravel(), other.ravel()])
    theta = np.linalg.lstsq(x, np.log(y + 0.5), rcond=None)[0]
    for _ in range(60):
        mean = np.exp(np.clip(x @ theta, -25, 25))
        step = np.linalg.lstsq((x.T * mean) @ x, x.T @ (y - mean), rcond=1e-12)[0]
        theta += step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
    np.testing.assert_allclose(study.vector[[0, 1, 3, 4, 5]], theta[:5], atol=1e-7)


def test_linear_event_times_are_differences_of_event_studies():
    panel = two_types(*random_types(3))
    design = staggered({i: 3 + i % 2 for i in range(6)})
    study = triple_event_study(panel, design, **TYPES, model="linear").event_study()
    parts = [
        event_study(panel.outcome(name), design, model="linear").event_study().vector
        for name in ("robbery", "theft")
    ]
    np.testing.assert_allclose(study.vector, parts[0] - parts[1], atol=1e-9)


def test_types_that_part_before_the_start_are_seen():
    rng = np.random.default_rng(5)
    drift = np.exp(0.12 * np.arange(12) * (np.arange(60) < 15)[:, None])
    level = rng.gamma(6.0, 2.0, (60, 1))
    design = staggered(dict.fromkeys(range(15), 8))
    parting = two_types(rng.poisson(level * drift), rng.poisson(level, (60, 12)))
    assert pretrend(triple_event_study(parting, design, **TYPES)).status == "failed"
    together = two_types(rng.poisson(level * drift), rng.poisson(level * drift))
    assert pretrend(triple_event_study(together, design, **TYPES)).status == "passed"


def test_event_times_of_one_type_have_no_value():
    one, other = random_types(6)
    one[:4, 6] = 0
    one[:4, 3] = 0
    panel, design = two_types(one, other), staggered(dict.fromkeys(range(4), 4))
    study = triple_event_study(panel, design, **TYPES).event_study()
    assert math.isnan(study["2"].estimate) and "no event" in study["2"].notes[0]
    assert study["-2"].estimate == 0, "the base moves to the last period that has one"
    assert math.isnan(study["-1"].estimate)
    assert not math.isnan(study["1"].estimate)
    gone = one.copy()
    gone[:4] = 0
    effect = triple_event_study(two_types(gone, other), design, **TYPES).effect
    assert math.isnan(effect.estimate) and effect.notes


def test_event_times_without_any_event_have_no_value():
    one, other = random_types(6)
    one[:4, 6] = other[:4, 6] = 0
    panel, design = two_types(one, other), staggered(dict.fromkeys(range(4), 4))
    fit = triple_event_study(panel, design, **TYPES)
    assert math.isnan(fit.effects["2"].estimate) and "no event" in fit.effects["2"].notes[0]
    assert fit.event_study().labels == tuple(str(e) for e in range(-4, one.shape[1] - 4))
    assert math.isnan(fit.effect.estimate) and "event time 2" in " ".join(fit.effect.notes)


def test_the_base_is_a_period_that_was_observed():
    """Nobody treated was seen right before the start: the period before that is the base."""
    rng = np.random.default_rng(7)
    seen = np.ones((20, 8), dtype=bool)
    seen[:5, 4] = False
    panel = panel_of(rng.poisson(9.0, (20, 8)), observed=seen)
    study = event_study(panel, staggered(dict.fromkeys(range(5), 5)), model="linear").event_study()
    assert "-1" not in study.labels
    assert study["-2"].estimate == 0 and study["-2"].std_error == 0
    assert study["-3"].std_error > 0
