"""On/off treatment and doses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval.design import Design, Spell
from hotspot_eval.did import distributed_lags, dose_did, poisson_did
from hotspot_eval.errors import InputError


def rotating(n: int = 60, t: int = 18, level: float = 800.0):
    """Two spells of two months each, an effect that fades by half in the month after."""
    log_effect = np.zeros((n, t))
    spells = []
    for i in range(20):
        for begin in (5 + i % 3, 12 + i % 2):
            log_effect[i, begin : begin + 2] = -0.4
            log_effect[i, begin + 2] = -0.2
            spells.append(Spell(area=area(i), start=month(begin), end=month(begin + 1)))
    rng = np.random.default_rng(0)
    y = rng.poisson(level * np.exp(log_effect) * rng.uniform(0.5, 2.0, (n, 1)))
    return panel_of(y), Design(spells=spells)


def test_residual_deterrence_is_recovered():
    fit = distributed_lags(*rotating(), lags=2)
    np.testing.assert_allclose(fit.effects.vector, [-0.4, -0.2, 0.0], atol=0.02)
    assert fit.effects.labels == ("on", "1 after", "2 after")
    assert fit.effect.estimate == fit.effects["on"].estimate
    assert fit.effect.crimes_prevented().value > 0


def test_without_lags_what_lasts_contaminates_the_estimate():
    panel, design = rotating()
    assert distributed_lags(panel, design, lags=0).effect.estimate == pytest.approx(
        poisson_did(panel, design).effect.estimate, abs=1e-10
    )
    assert abs(poisson_did(panel, design).effect.estimate + 0.4) > 0.01


def test_dose_is_linear_in_the_log():
    n, t = 50, 10
    rng = np.random.default_rng(1)
    dose = np.zeros((n, t))
    spells = []
    for i in range(15):
        dose[i, 6:] = 1 + i % 4
        spells.append(Spell(area=area(i), start=month(6), dose=float(1 + i % 4)))
    y = rng.poisson(900 * np.exp(-0.1 * dose))
    fit = dose_did(panel_of(y), Design(spells=spells))
    assert fit.effect.estimate == pytest.approx(-0.1, abs=0.01)
    assert fit.terms == ("dose",)


def test_edges():
    panel, design = rotating()
    with pytest.raises(InputError, match="0 or more"):
        distributed_lags(panel, design, lags=-1)
    with pytest.raises(InputError, match="has no dose"):
        dose_did(panel, design)
    with pytest.raises(InputError, match="not one of the options"):
        distributed_lags(panel, design, lags=1, model="probit")
    always = distributed_lags(panel, staggered({0: 6, 1: 6}), lags=2)
    assert math.isnan(always.effects["1 after"].estimate)
    assert always.effects["1 after"].notes
    early = distributed_lags(panel, staggered({0: 0}), lags=1)
    assert "no period before" in early.effect.notes[0]
