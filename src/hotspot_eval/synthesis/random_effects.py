"""Random effects: one mean of many sites, whose estimates need not be independent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.ledger import Ledger, LedgerNote
from hotspot_eval.results import Effect, Effects
from hotspot_eval.significance import normal_or_t_interval, wald_p_value
from hotspot_eval.synthesis.pooled import Pooled

__all__ = ["FEW", "TauMethod", "covariance_of", "labelled", "pool"]

Float = NDArray[np.float64]
TauMethod = Literal["paule_mandel", "dersimonian_laird"]
NAN = float("nan")
FEW = 5
_INDEPENDENT = "sites taken as independent of each other"


def pool(
    effects: Sequence[Effect] | Mapping[str, Effect] | Effects,
    covariance: ArrayLike | None = None,
    *,
    covariance_df: float = float("inf"),
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
    covariance_df : float
        Degrees of freedom behind the covariance between sites; by default it is taken as known.
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
    y ~ (μ1, Σ), Σ = S + τ²I with S the sampling covariance. Weights w = Σ⁻¹1/1′Σ⁻¹1, μ̂ = w′y; τ² by
    Paule–Mandel solves r′Σ⁻¹r = k − 1. Q = r′S⁻¹r at τ = 0, on χ²(k − 1), and I² = 1 − (k − 1)/Q,
    floored at 0: what sites share moves them together, so it is no heterogeneity. Hartung–Knapp
    standard error √(q*/1′Σ⁻¹1), q* = max(1, r′Σ⁻¹r/(k − 1)).

    The sites' spread says nothing of what all of them share. So the t has 1/df = (1 − ρ)/(k − 1) +
    ρ/``covariance_df``, ρ the part of w′Σw that comes from outside the diagonal of S: k − 1 where
    sites are independent. Prediction interval μ̂ ± t·√(τ² + se²) on one degree less. Under five
    sites τ is hardly known and the notes say so.

    Partially pooled effects (``.partial_effects()``): the posterior of each site's true effect with
    flat priors on μ and τ, so that their intervals know that τ is uncertain (from three sites on).

    References
    ----------
    IntHout, Ioannidis & Borm (2014), https://doi.org/10.1186/1471-2288-14-25;
    Röver, Knapp & Friede (2015), https://doi.org/10.1186/s12874-015-0091-1;
    Paule & Mandel (1982), https://doi.org/10.6028/jres.087.022;
    Higgins, Thompson & Spiegelhalter (2009), https://doi.org/10.1111/j.1467-985X.2008.00552.x;
    Röver (2020), https://doi.org/10.18637/jss.v093.i06

    Examples
    --------
    >>> sites = [Effect.from_estimate(b, 0.1, estimand="ATT", scale="log_irr", method="Poisson",
    ...                               inference="CR2") for b in (-0.3, -0.1, -0.2, 0.0, -0.4)]
    >>> result = pool(sites)
    >>> round(result.effect.estimate, 4), round(result.tau, 4)
    (-0.2, 0.1225)
    """
    check_choice("tau", tau, get_args(TauMethod))
    if not covariance_df > 0:
        raise InputError(
            Problem(where="argument 'covariance_df'", what=f"must be above 0, not {covariance_df}")
        )
    labels, sites = labelled(effects)
    sampling = covariance_of(sites, covariance)
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
    return _pooled(names, sampling[grid], kept, ledger, tau, covariance_df, ci_level)


def _pooled(
    labels: tuple[str, ...],
    sampling: Float,
    sites: list[Effect],
    ledger: Ledger,
    method: TauMethod,
    covariance_df: float,
    ci_level: float,
) -> Pooled:
    k = len(sites)
    y = np.array([site.estimate for site in sites])
    q = _gls(y, sampling, 0.0)[2]
    between = _TAU[method](y, sampling) if k > 1 else 0.0
    mean, weights, spread, precision = _gls(y, sampling, between)
    std_error = float(np.sqrt(max(1.0, spread / (k - 1)) / precision)) if k > 1 else NAN
    shared = _shared(sampling, weights, precision)
    df = _df(k, shared, covariance_df)
    effect = Effect.from_estimate(
        mean,
        std_error,
        estimand="mean effect over sites",
        scale=sites[0].scale,
        method=f"random effects, {method.replace('_', '–').title()}",
        inference="Hartung–Knapp with q* = max(1, q)",
        df=df,
        ci_level=ci_level,
        n_areas=sum(site.n_areas for site in sites),
        n_treated=sum(site.n_treated for site in sites),
        n_control=sum(site.n_control for site in sites),
        n_clusters=k,
        n_periods=max(site.n_periods for site in sites),
        notes=_notes(sites, sampling, weights, shared, covariance_df, ledger),
    )
    low = high = NAN
    if k > 2:
        reach = float(np.sqrt(between + std_error**2))
        part = shared * (std_error / reach) ** 2
        low, high = normal_or_t_interval(
            mean, reach, df=_df(k - 1, part, covariance_df), level=ci_level
        )
    return Pooled(
        effect=effect,
        sites=tuple(sites),
        labels=labels,
        weights=weights,
        covariance=sampling,
        covariance_df=covariance_df,
        correlation=_mean_correlation(sampling),
        tau=float(np.sqrt(between)),
        q=q,
        q_p_value=wald_p_value(q, df=k - 1) if k > 1 else NAN,
        i_squared=max(0.0, 1.0 - (k - 1) / q) if k > 1 and q > 0 else 0.0,
        prediction_low=low,
        prediction_high=high,
        ledger=ledger,
    )


def _shared(sampling: Float, weights: Float, precision: float) -> float:
    """Part of the variance of the mean that comes from what sites share."""
    apart = sampling - np.diag(np.diag(sampling))
    return float(np.clip((weights @ apart @ weights) * precision, 0.0, 1.0))


def _df(k: int, shared: float, covariance_df: float) -> float:
    return 1.0 / ((1.0 - shared) / (k - 1) + shared / covariance_df) if k > 1 else NAN


def _mean_correlation(sampling: Float) -> float:
    """Mean correlation of two sites; 0 where there is one."""
    k = len(sampling)
    spread = np.sqrt(np.diag(sampling))
    told = sampling / np.outer(spread, spread)
    return float((told.sum() - k) / (k * (k - 1))) if k > 1 else 0.0


def _notes(
    sites: list[Effect],
    sampling: Float,
    weights: Float,
    shared: float,
    covariance_df: float,
    ledger: Ledger,
) -> tuple[str, ...]:
    k = len(sites)
    notes = list(dict.fromkeys(note for site in sites for note in site.notes if k == 1))
    if k == 1:
        notes.append("one site: nothing to pool, and no interval for sites like it")
    elif k < FEW:
        notes.append(
            f"only {k} sites: how much they differ is hardly known, read the interval with care"
        )
    gone = ledger.steps[0].rows_in - ledger.steps[0].rows_out
    if gone:
        notes.append(f"{gone} of {k + gone} sites left out: no estimate or no standard error")
    if k > 1 and np.array_equal(sampling, np.diag(np.diag(sampling))):
        notes.append(_INDEPENDENT)
    elif k > 1:
        known = (
            ""
            if np.isinf(covariance_df)
            else f", known with {covariance_df:.1f} degrees of freedom"
        )
        notes.append(
            f"sites are not independent: correlation {_mean_correlation(sampling):.2f} on average; "
            f"{shared:.0%} of the variance of the mean is what they share{known}"
        )
    if (weights < 0).any():
        below = weights[weights < 0]
        notes.append(
            f"{len(below)} sites that share most with the others have a negative weight in the "
            f"mean, −{-below.sum():.2f} together"
        )
    return tuple(notes)


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
    high = float(np.var(y, ddof=1)) + float(np.diag(sampling).max())
    while _gls(y, sampling, high)[2] > target:
        high *= 2.0
    return float(
        brentq(lambda between: _gls(y, sampling, between)[2] - target, 0.0, high, xtol=1e-16)
    )


def _dersimonian_laird(y: Float, sampling: Float) -> float:
    """τ² from the expectation of Q, which is k − 1 + τ²·tr(P)."""
    precision = np.linalg.inv(sampling)
    ones = precision.sum(axis=0)
    trace = float(np.trace(precision) - ones @ ones / ones.sum())
    return max(0.0, (_gls(y, sampling, 0.0)[2] - (len(y) - 1)) / trace)


_TAU = {"paule_mandel": _paule_mandel, "dersimonian_laird": _dersimonian_laird}


def labelled(
    effects: Sequence[Effect] | Mapping[str, Effect] | Effects,
) -> tuple[tuple[str, ...], list[Effect]]:
    """Labels and effects, on one scale."""
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


def covariance_of(sites: list[Effect], covariance: ArrayLike | None) -> Float:
    """The covariance given, or the squares of the standard errors on its diagonal."""
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
    nan, none = NAN, np.zeros(0)
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
        sites=(),
        labels=(),
        weights=none,
        covariance=np.zeros((0, 0)),
        covariance_df=float("inf"),
        correlation=0.0,
        tau=nan,
        q=nan,
        q_p_value=nan,
        i_squared=nan,
        prediction_low=nan,
        prediction_high=nan,
        ledger=ledger,
    )
