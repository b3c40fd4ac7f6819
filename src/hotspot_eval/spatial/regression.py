"""Moran's I of the residuals of one least-squares regression, by formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from libpysal.graph import Graph
from numpy.typing import ArrayLike

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.significance import Alternative, normal_or_t_p_value
from hotspot_eval.spatial.aligned import align, read_graph

__all__ = ["RegressionMoran", "regression_moran"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionMoran:
    """Moran's I of least-squares residuals, with mean and variance by formula.

    Parameters
    ----------
    statistic, expected, z, p_value : float
    alternative : {"two-sided", "less", "greater"}
    """

    statistic: float
    expected: float
    z: float
    p_value: float
    alternative: Alternative


def regression_moran(
    y: ArrayLike | pd.Series,
    x: ArrayLike | pd.DataFrame,
    graph: Graph,
    *,
    alternative: Alternative = "two-sided",
) -> RegressionMoran:
    """Moran's I of the residuals of y on x and a constant, for one cross-section.

    Parameters
    ----------
    y : array_like or Series, shape (N,)
    x : array_like or DataFrame, shape (N,) or (N, P)
        Regressors without the constant.
    graph : libpysal.graph.Graph
        Rows are standardised.
    alternative : {"two-sided", "greater", "less"}

    Notes
    -----
    With M = I − X(X'X)⁻¹X', K = P + 1: E I = N·tr(MW)/(S₀(N − K)) and
    Var I = (N/S₀)²·[tr(MWMW') + tr((MW)²) + tr(MW)²]/((N − K)(N − K + 2)) − (E I)², normal errors.

    References
    ----------
    Cliff & Ord (1981), Spatial Processes, p. 203
    """
    links = read_graph(graph)
    response = align(y, links).array[:, 0].astype(np.float64)
    design = align(x, links, name="x").array.astype(np.float64)
    design = np.column_stack([np.ones(links.n), design])
    n, k = design.shape
    if np.linalg.matrix_rank(design) < k or n <= k:
        raise InputError(
            Problem(where="argument 'x'", what="has columns that depend on each other")
        )
    weights = links.weighted("row")
    maker = np.eye(n) - design @ np.linalg.solve(design.T @ design, design.T)
    errors = maker @ response
    s0 = float(weights.sum())
    statistic = n / s0 * float(errors @ (weights @ errors)) / float(errors @ errors)
    forward = maker @ weights.toarray()
    backward = maker @ weights.toarray().T
    trace = float(np.trace(forward))
    expected = n * trace / (s0 * (n - k))
    squares = float(np.sum(forward * backward.T)) + float(np.sum(forward * forward.T)) + trace**2
    variance = (n / s0) ** 2 * squares / ((n - k) * (n - k + 2)) - expected**2
    z = (statistic - expected) / float(np.sqrt(variance))
    return RegressionMoran(
        statistic=statistic,
        expected=expected,
        z=z,
        p_value=normal_or_t_p_value(z, alternative=alternative),
        alternative=alternative,
    )
