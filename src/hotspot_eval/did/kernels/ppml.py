"""Poisson pseudo-maximum likelihood with row and column effects on collapsed counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels.within import project, solve_psd

__all__ = ["PoissonSolution", "solve_poisson"]

Float = NDArray[np.float64]
_MAX_STEPS = 60
_TOLERANCE = 1e-10
_DIVERGED = 15.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoissonSolution:
    """Maximum of the likelihood.

    Parameters
    ----------
    beta : ndarray, shape (P,)
        NaN for a coefficient that is not finite (separated).
    effects : ndarray, shape (S, T)
        Column effects of each stratum, up to a constant; (M, T) with loadings.
    mean : ndarray, shape (G, T)
        Fitted totals of each group; 0 where a cell is absent.
    residualised : ndarray, shape (P, G, T)
        Regressors less their projection on the effects, with weights ``mean``.
    information : ndarray, shape (P, P)
    converged : bool
    """

    beta: Float
    effects: Float
    mean: Float
    residualised: Float
    information: Float
    converged: bool


def solve_poisson(
    total: Float,
    used: NDArray[np.bool_],
    columns: Float,
    *,
    profile: Float | None = None,
    strata: NDArray[np.intp] | None = None,
    loadings: Float | None = None,
) -> PoissonSolution:
    """Fit E[y] = profile·exp(α_g + γ_st + Σ xβ) to totals of shape (G, T).

    With ``loadings`` z, shape (G, M), z_g′γ_t stands for γ_st. Rows and stratum × column totals
    must be positive on the used cells: the caller drops the others.

    Notes
    -----
    Row effects are concentrated out, which leaves a multinomial likelihood in (γ, β); Newton steps
    on it are weighted least squares with weights μ on the projection of :func:`project`. Steps are
    halved until the likelihood rises.

    References
    ----------
    Correia, Guimarães & Zylkin (2020), https://doi.org/10.1177/1536867X20909691

    Examples
    --------
    >>> y = np.array([[10.0, 20.0], [30.0, 30.0]])
    >>> x = np.array([[[0.0, 1.0], [0.0, 0.0]]])
    >>> solve_poisson(y, np.ones((2, 2), bool), x).beta.round(6).tolist()
    [0.693147]
    """
    labels = np.zeros(len(total), dtype=np.intp) if strata is None else strata
    size = int(labels.max(initial=0)) + 1
    offset = np.zeros_like(total) if profile is None else np.log(profile)
    row_total = total.sum(axis=1, keepdims=True)
    effects = _start(total, used, offset, labels, size)
    if loadings is not None:
        effects = np.vstack([effects, np.zeros((loadings.shape[1] - size, total.shape[1]))])
    beta = np.zeros(len(columns))
    flat = columns.reshape(len(columns), total.size)

    def likelihood(effects: Float, beta: Float) -> tuple[Float, float]:
        common = effects[labels] if loadings is None else loadings @ effects
        linear = offset + common + np.tensordot(beta, columns, axes=1)
        linear = np.where(used, linear, -np.inf)
        linear -= linear.max(axis=1, keepdims=True)
        shares = np.exp(linear)
        norm = shares.sum(axis=1, keepdims=True)
        value = float((total[used] * (linear - np.log(norm))[used]).sum())
        return row_total * (shares / norm), value

    mean, value = likelihood(effects, beta)
    converged = False
    for _ in range(_MAX_STEPS):
        gap = np.divide(total - mean, mean, out=np.zeros_like(mean), where=mean > 0)
        residual, gammas = project(mean, np.concatenate([columns, gap[None]]), labels, loadings)
        tilde = residual[:-1]
        information = (tilde * mean).reshape(flat.shape) @ flat.T
        step = solve_psd(information, tilde.reshape(flat.shape) @ (total - mean).ravel())
        shift = gammas[-1] - np.tensordot(step, gammas[:-1], axes=1)
        reach = max(np.abs(step).max(initial=0.0), np.abs(shift).max(initial=0.0))
        factor = min(1.0, 5.0 / reach) if reach > 5.0 else 1.0
        for _ in range(30):
            trial = effects + factor * shift, beta + factor * step
            new_mean, new_value = likelihood(*trial)
            if new_value >= value - 1e-12 * abs(value):
                break
            factor /= 2.0
        effects, beta = trial
        mean, value = new_mean, new_value
        if factor * reach < _TOLERANCE:
            converged = True
            break
        if np.abs(beta).max(initial=0.0) > _DIVERGED:
            break
    beta = np.where(np.abs(beta) > _DIVERGED, np.nan, beta)
    return PoissonSolution(
        beta=beta,
        effects=effects,
        mean=mean,
        residualised=tilde,
        information=(information + information.T) / 2.0,
        converged=converged,
    )


def _start(
    total: Float,
    used: NDArray[np.bool_],
    offset: Float,
    labels: NDArray[np.intp],
    size: int,
) -> Float:
    effects = np.zeros((size, total.shape[1]))
    exposure = np.exp(offset) * total.sum(axis=1, keepdims=True) * used
    for s in range(size):
        rows = labels == s
        seen, at_risk = total[rows].sum(axis=0), exposure[rows].sum(axis=0)
        some = (seen > 0) & (at_risk > 0)
        effects[s, some] = np.log(seen[some] / at_risk[some])
    return effects
