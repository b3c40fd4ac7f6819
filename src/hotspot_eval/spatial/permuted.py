"""What every global statistic shares: whole rows shuffled, draws made into a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from hotspot_eval.errors import InputError, Problem, check_choice
from hotspot_eval.significance import Alternative, p_values_from_draws
from hotspot_eval.spatial.aligned import Links, Values

__all__ = ["GlobalStatistic", "centred", "global_result", "positive", "quadratic", "shuffle_rows"]

Array = NDArray[np.float64]
_CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GlobalStatistic:
    """One statistic of spatial autocorrelation, for one or many periods.

    Parameters
    ----------
    name : str
    statistic, expected, z, p_value : float or ndarray, shape (T,)
        Numbers for ``(N,)`` values, vectors for ``(N, T)``. ``z`` uses the mean and variance over
        all permutations, by formula unless the function says otherwise; ``p_value`` comes from
        the draws.
    periods : tuple of str, length T
    alternative : {"two-sided", "less", "greater"}
    permutations : int
    n_areas : int
    isolates : tuple of str
        Areas without neighbours; they count in the mean and the variance only.
    notes : tuple of str
        Why a value is NaN.
    """

    name: str
    statistic: float | Array
    expected: float | Array
    z: float | Array
    p_value: float | Array
    periods: tuple[str, ...]
    alternative: Alternative
    permutations: int
    n_areas: int
    isolates: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row a period: period, statistic, expected, z, p_value."""
        columns = {
            name: np.atleast_1d(getattr(self, name))
            for name in ("statistic", "expected", "z", "p_value")
        }
        return pd.DataFrame({"period": list(self.periods), **columns})

    def __repr__(self) -> str:
        values = np.atleast_1d(self.statistic)
        if len(values) == 1:
            shown = (
                f"{values[0]:.4f}, z = {np.atleast_1d(self.z)[0]:.2f}, "
                f"p = {np.atleast_1d(self.p_value)[0]:.4f}"
            )
        else:
            shown = f"{np.nanmin(values):.4f} to {np.nanmax(values):.4f} over {len(values)} periods"
        notes = f" [{'; '.join(self.notes)}]" if self.notes else ""
        return (
            f"{self.name}: {shown} ({self.alternative}, {self.permutations} permutations, "
            f"{self.n_areas:,} areas, {len(self.isolates)} isolates){notes}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def centred(values: Values) -> Array:
    """Y − ȳ of each period; exactly 0 where every area has the same value."""
    levels = values.array.astype(np.float64)
    constant = (levels == levels[:1]).all(axis=0)
    return np.where(constant, 0.0, levels - levels.mean(axis=0))


def positive(size: Array) -> Array:
    """Sizes to divide by: NaN where there is none."""
    return np.where(size > 0, size, np.nan)


def quadratic(matrix: sparse.csr_array, permuted: Array) -> Array:
    """Y'Wy of every draw and period in one sparse product; (N, R, T) → (R, T)."""
    n, draws, periods = permuted.shape
    flat = np.ascontiguousarray(permuted).reshape(n, draws * periods)
    return np.asarray((flat * (matrix @ flat)).sum(axis=0).reshape(draws, periods))


def shuffle_rows(
    values: Array,
    statistic: Callable[[Array], Array],
    *,
    rng: np.random.Generator,
    permutations: int,
) -> Array:
    """``statistic`` of ``permutations`` shuffles of whole rows; shape (R, T)."""
    if permutations < 1:
        raise InputError(
            Problem(where="argument 'permutations'", what=f"must be at least 1, not {permutations}")
        )
    n, periods = values.shape
    chunk = max(1, _CELLS_AT_ONCE // (n * periods))
    found = []
    for first in range(0, permutations, chunk):
        size = min(chunk, permutations - first)
        orders = np.array([rng.permutation(n) for _ in range(size)])
        found.append(statistic(values[orders.T]))
    return np.concatenate(found)


def global_result(
    name: str,
    observed: Array,
    expected: Array,
    z: Array,
    draws: Array,
    values: Values,
    links: Links,
    alternative: Alternative,
) -> GlobalStatistic:
    """Vectors over periods made into a result, numbers where a single vector was given."""
    check_choice("alternative", alternative, get_args(Alternative))
    p_values = p_values_from_draws(observed, draws, alternative=alternative)
    flat = [values.periods[t] for t in np.flatnonzero(np.isnan(observed))]
    what = "the same value in every area" if values.single else f"in {', '.join(flat[:5])}"
    notes = (f"NaN: no variation between areas, {what}",) if flat else ()
    expected = np.where(np.isnan(observed), np.nan, expected)

    def told(vector: Array) -> float | Array:
        return float(vector[0]) if values.single else vector

    return GlobalStatistic(
        name=name,
        statistic=told(observed),
        expected=told(expected),
        z=told(z),
        p_value=told(p_values),
        periods=values.periods,
        alternative=alternative,
        permutations=len(draws),
        n_areas=links.n,
        isolates=links.isolates,
        notes=notes,
    )
