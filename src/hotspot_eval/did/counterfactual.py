"""Expected values of treated cells from untreated ones, and what each cell contributes to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.beforehand import Past
from hotspot_eval.did.kernels import (
    Collapsed,
    attainable,
    balance,
    loadings_of,
    parts_of,
    project,
    solve_poisson,
)
from hotspot_eval.did.kernels.rowwise import group_sums
from hotspot_eval.did.kernels.scores import scores_of
from hotspot_eval.did.model import Model, collapsed
from hotspot_eval.did.noise import levels
from hotspot_eval.did.sample import Sample
from hotspot_eval.ledger import Ledger, LedgerNote

__all__ = ["Counterfactual", "impute"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
_BLIND = 1e-9
_SEEN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counterfactual:
    """Imputed values and P estimates made of them: overall first, then by event time.

    Parameters
    ----------
    labels : tuple of str, length P
    estimate : ndarray, shape (P,)
    reasons : tuple of str, length P
        Why an estimate is NaN.
    expected : ndarray, shape (n, t)
        Without treatment; NaN where not used or not imputable.
    fitted : ndarray, shape (n, t)
        With the overall effect on treated cells.
    imputed : ndarray of bool, shape (n, t)
        Treated cells with an expectation.
    cells : tuple of ndarray of int, length P
        Cells that each estimate is about, by their place in ``expected.ravel()``.
    scores : ndarray, shape (n, P)
        Influence of each area.
    group, scale, tilde, shape, level, untreated_mean, past
        As in :func:`hotspot_eval.did.noise.learn`.
    """

    labels: tuple[str, ...]
    estimate: Float
    reasons: tuple[str, ...]
    expected: Float
    fitted: Float
    imputed: Bool
    cells: tuple[NDArray[np.intp], ...]
    scores: Float
    group: NDArray[np.intp]
    scale: Float
    tilde: Float
    shape: Float
    level: Float | None
    untreated_mean: Float | None
    past: Past
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """Untreated model on groups: cell values of an area of scale 1 (plus its own effect)."""

    shape: Float
    common: Float
    usable: Bool


def impute(
    sample: Sample,
    model: Model,
    *,
    by_event: bool = True,
    strata: NDArray[np.intp] | None = None,
    covariates: Float | None = None,
) -> Counterfactual | str:
    """Fit untreated cells, impute treated ones; or the reason why that cannot be done.

    ``strata`` and ``covariates`` of areas as in :func:`hotspot_eval.did.model.regress`.
    """
    on = sample.used & (sample.treatment > 0)
    table, x = collapsed(sample, _paths(sample), model, strata, covariates, by_treatment=True)
    loadings = _loadings(table, x, plain=strata is None)
    untreated = table.used & (table.columns[0] == 0)
    fitted = _fit(sample, table, untreated, loadings, model)
    imputable = fitted.usable & table.used & ~untreated
    if not imputable.any():
        return "no treated cell has untreated areas in its period and untreated periods in its area"
    rows = table.group
    scale, expected = _expect(sample, fitted, untreated, rows, model)
    imputed = imputable[rows]
    times, cells = _cells(sample, imputed, by_event=by_event)
    estimate, reasons = _solve(sample, expected, cells, model)
    tilde = _pulls(
        sample,
        table.size,
        fitted,
        untreated,
        imputable,
        times,
        estimate,
        expected,
        cells,
        rows,
        model,
        scale,
        loadings,
    )
    poisson = model == "poisson"
    effect = np.nan_to_num(estimate[0]) * sample.treatment
    lead = np.unique(rows, return_index=True)[1]
    known = fitted.usable[rows] & sample.used
    untreated_mean = None if poisson or (sample.y < 0).any() else _untreated_mean(expected, known)
    shown = np.where(known, expected * np.exp(effect) if poisson else expected + effect, np.nan)
    return Counterfactual(
        labels=tuple("treatment" if e is None else str(int(e)) for e in times),
        estimate=estimate,
        reasons=reasons,
        expected=np.where(known, expected, np.nan),
        fitted=shown,
        imputed=imputed,
        cells=cells,
        scores=_scores(sample.y, shown, tilde, rows),
        group=rows,
        scale=scale,
        tilde=tilde,
        shape=fitted.shape * np.exp(effect[lead]) if poisson else fitted.shape,
        level=expected if poisson else None,
        untreated_mean=untreated_mean,
        past=_past(sample, fitted, expected, rows),
        ledger=_ledger(sample, on, imputed),
    )


def _paths(sample: Sample) -> Float:
    """Treatment and start of treated areas, (2, R, t): where the first periods are missing, areas
    of one path may have started at different times.
    """
    treatment = sample.treatment[sample.treated]
    start = np.broadcast_to(sample.first[sample.treated][:, None], treatment.shape)
    return np.stack([treatment, start.astype(np.float64)])


def _cells(
    sample: Sample, imputed: Bool, *, by_event: bool
) -> tuple[list[int | None], tuple[NDArray[np.intp], ...]]:
    """All imputed cells, and those of each event time, by their place in the array raveled."""
    every = np.flatnonzero(imputed)
    if not by_event:
        return [None], (every,)
    row, column = np.divmod(every, imputed.shape[1])
    event = sample.when[column] - np.minimum(sample.first, sample.when.max() + 1)[row]
    order = np.argsort(event, kind="stable")
    times, begin = np.unique(event[order], return_index=True)
    return [None, *times.tolist()], (every, *np.split(every[order], begin[1:]))


def _untreated_mean(expected: Float, known: Bool) -> Float | None:
    """Mean of each area without treatment."""
    return levels(expected.sum(axis=1, where=known) / np.maximum(known.sum(axis=1), 1))


def _past(sample: Sample, fitted: _Fitted, expected: Float, rows: NDArray[np.intp]) -> Past:
    known = fitted.usable[rows] & sample.used
    residual = group_sums(np.where(known, sample.y - expected, 0.0), rows, len(fitted.shape))
    lead = np.unique(rows, return_index=True)[1]
    return Past(residual=residual, shape=np.where(known[lead], fitted.shape, 0.0))


def _loadings(table: Collapsed, x: Float | None, *, plain: bool) -> Float | None:
    if x is None:
        return None if plain else loadings_of(table.strata, np.zeros((len(table.size), 0)))
    return loadings_of(table.strata, x)


def _expect(
    sample: Sample,
    fitted: _Fitted,
    untreated: Bool,
    rows: NDArray[np.intp],
    model: Model,
) -> tuple[Float, Float]:
    """Level of each area from its untreated cells, and its expected values, (n,) and (n, t)."""
    cells = untreated[rows]
    if model == "poisson":
        per_scale = np.where(untreated & fitted.usable, fitted.shape, 0.0).sum(axis=1)[rows]
        seen = sample.y.sum(axis=1, where=cells)
        scale = np.divide(seen, per_scale, out=np.zeros(len(seen)), where=per_scale > 0)
        return scale, scale[:, None] * fitted.shape[rows]
    count = np.maximum(cells.sum(axis=1), 1)
    own = np.where(cells, sample.y - fitted.common[rows], 0.0).sum(axis=1) / count
    return np.ones(len(own)), own[:, None] + fitted.common[rows]


def _fit(
    sample: Sample,
    table: Collapsed,
    untreated: Bool,
    loadings: Float | None,
    model: Model,
) -> _Fitted:
    count, t = untreated.shape
    total = np.where(untreated, table.total, 0.0)
    begun = np.asarray(untreated.any(axis=1))[:, None]
    if model == "linear":
        size = table.size[:, None]
        _, effects = project(untreated * size, (total / size)[None], None, loadings)
        common = _by_group(effects[0], loadings, count)
        usable = begun & _known(untreated, table.strata, loadings)
        return _Fitted(shape=np.ones((count, t)), common=common, usable=usable)
    used = attainable(untreated, total, table.strata)
    rows = used.any(axis=1)
    solution = solve_poisson(
        np.where(used, total, 0.0)[rows],
        used[rows],
        np.zeros((0, int(rows.sum()), t)),
        profile=table.profile[rows],
        strata=table.strata[rows],
        loadings=None if loadings is None else loadings[rows],
    )
    linear = _by_group(solution.effects, loadings, count)
    usable = begun & _known(used, table.strata, loadings)
    shape = table.profile * np.exp(linear - linear.max(initial=-np.inf, where=usable))
    return _Fitted(shape=np.where(usable, shape, 0.0), common=np.zeros((count, t)), usable=usable)


def _by_group(effects: Float, loadings: Float | None, count: int) -> Float:
    """Period effects of each group, (G, T)."""
    every: Float = np.repeat(effects[:1], count, axis=0) if loadings is None else loadings @ effects
    return every


def _known(used: Bool, strata: NDArray[np.intp], loadings: Float | None) -> Bool:
    """Cells whose row and period effects hang together by used cells, (G, T).

    Rows without a used cell have nothing expected, wherever their period effects are known.
    """
    row, column = parts_of(used, strata)
    empty = ~np.asarray(used.any(axis=1))
    linked: Bool = (row[:, None] == column[strata]) | empty[:, None]
    if loadings is None:
        return linked & np.asarray(used.any(axis=0))
    for t in range(used.shape[1]):
        seen = loadings[used[:, t]]
        values, vectors = np.linalg.eigh(seen.T @ seen)
        blind = vectors[:, values <= _BLIND * max(float(values[-1]), 1.0)]
        linked[:, t] &= np.abs(loadings @ blind).max(axis=1, initial=0.0) < _SEEN
    return linked


def _solve(
    sample: Sample, expected: Float, cells: tuple[NDArray[np.intp], ...], model: Model
) -> tuple[Float, tuple[str, ...]]:
    """Effect of full treatment on each set of cells."""
    estimates, reasons = np.full(len(cells), np.nan), [""] * len(cells)
    for p, some in enumerate(cells):
        y, mean, share = (part.ravel()[some] for part in (sample.y, expected, sample.treatment))
        if model == "linear":
            estimates[p] = (y - mean).sum() / share.sum()
            continue
        if y.sum() <= 0 or mean.sum() <= 0:
            what = "observed" if y.sum() <= 0 else "expected"
            reasons[p] = f"no event {what} in the treated cells: the logarithm is not finite"
            continue
        delta = np.log(y.sum() / mean.sum())
        for _ in range(50):
            now = mean * np.exp(delta * share)
            step = (y.sum() - now.sum()) / max(float((now * share).sum()), 1e-300)
            delta += float(np.clip(step, -1.0, 1.0))
            if abs(step) < 1e-13:
                break
        estimates[p] = delta
    return estimates, tuple(reasons)


def _pulls(
    sample: Sample,
    size: Float,
    fitted: _Fitted,
    untreated: Bool,
    imputable: Bool,
    times: list[int | None],
    estimate: Float,
    expected: Float,
    cells: tuple[NDArray[np.intp], ...],
    rows: NDArray[np.intp],
    model: Model,
    scale: Float,
    loadings: Float | None,
) -> Float:
    """What one event more in a cell of each group adds to each estimate; shape (P, G, T).

    Treated cells enter as they are; untreated ones so that every area's and every period's weighted
    sum is 0, which is how estimated area and period effects feed through.
    """
    lead = np.unique(rows, return_index=True)[1]
    share = sample.treatment[lead]
    event = sample.when - np.minimum(sample.first, sample.when.max() + 1)[lead][:, None]
    treatment = sample.treatment.ravel()
    amount = np.bincount(rows, scale, len(size)) if model == "poisson" else size
    weight = np.where(untreated & fitted.usable, fitted.shape, 0.0) * amount[:, None]
    tilde = np.zeros((len(times), *imputable.shape))
    moved = np.repeat((fitted.shape * amount[:, None])[None], len(times), axis=0)
    for p, (e, some) in enumerate(zip(times, cells, strict=True)):
        if np.isnan(estimate[p]):
            continue
        on, shares = imputable if e is None else imputable & (event == e), treatment[some]
        if model == "linear":
            tilde[p] = on / shares.sum()
            continue
        grown = np.exp(estimate[p] * shares)
        slope = float((expected.ravel()[some] * shares * grown).sum())
        tilde[p] = on / slope
        moved[p] *= np.exp(estimate[p] * share)
    moved *= tilde
    periods = (
        moved.sum(axis=1)
        if loadings is None
        else np.einsum("pgt,gm->pmt", moved, loadings, optimize=True)
    )
    weight = np.asarray(weight, dtype=np.float64)
    answer = balance(weight, moved.sum(axis=2), periods, loadings)
    result: Float = tilde - np.where(weight > 0, answer, 0.0)
    return result


def _scores(y: Float, fitted: Float, tilde: Float, rows: NDArray[np.intp]) -> Float:
    residual = y - fitted
    residual[np.isnan(residual)] = 0.0
    return scores_of(residual, rows, tilde)


def _ledger(sample: Sample, on: Bool, imputed: Bool) -> Ledger:
    return sample.ledger.step(
        "treated cells imputed",
        unit="cells",
        rows_in=int(on.sum()),
        rows_out=int(imputed.sum()),
        left_out=[
            LedgerNote(
                reason="no untreated area (or event) in the period, or none in the area before, or "
                "nothing untreated that links the two",
                rows=int(on.sum() - imputed.sum()),
            )
        ],
    )
