"""Free cohort × period cells over row and period effects, all with the same loadings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels.within import solve_symmetric

__all__ = ["Rows", "Saturated", "Table", "solve_saturated"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Rows = Literal["area", "cohort"]
_MAX_STEPS = 60
_TOLERANCE = 1e-11
_ESTIMABLE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """What the model is fitted to: K rows of areas that share loadings and mask.

    Parameters
    ----------
    total : ndarray, shape (K, T)
        Events of each row; in the linear model their mean.
    weight : ndarray, shape (K, T)
        0 where a cell is absent; in the linear model the areas behind it.
    offset : ndarray, shape (K, T)
        Logarithm of the base; 0 in the linear model.
    loadings : ndarray, shape (K, M)
        1 and the covariates.
    cohort : ndarray of int, shape (K,)
    free : ndarray of bool, shape (G, T)
        Cells with coefficients of their own.
    """

    total: Float
    weight: Float
    offset: Float
    loadings: Float
    cohort: NDArray[np.intp]
    free: Bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Saturated:
    """Solution of :func:`solve_saturated`.

    Parameters
    ----------
    with_treatment, without : ndarray, shape (G, T, M)
        Coefficients on the loadings in each cell: its own where free, and those of the row and
        period effects. Area effects come on top.
    slots : ndarray, shape (G, T·M, P)
        Which parameters make up the coefficients of each cell.
    bare : ndarray, shape (G, T·M, P)
        The same without treatment.
    information : ndarray, shape (P, P)
    n_parameters : int
    """

    with_treatment: Float
    without: Float
    slots: Float
    bare: Float
    information: Float
    n_parameters: int

    def pull(self, gradient: Float) -> tuple[Float, Bool]:
        """Gradients, shape (P, C), times the inverse information, and which are estimable."""
        solved = solve_symmetric(self.information, gradient)
        scale = np.sqrt(np.maximum(np.diag(self.information), 1e-300))[:, None]
        missed = np.abs(self.information @ solved - gradient) / scale
        reach = np.maximum(np.abs(gradient / scale).max(axis=0, initial=0.0), 1e-300)
        estimable: Bool = np.asarray(missed.max(axis=0, initial=0.0) <= _ESTIMABLE * reach)
        return solved, estimable


def solve_saturated(table: Table, *, rows: Rows, poisson: bool) -> Saturated:
    """Fit untreated cells by row and period effects and free cells by their own coefficients.

    Parameters
    ----------
    table : Table
        Every period needs an untreated cell (with an event, if Poisson).
    rows : {"area", "cohort"}
        An intercept for each area, or a vector of coefficients for each cohort.

    Notes
    -----
    g(E[y_kt]) = α_k + z_k′Γ_t (area) or z_k′(a_g + Γ_t) (cohort) on untreated cells, and
    α_k + z_k′κ_gt or z_k′κ_gt on free ones, g the logarithm or identity. All sums over areas that
    Newton steps need are moments Σ w z z′ of cells; area effects are concentrated out, which takes
    Σ_k (w_k ⊗ z_k)(w_k ⊗ z_k)′/Σₜw_kt off the information.

    References
    ----------
    Wooldridge (2023), https://doi.org/10.1093/ectj/utad016

    Examples
    --------
    >>> table = Table(total=np.array([[4.0, 2.0], [5.0, 10.0]]), weight=np.ones((2, 2)),
    ...               offset=np.zeros((2, 2)), loadings=np.ones((2, 1)), cohort=np.array([0, 1]),
    ...               free=np.array([[False, True], [False, False]]))
    >>> made = solve_saturated(table, rows="cohort", poisson=True)
    >>> np.exp(made.with_treatment - made.without)[0, 1].round(6).tolist()
    [0.25]
    """
    slots, bare = _slots(table, rows)
    state = _State(table, slots, rows, poisson)
    theta = _start(table, slots.shape[2], rows) if poisson else np.zeros(slots.shape[2])
    weight, residual, value = state.at(theta)
    for _ in range(_MAX_STEPS):
        information, score = _moments(table, weight, residual, slots, rows)
        step = solve_symmetric(information, score)
        if not poisson:
            theta = theta + step
            break
        factor = min(1.0, 5.0 / max(float(np.abs(step).max(initial=0.0)), 1e-300))
        for _ in range(30):
            trial = theta + factor * step
            weight, residual, new = state.at(trial)
            if new >= value - 1e-12 * abs(value):
                break
            factor /= 2.0
        theta, value = trial, new
        if factor * np.abs(step).max(initial=0.0) < _TOLERANCE:
            break
    information, _ = _moments(table, weight, residual, slots, rows)
    shape = (*table.free.shape, table.loadings.shape[1])
    return Saturated(
        with_treatment=(slots @ theta).reshape(shape),
        without=(bare @ theta).reshape(shape),
        slots=slots,
        bare=bare,
        information=information,
        n_parameters=len(theta) + (1 if rows == "area" else 0),
    )


class _State:
    """Weights, residuals and log likelihood at given parameters."""

    def __init__(self, table: Table, slots: Float, rows: Rows, poisson: bool) -> None:
        self.table, self.slots, self.rows, self.poisson = table, slots, rows, poisson
        self.used: Bool = np.asarray(table.weight > 0)

    def at(self, theta: Float) -> tuple[Float, Float, float]:
        table, used = self.table, self.used
        g, t, m = *table.free.shape, table.loadings.shape[1]
        own = (self.slots @ theta).reshape(g, t, m)[table.cohort]
        linear = table.offset + np.einsum("ktm,km->kt", own, table.loadings)
        if not self.poisson:
            rest = np.where(used, table.total - linear, 0.0)
            if self.rows == "area":
                held = np.maximum(table.weight.sum(axis=1), 1e-300)
                rest = rest - ((table.weight * rest).sum(axis=1) / held)[:, None]
            return table.weight, table.weight * rest, 0.0
        total = np.where(used, table.total, 0.0)
        if self.rows == "cohort":
            linear = np.where(used, linear, -np.inf)
            mean = np.exp(np.minimum(linear, 700.0))
            value = float((total[used] * linear[used]).sum() - mean.sum())
            return mean, total - mean, value
        linear = np.where(used, linear, -np.inf)
        top = linear.max(axis=1, keepdims=True)
        linear = linear - np.where(np.isfinite(top), top, 0.0)
        shares = np.exp(linear)
        norm = np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
        value = float((total[used] * (linear - np.log(norm))[used]).sum())
        mean = total.sum(axis=1, keepdims=True) * shares / norm
        return mean, total - mean, value


def _start(table: Table, size: int, rows: Rows) -> Float:
    """Everything at the mean rate."""
    t, m = table.weight.shape[1], table.loadings.shape[1]
    theta = np.zeros((size // m, m))
    used = table.weight > 0
    if rows == "cohort" and used.any():
        theta[t - 1 :, 0] = np.log(table.total[used].sum() / np.exp(table.offset[used]).sum())
    return theta.ravel()


def _slots(table: Table, rows: Rows) -> tuple[Float, Float]:
    """Parameters behind each cell with and without treatment, one-hot, shape (G, T·M, P)."""
    (g, t), m = table.free.shape, table.loadings.shape[1]
    present = np.zeros((g, t), dtype=bool)
    np.logical_or.at(present, table.cohort, table.weight > 0)
    own = np.argwhere(table.free & present)
    count = (t - 1) + len(own) + (g if rows == "cohort" else 0)
    bare = np.zeros((g, t, m, count, m))
    unit = np.eye(m)
    for period in range(1, t):
        bare[:, period, :, period - 1] = unit
    if rows == "cohort":
        for cohort in range(g):
            bare[cohort, :, :, count - g + cohort] = unit
    slots = bare.copy()
    for place, (cohort, period) in enumerate(own):
        slots[cohort, period] = 0.0
        slots[cohort, period, :, t - 1 + place] = unit
    shape = (g, t * m, count * m)
    return slots.reshape(shape), bare.reshape(shape)


def _moments(
    table: Table, weight: Float, residual: Float, slots: Float, rows: Rows
) -> tuple[Float, Float]:
    """Information (P, P) and score (P,) from the cells of each cohort."""
    size, m = slots.shape[2], table.loadings.shape[1]
    t = weight.shape[1]
    information, score = np.zeros((size, size)), np.zeros(size)
    for cohort in range(len(slots)):
        k = np.flatnonzero(table.cohort == cohort)
        z, w = table.loadings[k], weight[k]
        blocks = np.einsum("kt,km,kn->tmn", w, z, z, optimize=True)
        cells = np.zeros((t, m, t, m))
        cells[np.arange(t), :, np.arange(t)] = blocks
        square = cells.reshape(t * m, t * m)
        if rows == "area":
            spread = (w[:, :, None] * z[:, None, :]).reshape(len(k), t * m)
            square = square - (spread / np.maximum(w.sum(axis=1), 1e-300)[:, None]).T @ spread
        information += slots[cohort].T @ square @ slots[cohort]
        score += (residual[k].T @ z).ravel() @ slots[cohort]
    return (information + information.T) / 2.0, score
