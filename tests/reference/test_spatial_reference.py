"""Published or peer values of the spatial statistics.

Values: METHODS of this project, from esda, spreg and spdep on libpysal's built-in data, held to
half a unit of their last printed digit. esda on random graphs: to 1e-10, the accuracy asked for.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from esda import G, G_Local, Geary, Moran, Moran_BV, Moran_Local, Moran_Rate
from scipy import stats
from tests.spatial_worlds import example, random_graph

from hotspot_eval.spatial import (
    bivariate_moran,
    contiguity,
    differential_moran,
    empirical_bayes_moran,
    geary,
    generalised_gini,
    getis_ord_g,
    local_g,
    local_geary,
    local_moran,
    mann_kendall,
    moran,
    regression_moran,
)

NINE = 0.5e-10
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def columbus():
    areas = example("columbus.shp")
    return areas, contiguity(areas)


def rng():
    return np.random.default_rng(20)


def test_columbus_moran_and_geary(columbus):
    areas, graph = columbus
    result = moran(areas.CRIME, graph, rng=rng())
    assert result.statistic == pytest.approx(0.5001885572, abs=NINE)
    assert result.z == pytest.approx(5.589383, abs=0.5e-6)
    assert result.p_value == 0.002
    assert geary(areas.CRIME, graph, rng=rng()).statistic == pytest.approx(0.5405282027, abs=NINE)


def test_columbus_gi_star_scores(columbus):
    areas, graph = columbus
    z = local_g(areas.CRIME, graph, method="permutation", rng=rng()).z
    assert z[:3] == pytest.approx([-1.43277965, -1.34000810, -0.77199868], abs=0.5e-8)
    assert z.max() == pytest.approx(3.475051, abs=0.5e-6)


def test_columbus_residual_moran(columbus):
    areas, graph = columbus
    result = regression_moran(areas.CRIME, areas[["INC", "HOVAL"]], graph)
    assert result.statistic == pytest.approx(0.2221094066, abs=NINE)
    assert result.p_value == pytest.approx(0.0045209945, abs=NINE)


def test_stl_moran_and_empirical_bayes():
    areas = example("stl_hom.shp")
    graph = contiguity(areas)
    result = moran(areas.HR8893, graph, rng=rng())
    assert result.statistic == pytest.approx(0.1950241566, abs=NINE)
    assert result.z == pytest.approx(3.856487, abs=0.5e-6)
    rates = empirical_bayes_moran(areas.HC8893, areas.PO8893, graph, rng=rng())
    assert rates.statistic == pytest.approx(0.1919255627, abs=NINE)


def test_sids_moran():
    areas = example("sids2.shp")
    result = moran(areas.SIDR79, contiguity(areas), rng=rng())
    assert result.statistic == pytest.approx(0.1427503922, abs=NINE)


@pytest.mark.parametrize("seed", range(6))
def test_global_statistics_agree_with_esda(seed):
    draw = np.random.default_rng(seed)
    graph = random_graph(50, draw)
    y, x = draw.gamma(2.0, size=50), draw.poisson(3.0, 50)
    population = draw.uniform(50, 500, 50)
    row = graph.transform("r")
    few = {"rng": draw, "permutations": 9}
    ours = moran(y, graph, **few)
    theirs = Moran(y, graph, permutations=0)
    assert (ours.statistic, ours.z) == pytest.approx((theirs.I, theirs.z_rand), abs=1e-10)
    ours, theirs = geary(y, graph, **few), Geary(y, row, permutations=0)
    assert (ours.statistic, ours.z) == pytest.approx((theirs.C, theirs.z_rand), abs=1e-10)
    ours, theirs = getis_ord_g(y, graph, **few), G(y, graph, permutations=0)
    assert (ours.statistic, ours.z) == pytest.approx((theirs.G, theirs.z_norm), abs=1e-10)
    ours = empirical_bayes_moran(x, population, graph, **few)
    theirs = Moran_Rate(x.astype(float), population, row, permutations=0)
    assert ours.statistic == pytest.approx(theirs.I, abs=1e-10)
    ours, theirs = bivariate_moran(x, y, graph, **few), Moran_BV(x, y, row, permutations=0)
    assert ours.statistic == pytest.approx(theirs.I, abs=1e-10)
    ours, theirs = differential_moran(x, y, graph, **few), Moran(y - x, graph, permutations=0)
    assert ours.statistic == pytest.approx(theirs.I, abs=1e-10)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("isolates", [0, 3])
def test_local_statistics_agree_with_esda(seed, isolates):
    draw = np.random.default_rng(100 + seed)
    graph = random_graph(60, draw, isolates=isolates)
    y = draw.poisson(2.0, 60)
    order = np.array([int(label[1:]) for label in graph.unique_ids])
    y, linked = y[order], np.array([label not in graph.isolates for label in graph.unique_ids])
    for star in (True, False):
        ours = local_g(y, graph, star=star)
        theirs = G_Local(y.astype(float), graph, star=star, transform="B", permutations=0)
        assert ours.statistic[linked] == pytest.approx(theirs.Gs[linked], abs=1e-10)
        assert ours.z[linked] == pytest.approx(theirs.Zs[linked], abs=1e-10)
        ours = local_g(y, graph, star=star, weights="row")
        theirs = G_Local(y.astype(float), graph, star=star, transform="R", permutations=0)
        assert ours.statistic[linked] == pytest.approx(theirs.Gs[linked], abs=1e-10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Moran_Local(y, graph, permutations=0)
    assert local_moran(y, graph).statistic[linked] == pytest.approx(theirs.Is[linked], abs=1e-10)


def test_local_geary_agrees_with_its_formula_and_sums_to_the_global():
    draw = np.random.default_rng(7)
    graph = random_graph(40, draw)
    y = draw.gamma(2.0, size=40)
    z = (y - y.mean()) / y.std()
    weights = graph.transform("r").sparse.toarray()
    slow = (weights * (z[:, None] - z[None, :]) ** 2).sum(axis=1)
    ours = local_geary(y, graph, rng=draw, permutations=9)
    assert ours.statistic == pytest.approx(slow, abs=1e-10)
    whole = geary(y, graph, rng=draw, permutations=9).statistic
    assert slow.sum() * 39 / (2 * 40 * 40) == pytest.approx(whole, abs=1e-12)


def test_mann_kendall_agrees_with_scipy_where_ties_are():
    draw = np.random.default_rng(3)
    series = draw.poisson(2.0, (30, 24)).astype(float)
    ours = mann_kendall(series)
    for i, row in enumerate(series):
        tau = stats.kendalltau(np.arange(24), row, method="asymptotic")
        pairs = 24 * 23 / 2
        ties = sum(c * (c - 1) / 2 for c in np.unique(row, return_counts=True)[1])
        assert ours.score[i] == pytest.approx(tau.statistic * np.sqrt(pairs * (pairs - ties)))
        plain = stats.norm.isf(tau.pvalue / 2)
        corrected = plain * (abs(ours.score[i]) - 1) / max(abs(ours.score[i]), 1)
        if ours.score[i]:
            assert abs(ours.z[i]) == pytest.approx(corrected, abs=1e-10)


def test_generalised_gini_of_the_literature():
    assert generalised_gini([10, 8, 2, *[0] * 7]).generalised == pytest.approx(0.78, abs=1e-12)
    result = generalised_gini([5, 2, 1, *[0] * 7])
    assert (result.gini, result.generalised) == pytest.approx((0.80, 0.75), abs=1e-12)
