"""Errors of averages of ATT(g, t) learnt from what never-treated areas do by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.cells import Base, Control, controls_of, plans_of
from hotspot_eval.did.kernels import Residuals, project
from hotspot_eval.did.kernels.scores import scores_of
from hotspot_eval.did.noise import enough_controls, learn, learnt_inference
from hotspot_eval.did.sample import Sample

__all__ = ["LearntMeans"]

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearntMeans:
    """Differences of means are weighted sums of cells: what would the same weights do to controls?

    Parameters
    ----------
    sample : Sample
    control : {"never", "not_yet"}
    base : {"universal", "varying"}
    anticipation : int
    residual : ndarray, shape (n, t)
        Of never-treated areas from area and period effects of their own.
    """

    sample: Sample
    control: Control
    base: Base
    anticipation: int
    residual: Float

    @classmethod
    def of_sample(
        cls, sample: Sample, *, control: Control, base: Base, anticipation: int
    ) -> LearntMeans | None:
        """None without two never-treated areas."""
        if not enough_controls(sample):
            return None
        untreated, residual = ~sample.treated, np.zeros(sample.y.shape)
        used = sample.used[untreated].astype(np.float64)
        residual[untreated] = project(used, sample.y[untreated][None])[0][0]
        return cls(
            sample=sample, control=control, base=base, anticipation=anticipation, residual=residual
        )

    @property
    def name(self) -> str:
        """Where the error comes from, in words."""
        return learnt_inference(shared=self.sample.cluster is not None)

    def of(self, weights: Float) -> tuple[Float, Float, tuple[str, ...]]:
        """Covariance (M, M), degrees of freedom (M,) and remarks for weights (C, M)."""
        size = weights.shape[1]
        covariance, df = np.full((size, size), np.nan), np.full(size, np.nan)
        group, lead, tilde = self._tilde(weights)
        live = np.flatnonzero(tilde.any(axis=(1, 2)))
        if not len(live):
            return covariance, df, ()
        tilde, used = tilde[live], self.sample.used
        metric = np.zeros((len(live), len(live)))
        metric[-1, -1] = 1.0
        made = learn(
            self.sample,
            group=group,
            tilde=tilde,
            shape=used[lead].astype(np.float64),
            bread=np.eye(len(live)),
            scores=scores_of(self.residual, group, tilde),
            residual=Residuals.of(np.where(used, self.residual, np.nan)[~self.sample.treated]),
            level=None,
            scale=np.ones(len(used)),
            metric=metric,
        )
        covariance[np.ix_(live, live)] = made.covariance()
        df[live] = [made.df(unit) for unit in np.eye(len(live))]
        return covariance, df, made.notes

    def _tilde(self, weights: Float) -> tuple[NDArray[np.intp], NDArray[np.intp], Float]:
        """Areas of a cohort observed alike, one of each, and the weight of its cells (M, G, t)."""
        sample = self.sample
        key = np.column_stack([np.where(sample.treated, sample.first, -1), sample.used])
        _, lead, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
        group = group.ravel()
        number = np.bincount(group).astype(np.float64)
        used, first, treated = sample.used[lead], sample.first[lead], sample.treated[lead]
        tilde = np.zeros((weights.shape[1], *used.shape))
        for c, plan in enumerate(plans_of(sample, self.base, self.anticipation)):
            both = used[:, plan.now] & used[:, plan.before]
            own = both & treated & (first == plan.cohort)
            others = both & controls_of(sample, plan, self.control, self.anticipation)[lead]
            if plan.now == plan.before or not (own.any() and others.any() and weights[c].any()):
                continue
            pull = own / number[own].sum() - others / number[others].sum()
            tilde[:, :, plan.now] += weights[c][:, None] * pull
            tilde[:, :, plan.before] -= weights[c][:, None] * pull
        return group, lead, tilde
