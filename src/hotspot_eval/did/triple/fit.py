"""A regression on the share of one type, with area and period effects."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import Correction, Residuals, project, sandwich
from hotspot_eval.did.kernels.independent import independent_columns
from hotspot_eval.did.kernels.logit import LogitSolution, solve_corrected_logit, solve_logit
from hotspot_eval.did.model import Model, Regression, regress
from hotspot_eval.did.noise import Learnt, enough_controls, learn
from hotspot_eval.did.sample import Sample
from hotspot_eval.did.triple.cells import Types

__all__ = ["SmallCounts", "fit_shares", "fit_types", "varying"]

Float = NDArray[np.float64]
Int = NDArray[np.intp]
SmallCounts = Literal["corrected", "plain"]


def varying(types: Types, columns: Float) -> Int:
    """Columns that vary apart from area and period effects and the columns before them.

    Both types must have an event in the cells of each: the caller drops the others.
    """
    weight = types.sample.used.astype(np.float64)
    tilde = project(weight, columns)[0]
    squares = (columns**2).sum(axis=(1, 2))
    gram = np.einsum("pnt,qnt->pq", tilde, tilde)
    return independent_columns(gram, squares, np.flatnonzero(squares > 0).tolist())


def fit_types(
    types: Types,
    columns: Float,
    kept: Int,
    *,
    model: Model,
    small_counts: SmallCounts,
    cluster: Int | None,
    correction: Correction,
    by_event: bool = False,
) -> tuple[Sample, Regression]:
    """What is fitted, and the fit: the difference of the two types, or the share of one."""
    if model == "linear":
        sample = types.difference
        made = regress(
            sample,
            columns,
            model=model,
            cluster=cluster,
            correction=correction,
            by_event=by_event,
        )
        return sample, made
    return types.sample, fit_shares(
        types,
        columns,
        kept,
        small_counts=small_counts,
        cluster=cluster,
        correction=correction,
        by_event=by_event,
    )


def fit_shares(
    types: Types,
    columns: Float,
    kept: Int,
    *,
    small_counts: SmallCounts,
    cluster: Int | None,
    correction: Correction,
    by_event: bool = False,
) -> Regression:
    """Fit ``columns[kept]``, shape (P, n, t); the other coefficients are NaN."""
    sample = types.sample
    solve = solve_corrected_logit if small_counts == "corrected" else solve_logit
    solved = solve(sample.y, types.total, sample.used, columns[kept])
    beta = np.full(len(columns), np.nan)
    beta[kept] = solved.beta
    separated = np.zeros(len(columns), dtype=bool)
    fitted = partial(_where, sample.used, solved.mean)
    if np.isnan(solved.beta).any():
        return Regression(
            beta=beta,
            kept=kept,
            sandwich=None,
            fitted=fitted,
            separated=separated,
        )
    tilde, n = solved.residualised, len(sample.areas)
    residual = np.where(sample.used, sample.y - solved.mean, 0.0)
    scores = np.einsum("pnt,nt->np", tilde, residual)
    robust = sandwich(
        scores,
        np.einsum("pnt,nt,qnt->npq", tilde, solved.weight, tilde, optimize=True),
        group=np.arange(n),
        scale=np.ones(n),
        cluster=cluster,
        correction=correction,
        n_cells=2 * int(sample.used.sum()),
        n_parameters=len(kept) + 2 * len(sample.periods),
    )
    learnt = None
    if correction == "learnt" and cluster is None and enough_controls(sample):
        learnt = _learn(types, solved, columns[kept], robust.bread, scores, residual, by_event)
    return Regression(
        beta=beta,
        kept=kept,
        sandwich=robust,
        fitted=fitted,
        separated=separated,
        learnt=learnt,
    )


def _where(used: NDArray[np.bool_], mean: Float) -> Float:
    return np.where(used, mean, np.nan)


def _learn(
    types: Types,
    solved: LogitSolution,
    columns: Float,
    bread: Float,
    scores: Float,
    residual: Float,
    by_event: bool,
) -> Learnt:
    """Noise of areas treated alike, with the weights of their sum: single cells are too thin."""
    sample = types.sample
    group = np.where(sample.treated, types.path + 1, 0)
    group = np.unique(group, return_inverse=True)[1]
    weight = np.zeros((int(group.max()) + 1, sample.y.shape[1]))
    np.add.at(weight, group, solved.weight)
    together = np.zeros((len(columns), *weight.shape))
    for column, summed in zip(columns, together, strict=True):
        np.add.at(summed, group, solved.weight * column)
    mean = np.divide(together, weight, out=np.zeros_like(together), where=weight > 0)
    return learn(
        sample,
        group=group,
        tilde=project(weight, mean)[0],
        shape=weight / weight.sum(axis=1, keepdims=True),
        bread=bread,
        scores=scores,
        residual=Residuals.of(np.where(sample.used, residual, np.nan)[~sample.treated]),
        level=solved.weight,
        scale=solved.weight.sum(axis=1),
        by_event=by_event,
    )
