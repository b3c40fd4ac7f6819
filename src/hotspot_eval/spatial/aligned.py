"""Values put in step with a graph, both in one canonical order of areas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
import pandas as pd
from libpysal.graph import Graph
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = ["Links", "Values", "Weights", "align", "read_graph"]

Weights = Literal["row", "as_given"]
Array = NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Links:
    """A graph as a sparse matrix, areas sorted by id so that row order never matters.

    Parameters
    ----------
    ids : tuple of str, length N
        Sorted.
    labels : tuple of str, length N
        The same areas in the order of the graph: the order of every result.
    place : ndarray of int, shape (N,)
        Position in ``labels`` → position in ``ids``.
    matrix : scipy.sparse.csr_array, shape (N, N)
        Weights, nothing on the diagonal, no stored zeros.
    degree : ndarray of int, shape (N,)
        Number of neighbours.
    """

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    place: NDArray[np.intp]
    matrix: sparse.csr_array
    degree: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of areas."""
        return len(self.ids)

    @property
    def isolates(self) -> tuple[str, ...]:
        """Areas without neighbours, in the order of the graph."""
        alone = np.flatnonzero(self.degree[self.place] == 0)
        return tuple(self.labels[i] for i in alone)

    @property
    def in_order(self) -> bool:
        """Whether the graph has its areas sorted already."""
        return self.labels == self.ids

    def restore(self, rows: NDArray[Kind]) -> NDArray[Kind]:
        """Rows in sorted order → rows in the order of the graph."""
        return rows if self.in_order else rows[self.place]

    def weighted(self, weights: Weights) -> sparse.csr_array:
        """Weights as given, or each row divided by its sum."""
        check_choice("weights", weights, get_args(Weights))
        if weights == "as_given":
            return self.matrix
        total = np.asarray(self.matrix.sum(axis=1)).ravel()
        scaled = self.matrix.copy()
        scaled.data = scaled.data / np.repeat(total, self.degree)
        return scaled

    @property
    def equal_rows(self) -> bool:
        """Whether the weights within each row are all the same."""
        if not self.matrix.nnz:
            return True
        first = np.repeat(
            self.matrix.data[self.matrix.indptr[:-1][self.degree > 0]], self.degree[self.degree > 0]
        )
        return bool(np.allclose(self.matrix.data, first, rtol=1e-12, atol=0.0))


def read_graph(graph: Graph) -> Links:
    """The graph as :class:`Links`.

    Raises
    ------
    InputError
        If it is no Graph, has weights on the diagonal, or weights that are negative or not finite.
    """
    if not isinstance(graph, Graph):
        raise InputError(
            Problem(
                where="argument 'graph'",
                what=f"must be a libpysal.graph.Graph, not {type(graph).__name__}",
                advice="Use contiguity(areas), or Graph.from_W(w).",
            )
        )
    labels = tuple(map(str, graph.unique_ids.tolist()))
    order = np.array(sorted(range(len(labels)), key=lambda i: labels[i]), dtype=np.intp)
    place = np.empty(len(labels), dtype=np.intp)
    place[order] = np.arange(len(labels))
    matrix = sparse.csr_array(graph.sparse).astype(np.float64)[order][:, order]
    matrix.eliminate_zeros()
    matrix.sort_indices()
    _check_weights(matrix, [labels[i] for i in order])
    degree = np.diff(matrix.indptr).astype(np.int64)
    return Links(
        ids=tuple(labels[i] for i in order),
        labels=labels,
        place=place,
        matrix=matrix,
        degree=degree,
    )


def _check_weights(matrix: sparse.csr_array, ids: list[str]) -> None:
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        raise InputError(Problem(where="graph", what="has weights below 0 or not finite"))
    own = np.flatnonzero(matrix.diagonal())
    if len(own):
        raise InputError(
            Problem(
                where="graph",
                what="has areas that are their own neighbours",
                examples=[ids[i] for i in own],
                advice="Take the diagonal out; star=True adds the own area where it belongs.",
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """Values of every area and period, in the sorted order of :class:`Links`.

    Parameters
    ----------
    array : ndarray, shape (N, T)
        int64 if every value is a whole number in an integer type, else float64.
    single : bool
        Whether a vector (N,) was given.
    periods : tuple of str, length T
        Column names of a DataFrame, otherwise ``"0"``, ``"1"``, …
    """

    array: NDArray[np.int64] | Array
    single: bool
    periods: tuple[str, ...]


def align(y: ArrayLike | pd.Series | pd.DataFrame, links: Links, *, name: str = "y") -> Values:
    """Put ``y`` in step with the graph.

    A Series or DataFrame is looked up by area id; an array must have one row for each area in the
    order of the graph.

    Raises
    ------
    InputError
        If areas are missing, unknown or repeated, the length is wrong, or values are NaN.
    """
    where = f"argument '{name}'"
    periods: tuple[str, ...] | None = None
    if isinstance(y, (pd.Series, pd.DataFrame)):
        if isinstance(y, pd.DataFrame):
            periods = tuple(str(column) for column in y.columns)
        values = _lookup(y, links, where)
    else:
        values = np.asarray(y)
        if values.ndim not in (1, 2) or len(values) != links.n:
            raise InputError(
                Problem(
                    where=where,
                    what=f"has shape {values.shape} where the graph has {links.n} areas",
                    advice=f"Give ({links.n},) or ({links.n}, T) in the order of graph.unique_ids, "
                    "or a Series or DataFrame indexed by area id.",
                )
            )
        if not links.in_order:
            values = values[np.argsort(links.place)]
    single = values.ndim == 1
    columns = values[:, None] if single else values
    if not columns.shape[1]:
        raise InputError(Problem(where=where, what="has no periods"))
    array = _numeric(columns, where)
    _check_finite(array, links, where)
    return Values(
        array=array,
        single=single,
        periods=periods or tuple(str(t) for t in range(array.shape[1])),
    )


def _lookup(y: pd.Series | pd.DataFrame, links: Links, where: str) -> NDArray[np.generic]:
    index = pd.Index([str(label) for label in y.index], dtype=object)
    problems: list[Problem] = []
    if index.has_duplicates:
        problems.append(
            Problem(where=where, what="areas occur twice", examples=list(index[index.duplicated()]))
        )
    absent = sorted(set(links.ids) - set(index))
    unknown = sorted(set(index) - set(links.ids))
    if absent:
        problems.append(
            Problem(where=where, what="has no value for areas of the graph", examples=absent)
        )
    if unknown:
        problems.append(
            Problem(
                where=where,
                what="has areas that the graph lacks",
                examples=unknown,
                advice="Build the graph from these areas, or select those it has.",
            )
        )
    if problems:
        raise InputError(*problems)
    return np.asarray(y.to_numpy()[index.get_indexer(pd.Index(links.ids, dtype=object))])


def _numeric(values: NDArray[np.generic], where: str) -> NDArray[np.int64] | Array:
    if np.issubdtype(values.dtype, np.integer) or values.dtype == np.bool_:
        return values.astype(np.int64)
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            Problem(where=where, what=f"holds values that are no numbers ({error})")
        ) from error


def _check_finite(array: NDArray[np.int64] | Array, links: Links, where: str) -> None:
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise InputError(
            Problem(
                where=where,
                what="has areas with NaN or infinite values",
                examples=[links.ids[i] for i in bad],
                advice="A missing month is not a zero: leave out these areas or periods.",
            )
        )
