"""Around group-time effects: clusters, multipliers and remarks on cohorts."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.cohorts.cells import Cells
from hotspot_eval.did.sample import Sample

__all__ = ["CellNoise", "by_cluster", "cohort_notes", "cross", "mammen"]

Float = NDArray[np.float64]
_FEW = 5


class CellNoise(Protocol):
    """An error of averages of cells that does not come from their influence."""

    def of(self, weights: Float) -> tuple[Float, Float, tuple[str, ...]]:
        """Covariance (M, M), degrees of freedom (M,) and remarks for weights (C, M)."""
        ...


def cohort_notes(
    sample: Sample, cells: Cells, labels: tuple[str, ...], *, small_matter: bool = True
) -> tuple[str, ...]:
    """Small cohorts, if errors come from their own areas; cohorts without a period before."""
    cohorts, sizes = np.unique(sample.first[sample.treated], return_counts=True)
    notes = []
    small = [labels[g] for g, size in zip(cohorts, sizes, strict=True) if size < _FEW]
    if small and small_matter:
        notes.append(
            f"cohorts of fewer than {_FEW} areas ({', '.join(small[:5])}): standard errors are too "
            "small"
        )
    lost = [labels[g] for g in cohorts if g not in cells.cohort]
    if lost:
        notes.append(f"cohorts without a period before treatment: {', '.join(lost[:5])}")
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
