"""HonestDiD on Benzarti and Carloni's event study (4 before, 4 after), R's own log of its tests.

Coefficients and covariance: data of R HonestDiD (doi:10.1257/pol.20170504). Printed limits: the log
of ``unit-tests-consistency.R`` in the Stata package. R inverts relative magnitudes on a grid and
draws its first critical value, so that its limits are the outermost grid points inside ours, up to
the draws; fixed-length limits take a drawn quantile (2.5e-5, as in test_honest_reference).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from hotspot_eval.inference import honest_did

BETA = np.array(
    [
        *(0.006696352, 0.029345034, -0.006472972, 0.073014989),
        *(0.195961118, 0.312063903, 0.239541546, 0.126042500),
    ]
)
UPPER = (
    (8.428358e-04, 4.768687e-04, 2.618051e-04, 2.354220e-04),
    (1.676371e-04, 1.128708e-04, 1.992816e-05, -1.368265e-04),
    (6.425420e-04, 3.987425e-04, 2.435515e-04, 2.201960e-04),
    (1.804591e-04, 3.843765e-05, -2.960422e-05),
    (5.229950e-04, 2.117686e-04, 1.840722e-04, 1.458528e-04, 7.005197e-05, 5.952995e-05),
    (3.089595e-04, 1.197866e-04, 1.334081e-04, 1.016335e-04, 1.079052e-04),
    (3.599704e-04, 2.478819e-04, 1.749579e-04, 1.654257e-04),
    (4.263950e-04, 2.171438e-04, 2.892748e-04),
    (4.886698e-04, 3.805322e-04, 7.617394e-04),
)
DRAWN_QUANTILE = 2.5e-5
FIRST, MEAN = (1.0, 0.0, 0.0, 0.0), (0.25, 0.25, 0.25, 0.25)


def covariance() -> np.ndarray:
    made = np.zeros((8, 8))
    made[np.triu_indices(8)] = [value for row in UPPER for value in row]
    return made + np.triu(made, 1).T


def half_digit(printed: str) -> float:
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])


@pytest.mark.parametrize(
    ("n_pre", "weights", "printed"),
    [
        (4, FIRST, "0.131 0.216|0.119 0.419|0.0194 0.519|-0.0806 0.619"),
        (4, MEAN, "0.133 0.230|-0.186 0.988|-0.686 1.49|-1.19 1.99"),
        (7, (1.0,), "-0.182 -0.106|0.192 0.539|0.0919 0.639|-0.00812 0.739"),
    ],
    ids=["first", "mean of four", "seven before"],
)
def test_smoothness(n_pre, weights, printed):
    result = honest_did(
        BETA,
        covariance(),
        n_pre=n_pre,
        n_post=8 - n_pre,
        restriction="smoothness",
        m=(0.0, 0.1, 0.2, 0.3),
        weights=list(weights),
    )
    # of one period after seven the standard deviation is .045: .0023 of it is 1e-4
    drawn = 1e-4 if n_pre == 7 else DRAWN_QUANTILE
    for row, texts in zip(result.to_frame().itertuples(), printed.split("|"), strict=True):
        for value, text in zip((row.low, row.high), texts.split(), strict=True):
            assert value == pytest.approx(float(text), abs=half_digit(text) + drawn), text


COARSE = {
    FIRST: "0.172 0.232|0.131 0.253|0.0707 0.313|0.0303 0.354|-0.0303 0.414",
    MEAN: "0.192 0.253|0.0707 0.354|-0.0505 0.495|-0.192 0.636|-0.333 0.778",
}


@pytest.mark.parametrize("weights", COARSE, ids=["first", "mean of four"])
def test_relative_magnitudes_on_a_hundred_points(weights):
    """All twenty limits: the outermost of 100 points from −1 to 1 inside ours."""
    grid = np.linspace(-1.0, 1.0, 100)
    result = honest_did(
        BETA, covariance(), n_pre=4, n_post=4, m=(0.0, 0.5, 1.0, 1.5, 2.0), weights=list(weights)
    )
    for row, texts in zip(result.to_frame().itertuples(), COARSE[weights].split("|"), strict=True):
        low, high = texts.split()
        inside = grid[(grid >= row.low) & (grid <= row.high)]
        assert inside.min() == pytest.approx(float(low), abs=1.01 * half_digit(low))
        assert inside.max() == pytest.approx(float(high), abs=1.01 * half_digit(high))


@pytest.mark.parametrize(
    ("n_pre", "m", "printed"),
    [
        (
            4,
            tuple(np.linspace(0, 2, 10)[:8]),
            "0.159 0.233|0.143 0.248|0.123 0.266|0.102 0.287|0.0786 0.308|0.0551 0.329|"
            "0.0315 0.352|0.00722 0.376",
        ),
        (7, (0.0, 0.5, 1.0), "0.0713 0.181|-0.0315 0.306|-0.151 0.441"),
    ],
    ids=["four before", "seven before"],
)
def test_relative_magnitudes_on_a_thousand_points(n_pre, m, printed):
    """Two steps of R's grid (±20 standard errors) for the grid and for its drawn critical value."""
    vcov = covariance()
    step = 40 * math.sqrt(vcov[n_pre, n_pre]) / 999
    result = honest_did(BETA, vcov, n_pre=n_pre, n_post=8 - n_pre, m=m)
    for row, texts in zip(result.to_frame().itertuples(), printed.split("|"), strict=True):
        for value, text in zip((row.low, row.high), texts.split(), strict=True):
            assert value == pytest.approx(float(text), abs=2 * step), text
