"""All estimators side by side, why they differ, and which one the design calls for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
from hotspot_eval.did.bacon import bacon
from hotspot_eval.did.cohorts import group_time
from hotspot_eval.did.counts import rirr, wdd
from hotspot_eval.did.imputation import imputation
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.did.synthetic import synthetic_did
from hotspot_eval.did.twoway import linear_did, poisson_did
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect

__all__ = ["Recommendation", "compare", "recommend"]

_COLUMNS = [
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The estimator that the design calls for.

    Parameters
    ----------
    estimator : str
        Name of a function of this package.
    because : tuple of str
        The answers that led there, in order.
    """

    estimator: str
    because: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.estimator}: {'; '.join(self.because)}"


def recommend(panel: Panel, design: Design) -> Recommendation:
    """Walk the decision tree: switching, one site, few treated, staggered, one start.

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 10, 10, 6, 30, 31, 15, 16]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> print(recommend(panel, Design(treated=["A", "B"], start="2022-02")))
    poisson_did: treatment stays on; 2 treated areas; one start; fewer than five treated areas: add
    replay or a randomisation test
    """
    sample = lay(panel, design, counts=False, keep_always=True)
    if sample.reason:
        return Recommendation(estimator="none", because=(sample.reason,))
    on = sample.treatment > 0
    because = []
    switches = bool((np.diff(on.astype(int), axis=1) < 0).any())
    if switches:
        because.append(
            "treatment goes off again: cells after that are left out, use distributed_lags to see "
            "what lasts"
        )
    else:
        because.append("treatment stays on")
    because.append(f"{sample.n_treated} treated area{'s' if sample.n_treated > 1 else ''}")
    if sample.n_treated == 1:
        because.append("one site: weighted controls, with placebo areas as the reference")
        return Recommendation(estimator="synthetic_did", because=tuple(because))
    starts = len(np.unique(sample.first[sample.treated]))
    if starts > 1:
        because.append(f"{starts} starts: no treated area may serve as a control")
    else:
        because.append("one start")
    if sample.n_treated < 5:
        because.append("fewer than five treated areas: add replay or a randomisation test")
    name = "imputation" if starts > 1 or switches else "poisson_did"
    return Recommendation(estimator=name, because=tuple(because))


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
    makers: dict[str, tuple[Callable[[], Effect], str]] = {
        "poisson_did": (
            lambda: poisson_did(panel, design).effect,
            "parallel trends in ratio; starts that differ are weighed by precision"
            + _forbidden(panel, design),
        ),
        "imputation": (
            lambda: imputation(panel, design).effect,
            "parallel trends in ratio; treated areas never serve as controls; treated cells weigh "
            "by their expected events",
        ),
        "linear_did": (
            lambda: linear_did(panel, design).effect,
            "parallel trends in number: differs from the ratio models when treated and control "
            "areas differ in level" + _level(sample),
        ),
        "imputation, linear": (
            lambda: imputation(panel, design, model="linear").effect,
            "parallel trends in number; treated areas never serve as controls",
        ),
        "group_time": (
            lambda: group_time(panel, design).aggregate("simple").effect,
            "parallel trends in number; leans on the one period before the start, so it is the "
            "noisiest on rare counts",
        ),
        "synthetic_did": (
            lambda: synthetic_did(panel, design, rng=rng).effect,
            "weights controls and periods so that trends before the start are parallel in number",
        ),
        "rirr": (
            lambda: _totals(sample, "rirr"),
            "totals before and after, treated against control; Poisson error, which is too small "
            "for overdispersed counts",
        ),
        "wdd": (
            lambda: _totals(sample, "wdd"),
            "the same totals as a difference in numbers, scaled to the treated areas; Poisson "
            "error, which is too small for overdispersed counts",
        ),
    }
    rows = [_row(name, make(), why, name == lead) for name, (make, why) in makers.items()]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _row(name: str, effect: Effect, why: str, lead: bool) -> list[object]:
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


def _totals(sample: Sample, which: str) -> Effect:
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
    if which == "rirr":
        return rirr(*pairs)
    n_control, n_treated = int((~sample.treated).sum()), sample.n_treated
    lengths = (float((~after).sum() / after.sum()), 1.0)
    return wdd(*pairs, time_weights=lengths, area_weights=(n_control / n_treated, 1, 1, 1)).effect


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
    return f" (before: {treated:.2f} against {control:.2f} an area and period)"
