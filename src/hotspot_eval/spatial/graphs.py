"""Who is a neighbour of whom: contiguity, distance and kernel graphs on libpysal's Graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
from libpysal.graph import Graph
from scipy import sparse

from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = [
    "Contiguity",
    "GraphSummary",
    "Kernel",
    "contiguity",
    "describe_graph",
    "distance_band",
    "kernel_graph",
    "nearest_neighbours",
    "rings",
]

Contiguity = Literal["queen", "rook"]
Kernel = Literal["triangular", "parabolic", "gaussian", "bisquare"]


def contiguity(
    areas: gpd.GeoDataFrame, *, rule: Contiguity = "queen", strict: bool = False
) -> Graph:
    """Areas that share a border (rook) or at least a point (queen) are neighbours, weight 1.

    Parameters
    ----------
    areas : GeoDataFrame, shape (N,)
        Polygons indexed by area id; ids are read as text.
    rule : {"queen", "rook"}
    strict : bool
        False compares the vertices of the boundaries, which is quick and right for a coverage
        without gaps or overlaps; True intersects the geometries.

    Returns
    -------
    libpysal.graph.Graph
        Symmetric, binary, nothing on the diagonal; an area without neighbours stays, as an isolate.

    Raises
    ------
    InputError
        If ids repeat, or geometries are missing, empty or not polygons.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> squares = gpd.GeoDataFrame(
    ...     geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1), box(5, 5, 6, 6)], index=["A", "B", "C"])
    >>> graph = contiguity(squares)
    >>> graph["A"].index.tolist(), list(graph.isolates)
    (['B'], ['C'])
    """
    check_choice("rule", rule, get_args(Contiguity))
    named = _named(areas, polygons=True)
    return Graph.build_contiguity(named.geometry, rook=rule == "rook", strict=strict)


def nearest_neighbours(areas: gpd.GeoDataFrame, *, k: int) -> Graph:
    """The ``k`` areas whose centroids lie nearest are neighbours, weight 1 (not symmetric).

    Raises
    ------
    InputError
        If ``k`` is not in 1 … N − 1, centroids coincide, or coordinates are in degrees.
    """
    points = _centroids(areas)
    if not 1 <= k < len(points):
        raise InputError(
            Problem(where="argument 'k'", what=f"must lie between 1 and {len(points) - 1}, not {k}")
        )
    return Graph.build_knn(points, k=k)


def distance_band(areas: gpd.GeoDataFrame, *, within_m: float) -> Graph:
    """Areas whose centroids lie at most ``within_m`` metres apart are neighbours, weight 1.

    Raises
    ------
    InputError
        If the distance is not positive, centroids coincide, or coordinates are in degrees.
    """
    points = _centroids(areas)
    _check_positive("within_m", within_m)
    return Graph.build_distance_band(points, threshold=within_m)


def kernel_graph(
    areas: gpd.GeoDataFrame, *, bandwidth_m: float, kernel: Kernel = "triangular"
) -> Graph:
    """Neighbours weighted by a kernel of the distance between centroids, own weight left out.

    Parameters
    ----------
    areas : GeoDataFrame
        Indexed by area id, in a projected coordinate system.
    bandwidth_m : float
        Metres at which the triangular, parabolic and bisquare kernels reach zero; the standard
        deviation of the gaussian one, which is cut at three bandwidths.
    kernel : {"triangular", "parabolic", "gaussian", "bisquare"}

    Notes
    -----
    With u = d / bandwidth: 1 − u, 1 − u², exp(−u²/2), (1 − u²)². Scale does not matter to any
    statistic of this package.
    """
    check_choice("kernel", kernel, get_args(Kernel))
    points = _centroids(areas)
    _check_positive("bandwidth_m", bandwidth_m)
    reach = 3.0 * bandwidth_m if kernel == "gaussian" else bandwidth_m
    near = Graph.build_distance_band(points, threshold=reach, binary=False, alpha=1.0)
    links = near.adjacency.astype(np.float64)
    u = links.to_numpy() / bandwidth_m
    shape = {
        "triangular": 1.0 - u,
        "parabolic": 1.0 - u**2,
        "gaussian": np.exp(-0.5 * u**2),
        "bisquare": (1.0 - u**2) ** 2,
    }[kernel]
    own = links.index.get_level_values(0) == links.index.get_level_values(1)
    return Graph(pd.Series(np.where(own, 0.0, np.maximum(shape, 0.0)), links.index, name="weight"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSummary:
    """What a graph looks like, isolates and components named.

    Parameters
    ----------
    n_areas, n_links : int
        Links are counted once in each direction.
    mean_neighbours : float
    min_neighbours, max_neighbours : int
    isolates : tuple of str
        Areas without neighbours: no local statistic exists for them.
    components : tuple of tuple of str
        Areas that can reach each other, the largest component first; isolates are components of
        one.
    """

    n_areas: int
    n_links: int
    mean_neighbours: float
    min_neighbours: int
    max_neighbours: int
    isolates: tuple[str, ...]
    components: tuple[tuple[str, ...], ...]

    def to_frame(self) -> pd.DataFrame:
        """One row of counts."""
        return pd.DataFrame(
            [
                {
                    "n_areas": self.n_areas,
                    "n_links": self.n_links,
                    "mean_neighbours": self.mean_neighbours,
                    "min_neighbours": self.min_neighbours,
                    "max_neighbours": self.max_neighbours,
                    "n_isolates": len(self.isolates),
                    "n_components": len(self.components),
                }
            ]
        )

    def __str__(self) -> str:
        shown = ", ".join(self.isolates[:5]) + (", …" if len(self.isolates) > 5 else "")
        isolates = f" ({shown})" if self.isolates else ""
        return (
            f"{self.n_areas:,} areas, {self.mean_neighbours:.1f} neighbours on average "
            f"({self.min_neighbours} to {self.max_neighbours}); "
            f"{len(self.components)} components, {len(self.isolates)} isolates{isolates}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"


def describe_graph(graph: Graph) -> GraphSummary:
    """Count links, isolates and components.

    Examples
    --------
    >>> chain = Graph.from_arrays(["A", "B", "C"], ["B", "A", "C"], [1, 1, 0])
    >>> print(describe_graph(chain))
    3 areas, 0.7 neighbours on average (0 to 1); 2 components, 1 isolates (C)
    """
    links = sparse.csr_array(graph.sparse).astype(np.float64)
    links.setdiag(0.0)
    links.eliminate_zeros()
    degree = np.diff(links.indptr)
    labels = np.array([str(label) for label in graph.unique_ids], dtype=object)
    _, part = sparse.csgraph.connected_components(links, directed=False)
    members = [tuple(labels[part == c].tolist()) for c in np.unique(part)]
    return GraphSummary(
        n_areas=len(labels),
        n_links=int(links.nnz),
        mean_neighbours=float(degree.mean()),
        min_neighbours=int(degree.min()),
        max_neighbours=int(degree.max()),
        isolates=tuple(labels[degree == 0].tolist()),
        components=tuple(sorted(members, key=lambda ids: (-len(ids), ids[0]))),
    )


def rings(graph: Graph, sites: Mapping[str, Iterable[object]], *, orders: int = 2) -> pd.DataFrame:
    """Steps from the nearest site: 0 inside, 1 beside it, up to ``orders``.

    Parameters
    ----------
    graph : Graph
        Direction of links is ignored.
    sites : mapping of str to area ids
        The areas of each site.
    orders : int
        How many rings.

    Returns
    -------
    DataFrame indexed by area, in the order of the graph
        ``ring`` (nullable integer; NA beyond the last ring), ``site`` (None beyond), ``contested``
        (True where two sites are equally near; ``site`` is then the first by name).

    Raises
    ------
    InputError
        If ids are unknown to the graph or belong to two sites.

    Examples
    --------
    >>> chain = Graph.from_arrays(["A", "B", "B", "C", "C", "D"], ["B", "A", "C", "B", "D", "C"],
    ...                           [1] * 6)
    >>> rings(chain, {"site": ["A"]}, orders=2)["ring"].tolist()
    [0, 1, 2, <NA>]
    """
    if orders < 1:
        raise InputError(Problem(where="argument 'orders'", what=f"must be at least 1: {orders}"))
    ids = [str(label) for label in graph.unique_ids]
    place = {label: i for i, label in enumerate(ids)}
    chosen = {name: [str(label) for label in members] for name, members in sorted(sites.items())}
    _check_sites(chosen, place)
    links = sparse.csr_array(graph.sparse) != 0
    links = (links + links.T).astype(np.int64)
    inside = np.zeros((len(ids), len(chosen)), dtype=bool)
    for column, members in enumerate(chosen.values()):
        inside[[place[label] for label in members], column] = True
    ring = np.full(len(ids), -1)
    nearest = np.full(len(ids), -1)
    contested = np.zeros(len(ids), dtype=bool)
    reached = inside
    for step in range(orders + 1):
        new = (ring < 0) & reached.any(axis=1)
        ring[new] = step
        nearest[new] = reached[new].argmax(axis=1)
        contested[new] = reached[new].sum(axis=1) > 1
        reached = reached | ((links @ reached.astype(np.int64)) > 0)
    names = np.array([*chosen, None], dtype=object)
    return pd.DataFrame(
        {
            "ring": pd.array(ring, dtype="Int64"),
            "site": names[nearest],
            "contested": contested,
        },
        index=pd.Index(ids, name="area", dtype=object),
    ).assign(ring=lambda table: table["ring"].mask(table["ring"] < 0))


def _check_sites(chosen: Mapping[str, list[str]], place: Mapping[str, int]) -> None:
    members = [label for ids in chosen.values() for label in ids]
    problems = []
    unknown = [label for label in members if label not in place]
    if unknown:
        problems.append(
            Problem(where="sites", what="hold areas that the graph lacks", examples=unknown)
        )
    shared = sorted({label for label in members if members.count(label) > 1})
    if shared:
        problems.append(
            Problem(
                where="sites",
                what="share areas",
                examples=shared,
                advice="Give every area one site.",
            )
        )
    if problems:
        raise InputError(*problems)


def _named(areas: gpd.GeoDataFrame, *, polygons: bool) -> gpd.GeoDataFrame:
    if not isinstance(areas, gpd.GeoDataFrame):
        raise InputError(
            Problem(
                where="argument 'areas'",
                what=f"must be a GeoDataFrame, not {type(areas).__name__}",
                advice="Use read_areas(path, id_column=…).",
            )
        )
    named = areas.set_axis(pd.Index([str(label) for label in areas.index], name="area"))
    problems: list[Problem] = []
    repeated = list(named.index[named.index.duplicated()].unique())
    if repeated:
        problems.append(
            Problem(
                where="areas",
                what="ids occur twice",
                examples=repeated,
                advice="Dissolve the parts, or set the index to the area id.",
            )
        )
    blank = (named.geometry.isna() | named.geometry.is_empty).to_numpy()
    if blank.any():
        problems.append(
            Problem(where="areas", what="have no geometry", examples=list(named.index[blank]))
        )
    kinds = named.geometry.geom_type.isin(["Polygon", "MultiPolygon"]).to_numpy()
    if polygons and (~kinds & ~blank).any():
        problems.append(
            Problem(
                where="areas", what="are not polygons", examples=list(named.index[~kinds & ~blank])
            )
        )
    if len(named) < 2:
        problems.append(
            Problem(where="areas", what=f"a graph needs at least two, not {len(named)}")
        )
    if problems:
        raise InputError(*problems)
    return named


def _centroids(areas: gpd.GeoDataFrame) -> Any:
    named = _named(areas, polygons=False)
    if named.crs is not None and named.crs.is_geographic:
        raise InputError(
            Problem(
                where="areas",
                what=f"have coordinates in degrees ({named.crs.to_string()}), not metres",
                advice="Use areas.to_crs(27700) for Great Britain.",
            )
        )
    points = named.geometry.centroid
    same = pd.Series(list(zip(points.x, points.y, strict=True)), index=named.index).duplicated(
        keep=False
    )
    if same.any():
        raise InputError(
            Problem(
                where="areas",
                what="share one centroid",
                examples=list(named.index[same.to_numpy()]),
            )
        )
    return points


def _check_positive(argument: str, metres: float) -> None:
    if not metres > 0:
        raise InputError(
            Problem(where=f"argument '{argument}'", what=f"must be above 0 metres, not {metres}")
        )
