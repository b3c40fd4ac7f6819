"""ATT(g, t) of every cohort and period, with influence functions kept in factored form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.contrast import Method, NoOverlapError, contrast
from hotspot_eval.did.sample import Sample

__all__ = [
    "NO_CONTROL",
    "NO_PERIOD",
    "Base",
    "Block",
    "Cells",
    "Control",
    "Plan",
    "controls_of",
    "estimate_cells",
    "plans_of",
]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Control = Literal["never", "not_yet"]
Base = Literal["universal", "varying"]
NO_CONTROL = "no control area for this cohort and period"
NO_PERIOD = "no untreated area (or, of a model of counts, no event there) in the period"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Influence of some areas on all cells, ``left @ right`` with shapes (r, F) and (F, cells)."""

    rows: NDArray[np.intp]
    left: Float
    right: Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Group-time effects.

    Parameters
    ----------
    cohort, period : ndarray of int, shape (C,)
        Positions in the panel of the cohort's first treated period and of the cell's period.
    att : ndarray, shape (C,)
        NaN where a cell has none; ``reason`` says why.
    is_base : ndarray of bool, shape (C,)
        Base periods of a universal base: 0 by construction.
    n_control : ndarray of int, shape (C,)
    blocks : tuple of Block
        Influence function of each area on each cell; the covariance of att is Σψψ′/n².
    """

    cohort: NDArray[np.intp]
    period: NDArray[np.intp]
    att: Float
    is_base: Bool
    n_control: NDArray[np.intp]
    reason: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def apart(self) -> Bool:
        """Cells that nobody untreated stands beside: averages go without them, and say so."""
        return np.isin(np.array(self.reason, dtype=object), (NO_CONTROL, NO_PERIOD))

    @property
    def after(self) -> Bool:
        """Treated cells that averages may use."""
        after: Bool = (self.period >= self.cohort) & ~self.apart
        return after

    @classmethod
    def none(cls) -> Cells:
        """No cell at all."""
        places = np.zeros(0, dtype=np.intp)
        return cls(
            cohort=places,
            period=places,
            att=np.zeros(0),
            is_base=np.zeros(0, dtype=bool),
            n_control=places,
            reason=(),
            blocks=(),
        )

    def combine(self, weights: Float, n: int) -> Float:
        """Influence of n areas on weighted sums of cells; ``weights`` (C, M) → (n, M)."""
        influence = np.zeros((n, weights.shape[1]))
        for block in self.blocks:
            influence[block.rows] += block.left @ (block.right @ weights)
        return influence


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which two periods a cell compares, and which areas may be its controls."""

    cohort: int
    period: int
    base: int
    now: int
    before: int


def estimate_cells(
    sample: Sample,
    x: Float | None,
    *,
    control: Control,
    base: Base,
    method: Method,
    anticipation: int,
) -> Cells:
    """Every ATT(g, t) of a sample; ``x`` has shape (n, K) without intercept.

    Notes
    -----
    Without covariates and without missing cells the influence of an area is linear in its own row
    of outcomes, so it is kept as that row times a map: nothing of size areas × cells is made.
    """
    plans = plans_of(sample, base, anticipation)
    eligible = [controls_of(sample, plan, control, anticipation) for plan in plans]
    count = len(plans)
    att, n_control = np.zeros(count), np.zeros(count, dtype=np.intp)
    reason = [""] * count
    means = x is None and bool(sample.used.all())
    made = _by_means if means else _by_contrast
    blocks = made(sample, x, plans, eligible, att, n_control, reason, method)
    return Cells(
        cohort=np.array([plan.cohort for plan in plans], dtype=np.intp),
        period=np.array([plan.period for plan in plans], dtype=np.intp),
        att=att,
        is_base=np.array([plan.now == plan.before for plan in plans], dtype=bool),
        n_control=n_control,
        reason=tuple(reason),
        blocks=blocks,
    )


def plans_of(sample: Sample, base: Base, anticipation: int) -> list[Plan]:
    """Every cell, with the period that it is compared with."""
    plans = []
    for cohort in np.unique(sample.first[sample.seen_treated]):
        members = sample.first == cohort
        seen = np.flatnonzero(sample.used[members & sample.treated].any(axis=0))
        times = sample.when[seen]
        before = seen[times < cohort - anticipation]
        if not len(before):
            continue
        for place, now in enumerate(seen):
            pre = sample.when[now] < cohort - anticipation
            start = int(before[-1])
            if base == "varying" and pre:
                if place == 0:
                    continue
                start = int(seen[place - 1])
            plans.append(
                Plan(
                    cohort=int(cohort),
                    period=int(sample.when[now]),
                    base=int(sample.when[start]),
                    now=int(now),
                    before=start,
                )
            )
    return plans


def controls_of(sample: Sample, plan: Plan, control: Control, anticipation: int) -> Bool:
    """Areas that a cell may be compared with, observed or not."""
    if control == "never":
        return ~sample.treated
    latest = max(plan.period, plan.base) + anticipation
    allowed: Bool = ~sample.treated | ((sample.first > latest) & (sample.first != plan.cohort))
    return allowed


def _by_means(
    sample: Sample,
    _x: Float | None,
    plans: list[Plan],
    eligible: list[Bool],
    att: Float,
    n_control: NDArray[np.intp],
    reason: list[str],
    _method: Method,
) -> tuple[Block, ...]:
    n, t = sample.y.shape
    origin = np.where(sample.treated, sample.first, -1)
    labels, codes = np.unique(origin, return_inverse=True)
    sizes = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    rows = np.split(order, np.cumsum(sizes)[:-1])
    sums = np.array([sample.y[r].sum(axis=0) for r in rows])
    maps = np.zeros((len(labels), t + 1, len(plans)))
    for c, plan in enumerate(plans):
        own = int(np.searchsorted(labels, plan.cohort))
        usable = np.array([bool(eligible[c][r[0]]) for r in rows])
        n_control[c] = sizes[usable].sum()
        if plan.now == plan.before:
            continue
        if not n_control[c]:
            att[c], reason[c] = np.nan, NO_CONTROL
            continue
        change = sums[:, plan.now] - sums[:, plan.before]
        expected = change[usable].sum() / n_control[c]
        seen = change[own] / sizes[own]
        att[c] = seen - expected
        pull = np.where(usable, -n / n_control[c], 0.0)
        pull[own] += n / sizes[own]
        maps[:, plan.now, c] += pull
        maps[:, plan.before, c] -= pull
        maps[:, t, c] = np.where(usable, n / n_control[c] * expected, 0.0)
        maps[own, t, c] -= n / sizes[own] * seen
    return tuple(
        Block(rows=r, left=np.column_stack([sample.y[r], np.ones(len(r))]), right=maps[k])
        for k, r in enumerate(rows)
    )


def _by_contrast(
    sample: Sample,
    x: Float | None,
    plans: list[Plan],
    eligible: list[Bool],
    att: Float,
    n_control: NDArray[np.intp],
    reason: list[str],
    method: Method,
) -> tuple[Block, ...]:
    n = len(sample.y)
    design = np.ones((n, 1)) if x is None else np.column_stack([np.ones(n), x])
    influence = np.zeros((n, len(plans)))
    for c, plan in enumerate(plans):
        both = sample.used[:, plan.now] & sample.used[:, plan.before]
        own = both & sample.treated & (sample.first == plan.cohort)
        others = both & eligible[c]
        n_control[c] = others.sum()
        if plan.now == plan.before:
            continue
        if not own.any() or not n_control[c]:
            att[c] = np.nan
            reason[c] = (
                NO_CONTROL if own.any() else "no area of the cohort observed in both periods"
            )
            continue
        rows = np.flatnonzero(own | others)
        change = sample.y[rows, plan.now] - sample.y[rows, plan.before]
        try:
            att[c], part = contrast(change, own[rows], design[rows], method)
        except NoOverlapError:
            att[c], reason[c] = (
                np.nan,
                "covariates tell treated and controls apart, or are collinear",
            )
            continue
        influence[rows, c] = part * (n / len(rows))
    return (Block(rows=np.arange(n), left=influence, right=np.eye(len(plans))),)
