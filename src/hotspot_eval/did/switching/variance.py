"""Errors of estimates that are weighted sums of the cells of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import Residuals, project
from hotspot_eval.did.kernels.scores import scores_of
from hotspot_eval.did.noise import Learnt, enough_controls, learn, learnt_inference
from hotspot_eval.did.sample import Sample

__all__ = ["Errors", "Variance", "variance_of"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int = NDArray[np.intp]
Errors = Literal["learnt", "influence"]
_FEW = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variance:
    """Covariance of P weighted sums of cells.

    Parameters
    ----------
    covariance : ndarray, shape (P, P)
    influence : ndarray, shape (n, P)
    df : tuple of float, length P
    inference : str
        In words.
    notes : tuple of str
    """

    covariance: Float
    influence: Float
    df: tuple[float, ...]
    inference: str
    notes: tuple[str, ...]


def variance_of(
    sample: Sample,
    used: Bool,
    *,
    group: Int,
    weights: Float,
    strata: Float,
    switchers: Bool,
    errors: Errors,
    cluster: Int | None,
) -> Variance:
    """Covariance of Σ w_pgt y_it over cells, g the group of area i.

    Parameters
    ----------
    used : ndarray of bool, shape (n, t)
    group : ndarray of int, shape (n,)
        Areas that share weights.
    weights : ndarray, shape (P, G, t)
        w, of a cell of each group.
    strata : ndarray, shape (n,)
        Areas that are compared with each other.
    switchers : ndarray of bool, shape (n,)
        Areas whose treatment changes.
    cluster : ndarray of int, shape (n,), or None

    Notes
    -----
    Given who switches when, the estimate is linear in the counts. ``influence``: area i of a group
    in m clusters (areas, unless clustered) scores ψ_i = Σ_t w_gt (y_it − ȳ_gt)·√(m/(m − 1)); the
    covariance is the sum of cross products of ψ summed within clusters, t with the clusters that
    switch − 1. ``learnt``: the
    scores that never-treated areas would have in the switchers' place, as in
    :func:`~hotspot_eval.did.noise.learn`.

    References
    ----------
    de Chaisemartin & D'Haultfœuille (2024), https://doi.org/10.1162/rest_a_01414, on deviations
    within areas that switch together; Ferman & Pinto (2019), https://doi.org/10.1162/rest_a_00759
    """
    codes = np.arange(len(group)) if cluster is None else cluster
    deviation, untreated = _residuals(sample, used, strata, group, codes)
    scores = scores_of(deviation, group, weights)
    count = len(np.unique(codes[switchers]))
    size = len(weights)
    if errors == "learnt" and cluster is None and enough_controls(sample):
        learnt = _learn(sample, used, group, weights, untreated)
        return Variance(
            covariance=learnt.covariance(),
            influence=scores,
            df=tuple(learnt.df(unit) for unit in np.eye(size)),
            inference=learnt_inference(shared=learnt.shared is not None),
            notes=("one area switches: its noise is taken to be that of controls",)
            if count == 1
            else (),
        )
    words = "deviations from areas that switch together, clustered by "
    words += "area" if cluster is None else "cluster"
    if count < 2:
        lost = np.full((size, size), np.nan)
        reason = "one cluster switches: no standard error" if count else ""
        return Variance(
            covariance=lost,
            influence=scores,
            df=(float("nan"),) * size,
            inference=words,
            notes=(reason,) if reason else (),
        )
    sums = np.zeros((int(codes.max()) + 1, size))
    np.add.at(sums, codes, scores)
    few = f"only {count} clusters switch: the standard error is too small"
    return Variance(
        covariance=sums.T @ sums,
        influence=scores,
        df=(float(count - 1),) * size,
        inference=words,
        notes=(few,) if count < _FEW else (),
    )


def _learn(sample: Sample, used: Bool, group: Int, weights: Float, untreated: Float) -> Learnt:
    lead = np.unique(group, return_index=True)[1]
    return learn(
        sample,
        group=group,
        tilde=weights,
        shape=used[lead].astype(np.float64),
        bread=np.eye(len(weights)),
        scores=scores_of(untreated, group, weights),
        residual=Residuals.of(np.where(used, untreated, np.nan)[~sample.treated]),
        level=None,
        scale=np.ones(len(group)),
    )


def _residuals(
    sample: Sample, used: Bool, strata: Float, group: Int, codes: Int
) -> tuple[Float, Float]:
    """Deviations of areas from what their like do, and of never-treated ones, shape (n, t).

    A group inside one cluster deviates from area and period effects of its stratum: deviations
    from its own mean would cancel in the cluster's sum. Never-treated areas deviate from area and
    period effects of their own.
    """
    y = np.where(used, sample.y, 0.0)
    within = np.zeros_like(y)
    for value in np.unique(strata):
        rows = strata == value
        within[rows] = project(used[rows].astype(np.float64), y[rows][None])[0][0]
    size = np.bincount(group)
    sums = np.zeros((len(size), y.shape[1]))
    np.add.at(sums, group, y)
    held = np.unique(np.column_stack([group, codes]), axis=0)[:, 0]
    clusters = np.bincount(held, minlength=len(size))[group][:, None]
    factor = np.sqrt(clusters / np.maximum(clusters - 1, 1))
    deviation = np.where(clusters > 1, (y - (sums / size[:, None])[group]) * factor, within)
    never = ~sample.treated
    untreated = np.zeros_like(y)
    if never.any():
        untreated[never] = project(used[never].astype(np.float64), y[never][None])[0][0]
    return np.where(used, deviation, 0.0), untreated
