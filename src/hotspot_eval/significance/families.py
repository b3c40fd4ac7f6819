"""Many tests at once: adjusted p-values, and whether a rejection is possible at all."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotspot_eval.errors import InputError, Problem, check_choice

__all__ = ["Adjustment", "adjust_p_values", "check_rejection_possible"]

Adjustment = Literal["none", "fdr_bh", "fdr_by", "holm"]


def adjust_p_values(p_values: ArrayLike, *, method: Adjustment) -> NDArray[np.float64]:
    """p-values adjusted for how many there are; NaN stay NaN and are not counted.

    Parameters
    ----------
    p_values : array_like, any shape
        Adjusted as one family: a cube of areas × periods is one.
    method : {"none", "fdr_bh", "fdr_by", "holm"}
        False discovery rate under independence or positive dependence (``fdr_bh``), under any
        dependence (``fdr_by``), or family-wise error (``holm``).

    References
    ----------
    Benjamini & Hochberg (1995), https://doi.org/10.1111/j.2517-6161.1995.tb02031.x;
    Benjamini & Yekutieli (2001), https://doi.org/10.1214/aos/1013699998

    Examples
    --------
    >>> adjust_p_values([0.01, 0.02, np.nan, 0.5], method="fdr_bh")
    array([0.03, 0.03,  nan, 0.5 ])
    """
    check_choice("method", method, get_args(Adjustment))
    raw = np.asarray(p_values, dtype=np.float64)
    flat = raw.ravel()
    known = np.flatnonzero(~np.isnan(flat))
    if method == "none" or not len(known):
        return raw.copy()
    order = known[np.argsort(flat[known], kind="stable")]
    count = len(order)
    rank = np.arange(1, count + 1)
    if method == "holm":
        steps = np.maximum.accumulate((count - rank + 1) * flat[order])
    else:
        burden = np.sum(1.0 / rank) if method == "fdr_by" else 1.0
        steps = np.minimum.accumulate((burden * count / rank * flat[order])[::-1])[::-1]
    adjusted = np.full(flat.shape, np.nan)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted.reshape(raw.shape)


def check_rejection_possible(
    *, permutations: int, tests: int, level: float, method: Adjustment, two_sided: bool
) -> None:
    """Refuse an adjustment under which a single finding among ``tests`` could never be made.

    Raises
    ------
    InputError
        If even the smallest p-value that ``permutations`` draws can give stays above ``level``
        after adjustment.

    Examples
    --------
    >>> check_rejection_possible(permutations=999, tests=5000, level=0.05, method="fdr_bh",
    ...                          two_sided=False)
    Traceback (most recent call last):
        ...
    hotspot_eval.errors.InputError: argument 'permutations': 999 draws give no p-value below 0.001,
    but a single finding among 5,000 tests needs 1e-05 (fdr_bh at 0.05). Use method="exact", or at
    least 100,000 permutations.
    """
    check_choice("method", method, get_args(Adjustment))
    least = (2.0 if two_sided else 1.0) / (1 + permutations)
    burden = 1.0 if method == "none" else float(max(tests, 1))
    if method == "fdr_by":
        burden *= float(np.sum(1.0 / np.arange(1, max(tests, 1) + 1)))
    needed = level / burden
    if least <= needed:
        return
    enough = math.ceil((2.0 if two_sided else 1.0) / needed - 1e-9)
    raise InputError(
        Problem(
            where="argument 'permutations'",
            what=f"{permutations} draws give no p-value below {least:.3g}, but a single finding "
            f"among {tests:,} tests needs {needed:.2g} ({method} at {level:g})",
            advice=f'Use method="exact", or at least {enough:,} permutations.',
        )
    )
