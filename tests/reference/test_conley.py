"""Conley's space-time error, written out pair by pair and cell by cell on every dummy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.did_worlds import area, dummies, long_frame, panel_of, staggered

from hotspot_eval.did import LinearDid, PoissonDid
from hotspot_eval.inference import conley


def slow_conley(frame, x, y, fitted, weight, places, cutoff, kernel) -> float:
    """Σ over pairs of cells of K(distance)·x e x′e′, whatever their periods."""
    bread = np.linalg.pinv((x.T * weight) @ x)
    score = x * (y - fitted)[:, None]
    meat = np.zeros_like(bread)
    where = frame["area"].to_numpy()
    for i in np.unique(where):
        for j in np.unique(where):
            distance = np.hypot(*(places[i] - places[j]))
            if distance > cutoff:
                continue
            k = 1.0 - distance / cutoff if kernel == "bartlett" else 1.0
            own, other = score[where == i], score[where == j]
            for one in own:
                meat += k * np.outer(one, other.sum(axis=0))
    return float(np.sqrt((bread @ meat @ bread)[0, 0]))


@pytest.mark.parametrize("kernel", ["bartlett", "uniform"])
@pytest.mark.parametrize("model", ["linear", "poisson"])
def test_conley_is_the_sum_over_pairs_of_cells(model, kernel):
    rng = np.random.default_rng(3)
    n, t = 20, 7
    near = rng.normal(size=(4, t))[np.arange(n) // 5]
    y = rng.poisson(6 * np.exp(0.3 * near + 0.1 * rng.normal(size=(n, t))))
    panel = panel_of(y, observed=rng.random((n, t)) > 0.15)
    design = staggered({0: 3, 1: 3, 5: 4, 6: 4, 11: 3})
    fit = {"linear": LinearDid, "poisson": PoissonDid}[model]()(panel, design)
    places = np.column_stack([np.arange(n) // 5 * 2_000.0, np.arange(n) % 5 * 100.0])
    table = pd.DataFrame(places, columns=["x", "y"], index=[area(i) for i in range(n)])
    ours = conley(fit, table, cutoff_m=350.0, kernel=kernel)
    frame = long_frame(panel, design)
    frame = frame[frame["area"].isin(panel.positions(fit.areas))]
    fitted = fit.fitted[np.isfinite(fit.fitted)]
    weight = fitted if model == "poisson" else np.ones(len(fitted))
    observed = frame["y"].to_numpy(dtype=float)
    x = dummies(frame)
    expected = slow_conley(frame, x, observed, fitted, weight, places, 350.0, kernel)
    assert ours.std_error == pytest.approx(expected, rel=1e-6)
