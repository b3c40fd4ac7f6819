"""The two-way model with its effect held at a value: restricted residuals for the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotspot_eval.did.kernels import (
    Collapsed,
    attainable,
    inverse_system,
    loadings_of,
    project,
    solve_poisson,
    spread_rows,
)
from hotspot_eval.did.model import Model, collapsed
from hotspot_eval.did.sample import Sample
from hotspot_eval.results import Held

__all__ = ["HeldEffect"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldEffect:
    """Refits the sample with the effect of treatment held at a value.

    Parameters
    ----------
    sample : Sample
    model : {"poisson", "linear"}
    strata : ndarray of int, shape (n,), optional
    covariates : ndarray, shape (n, K), optional
        As in :func:`hotspot_eval.did.model.regress`.
    """

    sample: Sample
    model: Model
    strata: NDArray[np.intp] | None
    covariates: Float | None

    def __call__(self, value: float) -> Held:
        """The fit under the null that the effect is ``value``."""
        sample = self.sample
        table, x = collapsed(
            sample, sample.treatment[None], self.model, self.strata, self.covariates
        )
        used = table.used
        if self.model == "poisson":
            used = attainable(used, table.total, table.strata)
        z = None if x is None else loadings_of(table.strata, x)
        weight, common, shape = (_poisson if self.model == "poisson" else _linear)(
            table, used, z, value
        )
        tilde = project(weight, table.columns, table.strata, z)[0]
        rows = table.group
        amount = None
        if self.model == "poisson":
            amount = sample.y.sum(axis=1, where=used[rows])
        spread = spread_rows(
            sample.y,
            group=rows,
            used=used,
            tilde=tilde,
            common=common,
            shape=shape,
            amount=amount,
        )
        inside = used[rows]
        each = shape[rows] if amount is None else amount[:, None] * shape[rows]
        return Held(
            tilde=tilde[0][rows],
            weight=each,
            gap=np.where(inside, sample.y - spread.fitted(), 0.0),
            strata=table.strata[rows],
            loadings=None if z is None else z[rows],
            inverse=inverse_system(weight, table.strata, z),
        )


def _linear(
    table: Collapsed, used: Bool, z: Float | None, value: float
) -> tuple[Float, Float, Float]:
    """Weights, what a cell holds beside the level of its area, and how that level spreads."""
    weight = used * table.size[:, None]
    shifted = table.total / table.size[:, None] - value * table.columns[0]
    effects = project(weight, shifted[None], table.strata, z)[1][0]
    common = effects[table.strata] if z is None else z @ effects
    held = np.where(used, common + value * table.columns[0], 0.0)
    return weight, held, used.astype(np.float64)


def _poisson(
    table: Collapsed, used: Bool, z: Float | None, value: float
) -> tuple[Float, Float, Float]:
    live = used.any(axis=1)
    profile = table.profile * np.exp(value * table.columns[0])
    solution = solve_poisson(
        np.where(used, table.total, 0.0)[live],
        used[live],
        np.zeros((0, int(live.sum()), used.shape[1])),
        profile=profile[live],
        strata=table.strata[live],
        loadings=None if z is None else z[live],
    )
    weight, shape = np.zeros(used.shape), np.zeros(used.shape)
    weight[live] = solution.mean
    shape[live] = solution.mean / solution.mean.sum(axis=1, keepdims=True)
    return weight, np.zeros(used.shape), shape
