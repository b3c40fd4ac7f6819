"""LocalStatistic: one statistic for every area and period, with its p-value and its label."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.significance import (
    Adjustment,
    Alternative,
    adjust_p_values,
    check_rejection_possible,
)

__all__ = ["LocalStatistic", "Method"]

Method = Literal["exact", "permutation"]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LocalStatistic:
    """A local statistic of every area and period.

    Parameters
    ----------
    name : str
    statistic, z, p_value : ndarray, shape (N,) or (N, T)
        As ``y`` was given, rows in the order of the graph. NaN for isolates.
    own_high, near_high : ndarray of bool, same shape
        Whether the own value, and the neighbourhood's, lie above what is expected.
    areas : tuple of str, length N
    periods : tuple of str, length T
    isolates : tuple of str
        Areas without neighbours: no statistic exists, and they do not count as tests.
    alternative : {"two-sided", "less", "greater"}
    method : {"exact", "permutation"}
    null : str
        What the p-value supposes, in words.
    permutations : int
        0 for exact p-values.
    mid_p : bool
    """

    name: str
    statistic: Array
    z: Array
    p_value: Array
    own_high: NDArray[np.bool_]
    near_high: NDArray[np.bool_]
    areas: tuple[str, ...]
    periods: tuple[str, ...]
    isolates: tuple[str, ...]
    alternative: Alternative
    method: Method
    null: str
    permutations: int = 0
    mid_p: bool = False

    def adjusted(self, method: Adjustment = "fdr_bh", *, level: float = 0.05) -> Array:
        """p-values adjusted over all areas and periods together; isolates stay NaN.

        Raises
        ------
        InputError
            If the p-values come from too few permutations for any single finding at ``level``.
        """
        if self.method == "permutation":
            check_rejection_possible(
                permutations=self.permutations,
                tests=int((~np.isnan(self.p_value)).sum()),
                level=level,
                method=method,
                two_sided=self.alternative == "two-sided",
            )
        return adjust_p_values(self.p_value, method=method)

    def significant(
        self, *, level: float = 0.05, adjust: Adjustment = "fdr_bh"
    ) -> NDArray[np.bool_]:
        """Where the adjusted p-value is at most ``level``; False for isolates."""
        with np.errstate(invalid="ignore"):
            return self.adjusted(adjust, level=level) <= level

    def clusters(self, *, level: float = 0.05, adjust: Adjustment = "fdr_bh") -> NDArray[Any]:
        """Label of every area and period, same shape as ``p_value``.

        ``"hot"`` or ``"cold"`` for Getis–Ord statistics, ``"alike"`` or ``"unlike"`` for Geary's,
        ``"high-high"``, ``"low-low"``, ``"high-low"``, ``"low-high"`` (own first) for Moran's;
        ``"not significant"`` and ``"isolate"`` besides.
        """
        high, near = self.own_high, self.near_high
        if self.name.startswith("Local Moran"):
            label = np.select(
                [high & near, ~high & ~near, high & ~near],
                ["high-high", "low-low", "high-low"],
                "low-high",
            )
        elif self.name.startswith("Local Geary"):
            label = np.where(near, "unlike", "alike")
        else:
            label = np.where(near, "hot", "cold")
        found = self.significant(level=level, adjust=adjust)
        label = np.where(found, label, "not significant").astype(object)
        alone = np.isin(np.array(self.areas, dtype=object), list(self.isolates))
        label[alone] = "isolate"
        return label

    def to_frame(self, *, level: float = 0.05, adjust: Adjustment = "fdr_bh") -> pd.DataFrame:
        """One row an area and period: statistic, z, p_value, p_adjusted, cluster."""
        n, t = len(self.areas), len(self.periods)
        columns = {
            "statistic": self.statistic,
            "z": self.z,
            "p_value": self.p_value,
            "p_adjusted": self.adjusted(adjust, level=level),
            "cluster": self.clusters(level=level, adjust=adjust),
        }
        frame = pd.DataFrame({"area": np.repeat(self.areas, t), "period": np.tile(self.periods, n)})
        return frame.assign(**{name: values.ravel() for name, values in columns.items()})

    def __repr__(self) -> str:
        how = self.method if self.method == "exact" else f"{self.permutations} permutations"
        mid = ", mid-p" if self.mid_p else ""
        tested = self.p_value[~np.isnan(self.p_value)]
        least = f", smallest p {tested.min():.3g}" if len(tested) else ""
        return (
            f"{self.name} of {len(self.areas):,} areas × {len(self.periods)} periods "
            f"({self.alternative}, {how}{mid}{least}, {len(self.isolates)} isolates)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"
