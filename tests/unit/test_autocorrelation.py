from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph
from tests.spatial_worlds import dense, lattice_areas, random_graph

from hotspot_eval.errors import InputError
from hotspot_eval.spatial import (
    bivariate_moran,
    contiguity,
    differential_moran,
    empirical_bayes_moran,
    geary,
    getis_ord_g,
    moran,
)


def rng(seed=1):
    return np.random.default_rng(seed)


ALL = {
    "moran": lambda y, g, **o: moran(y, g, **o),
    "geary": lambda y, g, **o: geary(y, g, **o),
    "getis_ord_g": lambda y, g, **o: getis_ord_g(y, g, **o),
    "bivariate": lambda y, g, **o: bivariate_moran(y, y**2, g, **o),
    "differential": lambda y, g, **o: differential_moran(y, y**2, g, **o),
    "empirical_bayes": lambda y, g, **o: empirical_bayes_moran(y, np.arange(1, 31), g, **o),
}


@pytest.mark.parametrize("name", ALL)
def test_many_periods_in_one_call(name):
    graph = random_graph(30, rng(2), isolates=1)
    y = rng(3).poisson(3.0, (30, 4))
    together = ALL[name](y, graph, rng=rng(), permutations=99)
    assert together.p_value.shape == (4,)
    for t in range(4):
        alone = ALL[name](y[:, t], graph, rng=rng(), permutations=99)
        assert isinstance(alone.statistic, float)
        for field in ("statistic", "expected", "z", "p_value"):
            value = getattr(alone, field)
            assert value == pytest.approx(getattr(together, field)[t], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["moran", "geary", "getis_ord_g"])
def test_scores_use_the_moments_over_all_permutations(name):
    """Mean and standard deviation by formula against 40,000 shuffles of seven areas."""
    graph = random_graph(7, rng(4))
    y = rng(5).gamma(1.0, size=7)
    weights = dense(graph)
    if name != "getis_ord_g":
        weights = weights / weights.sum(axis=1, keepdims=True)
    shuffles = rng(6).permuted(np.tile(y, (40_000, 1)), axis=1)
    z = shuffles - shuffles.mean(axis=1, keepdims=True)
    product = np.einsum("ri,ij,rj->r", z, weights, z)
    squares = (z**2).sum(axis=1)
    if name == "moran":
        draws = 7 / weights.sum() * product / squares
    elif name == "geary":
        margin = weights.sum(axis=0) + weights.sum(axis=1)
        draws = 6 * ((z**2) @ margin - 2 * product) / (2 * weights.sum() * squares)
    else:
        pairs = y.sum() ** 2 - (y**2).sum()
        draws = np.einsum("ri,ij,rj->r", shuffles, weights, shuffles) / pairs
    ours = ALL[name](y, graph, rng=rng(), permutations=9)
    assert ours.expected == pytest.approx(draws.mean(), abs=5 * draws.std() / 200)
    spread = (ours.statistic - ours.expected) / ours.z
    assert spread == pytest.approx(draws.std(), rel=0.03)


def test_alternatives():
    graph = contiguity(lattice_areas(6, 6))
    smooth = np.add.outer(np.arange(6.0), np.arange(6.0)).ravel()
    checkers = np.indices((6, 6)).sum(axis=0).ravel() % 2
    least = 1 / 200
    options = {"rng": rng(), "permutations": 199}
    assert moran(smooth, graph, alternative="greater", **options).p_value == least
    assert moran(smooth, graph, alternative="less", **options).p_value == 1.0
    assert moran(smooth, graph, **options).p_value == 2 * least
    assert geary(smooth, graph, alternative="less", **options).p_value == least
    rook = contiguity(lattice_areas(6, 6), rule="rook")
    assert moran(checkers, rook, alternative="less", **options).p_value == least
    assert moran(checkers, rook, **options).statistic == pytest.approx(-1.0)


def test_no_variation_is_nan_with_the_reason():
    graph = contiguity(lattice_areas(3, 3))
    y = pd.DataFrame({"2022-01": np.arange(9), "2022-02": np.full(9, 0.1)}, index=graph.unique_ids)
    result = moran(y, graph, rng=rng())
    assert np.isnan(result.statistic).tolist() == [False, True]
    assert np.isnan(result.p_value).tolist() == [False, True]
    assert result.notes == ("NaN: no variation between areas, in 2022-02",)
    assert np.isnan(geary(y, graph, rng=rng()).p_value).tolist() == [False, True]
    flat = moran(np.zeros(9), graph, rng=rng())
    assert np.isnan(flat.z) and "same value in every area" in repr(flat)


def test_row_order_seed_and_inputs():
    areas = lattice_areas(5, 5)
    y = pd.Series(rng(2).poisson(2.0, 25), index=areas.index)
    kept = y.copy()
    one = moran(y, contiguity(areas), rng=rng(7))
    two = moran(
        y.sample(frac=1.0, random_state=1),
        contiguity(areas.sample(frac=1.0, random_state=2)),
        rng=rng(7),
    )
    assert (one.statistic, one.z, one.p_value) == (two.statistic, two.z, two.p_value)
    other = moran(y, contiguity(areas), rng=rng(8), permutations=99).p_value
    assert other != moran(y, contiguity(areas), rng=rng(9), permutations=99).p_value
    pd.testing.assert_series_equal(y, kept)


def test_isolates_are_counted_and_weigh_nothing():
    graph = random_graph(20, rng(3), isolates=2)
    y = rng(4).poisson(3.0, 20)
    result = moran(y, graph, rng=rng())
    assert result.isolates == ("a018", "a019")
    weights = dense(graph.transform("r"))
    order = [int(label[1:]) for label in graph.unique_ids]
    z = y - y.mean()
    z = z if order == list(range(20)) else z[order]
    assert result.statistic == pytest.approx(20 / 18 * (z @ weights @ z) / (z @ z))


def test_tables():
    graph = contiguity(lattice_areas(3, 3))
    y = pd.DataFrame(rng().poisson(2.0, (9, 2)), graph.unique_ids, ["2022-01", "2022-02"])
    result = moran(y, graph, rng=rng())
    assert result.to_frame()["period"].tolist() == ["2022-01", "2022-02"]
    assert "over 2 periods" in result._repr_html_()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda g: moran([1, 2], g, rng=rng()), "has shape"),
        (lambda g: moran([1, 2, np.nan], g, rng=rng()), "NaN or infinite"),
        (lambda g: moran([1, 2, 3], g, rng=rng(), permutations=0), "'permutations'"),
        (lambda g: moran([1, 2, 3], g, rng=rng(), alternative="both"), "'alternative'"),
        (lambda g: moran([1, 2, 3], g, rng=rng(), weights="col"), "'weights'"),
        (lambda g: getis_ord_g([1, -2, 3], g, rng=rng()), r"negative values.*\(1: B\)"),
        (lambda g: empirical_bayes_moran([1, 2, 3], [1, 0, 1], g, rng=rng()), r"above 0.*B"),
        (
            lambda g: empirical_bayes_moran([1, 2, 3], np.ones((3, 2)), g, rng=rng()),
            "has 2 periods, the events have 1",
        ),
        (lambda g: bivariate_moran([1, 2, 3], np.ones((3, 2)), g, rng=rng()), "1 and 2 periods"),
        (lambda g: differential_moran([1, 2, 3], np.ones((3, 2)), g, rng=rng()), "1 and 2 periods"),
    ],
)
def test_inputs_that_cannot_be_used(call, match):
    with pytest.raises(InputError, match=match):
        call(Graph.from_arrays(list("ABBC"), list("BACB"), [1] * 4))
