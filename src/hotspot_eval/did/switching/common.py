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
from hotspot_eval.did.twoway import ClusterBy, PeriodEffects, clusters
from hotspot_eval.errors import check_choice, check_level
from hotspot_eval.panel import Panel
from hotspot_eval.results import Fit, TreatedCells

__all__ = ["Asked", "fit_columns"]

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options that estimators of this room share; see ``distributed_lags``."""

    model: Model
    cluster: ClusterBy
    period_effects: PeriodEffects
    covariates: CovariatesLike | None
    correction: Correction
    ci_level: float

    def __post_init__(self) -> None:
        check_choice("model", self.model, get_args(Model))
        check_choice("cluster", self.cluster, get_args(ClusterBy))
        check_choice("period_effects", self.period_effects, get_args(PeriodEffects))
        check_choice("correction", self.correction, get_args(Correction))
        check_level("ci_level", self.ci_level)

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
    asked: Asked,
    *,
    lead: int = 0,
    cells: dict[str, tuple[TreatedCells, ...]],
    notes: tuple[str, ...] = (),
) -> Fit:
    """Coefficients of ``columns``, shape (P, n, t); ``.effect`` is that at place ``lead``.

    Parameters
    ----------
    cells : dict of term to treated cells
        What turns a term into events prevented; terms that are not there tell none.
    """
    if sample.reason:
        return impossible(sample, sample.reason, told, terms=terms)
    codes = clusters(sample, asked.cluster)
    regression = regress(
        sample,
        columns,
        model=asked.model,
        cluster=codes,
        strata=sample.cluster if asked.period_effects == "cluster" else None,
        covariates=standardised(asked.covariates, sample.areas),
        correction=asked.correction,
    )
    told = replace(told, inference=inference_name(asked.correction, asked.cluster, regression))
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
