"""All estimators side by side, why they differ, and which one the design calls for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from html import escape

import numpy as np
import pandas as pd

from hotspot_eval.design import Design
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

__all__ = ["COLUMNS", "Recommendation", "compare", "effect_row", "recommend"]

_FEW = 5
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The estimator that the design calls for.

    Parameters
    ----------
    estimator : str
        Name of a function of this package.
    because : tuple of str
        The answers that led there, in order.
    beside : tuple of str
        What to show next to it, and what for.
    """

    estimator: str
    because: tuple[str, ...]
    beside: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.estimator}: {'; '.join(self.because)}"
        return f"{told}. Beside it: {'; '.join(self.beside)}" if self.beside else told

    def to_frame(self) -> pd.DataFrame:
        """One row an answer, in order: the estimator, what led there, what to show beside it."""
        rows = [("estimator", self.estimator)]
        rows += [("because", words) for words in self.because]
        rows += [("beside", words) for words in self.beside]
        return pd.DataFrame(rows, columns=["part", "words"])

    def _repr_html_(self) -> str:
        because = "".join(f"<li>{escape(words)}</li>" for words in self.because)
        beside = "".join(f"<li>{escape(words)}</li>" for words in self.beside)
        told = f"<p><code>{escape(self.estimator)}</code>, because</p><ul>{because}</ul>"
        return f"{told}<p>Beside it</p><ul>{beside}</ul>" if beside else told


def recommend(panel: Panel, design: Design) -> Recommendation:
    """Walk the decision tree: switching, one site, few treated, staggered, one start.

    Notes
    -----
    In order: nothing to compare with → none; treatment that comes back after going off →
    ``switchers``; one treated area → ``synthetic_did``; starts that differ, or treatment that goes
    off → ``imputation``; else ``poisson_did``.

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AABBCCDD"), "month": ["2022-01", "2022-02"] * 4,
    ...                       "count": [20, 10, 10, 6, 30, 31, 15, 16]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> print(recommend(panel, Design(treated=["A", "B"], start="2022-02")))
    poisson_did: treatment stays on; 2 treated areas; one start. Beside it: replay or a
    randomisation test, since fewer than five areas are treated; triple_difference with a type of
    crime left alone, if recording or reporting changed where treatment began
    """
    sample = lay(panel, design, counts=False, keep_always=True)
    starts = len(np.unique(sample.first[sample.treated]))
    if sample.reason or (sample.treated.all() and starts == 1):
        reason = sample.reason or (
            "every area is treated at the same time: there is nothing to compare with, whatever "
            "the estimator; add areas of another force"
        )
        return Recommendation(estimator="none", because=(reason,))
    changes = np.diff((sample.treatment > 0).astype(int), axis=1)
    switches = bool((changes < 0).any())
    comes_back = bool(((changes > 0).sum(axis=1) + (sample.treatment[:, 0] > 0) > 1).any())
    because = [OFF_AND_ON if comes_back else OFF if switches else "treatment stays on"]
    because.append(f"{sample.n_treated} treated area{'s' if sample.n_treated > 1 else ''}")
    name = "imputation" if starts > 1 or switches else "poisson_did"
    if comes_back:
        name = "switchers"
    elif sample.n_treated == 1:
        name = "synthetic_did"
        because.append("one site: weighted controls, with placebo areas as the reference")
    if sample.n_treated > 1:
        because.append(
            f"{starts} starts: no treated area may serve as a control"
            if starts > 1
            else "one start"
        )
    beside = _beside(sample, staggered=starts > 1, switches=switches, dosed=_dosed(design))
    return Recommendation(estimator=name, because=tuple(because), beside=beside)


OFF = "treatment goes off again: cells after that are left out"
OFF_AND_ON = (
    "treatment goes off again and comes back: the whole path since the first switch is followed"
)


def _beside(sample: Sample, *, staggered: bool, switches: bool, dosed: bool) -> tuple[str, ...]:
    told = {
        "replay or a randomisation test, since fewer than five areas are treated": (
            sample.n_treated < _FEW
        ),
        "etwfe for effects by cohort and period": staggered,
        "bacon for what a two-way estimate would rest on": staggered,
        "distributed_lags for what lasts after treatment": switches,
        "dose_did, after the intention to treat, since doses differ": dosed,
        "triple_difference with a type of crime left alone, if recording or reporting changed "
        "where treatment began": True,
    }
    return tuple(words for words, wanted in told.items() if wanted)


def _dosed(design: Design) -> bool:
    return len({spell.dose for spell in design.spells} - {None}) > 1


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
            "parallel trends in ratio; starts that differ are weighed by precision"
            + _forbidden(panel, design),
        ),
        "imputation": (
            lambda: imputation(panel, design).effect,
            "parallel trends in ratio; treated areas never serve as controls; treated cells weigh "
            "by their expected events",
        ),
        "etwfe": (
            lambda: (
                etwfe(panel, design, scale="link", effects="area", errors="learnt")
                .aggregate("simple")
                .effect
            ),
            "parallel trends in ratio; the mean of the log ratios of cohorts and periods, which "
            "weigh by their areas and not by their events",
        ),
        "rirr": (
            lambda: _totals(sample, "rirr", dispersion),
            "totals before and after, treated against control; error from ratios of windows as "
            "long as the study's where nothing was done, Poisson where there are too few",
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
            "parallel trends in number: differs from the ratio models when treated and control "
            "areas differ in level" + _level(sample),
        ),
        "imputation, linear": (
            lambda: imputation(panel, design, model="linear").effect,
            "parallel trends in number; treated areas never serve as controls",
        ),
        "group_time": (
            lambda: group_time(panel, design, errors="learnt").aggregate("simple").effect,
            "parallel trends in number; leans on the one period before the start, so it is the "
            "noisiest on rare counts",
        ),
        "switchers": (
            lambda: switchers(panel, design).effect,
            "parallel trends in number since the last period before the switch; per unit of "
            "treatment received, periods off included",
        ),
        "synthetic_did": (
            lambda: synthetic_did(panel, design, rng=rng).effect,
            "weights controls and periods so that trends before the start are parallel in number",
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
    return f" (before: {treated:.2f} against {control:.2f} an area and period)"
