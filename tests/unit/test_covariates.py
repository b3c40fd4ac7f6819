"""Covariates of areas: aligned by id or refused, and told apart by what they hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, panel_of, staggered

from hotspot_eval.did import Imputation, LinearDid, PoissonDid, event_study, group_time
from hotspot_eval.did.covariates import Covariates, covariates_of, standardised
from hotspot_eval.errors import InputError

ESTIMATORS = {
    "poisson_did": lambda panel, design, x: PoissonDid(covariates=x)(panel, design),
    "linear_did": lambda panel, design, x: LinearDid(covariates=x)(panel, design),
    "event_study": lambda panel, design, x: event_study(panel, design, covariates=x),
    "imputation": lambda panel, design, x: Imputation(covariates=x)(panel, design),
    "group_time": lambda panel, design, x: group_time(panel, design, covariates=x),
}


def world(n: int = 16, t: int = 6) -> np.ndarray:
    return np.random.default_rng(0).poisson(6.0, (n, t)) + 1


def labels(n: int = 16) -> list[str]:
    return [area(i) for i in range(n)]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_absent_and_unknown_values_name_their_areas_together(estimator):
    x = pd.Series(np.arange(16.0), index=labels()).drop(area(5))
    x[area(7)] = np.nan
    with pytest.raises(InputError) as caught:
        ESTIMATORS[estimator](panel_of(world()), staggered({0: 3, 1: 3}), x)
    assert "no row for areas (1: A0005)" in str(caught.value)
    assert "not finite numbers in areas (1: A0007)" in str(caught.value)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_areas_outside_the_study_need_no_values(estimator):
    x = pd.Series(np.arange(16.0) % 5, index=labels())
    x.iloc[15] = np.nan
    design = staggered({0: 3, 1: 3}, **{"pre_periods": 2})
    inside = panel_of(world()).select(areas=labels()[:15])
    assert ESTIMATORS[estimator](inside, design, x) is not None


def test_repeated_ids_and_bare_arrays_are_refused():
    with pytest.raises(InputError, match=r"more than one row for areas \(1: A\)"):
        Covariates.of(pd.Series([1.0, 2.0], index=["A", "A"]))
    with pytest.raises(InputError, match="ndarray, without area ids"):
        PoissonDid(covariates=np.arange(3.0))
    with pytest.raises(InputError, match="not finite numbers"):
        covariates_of(pd.Series(["much", "0.5"], index=["A", "B"]), ["A", "B"])


def test_order_of_rows_is_irrelevant_and_content_tells_estimators_apart():
    x = pd.DataFrame({"u": [1.0, 2.0, 4.0]}, index=["C", "A", "B"])
    assert covariates_of(x, ["A", "B", "C"]).ravel().tolist() == [2.0, 4.0, 1.0]
    assert PoissonDid(covariates=x) == PoissonDid(covariates=x.copy())
    assert hash(PoissonDid(covariates=x)) == hash(PoissonDid(covariates=x.copy()))
    assert PoissonDid(covariates=x) != PoissonDid(covariates=2 * x)


def test_constant_covariates_say_nothing():
    x = pd.Series(3.0, index=labels())
    assert standardised(x, labels()) is None and standardised(None, labels()) is None
    panel, design = panel_of(world()), staggered({0: 3, 1: 3})
    plain, with_constant = PoissonDid()(panel, design), PoissonDid(covariates=x)(panel, design)
    assert with_constant.effect.estimate == plain.effect.estimate


@pytest.mark.parametrize("maker", [PoissonDid, LinearDid, Imputation])
def test_many_is_call(maker):
    x = pd.Series(np.random.default_rng(1).normal(size=16), index=labels())
    panel = panel_of(world(), cluster=np.arange(16) // 4)
    designs = [staggered({0: 2, 4: 2}), staggered({3: 3, 9: 4})]
    for options in ({"covariates": x}, {"period_effects": "cluster"}):
        estimator = maker(**options)
        single = [estimator(panel, design).effect.estimate for design in designs]
        np.testing.assert_allclose(estimator.many(panel, designs), single, rtol=1e-9)


def test_trends_that_go_with_a_covariate_are_taken_up():
    rng = np.random.default_rng(3)
    n, t = 200, 10
    x = rng.normal(size=n) + np.r_[np.ones(40), np.zeros(160)]
    y = rng.poisson(np.exp(2.0 + 0.08 * x[:, None] * np.arange(t)))
    panel, design = panel_of(y), staggered(dict.fromkeys(range(40), 5))
    given = pd.Series(x, index=labels(n))
    for maker in (PoissonDid, Imputation):
        plain, taken = maker()(panel, design).effect, maker(covariates=given)(panel, design).effect
        assert plain.estimate > 0.2
        assert abs(taken.estimate) < 3 * taken.std_error < 0.2
