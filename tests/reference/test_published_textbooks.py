"""Tables of textbooks and papers whose data are small enough to print here.

- Wooldridge, *Econometric Analysis of Cross Section and Panel Data*, example 10.5: scrap rates of
  54 firms, 1987-1989, of which 19 had a training grant in 1988 and 10 in 1989 (Holzer, Block,
  Cheatham & Knott 1993, doi:10.1177/001979399304600403).
- Diggle, Heagerty, Liang & Zeger, *Analysis of Longitudinal Data*, chapters 8 and 9: seizures of 59
  people in the eight weeks before and after progabide or placebo (Thall & Vail 1990,
  doi:10.2307/2532086).
- Huntington-Klein, *The Effect*, chapter 18: organ donors by state and quarter (Kessler & Roth
  2014, doi:10.3386/w20378).
- Gruber (1994), table 3: log wages where maternity benefits became mandatory.
- Lee & Wooldridge, "Simple approaches to inference with difference-in-differences estimators with
  small cross-sectional sample sizes": Proposition 99 on the log scale, −.422 (.121).
- Arkhangelsky et al. (2021, doi:10.1257/aer.20190159), table 1, and Stata's ``sdid``: errors of
  Proposition 99 from drawn placebos.
- Snow (1855): deaths by water company, as in Cunningham's *Mixtape*.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import panel_of, staggered

from hotspot_eval.design import Design
from hotspot_eval.did import (
    LinearDid,
    PoissonDid,
    distributed_lags,
    event_study,
    linear_did,
    poisson_did,
    rirr,
    synthetic_control,
    synthetic_did,
    triple_difference,
)
from hotspot_eval.panel import Panel

SCRAP = """
.01 .11 .2|.05 .08 .03|.06 .05 .05|.14 .16 .23|.2 .31 .27|.5 .59 .45|.66 .34 .39|.87 .82 .71
1 .5 .28|1 1 1|1.06 1.03 1.14|1.2 .53 .49|1.67 2.5 1.12|1.68 1.57 1.64|2 2 2|2 2 2
2.64 2.74 2.54|2.7 2.59 2.8|5 4.8 5.2|6 7 5|7 5 4.5|10 6 4|20 25 30|21 11 .4|30 24 20
.65 .55 .38|1 .85 .89|1.39 1.16 .9|1.5 1.41 .95|2 1 .5|2.25 2.5 2|2.71 1.52 1.34|5 4 3|11 8 6
20.5 24 17|.28 .2 .19|.45 .5 .5|.45 .61 .6|.98 .51 .45|1 1 1|1 .5 .1|1.06 .8 .22|1.25 1.54 .96
1.3 1.5 1|1.67 1.17 1.42|3 2 1|3.97 3.83 5.7|6 5 3|7 5 4|8 4 2.5|8.18 .67 .56|9 7 6.5|10 3 2
18 19 18
"""
NO_GRANT, GRANT_1989 = 25, 10  # in this order; the others had theirs in 1988

PLACEBO = """
11 14|11 14|6 11|8 13|66 55|27 22|12 12|52 95|23 22|10 33|52 66|33 31|18 16|42 42|87 59|50 16
18 6|111 123|18 15|20 16|12 14|9 14|17 13|28 30|55 143|9 6|10 10|47 53
"""
PROGABIDE = """
76 42|38 28|19 7|10 13|19 19|24 11|31 74|14 20|11 10|67 24|41 29|7 4|22 6|13 12|46 65|36 26
38 39|7 8|36 32|11 3|151 302|22 13|42 26|32 10|56 70|24 13|16 15|22 51|25 6|13 0|12 10
"""
PATIENT_207 = 28 + 20

# 2010-Q4 to 2012-Q1 in ten thousandths; California is the third of 27 states
DONORS = """
7500 7700 7700 7800 7800 7900|2634 2092 2261 2503 2351 2587|2666 2731 2743 2636 2607 2641
6653 6674 6736 6715 6699 6594|3905 3853 3952 4031 3864 3984|3319 2866 2951 4024 3791 3646
3753 3795 3947 4181 4037 4070|4170 4105 4271 4294 4307 4108|5372 5460 5619 5949 5510 5486
4635 4529 4679 4590 4950 4560|1563 1491 1923 2461 2294 4216|5358 5173 5202 5246 5280 5398
4025 3987 4063 4089 4150 4127|6429 6406 6578 6683 6674 6523|4541 4337 4360 4405 4389 4519
5576 5594 5643 5334 5248 5253|3037 3109 3039 3109 3127 3334|1249 1267 1314 1451 1277 1229
5239 5190 5320 5340 5284 5126|5545 5593 5701 5701 5751 5645|4531 4536 4553 4559 4551 4527
3083 2617 2556 2641 2966 2280|3268 3249 3382 3428 3385 3400|2645 3623 3455 3590 3443 3701
5811 5893 5882 5846 5842 5947|5735 5710 5720 5688 5660 5814|5931 5946 5937 5911 5854 5881
"""


def table(text: str) -> np.ndarray:
    rows = text.strip().replace("\n", "|").split("|")
    return np.array([[float(value) for value in row.split()] for row in rows])


def test_job_training_grants_with_a_lag():
    scrap = table(SCRAP)
    assert scrap.shape == (54, 3)
    panel = panel_of(np.log(scrap), values=True)
    d = np.zeros((54, 3))
    d[NO_GRANT : NO_GRANT + GRANT_1989, 2] = 1
    d[NO_GRANT + GRANT_1989 :, 1] = 1
    made = distributed_lags(
        panel, Design.from_treatment(panel, d), lags=1, model="linear", correction="CR1"
    )
    # a coefficient of the year after the grant, when it is off again: grant_-1
    np.testing.assert_allclose(made.effects.vector, [-0.252, -0.422], atol=5e-4)
    # printed in brackets: robust to serial correlation, without a small-sample factor
    factor = math.sqrt(54 / 53 * 161 / (162 - 2 - 3))
    errors = np.sqrt(np.diag(made.effects.covariance)) / factor
    np.testing.assert_allclose(errors, [0.140, 0.276], atol=5e-4)


@pytest.mark.parametrize(
    ("left_out", "effect", "poisson_error", "robust_error"),
    [((), -0.10, 0.065, 0.21), ((PATIENT_207,), -0.30, 0.070, 0.17)],
)
def test_seizures_under_progabide(left_out, effect, poisson_error, robust_error):
    counts = np.delete(np.vstack([table(PLACEBO), table(PROGABIDE)]), left_out, axis=0)
    n, controls = len(counts), len(table(PLACEBO))
    assert n == 59 - len(left_out) and controls == 28
    panel = panel_of(counts.astype(int), base=np.full(counts.shape, 8.0))
    design = staggered(dict.fromkeys(range(controls, n), 1))
    made = PoissonDid(correction="CR1")(panel, design).effect
    assert made.estimate == pytest.approx(effect, abs=5e-3)
    factor = math.sqrt(n / (n - 1) * (2 * n - 1) / (2 * n - 3))
    assert made.std_error / factor == pytest.approx(robust_error, abs=5e-3)
    # patients held fixed and Poisson given them: the conditional likelihood is that of the totals
    before, after = counts[:controls].sum(axis=0), counts[controls:].sum(axis=0)
    given = rirr(tuple(before), tuple(after))
    assert given.estimate == pytest.approx(made.estimate, abs=1e-10)
    assert given.std_error == pytest.approx(poisson_error, abs=5e-4)


def test_organ_donors_in_california():
    """The book's errors (.006, by state) rest on one treated state: ours are NaN and say so."""
    panel = panel_of(table(DONORS) / 1e4, values=True)
    design = staggered({2: 3})
    effect = LinearDid(correction="CR1")(panel, design).effect
    assert effect.estimate == pytest.approx(-0.022, abs=5e-4)
    assert math.isnan(effect.std_error) and "one treated cluster" in effect.notes[0]
    study = event_study(panel, design, model="linear").event_study()
    printed = {"-3": -0.003, "-2": 0.006, "0": -0.022, "1": -0.020, "2": -0.022}
    for label, value in printed.items():
        assert study[label].estimate == pytest.approx(value, abs=5e-4)


def test_mandated_maternity_benefits():
    """Log wages in thousandths, married women of 20 to 40 and everybody else, before and after."""
    cells = {("mandated", 1): (1547, 1759), ("mandated", 2): (1513, 1748)}
    cells |= {("other", 1): (1369, 1630), ("other", 2): (1397, 1627)}
    rows = [(*key, *value) for key, value in cells.items()]
    frame = pd.DataFrame(rows, columns=["state", "year", "married", "rest"])
    panel = Panel.from_counts(frame, area="state", period="year", outcomes=["married", "rest"])
    design = Design(treated=["mandated"], start=2)
    for outcome, expected in (("married", -62), ("rest", -8)):
        effect = linear_did(panel.outcome(outcome), design).effect
        assert effect.estimate == pytest.approx(expected, abs=1e-9)
    made = triple_difference(panel, design, outcome="married", comparison="rest", model="linear")
    assert made.effect.estimate == pytest.approx(-54, abs=1e-9)


def test_proposition_99_by_classical_t(shared_data):
    """One treated area and noise alike everywhere: the learnt error is that of 39 differences.

    Packs a day, so that logarithms lie below 0 and tell nothing of how noisy an area is.
    """
    frame = pd.read_csv(shared_data / "reference" / "california_prop99.csv", sep=";")
    frame["log"] = np.log(frame["PacksPerCapita"] / 365)
    assert (frame["log"] < 0).all()
    panel = Panel.from_values(frame, area="State", period="Year", value="log")
    effect = linear_did(panel, Design(treated=["California"], start="1989")).effect
    assert effect.estimate == pytest.approx(-0.422, abs=5e-4)
    assert effect.std_error == pytest.approx(0.121, abs=5e-4)
    assert effect.df == pytest.approx(37, abs=1e-9)


def test_cholera_before_and_after_the_intake_moved():
    """Lambeth, then Southwark & Vauxhall: deaths per 10,000 households."""
    panel = panel_of(np.array([[85, 19], [135, 147]]))
    design = staggered({0: 1})
    assert linear_did(panel, design).effect.estimate == pytest.approx(-78, abs=1e-12)
    ratio = poisson_did(panel, design).effect.estimate
    assert ratio == pytest.approx(math.log(19 / 85 / (147 / 135)), abs=1e-10)


@pytest.mark.parametrize(
    ("estimator", "printed"),
    [(synthetic_did, (8.4, 9.87941)), (synthetic_control, (9.9,))],
)
def test_errors_of_drawn_placebos_scatter_about_ours(shared_data, estimator, printed):
    """Every control in turn: of 200 draws from these 38, 95 % lie within −14 and +17 % of it."""
    frame = pd.read_csv(shared_data / "reference" / "california_prop99.csv", sep=";")
    panel = Panel.from_values(frame, area="State", period="Year", value="PacksPerCapita")
    effect = estimator(
        panel, Design(treated=["California"], start="1989"), error="published"
    ).effect
    for error in printed:
        assert -0.14 < error / effect.std_error - 1 < 0.17
