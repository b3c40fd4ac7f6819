"""Synthetic estimates with controls in the place of the treated, all draws in one loop."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hotspot_eval.did.kernels.nearest import nearest_weights

__all__ = ["like_sets", "nearest_effects", "placebo_effects"]

Float = NDArray[np.float64]
Index = NDArray[np.intp]


@njit(cache=True)  # type: ignore[untyped-decorator]
def placebo_effects(
    control: Float, picks: Index, sizes: Index, onsets: Index, share: Float, double: bool
) -> tuple[Float, Float]:
    """Estimates with picked controls as treated and the others as donors, and their noise before.

    Parameters
    ----------
    control : ndarray, shape (n, t)
    picks : ndarray of int, shape (draws, Σ sizes)
        Rows that stand for the treated, cohort after cohort.
    sizes, onsets : ndarray of int, shape (cohorts,)
        Areas of each cohort and its first treated period.
    share : ndarray, shape (cohorts,)
        Weight of each cohort in the estimate.
    double : bool
        Synthetic difference-in-differences; synthetic control otherwise.

    Returns
    -------
    estimates : ndarray, shape (draws,)
    squares : ndarray, shape (draws, 2)
        As :func:`nearest_effects` gives them.
    """
    n, t = control.shape
    estimates, squares = np.zeros(len(picks)), np.zeros((len(picks), 2))
    for r in range(len(picks)):
        taken = np.zeros(n, dtype=np.bool_)
        taken[picks[r]] = True
        targets, at = np.zeros((len(sizes), t)), 0
        for c in range(len(sizes)):
            for k in range(at, at + sizes[c]):
                targets[c] += control[picks[r, k]]
            targets[c] /= sizes[c]
            at += sizes[c]
        estimates[r], squares[r] = nearest_effects(
            control[~taken], targets, sizes, onsets, share, double
        )
    return estimates, squares


@njit(cache=True)  # type: ignore[untyped-decorator]
def nearest_effects(
    control: Float, targets: Float, sizes: Index, onsets: Index, share: Float, double: bool
) -> tuple[float, Float]:
    """The estimate from exact minima, and the noise of the gap before the first start.

    Parameters
    ----------
    control : ndarray, shape (n, t)
    targets : ndarray, shape (cohorts, t)
        Mean of each cohort.
    sizes, onsets, share, double
        As in :func:`placebo_effects`.

    Returns
    -------
    estimate : float
    squares : ndarray, shape (2,)
        Mean squares of the gap between the treated and their weighted controls in the first and
        the second half of the periods before the first start; for ``double`` less its mean.
    """
    first = onsets.min()
    before, estimate = np.zeros(first), 0.0
    for c in range(len(sizes)):
        effect, gap = _one(control, targets[c], onsets[c], sizes[c], double)
        estimate += share[c] * effect
        before += share[c] * gap[:first]
    if double:
        before -= before.mean()
    half = first // 2
    squares = np.zeros(2)
    if half:
        squares[0], squares[1] = (before[:half] ** 2).mean(), (before[half:] ** 2).mean()
    return estimate, squares


@njit(cache=True)  # type: ignore[untyped-decorator]
def _one(
    control: Float, target: Float, onset: int, members: int, double: bool
) -> tuple[float, Float]:
    """Estimate of one cohort, and its gap to the weighted controls."""
    n, t = control.shape
    noise = _noise(control, onset)
    ridge = ((members * (t - onset)) ** 0.25 if double else 1e-6) * noise
    points = control[:, :onset] - target[:onset]
    if double:
        _centre(points)
    omega = nearest_weights(points, onset * ridge**2)
    gap = target.copy()
    for i in range(n):
        gap -= omega[i] * control[i]
    if not double:
        return gap[onset:].mean(), gap
    points = np.empty((onset, n))
    for i in range(n):
        after = control[i, onset:].mean()
        for p in range(onset):
            points[p, i] = control[i, p] - after
    _centre(points)
    lam = nearest_weights(points, n * (1e-6 * noise) ** 2)
    return gap[onset:].mean() - (lam * gap[:onset]).sum(), gap


@njit(cache=True)  # type: ignore[untyped-decorator]
def _centre(points: Float) -> None:
    """Take its mean from each row, in place."""
    for i in range(len(points)):
        points[i] -= points[i].mean()


@njit(cache=True)  # type: ignore[untyped-decorator]
def _noise(control: Float, onset: int) -> float:
    """Standard deviation of changes from one period to the next before the start."""
    n, count = len(control), len(control) * (onset - 1)
    if count < 2:
        return 0.0
    mean = (control[:, onset - 1] - control[:, 0]).sum() / count
    square = 0.0
    for i in range(n):
        for p in range(1, onset):
            square += (control[i, p] - control[i, p - 1] - mean) ** 2
    noise: float = np.sqrt(square / (count - 1))
    return noise


@njit(cache=True)  # type: ignore[untyped-decorator]
def like_sets(cluster: Index, groups: Index, areas: Float, clusters: Float) -> tuple[Index, int]:
    """Sets of controls spread over clusters as the treated are.

    Parameters
    ----------
    cluster : ndarray of int, shape (n,)
        Cluster of each control, 0 to C − 1.
    groups : ndarray of int, shape (k,)
        Cluster of each treated area, numbered from the largest group down.
    areas : ndarray, shape (draws, n)
    clusters : ndarray, shape (draws, C)
        Random keys: controls and clusters are taken in their order.

    Returns
    -------
    picks : ndarray of int, shape (draws, k)
        Controls of one cluster for the treated of one cluster. Where no cluster left holds as many,
        the places are filled from clusters in turn, those not used yet first.
    unlike : int
        Treated areas whose places had to be filled so, in any of the draws.
    """
    k = len(groups)
    held = np.bincount(groups)
    room = np.bincount(cluster, minlength=clusters.shape[1])
    picks, unlike = np.full((len(areas), k), -1), 0
    for r in range(len(areas)):
        line, order = np.argsort(areas[r]), np.argsort(clusters[r])
        used, taken = np.zeros(len(room), dtype=np.bool_), np.zeros(len(cluster), dtype=np.bool_)
        short = 0
        for g in range(len(held)):
            chosen = -1
            for c in order:
                if chosen < 0 and not used[c] and room[c] >= held[g]:
                    chosen = c
            if chosen < 0:
                short += held[g]
                continue
            used[chosen] = True
            places = np.flatnonzero(groups == g)
            at = 0
            for i in line:
                if at < len(places) and cluster[i] == chosen:
                    picks[r, places[at]], taken[i] = i, True
                    at += 1
        unlike = max(unlike, short)
        if short:
            _fill(picks[r], taken, used, cluster, line, order)
    return picks, unlike


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill(
    pick: Index,
    taken: NDArray[np.bool_],
    used: NDArray[np.bool_],
    cluster: Index,
    line: Index,
    order: Index,
) -> None:
    """Fill empty places from clusters in turn, those not used yet first, in place."""
    places, at = np.flatnonzero(pick < 0), 0
    for second in (False, True):
        for c in order:
            if used[c] != second:
                continue
            for i in line:
                if at < len(places) and cluster[i] == c and not taken[i]:
                    pick[places[at]], taken[i] = i, True
                    at += 1
