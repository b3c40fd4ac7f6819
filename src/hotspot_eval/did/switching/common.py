"""A regression on several columns of treatment, as a Fit."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.assemble import (
    Told,
    effect_of,
    fit_of,
    full_covariance,
    impossible,
    inference_name,
)
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model, regress
from hotspot_eval.did.sample import Sample
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.errors import check_choice
from hotspot_eval.results import Fit, TreatedCells

__all__ = ["check_options", "fit_columns"]

Float = NDArray[np.float64]


def check_options(model: Model, cluster: ClusterBy, correction: Correction) -> None:
    """Refuse options that are not there."""
    check_choice("model", model, get_args(Model))
    check_choice("cluster", cluster, get_args(ClusterBy))
    check_choice("correction", correction, get_args(Correction))


def fit_columns(
    sample: Sample,
    columns: Float,
    terms: tuple[str, ...],
    told: Told,
    *,
    model: Model,
    cluster: ClusterBy,
    correction: Correction,
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
    codes = clusters(sample, cluster)
    regression = regress(sample, columns, model=model, cluster=codes, correction=correction)
    told = replace(told, inference=inference_name(correction, cluster, regression))
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
