"""Binomial logit with row and column effects: what a Poisson model says of shares of a total."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels.within import project

__all__ = ["LogitSolution", "solve_corrected_logit", "solve_logit"]

Float = NDArray[np.float64]
_MAX_STEPS = 100
_TOLERANCE = 1e-10
_DIVERGED = 15.0
_LONGEST = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogitSolution:
    """Maximum of the likelihood.

    Parameters
    ----------
    beta : ndarray, shape (P,)
        NaN for a coefficient that is not finite.
    mean, weight : ndarray, shape (n, T)
        n·p and n·p(1 − p); 0 where a cell is absent.
    residualised : ndarray, shape (P, n, T)
        Regressors less their projection on the effects, with these weights.
    eta : ndarray, shape (n, T)
        log p/(1 − p).
    """

    beta: Float
    mean: Float
    weight: Float
    residualised: Float
    eta: Float


def solve_logit(
    successes: Float,
    trials: Float,
    used: NDArray[np.bool_],
    columns: Float,
    *,
    begin: LogitSolution | None = None,
) -> LogitSolution:
    """Fit successes ~ Binomial(trials, logit⁻¹(α_i + γ_t + Σ xβ)), arrays of shape (n, T).

    Every row and every column must hold a success and a failure: the caller drops the others.
    ``begin``: the solution of a like problem, from which the steps go on.

    Notes
    -----
    Newton steps are weighted least squares on the projection of
    :func:`~hotspot_eval.did.kernels.project`; a step is halved until the likelihood rises.

    Examples
    --------
    >>> y, n = np.array([[10.0, 20.0], [30.0, 30.0]]), np.array([[30.0, 30.0], [60.0, 60.0]])
    >>> x = np.array([[[0.0, 1.0], [0.0, 0.0]]])
    >>> solve_logit(y, n, np.ones((2, 2), bool), x).beta.round(6).tolist()
    [1.386294]
    """
    y, n = np.where(used, successes, 0.0), np.where(used, trials, 0.0)
    rows = y.sum(axis=1, keepdims=True), n.sum(axis=1, keepdims=True)
    eta = np.broadcast_to(np.log(rows[0] + 0.5) - np.log(rows[1] - rows[0] + 0.5), y.shape)
    beta = np.zeros(len(columns))
    if begin is not None:
        eta, beta = begin.eta, begin.beta
    value = _likelihood(y, n, eta)
    for _ in range(_MAX_STEPS):
        share = 1.0 / (1.0 + np.exp(-eta))
        weight = n * share * (1.0 - share)
        gap = np.divide(y - n * share, weight, out=np.zeros_like(eta), where=weight > 0)
        residual, _ = project(weight, np.concatenate([columns, gap[None]]))
        tilde = residual[:-1]
        information = np.einsum("pnt,nt,qnt->pq", tilde, weight, tilde, optimize=True)
        step = np.linalg.solve(information, np.einsum("pnt,nt->p", tilde, y - n * share))
        rest = residual[-1] - np.tensordot(step, tilde, axes=1)
        change = np.where(weight > 0, gap - rest, 0.0)
        factor = min(1.0, _LONGEST / max(float(np.abs(change).max()), 1e-300))
        for _ in range(30):
            new_value = _likelihood(y, n, eta + factor * change)
            if new_value >= value - 1e-12 * abs(value):
                break
            factor /= 2.0
        eta, beta, value = eta + factor * change, beta + factor * step, new_value
        if np.abs(change).max() < _TOLERANCE or np.abs(beta).max(initial=0.0) > _DIVERGED:
            break
    share = 1.0 / (1.0 + np.exp(-eta))
    return LogitSolution(
        beta=np.where(np.abs(beta) > _DIVERGED, np.nan, beta),
        mean=n * share,
        weight=n * share * (1.0 - share),
        residualised=tilde,
        eta=eta,
    )


def solve_corrected_logit(
    successes: Float, trials: Float, used: NDArray[np.bool_], columns: Float
) -> LogitSolution:
    """As :func:`solve_logit`, less the leading bias that estimated row effects bring.

    Notes
    -----
    The expected score of β at the truth is −½ Σ_i Σ_t h_it(1 − 2p_it)x̃_it with h the leverage of a
    cell on its row's effect, w_it/Σ_t w_it. Adding h/2 successes to h trials takes it away, as a
    penalty on the row effects alone.

    References
    ----------
    Firth (1993), https://doi.org/10.1093/biomet/80.1.27
    """
    leverage = np.zeros(successes.shape)
    solved = solve_logit(successes, trials, used, columns)
    for _ in range(_MAX_STEPS):
        grown = trials + leverage
        share = np.divide(solved.mean, grown, out=np.zeros(grown.shape), where=grown > 0)
        weight = np.where(used, trials * share * (1.0 - share), 0.0)
        updated = weight / weight.sum(axis=1, keepdims=True)
        change = float(np.abs(updated - leverage).max())
        leverage = updated
        if change < _TOLERANCE or np.isnan(solved.beta).any():
            break
        solved = solve_logit(
            successes + leverage / 2.0, trials + leverage, used, columns, begin=solved
        )
    return LogitSolution(
        beta=solved.beta,
        mean=trials * share,
        weight=weight,
        residualised=project(weight, columns)[0],
        eta=solved.eta,
    )


def _likelihood(y: Float, n: Float, eta: Float) -> float:
    return float((y * eta - n * np.logaddexp(0.0, eta)).sum())
