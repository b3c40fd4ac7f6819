"""Errors of averages of ATT(g, t) learnt from what never-treated areas do by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.cells import Base, Control, controls_of, plans_of
from hotspot_eval.did.kernels import project
from hotspot_eval.did.noise import enough_controls, learnt_inference
from hotspot_eval.did.sample import Sample
from hotspot_eval.did.sums import learn_sums

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
        group, lead, of_cells = self._of_cells(weights)
        used = self.sample.used
        return learn_sums(
            self.sample,
            self.residual,
            used,
            group=group,
            weights=of_cells,
            shape=used[lead].astype(np.float64),
            scale=np.ones(len(used)),
        )

    def _of_cells(self, weights: Float) -> tuple[NDArray[np.intp], NDArray[np.intp], Float]:
        """Areas of a cohort observed alike, one of each, and the weight of its cells (M, G, t)."""
        sample = self.sample
        key = np.column_stack([np.where(sample.treated, sample.first, -1), sample.used])
        _, lead, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
        group = group.ravel()
        number = np.bincount(group).astype(np.float64)
        used, first, treated = sample.used[lead], sample.first[lead], sample.treated[lead]
        of_cells = np.zeros((weights.shape[1], *used.shape))
        for c, plan in enumerate(plans_of(sample, self.base, self.anticipation)):
            both = used[:, plan.now] & used[:, plan.before]
            own = both & treated & (first == plan.cohort)
            others = both & controls_of(sample, plan, self.control, self.anticipation)[lead]
            if plan.now == plan.before or not (own.any() and others.any() and weights[c].any()):
                continue
            pull = own / number[own].sum() - others / number[others].sum()
            of_cells[:, :, plan.now] += weights[c][:, None] * pull
            of_cells[:, :, plan.before] -= weights[c][:, None] * pull
        return group, lead, of_cells
