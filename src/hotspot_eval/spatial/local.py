"""Local Gi, Gi*, Moran and Geary: which areas belong to a cluster, in one or many periods."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
from libpysal.graph import Graph
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from hotspot_eval.errors import check_choice
from hotspot_eval.significance import Alternative, p_values_from_ranks, p_values_from_tails
from hotspot_eval.spatial.aligned import Links, Values, Weights, align, read_graph
from hotspot_eval.spatial.exposure import binomial_tails, law_given_exposure, read_exposure
from hotspot_eval.spatial.local_moments import (
    geary_score,
    getis_ord_score,
    row_sums,
    score_given_own,
)
from hotspot_eval.spatial.local_p_values import Request, as_counts, binary, own_side, tail_p_values
from hotspot_eval.spatial.local_permutation import draw_neighbours, rank_weighted
from hotspot_eval.spatial.local_result import LocalStatistic, Method

__all__ = ["local_g", "local_geary", "local_moran"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Counts = ArrayLike | pd.Series | pd.DataFrame
_DEALT = "the other areas' values dealt out at random, the own value fixed"
_EXPOSED = "events fall in proportion to exposure"


def local_g(
    y: Counts,
    graph: Graph,
    *,
    star: bool = True,
    method: Method = "exact",
    alternative: Alternative = "greater",
    mid_p: bool = False,
    exposure: Counts | None = None,
    permutations: int = 999,
    rng: np.random.Generator | None = None,
    weights: Weights = "as_given",
) -> LocalStatistic:
    """Getis–Ord Gi* or Gi: where high (or low) values gather.

    Parameters
    ----------
    y : array_like, Series or DataFrame, shape (N,) or (N, T)
        Series and DataFrames are looked up by area id; arrays follow the order of the graph.
    graph : libpysal.graph.Graph
    star : bool
        Gi*: the own area is part of its neighbourhood, with the largest weight of its row.
    method : {"exact", "permutation"}
        ``exact``: whole-number counts and equal weights within a row; needs neither draws nor seed.
        ``permutation``: any values and weights; one set of draws serves all areas and periods.
    alternative : {"greater", "less", "two-sided"}
        ``greater`` finds hot spots; two-sided is twice the smaller tail.
    mid_p : bool
        Half the probability of the observed sum is taken off: nearer to the level on average,
        not at most the level. Exact only.
    exposure : array_like, Series or DataFrame, shape (N,) or (N, T), optional
        Population or time at risk, above 0. The null hypothesis is then one rate for all areas
        (Poisson), given the events of the period, ``statistic`` is observed over expected and
        ``z`` its score. Counts that vary more than Poisson give p-values that are too small.
    permutations, rng
        For ``method="permutation"``.
    weights : {"as_given", "row"}
        Matters to ``statistic`` only when the graph is binary.

    Returns
    -------
    LocalStatistic
        ``statistic``: Gi or Gi*; ``z``: its standard score; ``p_value``. Shape of ``y``.

    Raises
    ------
    InputError
        If ``y`` and the graph do not match, values are NaN, or ``exact`` is asked of rates or of
        unequal weights.

    Notes
    -----
    Gi* = Σⱼ wᵢⱼ yⱼ / Σⱼ yⱼ with j = i included, Gi without. Both p-values are those of the sum over
    the neighbours with the own value fixed, for which k of the other N − 1 values are drawn without
    replacement; so they agree between Gi and Gi* except under ``exposure``.

    References
    ----------
    Ord & Getis (1995), https://doi.org/10.1111/j.1538-4632.1995.tb00912.x

    Examples
    --------
    >>> chain = Graph.from_arrays([0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2], [1] * 6)
    >>> result = local_g([4, 3, 1, 0], chain)
    >>> result.statistic
    array([0.875, 1.   , 0.5  , 0.125])
    >>> result.p_value.round(3)
    array([0.333, 0.333, 1.   , 1.   ])
    """
    links = read_graph(graph)
    values = align(y, links)
    request = Request(method, alternative, mid_p, permutations, rng, exposure is not None)
    if exposure is not None:
        return _g_exposed(values, links, exposure, star, request)
    levels = values.array.astype(np.float64)
    matrix = _with_own(links, weights) if star else links.weighted(weights)
    weight, squares = row_sums(matrix)
    lag = matrix @ levels
    total = levels.sum(axis=0) if star else levels.sum(axis=0) - levels
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = lag / total
    score = getis_ord_score if star else score_given_own
    z = score(levels, lag, weight, squares)
    p_value = tail_p_values(values, links, request, np.ones(levels.shape, dtype=np.int8))
    high = levels > levels.mean(axis=0)
    name = "Gi*" if star else "Gi"
    return _result(name, statistic, z, p_value, high, z > 0, values, links, request)


def local_moran(
    y: Counts,
    graph: Graph,
    *,
    method: Method = "exact",
    alternative: Alternative = "two-sided",
    mid_p: bool = False,
    exposure: Counts | None = None,
    permutations: int = 999,
    rng: np.random.Generator | None = None,
    weights: Weights = "row",
) -> LocalStatistic:
    """Local Moran's I: areas whose neighbours are like them, or unlike.

    Parameters
    ----------
    y, graph, method, mid_p, permutations, rng
        As in :func:`local_g`.
    alternative : {"two-sided", "greater", "less"}
        ``greater``: alike; ``less``: unlike.
    exposure : array_like, Series or DataFrame, optional
        As in :func:`local_g`; ``statistic`` is then the product of the standardised excess of the
        own area and of its neighbours.
    weights : {"row", "as_given"}

    Returns
    -------
    LocalStatistic
        ``z`` is standardised by mean and variance given the own value.

    Notes
    -----
    Iᵢ = (N − 1)·zᵢ·Σⱼ wᵢⱼ zⱼ / Σ zⱼ². Given the own value it rises with the neighbour sum where
    zᵢ > 0 and falls where zᵢ < 0, so its law is that of the sum. Where zᵢ = 0, Iᵢ is 0 whatever the
    neighbours and p = 1.

    References
    ----------
    Anselin (1995), https://doi.org/10.1111/j.1538-4632.1995.tb00338.x

    Examples
    --------
    >>> chain = Graph.from_arrays([0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2], [1] * 6)
    >>> local_moran([4, 3, 1, 0], chain).statistic
    array([0.6 , 0.15, 0.15, 0.6 ])
    """
    links = read_graph(graph)
    values = align(y, links)
    request = Request(method, alternative, mid_p, permutations, rng, exposure is not None)
    if exposure is not None:
        return _moran_exposed(values, links, exposure, request)
    levels = values.array.astype(np.float64)
    matrix = links.weighted(weights)
    weight, squares = row_sums(matrix)
    centred = levels - levels.mean(axis=0)
    lag = matrix @ levels
    near = lag - weight * levels.mean(axis=0)
    sum_of_squares = (centred**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = (links.n - 1) * centred * near / sum_of_squares
    side = own_side(values.array, links.n)
    z = side * score_given_own(levels, lag, weight, squares)
    p_value = tail_p_values(values, links, request, side)
    return _result("Local Moran", statistic, z, p_value, side > 0, near > 0, values, links, request)


def local_geary(
    y: Counts,
    graph: Graph,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "two-sided",
    weights: Weights = "row",
) -> LocalStatistic:
    """Local Geary's c: how much an area differs from its neighbours.

    Parameters
    ----------
    y, graph, rng, permutations, weights
        As in :func:`local_g`. Geary's c is no function of the neighbour sum, so there is no exact
        law and ``rng`` is required.
    alternative : {"two-sided", "less", "greater"}
        ``less``: alike; ``greater``: unlike.

    Notes
    -----
    cᵢ = Σⱼ wᵢⱼ (zᵢ − zⱼ)² with z standardised by the population standard deviation.

    References
    ----------
    Anselin (2019), https://doi.org/10.1111/gean.12164
    """
    links = read_graph(graph)
    values = align(y, links)
    request = Request("permutation", alternative, False, permutations, rng, False)
    levels = values.array.astype(np.float64)
    spread = levels.std(axis=0)
    constant = (levels == levels[:1]).all(axis=0)
    z = (levels - levels.mean(axis=0)) / np.where(constant, np.nan, spread)
    matrix = links.weighted(weights)
    weight, squares = row_sums(matrix)
    statistic = weight * z**2 - 2.0 * z * (matrix @ z) + matrix @ z**2
    drawn = draw_neighbours(links, permutations=permutations, rng=rng)
    ranks = rank_weighted(z, statistic, links, matrix.data, drawn, squared=True)
    p_value = p_values_from_ranks(
        ranks.at_most, ranks.at_least, ranks.draws, alternative=alternative
    )
    p_value = np.where(constant, np.nan, p_value)
    score = geary_score(z, statistic, weight, squares)
    return _result(
        "Local Geary", statistic, score, p_value, z > 0, score > 0, values, links, request
    )


def _with_own(links: Links, weights: Weights) -> sparse.csr_array:
    """The weights with the own area added at the largest weight of its row."""
    most = np.zeros(links.n)
    some = links.degree > 0
    most[some] = np.maximum.reduceat(links.matrix.data, links.matrix.indptr[:-1][some])
    joined = sparse.csr_array(links.matrix + sparse.diags_array(most))
    if weights == "row":
        total = np.asarray(joined.sum(axis=1)).ravel()
        joined.data = joined.data / np.repeat(total, np.diff(joined.indptr))
    check_choice("weights", weights, get_args(Weights))
    return joined


def _g_exposed(
    values: Values, links: Links, exposure: Counts, star: bool, request: Request
) -> LocalStatistic:
    counts = as_counts(values)
    base = read_exposure(exposure, values, links)
    law = law_given_exposure(counts, base, binary(links), with_own=star)
    own = counts > counts.sum(axis=0) * base / base.sum(axis=0)
    lower, upper, at = binomial_tails(law)
    p_value = p_values_from_tails(
        lower, upper, alternative=request.alternative, at=at if request.mid_p else None
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = law.observed / law.expected
    name = "Gi* given exposure" if star else "Gi given exposure"
    return _result(name, ratio, law.z, p_value, own, law.z > 0, values, links, request)


def _moran_exposed(
    values: Values, links: Links, exposure: Counts, request: Request
) -> LocalStatistic:
    counts = as_counts(values)
    base = read_exposure(exposure, values, links)
    law = law_given_exposure(counts, base, binary(links), with_own=False)
    expected = counts.sum(axis=0) * base / base.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = (counts - expected) / np.sqrt(expected)
    side = np.sign(counts - expected)
    lower, upper, at = binomial_tails(law)
    low, high = np.where(side >= 0, lower, upper), np.where(side >= 0, upper, lower)
    p_value = p_values_from_tails(
        low, high, alternative=request.alternative, at=at if request.mid_p else None
    )
    p_value = np.where(side == 0, 1.0, p_value)
    name = "Local Moran given exposure"
    return _result(
        name, own * law.z, side * law.z, p_value, side > 0, law.z > 0, values, links, request
    )


def _result(
    name: str,
    statistic: Array,
    z: Array,
    p_value: Array,
    own_high: NDArray[np.bool_],
    near_high: NDArray[np.bool_],
    values: Values,
    links: Links,
    request: Request,
) -> LocalStatistic:
    alone = (links.degree == 0)[:, None]

    def numbers(cells: Array) -> Array:
        shown = links.restore(np.where(alone, np.nan, cells) if alone.any() else cells)
        return shown[:, 0] if values.single else shown

    def marks(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
        shown = links.restore(cells & ~alone)
        return shown[:, 0] if values.single else shown

    return LocalStatistic(
        name=name,
        statistic=numbers(statistic),
        z=numbers(z),
        p_value=numbers(p_value),
        own_high=marks(own_high),
        near_high=marks(near_high),
        areas=links.labels,
        periods=values.periods,
        isolates=links.isolates,
        alternative=request.alternative,
        method=request.method,
        null=_EXPOSED if request.exposed else _DEALT,
        permutations=request.permutations if request.method == "permutation" else 0,
        mid_p=request.mid_p,
    )
