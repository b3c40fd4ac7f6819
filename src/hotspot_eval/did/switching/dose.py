"""Treatment in doses: per unit of dose, by bins of dose, and whether dose follows crime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Assignment, Design, check_study
from hotspot_eval.did.assemble import full_covariance
from hotspot_eval.did.covariates import CovariatesLike
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model, regress
from hotspot_eval.did.sample import Sample, attenuated, lay
from hotspot_eval.did.switching.common import Asked, fit_columns
from hotspot_eval.did.switching.notes import NOT_RANDOM, no_dose
from hotspot_eval.did.twoway import ClusterBy, LinearDid, PeriodEffects, PoissonDid
from hotspot_eval.errors import (
    InputError,
    Problem,
    check_level,
    check_number,
    check_sequence,
    check_whole,
)
from hotspot_eval.panel import Panel
from hotspot_eval.results import Check, Effect, Effects, Fit, TreatedCells
from hotspot_eval.significance import normal_or_t_p_value

__all__ = ["dose_bins", "dose_check", "dose_did"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
ITT, DOSE = "intention to treat", "per unit of dose"
_NAME = "dose follows crime"
_THREAT = "More was done where crime had just risen or fallen, so that dose measures crime."
_LEAST = 20


def dose_did(
    panel: Panel,
    design: Design,
    *,
    model: Model = "poisson",
    cluster: ClusterBy = "area",
    period_effects: PeriodEffects = "common",
    covariates: CovariatesLike | None = None,
    correction: Correction = "learnt",
    ci_level: float = 0.95,
) -> Fit:
    """Effect of one unit of dose (officer hours a day, say), after the intention-to-treat effect.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells with a dose.
    model, cluster, period_effects, covariates, correction, ci_level
        As in :func:`distributed_lags`.

    Returns
    -------
    Fit
        One term, ``dose``, which is ``.effect``. ``.effects`` holds ``intention to treat`` first
        (who was *meant* to be treated, as in :class:`~hotspot_eval.did.PoissonDid`) and then
        ``per unit of dose``.

    Raises
    ------
    InputError
        If the design has no dose.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + δ·dose_it, linear in dose; with doses of 0 and 1 it is
    the intention to treat. Where patrols go is not random: read the dose effect as a rescaling of
    the intention to treat, and ask :func:`~hotspot_eval.did.dose_check` whether dose follows crime.
    The covariance of the two is from their influence values. Events prevented are told by the
    intention to treat.

    Examples
    --------
    >>> from hotspot_eval.design import Spell
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 16, 10, 2, 30, 30, 15, 15]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(spells=[Spell(area="A", start="2022-02", dose=1.0),
    ...                         Spell(area="B", start="2022-02", dose=2.0)])
    >>> fit = dose_did(panel, design, model="linear")
    >>> fit.effects.labels, fit.effects.vector.round(4).tolist()
    (('intention to treat', 'per unit of dose'), [-6.0, -4.0])
    """
    asked = Asked(
        model=model,
        cluster=cluster,
        period_effects=period_effects,
        covariates=covariates,
        correction=correction,
        ci_level=ci_level,
    )
    sample, dose = _laid(panel, design, asked)
    fit = fit_columns(
        sample,
        dose[None],
        ("dose",),
        asked.told("effect of one unit of dose", "dose response"),
        asked,
        cells={},
        notes=(NOT_RANDOM, *attenuated(sample)),
    )
    plain = PoissonDid if model == "poisson" else LinearDid
    meant = plain(
        cluster=cluster,
        period_effects=period_effects,
        covariates=covariates,
        correction=correction,
        ci_level=ci_level,
    )(panel, design)
    return replace(fit, effects=_both(meant, fit))


def dose_bins(
    panel: Panel,
    design: Design,
    *,
    edges: Sequence[float],
    model: Model = "poisson",
    cluster: ClusterBy = "area",
    period_effects: PeriodEffects = "common",
    covariates: CovariatesLike | None = None,
    correction: Correction = "learnt",
    ci_level: float = 0.95,
) -> Fit:
    """Effect of each bin of dose, without supposing that twice the dose does twice as much.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells with a dose.
    edges : sequence of float
        Bounds between bins, rising and above 0: (2, 5) makes up to 2, above 2 up to 5, above 5.
    model, cluster, period_effects, covariates, correction, ci_level
        As in :func:`distributed_lags`.

    Returns
    -------
    Fit
        One term a bin; ``.effect`` is that of the highest one.

    Raises
    ------
    InputError
        If the design has no dose, or edges do not rise from above 0.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + Σ_b δ_b·1{dose_it in bin b}; the dose of a cell is the
    mean over its days. Bins compare areas (and periods) with more and with less, which choice made,
    not chance: see :func:`~hotspot_eval.did.dose_check`.

    Examples
    --------
    >>> from hotspot_eval.design import Spell
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 16, 10, 2, 30, 30, 15, 15]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(spells=[Spell(area="A", start="2022-02", dose=1.0),
    ...                         Spell(area="B", start="2022-02", dose=2.0)])
    >>> fit = dose_bins(panel, design, edges=[1.5], model="linear")
    >>> fit.effects.labels, fit.effects.vector.round(4).tolist()
    (('up to 1.5', 'above 1.5'), [-4.0, -8.0])
    """
    asked = Asked(
        model=model,
        cluster=cluster,
        period_effects=period_effects,
        covariates=covariates,
        correction=correction,
        ci_level=ci_level,
    )
    check_sequence("edges", edges, of="bounds", example="[2.0, 5.0]")
    for edge in edges:
        check_number("edges", edge)
    bounds = np.asarray(list(edges), dtype=np.float64)
    if not len(bounds) or not (np.diff(bounds) > 0).all() or not bounds[0] > 0:
        raise InputError(
            Problem(
                where="argument 'edges'", what="must be numbers above 0 that rise", examples=edges
            )
        )
    sample, dose = _laid(panel, design, asked)
    place = np.searchsorted(bounds, dose, side="left")
    inside = [sample.used & (dose > 0) & (place == b) for b in range(len(bounds) + 1)]
    labels = _labels(bounds)
    return fit_columns(
        sample,
        np.array(inside, dtype=np.float64),
        labels,
        asked.told("effect of a dose", "dose bins"),
        asked,
        lead=len(bounds),
        cells={
            label: (
                TreatedCells(
                    share=1.0, cells=int(cells.sum()), events=float(sample.y[cells].sum())
                ),
            )
            for label, cells in zip(labels, inside, strict=True)
        },
        notes=(NOT_RANDOM,),
    )


def dose_check(panel: Panel, design: Design, *, lookback: int = 3, level: float = 0.05) -> Check:
    """Whether dose went where crime had just been high.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells with a dose.
    lookback : int
        Periods whose mean count may have led deployment.
    level : float

    Returns
    -------
    Check
        Failed if dose rises or falls with the mean count of the ``lookback`` periods before, among
        treated cells, beyond area and period effects. Passed means not found, with the slope that
        would have been found with 80 % power in the evidence.

    Raises
    ------
    InputError
        If the design has no dose, or ``lookback`` is not a whole number of 1 or more.

    Notes
    -----
    dose_it = α_i + γ_t + β·mean(y_{i,t−1}, …, y_{i,t−L}) by least squares, error by area (CR2). β
    is in doses per event more in a period. If dose works, later counts fall with earlier dose,
    which pulls β below 0 in short panels: a β above 0 is the stronger sign.
    """
    check_whole("lookback", lookback, least=1)
    check_level("level", level)
    check_study(panel, design)
    sample, dose = _dosed(lay(panel, design, counts=False), panel, design)
    y, observed = panel.single()
    rows = panel.positions(sample.areas)
    recent, known = _recent(y[rows], observed[rows], lookback)
    cells = sample.used & (dose > 0) & known[:, sample.when]
    cells &= cells.sum(axis=1, keepdims=True) > 1
    areas = int(cells.any(axis=1).sum())
    if areas < 3 or cells.sum() < _LEAST or np.ptp(dose[cells]) == 0:
        return Check(
            name=_NAME,
            threat=_THREAT,
            status="not assessed",
            sentence=f"Not assessed: {int(cells.sum())} treated cells of {areas} areas with a dose "
            f"that varies and {lookback} periods before, which is too few.",
        )
    moved = replace(sample, y=np.where(cells, dose, 0.0), used=cells, base=None)
    column = np.where(cells, recent[:, sample.when], 0.0)[None]
    made = regress(moved, column, model="linear", cluster=None, correction="CR2")
    error = float(np.sqrt(full_covariance(made)[0, 0]))
    df = made.df(np.ones(1)) if made.sandwich is not None else float("nan")
    if not (error > 0 and df > 0):
        return Check(
            name=_NAME,
            threat=_THREAT,
            status="not assessed",
            sentence="Not assessed: recent counts do not vary apart from area and period effects.",
        )
    return _judged(float(made.beta[0]), error, df, int(cells.sum()), areas, lookback, level)


def _judged(
    slope: float, error: float, df: float, cells: int, areas: int, lookback: int, level: float
) -> Check:
    p = normal_or_t_p_value(slope / error, df=df)
    way = "rises" if slope > 0 else "falls"
    found = p < level
    told = f"{way} with" if found else "is not shown to follow"
    return Check(
        name=_NAME,
        threat=_THREAT,
        status="failed" if found else "passed",
        sentence=f"Dose {told} the count of the {lookback} periods before ({slope:.3f} a unit more "
        f"per event, p = {p:.3f}).",
        evidence=pd.DataFrame(
            {
                "term": [f"mean count of {lookback} periods before"],
                "dose_per_event": [slope],
                "std_error": [error],
                "df": [df],
                "p_value": [p],
                "detectable": [2.8 * error],
                "cells": [cells],
                "areas": [areas],
            }
        ),
    )


def _recent(
    y: Float, observed: NDArray[np.bool_], lookback: int
) -> tuple[Float, NDArray[np.bool_]]:
    """Mean of the periods before each, and whether all of them were observed; shape (n, T)."""
    seen = np.cumsum(np.pad(np.where(observed, y, 0.0), ((0, 0), (1, 0))), axis=1)
    there = np.cumsum(np.pad(observed, ((0, 0), (1, 0))), axis=1)
    mean, known = np.zeros(y.shape), np.zeros(y.shape, dtype=bool)
    mean[:, lookback:] = (seen[:, lookback:-1] - seen[:, : -1 - lookback]) / lookback
    known[:, lookback:] = there[:, lookback:-1] - there[:, : -1 - lookback] == lookback
    return mean, known


def _laid(panel: Panel, design: Design, asked: Asked) -> tuple[Sample, Float]:
    """The sample of the model, and the dose of its used cells."""
    return _dosed(asked.lay(panel, design), panel, design)


def _dosed(sample: Sample, panel: Panel, design: Design) -> tuple[Sample, Float]:
    whole: Assignment = design.on(panel)
    if whole.dose is None:
        raise InputError(no_dose())
    dose = whole.dose[np.ix_(panel.positions(sample.areas), sample.when)]
    return sample, np.where(sample.used, dose, 0.0)


def _both(meant: Fit, dose: Fit) -> Effects:
    """Intention to treat and dose together; both are fitted on the same areas."""
    parts: tuple[Effect, Effect] = (meant.effect, dose.effect)
    errors = np.array([part.std_error for part in parts])
    first, second = np.nan_to_num(meant.influence[:, 0]), np.nan_to_num(dose.influence[:, 0])
    size = float(np.sqrt((first @ first) * (second @ second)))
    rho = float(first @ second) / size if size > 0 else 0.0
    return Effects(
        labels=(ITT, DOSE),
        vector=np.array([part.estimate for part in parts]),
        covariance=np.outer(errors, errors) * np.array([[1.0, rho], [rho, 1.0]]),
        scale=dose.effect.scale,
        estimand="effect of being meant to be treated, and of one unit of dose",
        method=dose.effect.method,
        inference=dose.effect.inference,
        df=min(part.df for part in parts),
        ci_level=dose.effect.ci_level,
        parts=parts,
        total=DOSE,
        notes=("the two are correlated as their influence values by area, whatever their errors",),
    )


def _labels(bounds: Float) -> tuple[str, ...]:
    between = [f"above {low:g} up to {high:g}" for low, high in pairwise(bounds)]
    return (f"up to {bounds[0]:g}", *between, f"above {bounds[-1]:g}")
