"""Tests for one site: the ranks spelled out, their size, and what cannot be asked."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import conformal_test, rmspe_test, synthetic_control
from hotspot_eval.did.kernels import simplex_weights
from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel


def world(seed: int, *, n: int = 12, t: int = 30, effect: float = 0.0, start: int = 24):
    """Counts of areas with a common season, and noise beyond Poisson."""
    rng = np.random.default_rng(seed)
    mean = 40 * np.exp(0.2 * np.sin(np.arange(t) / 2)) * rng.gamma(8.0, 1 / 8, (n, 1))
    mean[0, start:] *= 1 + effect
    return rng.poisson(mean * rng.gamma(20.0, 1 / 20, (n, t)))


def weights(controls, target, *, intercept):
    noise = np.std(np.diff(controls, axis=1), ddof=1)
    return simplex_weights(
        controls.T, target, ridge=1e-6 * noise, least=1e-5 * noise, intercept=intercept
    )


def slow_conformal(y, start: int, effect: float) -> float:
    site, controls = y[0].astype(float), y[1:].astype(float)
    site[start:] -= effect
    residual = site - weights(controls, site, intercept=True) @ controls
    residual -= residual.mean()
    sums = [abs(np.roll(residual, -k)[start:].mean()) for k in range(len(residual))]
    return float(np.mean([s >= sums[0] - 1e-9 for s in sums]))


@pytest.mark.parametrize("seed", range(3))
def test_conformal_is_the_rank_among_shifts(seed):
    y = world(seed, effect=-0.3)
    effect = conformal_test(panel_of(y), staggered({0: 24}))
    assert effect.p_value == slow_conformal(y, 24, 0.0)
    omega = weights(y[1:, :24].astype(float), y[0, :24].astype(float), intercept=True)
    gap = y[0] - omega @ y[1:]
    assert effect.estimate == pytest.approx(gap[24:].mean() - gap[:24].mean(), rel=1e-10)


def test_interval_holds_what_is_not_rejected():
    y = world(3, effect=-0.7)
    effect = conformal_test(panel_of(y), staggered({0: 24}))
    assert effect.ci_low < effect.estimate < effect.ci_high < 0
    width = effect.ci_high - effect.ci_low
    for inside, outside in ((effect.ci_high, 0.01), (effect.ci_low, -0.01)):
        assert slow_conformal(y, 24, inside + outside * width) <= 0.05
        assert slow_conformal(y, 24, inside - outside * width) > 0.05
    assert math.isnan(effect.std_error)
    prevented = effect.crimes_prevented()
    assert prevented.value == pytest.approx(-6 * effect.estimate)


def test_size_is_at_most_the_level():
    """150 panels without effect at 10 %: at most the level but for chance (three errors)."""
    hits = [
        conformal_test(panel_of(world(k, n=6)), staggered({0: 24}), ci_level=0.999).p_value <= 0.1
        for k in range(150)
    ]
    assert np.mean(hits) < 0.1 + 3 * math.sqrt(0.09 / 150)


def test_level_may_be_matched_or_free():
    y = world(4).astype(float)
    y[0] += 200
    free, match = (
        conformal_test(panel_of(y), staggered({0: 24}), level=k) for k in ("free", "match")
    )
    assert abs(free.estimate) < 30 < match.estimate
    plain = synthetic_control(panel_of(y), staggered({0: 24})).effect
    assert match.estimate == pytest.approx(plain.estimate, rel=1e-10)


def test_rmspe_ranks_ratios_of_errors():
    y = world(5, effect=-0.6)
    effect = rmspe_test(panel_of(y), staggered({0: 24}))
    ratios = []
    for i in range(len(y)):
        donors = np.delete(y[1:], i - 1, axis=0) if i else y[1:]
        gap = (
            y[i]
            - weights(donors[:, :24].astype(float), y[i, :24].astype(float), intercept=False)
            @ donors
        )
        ratios.append(math.sqrt((gap[24:] ** 2).mean() / (gap[:24] ** 2).mean()))
    assert effect.p_value == pytest.approx(np.mean(np.array(ratios) >= ratios[0]))
    assert effect.statistic == pytest.approx(ratios[0], rel=1e-9)
    assert "1/12" in effect.notes[-1]


def test_of_many_controls_some_are_drawn():
    panel, design = panel_of(world(5, effect=-0.6)), staggered({0: 24})
    drawn = rmspe_test(panel, design, draws=5, rng=np.random.default_rng(0))
    assert "1/6" in drawn.notes[-1]
    assert drawn.estimate == rmspe_test(panel, design).estimate
    assert drawn.p_value in {k / 6 for k in range(1, 7)}
    with pytest.raises(InputError, match="5 of 11 controls are drawn"):
        rmspe_test(panel, design, draws=5)
    with pytest.raises(InputError, match="1 or more"):
        rmspe_test(panel, design, draws=0)


def test_proposition_99(shared_data):
    """California: the estimate of synthetic control; third of 39 by ratio, without covariates."""
    frame = pd.read_csv(shared_data / "reference" / "california_prop99.csv", sep=";")
    panel = Panel.from_values(frame, area="State", period="Year", value="PacksPerCapita")
    design = Design(treated=["California"], start="1989")
    ranked = rmspe_test(panel, design)
    assert ranked.estimate == pytest.approx(-19.619663, abs=5e-7)
    assert ranked.p_value == pytest.approx(3 / 39)
    conformal = conformal_test(panel, design, level="match", ci_level=0.9)
    assert conformal.estimate == pytest.approx(-19.619663, abs=5e-7)
    assert conformal.p_value == pytest.approx(1 / 31) and conformal.ci_high < -10


def test_impossible_has_its_reason():
    panel = panel_of(world(6))
    with pytest.raises(InputError, match="not one of the options"):
        conformal_test(panel, staggered({0: 24}), level="some")
    two = conformal_test(panel, staggered({0: 24, 1: 20}))
    assert math.isnan(two.estimate) and "there are 2" in two.notes[0]
    assert "2 areas are treated" in rmspe_test(panel, staggered({0: 24, 1: 24})).notes[0]
    early = conformal_test(panel, staggered({0: 2}))
    assert "periods before the start" in early.notes[0]
    short = conformal_test(panel_of(world(7, t=12, start=9)), staggered({0: 9}))
    assert math.isnan(short.ci_low) and "no interval at this level" in short.notes[0]
    assert short.p_value >= 1 / 12
    exact = np.vstack([world(8)[1], world(8)[1:]])
    same = rmspe_test(panel_of(exact), staggered({0: 24}))
    assert math.isnan(same.p_value) and "matched exactly" in same.notes[0]
    holes = panel_of(world(9), observed=np.random.default_rng(0).random((12, 30)) > 0.1)
    assert "every area observed" in conformal_test(holes, staggered({0: 24})).notes[0]
    assert "every area observed" in rmspe_test(holes, staggered({0: 24})).notes[0]
