"""Pooling sites: one effect of many, how much sites differ, and what a new site may expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.results import Effect, Effects
from hotspot_eval.significance import normal_or_t_interval, wald_p_value

__all__ = ["Pooled", "TauMethod", "pool"]

Float = NDArray[np.float64]
TauMethod = Literal["paule_mandel", "dersimonian_laird"]
_FEW = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Pooled:
    """A random-effects synthesis of k sites.

    Parameters
    ----------
    effect : Effect
        The mean over sites, with the Hartung–Knapp interval.
    labels : tuple of str, length k
    estimates, std_errors, weights, shrunken : ndarray, shape (k,)
        As reported; weights sum to 1; shrunken towards the mean by what is noise.
    tau : float
        Standard deviation of true effects between sites.
    q, q_p_value, i_squared : float
        Cochran's Q, its p-value, and the share of variation beyond noise in [0, 1].
    prediction_low, prediction_high : float
        Where the true effect of a new, comparable site lies, at the effect's level.
    ledger : Ledger
        Sites left out because they had no estimate or no standard error.
    """

    effect: Effect
    labels: tuple[str, ...]
    estimates: Float
    std_errors: Float
    weights: Float
    shrunken: Float
    tau: float
    q: float
    q_p_value: float
    i_squared: float
    prediction_low: float
    prediction_high: float
    ledger: Ledger

    def to_frame(self) -> pd.DataFrame:
        """One row a site, then the mean and the prediction interval."""
        level = self.effect.ci_level
        rows = [
            (label, estimate, error, *normal_or_t_interval(estimate, error, level=level), w, s)
            for label, estimate, error, w, s in zip(
                self.labels,
                self.estimates,
                self.std_errors,
                self.weights,
                self.shrunken,
                strict=True,
            )
        ]
        mean, nan = self.effect, float("nan")
        rows.append(
            ("pooled", mean.estimate, mean.std_error, mean.ci_low, mean.ci_high, 1.0, mean.estimate)
        )
        rows.append(
            ("new site", mean.estimate, nan, self.prediction_low, self.prediction_high, nan, nan)
        )
        return pd.DataFrame(
            rows,
            columns=["label", "estimate", "std_error", "ci_low", "ci_high", "weight", "shrunken"],
        )

    def __repr__(self) -> str:
        return (
            f"Pooled {len(self.labels)} sites: {self.effect!r}; tau {self.tau:.4f}, "
            f"I² {self.i_squared:.0%}, a new site {self.prediction_low:.4f} to "
            f"{self.prediction_high:.4f}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.ledger._repr_html_()}"


def pool(
    effects: Sequence[Effect] | Mapping[str, Effect] | Effects,
    covariance: ArrayLike | None = None,
    *,
    tau: TauMethod = "paule_mandel",
    ci_level: float = 0.95,
) -> Pooled:
    """Pool the effects of k sites by random effects.

    Parameters
    ----------
    effects : sequence, mapping of label to Effect, or Effects
        On one scale. Sites without an estimate or standard error are left out and counted.
    covariance : array_like, shape (k, k), optional
        Sampling covariance between sites that share controls or months; by default they are
        independent. Its diagonal replaces the standard errors. Rows of all sites given, those
        left out included.
    tau : {"paule_mandel", "dersimonian_laird"}
        How the variance between sites is estimated.
    ci_level : float

    Returns
    -------
    Pooled

    Raises
    ------
    InputError
        If effects differ in scale, or the covariance has the wrong shape or is no covariance.

    Notes
    -----
    y ~ (μ1, S + τ²I) with S the sampling covariance; μ̂ by generalised least squares. Hartung–Knapp
    standard error √(q*/1′Σ⁻¹1) with q* = max(1, q), q = r′Σ⁻¹r/(k − 1), on t with k − 1 degrees of
    freedom; prediction interval μ̂ ± t(k − 2)·√(τ² + se²). Under five sites τ is hardly known and
    the notes say so.

    References
    ----------
    IntHout, Ioannidis & Borm (2014), https://doi.org/10.1186/1471-2288-14-25;
    Röver, Knapp & Friede (2015), https://doi.org/10.1186/s12874-015-0091-1

    Examples
    --------
    >>> sites = [Effect.from_estimate(b, 0.1, estimand="ATT", scale="log_irr", method="Poisson",
    ...                               inference="CR2") for b in (-0.3, -0.1, -0.2, 0.0, -0.4)]
    >>> result = pool(sites)
    >>> round(result.effect.estimate, 4), round(result.tau, 4)
    (-0.2, 0.1225)
    """
    check_choice("tau", tau, get_args(TauMethod))
    labels, sites = _labelled(effects)
    sampling = _sampling(sites, covariance)
    y = np.array([site.estimate for site in sites])
    errors = np.sqrt(np.diag(sampling))
    usable = np.isfinite(y) & np.isfinite(errors) & (errors > 0)
    usable &= np.isfinite(np.where(np.outer(usable, usable), sampling, 0.0)).all(axis=1)
    ledger = Ledger().step(
        "sites pooled",
        unit="sites",
        rows_in=len(sites),
        rows_out=int(usable.sum()),
        left_out=[
            LedgerNote(
                reason="no estimate, or no standard error",
                rows=int((~usable).sum()),
                examples=tuple(np.array(labels, dtype=object)[~usable]),
            )
        ],
    )
    kept = [site for site, ok in zip(sites, usable, strict=True) if ok]
    names = tuple(label for label, ok in zip(labels, usable, strict=True) if ok)
    if not kept:
        return _nothing(ledger, sites, ci_level)
    grid = np.ix_(usable, usable)
    return _pooled(names, y[usable], sampling[grid], kept, ledger, tau, ci_level)


def _pooled(
    labels: tuple[str, ...],
    y: Float,
    sampling: Float,
    sites: list[Effect],
    ledger: Ledger,
    method: TauMethod,
    ci_level: float,
) -> Pooled:
    k = len(y)
    q = _gls(y, sampling, 0.0)[2]
    between = _TAU[method](y, sampling) if k > 1 else 0.0
    mean, weights, spread, precision = _gls(y, sampling, between)
    std_error = float(np.sqrt(max(1.0, spread / (k - 1)) / precision)) if k > 1 else float("nan")
    notes = list(dict.fromkeys(note for site in sites for note in site.notes if k == 1))
    if k == 1:
        notes.append("one site: nothing to pool, and no interval for sites like it")
    elif k < _FEW:
        notes.append(
            f"only {k} sites: how much they differ is hardly known, read the interval with care"
        )
    gone = ledger.steps[0].rows_in - ledger.steps[0].rows_out
    if gone:
        notes.append(f"{gone} of {k + gone} sites left out: no estimate or no standard error")
    effect = Effect.from_estimate(
        mean,
        std_error,
        estimand="mean effect over sites",
        scale=sites[0].scale,
        method=f"random effects, {method.replace('_', '–')}",
        inference="Hartung–Knapp with q* = max(1, q)",
        df=float(k - 1) if k > 1 else float("nan"),
        ci_level=ci_level,
        n_areas=sum(site.n_areas for site in sites),
        n_treated=sum(site.n_treated for site in sites),
        n_control=sum(site.n_control for site in sites),
        n_clusters=k,
        n_periods=max(site.n_periods for site in sites),
        notes=tuple(notes),
    )
    low = high = float("nan")
    if k > 2:
        reach = float(np.sqrt(between + std_error**2))
        low, high = normal_or_t_interval(mean, reach, df=float(k - 2), level=ci_level)
    total = sampling + between * np.eye(k)
    return Pooled(
        effect=effect,
        labels=labels,
        estimates=y,
        std_errors=np.sqrt(np.diag(sampling)),
        weights=weights,
        shrunken=np.asarray(mean + between * np.linalg.solve(total, y - mean), dtype=np.float64),
        tau=float(np.sqrt(between)),
        q=q,
        q_p_value=wald_p_value(q, df=k - 1) if k > 1 else float("nan"),
        i_squared=max(0.0, 1.0 - (k - 1) / q) if k > 1 and q > 0 else 0.0,
        prediction_low=low,
        prediction_high=high,
        ledger=ledger,
    )


def _gls(y: Float, sampling: Float, between: float) -> tuple[float, Float, float, float]:
    """Mean, weights, r′Σ⁻¹r and 1′Σ⁻¹1 at a variance between sites."""
    precision = np.linalg.inv(sampling + between * np.eye(len(y)))
    weights = precision.sum(axis=0) / precision.sum()
    mean = float(weights @ y)
    gap = y - mean
    return mean, weights, float(gap @ precision @ gap), float(precision.sum())


def _paule_mandel(y: Float, sampling: Float) -> float:
    """τ² at which r′Σ⁻¹r = k − 1; 0 if it lies below already."""
    target = len(y) - 1.0
    if _gls(y, sampling, 0.0)[2] <= target:
        return 0.0
    low, high = 0.0, float(np.var(y, ddof=1)) + float(np.diag(sampling).max())
    while _gls(y, sampling, high)[2] > target:
        low, high = high, 2.0 * high
    for _ in range(200):
        middle = (low + high) / 2.0
        if _gls(y, sampling, middle)[2] > target:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _dersimonian_laird(y: Float, sampling: Float) -> float:
    """τ² from the expectation of Q, which is k − 1 + τ²·tr(P)."""
    precision = np.linalg.inv(sampling)
    ones = precision.sum(axis=0)
    trace = float(np.trace(precision) - ones @ ones / ones.sum())
    return max(0.0, (_gls(y, sampling, 0.0)[2] - (len(y) - 1)) / trace)


_TAU = {"paule_mandel": _paule_mandel, "dersimonian_laird": _dersimonian_laird}


def _labelled(
    effects: Sequence[Effect] | Mapping[str, Effect] | Effects,
) -> tuple[tuple[str, ...], list[Effect]]:
    if isinstance(effects, Effects):
        labels, sites = effects.labels, list(effects)
    elif isinstance(effects, Mapping):
        labels, sites = tuple(map(str, effects)), list(effects.values())
    else:
        sites = list(effects)
        labels = tuple(f"site {number}" for number in range(1, len(sites) + 1))
    if not sites:
        raise InputError(Problem(where="argument 'effects'", what="is empty"))
    scales = sorted({site.scale for site in sites})
    if len(scales) > 1:
        raise InputError(
            Problem(
                where="argument 'effects'",
                what="are on different scales",
                examples=scales,
                advice="Pool log rate ratios, or counts, not both.",
            )
        )
    return labels, sites


def _sampling(sites: list[Effect], covariance: ArrayLike | None) -> Float:
    k = len(sites)
    if covariance is None:
        return np.diag(np.array([site.std_error for site in sites]) ** 2)
    given = np.array(covariance, dtype=np.float64)
    if given.shape != (k, k):
        raise InputError(
            Problem(
                where="argument 'covariance'",
                what=f"has shape {given.shape} for {k} effects",
            )
        )
    known = np.isfinite(given).all(axis=1) | np.isfinite(np.diag(given))
    part = given[np.ix_(known, known)]
    finite = np.isfinite(part).all()
    if finite and (
        not np.allclose(part, part.T) or (len(part) and np.linalg.eigvalsh(part)[0] <= 0)
    ):
        raise InputError(
            Problem(
                where="argument 'covariance'",
                what="is not symmetric and positive definite",
                advice="Give the sampling covariance of the effects, in their order.",
            )
        )
    return given


def _nothing(ledger: Ledger, sites: list[Effect], ci_level: float) -> Pooled:
    nan, none = float("nan"), np.zeros(0)
    effect = Effect.from_estimate(
        nan,
        nan,
        estimand="mean effect over sites",
        scale=sites[0].scale,
        method="random effects",
        inference="none",
        df=nan,
        ci_level=ci_level,
        notes=("no site has an estimate with a standard error",),
    )
    return Pooled(
        effect=effect,
        labels=(),
        estimates=none,
        std_errors=none,
        weights=none,
        shrunken=none,
        tau=nan,
        q=nan,
        q_p_value=nan,
        i_squared=nan,
        prediction_low=nan,
        prediction_high=nan,
        ledger=ledger,
    )
