"""Synthetic difference-in-differences and synthetic control for one or few sites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import NO_NOISE, Told, no_effect, sample_counts
from hotspot_eval.did.kernels import simplex_weights
from hotspot_eval.did.sample import Sample, lay, treated_cells
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.ledger import Ledger
from hotspot_eval.panel import Panel
from hotspot_eval.results import Effect
from hotspot_eval.significance import p_value_from_draws

__all__ = ["Synthetic", "match", "synthetic_control", "synthetic_did", "unsuited"]

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
    ci_level : float

    Returns
    -------
    Synthetic

    Notes
    -----
    Area weights ω ≥ 0, Σω = 1 make weighted controls run parallel to the treated mean before the
    start (ridge ζ = (N₁T₁)^¼·σ of monthly changes), period weights λ make weighted periods before
    stand for those after; the effect is the double difference with these weights. Several starts:
    one fit a cohort, averaged by treated cells. The standard error is that of placebo estimates,
    which assumes that treated areas are as noisy as controls.

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
    return _synthetic(panel, design, SDID, rng, draws, ci_level)


def synthetic_control(
    panel: Panel,
    design: Design,
    *,
    rng: np.random.Generator | None = None,
    draws: int = 200,
    ci_level: float = 0.95,
) -> Synthetic:
    """Synthetic control: weighted controls match the *level* of the treated before the start.

    Arguments and result as in :func:`synthetic_did`; no period weights and no area effect.

    References
    ----------
    Abadie, Diamond & Hainmueller (2010), https://doi.org/10.1198/jasa.2009.ap08746
    """
    return _synthetic(panel, design, SC, rng, draws, ci_level)


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
    ci_level: float,
) -> Synthetic:
    if draws < 2:
        raise InputError(Problem(where="argument 'draws'", what="must be 2 or more"))
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
    control = sample.y[~sample.treated]
    onset = np.argmax(sample.treatment > 0, axis=1)
    cohorts, members = np.unique(onset[sample.treated], return_counts=True)
    means = [sample.y[sample.treated & (onset == g)].mean(axis=0) for g in cohorts]
    made = [
        _fit(control, mean, int(g), int(k), kind)
        for mean, g, k in zip(means, cohorts, members, strict=True)
    ]
    cells = members * (sample.y.shape[1] - cohorts)
    share = cells / cells.sum()
    estimate = float(share @ [fit.effect for fit in made])
    placebo, note = _placebo(control, cohorts, members, share, kind, rng, draws)
    error = float(np.std(placebo)) if len(placebo) > 1 else float("nan")
    notes = (note,) if note else ()
    if len(placebo) > 1 and np.ptp(placebo) == 0:
        error, notes = float("nan"), (*notes, NO_NOISE)
    elif len(placebo) > 1:
        rank = p_value_from_draws(estimate, placebo)
        least = min(1.0, 2.0 / (1 + len(placebo)))
        told_rank = f"rank p = {rank:.3f} among {len(placebo)} placebo estimates"
        notes = (*notes, f"{told_rank}; the smallest possible is {least:.3f}")
    effect = told.effect(
        estimate,
        error,
        df=float("inf"),
        treated_cells=tuple(replace(group, share=1.0) for group in treated_cells(sample)),
        notes=notes,
        **sample_counts(sample, None),
    )
    return _result(sample, effect, made, means, cohorts, share, placebo, kind)


def match(control: Float, treated: Float, *, intercept: bool) -> Float:
    """Weights of controls, shape (n, t), that follow the treated series, shape (t,)."""
    noise = _noise(control)
    return simplex_weights(
        control.T, treated, ridge=1e-6 * noise, least=1e-5 * noise, intercept=intercept
    )


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


def _placebo(
    control: Float,
    cohorts: NDArray[np.intp],
    members: NDArray[np.intp],
    share: Float,
    kind: Kind,
    rng: np.random.Generator | None,
    draws: int,
) -> tuple[Float, str]:
    total, n = int(members.sum()), len(control)
    if n <= total + 1:
        return np.zeros(0), f"{n} controls are too few for placebo areas in place of {total}"
    if total == 1:
        picks = [np.array([j]) for j in range(n)]
    elif rng is None:
        return np.zeros(0), "no standard error: pass rng= to draw placebo areas"
    else:
        picks = [rng.choice(n, total, replace=False) for _ in range(draws)]
    estimates = np.zeros(len(picks))
    edges = np.cumsum(members)[:-1]
    for r, pick in enumerate(picks):
        rest = np.delete(control, pick, axis=0)
        parts = [
            _fit(rest, control[part].mean(axis=0), int(g), len(part), kind).effect
            for part, g in zip(np.split(pick, edges), cohorts, strict=True)
        ]
        estimates[r] = share @ parts
    return estimates, ""


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
    means: list[Float],
    cohorts: NDArray[np.intp],
    share: Float,
    placebo: Float,
    kind: Kind,
) -> Synthetic:
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
            "treated": means[lead],
            "synthetic": made[lead].omega @ sample.y[~sample.treated],
        }
    )
    gap = (path["treated"] - path["synthetic"]).to_numpy()[: int(cohorts[lead])]
    off = float(np.std(gap)) if kind == SDID else float(np.sqrt((gap**2).mean()))
    spread = float(np.std(path["treated"].to_numpy()[: int(cohorts[lead])]))
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
