"""Imputation: fit what would have been on untreated cells, compare with what was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import (
    FITTED,
    SCALE,
    Told,
    controls_fitted,
    impossible,
    no_effect,
    sample_counts,
)
from hotspot_eval.did.batch import estimate_many
from hotspot_eval.did.counterfactual import Counterfactual, impute
from hotspot_eval.did.covariates import Covariates, CovariatesLike, standardised
from hotspot_eval.did.kernels import Residuals
from hotspot_eval.did.model import Model
from hotspot_eval.did.noise import Learnt, enough_controls, learn, learnt_inference
from hotspot_eval.did.sample import Sample, attenuated, lay
from hotspot_eval.did.twoway import ClusterBy, PeriodEffects, clusters
from hotspot_eval.errors import check_choice, check_level
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect, Fit, TreatedCells

__all__ = ["Imputation", "imputation"]

Float = NDArray[np.float64]
Errors = Literal["learnt", "cluster_robust"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputation:
    """Imputation estimator of Borusyak, Jaravel and Spiess, Poisson or linear.

    Parameters
    ----------
    model : {"poisson", "linear"}
    cluster : {"area", "cluster"}
        What cluster-robust errors are clustered by.
    errors : {"learnt", "cluster_robust"}
        ``learnt``: what treated areas do by chance is learnt from controls, as in
        :class:`~hotspot_eval.did.PoissonDid`; cluster-robust where there are fewer than two
        controls or ``cluster="cluster"``.
    ci_level : float
    period_effects, covariates
        As in :class:`~hotspot_eval.did.PoissonDid`. Treated cells to which untreated areas of their
        period (and cluster, and covariates) say nothing are left out and counted.

    Notes
    -----
    Area and period effects are fitted on untreated cells alone and carried over to the treated
    ones. Poisson: δ solves Σ y = Σ μ̂·exp(δ·share) over treated cells, the log of observed over
    expected events. Linear: δ = Σ(y − ŷ)/Σ share. No treated cell serves as a control for another,
    so starts that differ do no harm. With one start it equals the two-way estimate. Treated areas
    without any event before keep their place, with nothing expected: leaving them out would select
    on the past. Treated areas none of whose treated periods is observed stay for their untreated
    cells. Cells after the start in which treatment is off, and treated cells that no chain of
    untreated ones links to their area's past (in periods without untreated events, and else), are
    left out and counted.

    Assumes parallel trends in ratio (linear: in number) in every period, and no anticipation.
    Cluster-robust residuals of treated cells are taken from the overall effect, the coarsest
    average that the paper allows: conservative where effects differ; factor C/(C − 1), t with
    C − 1.

    References
    ----------
    Borusyak, Jaravel & Spiess (2024), https://doi.org/10.1093/restud/rdae007

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 10, 10, 6, 30, 31, 15, 16]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> fit = Imputation()(panel, Design(treated=["A", "B"], start="2022-02"))
    >>> round(fit.effect.as_irr().value, 4), round(fit.effect.crimes_prevented().value, 2)
    (0.5106, 15.33)
    """

    model: Model = "poisson"
    cluster: ClusterBy = "area"
    errors: Errors = "learnt"
    ci_level: float = 0.95
    period_effects: PeriodEffects = "common"
    covariates: CovariatesLike | None = None

    def __post_init__(self) -> None:
        check_level("ci_level", self.ci_level)
        if self.covariates is not None:
            object.__setattr__(self, "covariates", Covariates.of(self.covariates))
        check_choice("period_effects", self.period_effects, get_args(PeriodEffects))
        check_choice("model", self.model, get_args(Model))
        check_choice("cluster", self.cluster, get_args(ClusterBy))
        check_choice("errors", self.errors, get_args(Errors))

    def __call__(self, panel: Panel, design: Design) -> Fit:
        """Estimate, with the effects by time since the start in ``fit.event_study()``."""
        sample = self._lay(panel, design)
        told = Told(
            estimand="average effect of full treatment on the treated cells",
            scale=SCALE[self.model],
            method=f"imputation, {self.model}",
            inference=f"cluster-robust by {self.cluster}",
            ci_level=self.ci_level,
        )
        if sample.reason:
            return impossible(sample, sample.reason, told, terms=("treatment",))
        made = self._impute(sample)
        if isinstance(made, str):
            return impossible(sample, made, told, terms=("treatment",))
        return self._fit(sample, made, told)

    def many(self, panel: Panel, designs: Sequence[Design]) -> Float:
        """Estimates alone, shape (len(designs),); NaN where a design has none."""

        def one(design: Design) -> float:
            sample = self._lay(panel, design)
            made = "no" if sample.reason else self._impute(sample, by_event=False)
            return float("nan") if isinstance(made, str) else float(made.estimate[0])

        return estimate_many(
            panel,
            designs,
            model=self.model,
            imputed=True,
            plain=self.period_effects == "common" and self.covariates is None,
            one=one,
        )

    def _lay(self, panel: Panel, design: Design) -> Sample:
        return lay(
            panel,
            design,
            counts=self.model == "poisson",
            by_cluster=self.period_effects == "cluster",
            drop_off=True,
            unobserved="control",
        )

    def _impute(self, sample: Sample, *, by_event: bool = True) -> Counterfactual | str:
        return impute(
            sample,
            self.model,
            by_event=by_event,
            strata=sample.cluster if self.period_effects == "cluster" else None,
            covariates=standardised(self.covariates, sample.areas),
        )

    def _fit(self, sample: Sample, made: Counterfactual, told: Told) -> Fit:
        cluster = clusters(sample, self.cluster)
        strata = sample.cluster if self.period_effects == "cluster" else None
        identity = np.eye(len(made.estimate))
        covariates = standardised(self.covariates, sample.areas)
        learnt = None
        enough = enough_controls(sample, strata, covariates)
        if self.errors == "learnt" and cluster is None and enough:
            learnt = learn(
                sample,
                group=made.group,
                tilde=made.tilde,
                shape=made.shape,
                bread=identity,
                scores=made.scores,
                residual=Residuals.of((sample.y - made.fitted)[~sample.treated]),
                level=made.level,
                scale=made.scale,
                strata=strata,
                covariates=covariates,
                metric=np.diag(identity[0]),
                untreated_mean=made.untreated_mean,
                past=made.past,
            )
            told = replace(told, inference=learnt_inference(shared=learnt.shared is not None))
        covariance, count = _covariance(made.scores, cluster, learnt)
        parts = [
            self._effect(sample, made, p, told, covariance, learnt, cluster, count)
            for p in range(len(made.estimate))
        ]
        effects = told.effects(
            made.labels[:1], made.estimate[:1], covariance[:1, :1], tuple(parts[:1])
        )
        event = replace(
            told, estimand="effect on treated areas by periods since the start"
        ).effects(made.labels[1:], made.estimate[1:], covariance[1:, 1:], tuple(parts[1:]))
        return Fit(
            terms=made.labels,
            coefficients=made.estimate,
            covariance=covariance,
            influence=made.scores,
            areas=sample.areas,
            periods=sample.periods,
            response=np.where(sample.used, sample.y, np.nan),
            fitted_from=partial(np.asarray, made.fitted),
            treatment=np.where(sample.used, sample.treatment, np.nan),
            ledger=made.ledger,
            effect=parts[0],
            effects=effects,
            event=event,
        )

    def _effect(
        self,
        sample: Sample,
        made: Counterfactual,
        p: int,
        told: Told,
        covariance: Float,
        learnt: Learnt | None,
        cluster: NDArray[np.intp] | None,
        count: int,
    ) -> Effect:
        counts = sample_counts(sample, cluster)
        told = told if p == 0 else told.of(f"event time {made.labels[p]}")
        if np.isnan(made.estimate[p]):
            return no_effect(told, (made.reasons[p],), counts)
        cells = _cells(sample, made, p)
        error = float(np.sqrt(covariance[p, p]))
        df = float(count - 1) if learnt is None else learnt.df(np.eye(len(covariance))[p])
        notes: tuple[str, ...] = ()
        treated = int(sample.treated.sum())
        if cluster is not None:
            treated = len(np.unique(cluster[sample.treated]))
        if learnt is None and controls_fitted(sample, cluster, made.scores):
            error = df = float("nan")
            notes = (FITTED,)
        elif learnt is None and treated < 2:
            error = df = float("nan")
            notes = ("one treated cluster: no cluster-robust standard error",)
        elif learnt is None and treated < 10:
            notes = (f"only {treated} treated clusters: the standard error is too small",)
        elif treated < 2:
            notes = ("one treated area: its noise is taken to be that of controls of like level",)
        if learnt is not None:
            notes = (*notes, *learnt.notes)
        if p == 0:
            notes = (*notes, *attenuated(sample))
        return told.effect(
            float(made.estimate[p]), error, df=df, treated_cells=cells, notes=notes, **counts
        )


def imputation(
    panel: Panel,
    design: Design,
    *,
    model: Model = "poisson",
    cluster: ClusterBy = "area",
    errors: Errors = "learnt",
    ci_level: float = 0.95,
    period_effects: PeriodEffects = "common",
    covariates: CovariatesLike | None = None,
) -> Fit:
    """Imputation estimate; see :class:`Imputation` for the equation and the options."""
    estimator = Imputation(
        model=model,
        cluster=cluster,
        errors=errors,
        ci_level=ci_level,
        period_effects=period_effects,
        covariates=covariates,
    )
    return estimator(panel, design)


def _covariance(
    scores: Float, cluster: NDArray[np.intp] | None, learnt: Learnt | None
) -> tuple[Float, int]:
    sums = scores
    if cluster is not None:
        sums = np.zeros((int(cluster.max()) + 1, scores.shape[1]))
        np.add.at(sums, cluster, scores)
    if learnt is not None:
        return learnt.covariance(), len(sums)
    return sums.T @ sums * len(sums) / max(len(sums) - 1, 1), len(sums)


def _cells(sample: Sample, made: Counterfactual, p: int) -> tuple[TreatedCells, ...]:
    on = made.cells[p]
    shares, where = np.unique(sample.treatment.ravel()[on], return_inverse=True)
    events = np.bincount(where, sample.y.ravel()[on], minlength=len(shares))
    cells = np.bincount(where, minlength=len(shares))
    return tuple(
        TreatedCells(share=float(s), cells=int(c), events=float(e))
        for s, c, e in zip(shares, cells, events, strict=True)
    )
