"""Extended two-way fixed effects: options, reasons and what is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, panel_of, staggered

from hotspot_eval.did import etwfe
from hotspot_eval.errors import InputError


def world(n: int = 24, t: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(6.0, (n, t)) + 1


def starts() -> dict[int, int]:
    return {i: 3 + i % 2 for i in range(8)}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("model", "logit"),
        ("scale", "ratio"),
        ("control", "always"),
        ("effects", "unit"),
        ("shares", "none"),
        ("errors", "robust"),
        ("cluster", "town"),
    ],
)
def test_unknown_options_are_refused(option, value):
    with pytest.raises(InputError, match=f"argument '{option}'"):
        etwfe(panel_of(world()), staggered(starts()), **{option: value})


def test_negative_anticipation_and_negative_counts_are_refused():
    with pytest.raises(InputError, match="anticipation"):
        etwfe(panel_of(world()), staggered(starts()), anticipation=-1)
    with pytest.raises(InputError, match="negative values"):
        etwfe(panel_of(world() - 5.0, values=True), staggered(starts()))


def test_covariates_must_cover_every_area():
    x = pd.Series(1.0, index=[area(i) for i in range(20)])
    with pytest.raises(InputError, match=r"no row for areas \(4: A0020"):
        etwfe(panel_of(world()), staggered(starts()), covariates=x)
    x = pd.Series(np.where(np.arange(24) == 3, np.nan, 1.0), index=[area(i) for i in range(24)])
    with pytest.raises(InputError, match=r"not finite.*A0003"):
        etwfe(panel_of(world()), staggered(starts()), covariates=x)


def test_scales_and_words():
    panel, design = panel_of(world()), staggered(starts())
    response = etwfe(panel, design).aggregate("simple").effect
    link = etwfe(panel, design, scale="link").aggregate("simple").effect
    assert (response.scale, link.scale) == ("count", "log_irr")
    assert np.isfinite(link.as_irr().value) and np.isnan(response.as_irr().value)
    assert np.isfinite(response.crimes_prevented().value)
    assert response.df < 16 and "learnt from controls" in response.inference
    robust = etwfe(panel, design, errors="cluster_robust").aggregate("simple").effect
    assert robust.df == 23 and "clusters − 1" in robust.inference
    assert response.n_treated == 8 and response.n_control == 16


def test_a_cell_without_events_has_a_response_effect_and_no_ratio():
    y = world()
    y[[0, 2, 4, 6], 5] = 0
    panel, design = panel_of(y), staggered(starts())
    for effects in ("cohort", "area"):
        link = etwfe(panel, design, scale="link", effects=effects)
        lost = link.to_frame().set_index(["cohort", "period"]).loc[("2020-04", "2020-06")]
        assert np.isnan(lost["att"]) and "no event in the cell" in lost["reason"]
        assert "no event" in "; ".join(link.aggregate("simple").effect.notes)
        assert np.isfinite(link.aggregate("group")["2020-05"].estimate)
        response = etwfe(panel, design, effects=effects).to_frame()
        assert response["att"].notna().all()


def test_periods_and_cohorts_without_untreated_events_say_so():
    y = world()
    y[8:, 6] = 0
    y[[1, 3, 5, 7], :4] = 0
    made = etwfe(panel_of(y), staggered(starts())).to_frame()
    late = made["cohort"] == "2020-05"
    assert made.loc[late, "reason"].str.contains("in the cohort").all()
    assert made.loc[~late & (made["period"] == "2020-07"), "reason"].item().startswith("no untreat")
    assert made.loc[made["reason"] == "", "att"].notna().all()


def test_uneven_observation_is_noted_and_area_effects_take_it_up():
    rng = np.random.default_rng(1)
    n, t = 60, 8
    level = np.where(np.arange(n) % 2, 1.0, 20.0)[:, None]
    y = rng.poisson(level * np.ones((n, t)))
    observed = np.ones((n, t), bool)
    observed[:20:2, 5:] = False
    panel = panel_of(y, observed=observed)
    design = staggered(dict.fromkeys(range(20), 4))
    robust = {"scale": "link", "errors": "cluster_robust"}
    cohort = etwfe(panel, design, scale="link").aggregate("simple").effect
    per_area = etwfe(panel, design, effects="area", **robust).aggregate("simple").effect
    assert "cluster-robust" in cohort.inference
    assert any('effects="area"' in note for note in cohort.notes)
    assert cohort.estimate < -1.5 and abs(per_area.estimate) < 3 * per_area.std_error < 0.6
    assert not any('effects="area"' in note for note in per_area.notes)


def test_one_treated_area_has_an_estimate_and_no_cluster_robust_error():
    made = etwfe(panel_of(world()), staggered({0: 4}), errors="cluster_robust")
    effect = made.aggregate("simple").effect
    assert np.isfinite(effect.estimate) and np.isnan(effect.std_error)
    assert "one treated cluster" in effect.notes[0]


@pytest.mark.parametrize("options", [{}, {"scale": "link", "effects": "area"}, {"model": "linear"}])
def test_the_default_error_stands_with_one_treated_area_and_says_so(options):
    effect = etwfe(panel_of(world()), staggered({0: 4}), **options).aggregate("simple").effect
    assert effect.std_error > 0 and np.isfinite(effect.df)
    assert "Ferman–Pinto" in effect.inference
    assert any("noise is taken to be that of controls" in note for note in effect.notes)
    few = etwfe(panel_of(world()), staggered(starts()), **options).aggregate("group")
    assert not any("too small" in note for note in few.effect.notes)


def test_without_an_effect_the_error_in_events_is_that_of_the_ratio_times_the_events():
    y = world(t=6).astype(float)
    y[:4] = y[4:].sum(axis=0) * np.array([[0.02], [0.05], [0.1], [0.03]])
    panel, design = panel_of(y, values=True), staggered(dict.fromkeys(range(4), 5))
    for effects in ("cohort", "area"):
        link = etwfe(panel, design, scale="link", effects=effects).aggregate("simple").effect
        response = etwfe(panel, design, effects=effects).aggregate("simple").effect
        assert abs(link.estimate) < 1e-10 and abs(response.estimate) < 1e-8
        assert response.std_error == pytest.approx(link.std_error * y[:4, 5].mean(), rel=1e-8)
        assert response.df == pytest.approx(link.df, rel=1e-8)


def test_shocks_that_treatment_cut_down_cut_the_effect_too():
    y = np.random.default_rng(4).poisson(400 * np.ones((30, 8)))
    half = y.copy()
    half[:4, 6:] = half[:4, 6:] // 2
    design = staggered(dict.fromkeys(range(4), 6))
    whole, cut = (etwfe(panel_of(v), design).aggregate("simple").effect for v in (y, half))
    assert cut.estimate < -150 and cut.std_error == pytest.approx(whole.std_error, rel=0.01)


def test_learnt_errors_do_not_hang_on_which_area_comes_first():
    y = world(n=40)
    turned = y.copy()
    turned[[0, 1, 20, 21]] = 0
    design = staggered(dict.fromkeys(range(8), 4))
    with_empty = panel_of(turned, cluster=np.arange(40) // 4)
    last = panel_of(turned[::-1], cluster=(np.arange(40) // 4)[::-1])
    backwards = staggered({39 - i: 4 for i in range(8)})
    for options in ({}, {"scale": "link"}):
        one = etwfe(with_empty, design, **options).aggregate("simple").effect
        other = etwfe(last, backwards, **options).aggregate("simple").effect
        assert one.std_error == pytest.approx(other.std_error, rel=1e-9)
        assert one.df == pytest.approx(other.df, rel=1e-9)


def test_a_base_that_differs_between_areas_alone_changes_nothing():
    y = world(n=40)
    size = np.random.default_rng(3).uniform(10, 90, (40, 1)) * np.ones((1, 8))
    design = staggered(dict.fromkeys(range(8), 4))
    plain = etwfe(panel_of(y), design, effects="area", scale="link").aggregate("event")
    based = etwfe(panel_of(y, base=size), design, effects="area", scale="link").aggregate("event")
    np.testing.assert_allclose(based.vector, plain.vector, atol=1e-9)
    np.testing.assert_allclose(based.covariance, plain.covariance, rtol=1e-7, atol=1e-12)


def test_estimated_shares_add_to_the_learnt_error():
    panel, design = panel_of(world()), staggered(starts())
    fixed = etwfe(panel, design).aggregate("simple").effect
    estimated = etwfe(panel, design, shares="estimated").aggregate("simple").effect
    assert estimated.estimate == fixed.estimate and estimated.std_error > fixed.std_error
    assert estimated.df == fixed.df


def test_never_treated_controls_give_a_base_period_and_a_pre_test():
    made = etwfe(panel_of(world()), staggered(starts()), model="linear", control="never")
    event = made.aggregate("event")
    assert event["-1"].estimate == 0.0 and "base period" in event["-1"].notes[0]
    assert event.labels[0] == "-4" and made.pre_test().status in ("passed", "failed")
    bands = made.bands("event", rng=np.random.default_rng(0))
    assert (bands["critical_value"] > 1.9).all()


def test_anticipation_moves_the_last_untreated_period():
    panel, design = panel_of(world()), staggered(starts())
    made = etwfe(panel, design, anticipation=1).to_frame()
    assert made["event_time"].min() == -1


def test_clusters_sum_influence():
    y, borough = world(), np.arange(24) // 3
    panel, design = panel_of(y, cluster=borough), staggered({0: 3, 5: 3, 9: 4, 14: 4})
    by_area = etwfe(panel, design).aggregate("simple").effect
    by_cluster = etwfe(panel, design, cluster="cluster").aggregate("simple").effect
    assert by_cluster.n_clusters == 8 and by_area.n_clusters == 24
    assert by_cluster.estimate == by_area.estimate and by_cluster.std_error != by_area.std_error


def test_inputs_are_not_mutated():
    panel = panel_of(world())
    before = panel.counts.copy()
    x = pd.Series(np.arange(24.0), index=[area(i) for i in range(24)])
    kept = x.copy()
    etwfe(panel, staggered(starts()), covariates=x)
    assert (panel.counts == before).all()
    pd.testing.assert_series_equal(x, kept)
