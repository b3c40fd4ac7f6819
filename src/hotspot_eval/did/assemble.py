"""From a regression to a Fit: effects with their counts, degrees of freedom and reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import Correction
from hotspot_eval.did.model import Model, Regression
from hotspot_eval.did.noise import learnt_inference
from hotspot_eval.did.sample import Sample, treated_cells
from hotspot_eval.results import Effect, Effects, Fit, Scale, TreatedCells

__all__ = [
    "FITTED",
    "SCALE",
    "Told",
    "controls_fitted",
    "effect_of",
    "fit_of",
    "full_covariance",
    "impossible",
    "inference_name",
    "no_effect",
    "sample_counts",
]

Float = NDArray[np.float64]
SCALE: dict[Model, Scale] = {"poisson": "log_irr", "linear": "count"}
_FEW = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The words and the level that effects of one estimate share."""

    estimand: str
    scale: Scale
    method: str
    inference: str
    ci_level: float = 0.95

    def of(self, label: str) -> Told:
        """The same, for one labelled part of the estimand."""
        return replace(self, estimand=f"{self.estimand}: {label}")

    def effect(
        self,
        estimate: float,
        std_error: float,
        *,
        df: float,
        notes: tuple[str, ...] = (),
        **counts: Any,
    ) -> Effect:
        """An effect in these words; an error of 0, or none without a reason, is NaN with one."""
        if np.isfinite(estimate) and (std_error == 0 or (np.isnan(std_error) and not notes)):
            std_error = df = float("nan")
            notes = (NO_NOISE, *notes)
        return Effect.from_estimate(
            estimate,
            std_error,
            estimand=self.estimand,
            scale=self.scale,
            method=self.method,
            inference=self.inference,
            ci_level=self.ci_level,
            df=df,
            notes=notes,
            **counts,
        )

    def effects(
        self, labels: tuple[str, ...], vector: Float, covariance: Float, parts: tuple[Effect, ...]
    ) -> Effects:
        """Effects in these words; their df is the least of the parts'."""
        degrees = [part.df for part in parts if np.isfinite(part.df)]
        return Effects(
            labels=labels,
            vector=vector,
            covariance=covariance,
            scale=self.scale,
            estimand=self.estimand,
            method=self.method,
            inference=self.inference,
            df=min(degrees, default=float("inf")),
            ci_level=self.ci_level,
            parts=parts,
        )


def inference_name(correction: Correction, by: str, regression: Regression | None = None) -> str:
    """How the standard error was made, in words."""
    if correction == "CR1":
        return f"cluster-robust by {by} (CR1, t with clusters − 1)"
    if regression is not None and regression.learnt is not None:
        return learnt_inference(shared=regression.learnt.shared is not None)
    return f"cluster-robust by {by} (CR2, Bell–McCaffrey t)"


def effect_of(
    sample: Sample,
    regression: Regression,
    contrast: Float,
    told: Told,
    *,
    cluster: NDArray[np.intp] | None,
    notes: tuple[str, ...] = (),
    cells: tuple[TreatedCells, ...] | None = None,
) -> Effect:
    """The effect Σ contrast·β; ``contrast`` has shape (P,) over all columns.

    ``cells`` are the sample's treated cells, where these are known.
    """
    counts = sample_counts(sample, cluster)
    on = np.flatnonzero(contrast)
    value = float(contrast[on] @ regression.beta[on])
    if np.isnan(value) or regression.sandwich is None:
        return no_effect(told, (_why_not(sample, regression, on), *notes), counts)
    kept = contrast[regression.kept]
    n_treated = int(counts["n_treated"])
    if cluster is not None:
        n_treated = len(np.unique(cluster[sample.seen_treated]))
    std_error = float(np.sqrt(np.maximum(kept @ regression.covariance() @ kept, 0.0)))
    df = regression.df(kept)
    if not std_error > 0:
        std_error = df = float("nan")
        notes = (*notes, NO_NOISE)
    elif regression.learnt is not None:
        if n_treated < 2:
            notes = (*notes, LIKE_CONTROLS)
        notes = (*notes, *regression.learnt.notes)
    elif controls_fitted(sample, cluster, regression.sandwich.influence):
        std_error = df = float("nan")
        notes = (*notes, FITTED)
    elif n_treated < 2 or not df > 0:
        std_error = df = float("nan")
        notes = (*notes, ONE_TREATED)
    elif n_treated < _FEW:
        notes = (*notes, f"only {n_treated} treated clusters: prefer randomisation or replay")
    return told.effect(
        value,
        std_error,
        df=df,
        treated_cells=treated_cells(sample) if cells is None else cells,
        notes=notes,
        **counts,
    )


def controls_fitted(sample: Sample, cluster: NDArray[np.intp] | None, influence: Float) -> bool:
    """Whether period effects fit every control (or cluster of controls) exactly."""
    untreated = ~sample.treated
    if not untreated.any():
        return False
    labels = np.arange(len(untreated)) if cluster is None else cluster
    sums = np.zeros((int(labels.max()) + 1, influence.shape[1]))
    np.add.at(sums, labels[untreated], influence[untreated])
    return bool(np.abs(sums).max() <= 1e-6 * np.abs(influence).max(initial=0.0))


NO_NOISE = "nothing varies around the fit, so its noise cannot be told: no standard error"
LIKE_CONTROLS = (
    "one treated area: its noise is taken to be that of controls of like level, and a cluster-"
    "robust standard error cannot be computed from it; see randomisation or replay"
)
FITTED = (
    "one control: period effects fit it exactly, so that nothing tells how far it strays by chance "
    "and no error can be learnt"
)
TORN = (
    "treated areas and the others hold no events in the same periods, so that nothing tells the "
    "effect from those of periods"
)
ONE_TREATED = (
    "one treated cluster: a cluster-robust standard error cannot be computed from it; use "
    "randomisation, replay or synthetic control"
)


def impossible(sample: Sample, reason: str, told: Told, *, terms: tuple[str, ...]) -> Fit:
    """A Fit that holds no estimate, and why."""
    effect = no_effect(told, (reason,), sample_counts(sample, None))
    nothing = np.full(len(terms), np.nan)
    covariance = np.full((len(terms), len(terms)), np.nan)
    effects = told.effects(terms, nothing, covariance, (effect,) * len(terms))
    return Fit(
        terms=terms,
        coefficients=nothing,
        covariance=covariance,
        influence=np.full((len(sample.areas), len(terms)), np.nan),
        areas=sample.areas,
        periods=sample.periods,
        response=np.where(sample.used, sample.y, np.nan),
        fitted_from=partial(np.full, sample.y.shape, np.nan),
        treatment=np.where(sample.used, sample.treatment, np.nan),
        ledger=sample.ledger,
        effect=effect,
        effects=effects,
        event=effects,
    )


def full_covariance(regression: Regression) -> Float:
    """Covariance of all P columns, NaN where there is no coefficient."""
    size = len(regression.beta)
    covariance = np.full((size, size), np.nan)
    if regression.sandwich is not None:
        covariance[np.ix_(regression.kept, regression.kept)] = regression.covariance()
    return covariance


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
    influence = np.full((len(sample.areas), len(terms)), np.nan)
    if regression.sandwich is not None:
        influence[:, regression.kept] = regression.sandwich.influence
    whole = bool(sample.used.all())
    return Fit(
        terms=terms,
        coefficients=regression.beta,
        covariance=full_covariance(regression),
        influence=influence,
        areas=sample.areas,
        periods=sample.periods,
        response=sample.y if whole else np.where(sample.used, sample.y, np.nan),
        fitted_from=regression.fitted,
        treatment=sample.treatment if whole else np.where(sample.used, sample.treatment, np.nan),
        ledger=sample.ledger,
        effect=effect,
        effects=effects,
        event=event,
    )


def sample_counts(sample: Sample, cluster: NDArray[np.intp] | None) -> dict[str, Any]:
    """How many areas, treated, controls, clusters and periods lie behind an effect."""
    n = len(sample.areas)
    return {
        "n_areas": n,
        "n_treated": sample.n_treated,
        "n_control": n - int(sample.treated.sum()),
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
    if regression.torn:
        return TORN
    if sample.treated.all():
        return "every area is treated at the same time: there is nothing to compare with"
    return "treatment does not vary apart from area and period effects"


def no_effect(told: Told, notes: tuple[str, ...], counts: dict[str, Any]) -> Effect:
    """An effect without a value, and why."""
    return told.effect(float("nan"), float("nan"), df=float("nan"), notes=notes, **counts)
