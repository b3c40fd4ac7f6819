"""The rules that a panel keeps: labels unique and sorted, arrays of one shape, missing cells 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.errors import Problem

__all__ = ["array_problems", "label_problems"]


def label_problems(
    areas: Sequence[str], outcomes: Sequence[str], cluster: Sequence[str] | None
) -> Iterator[Problem]:
    """What is wrong with the labels of a panel."""
    for name, labels in (("areas", areas), ("outcomes", outcomes)):
        twice = sorted(label for label, times in Counter(labels).items() if times > 1)
        if twice:
            yield Problem(where=name, what="occur more than once", examples=twice)
        if not labels:
            yield Problem(where=name, what="are empty: a panel needs at least one")
    if list(areas) != sorted(areas):
        yield Problem(where="areas", what="must be sorted", advice="Use Panel.from_counts.")
    if cluster is not None and len(cluster) != len(areas):
        yield Problem(where="cluster", what=f"has {len(cluster)} labels for {len(areas)} areas")


def array_problems(
    shape: tuple[int, int, int],
    counts: NDArray[Any],
    observed: NDArray[np.bool_],
    base: NDArray[np.float64] | None,
    areas: Sequence[str],
) -> Iterator[Problem]:
    """What is wrong with the arrays of a panel of ``shape`` (N, T, K)."""
    for name, array in (("counts", counts), ("observed", observed)):
        if array.shape != shape:
            yield Problem(where=name, what=f"has shape {array.shape}, not (N, T, K) = {shape}")
            return
    if observed.dtype != np.bool_:
        yield Problem(where="observed", what=f"must be bool, not {observed.dtype}")
    if not np.issubdtype(counts.dtype, np.number) or not np.isfinite(counts).all():
        yield Problem(where="counts", what="must be finite numbers")
    elif np.issubdtype(counts.dtype, np.integer) and (counts < 0).any():
        yield Problem(where="counts", what="must not be negative")
    elif counts[~observed].any():
        yield Problem(where="counts", what="must be 0 where not observed")
    if base is not None and base.shape != shape[:2]:
        yield Problem(where="offset_base", what=f"has shape {base.shape}, not (N, T) = {shape[:2]}")
    elif base is not None and not (np.isfinite(base) & (base > 0)).all():
        bad = np.flatnonzero(~(np.isfinite(base) & (base > 0)).all(axis=1))
        yield Problem(
            where="offset_base",
            what="must be above 0; it is not in areas",
            examples=[areas[int(i)] for i in bad],
            advice="Leave areas nobody lives in out, or give area-days at risk.",
        )
