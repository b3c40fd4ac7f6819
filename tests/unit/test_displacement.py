"""Direct, catchment and net effect: events against the counterfactual, and a joint interval."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.did_worlds import area, month, panel_of

from hotspot_eval.design import Design
from hotspot_eval.did import (
    PoissonDid,
    catchment_design,
    displacement,
    displacement_check,
    linear_did,
    poisson_did,
)
from hotspot_eval.errors import InputError

START, TREATED, NEARBY = 8, range(6), range(6, 14)


def world(direct: float = -0.5, nearby: float = 0.0, seed: int = 0):
    """50 areas × 16 months of mean 60; log effects inside and next door from month 8 on."""
    rng = np.random.default_rng(seed)
    mean = 60.0 * rng.uniform(0.5, 2.0, (50, 1)) * np.ones((50, 16))
    mean[TREATED, START:] *= math.exp(direct)
    mean[NEARBY, START:] *= math.exp(nearby)
    return panel_of(rng.poisson(mean))


def operation(**more: object) -> Design:
    return Design(
        treated=[area(i) for i in TREATED],
        start=month(START),
        catchment=[area(i) for i in NEARBY],
        **more,
    )


@pytest.mark.parametrize("estimator", [poisson_did, linear_did])
def test_parts_are_observed_less_counterfactual_and_the_net_is_their_sum(estimator):
    panel, design = world(nearby=0.1), operation()
    effects = displacement(panel, design, estimator=estimator)
    inside = estimator(panel, design).effect
    beside = estimator(panel, catchment_design(panel, design)).effect
    assert effects.labels == ("direct", "catchment", "net")
    assert effects["direct"].estimate == pytest.approx(-inside.crimes_prevented().value)
    assert effects["catchment"].estimate == pytest.approx(-beside.crimes_prevented().value)
    assert effects.effect.estimate == effects["net"].estimate
    assert effects["net"].inference.startswith(inside.inference)
    assert "correlated as their influence values" in effects["net"].inference
    assert effects["net"].estimate == pytest.approx(sum(effects.vector[:2]), abs=1e-9)


def test_net_error_is_that_of_the_sum_with_shared_controls():
    """By hand: slopes by a small step in δ, correlation from the influence of shared controls."""
    panel, design = world(nearby=0.1), operation()
    effects = displacement(panel, design)
    fits = poisson_did(panel, design), poisson_did(panel, catchment_design(panel, design))
    slopes = []
    for fit in fits:
        up, down = (replace(fit.effect, estimate=fit.effect.estimate + h) for h in (1e-6, -1e-6))
        slopes.append((down.crimes_prevented().value - up.crimes_prevented().value) / 2e-6)
    one, other = (dict(zip(fit.areas, fit.influence[:, 0], strict=True)) for fit in fits)
    shared = sum(one[a] * other[a] for a in one.keys() & other.keys())
    size = math.sqrt(sum(v**2 for v in one.values()) * sum(v**2 for v in other.values()))
    a, b = (s * fit.effect.std_error for s, fit in zip(slopes, fits, strict=True))
    expected = math.sqrt(a**2 + b**2 + 2.0 * (shared / size) * a * b)
    assert shared > 0
    assert effects["net"].std_error == pytest.approx(expected, rel=1e-6)
    assert effects["direct"].std_error == pytest.approx(abs(a), rel=1e-6)


@pytest.mark.parametrize(("nearby", "status"), [(0.3, "failed"), (0.0, "passed"), (-0.3, "passed")])
def test_the_check_speaks_of_a_rise_next_door(nearby, status):
    effects = displacement(world(nearby=nearby), operation())
    assert displacement_check(effects).status == status
    level = 60.0 * np.random.default_rng(0).uniform(0.5, 2.0, 50)
    truth = level[NEARBY].sum() * (16 - START) * math.expm1(nearby)
    told = effects["catchment"]
    assert abs(told.estimate - truth) < 4 * told.std_error


def test_spillover_may_start_later_than_the_operation():
    panel = world(nearby=0.2)
    later = {area(i): month(START + 4) for i in NEARBY}
    whole, part = displacement(panel, operation()), displacement(panel, operation(), start=later)
    assert part["direct"].estimate == whole["direct"].estimate
    assert part["catchment"].estimate != whole["catchment"].estimate
    assert catchment_design(panel, operation(), start=later).spells[0].start == month(START + 4)


def test_a_part_without_a_number_leaves_the_net_without_one():
    counts = np.random.default_rng(1).poisson(20, (50, 16))
    counts[NEARBY, START:] = 0
    effects = displacement(panel_of(counts), operation())
    assert math.isfinite(effects["direct"].estimate) and math.isnan(effects["net"].estimate)
    assert "no event in the treated cells" in " ".join(effects["net"].notes)
    check = displacement_check(effects)
    assert check.status == "not assessed" and "has no interval" in check.sentence


def test_without_a_catchment_there_is_nothing_to_look_at():
    design = Design(treated=[area(0)], start=month(START))
    with pytest.raises(InputError, match="has no catchment areas"):
        displacement(world(), design)


def test_the_interval_has_the_estimators_own_level():
    panel = world()
    wide = displacement(panel, operation(), estimator=PoissonDid(ci_level=0.99))
    usual = displacement(panel, operation())
    assert wide.ci_level == wide["net"].ci_level == 0.99
    assert wide["net"].ci_low < usual["net"].ci_low < usual["net"].ci_high < wide["net"].ci_high
