from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph
from scipy import stats
from tests.spatial_worlds import dense, enumerated_tails, lattice_areas, random_graph

from hotspot_eval.errors import InputError
from hotspot_eval.spatial import contiguity, kernel_graph, local_g, local_geary, local_moran


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def world():
    graph = random_graph(14, rng(2), isolates=1)
    y = pd.Series(rng(3).poisson(1.5, 14), index=[f"a{i:03d}" for i in range(14)])
    return graph, y


def linked_areas(graph, y):
    weights = dense(graph) > 0
    labels = list(graph.unique_ids)
    values = y[labels].to_numpy()
    for i, label in enumerate(labels):
        if weights[i].any():
            yield i, label, values, int(weights[i].sum()), int(values[weights[i]].sum())


@pytest.mark.parametrize("star", [True, False])
def test_exact_p_is_that_of_every_assignment(world, star):
    graph, y = world
    p = {
        name: local_g(y, graph, star=star, alternative=name).p_value
        for name in ("greater", "less", "two-sided")
    }
    for i, _, values, k, s in linked_areas(graph, y):
        lower, upper = enumerated_tails(values, i, k, s)
        assert p["greater"][i] == pytest.approx(upper, rel=1e-12)
        assert p["less"][i] == pytest.approx(lower, rel=1e-12)
        assert p["two-sided"][i] == pytest.approx(min(1.0, 2 * min(lower, upper)), rel=1e-12)


def test_mid_p_takes_off_half_of_the_observed(world):
    graph, y = world
    for alternative in ("greater", "less", "two-sided"):
        mid = local_g(y, graph, alternative=alternative, mid_p=True).p_value
        for i, _, values, k, s in linked_areas(graph, y):
            lower, upper = enumerated_tails(values, i, k, s)
            half = 0.5 * (upper + lower - 1.0)
            expected = {
                "greater": upper - half,
                "less": lower - half,
                "two-sided": min(1.0, 2.0 * (min(lower, upper) - half)),
            }[alternative]
            assert mid[i] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_exact_moran_p_is_that_of_every_assignment(world, alternative):
    graph, y = world
    p = local_moran(y, graph, alternative=alternative).p_value
    for i, _, values, k, s in linked_areas(graph, y):
        lower, upper = enumerated_tails(values, i, k, s)
        above = values[i] > values.mean()
        alike, unlike = (upper, lower) if above else (lower, upper)
        both = min(1.0, 2 * min(lower, upper))
        expected = {"greater": alike, "less": unlike, "two-sided": both}[alternative]
        assert p[i] == pytest.approx(expected, rel=1e-12)


def test_an_area_at_the_mean_has_moran_zero_and_p_one():
    chain = Graph.from_arrays([0, 1, 1, 2], [1, 0, 2, 1], [1] * 4)
    result = local_moran([0, 1, 2], chain)
    assert (result.statistic[1], result.p_value[1]) == (0.0, 1.0)


def test_isolates_are_nan_labelled_and_no_test(world):
    graph, y = world
    for result in (local_g(y, graph), local_moran(y, graph), local_geary(y, graph, rng=rng())):
        alone = np.array(result.areas) == result.isolates[0]
        assert result.isolates == ("a013",)
        for values in (result.statistic, result.z, result.p_value):
            assert np.isnan(values).tolist() == alone.tolist()
        assert result.clusters(adjust="none")[alone].tolist() == ["isolate"]
        assert np.isnan(result.adjusted("none")[alone]).all()
    p = local_g(y, graph).p_value[~alone]
    adjusted = local_g(y, graph).adjusted("holm")[~alone]
    assert adjusted.min() == pytest.approx(min(1.0, 13 * p.min()))


def test_permutation_p_converges_to_the_exact_one(world):
    graph, y = world
    many = 40_000
    for statistic in (local_g, local_moran):
        exact = statistic(y, graph, alternative="greater").p_value
        drawn = statistic(
            y, graph, method="permutation", permutations=many, rng=rng(), alternative="greater"
        ).p_value
        error = 4.5 * np.sqrt(exact * (1 - exact) / (many / 4)) + 1e-3
        assert (np.abs(drawn - exact) <= error)[~np.isnan(exact)].all()


def test_weighted_and_equal_draws_agree_when_weights_are_nearly_equal(world):
    """Equal rows are ranked by sorting, others area by area: the same draws, the same ranks."""
    graph, y = world
    rates = y + rng(9).random(14)
    nudged = graph.adjacency.astype(float)
    nudged = Graph(nudged * (1 + 4e-12 * (np.arange(len(nudged)) % 2)))
    for star in (True, False):
        equal = local_g(rates, graph, star=star, method="permutation", rng=rng(4))
        weighted = local_g(rates, nudged, star=star, method="permutation", rng=rng(4))
        assert equal.p_value == pytest.approx(weighted.p_value, abs=1e-12, nan_ok=True)


def test_kernel_weights_need_draws_and_agree_with_a_plain_loop():
    areas = lattice_areas(4, 4)
    graph = kernel_graph(areas, bandwidth_m=2100.0)
    y = pd.Series(rng(5).gamma(2.0, size=16), index=areas.index)
    with pytest.raises(InputError, match="unequal weights within a row"):
        local_g(y.round().astype(int), graph)
    ours = local_g(y, graph, method="permutation", permutations=4000, rng=rng(6))
    weights, values = dense(graph), y[list(graph.unique_ids)].to_numpy()
    draw = rng(7)
    for i in (0, 5, 15):
        others = np.delete(values, i)
        shares = weights[i][weights[i] > 0]
        sums = [draw.permutation(others)[: len(shares)] @ shares for _ in range(4000)]
        slow = np.mean(np.array(sums) >= weights[i] @ values)
        assert ours.p_value[i] == pytest.approx(slow, abs=0.04)


def test_many_periods_equal_one_at_a_time():
    graph = random_graph(30, rng(8), isolates=1)
    y = rng(9).poisson([0.1, 2.0, 40.0], (30, 3))
    calls = (
        lambda v: local_g(v, graph),
        lambda v: local_moran(v, graph),
        lambda v: local_g(v, graph, method="permutation", rng=rng()),
        lambda v: local_geary(v, graph, rng=rng()),
    )
    for call in calls:
        together = call(y)
        assert together.p_value.shape == (30, 3)
        for t in range(3):
            alone = call(y[:, t])
            assert alone.p_value.shape == (30,)
            for name in ("statistic", "z", "p_value"):
                one, many = getattr(alone, name), getattr(together, name)[:, t]
                assert one == pytest.approx(many, rel=1e-9, abs=1e-12, nan_ok=True)


def test_row_order_does_not_matter_and_inputs_stay():
    areas = lattice_areas(5, 6)
    y = pd.DataFrame(rng(1).poisson(1.0, (30, 4)), index=areas.index)
    before = y.copy()
    mixed = areas.sample(frac=1.0, random_state=1)
    one, two = contiguity(areas), contiguity(mixed)
    links = one.adjacency.copy()
    for call in (
        lambda g: local_g(y, g),
        lambda g: local_moran(y, g),
        lambda g: local_g(y, g, method="permutation", rng=rng(3)),
        lambda g: local_geary(y, g, rng=rng(3)),
    ):
        a, b = call(one), call(two)
        first = pd.DataFrame(a.p_value, index=list(a.areas))
        second = pd.DataFrame(b.p_value, index=list(b.areas)).loc[first.index]
        pd.testing.assert_frame_equal(first, second, check_exact=True)
    pd.testing.assert_frame_equal(y, before)
    pd.testing.assert_series_equal(one.adjacency, links)


def test_exposure_gives_the_binomial_law():
    graph = random_graph(20, rng(4), isolates=1)
    exposure = rng(5).gamma(1.0, 100.0, 20) + 1.0
    y = rng(6).poisson(0.02 * exposure)
    weights = dense(graph) > 0
    total, base = y.sum(), exposure.sum()
    star = local_g(y, graph, exposure=exposure)
    gi = local_g(y, graph, exposure=exposure, star=False, alternative="less")
    both = local_moran(y, graph, exposure=exposure)
    for i in np.flatnonzero(weights.any(axis=1)):
        near, share = y[weights[i]].sum(), exposure[weights[i]].sum()
        law = stats.binom(total, (share + exposure[i]) / base)
        assert star.p_value[i] == pytest.approx(law.sf(near + y[i] - 1), rel=1e-9)
        assert star.statistic[i] == pytest.approx((near + y[i]) / law.mean())
        assert star.z[i] == pytest.approx((near + y[i] - law.mean()) / law.std())
        law = stats.binom(total - y[i], share / (base - exposure[i]))
        assert gi.p_value[i] == pytest.approx(law.cdf(near), rel=1e-9)
        expected = min(1.0, 2 * min(law.cdf(near), law.sf(near - 1)))
        assert both.p_value[i] == pytest.approx(expected, rel=1e-9)


def test_populous_areas_are_no_hot_spots_given_exposure():
    areas = lattice_areas(12, 12)
    graph = contiguity(areas)
    exposure = np.ones(144)
    exposure.reshape(12, 12)[3:7, 3:7] = 10.0
    y = rng(2).poisson(5.0 * exposure)
    corner = np.zeros((12, 12), bool)
    corner[4:6, 4:6] = True
    assert local_g(y, graph).significant()[corner.ravel()].all()
    assert not local_g(y, graph, exposure=exposure).significant()[corner.ravel()].any()


def test_clusters_are_named():
    areas = lattice_areas(8, 8)
    y = np.zeros((8, 8), int)
    y[:4, :4] = 9
    y[6, 6] = 9
    graph = contiguity(areas)
    label = pd.Series(local_moran(y.ravel(), graph).clusters(adjust="none"), areas.index)
    assert label["r01c01"] == "high-high"
    assert set(label) <= {"high-high", "low-low", "high-low", "low-high", "not significant"}
    hot = pd.Series(local_g(y.ravel(), graph).clusters(), areas.index)
    assert hot["r01c01"] == "hot" and hot["r07c00"] == "not significant"
    smooth = np.add.outer(np.arange(8.0), np.arange(8.0)).ravel()
    alike = local_geary(smooth, graph, rng=rng(), alternative="less").clusters(adjust="none")
    assert "alike" in alike and "unlike" not in alike


def test_too_few_permutations_refuse_to_be_adjusted():
    y = rng(1).poisson(0.5, (100, 3))
    graph = contiguity(lattice_areas(10, 10))
    drawn = local_g(y, graph, method="permutation", permutations=999, rng=rng())
    with pytest.raises(InputError, match=r"no p-value below 0.001, but .* 300 tests"):
        drawn.significant()
    assert drawn.significant(adjust="none").shape == (100, 3)


def test_tables_and_repr():
    y = rng(1).poisson(0.5, (25, 2))
    result = local_g(y, contiguity(lattice_areas(5, 5)))
    table = result.to_frame()
    assert table.shape == (50, 7)
    assert table.loc[3, "p_value"] == result.p_value[1, 1]
    assert "25 areas × 2 periods (greater, exact" in repr(result)
    assert "Gi*" in result._repr_html_()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([1.5, 2.0, 0.0], "no whole numbers"),
        ([1, -2, 0], "negative values"),
        ([1, 2], r"has shape \(2,\) where the graph has 3 areas"),
        ([1.0, np.nan, 0.0], r"NaN or infinite values \(1: B\)"),
        (pd.Series([1, 2], index=["A", "B"]), r"no value for areas of the graph \(1: C\)"),
        (pd.Series([1, 2, 3, 4], index=list("ABCD")), r"the graph lacks \(1: D\)"),
        (pd.Series([1, 2, 3, 4], index=list("ABCC")), r"occur twice \(1: C\)"),
        (["x", "y", "z"], "no numbers"),
        (np.zeros((3, 0)), "no periods"),
    ],
)
def test_values_that_cannot_be_used(values, match):
    chain = Graph.from_arrays(list("ABBC"), list("BACB"), [1] * 4)
    with pytest.raises(InputError, match=match):
        local_g(values, chain)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "permutation"}, "'rng': is needed"),
        ({"method": "permutation", "rng": rng(), "mid_p": True}, "'mid_p'"),
        ({"method": "permutation", "rng": rng(), "exposure": [1, 1, 1]}, "'exposure'"),
        ({"method": "permutation", "rng": rng(), "permutations": 0}, "at least 1"),
        ({"method": "normal"}, "'method'"),
        ({"alternative": "upper"}, "'alternative'"),
        ({"weights": "column"}, "'weights'"),
        ({"exposure": [1, 0, 1]}, r"not above 0 in areas \(1: B\)"),
        ({"exposure": np.ones((3, 2))}, "has 2 periods, y has 1"),
    ],
)
def test_options_that_cannot_be_used(options, match):
    chain = Graph.from_arrays(list("ABBC"), list("BACB"), [1] * 4)
    with pytest.raises(InputError, match=match):
        local_g([1, 2, 3], chain, **options)


@pytest.mark.parametrize(
    ("graph", "match"),
    [
        (Graph.from_arrays(list("AAB"), list("ABA"), [1, 1, 1]), "their own neighbours"),
        (Graph.from_arrays(list("AB"), list("BA"), [1, -1]), "below 0"),
        ("queen", "must be a libpysal.graph.Graph"),
    ],
)
def test_graphs_that_cannot_be_used(graph, match):
    with pytest.raises(InputError, match=match):
        local_g([1, 2], graph)
