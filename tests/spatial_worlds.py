"""Graphs and slow, obvious reference implementations for the spatial tests."""

from __future__ import annotations

import itertools

import geopandas as gpd
import libpysal.examples
import numpy as np
from libpysal.graph import Graph
from shapely import box


def lattice_areas(rows: int, columns: int) -> gpd.GeoDataFrame:
    """Unit squares of 1 km named r00c00, r00c01, …"""
    places = [(i, j) for i in range(rows) for j in range(columns)]
    return gpd.GeoDataFrame(
        geometry=[box(1e3 * j, 1e3 * i, 1e3 * (j + 1), 1e3 * (i + 1)) for i, j in places],
        index=[f"r{i:02d}c{j:02d}" for i, j in places],
        crs=27700,
    )


def random_graph(
    n: int, rng: np.random.Generator, *, isolates: int = 0, mean: float = 4.0
) -> Graph:
    """Symmetric binary graph of n areas; the last ``isolates`` of them have no neighbours."""
    linked = np.triu(rng.random((n, n)) < mean / n, k=1)
    linked[:, n - isolates :] = False
    linked = linked | linked.T
    for i in range(n - isolates):
        if not linked[i].any():
            j = (i + 1) % (n - isolates)
            linked[i, j] = linked[j, i] = True
    focal, neighbour = np.nonzero(linked)
    alone = np.arange(n - isolates, n)
    names = np.array([f"a{i:03d}" for i in range(n)])
    return Graph.from_arrays(
        names[np.concatenate([focal, alone])],
        names[np.concatenate([neighbour, alone])],
        np.concatenate([np.ones(len(focal)), np.zeros(len(alone))]),
    )


def dense(graph: Graph) -> np.ndarray:
    """The weights matrix."""
    return graph.sparse.toarray().astype(float)


def enumerated_tails(y: np.ndarray, area: int, k: int, s: int) -> tuple[float, float]:
    """P(S ≤ s) and P(S ≥ s) over every choice of k other areas."""
    others = np.delete(y, area)
    sums = np.array([sum(chosen) for chosen in itertools.combinations(others, k)])
    return float((sums <= s).mean()), float((sums >= s).mean())


def example(name: str) -> gpd.GeoDataFrame:
    """One of libpysal's built-in data sets, indexed by text ids."""
    areas = gpd.read_file(libpysal.examples.get_path(name))
    areas.index = areas.index.astype(str)
    return areas
