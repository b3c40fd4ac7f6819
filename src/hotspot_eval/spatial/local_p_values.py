"""p-values of local statistics: the exact law where there is one, draws where there is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.significance import Alternative, p_values_from_ranks, p_values_from_tails
from hotspot_eval.spatial.aligned import Links, Values
from hotspot_eval.spatial.exact import neighbour_sum_tail
from hotspot_eval.spatial.local_permutation import draw_neighbours, rank_equal, rank_weighted
from hotspot_eval.spatial.local_result import Method

__all__ = ["Request", "as_counts", "binary", "exact_p_values", "own_side", "tail_p_values"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Request:
    """The options of a call, checked."""

    method: Method
    alternative: Alternative
    mid_p: bool
    permutations: int
    rng: np.random.Generator | None
    exposed: bool

    def __post_init__(self) -> None:
        check_choice("method", self.method, get_args(Method))
        check_choice("alternative", self.alternative, get_args(Alternative))
        problems = []
        if self.method == "permutation":
            if self.rng is None:
                problems.append(
                    Problem(where="argument 'rng'", what='is needed for method="permutation"')
                )
            if self.mid_p:
                problems.append(
                    Problem(where="argument 'mid_p'", what='needs method="exact": draws have no it')
                )
            if self.exposed:
                problems.append(Problem(where="argument 'exposure'", what='needs method="exact"'))
        if problems:
            raise InputError(*problems)


def own_side(levels: Ints | Array, n: int) -> NDArray[np.int8]:
    """Own value above (1), below (−1) or at (0) the mean, without rounding for counts."""
    return np.asarray(np.sign(levels * n - levels.sum(axis=0)), dtype=np.int8)


def tail_p_values(values: Values, links: Links, request: Request, side: NDArray[np.int8]) -> Array:
    """p-values of the neighbour sums; where ``side`` is −1 a small sum counts as large."""
    if request.method == "exact":
        return _exact_p(as_counts(values), links, request, side)
    levels = values.array.astype(np.float64)
    if request.rng is None:
        raise InputError(Problem(where="argument 'rng'", what="is needed for draws"))
    drawn = draw_neighbours(links, permutations=request.permutations, rng=request.rng)
    if links.equal_rows:
        ones = binary(links).astype(np.float64)
        ranks = rank_equal(levels, ones @ levels, links.degree, drawn)
    else:
        lag = links.matrix @ levels
        ranks = rank_weighted(levels, lag, links, links.matrix.data, drawn, squared=False)
    low = np.where(side >= 0, ranks.at_most, ranks.at_least)
    high = np.where(side >= 0, ranks.at_least, ranks.at_most)
    p_value = p_values_from_ranks(low, high, ranks.draws, alternative=request.alternative)
    return np.where(side == 0, 1.0, p_value)


def _exact_p(counts: Ints, links: Links, request: Request, side: NDArray[np.int8]) -> Array:
    if not links.equal_rows:
        raise InputError(
            Problem(
                where="argument 'graph'",
                what="has unequal weights within a row, for which no exact law is known",
                advice='Use method="permutation", or a binary graph.',
            )
        )
    sums = binary(links) @ counts
    return exact_p_values(
        counts, sums, links.degree, side, request.alternative, mid_p=request.mid_p
    )


def exact_p_values(
    counts: Ints,
    sums: Ints,
    degree: Ints,
    side: NDArray[np.int8],
    alternative: Alternative,
    *,
    mid_p: bool,
) -> Array:
    """Exact p-values of neighbour sums, shape (N, T); 1 where ``side`` is 0, NaN for isolates."""
    if alternative == "two-sided":
        upper = neighbour_sum_tail(counts, sums, degree, upper=True)
        lower = neighbour_sum_tail(counts, sums, degree, upper=False)
        point = np.where(upper.at <= lower.at, upper.at - upper.beyond, lower.at - lower.beyond)
        p_value = p_values_from_tails(
            lower.at, upper.at, alternative=alternative, at=point if mid_p else None
        )
    else:
        high = side >= 0 if alternative == "greater" else side < 0
        some = neighbour_sum_tail(counts, sums, degree, upper=True, wanted=high)
        rest = neighbour_sum_tail(counts, sums, degree, upper=False, wanted=~high)
        tail = some.at if high.all() else np.where(high, some.at, rest.at)
        beyond = some.beyond if high.all() else np.where(high, some.beyond, rest.beyond)
        p_value = p_values_from_tails(
            tail, tail, alternative="greater", at=tail - beyond if mid_p else None
        )
    return p_value if side.all() else np.where(side == 0, 1.0, p_value)


def binary(links: Links) -> sparse.csr_array:
    """1 for every neighbour, as int64, so that sums of counts stay whole."""
    ones = np.ones(links.matrix.nnz, dtype=np.int64)
    return sparse.csr_array((ones, links.matrix.indices, links.matrix.indptr), links.matrix.shape)


def as_counts(values: Values) -> Ints:
    """Whole numbers, not negative; refused otherwise."""
    levels = values.array
    if levels.dtype != np.int64:
        whole = np.rint(levels)
        if (whole != levels).any():
            raise InputError(
                Problem(
                    where="argument 'y'",
                    what="holds values that are no whole numbers",
                    advice='Give counts (and exposure=), or use method="permutation" for rates.',
                )
            )
        levels = whole.astype(np.int64)
    if (levels < 0).any():
        raise InputError(
            Problem(
                where="argument 'y'",
                what="holds negative values, which are no counts",
                advice='Use method="permutation".',
            )
        )
    return levels.astype(np.int64, copy=False)
