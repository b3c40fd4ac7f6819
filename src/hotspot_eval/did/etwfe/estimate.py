"""etwfe: from a panel and a design to effects by cohort and period."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.design import Design
from hotspot_eval.did.assemble import LIKE_CONTROLS, Told
from hotspot_eval.did.cohorts.cells import Cells, Control
from hotspot_eval.did.cohorts.result import GroupTime, Shares
from hotspot_eval.did.cohorts.support import cohort_notes
from hotspot_eval.did.covariates import CovariatesLike, covariates_of
from hotspot_eval.did.etwfe.cells import EffectScale, effects_of_cells
from hotspot_eval.did.etwfe.layout import Layout, lay_out, table_of
from hotspot_eval.did.etwfe.learnt import LearntCells
from hotspot_eval.did.kernels import Rows, Saturated, solve_saturated
from hotspot_eval.did.model import Model
from hotspot_eval.did.sample import Sample, lay
from hotspot_eval.did.twoway import ClusterBy, clusters
from hotspot_eval.did.winnow import Unobserved
from hotspot_eval.errors import InputError, Problem, check_choice, check_level, check_whole
from hotspot_eval.panel import Panel
from hotspot_eval.results import Scale

__all__ = ["etwfe"]

Float = NDArray[np.float64]
Errors = Literal["cluster_robust", "learnt"]
NOTHING: tuple[str, ...] = ()
UNEVEN = (
    "areas of one cohort are observed in different periods: cohort effects take them for alike; "
    'compare with effects="area"'
)


def etwfe(
    panel: Panel,
    design: Design,
    *,
    model: Model = "poisson",
    scale: EffectScale = "response",
    control: Control = "not_yet",
    effects: Rows = "cohort",
    covariates: CovariatesLike | None = None,
    anticipation: int = 0,
    shares: Shares = "fixed",
    errors: Errors = "learnt",
    cluster: ClusterBy = "area",
    ci_level: float = 0.95,
) -> GroupTime:
    """Extended two-way fixed effects: an effect for every cohort and period, Poisson or linear.

    Parameters
    ----------
    panel : Panel
        One outcome.
    design : Design
    model : {"poisson", "linear"}
    scale : {"response", "link"}
        Poisson: ``response`` is events per area and period, observed less expected; ``link`` is the
        mean log rate ratio (``.aggregate().effect.as_irr()``). The linear model has one scale.
    control : {"not_yet", "never"}
        ``not_yet``: all untreated cells. ``never``: cells before the start have effects of their
        own against the last untreated period, which ``pre_test`` then judges.
    effects : {"cohort", "area"}
        What stands beside period effects. ``cohort``: coefficients on 1 and the covariates for each
        cohort. ``area``: an intercept for each area, which also takes up levels where areas of a
        cohort are observed in different periods.
    covariates : DataFrame or Series, optional
        One row an area, indexed by area id; do not change in time. They act on the level of each
        cohort, on each period and on each treated cell.
    anticipation : int
        Periods before the start in which effects are allowed.
    shares : {"fixed", "estimated"}
        Whether the cohorts' shares of areas, by which cells are averaged, add to the error.
    errors : {"learnt", "cluster_robust"}
        ``learnt``: what treated areas do by chance is learnt from controls, as in
        :class:`~hotspot_eval.did.PoissonDid`, which holds with few treated areas; cluster-robust
        where there are fewer than two controls, with ``cluster="cluster"``, and with cohort effects
        where the areas of a cohort are observed in different periods. ``inference`` says which.
        ``cluster_robust`` is the estimator as published.
    cluster : {"area", "cluster"}
        A cohort inside one cluster scatters about its own mean, which cancels in the cluster's sum:
        errors by cluster need several clusters a cohort, and a note tells where they are few.
    ci_level : float

    Returns
    -------
    GroupTime
        ``.aggregate("simple" | "group" | "event" | "calendar")``, ``.to_frame()``, ``.bands()``.

    Raises
    ------
    InputError
        If covariates are missing for areas or not finite, or counts are negative.

    Notes
    -----
    g(E[y_it]) = x̃_i′a_g + x̃_i′γ_t + D_it·x̃_i′τ_gt, x̃ = (1, x) and g the logarithm or identity;
    with ``effects="area"`` α_i in place of x̃_i′a_g. Wooldridge centres covariates on their cohort's
    mean, so that the intercept of τ_gt is the effect on the mean area; the averages over the
    cohort's areas that are told here do not depend on centring. Cluster-robust errors come from the
    delta method, CR1 and t with clusters − 1, given covariates (and shares, unless estimated); with
    few treated areas they are too small.

    Linear and balanced it equals imputation, with either kind of effects; without covariates
    Poisson does so too cell by cell, where the areas of a cohort share their periods. A cell
    without any event has no link-scale effect; periods without untreated events, and cohorts
    without an event before, have none: NaN with the reason in ``to_frame()``. Areas never observed
    in treatment are left out, as cohorts and leads would take them for others; with area effects
    and all untreated cells they serve for these, as in :class:`~hotspot_eval.did.Imputation`.

    References
    ----------
    Wooldridge (2021), https://doi.org/10.2139/ssrn.3906345; Wooldridge (2023),
    https://doi.org/10.1093/ectj/utad016

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": list("AAABBBCCCDDD"), "month": ["2022-01", "2022-02",
    ...                       "2022-03"] * 4, "count": [9, 9, 3, 8, 3, 3, 7, 7, 7, 5, 6, 5]})
    >>> panel = Panel.from_counts(frame, area="area", period="month", count="count")
    >>> design = Design(treated=["A", "B"], start={"A": "2022-03", "B": "2022-02"})
    >>> result = etwfe(panel, design, scale="link")
    >>> round(result.aggregate("simple").effect.as_irr().value, 4)
    0.362
    """
    for name, value, options in (
        ("model", model, Model),
        ("scale", scale, EffectScale),
        ("control", control, Control),
        ("effects", effects, Rows),
        ("shares", shares, Shares),
        ("errors", errors, Errors),
        ("cluster", cluster, ClusterBy),
    ):
        check_choice(name, value, get_args(options))
    check_whole("anticipation", anticipation, least=0)
    check_level("ci_level", ci_level)
    plain = effects == "area" and control == "not_yet" and not anticipation
    sample = _sample(panel, design, model, effects, unobserved="control" if plain else "out")
    told = Told(
        estimand="average effect of treatment on the treated",
        scale=_scale(model, scale),
        method=f"extended two-way fixed effects, {model} ({effects} effects, "
        f"{control.replace('_', '-')} treated controls)",
        inference=f"delta method, cluster-robust by {cluster} (CR1, t with clusters − 1)",
        ci_level=ci_level,
    )
    codes = clusters(sample, cluster)
    cells, df, notes, noise = Cells.none(), float("inf"), NOTHING, None
    if not sample.reason:
        x = None if covariates is None else covariates_of(covariates, sample.areas)
        layout = lay_out(sample, x, model=model, control=control, anticipation=anticipation)
        uneven = _uneven(sample, layout)
        learnt = errors == "learnt" and codes is None and not (effects == "cohort" and uneven)
        cells, df, noise = _estimate(sample, layout, codes, model, effects, scale, learnt=learnt)
        told = told if noise is None else replace(told, inference=noise.name)
        notes = _notes(sample, cells, panel.periods.labels, codes, noise)
        notes = (*notes, UNEVEN) if uneven and effects == "cohort" else notes
    return GroupTime(
        sample=sample,
        cells=cells,
        labels=panel.periods.labels,
        cluster=codes,
        told=told,
        notes=notes,
        anticipation=anticipation,
        shares=shares,
        df=df,
        noise=noise,
    )


def _scale(model: Model, scale: EffectScale) -> Scale:
    return "log_irr" if model == "poisson" and scale == "link" else "count"


def _sample(
    panel: Panel, design: Design, model: Model, rows: Rows, *, unobserved: Unobserved
) -> Sample:
    """Cohort effects are means over areas, to which those without any event belong."""
    counts = model == "poisson" and rows == "area"
    sample = lay(panel, design, counts=counts, drop_off=True, unobserved=unobserved)
    if model == "poisson" and (sample.y < 0).any():
        raise InputError(
            Problem(
                where="panel",
                what="has negative values, which a model of counts cannot take, in areas",
                examples=[sample.areas[i] for i in np.flatnonzero((sample.y < 0).any(axis=1))],
                advice='Use model="linear" for measured quantities.',
            )
        )
    return sample


def _estimate(
    sample: Sample,
    layout: Layout,
    cluster: NDArray[np.intp] | None,
    model: Model,
    rows: Rows,
    scale: EffectScale,
    *,
    learnt: bool,
) -> tuple[Cells, float, LearntCells | None]:
    """Cells with influence under the small-sample factor, degrees of freedom, learnt errors."""
    table = table_of(sample, layout, rows=rows, model=model)
    solution = solve_saturated(table, rows=rows, poisson=model == "poisson")
    cells, gradient = effects_of_cells(
        sample, layout, solution, model=model, rows=rows, scale=scale
    )
    count = len(sample.areas) if cluster is None else len(np.unique(cluster))
    factor = np.sqrt(_small_sample(solution, int(layout.used.sum()), count))
    blocks = tuple(replace(block, right=factor * block.right) for block in cells.blocks)
    noise = None
    if learnt:
        response = _scale(model, scale) == "count" and model == "poisson"
        noise = LearntCells.of_solution(
            sample, layout, solution, cells, gradient, model, response=response
        )
    df = float(count - 1) if count > 1 else float("nan")
    return replace(cells, blocks=blocks), df, noise


def _small_sample(solution: Saturated, n_cells: int, clusters: int) -> float:
    """C/(C − 1)·(n − 1)/(n − K), as in fixest."""
    spare = max(n_cells - solution.n_parameters, 1)
    return clusters / max(clusters - 1, 1) * max(n_cells - 1, 1) / spare


def _notes(
    sample: Sample,
    cells: Cells,
    labels: tuple[str, ...],
    cluster: NDArray[np.intp] | None,
    noise: LearntCells | None,
) -> tuple[str, ...]:
    notes = cohort_notes(sample, cells, labels, cluster=cluster, small_matter=noise is None)
    return (LIKE_CONTROLS, *notes) if noise is not None and sample.n_treated < 2 else notes


def _uneven(sample: Sample, layout: Layout) -> bool:
    """Whether areas of a cohort are observed in different periods."""
    return any(
        sample.used[layout.code == g].any(axis=0).sum()
        != sample.used[layout.code == g].all(axis=0).sum()
        for g in np.unique(layout.code)
    )
