"""Edges of the two-way estimators: a number, or NaN with the reason."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import Imputation, LinearDid, PoissonDid, event_study, linear_did, poisson_did
from hotspot_eval.errors import InputError

BOTH = pytest.mark.parametrize("estimator", [poisson_did, linear_did])


def world(n: int = 12, t: int = 8, mean: float = 6.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (n, t)) + 1


@pytest.mark.parametrize("estimator", [PoissonDid(correction="CR2"), LinearDid(correction="CR1")])
def test_one_treated_area_has_no_cluster_robust_standard_error(estimator):
    effect = estimator(panel_of(world()), staggered({0: 4})).effect
    assert math.isfinite(effect.estimate)
    assert math.isnan(effect.std_error) and math.isnan(effect.p_value)
    assert "one treated cluster" in " ".join(effect.notes)


@BOTH
def test_one_treated_area_borrows_the_noise_of_controls_and_says_so(estimator):
    effect = estimator(panel_of(world()), staggered({0: 4})).effect
    assert effect.std_error > 0
    assert "one treated area: its noise is taken to be that of controls" in effect.notes[0]


@BOTH
def test_few_controls_leave_few_degrees_of_freedom(estimator):
    many, few = (estimator(panel_of(world(n=n)), staggered({0: 4, 1: 4})).effect for n in (60, 4))
    assert "learnt from controls" in few.inference
    assert few.df <= 1.0 + 1e-9 and many.df > 20.0
    assert (few.ci_high - few.ci_low) / few.std_error == pytest.approx(25.4, abs=0.1)


@pytest.mark.parametrize("estimator", [poisson_did, linear_did, Imputation()])
def test_one_control_is_fitted_exactly_and_teaches_nothing(estimator):
    effect = estimator(panel_of(world(n=4)), staggered({0: 4, 1: 4, 2: 4})).effect
    assert math.isfinite(effect.estimate)
    assert math.isnan(effect.std_error) and math.isnan(effect.ci_low)
    assert "one control: period effects fit it exactly" in effect.notes[0]


def test_shocks_that_no_two_clusters_can_tell_are_said_to_be_left_out():
    cluster = np.arange(60) // 20
    design = staggered(dict.fromkeys(range(5), 4))
    told = poisson_did(panel_of(world(n=60), cluster=cluster), design).effect
    assert not told.notes
    lonely = Design(
        treated=[area(i) for i in range(5)],
        start=month(4),
        controls=[area(i) for i in range(5, 40, 20)],
    )
    silent = poisson_did(panel_of(world(n=60), cluster=cluster), lonely).effect
    assert "fewer than two clusters hold two controls" in silent.notes[0]


def test_shared_shocks_widen_the_error_of_areas_in_one_borough():
    rng = np.random.default_rng(4)
    cluster = np.arange(200) // 10
    shock = np.exp(0.5 * rng.normal(size=(20, 12)))[cluster]
    y = rng.poisson(5 * shock)
    design = staggered(dict.fromkeys(range(5), 8))
    blind = poisson_did(panel_of(y), design).effect
    aware = poisson_did(panel_of(y, cluster=cluster), design).effect
    assert aware.estimate == blind.estimate
    assert aware.std_error > 1.5 * blind.std_error
    assert aware.df < blind.df
    assert "shared within clusters" in aware.inference


@pytest.mark.parametrize("estimator", [linear_did, Imputation(model="linear")])
def test_linear_noise_is_brought_to_the_level_of_the_treated(estimator):
    """Poisson counts of mean 8 among controls of 2: their noise is twice that of controls."""
    rng = np.random.default_rng(6)
    mean = np.where(np.arange(100) < 5, 8.0, 2.0 * np.exp(rng.normal(0.0, 0.6, 100)))
    y = rng.poisson(mean[:, None], (100, 24)).astype(float)
    design = staggered(dict.fromkeys(range(5), 12))
    told = estimator(panel_of(y, values=True), design).effect
    truth = math.sqrt(8.0 / 5 * (1 / 12 + 1 / 12))
    assert told.std_error == pytest.approx(truth, rel=0.35)
    flat = estimator(panel_of(y - 50.0, values=True), design).effect
    assert flat.estimate == pytest.approx(told.estimate)
    assert flat.std_error < 0.7 * told.std_error
    larger = estimator(panel_of(7.0 * y, values=True), design).effect
    assert larger.std_error == pytest.approx(7.0 * told.std_error, rel=1e-7)
    assert larger.df == pytest.approx(told.df, rel=1e-6)


@BOTH
def test_no_period_before(estimator):
    panel, design = panel_of(world()), staggered({0: 0, 1: 0})
    fit = estimator(panel, design)
    assert math.isnan(fit.effect.estimate)
    assert "no period before" in fit.effect.notes[0]
    assert np.isnan(estimator.many(panel, [design])).all()


@BOTH
def test_all_treated_at_once(estimator):
    panel, design = panel_of(world(n=4)), staggered(dict.fromkeys(range(4), 3))
    assert "nothing to compare with" in estimator(panel, design).effect.notes[0]
    assert np.isnan(estimator.many(panel, [design])).all()


@BOTH
def test_all_treated_at_different_times_is_estimable(estimator):
    effect = estimator(panel_of(world(n=6)), staggered({i: 2 + i % 3 for i in range(6)})).effect
    assert math.isfinite(effect.estimate)
    assert effect.n_control == 0


def test_empty_cells_are_no_finite_ratio():
    y = world()
    y[:2, 4:] = 0
    effect = poisson_did(panel_of(y), staggered({0: 4, 1: 4})).effect
    assert math.isnan(effect.estimate) and "no event in the treated cells" in effect.notes[0]
    y = world()
    y[:2, :4] = 0
    effect = poisson_did(panel_of(y), staggered({0: 4, 1: 4})).effect
    assert math.isnan(effect.estimate) and "no finite estimate" in effect.notes[0]


def test_all_zero_areas_and_months_are_counted():
    y = world()
    y[5] = 0
    y[:, 1] = 0
    fit = poisson_did(panel_of(y), staggered({0: 4, 1: 4, 2: 4}))
    assert "1 left out: no event in any period used" in str(fit.ledger)
    assert len(fit.areas) == 11 and len(fit.periods) == 7
    assert fit.effect.n_areas == 11


def test_gap_and_missing_month_are_not_used():
    y, observed = world(), np.ones((12, 8), bool)
    observed[:, 2] = False
    design = staggered({0: 5, 1: 5}, pre_periods=4, post_periods=2, gap=1)
    fit = poisson_did(panel_of(y, observed=observed), design)
    assert fit.periods == (month(0), month(1), month(3), month(5), month(6))


def test_partial_periods_and_shares_scale_the_effect():
    truth = -0.7
    shares = np.zeros((30, 6))
    shares[:10, 3:] = [0.5, 1.0, 0.25]
    rng = np.random.default_rng(1)
    y = rng.poisson(4000 * np.exp(truth * shares) * rng.uniform(0.5, 2, (30, 1)))
    panel = panel_of(y)
    fit = poisson_did(panel, Design.from_treatment(panel, shares))
    assert fit.effect.estimate == pytest.approx(truth, abs=0.02)
    assert [group.share for group in fit.effect.treated_cells] == [0.25, 0.5, 1.0]
    prevented = fit.effect.crimes_prevented()
    missing = (y * (np.exp(-truth * shares) - 1)).sum()
    assert prevented.value == pytest.approx(missing, rel=0.05)
    assert prevented.low < missing < prevented.high


def test_catchment_and_excluded_areas_stay_out():
    panel = panel_of(world())
    design = Design(
        treated=[area(0), area(1)], start=month(4), catchment=[area(2)], excluded=[area(3)]
    )
    fit = poisson_did(panel, design)
    assert len(fit.areas) == 10 and area(2) not in fit.areas
    assert poisson_did.many(panel, [design])[0] == pytest.approx(fit.effect.estimate, abs=1e-10)


def test_period_effects_of_each_borough_take_its_shocks_out():
    rng = np.random.default_rng(2)
    cluster = np.arange(40) // 10
    shock = np.exp(rng.normal(0, 1, (4, 8)))[cluster]
    y = rng.poisson(2000 * shock)
    starts = {0: 4, 1: 4, 10: 4, 11: 4}
    fit = PoissonDid(period_effects="cluster")(panel_of(y, cluster=cluster), staggered(starts))
    assert abs(fit.effect.estimate) < 0.03
    assert abs(poisson_did(panel_of(y), staggered(starts)).effect.estimate) > 0.05


def test_off_periods_are_left_out_of_the_event_study():
    y = world(n=20, mean=50)
    design = Design(treated=[area(0), area(1)], start=month(3), end=month(4))
    fit = event_study(panel_of(y), design)
    assert fit.event_study().labels == ("-3", "-2", "-1", "0", "1")
    assert "6 left out: treatment switched off" in str(fit.ledger)


def test_event_time_without_events_is_nan_with_its_reason():
    y = world(n=20)
    y[:2, 6] = 0
    fit = event_study(panel_of(y), staggered({0: 4, 1: 4}))
    lost = fit.event_study()["2"]
    assert math.isnan(lost.estimate) and "no event in the treated cells" in lost.notes[0]
    assert math.isfinite(fit.event_study()["3"].estimate)
    assert math.isnan(fit.effect.estimate)


def test_a_base_without_events_leaves_no_ratio_and_says_what_to_do():
    y = world()
    y[:5, 4] = 0
    panel, design = panel_of(y), staggered(dict.fromkeys(range(5), 5))
    fit = event_study(panel, design)
    others = [label for label in fit.event_study().labels if label != "-1"]
    assert np.isnan(fit.coefficients).all()
    assert np.isnan([fit.event_study()[label].estimate for label in others]).all()
    assert "base period, event time -1" in " ".join(fit.effect.notes)
    assert np.isfinite(event_study(panel, design, model="linear").coefficients).all()


def test_base_period_lies_before_the_gap():
    design = staggered({0: 5, 1: 5}, gap=2)
    study = event_study(panel_of(world()), design, model="linear").event_study()
    assert study.labels == ("-5", "-4", "-3", "0", "1", "2")
    assert study["-3"].estimate == 0.0 and "base period" in study["-3"].notes[0]


def test_no_events_in_shared_periods_are_no_comparison():
    y, observed = np.zeros((6, 6), int), np.ones((6, 6), bool)
    y[:2, :4] = [[3, 4, 2, 5], [6, 2, 3, 4]]
    y[2:, 4:] = 5
    observed[:2, 4:] = False
    panel, design = panel_of(y, observed=observed), staggered({0: 2, 1: 2})
    effect = poisson_did(panel, design).effect
    assert math.isnan(effect.estimate)
    assert "hold no events in the same periods" in effect.notes[0]
    assert np.isnan(poisson_did.many(panel, [design])).all()


@BOTH
def test_treated_areas_seen_untreated_alone_are_noted_as_kept(estimator):
    observed = np.ones((12, 8), bool)
    observed[1, 4:] = False
    observed[5, 1:] = False
    fit = estimator(panel_of(world(), observed=observed), staggered({0: 4, 1: 4, 2: 4}))
    assert (fit.effect.n_treated, fit.effect.n_control) == (2, 9)
    assert "1 noted: no treated period is observed" in str(fit.ledger)
    assert "1 left out: observed in one period only" in str(fit.ledger)
    observed[[0, 2], 4:] = False
    none = estimator(panel_of(world(), observed=observed), staggered({0: 4, 1: 4, 2: 4}))
    assert "no treated period is observed within the windows" in none.effect.notes[0]


def test_refusals():
    panel = panel_of(world())
    with pytest.raises(InputError, match="'clutser' is not one of the options"):
        PoissonDid(cluster="clutser")
    with pytest.raises(InputError, match="no cluster labels to cluster by"):
        LinearDid(cluster="cluster")(panel, staggered({0: 4, 1: 4}))
    with pytest.raises(InputError, match="no cluster labels, which effects by cluster need"):
        PoissonDid(period_effects="cluster")(panel, staggered({0: 4, 1: 4}))
    with pytest.raises(InputError, match="negative values"):
        poisson_did(panel_of(world() - 5.0, values=True), staggered({0: 4, 1: 4}))
    with pytest.raises(InputError, match="not one of the options"):
        event_study(panel, staggered({0: 4}), model="probit")
    with pytest.raises(InputError, match="asks for more periods before"):
        poisson_did.many(panel, [staggered({0: 4}, pre_periods=9)])


@BOTH
def test_many_works_in_blocks_and_forgets_them(estimator):
    """Estimates do not depend on the blocks, and working memory not on the number of designs."""
    panel = panel_of(world(n=30))
    designs = [staggered({i % 20: 4, (i + 3) % 20: 4}) for i in range(3000)]
    each = [estimator.many(panel, designs[i : i + 1])[0] for i in range(20)]
    assert np.allclose(estimator.many(panel, designs).reshape(-1, 20), each, atol=1e-12)

    def peak(number: int) -> int:
        tracemalloc.start()
        estimates = estimator.many(panel, designs[:number])
        size = tracemalloc.get_traced_memory()[1] - estimates.nbytes
        tracemalloc.stop()
        return size

    # what Python allocates besides, the first time or until it collects, only ever adds
    most, few = (min(peak(number) for _ in range(3)) for number in (3000, 1100))
    assert most < 1.2 * few
