"""Partial pooling: what a site's own estimate and those of all others say of its true effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hotspot_eval.significance import normal_or_t_interval

__all__ = ["FEWEST", "Partial", "partially_pooled"]

Float = NDArray[np.float64]
FEWEST = 3
_NODES = 200
_HALVINGS = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Partial:
    """Means, standard deviations and limits of the sites' true effects, shape (k,) each.

    ``tau_low`` and ``tau_high`` are the limits of the standard deviation between sites.
    """

    mean: Float
    std_dev: Float
    low: Float
    high: Float
    tau_low: float
    tau_high: float


def partially_pooled(
    y: Float, sampling: Float, *, level: float, covariance_df: float = float("inf")
) -> Partial:
    """The sites' true effects given all estimates, how much sites differ being uncertain too.

    Parameters
    ----------
    y : ndarray, shape (k,)
    sampling : ndarray, shape (k, k)
        Sampling covariance; its diagonal is taken as known.
    level : float
    covariance_df : float
        Degrees of freedom behind the rest of it.

    Notes
    -----
    y | θ ~ N(θ, S), θ_i ~ N(μ, τ²), flat priors on μ and on τ ≥ 0. With Σ = S + τ²I, μ̂ and
    r = y − μ̂1 from generalised least squares at τ,

        θ_i | τ, y ~ N(μ̂ + τ²(Σ⁻¹r)_i,  τ² − τ⁴(Σ⁻¹)_ii + c_i²/1′Σ⁻¹1),   c = 1 − τ²Σ⁻¹1,
        p(τ | y) ∝ |Σ|^(−½) (1′Σ⁻¹1)^(−½) exp(−½ r′Σ⁻¹r),

    the first being the best linear unbiased predictor with Henderson's mean squared error, the
    second the restricted likelihood. The posterior of θ_i is the mixture over τ, by quadrature; its
    quantiles are the limits. At a single τ̂ the interval would be too short, and have no width but
    that of the mean where τ̂ = 0. The flat prior is proper a posteriori from three sites on.

    Where what sites share is hardly known, nor is how much a site gains from the others. So the
    limits are moved out from the mean by t/z, t on ``covariance_df``/ρ_i, ρ_i the part of the
    posterior variance that comes from outside the diagonal of S; but no further than z·√S_ii, the
    site's own reach, which holds whatever is shared.

    References
    ----------
    Henderson (1975), https://doi.org/10.2307/2529430; Röver (2020),
    https://doi.org/10.18637/jss.v093.i06; Gelman (2006), https://doi.org/10.1214/06-BA117A
    """
    if len(y) < FEWEST:
        none = np.full(len(y), np.nan)
        nan = float("nan")
        return Partial(mean=none, std_dev=none, low=none, high=none, tau_low=nan, tau_high=nan)
    tau, weight, mean, variance, shared = _given_tau(y, sampling)
    centre = weight @ mean
    spread = np.sqrt(weight @ (variance + (mean - centre) ** 2))
    tails = (1.0 - level) / 2.0
    tau_low, tau_high = np.interp([tails, 1.0 - tails], np.cumsum(weight), tau)
    part = np.clip(weight @ shared / spread**2, 0.0, 1.0)
    own = normal_or_t_interval(0.0, 1.0, level=level)[1] * np.sqrt(np.diag(sampling))
    stretch = _stretch(part, covariance_df, level)
    below = centre - _quantiles(tails, weight, mean, variance)
    above = _quantiles(1.0 - tails, weight, mean, variance) - centre
    return Partial(
        mean=centre,
        std_dev=spread,
        low=centre - np.maximum(below, np.minimum(stretch * below, own)),
        high=centre + np.maximum(above, np.minimum(stretch * above, own)),
        tau_low=float(tau_low),
        tau_high=float(tau_high),
    )


def _stretch(part: Float, covariance_df: float, level: float) -> Float:
    """T over z, for the part of each variance that rests on so many degrees of freedom."""
    if np.isinf(covariance_df):
        return np.ones_like(part)
    z = normal_or_t_interval(0.0, 1.0, level=level)[1]
    df = np.divide(covariance_df, part, out=np.full_like(part, np.inf), where=part > 1e-12)
    return np.array([normal_or_t_interval(0.0, 1.0, df=d, level=level)[1] / z for d in df])


def _given_tau(y: Float, sampling: Float) -> tuple[Float, Float, Float, Float, Float]:
    """Nodes of τ, their posterior weights, (M,); means, variances, shared parts of θ, (M, k).

    With θ̂ = Ay the part that sites share is a_i′(S − diag S)a_i.

    τ = s·x/(1 − x) maps the half line to (0, 1); s is the median standard error.
    """
    values, vectors = np.linalg.eigh(sampling)
    turned, ones = vectors.T @ y, vectors.T @ np.ones(len(y))
    nodes, widths = np.polynomial.legendre.leggauss(_NODES)
    x = (nodes + 1.0) / 2.0
    scale = float(np.sqrt(np.median(np.diag(sampling))))
    tau = scale * x / (1.0 - x)
    between = tau[:, None] ** 2
    inverse = 1.0 / (values + between)
    precision = inverse @ ones**2
    mean = inverse @ (ones * turned) / precision
    gap = turned - mean[:, None] * ones
    log_density = 0.5 * (
        np.log(inverse).sum(axis=1) - np.log(precision) - (inverse * gap**2).sum(axis=1)
    )
    weight = np.exp(log_density - log_density.max()) * widths / (1.0 - x) ** 2
    pulled = mean[:, None] + between * ((inverse * gap) @ vectors.T)
    own = 1.0 - between * ((inverse * ones) @ vectors.T)
    variance = between - between**2 * (inverse @ (vectors**2).T) + own**2 / precision[:, None]
    apart = sampling - np.diag(np.diag(sampling))
    mean_row = (inverse * ones) @ vectors.T / precision[:, None]
    shared = np.zeros_like(pulled)
    for node in range(len(tau)):
        pull = between[node] * (vectors * inverse[node]) @ vectors.T
        predictor = pull + np.outer(own[node], mean_row[node])
        shared[node] = np.einsum("ij,jk,ik->i", predictor, apart, predictor, optimize=True)
    return tau, weight / weight.sum(), pulled, np.maximum(variance, 0.0), shared


def _quantiles(chance: float, weight: Float, mean: Float, variance: Float) -> Float:
    """Where each mixture of normals has this much below it, by halving."""
    spread = np.sqrt(np.maximum(variance, 1e-300))
    low = (mean - 12.0 * spread).min(axis=0)
    high = (mean + 12.0 * spread).max(axis=0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        below = weight @ ndtr((middle - mean) / spread) < chance
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2.0)
