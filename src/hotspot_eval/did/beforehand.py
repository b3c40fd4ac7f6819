"""What treated areas share, told from their own periods before treatment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import (
    Fading,
    Residuals,
    SharedShocks,
    fading,
    in_steps,
    mutual_shocks,
)
from hotspot_eval.did.sample import Sample

__all__ = ["Areas", "Past", "Together", "share_before"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
_LEAST_PERIODS = 12
_LEAST_CONTROLS = 10
_MOST_CONTROLS = 250
_MOST_STEPS = 48
_ALONE = 1e-4
_MOST_SHARED = 4.0
_NOTHING_WITHOUT_LABELS = 1.0 / 3.0
_NOTHING_WITH_LABELS = 3.0 / 4.0
TOO_SHORT = (
    f"shocks that treated areas have in common are left out of the error: {_LEAST_PERIODS} periods "
    f"without gaps before treatment are needed to tell them, and {_LEAST_CONTROLS} controls"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """What the areas of each of G groups do, and would do, without treatment.

    Parameters
    ----------
    residual : ndarray, shape (G, T)
        Observed less expected, summed over the areas; of cells before treatment alone it is used.
    shape : ndarray, shape (G, T)
        How an area's level spreads over cells, 0 where absent.
    """

    residual: Float
    shape: Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Areas:
    """Group (n,) of each area, its weight in the period effects, and what its shocks grow with."""

    group: NDArray[np.intp]
    weight: Float
    size: Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Together:
    """Covariance of P scores from shocks that treated areas share, for those of mean variance.

    Parameters
    ----------
    covariance : ndarray, shape (P, P)
    relative_variance : float
        Variance of that variance over its square.
    """

    covariance: Float
    relative_variance: float


def share_before(
    sample: Sample,
    areas: Areas,
    past: Past,
    residual: Residuals,
    found: SharedShocks | None,
    *,
    pull: Float,
    meat: Float,
    metric: Float,
) -> Together | str | None:
    """Shocks of treated areas in different clusters (of all where clusters tell nothing).

    Parameters
    ----------
    residual : Residuals
        Of the m untreated areas.
    found : SharedShocks, optional
        What areas of one cluster share, which is left to it.
    pull : ndarray, shape (G, T, P)
        What a unit shock to each cell of a group's area of level 1 adds to the scores.
    metric
        As in :func:`hotspot_eval.did.noise.learn`.
    meat : ndarray, shape (P, P)
        Covariance of the scores without.

    Returns
    -------
    Together, str or None
        Why it cannot be told, as a string; None where there is nothing to tell.

    Notes
    -----
    Shocks of the treated areas' sum beyond those of controls are taken to be stationary, and to
    fade as those of single control areas do. So their variance ψ alone is open, and the residuals
    of the sum in the periods before any of these areas was treated tell it, whatever brought the
    areas together: see :func:`~hotspot_eval.did.kernels.mutual_shocks`. What is known of the sum
    is noise of single areas and of the controls' mean, as controls have it at these levels, and
    what clusters share.
    """
    treated = sample.treated
    labels = sample.cluster if found is not None else None
    if int(treated.sum()) < 2:
        return None
    window = _window(sample, areas, past)
    chosen = _whole_controls(residual)
    if window is None or len(chosen) < _LEAST_CONTROLS:
        return TOO_SHORT if labels is None else None
    end, rows = window
    step = -(-end // _MOST_STEPS)
    noise = _fading(residual, areas, past, chosen, ~treated, step)
    kernel = noise.kernel(sample.y.shape[1])
    scores = _scores(sample, areas, labels, pull, kernel)
    each, joint = float(np.sum(metric * meat)), float(np.sum(metric * scores))
    if not joint * noise.shock > _ALONE * each:
        return None
    clusters = 0.0
    if found is not None:
        clusters = max(float(np.sum(found.kernel * kernel) / np.sum(kernel**2)), 0.0)
    level = in_steps(_level(areas, past, rows, end), step)
    made = _moments(areas, noise, rows, ~treated, labels, clusters, level, step)
    mutual = mutual_shocks(
        in_steps(_total(areas, past, rows, treated, end), step),
        *made,
        unit=each / joint,
        most=_MOST_SHARED * noise.shock,
        nothing=_NOTHING_WITHOUT_LABELS if labels is None else _NOTHING_WITH_LABELS,
    )
    if not mutual.mean > 0:
        return None
    return Together(
        covariance=scores * mutual.mean, relative_variance=mutual.variance / mutual.mean**2
    )


def _window(sample: Sample, areas: Areas, past: Past) -> tuple[int, NDArray[np.intp]] | None:
    """Periods before any of some treated areas starts, and these: as many of both as can be."""
    rows = np.flatnonzero(sample.treated)
    group = areas.group[rows]
    first = np.searchsorted(sample.when, sample.first[rows])
    best, window = 0, None
    for end in np.unique(first[first >= _LEAST_PERIODS]):
        whole: Bool = np.asarray((past.shape[:, :end] > 0).all(axis=1))
        able = rows[(first >= end) & whole[group]]
        if len(able) > 1 and end * len(able) > best:
            best, window = int(end) * len(able), (int(end), able)
    return window


def _whole_controls(residual: Residuals) -> NDArray[np.intp]:
    """Some controls with every period, as evenly spaced in the panel as can be."""
    every: Bool = np.asarray(residual.used.all(axis=1))
    whole = np.flatnonzero(every[residual.group])
    return whole[:: -(-len(whole) // _MOST_CONTROLS) or 1]


def _fading(
    residual: Residuals,
    areas: Areas,
    past: Past,
    chosen: NDArray[np.intp],
    untreated: Bool,
    step: int,
) -> Fading:
    rows = np.flatnonzero(untreated)[chosen]
    live = areas.size[rows] > 0
    rows, chosen = rows[live], chosen[live]
    some = replace(
        residual,
        rows=residual.rows[chosen],
        group=residual.group[chosen],
        amount=residual.amount[chosen],
    )
    reach = areas.size[rows][:, None] * past.shape[areas.group[rows]]
    return fading(in_steps(some.dense()[0], step), in_steps(reach, step), step)


def _scores(
    sample: Sample, areas: Areas, labels: NDArray[np.intp] | None, pull: Float, kernel: Float
) -> Float:
    """Covariance (P, P) of scores for shared shocks of variance 1."""
    rows = np.flatnonzero(sample.treated)
    group, size, count = areas.group[rows], areas.size[rows], len(pull)
    every = np.bincount(group, size, count)
    whole = np.tensordot(every, pull, axes=1)[None]
    if labels is None:
        apart = pull * np.sqrt(np.bincount(group, size**2, count))[:, None, None]
    else:
        cells = np.zeros((int(labels.max()) + 1, count))
        np.add.at(cells, (labels[rows], group), size)
        apart = np.tensordot(cells, pull, axes=1)
    return _quadratic(whole, kernel) - _quadratic(apart, kernel)


def _quadratic(pulls: Float, kernel: Float) -> Float:
    """Σ_c pull_c′ kernel pull_c over pulls of shape (C, T, P)."""
    form: Float = np.tensordot(pulls, np.matmul(kernel, pulls), axes=((0, 1), (0, 1)))
    return (form + form.T) / 2.0


def _level(areas: Areas, past: Past, rows: NDArray[np.intp], end: int) -> Float:
    """Mean of some areas in each period, per unit of size."""
    weight = np.bincount(areas.group[rows], areas.size[rows], len(past.shape))
    level: Float = weight @ past.shape[:, :end] / weight.sum()
    return level


def _total(areas: Areas, past: Past, rows: NDArray[np.intp], treated: Bool, end: int) -> Float:
    """Residual of the sum of treated areas against all controls, less each group's mean."""
    shape, residual = past.shape[:, :end], past.residual[:, :end]
    control = np.ones(len(shape), dtype=bool)
    control[areas.group[treated]] = False
    weight = np.bincount(areas.group, areas.weight, len(shape))
    level = weight[control] @ shape[control]
    drift = residual[control].sum(axis=0) / np.where(level > 0, level, np.inf)
    total = np.zeros(end)
    for g in np.unique(areas.group[rows]):
        against = residual[g] - weight[g] * shape[g] * drift
        total += against - shape[g] * (against.sum() / shape[g].sum())
    return total


def _moments(
    areas: Areas,
    noise: Fading,
    rows: NDArray[np.intp],
    untreated: Bool,
    labels: NDArray[np.intp] | None,
    clusters: float,
    level: Float,
    step: int,
) -> tuple[Float, Float]:
    """Covariance of the sum as it is known, and from shared shocks of variance 1."""
    size, of_controls = areas.size[rows], areas.size[untreated]
    far = (areas.weight[rows].sum() / areas.weight[untreated].sum()) ** 2
    squares = float(size @ size)
    both = squares if labels is None else float((np.bincount(labels[rows], size) ** 2).sum())
    single = squares + far * float(of_controls @ of_controls)
    fades = np.outer(level, level) * noise.kernel(len(level), step)
    plain = noise.counting * (size.sum() + far * of_controls.sum()) * level
    plain += noise.white * single * level**2
    own = np.diag(plain) + (noise.shock * single + clusters * (both - squares)) * fades
    joint = (float(size.sum()) ** 2 - both) * fades
    mean = level / level.sum()
    return _centred(own, mean), _centred(joint, mean)


def _centred(covariance: Float, mean: Float) -> Float:
    """Q covariance Q′ with Q = I − mean·1′."""
    across = covariance.sum(axis=1)
    centred: Float = covariance - np.outer(across, mean) - np.outer(mean, across)
    centred += across.sum() * np.outer(mean, mean)
    return centred
