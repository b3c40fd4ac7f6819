"""Triple differences against pyfixest with area × type, period × type and area × period effects.

Coefficients at 1e-8. Errors at 1e-6 relative: Poisson with the same count of parameters; linear on
the difference of the two types, whose factor (n − 1)/(n − K) has half the cells and is undone. No
area is without one of the types: pyfixest counts the cells of such an area, which say nothing.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, month, staggered

from hotspot_eval.did import triple_difference
from hotspot_eval.panel import Panel

pyfixest = pytest.importorskip("pyfixest")


def world(seed: int, n: int = 40, t: int = 10):
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.5, 3.0, (n, 1))
    frame = pd.DataFrame(
        {
            "area": np.repeat([area(i) for i in range(n)], t),
            "month": np.tile([month(k) for k in range(t)], n),
            "robbery": rng.poisson(level * 1.5, (n, t)).ravel(),
            "theft": rng.poisson(rng.uniform(0.7, 4.0, (n, 1)), (n, t)).ravel(),
        }
    )
    panel = Panel.from_counts(frame, area="area", period="month", outcomes=["robbery", "theft"])
    design = staggered({i: 4 + i % 4 for i in range(9)})
    frame["D"] = design.on(panel).treatment.ravel()
    long = frame.melt(id_vars=["area", "month", "D"], var_name="kind", value_name="y")
    long["D"] *= long["kind"] == "robbery"
    for name, parts in {
        "ak": ("area", "kind"),
        "mk": ("month", "kind"),
        "am": ("area", "month"),
    }.items():
        long[name] = long[parts[0]] + long[parts[1]]
    return panel, design, long


@pytest.mark.parametrize("seed", range(4))
def test_poisson(seed):
    panel, design, long = world(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pyfixest.fepois(
            "y ~ D | ak + mk + am",
            long,
            vcov={"CRV1": "area"},
            iwls_tol=1e-13,
            fixef_tol=1e-12,
        )
    ours = triple_difference(
        panel,
        design,
        outcome="robbery",
        comparison="theft",
        small_counts="plain",
        correction="CR1",
    ).effect
    assert ours.estimate == pytest.approx(theirs.coef()["D"], abs=1e-8)
    assert ours.std_error == pytest.approx(theirs.se()["D"], rel=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_linear(seed):
    panel, design, long = world(seed)
    theirs = pyfixest.feols("y ~ D | ak + mk + am", long, vcov={"CRV1": "area"}, fixef_tol=1e-12)
    ours = triple_difference(
        panel, design, outcome="robbery", comparison="theft", correction="CR1", model="linear"
    ).effect
    assert ours.estimate == pytest.approx(theirs.coef()["D"], abs=1e-8)
    cells, periods = 400, 10
    mine = (cells - 1) / (cells - 1 - periods)
    both = (2 * cells - 1) / (2 * cells - 1 - 2 * periods)
    assert ours.std_error * np.sqrt(both / mine) == pytest.approx(theirs.se()["D"], rel=1e-6)
