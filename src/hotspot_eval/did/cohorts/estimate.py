"""group_time: from a panel and a design to group-time effects."""

from __future__ import annotations

from typing import Literal, get_args

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import LIKE_CONTROLS, Told
from hotspot_eval.did.cohorts.cells import Base, Cells, Control, estimate_cells
from hotspot_eval.did.cohorts.contrast import Method
from hotspot_eval.did.cohorts.learnt import LearntMeans
from hotspot_eval.did.cohorts.result import GroupTime
from hotspot_eval.did.cohorts.support import cohort_notes
from hotspot_eval.did.covariates import CovariatesLike, covariates_of
from hotspot_eval.did.sample import lay
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.errors import check_choice, check_level, check_whole
from hotspot_eval.panel import Panel

__all__ = ["group_time"]

Errors = Literal["influence", "learnt"]


def group_time(
    panel: Panel,
    design: Design,
    *,
    control: Control = "not_yet",
    base: Base = "universal",
    method: Method = "dr",
    anticipation: int = 0,
    covariates: CovariatesLike | None = None,
    errors: Errors = "influence",
    cluster: ClusterBy = "area",
    ci_level: float = 0.95,
) -> GroupTime:
    """Group-time average treatment effects ATT(g, t), in events per area and period.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
    control : {"never", "not_yet"}
        Areas never treated, or also those not treated yet.
    base : {"universal", "varying"}
        Before the start, compare with the last untreated period (so that slow drifts show), or with
        the period before.
    method : {"dr", "ipw", "or"}
        How covariates enter: doubly robust, weighting or outcome regression.
    anticipation : int
        Periods before the start in which effects are allowed; these too are compared with the last
        period before them, with either base (R's ``did`` takes the period before if it varies).
    covariates : DataFrame or Series, optional
        One row an area, indexed by area id; do not change in time.
    errors : {"influence", "learnt"}
        ``influence``: as published; too small with few treated areas. ``learnt``: what treated
        areas do by chance is learnt from never-treated ones, as in
        :class:`~hotspot_eval.did.LinearDid`; influence where there are fewer than two of them, with
        covariates, or with ``cluster="cluster"``. ``inference`` says which.
    cluster : {"area", "cluster"}
        A cohort inside one cluster scatters about its own mean, which cancels in the cluster's sum:
        errors by cluster need several clusters a cohort, and a note tells where they are few.
    ci_level : float

    Returns
    -------
    GroupTime

    Raises
    ------
    InputError
        If covariates are missing for areas, or not finite.

    Notes
    -----
    ATT(g, t) = E[y_t − y_b | G = g] − E[y_t − y_b | control], b the base period; with covariates as
    in :func:`~hotspot_eval.did.cohorts.contrast.contrast`. Assumes that each cohort and its
    controls would have changed by the same *number* (given covariates), no anticipation beyond
    ``anticipation``, and controls of like covariates for all treated areas. Each leans on one
    base period: on rare monthly counts its standard error is several times that of imputation,
    which is why this is the robustness row and not the lead. Cells in which treatment is off again
    are left out. Areas missing in one of the two periods are no part of a cell; those never
    observed in treatment serve as not yet treated, and add nothing to the share of their cohort.

    References
    ----------
    Callaway & Sant'Anna (2021), https://doi.org/10.1016/j.jeconom.2020.12.001

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AAABBBCCCDDD"), "month": ["2022-01", "2022-02",
    ...                       "2022-03"] * 4, "count": [9, 9, 3, 8, 3, 3, 7, 7, 7, 5, 6, 5]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(treated=["A", "B"], start={"A": "2022-03", "B": "2022-02"})
    >>> result = group_time(panel, design, control="never")
    >>> round(result.aggregate("simple").effect.estimate, 4)
    -5.3333
    """
    for name, value, options in (
        ("control", control, Control),
        ("base", base, Base),
        ("method", method, Method),
        ("errors", errors, Errors),
        ("cluster", cluster, ClusterBy),
    ):
        check_choice(name, value, get_args(options))
    check_whole("anticipation", anticipation, least=0)
    check_level("ci_level", ci_level)
    sample = lay(panel, design, counts=False, drop_off=True, unobserved="treated")
    cells, noise, codes = Cells.none(), None, clusters(sample, cluster)
    if not sample.reason:
        x = None if covariates is None else covariates_of(covariates, sample.areas)
        cells = estimate_cells(
            sample, x, control=control, base=base, method=method, anticipation=anticipation
        )
        if errors == "learnt" and x is None and codes is None:
            noise = LearntMeans.of_sample(
                sample, control=control, base=base, anticipation=anticipation
            )
    told = Told(
        estimand="average effect of treatment on the treated",
        scale="count",
        method=f"group-time ({method}, {control.replace('_', '-')} treated controls)",
        inference=f"influence functions, clustered by {cluster}" if noise is None else noise.name,
        ci_level=ci_level,
    )
    notes = cohort_notes(
        sample, cells, panel.periods.labels, cluster=codes, small_matter=noise is None
    )
    if noise is not None and sample.n_treated < 2:
        notes = (LIKE_CONTROLS, *notes)
    return GroupTime(
        sample=sample,
        cells=cells,
        labels=panel.periods.labels,
        cluster=codes,
        told=told,
        notes=notes,
        anticipation=anticipation,
        noise=noise,
    )
