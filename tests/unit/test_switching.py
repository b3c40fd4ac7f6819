"""Lags and leads around spells, what they say of carry-over, and doses."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, dummies, month, panel_of, staggered

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import (
    LinearDid,
    PoissonDid,
    carry_over_check,
    distributed_lags,
    dose_bins,
    dose_check,
    dose_did,
    linear_did,
    placebo_check,
    poisson_did,
)
from hotspot_eval.errors import InputError
from hotspot_eval.results import Effects


def rotating(n: int = 60, t: int = 18, level: float = 800.0, *, fade: float = 0.5, seed: int = 0):
    """Two spells of two months each; ``fade`` of the effect is left in the month after."""
    log_effect = np.zeros((n, t))
    spells = []
    for i in range(20):
        for begin in (5 + i % 3, 12 + i % 2):
            log_effect[i, begin : begin + 2] = -0.4
            log_effect[i, begin + 2] = -0.4 * fade
            spells.append(Spell(area=area(i), start=month(begin), end=month(begin + 1)))
    rng = np.random.default_rng(seed)
    y = rng.poisson(level * np.exp(log_effect) * rng.uniform(0.5, 2.0, (n, 1)))
    return panel_of(y), Design(spells=spells)


def dosed(doses, *, t: int = 10, n: int = 50, start: int = 6):
    """Spells of these doses from ``start`` on, and the dose of each cell."""
    dose = np.zeros((n, t))
    spells = []
    for i, amount in enumerate(doses):
        dose[i, start:] = amount
        spells.append(Spell(area=area(i), start=month(start), dose=float(amount)))
    return dose, Design(spells=spells)


def test_residual_deterrence_is_recovered():
    fit = distributed_lags(*rotating(), lags=2)
    np.testing.assert_allclose(fit.effects.vector, [-0.4, -0.2, 0.0], atol=0.02)
    assert fit.effects.labels == ("on", "1 after", "2 after")
    assert fit.effect.estimate == fit.effects["on"].estimate
    assert fit.effects.effect.estimate == fit.effect.estimate
    assert fit.effect.crimes_prevented().value > 0


def test_lags_and_leads_are_least_squares_on_their_indicators():
    panel, design = rotating()
    d = design.on(panel).treatment
    n, t = d.shape
    frame = pd.DataFrame(
        {
            "area": np.repeat(np.arange(n), t),
            "period": np.tile(np.arange(t), n),
            "D": d.ravel(),
            "y": panel.single()[0].ravel(),
        }
    )
    columns = {
        "1 before": np.zeros((n, t)),
        "1 after": np.zeros((n, t)),
        "2 after": np.zeros((n, t)),
    }
    for i in range(n):
        for k in range(t):
            if d[i, k]:
                continue
            columns["1 before"][i, k] = k + 1 < t and d[i, k + 1] > 0
            columns["1 after"][i, k] = k > 0 and d[i, k - 1] > 0
            columns["2 after"][i, k] = k > 1 and d[i, k - 2] > 0 and d[i, k - 1] == 0
    x = np.column_stack([dummies(frame), *(c.ravel() for c in columns.values())])
    theta = np.linalg.lstsq(x, frame["y"].to_numpy(), rcond=None)[0]
    fit = distributed_lags(panel, design, lags=2, leads=1, model="linear")
    assert fit.effects.labels == ("1 before", "on", "1 after", "2 after")
    np.testing.assert_allclose(fit.effects.vector, theta[[-3, 0, -2, -1]], rtol=1e-8)
    assert fit.effect.estimate == fit.effects["on"].estimate


def test_periods_off_are_never_counted_as_treated():
    panel, design = rotating()
    fit = distributed_lags(panel, design, lags=2, leads=2)
    on = design.on(panel).treatment > 0
    assert sum(group.cells for group in fit.effect.treated_cells) == on.sum() == 80
    assert sum(group.events for group in fit.effect.treated_cells) == panel.single()[0][on].sum()
    assert all(fit.effects[label].treated_cells == () for label in ("1 after", "1 before"))


def test_without_lags_what_lasts_contaminates_the_estimate():
    panel, design = rotating()
    assert distributed_lags(panel, design, lags=0).effect.estimate == pytest.approx(
        poisson_did(panel, design).effect.estimate, abs=1e-10
    )
    assert abs(poisson_did(panel, design).effect.estimate + 0.4) > 0.01


def test_carry_over_is_found_ruled_out_or_left_open():
    lasting = distributed_lags(*rotating(), lags=1, leads=1)
    assert carry_over_check(lasting, bound=0.1).status == "failed"
    gone = distributed_lags(*rotating(fade=0.0, seed=1), lags=2, leads=2)
    check = carry_over_check(gone, bound=0.1)
    assert check.status == "passed" and "smaller than 0.1" in check.sentence
    assert placebo_check(gone, bound=0.1).status == "passed"
    assert check.evidence["label"].tolist() == ["1 after", "2 after", "all"]
    thin = distributed_lags(*rotating(level=2.0, fade=0.0, seed=1), lags=2)
    open_ = carry_over_check(thin, bound=0.05)
    assert open_.status == "not assessed" and "Neither shown nor ruled out" in open_.sentence
    assert placebo_check(thin, bound=0.1).status == "not assessed"
    assert "ask for leads" in placebo_check(thin, bound=0.1).sentence


def test_equivalence_is_two_one_sided_tests():
    effects = Effects(
        labels=("on", "1 after"),
        vector=np.array([-1.0, 0.3]),
        covariance=np.diag([0.04, 0.01]),
        scale="log_irr",
        estimand="effect",
        method="m",
        inference="i",
    )
    evidence = carry_over_check(effects, bound=0.5).evidence
    assert evidence["p_value"].iloc[0] == pytest.approx(0.0026997961, rel=1e-6)
    assert evidence["equivalence_p_value"].iloc[0] == pytest.approx(0.0227501319, rel=1e-6)
    assert evidence["p_value"].iloc[1] == pytest.approx(0.0026997961, rel=1e-6)
    with pytest.raises(InputError, match="above 0"):
        carry_over_check(effects, bound=0.0)


def test_a_period_treated_in_part_is_announced():
    rng = np.random.default_rng(0)
    panel = panel_of(rng.poisson(30.0, (30, 8)))
    weeks = Design(treated=[area(i) for i in range(6)], start="2020-05-11", end="2020-05-31")
    notes = distributed_lags(panel, weeks, lags=1).effect.notes
    assert any("attenuated" in note and "mean share 0.68" in note for note in notes)
    whole = distributed_lags(panel, staggered({0: 4, 1: 4}), lags=0).effect.notes
    assert not any("attenuated" in note for note in whole)


def test_dose_is_linear_in_the_log_and_comes_after_the_intention():
    dose, design = dosed([1 + i % 4 for i in range(15)])
    y = np.random.default_rng(1).poisson(900 * np.exp(-0.1 * dose))
    panel = panel_of(y)
    fit = dose_did(panel, design)
    assert fit.effect.estimate == pytest.approx(-0.1, abs=0.01)
    assert fit.terms == ("dose",)
    assert fit.effects.labels == ("intention to treat", "per unit of dose")
    meant = poisson_did(panel, design).effect
    assert fit.effects["intention to treat"].estimate == meant.estimate
    assert fit.effects["intention to treat"].crimes_prevented().value > 0
    assert fit.effects.effect.estimate == fit.effect.estimate
    assert any("dose is chosen, not drawn" in note for note in fit.effect.notes)


@pytest.mark.parametrize("model", ["poisson", "linear"])
def test_doses_of_one_are_the_intention_to_treat(model):
    _, design = dosed([1.0] * 12)
    panel = panel_of(np.random.default_rng(2).poisson(12.0, (50, 10)))
    fit = dose_did(panel, design, model=model)
    plain = (poisson_did if model == "poisson" else linear_did)(panel, design)
    assert fit.effect.estimate == pytest.approx(plain.effect.estimate, abs=1e-12)
    assert fit.effect.std_error == pytest.approx(plain.effect.std_error, rel=1e-10)
    correlation = fit.effects.covariance[0, 1] / fit.effect.std_error**2
    assert correlation == pytest.approx(1.0, abs=1e-8)
    binned = dose_bins(panel, design, edges=[2.0], model=model)
    assert binned.effects["up to 2"].estimate == pytest.approx(plain.effect.estimate, abs=1e-12)
    assert math.isnan(binned.effects["above 2"].estimate)


@pytest.mark.parametrize("model", ["poisson", "linear"])
def test_borough_effects_and_covariates_are_those_of_the_two_way_model(model):
    rng = np.random.default_rng(12)
    y = rng.poisson(8.0, (30, 8)) + np.arange(30)[:, None] // 10 * np.arange(8)
    panel = panel_of(y, cluster=np.arange(30) // 10)
    x = pd.Series(rng.normal(size=30), [area(i) for i in range(30)], name="x")
    design = Design(
        spells=[Spell(area=area(i), start=month(5), dose=1.0) for i in (0, 1, 10, 11, 20)]
    )
    plain = PoissonDid if model == "poisson" else LinearDid
    for options in ({"period_effects": "cluster"}, {"covariates": x}):
        two_way = plain(**options)(panel, design).effect
        lags = distributed_lags(panel, design, lags=0, model=model, **options).effect
        dose = dose_did(panel, design, model=model, **options).effects
        binned = dose_bins(panel, design, edges=[2.0], model=model, **options).effects
        for effect in (lags, *dose.parts, binned.parts[0]):
            assert effect.estimate == pytest.approx(two_way.estimate, abs=1e-9)
            assert effect.std_error == pytest.approx(two_way.std_error, rel=1e-6)


def test_bins_follow_a_dose_that_saturates():
    amounts = [(1.0, 3.0, 8.0)[i % 3] for i in range(18)]
    dose, design = dosed(amounts)
    effect = np.select([dose > 5, dose > 2, dose > 0], [-0.3, -0.3, -0.1], 0.0)
    y = np.random.default_rng(3).poisson(900 * np.exp(effect))
    fit = dose_bins(panel_of(y), design, edges=[2, 5])
    assert fit.effects.labels == ("up to 2", "above 2 up to 5", "above 5")
    np.testing.assert_allclose(fit.effects.vector, [-0.1, -0.3, -0.3], atol=0.03)
    prevented = sum(part.crimes_prevented().value for part in fit.effects)
    assert prevented == pytest.approx(float((900 * (1 - np.exp(effect))).sum()), rel=0.1)
    assert fit.effect.estimate == fit.effects["above 5"].estimate


def following(strength: float, seed: int, n: int = 24, t: int = 30):
    """Dose that answers to the mean of the three months before, or to nothing."""
    rng = np.random.default_rng(seed)
    y = rng.poisson(6.0 * np.exp(0.4 * rng.normal(size=(n, t)).cumsum(axis=1) / 3))
    spells = []
    for i in range(16):
        for k in range(10, t):
            recent = y[i, k - 3 : k].mean()
            amount = max(0.1, 3 + strength * (recent - 6) + rng.normal(0, 0.5))
            spells.append(Spell(area=area(i), start=month(k), end=month(k), dose=amount))
    return panel_of(y), Design(spells=spells)


def test_dose_that_follows_crime_is_caught():
    caught = dose_check(*following(0.5, 0))
    assert caught.status == "failed" and "rises with" in caught.sentence
    assert caught.evidence["dose_per_event"].iloc[0] == pytest.approx(0.5, abs=0.1)
    assert dose_check(*following(0.0, 1)).status == "passed"


def test_dose_check_is_least_squares_on_treated_cells():
    panel, design = following(0.2, 2)
    dose, y = design.on(panel).dose, panel.single()[0]
    rows, when = np.nonzero(dose > 0)
    frame = pd.DataFrame({"area": rows, "period": when, "y": dose[rows, when]})
    frame["D"] = [y[i, k - 3 : k].mean() for i, k in zip(rows, when, strict=True)]
    slope = np.linalg.lstsq(dummies(frame), frame["y"].to_numpy(), rcond=None)[0][0]
    made = dose_check(panel, design).evidence
    assert made["dose_per_event"].iloc[0] == pytest.approx(slope, rel=1e-8)
    assert made["cells"].iloc[0] == len(frame) and made["areas"].iloc[0] == 16


def test_edges():
    panel, design = rotating()
    with pytest.raises(InputError, match="0 or more"):
        distributed_lags(panel, design, lags=-1)
    with pytest.raises(InputError, match="'leads'"):
        distributed_lags(panel, design, lags=0, leads=-1)
    for ask in (dose_did, dose_check):
        with pytest.raises(InputError, match="has no dose"):
            ask(panel, design)
    with pytest.raises(InputError, match="not one of the options"):
        distributed_lags(panel, design, lags=1, model="probit")
    _, doses = dosed([1.0, 2.0], n=60, t=18)
    for wrong in ([], [0.0, 1.0], [2.0, 1.0]):
        with pytest.raises(InputError, match="above 0 that rise"):
            dose_bins(panel, doses, edges=wrong)
    with pytest.raises(InputError, match="1 or more"):
        dose_check(panel, doses, lookback=0)
    assert "too few" in dose_check(panel, doses).sentence
    always = distributed_lags(panel, staggered({0: 6, 1: 6}), lags=2)
    assert math.isnan(always.effects["1 after"].estimate)
    assert always.effects["1 after"].notes
    early = distributed_lags(panel, staggered({0: 0}), lags=1)
    assert "no period before" in early.effect.notes[0]
