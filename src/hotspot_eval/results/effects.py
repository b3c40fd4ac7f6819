"""Effects: several estimates made together, with their covariance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hotspot_eval.errors import InputError, Problem
from hotspot_eval.results.effect import NAN, Effect, Scale

__all__ = ["Effects"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Effects:
    """Several effects estimated together.

    Parameters
    ----------
    labels : tuple of str, length P
    vector : ndarray, shape (P,)
    covariance : ndarray, shape (P, P)
    scale, estimand, method, inference : str
        As in :class:`Effect`, shared by all.
    df : float
        Degrees of freedom of each test.
    parts : tuple of Effect, optional
        Ready-made effects where the counts behind them differ; made from the vector otherwise.
    total : str, optional
        Label of the one that is meant when a single effect is asked for.
    """

    labels: tuple[str, ...]
    vector: NDArray[np.float64]
    covariance: NDArray[np.float64]
    scale: Scale
    estimand: str
    method: str
    inference: str
    df: float = math.inf
    ci_level: float = 0.95
    parts: tuple[Effect, ...] = ()
    total: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.labels)
        vector = np.array(self.vector, dtype=np.float64)
        covariance = np.array(self.covariance, dtype=np.float64)
        if vector.shape != (size,) or covariance.shape != (size, size):
            raise InputError(
                Problem(
                    where="Effects",
                    what=f"{size} labels need a vector ({size},), a covariance ({size}, {size}), "
                    f"not {vector.shape} and {covariance.shape}",
                )
            )
        if self.parts and len(self.parts) != size:
            raise InputError(Problem(where="Effects.parts", what="must be one for each label"))
        vector.flags.writeable = covariance.flags.writeable = False
        object.__setattr__(self, "vector", vector)
        object.__setattr__(self, "covariance", covariance)

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Effect]:
        return (self[label] for label in self.labels)

    def __getitem__(self, label: str) -> Effect:
        if label not in self.labels:
            raise InputError(
                Problem(
                    where=f"effect '{label}'",
                    what="is not here",
                    advice=f"There are {', '.join(self.labels)}.",
                )
            )
        place = self.labels.index(label)
        if self.parts:
            return self.parts[place]
        variance = self.covariance[place, place]
        value = float(self.vector[place])
        notes = self.notes or (("not estimable",) if math.isnan(value) else ())
        return Effect.from_estimate(
            value,
            float(np.sqrt(variance)) if variance >= 0 else NAN,
            estimand=f"{self.estimand}: {label}",
            scale=self.scale,
            method=self.method,
            inference=self.inference,
            df=self.df,
            ci_level=self.ci_level,
            notes=notes,
        )

    @property
    def effect(self) -> Effect:
        """The total, or the only one."""
        return self[self.total if self.total is not None else self.labels[0]]

    def to_frame(self) -> pd.DataFrame:
        """One row an effect, with its label in front."""
        rows = pd.concat([effect.to_frame() for effect in self], ignore_index=True)
        rows.insert(0, "label", list(self.labels))
        return rows

    def __repr__(self) -> str:
        return "\n".join(
            f"{label}: {effect!r}" for label, effect in zip(self.labels, self, strict=True)
        )

    def _repr_html_(self) -> str:
        return str(
            self.to_frame()[["label", "estimate", "ci_low", "ci_high", "p_value"]].to_html(
                index=False
            )
        )
