"""Errors of event studies and of borough × period effects, where the variance is known."""

from __future__ import annotations

import numpy as np
import pytest

from hotspot_eval.design import Design
from hotspot_eval.did import LinearDid, PoissonDid, event_study
from hotspot_eval.did.kernels import shared_shocks
from hotspot_eval.panel import Panel
from hotspot_eval.periods import Periods


def _panel(counts, cluster):
    n, t = counts.shape
    return Panel(
        areas=tuple(f"A{i:03d}" for i in range(n)),
        periods=Periods.span(0, t - 1, frequency="step"),
        outcomes=("y",),
        counts=counts[:, :, None],
        observed=np.ones((n, t, 1), dtype=bool),
        cluster=tuple(f"B{b:02d}" for b in cluster),
    )


def test_noise_of_borough_by_period_effects_is_not_taken_for_treatment():
    """Independent Poisson counts: the variance is 1/Σ_b Σ_t μ·p(1 − p)·(1 − 1/5) = 1/48.

    Ten boroughs of five areas, one treated in each, 24 periods with p = ½ of them after the start,
    one event an area and period. 60 draws have a Monte Carlo error of 1 %; a small-sample excess of
    4 % is left, since the error is estimated at fitted effects.
    """
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(10), 5)
    design = Design(treated=[f"A{i:03d}" for i in range(0, 50, 5)], start=12)
    within = PoissonDid(period_effects="cluster")
    errors = [
        within(_panel(rng.poisson(1.0, (50, 24)), cluster), design).effect.std_error
        for _ in range(60)
    ]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(48.0**-0.5, rel=0.06)


def test_few_controls_of_a_borough_are_judged_by_all_controls():
    """One borough of two treated areas and two controls among ten: Var = 2σ²(1/2 + 1/2)/12.

    Squares of the scores of two controls would have one degree of freedom.
    """
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(10), 4)
    design = Design(treated=["A000", "A001"], start=12)
    within = LinearDid(period_effects="cluster")
    variances = np.array(
        [
            within(_panel(rng.poisson(9.0, (40, 24)), cluster), design).effect.std_error ** 2
            for _ in range(60)
        ]
    )
    assert variances.mean() == pytest.approx(9.0 * 2.0 / 12.0, rel=0.06)
    assert variances.std() < 0.35 * variances.mean()


def test_shared_shocks_of_many_event_times_add_nothing_where_there_are_none():
    """Two whole boroughs treated, independent counts of mean 9: Var β_e = 2·9·(1/20 + 1/180)."""
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(20), 10)
    design = Design(treated=[f"A{i:03d}" for i in range(20)], start=12)
    variances = []
    for _ in range(30):
        panel = _panel(rng.poisson(9.0, (200, 18)), cluster)
        fit = event_study(panel, design, model="linear")
        variances.append(np.diag(fit.covariance))
    assert np.mean(variances) == pytest.approx(18.0 * (1.0 / 20.0 + 1.0 / 180.0), rel=0.06)


@pytest.mark.parametrize("model", ["linear", "poisson"])
def test_a_past_that_strays_does_not_widen_the_error_it_is_tested_with(model):
    """Treated areas go up and down together before the start; the base period is left alone."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(12.0, (120, 18))
    strayed = counts.copy()
    strayed[:20, :10:2] += 6
    strayed[:20, 1:10:2] = np.maximum(strayed[:20, 1:10:2] - 6, 0)
    cluster = np.arange(120) % 20
    design = Design(treated=[f"A{i:03d}" for i in range(20)], start=12)
    calm, moved = (
        event_study(_panel(y, cluster), design, model=model).effects["0"].std_error
        for y in (counts, strayed)
    )
    assert moved < 1.03 * calm


def test_stationary_kernel_is_a_sum_over_pairs_of_periods_that_lie_as_far_apart():
    """Against a loop; periods 0, 1, 3, 4 have two pairs one apart, and a lag of two alone."""
    rng = np.random.default_rng(5)
    cluster, when = np.repeat(np.arange(4), 3), np.array([0, 1, 3, 4])
    level = rng.uniform(1.0, 2.0, 12)
    values, reach = rng.normal(size=(12, 4)), np.repeat(level[:, None], 4, 1)
    told = {"level": level, "own": level, "scores": values}
    free = shared_shocks(values, reach, cluster, **told)
    steady = shared_shocks(values, reach, cluster, when=when, **told)
    lag = np.abs(when[:, None] - when)
    for apart in np.unique(lag):
        cells = lag == apart
        assert steady.kernel[cells] == pytest.approx(free.kernel[cells].mean())
        assert steady.whole[cells] == pytest.approx(free.whole[cells].mean())
