"""The wild cluster bootstrap with the null imposed, for linear and Poisson fits alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem, check_choice, check_type, check_whole
from hotspot_eval.inference.labels import cluster_codes
from hotspot_eval.results import Effect, Fit, Held
from hotspot_eval.significance import (
    Alternative,
    p_value_from_all,
    p_values_from_draws,
)

__all__ = ["WildWeights", "wild_bootstrap"]

Float = NDArray[np.float64]
WildWeights = Literal["auto", "rademacher", "webb"]
_FEW_CLUSTERS = 12
_FEW_TREATED = 20
_HALVINGS = 18
_DOUBLINGS = 8
_CHUNK = 8_000_000
_WEBB = np.sqrt([0.5, 1.0, 1.5]).repeat(2) * np.tile([-1.0, 1.0], 3)


def wild_bootstrap(
    fit: Fit,
    *,
    rng: np.random.Generator,
    cluster: Mapping[Any, object] | pd.Series | None = None,
    draws: int = 999,
    weights: WildWeights = "auto",
    alternative: Alternative = "two-sided",
) -> Effect:
    """Wild cluster bootstrap of a two-way fit's effect, with the null imposed.

    Parameters
    ----------
    fit : Fit
        From ``poisson_did`` or ``linear_did``.
    rng : Generator
    cluster : mapping or Series, optional
        Area id → cluster; by default each area is its own.
    draws : int
    weights : {"auto", "rademacher", "webb"}
        ``rademacher``: ±1, every one of the 2^C sign patterns once where that is no more than
        ``draws``. ``webb``: six points. ``auto``: Webb's below 12 clusters.
    alternative : {"two-sided", "less", "greater"}
        Two-sided: by the size of t.

    Returns
    -------
    Effect
        p-value of no effect, and the interval of effects that the bootstrap does not reject, each
        with its own restricted residuals. ``statistic`` is t under the null; ``std_error`` is that
        of the fit's influence values summed within these clusters, which the interval leaves aside.

    Raises
    ------
    InputError
        If the fit cannot be held at a value, or areas have no cluster.

    Notes
    -----
    Under the null δ = δ₀ let ũ be the residuals of the model fitted with δ held there, x̃ the
    treatment less its projection on all effects, w the weights (linear: 1, Poisson: fitted means).
    With s_c = Σ x̃ũ and b_c = Σ w x̃² over the cells of cluster c and v_c of mean 0 and variance 1,

        t* = Σ_c v_c s_c / √Σ_c (v_c s_c − a_c(v) − b_c·δ*)²,  δ* = Σ v_c s_c / Σ b_c,

    where a_c(v) is the part of the new residuals v_c ũ that area and period effects take up. t is
    t* at v = 1. In the linear model this is the restricted wild cluster bootstrap to the digit; in
    the Poisson one it is the score bootstrap of the model linearised at the null.

    It needs treated clusters: with few of many the null-imposed test hardly ever rejects (see
    docs/coverage.md), and with one there is no t.

    References
    ----------
    Cameron, Gelbach & Miller (2008), https://doi.org/10.1162/rest.90.3.414;
    Kline & Santos (2012), https://doi.org/10.1515/2156-6674.1006;
    Webb (2023), https://doi.org/10.1111/caje.12661;
    MacKinnon & Webb (2017), https://doi.org/10.1002/jae.2508
    """
    check_choice("weights", weights, get_args(WildWeights))
    check_choice("alternative", alternative, get_args(Alternative))
    check_type("fit", fit, Fit, advice="Give what an estimator returned.")
    check_type("rng", rng, np.random.Generator, advice="Give numpy.random.default_rng(seed).")
    check_whole("draws", draws, least=99)
    effect = fit.effect
    if np.isnan(effect.estimate):
        return effect
    if fit.held is None:
        raise InputError(
            Problem(
                where="fit",
                what="cannot be fitted with its effect held at a value, which the null asks for",
                advice="Use poisson_did or linear_did, or randomization_test.",
            )
        )
    codes = cluster_codes(fit.areas, cluster)
    count = int(codes.max()) + 1
    treated = (np.nan_to_num(fit.treatment) > 0).any(axis=1)
    n_treated = len(np.unique(codes[treated]))
    if n_treated < 2:
        return _without_error(effect, count)
    v, every = _drawn_weights(count, draws, weights, rng)
    test = _Test(held=fit.held, codes=codes, v=v, every=every)
    p_value, statistic = test.p_value(0.0, alternative)
    error = float(np.sqrt((np.bincount(codes, np.nan_to_num(fit.influence[:, 0])) ** 2).sum()))
    low, high = (test.limit(effect.estimate, error, side, effect.ci_level) for side in (-1.0, 1.0))
    return replace(
        effect,
        std_error=error,
        ci_low=low,
        ci_high=high,
        statistic=statistic,
        df=float("nan"),
        p_value=p_value,
        alternative=alternative,
        inference=_name(count, len(v), every),
        n_clusters=count,
        notes=(*_kept_notes(effect), *_remarks(n_treated, low, high)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _ClusterSums:
    """s_c and b_c (C,) under one null, and what a_c(v) is made of.

    For each stratum that is the period effects of ũ by cluster and Σ w x̃ by cluster and period,
    both of shape (C, T): a_c(v) = Σ_t (Σ w x̃)_ct·(Σ_c′ v_c′ effects_c′)_t.
    """

    s: Float
    b: Float
    strata: tuple[tuple[Float, Float], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Test:
    held: Callable[[float], Held]
    codes: NDArray[np.intp]
    v: NDArray[Any]
    every: bool

    def statistics(self, value: float) -> tuple[float, Float]:
        """The statistic under the null that the effect is ``value``, and its draws."""
        sums = _cluster_sums(self.held(value), self.codes)
        observed = _t(sums, np.ones((1, len(sums.s))))[0]
        step = max(_CHUNK // len(sums.s), 1)
        drawn = [
            _t(sums, self.v[begin : begin + step].astype(np.float64))
            for begin in range(0, len(self.v), step)
        ]
        return float(observed), np.concatenate(drawn)

    def p_value(self, value: float, alternative: Alternative) -> tuple[float, float]:
        """p-value of the null that the effect is ``value``, and t."""
        observed, drawn = self.statistics(value)
        statistic = observed
        if alternative == "two-sided":
            observed, drawn, alternative = abs(observed), np.abs(drawn), "greater"
        if self.every:
            return p_value_from_all(observed, drawn, alternative=alternative), statistic
        p_values = p_values_from_draws(
            np.array([observed]), drawn[:, None], alternative=alternative
        )
        return float(p_values[0]), statistic

    def limit(self, estimate: float, error: float, side: float, level: float) -> float:
        """The last value on one side that the two-sided test does not reject; NaN if none is."""

        def rejected(value: float) -> bool:
            return self.p_value(value, "two-sided")[0] <= 1.0 - level + 1e-12

        inner, reach = estimate, 2.0 * error
        for _ in range(_DOUBLINGS):
            outer = estimate + side * reach
            if rejected(outer):
                break
            inner, reach = outer, 2.0 * reach
        else:
            return float("nan")
        for _ in range(_HALVINGS):
            middle = (inner + outer) / 2.0
            inner, outer = (inner, middle) if rejected(middle) else (middle, outer)
        return float((inner + outer) / 2.0)


def _cluster_sums(held: Held, codes: NDArray[np.intp]) -> _ClusterSums:
    count = int(codes.max()) + 1
    weighted = held.tilde * held.weight
    strata = []
    for k in range(len(held.inverse)):
        rows = np.arange(len(codes)) if len(held.inverse) == 1 else np.flatnonzero(held.strata == k)
        z = None if held.loadings is None else held.loadings[rows]
        residual = _by_cluster(held.gap[rows], z, codes[rows], count)
        treatment = _by_cluster(weighted[rows], z, codes[rows], count)
        strata.append((residual @ held.inverse[k].T, treatment))
    return _ClusterSums(
        s=_sums(codes, (held.tilde * held.gap).sum(axis=1), count),
        b=_sums(codes, (weighted * held.tilde).sum(axis=1), count),
        strata=tuple(strata),
    )


def _sums(codes: NDArray[np.intp], values: Float, count: int) -> Float:
    return np.bincount(codes, values, count).astype(np.float64)


def _by_cluster(
    values: Float, loadings: Float | None, codes: NDArray[np.intp], count: int
) -> Float:
    """Sums over the areas of each cluster, shape (C, T), or (C, M·T) by loadings."""
    if loadings is not None:
        values = (loadings[:, :, None] * values[:, None, :]).reshape(len(values), -1)
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def _t(sums: _ClusterSums, v: Float) -> Float:
    """t* for weights v of shape (B, C)."""
    total = v @ sums.s
    score = v * sums.s - np.outer(total / sums.b.sum(), sums.b)
    for effects, treatment in sums.strata:
        score -= (v @ effects) @ treatment.T
    error = np.sqrt(np.einsum("bc,bc->b", score, score))
    size = np.abs(sums.s).sum()
    t: Float = np.divide(total, error, out=np.zeros_like(total), where=error > 1e-12 * size)
    return t


def _drawn_weights(
    count: int, draws: int, weights: WildWeights, rng: np.random.Generator
) -> tuple[NDArray[Any], bool]:
    """Weights v of shape (B, C), and whether they are every sign pattern there is."""
    if weights == "webb" or (weights == "auto" and count < _FEW_CLUSTERS):
        return rng.choice(_WEBB, size=(draws, count)), False
    if count < 31 and 2**count <= draws:
        return np.array(list(product([-1.0, 1.0], repeat=count))), True
    return 2 * rng.integers(0, 2, (draws, count), dtype=np.int8) - 1, False


def _name(count: int, draws: int, every: bool) -> str:
    how = f"all {draws} sign patterns" if every else f"{draws} draws"
    return f"wild cluster bootstrap, null imposed, {how}, {count} clusters"


def _kept_notes(effect: Effect) -> tuple[str, ...]:
    return tuple(note for note in effect.notes if not note.startswith(("one treated", "only ")))


def _remarks(n_treated: int, low: float, high: float) -> list[str]:
    notes = []
    if n_treated < _FEW_TREATED:
        notes.append(
            f"only {n_treated} treated clusters: the null-imposed bootstrap rejects too rarely"
        )
    if np.isnan(low) or np.isnan(high):
        notes.append("the bootstrap rejects no value on that side: the interval is open there")
    return notes


def _without_error(effect: Effect, count: int) -> Effect:
    nan = float("nan")
    return replace(
        effect,
        std_error=nan,
        ci_low=nan,
        ci_high=nan,
        statistic=nan,
        df=nan,
        p_value=nan,
        inference="none",
        n_clusters=count,
        notes=(
            *effect.notes,
            "fewer than two treated clusters: the wild bootstrap has no variance to draw",
        ),
    )
