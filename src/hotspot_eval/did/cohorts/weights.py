"""Weights that turn ATT(g, t) into four aggregates, and the influence of estimating them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.cells import Cells
from hotspot_eval.did.sample import Sample

__all__ = ["Aggregation", "Weighting", "weightings"]

Float = NDArray[np.float64]
Aggregation = Literal["simple", "group", "event", "calendar"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighting:
    """M averages of C cells, the last one overall.

    Parameters
    ----------
    labels : tuple of str, length M
    values : ndarray, shape (M,)
    cells : ndarray, shape (C, M)
        Weights.
    shares : ndarray, shape (n, M)
        Influence of each area through the estimated cohort shares.
    """

    labels: tuple[str, ...]
    values: Float
    cells: Float
    shares: Float


def weightings(
    sample: Sample,
    cells: Cells,
    kind: Aggregation,
    labels: tuple[str, ...],
    balance: int | None = None,
) -> Weighting:
    """Averages of the cells of one kind; cells without an estimate make theirs NaN.

    Cells that nobody untreated stands beside are left out; one treated cell needs to be left.
    ``balance``: event times up to it, of cohorts that have it.
    """
    cohorts = np.unique(cells.cohort)
    member = (sample.first[:, None] == cohorts) & sample.seen_treated[:, None]
    share = member.mean(axis=0)
    noise = member - share
    column = np.searchsorted(cohorts, cells.cohort)
    after = cells.after
    if kind == "simple":
        names, weights, shares = _averages(share, noise, column, {"overall": after}, cells.att)
        return _weighting(names, weights, shares, cells)
    if kind == "group":
        told = np.unique(column[after])
        own = after[:, None] & (column[:, None] == told)
        weights = own / own.sum(axis=0)
        names = [labels[g] for g in cohorts[told]]
        share, noise = share[told], noise[:, told]
        total = share / share.sum()
        per_cohort = np.where(weights > 0, cells.att[:, None], 0.0) * weights
        by_cohort = per_cohort.sum(axis=0)
        pull = noise / share.sum() - noise.sum(axis=1, keepdims=True) * share / share.sum() ** 2
        weights = np.column_stack([weights, weights @ total])
        shares = np.column_stack([np.zeros(noise.shape), pull @ by_cohort])
        return _weighting([*names, "overall"], weights, shares, cells)
    event = kind == "event"
    key, shown = (cells.period - cells.cohort, ~cells.apart) if event else (cells.period, after)
    if event and balance is not None:
        shown = _balanced(sample, cells, shown, balance)
    keys = np.unique(key[shown])
    chosen = {(str(int(k)) if event else labels[k]): shown & (key == k) for k in keys}
    names, weights, shares = _averages(share, noise, column, chosen, cells.att)
    mean = (keys >= 0).astype(np.float64) if event else np.ones(len(keys))
    mean /= mean.sum()
    weights = np.column_stack([weights, weights @ mean])
    shares = np.column_stack([shares, shares @ mean])
    return _weighting([*names, "overall"], weights, shares, cells)


def _balanced(
    sample: Sample, cells: Cells, shown: NDArray[np.bool_], balance: int
) -> NDArray[np.bool_]:
    """Cells of cohorts seen ``balance`` periods after the start, at event times all of them have.

    Times before the start reach back as far as the latest such start allows.
    """
    event = cells.period - cells.cohort
    cohorts = np.unique(cells.cohort[shown & (event == balance)])
    earliest = balance - int(cells.period[shown].max(initial=0)) + int(sample.when[0])
    kept: NDArray[np.bool_] = shown & np.isin(cells.cohort, cohorts)
    return kept & (event <= balance) & (event >= earliest)


def _averages(
    share: Float,
    noise: Float,
    column: NDArray[np.intp],
    chosen: dict[str, NDArray[np.bool_]],
    att: Float,
) -> tuple[list[str], Float, Float]:
    """Averages of chosen cells by cohort share, and the influence of the shares on each."""
    weights = np.zeros((len(column), len(chosen)))
    shares = np.zeros((len(noise), len(chosen)))
    for m, cells in enumerate(chosen.values()):
        total = share[column[cells]].sum()
        weights[cells, m] = share[column[cells]] / total
        moved = noise[:, column[cells]]
        value = np.nan_to_num(att[cells])
        shares[:, m] = (
            moved @ value / total - moved.sum(axis=1) * (weights[cells, m] @ value) / total
        )
    return list(chosen), weights, shares


def _weighting(names: list[str], weights: Float, shares: Float, cells: Cells) -> Weighting:
    lost = (np.isnan(cells.att)[:, None] & (weights > 0)).any(axis=0)
    values = np.where(lost, np.nan, np.nan_to_num(cells.att) @ weights)
    return Weighting(labels=tuple(names), values=values, cells=weights, shares=shares)
