"""Which cells are free, which can be told from the effects, and what the model is fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.cells import NO_PERIOD, Control
from hotspot_eval.did.kernels import Rows, Table, collapse
from hotspot_eval.did.model import Model
from hotspot_eval.did.sample import Sample

__all__ = ["Layout", "lay_out", "table_of"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
NO_BEFORE = "no untreated period (or, of a model of counts, no event there) in the cohort"
UNSEEN = "no area of the cohort observed in the period"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Cohorts × periods of a sample.

    Parameters
    ----------
    cohorts : ndarray of int, shape (G,)
        Position in the panel of each cohort's first treated period.
    code : ndarray of int, shape (n,)
        Cohort of each area; G where never treated.
    free : ndarray of bool, shape (G + 1, t)
        Cells with coefficients of their own.
    base : ndarray of int, shape (G,)
        Place of each cohort's last untreated period; −1 where it has none.
    used : ndarray of bool, shape (n, t)
        Cells the model is fitted to.
    reason : dict
        Why a free cell (g, t) has no effect.
    eventless : ndarray of bool, shape (G + 1, t)
        Free cells of a model of counts without any event: fitted by a mean of 0, so left out.
    loadings : ndarray, shape (n, M)
        1 and the covariates, centred and scaled.
    """

    cohorts: NDArray[np.intp]
    code: NDArray[np.intp]
    free: Bool
    base: NDArray[np.intp]
    used: Bool
    reason: dict[tuple[int, int], str]
    eventless: Bool
    loadings: Float


def lay_out(
    sample: Sample,
    covariates: Float | None,
    *,
    model: Model,
    control: Control,
    anticipation: int,
) -> Layout:
    """Cohorts, free cells and usable cells of a sample."""
    cohorts = np.unique(sample.first[sample.treated])
    code = np.where(sample.treated, np.searchsorted(cohorts, sample.first), len(cohorts))
    free = np.zeros((len(cohorts) + 1, len(sample.when)), dtype=bool)
    base = np.full(len(cohorts), -1, dtype=np.intp)
    for g, start in enumerate(cohorts):
        seen = sample.used[code == g].any(axis=0)
        before = np.flatnonzero(seen & (sample.when < start - anticipation))
        base[g] = before[-1] if len(before) else -1
        free[g] = sample.when >= start - anticipation
        if control == "never":
            free[g] = True
            free[g, before[-1:]] = False
    used, reason = _usable(sample, code, free, model)
    events = np.zeros(free.shape)
    np.add.at(events, code, np.where(used, sample.y, 0.0))
    eventless = free & (events == 0) if model == "poisson" else np.zeros(free.shape, dtype=bool)
    return Layout(
        cohorts=cohorts,
        code=code,
        free=free,
        base=base,
        used=used & ~eventless[code],
        reason=reason,
        eventless=eventless,
        loadings=_loadings(covariates, len(code)),
    )


def _usable(
    sample: Sample, code: NDArray[np.intp], free: Bool, model: Model
) -> tuple[Bool, dict[tuple[int, int], str]]:
    """Leave out cohorts and periods without untreated cells (events), until none is left."""
    used = sample.used.copy()
    reason: dict[tuple[int, int], str] = {}
    content = sample.y > 0 if model == "poisson" else np.ones(sample.y.shape, dtype=bool)
    while True:
        untreated = used & ~free[code] & content
        period: Bool = np.asarray(untreated.any(axis=0))
        cohort = np.zeros(len(free), dtype=bool)
        np.logical_or.at(cohort, code, untreated.any(axis=1))
        lost = used & ~(period[None, :] & cohort[code][:, None])
        if not lost.any():
            return used, reason
        for g, t in np.argwhere(free):
            if lost[code == g, t].any():
                reason[int(g), int(t)] = NO_BEFORE if not cohort[g] else NO_PERIOD
        used &= ~lost


def _loadings(covariates: Float | None, n: int) -> Float:
    if covariates is None:
        return np.ones((n, 1))
    centred = covariates - covariates.mean(axis=0)
    spread = centred.std(axis=0)
    return np.column_stack([np.ones(n), centred / np.where(spread > 0, spread, 1.0)])


def table_of(sample: Sample, layout: Layout, *, rows: Rows, model: Model) -> Table:
    """Areas that share cohort, covariates and mask (and offset profile) as one row, exactly."""
    kind = np.column_stack([layout.code, layout.loadings])
    strata = np.unique(kind, axis=0, return_inverse=True)[1].ravel()
    poisson = model == "poisson"
    table = collapse(
        sample.y,
        layout.used,
        np.zeros((1, *sample.y.shape)),
        base=sample.base if poisson and rows == "area" else None,
        strata=strata,
    )
    lead = np.unique(table.group, return_index=True)[1]
    used = table.used
    offset = np.zeros(table.total.shape)
    if poisson and rows == "area":
        offset = np.log(table.profile)
        used = used & np.asarray(table.total.any(axis=1))[:, None]
    elif poisson:
        at_risk = np.zeros(table.total.shape)
        exposure = np.ones(sample.y.shape) if sample.base is None else sample.base
        np.add.at(at_risk, table.group, np.where(layout.used, exposure, 0.0))
        offset = np.log(np.where(used, at_risk, 1.0))
    weight: Float = used * (np.ones(len(table.size)) if poisson else table.size)[:, None]
    return Table(
        total=table.total if poisson else table.total / table.size[:, None],
        weight=weight,
        offset=offset,
        loadings=layout.loadings[lead],
        cohort=layout.code[lead],
        free=layout.free,
    )
