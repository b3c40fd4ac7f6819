from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.spatial_worlds import dense, lattice_areas

from hotspot_eval.design import Design
from hotspot_eval.did import linear_did, poisson_did
from hotspot_eval.errors import InputError
from hotspot_eval.panel import Panel
from hotspot_eval.spatial import contiguity, moran, regression_moran, residual_moran

SIDE, PERIODS = 10, 12
AREAS = lattice_areas(SIDE, SIDE)
GRAPH = contiguity(AREAS)
BOROUGHS = {label: f"{int(label[1:3]) // 5}{int(label[4:]) // 5}" for label in AREAS.index}


def fitted(rho, *, seed, model=poisson_did, cluster=None):
    """A fit on counts whose log rates carry spatial noise, new in every period."""
    rng = np.random.default_rng(seed)
    n = SIDE * SIDE
    weights = dense(GRAPH.transform("r"))
    noise = np.linalg.solve(np.eye(n) - rho * weights, rng.normal(0, 0.3, (n, PERIODS)))
    y = rng.poisson(np.exp(1.6 + rng.normal(0, 0.4, (n, 1)) + noise))
    frame = pd.DataFrame(
        {
            "area": np.repeat(list(GRAPH.unique_ids), PERIODS),
            "month": np.tile(np.arange(PERIODS), n),
            "violence": y.ravel(),
        }
    )
    panel = Panel.from_counts(
        frame, area="area", period="month", count="violence", frequency="step"
    )
    treated = rng.choice(list(AREAS.index), 12, replace=False).tolist()
    return model(panel, Design(treated=treated, start=6, pre_periods=6, post_periods=6))


def rng(seed=1):
    return np.random.default_rng(seed)


def test_area_means_of_residuals_are_zero_and_say_nothing():
    fit = fitted(0.8, seed=1, model=linear_did)
    means = (fit.response - fit.fitted).mean(axis=1)
    assert np.abs(means).max() < 1e-10
    assert residual_moran(fit, GRAPH, rng=rng(), permutations=199).p_value == 1 / 200


@pytest.mark.parametrize("model", [poisson_did, linear_did])
def test_planted_spatial_noise_fires(model):
    result = residual_moran(fitted(0.7, seed=2, model=model), GRAPH, rng=rng(), permutations=199)
    check = result.check("area")
    assert check.status == "failed"
    assert "takes areas as independent" in check.sentence
    assert result.check("conley").status == "passed"
    assert "allows for it" in result.check("conley").sentence
    assert (result.by_period["p_value"] <= 0.05).mean() >= 0.4


def test_noise_without_neighbours_does_not():
    p = np.array(
        [
            residual_moran(fitted(0.0, seed=s), GRAPH, rng=rng(s), permutations=99).table["p_value"]
            for s in range(40)
        ]
    )
    assert (p <= 0.1).mean(axis=0).max() <= 0.25
    passed = residual_moran(fitted(0.0, seed=5), GRAPH, rng=rng(), permutations=99).check("area")
    assert passed.status == "passed" and not passed.evidence.empty


def test_period_values_are_moran_of_pearson_residuals():
    fit = fitted(0.4, seed=3)
    result = residual_moran(fit, GRAPH, rng=rng(), permutations=49)
    residuals = (fit.response - fit.fitted) / np.sqrt(fit.fitted)
    frame = pd.DataFrame(residuals, index=list(fit.areas))
    each = moran(frame, GRAPH, rng=rng(), permutations=9)
    assert result.by_period["statistic"].to_numpy() == pytest.approx(each.statistic)
    assert result.by_period["period"].tolist() == list(fit.periods)
    change = frame.iloc[:, 6:].mean(axis=1) - frame.iloc[:, :6].mean(axis=1)
    single = moran(change, GRAPH, rng=rng(), permutations=9).statistic
    assert result.table.loc[1, "statistic"] == pytest.approx(single)
    assert result.table["scope"].tolist() == ["all periods", "post minus pre"]


def test_links_between_clusters_are_what_clustering_leaves_out():
    fit = fitted(0.8, seed=4)
    result = residual_moran(fit, GRAPH, rng=rng(), permutations=199, clusters=BOROUGHS)
    assert result.table["links"].tolist() == ["all"] * 2 + ["between clusters"] * 2
    weights = dense(GRAPH)
    labels = np.array([BOROUGHS[str(a)] for a in GRAPH.unique_ids])
    weights = weights * (labels[:, None] != labels[None, :])
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    frame = pd.DataFrame((fit.response - fit.fitted) / np.sqrt(fit.fitted), list(fit.areas))
    z = frame.loc[list(GRAPH.unique_ids)].to_numpy()
    z = z - z.mean(axis=0)
    slow = len(z) / weights.sum() * np.sum(z * (weights @ z)) / np.sum(z**2)
    assert result.table.loc[2, "statistic"] == pytest.approx(slow)
    assert result.check("cluster").status == "failed"
    untold = residual_moran(fit, GRAPH, rng=rng(), permutations=49).check("cluster")
    assert untold.status == "not assessed" and "not told the clusters" in untold.sentence


def test_one_cluster_leaves_nothing_to_test():
    fit = fitted(0.3, seed=6)
    one = dict.fromkeys(AREAS.index, "London")
    result = residual_moran(fit, GRAPH, rng=rng(), permutations=49, clusters=one)
    assert result.table["p_value"].isna().tolist() == [False, False, True, True]
    assert result.check("cluster").status == "not assessed"


def test_order_of_the_graph_and_seed():
    fit = fitted(0.3, seed=7)
    mixed = contiguity(AREAS.sample(frac=1.0, random_state=3))
    one = residual_moran(fit, GRAPH, rng=rng(9), permutations=99)
    two = residual_moran(fit, mixed, rng=rng(9), permutations=99)
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame(), check_exact=True)
    assert "100 area series over 12 periods" in one._repr_html_()


def test_areas_that_the_graph_or_clusters_lack():
    fit = fitted(0.0, seed=8)
    part = contiguity(AREAS.iloc[:-2])
    with pytest.raises(InputError, match=r"lacks areas of the fit \(2: r09c08, r09c09\)"):
        residual_moran(fit, part, rng=rng())
    with pytest.raises(InputError, match="'clusters': lacks areas of the fit"):
        residual_moran(fit, GRAPH, rng=rng(), clusters={"r00c00": "x"})
    with pytest.raises(InputError, match="'declared'"):
        residual_moran(fit, GRAPH, rng=rng(), permutations=9).check("robust")


def test_moran_of_a_regression_refuses_collinear_columns():
    x = np.arange(9.0)
    graph = contiguity(lattice_areas(3, 3))
    with pytest.raises(InputError, match="depend on each other"):
        regression_moran(x**2, np.column_stack([x, 2 * x]), graph)


def test_areas_with_unused_cells_are_left_out_and_counted():
    fit = fitted(0.3, seed=9)
    response = fit.response.copy()
    response[3, 2] = np.nan
    result = residual_moran(replace(fit, response=response), GRAPH, rng=rng(), permutations=19)
    assert result.n_areas == 99
    assert result.notes == ("1 areas with unused cells were left out",)
    response[3:, 2] = np.nan
    with pytest.raises(InputError, match="has 3 areas with a residual in every period"):
        residual_moran(replace(fit, response=response), GRAPH, rng=rng())


def test_without_a_start_there_is_no_change_to_test():
    fit = fitted(0.3, seed=10)
    always = replace(fit, treatment=np.ones_like(fit.treatment))
    result = residual_moran(always, GRAPH, rng=rng(), permutations=19)
    assert result.table["scope"].tolist() == ["all periods"]
    assert "no period before or after" in result.notes[0]
