"""All estimators side by side, and why they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.did.advice import recommend
from hotspot_eval.did.bacon import bacon
from hotspot_eval.did.cohorts import group_time
from hotspot_eval.did.counts import rirr, wdd
from hotspot_eval.did.dispersion import window_dispersion
from hotspot_eval.did.etwfe import etwfe
from hotspot_eval.did.imputation import imputation
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.did.switching import switchers
from hotspot_eval.did.synthetic import synthetic_did
from hotspot_eval.did.twoway import linear_did, poisson_did
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect, Quantity

__all__ = ["COLUMNS", "compare", "effect_row"]

Maker = tuple[Callable[[], Effect], str]
ORDER = (
    "poisson_did",
    "imputation",
    "linear_did",
    "imputation, linear",
    "etwfe",
    "group_time",
    "switchers",
    "synthetic_did",
    "rirr",
    "wdd",
    "wdd, overdispersed",
)
COLUMNS = [
    "estimator",
    "lead",
    "scale",
    "estimate",
    "std_error",
    "ci_low",
    "ci_high",
    "p_value",
    "irr",
    "irr_low",
    "irr_high",
    "percent_change",
    "crimes_prevented",
    "prevented_low",
    "prevented_high",
    "inference",
    "why",
    "notes",
]


def compare(
    panel: Panel, design: Design, *, rng: np.random.Generator | None = None
) -> pd.DataFrame:
    """Every estimator's effect in one tidy table.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
    rng : Generator, optional
        For the placebo error of synthetic DiD with several treated areas.

    Returns
    -------
    DataFrame
        One row an estimator: whether it is the one the design calls for, estimate and interval on
        its own scale, as IRR, as change in per cent and as crimes prevented, where its error comes
        from, why it may differ from the others, and its notes. Estimators that cannot be had are
        there with NaN and the reason.

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 10, 10, 6, 30, 31, 15, 16]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> table = compare(panel, Design(treated=["A", "B"], start="2022-02"))
    >>> table["estimator"].tolist()[:3]
    ['poisson_did', 'imputation', 'linear_did']
    """
    lead = recommend(panel, design).estimator
    sample = lay(panel, design, counts=False)
    dispersion = cache(lambda: window_dispersion(panel, design))
    makers = {
        **_ratio_makers(panel, design, sample, dispersion),
        **_number_makers(panel, design, sample, dispersion, rng),
    }
    rows = [effect_row(name, makers[name][0](), makers[name][1], name == lead) for name in ORDER]
    return pd.DataFrame(rows, columns=COLUMNS)


def _ratio_makers(
    panel: Panel, design: Design, sample: Sample, dispersion: Callable[[], Quantity]
) -> dict[str, Maker]:
    """Estimators of a ratio, and why each may differ."""
    return {
        "poisson_did": (
            lambda: poisson_did(panel, design).effect,
            "assumes parallel trends in ratios; different starts are weighted by precision"
            + _forbidden(panel, design),
        ),
        "imputation": (
            lambda: imputation(panel, design).effect,
            "assumes parallel trends in ratios; treated areas never serve as controls; treated "
            "cells are weighted by their expected events",
        ),
        "etwfe": (
            lambda: (
                etwfe(panel, design, scale="link", effects="area", errors="learnt")
                .aggregate("simple")
                .effect
            ),
            "assumes parallel trends in ratios; the mean of the log ratios of cohorts and periods, "
            "which are weighted by their areas and not by their events",
        ),
        "rirr": (
            lambda: _totals(sample, "rirr", dispersion),
            "totals before and after, treated against control; the error comes from windows of the "
            "same length where nothing was done, and is Poisson where there are too few of them",
        ),
    }


def _number_makers(
    panel: Panel,
    design: Design,
    sample: Sample,
    dispersion: Callable[[], Quantity],
    rng: np.random.Generator | None,
) -> dict[str, Maker]:
    """Estimators of a difference in numbers, and why each may differ."""
    return {
        "linear_did": (
            lambda: linear_did(panel, design).effect,
            "assumes parallel trends in numbers: differs from the ratio models when treated and "
            "control areas differ in level" + _level(sample),
        ),
        "imputation, linear": (
            lambda: imputation(panel, design, model="linear").effect,
            "assumes parallel trends in numbers; treated areas never serve as controls",
        ),
        "group_time": (
            lambda: group_time(panel, design, errors="learnt").aggregate("simple").effect,
            "assumes parallel trends in numbers; relies on the single period before the start, so "
            "it is the noisiest for rare counts",
        ),
        "switchers": (
            lambda: switchers(panel, design).effect,
            "assumes parallel trends in numbers since the last period before the switch; per unit "
            "of treatment received, periods without treatment included",
        ),
        "synthetic_did": (
            lambda: synthetic_did(panel, design, rng=rng).effect,
            "weights controls and periods so that trends before the start are parallel in numbers",
        ),
        "wdd": (
            lambda: _totals(sample, "wdd"),
            "the same totals as a difference in numbers, scaled to the treated areas; Poisson "
            "error as published, which is too small for overdispersed counts",
        ),
        "wdd, overdispersed": (
            lambda: _totals(sample, "wdd", dispersion),
            "the published difference with the error of the ratio of totals",
        ),
    }


def effect_row(name: str, effect: Effect, why: str, lead: bool) -> list[object]:
    """One effect as a row of :func:`compare`: on its own scale, as IRR, per cent and crimes."""
    irr, change, prevented = effect.as_irr(), effect.percent_change(), effect.crimes_prevented()
    return [
        name,
        lead,
        effect.scale,
        effect.estimate,
        effect.std_error,
        effect.ci_low,
        effect.ci_high,
        effect.p_value,
        irr.value,
        irr.low,
        irr.high,
        change.value,
        prevented.value,
        prevented.low,
        prevented.high,
        effect.inference,
        why,
        "; ".join(effect.notes),
    ]


def _totals(sample: Sample, which: str, dispersion: Callable[[], Quantity] | None = None) -> Effect:
    """WDD or RIRR of totals, NaN unless all treated areas share their start."""
    starts = np.unique(sample.first[sample.treated])
    reason = sample.reason
    if not reason and len(starts) > 1:
        reason = "starts differ: there is no one before and after"
    if not reason and not (~sample.treated).any():
        reason = "every area is treated: there is nothing to compare with"
    if not reason and not sample.used.all():
        reason = "totals need every area observed in every period"
    if not reason and not (sample.when < starts[0]).any():
        reason = "no period before the start is observed"
    if not reason and ((sample.treatment == 0) & (sample.when >= starts[0]))[sample.treated].any():
        reason = "treatment goes off again: there is no one before and after"
    if reason:
        nan = float("nan")
        return Effect.from_estimate(
            nan,
            nan,
            estimand="difference in counts" if which == "wdd" else "log ratio of rate ratios",
            scale="count" if which == "wdd" else "log_irr",
            method=which,
            inference="none",
            df=nan,
            notes=(reason,),
        )
    after = sample.when >= starts[0]
    pairs = [
        (float(sample.y[rows][:, ~after].sum()), float(sample.y[rows][:, after].sum()))
        for rows in (~sample.treated, sample.treated)
    ]
    phi, notes = (1.0, ()) if dispersion is None else _phi(dispersion())
    if which == "rirr":
        made = rirr(*pairs, dispersion=phi)
        return replace(made, notes=(*made.notes, *notes))
    n_control, n_treated = int((~sample.treated).sum()), sample.n_treated
    lengths = (float((~after).sum() / after.sum()), 1.0)
    weights = (n_control / n_treated, 1, 1, 1)
    made = wdd(*pairs, time_weights=lengths, area_weights=weights, dispersion=phi).effect
    return replace(made, notes=(*made.notes, *notes))


def _phi(told: Quantity) -> tuple[float, tuple[str, ...]]:
    """Overdispersion to use, and what to say of it: 1 where it cannot be learnt."""
    if np.isfinite(told.value):
        return told.value, (f"variance {told.value:.2f} times Poisson, from placebo ratios",)
    return 1.0, ("Poisson error, which is too small for overdispersed counts", *told.notes)


def _forbidden(panel: Panel, design: Design) -> str:
    check = bacon(panel, design)
    return f" ({check.sentence})" if check.status == "failed" else ""


def _level(sample: Sample) -> str:
    if sample.reason or not (~sample.treated).any():
        return ""
    before = sample.used & (sample.when < sample.first[sample.treated].min())
    treated, control = (
        float(sample.y[rows].sum(where=before[rows]) / max(before[rows].sum(), 1))
        for rows in (sample.treated, ~sample.treated)
    )
    return f" (before: {treated:.2f} against {control:.2f} per area and period)"
