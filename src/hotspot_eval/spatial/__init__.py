"""Where crime clusters: graphs, global and local statistics, hot spots over time, concentration."""

from hotspot_eval.spatial.autocorrelation import (
    bivariate_moran,
    differential_moran,
    empirical_bayes_moran,
    geary,
    getis_ord_g,
    moran,
)
from hotspot_eval.spatial.concentration import (
    Concentration,
    Gini,
    concentration,
    generalised_gini,
)
from hotspot_eval.spatial.emerging import Comparison, EmergingHotSpots, emerging_hotspots
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
from hotspot_eval.spatial.near_repeat import NearRepeat, near_repeat
from hotspot_eval.spatial.permuted import GlobalStatistic
from hotspot_eval.spatial.regression import RegressionMoran, regression_moran
from hotspot_eval.spatial.residuals import (
    DeclaredError,
    ResidualMoran,
    residual_moran,
)
from hotspot_eval.spatial.trend import Trend, mann_kendall

__all__ = [
    "Comparison",
    "Concentration",
    "Contiguity",
    "DeclaredError",
    "EmergingHotSpots",
    "Gini",
    "GlobalStatistic",
    "GraphSummary",
    "Kernel",
    "LocalStatistic",
    "Method",
    "NearRepeat",
    "RegressionMoran",
    "ResidualMoran",
    "Trend",
    "bivariate_moran",
    "concentration",
    "contiguity",
    "describe_graph",
    "differential_moran",
    "distance_band",
    "emerging_hotspots",
    "empirical_bayes_moran",
    "geary",
    "generalised_gini",
    "getis_ord_g",
    "kernel_graph",
    "local_g",
    "local_geary",
    "local_moran",
    "mann_kendall",
    "moran",
    "near_repeat",
    "nearest_neighbours",
    "regression_moran",
    "residual_moran",
    "rings",
]
