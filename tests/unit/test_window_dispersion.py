"""φ of placebo ratios: what it is made of, how it grows with the window, why RIRR needs it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, month, panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import rirr, window_dispersion
from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel


def noisy(rng, n: int, t: int, *, level: float = 15.0, spread: float = 0.25, memory: float = 0.7):
    """Counts around a level that wanders in each area, ``memory`` from one month to the next."""
    wander = np.zeros((n, t))
    wander[:, 0] = rng.normal(0, spread, n)
    for k in range(1, t):
        step = rng.normal(0, spread * math.sqrt(1 - memory**2), n)
        wander[:, k] = memory * wander[:, k - 1] + step
    return rng.poisson(level * np.exp(wander - spread**2 / 2))


def totals(y, treated: int, start: int, pre: int, post: int):
    return [
        (float(y[rows, start - pre : start].sum()), float(y[rows, start : start + post].sum()))
        for rows in (slice(treated, None), slice(treated))
    ]


def test_poisson_counts_have_none():
    rng = np.random.default_rng(0)
    panel = panel_of(rng.poisson(12.0, (200, 24)))
    made = window_dispersion(panel, staggered({0: 12, 1: 12}, pre_periods=6, post_periods=6))
    assert 1.0 <= made.value < 1.2
    assert made.low <= made.value <= made.high
    assert "198 placebo ratios of 6 against 6 periods" in made.notes[0]


def test_one_level_and_one_date_is_pearson_over_degrees_of_freedom():
    """With equal totals the curve is flat, and φ is the heterogeneity χ² over n − 1."""
    rng = np.random.default_rng(1)
    after = rng.integers(10, 31, 80)
    after[0] = 20
    y = np.column_stack([40 - after, after]).astype(float)
    panel = panel_of(y)
    made = window_dispersion(panel, staggered({0: 1}, pre_periods=1, post_periods=1))
    rest = y[1:]
    q = rest[:, 1].sum() / rest.sum()
    pearson = ((rest[:, 1] - 40 * q) ** 2 / (40 * q * (1 - q))).sum() / (len(rest) - 1)
    assert made.value == pytest.approx(pearson, rel=1e-8)


def test_it_grows_with_the_window():
    panel = panel_of(noisy(np.random.default_rng(2), 200, 48))
    values = [
        window_dispersion(panel, staggered({0: 24}, pre_periods=k, post_periods=k)).value
        for k in (1, 3, 12)
    ]
    assert values == sorted(values) and values[2] > 1.5 * values[0]


def test_rirr_rejects_too_often_without_it_and_about_as_stated_with_it():
    rng = np.random.default_rng(3)
    hits = {"Poisson": 0, "window": 0}
    draws = 60
    design = staggered(dict.fromkeys(range(5), 24), pre_periods=12, post_periods=12)
    for _ in range(draws):
        y = noisy(rng, 100, 36)
        phi = window_dispersion(panel_of(y), design).value
        for name, dispersion in (("Poisson", 1.0), ("window", phi)):
            hits[name] += rirr(*totals(y, 5, 24, 12, 12), dispersion=dispersion).p_value < 0.05
    assert hits["Poisson"] / draws > 0.15
    assert hits["window"] / draws < 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)


def test_london_wards_are_what_was_measured_before(shared_data):
    """Other dates and areas gave 1.3 to 1.5 for months, 1.6 to 2.3 for windows of a year."""
    frame = pd.read_csv(shared_data / "london_ward_month" / "london_ward_month.csv.gz")
    for outcome in ("violence_with_injury", "robbery"):
        panel = Panel.from_counts(frame, area="ward_code", period="month", count=outcome)
        treated = list(panel.areas[::136])
        monthly, yearly = (
            window_dispersion(
                panel, Design(treated=treated, start="2023-12", pre_periods=k, post_periods=k)
            ).value
            for k in (1, 12)
        )
        assert 1.1 < monthly < 1.7
        assert max(1.4, monthly) < yearly < 2.8


def test_impossible_has_its_reason():
    rng = np.random.default_rng(4)
    few = window_dispersion(panel_of(rng.poisson(9.0, (12, 6))), staggered({0: 3}))
    assert math.isnan(few.value) and "too few" in few.notes[0]
    panel = panel_of(rng.poisson(9.0, (40, 12)))
    with pytest.raises(InputError, match="starts that differ"):
        window_dispersion(panel, staggered({0: 4, 1: 6}))
    assert (
        window_dispersion(panel, staggered({0: 4, 1: 6}, pre_periods=3, post_periods=3)).value >= 1
    )
    below = panel_of(rng.normal(size=(40, 12)), values=True)
    with pytest.raises(InputError, match="about counts"):
        window_dispersion(below, Design(treated=[area(0)], start=month(6)))
