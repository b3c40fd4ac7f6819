"""Treatment that goes on and off: what lasts after it stops; and treatment that comes in doses."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import (
    SCALE,
    Told,
    effect_of,
    fit_of,
    full_covariance,
    impossible,
    inference_name,
)
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model, regress
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.panel import Panel
from hotspot_eval.results import Fit

__all__ = ["distributed_lags", "dose_did"]

Float = NDArray[np.float64]


def distributed_lags(
    panel: Panel,
    design: Design,
    *,
    lags: int,
    model: Model = "poisson",
    cluster: ClusterBy = "area",
    correction: Correction = "learnt",
    ci_level: float = 0.95,
) -> Fit:
    """Effect while treatment is on, and in each of the ``lags`` periods after it went off.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells that end: patrols that rotate, an operation of three weeks.
    lags : int
        Periods in which deterrence may last; from then on an area counts as untreated again.
    model : {"poisson", "linear"}
    cluster, correction, ci_level
        As in :class:`~hotspot_eval.did.PoissonDid`.

    Returns
    -------
    Fit
        ``.effects`` labelled ``on``, ``1 after``, … ``lags after``; ``.effect`` is that while on.

    Raises
    ------
    InputError
        If ``lags`` is negative.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + β₀·share_it + Σ_l β_l·(1 − share_it)·1{treatment was last
    on l periods ago}. Monthly counts hide an operation of three weeks: use weekly ones, or read a
    small share as the attenuated effect it is. Assumes that effects of repeated spells are alike.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AAAABBBBCCCCDDDD"), "month": ["2022-01", "2022-02",
    ...     "2022-03", "2022-04"] * 4, "count": [8, 4, 6, 8, 8, 4, 6, 8, 9, 9, 9, 9, 7, 7, 7, 7]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(treated=["A", "B"], start="2022-02", end="2022-02")
    >>> fit = distributed_lags(panel, design, lags=1, model="linear")
    >>> fit.effects.labels, fit.effects.vector.round(6).tolist()
    (('on', '1 after'), [-4.0, -2.0])
    """
    if lags < 0:
        raise InputError(Problem(where="argument 'lags'", what="must be 0 or more"))
    _check(model, cluster, correction)
    whole = design.on(panel)
    sample = lay(panel, design, counts=model == "poisson")
    terms = ("on", *(f"{lag} after" for lag in range(1, lags + 1)))
    rows = panel.positions(sample.areas)
    on = whole.treatment[rows]
    since = _periods_since(on > 0)[:, sample.when]
    columns = [sample.treatment]
    columns += [
        np.where(sample.used & (since == lag), 1.0 - on[:, sample.when], 0.0)
        for lag in range(1, lags + 1)
    ]
    told = Told(
        estimand="effect of treatment while on and after it went off",
        scale=SCALE[model],
        method=f"distributed lags, {model}",
        inference=inference_name(correction, cluster),
        ci_level=ci_level,
    )
    return _fit(sample, np.array(columns), terms, told, model, cluster, correction)


def dose_did(
    panel: Panel,
    design: Design,
    *,
    model: Model = "poisson",
    cluster: ClusterBy = "area",
    correction: Correction = "learnt",
    ci_level: float = 0.95,
) -> Fit:
    """Effect of one unit of dose (officer hours a day, say): after the intention-to-treat effect.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells with a dose.
    model, cluster, correction, ci_level
        As in :func:`distributed_lags`.

    Returns
    -------
    Fit
        One term, ``dose``.

    Raises
    ------
    InputError
        If the design has no dose.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + δ·dose_it, linear in dose. Where patrols go is not
    random: report :class:`~hotspot_eval.did.PoissonDid` (who was *meant* to be treated) first,
    and read this as its rescaling.
    """
    _check(model, cluster, correction)
    whole = design.on(panel)
    if whole.dose is None:
        raise InputError(
            Problem(
                where="design",
                what="has no dose",
                advice="Give spells with dose=, or use poisson_did.",
            )
        )
    sample = lay(panel, design, counts=model == "poisson")
    dose = whole.dose[np.ix_(panel.positions(sample.areas), sample.when)]
    told = Told(
        estimand="effect of one unit of dose",
        scale=SCALE[model],
        method=f"dose response, {model}",
        inference=inference_name(correction, cluster),
        ci_level=ci_level,
    )
    columns = np.where(sample.used, dose, 0.0)[None]
    fit = _fit(sample, columns, ("dose",), told, model, cluster, correction)
    return replace(fit, effect=replace(fit.effect, treated_cells=()))


def _check(model: Model, cluster: ClusterBy, correction: Correction) -> None:
    check_choice("model", model, get_args(Model))
    check_choice("cluster", cluster, get_args(ClusterBy))
    check_choice("correction", correction, get_args(Correction))


def _fit(
    sample: Sample,
    columns: Float,
    terms: tuple[str, ...],
    told: Told,
    model: Model,
    cluster: ClusterBy,
    correction: Correction,
) -> Fit:
    if sample.reason:
        return impossible(sample, sample.reason, told, terms=terms)
    codes = clusters(sample, cluster)
    regression = regress(sample, columns, model=model, cluster=codes, correction=correction)
    told = replace(told, inference=inference_name(correction, cluster, regression))
    parts = [
        effect_of(sample, regression, unit, told.of(term), cluster=codes)
        for unit, term in zip(np.eye(len(terms)), terms, strict=True)
    ]
    after = [replace(part, treated_cells=()) for part in parts[1:]]
    effects = told.effects(terms, regression.beta, full_covariance(regression), (parts[0], *after))
    return fit_of(sample, regression, terms, effect=parts[0], effects=effects)


def _periods_since(on: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Periods since treatment was last on: 0 while on, a large number where it never was."""
    t = on.shape[1]
    last = np.maximum.accumulate(np.where(on, np.arange(t), -(10**6)), axis=1)
    since: NDArray[np.intp] = np.arange(t) - last
    return since
