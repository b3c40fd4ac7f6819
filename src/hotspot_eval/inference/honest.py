"""Honest intervals: what remains of an effect when trends were not quite parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import linprog, minimize, minimize_scalar
from scipy.stats import qmc

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.significance import folded_normal_critical_value

__all__ = ["Honest", "Restriction", "honest_did"]

Float = NDArray[np.float64]
Restriction = Literal["relative_magnitudes", "smoothness"]
_KAPPA = 0.1
_MANY_VERTICES = 20_000
_DRAWS = 12
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Honest:
    """Robust intervals, one for each bound on the violation of parallel trends.

    Parameters
    ----------
    restriction : {"relative_magnitudes", "smoothness"}
    m : tuple of float
    low, high : ndarray, shape (len(m),)
    level : float
    breakdown : float
        The largest given m whose interval leaves out 0; NaN if none does.
    """

    restriction: Restriction
    m: tuple[float, ...]
    low: Float
    high: Float
    level: float
    breakdown: float

    def to_frame(self) -> pd.DataFrame:
        """One row a bound: m, low, high, excludes_zero."""
        return pd.DataFrame(
            {
                "m": self.m,
                "low": self.low,
                "high": self.high,
                "excludes_zero": (self.low > 0) | (self.high < 0),
            }
        )


def honest_did(
    beta: ArrayLike,
    vcov: ArrayLike,
    *,
    n_pre: int,
    n_post: int,
    restriction: Restriction = "relative_magnitudes",
    m: float | Sequence[float] = (0.5, 1.0, 1.5, 2.0),
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> Honest:
    """Intervals for a post-treatment effect that allow for diverging trends.

    Parameters
    ----------
    beta : array_like, shape (n_pre + n_post,)
        Event-study coefficients in time order, base period left out.
    vcov : array_like, shape (n_pre + n_post, n_pre + n_post)
    n_pre, n_post : int
    restriction : {"relative_magnitudes", "smoothness"}
        The divergence of trends from one period to the next after the start is at most ``m`` times
        the largest before it; or its slope changes by at most ``m`` from one period to the next.
    m : float or sequence of float
    weights : array_like, shape (n_post,), optional
        Which mean of the effects after the start; by default the first period.
    level : float

    Returns
    -------
    Honest

    Raises
    ------
    InputError
        If shapes do not fit, the covariance is singular, or ``m`` is negative.

    Notes
    -----
    Relative magnitudes: test inversion with the conditional least-favourable hybrid test over the
    union of sets "the largest divergence before was in period s, with this sign". Smoothness: the
    shortest fixed-length interval around an affine estimator, its worst bias taken in.

    References
    ----------
    Rambachan & Roth (2023), https://doi.org/10.1093/restud/rdad018;
    Andrews, Roth & Pakes (2023), https://doi.org/10.1093/restud/rdac079

    Examples
    --------
    >>> result = honest_did([0.0, 0.5], [[0.01, 0.0], [0.0, 0.01]], n_pre=1, n_post=1,
    ...                     restriction="smoothness", m=0.0)
    >>> result.to_frame().round(3).to_numpy().tolist()
    [[0.0, 0.223, 0.777, True]]
    """
    check_choice("restriction", restriction, get_args(Restriction))
    b, v = np.asarray(beta, dtype=np.float64), np.asarray(vcov, dtype=np.float64)
    bounds = tuple(float(x) for x in np.atleast_1d(np.asarray(m, dtype=np.float64)))
    w = np.eye(max(n_post, 1))[0] if weights is None else np.asarray(weights, dtype=np.float64)
    _check(b, v, n_pre, n_post, bounds, w, level)
    interval = _relative if restriction == "relative_magnitudes" else _smooth
    ends = np.array([interval(b, v, n_pre, w, bound, 1.0 - level) for bound in bounds])
    robust = [x for x, (low, high) in zip(bounds, ends, strict=True) if low > 0 or high < 0]
    return Honest(
        restriction=restriction,
        m=bounds,
        low=ends[:, 0],
        high=ends[:, 1],
        level=level,
        breakdown=max(robust, default=float("nan")),
    )


def _check(
    b: Float, v: Float, n_pre: int, n_post: int, m: tuple[float, ...], w: Float, level: float
) -> None:
    problems = []
    size = n_pre + n_post
    if n_pre < 1 or n_post < 1:
        problems.append(Problem(where="arguments 'n_pre' and 'n_post'", what="must be 1 or more"))
    if b.shape != (size,) or v.shape != (size, size):
        problems.append(
            Problem(
                where="arguments 'beta' and 'vcov'",
                what=f"have shapes {b.shape} and {v.shape}, not ({size},) and ({size}, {size})",
                advice="Leave the base period out.",
            )
        )
    elif not (np.isfinite(b).all() and np.isfinite(v).all()):
        problems.append(Problem(where="arguments 'beta' and 'vcov'", what="must be finite"))
    elif np.linalg.eigvalsh((v + v.T) / 2.0)[0] <= 0:
        problems.append(
            Problem(
                where="argument 'vcov'",
                what="is not positive definite",
                advice="With fewer treated clusters than periods use fewer, longer periods.",
            )
        )
    if w.shape != (n_post,):
        problems.append(Problem(where="argument 'weights'", what=f"must have shape ({n_post},)"))
    if not m or min(m) < 0:
        problems.append(Problem(where="argument 'm'", what="must be 0 or more"))
    if not 0 < level < 1:
        problems.append(Problem(where="argument 'level'", what="must lie in (0, 1)"))
    if problems:
        raise InputError(*problems)


def _relative(
    b: Float, v: Float, n_pre: int, w: Float, m: float, alpha: float
) -> tuple[float, float]:
    """Union over (period, sign) of the largest divergence before."""
    ends = [
        _invert(_Moments(b, v, n_pre, w, a), b, v, n_pre, w, alpha)
        for a in _magnitude_sets(n_pre, len(w), m)
    ]
    found = np.array([end for end in ends if end is not None])
    if not len(found):
        return float("nan"), float("nan")
    return float(found[:, 0].min()), float(found[:, 1].max())


def _magnitude_sets(n_pre: int, n_post: int, m: float) -> Iterator[Float]:
    """A with A·δ ≤ 0 for each set; only rows that speak of periods after the start."""
    size = n_pre + n_post
    steps = np.delete(np.diff(np.eye(size + 1), axis=0), n_pre, axis=1)
    for s in range(n_pre):
        for sign in (1.0, -1.0):
            largest = m * sign * steps[s]
            yield np.vstack([steps[n_pre:] - largest, -steps[n_pre:] - largest])


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
        normal = stats.norm.ppf(qmc.Sobol(len(self.y), scramble=True, rng=0).random_base2(_DRAWS))
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


def _truncated_quantile(q: float, sd: float, low: float, high: float) -> float:
    if low >= high:
        return high
    a, b = low / sd, high / sd
    if a > 0:
        inside = stats.norm.sf(a) - q * (stats.norm.sf(a) - stats.norm.sf(b))
        return float(np.clip(sd * stats.norm.isf(inside), low, high))
    inside = stats.norm.cdf(a) + q * (stats.norm.cdf(b) - stats.norm.cdf(a))
    return float(np.clip(sd * stats.norm.ppf(inside), low, high))


def _invert(
    moments: _Moments, b: Float, v: Float, n_pre: int, w: Float, alpha: float
) -> tuple[float, float] | None:
    """Ends of the accepted effects: a grid, then bisection between accepted and rejected."""
    centre = float(w @ b[n_pre:])
    reach = 20.0 * float(np.sqrt(w @ v[n_pre:, n_pre:] @ w))
    bound = moments.least_favourable(_KAPPA * alpha)
    grid = np.linspace(min(centre, 0.0) - reach, max(centre, 0.0) + reach, 161)
    accepted = np.array([not moments.rejects(theta, alpha, bound) for theta in grid])
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

    low = float(grid[0]) if first == 0 else edge(float(grid[first]), float(grid[first - 1]))
    high = (
        float(grid[-1]) if last == len(grid) - 1 else edge(float(grid[last]), float(grid[last + 1]))
    )
    return low, high


def _smooth(
    b: Float, v: Float, n_pre: int, w: Float, m: float, alpha: float
) -> tuple[float, float]:
    """Shortest fixed-length interval around an affine estimator."""
    times = np.concatenate([np.arange(-n_pre, 0), np.arange(1, len(w) + 1)]).astype(np.float64)
    bends = np.array([_bend(times, j) for j in range(-n_pre + 1, len(w))])
    full = np.concatenate([np.zeros(n_pre), w])
    if n_pre == 1:
        weights = full.copy()
        weights[0] = float(w @ times[1:])
        return _interval(b, v, weights, m * float(np.abs(bends @ weights).sum()), alpha)

    def solution(trade: float) -> Float:
        return _affine(v, full, times, bends, n_pre, trade)

    def length(log_trade: float) -> float:
        weights = solution(float(np.exp(log_trade)))
        low, high = _interval(b, v, weights, m * float(np.abs(bends @ weights).sum()), alpha)
        return high - low

    if m == 0:
        return _interval(b, v, solution(0.0), 0.0, alpha)
    start = np.log(m / float(np.sqrt(full @ v @ full)))
    grid = start + np.linspace(-6.0, 6.0, 25)
    lengths = [length(float(point)) for point in grid]
    near = int(np.argmin(lengths))
    span = (float(grid[max(near - 1, 0)]), float(grid[min(near + 1, len(grid) - 1)]))
    best = minimize_scalar(length, bounds=span, method="bounded", options={"xatol": 1e-4})
    weights = solution(float(np.exp(best.x)))
    return _interval(b, v, weights, m * float(np.abs(bends @ weights).sum()), alpha)


def _bend(times: Float, at: int) -> Float:
    """Path with slope 0 at the base period and one unit bend at time ``at``."""
    if at >= 0:
        return np.maximum(times - at, 0.0)
    return np.maximum(at - times, 0.0)


def _affine(v: Float, full: Float, times: Float, bends: Float, n_pre: int, trade: float) -> Float:
    """Weights before the start that minimise standard deviation + trade·worst bend bias.

    Linear trends are cancelled exactly: a weight vector with Σ weight·time = 0.
    """
    target = -float(full @ times)
    pre = times[:n_pre]
    null = np.linalg.svd(pre[None])[2][1:].T
    point = pre * target / float(pre @ pre)
    lift = np.zeros((len(full), null.shape[1]))
    lift[:n_pre] = null
    fixed = full.copy()
    fixed[:n_pre] += point
    quadratic, linear = lift.T @ v @ lift, lift.T @ v @ fixed
    start = -np.linalg.solve(quadratic, linear)
    if trade == 0:
        return fixed + lift @ start
    count = null.shape[1]
    slack = np.abs(bends @ (fixed + lift @ start))
    scale = float(np.sqrt(fixed @ v @ fixed))

    def objective(z: Float) -> tuple[float, Float]:
        weights = fixed + lift @ z[:count]
        sd = float(np.sqrt(weights @ v @ weights))
        gradient = np.concatenate([lift.T @ v @ weights / sd, np.full(len(bends), trade)])
        return (sd + trade * float(z[count:].sum())) / scale, gradient / scale

    ones = np.eye(len(bends))
    upper = np.hstack([-bends @ lift, ones])
    lower = np.hstack([bends @ lift, ones])
    solved = minimize(
        objective,
        np.concatenate([start, slack]),
        jac=True,
        method="SLSQP",
        constraints=[
            {"type": "ineq", "fun": lambda z: upper @ z - bends @ fixed, "jac": lambda z: upper},
            {"type": "ineq", "fun": lambda z: lower @ z + bends @ fixed, "jac": lambda z: lower},
        ],
        options={"maxiter": 500, "ftol": 1e-12},
    )
    found: Float = fixed + lift @ solved.x[:count]
    return found


def _interval(b: Float, v: Float, weights: Float, bias: float, alpha: float) -> tuple[float, float]:
    sd = float(np.sqrt(weights @ v @ weights))
    reach = sd * folded_normal_critical_value(bias / sd, alpha=alpha)
    centre = float(weights @ b)
    return centre - reach, centre + reach
