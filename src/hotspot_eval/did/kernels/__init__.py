"""Arrays in, arrays out: what every estimator stands on."""

from hotspot_eval.did.kernels.collapse import Collapsed, collapse
from hotspot_eval.did.kernels.learnt import learnt_variance
from hotspot_eval.did.kernels.ppml import PoissonSolution, solve_poisson
from hotspot_eval.did.kernels.rowwise import Residuals, spread_rows
from hotspot_eval.did.kernels.sandwich import Correction, Sandwich, sandwich
from hotspot_eval.did.kernels.saturated import Rows, Saturated, Table, solve_saturated
from hotspot_eval.did.kernels.shared import floored, shared_covariance, shock_kernel
from hotspot_eval.did.kernels.simplex import simplex_weights
from hotspot_eval.did.kernels.within import balance, inverse_system, loadings_of, project

__all__ = [
    "Collapsed",
    "Correction",
    "PoissonSolution",
    "Residuals",
    "Rows",
    "Sandwich",
    "Saturated",
    "Table",
    "balance",
    "collapse",
    "floored",
    "inverse_system",
    "learnt_variance",
    "loadings_of",
    "project",
    "sandwich",
    "shared_covariance",
    "shock_kernel",
    "simplex_weights",
    "solve_poisson",
    "solve_saturated",
    "spread_rows",
]
