"""Errors from influence values: coarser clusters, and correlation that fades with distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hotspot_eval.errors import InputError, Problem, check_choice, check_number, check_type
from hotspot_eval.inference.bias_reduced import cr2_moments
from hotspot_eval.inference.labels import cluster_codes
from hotspot_eval.panel import area_ids
from hotspot_eval.results import Effect, Fit

__all__ = ["ClusterCorrection", "Kernel", "cluster_robust", "conley"]

Float = NDArray[np.float64]
_ALONE = (
    "one cluster alone stands for the controls (or for a start): it is fitted to the last digit, "
    "its noise cannot be seen, and a standard error without it would be too small"
)
Kernel = Literal["bartlett", "uniform"]
ClusterCorrection = Literal["CR1", "CR2"]
_FEW_TREATED = 10
_UNSEEN = 1e-6


def cluster_robust(
    fit: Fit,
    cluster: Mapping[Any, object] | pd.Series,
    *,
    correction: ClusterCorrection = "CR1",
) -> Effect:
    """The fit's effect with an error clustered by any labels of areas.

    Parameters
    ----------
    fit : Fit
        One whose effect is a coefficient: two-way, imputation, triple differences, lags, doses.
    cluster : mapping or Series
        Area id → cluster.
    correction : {"CR1", "CR2"}
        CR1: t with C − 1 degrees of freedom. CR2, of two-way fits: bias-reduced, Bell–McCaffrey
        degrees of freedom, exact for these clusters and every period effect; see
        :func:`cr2_variance`; it builds the design matrix, so is meant for up to some thousand
        areas.

    Returns
    -------
    Effect
        NaN error, with the reason, when fewer than two clusters hold treated areas.

    Raises
    ------
    InputError
        If areas of the fit have no cluster, or its effect is a mean of coefficients (event
        studies).

    Notes
    -----
    CR1: V = C/(C − 1)·Σ_c(Σ_{i∈c}ψ_i)², ψ_i the influence of area i on the effect. Two-way fits
    and imputation give ψ without a factor; in that of other fits the factor of their own
    ``correction`` stays. With few treated clusters it is far too small (see docs/coverage.md):
    prefer the estimator's own default, or :func:`randomization_test`.

    References
    ----------
    Liang & Zeger (1986), https://doi.org/10.1093/biomet/73.1.13;
    Cameron & Miller (2015), https://doi.org/10.3368/jhr.50.2.317, on few clusters;
    Bell & McCaffrey (2002), Survey Methodology 28: 169–181
    """
    check_choice("correction", correction, get_args(ClusterCorrection))
    check_type("fit", fit, Fit, advice="Give what an estimator returned.")
    check_type("cluster", cluster, (Mapping, pd.Series), advice="Give area id → cluster.")
    codes = cluster_codes(fit.areas, cluster)
    if np.isnan(fit.effect.estimate):
        return fit.effect
    count = int(codes.max()) + 1
    treated = len(np.unique(codes[_treated(fit)]))
    if correction == "CR2":
        error, df = _bias_reduced(fit, codes)
        name = f"cluster-robust by {count} clusters (CR2, Bell–McCaffrey t)"
        return _with_error(fit, error, df, name, treated, count, alone=_ALONE)
    sums = np.bincount(codes, _influence(fit))
    error = float(np.sqrt((sums**2).sum() * count / max(count - 1, 1)))
    return _with_error(
        fit, error, float(count - 1), f"cluster-robust by {count} clusters", treated, count
    )


def _bias_reduced(fit: Fit, codes: NDArray[np.intp]) -> tuple[float, float]:
    """CR2 error and degrees of freedom, with the leverage of every period effect."""
    if fit.held is None:
        raise InputError(
            Problem(
                where="fit",
                what="does not say what it was made of, which CR2 asks for",
                advice="Use poisson_did or linear_did, or correction='CR1'.",
            )
        )
    held = fit.held(fit.effect.estimate)
    rows, when = np.nonzero(held.weight > 0)
    t = held.weight.shape[1]
    z = held.loadings
    if z is None:
        z = np.eye(int(held.strata.max(initial=0)) + 1)[held.strata]
    x = np.zeros((len(rows), 1 + z.shape[1] * t))
    x[:, 0] = held.tilde[rows, when]
    for m in range(z.shape[1]):
        x[np.arange(len(rows)), 1 + m * t + when] = z[rows, m]
    weight = held.weight[rows, when]
    seen = cr2_moments(
        x,
        held.gap[rows, when] / weight,
        cluster=codes[rows],
        contrast=np.eye(1, x.shape[1])[0],
        weights=weight,
        absorb=rows,
    )
    if seen.share < 1.0 - _UNSEEN:
        return float("nan"), float("nan")
    return float(np.sqrt(seen.variance)), seen.df


def conley(
    fit: Fit,
    coordinates: pd.DataFrame,
    *,
    cutoff_m: float,
    kernel: Kernel = "bartlett",
) -> Effect:
    """The fit's effect with an error that allows for correlation between areas near each other.

    Parameters
    ----------
    fit : Fit
    coordinates : DataFrame
        Indexed by area id, two columns in metres (centroids in a projected system).
    cutoff_m : float
        Distance from which areas are taken to be independent.
    kernel : {"bartlett", "uniform"}
        Weight of a pair: 1 − distance/cutoff, or 1.

    Returns
    -------
    Effect

    Raises
    ------
    InputError
        If areas have no coordinates, the cutoff is not positive, or the effect is a mean of
        coefficients (event studies).

    Notes
    -----
    V = Σ_ij K(d_ij/cutoff)ψ_iψ_j, ψ_i the influence of area i summed over its periods, so any
    correlation over time, within an area and between near ones, is allowed for. Treated areas that
    lie together share a residual mean of 0, which hides part of what they have in common: with few
    treated areas the error is too small.

    References
    ----------
    Conley (1999), https://doi.org/10.1016/S0304-4076(98)00084-0
    """
    check_choice("kernel", kernel, get_args(Kernel))
    check_type("fit", fit, Fit, advice="Give what an estimator returned.")
    check_number("cutoff_m", cutoff_m, above=0.0)
    places = _projected(coordinates)
    absent = [area for area in fit.areas if area not in places.index]
    if absent:
        raise InputError(
            Problem(where="coordinates", what="have no row for areas", examples=absent)
        )
    if np.isnan(fit.effect.estimate):
        return fit.effect
    xy = places.loc[list(fit.areas)].to_numpy()
    psi = _influence(fit)
    pairs = cKDTree(xy).query_pairs(cutoff_m, output_type="ndarray")
    weight = np.ones(len(pairs))
    if kernel == "bartlett":
        weight -= np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T) / cutoff_m
    variance = float((psi**2).sum() + 2.0 * (weight * psi[pairs[:, 0]] * psi[pairs[:, 1]]).sum())
    name = f"Conley, {kernel} kernel, {cutoff_m:g} m"
    treated, n = int(_treated(fit).sum()), len(fit.areas)
    error = float(np.sqrt(variance)) if variance > 0 else float("nan")
    return _with_error(fit, error, float(n - 1), name, treated, n)


def _influence(fit: Fit) -> Float:
    """ψ_i of the effect; of two-way fits without the factor of their own error."""
    if fit.held is None:
        return np.nan_to_num(fit.influence[:, _coefficient(fit)])
    held = fit.held(fit.effect.estimate)
    information = float((held.weight * held.tilde**2).sum())
    psi: Float = (held.tilde * held.gap).sum(axis=1) / information
    return psi


def _coefficient(fit: Fit) -> int:
    """Place of the coefficient that is the effect."""
    places = np.flatnonzero(fit.coefficients == fit.effect.estimate)
    if not len(places):
        raise InputError(
            Problem(
                where="fit",
                what=f"has an effect that is none of its coefficients: {fit.effect.estimand}",
                advice="Choose cluster= and correction= where the fit is made.",
            )
        )
    return int(places[0])


def _projected(coordinates: object) -> pd.DataFrame:
    """Finite x and y by area id, one row each."""
    check_type(
        "coordinates", coordinates, pd.DataFrame, advice="Index it by area id, columns x and y."
    )
    if not isinstance(coordinates, pd.DataFrame) or coordinates.shape[1] < 2:
        raise InputError(
            Problem(where="coordinates", what="need two columns, x and y in metres, by area id")
        )
    places: pd.DataFrame = (
        coordinates.iloc[:, :2].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    )
    places.index = pd.Index(area_ids(coordinates.index), dtype=object)
    twice = places.index[places.index.duplicated()].unique()
    unknown = places.index[~np.isfinite(places.to_numpy()).all(axis=1)]
    for what, examples in (
        ("have more than one row for areas", twice),
        ("are not finite numbers for areas", unknown),
    ):
        if len(examples):
            raise InputError(Problem(where="coordinates", what=what, examples=list(examples)))
    return places


def _treated(fit: Fit) -> NDArray[np.bool_]:
    on: NDArray[np.bool_] = np.asarray((np.nan_to_num(fit.treatment) > 0).any(axis=1))
    return on


def _with_error(
    fit: Fit,
    error: float,
    df: float,
    inference: str,
    treated: int,
    n_clusters: int,
    *,
    alone: str = "the kernel gave a negative variance: choose a shorter cutoff",
) -> Effect:
    effect = fit.effect
    notes = [note for note in effect.notes if not note.startswith(("one treated", "only "))]
    if treated < 2:
        error = df = float("nan")
        notes.append("fewer than two treated clusters: no cluster-robust standard error")
    elif treated < _FEW_TREATED:
        notes.append(f"only {treated} treated clusters: the standard error is too small")
    if np.isnan(error) and treated >= 2:
        notes.append(alone)
    return Effect.from_estimate(
        effect.estimate,
        error,
        estimand=effect.estimand,
        scale=effect.scale,
        method=effect.method,
        inference=inference,
        df=df,
        ci_level=effect.ci_level,
        n_areas=effect.n_areas,
        n_treated=effect.n_treated,
        n_control=effect.n_control,
        n_clusters=n_clusters,
        n_periods=effect.n_periods,
        treated_cells=effect.treated_cells,
        notes=tuple(notes),
    )
