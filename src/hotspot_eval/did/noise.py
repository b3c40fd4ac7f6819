"""The default error: what treated areas do by chance, learnt from untreated ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.beforehand import Areas, Past, Together, share_before
from hotspot_eval.did.kernels import (
    Noise,
    Residuals,
    SharedShocks,
    added_covariance,
    floored,
    learnt_noise,
    shared_shocks,
)
from hotspot_eval.did.sample import Sample

__all__ = ["Learnt", "enough_controls", "learn", "learnt_inference", "levels"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Strata = NDArray[np.intp] | None
_NOTHING = 1e-9
_LEAST_LIVE = 3
NOT_SHARED = (
    "shocks that treated areas of a cluster have in common are left out of the error: fewer than "
    "two clusters hold two controls to learn them from"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """Covariance of K coefficients learnt from untreated areas.

    Parameters
    ----------
    own : ndarray, shape (K, K)
        From noise of single areas.
    own_df : float
        Degrees of freedom of ``own``.
    shared : ndarray, shape (K, K), optional
        From shocks that areas of one cluster have in common.
    whole : ndarray, shape (K, K), optional
        What ``shared`` is learnt from, own noise included.
    n_clusters : float
        Clusters of equal weight that ``shared`` is learnt from.
    together : ndarray, shape (K, K), optional
        From shocks that treated areas have in common besides, told from their own past.
    relative_variance : float
        Variance over its square of the variance behind ``together``.
    notes : tuple of str
        What the error leaves out.
    """

    own: Float
    own_df: float
    shared: Float | None = None
    whole: Float | None = None
    n_clusters: float = 0.0
    together: Float | None = None
    relative_variance: float = 0.0
    notes: tuple[str, ...] = ()

    def covariance(self) -> Float:
        """Sum of the parts."""
        whole = self.own
        for part in (self.shared, self.together):
            whole = whole if part is None else whole + part
        return whole

    def df(self, contrast: Float) -> float:
        """Degrees of freedom of a contrast.

        Notes
        -----
        Satterthwaite, 2V²/Var V: the own part has Var 2·own²/df; the shared part is learnt from
        whole clusters, own noise included, so that its Var is 2·whole²/(clusters − 1); that of what
        the treated share besides is known from its posterior. The shared part is a difference of
        two such variances, for which the formula can fall below 1 where clusters are few: one
        degree of freedom is the least, or that of the own part.
        """
        own = float(contrast @ self.own @ contrast)
        total = float(contrast @ self.covariance() @ contrast)
        spread = own**2 / self.own_df if self.own_df > 0 else float("nan")
        if self.whole is not None:
            whole = float(contrast @ self.whole @ contrast)
            spread += whole**2 / max(self.n_clusters - 1.0, 1.0)
        if self.together is not None:
            spread += float(contrast @ self.together @ contrast) ** 2 * self.relative_variance / 2.0
        if not spread > 0:
            return float("nan")
        return max(total**2 / spread, min(1.0, self.own_df))


def learnt_inference(*, shared: bool) -> str:
    """Where a learnt error comes from, in words: ``shared`` where clusters are part of it."""
    together = ", and shocks shared within clusters," if shared else ""
    return f"noise of single areas{together} learnt from controls (Ferman–Pinto), t"


def enough_controls(
    sample: Sample,
    strata: NDArray[np.intp] | None = None,
    covariates: Float | None = None,
) -> bool:
    """Whether period effects leave something of the controls: two that share them, at the least."""
    untreated = ~sample.treated
    labels = np.zeros(int(untreated.sum()), dtype=np.intp) if strata is None else strata[untreated]
    taken = len(np.unique(labels))
    if covariates is not None:
        indicator = (labels[:, None] == np.unique(labels)).astype(np.float64)
        taken = int(np.linalg.matrix_rank(np.hstack([indicator, covariates[untreated]])))
    return len(labels) > taken


def learn(
    sample: Sample,
    *,
    group: NDArray[np.intp],
    tilde: Float,
    shape: Float,
    bread: Float,
    scores: Float,
    residual: Residuals,
    level: Float | None,
    scale: Float,
    strata: NDArray[np.intp] | None = None,
    covariates: Float | None = None,
    metric: Float | None = None,
    untreated_mean: Float | None = None,
    past: Past | None = None,
    by_event: bool = False,
) -> Learnt:
    """Own noise and shared shocks behind P coefficients; needs :func:`enough_controls`.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
    tilde, shape : ndarray, shape (P, G, T) and (G, T)
        What one event more in a cell adds to the score, and how a group's level spreads over
        cells.
    bread : ndarray, shape (P, P)
        Turns scores into coefficients.
    scores : ndarray, shape (n, P)
    residual : Residuals
        Of the m untreated areas.
    level : ndarray, shape (n, T), optional
        What a unit shock does to each cell; 1 by default.
    scale : ndarray, shape (n,)
        Weight of each area in the period effects, and its level.
    strata : ndarray of int, shape (n,), optional
        Clusters with period effects of their own, which absorb what their areas have in common.
    covariates : ndarray, shape (n, K), optional
        With a coefficient in every period.
    metric : ndarray, shape (P, P), optional
        What the size of a placebo score is measured by; ``bread`` by default.
    untreated_mean : ndarray, shape (n,), optional
        What noise and shocks of an area grow with where that is not ``scale``: in linear models of
        counts the mean without treatment. Their size c₀ + c₁A + c₂A² is then brought from the
        levels of controls to those of treated areas.
    past : Past, optional
        What the groups did without treatment, for what treated areas share besides.
    by_event : bool
        The coefficients are of event times. What clusters share is then taken to be stationary, and
        ``past`` is used only where clusters tell nothing.

    Notes
    -----
    A treated area spreads its level over cells otherwise than a control, since treatment moved it.
    A placebo residual is brought to the treated shape by the ratio of the two for shocks, whose
    size goes with the mean, and by its root for counting noise, whose variance does.

    With strata few controls carry the period effects of each, so that squares of their own scores
    tell little: the scores of all areas of strata in which treatment varies are judged like those
    of treated areas, by the noise of all controls at their level.

    With a coefficient for each event time the shared covariance acts through a matrix as large as
    the number of periods. Its error is held up by :func:`floored` in each of as many directions,
    the lowest of which are picked by chance: averaged over equal lags it has little to hold up.
    Shocks told from the past of treated areas are left out, since effects before the start are that
    past: the error would grow with the very deviation that it judges.
    """
    untreated = ~sample.treated
    judged = sample.treated if strata is None else _pulling(tilde)[group]
    groups = np.unique(group[judged])
    number = np.bincount(group[judged], minlength=tilde.shape[1])[groups].astype(float)
    metric = bread if metric is None else metric
    ratio = _ratio(shape, group, untreated, strata)[groups]
    pulls = tilde[:, groups]
    if untreated_mean is not None and not _tell_levels(
        untreated_mean[untreated], strata, covariates
    ):
        untreated_mean = None
    size = scale if untreated_mean is None else untreated_mean
    control_size, w = size[untreated], None if untreated_mean is None else scale[untreated]
    stratum = np.zeros(len(control_size), dtype=np.intp) if strata is None else strata[untreated]
    beside = None if covariates is None else covariates[untreated]

    def noise(turn: Float) -> Noise:
        placebo = residual.along(pulls * turn)
        return learnt_noise(
            placebo, control_size, number, metric, stratum=stratum, covariates=beside, w=w
        )

    shocks = noise(ratio)
    counting = noise(np.sqrt(ratio)) if (ratio != 1.0).any() else shocks
    a = size[judged]
    meat = _judged(np.searchsorted(groups, group[judged]), a, counting, shocks)
    if strata is None:
        meat += scores[untreated].T @ scores[untreated] / shocks.kept(control_size)
    alone = Learnt(own=bread @ meat @ bread, own_df=shocks.df(a))
    if strata is not None:
        return alone
    found = None
    if sample.cluster is not None:
        flat = _flat(shocks, number, metric)
        when = sample.when if by_event else None
        found = _in_clusters(sample, residual, level, shocks, control_size, flat, w, when)
    pull = np.einsum("pgt,gt->gtp", tilde, shape)
    areas = Areas(group=group, weight=scale, size=size)
    if past is not None and not (by_event and found is not None):
        told = share_before(
            sample, areas, past, residual, found, pull=pull, meat=meat, metric=metric
        )
        alone = _with_together(alone, told, bread)
    return _with_shared(alone, sample, areas, found, pull, bread)


def levels(mean: Float) -> Float | None:
    """Means of areas as what noise grows with: rounding errors are 0; None where all are."""
    highest = float(mean.max(initial=0.0))
    if not highest > 0:
        return None
    known: Float = np.where(mean > _NOTHING * highest, mean, 0.0)
    return known


def _tell_levels(
    control_size: Float, strata: NDArray[np.intp] | None, covariates: Float | None
) -> bool:
    """Whether enough controls have a level at all; of strata and covariates all must."""
    live = int((control_size > 0).sum())
    return live == len(control_size) or (
        strata is None and covariates is None and live >= _LEAST_LIVE
    )


def _pulling(tilde: Float) -> Bool:
    """Groups whose areas move some coefficient, shape (G,)."""
    reach = np.abs(tilde).max(axis=(0, 2), initial=0.0)
    return np.asarray(reach > _NOTHING * reach.max(initial=0.0))


def _judged(of_group: NDArray[np.intp], level: Float, counting: Noise, shocks: Noise) -> Float:
    """Variance of the scores of areas that are judged by others, each at its own level, summed."""
    size = len(shocks.blocks)
    counted = np.bincount(of_group, counting.of(level) - counting.shaken(level), size)
    shaken = np.bincount(of_group, shocks.shaken(level), size)
    meat: Float = np.einsum("g,gpq->pq", counted, counting.blocks)
    meat += np.einsum("g,gpq->pq", shaken, shocks.blocks)
    return meat


def _with_together(alone: Learnt, told: Together | str | None, bread: Float) -> Learnt:
    if told is None:
        return alone
    if isinstance(told, str):
        return replace(alone, notes=(*alone.notes, told))
    added = floored(alone.own, bread @ told.covariance @ bread, np.zeros_like(bread))
    return replace(alone, together=added, relative_variance=told.relative_variance)


def _in_clusters(
    sample: Sample,
    residual: Residuals,
    level: Float | None,
    shocks: Noise,
    control_size: Float,
    scores: Float,
    w: Float | None,
    when: NDArray[np.intp] | None,
) -> SharedShocks | None:
    if sample.cluster is None:
        return None
    apart, absent = residual.dense()
    reach = control_size[:, None] if level is None else level[~sample.treated]
    return shared_shocks(
        apart,
        np.where(absent, 0.0, reach),
        sample.cluster[~sample.treated],
        level=control_size,
        own=shocks.of(control_size),
        scores=scores,
        w=w,
        when=when,
    )


def _with_shared(
    alone: Learnt,
    sample: Sample,
    areas: Areas,
    found: SharedShocks | None,
    pull: Float,
    bread: Float,
) -> Learnt:
    if found is None or sample.cluster is None:
        return replace(alone, notes=(NOT_SHARED,)) if _gathered(sample) else alone
    cells = np.zeros((int(sample.cluster.max()) + 1, len(pull)))
    np.add.at(cells, (sample.cluster, areas.group), areas.size)
    squares = np.bincount(areas.group, areas.size**2, len(pull)).astype(np.float64)
    added, whole = (
        added_covariance(kernel, pull, cells=cells, squares=squares, bread=bread)
        for kernel in (found.kernel, found.whole)
    )
    error = whole * np.sqrt(2.0 / max(found.n_clusters - 1.0, 1.0))
    return replace(
        alone,
        shared=floored(alone.own, added, error),
        whole=whole,
        n_clusters=found.n_clusters,
    )


def _gathered(sample: Sample) -> bool:
    """Whether two treated areas lie in one cluster."""
    return sample.cluster is not None and bool(
        np.bincount(sample.cluster[sample.treated]).max(initial=0) > 1
    )


def _flat(noise: Noise, number: Float, metric: Float) -> Float:
    """Placebo scores (m, G·P) whose squares sum to their sizes."""
    values, vectors = np.linalg.eigh(metric)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    turned = np.sqrt(number)[:, None, None] * (noise.placebo @ root)
    flat: Float = turned.transpose(1, 0, 2).reshape(turned.shape[1], -1)
    return flat


def _ratio(shape: Float, group: NDArray[np.intp], untreated: Bool, strata: Strata) -> Float:
    """Shape of each group over that of most untreated areas; 1 where either is absent.

    Shapes of different strata differ by their period effects, which are estimated: within a stratum
    these cancel, and what treatment did is left. A stratum without untreated areas is held against
    all.
    """
    count = np.bincount(group[untreated], minlength=len(shape))
    usual = np.tile(shape[int(count.argmax())], (len(shape), 1))
    if strata is not None:
        stratum = strata[np.unique(group, return_index=True)[1]]
        for label in np.unique(stratum):
            here = np.flatnonzero(stratum == label)
            lead = here[int(count[here].argmax())]
            if count[lead]:
                usual[here] = shape[lead]
    known = (usual > 0) & (shape > 0)
    ratio: Float = np.divide(shape, usual, out=np.ones_like(shape), where=known)
    return ratio
