"""One regression with area and period effects: Poisson or linear, on the cells of a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.beforehand import Past
from hotspot_eval.did.kernels import (
    Collapsed,
    Correction,
    Residuals,
    Sandwich,
    attainable,
    collapse,
    loadings_of,
    project,
    sandwich,
    solve_poisson,
    spread_rows,
    without_single,
)
from hotspot_eval.did.kernels.independent import independent_columns
from hotspot_eval.did.noise import Learnt, enough_controls, learn, levels
from hotspot_eval.did.sample import Sample

__all__ = ["Model", "Regression", "collapsed", "regress"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Model = Literal["poisson", "linear"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regression:
    """Coefficients on P columns and what inference needs of them.

    Parameters
    ----------
    beta : ndarray, shape (P,)
        NaN where a coefficient is not identified or not finite.
    kept : ndarray of int
        Columns with a coefficient; ``sandwich`` is about these, in this order.
    sandwich : Sandwich or None
        None where no coefficient is identified.
    fitted : callable
        Gives fitted values, shape (n, t), NaN where not used.
    separated : ndarray of bool, shape (P,)
        Columns whose cells hold no event at all, in a model of counts.
    torn : bool
        Cells were left out whose mean goes to 0, though their area and period hold events.
    learnt : Learnt or None
        Covariance learnt from untreated areas, where that was asked for and there are enough.
    """

    beta: Float
    kept: NDArray[np.intp]
    sandwich: Sandwich | None
    fitted: Callable[[], Float]
    separated: Bool
    torn: bool = False
    learnt: Learnt | None = None

    def covariance(self) -> Float:
        """Covariance of the kept coefficients, shape (K, K)."""
        if self.learnt is not None:
            return self.learnt.covariance()
        if self.sandwich is None:
            return np.full((len(self.kept),) * 2, np.nan)
        return self.sandwich.covariance

    def df(self, contrast: Float) -> float:
        """Degrees of freedom of a contrast of the kept coefficients."""
        if self.learnt is not None:
            return self.learnt.df(contrast)
        return float("nan") if self.sandwich is None else self.sandwich.df(contrast)


def regress(
    sample: Sample,
    columns: Float,
    *,
    model: Model,
    cluster: NDArray[np.intp] | None,
    strata: NDArray[np.intp] | None = None,
    covariates: Float | None = None,
    correction: Correction = "learnt",
    inference: bool = True,
    by_treatment: bool = False,
    by_event: bool = False,
) -> Regression:
    """Fit ``columns``, shape (P, n, t), beside area and (stratum ×) period effects.

    Parameters
    ----------
    cluster : ndarray of int, shape (n,), or None
        Clusters of the covariance; None for areas.
    strata : ndarray of int, shape (n,), optional
        Areas with the same label share period effects; by default all do.
    covariates : ndarray, shape (n, K), optional
        Of areas, each with a coefficient in every period.
    inference : bool
        False leaves out scores, covariance and fitted values.
    by_treatment : bool
        The columns are given for treated areas alone, shape (P, R, t); they are 0 for others.
    by_event : bool
        The columns are event times: see :func:`~hotspot_eval.did.noise.learn`.
    """
    table, x = collapsed(sample, columns, model, strata, covariates, by_treatment=by_treatment)
    used, separated, torn = table.used, np.zeros(len(columns), dtype=bool), False
    if model == "poisson":
        separated = _separated(table)
        given = used & ~(table.columns[separated] > 0).any(axis=0)
        used = attainable(given, table.total, table.strata)
        torn = _torn(given, used, table.strata)
    kept = _identified(table, used, separated, x)
    beta = np.full(len(columns), np.nan)
    if not len(kept):
        return _bare(sample, beta, kept, separated, torn)
    solved = (_poisson if model == "poisson" else _linear)(table, used, kept, x)
    beta[kept] = solved.beta
    if not inference or np.isnan(solved.beta).any():
        return _bare(sample, beta, kept, separated, torn)
    at = _At(table=table, used=used, kept=kept, solved=solved)
    robust, fitted, learnt = _inference(
        sample,
        at,
        model,
        cluster,
        correction,
        strata=strata,
        covariates=covariates,
        by_event=by_event,
    )
    return Regression(
        beta=beta,
        kept=kept,
        sandwich=robust,
        fitted=fitted,
        separated=separated,
        torn=torn,
        learnt=learnt,
    )


def collapsed(
    sample: Sample,
    columns: Float,
    model: Model,
    strata: NDArray[np.intp] | None,
    covariates: Float | None,
    *,
    by_treatment: bool = False,
) -> tuple[Collapsed, Float | None]:
    """Groups of areas, and their covariates: areas of a group have the same ones."""
    base = sample.base if model == "poisson" else None
    moved = sample.treated if by_treatment else None
    if covariates is None:
        table = collapse(sample.y, sample.used, columns, base=base, strata=strata, moved=moved)
        return table, None
    labels = np.zeros(len(sample.y), dtype=np.intp) if strata is None else strata
    kind = np.column_stack([labels, covariates])
    alike = np.unique(kind, axis=0, return_inverse=True)[1].ravel()
    table = collapse(sample.y, sample.used, columns, base=base, strata=alike, moved=moved)
    lead = np.unique(table.group, return_index=True)[1]
    return replace(table, strata=labels[lead]), covariates[lead]


def _bare(
    sample: Sample, beta: Float, kept: NDArray[np.intp], separated: Bool, torn: bool
) -> Regression:
    return Regression(
        beta=beta,
        kept=kept,
        sandwich=None,
        fitted=partial(np.full, sample.y.shape, np.nan),
        separated=separated,
        torn=torn,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solved:
    """Solution on the groups: x̃ (P, G, T) and Σₜ w x̃x̃′ (G, P, P).

    A cell is common + (level of its area)·shape, both of shape (G, T).
    """

    beta: Float
    tilde: Float
    blocks: Float
    common: Float
    shape: Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _At:
    """A solution on the groups it was found on."""

    table: Collapsed
    used: Bool
    kept: NDArray[np.intp]
    solved: _Solved


def _inference(
    sample: Sample,
    at: _At,
    model: Model,
    cluster: NDArray[np.intp] | None,
    correction: Correction,
    *,
    strata: NDArray[np.intp] | None,
    covariates: Float | None,
    by_event: bool,
) -> tuple[Sandwich, Callable[[], Float], Learnt | None]:
    """Cluster-robust covariance, what gives fitted values, covariance learnt from controls."""
    table, used, solved = at.table, at.used, at.solved
    counted = without_single(used, table.size, table.strata)
    nested = cluster is not None and strata is not None and np.array_equal(cluster, strata)
    amount = None
    if model == "poisson":
        plain = bool(used.all())
        amount = sample.y.sum(axis=1) if plain else sample.y.sum(axis=1, where=used[table.group])
    spread = spread_rows(
        sample.y,
        group=table.group,
        used=used,
        tilde=solved.tilde,
        common=solved.common,
        shape=solved.shape,
        amount=amount,
    )
    scale = np.ones(len(sample.y)) if amount is None else amount
    robust = sandwich(
        spread.scores,
        solved.blocks,
        group=table.group,
        scale=scale,
        cluster=cluster,
        correction=correction,
        n_cells=int(counted.sum(axis=1) @ table.size),
        n_parameters=len(at.kept) + _n_effects(table, counted, covariates, nested=nested),
        counted=np.asarray(counted.any(axis=1))[table.group],
    )
    if correction != "learnt" or cluster is not None:
        return robust, spread.fitted, None
    if not enough_controls(sample, strata, covariates):
        return robust, spread.fitted, None
    common, shape = _untreated(at, model)
    alike = model == "poisson" or spread.below
    untreated_mean = None if alike else _untreated_mean(at, common, spread.amount)
    learnt = learn(
        sample,
        group=table.group,
        tilde=solved.tilde,
        shape=solved.shape,
        bread=robust.bread,
        scores=spread.scores,
        residual=_of_controls(sample, at, spread.amount),
        level=spread.fitted() if model == "poisson" and sample.cluster is not None else None,
        scale=scale,
        strata=strata,
        covariates=covariates,
        untreated_mean=untreated_mean,
        past=_past(at, common, shape, spread.amount),
        by_event=by_event,
    )
    return robust, spread.fitted, learnt


def _untreated(at: _At, model: Model) -> tuple[Float, Float]:
    """Common part and shape of the fitted values without the columns' effects, (G, T) each."""
    solved = at.solved
    effect = np.tensordot(solved.beta, at.table.columns[at.kept], axes=1)
    if model == "poisson":
        return solved.common, solved.shape * np.exp(-effect)
    return np.where(at.used, solved.common - effect, 0.0), solved.shape


def _untreated_mean(at: _At, common: Float, amount: Float) -> Float | None:
    """Mean of each area without treatment, shape (n,); None where all are 0."""
    mean = common.sum(axis=1) / np.maximum(at.used.sum(axis=1), 1)
    return levels(amount + mean[at.table.group])


def _past(at: _At, common: Float, shape: Float, amount: Float) -> Past:
    table = at.table
    sums = np.bincount(table.group, amount, len(table.size))
    fitted = table.size[:, None] * common + sums[:, None] * shape
    return Past(residual=np.where(at.used, table.total - fitted, 0.0), shape=shape)


def _of_controls(sample: Sample, at: _At, amount: Float) -> Residuals:
    untreated = ~sample.treated
    return Residuals(
        y=sample.y,
        rows=np.flatnonzero(untreated),
        group=at.table.group[untreated],
        common=at.solved.common,
        shape=at.solved.shape,
        used=at.used,
        amount=amount[untreated],
    )


def _poisson(table: Collapsed, used: Bool, kept: NDArray[np.intp], x: Float | None) -> _Solved:
    columns = table.columns[kept]
    live = used.any(axis=1)
    total = np.where(used, table.total, 0.0)
    solution = solve_poisson(
        total[live],
        used[live],
        columns[:, live],
        profile=table.profile[live],
        strata=table.strata[live],
        loadings=None if x is None else loadings_of(table.strata, x)[live],
    )
    tilde = np.zeros(columns.shape)
    tilde[:, live] = solution.residualised
    shape = np.zeros(total.shape)
    shape[live] = solution.mean / solution.mean.sum(axis=1, keepdims=True)
    return _Solved(
        beta=solution.beta,
        tilde=tilde,
        blocks=np.einsum("pgt,gt,qgt->gpq", tilde, shape, tilde, optimize=True),
        common=np.zeros(total.shape),
        shape=shape,
    )


def _linear(table: Collapsed, used: Bool, kept: NDArray[np.intp], x: Float | None) -> _Solved:
    columns = table.columns[kept]
    mean = table.total / table.size[:, None]
    weights = used * table.size[:, None]
    stack = np.concatenate([columns, mean[None]])
    loadings = None if x is None else loadings_of(table.strata, x)
    residual, gammas = project(weights, stack, table.strata, loadings)
    tilde = residual[:-1]
    information = np.einsum("pgt,gt,qgt->pq", tilde, weights, tilde, optimize=True)
    beta = np.linalg.solve(
        information, np.einsum("pgt,gt->p", tilde, np.where(used, table.total, 0.0))
    )
    effects = gammas[-1] - np.tensordot(beta, gammas[:-1], axes=1)
    common = effects[table.strata] if loadings is None else loadings @ effects
    common = common + np.tensordot(beta, columns, axes=1)
    return _Solved(
        beta=beta,
        tilde=tilde,
        blocks=np.einsum("pgt,gt,qgt->gpq", tilde, used, tilde, optimize=True),
        common=np.where(used, common, 0.0),
        shape=used.astype(np.float64),
    )


def _n_effects(table: Collapsed, used: Bool, x: Float | None, *, nested: bool) -> int:
    """Stratum × period effects, and of each covariate all periods but one: area effects hold it.

    Effects ``nested`` in the clusters count once, as in fixest.
    """
    present = np.zeros((int(table.strata.max(initial=0)) + 1, used.shape[1]), dtype=bool)
    np.logical_or.at(present, table.strata, used)
    slopes = 0 if x is None else x.shape[1] * max(int(used.any(axis=0).sum()) - 1, 0)
    return (1 if nested else int(present.sum())) + slopes


def _separated(table: Collapsed) -> Bool:
    """Non-negative columns whose positive cells hold no event: their coefficient is −∞."""
    positive: Bool = np.asarray((table.columns > 0) & table.used)
    events = np.einsum("pgt,gt->p", positive, table.total)
    lowest = table.columns.min(axis=(1, 2), initial=0.0)
    separated: Bool = (events == 0) & positive.any(axis=(1, 2)) & (lowest >= 0)
    return separated


def _torn(given: Bool, used: Bool, strata: NDArray[np.intp]) -> bool:
    """Whether cells were left out of rows and stratum × columns that stay."""
    left = given & ~used
    if not left.any():
        return False
    column = np.zeros((int(strata.max(initial=0)) + 1, used.shape[1]), dtype=bool)
    np.logical_or.at(column, strata, used)
    alive = np.asarray(used.any(axis=1))[:, None] & column[strata]
    return bool((left & alive).any())


def _identified(table: Collapsed, used: Bool, separated: Bool, x: Float | None) -> NDArray[np.intp]:
    """Columns that vary apart from the effects and the columns before them."""
    weights = used * table.size[:, None]
    loadings = None if x is None else loadings_of(table.strata, x)
    tilde = project(weights, table.columns, table.strata, loadings)[0]
    gram = np.einsum("pgt,gt,qgt->pq", tilde, weights, tilde, optimize=True)
    raw = np.einsum("pgt,gt,pgt->p", table.columns, weights, table.columns)
    return independent_columns(gram, raw, np.flatnonzero(~separated & (raw > 0)).tolist())
