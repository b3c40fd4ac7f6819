"""Learnt errors of weighted sums of cells: what the same weights do to controls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import Residuals
from hotspot_eval.did.kernels.scores import scores_of
from hotspot_eval.did.noise import learn
from hotspot_eval.did.sample import Sample

__all__ = ["learn_sums"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


def learn_sums(
    sample: Sample,
    residual: Float,
    used: Bool,
    *,
    group: NDArray[np.intp],
    weights: Float,
    shape: Float,
    scale: Float,
    level: Float | None = None,
    covariates: Float | None = None,
    untreated_mean: Float | None = None,
) -> tuple[Float, Float, tuple[str, ...]]:
    """Covariance (M, M), degrees of freedom (M,) and remarks for Σ w_mgt y_it, the last overall.

    Parameters
    ----------
    residual : ndarray, shape (n, t)
        Of never-treated areas from what is expected of them.
    used : ndarray of bool, shape (n, t)
    group : ndarray of int, shape (n,)
        Areas that share weights.
    weights : ndarray, shape (M, G, t)
        Of a cell of each group; a sum in which none weighs has no error.
    shape, scale, level, covariates, untreated_mean
        As in :func:`~hotspot_eval.did.noise.learn`. The size of a placebo score is measured by the
        last sum.
    """
    size = len(weights)
    covariance, df = np.full((size, size), np.nan), np.full(size, np.nan)
    some = np.flatnonzero(weights.any(axis=(1, 2)))
    if not len(some):
        return covariance, df, ()
    unit = np.eye(len(some))
    weights = weights[some]
    learnt = learn(
        sample,
        group=group,
        tilde=weights,
        shape=shape,
        bread=unit,
        scores=scores_of(residual, group, weights),
        residual=Residuals.of(np.where(used, residual, np.nan)[~sample.treated]),
        level=level,
        scale=scale,
        covariates=covariates,
        metric=np.diag(unit[-1]),
        untreated_mean=untreated_mean,
    )
    covariance[np.ix_(some, some)] = learnt.covariance()
    df[some] = [learnt.df(contrast) for contrast in unit]
    return covariance, df, learnt.notes
