"""Arrays in, arrays out: what every estimator stands on."""

from hotspot_eval.did.kernels.collapse import Collapsed, collapse
from hotspot_eval.did.kernels.connected import attainable, parts_of, without_single
from hotspot_eval.did.kernels.imputed import impute_paths
from hotspot_eval.did.kernels.learnt import Noise, learnt_noise
from hotspot_eval.did.kernels.mutual import Fading, Mutual, fading, in_steps, mutual_shocks
from hotspot_eval.did.kernels.paths import PathSums, PathTables, sum_paths
from hotspot_eval.did.kernels.ppml import PoissonSolution, solve_poisson
from hotspot_eval.did.kernels.rowwise import Residuals, spread_rows
from hotspot_eval.did.kernels.sandwich import Correction, Sandwich, sandwich
from hotspot_eval.did.kernels.saturated import Rows, Saturated, Table, solve_saturated
from hotspot_eval.did.kernels.shared import SharedShocks, added_covariance, floored, shared_shocks
from hotspot_eval.did.kernels.simplex import simplex_weights
from hotspot_eval.did.kernels.small import solve_paths
from hotspot_eval.did.kernels.within import balance, inverse_system, loadings_of, project

__all__ = [
    "Collapsed",
    "Correction",
    "Fading",
    "Mutual",
    "Noise",
    "PathSums",
    "PathTables",
    "PoissonSolution",
    "Residuals",
    "Rows",
    "Sandwich",
    "Saturated",
    "SharedShocks",
    "Table",
    "added_covariance",
    "attainable",
    "balance",
    "collapse",
    "fading",
    "floored",
    "impute_paths",
    "in_steps",
    "inverse_system",
    "learnt_noise",
    "loadings_of",
    "mutual_shocks",
    "parts_of",
    "project",
    "sandwich",
    "shared_shocks",
    "simplex_weights",
    "solve_paths",
    "solve_poisson",
    "solve_saturated",
    "spread_rows",
    "sum_paths",
    "without_single",
]
