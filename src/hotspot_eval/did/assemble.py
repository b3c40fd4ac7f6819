"""From a regression to a Fit: effects with their counts, degrees of freedom and reasons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model, Regression
from hotspot_eval.did.sample import Sample, treated_cells
from hotspot_eval.results import Effect, Effects, Fit, Scale

__all__ = ["SCALE", "effect_of", "fit_of", "impossible", "inference_name"]

Float = NDArray[np.float64]
SCALE: dict[Model, Scale] = {"poisson": "log_irr", "linear": "count"}
_FEW = 5


def inference_name(correction: Correction, by: str) -> str:
    """How the standard error was made, in words."""
    if correction == "CR1":
        return f"cluster-robust by {by} (CR1, t with clusters − 1)"
    return f"cluster-robust by {by} (CR2, Bell–McCaffrey t)"


def effect_of(
    sample: Sample,
    regression: Regression,
    contrast: Float,
    *,
    estimand: str,
    scale: Scale,
    method: str,
    inference: str,
    cluster: NDArray[np.intp] | None,
    ci_level: float,
    notes: tuple[str, ...] = (),
) -> Effect:
    """The effect Σ contrast·β; ``contrast`` has shape (P,) over all columns."""
    counts = _counts(sample, cluster)
    on = np.flatnonzero(contrast)
    value = float(contrast[on] @ regression.beta[on])
    if np.isnan(value) or regression.sandwich is None:
        reason = notes or (_why_not(sample, regression, on),)
        return _no_effect(reason, estimand, scale, method, inference, ci_level, counts)
    robust = regression.sandwich
    kept = contrast[regression.kept]
    labels = np.arange(len(sample.areas)) if cluster is None else cluster
    n_treated = len(np.unique(labels[sample.treated]))
    std_error = float(np.sqrt(kept @ robust.covariance @ kept))
    df = robust.df(kept)
    if n_treated < 2 or not df > 0:
        std_error = df = float("nan")
        notes = (*notes, ONE_TREATED)
    elif n_treated < _FEW:
        notes = (*notes, f"only {n_treated} treated clusters: prefer randomisation or replay")
    return Effect.from_estimate(
        value,
        std_error,
        estimand=estimand,
        scale=scale,
        method=method,
        inference=inference,
        df=df,
        ci_level=ci_level,
        treated_cells=treated_cells(sample),
        notes=notes,
        **counts,
    )


ONE_TREATED = (
    "one treated cluster: a cluster-robust standard error cannot be computed from it; use "
    "randomisation, replay or synthetic control"
)


def impossible(
    sample: Sample,
    reason: str,
    *,
    terms: tuple[str, ...],
    estimand: str,
    scale: Scale,
    method: str,
    inference: str,
    ci_level: float,
) -> Fit:
    """A Fit that holds no estimate, and why."""
    effect = _no_effect(
        (reason,), estimand, scale, method, inference, ci_level, _counts(sample, None)
    )
    nothing = np.full(len(terms), np.nan)
    effects = Effects(
        labels=terms,
        vector=nothing,
        covariance=np.full((len(terms), len(terms)), np.nan),
        scale=scale,
        estimand=estimand,
        method=method,
        inference=inference,
        ci_level=ci_level,
        parts=(effect,) * len(terms),
        notes=(reason,),
    )
    return Fit(
        terms=terms,
        coefficients=nothing,
        covariance=effects.covariance,
        influence=np.full((len(sample.areas), len(terms)), np.nan),
        areas=sample.areas,
        periods=sample.periods,
        response=np.where(sample.used, sample.y, np.nan),
        fitted=np.full(sample.y.shape, np.nan),
        treatment=np.where(sample.used, sample.treatment, np.nan),
        ledger=sample.ledger,
        effect=effect,
        effects=effects,
    )


def fit_of(
    sample: Sample,
    regression: Regression,
    terms: tuple[str, ...],
    *,
    effect: Effect,
    effects: Effects,
    event: Effects | None = None,
) -> Fit:
    """The Fit of a regression, coefficients without a value as NaN."""
    size = len(terms)
    covariance = np.full((size, size), np.nan)
    influence = np.full((len(sample.areas), size), np.nan)
    if regression.sandwich is not None:
        covariance[np.ix_(regression.kept, regression.kept)] = regression.sandwich.covariance
        influence[:, regression.kept] = regression.sandwich.influence
    whole = bool(sample.used.all())
    return Fit(
        terms=terms,
        coefficients=regression.beta,
        covariance=covariance,
        influence=influence,
        areas=sample.areas,
        periods=sample.periods,
        response=sample.y if whole else np.where(sample.used, sample.y, np.nan),
        fitted=regression.fitted,
        treatment=sample.treatment if whole else np.where(sample.used, sample.treatment, np.nan),
        ledger=sample.ledger,
        effect=effect,
        effects=effects,
        event=event,
    )


def _counts(sample: Sample, cluster: NDArray[np.intp] | None) -> dict[str, int]:
    n = len(sample.areas)
    return {
        "n_areas": n,
        "n_treated": sample.n_treated,
        "n_control": n - sample.n_treated,
        "n_clusters": n if cluster is None else len(np.unique(cluster)),
        "n_periods": len(sample.periods),
    }


def _why_not(sample: Sample, regression: Regression, on: NDArray[np.intp]) -> str:
    if sample.reason:
        return sample.reason
    if regression.separated[on].any():
        return "no event in the treated cells: the rate ratio is 0 and its logarithm not finite"
    if set(on) <= set(regression.kept):
        return (
            "no finite estimate: one of the cells (treated or control, before or after) holds no "
            "event"
        )
    if sample.treated.all():
        return "every area is treated at the same time: there is nothing to compare with"
    return "treatment does not vary apart from area and period effects"


def _no_effect(
    notes: tuple[str, ...],
    estimand: str,
    scale: Scale,
    method: str,
    inference: str,
    ci_level: float,
    counts: dict[str, int],
) -> Effect:
    nan = float("nan")
    return Effect(
        estimand=estimand,
        scale=scale,
        estimate=nan,
        std_error=nan,
        ci_low=nan,
        ci_high=nan,
        ci_level=ci_level,
        df=nan,
        method=method,
        inference=inference,
        notes=notes,
        **counts,
    )
