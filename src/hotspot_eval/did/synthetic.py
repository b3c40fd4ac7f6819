"""Synthetic difference-in-differences and synthetic control for one or few sites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import Told, no_effect, sample_counts
from hotspot_eval.did.kernels import simplex_weights
from hotspot_eval.did.kernels.nearest import nearest_weights
from hotspot_eval.did.placebo import Cohorts, PlaceboError, cohorts_of, placebo
from hotspot_eval.did.sample import Sample, lay, treated_cells
from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect

__all__ = ["Synthetic", "match", "nearest_match", "synthetic_control", "synthetic_did", "unsuited"]

Float = NDArray[np.float64]
Kind = Literal["synthetic difference-in-differences", "synthetic control"]
SDID: Kind = "synthetic difference-in-differences"
SC: Kind = "synthetic control"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Synthetic:
    """An effect against weighted controls.

    Parameters
    ----------
    effect : Effect
        Events per area and period.
    area_weights : Series
        Weight of each control area, summing to 1; averaged over cohorts by treated cells.
    period_weights : Series
        Weight of each period before; 0 where not used. Empty for synthetic control.
    path : DataFrame
        period, treated, synthetic: means of treated areas and of their weighted controls, of the
        largest cohort.
    draws : ndarray, shape (R,)
        Placebo estimates.
    ledger : Ledger
    """

    effect: Effect
    area_weights: pd.Series
    period_weights: pd.Series
    path: pd.DataFrame
    draws: Float
    ledger: Ledger

    def to_frame(self) -> pd.DataFrame:
        """The effect, one row."""
        return self.effect.to_frame()

    def __repr__(self) -> str:
        used = int((self.area_weights > 0.001).sum())
        return f"Synthetic, {used} of {len(self.area_weights)} controls in use\n{self.effect!r}"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.ledger._repr_html_()}"


def synthetic_did(
    panel: Panel,
    design: Design,
    *,
    rng: np.random.Generator | None = None,
    draws: int = 200,
    error: PlaceboError = "matched",
    ci_level: float = 0.95,
) -> Synthetic:
    """Synthetic difference-in-differences with placebo inference.

    Parameters
    ----------
    panel : Panel
        One outcome, every area observed in every period of the windows.
    design : Design
        Treatment that stays on; one start or several.
    rng : Generator, optional
        Needed when more than one area is treated: placebo areas are drawn from the controls. With
        one treated area every control takes its turn and nothing is drawn.
    draws : int
        Placebo sets.
    error : {"matched", "published"}
        ``matched``: placebo areas lie in as many clusters as the treated where the panel has
        labels, the error is widened where the treated were noisier before the start, and the
        interval is that of t. ``published``: any controls, their standard deviation, normal.
    ci_level : float

    Returns
    -------
    Synthetic

    Raises
    ------
    InputError
        If the panel has several outcomes, or an option is not one of those above.

    Notes
    -----
    Area weights ω ≥ 0, Σω = 1 make weighted controls run parallel to the treated mean before the
    start (ridge ζ = (N₁T₁)^¼·σ of monthly changes), period weights λ make weighted periods before
    stand for those after; the effect is the double difference with these weights. Several starts:
    one fit a cohort, averaged by treated cells. Weights are those of the published Frank–Wolfe
    path, which stops within about 1e-3 of the minimum; those of placebo areas are the minimum
    itself, from which the rank p in the notes is taken too.

    ``matched``: each draw takes, for every cluster with m treated areas, m controls of one cluster,
    so that they share shocks as the treated do. With e the placebo estimates, g² mean squares of
    the gap to the weighted controls before the first start (SDID: less its mean), the error is
    √mean(e²)·max(1, √(g²_treated / mean g²_placebo)); from fewer than six periods before, without
    the second factor. Degrees of freedom d: 1/d = s²/(C − 1) + (1 − s)²/(n − 1), where s is the
    share of the variance of e that C control clusters account for and n counts controls; where the
    error is widened, 1/d grows by that of g², read from how its two halves differ. What it assumes:
    treated areas stray from their weighted controls after the start as they did before, relative
    to placebo areas; clusters are alike. ``published`` assumes that treated areas are as
    noisy as single controls drawn at random.

    Coverage of the 95 % interval in 2,000 draws of 200 rare-count areas × 48 months in twenty
    boroughs, ``matched`` (``published``): 5, 10 and 40 scattered areas .973, .964, .968 (.939,
    .938, .937); in as few boroughs as hold them .963, .971, .967 (.904, .885, .871); one area .979,
    since a quiet area's error is not narrowed. Ten areas of the upper half of levels, 200 draws:
    .94 (.78).

    References
    ----------
    Arkhangelsky et al. (2021), https://doi.org/10.1257/aer.20190159

    Examples
    --------
    >>> frame = pd.DataFrame({"area": list("AAABBBCCCDDD"), "month": ["2022-01", "2022-02",
    ...                       "2022-03"] * 4, "count": [9, 9, 3, 8, 8, 8, 7, 7, 7, 5, 6, 5]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> result = synthetic_did(panel, Design(treated=["A"], start="2022-03"))
    >>> result.effect.estimate < -5
    True
    """
    return _synthetic(panel, design, SDID, rng, draws, error, ci_level)


def synthetic_control(
    panel: Panel,
    design: Design,
    *,
    rng: np.random.Generator | None = None,
    draws: int = 200,
    error: PlaceboError = "matched",
    ci_level: float = 0.95,
) -> Synthetic:
    """Synthetic control: weighted controls match the *level* of the treated before the start.

    Arguments and result as in :func:`synthetic_did`; no period weights and no area effect. Coverage
    in the same worlds, with 50 placebo sets: 5, 10, 40 scattered areas .969, .968, .951; clustered
    .955, .968, .954.

    References
    ----------
    Abadie, Diamond & Hainmueller (2010), https://doi.org/10.1198/jasa.2009.ap08746
    """
    return _synthetic(panel, design, SC, rng, draws, error, ci_level)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weighted:
    """One cohort: effect, ω (controls,), λ (periods before,)."""

    effect: float
    omega: Float
    lam: Float


def _synthetic(
    panel: Panel,
    design: Design,
    kind: Kind,
    rng: np.random.Generator | None,
    draws: int,
    error: PlaceboError,
    ci_level: float,
) -> Synthetic:
    if draws < 2:
        raise InputError(Problem(where="argument 'draws'", what="must be 2 or more"))
    check_choice("error", error, get_args(PlaceboError))
    sample = lay(panel, design, counts=False)
    told = Told(
        estimand="average effect on the treated cells",
        scale="count",
        method=kind,
        inference="placebo areas",
        ci_level=ci_level,
    )
    reason = sample.reason or unsuited(sample)
    if reason:
        return _empty(sample, no_effect(told, (reason,), sample_counts(sample, None)))
    cohorts = cohorts_of(sample)
    made = [
        _fit(cohorts.control, target, int(g), int(k), kind)
        for target, g, k in zip(cohorts.targets, cohorts.onsets, cohorts.sizes, strict=True)
    ]
    reference = placebo(cohorts, double=kind == SDID, error=error, rng=rng, draws=draws)
    effect = replace(told, inference=reference.inference).effect(
        float(cohorts.share @ [fit.effect for fit in made]),
        reference.std_error,
        df=reference.df,
        treated_cells=tuple(replace(group, share=1.0) for group in treated_cells(sample)),
        notes=reference.notes,
        **sample_counts(sample, None),
    )
    return _result(sample, effect, made, cohorts, reference.estimates, kind)


def match(control: Float, treated: Float, *, intercept: bool) -> Float:
    """Weights of controls, shape (n, t), that follow the treated series, shape (t,)."""
    noise = _noise(control)
    return simplex_weights(
        control.T, treated, ridge=1e-6 * noise, least=1e-5 * noise, intercept=intercept
    )


def nearest_match(control: Float, treated: Float, *, intercept: bool) -> Float:
    """The same from the exact minimum: quicker, where many series are matched."""
    points = control - treated
    if intercept:
        points = points - points.mean(axis=1, keepdims=True)
    weights: Float = nearest_weights(points, points.shape[1] * (1e-6 * _noise(control)) ** 2)
    return weights


def _noise(before: Float) -> float:
    """Standard deviation of changes from one period to the next."""
    return float(np.std(np.diff(before, axis=1), ddof=1)) if before[:, 1:].size > 1 else 0.0


def _fit(control: Float, treated: Float, onset: int, members: int, kind: Kind) -> _Weighted:
    before, after = control[:, :onset], control[:, onset:]
    noise = _noise(before)
    t_after = control.shape[1] - onset
    least = 1e-5 * noise
    if kind == SC:
        omega = match(before, treated[:onset], intercept=False)
        lam = np.zeros(onset)
        effect = treated[onset:].mean() - omega @ after.mean(axis=1)
        return _Weighted(effect=float(effect), omega=omega, lam=lam)
    ridge = (members * t_after) ** 0.25 * noise
    omega = simplex_weights(before.T, treated[:onset], ridge=ridge, least=least, intercept=True)
    lam = simplex_weights(
        before, after.mean(axis=1), ridge=1e-6 * noise, least=least, intercept=True
    )
    gap = treated - omega @ control
    return _Weighted(effect=float(gap[onset:].mean() - lam @ gap[:onset]), omega=omega, lam=lam)


def unsuited(sample: Sample) -> str:
    """Why weighted controls cannot be had; empty where they can."""
    if not sample.used.all():
        return "needs every area observed in every period of common windows"
    on = sample.treatment > 0
    if (np.diff(on.astype(int), axis=1) < 0).any():
        return "needs treatment that stays on"
    if (~sample.treated).sum() < 2:
        return "needs two control areas or more"
    if np.ptp(sample.y) == 0:
        return "the outcome does not vary"
    return ""


def _result(
    sample: Sample,
    effect: Effect,
    made: list[_Weighted],
    cohorts: Cohorts,
    placebo: Float,
    kind: Kind,
) -> Synthetic:
    share, onsets = cohorts.share, cohorts.onsets
    controls = [a for a, on in zip(sample.areas, sample.treated, strict=True) if not on]
    omega = sum(
        (s * fit.omega for s, fit in zip(share, made, strict=True)), np.zeros(len(controls))
    )
    periods = np.zeros(len(sample.periods))
    for s, fit in zip(share, made, strict=True):
        periods[: len(fit.lam)] += s * fit.lam
    lead = int(np.argmax(share))
    path = pd.DataFrame(
        {
            "period": sample.periods,
            "treated": cohorts.targets[lead],
            "synthetic": made[lead].omega @ cohorts.control,
        }
    )
    gap = (path["treated"] - path["synthetic"]).to_numpy()[: int(onsets[lead])]
    off = float(np.std(gap)) if kind == SDID else float(np.sqrt((gap**2).mean()))
    spread = float(np.std(path["treated"].to_numpy()[: int(onsets[lead])]))
    if len(gap) > 1 and off > max(spread, 1e-12):
        effect = effect.with_notes("poor fit before the start: do not rely on the estimate")
    return Synthetic(
        effect=effect,
        area_weights=pd.Series(omega, index=controls, name="weight"),
        period_weights=pd.Series(periods, index=list(sample.periods), name="weight"),
        path=path,
        draws=placebo,
        ledger=sample.ledger,
    )


def _empty(sample: Sample, effect: Effect) -> Synthetic:
    return Synthetic(
        effect=replace(effect, inference="none"),
        area_weights=pd.Series(dtype=np.float64),
        period_weights=pd.Series(dtype=np.float64),
        path=pd.DataFrame(columns=["period", "treated", "synthetic"]),
        draws=np.zeros(0),
        ledger=sample.ledger,
    )
