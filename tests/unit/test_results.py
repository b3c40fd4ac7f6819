import math

import numpy as np
import pandas as pd
import pytest

from hotspot_eval.errors import InputError
from hotspot_eval.ledger import Ledger
from hotspot_eval.results import Check, Effect, Effects, Fit, TreatedCells, checks_frame


def effect(estimate=-0.2, std_error=0.1, **more):
    given = {"scale": "log_irr", "estimand": "ATT", "method": "m", "inference": "i", **more}
    return Effect.from_estimate(estimate, std_error, **given)


def test_interval_and_p_value_are_of_the_normal_distribution():
    one = effect()
    assert one.ci_low == pytest.approx(-0.2 - 1.959963984540054 * 0.1, rel=1e-12)
    assert one.p_value == pytest.approx(0.04550026389635842, rel=1e-12)


def test_few_degrees_of_freedom_widen_the_interval():
    assert effect(df=4).ci_high == pytest.approx(-0.2 + 2.7764451051977987 * 0.1, rel=1e-12)


def test_ratio_percent_and_prevented_agree():
    cells = (TreatedCells(share=1.0, cells=3, events=80.0),)
    one = effect(math.log(0.8), 0.1, treated_cells=cells)
    assert one.as_irr().value == pytest.approx(0.8)
    assert one.percent_change().value == pytest.approx(-20.0)
    prevented = one.crimes_prevented()
    assert prevented.value == pytest.approx(20.0)
    assert prevented.low < 20.0 < prevented.high


def test_prevented_of_partly_treated_cells_uses_their_share():
    cells = (
        TreatedCells(share=1.0, cells=1, events=80.0),
        TreatedCells(share=0.5, cells=1, events=90.0),
    )
    one = effect(math.log(0.8), 0.1, treated_cells=cells)
    assert one.crimes_prevented().value == pytest.approx(20.0 + 90.0 * (0.8**-0.5 - 1.0))


def test_prevented_on_the_count_scale_is_effect_times_exposure():
    cells = (TreatedCells(share=0.5, cells=4, events=10.0),)
    assert effect(-3.0, 1.0, scale="count", treated_cells=cells).crimes_prevented().value == 6.0


@pytest.mark.parametrize(
    ("told", "scale"),
    [("as_irr", "count"), ("percent_change", "rate"), ("crimes_prevented", "rate")],
)
def test_a_scale_that_cannot_be_told_is_nan_with_a_reason(told, scale):
    cells = (TreatedCells(share=1.0, cells=1, events=1.0),)
    quantity = getattr(effect(scale=scale, treated_cells=cells), told)()
    assert math.isnan(quantity.value)
    assert quantity.notes


def test_no_estimate_needs_a_reason():
    with pytest.raises(InputError, match="no estimate and no reason"):
        effect(math.nan, math.nan)
    assert math.isnan(effect(math.nan, math.nan, notes=("all treated",)).p_value)


@pytest.mark.parametrize(("field", "value"), [("scale", "odds"), ("alternative", "up")])
def test_unknown_options_are_refused(field, value):
    with pytest.raises(InputError, match=field):
        effect(**{field: value})


def test_effects_give_each_label_its_own_error():
    both = Effects(
        labels=("local", "total"),
        vector=np.array([-1.0, -2.0]),
        covariance=np.diag([4.0, 9.0]),
        scale="count",
        estimand="change",
        method="WDD",
        inference="Poisson",
        total="total",
    )
    assert both["local"].std_error == 2.0
    assert both.effect.estimate == -2.0
    assert list(both.to_frame()["label"]) == ["local", "total"]
    with pytest.raises(InputError, match="There are local, total"):
        both["net"]


def test_effects_refuse_a_covariance_of_another_size():
    with pytest.raises(InputError, match="2 labels need"):
        Effects(
            labels=("a", "b"), vector=np.zeros(2), covariance=np.eye(3), scale="count",
            estimand="", method="", inference="",
        )  # fmt: skip


def test_effects_keep_their_own_copy():
    vector = np.zeros(1)
    one = Effects(
        labels=("a",), vector=vector, covariance=np.eye(1), scale="count",
        estimand="", method="", inference="",
    )  # fmt: skip
    vector[0] = 9.0
    assert one.vector[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        one.vector[0] = 1.0


def test_a_verdict_needs_evidence():
    with pytest.raises(InputError, match="without any evidence"):
        Check(name="trend", threat="t", status="passed", sentence="s")
    unknown = Check(name="trend", threat="t", status="not assessed", sentence="no pre-period")
    assert checks_frame([unknown])["status"].tolist() == ["not assessed"]
    failed = Check(
        name="a", threat="t", status="failed", sentence="s", evidence=pd.DataFrame({"x": [1]})
    )
    assert failed.to_frame().shape == (1, 4)


def test_a_fit_without_event_study_says_how_to_get_one():
    one = effect()
    effects = Effects(
        labels=("ATT",), vector=np.array([-0.2]), covariance=np.array([[0.01]]), scale="log_irr",
        estimand="ATT", method="m", inference="i",
    )  # fmt: skip
    fit = Fit(
        terms=("ATT",), coefficients=np.zeros(1), covariance=np.eye(1), influence=np.zeros((1, 1)),
        areas=("A",), periods=("1",), response=np.zeros((1, 1)),
        fitted_from=lambda: np.zeros((1, 1)),
        treatment=np.zeros((1, 1)), ledger=Ledger(), effect=one, effects=effects,
    )  # fmt: skip
    with pytest.raises(InputError, match="event_study"):
        fit.event_study()
    assert "<script" not in fit._repr_html_()
