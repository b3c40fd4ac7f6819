"""Size of the exact local tests on maps without structure, and what they find where there is some.

Quick: 120 maps of 400 areas for each mean. Slow: 1,000 maps of 1,024.
"""

from __future__ import annotations

import numpy as np
import pytest
from libpysal.graph import Graph
from tests.spatial_worlds import lattice_areas

from hotspot_eval.errors import InputError
from hotspot_eval.spatial import contiguity, local_g, local_moran

MEANS = (0.08, 0.5, 5.0, 30.0)
LEVELS = (0.01, 0.05)


def shares(statistic, y, graph, **options):
    """Share of p-values at or under each level, and the standard error over maps."""
    p = statistic(y, graph, **options).p_value
    found = np.array([(p <= level).mean(axis=0) for level in LEVELS])
    return found.mean(axis=1), found.std(axis=1, ddof=1) / np.sqrt(found.shape[1])


def check_sizes(side, maps):
    graph = contiguity(lattice_areas(side, side))
    rng = np.random.default_rng(11)
    mid = {alternative: [] for alternative in ("greater", "two-sided")}
    for mean in MEANS:
        y = rng.poisson(mean, (side * side, maps))
        for statistic in (local_g, local_moran):
            for alternative in mid:
                size, error = shares(statistic, y, graph, alternative=alternative)
                assert (size <= np.array(LEVELS) + 3 * error).all(), (mean, alternative, size)
        for alternative, seen in mid.items():
            seen.append(shares(local_g, y, graph, alternative=alternative, mid_p=True)[0])
    for seen in mid.values():
        average = np.mean(seen, axis=0) / LEVELS
        assert ((average > 0.6) & (average < 1.25)).all(), average


def test_size_is_at_most_nominal_quick():
    check_sizes(20, 120)


@pytest.mark.slow
def test_size_is_at_most_nominal():
    check_sizes(32, 1000)


def test_mid_p_is_not_conservative():
    """Six neighbours, 78 events in 1,000 areas: size 0.08 at 0.05, so it is no default."""
    rng = np.random.default_rng(3)
    n = 1000
    names = np.arange(n)
    focal = np.repeat(names, 6)
    neighbour = (focal + np.tile([-3, -2, -1, 1, 2, 3], n)) % n
    graph = Graph.from_arrays(focal, neighbour, np.ones(6 * n))
    y = rng.multinomial(78, np.full(n, 1 / n), 200).T
    (_, mid), _ = shares(local_g, y, graph, mid_p=True)
    (_, plain), _ = shares(local_g, y, graph)
    assert plain <= 0.05 < 0.07 < mid < 0.09


@pytest.mark.parametrize("mean", [0.3, 5.0])
def test_size_given_exposure(mean):
    graph = contiguity(lattice_areas(20, 20))
    rng = np.random.default_rng(4)
    exposure = rng.lognormal(0.0, 1.0, 400)
    y = rng.poisson(mean * exposure[:, None], (400, 120))
    for statistic in (local_g, local_moran):
        for alternative in ("greater", "two-sided"):
            size, error = shares(statistic, y, graph, alternative=alternative, exposure=exposure)
            assert (size <= np.array(LEVELS) + 3 * error).all()


def planted(seed):
    """2,500 areas of mean 0.08 with one cluster of 5 × 5 areas of mean 1.5."""
    rng = np.random.default_rng(seed)
    mean = np.full((50, 50), 0.08)
    mean[20:25, 30:35] = 1.5
    inside = np.zeros((50, 50), dtype=bool)
    inside[19:26, 29:36] = True
    return rng.poisson(mean).ravel(), inside.ravel()


def test_planted_clusters_are_found_where_999_permutations_can_find_none():
    graph = contiguity(lattice_areas(50, 50))
    hits, false = [], []
    for seed in range(8):
        y, inside = planted(seed)
        found = local_g(y, graph).significant(level=0.05, adjust="fdr_bh")
        hits.append((found & inside).sum())
        false.append((found & ~inside).sum() / max(found.sum(), 1))
        drawn = local_g(y, graph, method="permutation", rng=np.random.default_rng(seed))
        assert np.nanmin(drawn.p_value) >= 1 / 1000
        with pytest.raises(InputError, match=r"draws give no p-value below 0\.001"):
            drawn.significant(level=0.05, adjust="fdr_bh")
    assert min(hits) >= 10
    assert np.mean(false) <= 0.05


def test_fdr_over_a_cube_without_structure_rarely_finds_anything():
    graph = contiguity(lattice_areas(20, 20))
    rng = np.random.default_rng(6)
    cubes = [local_g(rng.poisson(0.5, (400, 12)), graph).significant().any() for _ in range(60)]
    assert np.mean(cubes) <= 0.12
