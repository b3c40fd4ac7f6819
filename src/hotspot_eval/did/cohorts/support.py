"""Around group-time effects: clusters, multipliers and remarks on cohorts."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.cells import Cells
from hotspot_eval.did.sample import Sample
from hotspot_eval.results import Check
from hotspot_eval.significance import joint_test

__all__ = ["CellNoise", "by_cluster", "cohort_notes", "cross", "mammen", "trends_check"]

Float = NDArray[np.float64]
_FEW = 5


class CellNoise(Protocol):
    """An error of averages of cells that does not come from their influence."""

    def of(self, weights: Float) -> tuple[Float, Float, tuple[str, ...]]:
        """Covariance (M, M), degrees of freedom (M,) and remarks for weights (C, M)."""
        ...


def cohort_notes(
    sample: Sample,
    cells: Cells,
    labels: tuple[str, ...],
    *,
    cluster: NDArray[np.intp] | None,
    small_matter: bool = True,
) -> tuple[str, ...]:
    """Small cohorts, if errors come from their own areas; cohorts and cells without an effect."""
    seen = sample.seen_treated
    units = np.arange(len(seen)) if cluster is None else cluster
    members = np.unique(np.column_stack([sample.first[seen], units[seen]]), axis=0)[:, 0]
    cohorts, sizes = np.unique(members, return_counts=True)
    notes = []
    small = [labels[g] for g, size in zip(cohorts, sizes, strict=True) if size < _FEW]
    if small and small_matter:
        notes.append(
            f"cohorts of fewer than {_FEW} {'areas' if cluster is None else 'clusters'} "
            f"({', '.join(small[:5])}): standard errors are too small"
        )
    lost = [labels[g] for g in cohorts if g not in cells.cohort]
    if lost:
        notes.append(f"cohorts without a period before treatment: {', '.join(lost[:5])}")
    treated = cells.period >= cells.cohort
    apart = int((treated & cells.apart).sum())
    if apart and cells.after.any():
        notes.append(
            f"{apart} of {int(treated.sum())} treated cohort × period cells have no untreated area "
            "beside them: averages go without"
        )
    return tuple(notes)


def by_cluster(influence: Float, cluster: NDArray[np.intp] | None) -> Float:
    """Sums of influence within clusters."""
    if cluster is None:
        return influence
    sums = np.zeros((int(cluster.max()) + 1, influence.shape[1]))
    np.add.at(sums, cluster, influence)
    return sums


def cross(influence: Float, cluster: NDArray[np.intp] | None) -> Float:
    """Covariance of means from influence values."""
    summed = by_cluster(influence, cluster)
    covariance: Float = summed.T @ summed / len(influence) ** 2
    return covariance


def mammen(rng: np.random.Generator, draws: int, groups: int) -> Float:
    """Two-point weights of mean 0, variance 1 and third moment 1."""
    golden = (1.0 + np.sqrt(5.0)) / 2.0
    low = rng.random((draws, groups)) < golden / np.sqrt(5.0)
    weights: Float = np.where(low, 1.0 - golden, golden)
    return weights


def trends_check(att: Float, covariance: Float, df: Float, room: int, *, clustered: bool) -> Check:
    """Whether effects before the start are jointly 0; ``room`` treated clusters tell of them."""
    name = "parallel trends, group-time"
    threat = "Treated and control areas were already drifting apart before the start."
    q, eta = len(att), float(df.min(initial=np.inf))
    whole = q > 0 and bool(np.isfinite(covariance).all())
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True)) if whole else 0
    reason = "" if q else "there is no period before the base period"
    if q and not rank:
        reason = "effects before treatment have no error"
    elif q and (q >= room or not eta - q + 1.0 >= 2.0):
        reason = f"{q} cells before treatment are too many for "
        few = f"{room} treated {'clusters' if clustered else 'areas'}"
        reason += few if q >= room else f"{eta:.1f} degrees of freedom"
    if reason:
        sentence = f"Not assessed: {reason}."
        return Check(name=name, threat=threat, status="not assessed", sentence=sentence)
    test = joint_test(att, covariance, df=eta)
    rejected = test.p_value < 0.05
    freedom = f"{rank}" if np.isinf(eta) else f"{rank} and {test.df_denominator:.1f}"
    return Check(
        name=name,
        threat=threat,
        status="failed" if rejected else "passed",
        sentence=f"Equal trends before the start are {'' if rejected else 'not '}rejected "
        f"(Wald {test.statistic:.2f} on {freedom} degrees of freedom, p = {test.p_value:.3f}).",
        evidence=pd.DataFrame(
            {
                "statistic": [test.statistic],
                "df": [test.df],
                "df_denominator": [test.df_denominator],
                "p_value": [test.p_value],
            }
        ),
    )
