"""switchers: effects of a treatment that goes on and off, against areas not switched yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design, check_study
from hotspot_eval.did.assemble import Told
from hotspot_eval.did.kernels.scores import scores_of
from hotspot_eval.did.sample import Sample, attenuated, lay
from hotspot_eval.did.switching.doses import dose_of
from hotspot_eval.did.switching.paths import Direction, Horizons, Paths, follow, horizons
from hotspot_eval.did.switching.result import NOBODY, Switchers
from hotspot_eval.did.switching.variance import Errors, variance_of
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.errors import check_choice, check_level, check_type, check_whole
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.panel import Panel

__all__ = ["switchers"]

Float = NDArray[np.float64]
Unit = Literal["share", "dose"]
LEFT = "other direction, no base period, or nobody with the same baseline unchanged"


def switchers(
    panel: Panel,
    design: Design,
    *,
    effects: int | None = None,
    placebos: int | None = None,
    unit: Unit = "share",
    direction: Direction = "all",
    same_switchers: bool = False,
    errors: Errors = "learnt",
    cluster: ClusterBy = "area",
    ci_level: float = 0.95,
) -> Switchers:
    """Effects of treatment that may go on and off, by periods since it first changed.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
        Spells, with or without end; areas on from the panel's first period are compared among
        each other.
    effects, placebos : int, optional
        Periods from the switch, and as many before it; by default all there are.
    unit : {"share", "dose"}
        Treatment is the share of the period, or the design's dose.
    direction : {"all", "in", "out"}
        Switchers whose treatment rises, falls, or both (falls count with the sign turned).
    same_switchers : bool
        Only areas with every one of the effects, so that event times are about the same areas.
    errors : {"learnt", "influence"}
        ``learnt``: what switchers do by chance is learnt from never-treated areas; ``influence``
        where there are fewer than two of them, or with ``cluster="cluster"``: deviations from areas
        that switch together, which needs ten switchers or more.
    cluster : {"area", "cluster"}
        By cluster the factor m/(m − 1) counts the m clusters of areas that switch together, as
        published. It is right for clusters of equal size: where one of two holds nine areas in
        ten, the variance has a third of its size (independent areas) or less (shared shocks).
    ci_level : float

    Returns
    -------
    Switchers
        ``.effect``: average total effect per unit of treatment. ``.event_study()``,
        ``.aggregate("normalized" | "ratio")``, ``.pre_test()``.

    Raises
    ------
    InputError
        If ``effects`` or ``placebos`` is below 1, or a dose is asked for and the design has none.

    Notes
    -----
    With F_g the first period in which area g's treatment D differs from its baseline D_{g,1}, that
    of the panel's first period,

        DID_{g,ℓ} = y_{g,F_g−1+ℓ} − y_{g,F_g−1} − mean of the same change over areas g′ with
        D_{g′,1} = D_{g,1} and F_{g′} > F_g − 1 + ℓ,   ℓ = 1, 2, …

    and DID_ℓ = Σ_g S_g·DID_{g,ℓ}/N_ℓ over the N_ℓ switchers that have it, S_g = 1 where treatment
    rose and −1 where it fell. Event time is ℓ − 1: 0 in the first period of the switch. DID_ℓ is
    the effect of the whole path since the switch against staying as before: periods in which
    treatment is off again are followed, never counted as treated, and never as controls. The
    placebo of ℓ has y_{g,F_g−1−ℓ} in place of y_{g,F_g−1+ℓ}, for the same areas and controls. A gap
    in the design moves the base F_g − 1 to the last period before it. Cells from where a path
    crosses its baseline are left out.

    Assumes parallel trends in *numbers* among areas with the same baseline, and no anticipation.

    References
    ----------
    de Chaisemartin & D'Haultfœuille (2024), https://doi.org/10.1162/rest_a_01414

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AAAABBBBCCCC"), "month": ["2022-01", "2022-02",
    ...     "2022-03", "2022-04"] * 3, "count": [8, 8, 4, 6, 7, 7, 7, 7, 9, 9, 9, 9]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> result = switchers(panel, Design(treated=["A"], start="2022-03", end="2022-03"))
    >>> result.event_study().labels, result.event_study().vector.tolist()
    (('-2', '-1', '0', '1'), [0.0, 0.0, -4.0, -2.0])
    >>> result.effect.estimate
    -6.0
    """
    _check(effects, placebos, unit, direction, errors, cluster, same_switchers)
    check_level("ci_level", ci_level)
    check_study(panel, design)
    whole = design.on(panel)
    level = whole.treatment if unit == "share" else dose_of(whole)
    sample = lay(panel, design, counts=False, keep_always=True)
    paths = follow(level[panel.positions(sample.areas)])
    crossed = sample.used & paths.crossed[:, sample.when]
    used = sample.used & ~crossed
    made = horizons(
        sample,
        paths,
        used,
        effects=effects,
        placebos=placebos,
        gap=design.gap,
        same=same_switchers,
        direction=direction,
    )
    entered = made.on.any(axis=1)
    lost = tuple(sample.areas[i] for i in np.flatnonzero((paths.sign != 0) & ~np.asarray(entered)))
    told = Told(
        estimand="effect of having switched, by periods since",
        scale="count",
        method="de Chaisemartin–D'Haultfœuille, not-yet-switched controls",
        inference="none",
        ci_level=ci_level,
    )
    ledger = sample.ledger.step(
        "cells of areas that switch",
        unit="cells",
        rows_in=int(sample.used.sum()),
        rows_out=int(used.sum()),
        left_out=[LedgerNote(reason="treatment crossed its baseline", rows=int(crossed.sum()))],
    ).step(
        "areas that switch",
        unit="areas",
        rows_in=int((paths.sign != 0).sum()),
        rows_out=int((paths.sign != 0).sum()) - len(lost),
        left_out=[LedgerNote(reason=LEFT, rows=len(lost), examples=lost[:5])],
    )
    return _estimate(
        sample, paths, made, used, told, errors, clusters(sample, cluster), design, unit, ledger
    )


def _check(
    effects: int | None,
    placebos: int | None,
    unit: Unit,
    direction: Direction,
    errors: Errors,
    cluster: ClusterBy,
    same_switchers: bool,
) -> None:
    for name, value, options in (
        ("unit", unit, Unit),
        ("direction", direction, Direction),
        ("errors", errors, Errors),
        ("cluster", cluster, ClusterBy),
    ):
        check_choice(name, value, get_args(options))
    check_type("same_switchers", same_switchers, bool)
    for name, count in (("effects", effects), ("placebos", placebos)):
        if count is not None:
            check_whole(name, count, least=1)


def _estimate(
    sample: Sample,
    paths: Paths,
    made: Horizons,
    used: NDArray[np.bool_],
    told: Told,
    errors: Errors,
    cluster: NDArray[np.intp] | None,
    design: Design,
    unit: Unit,
    ledger: Ledger,
) -> Switchers:
    y = np.where(used, sample.y, 0.0)
    values = scores_of(y, made.group, made.weights).sum(axis=0)
    values = np.where(made.switchers > 0, values, np.nan)
    weights, ratio, why = _log_ratio(paths, made, y, values)
    variance = variance_of(
        sample,
        used,
        group=made.group,
        weights=weights,
        strata=paths.baseline,
        switchers=paths.sign != 0,
        errors=errors,
        cluster=cluster,
    )
    lost = np.isnan(np.append(values, ratio))
    covariance = np.where(lost[:, None] | lost, np.nan, variance.covariance)
    return Switchers(
        sample=sample,
        paths=paths,
        horizons=made,
        estimates=np.append(values, ratio),
        covariance=covariance,
        influence=variance.influence,
        df=variance.df,
        base=-1 - design.gap,
        told=replace(told, inference=variance.inference),
        reasons=(*(("" if k > 0 else sample.reason or NOBODY) for k in made.switchers), why),
        notes=(*variance.notes, *attenuated(sample)),
        cluster=cluster,
        whole=unit == "share",
        ledger=ledger,
    )


def _log_ratio(paths: Paths, made: Horizons, y: Float, values: Float) -> tuple[Float, float, str]:
    """Weights with one row more, the log ratio of observed to expected events, or why not."""
    after = np.array(made.times, dtype=np.intp) >= 0
    live = after & (made.switchers > 0)
    total = np.einsum("p,pgt->gt", made.switchers[live], made.weights[live])
    row = np.zeros((1, *made.weights.shape[1:]))
    wide = np.concatenate([made.weights, row])
    if not live.any():
        return wide, float("nan"), NOBODY
    if (made.on & (paths.sign < 0)[:, None]).any():
        return wide, float("nan"), "some areas switch out of treatment: use direction='in'"
    observed = float(y[made.on].sum())
    expected = observed - float(made.switchers[live] @ values[live])
    if not (observed > 0 and expected > 0):
        reason = "no event was observed, or the counterfactual is not above 0"
        return wide, float("nan"), f"{reason}: the logarithm is not finite"
    entered = np.zeros(row.shape[1:])
    entered[made.group] = made.on
    wide[-1] = entered / observed - (entered - total) / expected
    return wide, float(np.log(observed / expected)), ""
