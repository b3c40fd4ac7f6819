"""The adjusted estimator: what the past of the chosen areas says they would have done anyway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from hotspot_eval.inference.replay.inversion import not_rejected
from hotspot_eval.inference.replay.scenes import Scenes
from hotspot_eval.inference.replay.stage import Windows
from hotspot_eval.significance import Alternative, weighted_critical_value, weighted_p_values

__all__ = [
    "Expectation",
    "Features",
    "Reference",
    "calibrate",
    "features",
    "independent_windows",
]

Vector = NDArray[np.float64]
Places = NDArray[np.intp]
Ratio = Callable[[Places, Places], Vector]
Events = Callable[[NDArray[np.float64], Places, Places], Vector]
_ROUNDS = 3
_PHI_FLOOR = 0.3
_LEAST_WEIGHT = 20.0
AROUND = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Scenes told as log ratios of treated to control events.

    Parameters
    ----------
    change : ndarray, shape (S,)
        l(post) − l(pre).
    past : ndarray, shape (S, P)
        What was known beforehand, and what happened around; the first column is 1.
    expected, control : ndarray, shape (S,)
        Events expected in the treated areas from history and the controls' post window; events of
        the controls. Neither reads the treated post window.
    anchor : ndarray, shape (S,)
        Log of the treated post events if the treated had moved as the controls did.
    """

    change: Vector
    past: NDArray[np.float64]
    expected: Vector
    control: Vector
    anchor: Vector

    @property
    def sampling(self) -> Vector:
        """1/(E + 1) + 1/(C + 1): the Poisson part of the variance of ``change``."""
        return 1.0 / (self.expected + 1.0) + 1.0 / (self.control + 1.0)

    def take(self, rows: NDArray[np.intp]) -> Features:
        """Some of the scenes."""
        return Features(
            change=self.change[rows],
            past=self.past[rows],
            expected=self.expected[rows],
            control=self.control[rows],
            anchor=self.anchor[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """What the pool teaches: a regression, a variance and a distribution.

    Parameters
    ----------
    coefficients : ndarray, shape (P,)
        On standardised features.
    centre, spread : ndarray, shape (P − 1,)
        Of the features, from the pool.
    coefficient_cov : ndarray, shape (P, P)
    df : float
        Degrees of freedom that the ridge regression uses up, at most P.
    phi, tau2 : float
        Overdispersion of counts; variance between scenes that no count explains.
    scale2 : ndarray, shape (B,)
        Each cluster's own variance relative to that.
    windows : ndarray, shape (B,)
        Independent windows of each cluster.
    weights, predicted, residual, u : ndarray, shape (S,)
        Of the pool's scenes; ``u`` has weighted mean square 1.
    smoother : ndarray, shape (P, S)
        Maps the pool's changes to ``coefficients``.
    variance : ndarray, shape (S,)
        Of a scene about its expectation, what estimating the regression adds left out.
    """

    coefficients: Vector
    centre: Vector
    spread: Vector
    coefficient_cov: NDArray[np.float64]
    df: float
    phi: float
    tau2: float
    scale2: Vector
    windows: Vector
    weights: Vector
    predicted: Vector
    residual: Vector
    u: Vector
    smoother: NDArray[np.float64]
    variance: Vector

    @property
    def n_windows(self) -> float:
        """Independent windows of all clusters together."""
        return float(self.windows.sum())

    def standardised(self, past: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features on the scale of ``coefficients``, shape (·, P)."""
        return np.column_stack([np.ones(len(past)), (past[:, 1:] - self.centre) / self.spread])

    def inflation(self) -> float:
        """1 + df/Σω: what estimating the regression adds to a new scene's variance."""
        return 1.0 + self.df / self.n_windows

    def expect(self, scene: Features, cluster: int, row: int = 0) -> Expectation:
        """The reference laid over one scene."""
        x = self.standardised(scene.past[row : row + 1])[0]
        known = x.copy()
        known[-AROUND:] = 0.0
        factor = float(self.scale2[cluster]) * self.inflation()
        return Expectation(
            change=float(scene.change[row]),
            predicted=float(x @ self.coefficients),
            foreseen=float(known @ self.coefficients),
            foreseen_se=float(np.sqrt(known @ self.coefficient_cov @ known)),
            expected=float(scene.expected[row]),
            counterfactual=float(np.exp(scene.anchor[row] + x @ self.coefficients)),
            from_treated=self.phi * factor,
            fixed=(self.phi / (float(scene.control[row]) + 1.0) + self.tau2) * factor,
            u=self.u,
            weights=self.weights,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expectation:
    """One scene against its reference: d, V(δ) and the distribution of (d − δ)/√V(δ).

    ``predicted`` is x′β; ``foreseen`` the same from the past alone, with what happened around the
    scene after its start held at the pool's mean: the regression to the mean.
    ``counterfactual`` are the events that x′β expects of the treated areas.
    """

    change: float
    predicted: float
    foreseen: float
    foreseen_se: float
    expected: float
    counterfactual: float
    from_treated: float
    fixed: float
    u: Vector
    weights: Vector

    @property
    def effect(self) -> float:
        """The adjusted estimate d = y − x′β."""
        return self.change - self.predicted

    def variance(self, delta: Vector | float = 0.0) -> Vector:
        """V(δ) = φ(1/(E·e^δ + 1) + 1/(C + 1)) + τ², times the cluster's scale."""
        return np.asarray(self.from_treated / (self.expected * np.exp(delta) + 1.0) + self.fixed)

    def p_value(self, delta: float = 0.0, alternative: Alternative = "two-sided") -> float:
        """The p-value of the hypothesis that the effect is ``delta``."""
        z = np.array([(self.effect - delta) / np.sqrt(self.variance(delta))])
        return float(weighted_p_values(z, self.u, self.weights, alternative=alternative)[0])

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """All δ with p(δ) > 1 − level lie in it; infinite where nothing can be rejected."""
        reach = weighted_critical_value(self.u, self.weights, level=level)
        return not_rejected(self.effect, lambda delta: float(self.variance(delta)), reach)


def features(scenes: Scenes, windows: Windows, *, history: int | None = None) -> Features:
    """The log ratios of METHODS: y = l(post) − l(pre), x, E and C of every scene.

    ``history`` is how many periods a scene may look back: no further than the site itself can, or
    a scene would know more than what it stands in for.

    l(W) = log[(T + ½)/(C + ½q)], T and C the events of treated and controls in the window W, q
    the number of controls for each treated area: a cluster where nothing differs has l = −log q.
    """
    onset, odds, totals = scenes.at, scenes.odds(), scenes.totals
    floor = _floor(scenes, history)

    def events(running: NDArray[np.float64], begin: Places, stop: Places) -> Vector:
        first, after = np.maximum(begin, floor), np.maximum(stop, floor)
        return np.asarray(running[scenes.row, after] - running[scenes.row, first])

    def ratio(begin: Places, stop: Places) -> Vector:
        return _log_ratio(
            events(totals.treated, begin, stop), events(totals.controls, begin, stop), odds
        )

    base = ratio(onset - windows.gap - windows.pre, onset - windows.gap)
    post_treated, post_control = (
        np.sum([events(total, onset + o, onset + o + 1) for o in windows.on], axis=0)
        for total in (totals.treated, totals.controls)
    )
    year, quarter = windows.year, windows.quarter
    columns = [np.ones(len(onset)), base + np.log(odds)]
    spans = [
        (onset - quarter, onset),
        (onset - year, onset - quarter),
        (onset - 3 * year, onset - year),
    ]
    if windows.post < year:
        spans.append((onset - year, onset - year + windows.post))
    columns += [
        np.where(np.maximum(begin, floor) < stop, ratio(begin, stop) - base, 0.0)
        for begin, stop in spans
    ]
    columns += _around(scenes, windows, events, floor)
    return Features(
        change=_log_ratio(post_treated, post_control, odds) - base,
        past=np.column_stack(columns),
        expected=post_control * np.exp(ratio(floor, onset)),
        control=post_control,
        anchor=base + np.log(post_control + 0.5 * odds),
    )


def _floor(scenes: Scenes, history: int | None) -> Places:
    """First period that each scene may read, in its own panel."""
    if history is None:
        return scenes.since
    return np.asarray(np.maximum(scenes.at - history, scenes.since))


def _around(scenes: Scenes, windows: Windows, events: Events, floor: Places) -> list[Vector]:
    """What happened around the scene after the start: near controls against far, and far alone.

    log[N(post)/N(history)] − log[F(post)/F(history)] and log[F(post)/F(pre)] by the period, N the
    controls of the own cluster and F the clean areas of other clusters; both 0 without such areas.
    The first lets the pool say how much of the controls' movement is noise.
    """
    onset, totals = scenes.at, scenes.totals

    def grown(running: NDArray[np.float64], begin: Places, stop: Places) -> Vector:
        after = np.sum([events(running, onset + o, onset + o + 1) for o in windows.on], axis=0)
        return np.asarray(np.log((after + 0.5) / (events(running, begin, stop) + 0.5)))

    before = onset - windows.gap
    near, far = (total[scenes.row, -1] > 0 for total in (totals.near, totals.far))
    apart = grown(totals.near, floor, onset) - grown(totals.far, floor, onset)
    away = grown(totals.far, before - windows.pre, before) - np.log(len(windows.on) / windows.pre)
    return [np.where(near & far, apart, 0.0), np.where(far, away, 0.0)]


def _log_ratio(treated: Vector, control: Vector, odds: Vector) -> Vector:
    return np.asarray(np.log((treated + 0.5) / (control + 0.5 * odds)))


def independent_windows(onsets: NDArray[np.intp], length: int) -> int:
    """How many windows of this length fit among the onsets without overlap.

    Examples
    --------
    >>> independent_windows(np.array([3, 4, 5, 6, 9]), 3)
    3
    """
    count, free_from = 0, -np.inf
    for onset in np.unique(onsets):
        if onset >= free_from:
            count, free_from = count + 1, float(onset) + length
    return count


def calibrate(
    pool: Features,
    scenes: Scenes,
    *,
    n_clusters: int,
    onset: int,
    windows: Windows,
    penalty: float,
    half_life_years: float,
    scale_prior: float,
) -> Reference:
    """Regression, variance and distribution from the scenes of a pool.

    Steps 4 to 6 of the recipe: weights halve with every ``half_life_years``, from 1 for the scenes
    nearest in time, so that a pool of other years can still reject, and more slowly where they
    would sum to too little for any test at 5 %; ridge of y on x with
    weights π/v; v = φ·a + τ² from squared residuals; each cluster's scale shrunk to 1 with
    ``scale_prior`` windows.
    """
    weights = _fading(np.abs(onset - scenes.onset) / windows.year, half_life_years)
    centre = np.average(pool.past[:, 1:], axis=0, weights=weights)
    spread = np.sqrt(np.average((pool.past[:, 1:] - centre) ** 2, axis=0, weights=weights))
    spread[spread < 1e-8] = 1.0
    x = np.column_stack([np.ones(len(pool.change)), (pool.past[:, 1:] - centre) / spread])
    per_cluster = np.array(
        [
            independent_windows(scenes.onset[scenes.cluster == place], windows.post)
            for place in range(n_clusters)
        ],
        dtype=np.float64,
    )
    sampling = pool.sampling
    phi, tau2 = 1.0, 0.01
    total = float(per_cluster.sum())
    for _ in range(_ROUNDS):
        spread2 = phi * sampling + tau2
        smoother, cov, df = _ridge(x, weights / spread2, total, penalty)
        beta = smoother @ pool.change
        residual = pool.change - x @ beta
        phi, tau2 = _two_variances(residual**2, sampling, weights, spread2)
    spread2 = phi * sampling + tau2
    scale2 = _cluster_scales(
        residual**2 / spread2, weights, scenes.cluster, per_cluster, scale_prior
    )
    u = residual / np.sqrt(spread2 * scale2[scenes.cluster])
    level = float(np.average(u**2, weights=weights))
    return Reference(
        coefficients=beta,
        centre=centre,
        spread=spread,
        df=df,
        coefficient_cov=cov * float(weights.sum() / (weights / spread2).sum()),
        phi=phi * level,
        tau2=tau2 * level,
        scale2=scale2,
        windows=per_cluster,
        weights=weights,
        predicted=x @ beta,
        residual=residual,
        u=u / np.sqrt(level),
        smoother=smoother,
        variance=spread2 * scale2[scenes.cluster] * level,
    )


def _fading(age: Vector, half_life_years: float) -> Vector:
    """½^(age in half-lives), counted from the nearest; the half-life doubles until they suffice."""
    weights = 0.5 ** ((age - age.min()) / half_life_years)
    if weights.sum() < _LEAST_WEIGHT < len(age):
        return _fading(age, 2.0 * half_life_years)
    return np.asarray(weights)


def _ridge(
    x: NDArray[np.float64], weights: Vector, total: float, penalty: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Map from y to the coefficients, their covariance at residual variance 1, df used.

    The intercept is free. The weights are scaled to sum to the independent windows, so that the
    penalty counts windows.
    """
    scaled = weights * (total / weights.sum())
    gram = (x * scaled[:, None]).T @ x
    ridge = np.eye(x.shape[1]) * penalty
    ridge[0, 0] = 0.0
    bread = np.linalg.inv(gram + ridge)
    smoother = bread @ (x * scaled[:, None]).T
    return smoother, bread @ gram @ bread, float(np.trace(bread @ gram))


def _two_variances(
    squared: Vector, sampling: Vector, weights: Vector, spread2: Vector
) -> tuple[float, float]:
    """φ and τ² of squared = φ·a + τ², both at least 0, weighted by √π/v."""
    weight = np.sqrt(weights) / spread2
    design = np.column_stack([sampling, np.ones(len(sampling))]) * weight[:, None]
    solution, _ = nnls(design, squared * weight)
    return max(float(solution[0]), _PHI_FLOOR), float(solution[1])


def _cluster_scales(
    ratio: Vector,
    weights: Vector,
    cluster: NDArray[np.intp],
    per_cluster: Vector,
    prior: float,
) -> Vector:
    weight = np.bincount(cluster, weights, minlength=len(per_cluster))
    summed = np.bincount(cluster, weights * ratio, minlength=len(per_cluster))
    mean = np.divide(summed, weight, out=np.ones_like(weight), where=weight > 0)
    return np.asarray((per_cluster * mean + prior) / (per_cluster + prior))
