"""Printed values of count tests and of pooling.

- ptools (Wheeler): README and tests of ``wdd`` and ``e_test``; areas of unequal size, harm weights.
- Ng, Gu & Tang (2007, doi:10.1016/j.csda.2006.02.004) and Gu, Ng, Tang & Schucany (2008,
  doi:10.1002/bimj.200710403): breast cancer and coronary heart disease by woman-years.
- metafor 3.8: tests against Stata's ``metan`` on the trials of the BCG vaccine, and its
  ``rma(test = "knha")`` on them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from hotspot_eval.did import e_test, wdd
from hotspot_eval.results import Effect
from hotspot_eval.synthesis import pool


def test_wdd_of_ptools_readme():
    effect = wdd((20, 20), (20, 10), ci_level=0.90).effect
    told = (effect.estimate, effect.std_error, effect.statistic, effect.ci_low, effect.ci_high)
    np.testing.assert_allclose(told, (-10, 8.366600, -1.195229, -23.761833, 3.761833), atol=5.1e-7)


def test_wdd_of_areas_of_unequal_size():
    effect = wdd(
        (308, 318), (207, 110), (150, 140), (178, 157), area_weights=(0.9, 1.2, 1.6, 1.5)
    ).effect
    told = (effect.estimate, effect.std_error, effect.statistic, effect.ci_low, effect.ci_high)
    expected = (-99.69444444, 35.4280755, -2.813995483, -169.1321965, -30.25669241)
    np.testing.assert_allclose(told, expected, rtol=3e-9)


def test_harm_weights_come_after_estimation():
    counts = [
        ((133, 91), (130, 74)),
        ((388, 305), (327, 202)),
        ((148, 97), (398, 190)),
        ((86, 64), (144, 92)),
        ((94, 67), (183, 96)),
    ]
    weights = np.array([3, 2, 5, 7, 10])
    made = [wdd(control, treated)["local"] for control, treated in counts]
    harm = weights @ [effect.estimate for effect in made]
    error = math.sqrt(weights**2 @ [effect.std_error**2 for effect in made])
    assert (harm, error) == (pytest.approx(-1721), pytest.approx(304.10360077, rel=1e-10))


@pytest.mark.parametrize(
    ("counts", "exposures", "alternative", "p_value", "digits"),
    [
        ((6, 2), (1.0, 1.0), "two-sided", 0.1748748, 5e-8),
        ((20, 10), (1.0, 1.0), "two-sided", 0.069, 5e-4),
        ((41, 15), (28010.0, 19017.0), "less", 0.0184, 5.1e-5),
        ((60, 30), (51477.5, 54308.7), "less", 0.000298, 5e-7),
    ],
)
def test_e_test_with_and_without_exposure(counts, exposures, alternative, p_value, digits):
    made = e_test(*counts, exposures=exposures, alternative=alternative)
    assert made == pytest.approx(p_value, abs=digits)


# cases and others among the vaccinated and among the controls of 13 trials
BCG = """
4 119 11 128|6 300 29 274|3 228 11 209|62 13536 248 12619|33 5036 47 5761|180 1361 372 1079
8 2537 10 619|505 87886 499 87892|29 7470 45 7232|17 1699 65 1600|186 50448 141 27197|5 2493 3 2338
27 16886 29 17825
"""


# estimate, Hartung–Knapp error, interval, p-value and variance between trials; metafor's search for
# Paule and Mandel's root stops at about 1e-5
KNHA = {
    "dersimonian_laird": (
        *(-0.71411722207323, 0.18069662833555, -1.10782135416833, -0.32041308997813),
        *(0.00192076676705, 0.30876026286238),
    ),
    "paule_mandel": (
        *(-0.71497040563245, 0.18089271222296, -1.10910176781713, -0.32083904344776),
        *(0.00191926811458, 0.31809371186302),
    ),
}


@pytest.mark.parametrize("tau", KNHA)
def test_bcg_vaccine(tau):
    rows = [[float(v) for v in row.split()] for row in BCG.strip().replace("\n", "|").split("|")]
    a, b, c, d = np.array(rows).T
    y = np.log(a / (a + b) / (c / (c + d)))
    errors = np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    trials = [
        Effect.from_estimate(
            m, s, estimand="log risk ratio", scale="log_irr", method="trial", inference="Wald"
        )
        for m, s in zip(y, errors, strict=True)
    ]
    made = pool(trials, tau=tau)
    effect = made.effect
    told = (effect.estimate, effect.std_error, effect.ci_low, effect.ci_high)
    near = {"dersimonian_laird": 1e-12, "paule_mandel": 3e-5}[tau]
    np.testing.assert_allclose((*told, effect.p_value, made.tau**2), KNHA[tau], atol=near)
    assert made.q == pytest.approx(152.2330, abs=5e-5)
    assert made.i_squared == pytest.approx(0.9212, abs=5e-5)
    if tau == "dersimonian_laird":
        # metan's interval is normal, with q* = 1: ours divided by the Hartung–Knapp factor
        weights = 1 / (errors**2 + made.tau**2)
        factor = math.sqrt((weights * (y - made.effect.estimate) ** 2).sum() / 12)
        half = 1.959964 * made.effect.std_error / max(1.0, factor)
        ends = (made.effect.estimate - half, made.effect.estimate + half)
        np.testing.assert_allclose(ends, (-1.0644, -0.3638), atol=5.1e-5)
