"""A regression on several columns of treatment, as a Fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design, check_study
from hotspot_eval.did.assemble import (
    SCALE,
    Told,
    effect_of,
    fit_of,
    full_covariance,
    impossible,
    inference_name,
)
from hotspot_eval.did.covariates import CovariatesLike, standardised
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model, regress
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.did.twoway import ClusterBy, LinearDid, PeriodEffects, PoissonDid, clusters
from hotspot_eval.errors import check_choice
from hotspot_eval.panel import Panel
from hotspot_eval.results import Fit, TreatedCells

__all__ = ["Options", "fit_columns"]

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Options:
    """What regressions of this room share, as in :class:`~hotspot_eval.did.PoissonDid`."""

    model: Model
    cluster: ClusterBy
    period_effects: PeriodEffects
    covariates: CovariatesLike | None
    correction: Correction
    ci_level: float

    def __post_init__(self) -> None:
        check_choice("model", self.model, get_args(Model))
        self.two_way()

    def two_way(self) -> PoissonDid | LinearDid:
        """The estimator of one column, treatment itself, with the same options."""
        return (PoissonDid if self.model == "poisson" else LinearDid)(
            cluster=self.cluster,
            period_effects=self.period_effects,
            covariates=self.covariates,
            correction=self.correction,
            ci_level=self.ci_level,
        )

    def lay(self, panel: Panel, design: Design) -> Sample:
        """The cells of the model."""
        check_study(panel, design)
        by_cluster = self.period_effects == "cluster"
        return lay(panel, design, counts=self.model == "poisson", by_cluster=by_cluster)

    def told(self, estimand: str, method: str) -> Told:
        """What is estimated and how, in words."""
        return Told(
            estimand=estimand,
            scale=SCALE[self.model],
            method=f"{method}, {self.model}",
            inference=inference_name(self.correction, self.cluster),
            ci_level=self.ci_level,
        )


def fit_columns(
    sample: Sample,
    columns: Float,
    terms: tuple[str, ...],
    told: Told,
    options: Options,
    *,
    lead: int = 0,
    cells: dict[str, tuple[TreatedCells, ...]],
    notes: tuple[str, ...] = (),
) -> Fit:
    """δ of columns x of shape (P, n, t); ``.effect`` is that at place ``lead``.

    Parameters
    ----------
    cells : dict of term to treated cells
        What turns a term into events prevented; terms that are not there tell none.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + Σ_p δ_p x_pit: :func:`~hotspot_eval.did.model.regress`.
    """
    if sample.reason:
        return impossible(sample, sample.reason, told, terms=terms)
    codes = clusters(sample, options.cluster)
    regression = regress(
        sample,
        columns,
        model=options.model,
        cluster=codes,
        strata=sample.cluster if options.period_effects == "cluster" else None,
        covariates=standardised(options.covariates, sample.areas),
        correction=options.correction,
    )
    told = replace(told, inference=inference_name(options.correction, options.cluster, regression))
    parts = tuple(
        replace(
            effect_of(sample, regression, unit, told.of(term), cluster=codes, notes=notes),
            treated_cells=cells.get(term, ()),
        )
        for unit, term in zip(np.eye(len(terms)), terms, strict=True)
    )
    effects = replace(
        told.effects(terms, regression.beta, full_covariance(regression), parts), total=terms[lead]
    )
    return fit_of(sample, regression, terms, effect=parts[lead], effects=effects)
