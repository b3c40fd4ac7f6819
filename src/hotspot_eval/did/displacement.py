"""Direct, catchment and net effect together: did crime go next door, or did benefits spread?"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hotspot_eval.design import Design, Estimator
from hotspot_eval.did.twoway import poisson_did
from hotspot_eval.errors import InputError, Problem
from hotspot_eval.panel import Panel
from hotspot_eval.periods import PeriodLike
from hotspot_eval.results import Check, Effect, Effects, Fit

__all__ = ["catchment_design", "displacement", "displacement_check"]

_LABELS = ("direct", "catchment", "net")


def catchment_design(
    panel: Panel, design: Design, *, start: Mapping[str, PeriodLike] | None = None
) -> Design:
    """The design in which the catchment takes the place of the treated areas.

    Parameters
    ----------
    panel : Panel
    design : Design
        With catchment areas.
    start : mapping of area id to period, optional
        When spillover could reach each catchment area; by default from the earliest treated period
        of the design on.

    Raises
    ------
    InputError
        If the design has no catchment.
    """
    if not design.catchment:
        raise InputError(
            Problem(
                where="design", what="has no catchment areas", advice="Name some: catchment=[…]."
            )
        )
    laid = design.on(panel)
    earliest = panel.periods.labels[int(laid.first[laid.rows("treated")].min())]
    begins = start or dict.fromkeys(map(str, design.catchment), earliest)
    return Design(
        treated=design.catchment,
        start=begins,
        controls=[panel.areas[i] for i in laid.rows("control")],
        pre_periods=design.pre_periods,
        post_periods=design.post_periods,
        gap=design.gap,
    )


def displacement(
    panel: Panel,
    design: Design,
    *,
    start: Mapping[str, PeriodLike] | None = None,
    estimator: Estimator = poisson_did,
) -> Effects:
    """Change in events in the treated areas, in their catchment, and in both together.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        With catchment areas, which are nobody's control.
    start : mapping of area id to period, optional
        As in :func:`catchment_design`.
    estimator : Estimator

    Returns
    -------
    Effects
        Labelled ``direct``, ``catchment`` and ``net``, in events (observed minus counterfactual:
        below 0 is fewer); ``.effect`` is the net one. A part without a standard error leaves the
        net without one, and the notes say why.

    Raises
    ------
    InputError
        If the design has no catchment.

    Notes
    -----
    With δ the log IRR of a part and y its events on treated cells, the change is
    Δ = Σ y·(1 − exp(−δ·share)), so that net = Δ_direct + Δ_catchment is observed minus
    counterfactual over all of these cells, never a sum of log points. Both parts share controls:
    Var(net) = g′Vg with g the derivatives dΔ/dδ and V the covariance of the two δ: variances from
    the estimator, whose error may be learnt from controls, and the correlation of their influence
    values summed over areas, which is cluster-robust by area whatever the estimator's error; the
    label of the inference says so. Intervals are for the expected change given the events observed.

    References
    ----------
    Clarke & Weisburd (1994), Crime Prevention Studies 2: 165–183, on diffusion of benefits;
    Guerette & Bowers (2009), https://doi.org/10.1111/j.1745-9125.2009.00177.x
    """
    fits = (
        estimator(panel, design),
        estimator(panel, catchment_design(panel, design, start=start)),
    )
    changes = np.array([_change(fit.effect) for fit in fits])
    slopes = np.array([_slope(fit.effect) for fit in fits])
    errors = np.array([fit.effect.std_error for fit in fits])
    rho = _correlation(*fits)
    joint = np.outer(errors, errors) * np.array([[1.0, rho], [rho, 1.0]])
    lift = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]) * slopes
    covariance = lift @ joint @ lift.T
    df = min(fit.effect.df for fit in fits)
    inference = f"{fits[0].effect.inference}; parts correlated as their influence values by area"
    notes = tuple(dict.fromkeys(note for fit in fits for note in fit.effect.notes))
    told = [
        Effect.from_estimate(
            float(value),
            math.sqrt(variance) if variance >= 0 else math.nan,
            estimand=f"change in events on treated cells and catchment: {label}",
            scale="count",
            method=fits[0].effect.method,
            inference=inference,
            df=df,
            ci_level=fits[0].effect.ci_level,
            n_areas=len({*fits[0].areas, *fits[1].areas}),
            n_treated=fits[0].effect.n_treated,
            n_control=fits[0].effect.n_control,
            n_periods=fits[0].effect.n_periods,
            notes=notes or (("not estimable",) if math.isnan(value) else ()),
        )
        for label, value, variance in zip(
            _LABELS, (*changes, changes.sum()), np.diag(covariance), strict=True
        )
    ]
    return Effects(
        labels=_LABELS,
        vector=np.array([*changes, changes.sum()]),
        covariance=covariance,
        scale="count",
        estimand="change in events on treated cells and catchment",
        method=fits[0].effect.method,
        inference=inference,
        df=df,
        ci_level=fits[0].effect.ci_level,
        parts=tuple(told),
        total="net",
        notes=notes,
    )


def displacement_check(effects: Effects) -> Check:
    """Whether the catchment speaks against the net effect.

    Failed if the catchment has significantly more events than expected; passed means that no rise
    was found, not that there was none.
    """
    nearby, net = effects["catchment"], effects["net"]
    evidence = effects.to_frame()[["label", "estimate", "ci_low", "ci_high", "p_value"]]
    threat = (
        "Crime moved to the places next door, so that the treated areas alone flatter the result."
    )
    if math.isnan(nearby.ci_low):
        return Check(
            name="displacement",
            threat=threat,
            status="not assessed",
            sentence=f"The catchment has no interval: {'; '.join(nearby.notes) or 'no error'}.",
            evidence=evidence,
        )
    failed = nearby.ci_low > 0
    verdict = "a rise" if failed else "no rise beyond chance"
    return Check(
        name="displacement",
        threat=threat,
        status="failed" if failed else "passed",
        sentence=(
            f"The catchment shows {verdict}: {_told(nearby)} against what was expected; with the "
            f"treated areas {_told(net)}."
        ),
        evidence=evidence,
    )


def _told(effect: Effect) -> str:
    value, low, high = (
        f"{number:.0f}".replace("-", "−")
        for number in (effect.estimate, effect.ci_low, effect.ci_high)
    )
    return f"{value} events ({low} to {high})"


def _change(effect: Effect) -> float:
    """Observed minus counterfactual events."""
    return -effect.crimes_prevented().value


def _slope(effect: Effect) -> float:
    """Derivative of the change by the effect, on the effect's scale."""
    if effect.scale == "log_irr":
        return sum(
            g.events * g.share * math.exp(-effect.estimate * g.share) for g in effect.treated_cells
        )
    return sum(g.cells * g.share for g in effect.treated_cells)


def _correlation(one: Fit, other: Fit) -> float:
    """Correlation of two estimates from the influence values of the areas that they share."""
    first, second = one.influence[:, 0], other.influence[:, 0]
    _, mine, theirs = np.intersect1d(one.areas, other.areas, return_indices=True)
    size = math.sqrt(float(first @ first) * float(second @ second))
    return float(first[mine] @ second[theirs]) / size if size > 0 else 0.0
