"""Event study: effects by time since the start, and what they say about trends before it."""

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
from hotspot_eval.did.covariates import CovariatesLike, standardised
from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model, Regression, regress
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.did.twoway import ClusterBy, PeriodEffects, clusters
from hotspot_eval.errors import check_choice, check_level
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect, Effects, Fit

__all__ = ["event_columns", "event_label", "event_study", "event_times", "fit_by_event"]

Float = NDArray[np.float64]
POOLED = (
    "starts differ: coefficients pool cohorts by precision and can mix effects of different "
    "times; compare with imputation or group_time"
)
EMPTY_BASE = (
    "the base period, event time {base}, holds no event in the treated areas, so no ratio to it is "
    "finite: use imputation or PoissonDid, which compare with all periods before, or a gap that "
    "moves the base"
)


def event_study(
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
    """Effects by event time against one base period for all.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
    model : {"poisson", "linear"}
    cluster, period_effects, covariates, correction, ci_level
        As in :class:`~hotspot_eval.did.PoissonDid`.

    Returns
    -------
    Fit
        ``fit.event_study()`` holds every event time, base period included as 0; ``fit.effect`` is
        the mean over event times from 0.

    Notes
    -----
    log E[y_it] (or E[y_it]) = α_i + γ_t + Σ_e β_e·1{t − start_i = e}, e other than the base, which
    is the last period before the gap. A period treated in part counts as treated. Cells after the
    start in which treatment is off are left out and counted in the ledger: they are neither treated
    nor untreated. Treated areas never observed in treatment keep their event times before it, as
    they would in a regression on all cells. An event time without any event among the treated has
    no finite log ratio: NaN.

    Assumes parallel trends in ratio (number), no anticipation within the windows, and, where starts
    differ, effects that depend on the time since the start alone: else each β_e also holds a part
    of effects at other times, and of those before the start.

    What areas of a cluster share is taken to be stationary in the learnt error: its covariance over
    time depends on how far two periods lie apart. Where clusters are known, what treated areas
    share besides is left out, since it would be told from their past: those are the effects before
    the start, which would then widen the error they are tested with. They show it.

    The error of a log ratio takes 1/N for the variance of log N. Given at least one event, log of
    a Poisson count with mean 2.5 (4, 8) has 0.31 (0.29, 0.16), and 1/N is 0.50 (0.33, 0.15) on
    average: with few events a period intervals are wide rather than narrow.

    References
    ----------
    Sun & Abraham (2021), https://doi.org/10.1016/j.jeconom.2020.09.006

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AAABBBCCCDDD"), "month": ["2022-01", "2022-02",
    ...                       "2022-03"] * 4, "count": [9, 9, 3, 8, 8, 3, 7, 7, 7, 5, 6, 5]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> study = event_study(panel, Design(treated=["A", "B"], start="2022-03"), model="linear")
    >>> study.event_study().labels, study.event_study().vector.round(3).tolist()
    (('-2', '-1', '0'), [0.5, 0.0, -5.0])
    """
    check_choice("model", model, get_args(Model))
    check_choice("cluster", cluster, get_args(ClusterBy))
    check_choice("period_effects", period_effects, get_args(PeriodEffects))
    check_choice("correction", correction, get_args(Correction))
    check_level("ci_level", ci_level)
    by_cluster = period_effects == "cluster"
    counts = model == "poisson"
    sample = lay(
        panel, design, counts=counts, by_cluster=by_cluster, drop_off=True, unobserved="treated"
    )
    told = Told(
        estimand="effect on treated areas by periods since the start",
        scale=SCALE[model],
        method=f"event study, {model}",
        inference=inference_name(correction, cluster),
        ci_level=ci_level,
    )
    if sample.reason:
        return impossible(sample, sample.reason, told, terms=("mean from the start",))
    codes = clusters(sample, cluster)
    times, columns, base = event_columns(sample, design.gap)
    regression = regress(
        sample,
        columns,
        model=model,
        cluster=codes,
        strata=sample.cluster if by_cluster else None,
        covariates=standardised(covariates, sample.areas),
        correction=correction,
        by_treatment=True,
        by_event=True,
    )
    told = replace(told, inference=inference_name(correction, cluster, regression))
    return fit_by_event(sample, regression, times, base, told, codes)


def fit_by_event(
    sample: Sample,
    regression: Regression,
    times: list[int],
    base: int,
    told: Told,
    codes: NDArray[np.intp] | None,
) -> Fit:
    """The Fit of a regression on indicators of event times, with the base period as 0."""
    terms = tuple(event_label(e) for e in times)
    notes = (POOLED,) if len(np.unique(sample.first[sample.treated])) > 1 else ()
    if told.scale == SCALE["poisson"] and not _has_events(sample, base):
        notes = (EMPTY_BASE.format(base=event_label(base)), *notes)
        regression = replace(regression, beta=np.full(len(times), np.nan))
    parts = [
        _event_effect(sample, regression, unit, told.of(term), codes, notes)
        for unit, term in zip(np.eye(len(times)), terms, strict=True)
    ]
    effect = _mean_after(sample, regression, times, told, codes, notes)
    covariance = full_covariance(regression)
    effects = told.effects(terms, regression.beta, covariance, tuple(parts))
    fit = fit_of(sample, regression, terms, effect=effect, effects=effects)
    return replace(fit, event=_with_base(told, fit, parts, times, base))


def event_times(sample: Sample) -> NDArray[np.intp]:
    """Periods since the start in each cell of the treated areas, shape (R, t)."""
    times: NDArray[np.intp] = sample.when - sample.first[sample.treated][:, None]
    return times


def _has_events(sample: Sample, event_time: int) -> bool:
    """Whether the treated areas' cells of an event time hold any event."""
    cells = sample.used[sample.treated] & (event_times(sample) == event_time)
    return bool((sample.y[sample.treated][cells] > 0).any())


def event_label(event_time: int) -> str:
    """``"-1"``, ``"0"``, ``"3"``."""
    return str(int(event_time))


def _event_effect(
    sample: Sample,
    regression: Regression,
    contrast: Float,
    told: Told,
    codes: NDArray[np.intp] | None,
    notes: tuple[str, ...],
) -> Effect:
    """One event time, or their mean; it says nothing of events on the treated cells."""
    made = effect_of(sample, regression, contrast, told, cluster=codes, cells=())
    return replace(made, notes=(*made.notes, *notes))


def event_columns(sample: Sample, gap: int) -> tuple[list[int], Float, int]:
    """Event times other than the base, their indicators for treated areas, shape (P, R, t)."""
    event = event_times(sample)
    shown = sample.used[sample.treated]
    times = np.unique(event[shown])
    before = times[times < 0]
    base = -1 - gap if -1 - gap in before or not len(before) else int(before.max())
    others = [int(e) for e in times if e != base]
    columns = np.array([shown & (event == e) for e in others], dtype=np.float64)
    return others, columns.reshape(len(others), *shown.shape), base


def _mean_after(
    sample: Sample,
    regression: Regression,
    times: list[int],
    told: Told,
    codes: NDArray[np.intp] | None,
    notes: tuple[str, ...],
) -> Effect:
    """Mean over event times from 0."""
    after = np.array([e >= 0 for e in times])
    lost = [
        event_label(e)
        for e, b in zip(times, regression.beta, strict=True)
        if e >= 0 and np.isnan(b)
    ]
    if lost:
        notes = (f"no finite effect at event time {', '.join(lost)}", *notes)
    contrast = after / max(after.sum(), 1)
    return _event_effect(sample, regression, contrast, told.of("mean from the start"), codes, notes)


def _with_base(told: Told, fit: Fit, parts: list[Effect], times: list[int], base: int) -> Effects:
    """All event times in order, the base as an effect of exactly 0."""
    order = np.argsort([*times, base])
    size = len(times) + 1
    vector, covariance = np.zeros(size), np.zeros((size, size))
    vector[:-1], covariance[:-1, :-1] = fit.coefficients, fit.covariance
    zero = replace(
        parts[0],
        estimand=f"{told.estimand}: {event_label(base)}",
        estimate=0.0,
        std_error=0.0,
        ci_low=0.0,
        ci_high=0.0,
        statistic=float("nan"),
        p_value=float("nan"),
        df=float("inf"),
        notes=("base period: 0 by construction",),
    )
    every = [*parts, zero]
    labels = [event_label(e) for e in (*times, base)]
    return told.effects(
        tuple(labels[k] for k in order),
        vector[order],
        covariance[np.ix_(order, order)],
        tuple(every[k] for k in order),
    )
