"""Relative magnitudes: trends diverge by at most m times what they did before the start."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

__all__ = ["relative_interval"]

Float = NDArray[np.float64]
_KAPPA = 0.1
_MANY_VERTICES = 20_000
_DRAWS = 12
_TINY = 1e-9
_POINTS = 161
_WIDENINGS = 8


def relative_interval(
    b: Float, v: Float, n_pre: int, w: Float, m: float, alpha: float
) -> tuple[float, float]:
    """Interval for w′τ: the union over (period, sign) of the largest divergence before.

    Parameters
    ----------
    b, v : ndarray, shape (n_pre + n_post,) and its square
        Coefficients and covariance.
    n_pre : int
    w : ndarray, shape (n_post,)
    m : float
    alpha : float
        1 − level.
    """
    later = np.cumsum(w[::-1])[::-1]
    spread = 20.0 * float(np.sqrt(w @ v[n_pre:, n_pre:] @ w))
    ends = []
    for s, a in _magnitude_sets(n_pre, len(w), m):
        bias = m * abs(float(_steps(n_pre, len(w))[s] @ b)) * float(np.abs(later).sum())
        moments = _Moments(b, v, n_pre, w, a)
        ends.append(_invert(moments, float(w @ b[n_pre:]), spread + 2.0 * bias, alpha))
    found = np.array([end for end in ends if end is not None])
    if not len(found):
        return float("nan"), float("nan")
    return float(found[:, 0].min()), float(found[:, 1].max())


def _steps(n_pre: int, n_post: int) -> Float:
    """Step from each period to the next, base included, as rows over the coefficients."""
    steps: Float = np.delete(np.diff(np.eye(n_pre + n_post + 1), axis=0), n_pre, axis=1)
    return steps


def _magnitude_sets(n_pre: int, n_post: int, m: float) -> Iterator[tuple[int, Float]]:
    """A with A·δ ≤ 0 for each set, and its step; only rows that speak of periods after."""
    steps = _steps(n_pre, n_post)
    for s in range(n_pre):
        for sign in (1.0, -1.0):
            largest = m * sign * steps[s]
            yield s, np.vstack([steps[n_pre:] - largest, -steps[n_pre:] - largest])


class _Moments:
    """H₀: some nuisance x makes E[y − θ·a₁ − Xx] ≤ 0, with y = Aβ̂; η is the least violation."""

    def __init__(self, b: Float, v: Float, n_pre: int, w: Float, a: Float) -> None:
        lead = int(np.argmax(np.abs(w) > 0))
        basis = np.eye(len(w))
        basis[lead] = w
        basis[[0, lead]] = basis[[lead, 0]]
        turned = a[:, n_pre:] @ np.linalg.inv(basis)
        self.y, self.sigma = a @ b, a @ v @ a.T
        self.first, self.x = turned[:, 0], turned[:, 1:]
        self.sd = np.sqrt(np.maximum(np.diag(self.sigma), 0.0))
        size = self.x.shape[1] + 1
        self.vertices = self._enumerate(size) if comb(len(self.y), size) <= _MANY_VERTICES else None

    def _enumerate(self, size: int) -> Float:
        """Vertices of {λ ≥ 0: λ′X = 0, λ′sd = 1}: none depends on y."""
        found = []
        system = np.column_stack([self.sd, self.x]).T
        target = np.eye(size)[0]
        for rows in combinations(range(len(self.y)), size):
            part = system[:, rows]
            if np.linalg.matrix_rank(part, tol=1e-10) < size:
                continue
            weights = np.linalg.solve(part, target)
            if (weights >= -_TINY).all():
                vertex = np.zeros(len(self.y))
                vertex[list(rows)] = np.maximum(weights, 0.0)
                found.append(vertex)
        return np.unique(np.round(found, 12), axis=0)

    def best(self, y: Float) -> tuple[float, Float]:
        """η and the multipliers behind it."""
        if self.vertices is not None:
            values = self.vertices @ y
            return float(values.max()), self.vertices[int(values.argmax())]
        system = np.column_stack([self.sd, self.x]).T
        solved = linprog(-y, A_eq=system, b_eq=np.eye(len(system))[0], method="highs")
        return float(-solved.fun), np.asarray(solved.x, dtype=np.float64)

    def least_favourable(self, kappa: float) -> float:
        """Quantile of η with every moment binding; an upper bound where vertices are too many."""
        normal = _normal(len(self.y))
        values, vectors = np.linalg.eigh(self.sigma)
        draws = normal @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
        if self.vertices is not None:
            largest = (draws @ self.vertices.T).max(axis=1)
        else:
            largest = (draws / self.sd).max(axis=1)
        return float(np.quantile(largest, 1.0 - kappa))

    def rejects(self, theta: float, alpha: float, bound: float) -> bool:
        """Conditional least-favourable hybrid test of θ."""
        y = self.y - theta * self.first
        eta, weights = self.best(y)
        kappa = _KAPPA * alpha
        if eta > bound:
            return True
        size = (alpha - kappa) / (1.0 - kappa)
        variance = float(weights @ self.sigma @ weights)
        if variance <= 0:
            return eta > 0
        low, high = self._truncation(y, weights, variance)
        return eta > max(
            0.0, _truncated_quantile(1.0 - size, np.sqrt(variance), low, min(high, bound))
        )

    def _truncation(self, y: Float, weights: Float, variance: float) -> tuple[float, float]:
        """Values of λ′y between which λ stays the best vertex, the rest of y held fixed."""
        slope = self.sigma @ weights / variance
        rest = y - slope * float(weights @ y)
        if self.vertices is None:
            return self._truncation_by_basis(rest, slope, weights)
        fixed, moving = self.vertices @ rest, 1.0 - self.vertices @ slope
        up, down = moving > _TINY, moving < -_TINY
        low = float((fixed[up] / moving[up]).max(initial=-np.inf))
        high = float((fixed[down] / moving[down]).min(initial=np.inf))
        return low, high

    def _truncation_by_basis(
        self, rest: Float, slope: Float, weights: Float
    ) -> tuple[float, float]:
        """The same from the slacks of the primal at the basis of λ."""
        basis = weights > 1e-8
        system = np.column_stack([self.sd, self.x])
        carry = system[~basis] @ np.linalg.pinv(system[basis])
        fixed = rest[~basis] - carry @ rest[basis]
        moving = slope[~basis] - carry @ slope[basis]
        up, down = moving < -_TINY, moving > _TINY
        low = float((-fixed[up] / moving[up]).max(initial=-np.inf))
        high = float((-fixed[down] / moving[down]).min(initial=np.inf))
        return low, high


@cache
def _normal(size: int) -> Float:
    """The same even-spread normal numbers for every set of a study."""
    numbers: Float = ndtri(qmc.Sobol(size, scramble=True, rng=0).random_base2(_DRAWS))
    return numbers


def _truncated_quantile(q: float, sd: float, low: float, high: float) -> float:
    if low >= high:
        return high
    a, b = low / sd, high / sd
    if a > 0:
        upper, lower = ndtr(-a), ndtr(-b)
        inside = -ndtri(upper - q * (upper - lower))
    else:
        lower, upper = ndtr(a), ndtr(b)
        inside = ndtri(lower + q * (upper - lower))
    return float(min(max(sd * inside, low), high))


def _invert(
    moments: _Moments, centre: float, reach: float, alpha: float
) -> tuple[float, float] | None:
    """Ends of the accepted effects: a grid, widened until its ends are rejected, then bisection.

    Infinite where 128 times ``reach`` from the estimate is accepted still.
    """
    bound = moments.least_favourable(_KAPPA * alpha)
    for _ in range(_WIDENINGS):
        grid = np.sort(np.append(centre + reach * np.linspace(-1.0, 1.0, _POINTS), [0.0, centre]))
        accepted = np.array([not moments.rejects(theta, alpha, bound) for theta in grid])
        if not (accepted[0] or accepted[-1]):
            break
        reach *= 2.0
    if not accepted.any():
        return None
    first = int(accepted.argmax())
    last = len(grid) - 1 - int(accepted[::-1].argmax())

    def edge(inside: float, outside: float) -> float:
        for _ in range(25):
            middle = (inside + outside) / 2.0
            if moments.rejects(middle, alpha, bound):
                outside = middle
            else:
                inside = middle
        return inside

    low = -np.inf if first == 0 else edge(float(grid[first]), float(grid[first - 1]))
    high = np.inf if last == len(grid) - 1 else edge(float(grid[last]), float(grid[last + 1]))
    return low, high
