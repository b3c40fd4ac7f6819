"""The reference distribution laid over one site or several: test, interval, and their join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from hotspot_eval.inference.replay.ladder import Pool
from hotspot_eval.inference.replay.recipe import Expectation, Reference, independent_windows
from hotspot_eval.inference.replay.scenes import Site
from hotspot_eval.significance import Alternative, normal_or_t_interval, normal_or_t_p_value

NAN = float("nan")
ONE_WINDOW = (
    "sites share a calendar, and the pools span fewer than two independent windows: what all "
    "sites share at the real date cannot be told from an effect"
)

__all__ = ["ONE_WINDOW", "Joint", "SiteNull", "Verdict", "join", "judge_one", "judge_several"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteNull:
    """One site with its pool and what the pool says; ``crossed`` are cross-validated residuals."""

    site: Site
    pool: Pool
    reference: Reference
    expectation: Expectation
    crossed: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Estimate, spread, test and interval on the log IRR scale.

    ``expected_change`` is what the chosen areas would have done anyway, with its standard error.
    """

    estimate: float
    std_error: float
    p_value: float
    low: float
    high: float
    statistic: float
    df: float
    expected_change: float
    expected_change_se: float
    expected_df: float
    correlation: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """Sites joined with precision weights.

    Parameters
    ----------
    estimate : float
    weights : ndarray, shape (G,)
    calendar : int
        Windows without overlap in the calendar that the pools span.
    covariance : ndarray, shape (G, G)
        Of the sites' studentised deviations, from joint shifts of the schedule.
    nulls : tuple of SiteNull
    """

    estimate: float
    weights: NDArray[np.float64]
    calendar: int
    covariance: NDArray[np.float64]
    nulls: tuple[SiteNull, ...]

    def variance(self, delta: float) -> float:
        """Variance of the joined estimate if the effect is ``delta`` everywhere."""
        spread = np.sqrt([float(null.expectation.variance(delta)) for null in self.nulls])
        weighted = spread * self.weights
        return float(weighted @ self.covariance @ weighted)


def join(nulls: Sequence[SiteNull]) -> Joint:
    """Precision weights w ∝ 1/V(0), and what sites share."""
    precision = np.array([1.0 / float(null.expectation.variance(0.0)) for null in nulls])
    weights = precision / precision.sum()
    calendar = _calendar_windows(nulls)
    return Joint(
        estimate=float(weights @ [null.expectation.effect for null in nulls]),
        weights=weights,
        calendar=calendar,
        covariance=_covariances(nulls),
        nulls=tuple(nulls),
    )


def judge_one(null: SiteNull, *, level: float, alternative: Alternative) -> Verdict:
    """The rank test of one site and its inversion."""
    told = null.expectation
    spread = float(np.sqrt(told.variance(0.0)))
    low, high = told.interval(level)
    return Verdict(
        estimate=told.effect,
        std_error=spread,
        p_value=told.p_value(0.0, alternative),
        low=low,
        high=high,
        statistic=told.effect / spread,
        df=float("inf"),
        expected_change=told.foreseen,
        expected_change_se=told.foreseen_se,
        expected_df=_df_of_mean(null.reference),
    )


def judge_several(nulls: Sequence[SiteNull], *, level: float, alternative: Alternative) -> Verdict:
    """Sites joined with precision weights and a t test that knows they share a calendar.

    Notes
    -----
    d = Σ w_g d_g with w_g ∝ 1/V_g(0), and Var(δ) = Σ_gh w_g w_h κ_gh √(V_g(δ) V_h(δ)). κ_gh is the
    mean product of two clusters' studentised residuals, taken as far apart in time as the two
    starts (a joint shift of the schedule) and never below 0; κ_gg their mean square, never below
    1. The residuals are cross-validated by calendar window, so that what all clusters share at a
    date is not fitted away. The test is t on ω − 1, ω the windows without overlap in the calendar.
    """
    joint = join(nulls)
    std_error = float(np.sqrt(joint.variance(0.0)))
    verdict = Verdict(
        estimate=joint.estimate,
        std_error=std_error,
        p_value=NAN,
        low=NAN,
        high=NAN,
        statistic=NAN,
        df=NAN,
        expected_change=float(joint.weights @ [null.expectation.foreseen for null in nulls]),
        expected_change_se=float(joint.weights @ [null.expectation.foreseen_se for null in nulls]),
        expected_df=float(max(joint.calendar - 1, 1)),
        correlation=_off_diagonal_mean(joint.covariance),
        notes=(ONE_WINDOW,),
    )
    if joint.calendar < 2:
        return verdict
    df = float(joint.calendar - 1)
    reach = normal_or_t_interval(0.0, 1.0, df=df, level=level)[1]
    low, high = _invert(joint.estimate, joint.variance, reach)
    statistic = joint.estimate / std_error
    return replace(
        verdict,
        p_value=normal_or_t_p_value(statistic, df=df, alternative=alternative),
        low=low,
        high=high,
        statistic=statistic,
        df=df,
        notes=(),
    )


def _invert(
    estimate: float, variance: Callable[[float], float], reach: float
) -> tuple[float, float]:
    """{δ: |estimate − δ| ≤ reach·√variance(δ)}."""

    def excess(delta: float, side: float) -> float:
        return float(side * (delta - estimate) - reach * np.sqrt(variance(delta)))

    widest = reach * float(np.sqrt(variance(-50.0))) + 1e-9
    return (
        float(brentq(excess, estimate - widest, estimate, args=(-1.0,))),
        float(brentq(excess, estimate, estimate + widest, args=(1.0,))),
    )


def _df_of_mean(reference: Reference) -> float:
    return max(1.0, reference.n_windows - reference.df)


def _calendar_windows(nulls: Sequence[SiteNull]) -> int:
    """Windows without overlap in the calendar that the pools span."""
    post = max(null.site.windows.post for null in nulls)
    onsets = np.unique(np.concatenate([null.pool.scenes.onset for null in nulls]))
    return independent_windows(onsets, post)


def _covariances(nulls: Sequence[SiteNull]) -> NDArray[np.float64]:
    grid = _residual_grid(nulls)
    places = [null.site.cluster for null in nulls]
    onsets = [null.site.onset for null in nulls]
    known: dict[tuple[bool, int], float] = {}
    out = np.eye(len(nulls)) * max(1.0, _lagged(grid, True, 0))
    for g in range(len(nulls)):
        for h in range(g):
            key = (places[g] == places[h], abs(onsets[g] - onsets[h]))
            if key not in known:
                known[key] = max(0.0, _lagged(grid, *key))
            out[g, h] = out[h, g] = min(known[key], out[g, g])
    return out


def _residual_grid(nulls: Sequence[SiteNull]) -> NDArray[np.float64]:
    """Cross-validated residuals, cluster × start; NaN where no pool has the scene."""
    clusters = 1 + max(int(null.pool.scenes.cluster.max()) for null in nulls)
    first = min(int(null.pool.scenes.onset.min()) for null in nulls)
    last = max(int(null.pool.scenes.onset.max()) for null in nulls)
    total = np.zeros((clusters, last - first + 1))
    count = np.zeros_like(total)
    for null in nulls:
        seen = ~np.isnan(null.crossed)
        at = (null.pool.scenes.cluster[seen], null.pool.scenes.onset[seen] - first)
        np.add.at(total, at, null.crossed[seen])
        np.add.at(count, at, 1.0)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _lagged(grid: NDArray[np.float64], same: bool, lag: int) -> float:
    """Mean product of residuals ``lag`` apart, of one cluster or of two."""
    width = grid.shape[1]
    if lag >= width:
        return 0.0
    seen = ~np.isnan(grid)
    value = np.where(seen, grid, 0.0)
    early, late = value[:, : width - lag], value[:, lag:]
    seen_early, seen_late = seen[:, : width - lag], seen[:, lag:]
    own, n_own = (early * late).sum(), float((seen_early & seen_late).sum())
    if same:
        return float(own / n_own) if n_own else 0.0
    every = (early.sum(axis=0) * late.sum(axis=0)).sum()
    n_every = float((seen_early.sum(axis=0) * seen_late.sum(axis=0)).sum())
    return float((every - own) / (n_every - n_own)) if n_every > n_own else 0.0


def _off_diagonal_mean(matrix: NDArray[np.float64]) -> float:
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1))) if n > 1 else 0.0
