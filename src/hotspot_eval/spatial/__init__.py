"""Where crime clusters: graphs, global and local statistics, hot spots over time, concentration."""

from hotspot_eval.spatial.autocorrelation import (
    bivariate_moran,
    differential_moran,
    empirical_bayes_moran,
    geary,
    getis_ord_g,
    moran,
)
from hotspot_eval.spatial.graphs import (
    Contiguity,
    GraphSummary,
    Kernel,
    contiguity,
    describe_graph,
    distance_band,
    kernel_graph,
    nearest_neighbours,
    rings,
)
from hotspot_eval.spatial.local import local_g, local_geary, local_moran
from hotspot_eval.spatial.local_result import LocalStatistic, Method
from hotspot_eval.spatial.permuted import GlobalStatistic

__all__ = [
    "Contiguity",
    "GlobalStatistic",
    "GraphSummary",
    "Kernel",
    "LocalStatistic",
    "Method",
    "bivariate_moran",
    "contiguity",
    "describe_graph",
    "differential_moran",
    "distance_band",
    "empirical_bayes_moran",
    "geary",
    "getis_ord_g",
    "kernel_graph",
    "local_g",
    "local_geary",
    "local_moran",
    "moran",
    "nearest_neighbours",
    "rings",
]
