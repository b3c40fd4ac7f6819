"""Shocks that treated areas have in common, told from their own periods before treatment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular

__all__ = ["Fading", "Mutual", "fading", "in_steps", "mutual_shocks"]

Float = NDArray[np.float64]
_FADES = np.array([0.0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.88, 0.94, 0.97])
_PRIOR = np.array([0.8, *np.full(8, 0.025)])
_ROUNDS = 3
_GRID = 64
_ENOUGH = 3.0
_ROUNDING = 1e-24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fading:
    """How noise of single areas is made up over time.

    Parameters
    ----------
    weights : ndarray, shape (R,)
        Of the rates at which shocks may fade, Σ = 1.
    shock : float
        Variance of shocks that fade so, as a share of the squared mean.
    counting, white : float
        Variance that grows with the mean, and with its square, without memory.
    """

    weights: Float
    shock: float
    counting: float
    white: float

    def kernel(self, count: int, step: int = 1) -> Float:
        """Correlation of shocks between ``count`` stretches of ``step`` periods."""
        live = np.flatnonzero(self.weights > 1e-4)
        curve = np.zeros(count)
        for r in live:
            curve += self.weights[r] * _fade(float(_FADES[r]), count, step)
        return _toeplitz(curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutual:
    """Variance of the shocks that treated areas share: mean and variance of what it may be."""

    mean: float
    variance: float


def in_steps(values: Float, step: int) -> Float:
    """Sums over stretches of ``step`` periods, the last ending at the end; shape (…, T // step)."""
    count = values.shape[-1] // step
    if step == 1:
        return values
    kept = values[..., values.shape[-1] - count * step :]
    summed: Float = kept.reshape(*values.shape[:-1], count, step).sum(axis=-1)
    return summed


def fading(residual: Float, reach: Float, step: int = 1) -> Fading:
    """Split the noise of untreated areas into what fades and what has no memory.

    Parameters
    ----------
    residual, reach : ndarray, shape (n, T)
        Of stretches of ``step`` periods: observed less expected, and what a unit shock does.

    Notes
    -----
    Products r_it r_is over Σ m_it m_is have the mean P(aR_ρ + W)P′ where R_ρ = ρ^|t−s|, W is
    diagonal and P takes out each area's mean. Averages by lag are fitted by non-negative least
    squares for each ρ of a grid; ρ then has the weight prior × exp(−χ²/2), with 0.8 on ρ = 0, so
    that a memory must show to count. Residuals of rounding alone are no noise.
    """
    periods = residual.shape[1]
    level, mean = reach.sum(axis=1), reach.sum(axis=0)
    share, mass = mean / mean.sum(), reach.T @ reach
    lags = _Lags(mass)
    seen = lags.mean_of((residual.T @ residual) / mass)
    if not float(seen[0]) > _ROUNDING:
        return Fading(weights=_PRIOR, shock=0.0, counting=0.0, white=0.0)
    alone = lags.mean_of(_less_means(np.diag(1.0 / (share * periods)), share))
    pairs = float(level.sum() ** 2 / (level @ level)) * (periods - np.arange(periods))
    pairs[0] /= 2.0
    weight = np.sqrt(pairs) / float(seen[0])
    misfit, size = np.empty(len(_FADES)), np.zeros(len(_FADES))
    for r, rho in enumerate(_FADES):
        fades = np.zeros(periods)
        if rho > 0:
            fades = lags.mean_of(_less_means(_toeplitz(_fade(float(rho), periods, step)), share))
        first, size[r] = _nonnegative(alone * weight, fades * weight, seen * weight)
        left = (seen - first * alone - size[r] * fades) * weight
        misfit[r] = left @ left
    likely = _PRIOR * np.exp(-(misfit - misfit.min()) / 2.0)
    likely /= likely.sum()
    counting, square = _by_level(residual, reach)
    memory = float(likely @ size)
    white = max(square - memory, 0.0)
    return Fading(
        weights=likely,
        shock=memory + float(likely[0]) * white * step,
        counting=counting,
        white=white * (1.0 - float(likely[0])),
    )


def mutual_shocks(
    total: Float,
    own: Float,
    joint: Float,
    *,
    unit: float,
    most: float,
    nothing: float,
) -> Mutual:
    """What treated areas share, from how their sum strays before treatment.

    Parameters
    ----------
    total : ndarray, shape (T,)
        Residual of the treated areas' sum; sums to 0.
    own, joint : ndarray, shape (T, T)
        Covariance of ``total`` from all that is known, and from shared shocks of variance 1.
    unit : float
        Variance of shared shocks that would double the variance of the estimate.
    most : float
        Largest variance of shared shocks that is thought of.
    nothing : float
        Probability beforehand that areas share nothing.

    Notes
    -----
    total ~ N(0, own + ψ·joint). With ψ = unit·τ², τ is 0 with the probability ``nothing`` and else
    half-t with 2 df. Its scale is 1 where the periods tell enough, and √(I/3) where their
    information on ψ/unit, I = ½tr(own⁻¹joint)²·unit², is below 3, so that a series that tells
    nothing adds next to nothing. Means and variances are over the posterior, on a grid.

    References
    ----------
    Gelman (2006), https://doi.org/10.1214/06-BA117A, on half-t priors of deviations
    """
    none = Mutual(mean=0.0, variance=0.0)
    if not (most > 0 and unit > 0 and len(total) > 2):
        return none
    try:
        root = cholesky(own[:-1, :-1], lower=True)
    except LinAlgError:
        return none
    half = solve_triangular(root, joint[:-1, :-1], lower=True)
    strength, axes = eigh(solve_triangular(root, half.T, lower=True))
    strength = np.maximum(strength, 0.0) * unit
    size = (axes.T @ solve_triangular(root, total[:-1], lower=True)) ** 2
    told = float(strength @ strength) / 2.0
    if not told > 0:
        return none
    share = (np.arange(_GRID) + 0.5) / _GRID
    times = 2.0 * share**2 / (1.0 - share**2) * min(1.0, told / _ENOUGH)
    times = np.append(0.0, times[unit * times <= most])
    spread = 1.0 + times[:, None] * strength
    fit = 0.5 * (size * (1.0 - 1.0 / spread) - np.log(spread)).sum(axis=1)
    likely = np.exp(fit - fit.max())
    likely[0] *= nothing
    likely[1:] *= (1.0 - nothing) / max(len(times) - 1, 1)
    likely /= likely.sum()
    value = unit * times
    mean = float(likely @ value)
    return Mutual(mean=mean, variance=float(likely @ (value - mean) ** 2))


class _Lags:
    """Averages over the pairs of periods that lie equally far apart, weighed by ``mass``."""

    def __init__(self, mass: Float) -> None:
        place = np.arange(len(mass))
        self.lag = np.abs(place[:, None] - place).ravel()
        self.mass = mass.ravel()
        self.total = np.bincount(self.lag, self.mass)

    def mean_of(self, products: Float) -> Float:
        mean: Float = np.bincount(self.lag, products.ravel() * self.mass) / self.total
        return mean


def _nonnegative(first: Float, second: Float, target: Float) -> tuple[float, float]:
    """Least squares on two columns that are not negative, coefficients neither."""
    a, b, c = float(first @ first), float(first @ second), float(second @ second)
    x, y = float(first @ target), float(second @ target)
    inside = a * c - b * b
    if inside > 1e-12 * a * c:
        one, two = (c * x - b * y) / inside, (a * y - b * x) / inside
        if one >= 0 and two >= 0:
            return one, two
    one, two = (x / a if a > 0 else 0.0), (y / c if c > 0 else 0.0)
    return (max(one, 0.0), 0.0) if one * x >= two * y else (0.0, max(two, 0.0))


@lru_cache(maxsize=64)
def _fade(rho: float, count: int, step: int) -> Float:
    """Correlation of the means of two stretches, by the number of stretches between them."""
    inside = np.arange(1 - step, step)
    apart = np.abs(np.arange(count)[:, None] * step + inside)
    curve: Float = (rho**apart) @ (step - np.abs(inside)) / step**2
    curve.flags.writeable = False
    return curve


def _toeplitz(curve: Float) -> Float:
    place = np.arange(len(curve))
    matrix: Float = curve[np.abs(place[:, None] - place)]
    return matrix


def _less_means(kernel: Float, share: Float) -> Float:
    """P kernel P′ with P = I − 1·share′."""
    across = kernel @ share
    centred: Float = kernel - across[:, None] - across + float(share @ across)
    return centred


def _by_level(residual: Float, reach: Float) -> tuple[float, float]:
    """Variance by the mean and by its square, from what squares of each area sum to."""
    kept = 1.0 - 1.0 / residual.shape[1]
    squares = (residual**2).sum(axis=1)
    powers = np.column_stack([reach.sum(axis=1), (reach**2).sum(axis=1)]) * kept
    curve = np.array([1.0, 0.0])
    for _ in range(_ROUNDS):
        scale = 1.0 / (powers @ curve)
        relative = powers * scale[:, None]
        found = _nonnegative(relative[:, 0], relative[:, 1], squares * scale)
        curve = np.array([*found]) if any(found) else curve
    return float(curve[0]), float(curve[1])
