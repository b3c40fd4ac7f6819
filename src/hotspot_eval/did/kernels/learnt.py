"""Variance of the scores of treated areas as a function of their level, learnt from controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgeqrf
from scipy.optimize import nnls

from hotspot_eval.did.kernels.rowwise import Placebo

__all__ = ["Noise", "learnt_noise"]

Float = NDArray[np.float64]
_LEAST_DF = 2.0
_ROUNDS = 4
_ALL_OF_IT = 1.0 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """Variance of the score of one area, by its level A: blocks·Σₖ curve[k]·A^k.

    Parameters
    ----------
    placebo_from : callable
        Makes ``placebo``.
    blocks : ndarray, shape (G, P, P)
    curve : ndarray, shape (K,)
        Of A and A², or of 1, A and A².
    moments : ndarray, shape (m, K)
        What these powers of each area come to once period effects are estimated; 0 for areas that
        period effects fit exactly.
    rank : float
        Squares that are free.
    """

    placebo_from: Callable[[], Float]
    blocks: Float
    curve: Float
    moments: Float
    rank: float

    @property
    def placebo(self) -> Float:
        """Placebo scores of m untreated areas in the place of each group, shape (G, m, P)."""
        return self.placebo_from()

    def of(self, level: Float) -> Float:
        """Expected square at each level, in the metric of the estimate."""
        expected = _powers(level, len(self.curve)) @ self.curve
        return np.where(level > 0, expected, 0.0)

    def shaken(self, level: Float) -> Float:
        """The part of :meth:`of` that grows with the square of the level: shocks."""
        expected: Float = self.curve[-1] * level**2
        return expected

    def kept(self, level: Float) -> float:
        """Share of the areas' expected squares that is left in their placebo scores."""
        return float((self.moments @ self.curve).sum() / self.of(level).sum())

    def df(self, level: Float) -> float:
        """Degrees of freedom of the variance summed over areas of these levels.

        Notes
        -----
        With Var z² = 2(E z²)², the weighted fit has Var c = 2(X′E⁻²X)⁻¹ and the sum a′c has
        2(a′c)²/Var(a′c) degrees of freedom: m − 1 where all levels are alike, fewer where treated
        areas lie beyond the levels of most controls. Below two, t has no variance and its interval
        says nothing; held there (or at m − 1), no coverage changed in six worlds of 14 to 24 areas
        with the highest levels treated.
        """
        active = self.curve > 0
        expected = self.moments @ self.curve
        free = expected > 0
        aim = _powers(level, len(self.curve)).sum(axis=0)[active]
        relative = self.moments[free][:, active] / expected[free, None]
        spread = float(aim @ np.linalg.pinv(relative.T @ relative) @ aim)
        share = self.rank / max(int(free.sum()), 1)
        if not spread > 0:
            return 0.0
        told = share * float(aim @ self.curve[active]) ** 2 / spread
        return max(told, min(_LEAST_DF, self.rank))


def learnt_noise(
    placebo: Float | Placebo,
    level: Float,
    number: Float,
    metric: Float,
    *,
    stratum: NDArray[np.intp],
    covariates: Float | None = None,
    w: Float | None = None,
) -> Noise:
    """Variance of the scores of treated areas, from placebo scores of untreated ones.

    Parameters
    ----------
    placebo : ndarray, shape (G, m, P), or Placebo
        z_j = Σₜ x̃_gt e_jt: what untreated area j would have added to the estimate, had it been
        treated like group g.
    level : ndarray, shape (m,)
        What an area's noise grows with (Poisson: its total; linear: its mean, or 1).
    number : ndarray, shape (G,)
        Areas in each group.
    metric : ndarray, shape (P, P)
        What the size of a score is measured by.
    stratum : ndarray of int, shape (m,)
        Areas with the same label share period effects. Fewer labels, and covariates, than areas.
    covariates : ndarray, shape (m, K), optional
        With a coefficient in every period.
    w : ndarray, shape (m,), optional
        Weight of each area in the period effects, where that is not its level.

    Notes
    -----
    An area's own score has variance v_j = c₁A_j + c₂A_j²: counts, and overdispersion; where the
    level is not the weight also c₀, as outcomes that are no counts have. Estimated
    period effects act through ℓ_j, indicators of strata and covariates, and with weights w take out
    z_j = z°_j − w_j ℓ_j′M Σ_k ℓ_k z°_k with M = (Σ w ℓℓ′)⁻¹, so that
    E z_j² = v_j(1 − 2h_j) + w_j² ℓ_j′M(Σ v ℓℓ′)Mℓ_j with h_j = w_j ℓ_j′Mℓ_j. That is linear in c,
    which is fitted by non-negative least squares, reweighted by the squared fit.

    That controls tell the variance of few treated areas is Conley & Taber's idea, and that it
    depends on the size of an area Ferman & Pinto's: their A + B/M for the mean of M people is
    c₁A + c₂A² for the score of an area of level A. They draw rescaled residuals of controls; here
    the variance goes into t with the degrees of freedom of :meth:`Noise.df`.

    References
    ----------
    Conley & Taber (2011), https://doi.org/10.1162/REST_a_00049;
    Ferman & Pinto (2019), https://doi.org/10.1162/rest_a_00759
    """
    powers = _powers(level, 2 if w is None else 3)
    w = level if w is None else w
    wide: Placebo | None = None
    if isinstance(placebo, Placebo):
        wide = placebo if placebo.wide else None
        placebo = placebo.residual.dense()[0][None] if wide else placebo.scores()
    if covariates is None:
        held, moments, placebo, rank = _strata(placebo, w, powers, stratum)
    else:
        held, moments, placebo, rank = _loaded(placebo, w, powers, stratum, covariates)
    free = (held < _ALL_OF_IT) & (level > 0)
    moments[~free] = 0.0
    seen = placebo if free.all() else placebo[:, free]
    if wide is None:
        sizes = number @ ((seen @ metric) * seen).sum(axis=2)
    else:
        sizes = ((seen[0] @ _root(wide.pulls, number, metric)) ** 2).sum(axis=1)
    alike = bool(np.ptp(level) <= 1e-12 * level.max())
    curve = _curve(sizes, moments[free], alike)
    expected = moments[free] @ curve
    blocks = (seen / expected[:, None]).transpose(0, 2, 1) @ seen / len(sizes)
    made: Callable[[], Float] = partial(np.asarray, placebo)
    if wide is not None:
        along = wide.pulls.transpose(1, 0, 2)
        blocks = (along @ blocks[0]) @ along.transpose(0, 2, 1)
        made = partial(_scores_of, placebo[0], wide.pulls)
    return Noise(
        placebo_from=made,
        blocks=blocks,
        curve=curve,
        moments=moments,
        rank=float(len(level) - rank),
    )


def _root(pulls: Float, number: Float, metric: Float) -> Float:
    """R (T, T) with R R′ = Σ_g w_g Σ_pq metric_pq pull_gp pull_gq′: sizes are squares of e′R."""
    turned = np.tensordot(metric, pulls * number[:, None], axes=1)
    form = np.tensordot(turned, pulls, axes=((0, 1), (0, 1)))
    values, vectors = np.linalg.eigh((form + form.T) / 2.0)
    root: Float = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _scores_of(residual: Float, pulls: Float) -> Float:
    """Scores (G, m, P) of residuals (m, T) along pulls (P, G, T)."""
    made: Float = np.einsum("mt,pgt->gmp", residual, pulls, optimize=True)
    return made


def _powers(level: Float, count: int) -> Float:
    """A and A², or 1, A and A², shape (n, count)."""
    powers: Float = np.column_stack([level**k for k in range(3 - count, 3)])
    return powers


Taken = tuple[Float, Float, Float, int]


def _strata(placebo: Float, w: Float, powers: Float, stratum: NDArray[np.intp]) -> Taken:
    """h, moments, placebo scores that sum to 0 in each stratum, and number of strata."""
    if bool((stratum == stratum[0]).all()):
        share = w / w.sum()
        moments = powers * (1.0 - 2.0 * share)[:, None] + powers.sum(axis=0) * share[:, None] ** 2
        total = placebo.sum(axis=1, keepdims=True)
        return share, moments, placebo - share[:, None] * total, 1
    codes = np.unique(stratum, return_inverse=True)[1]
    count = int(codes.max()) + 1
    share = w / np.bincount(codes, w, count)[codes]
    whole = np.column_stack([np.bincount(codes, column, count) for column in powers.T])
    moments = powers * (1.0 - 2.0 * share)[:, None] + whole[codes] * share[:, None] ** 2
    each = np.zeros((count, len(placebo), placebo.shape[2]))
    np.add.at(each, codes, placebo.transpose(1, 0, 2))
    total = each.transpose(1, 0, 2)[:, codes]
    return share, moments, placebo - share[:, None] * total, count


def _loaded(
    placebo: Float, w: Float, powers: Float, stratum: NDArray[np.intp], covariates: Float
) -> Taken:
    """The same with covariates beside the strata."""
    indicator = (stratum[:, None] == np.unique(stratum)).astype(np.float64)
    loadings = np.hstack([indicator, covariates])
    middle = np.linalg.pinv((loadings * w[:, None]).T @ loadings, rcond=1e-12, hermitian=True)
    reach = loadings @ middle
    held = w * (reach * loadings).sum(axis=1)
    moments = powers * (1.0 - 2.0 * held)[:, None]
    for column in range(powers.shape[1]):
        spread = (loadings * powers[:, column, None]).T @ loadings
        moments[:, column] += w**2 * ((reach @ spread) * reach).sum(axis=1)
    centred = placebo - (w[:, None] * reach) @ (loadings.T @ placebo)
    return held, moments, centred, int(np.linalg.matrix_rank(loadings))


def _curve(sizes: Float, moments: Float, alike: bool) -> Float:
    """Coefficients c of E sizes = moments·c, each area weighed by its expected size."""
    curve: Float = np.eye(moments.shape[1])[0]
    if not sizes.any():
        return curve
    if alike:
        curve *= float((sizes / moments[:, 0]).mean())
        return curve
    rows = np.vstack([moments.T, sizes])
    for _ in range(_ROUNDS):
        scaled = rows / (curve @ rows[:-1])
        corner = np.triu(dgeqrf(scaled.T, overwrite_a=True)[0][: len(rows)])
        unit = np.sqrt((corner[:, :-1] ** 2).sum(axis=0))
        unit[unit == 0.0] = 1.0
        curve = nnls(corner[:, :-1] / unit, corner[:, -1])[0] / unit
    return curve
