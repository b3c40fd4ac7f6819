"""Global autocorrelation: Moran, Geary, Getis–Ord G and their kin, many periods in one call."""

from __future__ import annotations

import numpy as np
import pandas as pd
from libpysal.graph import Graph
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.significance import Alternative
from hotspot_eval.spatial.aligned import Links, Values, Weights, align, read_graph
from hotspot_eval.spatial.moments import GraphMoments, geary_variance, getis_ord_z, moran_z
from hotspot_eval.spatial.permuted import (
    GlobalStatistic,
    centred,
    global_result,
    positive,
    quadratic,
    shuffle_rows,
)

__all__ = [
    "bivariate_moran",
    "differential_moran",
    "empirical_bayes_moran",
    "geary",
    "getis_ord_g",
    "moran",
]

Array = NDArray[np.float64]
Counts = ArrayLike | pd.Series | pd.DataFrame


def moran(
    y: Counts,
    graph: Graph,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    weights: Weights = "row",
) -> GlobalStatistic:
    """Moran's I: do neighbouring areas have alike values?

    Parameters
    ----------
    y : array_like, Series or DataFrame, shape (N,) or (N, T)
        Series and DataFrames are looked up by area id; arrays follow the order of the graph.
    graph : libpysal.graph.Graph
    rng : numpy.random.Generator
        Every permutation is shared by all periods.
    permutations : int
    alternative : {"two-sided", "greater", "less"}
        ``greater``: alike; ``less``: unlike.
    weights : {"row", "as_given"}
        Each row of the graph divided by its sum, or the weights as they are.

    Returns
    -------
    GlobalStatistic

    Raises
    ------
    InputError
        If ``y`` and the graph do not match, or values are NaN.

    Notes
    -----
    I = (N/S₀) Σᵢⱼ wᵢⱼ zᵢ zⱼ / Σ zᵢ² with z = y − ȳ; mean −1/(N − 1) and variance over all
    permutations as in Cliff & Ord. Equal values everywhere: NaN.

    References
    ----------
    Moran (1950), https://doi.org/10.2307/2332142

    Examples
    --------
    >>> chain = Graph.from_arrays([0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2], [1] * 6)
    >>> result = moran([4, 3, 1, 0], chain, rng=np.random.default_rng(1), alternative="greater")
    >>> round(result.statistic, 4), round(result.z, 4)
    (0.5, 1.5438)
    """
    links = read_graph(graph)
    values = align(y, links)
    z = centred(values)
    matrix = links.weighted(weights)
    return _moran_of(z, values, links, matrix, "Moran's I", rng, permutations, alternative)


def empirical_bayes_moran(
    events: Counts,
    population: Counts,
    graph: Graph,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    weights: Weights = "row",
) -> GlobalStatistic:
    """Moran's I of rates standardised for the unequal variance of small populations.

    Parameters
    ----------
    events, population : array_like, Series or DataFrame, shape (N,) or (N, T)
        One population serves all periods when it is a vector.
    graph, rng, permutations, alternative, weights
        As in :func:`moran`; what is permuted are the standardised rates.

    Notes
    -----
    b = Σevents/Σpopulation, s² = Σ popᵢ(rᵢ − b)²/Σpop, a = s² − b/mean(pop) and
    zᵢ = (rᵢ − b)/√(a + b/popᵢ); where that variance is negative a is taken as 0.

    References
    ----------
    Assunção & Reis (1999),
    https://doi.org/10.1002/(SICI)1097-0258(19990830)18:16<2147::AID-SIM179>3.0.CO;2-I
    """
    links = read_graph(graph)
    values = align(events, links, name="events")
    base = align(population, links, name="population").array.astype(np.float64)
    if base.shape[1] not in (1, values.array.shape[1]):
        raise InputError(
            Problem(
                where="argument 'population'",
                what=f"has {base.shape[1]} periods, the events have {values.array.shape[1]}",
            )
        )
    if (base <= 0).any():
        raise InputError(
            Problem(
                where="argument 'population'",
                what="is not above 0 in areas",
                examples=[links.ids[i] for i in np.flatnonzero((base <= 0).any(axis=1))],
            )
        )
    rates = _standardised_rates(values.array.astype(np.float64), base)
    z = rates - rates.mean(axis=0)
    matrix = links.weighted(weights)
    name = "Empirical-Bayes Moran's I"
    return _moran_of(z, values, links, matrix, name, rng, permutations, alternative)


def differential_moran(
    before: Counts,
    after: Counts,
    graph: Graph,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    weights: Weights = "row",
) -> GlobalStatistic:
    """Moran's I of the change ``after − before``: did neighbours change alike?

    What is fixed in an area drops out, so clustering here is clustering of change.
    """
    links = read_graph(graph)
    first, last = align(before, links, name="before"), align(after, links, name="after")
    if first.array.shape != last.array.shape:
        raise InputError(
            Problem(
                where="arguments 'before' and 'after'",
                what=f"have {first.array.shape[1]} and {last.array.shape[1]} periods",
            )
        )
    change = Values(array=(last.array - first.array), single=last.single, periods=last.periods)
    matrix = links.weighted(weights)
    name = "Differential Moran's I"
    return _moran_of(centred(change), change, links, matrix, name, rng, permutations, alternative)


def bivariate_moran(
    x: Counts,
    y: Counts,
    graph: Graph,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    weights: Weights = "row",
) -> GlobalStatistic:
    """Bivariate Moran's I: does ``x`` in an area go with ``y`` in its neighbours?

    Parameters
    ----------
    x, y : array_like, Series or DataFrame, shape (N,) or (N, T), the same for both
    graph, rng, permutations, alternative, weights
        As in :func:`moran`. ``y`` is permuted; ``expected`` and ``z`` come from the draws.

    Notes
    -----
    (1/S₀) Σᵢⱼ wᵢⱼ xᵢ yⱼ · N/(N − 1) with x and y standardised by their sample standard deviation,
    S₀ = N when every area has neighbours and rows are standardised. It does not control for the
    correlation of x and y within areas.

    References
    ----------
    Wartenberg (1985), https://doi.org/10.1111/j.1538-4632.1985.tb00849.x
    """
    links = read_graph(graph)
    left, right = align(x, links, name="x"), align(y, links)
    if left.array.shape != right.array.shape:
        raise InputError(
            Problem(
                where="arguments 'x' and 'y'",
                what=f"have {left.array.shape[1]} and {right.array.shape[1]} periods",
            )
        )
    a, b = centred(left), centred(right)
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    scale = links.n / (links.weighted(weights).sum() * np.where(spread > 0, spread, np.nan))
    matrix = links.weighted(weights)
    pulled = matrix.T @ a

    def statistic(permuted: Array) -> Array:
        return np.asarray(np.einsum("nt,nct->ct", pulled, permuted) * scale)

    draws = shuffle_rows(b, statistic, rng=rng, permutations=permutations)
    observed = statistic(b[:, None, :])[0]
    expected = draws.mean(axis=0)
    z = (observed - expected) / positive(draws.std(axis=0, ddof=1))
    return global_result(
        "Bivariate Moran's I", observed, expected, z, draws, right, links, alternative
    )


def geary(
    y: Counts,
    graph: Graph,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    weights: Weights = "row",
) -> GlobalStatistic:
    """Geary's C: squared differences between neighbours; below 1 they are alike.

    Parameters as in :func:`moran`, but ``alternative="less"`` means alike.

    Notes
    -----
    C = (N − 1) Σᵢⱼ wᵢⱼ (yᵢ − yⱼ)² / (2 S₀ Σ zᵢ²).

    References
    ----------
    Geary (1954), https://doi.org/10.2307/2986645
    """
    links = read_graph(graph)
    values = align(y, links)
    z = centred(values)
    matrix = links.weighted(weights)
    margin = np.asarray(matrix.sum(axis=0)).ravel() + np.asarray(matrix.sum(axis=1)).ravel()
    scale = (links.n - 1) / (2.0 * matrix.sum() * positive((z**2).sum(axis=0)))

    def statistic(permuted: Array) -> Array:
        squares = np.einsum("n,nct->ct", margin, permuted**2)
        return np.asarray((squares - 2.0 * quadratic(matrix, permuted)) * scale)

    draws = shuffle_rows(z, statistic, rng=rng, permutations=permutations)
    observed = statistic(z[:, None, :])[0]
    spread = np.sqrt(geary_variance(z, GraphMoments.of(matrix)))
    expected = np.ones_like(observed)
    return global_result(
        "Geary's C",
        observed,
        expected,
        (observed - 1.0) / spread,
        draws,
        values,
        links,
        alternative,
    )


def getis_ord_g(
    y: Counts,
    graph: Graph,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    weights: Weights = "as_given",
) -> GlobalStatistic:
    """Getis–Ord general G: do high values lie next to high values?

    Parameters as in :func:`moran`; values must not be negative, and weights are by default used
    as given (binary).

    Notes
    -----
    G = Σᵢⱼ wᵢⱼ yᵢ yⱼ / Σ_{i≠j} yᵢ yⱼ.

    References
    ----------
    Getis & Ord (1992), https://doi.org/10.1111/j.1538-4632.1992.tb00261.x
    """
    links = read_graph(graph)
    values = align(y, links)
    levels = values.array.astype(np.float64)
    if (levels < 0).any():
        raise InputError(
            Problem(
                where="argument 'y'",
                what="has negative values, for which G has no meaning",
                examples=[links.ids[i] for i in np.flatnonzero((levels < 0).any(axis=1))],
            )
        )
    matrix = links.weighted(weights)
    pairs = positive(levels.sum(axis=0) ** 2 - (levels**2).sum(axis=0))

    def statistic(permuted: Array) -> Array:
        return np.asarray(quadratic(matrix, permuted) / pairs)

    draws = shuffle_rows(levels, statistic, rng=rng, permutations=permutations)
    observed = statistic(levels[:, None, :])[0]
    expected, z = getis_ord_z(observed, levels, GraphMoments.of(matrix))
    return global_result("Getis–Ord G", observed, expected, z, draws, values, links, alternative)


def _moran_of(
    z: Array,
    values: Values,
    links: Links,
    matrix: sparse.csr_array,
    name: str,
    rng: np.random.Generator,
    permutations: int,
    alternative: Alternative,
) -> GlobalStatistic:
    scale = links.n / (matrix.sum() * positive((z**2).sum(axis=0)))

    def statistic(permuted: Array) -> Array:
        return np.asarray(quadratic(matrix, permuted) * scale)

    draws = shuffle_rows(z, statistic, rng=rng, permutations=permutations)
    observed = statistic(z[:, None, :])[0]
    expected, score = moran_z(observed, z, GraphMoments.of(matrix))
    return global_result(name, observed, expected, score, draws, values, links, alternative)


def _standardised_rates(events: Array, population: Array) -> Array:
    rates = events / population
    mean = events.sum(axis=0) / population.sum(axis=0)
    spread = (population * (rates - mean) ** 2).sum(axis=0) / population.sum(axis=0)
    between = spread - mean / population.mean(axis=0)
    variance = between + mean / population
    variance = np.where(variance < 0, mean / population, variance)
    return np.asarray((rates - mean) / np.where(variance > 0, np.sqrt(variance), np.inf))
