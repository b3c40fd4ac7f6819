"""CR2 for any design matrix: bias-reduced cluster variance with its degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.inference.labels import numbers

__all__ = ["Moments", "cr2_moments", "cr2_variance"]

Float = NDArray[np.float64]
_SINGULAR = 1e-10
_FITTED = 1e-9


def cr2_variance(
    x: ArrayLike,
    residual: ArrayLike,
    *,
    cluster: ArrayLike,
    contrast: ArrayLike,
    weights: ArrayLike | None = None,
    absorb: ArrayLike | None = None,
) -> tuple[float, float]:
    """Variance of a contrast of least-squares coefficients, and its degrees of freedom.

    Parameters
    ----------
    x : array_like, shape (N, K)
        Design matrix; columns may be collinear.
    residual : array_like, shape (N,)
        Of the fit; of a generalised linear model the working residual (y − μ)/(∂μ/∂η).
    cluster : array_like, shape (N,)
        Label of each row's cluster.
    contrast : array_like, shape (K,)
    weights : array_like, shape (N,), optional
        Of the fit, taken to be the inverse of the working variances; 1 by default.
    absorb : array_like, shape (N,), optional
        Labels of fixed effects that ``x`` leaves out, each within one cluster.

    Returns
    -------
    variance, df : float
        Where a cluster is fitted to the last digit along the contrast (one treated or one control
        cluster), its noise cannot be seen, and the variance holds only the other part: with one
        control against five treated areas 95 % intervals covered 72 %. :func:`cluster_robust` gives
        NaN there.

    Raises
    ------
    InputError
        If lengths differ, the contrast is not estimable, or an absorbed effect crosses clusters:
        give those as columns of ``x``.

    Notes
    -----
    With rows and columns scaled by root weights, H = X(X′X)⁺X′ and A_g = (I − H_gg)^{+1/2} (the
    pseudo-inverse where a cluster is fitted to the last digit), V = Σ_g (c′(X′X)⁺X_g′A_g e_g)².
    Under the working model V is Σ_g (p_g′ε)² with p_g = (I − H)_g′A_gX_g(X′X)⁺c, so that its
    Satterthwaite degrees of freedom are (Σ_g p_g′p_g)²/Σ_gh (p_g′p_h)². Effects nested in clusters
    may be absorbed without changing either.

    A weighted fit is the unweighted one of the scaled rows, and so is its error, as R's
    clubSandwich gives it when it is handed those rows (twelve digits, least squares and Poisson,
    51 states × 14 years). Handed the weights, it takes another root that solves the same equation
    (errors up to 5 % apart there), and for least squares one working variance for all rows.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28: 169–181;
    Imbens & Kolesár (2016), https://doi.org/10.1162/REST_a_00552;
    Pustejovsky & Tipton (2018), https://doi.org/10.1080/07350015.2016.1247004

    Examples
    --------
    >>> x = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    >>> e = np.array([-1.0, 0.0, 1.0, 1.0, 0.0, -1.0])
    >>> variance, df = cr2_variance(x, e, cluster=[0, 1, 2, 3, 4, 5], contrast=[0, 1])
    >>> round(variance, 6), round(df, 6)
    (0.666667, 4.0)
    """
    seen = cr2_moments(
        x, residual, cluster=cluster, contrast=contrast, weights=weights, absorb=absorb
    )
    return seen.variance, seen.df


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """A CR2 variance, its degrees of freedom, and the share of the true one that it can see."""

    variance: float
    df: float
    share: float


def cr2_moments(
    x: ArrayLike,
    residual: ArrayLike,
    *,
    cluster: ArrayLike,
    contrast: ArrayLike,
    weights: ArrayLike | None = None,
    absorb: ArrayLike | None = None,
) -> Moments:
    """As :func:`cr2_variance`, with the expected share of the variance that residuals can show."""
    design, e, codes, c, within = _arrays(x, residual, cluster, contrast, absorb)
    if weights is not None:
        w = numbers("weights", weights)
        if w.shape != e.shape or not (w > 0).all():
            raise InputError(
                Problem(where="argument 'weights'", what="must be one number above 0 for each row")
            )
    else:
        w = np.ones(len(e))
    if within is not None:
        design = design - _group_mean(design, w, within)
        e = e - _group_mean(e[:, None], w, within)[:, 0]
    root = np.sqrt(w)
    design, e = design * root[:, None], e * root
    basis = _basis(design, c)
    return _satterthwaite(design @ basis, e, codes, basis.T @ c)


def _satterthwaite(f: Float, e: Float, codes: NDArray[np.intp], direction: Float) -> Moments:
    """Sums over clusters in coordinates where X′X is the identity; ``f`` has shape (N, R)."""
    order = np.argsort(codes, kind="stable")
    variance = trace = squares = 0.0
    together = np.zeros((f.shape[1],) * 2)
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        u = _adjusted(f[rows], f[rows] @ direction)
        own, q = float(u @ u), f[rows].T @ u
        variance += float(u @ e[rows]) ** 2
        trace += own - float(q @ q)
        squares += own**2 - 2.0 * own * float(q @ q)
        together += np.outer(q, q)
    squares += float((together**2).sum())
    return Moments(
        variance=variance,
        df=trace**2 / squares if squares > 1e-300 else float("nan"),
        share=trace / max(float(direction @ direction), 1e-300),
    )


def _adjusted(f: Float, v: Float) -> Float:
    """(I − FF′)^{+1/2}v, on the smaller side of F."""
    if len(f) <= f.shape[1]:
        leverage, axes = np.linalg.eigh(f @ f.T)
        adjusted: Float = axes @ (_inverse_root(leverage) * (axes.T @ v))
        return adjusted
    leverage, axes = np.linalg.eigh(f.T @ f)
    leverage = np.maximum(leverage, 0.0)
    extra = np.where(
        leverage > 1e-12, (_inverse_root(leverage) - 1.0) / np.maximum(leverage, 1e-12), 0.5
    )
    projected = f @ axes
    expanded: Float = v + projected @ (extra * (projected.T @ v))
    return expanded


def _inverse_root(leverage: Float) -> Float:
    """(1 − h)^{−1/2}, 0 where h is 1."""
    left = 1.0 - leverage
    root: Float = np.where(left > _FITTED, 1.0 / np.sqrt(np.maximum(left, _FITTED)), 0.0)
    return root


def _basis(design: Float, contrast: Float) -> Float:
    """R with RR′ = (X′X)⁺; refuses a contrast outside the row space."""
    size = np.sqrt(np.einsum("nk,nk->k", design, design))
    size = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh((design / size).T @ (design / size))
    kept = values > _SINGULAR * max(float(values[-1]), 0.0)
    inside = vectors[:, kept]
    scaled = contrast / size
    lost = scaled - inside @ (inside.T @ scaled)
    if not kept.any() or np.abs(lost).max() > 1e-6 * max(np.abs(scaled).max(), 1e-300):
        raise InputError(
            Problem(
                where="argument 'contrast'",
                what="is not estimable: the columns it needs are collinear with others",
                advice="Leave collinear columns out, or ask for another contrast.",
            )
        )
    basis: Float = inside / np.sqrt(values[kept]) / size[:, None]
    return basis


def _group_mean(values: Float, weights: Float, group: NDArray[np.intp]) -> Float:
    count = int(group.max()) + 1
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, group, values * weights[:, None])
    mean: Float = (sums / np.bincount(group, weights)[:, None])[group]
    return mean


def _arrays(
    x: ArrayLike,
    residual: ArrayLike,
    cluster: ArrayLike,
    contrast: ArrayLike,
    absorb: ArrayLike | None,
) -> tuple[Float, Float, NDArray[np.intp], Float, NDArray[np.intp] | None]:
    design, e = numbers("x", x), numbers("residual", residual)
    c = numbers("contrast", contrast)
    labels = {"cluster": cluster} | ({} if absorb is None else {"absorb": absorb})
    problems, codes = [], {}
    for name, values in labels.items():
        if np.ndim(values) == 1:
            codes[name] = pd.factorize(np.asarray(values))[0]
        else:
            what = "must be one label for each row"
            problems.append(Problem(where=f"argument '{name}'", what=what))
    if design.ndim != 2 or not np.isfinite(design).all():
        problems.append(Problem(where="argument 'x'", what="must be finite, of shape (N, K)"))
    elif c.shape != design.shape[1:]:
        what = f"has shape {c.shape}, not (K,) = {design.shape[1:]}"
        problems.append(Problem(where="argument 'contrast'", what=what))
    for name, array in {"residual": e, **codes}.items():
        if array.shape != design.shape[:1]:
            what = f"has shape {array.shape}, not (N,) = {design.shape[:1]}"
            problems.append(Problem(where=f"argument '{name}'", what=what))
    if problems:
        raise InputError(*problems)
    within = codes.get("absorb")
    if within is not None:
        pairs = np.unique(np.column_stack([within, codes["cluster"]]), axis=0)
        if len(pairs) > int(within.max()) + 1:
            raise InputError(
                Problem(
                    where="argument 'absorb'",
                    what="has effects that cross clusters, which cannot be absorbed",
                    advice="Give them as columns of x.",
                )
            )
    return design, e, codes["cluster"], c, within
