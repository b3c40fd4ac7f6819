"""Errors of estimates that are weighted sums of the cells of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import Residuals, project
from hotspot_eval.did.kernels.scores import scores_of
from hotspot_eval.did.noise import Learnt, enough_controls, learn
from hotspot_eval.did.sample import Sample

__all__ = ["Errors", "Noise", "noise_of"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int = NDArray[np.intp]
Errors = Literal["learnt", "influence"]
_FEW = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Covariance of P weighted sums.

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


def noise_of(
    sample: Sample,
    used: Bool,
    *,
    group: Int,
    tilde: Float,
    strata: Float,
    moved: Bool,
    errors: Errors,
    cluster: Int | None,
) -> Noise:
    """Covariance of Σ tilde·y over cells.

    Parameters
    ----------
    used : ndarray of bool, shape (n, t)
    group : ndarray of int, shape (n,)
        Areas that share weights.
    tilde : ndarray, shape (P, G, t)
        Weight of a cell of each group.
    strata : ndarray, shape (n,)
        Areas that are compared with each other.
    moved : ndarray of bool, shape (n,)
        Areas whose treatment changes.
    cluster : ndarray of int, shape (n,), or None

    Notes
    -----
    Given who switches when, the estimate is linear in the counts. ``influence``: the score of an
    area is Σ tilde·(y − mean of its group), × √(m/(m − 1)) for m members; the covariance is the sum
    of its cross products within clusters, t with the clusters that switch − 1. ``learnt``: the
    scores that never-treated areas would have in the switchers' place.
    """
    own, calm = _residuals(sample, used, strata, group)
    scores = scores_of(own, group, tilde)
    codes = np.arange(len(group)) if cluster is None else cluster
    count = len(np.unique(codes[moved]))
    size = len(tilde)
    if errors == "learnt" and cluster is None and enough_controls(sample):
        quiet = scores_of(calm, group, tilde)
        learnt = _learn(sample, used, group, tilde, quiet, calm)
        together = "" if learnt.shared is None else ", and shocks shared within clusters,"
        return Noise(
            covariance=learnt.covariance(),
            influence=scores,
            df=tuple(learnt.df(unit) for unit in np.eye(size)),
            inference=f"noise of single areas{together} learnt from controls (Ferman–Pinto), t",
            notes=("one area switches: its noise is taken to be that of controls",)
            if count == 1
            else (),
        )
    words = "deviations from areas that switch together, clustered by "
    words += "area" if cluster is None else "cluster"
    if count < 2:
        lost = np.full((size, size), np.nan)
        reason = "one cluster switches: no standard error" if count else ""
        return Noise(
            covariance=lost,
            influence=scores,
            df=(float("nan"),) * size,
            inference=words,
            notes=(reason,) if reason else (),
        )
    sums = np.zeros((int(codes.max()) + 1, size))
    np.add.at(sums, codes, scores)
    few = f"only {count} clusters switch: the standard error is too small"
    return Noise(
        covariance=sums.T @ sums,
        influence=scores,
        df=(float(count - 1),) * size,
        inference=words,
        notes=(few,) if count < _FEW else (),
    )


def _learn(
    sample: Sample, used: Bool, group: Int, tilde: Float, scores: Float, calm: Float
) -> Learnt:
    lead = np.unique(group, return_index=True)[1]
    return learn(
        sample,
        group=group,
        tilde=tilde,
        shape=used[lead].astype(np.float64),
        bread=np.eye(len(tilde)),
        scores=scores,
        residual=Residuals.of(np.where(used, calm, np.nan)[~sample.treated]),
        level=None,
        scale=np.ones(len(group)),
    )


def _residuals(sample: Sample, used: Bool, strata: Float, group: Int) -> tuple[Float, Float]:
    """Deviations of areas from what their like do, and of never-treated ones, shape (n, t).

    An area alone in its group deviates from area and period effects of its stratum; never-treated
    ones from area and period effects of their own.
    """
    y = np.where(used, sample.y, 0.0)
    apart = np.zeros_like(y)
    for value in np.unique(strata):
        rows = strata == value
        apart[rows] = project(used[rows].astype(np.float64), y[rows][None])[0][0]
    size = np.bincount(group)
    sums = np.zeros((len(size), y.shape[1]))
    np.add.at(sums, group, y)
    members = size[group][:, None]
    factor = np.sqrt(members / np.maximum(members - 1, 1))
    own = np.where(members > 1, (y - (sums / size[:, None])[group]) * factor, apart)
    calm = ~sample.treated
    untreated = np.zeros_like(y)
    if calm.any():
        untreated[calm] = project(used[calm].astype(np.float64), y[calm][None])[0][0]
    return np.where(used, own, 0.0), untreated
