"""Errors of averages of cells learnt from what controls do by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.cells import Cells
from hotspot_eval.did.etwfe.cells import Means, means_of
from hotspot_eval.did.etwfe.layout import Layout
from hotspot_eval.did.kernels import Saturated
from hotspot_eval.did.model import Model
from hotspot_eval.did.noise import enough_controls, learnt_inference, levels
from hotspot_eval.did.sample import Sample
from hotspot_eval.did.sums import learn_sums

__all__ = ["LearntCells"]

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearntCells:
    """What :func:`~hotspot_eval.did.noise.learn` needs for any average of the cells.

    Parameters
    ----------
    sample : Sample
    layout : Layout
    fitted : ndarray, shape (n, t)
    known : ndarray, shape (n, t)
        What the noise of each cell grows with; 0 where not used.
    untreated_mean : ndarray, shape (n,), optional
        What noise grows with in a linear model of what is never negative: the mean of each area
        without treatment.
    pull : tuple of ndarray, one a cohort and one for the never-treated, shape (t·M, C)
        What one event more in a cell adds to each effect, by loading.
    model : {"poisson", "linear"}

    Notes
    -----
    Areas are taken as they are: that their levels differ is no noise. With cohort effects every
    area still has a level of its own, which goes by the board where the areas of a cohort share
    their periods. On the response scale an event more in a treated cell adds 1/members to the
    cell's effect, beside what it does through the parameters, and the error is about the events
    that there would have been without treatment: shocks that treatment has cut down have cut the
    effect too. Where treatment raised events the noise is that of the raised number.
    """

    sample: Sample
    layout: Layout
    fitted: Float
    known: Float
    untreated_mean: Float | None
    pull: tuple[Float, ...]
    model: Model

    @property
    def name(self) -> str:
        """Where the error comes from, in words."""
        return learnt_inference(shared=self.sample.cluster is not None)

    @classmethod
    def of_solution(
        cls,
        sample: Sample,
        layout: Layout,
        solution: Saturated,
        cells: Cells,
        gradient: Float,
        model: Model,
        *,
        response: bool,
    ) -> LearntCells | None:
        """For effects with these gradients, shape (P, C); None without controls to learn from."""
        x = layout.loadings[:, 1:]
        if not enough_controls(sample, None, x if x.shape[1] else None):
            return None
        solved = solution.pull(gradient)[0]
        pull = [slots @ solved for slots in solution.slots]
        means = means_of(sample, layout, solution, model, "area")
        known = means.fitted
        if response:
            _add_own(pull, sample, layout, cells)
            known = _untreated(sample, layout, means)
        return cls(
            sample=sample,
            layout=layout,
            fitted=means.fitted,
            known=np.where(layout.used, known, 0.0),
            untreated_mean=_untreated_mean(sample, layout, means) if model == "linear" else None,
            pull=tuple(pull),
            model=model,
        )

    def of(self, weights: Float) -> tuple[Float, Float, tuple[str, ...]]:
        """Covariance (M, M), degrees of freedom (M,) and remarks for weights (C, M)."""
        group, lead, of_cells = self._of_cells([pull @ weights for pull in self.pull])
        used, known, poisson = self.layout.used, self.known, self.model == "poisson"
        shape, scale = used[lead].astype(np.float64), np.ones(len(used))
        if poisson:
            scale = known.sum(axis=1)
            total = np.zeros(shape.shape)
            np.add.at(total, group, known)
            shape = total / np.maximum(total.sum(axis=1, keepdims=True), 1e-300)
            # own totals are fitted exactly, so a constant in a row's pull is nothing of its own
            own = np.einsum("pgt,gt->pg", of_cells, shape)
            of_cells = np.where(used[lead], of_cells - own[:, :, None], 0.0)
        x = self.layout.loadings[:, 1:]
        return learn_sums(
            self.sample,
            np.where(used, self.sample.y - self.fitted, 0.0),
            used,
            group=group,
            weights=of_cells,
            shape=shape,
            scale=scale,
            level=known if poisson else None,
            covariates=x if x.shape[1] else None,
            untreated_mean=self.untreated_mean,
        )

    def _of_cells(self, pulls: list[Float]) -> tuple[NDArray[np.intp], NDArray[np.intp], Float]:
        """Areas that share cohort, covariates and cells, one of each, and their pull (M, G, t)."""
        layout = self.layout
        keys = np.column_stack([layout.code, layout.loadings, layout.used])
        if self.model == "poisson" and self.sample.base is not None:
            base = np.where(layout.used, self.sample.base, 0.0)
            profile = base / np.maximum(base.sum(axis=1, keepdims=True), 1e-300)
            keys = np.column_stack([keys, np.round(profile, 12)])
        _, lead, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        t, m = layout.used.shape[1], layout.loadings.shape[1]
        of_cells = np.zeros((pulls[0].shape[1], len(lead), t))
        for place, i in enumerate(lead):
            own = pulls[layout.code[i]].reshape(t, m, -1)
            of_cells[:, place] = np.einsum("tmp,m->pt", own, layout.loadings[i])
        return group.ravel(), lead, np.where(layout.used[lead], of_cells, 0.0)


def _untreated_mean(sample: Sample, layout: Layout, means: Means) -> Float | None:
    if (sample.y[layout.used] < 0).any():
        return None
    expected = means.without.sum(axis=1, where=layout.used)
    return levels(expected / np.maximum(layout.used.sum(axis=1), 1))


def _add_own(pull: list[Float], sample: Sample, layout: Layout, cells: Cells) -> None:
    """One over the members of each cell, to the loading that is 1 for every area."""
    size = layout.loadings.shape[1]
    code = np.searchsorted(layout.cohorts, cells.cohort)
    place = np.searchsorted(sample.when, cells.period)
    for c in np.flatnonzero(~cells.is_base & np.isfinite(cells.att)):
        members = (layout.code == code[c]) & sample.used[:, place[c]]
        pull[code[c]][place[c] * size, c] += 1.0 / members.sum()


def _untreated(sample: Sample, layout: Layout, means: Means) -> Float:
    """Expected events without treatment, times the cohort's rate ratio where that is above 1."""
    known = means.without.copy()
    for g, start in enumerate(layout.cohorts):
        cells = layout.used & (layout.code == g)[:, None] & (sample.when >= start)
        expected = float(means.without[cells].sum())
        if expected > 0:
            known[cells] *= max(1.0, float(means.fitted[cells].sum()) / expected)
    return known
