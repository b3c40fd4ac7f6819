"""Placebo errors of synthetic estimates: controls in the place of the treated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.assemble import NO_NOISE
from hotspot_eval.did.kernels.placebo import like_sets, nearest_effects, placebo_effects
from hotspot_eval.did.sample import Sample
from hotspot_eval.significance import p_value_from_draws

__all__ = ["Cohorts", "Placebo", "PlaceboError", "cohorts_of", "placebo"]

Float = NDArray[np.float64]
Index = NDArray[np.intp]
PlaceboError = Literal["matched", "published"]
_FEWEST_BEFORE = 6
_LEAST_DF = 2.0
_MATCHED = 1e-8
_MOSTLY = 0.5
_STILL = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohorts:
    """What is weighted: controls, and the means of the treated that start together.

    Parameters
    ----------
    control : ndarray, shape (n, t)
    targets : ndarray, shape (C, t)
    onsets, sizes : ndarray of int, shape (C,)
        First treated period and number of areas of each cohort.
    share : ndarray, shape (C,)
        Of the treated cells.
    clusters : (ndarray of int, ndarray of int), or None
        Cluster of each treated area, cohort after cohort, and of each control.
    """

    control: Float
    targets: Float
    onsets: Index
    sizes: Index
    share: Float
    clusters: tuple[Index, Index] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placebo:
    """Placebo estimates, shape (R,), and the error made from them; NaN with a note where none."""

    estimates: Float
    std_error: float
    df: float
    inference: str
    notes: tuple[str, ...]


def cohorts_of(sample: Sample) -> Cohorts:
    """Controls and cohorts of a sample whose treatment stays on."""
    onset = np.argmax(sample.treatment > 0, axis=1)
    rows = np.flatnonzero(sample.treated)
    rows = rows[np.argsort(onset[rows], kind="stable")]
    onsets, sizes = np.unique(onset[rows], return_counts=True)
    cells = sizes * (sample.y.shape[1] - onsets)
    labels = sample.cluster
    return Cohorts(
        control=np.ascontiguousarray(sample.y[~sample.treated], dtype=np.float64),
        targets=np.array([sample.y[rows[onset[rows] == g]].mean(axis=0) for g in onsets]),
        onsets=onsets,
        sizes=sizes,
        share=cells / cells.sum(),
        clusters=None if labels is None else (labels[rows], labels[~sample.treated]),
    )


def placebo(
    cohorts: Cohorts,
    *,
    double: bool,
    error: PlaceboError,
    rng: np.random.Generator | None,
    draws: int,
) -> Placebo:
    """The error of a synthetic estimate, see :func:`~hotspot_eval.did.synthetic_did`.

    Parameters
    ----------
    cohorts : Cohorts
    double : bool
        Synthetic difference-in-differences; synthetic control otherwise.
    error, rng, draws
        As in :func:`~hotspot_eval.did.synthetic_did`.
    """
    n, total = len(cohorts.control), int(cohorts.sizes.sum())
    if n <= total + 1:
        return _none(f"{n} controls are too few for placebo areas in place of {total}")
    if total > 1 and rng is None:
        return _none("no standard error: pass rng= to draw placebo areas")
    clusters = cohorts.clusters if error == "matched" else None
    picks, notes = _sets(n, total, clusters, rng, draws)
    shape = (cohorts.sizes, cohorts.onsets, cohorts.share, double)
    estimates, squares = placebo_effects(cohorts.control, picks, *shape)
    if np.ptp(estimates) <= _STILL * np.abs(cohorts.control).max():
        return _none(NO_NOISE, estimates)
    observed, own = nearest_effects(cohorts.control, cohorts.targets, *shape)
    if error == "published":
        return Placebo(
            estimates=estimates,
            std_error=float(np.std(estimates)),
            df=float("inf"),
            inference="placebo areas",
            notes=(_rank(observed, estimates, len(estimates)),),
        )
    made = _matched(cohorts, picks, estimates, squares, observed, own)
    return replace(made, notes=(*notes, *made.notes))


def _matched(
    cohorts: Cohorts,
    picks: Index,
    estimates: Float,
    squares: Float,
    observed: float,
    own: Float,
) -> Placebo:
    """Error of placebo sets that lie as the treated, wider where these were noisier before."""
    clusters, n = cohorts.clusters, len(cohorts.control)
    between, count, sets = _between(estimates, picks, clusters)
    doubt = between**2 / max(count - 1, 1) + (1.0 - between) ** 2 / (n - 1)
    wider, note = _wider(estimates, squares, own, int(cohorts.onsets.min()))
    if wider > 1.0:
        doubt += 1.0 / _own_df(squares)
    size = sets if between > _MOSTLY else len(estimates)
    return Placebo(
        estimates=estimates,
        std_error=wider * float(np.sqrt((estimates**2).mean())),
        df=max(1.0 / doubt, min(_LEAST_DF, n - 1.0)),
        inference=f"placebo areas{'' if clusters is None else ' clustered as the treated'}, t",
        notes=(*note, _rank(observed / wider, estimates, size)),
    )


def _none(reason: str, estimates: Float | None = None) -> Placebo:
    return Placebo(
        estimates=np.zeros(0) if estimates is None else estimates,
        std_error=float("nan"),
        df=float("nan"),
        inference="placebo areas",
        notes=(reason,),
    )


def _sets(
    n: int,
    total: int,
    clusters: tuple[Index, Index] | None,
    rng: np.random.Generator | None,
    draws: int,
) -> tuple[Index, tuple[str, ...]]:
    """Rows of controls for each draw, shape (R, total): every control where one is treated."""
    if total == 1 or rng is None:
        return np.arange(n)[:, None], ()
    if clusters is None:
        return np.array([rng.choice(n, total, replace=False) for _ in range(draws)]), ()
    treated, held = clusters
    codes = np.unique(held, return_inverse=True)[1]
    labels, groups, counts = np.unique(treated, return_inverse=True, return_counts=True)
    place = np.argsort(np.argsort(-counts, kind="stable"))
    keys = rng.random((draws, n)), rng.random((draws, int(codes.max()) + 1))
    picks, unlike = like_sets(codes, place[groups], *keys)
    notes: tuple[str, ...] = ()
    if unlike:
        notes = (
            f"no cluster of controls holds as many areas: {unlike} of {total} places filled "
            "from several, so that the error may be too small where clusters share shocks",
        )
    elif not codes.any() and set(labels) != set(held):
        notes = ("the controls are one cluster: how clusters differ by chance cannot be told",)
    return picks, notes


def _between(
    estimates: Float, picks: Index, clusters: tuple[Index, Index] | None
) -> tuple[float, int, int]:
    """Share of the variance of estimates between clusters; how many clusters, and sets of them."""
    if clusters is None:
        return 0.0, 1, len(picks)
    codes = np.unique(clusters[1], return_inverse=True)[1]
    count = int(codes.max()) + 1
    members = np.stack([np.bincount(codes[pick], minlength=count) for pick in picks])
    sets = len(np.unique(members, axis=0))
    centred, spread = members - members.mean(axis=0), estimates - estimates.mean()
    beta, _, rank, _ = np.linalg.lstsq(centred, spread, rcond=None)
    left = len(estimates) - 1 - int(rank)
    if rank == 0 or left < 1:
        return float(rank > 0), count, sets
    unexplained = ((spread - centred @ beta) ** 2).sum() / (spread**2).sum()
    share = 1.0 - unexplained * (len(estimates) - 1) / left
    return float(np.clip(share, 0.0, 1.0)), count, sets


def _wider(
    estimates: Float, squares: Float, own: Float, before: int
) -> tuple[float, tuple[str, ...]]:
    """How much further the treated strayed before the start than placebo areas; 1 or more."""
    if before < _FEWEST_BEFORE:
        short = f"fewer than {_FEWEST_BEFORE} periods before the start"
        return 1.0, (f"{short} do not tell whether treated areas are noisier than placebo areas",)
    if squares.mean() <= _MATCHED * (estimates**2).mean():
        return 1.0, ("placebo areas are matched exactly before the start: their error may be off",)
    times = float(np.sqrt(own.mean() / squares.mean()))
    if times <= 1.0:
        return 1.0, ()
    far = f"treated areas strayed {times:.2f} times as far from their weighted controls"
    return times, (f"{far} before the start as placebo areas did: error widened by that",)


def _own_df(squares: Float) -> float:
    """Degrees of freedom of a mean square of the gap, from how its two halves differ.

    For halves of h degrees of freedom each, E(a − b)² / E(a + b)² = 1/(h + 1) at any scale.
    """
    apart = float((np.diff(squares, axis=1) ** 2).sum() / (squares.sum(axis=1) ** 2).sum())
    return max(2.0 * (1.0 / apart - 1.0), 1.0) if apart > 0 else float("inf")


def _rank(observed: float, reference: Float, size: int) -> str:
    least = min(1.0, 2.0 / (1 + size))
    rank = max(p_value_from_draws(observed, reference), least)
    return (
        f"rank p = {rank:.3f} among {len(reference)} placebo estimates; the smallest possible is "
        f"{least:.3f}"
    )
